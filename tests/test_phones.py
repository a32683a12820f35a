"""Phones: each is a device from when the service lists it until the user deletes it, and is reported when offline for long."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import inspect
import time
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import PERCENTAGE, EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smsmobileapi import async_remove_config_entry_device
from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.phones import async_forget_phones, devices_of
from simulator import Account, Phone, Simulator

from .conftest import add_account, add_contact, settle

LIST = "/gateway/mobile/list/"
LONG_AGO = 1_790_000_000  # 2026-09-21 14:13:20 UTC
HOUR = 60  # minutes
ENTITIES = (
    "sensor.phone_battery",
    "binary_sensor.phone_connectivity",
    "sensor.phone_last_seen",
    "notify.phone_notification",
)
BATTERY, CONNECTED, SEEN, NOTIFY = ENTITIES

type Delete = Callable[[dr.DeviceEntry], Awaitable[bool]]


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory, minutes: float = 15) -> None:
    """Let time pass, and the poll that is due then."""
    freezer.tick(timedelta(minutes=minutes))
    async_fire_time_changed(home)
    await settle(home)


@dataclass
class World:
    """An account here, the same account at the service with the phone `phone-1`, and a clock."""

    home: HomeAssistant
    freezer: FrozenDateTimeFactory
    account: SmsMobileApiConfigEntry
    service: Account
    simulator: Simulator

    async def wait(self, minutes: float = 15) -> None:
        await pass_time(self.home, self.freezer, minutes)

    async def reload(self) -> None:
        await self.home.config_entries.async_reload(self.account.entry_id)
        await settle(self.home)

    async def set_offline_hours(self, hours: int) -> None:
        options = {**self.account.options, "offline_hours": hours}
        self.home.config_entries.async_update_entry(self.account, options=options)
        await settle(self.home)

    def put_offline(self) -> None:
        self.service.phones[0].online, self.service.phones[0].last_seen = False, time.time()

    def shown(self, *entity_ids: str) -> list[str | None]:
        """Return the states of the entities, None for those that do not exist."""
        states = [self.home.states.get(entity_id) for entity_id in entity_ids]
        return [state.state if state else None for state in states]

    def device(self, sid: str = "phone-1") -> dr.DeviceEntry:
        return devices_of(self.home, self.account)[sid]

    @property
    def sids(self) -> set[str]:
        return set(devices_of(self.home, self.account))

    @property
    def issues(self) -> dict[str, ir.IssueEntry]:
        """The open issues of phones that are offline, by the phones' names."""
        return {
            issue.translation_placeholders["phone"]: issue
            for issue in ir.async_get(self.home).issues.values()
            if issue.translation_key == "phone_offline" and issue.active and issue.translation_placeholders
        }

    @property
    def reported(self) -> list[str]:
        return list(self.issues)


@pytest.fixture
def world(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    simulator: Simulator,
) -> World:
    return World(home, freezer, account, service_account, simulator)


@pytest.fixture
async def delete(home: HomeAssistant, hass_ws_client: WebSocketGenerator) -> Delete:
    """Delete a device as a user does; the answer is whether that was allowed."""
    assert await async_setup_component(home, "config", {})
    client = await hass_ws_client(home)

    async def delete_device(device: Any) -> bool:
        # Home Assistant 2026.8 needs the account, too.
        takes_entry = len(inspect.signature(client.remove_device).parameters) > 1
        answer = await client.remove_device(device.id, *[device.config_entry_id][:takes_entry])
        await settle(home)
        return bool(answer["success"])

    return delete_device


# Devices and entities


