"""Calls by poll: what the webhook does not bring the lists do, once, in order, and nothing of the past."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import time
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import CoreState, Event, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import EVENT_CALL
from simulator import Account, Simulator, call_data
from simulator.records import Call

from .conftest import add_account, add_contact, settle
from .test_phones import pass_time

ANNA = "+36301234567"
BEN = "+36207654321"
DIRECTIONS: tuple[Any, ...] = ("missed", "incoming", "outgoing")
DAY = 24 * 60
TIME_DRESSES = ("seconds", "milliseconds", "compact", "compact_ms", "naive", "iso")

type Calls = list[Event[dict[str, Any]]]


@pytest.fixture
def calls(home: HomeAssistant) -> Calls:
    events: Calls = async_capture_events(home, EVENT_CALL)
    return events


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    """Poll now, for calls too."""
    account.runtime_data.coordinator._calls_at = None
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


def numbers(calls: Calls) -> list[str]:
    return [call.data["number"] for call in calls]


def ago(**passed: float) -> float:
    return time.time() - timedelta(**passed).total_seconds()


# What is told


@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_a_polled_call_is_told_once(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    calls: Calls,
    direction: Any,
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    freezer.tick(timedelta(minutes=5))
    at = int(time.time())
    service_account.add_call(direction, ANNA, name="Anna K.", duration=65, at=at)
    for _ in range(4):
        await pass_time(home, freezer, 10)
    (told,) = calls
    assert told.data == {
        "config_entry_id": account.entry_id,
        "direction": direction,
        "number": ANNA,
        "name": "Anna K.",
        "contact": "Anna",
        # The list of missed calls has none.
        "duration": None if direction == "missed" else 65,
        "started_at": datetime.fromtimestamp(at, UTC).isoformat(),
        "phone": None,
    }
    state = home.states.get("event.smsmobileapi_call")
    assert state
    assert (state.attributes["event_type"], state.attributes["number"]) == (direction, ANNA)
    assert account.runtime_data.inbox.counts["call by poll"] == 1


@pytest.mark.parametrize("zone", ["Europe/Budapest", "America/New_York", "Asia/Kathmandu"])
@pytest.mark.parametrize("dress", TIME_DRESSES)
async def test_every_way_of_writing_a_time_is_read(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    calls: Calls,
    dress: Any,
    zone: str,
) -> None:
    await home.config.async_update(time_zone=zone)
    service_account.time_zone, service_account.time_format = ZoneInfo(zone), dress
    for direction in DIRECTIONS:
        service_account.add_call(direction, ANNA, at=ago(hours=1))
    account = await add_account(home, simulator)
    at = int(time.time())
    for direction in DIRECTIONS:
        service_account.add_call(direction, ANNA, at=at)
    for _ in range(3):
        await poll(home, account)
    assert [call.data["direction"] for call in calls] == [*DIRECTIONS]
    assert {call.data["started_at"] for call in calls} == {datetime.fromtimestamp(at, UTC).isoformat()}


@pytest.mark.parametrize("dress", ["given", "plus", "plain", "zeros", "integer"])
@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_every_way_of_writing_a_number_is_read(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    calls: Calls,
    direction: Any,
    dress: Any,
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    service_account.number_format = dress
    service_account.add_call(direction, ANNA)
    await poll(home, account)
    assert [(call.data["number"], call.data["contact"]) for call in calls] == [(ANNA, "Anna")]


@pytest.mark.parametrize(
    ("written", "number", "contact"),
    [
        ("06 30 123 4567", ANNA, "Anna"),
        ("0036 (30) 123-4567", ANNA, "Anna"),
        ("", None, None),
        ("Anonymous", "Anonymous", None),
        ("1234", "1234", None),
    ],
)
@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_odd_numbers_are_told(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    calls: Calls,
    direction: Any,
    written: str,
    number: str | None,
    contact: str | None,
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    service_account.add_call(direction, written)
    for _ in range(2):
        await poll(home, account)
    assert [(call.data["number"], call.data["contact"]) for call in calls] == [(number, contact)]


async def test_what_is_no_call_does_not_stop_the_calls(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    calls: Calls,
) -> None:
    rows: list[Any] = [None, [], {}, {"number": None, "date": None}, {"number": ANNA, "date": time.time()}]
    simulator.fault("/call/missed/list/", "nonsense", body={"success": True, "data": rows})
    await poll(home, account)
    assert numbers(calls) == [ANNA]


# Nothing of the past


async def test_calls_from_before_the_account_was_added_are_never_told(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    simulator: Simulator,
    service_account: Account,
    calls: Calls,
) -> None:
    for direction in DIRECTIONS:
        for days in (0.001, 1, 10, 100):
            service_account.add_call(direction, ANNA, at=ago(days=days))
        # The service lists it when the account is there already.
        service_account.add_call(direction, BEN, at=ago(minutes=1), delay=600)
    account = await add_account(home, simulator)
    for _ in range(6):
        await pass_time(home, freezer, 10)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert calls == []
    service_account.add_call("missed", BEN)
    await pass_time(home, freezer, 10)
    assert numbers(calls) == [BEN]


async def test_after_a_key_of_another_account_its_calls_of_the_past_are_not_told(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    calls: Calls,
) -> None:
    await pass_time(home, freezer, 3 * DAY)
    other = simulator.add_account("k-2", time_zone=ZoneInfo("Europe/Budapest"))
    other.add_call("missed", BEN, at=ago(days=1))
    history = {"until": int(time.time()), "keys": [], "noted_at": int(time.time())}
    home.config_entries.async_update_entry(
        account, data={**account.data, "api_key": "k-2", "history": history}
    )
    await settle(home)
    assert "history" not in account.data
    freezer.tick(timedelta(minutes=1))
    other.add_call("missed", ANNA)
    await pass_time(home, freezer, 20)
    assert numbers(calls) == [ANNA]


async def test_a_phone_that_was_offline_brings_what_is_not_too_old(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    calls: Calls,
) -> None:
    await pass_time(home, freezer, 30 * DAY)
    for days in (1, 13, 15, 29):
        service_account.add_call("missed", f"+3630{days:07}", at=ago(days=days))
    await poll(home, account)
    assert numbers(calls) == ["+36300000013", "+36300000001"]


async def test_a_call_that_the_ledger_has_forgotten_does_not_come_back(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    calls: Calls,
) -> None:
    service_account.add_call("missed", ANNA)
    await pass_time(home, freezer, 10)
    for day in range(40):
        service_account.receive(BEN, f"{day}")
        await pass_time(home, freezer, DAY)
    # It has the messages of the last month, and no call any more.
    assert account.runtime_data.ledger.size <= 33 * 2
    assert numbers(calls) == [ANNA]


# Not lost


async def test_calls_that_are_listed_late_are_told_with_their_own_time(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    calls: Calls,
) -> None:
    freezer.tick(timedelta(minutes=1))
    at = int(time.time())
    service_account.add_call("missed", ANNA, at=at, delay=595)
    service_account.add_call("missed", BEN, at=at + 30)
    await pass_time(home, freezer, 9.5)
    assert numbers(calls) == [BEN]
    for _ in range(3):
        await pass_time(home, freezer, 10)
    # Though a newer one was told before.
    assert numbers(calls) == [BEN, ANNA]
    assert calls[1].data["started_at"] == datetime.fromtimestamp(at, UTC).isoformat()


async def test_a_late_call_behind_many_that_are_known_is_told(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    calls: Calls,
) -> None:
    """A phone that was offline brings it behind those of another phone."""
    for index in range(40):
        service_account.add_call("missed", f"+3630{index:07}", at=time.time() + index)
    freezer.tick(timedelta(minutes=1))
    await poll(home, account)
    service_account.add_call("missed", ANNA, at=ago(seconds=50))
    await poll(home, account)
    assert numbers(calls)[40:] == [ANNA]


async def test_many_calls_at_once_are_told_in_order(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    calls: Calls,
) -> None:
    freezer.tick(timedelta(hours=1))
    begin = int(time.time()) - 3000
    for index in range(360):
        service_account.add_call(DIRECTIONS[index % 3], f"+3630{index:07}", at=begin + 3 * index)
    simulator.requests.clear()
    await poll(home, account)
    assert numbers(calls) == [f"+3630{index:07}" for index in range(360)]
    offsets = [request.fields.get("offset") for request in simulator.requests if "/missed/" in request.path]
    assert offsets == [None, "50", "100"]
    simulator.requests.clear()
    await poll(home, account)
    assert len(calls) == 360
    offsets = [request.fields.get("offset") for request in simulator.requests if "/missed/" in request.path]
    assert offsets == [None]


async def test_calls_of_the_time_when_nobody_was_there_are_told(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    calls: Calls,
) -> None:
    service_account.add_call("incoming", ANNA)
    await pass_time(home, freezer, 10)
    await home.config_entries.async_unload(account.entry_id)
    freezer.tick(timedelta(hours=1))
    service_account.add_call("missed", BEN)
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert numbers(calls) == [ANNA, BEN]


async def test_held_calls_are_told_once_somebody_listens(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    simulator: Simulator,
    calls: Calls,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(f"/api/webhook/{account.data['webhook_id']}"))
    await home.config_entries.async_unload(account.entry_id)
    freezer.tick(timedelta(minutes=1))
    service_account.add_call("missed", ANNA)
    home.set_state(CoreState.starting)
    # It goes down before it has started: what was only held comes again.
    for _ in range(2):
        await home.config_entries.async_setup(account.entry_id)
        await settle(home)
        assert calls == []
        await home.config_entries.async_unload(account.entry_id)
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    freezer.tick(timedelta(minutes=1))
    by_webhook = service_account.add_call("missed", BEN)
    for made in (service_account.calls[0], by_webhook):
        status = await simulator.deliver_v2(service_account, "call.missed", call_data(made))
        assert status == HTTPStatus.ACCEPTED
    assert calls == []
    home.set_state(CoreState.running)
    home.bus.async_fire("homeassistant_started")
    await settle(home)
    await poll(home, account)
    assert numbers(calls) == [ANNA, BEN]


# Not doubled


@pytest.fixture
async def webhook(
    account: SmsMobileApiConfigEntry, service_account: Account, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """The service knows the webhook."""
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(f"/api/webhook/{account.data['webhook_id']}"))


async def bring(simulator: Simulator, service_account: Account, made: Call, seconds: float = 0) -> None:
    """Bring a call by V2, its time rounded otherwise."""
    call_at = datetime.fromtimestamp(made.at + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    data = call_data(made) | {"call_at": call_at}
    status = await simulator.deliver_v2(service_account, f"call.{made.direction}", data)
    assert status == HTTPStatus.ACCEPTED


@pytest.mark.parametrize("seconds", [-1, 0, 1])
@pytest.mark.parametrize("first", ["webhook", "poll"])
@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_a_call_by_webhook_and_poll_is_one(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    webhook: None,
    simulator: Simulator,
    calls: Calls,
    direction: Any,
    first: str,
    seconds: int,
) -> None:
    # The webhook has it as the phone wrote it, the lists as the service does.
    service_account.number_format = "plain"
    made = service_account.add_call(direction, ANNA, at=time.time() + 5)
    if first == "webhook":
        await bring(simulator, service_account, made, seconds)
        await poll(home, account)
    else:
        await poll(home, account)
        await bring(simulator, service_account, made, seconds)
    await bring(simulator, service_account, made, seconds)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await bring(simulator, service_account, made, seconds)
    await poll(home, account)
    assert numbers(calls) == [ANNA]


async def test_two_calls_of_one_minute_are_two(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    webhook: None,
    simulator: Simulator,
    calls: Calls,
) -> None:
    at = int(time.time()) + 5
    first, second = (service_account.add_call("missed", ANNA, at=at + seconds) for seconds in (0, 2))
    await bring(simulator, service_account, first)
    await poll(home, account)
    assert len(calls) == 2
    await bring(simulator, service_account, second)
    assert len(calls) == 2


async def test_each_account_polls_its_own(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, calls: Calls
) -> None:
    theirs = simulator.add_account("k-2", time_zone=ZoneInfo("Europe/Budapest"))
    other = await add_account(home, simulator, "k-2")
    theirs.add_call("missed", ANNA)
    for entry in (account, other):
        await poll(home, entry)
    assert [call.data["config_entry_id"] for call in calls] == [other.entry_id]


# Calls whose time nobody can read


async def test_calls_without_a_readable_time_are_told_when_they_appear(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    simulator: Simulator,
    service_account: Account,
    calls: Calls,
) -> None:
    service_account.time_format = "unreadable"
    for direction in DIRECTIONS:
        service_account.add_call(direction, BEN, at=ago(days=1))
    account = await add_account(home, simulator)
    for _ in range(3):
        await poll(home, account)
    assert calls == []
    for direction in DIRECTIONS:
        service_account.add_call(direction, ANNA)
        await poll(home, account)
    assert [(call.data["direction"], call.data["number"]) for call in calls] == [
        (direction, ANNA) for direction in DIRECTIONS
    ]
    # The same number again is another call.
    freezer.tick(timedelta(minutes=1))
    service_account.add_call("missed", ANNA)
    for _ in range(3):
        await poll(home, account)
        freezer.tick(timedelta(minutes=10))
    assert len(calls) == 4
    assert datetime.now(UTC) - datetime.fromisoformat(calls[3].data["started_at"]) < timedelta(minutes=31)
    # Which of them are new after a restart nobody can tell.
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await poll(home, account)
    assert len(calls) == 4


async def test_a_list_without_readable_times_is_asked_for_once(
    home: HomeAssistant, simulator: Simulator, service_account: Account, calls: Calls
) -> None:
    service_account.time_format = "unreadable"
    for index in range(120):
        service_account.add_call("missed", f"+3630{index:07}", at=ago(days=1))
    account = await add_account(home, simulator)
    simulator.requests.clear()
    await poll(home, account)
    assert [request.path for request in simulator.requests].count("/call/missed/list/") == 1
    assert calls == []


async def test_the_webhook_comes_before_a_list_without_readable_times(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    webhook: None,
    simulator: Simulator,
    calls: Calls,
) -> None:
    """Nothing would tell that they are the same calls."""
    await bring(simulator, service_account, service_account.add_call("missed", ANNA, at=time.time() + 5))
    service_account.time_format = "unreadable"
    await poll(home, account)
    await bring(simulator, service_account, service_account.add_call("missed", BEN, at=time.time() + 9))
    await poll(home, account)
    assert numbers(calls) == [ANNA, BEN]
