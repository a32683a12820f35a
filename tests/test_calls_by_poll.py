"""Calls by poll: what the webhook does not bring the lists do, once, in order, and nothing of the past (promises 1 to 3)."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import time
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import CoreState, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator, call_data
from simulator.records import Call

from .conftest import add_account, add_contact
from .inbound.installation import Installation, install
from .inbound.service import ANNA, BEN

DIRECTIONS: tuple[Any, ...] = ("missed", "incoming", "outgoing")
TIME_FORMATS: tuple[Any, ...] = ("seconds", "milliseconds", "compact", "compact_ms", "naive", "iso")
DAY = 24 * 60


@pytest.fixture
async def ha(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client_no_auth: ClientSessionGenerator,
) -> Installation:
    """Home Assistant with an account; its clock stands still."""
    return await install(home, account, simulator, service_account, hass_client_no_auth)


def ago(**passed: float) -> float:
    return time.time() - timedelta(**passed).total_seconds()


async def pass_minutes(ha: Installation, freezer: FrozenDateTimeFactory, minutes: float = 10) -> None:
    """Let time pass, and the poll that is due then: after ten minutes it lists calls."""
    freezer.tick(timedelta(minutes=minutes))
    await ha.poll()


# What is fired.


@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_a_polled_call_is_fired_once(
    ha: Installation, freezer: FrozenDateTimeFactory, direction: Any
) -> None:
    await add_contact(ha.hass, ha.entry, "Anna", ANNA)
    freezer.tick(timedelta(minutes=5))
    at = int(time.time())
    ha.account.add_call(direction, ANNA, name="Anna K.", duration=65, at=at)
    for _ in range(4):
        await ha.pass_time(freezer, minutes=10)
    (fired,) = ha.calls
    assert fired.data == {
        "config_entry_id": ha.entry.entry_id,
        "direction": direction,
        "number": ANNA,
        "name": "Anna K.",
        "contact": "Anna",
        # The list of missed calls has none.
        "duration": None if direction == "missed" else 65,
        "started_at": datetime.fromtimestamp(at, UTC).isoformat(),
        "phone": None,
        "trust": "polled",
    }
    state = ha.hass.states.get("event.smsmobileapi_call")
    assert state
    assert (state.attributes["event_type"], state.attributes["number"]) == (direction, ANNA)
    assert ha.entry.runtime_data.inbox.counts["call by poll"] == 1


@pytest.mark.parametrize("zone", ["Europe/Budapest", "America/New_York", "Asia/Kathmandu"])
async def test_every_way_of_writing_a_time_is_read(
    ha: Installation, freezer: FrozenDateTimeFactory, zone: str
) -> None:
    await ha.hass.config.async_update(time_zone=zone)
    ha.account.time_zone = ZoneInfo(zone)
    for time_format in TIME_FORMATS:
        ha.account.time_format = time_format
        ha.account.calls.clear()
        ha.calls.clear()
        freezer.tick(timedelta(minutes=1))
        at = int(time.time())
        for direction in DIRECTIONS:
            ha.account.add_call(direction, ANNA, at=at)
        for _ in range(2):
            await pass_minutes(ha, freezer)
        assert [call.data["direction"] for call in ha.calls] == [*DIRECTIONS], time_format
        assert {call.data["started_at"] for call in ha.calls} == {datetime.fromtimestamp(at, UTC).isoformat()}


@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_every_way_of_writing_a_number_is_read(
    ha: Installation, freezer: FrozenDateTimeFactory, direction: Any
) -> None:
    await add_contact(ha.hass, ha.entry, "Anna", ANNA)
    formats: tuple[Any, ...] = ("plus", "plain", "zeros", "integer")
    cases: list[tuple[Any, str, str | None, str | None]] = [
        *((number_format, ANNA, ANNA, "Anna") for number_format in formats),
        ("given", "06 30 123 4567", ANNA, "Anna"),
        ("given", "0036 (30) 123-4567", ANNA, "Anna"),
        ("given", "", None, None),
        ("given", "Anonymous", "Anonymous", None),
        ("given", "1234", "1234", None),
    ]
    for number_format, written, number, contact in cases:
        ha.account.number_format = number_format
        ha.account.calls.clear()
        ha.calls.clear()
        ha.account.add_call(direction, written)
        for _ in range(2):
            await pass_minutes(ha, freezer)
        fired = [(call.data["number"], call.data["contact"]) for call in ha.calls]
        assert fired == [(number, contact)], (number_format, written)


# Nothing of the past.


async def test_calls_from_before_the_account_was_added_are_never_fired(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    await ha.hass.config_entries.async_remove(ha.entry.entry_id)
    for direction in DIRECTIONS:
        for days in (0.001, 1, 10, 100):
            ha.account.add_call(direction, ANNA, at=ago(days=days))
        # The service lists it when the account is there already.
        ha.account.add_call(direction, BEN, at=ago(minutes=1), delay=600)
    ha.entry = await add_account(ha.hass, ha.simulator)
    for _ in range(3):
        await pass_minutes(ha, freezer)
    await ha.reload()
    assert ha.calls == []
    ha.account.add_call("missed", BEN)
    await pass_minutes(ha, freezer)
    assert ha.numbers == [BEN]


async def test_a_phone_that_was_offline_brings_what_is_not_too_old(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    ha.act_on_old_texts()
    await pass_minutes(ha, freezer, 30 * DAY)
    for days in (1, 13, 15, 29):
        ha.account.add_call("missed", f"+3630{days:07}", at=ago(days=days))
    await pass_minutes(ha, freezer)
    assert ha.numbers == ["+36300000013", "+36300000001"]


# Not lost.


async def test_calls_that_are_listed_late_are_fired_with_their_own_time(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    """Though a newer one was fired before."""
    freezer.tick(timedelta(minutes=1))
    at = int(time.time())
    ha.account.add_call("missed", ANNA, at=at, delay=595)
    ha.account.add_call("missed", BEN, at=at + 30)
    await pass_minutes(ha, freezer, 9.5)
    assert ha.numbers == [BEN]
    for _ in range(3):
        await pass_minutes(ha, freezer)
    assert ha.numbers == [BEN, ANNA]
    assert ha.calls[1].data["started_at"] == datetime.fromtimestamp(at, UTC).isoformat()


async def test_many_calls_at_once_are_fired_in_order(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    """Page by page, down to what is known; a late one behind what is known, too."""

    async def offsets() -> list[str | None]:
        ha.simulator.requests.clear()
        await pass_minutes(ha, freezer)
        return [
            request.fields.get("offset") for request in ha.simulator.requests if "/missed/" in request.path
        ]

    freezer.tick(timedelta(hours=1))
    begin = int(time.time()) - 3000
    for index in range(360):
        ha.account.add_call(DIRECTIONS[index % 3], f"+3630{index:07}", at=begin + 3 * index)
    assert await offsets() == [None, "50", "100"]
    assert ha.numbers == [f"+3630{index:07}" for index in range(360)]
    assert await offsets() == [None]
    assert len(ha.calls) == 360
    # A phone that was offline brings it behind those of another phone.
    ha.account.add_call("missed", ANNA, at=begin + 1000)
    await offsets()
    assert ha.numbers[360:] == [ANNA]


async def test_calls_are_held_until_home_assistant_has_started(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    await ha.unload()
    freezer.tick(timedelta(minutes=1))
    ha.account.add_call("missed", ANNA)
    await ha.set_up(CoreState.starting)
    # It goes down before it has started: what was only held comes again.
    await ha.start_up()
    await ha.kill()
    freezer.tick(timedelta(minutes=1))
    by_webhook = ha.account.add_call("missed", BEN)
    for made in (ha.account.calls[0], by_webhook):
        status = await ha.simulator.deliver_v2(ha.account, "call.missed", call_data(made))
        assert status == HTTPStatus.ACCEPTED
    assert ha.calls == []
    await ha.started()
    await pass_minutes(ha, freezer)
    assert ha.numbers == [ANNA, BEN]


async def test_no_call_is_fired_while_home_assistant_stops(
    ha: Installation, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it begins to stop while they are being listed."""
    ha.account.add_call("missed", ANNA)
    client = type(ha.entry.runtime_data.client)
    calls = client.calls

    async def stopping(self: Any, *arguments: Any, **named: Any) -> Any:
        ha.hass.set_state(CoreState.stopping)
        return await calls(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(client, "calls", stopping)
        await pass_minutes(ha, freezer)
    assert ha.calls == []
    await ha.start_up()
    await ha.started()
    assert ha.numbers == [ANNA]


# Not doubled.


async def bring(ha: Installation, made: Call, seconds: float = 0) -> None:
    """Bring a call by V2, its time rounded otherwise."""
    call_at = datetime.fromtimestamp(made.at + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    data = call_data(made) | {"call_at": call_at}
    assert await ha.simulator.deliver_v2(ha.account, f"call.{made.direction}", data) == HTTPStatus.ACCEPTED


@pytest.mark.parametrize("first", ["webhook", "poll"])
@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_a_call_by_webhook_and_poll_is_one(
    ha: Installation, freezer: FrozenDateTimeFactory, direction: Any, first: str
) -> None:
    """However lists and webhook round the second."""
    # The webhook has it as the phone wrote it, the lists as the service does.
    ha.account.number_format = "plain"
    for seconds in (-1, 0, 1):
        ha.calls.clear()
        made = ha.account.add_call(direction, ANNA, at=time.time() + 5)
        if first == "webhook":
            await bring(ha, made, seconds)
            await pass_minutes(ha, freezer, 60)
        else:
            await pass_minutes(ha, freezer, 60)
            await bring(ha, made, seconds)
        await bring(ha, made, seconds)
        await ha.reload()
        await bring(ha, made, seconds)
        await pass_minutes(ha, freezer, 60)
        assert ha.numbers == [ANNA], seconds


async def test_two_calls_of_one_minute_are_two(ha: Installation, freezer: FrozenDateTimeFactory) -> None:
    at = int(time.time()) + 5
    first, second = (ha.account.add_call("missed", ANNA, at=at + seconds) for seconds in (0, 2))
    await bring(ha, first)
    await pass_minutes(ha, freezer, 60)
    assert len(ha.calls) == 2
    await bring(ha, second)
    assert len(ha.calls) == 2


# Calls whose time can't be read.


async def test_calls_without_a_readable_time_are_fired_when_they_appear(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    await ha.hass.config_entries.async_remove(ha.entry.entry_id)
    ha.account.time_format = "unreadable"
    for direction in DIRECTIONS:
        ha.account.add_call(direction, BEN, at=ago(days=1))
    ha.entry = await add_account(ha.hass, ha.simulator)
    for _ in range(3):
        await pass_minutes(ha, freezer)
    assert ha.calls == []
    for direction in DIRECTIONS:
        ha.account.add_call(direction, ANNA)
        await pass_minutes(ha, freezer)
    fired = [(call.data["direction"], call.data["number"]) for call in ha.calls]
    assert fired == [(direction, ANNA) for direction in DIRECTIONS]
    # The same number again is another call.
    freezer.tick(timedelta(minutes=1))
    ha.account.add_call("missed", ANNA)
    for _ in range(3):
        await pass_minutes(ha, freezer)
    assert len(ha.calls) == 4
    assert datetime.now(UTC) - datetime.fromisoformat(ha.calls[3].data["started_at"]) < timedelta(minutes=31)
    # Which of them are new after a restart can't be known.
    await ha.reload()
    await pass_minutes(ha, freezer)
    assert len(ha.calls) == 4


async def test_a_list_without_readable_times_is_asked_for_once(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    ha.account.time_format = "unreadable"
    for index in range(120):
        ha.account.add_call("missed", f"+3630{index:07}", at=ago(days=1))
    await ha.reload()
    ha.simulator.requests.clear()
    await pass_minutes(ha, freezer)
    assert ha.requests.count("/call/missed/list/") == 1
    assert ha.calls == []


async def test_the_webhook_comes_before_a_list_without_readable_times(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    """Nothing would show that they are the same calls."""
    await bring(ha, ha.account.add_call("missed", ANNA, at=time.time() + 5))
    ha.account.time_format = "unreadable"
    await pass_minutes(ha, freezer, 60)
    await bring(ha, ha.account.add_call("missed", BEN, at=time.time() + 9))
    await pass_minutes(ha, freezer, 60)
    assert ha.numbers == [ANNA, BEN]
