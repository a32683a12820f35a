"""Sensors of the account: the last message, and how many messages were received, sent and failed."""

from datetime import timedelta
from http import HTTPStatus

from homeassistant.const import ATTR_RESTORED, EVENT_HOMEASSISTANT_STARTED, STATE_UNAVAILABLE
from homeassistant.core import CoreState, HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    async_fire_time_changed,
    async_mock_restore_state_shutdown_restart,
    mock_restore_cache,
    mock_restore_cache_with_extra_data,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Simulator, report_data, sms_data, whatsapp_data

from .conftest import add_account, add_contact, settle
from .inbound.service import call, event, post

ANNA = "+36301234567"
BELA = "+36209876543"
SENSOR = "sensor.smsmobileapi_last_message"
ATTRIBUTES = {"message", "sender", "sender_name", "contact", "channel", "received_at", "message_id"}
COUNTERS = ("received", "sent", "failed")


async def poll(hass: HomeAssistant) -> None:
    """Let a minute pass."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=65))
    await settle(hass)


def last_message(hass: HomeAssistant) -> State:
    state = hass.states.get(SENSOR)
    assert state
    return state


def shown(state: State) -> dict[str, object]:
    return {name: state.attributes.get(name) for name in ATTRIBUTES}


def counter_state(home: HomeAssistant, counter: str, account: str = "smsmobileapi") -> State:
    found = home.states.get(f"sensor.{account}_messages_{counter}")
    assert found
    return found


def counted(home: HomeAssistant, account: str = "smsmobileapi") -> tuple[str, ...]:
    return tuple(counter_state(home, counter, account).state for counter in COUNTERS)


async def send(home: HomeAssistant, *recipients: str) -> None:
    data = {"recipients": list(recipients or [ANNA]), "message": "hi"}
    await home.services.async_call(DOMAIN, "send_message", data, blocking=True, return_response=True)


# The last message


async def test_the_last_message_is_shown(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    entity = er.async_get(home).async_get(SENSOR)
    assert entity and entity.unique_id == f"{account.entry_id}_last_message"
    assert (last_message(home).name, last_message(home).state) == ("SMSMobileAPI Last message", "unknown")
    await add_contact(home, account, "Anna", ANNA)
    service_account.receive(BELA, "first", guid="g-1")
    await poll(home)
    assert last_message(home).state == "first"
    row = service_account.receive(ANNA, "second\nline", guid="g-2")
    await poll(home)
    state = last_message(home)
    assert state.state == "second\nline"
    assert shown(state) == {
        "message": "second\nline",
        "sender": ANNA,
        "sender_name": None,
        "contact": "Anna",
        "channel": "sms",
        "received_at": dt_util.utc_from_timestamp(int(row.timestamp)).isoformat(),
        "message_id": "g-2",
    }
    # The recorder does not keep the complete text.
    assert state.state_info and "message" in state.state_info["unrecorded_attributes"]


async def test_any_text_is_shown_and_a_long_one_is_complete_in_the_attribute(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    for text in (
        *("", "unknown", "unavailable", "123", "None", "0"),
        *("x" * 255, "x" * 254 + "ÿz", "árvíztűrő ☃ 👩‍👩‍👧 " * 60, "👍" * 300),
    ):
        service_account.receive(ANNA, text)
        await poll(home)
        state = last_message(home)
        assert (state.state, state.attributes["message"]) == (text[:255], text)
        assert state.attributes["sender"] == ANNA


async def test_it_is_kept_over_a_restart(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    attributes = {
        "message": "y" * 300,
        "sender": ANNA,
        "sender_name": "Anna N.",
        "contact": "Anna",
        "channel": "whatsapp",
        "received_at": "2026-05-01T10:00:00+00:00",
        "message_id": "g-1",
    }
    mock_restore_cache(home, [State(SENSOR, "y" * 255, attributes)])
    home.set_state(CoreState.starting)
    await add_account(home, simulator)
    state = last_message(home)
    assert (state.state, shown(state)) == ("y" * 255, attributes)
    service_account.receive(BELA, "new")
    home.set_state(CoreState.running)
    home.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await poll(home)
    assert (last_message(home).state, last_message(home).attributes["sender"]) == ("new", BELA)


async def test_it_is_the_newest_by_its_own_time(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    """Also after two reloads; a phone whose clock is ahead does not hide what comes later."""
    now = dt_util.utcnow().timestamp()
    for text, age, shown_text in (
        ("new", 60, "new"),
        ("late", 3600, "new"),
        ("from the future", -(10**7), "from the future"),
        ("newer", None, "newer"),
    ):
        at = dt_util.utcnow().timestamp() if age is None else now - age
        service_account.receive(ANNA, text, timestamp=at)
        await account.runtime_data.coordinator.async_refresh()
        await settle(home)
        assert last_message(home).state == shown_text
        if text == "late":
            for _ in range(2):
                await home.config_entries.async_reload(account.entry_id)
            service_account.receive(ANNA, "late, too", timestamp=now - 1800)
            await poll(home)
            assert last_message(home).state == "unknown"


async def test_where_texts_are_kept_out_of_the_history_it_is_a_time(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    home.config_entries.async_update_entry(account, options={"private_history": True})
    service_account.receive(ANNA, "secret")
    await poll(home)
    state = last_message(home)
    assert state.state == state.attributes["received_at"]
    assert state.state_info
    assert (state.attributes["message"], state.attributes["sender"]) == ("secret", ANNA)
    assert state.state_info["unrecorded_attributes"] >= {"message", "sender"}


@pytest.mark.parametrize("was", ["unknown", "unavailable"])
async def test_a_restart_before_the_first_message(
    home: HomeAssistant, simulator: Simulator, service_account: Account, was: str
) -> None:
    mock_restore_cache(home, [State(SENSOR, was)])
    await add_account(home, simulator)
    assert last_message(home).state == "unknown"


async def test_each_account_has_its_own(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    other = simulator.add_account("k-2")
    await add_account(home, simulator, "k-2")
    service_account.receive(ANNA, "to the first")
    other.receive(ANNA, "also to the second")
    other.receive(ANNA, "to the second")
    await poll(home)
    second = home.states.get("sensor.smsmobileapi_2_last_message")
    assert last_message(home).state == "to the first"
    assert second and second.state == "to the second"
    assert counted(home) == ("1", "0", "0")
    assert counted(home, "smsmobileapi_2") == ("2", "0", "0")


# The counters


async def test_each_message_counts_once_whichever_way_it_comes(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    assert counted(home) == ("0", "0", "0")
    for counter in COUNTERS:
        found = counter_state(home, counter)
        assert found.attributes["state_class"] == "total_increasing"
        registered = er.async_get(home).async_get(found.entity_id)
        assert registered and registered.entity_category == "diagnostic"
        assert registered.unique_id == f"{account.entry_id}_messages_{counter}"
    client = await hass_client_no_auth()
    path = f"/api/smsmobileapi/{account.data['webhook_id']}"
    service_account.webhook_url = str(client.make_url(path))
    row = service_account.receive(number=ANNA, message="hi")
    await simulator.deliver(service_account, row)
    await simulator.deliver_v2(service_account, "sms.received", sms_data(row))
    await poll(home)
    assert counted(home) == ("1", "0", "0")
    row_of_whatsapp = service_account.receive_whatsapp("36301234567", "hi by WhatsApp")
    await simulator.deliver_v2(service_account, "whatsapp.received", whatsapp_data(row_of_whatsapp))
    assert await post(client, path, event("call.missed", call()), {}) == HTTPStatus.ACCEPTED
    assert counted(home) == ("2", "0", "0")


async def test_what_was_accepted_and_what_failed_counts(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(f"/api/smsmobileapi/{account.data['webhook_id']}"))
    await send(home, ANNA, "+36207654321")
    assert counted(home) == ("0", "2", "0")
    simulator.fault("/sendsms/", "status", status=400, error="bad")
    with pytest.raises(HomeAssistantError):
        await send(home)
    assert counted(home) == ("0", "2", "0")
    one, two = service_account.sent
    one.error = "NO_SERVICE"
    for _ in range(2):
        await simulator.deliver_v2(service_account, "sms.failed", report_data(one))
        await simulator.deliver_v2(service_account, "sms.mobile.sent", report_data(two))
    assert counted(home) == ("0", "2", "1")


async def test_they_continue_after_a_reload_and_a_restart(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.receive(number=ANNA, message="one")
    await poll(home)
    await send(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert counted(home) == ("1", "1", "0")
    await async_mock_restore_state_shutdown_restart(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    service_account.receive(number=ANNA, message="two")
    await poll(home)
    assert counted(home) == ("2", "1", "0")


@pytest.mark.parametrize(("value", "then"), [(41, "42"), ("41", "1"), (None, "1"), (1.5, "1")])
async def test_only_a_number_that_was_counted_is_restored(
    home: HomeAssistant, simulator: Simulator, service_account: Account, value: object, then: str
) -> None:
    state = State("sensor.smsmobileapi_messages_received", "41")
    extra = {"native_value": value, "native_unit_of_measurement": None}
    mock_restore_cache_with_extra_data(home, [(state, extra)])
    await add_account(home, simulator)
    service_account.receive(number=ANNA, message="one")
    await poll(home)
    assert counted(home) == (then, "0", "0")


async def test_they_are_shown_while_a_poll_fails_but_not_without_the_account(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    simulator.fault("/getsms/", "status", status=500)
    await poll(home)
    assert counted(home) == ("0", "0", "0")
    await home.config_entries.async_unload(account.entry_id)
    assert {counter_state(home, counter).state for counter in COUNTERS} == {STATE_UNAVAILABLE}
    assert all(counter_state(home, counter).attributes[ATTR_RESTORED] for counter in COUNTERS)
