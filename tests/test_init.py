"""Setting up an account: it asks nothing, so it always loads; then the first poll says what is wrong."""

import asyncio
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.phones import devices_of
from simulator import Account, Simulator

from .conftest import add_contact, settle
from .flows.dialogs import Spoil, another_server, faulty, in_state
from .outbound.sending import until

ANNA = "+36301234567"
PHONES = "/gateway/mobile/list/"


def paths(simulator: Simulator) -> list[str]:
    return [request.path for request in simulator.requests]


def reauths(hass: HomeAssistant) -> int:
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return [flow["context"]["source"] for flow in flows].count(SOURCE_REAUTH)


async def next_poll(hass: HomeAssistant) -> None:
    """Wait until the next poll is done."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    await settle(hass)


async def test_no_request_is_waited_for_before_it_is_loaded(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    await home.config_entries.async_unload(account.entry_id)
    simulator.fault(PHONES, "delay", seconds=1)
    assert await home.config_entries.async_setup(account.entry_id)
    assert account.state is ConfigEntryState.LOADED
    await home.async_block_till_done()
    # A phone that was known before is there, and its values are unknown until the first poll is done.
    for state in ("unknown", "80"):
        battery = home.states.get("sensor.phone_battery")
        assert battery and battery.state == state
        await settle(home)


async def test_it_polls_once_when_it_is_loaded_and_needs_no_phone(
    home: HomeAssistant, simulator: Simulator, service_account: Account, account: SmsMobileApiConfigEntry
) -> None:
    simulator.reset()
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    lists = [f"/call/{direction}/list/" for direction in ("missed", "incoming", "outgoing")]
    assert paths(simulator) == [PHONES, "/getsms/", *lists]
    service_account.phones.clear()
    await home.config_entries.async_reload(account.entry_id)
    assert account.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    "spoil",
    [
        faulty("*", "status", 9),
        faulty("*", "status", 9, status=500),
        faulty("*", "drop_before", 9),
        faulty("*", "html", 9),
        in_state("limited"),
        in_state("expired"),
        in_state("expired", "result"),
    ],
)
async def test_it_loads_and_what_passes_is_asked_for_again(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    account: SmsMobileApiConfigEntry,
    spoil: Spoil,
) -> None:
    spoil(simulator, service_account)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    assert reauths(home) == 0
    assert account.runtime_data.coordinator.last_update_success is False
    simulator.faults.waiting.clear()
    service_account.state = "good"
    # Also the phones, which are asked for every 15 minutes else.
    await next_poll(home)
    battery = home.states.get("sensor.phone_battery")
    assert battery and battery.state == "80"


@pytest.mark.parametrize("dialect", ["status", "result"])
async def test_a_refused_key_is_asked_for_and_not_tried_again(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    account: SmsMobileApiConfigEntry,
    dialect: str,
) -> None:
    in_state("unknown", dialect)(simulator, service_account)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    assert reauths(home) == 1
    simulator.reset()
    await next_poll(home)
    assert paths(simulator) == []


async def test_a_wrong_server_is_no_refused_key(
    home: HomeAssistant, simulator: Simulator, service_account: Account, account: SmsMobileApiConfigEntry
) -> None:
    url = another_server("http://127.0.0.1:9")(simulator, service_account)["server"]["url"]
    home.config_entries.async_update_entry(account, data={**account.data, "url": url})
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    assert reauths(home) == 0


async def test_it_is_loaded_before_home_assistant_has_started(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: list[Event[dict[str, Any]]],
) -> None:
    await home.config_entries.async_unload(account.entry_id)
    service_account.receive(ANNA, "hi")
    home.set_state(CoreState.starting)
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    assert received == []
    home.set_state(CoreState.running)
    home.bus.async_fire("homeassistant_started")
    await settle(home)
    assert [event.data["message"] for event in received] == ["hi"]


async def test_the_action_is_there_without_an_account(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    assert hass.services.has_service(DOMAIN, "send_message")


async def test_what_is_stored_and_the_devices(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    # The history, which an account that is new has in its data, is taken out of it.
    assert set(account.data) == {"api_key", "url", "webhook_id"}
    contact_id = await add_contact(home, account, "Anna", ANNA)
    registry = dr.async_get(home)
    of_account = registry.async_get_device_by_identifier((DOMAIN, account.entry_id), account.entry_id)
    of_contact = registry.async_get_device_by_identifier((DOMAIN, contact_id), account.entry_id)
    of_phone = devices_of(home, account)["phone-1"]
    assert of_account and of_contact
    assert len(dr.async_entries_for_config_entry(registry, account.entry_id)) == 3
    devices = (of_account, of_contact, of_phone)
    assert [device.name for device in devices] == ["SMSMobileAPI", "Anna", "Phone"]
    assert [device.model for device in devices] == ["Account", "Contact", "Phone"]
    assert {device.manufacturer for device in devices} == {"SMSMobileAPI"}
    # A phone is no service.
    assert [device.entry_type for device in devices] == [*[DeviceEntryType.SERVICE] * 2, None]
    assert [device.via_device_id for device in devices] == [None, of_account.id, of_account.id]
    assert [device.config_subentry_id for device in devices] == [None, contact_id, None]


async def test_a_contact_added_during_the_set_up_is_there_and_can_be_written_to(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While Home Assistant Cloud is asked for a URL, the platforms are set up already."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(hass: HomeAssistant, webhook_id: str) -> str:
        asked.set()
        await go_on.wait()
        return "https://hooks.nabu.casa/x"

    cloud = "homeassistant.components.cloud"
    home.config.components.add("cloud")
    monkeypatch.setattr(f"{cloud}.async_active_subscription", lambda hass: True)
    monkeypatch.setattr(f"{cloud}.async_get_or_create_cloudhook", slow)
    reload = home.async_create_task(home.config_entries.async_reload(account.entry_id))
    async with asyncio.timeout(20):
        await asked.wait()
    flow = await home.config_entries.subentries.async_init(
        (account.entry_id, "contact"), context={"source": "user"}
    )
    await home.config_entries.subentries.async_configure(
        flow["flow_id"], {"name": "Anna", "number": ANNA, "channel": "sms"}
    )
    await until(lambda: home.states.get("notify.anna"))
    await home.services.async_call(
        "notify", "send_message", {"entity_id": "notify.anna", "message": "hi"}, blocking=True
    )
    go_on.set()
    await reload
    await settle(home)
    assert [sent.fields["recipients"] for sent in service_account.sent] == [ANNA]
    assert account.runtime_data.messages.find(service_account.sent[0].guid)
