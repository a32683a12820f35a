"""Delivery: one message goes out exactly once, whatever happens on the way, and who sends it hears the truth."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import itertools
import logging
import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock
from zoneinfo import ZoneInfo

import aiohttp
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.outbound import delivery
from simulator import Account, Fault, SentMessage, Simulator

from ..conftest import KEY, settle

ANNA = "+36301234567"
TEXT = "There is water on the kitchen floor."
# A request has no answer for longer than this: it is given up.
PATIENCE = 0.6
MAYBE_SENT = "may_have_been_sent"

type Options = dict[str, Any]


@pytest.fixture(autouse=True)
def _short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    timeout = aiohttp.ClientTimeout(total=PATIENCE, connect=PATIENCE)
    monkeypatch.setattr("custom_components.smsmobileapi.api.client.TIMEOUT", timeout)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited for, in a home's seconds; nothing is."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(delivery, "asyncio", SimpleNamespace(sleep=sleep, Lock=asyncio.Lock))
    monkeypatch.setattr(delivery, "FIRST_WAIT", 1.0)
    return waited


async def send(home: HomeAssistant, recipients: Any = ANNA, text: str = TEXT, **data: Any) -> list[str]:
    """Send as an automation does; return the ids."""
    answer: Any = await home.services.async_call(
        "smsmobileapi",
        "send_message",
        {"recipients": recipients, "message": text, **data},
        blocking=True,
        return_response=True,
    )
    return [receipt["message_id"] for receipt in answer["recipients"]]


async def send_in_vain(home: HomeAssistant, recipients: Any = ANNA, **data: Any) -> str | None:
    """Send what can't be sent; return the key of the error."""
    with pytest.raises(HomeAssistantError) as caught:
        await send(home, recipients, **data)
    return caught.value.translation_key


async def raise_limits(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    home.config_entries.async_update_entry(
        account, options={"messages_per_minute": 100_000, "messages_per_day": 100_000}
    )
    await settle(home)


def requests(service_account: Account, path: str = "/sendsms/") -> int:
    return sum(request.path == path for request in service_account.requests)


def guids(service_account: Account) -> list[str]:
    return [message.guid for message in service_account.sent]


def issues(home: HomeAssistant) -> set[str]:
    return {
        issue.translation_key or ""
        for (domain, _), issue in ir.async_get(home).issues.items()
        if domain == "smsmobileapi" and issue.translation_key != "no_address"
    }


def reauth_flows(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> int:
    return len(list(account.async_get_active_flows(home, {"reauth"})))


# Where nothing can have been sent, it is tried again.


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 503, "count": 3}),
        ("html", {"status": 503, "count": 3}),
        ("empty", {"status": 503, "count": 3}),
        ("status", {"status": 429, "retry_after": 1, "count": 3}),
        ("html", {"status": 503, "count": 1}),
    ],
)
async def test_what_was_not_taken_is_tried_again(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    waits: list[float],
    kind: str,
    options: Options,
) -> None:
    simulator.fault("/sendsms/", kind, **options)
    assert await send(home) == guids(service_account)
    assert len(service_account.sent) == 1
    assert len(waits) == options["count"]
    assert requests(service_account, "/log/sent/sms/") == 0