async def test_devices_and_entities(world: World) -> None:
    registry = er.async_get(world.home)
    entries = {entry.entity_id: entry for entry in er.async_entries_for_device(registry, world.device().id)}
    assert [entries[entity_id].unique_id for entity_id in ENTITIES] == [
        f"{world.account.entry_id}_phone-1_{key}" for key in ("battery", "connected", "last_seen", "notify")
    ]
    diagnostic = EntityCategory.DIAGNOSTIC
    assert [entries[entity_id].entity_category for entity_id in ENTITIES] == [*[diagnostic] * 3, None]
    classes = [entries[entity_id].original_device_class for entity_id in ENTITIES]
    assert classes == ["battery", "connectivity", "timestamp", None]
    names = [state.name for entity_id in ENTITIES if (state := world.home.states.get(entity_id))]
    assert names == ["Phone Battery", "Phone Connectivity", "Phone Last seen", "Phone Notification"]
    battery = world.home.states.get(BATTERY)
    assert battery and battery.attributes["unit_of_measurement"] == PERCENTAGE
    assert battery.attributes["state_class"] == "measurement"

    # One that appears later is added, and called by the end of its SID where it has no name.
    world.service.phones.append(Phone(sid="sid-2", label="", version="8.0", battery=50))
    await world.wait()
    device = world.device("sid-2")
    assert (device.name, device.sw_version, device.model) == ("Phone id-2", "8.0", "Phone")
    assert world.shown("sensor.phone_id_2_battery", "binary_sensor.phone_id_2_connectivity") == ["50", "on"]


async def test_how_many_are_connected_where_the_list_says_it(world: World) -> None:
    entity_id = "sensor.smsmobileapi_phones_connected"
    assert world.shown(entity_id) == [None]
    er.async_get(world.home).async_update_entity(entity_id, disabled_by=None)
    await world.reload()
    assert world.shown(entity_id) == ["1"]
    world.service.phones += [Phone(sid="phone-2"), Phone(sid="phone-3", online=False)]
    await world.wait()
    assert world.shown(entity_id) == ["2"]
    # Three phones, two of them connected, and the list does not say which.
    world.service.phone_format = "bare"
    await world.wait()
    assert world.shown(entity_id) == ["unknown"]
    world.service.phone_format = "sid"
    world.simulator.fault("*", "status", count=9)
    for state in ("unknown", "2"):
        await world.wait()
        assert world.shown(entity_id) == [state]
        world.simulator.faults.waiting.clear()
    world.service.phone_format = "bare"
    await world.wait()
    # Nor does it say the version, so the one that is known stays, nor which is offline, so none is reported.
    assert world.device().sw_version == "9.1.0"
    await world.wait(24 * HOUR)
    assert world.reported == []
    world.service.phones.clear()
    await world.wait()
    assert world.shown(entity_id) == ["0"]


