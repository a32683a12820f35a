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
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.smsmobileapi.outbound import log_search
from simulator import SentMessage

from .sending import (
    ANNA,
    BELA,
    LOG,
    NOON,
    REFUSED,
    SEND,
    SIX,
    SIX_SECOND,
    TEXT,
    Case,
    Clock,
    Log,
    Patch,
    change_log,
    do_not_wait,
    our_lines,
    record_waits,
    search_log,
    until,
)

LOOK_UPS = log_search.LOOK_UPS  # before a fixture makes them short

type Options = dict[str, Any]

MAYBE_SENT = "may_have_been_sent"
EMPTY_LOG: Options = {"body": {"result": {"sms": []}}}


@pytest.fixture
def waits(monkeypatch: Patch) -> list[float]:
    """The seconds that delivery waits; it does not wait in fact."""
    return record_waits(monkeypatch)


async def send_with_timeout(case: Case, monkeypatch: Patch, is_reached: Callable[[], Any]) -> str | None:
    """Send with a short timeout until the request that hangs has reached the service; return the key of the error."""
    with monkeypatch.context() as patched:
        timeout = aiohttp.ClientTimeout(total=1)
        patched.setattr("custom_components.smsmobileapi.api.client.TIMEOUT", timeout)
        sending = asyncio.create_task(case.outcome())
        await until(is_reached)
    return await sending


# A request that was not accepted is made again.


async def test_a_message_that_was_not_accepted_is_sent_again(roomy: Case, waits: list[float]) -> None:
    table: list[tuple[str, Options]] = [
        ("status", {"status": 503, "count": 3}),
        ("html", {"status": 503, "count": 3}),
        ("empty", {"status": 503, "count": 3}),
        ("status", {"status": 429, "retry_after": 1, "count": 3}),
    ]
    for kind, options in table:
        roomy.simulator.reset()
        waits.clear()
        roomy.fault(SEND, kind, **options)
        assert await roomy.ids() == roomy.guids, kind
        assert len(roomy.sent) == 1, kind
        assert len(waits) == options["count"], kind
        assert roomy.requests(LOG) == [], kind


async def test_a_refused_connection_is_tried_again(case: Case, waits: list[float]) -> None:
    port = int(case.simulator.url.rpartition(":")[2])
    await case.simulator.stop()
    sending = asyncio.create_task(case.ids())
    await until(lambda: waits)
    await case.simulator.start(port=port)
    assert await sending == case.guids
    assert len(case.sent) == 1


@pytest.mark.parametrize("has_name", [True, False])
async def test_a_service_that_can_not_be_reached_was_sent_nothing(
    case: Case, monkeypatch: Patch, waits: list[float], has_name: bool
) -> None:
    await case.simulator.stop()
    await asyncio.sleep(0.05)
    if not has_name:
        unknown = AsyncMock(side_effect=OSError("Name or service not known"))
        monkeypatch.setattr(aiohttp.TCPConnector, "_resolve_host", unknown)
    assert await case.outcome() == "cannot_connect"
    assert len(waits) == 3
    assert case.sent_in_a_day == 0


async def test_each_wait_is_longer_and_no_two_are_the_same(case: Case, waits: list[float]) -> None:
    """Else all homes would come back in the same second."""
    case.fault(SEND, "status", status=503, count=8)
    assert [await case.outcome(), await case.outcome()] == ["cannot_connect"] * 2
    first, second = waits[:3], waits[3:]
    for waited in (first, second):
        for wait, shortest in zip(waited, (1, 2, 4), strict=True):
            assert shortest <= wait <= shortest + 1
    assert first != second
    assert case.sent == []