@pytest.mark.usefixtures("account")
async def test_a_refused_connection_is_tried_again(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    waits: list[float],
) -> None:
    port = int(simulator.url.rpartition(":")[2])
    await simulator.stop()
    await asyncio.sleep(0.05)

    async def come_back(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            await simulator.start(port=port)

    monkeypatch.setattr("custom_components.smsmobileapi.outbound.delivery.asyncio.sleep", come_back)
    assert await send(home) == guids(service_account)
    assert len(waits) == 3


@pytest.mark.usefixtures("service_account")
@pytest.mark.parametrize("has_name", [True, False])
async def test_a_service_that_can_not_be_reached_was_sent_nothing(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    waits: list[float],
    has_name: bool,
) -> None:
    await simulator.stop()
    await asyncio.sleep(0.05)
    if not has_name:
        unknown = AsyncMock(side_effect=OSError("Name or service not known"))
        monkeypatch.setattr(aiohttp.TCPConnector, "_resolve_host", unknown)
    assert await send_in_vain(home) == "cannot_connect"
    assert len(waits) == 3
    assert account.runtime_data.limits.sent_in_a_day == 0


@pytest.mark.usefixtures("account")
async def test_each_wait_is_longer_and_no_two_are_the_same(
    home: HomeAssistant, simulator: Simulator, service_account: Account, waits: list[float]
) -> None:
    """Else all homes would come back in the same second."""
    simulator.fault("/sendsms/", "status", status=503, count=8)
    assert await send_in_vain(home) == "cannot_connect"
    assert await send_in_vain(home) == "cannot_connect"
    first, second = waits[:3], waits[3:]
    assert len(first) == len(second) == 3
    for waited in (first, second):
        for wait, shortest in zip(waited, (1, 2, 4), strict=True):
            assert shortest <= wait <= shortest + 1
    assert first != second
    assert service_account.sent == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("seconds", [0, 1, 7, 30])
async def test_too_many_requests_waits_as_long_as_the_service_says(
    home: HomeAssistant, simulator: Simulator, service_account: Account, waits: list[float], seconds: int
) -> None:
    simulator.fault("/sendsms/", "status", status=429, retry_after=seconds)
    await send(home)
    assert len(waits) == 1
    assert waits[0] >= seconds
    assert len(service_account.sent) == 1


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "retry_after", [31, 3600, None, "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "soon", "9" * 400]
)
async def test_nobody_waits_for_minutes(
    home: HomeAssistant, simulator: Simulator, service_account: Account, waits: list[float], retry_after: Any
) -> None:
    simulator.fault("/sendsms/", "status", status=429, retry_after=retry_after)
    assert await send_in_vain(home) == "rate_limited"
    assert waits == []
    assert requests(service_account) == 1
    assert service_account.sent == []


@pytest.mark.usefixtures("account")
async def test_it_does_not_try_for_ever(
    home: HomeAssistant, service_account: Account, waits: list[float]
) -> None:
    service_account.state, service_account.retry_after = "limited", 5
    assert await send_in_vain(home) == "rate_limited"
    assert requests(service_account) == 4
    assert waits == [5, 5, 5]


# Where it may have been sent, it is looked for first.

UNKNOWN: list[tuple[str, Options]] = [
    ("status", {"status": 500}),
    ("status", {"status": 502}),
    ("status", {"status": 504}),
    ("html", {}),
    ("html", {"status": 302}),
    ("html", {"status": 502}),
    ("html", {"status": 504}),
    ("empty", {}),
    ("empty", {"status": 500}),
    ("nonsense", {}),
    ("nonsense", {"body": None}),
    ("nonsense", {"body": {"result": None}}),
    ("nonsense", {"body": {"result": {"error": 0, "sent": "1"}}}),
    ("nonsense", {"body": {"result": {"error": 0, "sent": "1", "id": ""}}}),
    ("big", {"mib": 9}),
]
TAKEN: list[tuple[str, Options]] = [
    *((kind, {**options, "taken": True}) for kind, options in UNKNOWN),
    ("cut", {}),
    ("drop_after", {}),
    ("hang_after", {"seconds": 3 * PATIENCE}),
    ("delay", {"seconds": 3 * PATIENCE, "taken": True}),
]
NOT_TAKEN: list[tuple[str, Options]] = [*UNKNOWN, ("drop_before", {})]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("kind", "options"), TAKEN)
async def test_what_was_taken_without_an_answer_is_found_and_not_sent_again(
    home: HomeAssistant, simulator: Simulator, service_account: Account, kind: str, options: Options
) -> None:
    simulator.fault("/sendsms/", kind, **options)
    assert await send(home) == guids(service_account)
    assert len(service_account.sent) == requests(service_account) == 1


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("kind", "options"), NOT_TAKEN)
async def test_what_was_not_taken_without_an_answer_is_sent_once_more(
    home: HomeAssistant, simulator: Simulator, service_account: Account, kind: str, options: Options
) -> None:
    simulator.fault("/sendsms/", kind, **options)
    assert await send(home) == guids(service_account)
    assert len(service_account.sent) == 1
    assert requests(service_account) == 2
    assert requests(service_account, "/log/sent/sms/") > 0


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("channel", "second"), [("sms", "drop_before"), ("sms", "drop_after"), ("whatsapp", "drop_after")]
)
async def test_the_second_attempt_is_looked_for_too(
    home: HomeAssistant, simulator: Simulator, service_account: Account, channel: str, second: str
) -> None:
    simulator.fault("/sendsms/", "drop_before")
    simulator.fault("/sendsms/", second)
    if second == "drop_before":
        assert await send_in_vain(home, channel=channel) == MAYBE_SENT
    else:
        assert await send(home, channel=channel) == guids(service_account)
    assert requests(service_account) == 2
    assert len(service_account.sent) == (second == "drop_after")


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("first", ["drop_before", "drop_after"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
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
        ("hang_after", {"seconds": 3 * PATIENCE}),
    ],
)
async def test_where_nobody_can_tell_nothing_is_sent_again(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    first: str,
    kind: str,
    options: Options,
) -> None:
    simulator.fault("/sendsms/", first)
    simulator.fault("/log/sent/sms/", kind, **options)
    assert await send_in_vain(home) == MAYBE_SENT
    assert requests(service_account) == 1
    assert len(service_account.sent) == (first == "drop_after")


