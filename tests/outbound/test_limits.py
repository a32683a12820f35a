"""The limits: what was sent is counted over a restart, a kill, and a clock that jumps."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator

from ..conftest import add_account, settle

ANNA = "+36301234567"


@pytest.fixture
def saved(hass_storage: dict[str, Any]) -> dict[str, Any]:
    """What is on the disk; listed before the account, it is all of it."""
    return hass_storage


async def send(home: HomeAssistant, **data: Any) -> str | None:
    """Send as an automation does; return the key of the error, if there is one."""
    try:
        await home.services.async_call(
            "smsmobileapi", "send_message", {"recipients": ANNA, "message": "hi", **data}, blocking=True
        )
    except HomeAssistantError as err:
        return err.translation_key
    return None


async def set_limits(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, per_minute: int, per_day: int
) -> None:
    home.config_entries.async_update_entry(
        account, options={"messages_per_minute": per_minute, "messages_per_day": per_day}
    )
    await settle(home)


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(home)
    await settle(home)


async def kill(home: HomeAssistant, account: SmsMobileApiConfigEntry, saved: dict[str, Any]) -> None:
    """Go down without a word and come back to what was on the disk then."""
    on_disk = deepcopy(saved)
    await home.config_entries.async_unload(account.entry_id)
    saved.clear()
    saved.update(on_disk)
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED


async def test_a_restart_does_not_begin_anew(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    for _ in range(20):
        await send(home)
    await home.config_entries.async_unload(account.entry_id)
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert await send(home) == "limit_minute"
    assert len(service_account.sent) == 20


async def test_a_kill_forgets_at_most_a_second(
    saved: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    await set_limits(home, account, 5, 200)
    for _ in range(5):
        await send(home)
        # Each within a second of the one before: the first must not wait for the last.
        await pass_time(home, freezer, seconds=0.8)
    await pass_time(home, freezer, seconds=0.3)
    await kill(home, account, saved)
    assert await send(home) == "limit_minute"
    assert len(service_account.sent) == 5


async def test_what_was_given_back_is_not_counted_after_a_kill(
    saved: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
) -> None:
    await set_limits(home, account, 1, 1)
    simulator.fault("/sendsms/", "status", status=400)
    assert await send(home) == "refused"
    await pass_time(home, freezer, seconds=1.1)
    await kill(home, account, saved)
    assert await send(home) is None


async def test_lower_and_higher_limits_hold_at_once(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    for _ in range(3):
        await send(home)
    await set_limits(home, account, 3, 200)
    assert await send(home) == "limit_minute"
    await set_limits(home, account, 100, 2)
    assert await send(home) == "limit_day"
    await set_limits(home, account, 4, 4)
    assert [await send(home), await send(home)] == [None, "limit_day"]
    assert len(service_account.sent) == 4


async def test_each_account_has_its_own(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    for _ in range(20):
        assert await send(home, account=account.entry_id) is None
    assert await send(home, account=account.entry_id) == "limit_minute"
    assert await send(home, account=other.entry_id) is None


async def test_they_leave_one_by_one(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    """Any sixty seconds count, not those of a clock's minute."""
    await set_limits(home, account, 3, 200)
    for _ in range(3):
        assert await send(home) is None
        freezer.tick(timedelta(seconds=15))
    for _ in range(3):
        assert await send(home) == "limit_minute"
        freezer.tick(timedelta(seconds=15))
        assert [await send(home), await send(home)] == [None, "limit_minute"]
    assert len(service_account.sent) == 6


# The clock jumps.


@pytest.mark.parametrize("back", [1, 90, 3600])
@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_clock_that_is_put_back_forgets_nothing(
    saved: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    back: int,
    is_killed: bool,
) -> None:
    """As time servers do, by a second or by an hour."""
    await set_limits(home, account, 100, 3)
    for _ in range(3):
        assert await send(home) is None
    await pass_time(home, freezer, seconds=1.1)
    freezer.tick(timedelta(seconds=-back - 2))
    if is_killed:
        await kill(home, account, saved)
    assert await send(home) == "limit_day"
    assert len(service_account.sent) == 3


async def test_a_clock_that_was_years_ahead_stops_nobody_for_longer_than_a_day(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    await set_limits(home, account, 100, 3)
    freezer.tick(timedelta(days=3650))
    for _ in range(3):
        assert await send(home) is None
    freezer.tick(timedelta(days=-3650))
    await send(home)
    freezer.tick(timedelta(days=1, seconds=1))
    assert await send(home) is None


async def test_a_clock_that_is_put_on_does_not_stop_sending(
    freezer: FrozenDateTimeFactory, home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    """A computer without a clock of its own starts in the past."""
    await set_limits(home, account, 1, 1)
    assert [await send(home), await send(home)] == [None, "limit_day"]
    freezer.tick(timedelta(days=300))
    assert await send(home) is None