@pytest.mark.parametrize("zone", ["Europe/Budapest", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("form", ["sid", "sIdentifiant", "sIdentifiantPhone", "bare"])
async def test_every_form_of_the_list_is_read(
    home: HomeAssistant, simulator: Simulator, service_account: Account, form: Any, zone: str
) -> None:
    await home.config.async_update(time_zone=zone)
    service_account.time_zone, service_account.phone_format = ZoneInfo(zone), form
    service_account.phones = [Phone(sid="s", label="Phone", battery=7, online=False, last_seen=LONG_AGO)]
    device = devices_of(home, await add_account(home, simulator))["s"]
    states = [state.state if (state := home.states.get(entity_id)) else None for entity_id in ENTITIES]
    if form == "bare":
        # That none is connected stands beside the list.
        assert states == ["unknown", "off", "unknown", "unknown"]
        assert (device.name, device.sw_version) == ("Phone", None)
    else:
        assert states == ["7", "off", "2026-09-21T14:13:20+00:00", "unknown"]
        assert (device.name, device.sw_version) == ("Phone", "9.1.0")


async def test_a_list_that_cannot_be_read_changes_nothing(world: World) -> None:
    before = world.shown(*ENTITIES)
    assert before[:2] == ["80", "on"]
    for kind, options in (
        ("nonsense", {"body": {"success": True, "items": "none"}}),
        ("nonsense", {"body": {"success": True, "items": [None, {}, {"sid": ""}]}}),
        ("html", {}),
        ("empty", {}),
        ("status", {"status": 404}),
        ("status", {"status": 500}),
        ("status", {"status": 429, "retry_after": 3600}),
        ("drop_after", {"count": 2}),
    ):
        world.simulator.fault(LIST, kind, **options)
        await world.wait()
        assert world.simulator.faults.waiting == [], (kind, options)
        assert world.shown(*ENTITIES) == before, (kind, options)
        assert world.account.runtime_data.coordinator.last_update_success, (kind, options)


async def test_without_a_list_nothing_is_known_until_it_can_be_read(world: World, delete: Delete) -> None:
    """After a restart: no phone is reported as offline, and none can be deleted. A new account has no phones yet."""
    world.simulator.fault(LIST, "html", count=999)
    await world.reload()
    assert not await delete(world.device())
    for _ in range(30):
        assert world.shown(BATTERY, CONNECTED) == ["unknown", "unknown"]
        await world.wait()
    assert world.reported == []
    world.simulator.add_account("k-2")
    other = await add_account(world.home, world.simulator, "k-2")
    assert devices_of(world.home, other) == {}
    world.simulator.faults.waiting.clear()
    await world.wait()
    assert world.shown(BATTERY, CONNECTED) == ["80", "on"]
    assert devices_of(world.home, other).keys() == {"phone-1"}


async def test_a_phone_that_changes_is_shown_as_it_is(world: World) -> None:
    (phone,) = world.service.phones
    phone.label, phone.version, phone.battery, phone.online = "Kitchen", "9.2.0", 12, False
    phone.last_seen = LONG_AGO
    await world.wait()
    assert (world.device().name, world.device().sw_version) == ("Kitchen", "9.2.0")
    # The entities keep their ids.
    assert world.shown(BATTERY, CONNECTED, SEEN) == ["12", "off", "2026-09-21T14:13:20+00:00"]
    state = world.home.states.get(BATTERY)
    assert state and state.name == "Kitchen Battery"
    # The name that the user gives stays.
    dr.async_get(world.home).async_update_device(world.device().id, name_by_user="Mine")
    phone.label = "Bath"
    await world.wait()
    assert (world.device().name, world.device().name_by_user) == ("Bath", "Mine")


async def test_the_values_are_unavailable_while_the_service_is(world: World) -> None:
    world.simulator.fault("/getsms/", "status", status=500)
    await world.wait(1.1)
    assert world.shown(BATTERY, CONNECTED) == ["unavailable", "unavailable"]
    await world.wait(1.1)
    assert world.shown(BATTERY, CONNECTED) == ["80", "on"]


# Phones that are no longer listed


@pytest.mark.parametrize("is_noticed", [True, False])
async def test_a_phone_that_is_no_longer_listed_is_offline_also_after_a_restart(
    world: World, is_noticed: bool
) -> None:
    seen = world.shown(SEEN)
    (phone,) = world.service.phones
    world.service.phones = [Phone(sid="phone-2", label="Other")]
    if is_noticed:
        await world.wait()
        # When it was last seen is still true, the level of its battery is not.
        assert world.shown(*ENTITIES) == ["unavailable", "off", *seen, "unknown"]
    await world.reload()
    assert world.shown(BATTERY, CONNECTED) == ["unavailable", "off"]
    assert (world.device().name, world.device().sw_version) == ("Phone", "9.1.0")
    world.service.phones.append(phone)
    await world.wait()
    assert world.shown(BATTERY, CONNECTED) == ["80", "on"]
    assert world.sids == {"phone-1", "phone-2"}


async def test_only_a_phone_that_is_not_listed_can_be_deleted_and_it_comes_back_as_new(
    world: World, delete: Delete
) -> None:
    device, entry_id = world.device(), world.account.entry_id
    assert not await delete(device)
    (phone,) = world.service.phones
    world.service.phones.clear()
    await world.wait()
    # Nor while the account is not loaded, as it is unknown then what the service lists.
    await world.home.config_entries.async_unload(entry_id)
    assert not await delete(device)
    await world.home.config_entries.async_setup(entry_id)
    await settle(world.home)
    assert await delete(device)
    for _ in range(2):
        assert world.sids == set()
        assert world.shown(*ENTITIES) == [None] * 4
        await world.wait()
    world.service.phones.append(phone)
    await world.wait()
    assert world.shown(BATTERY, CONNECTED) == ["80", "on"]
    phone.battery = 79
    await world.wait()
    assert world.shown(BATTERY) == ["79"]


async def test_the_devices_of_account_and_contacts_cannot_be_deleted(world: World, delete: Delete) -> None:
    contact_id = await add_contact(world.home, world.account, "Anna", "+36301234567")
    registry, entry_id = dr.async_get(world.home), world.account.entry_id
    for is_loaded in (True, False):
        if not is_loaded:
            await world.home.config_entries.async_unload(entry_id)
        for identifier in (entry_id, contact_id):
            device = registry.async_get_device_by_identifier((DOMAIN, identifier), entry_id)
            assert device
            assert not await delete(device)
            assert registry.async_get(device.id)


async def test_two_accounts_may_list_the_same_phone(world: World, delete: Delete) -> None:
    theirs = world.simulator.add_account("k-2", phones=[Phone(sid="phone-1", label="Phone", battery=5)])
    other = await add_account(world.home, world.simulator, "k-2")
    device = devices_of(world.home, other)["phone-1"]
    assert device.id != world.device().id
    assert world.shown(BATTERY, f"{BATTERY}_2") == ["80", "5"]
    theirs.phones.clear()
    await world.wait()
    assert world.shown(CONNECTED, f"{CONNECTED}_2") == ["on", "off"]
    assert not await delete(world.device())
    assert await delete(device)
    assert world.shown(CONNECTED, f"{CONNECTED}_2") == ["on", None]
    theirs.phones.append(Phone(sid="phone-1"))
    world.put_offline()
    await world.wait()
    await world.wait(7 * HOUR)
    assert [issue.data for issue in world.issues.values()] == [{"entry_id": world.account.entry_id}]
    await world.home.config_entries.async_unload(other.entry_id)
    assert world.reported == ["Phone"]


async def test_all_phones_are_forgotten_with_their_issues(world: World) -> None:
    """For an account whose credentials become those of another account."""
    contact_id = await add_contact(world.home, world.account, "Anna", "+36301234567")
    world.service.phones.append(Phone(sid="phone-2"))
    world.put_offline()
    await world.wait(7 * HOUR)
    assert world.reported == ["Phone"]
    async_forget_phones(world.home, world.account)
    assert (world.sids, world.reported) == (set(), [])
    world.service.phones = [Phone(sid="theirs")]
    await world.reload()
    assert world.sids == {"theirs"}
    assert world.shown(BATTERY, CONNECTED) == ["80", "on"]
    registry, entry_id = dr.async_get(world.home), world.account.entry_id
    for identifier in (entry_id, contact_id):
        assert registry.async_get_device_by_identifier((DOMAIN, identifier), entry_id)


# Offline for long


async def test_a_phone_that_is_offline_for_long_is_reported_once(world: World) -> None:
    changes = async_capture_events(world.home, ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED)
    dr.async_get(world.home).async_update_device(world.device().id, name_by_user="Mum's phone")
    world.put_offline()
    since = datetime.now(ZoneInfo("Europe/Budapest")).strftime("%Y-%m-%d %H:%M")
    for _ in range(23):
        await world.wait()
    assert world.reported == []
    for _ in range(6):
        await world.wait()
        assert world.reported == ["Mum's phone"]
    # A list that can't be read takes no issue away.
    world.simulator.fault(LIST, "html")
    await world.wait()
    (issue,) = world.issues.values()
    assert [change.data["action"] for change in changes] == ["create"]
    assert (issue.is_fixable, issue.severity) == (False, ir.IssueSeverity.WARNING)
    assert issue.data == {"entry_id": world.account.entry_id}
    placeholders = issue.translation_placeholders
    assert placeholders
    texts = await async_get_translations(world.home, "en", "issues", {DOMAIN})
    where = f"component.{DOMAIN}.issues.phone_offline"
    assert texts[f"{where}.title"].format(**placeholders) == "SMSMobileAPI: Mum's phone is offline"
    assert since in texts[f"{where}.description"].format(**placeholders)
    world.service.phones[0].online = True
    await world.wait()
    assert world.reported == []
    # The time starts again.
    world.put_offline()
    await world.wait(5 * HOUR)
    assert world.reported == []
    await world.wait(HOUR)
    assert world.reported == ["Mum's phone"]


async def test_the_option_says_how_long_and_counts_at_once(world: World) -> None:
    for hours in (1, 100):
        await world.set_offline_hours(hours)
        world.put_offline()
        await world.wait(hours * HOUR - 15)
        assert world.reported == [], hours
        await world.wait()
        assert world.reported == ["Phone"], hours
        world.service.phones[0].online = True
        await world.wait()
    world.put_offline()
    await world.wait(2 * HOUR)
    for hours, reported in ((1, ["Phone"]), (3, []), (1, ["Phone"]), (0, [])):
        await world.set_offline_hours(hours)
        assert world.reported == reported, hours
    # 0 is never.
    await world.wait(100 * 24 * HOUR)
    assert world.reported == []


async def test_an_issue_that_the_user_ignores_stays_ignored(world: World) -> None:
    world.put_offline()
    await world.wait(7 * HOUR)
    ir.async_get(world.home).async_ignore(DOMAIN, world.issues["Phone"].issue_id, True)
    await world.wait()
    world.simulator.fault("*", "status", count=9)
    await world.reload()
    world.simulator.faults.waiting.clear()
    await world.wait(HOUR)
    assert world.issues["Phone"].dismissed_version
    # The next time is another time.
    world.service.phones[0].online = True
    await world.wait()
    world.put_offline()
    await world.wait(7 * HOUR)
    assert not world.issues["Phone"].dismissed_version


async def test_a_phone_that_was_offline_before_the_start_is_reported_at_once(world: World) -> None:
    entry_id = world.account.entry_id
    world.service.phones[0].online, world.service.phones[0].last_seen = False, time.time() - 7 * 3600
    await world.reload()
    assert world.reported == ["Phone"]
    await world.home.config_entries.async_unload(entry_id)
    assert world.reported == []
    await world.home.config_entries.async_setup(entry_id)
    await settle(world.home)
    assert world.reported == ["Phone"]
    await world.home.config_entries.async_remove(entry_id)
    assert world.reported == []


async def test_a_phone_that_is_no_longer_listed_is_reported_until_it_is_deleted(world: World) -> None:
    world.service.phones.clear()
    await world.wait()
    await world.wait(5 * HOUR)
    assert world.reported == []
    await world.wait(HOUR)
    assert world.reported == ["Phone"]
    device = world.device()
    assert await async_remove_config_entry_device(world.home, world.account, device)
    dr.async_get(world.home).async_remove_device(device.id)
    assert world.reported == []
    await world.wait(24 * HOUR)
    assert world.reported == []


@pytest.mark.parametrize("last_seen", [365 * 86_400, 3600, "soon", None])
async def test_a_time_in_the_future_or_unreadable_counts_as_now(world: World, last_seen: Any) -> None:
    seen = time.time() + last_seen if isinstance(last_seen, int) else last_seen
    item = {"sid": "phone-1", "label": "Phone", "online": False, "last_seen": seen}
    world.simulator.fault(LIST, "nonsense", count=99, body={"success": True, "items": [item]})
    await world.reload()
    await world.wait(5 * HOUR)
    assert world.reported == []
    await world.wait(HOUR)
    (issue,) = world.issues.values()
    assert issue.translation_placeholders
    since = datetime.strptime(issue.translation_placeholders["since"], "%Y-%m-%d %H:%M")
    passed = datetime.now(UTC) - since.replace(tzinfo=ZoneInfo("Europe/Budapest"))
    assert timedelta(hours=6) <= passed < timedelta(hours=6, minutes=2)


# Found by name


async def test_a_phone_is_found_by_id_sid_and_either_name(world: World) -> None:
    world.service.phones.append(Phone(sid="phone-2", label="Tablet"))
    await world.wait()
    phones, device = world.account.runtime_data.phones, world.device("phone-2")
    dr.async_get(world.home).async_update_device(device.id, name_by_user="Study")
    for text in (device.id, "phone-2", "Tablet", " tablet ", "STUDY"):
        found = phones.find(text)
        assert found and found.sid == "phone-2", text
    for text in ("", "phone-3", "Anna", device.id[:-1]):
        assert phones.find(text) is None, text
    # An app that is installed again has another SID and the same name. The one that is listed is found.
    world.service.phones = [Phone(sid="phone-1-anew")]
    await world.wait()
    found = phones.find("Phone")
    assert found and found.sid == "phone-1-anew"