@pytest.mark.usefixtures("account")
async def test_a_log_that_goes_away_before_the_last_look_can_not_tell(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    simulator.fault("/sendsms/", "drop_before")
    for _ in range(2):
        simulator.fault("/log/sent/sms/", "nonsense", body={"result": {"sms": []}})
    simulator.fault("/log/sent/sms/", "status", status=500)
    assert await send_in_vain(home) == MAYBE_SENT
    assert requests(service_account) == 1


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("first", ["drop_before", "drop_after"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 503, "count": 3}),
        ("status", {"status": 429, "retry_after": 0}),
        ("delay", {"seconds": 0.05}),
    ],
)
async def test_a_log_that_is_slow_or_busy_is_waited_for(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    first: str,
    kind: str,
    options: Options,
) -> None:
    simulator.fault("/sendsms/", first)
    simulator.fault("/log/sent/sms/", kind, **options)
    assert await send(home) == guids(service_account)
    assert len(service_account.sent) == 1


@pytest.mark.usefixtures("account")
async def test_what_the_service_takes_late_is_found_late(
    home: HomeAssistant, simulator: Simulator, service_account: Account, waits: list[float]
) -> None:
    """It may still be busy with the request when the client has given it up."""
    simulator.fault("/sendsms/", "drop_after")
    simulator.fault("/log/sent/sms/", "nonsense", body={"result": {"sms": []}})
    simulator.fault("/log/sent/sms/", "nonsense", body={"result": {"sms": None}})
    assert await send(home) == guids(service_account)
    assert len(service_account.sent) == requests(service_account) == 1


# What the log looks like is a guess.


