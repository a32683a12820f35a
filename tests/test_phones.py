"""Phones: found by what people call them, and the user hears of one that has been offline for too long."""

from datetime import UTC, datetime, timedelta
import time
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.issue_registry import IssueEntry
from homeassistant.helpers.translation import async_get_translations
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smsmobileapi import async_remove_config_entry_device
from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.phones import devices_of
from simulator import Account, Phone, Simulator

from .conftest import add_account, settle
from .test_phone_entities import LIST, pass_time

HOUR = 60


def offline_issues(home: HomeAssistant) -> dict[str, IssueEntry]:
    """Return the issues of phones that are offline, by the phones' names."""
    return {
        issue.translation_placeholders["phone"]: issue
        for (domain, issue_id), issue in ir.async_get(home).issues.items()
        if domain == DOMAIN
        and issue_id.startswith("phone_offline")
        and issue.active
        and issue.translation_placeholders
    }


def told(home: HomeAssistant) -> list[str]:
    return list(offline_issues(home))


async def set_options(home: HomeAssistant, account: SmsMobileApiConfigEntry, **options: Any) -> None:
    home.config_entries.async_update_entry(account, options={**account.options, **options})
    await settle(home)


def put_offline(service_account: Account, sid: str = "phone-1") -> None:
    phone = service_account.phone(sid)
    assert phone
    phone.online, phone.last_seen = False, time.time()


@pytest.fixture
def two_phones(service_account: Account) -> None:
    service_account.phones = [Phone(sid="phone-1", label="Kitchen"), Phone(sid="phone-2", label="Tablet")]


# Offline for too long


