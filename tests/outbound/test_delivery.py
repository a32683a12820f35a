"""Delivery: one message goes out exactly once, whatever goes wrong on its way, and its sender learns the truth."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import itertools
import time
from typing import Any
from unittest.mock import AsyncMock
from zoneinfo import ZoneInfo

import aiohttp
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest

from simulator import Account, SentMessage, Simulator

from .sending import (
    ANNA,
    BELA,
    HIGH_LIMITS,
    LOG,
    NOON,
    REFUSED,
    SEND,
    SIX,
    SIX_SECOND,
    TEXT,
    Clock,
    Entry,
    Gate,
    Log,
    Patch,
    assert_private,
    change_log,
    do_not_wait,
    error_of,
    guids,
    other_message,
    our_lines,
    outcome,
    pass_time,
    record_waits,
    reload,
    requests,
    search_log,
    send,
    sent_in_a_day,
    set_options,
    until,
)

MAYBE_SENT = "may_have_been_sent"
EMPTY_LOG = {"body": {"result": {"sms": []}}}

type Options = dict[str, Any]


@pytest.fixture
def waits(monkeypatch: Patch) -> list[float]:
    """The seconds that delivery waits; it does not wait in fact."""
    return record_waits(monkeypatch)


@pytest.fixture
async def roomy(home: HomeAssistant, account: Entry) -> Entry:
    """The account, with high limits."""
    await set_options(home, account, **HIGH_LIMITS)
    return account


async def ids(home: HomeAssistant, recipients: Any = ANNA, **data: Any) -> list[str]:
    return [row["message_id"] for row in await send(home, recipients, **data)]


async def send_with_timeout(
    home: HomeAssistant, monkeypatch: Patch, is_reached: Callable[[], Any]
) -> str | None:
    """Send with a short timeout until the request that hangs has reached the service; return the key of the error."""
    with monkeypatch.context() as patched:
        timeout = aiohttp.ClientTimeout(total=1)
        patched.setattr("custom_components.smsmobileapi.api.client.TIMEOUT", timeout)
        sending = asyncio.create_task(outcome(home))
        await until(is_reached)
    return await sending


# A request that was not accepted is made again.


@pytest.mark.usefixtures("roomy")
async def test_a_message_that_was_not_accepted_is_sent_again(
    home: HomeAssistant, simulator: Simulator, service_account: Account, waits: list[float]
) -> None:
    table: list[tuple[str, Options]] = [
        ("status", {"status": 503, "count": 3}),
        ("html", {"status": 503, "count": 3}),
        ("empty", {"status": 503, "count": 3}),
        ("status", {"status": 429, "retry_after": 1, "count": 3}),
    ]
    for kind, options in table:
        simulator.reset()
        waits.clear()
        simulator.fault(SEND, kind, **options)
        assert await ids(home) == guids(service_account), kind
        assert len(service_account.sent) == 1, kind
        assert len(waits) == options["count"], kind
        assert requests(service_account, LOG) == [], kind


@pytest.mark.usefixtures("account")
async def test_a_refused_connection_is_tried_again(
    home: HomeAssistant, simulator: Simulator, service_account: Account, waits: list[float]
) -> None:
    port = int(simulator.url.rpartition(":")[2])
    await simulator.stop()
    sending = asyncio.create_task(ids(home))
    await until(lambda: waits)
    await simulator.start(port=port)
    assert await sending == guids(service_account)
    assert len(service_account.sent) == 1


@pytest.mark.parametrize("has_name", [True, False])
async def test_a_service_that_can_not_be_reached_was_sent_nothing(
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    monkeypatch: Patch,
    waits: list[float],
    has_name: bool,
) -> None:
    await simulator.stop()
    await asyncio.sleep(0.05)
    if not has_name:
        unknown = AsyncMock(side_effect=OSError("Name or service not known"))
        monkeypatch.setattr(aiohttp.TCPConnector, "_resolve_host", unknown)
    assert await outcome(home) == "cannot_connect"
    assert len(waits) == 3
    assert sent_in_a_day(account) == 0


@pytest.mark.usefixtures("account")
async def test_each_wait_is_longer_and_no_two_are_the_same(
    home: HomeAssistant, simulator: Simulator, service_account: Account, waits: list[float]
) -> None:
    """Else all homes would come back in the same second."""
    simulator.fault(SEND, "status", status=503, count=8)
    assert [await outcome(home), await outcome(home)] == ["cannot_connect"] * 2
    first, second = waits[:3], waits[3:]
    for waited in (first, second):
        for wait, shortest in zip(waited, (1, 2, 4), strict=True):
            assert shortest <= wait <= shortest + 1
    assert first != second
    assert service_account.sent == []


@pytest.mark.usefixtures("roomy")
async def test_a_busy_service_is_waited_for_as_long_as_it_says_but_never_for_minutes(
    home: HomeAssistant, simulator: Simulator, service_account: Account, waits: list[float]
) -> None:
    for seconds in (0, 1, 7, 30):
        waits.clear()
        simulator.fault(SEND, "status", status=429, retry_after=seconds)
        await send(home)
        assert waits == [seconds]
    waits.clear()
    for text in (31, 3600, None, "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "soon", "9" * 400):
        simulator.reset()
        simulator.fault(SEND, "status", status=429, retry_after=text)
        assert await outcome(home) == "rate_limited", text
        assert (waits, len(requests(service_account)), service_account.sent) == ([], 1, []), text
    service_account.state, service_account.retry_after = "limited", 5
    simulator.reset()
    assert await outcome(home) == "rate_limited"
    assert len(requests(service_account)) == 4
    assert waits == [5, 5, 5]


# A message that may have been accepted is looked for first.

UNKNOWN: list[tuple[str, Options]] = [
    *(("status", {"status": status}) for status in (500, 502, 504)),
    *(("html", {"status": status}) for status in (200, 302, 502)),
    ("empty", {}),
    ("empty", {"status": 500}),
    ("nonsense", {}),
    ("nonsense", {"body": None}),
    ("nonsense", {"body": {"result": None}}),
    ("nonsense", {"body": {"result": {"error": 0, "sent": "1"}}}),
    ("nonsense", {"body": {"result": {"error": 0, "sent": "1", "id": ""}}}),
    ("big", {"mib": 9}),
]


@pytest.mark.usefixtures("roomy")
async def test_without_an_answer_an_accepted_message_is_found_and_another_sent_once_more(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    accepted: list[tuple[str, Options]] = [
        *((kind, {**options, "taken": True}) for kind, options in UNKNOWN),
        ("cut", {}),
        ("drop_after", {}),
    ]
    for kind, options in accepted:
        simulator.reset()
        simulator.fault(SEND, kind, **options)
        assert await ids(home) == guids(service_account), (kind, options)
        assert len(service_account.sent) == len(requests(service_account)) == 1, (kind, options)
    for kind, options in [*UNKNOWN, ("drop_before", {})]:
        simulator.reset()
        simulator.fault(SEND, kind, **options)
        assert await ids(home) == guids(service_account), (kind, options)
        assert len(service_account.sent) == 1, (kind, options)
        assert len(requests(service_account)) == 2, (kind, options)
        assert requests(service_account, LOG), (kind, options)


@pytest.mark.usefixtures("account")
async def test_a_request_that_hangs_is_given_up_and_its_message_found(
    home: HomeAssistant, simulator: Simulator, service_account: Account, monkeypatch: Patch
) -> None:
    simulator.fault(SEND, "hang_after", seconds=30)
    assert await send_with_timeout(home, monkeypatch, lambda: service_account.sent) is None
    assert len(service_account.sent) == len(requests(service_account)) == 1


@pytest.mark.usefixtures("roomy")
async def test_the_second_request_is_looked_for_too(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    for channel, second in (("sms", "drop_before"), ("sms", "drop_after"), ("whatsapp", "drop_after")):
        simulator.reset()
        simulator.fault(SEND, "drop_before")
        simulator.fault(SEND, second)
        is_sent = second == "drop_after"
        assert await outcome(home, channel=channel) == (None if is_sent else MAYBE_SENT)
        assert len(requests(service_account)) == 2
        assert len(service_account.sent) == is_sent


@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize("first", ["drop_before", "drop_after"])
async def test_where_the_log_can_not_be_read_nothing_is_sent_again(
    home: HomeAssistant, simulator: Simulator, service_account: Account, first: str
) -> None:
    table: list[tuple[str, Options]] = [
        ("status", {"status": 500}),
        ("status", {"status": 503, "count": 4}),
        ("status", {"status": 429, "retry_after": 3600}),
        ("status", {"status": 403}),
        ("status", {"status": 404}),
        ("html", {}),
        ("empty", {}),
        ("nonsense", {"body": ["nonsense"], "count": 3}),
        ("nonsense", {"body": {"result": {"sms": ["nonsense"]}}, "count": 3}),
        ("nonsense", {"body": {"result": {"sms": "none"}}}),
        ("big", {"mib": 9}),
        ("cut", {}),
        # aiohttp by itself repeats a GET on a connection that was kept open.
        ("drop_before", {"count": 2}),
    ]
    for kind, options in table:
        simulator.reset()
        simulator.fault(SEND, first)
        simulator.fault(LOG, kind, **options)
        assert await outcome(home) == MAYBE_SENT, (kind, options)
        assert len(requests(service_account)) == 1, (kind, options)
        assert len(service_account.sent) == (first == "drop_after"), (kind, options)


@pytest.mark.usefixtures("roomy")
async def test_a_log_that_fails_or_hangs_at_the_last_look_does_not_tell_either(
    home: HomeAssistant, simulator: Simulator, service_account: Account, monkeypatch: Patch
) -> None:
    for kind, options in (("status", {"status": 500}), ("hang_after", {"seconds": 30})):
        simulator.reset()
        simulator.fault(SEND, "drop_before")
        simulator.fault(LOG, "nonsense", **EMPTY_LOG, count=2)
        simulator.fault(LOG, kind, **options)
        key = await send_with_timeout(home, monkeypatch, lambda: len(requests(service_account, LOG)) == 3)
        assert key == MAYBE_SENT
        assert len(requests(service_account)) == 1


@pytest.mark.usefixtures("roomy")
async def test_a_log_that_is_slow_busy_or_late_is_waited_for(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    """The service may still be working on a request that the client has given up."""
    table: list[tuple[str, str, Options]] = [
        *(
            (first, kind, options)
            for first in ("drop_before", "drop_after")
            for kind, options in (
                ("status", {"status": 503, "count": 3}),
                ("status", {"status": 429, "retry_after": 0}),
                ("delay", {"seconds": 0.05}),
            )
        ),
        ("drop_after", "nonsense", {**EMPTY_LOG, "count": 2}),
        ("drop_after", "nonsense", {"body": {"error": "nothing found", "result": {"sms": []}}, "count": 2}),
    ]
    for first, kind, options in table:
        simulator.reset()
        simulator.fault(SEND, first)
        simulator.fault(LOG, kind, **options)
        assert await ids(home) == guids(service_account), (first, kind)
        assert len(service_account.sent) == 1, (first, kind)


@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize("how", [{"encrypt": True}, {"short_links": True}])
async def test_where_the_log_may_have_the_text_in_another_form_it_is_neither_read_nor_sent_again(
    home: HomeAssistant, simulator: Simulator, service_account: Account, how: Options
) -> None:
    for kind, options in (("drop_after", {}), ("drop_before", {}), ("status", {"status": 500})):
        simulator.reset()
        simulator.fault(SEND, kind, **options)
        assert await outcome(home, **how) == MAYBE_SENT
        assert (len(requests(service_account)), requests(service_account, LOG)) == (1, [])
    simulator.fault(SEND, "status", status=503)
    assert await outcome(home, **how) is None


# What the log looks like is a guess.


def naive(zone: str) -> Callable[[SentMessage], Options]:
    return lambda sent: {"datetime": f"{datetime.fromtimestamp(sent.at, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"}


def date_and_hour(zone: str) -> Callable[[SentMessage], Options]:
    def fields(sent: SentMessage) -> Options:
        at = datetime.fromtimestamp(sent.at, ZoneInfo(zone))
        return {"date": f"{at:%Y-%m-%d}", "hour": f"{at:%H:%M:%S}"}

    return fields


TIMES: dict[str, Callable[[SentMessage], Options]] = {
    "seconds": lambda sent: {"timestamp_unix": int(sent.at)},
    "milliseconds as text": lambda sent: {"timestamp_unix": str(int(sent.at * 1000))},
    "UTC": lambda sent: {"datetime": f"{datetime.fromtimestamp(sent.at, UTC):%Y-%m-%dT%H:%M:%SZ}"},
    "naive": naive("Europe/Budapest"),
    "naive, far west": naive("Etc/GMT+12"),
    "naive, far east": naive("Pacific/Kiritimati"),
    "date and hour, far east": date_and_hour("Pacific/Kiritimati"),
    "unreadable": lambda _: {"timestamp_unix": "soon", "date": "?", "hour": "?"},
    "none": lambda _: {},
}


def change_times(monkeypatch: Patch, times: Callable[[SentMessage], Options]) -> None:
    def change(row: Options, sent: SentMessage) -> Options:
        kept = {name: value for name, value in row.items() if name not in {"timestamp_unix", "date", "hour"}}
        return {**kept, **times(sent)}

    change_log(monkeypatch, change)


@pytest.mark.usefixtures("roomy", "waits")
@pytest.mark.parametrize("now", ["2026-01-15 10:00:00+00:00", "2026-07-15 23:59:58+00:00"])
async def test_a_message_is_found_however_the_log_writes_its_time(
    freezer: Clock,
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: Patch,
    now: str,
) -> None:
    freezer.move_to(now)
    for name, times in TIMES.items():
        simulator.reset()
        change_times(monkeypatch, times)
        for kinds in ([], ["drop_after"], ["drop_before"], ["drop_after"]):
            for kind in kinds:
                simulator.fault(SEND, kind)
            await send(home)
        assert len(service_account.sent) == 4, name
        monkeypatch.undo()
        record_waits(monkeypatch)


@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize("finds", [True, False])
async def test_a_message_is_found_however_the_log_writes_its_number(
    home: HomeAssistant, simulator: Simulator, service_account: Account, monkeypatch: Patch, finds: bool
) -> None:
    """Also where its search finds nothing; and with other blanks in the text."""
    if not finds:
        search_log(monkeypatch, finds=False)
    change_log(monkeypatch, lambda row, _: {**row, "message": row["message"].replace("\r\n", " ")})
    text = "Two lines\r\nand  *signs*: ő 🚰 &amp; 100 %"
    for written in ("given", "plus", "plain", "zeros", "integer"):
        service_account.number_format = written  # type: ignore[assignment]  # one of its values
        for channel in ("sms", "whatsapp"):
            simulator.reset()
            for kind in ("drop_after", "drop_before", "drop_after"):
                simulator.fault(SEND, kind)
                await send(home, message=text, channel=channel)
            assert len(service_account.sent) == 3, (written, channel)
    service_account.number_format = "given"
    for number in ("12345", "112", "+442079460958", "+15551234567"):
        simulator.reset()
        for kind in ("drop_after", "drop_before"):
            simulator.fault(SEND, kind)
            await send(home, number)
        assert len(service_account.sent) == 2, number


@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize("first", ["drop_before", "drop_after"])
async def test_a_log_whose_fields_have_other_names_does_not_tell(
    home: HomeAssistant, simulator: Simulator, service_account: Account, monkeypatch: Patch, first: str
) -> None:
    for name in ("guid", "number", "message"):
        simulator.reset()
        await send(home)

        def rename(row: Options, _: SentMessage, name: str = name) -> Options:
            return {f"the_{key}" if key == name else key: value for key, value in row.items() if key != "id"}

        with monkeypatch.context() as patched:
            change_log(patched, rename)
            simulator.fault(SEND, first)
            assert await outcome(home) == MAYBE_SENT, name
        assert len(requests(service_account)) == 2, name


# Later.


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("has_send_time", [False, True])
async def test_a_scheduled_message_is_found_by_either_of_its_times(
    freezer: Clock,
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: Patch,
    has_send_time: bool,
) -> None:
    do_not_wait(monkeypatch)
    freezer.move_to(NOON)
    if has_send_time:
        change_log(monkeypatch, lambda row, sent: {**row, "timestamp_unix": sent.scheduled})
    for channel in ("sms", "whatsapp"):
        for kind in ("drop_after", "drop_before"):
            simulator.fault(SEND, kind)
            await send(home, send_at=SIX, channel=channel)
    assert [message.scheduled for message in service_account.sent] == [SIX_SECOND] * 4
    assert len({*guids(service_account)}) == 4


# The same text, sent on purpose or by others.


@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize("at_once", [False, True])
async def test_the_same_text_sent_twice_on_purpose_arrives_twice(
    home: HomeAssistant, simulator: Simulator, service_account: Account, at_once: bool
) -> None:
    """Also where the outcome of one or both is unknown at first."""
    kinds = [None, "drop_before", "drop_after"]
    for first, second in itertools.product(kinds, repeat=2):
        simulator.reset()
        sent = []
        for kind in (first, second):
            # What fails is the first request of each.
            if kind:
                simulator.fault(SEND, kind)
            elif second:
                simulator.fault(SEND, "delay", seconds=0)
            if not at_once:
                sent.append(await ids(home))
            elif kind == "drop_before":
                # Its second request comes before the other message's.
                simulator.fault(SEND, "delay", seconds=0)
        if at_once:
            sent = await asyncio.gather(*(ids(home) for _ in range(2)))
        assert len(service_account.sent) == len({one for (one,) in sent}) == 2, (first, second)


async def test_a_message_from_before_a_reload_is_not_taken_for_this_one(
    home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account
) -> None:
    (before,) = await ids(home)
    await reload(home, account)
    simulator.fault(SEND, "drop_before")
    assert await ids(home) != [before]
    assert len(service_account.sent) == 2


@pytest.mark.usefixtures("account")
async def test_a_message_to_a_number_that_ends_alike_is_not_taken_for_this_one(
    home: HomeAssistant, simulator: Simulator, service_account: Account, monkeypatch: Patch
) -> None:
    """Only the network's code differs, and the search finds too much."""
    search_log(monkeypatch, finds=True)
    both = [ANNA, "+36701234567"]
    simulator.fault(SEND, "drop_before")
    simulator.fault(SEND, "drop_after")
    await send(home, both)
    assert sorted(message.fields["recipients"] for message in service_account.sent) == both