def _naive(zone: str) -> Callable[[SentMessage], Options]:
    return lambda sent: {
        "datetime": datetime.fromtimestamp(sent.at, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
    }


def _date_and_hour(zone: str) -> Callable[[SentMessage], Options]:
    def written(sent: SentMessage) -> Options:
        at = datetime.fromtimestamp(sent.at, ZoneInfo(zone))
        return {"date": f"{at:%Y-%m-%d}", "hour": f"{at:%H:%M:%S}"}

    return written


TIMES: dict[str, Callable[[SentMessage], Options]] = {
    "seconds": lambda sent: {"timestamp_unix": int(sent.at)},
    "milliseconds as text": lambda sent: {"timestamp_unix": str(int(sent.at * 1000))},
    "UTC": lambda sent: {"datetime": f"{datetime.fromtimestamp(sent.at, UTC):%Y-%m-%dT%H:%M:%SZ}"},
    "naive": _naive("Europe/Budapest"),
    "naive, far west": _naive("Etc/GMT+12"),
    "naive, far east": _naive("Pacific/Kiritimati"),
    "date and hour": _date_and_hour("Europe/Budapest"),
    "date and hour, far west": _date_and_hour("Etc/GMT+12"),
    "date and hour, far east": _date_and_hour("Pacific/Kiritimati"),
    "unreadable": lambda _: {"timestamp_unix": "soon", "date": "?", "hour": "?"},
    "none": lambda _: {},
}


def dress_log(monkeypatch: pytest.MonkeyPatch, written: Callable[[SentMessage], Options]) -> None:
    """Have the log write times in another way."""
    from simulator import sending

    plain = sending._row

    def row(service_account: Account, sent: SentMessage) -> Options:
        kept = plain(service_account, sent)
        for name in ("timestamp_unix", "date", "hour"):
            del kept[name]
        return {**kept, **written(sent)}

    monkeypatch.setattr(sending, "_row", row)


@pytest.mark.parametrize("when", ["2026-01-15 10:00:00+00:00", "2026-07-15 23:59:58+00:00"])
@pytest.mark.parametrize("dress", TIMES)
async def test_a_message_is_found_however_the_log_writes_its_time(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    waits: list[float],
    dress: str,
    when: str,
) -> None:
    freezer.move_to(when)
    dress_log(monkeypatch, TIMES[dress])
    for faults in ([], ["drop_after"], ["drop_before"], ["drop_after"]):
        for kind in faults:
            simulator.fault("/sendsms/", kind)
        await send(home)
    assert len(service_account.sent) == 4


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("is_searchable", [True, False])
@pytest.mark.parametrize("dress", ["given", "plus", "plain", "zeros", "integer"])
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_a_message_is_found_however_the_log_writes_its_number(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    channel: str,
    dress: Any,
    is_searchable: bool,
) -> None:
    service_account.number_dress = dress
    if not is_searchable:
        monkeypatch.setattr("simulator.sending._matches", lambda *_: False)
    text = "Two lines\r\nand  *signs*: ő 🚰 &amp; 100 %"
    for kind in ("drop_after", "drop_before", "drop_after"):
        simulator.fault("/sendsms/", kind)
        await send(home, text=text, channel=channel)
    assert len(service_account.sent) == 3


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("number", ["12345", "112", "+442079460958", "+15551234567"])
async def test_other_numbers_are_found_too(
    home: HomeAssistant, simulator: Simulator, service_account: Account, number: str
) -> None:
    for kind in ("drop_after", "drop_before"):
        simulator.fault("/sendsms/", kind)
        await send(home, number)
    assert len(service_account.sent) == 2


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("name", ["guid", "number", "message"])
@pytest.mark.parametrize("first", ["drop_before", "drop_after"])
async def test_a_log_in_which_nothing_can_be_read_can_not_tell(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    name: str,
) -> None:
    """The names of the fields are a guess: where it is wrong, nothing is sent again on the strength of it."""
    from simulator import sending

    plain = sending._row

    def row(service_account: Account, sent: SentMessage) -> Options:
        fields = plain(service_account, sent)
        del fields["id"]
        return {f"the_{key}" if key == name else key: value for key, value in fields.items()}

    await send(home)
    monkeypatch.setattr(sending, "_row", row)
    simulator.fault("/sendsms/", first)
    assert await send_in_vain(home) == MAYBE_SENT
    assert requests(service_account) == 2


# Sent again on purpose is sent again.


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("at_once", [False, True])
async def test_the_same_text_sent_twice_on_purpose_arrives_twice(
    home: HomeAssistant, simulator: Simulator, service_account: Account, at_once: bool
) -> None:
    """Also where the outcome of one or both is unknown at first."""
    arrived = {}
    kinds = [None, "drop_before", "drop_after"]
    for first, second in itertools.product(kinds, repeat=2):
        simulator.reset()
        text = f"{TEXT} {first} {second}"
        sends = []
        for kind in (first, second):
            # What fails is the first request of each.
            if kind:
                simulator.fault("/sendsms/", kind)
            elif second:
                simulator.fault("/sendsms/", "delay", seconds=0)
            if not at_once:
                sends.append(await send(home, text=text, urgent=True))
            elif kind == "drop_before":
                # Its second request comes before the other message's.
                simulator.fault("/sendsms/", "delay", seconds=0)
        if at_once:
            sends = await asyncio.gather(*(send(home, text=text, urgent=True) for _ in range(2)))
        arrived[first, second] = (len(service_account.sent), len({ids[0] for ids in sends}))
    assert arrived == dict.fromkeys(itertools.product(kinds, repeat=2), (2, 2))


async def test_the_same_text_sent_before_a_restart_is_not_taken_for_this_one(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    (before,) = await send(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    simulator.fault("/sendsms/", "drop_before")
    assert await send(home) != [before]
    assert len(service_account.sent) == 2


@pytest.mark.usefixtures("account")
async def test_the_same_text_to_numbers_that_end_alike(
    home: HomeAssistant, simulator: Simulator, service_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the network's code differs: neither is taken for the other, even if the service does not search."""
    monkeypatch.setattr("simulator.sending._matches", lambda *_: True)
    both = [ANNA, "+36701234567"]
    simulator.fault("/sendsms/", "drop_before")
    simulator.fault("/sendsms/", "drop_after")
    await send(home, both)
    assert sorted(message.fields["recipients"] for message in service_account.sent) == both


@pytest.mark.parametrize("ago", [timedelta(minutes=7), timedelta(hours=3, minutes=11)])
async def test_the_same_text_sent_earlier_by_somebody_else_is_not_taken_for_this_one(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    waits: list[float],
    ago: timedelta,
) -> None:
    """By another program, from the dashboard, or by this home before the account was added anew."""
    form = {"recipients": ANNA, "message": TEXT}
    at = time.time() - ago.total_seconds()
    service_account.sent.append(
        SentMessage(fields=form, guid="earlier", at=at, channel="sms", due=at, sid="phone-1")
    )
    simulator.fault("/sendsms/", "drop_before")
    (message_id,) = await send(home)
    assert message_id != "earlier"
    assert len(service_account.sent) == 2


async def test_the_same_text_of_last_week_is_not_taken_for_this_one(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    waits: list[float],
) -> None:
    """Nor where the log's times can't be read."""
    dress_log(monkeypatch, TIMES["unreadable"])
    await send(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    freezer.tick(timedelta(days=7))
    await send(home, "+36207654321")
    simulator.fault("/sendsms/", "drop_before")
    await send(home)
    assert len(service_account.sent) == 3


# Must-show.


async def test_of_a_thousand_of_which_each_tenth_times_out_exactly_a_thousand_arrive(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each tenth was taken, then nothing came back: half of them hang, half of them lose the connection."""
    await raise_limits(home, account)
    # Long enough for a machine that is busy with other things.
    timeout = aiohttp.ClientTimeout(total=3 * PATIENCE, connect=2 * PATIENCE)
    monkeypatch.setattr("custom_components.smsmobileapi.api.client.TIMEOUT", timeout)
    counter = itertools.count(1)

    def each_tenth(path: str) -> Fault | None:
        if path != "/sendsms/" or (number := next(counter)) % 10:
            return None
        return Fault(endpoint=path, kind="drop_after" if number % 20 else "hang_after", seconds=6 * PATIENCE)

    monkeypatch.setattr(simulator.faults, "take", each_tenth)
    everybody = [f"+36301{number:06}" for number in range(500)]
    # Everybody gets the same text twice: that is wanted.
    first, again = await asyncio.gather(send(home, everybody), send(home, everybody))
    assert len(service_account.sent) == requests(service_account) == 1000
    assert {*first, *again} == set(guids(service_account))
    assert account.runtime_data.limits.sent_in_a_day == 1000


# Many at a time.


async def test_a_few_are_sent_to_at_a_time(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever asks, in one action or in many."""
    await raise_limits(home, account)
    under_way, most = 0, 0
    apply = simulator.faults.apply

    async def counted(*args: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await apply(*args)
        finally:
            under_way -= 1

    monkeypatch.setattr(simulator.faults, "apply", counted)
    simulator.fault("/sendsms/", "delay", seconds=0.02, count=40)
    everybody = [f"+36301{number:06}" for number in range(40)]
    await asyncio.gather(send(home, everybody[:30]), *(send(home, number) for number in everybody[30:]))
    assert len(service_account.sent) == 40
    assert 1 < most <= 4


async def test_one_that_hangs_holds_up_none_of_the_others(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    await raise_limits(home, account)
    everybody = [f"+36301{number:06}" for number in range(12)]
    for kind, options in (
        ("hang_after", {"seconds": 3 * PATIENCE}),
        ("status", {"status": 429, "retry_after": 3600}),
        ("status", {"status": 400}),
        ("nonsense", {"body": {"result": {"error": 2}}}),
    ):
        simulator.fault("/sendsms/", kind, **options)
    with pytest.raises(HomeAssistantError) as caught:
        await send(home, everybody)
    assert caught.value.translation_key == "some_not_sent"
    placeholders = caught.value.translation_placeholders or {}
    assert placeholders["sent"].count("…") == len(service_account.sent) == 9
    assert placeholders["not_sent"].count("+36…") == 3


# What has to be done about it.


async def test_a_refused_key_is_asked_for_once(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.state = "unknown"
    for _ in range(3):
        assert await send_in_vain(home) == "invalid_auth"
    assert await send_in_vain(home, [ANNA, "+36207654321"]) == "some_not_sent"
    assert reauth_flows(home, account) == 1


@pytest.mark.parametrize("dialect", ["status", "result"])
async def test_an_ended_subscription_is_shown_until_a_message_goes_again(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, dialect: Any
) -> None:
    service_account.state, service_account.dialect = "expired", dialect
    assert await send_in_vain(home) == "subscription_expired"
    assert await send_in_vain(home) == "subscription_expired"
    assert issues(home) == {"subscription_expired"}
    assert reauth_flows(home, account) == 0
    service_account.state = "good"
    await send(home)
    assert issues(home) == set()


@pytest.mark.parametrize("dialect", ["status", "result"])
async def test_an_ended_subscription_is_shown_until_a_poll_goes_again(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, dialect: Any
) -> None:
    service_account.state, service_account.dialect = "expired", dialect
    await account.runtime_data.coordinator.async_refresh()
    assert issues(home) == {"subscription_expired"}
    service_account.state = "good"
    await account.runtime_data.coordinator.async_refresh()
    assert issues(home) == set()


@pytest.mark.parametrize("dialect", ["status", "result"])
async def test_an_ended_subscription_is_shown_until_the_account_is_set_up(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    dialect: Any,
) -> None:
    service_account.state, service_account.dialect = "expired", dialect
    await home.config_entries.async_reload(account.entry_id)
    assert account.state is ConfigEntryState.SETUP_RETRY
    assert issues(home) == {"subscription_expired"}
    service_account.state = "good"
    freezer.tick(timedelta(minutes=2))
    async_fire_time_changed(home)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    assert issues(home) == set()


# Private things.


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 503, "count": 9}),
        ("status", {"status": 429, "count": 9}),
        ("status", {"status": 500, "count": 9}),
        ("drop_before", {"count": 9}),
        ("hang_after", {"count": 3, "seconds": 0.3}),
        ("cut", {"count": 9}),
        ("big", {"mib": 9, "count": 3}),
        ("nonsense", {"body": [{"number": ANNA, "message": TEXT}], "count": 9}),
        # The service repeats what it was sent.
        ("nonsense", {"body": {"result": {"error": f"no {ANNA}", "note": f"{ANNA[1:]}: {TEXT} {KEY}"}}}),
        ("nonsense", {"body": {"result": {"sent": "0", "note": f"00{ANNA[1:]} {TEXT} {KEY}"}}}),
        ("nonsense", {"body": {"success": False, "error": f"{KEY} {ANNA}"}, "status": 400}),
        ("status", {"status": 404, "error": f"{KEY} {ANNA} {TEXT}"}),
        ("status", {"status": 500, "error": f"{KEY} {ANNA} {TEXT}", "count": 9}),
    ],
)
async def test_private_things_stay_where_they_are(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    options: Options,
) -> None:
    logging.getLogger("custom_components.smsmobileapi").setLevel(logging.DEBUG)
    caplog.clear()
    simulator.fault("/sendsms/", kind, **options)
    simulator.fault("/log/sent/sms/", "status", status=500, count=9)
    with pytest.raises(HomeAssistantError) as caught:
        await send(home, [ANNA, ANNA.replace("7", "8")])
    seen = [record.getMessage() for record in caplog.records if "smsmobileapi" in record.name]
    assert seen
    err: BaseException | None = caught.value
    while err:
        seen.append(f"{err} {err!r} {err.args} {getattr(err, 'translation_placeholders', None)}")
        err = err.__cause__ or err.__context__
    private = [KEY, ANNA[1:], ANNA[1:].replace("7", "8"), TEXT, account.data["webhook_id"]]
    assert [secret for secret in private if secret in " ".join(seen)] == []
