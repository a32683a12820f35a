"""Phones: each is a device that shows how it is, from the moment when it is listed until the user deletes it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
import inspect
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import PERCENTAGE, EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.phones import devices_of
from simulator import Account, Phone, Simulator

from .conftest import KEY, add_account, add_contact, settle

ANNA = "+36301234567"
LIST = "/gateway/mobile/list/"
LONG_AGO = 1_790_000_000  # 2026-09-21 14:13:20 UTC
BATTERY, CONNECTED, SEEN, NOTIFY = (
    "sensor.phone_battery",
    "binary_sensor.phone_connectivity",
    "sensor.phone_last_seen",
    "notify.phone_notification",
)
ENTITIES = (BATTERY, CONNECTED, SEEN, NOTIFY)

type Delete = Callable[[str], Awaitable[bool]]


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory, minutes: float = 15) -> None:
    """Let time pass, and the poll that is due then."""
    freezer.tick(timedelta(minutes=minutes))
    async_fire_time_changed(home)
    await settle(home)


def shown(home: HomeAssistant, *entity_ids: str) -> list[str | None]:
    """Return the states of the entities, None for those that are not there."""
    states = [home.states.get(entity_id) for entity_id in entity_ids]
    return [state.state if state else None for state in states]


def device_of(home: HomeAssistant, account: SmsMobileApiConfigEntry, sid: str = "phone-1") -> dr.DeviceEntry:
    return devices_of(home, account)[sid]


@pytest.fixture
async def delete(home: HomeAssistant, hass_ws_client: WebSocketGenerator) -> Delete:
    """Delete a device as a user does; the answer is whether that was allowed."""
    assert await async_setup_component(home, "config", {})
    client = await hass_ws_client(home)

    async def delete_device(device_id: str) -> bool:
        of_entry = (
            [] if len(inspect.signature(client.remove_device).parameters) == 1 else [entry_of(device_id)]
        )
        answer = await client.remove_device(device_id, *of_entry)
        await settle(home)
        return bool(answer["success"])

    def entry_of(device_id: str) -> str:
        device: Any = dr.async_get(home).async_get(device_id)
        return str(device.config_entry_id)

    return delete_device


# What is there


async def test_each_phone_is_a_device_of_the_account(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones = [
        Phone(sid="sid-1", label="Kitchen", version="9.1.0"),
        Phone(sid="sid-2", label="", version="8.0"),
    ]
    account = await add_account(home, simulator)
    devices = devices_of(home, account)
    of_account = dr.async_get(home).async_get_device_by_identifier(
        (DOMAIN, account.entry_id), account.entry_id
    )
    assert of_account
    # One that has no name is called by the end of its SID.
    assert {sid: device.name for sid, device in devices.items()} == {
        "sid-1": "Kitchen",
        "sid-2": "Phone id-2",
    }
    assert {device.via_device_id for device in devices.values()} == {of_account.id}
    assert [device.sw_version for device in devices.values()] == ["9.1.0", "8.0"]
    assert {(device.model, device.entry_type) for device in devices.values()} == {("Phone", None)}
    assert shown(home, "sensor.kitchen_battery", "sensor.phone_id_2_battery") == ["80", "80"]


async def test_the_entities_are_described(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    registry = er.async_get(home)
    device_id = device_of(home, account).id
    entries = {entry.entity_id: entry for entry in er.async_entries_for_device(registry, device_id)}
    assert entries.keys() == set(ENTITIES)
    prefix = f"{account.entry_id}_phone-1"
    assert {entity_id: entry.unique_id for entity_id, entry in entries.items()} == {
        BATTERY: f"{prefix}_battery",
        CONNECTED: f"{prefix}_connected",
        SEEN: f"{prefix}_last_seen",
        NOTIFY: f"{prefix}_notify",
    }
    diagnostic = EntityCategory.DIAGNOSTIC
    assert [entries[entity_id].entity_category for entity_id in ENTITIES] == [*[diagnostic] * 3, None]
    assert [entries[entity_id].original_device_class for entity_id in ENTITIES] == [
        "battery",
        "connectivity",
        "timestamp",
        None,
    ]
    names = [state.name for entity_id in ENTITIES if (state := home.states.get(entity_id))]
    assert names == ["Phone Battery", "Phone Connectivity", "Phone Last seen", "Phone Notification"]
    battery = home.states.get(BATTERY)
    assert battery
    assert battery.attributes["unit_of_measurement"] == PERCENTAGE
    assert battery.attributes["state_class"] == "measurement"


async def test_how_many_are_connected_is_told_to_who_wants_it(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    entity_id = "sensor.smsmobileapi_phones_connected"
    assert shown(home, entity_id) == [None]
    er.async_get(home).async_update_entity(entity_id, disabled_by=None)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert shown(home, entity_id) == ["1"]
    service_account.phones += [Phone(sid="phone-2"), Phone(sid="phone-3", online=False)]
    await pass_time(home, freezer)
    assert shown(home, entity_id) == ["2"]
    # Three phones of which two are connected, and nobody says which.
    service_account.phone_format = "bare"
    await pass_time(home, freezer)
    assert shown(home, entity_id) == ["unknown"]
    service_account.phones.clear()
    await pass_time(home, freezer)
    assert shown(home, entity_id) == ["0"]


@pytest.mark.parametrize("zone", ["Europe/Budapest", "America/New_York"])
@pytest.mark.parametrize("dress", ["sid", "sIdentifiant", "sIdentifiantPhone", "bare"])
async def test_every_way_of_writing_it_is_read(
    home: HomeAssistant, simulator: Simulator, service_account: Account, dress: Any, zone: str
) -> None:
    await home.config.async_update(time_zone=zone)
    service_account.time_zone = ZoneInfo(zone)
    service_account.phone_format = dress
    service_account.phones = [Phone(sid="s", label="Phone", battery=7, online=False, last_seen=LONG_AGO)]
    account = await add_account(home, simulator)
    device = device_of(home, account, "s")
    if dress == "bare":
        # That none is connected stands beside the list.
        assert shown(home, *ENTITIES) == ["unknown", "off", "unknown", "unknown"]
        assert (device.name, device.sw_version) == ("Phone", None)
    else:
        assert shown(home, *ENTITIES) == ["7", "off", "2026-09-21T14:13:20+00:00", "unknown"]
        assert (device.name, device.sw_version) == ("Phone", "9.1.0")


@pytest.mark.parametrize(
    ("item", "states"),
    [
        pytest.param({}, ["unknown", "unknown", "unknown"], id="nothing else"),
        pytest.param({"battery": 0, "online": 0}, ["0", "off", "unknown"], id="0"),
        pytest.param({"battery": 101, "online": "maybe"}, ["unknown", "unknown", "unknown"], id="nonsense"),
        pytest.param({"battery": {"level": 5}, "online": [], "date": {}}, ["unknown"] * 3, id="other types"),
        pytest.param({"last_seen": "soon", "battery": "86 %"}, ["86", "unknown", "unknown"], id="words"),
        pytest.param({"last_seen": "2999-01-01"}, ["unknown"] * 3, id="far future"),
    ],
)
async def test_what_is_not_said_is_unknown(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    item: dict[str, Any],
    states: list[str],
) -> None:
    body = {"success": True, "items": [{"sid": "s", "label": "Phone", **item}]}
    simulator.fault(LIST, "nonsense", body=body, count=9)
    await add_account(home, simulator)
    assert shown(home, BATTERY, CONNECTED, SEEN) == states


# Lists that tell nothing


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("nonsense", {"body": {"success": True, "items": "none"}}, id="no list"),
        pytest.param(
            "nonsense", {"body": {"success": True, "items": [None, {}, {"sid": ""}]}}, id="no phones"
        ),
        pytest.param("html", {}, id="a page"),
        pytest.param("empty", {}, id="nothing"),
        pytest.param("status", {"status": 404}, id="404"),
        pytest.param("status", {"status": 500}, id="500"),
        pytest.param("status", {"status": 429, "retry_after": 3600}, id="429"),
        pytest.param("drop_after", {"count": 2}, id="hung up"),
    ],
)
async def test_a_list_that_cannot_be_read_changes_nothing(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    kind: str,
    options: dict[str, Any],
) -> None:
    before = shown(home, *ENTITIES)
    assert before[:2] == ["80", "on"]
    simulator.fault(LIST, kind, **options)
    await pass_time(home, freezer)
    assert simulator.faults.waiting == []
    assert shown(home, *ENTITIES) == before
    assert account.runtime_data.coordinator.last_update_success


async def test_an_account_whose_list_cannot_be_read_has_no_phones_until_it_can(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, simulator: Simulator, service_account: Account
) -> None:
    # For the dialog and for the set-up.
    simulator.fault(LIST, "html", count=2)
    account = await add_account(home, simulator)
    assert simulator.faults.waiting == []
    assert devices_of(home, account) == {}
    await pass_time(home, freezer)
    assert shown(home, CONNECTED) == ["on"]


async def test_after_a_restart_nobody_says_offline_for_a_list_that_cannot_be_read(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
) -> None:
    simulator.fault(LIST, "html", count=99)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    for _ in range(30):
        assert shown(home, BATTERY, CONNECTED) == ["unknown", "unknown"]
        await pass_time(home, freezer)
    simulator.faults.waiting.clear()
    await pass_time(home, freezer)
    assert shown(home, BATTERY, CONNECTED) == ["80", "on"]


async def test_an_account_without_phones(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.clear()
    account = await add_account(home, simulator)
    assert devices_of(home, account) == {}
    assert account.runtime_data.coordinator.last_update_success


# Coming and going


async def test_a_phone_that_appears_is_added(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    service_account.phones.append(Phone(sid="phone-2", label="Tablet", battery=50))
    await pass_time(home, freezer)
    assert devices_of(home, account).keys() == {"phone-1", "phone-2"}
    assert shown(home, "sensor.tablet_battery", "binary_sensor.tablet_connectivity") == ["50", "on"]
    assert shown(home, "sensor.tablet_last_seen", "notify.tablet_notification") != [None, None]


async def test_a_phone_that_changes_is_shown_as_it_is(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    (phone,) = service_account.phones
    phone.label, phone.version, phone.battery, phone.online = "Kitchen", "9.2.0", 12, False
    phone.last_seen = LONG_AGO
    await pass_time(home, freezer)
    device = device_of(home, account)
    assert (device.name, device.sw_version) == ("Kitchen", "9.2.0")
    # The entities keep their ids.
    assert shown(home, BATTERY, CONNECTED, SEEN) == ["12", "off", "2026-09-21T14:13:20+00:00"]
    state = home.states.get(BATTERY)
    assert state
    assert state.name == "Kitchen Battery"


async def test_a_list_that_says_less_takes_no_version_away(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    service_account.phone_format = "bare"
    await pass_time(home, freezer)
    assert device_of(home, account).sw_version == "9.1.0"


async def test_the_users_own_name_stays(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    registry = dr.async_get(home)
    registry.async_update_device(device_of(home, account).id, name_by_user="Mine")
    service_account.phones[0].label = "Kitchen"
    await pass_time(home, freezer)
    device = device_of(home, account)
    assert (device.name, device.name_by_user) == ("Kitchen", "Mine")


async def test_a_phone_that_goes_is_offline_and_can_come_back(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    seen = shown(home, SEEN)
    (phone,) = service_account.phones
    service_account.phones.clear()
    await pass_time(home, freezer)
    # When it was seen is still so; how full its battery is nobody knows.
    assert shown(home, *ENTITIES) == ["unavailable", "off", *seen, "unknown"]
    service_account.phones.append(phone)
    await pass_time(home, freezer)
    assert shown(home, BATTERY, CONNECTED) == ["80", "on"]
    assert devices_of(home, account).keys() == {"phone-1"}


@pytest.mark.parametrize("goes", ["before", "meanwhile"])
async def test_a_missing_phone_is_still_there_after_a_restart(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    goes: str,
) -> None:
    service_account.phones[0].label = "Kitchen"
    await pass_time(home, freezer)
    (phone,) = service_account.phones
    service_account.phones = [Phone(sid="phone-2", label="Other")]
    if goes == "before":
        await pass_time(home, freezer)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert shown(home, BATTERY, CONNECTED) == ["unavailable", "off"]
    device = device_of(home, account)
    assert (device.name, device.sw_version) == ("Kitchen", "9.1.0")
    service_account.phones.append(phone)
    await pass_time(home, freezer)
    assert shown(home, BATTERY, CONNECTED) == ["80", "on"]


async def test_what_is_shown_is_unavailable_while_the_service_is(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
) -> None:
    simulator.fault("/getsms/", "status", status=500)
    await pass_time(home, freezer, 1.1)
    assert shown(home, BATTERY, CONNECTED) == ["unavailable", "unavailable"]
    await pass_time(home, freezer, 1.1)
    assert shown(home, BATTERY, CONNECTED) == ["80", "on"]


async def test_two_accounts_may_list_the_same_phone(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    delete: Delete,
) -> None:
    theirs = simulator.add_account("k-2", phones=[Phone(sid="phone-1", label="Phone", battery=5)])
    other = await add_account(home, simulator, "k-2")
    ours, devices = device_of(home, account), devices_of(home, other)
    assert devices["phone-1"].id != ours.id
    assert shown(home, BATTERY, f"{BATTERY}_2") == ["80", "5"]
    theirs.phones.clear()
    await pass_time(home, freezer)
    assert shown(home, CONNECTED, f"{CONNECTED}_2") == ["on", "off"]
    assert not await delete(ours.id)
    assert await delete(devices["phone-1"].id)
    assert shown(home, CONNECTED, f"{CONNECTED}_2") == ["on", None]


# Deleting


async def test_a_gone_phone_can_be_deleted_and_come_back_as_new(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    delete: Delete,
) -> None:
    device_id = device_of(home, account).id
    assert not await delete(device_id)
    (phone,) = service_account.phones
    service_account.phones.clear()
    await pass_time(home, freezer)
    assert await delete(device_id)
    assert devices_of(home, account) == {}
    assert shown(home, *ENTITIES) == [None] * 4
    await pass_time(home, freezer)
    assert devices_of(home, account) == {}

    service_account.phones.append(phone)
    await pass_time(home, freezer)
    assert device_of(home, account)
    assert shown(home, BATTERY, CONNECTED) == ["80", "on"]
    # It is followed as any other.
    phone.battery = 79
    await pass_time(home, freezer)
    assert shown(home, BATTERY) == ["79"]


async def test_a_phone_is_not_deleted_while_the_list_cannot_be_read(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    simulator: Simulator,
    delete: Delete,
) -> None:
    simulator.fault(LIST, "html", count=99)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert not await delete(device_of(home, account).id)
    assert device_of(home, account)


@pytest.mark.parametrize("is_loaded", [True, False])
async def test_account_and_contact_are_not_deleted_so(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, delete: Delete, is_loaded: bool
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    if not is_loaded:
        await home.config_entries.async_unload(account.entry_id)
    registry = dr.async_get(home)
    for identifier in (account.entry_id, contact_id):
        device = registry.async_get_device_by_identifier((DOMAIN, identifier), account.entry_id)
        assert device
        assert not await delete(device.id)
        assert registry.async_get(device.id)


async def test_nothing_is_deleted_while_the_account_is_not_there(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    delete: Delete,
) -> None:
    """Whether the service lists the phone nobody knows then."""
    device_id = device_of(home, account).id
    service_account.phones.clear()
    await pass_time(home, freezer)
    await home.config_entries.async_unload(account.entry_id)
    assert not await delete(device_id)
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert await delete(device_id)


# Notifications


async def notify(home: HomeAssistant, message: str = "Dinner", **more: str) -> None:
    data = {"entity_id": NOTIFY, "message": message, **more}
    await home.services.async_call("notify", "send_message", data, blocking=True)


@pytest.mark.parametrize(("given", "title"), [({}, "Home Assistant"), ({"title": "Home"}, "Home")])
async def test_a_notification_is_shown_on_the_phone(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    given: dict[str, str],
    title: str,
) -> None:
    service_account.phones.append(Phone(sid="phone-2"))
    await notify(home, "Dinner\nis ready & hot", **given)
    (sent,) = service_account.notifications
    assert (sent.sid, sent.title, sent.message) == ("phone-1", title, "Dinner\nis ready & hot")
    request = service_account.requests[-1]
    fields = {"apikey": KEY, "sid": "phone-1", "title": title, "message": "Dinner\nis ready & hot"}
    assert (request.method, request.path, request.fields) == ("POST", "/notification/send", fields)
    # It costs no SMS.
    assert service_account.sent == []
    assert account.runtime_data.limits.sent_in_a_day == 1
    state = home.states.get(NOTIFY)
    assert state
    assert state.state != "unknown"


@pytest.mark.parametrize("is_noticed", [False, True])
async def test_an_offline_phone_is_an_error(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    is_noticed: bool,
) -> None:
    service_account.phones[0].online = False
    if is_noticed:
        await pass_time(home, freezer)
    with pytest.raises(HomeAssistantError) as raised:
        await notify(home)
    assert raised.value.translation_key == "phone_offline"
    assert service_account.notifications == []
    # What was not shown does not count.
    assert account.runtime_data.limits.sent_in_a_day == 0


@pytest.mark.parametrize("is_noticed", [False, True])
async def test_a_gone_phone_is_an_error_rather_than_silence(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    is_noticed: bool,
) -> None:
    service_account.phones.clear()
    if is_noticed:
        await pass_time(home, freezer)
    with pytest.raises(HomeAssistantError) as raised:
        await notify(home)
    assert raised.value.translation_key == "refused"
    assert "phone-1" not in str(raised.value)


async def test_an_error_rather_than_silence_also_while_the_service_is_away(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    simulator.fault("*", "status", count=99)
    await account.runtime_data.coordinator.async_refresh()
    assert shown(home, BATTERY) == ["unavailable"]
    with pytest.raises(HomeAssistantError) as raised:
        await notify(home)
    assert raised.value.translation_key == "cannot_connect"


async def test_a_notification_that_may_have_been_shown_is_not_repeated(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    simulator.fault("/notification/send", "drop_after")
    with pytest.raises(HomeAssistantError) as raised:
        await notify(home)
    assert raised.value.translation_key == "may_have_been_shown"
    assert len(service_account.notifications) == 1


@pytest.mark.parametrize("text", ["", " \n"])
async def test_an_empty_notification_is_refused(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, text: str
) -> None:
    with pytest.raises(ServiceValidationError) as raised:
        await notify(home, text)
    assert raised.value.translation_key == "message_empty"
    assert service_account.notifications == []


async def test_the_flood_guard_counts_notifications(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    home.config_entries.async_update_entry(account, options={"messages_per_minute": 2})
    await settle(home)
    await notify(home, "one")
    await notify(home, "two")
    with pytest.raises(HomeAssistantError) as raised:
        await notify(home, "three")
    assert raised.value.translation_key == "limit_minute"
    assert [sent.message for sent in service_account.notifications] == ["one", "two"]