async def test_a_busy_service_is_waited_for_as_long_as_it_says_but_never_for_minutes(
    roomy: Case, waits: list[float]
) -> None:
    for seconds in (0, 1, 7, 30):
        waits.clear()
        roomy.fault(SEND, "status", status=429, retry_after=seconds)
        await roomy.send()
        assert waits == [seconds]
    waits.clear()
    for text in (31, 3600, None, "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "soon", "9" * 400):
        roomy.simulator.reset()
        roomy.fault(SEND, "status", status=429, retry_after=text)
        assert await roomy.outcome() == "rate_limited", text
        assert (waits, len(roomy.requests()), roomy.sent) == ([], 1, []), text
    roomy.service.state, roomy.service.retry_after = "limited", 5
    roomy.simulator.reset()
    assert await roomy.outcome() == "rate_limited"
    assert len(roomy.requests()) == 4
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


async def test_without_an_answer_an_accepted_message_is_found_and_another_sent_once_more(roomy: Case) -> None:
    accepted: list[tuple[str, Options]] = [
        *((kind, {**options, "taken": True}) for kind, options in UNKNOWN),
        ("cut", {}),
        ("drop_after", {}),
    ]
    for kind, options in accepted:
        roomy.simulator.reset()
        roomy.fault(SEND, kind, **options)
        assert await roomy.ids() == roomy.guids, (kind, options)
        assert len(roomy.sent) == len(roomy.requests()) == 1, (kind, options)
    for kind, options in [*UNKNOWN, ("drop_before", {})]:
        roomy.simulator.reset()
        roomy.fault(SEND, kind, **options)
        assert await roomy.ids() == roomy.guids, (kind, options)
        assert len(roomy.sent) == 1, (kind, options)
        assert len(roomy.requests()) == 2, (kind, options)
        assert roomy.requests(LOG), (kind, options)


async def test_a_request_that_hangs_is_given_up_and_its_message_found(case: Case, monkeypatch: Patch) -> None:
    case.fault(SEND, "hang_after", seconds=30)
    assert await send_with_timeout(case, monkeypatch, lambda: case.sent) is None
    assert len(case.sent) == len(case.requests()) == 1


async def test_a_service_that_lists_a_message_late_does_not_get_it_twice(
    case: Case, waits: list[float], monkeypatch: Patch
) -> None:
    """It has the request that the client has given up, and shows the message 62 seconds later."""
    monkeypatch.setattr(log_search, "LOOK_UPS", LOOK_UPS)
    case.fault(SEND, "drop_after")
    case.fault(LOG, "nonsense", **EMPTY_LOG, count=4)
    assert await case.ids() == case.guids
    assert waits == [0.5, 2, 5, 15, 40]
    assert len(case.sent) == len(case.requests()) == 1


async def test_the_second_request_is_looked_for_too(roomy: Case) -> None:
    for channel, second in (("sms", "drop_before"), ("sms", "drop_after"), ("whatsapp", "drop_after")):
        roomy.simulator.reset()
        roomy.fault(SEND, "drop_before")
        roomy.fault(SEND, second)
        is_sent = second == "drop_after"
        assert await roomy.outcome(channel=channel) == (None if is_sent else MAYBE_SENT)
        assert len(roomy.requests()) == 2
        assert len(roomy.sent) == is_sent


@pytest.mark.parametrize("first", ["drop_before", "drop_after"])
async def test_where_the_log_can_not_be_read_nothing_is_sent_again(roomy: Case, first: str) -> None:
    table: list[tuple[str, Options]] = [
        ("status", {"status": 500}),
        ("status", {"status": 503}),
        ("status", {"status": 429, "retry_after": 3600}),
        ("status", {"status": 403}),
        ("status", {"status": 404}),
        ("html", {}),
        ("empty", {}),
        ("nonsense", {"body": ["nonsense"]}),
        ("nonsense", {"body": {"result": {"sms": ["nonsense"]}}}),
        ("nonsense", {"body": {"result": {"sms": "none"}}}),
        ("big", {"mib": 9}),
        ("cut", {}),
        # aiohttp by itself repeats a GET on a connection that was kept open.
        ("drop_before", {"count": 10}),
    ]
    for kind, options in table:
        roomy.simulator.reset()
        roomy.fault(SEND, first)
        # At each of the five looks.
        roomy.fault(LOG, kind, **{"count": 5, **options})
        assert await roomy.outcome() == MAYBE_SENT, (kind, options)
        assert len(roomy.requests()) == 1, (kind, options)
        assert len(roomy.sent) == (first == "drop_after"), (kind, options)


async def test_a_log_that_fails_or_hangs_at_the_last_look_does_not_tell_either(
    roomy: Case, monkeypatch: Patch
) -> None:
    for kind, options in (("status", {"status": 500}), ("hang_after", {"seconds": 30})):
        roomy.simulator.reset()
        roomy.fault(SEND, "drop_before")
        roomy.fault(LOG, "nonsense", **EMPTY_LOG, count=4)
        roomy.fault(LOG, kind, **options)
        key = await send_with_timeout(roomy, monkeypatch, lambda: len(roomy.requests(LOG)) == 5)
        assert key == MAYBE_SENT
        assert len(roomy.requests()) == 1


async def test_a_log_that_is_slow_busy_or_late_is_waited_for(roomy: Case) -> None:
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
        roomy.simulator.reset()
        roomy.fault(SEND, first)
        roomy.fault(LOG, kind, **options)
        assert await roomy.ids() == roomy.guids, (first, kind)
        assert len(roomy.sent) == 1, (first, kind)


@pytest.mark.parametrize("how", [{"encrypt": True}, {"short_links": True}])
async def test_where_the_log_may_have_the_text_in_another_form_it_is_neither_read_nor_sent_again(
    roomy: Case, how: Options
) -> None:
    for kind, options in (("drop_after", {}), ("drop_before", {}), ("status", {"status": 500})):
        roomy.simulator.reset()
        roomy.fault(SEND, kind, **options)
        assert await roomy.outcome(**how) == MAYBE_SENT
        assert (len(roomy.requests()), roomy.requests(LOG)) == (1, [])
    roomy.fault(SEND, "status", status=503)
    assert await roomy.outcome(**how) is None


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


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("now", ["2026-01-15 10:00:00+00:00", "2026-07-15 23:59:58+00:00"])
async def test_a_message_is_found_however_the_log_writes_its_time(
    roomy: Case, freezer: Clock, monkeypatch: Patch, now: str
) -> None:
    freezer.move_to(now)
    for name, times in TIMES.items():
        roomy.simulator.reset()
        change_times(monkeypatch, times)
        for kinds in ([], ["drop_after"], ["drop_before"], ["drop_after"]):
            for kind in kinds:
                roomy.fault(SEND, kind)
            await roomy.send()
        assert len(roomy.sent) == 4, name
        monkeypatch.undo()
        record_waits(monkeypatch)


@pytest.mark.parametrize("finds", [True, False])
async def test_a_message_is_found_however_the_log_writes_its_number(
    roomy: Case, monkeypatch: Patch, finds: bool
) -> None:
    """Also where its search finds nothing; and with other blanks in the text."""
    if not finds:
        search_log(monkeypatch, finds=False)
    change_log(monkeypatch, lambda row, _: {**row, "message": row["message"].replace("\r\n", " ")})
    text = "Two lines\r\nand  *signs*: ő 🚰 &amp; 100 %"
    for written in ("given", "plus", "plain", "zeros", "integer"):
        roomy.service.number_format = written
        for channel in ("sms", "whatsapp"):
            roomy.simulator.reset()
            for kind in ("drop_after", "drop_before", "drop_after"):
                roomy.fault(SEND, kind)
                await roomy.send(message=text, channel=channel)
            assert len(roomy.sent) == 3, (written, channel)
    roomy.service.number_format = "given"
    for number in ("12345", "112", "+442079460958", "+15551234567"):
        roomy.simulator.reset()
        for kind in ("drop_after", "drop_before"):
            roomy.fault(SEND, kind)
            await roomy.send(number)
        assert len(roomy.sent) == 2, number


@pytest.mark.parametrize("first", ["drop_before", "drop_after"])
async def test_a_log_whose_fields_have_other_names_does_not_tell(
    roomy: Case, monkeypatch: Patch, first: str
) -> None:
    for name in ("guid", "number", "message"):
        roomy.simulator.reset()
        await roomy.send()

        def rename(row: Options, _: SentMessage, name: str = name) -> Options:
            return {f"the_{key}" if key == name else key: value for key, value in row.items() if key != "id"}

        with monkeypatch.context() as patched:
            change_log(patched, rename)
            roomy.fault(SEND, first)
            assert await roomy.outcome() == MAYBE_SENT, name
        assert len(roomy.requests()) == 2, name


# Later.


@pytest.mark.parametrize("has_send_time", [False, True])
async def test_a_scheduled_message_is_found_by_either_of_its_times(
    case: Case, freezer: Clock, monkeypatch: Patch, has_send_time: bool
) -> None:
    do_not_wait(monkeypatch)
    freezer.move_to(NOON)
    if has_send_time:
        change_log(monkeypatch, lambda row, sent: {**row, "timestamp_unix": sent.scheduled})
    for channel in ("sms", "whatsapp"):
        for kind in ("drop_after", "drop_before"):
            case.fault(SEND, kind)
            await case.send(send_at=SIX, channel=channel)
    assert [message.scheduled for message in case.sent] == [SIX_SECOND] * 4
    assert len({*case.guids}) == 4


# The same text, sent on purpose or by others.


@pytest.mark.parametrize("at_once", [False, True])
async def test_the_same_text_sent_twice_on_purpose_arrives_twice(roomy: Case, at_once: bool) -> None:
    """Also where the outcome of one or both is unknown at first."""
    kinds = [None, "drop_before", "drop_after"]
    for first, second in itertools.product(kinds, repeat=2):
        roomy.simulator.reset()
        sent = []
        for kind in (first, second):
            # What fails is the first request of each.
            if kind:
                roomy.fault(SEND, kind)
            elif second:
                roomy.fault(SEND, "delay", seconds=0)
            if not at_once:
                sent.append(await roomy.ids())
            elif kind == "drop_before":
                # Its second request comes before the other message's.
                roomy.fault(SEND, "delay", seconds=0)
        if at_once:
            sent = await asyncio.gather(*(roomy.ids() for _ in range(2)))
        assert len(roomy.sent) == len({one for (one,) in sent}) == 2, (first, second)


async def test_a_message_from_before_a_reload_is_not_taken_for_this_one(case: Case) -> None:
    (before,) = await case.ids()
    await case.reload()
    case.fault(SEND, "drop_before")
    assert await case.ids() != [before]
    assert len(case.sent) == 2


async def test_a_message_to_a_number_that_ends_alike_is_not_taken_for_this_one(
    case: Case, monkeypatch: Patch
) -> None:
    """Only the network's code differs, and the search finds too much."""
    search_log(monkeypatch, finds=True)
    both = [ANNA, "+36701234567"]
    case.fault(SEND, "drop_before")
    case.fault(SEND, "drop_after")
    await case.send(both)
    assert sorted(message.fields["recipients"] for message in case.sent) == both


@pytest.mark.usefixtures("waits")
async def test_a_message_of_another_program_is_not_taken_for_this_one(roomy: Case, freezer: Clock) -> None:
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
        roomy.simulator.reset()
        roomy.other_message(text, at)
        roomy.fault(SEND, "drop_before")
        (message_id,) = await roomy.ids(**data)
        assert roomy.guids == ["other", message_id], (text, at)


@pytest.mark.usefixtures("waits")
async def test_a_message_of_last_week_is_not_taken_for_this_one_where_no_time_can_be_read(
    case: Case, freezer: Clock, monkeypatch: Patch
) -> None:
    change_times(monkeypatch, TIMES["unreadable"])
    await case.send()
    await case.reload()
    freezer.tick(timedelta(days=7))
    await case.send(BELA)
    case.fault(SEND, "drop_before")
    await case.send()
    assert len(case.sent) == 3


# Many.


async def test_of_hundreds_of_which_each_tenth_loses_its_answer_each_arrives_once(roomy: Case) -> None:
    for _ in range(20):
        roomy.fault(SEND, "delay", seconds=0, count=9)
        roomy.fault(SEND, "drop_after")
    everybody = [f"+36301{number:06}" for number in range(100)]
    # Each gets the same text twice, on purpose.
    first, again = await asyncio.gather(roomy.ids(everybody), roomy.ids(everybody))
    assert len(roomy.sent) == len(roomy.requests()) == 200
    assert {*first, *again} == set(roomy.guids)
    assert roomy.sent_in_a_day == 200


async def test_four_are_sent_at_a_time(roomy: Case, monkeypatch: Patch) -> None:
    """In one action or in many."""
    gate = roomy.gate(monkeypatch)
    everybody = [f"+36301{number:06}" for number in range(40)]
    sends = (roomy.ids(everybody[:30]), *(roomy.ids(number) for number in everybody[30:]))
    sending = asyncio.gather(*sends)
    await gate.is_reached(4)
    await asyncio.sleep(0.1)
    assert gate.reached == 4
    gate.open()
    await sending
    assert len(roomy.sent) == 40


async def test_one_that_fails_stops_none_of_the_others_and_each_is_named(roomy: Case) -> None:
    table: list[tuple[str, Options]] = [
        ("status", {"status": 429, "retry_after": 3600}),
        ("status", {"status": 400}),
        ("nonsense", {"body": {"result": {"error": 2}}}),
    ]
    for kind, options in table:
        roomy.fault(SEND, kind, **options)
    err = await roomy.error_of(recipients=[f"+36301{number:06}" for number in range(12)])
    assert err.translation_key == "some_not_sent"
    placeholders = err.translation_placeholders or {}
    assert placeholders["sent"].count("…") == len(roomy.sent) == 9
    assert placeholders["not_sent"].count("+36…") == 3


# What the user has to do.


def issues(case: Case) -> set[str | None]:
    registry = ir.async_get(case.home)
    keys = {
        issue.translation_key for (domain, _), issue in registry.issues.items() if domain == "smsmobileapi"
    }
    return keys - {"no_address"}


async def test_a_refused_key_is_asked_for_once(case: Case) -> None:
    case.service.state = "unknown"
    assert [await case.outcome() for _ in range(3)] == ["invalid_auth"] * 3
    assert await case.outcome([ANNA, BELA]) == "invalid_auth"
    assert len(list(case.account.async_get_active_flows(case.home, {"reauth"}))) == 1


@pytest.mark.parametrize("answer", ["status", "result"])
async def test_an_ended_subscription_is_shown_until_something_works_again(
    case: Case, freezer: Clock, answer: Any
) -> None:
    """A message, a poll, or the first poll after the set-up."""
    case.service.refusal_format = answer
    coordinator = case.account.runtime_data.coordinator

    async def send_one() -> None:
        await case.outcome()

    for works in (send_one, coordinator.async_refresh):
        case.service.state = "expired"
        assert await case.outcome() == "subscription_expired"
        assert issues(case) == {"subscription_expired"}
        case.service.state = "good"
        await works()
        assert issues(case) == set()
    case.service.state = "expired"
    await case.reload()
    assert issues(case) == {"subscription_expired"}
    case.service.state = "good"
    await case.pass_time(freezer, minutes=2)
    assert issues(case) == set()
    assert list(case.account.async_get_active_flows(case.home, {"reauth"})) == []


# Private things.


async def test_private_things_stay_out_of_logs_and_errors(roomy: Case, caplog: Log) -> None:
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
        roomy.simulator.reset()
        caplog.clear()
        roomy.fault(SEND, kind, **options)
        roomy.fault(LOG, "status", status=500, count=9)
        with pytest.raises(HomeAssistantError) as caught:
            await roomy.send([ANNA, BELA])
        roomy.assert_private(our_lines(caplog), caught.value)
