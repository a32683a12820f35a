"""The logbook and the history: who wrote, and, where the user wants it, no text and no number."""

from typing import Any

from homeassistant.core import Event, HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.api import Call, ReceivedMessage
from custom_components.smsmobileapi.const import EVENT_CALL
from custom_components.smsmobileapi.logbook import async_describe_events
from simulator import Account

from .conftest import add_contact, settle

ANNA, BEN = "+36301234567", "+36207654321"

type Events = list[Event[dict[str, Any]]]


async def receive(hass: HomeAssistant, account: SmsMobileApiConfigEntry, service: Account) -> Events:
    """Receive a text and a call of Anna, who is a contact, and of Ben, who is none; return the calls."""
    await add_contact(hass, account, "Anna", ANNA)
    calls: Events = async_capture_events(hass, EVENT_CALL)
    for number in (ANNA, BEN):
        service.receive(number, "a secret")
        call = Call.from_event("call.missed", {"number": number}, event_id=number, occurred=dt_util.utcnow())
        account.runtime_data.inbox.receive(call, number)
    await account.runtime_data.coordinator.async_refresh()
    await settle(hass)
    return calls


async def test_it_says_whose_text_and_call_it_was(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, received: Events
) -> None:
    describe: dict[str, Any] = {}

    def describe_event(_domain: str, event_type: str, function: Any) -> None:
        describe[event_type] = function

    async_describe_events(home, describe_event)
    calls = await receive(home, account, service_account)
    said = [describe[str(event.event_type)](event) for event in (*received, *calls)]
    assert [f"{each['name']} {each['message']}" for each in said] == [
        "Anna's text was received",
        "Somebody's text was received",
        "Anna called, and was missed",
        "Somebody called, and was missed",
    ]


@pytest.mark.parametrize("is_private", [True, False])
async def test_texts_and_numbers_can_be_kept_out_of_the_history(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: Events,
    is_private: bool,
) -> None:
    """Which has bus events, states, and their attributes but for some. WhatsApp may give a number as the name, too."""
    home.config_entries.async_update_entry(account, options={"private_history": is_private})
    calls = await receive(home, account, service_account)
    times = dict.fromkeys(("occurred", "posted_at"), dt_util.utcnow())
    data = {"from": BEN, "contact_name": BEN, "message": "a secret"}
    message = ReceivedMessage.from_event("whatsapp.received", data, event_id="w", **times)
    account.runtime_data.inbox.receive(message)
    call = Call.from_event(
        "call.missed", {"number": BEN, "name": BEN}, event_id="c", occurred=dt_util.utcnow()
    )
    account.runtime_data.inbox.receive(call)
    await settle(home)
    saved = [str(event.data) for event in (*received, *calls)]
    for state in home.states.async_all(["event", "sensor"]):
        assert state.state_info
        unrecorded = state.state_info["unrecorded_attributes"]
        recorded = {name: value for name, value in state.attributes.items() if name not in unrecorded}
        saved.append(f"{state.state} {recorded}")
    has_secret = any(secret in each for each in saved for secret in ("a secret", ANNA, BEN))
    assert has_secret is not is_private
    assert [event.data["contact"] for event in received] == ["Anna", None, None]
    shown = home.states.get("event.smsmobileapi_message")
    assert shown
    assert (shown.attributes["message"], shown.attributes["sender"]) == ("a secret", BEN)
