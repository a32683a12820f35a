"""Events: each new message once, on the account and on the contact who sent it."""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator

from .conftest import add_account, add_contact
from .test_sensor import poll

ANNA = "+36301234567"
BELA = "+36209876543"
OF_ACCOUNT = "event.smsmobileapi_message"
OF_ANNA = "event.anna_message"
OF_BELA = "event.bela_message"


def attributes(hass: HomeAssistant, entity_id: str) -> Mapping[str, Any]:
    state = hass.states.get(entity_id)
    assert state
    return state.attributes


def texts(hass: HomeAssistant) -> dict[str, list[str]]:
    """Return the texts that each event entity shows from now on."""
    shown: dict[str, list[str]] = {}

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state and state.domain == "event" and state.attributes.get("message") is not None:
            shown.setdefault(state.entity_id, []).append(state.attributes["message"])

    hass.bus.async_listen(EVENT_STATE_CHANGED, changed)
    return shown


async def test_a_message_is_shown_on_account_and_contact(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    await add_contact(home, account, "Béla", BELA)
    for entity_id, unique_id, name in (
        (OF_ACCOUNT, f"{account.entry_id}_message", "SMSMobileAPI Message"),
        (OF_ANNA, f"{contact_id}_message", "Anna Message"),
    ):
        entity, state = er.async_get(home).async_get(entity_id), home.states.get(entity_id)
        assert entity and entity.unique_id == unique_id
        assert state and (state.name, state.state) == (name, "unknown")
        assert state.attributes["event_types"] == ["sms", "whatsapp"]
        assert state.attributes["event_type"] is None
    row = service_account.receive(ANNA, "több\nsor" * 99, guid="g-1")
    await poll(home)
    for entity_id in (OF_ACCOUNT, OF_ANNA):
        shown = attributes(home, entity_id)
        assert {name: shown[name] for name in shown if name not in ("event_types", "friendly_name")} == {
            "event_type": "sms",
            "message_id": "g-1",
            "channel": "sms",
            "sender": ANNA,
            "sender_name": None,
            "contact": "Anna",
            "message": "több\nsor" * 99,
            "received_at": dt_util.utc_from_timestamp(int(row.timestamp)).isoformat(),
            "phone": "phone-1",
            "voice": False,
            "trust": "polled",
        }
        # The recorder does not keep what people write.
        state = home.states.get(entity_id)
        assert state and state.state_info
        assert "message" in state.state_info["unrecorded_attributes"]
    state = home.states.get(OF_BELA)
    assert state and state.state == "unknown"


async def test_each_message_is_shown_once_and_in_order(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    shown, events = texts(home), async_capture_events(home, "smsmobileapi_message_received")
    expected = [str(number) for number in range(5)]
    now = dt_util.utcnow().timestamp()
    for number in expected:
        service_account.receive(ANNA, number, timestamp=now - 60 + int(number))
    for _ in range(3):
        await poll(home)
    assert shown == {OF_ACCOUNT: expected, OF_ANNA: expected}
    assert [event.data["message"] for event in events] == expected
    # Those from others are shown on the account alone.
    shown.clear()
    service_account.receive(BELA, "who am I?")
    service_account.receive("MyBank", "your code is 1234")
    await poll(home)
    assert shown == {OF_ACCOUNT: ["who am I?", "your code is 1234"]}
    assert attributes(home, OF_ACCOUNT)["contact"] is None


async def test_a_contact_is_recognised_however_its_number_is_written(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    """In the contact's dialog, by the sender's carrier, and by the service."""
    await add_contact(home, account, "Anna", "06 30 123 4567", "whatsapp")
    await add_contact(home, account, "Béla", BELA)
    await add_contact(home, account, "Bank", "1234")
    shown, expected = texts(home), []
    for form in ("given", "plus", "plain", "zeros", "integer"):
        service_account.number_format = form
        for entity_id, sender in ((OF_ANNA, ANNA), (OF_BELA, BELA), ("event.bank_message", "1234")):
            if sender == "1234" and form not in ("given", "integer"):
                continue
            service_account.receive(sender, f"{form} {entity_id}")
            await poll(home)
            assert shown.get(entity_id, [])[-1:] == [f"{form} {entity_id}"]
            assert attributes(home, entity_id)["sender"] == sender, form
    service_account.number_format = "given"
    for sender in ("06301234567", "06 30/123-4567", "0036 30 123 4567", "+36 30 123 4567", "36301234567"):
        service_account.receive(sender, f"from {sender}")
        expected.append(f"from {sender}")
        await poll(home)
        assert attributes(home, OF_ANNA)["sender"] == ANNA, sender
    assert shown[OF_ANNA][-5:] == expected


async def test_each_account_shows_its_own(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    other = simulator.add_account("k-2")
    second = await add_account(home, simulator, "k-2")
    await add_contact(home, account, "Anna", ANNA)
    await add_contact(home, second, "Anna", ANNA)
    shown = texts(home)
    service_account.receive(ANNA, "to the first")
    await poll(home)
    other.receive(ANNA, "to the second")
    await poll(home)
    assert shown == {
        OF_ACCOUNT: ["to the first"],
        OF_ANNA: ["to the first"],
        "event.smsmobileapi_2_message": ["to the second"],
        "event.anna_message_2": ["to the second"],
    }