async def test_a_phone_that_is_offline_for_too_long_is_told_of_once(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    two_phones: None,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    changes = async_capture_events(home, ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED)
    put_offline(service_account)
    for _ in range(23):
        await pass_time(home, freezer)
    assert told(home) == []
    for _ in range(6):
        await pass_time(home, freezer)
        assert told(home) == ["Kitchen"]
    assert [change.data["action"] for change in changes] == ["create"]
    service_account.phones[0].online = True
    await pass_time(home, freezer)
    assert told(home) == []
    # It begins anew.
    put_offline(service_account)
    await pass_time(home, freezer, 5 * HOUR)
    assert told(home) == []
    await pass_time(home, freezer, HOUR)
    assert told(home) == ["Kitchen"]


async def test_it_is_said_in_words_that_help(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    dr.async_get(home).async_update_device(
        devices_of(home, account)["phone-1"].id, name_by_user="Mum's phone"
    )
    put_offline(service_account)
    since = datetime.now(ZoneInfo("Europe/Budapest")).strftime("%Y-%m-%d %H:%M")
    await pass_time(home, freezer, 7 * HOUR)
    (issue,) = offline_issues(home).values()
    assert not issue.is_fixable
    assert issue.severity is ir.IssueSeverity.WARNING
    assert issue.data == {"entry_id": account.entry_id}
    placeholders = issue.translation_placeholders
    assert placeholders
    texts = await async_get_translations(home, "en", "issues", {DOMAIN})
    where = f"component.{DOMAIN}.issues.phone_offline"
    assert texts[f"{where}.title"].format(**placeholders) == "SMSMobileAPI: Mum's phone is offline"
    description = texts[f"{where}.description"].format(**placeholders)
    assert since in description
    assert "battery optimisation" in description


@pytest.mark.parametrize("hours", [1, 6, 100])
async def test_the_option_says_how_long(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    hours: int,
) -> None:
    await set_options(home, account, offline_hours=hours)
    put_offline(service_account)
    await pass_time(home, freezer, hours * HOUR - 15)
    assert told(home) == []
    await pass_time(home, freezer)
    assert told(home) == ["Phone"]


async def test_no_hours_are_never(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    await set_options(home, account, offline_hours=0)
    put_offline(service_account)
    for days in (1, 7, 100):
        await pass_time(home, freezer, days * 24 * HOUR)
        assert told(home) == []


async def test_a_change_of_the_option_counts_at_once(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    put_offline(service_account)
    await pass_time(home, freezer, 2 * HOUR)
    assert told(home) == []
    await set_options(home, account, offline_hours=1)
    assert told(home) == ["Phone"]
    await set_options(home, account, offline_hours=3)
    assert told(home) == []
    await set_options(home, account, offline_hours=1)
    assert told(home) == ["Phone"]
    await set_options(home, account, offline_hours=0)
    assert told(home) == []


async def test_who_ignores_it_is_not_told_again(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    put_offline(service_account)
    await pass_time(home, freezer, 7 * HOUR)
    issue_id = offline_issues(home)["Phone"].issue_id
    ir.async_get(home).async_ignore(DOMAIN, issue_id, True)
    await pass_time(home, freezer)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await pass_time(home, freezer, HOUR)
    assert offline_issues(home)["Phone"].dismissed_version
    # The next time is another time.
    service_account.phones[0].online = True
    await pass_time(home, freezer)
    put_offline(service_account)
    await pass_time(home, freezer, 7 * HOUR)
    assert not offline_issues(home)["Phone"].dismissed_version


async def test_a_phone_that_was_offline_before_the_restart_is_told_of_at_once(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones[0].online = False
    service_account.phones[0].last_seen = time.time() - 7 * 3600
    account = await add_account(home, simulator)
    assert told(home) == ["Phone"]
    await home.config_entries.async_unload(account.entry_id)
    assert told(home) == []
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert told(home) == ["Phone"]
    await home.config_entries.async_remove(account.entry_id)
    assert told(home) == []


async def test_a_phone_that_is_not_listed_any_more_is_offline_too(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    two_phones: None,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    service_account.phones.pop()
    await pass_time(home, freezer)
    await pass_time(home, freezer, 5 * HOUR)
    assert told(home) == []
    await pass_time(home, freezer, HOUR)
    assert told(home) == ["Tablet"]
    device = devices_of(home, account)["phone-2"]
    assert await async_remove_config_entry_device(home, account, device)
    dr.async_get(home).async_remove_device(device.id)
    assert told(home) == []
    await pass_time(home, freezer, 24 * HOUR)
    assert told(home) == []


async def test_of_phones_that_nobody_says_are_offline_nobody_is_told(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    simulator: Simulator,
) -> None:
    """Not while the list can't be read, and not where it does not say it of each."""
    simulator.fault(LIST, "html", count=2)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await pass_time(home, freezer, 24 * HOUR)
    assert simulator.faults.waiting == []
    assert told(home) == []
    service_account.phones.append(Phone(sid="phone-2", online=False, last_seen=1_790_000_000))
    service_account.phone_format = "bare"
    await pass_time(home, freezer, 24 * HOUR)
    assert told(home) == []


async def test_an_unreadable_list_takes_no_issue_away(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    simulator: Simulator,
) -> None:
    put_offline(service_account)
    await pass_time(home, freezer, 7 * HOUR)
    simulator.fault(LIST, "html")
    await pass_time(home, freezer)
    assert told(home) == ["Phone"]


@pytest.mark.parametrize("dress", ["sid", "sIdentifiant", "sIdentifiantPhone"])
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
async def test_since_when_is_read_in_the_homes_zone(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    simulator: Simulator,
    service_account: Account,
    dress: Any,
    zone: str,
) -> None:
    await home.config.async_update(time_zone=zone)
    service_account.time_zone, service_account.phone_format = ZoneInfo(zone), dress
    service_account.phones[0].online = False
    service_account.phones[0].last_seen = time.time() - 5 * 3600
    await add_account(home, simulator)
    assert told(home) == []
    await pass_time(home, freezer, HOUR)
    assert told(home) == ["Phone"]


@pytest.mark.parametrize("last_seen", [365 * 86_400, 3600, "soon", None])
async def test_a_time_to_come_is_no_time(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    simulator: Simulator,
    service_account: Account,
    last_seen: Any,
) -> None:
    seen = time.time() + last_seen if isinstance(last_seen, int) else last_seen
    item = {"sid": "s", "label": "Phone", "online": False, "last_seen": seen}
    simulator.fault(LIST, "nonsense", count=9, body={"success": True, "items": [item]})
    await add_account(home, simulator)
    await pass_time(home, freezer, 5 * HOUR)
    assert told(home) == []
    await pass_time(home, freezer, HOUR)
    assert told(home) == ["Phone"]
    (issue,) = offline_issues(home).values()
    placeholders = issue.translation_placeholders
    assert placeholders
    since = datetime.strptime(placeholders["since"], "%Y-%m-%d %H:%M").replace(
        tzinfo=ZoneInfo("Europe/Budapest")
    )
    assert timedelta(hours=6) <= datetime.now(UTC) - since < timedelta(hours=6, minutes=2)


async def test_each_account_tells_of_its_own(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
) -> None:
    """Though both list the same phone."""
    theirs = simulator.add_account("k-2")
    other = await add_account(home, simulator, "k-2")
    put_offline(theirs)
    await pass_time(home, freezer, 7 * HOUR)
    assert [issue.data for issue in offline_issues(home).values()] == [{"entry_id": other.entry_id}]
    await home.config_entries.async_unload(account.entry_id)
    assert told(home) == ["Phone"]


# Found


async def test_a_phone_is_found_by_what_people_call_it(
    home: HomeAssistant, two_phones: None, account: SmsMobileApiConfigEntry
) -> None:
    phones = account.runtime_data.phones
    device = devices_of(home, account)["phone-2"]
    dr.async_get(home).async_update_device(device.id, name_by_user="Study")
    for wanted in (device.id, "phone-2", "Tablet", " tablet ", "STUDY"):
        found = phones.find(wanted)
        assert found
        assert found.sid == "phone-2"
    for wanted in ("", "phone-3", "Anna", devices_of(home, account)["phone-1"].id[:-1]):
        assert phones.find(wanted) is None


async def test_a_phone_that_is_there_comes_before_one_that_has_gone(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    """One whose app was installed again has another SID and the same name."""
    service_account.phones = [Phone(sid="phone-1-anew")]
    await pass_time(home, freezer)
    found = account.runtime_data.phones.find("Phone")
    assert found
    assert found.sid == "phone-1-anew"
