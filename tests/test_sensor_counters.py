"""The counters: how many texts were received, sent and failed; they go on after a restart."""

from http import HTTPStatus
from typing import Any

from homeassistant.const import ATTR_RESTORED, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    async_mock_restore_state_shutdown_restart,
    mock_restore_cache_with_extra_data,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Simulator, report_data, sms_data, whatsapp_data

from .conftest import add_account, settle
from .inbound.service import call, event, post

ANNA = "+36301234567"
COUNTERS = ("received", "sent", "failed")


def state(home: HomeAssistant, counter: str, account: str = "smsmobileapi") -> State:
    found = home.states.get(f"sensor.{account}_messages_{counter}")
    assert found
    return found


def counted(home: HomeAssistant, account: str = "smsmobileapi") -> tuple[str, ...]:
    return tuple(state(home, counter, account).state for counter in COUNTERS)


async def send(home: HomeAssistant, *recipients: str) -> None:
    await home.services.async_call(
        DOMAIN,
        "send_message",
        {"recipients": list(recipients or [ANNA]), "message": "hi"},
        blocking=True,
        return_response=True,
    )


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


async def test_they_begin_at_nought_and_are_kept_for_long(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    assert counted(home) == ("0", "0", "0")
    for counter in COUNTERS:
        found = state(home, counter)
        assert found.attributes["state_class"] == "total_increasing"
        registered = er.async_get(home).async_get(found.entity_id)
        assert registered and registered.entity_category == "diagnostic"
        assert registered.unique_id == f"{account.entry_id}_messages_{counter}"


async def test_each_message_counts_once_whichever_way(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    client = await hass_client_no_auth()
    path = f"/api/webhook/{account.data['webhook_id']}"
    service_account.webhook_url = str(client.make_url(path))
    row = service_account.receive(number=ANNA, message="hi")
    await simulator.deliver(service_account, row)
    await simulator.deliver_v2(service_account, "sms.received", sms_data(row))
    await poll(home, account)
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
    service_account.webhook_url = str(client.make_url(f"/api/webhook/{account.data['webhook_id']}"))
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


async def test_they_go_on_after_a_reload(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.receive(number=ANNA, message="one")
    await poll(home, account)
    await send(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert counted(home) == ("1", "1", "0")
    service_account.receive(number=ANNA, message="two")
    await poll(home, account)
    assert counted(home) == ("2", "1", "0")


async def test_they_go_on_after_a_restart(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.receive(number=ANNA, message="one")
    await poll(home, account)
    await async_mock_restore_state_shutdown_restart(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert counted(home) == ("1", "0", "0")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(41, "41"), ("41", "0"), (None, "0"), ({"a": 1}, "0"), (1.5, "0")],
    ids=repr,
)
async def test_only_a_number_that_was_counted_is_restored(
    home: HomeAssistant, simulator: Simulator, service_account: Account, value: Any, shown: str
) -> None:
    mock_restore_cache_with_extra_data(
        home,
        [
            (
                State("sensor.smsmobileapi_messages_received", "41"),
                {"native_value": value, "native_unit_of_measurement": None},
            )
        ],
    )
    account = await add_account(home, simulator)
    assert counted(home) == (shown, "0", "0")
    service_account.receive(number=ANNA, message="one")
    await poll(home, account)
    assert counted(home) == (f"{int(shown) + 1}", "0", "0")


async def test_they_are_gone_with_the_account_and_shown_while_the_service_is_away(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    simulator.fault("/getsms/", "status", status=500)
    await poll(home, account)
    assert counted(home) == ("0", "0", "0")
    await home.config_entries.async_unload(account.entry_id)
    assert {state(home, counter).state for counter in COUNTERS} == {STATE_UNAVAILABLE}
    assert all(state(home, counter).attributes[ATTR_RESTORED] for counter in COUNTERS)


async def test_each_account_counts_its_own(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    other_service_account = simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    other_service_account.receive(number=ANNA, message="hi")
    await poll(home, account)
    await poll(home, other)
    assert counted(home) == ("0", "0", "0")
    assert counted(home, "smsmobileapi_2") == ("1", "0", "0")