@pytest.mark.usefixtures("roomy", "waits")
async def test_a_message_of_another_program_is_not_taken_for_this_one(
    freezer: Clock, home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    """Which sent the same text at another time, or another text now."""
    freezer.move_to(NOON)
    now = time.time()
    table: list[tuple[str, float, Options]] = [
        (TEXT, now - 7 * 60, {}),
        (TEXT, now - 3 * 3600 - 11 * 60, {}),
        (TEXT, SIX_SECOND - 7200, {"send_at": SIX}),
        (TEXT, SIX_SECOND + 3600, {"send_at": SIX}),
        (f"{TEXT} Now.", now, {}),
        (TEXT.replace("kitchen ", ""), now, {}),
    ]
    for text, at, data in table:
        simulator.reset()
        other_message(service_account, text, at)
        simulator.fault(SEND, "drop_before")
        (message_id,) = await ids(home, **data)
        assert guids(service_account) == ["other", message_id], (text, at)


@pytest.mark.usefixtures("waits")
async def test_a_message_of_last_week_is_not_taken_for_this_one_where_no_time_can_be_read(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: Patch,
) -> None:
    change_times(monkeypatch, TIMES["unreadable"])
    await send(home)
    await reload(home, account)
    freezer.tick(timedelta(days=7))
    await send(home, BELA)
    simulator.fault(SEND, "drop_before")
    await send(home)
    assert len(service_account.sent) == 3


# Many.


async def test_of_hundreds_of_which_each_tenth_loses_its_answer_each_arrives_once(
    home: HomeAssistant, roomy: Entry, simulator: Simulator, service_account: Account
) -> None:
    for _ in range(20):
        simulator.fault(SEND, "delay", seconds=0, count=9)
        simulator.fault(SEND, "drop_after")
    everybody = [f"+36301{number:06}" for number in range(100)]
    # Each gets the same text twice, on purpose.
    first, again = await asyncio.gather(ids(home, everybody), ids(home, everybody))
    assert len(service_account.sent) == len(requests(service_account)) == 200
    assert {*first, *again} == set(guids(service_account))
    assert sent_in_a_day(roomy) == 200


@pytest.mark.usefixtures("roomy")
async def test_four_are_sent_at_a_time(
    home: HomeAssistant, simulator: Simulator, service_account: Account, monkeypatch: Patch
) -> None:
    """In one action or in many."""
    gate = Gate(simulator, monkeypatch, SEND)
    everybody = [f"+36301{number:06}" for number in range(40)]
    sends = (ids(home, everybody[:30]), *(ids(home, number) for number in everybody[30:]))
    sending = asyncio.gather(*sends)
    await gate.is_reached(4)
    await asyncio.sleep(0.1)
    assert gate.reached == 4
    gate.open()
    await sending
    assert len(service_account.sent) == 40


@pytest.mark.usefixtures("roomy")
async def test_one_that_fails_stops_none_of_the_others_and_each_is_named(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    table: list[tuple[str, Options]] = [
        ("status", {"status": 429, "retry_after": 3600}),
        ("status", {"status": 400}),
        ("nonsense", {"body": {"result": {"error": 2}}}),
    ]
    for kind, options in table:
        simulator.fault(SEND, kind, **options)
    err = await error_of(home, recipients=[f"+36301{number:06}" for number in range(12)])
    assert err.translation_key == "some_not_sent"
    placeholders = err.translation_placeholders or {}
    assert placeholders["sent"].count("…") == len(service_account.sent) == 9
    assert placeholders["not_sent"].count("+36…") == 3


# What the user has to do.


def issues(home: HomeAssistant) -> set[str | None]:
    registry = ir.async_get(home)
    keys = {
        issue.translation_key for (domain, _), issue in registry.issues.items() if domain == "smsmobileapi"
    }
    return keys - {"no_address"}


async def test_a_refused_key_is_asked_for_once(
    home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    service_account.state = "unknown"
    assert [await outcome(home) for _ in range(3)] == ["invalid_auth"] * 3
    assert await outcome(home, [ANNA, BELA]) == "some_not_sent"
    assert len(list(account.async_get_active_flows(home, {"reauth"}))) == 1


@pytest.mark.parametrize("answer", ["status", "result"])
async def test_an_ended_subscription_is_shown_until_something_works_again(
    freezer: Clock, home: HomeAssistant, account: Entry, service_account: Account, answer: Any
) -> None:
    """A message, a poll, or the set-up of the account."""
    service_account.refusal_format = answer
    coordinator = account.runtime_data.coordinator

    async def send_one() -> None:
        await outcome(home)

    for works in (send_one, coordinator.async_refresh):
        service_account.state = "expired"
        assert await outcome(home) == "subscription_expired"
        assert issues(home) == {"subscription_expired"}
        service_account.state = "good"
        await works()
        assert issues(home) == set()
    service_account.state = "expired"
    await reload(home, account)
    assert account.state is ConfigEntryState.SETUP_RETRY
    assert issues(home) == {"subscription_expired"}
    service_account.state = "good"
    await pass_time(home, freezer, minutes=2)
    assert account.state is ConfigEntryState.LOADED
    assert issues(home) == set()
    assert list(account.async_get_active_flows(home, {"reauth"})) == []


# Private things.


async def test_private_things_stay_out_of_logs_and_errors(
    home: HomeAssistant, roomy: Entry, simulator: Simulator, caplog: Log
) -> None:
    """Also where the service repeats what it was sent."""
    key = "k-0123456789abcdef"
    table: list[tuple[str, Options]] = [
        ("status", {"status": 503, "count": 9}),
        ("status", {"status": 429, "count": 9}),
        ("status", {"status": 500, "count": 9}),
        ("drop_before", {"count": 9}),
        ("cut", {"count": 9}),
        ("big", {"mib": 9, "count": 3}),
        ("nonsense", {"body": [{"number": ANNA, "message": TEXT}], "count": 9}),
        ("nonsense", {"body": {"result": {"error": f"no {ANNA}", "note": f"{ANNA[1:]}: {TEXT} {key}"}}}),
        ("nonsense", {"body": {"result": {"sent": "0", "note": f"00{ANNA[1:]} {TEXT} {key}"}}}),
        ("nonsense", {"body": {"success": False, "error": f"{key} {ANNA}"}, "status": 400}),
        ("status", {"status": 404, "error": f"{key} {ANNA} {TEXT}"}),
        ("status", {"status": 500, "error": f"{key} {ANNA} {TEXT}", "count": 9}),
        ("nonsense", REFUSED),
    ]
    for kind, options in table:
        simulator.reset()
        caplog.clear()
        simulator.fault(SEND, kind, **options)
        simulator.fault(LOG, "status", status=500, count=9)
        with pytest.raises(HomeAssistantError) as caught:
            await send(home, [ANNA, BELA])
        assert_private(roomy, our_lines(caplog), caught.value)
