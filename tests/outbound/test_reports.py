"""Reports: what became of each sent message is reported once, whichever way it is learnt, and in the end always."""

import asyncio
from datetime import timedelta
from functools import partial
import time
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.smsmobileapi.api import Channel
from custom_components.smsmobileapi.outbound.models import OutboundMessage

from .sending import (
    ANNA,
    BELA,
    HIGH_LIMITS,
    LOG,
    LONG,
    NOON,
    TEXT,
    Case,
    Clock,
    Events,
    Log,
    Patch,
    moments,
    our_lines,
    statuses,
    until,
)

# When the sent log is looked into, in seconds after the message was accepted.
LOOK_UPS = [5, 20, 65, 185, 485, 1385, 3185]
SENT, FAILED, UNKNOWN = ("sms", "sent"), ("sms", "failed"), ("sms", "unknown")


def look_ups(case: Case, message_id: str | None = None) -> int:
    """Return how often the log was read, for one message or at all."""
    asked = case.requests(LOG)
    return sum(message_id is None or fields.get("guid_message") == message_id for fields in asked)


def state(case: Case, entity_id: str) -> str:
    found = case.home.states.get(entity_id)
    assert found
    return found.state


# Learnt from the sent log.


@pytest.mark.parametrize(("error", "status"), [("", "sent"), ("NO_SERVICE", "failed")])
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_a_status_in_the_log_is_reported_with_all_that_is_known(
    case: Case, freezer: Clock, events: Events, channel: str, error: str, status: str
) -> None:
    await case.add_contact("Anna", ANNA, channel)
    case.service.delivery_error = error
    (row,) = await case.send("Anna")
    assert (row["status"], events) == ("accepted", [])
    await case.pass_time(freezer, seconds=5)
    fields = {
        "message_id": row["message_id"],
        "channel": channel,
        "recipient": ANNA,
        "contact": "Anna",
        "error": error or None,
    }
    assert [event.data for event in events] == [
        {"config_entry_id": case.account.entry_id, "status": status, **fields}
    ]
    entity = case.home.states.get("event.smsmobileapi_report")
    assert entity
    assert entity.attributes["event_type"] == status
    assert {name: entity.attributes[name] for name in fields} == fields
    assert state(case, "sensor.smsmobileapi_messages_sent") == "1"
    assert state(case, "sensor.smsmobileapi_messages_failed") == str(int(status == "failed"))
    await case.pass_time(freezer, hours=2)
    assert len(events) == look_ups(case) == 1


async def test_a_message_is_looked_up_less_and_less_often_and_is_unknown_in_the_end(
    case: Case, freezer: Clock, events: Events
) -> None:
    case.service.delivery_delay = LONG
    waiting = asyncio.create_task(case.send(wait_for_report=3600))
    await until(lambda: case.pending)
    passed = 0
    for number, second in enumerate(LOOK_UPS):
        for seconds, expected in ((second - 1 - passed, number), (1, number + 1)):
            case.tick(freezer, seconds=seconds)
            await until(partial(lambda count: look_ups(case) == count, expected))
            await moments()
        passed = second
        assert statuses(events) == [UNKNOWN] * (second == LOOK_UPS[-1])
    (row,) = await waiting
    assert row["status"] == "unknown"
    assert case.pending == 0
    assert state(case, "event.smsmobileapi_report") == "unknown"
    await case.pass_time(freezer, hours=3)
    assert look_ups(case) == len(LOOK_UPS)
    assert len(events) == 1


async def test_a_status_is_reported_at_the_first_look_up_that_has_it(
    case: Case, freezer: Clock, events: Events
) -> None:
    case.service.delivery_delay, case.service.delivery_error = 60, "GENERIC_FAILURE"
    await case.send()
    for second in (5, 15, 44):
        await case.pass_time(freezer, seconds=second)
        assert events == []
    await case.pass_time(freezer, seconds=1)
    assert [event.data["error"] for event in events] == ["GENERIC_FAILURE"]


async def test_many_are_looked_up_with_one_request(case: Case, freezer: Clock, events: Events) -> None:
    await case.set_options(**HIGH_LIMITS)
    freezer.move_to(NOON)
    await case.send([f"+36301{number:06}" for number in range(30)])
    await case.pass_time(freezer, seconds=5)
    assert look_ups(case) == 1
    assert statuses(events) == [SENT] * 30


async def test_a_log_that_can_not_be_read_is_read_again(case: Case, freezer: Clock, events: Events) -> None:
    table: list[tuple[str, dict[str, Any]]] = [
        ("status", {"status": 500}),
        ("status", {"status": 403}),
        ("status", {"status": 429, "retry_after": 1}),
        ("html", {}),
        ("empty", {}),
        ("nonsense", {}),
        ("cut", {}),
        # aiohttp by itself repeats a GET on a connection that was kept open.
        ("drop_before", {"count": 2}),
    ]
    for kind, options in table:
        case.simulator.reset()
        events.clear()
        await case.send()
        case.fault(LOG, kind, **options)
        await case.pass_time(freezer, seconds=5)
        assert events == [], kind
        case.simulator.faults.waiting.clear()
        await case.pass_time(freezer, seconds=15)
        assert statuses(events) == [SENT], kind


async def test_a_slow_log_is_read_once_however_much_is_sent_meanwhile(
    case: Case, freezer: Clock, monkeypatch: Patch
) -> None:
    case.service.delivery_delay = LONG
    (first,) = await case.send()
    gate = case.gate(monkeypatch, LOG)
    case.tick(freezer, seconds=6)
    await gate.is_reached()
    for _ in range(3):
        await case.send(BELA)
        case.tick(freezer, seconds=1)
        await moments()
    gate.open()
    await case.settle()
    assert look_ups(case, first["message_id"]) == 1
    message = case.account.runtime_data.messages.find(first["message_id"])
    assert message
    assert message.looked_up == 1


async def test_a_scheduled_message_is_looked_up_after_its_time_and_not_before(
    case: Case, freezer: Clock, events: Events
) -> None:
    freezer.move_to(NOON)
    await case.send(send_at="2026-02-15 12:00:00")
    for _ in range(3):
        await case.pass_time(freezer, days=10)
    await case.reload()
    await case.pass_time(freezer, days=1, seconds=-1)
    # A message that is sent meanwhile does not make it forgotten.
    await case.send(BELA)
    await case.pass_time(freezer, seconds=5)
    assert [event.data["recipient"] for event in events] == [BELA]
    await case.pass_time(freezer, seconds=1)
    assert [event.data["recipient"] for event in events] == [BELA, ANNA]
    assert statuses(events) == [SENT] * 2
    assert look_ups(case) == 2


# Reported by the service.


async def test_a_report_of_the_service_is_reported_once(hooked: Case, freezer: Clock, events: Events) -> None:
    for kind, channel, status in (
        ("sms", "sms", "sent"),
        ("sms.mobile", "sms", "sent"),
        ("sms", "sms", "failed"),
        ("whatsapp", "whatsapp", "sent"),
        ("whatsapp", "whatsapp", "failed"),
    ):
        hooked.simulator.reset()
        events.clear()
        hooked.service.delivery_error = error = "NO_SERVICE" if status == "failed" else ""
        (row,) = await hooked.send(channel=channel)
        for _ in range(3):
            # Under another id each time: the second and the third are no repeats of an event.
            await hooked.report(hooked.sent[0], status, error, kind)
        await hooked.pass_time(freezer, hours=1)
        (event,) = events
        assert (event.data["channel"], event.data["status"]) == (channel, status)
        assert (event.data["message_id"], event.data["error"]) == (row["message_id"], error or None)
        assert look_ups(hooked) == 0


async def test_each_change_is_reported_and_nothing_else(hooked: Case, freezer: Clock, events: Events) -> None:
    """The service itself tries again after an error of the carrier."""
    await hooked.send()
    (sent,) = hooked.sent
    await hooked.report(sent, "submitted", kind="sms.api")
    assert events == []
    for status in ("failed", "failed", "sent", "sent"):
        await hooked.report(sent, status)
    assert statuses(events) == [FAILED, SENT]
    assert events[-1].data["error"] is None
    # What the log said is not reported again by the service, and messages of other programs are not at all.
    events.clear()
    await hooked.send()
    await hooked.pass_time(freezer, seconds=5)
    await hooked.report(hooked.sent[-1], "sent")
    await hooked.report(hooked.other_message(), "sent")
    await hooked.pass_time(freezer, hours=1)
    assert statuses(events) == [SENT]
    # The internet was gone for longer than a message is looked up.
    events.clear()
    await hooked.send()
    hooked.fault(LOG, "status", status=500, count=1000)
    for _ in range(10):
        await hooked.pass_time(freezer, hours=1)
    assert statuses(events) == [UNKNOWN]
    await hooked.report(hooked.sent[-1], "sent")
    assert statuses(events) == [UNKNOWN, SENT]


@pytest.mark.parametrize("status", ["sent", "failed"])
async def test_a_report_that_comes_before_the_answer_is_not_lost(
    hooked: Case, events: Events, monkeypatch: Patch, status: str
) -> None:
    """The phone may be faster than the answer. An action that waits gets it, too."""
    gate = hooked.gate(monkeypatch)
    call = hooked.error_of(wait_for_report=60) if status == "failed" else hooked.send(wait_for_report=60)
    sending: asyncio.Task[Any] = asyncio.create_task(call)
    await gate.is_reached()
    await hooked.report(hooked.sent[0], status)
    gate.open()
    result = await sending
    assert statuses(events) == [("sms", status)]
    if status == "sent":
        assert (result[0]["status"], result[0]["message_id"]) == ("sent", hooked.sent[0].guid)
    else:
        assert result.translation_key == "report_failed"


# Over a restart.


@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_message_is_followed_after_a_restart_and_a_report_is_not_repeated(
    hooked: Case, freezer: Clock, events: Events, is_killed: bool
) -> None:
    await hooked.add_contact("Anna", ANNA)
    await hooked.send("Anna")
    await hooked.pass_time(freezer, seconds=5)
    assert statuses(events) == [SENT]
    hooked.service.delivery_delay, hooked.service.delivery_error = 100, "NO_SERVICE"
    (row,) = await hooked.send("Anna")
    (other,) = await hooked.send("Anna")
    await hooked.pass_time(freezer, seconds=5)
    await hooked.pass_time(freezer, seconds=1.1)
    if is_killed:
        await hooked.kill()
    else:
        await hooked.unload()
        # It is down for ten minutes.
        freezer.tick(timedelta(minutes=10))
        await hooked.set_up()
    await hooked.report(hooked.sent[-1], "sent")
    hooked.sent[-1].error = ""
    await hooked.pass_time(freezer, minutes=10)
    assert statuses(events) == [SENT, SENT, FAILED]
    assert [event.data["message_id"] for event in events[1:]] == [
        other["message_id"],
        row["message_id"],
    ]
    assert {(event.data["contact"], event.data["recipient"]) for event in events} == {("Anna", ANNA)}


async def test_a_reload_while_something_is_under_way_reports_it_once(
    case: Case, freezer: Clock, events: Events, monkeypatch: Patch
) -> None:
    """A look-up, or the message itself: it is waited for."""
    await case.send()
    with monkeypatch.context() as patched:
        gate = case.gate(patched, LOG)
        case.tick(freezer, seconds=6)
        await gate.is_reached()
        await case.home.config_entries.async_reload(case.account.entry_id)
        gate.open()
        await case.settle()
    await case.pass_time(freezer, hours=1)
    assert statuses(events) == [SENT]
    gate = case.gate(monkeypatch)
    sending = asyncio.create_task(case.send(BELA))
    await gate.is_reached()
    reloading = asyncio.create_task(case.home.config_entries.async_reload(case.account.entry_id))
    await moments()
    assert not reloading.done()
    gate.open()
    await sending
    await reloading
    await case.settle()
    for _ in range(3):
        await case.pass_time(freezer, hours=1)
    assert [event.data["recipient"] for event in events] == [ANNA, BELA]
    assert case.account.runtime_data.rate_limiter.sent_in_a_day == 2


async def test_a_reload_does_not_wait_for_ever(case: Case, monkeypatch: Patch) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.jobs.STOPS_WITHIN", 0.01)
    gate = case.gate(monkeypatch)
    sending = asyncio.create_task(case.send())
    await gate.is_reached()
    assert await case.home.config_entries.async_reload(case.account.entry_id)
    with pytest.raises(HomeAssistantError) as caught:
        await sending
    assert caught.value.translation_key == "may_have_been_sent"
    gate.open()
    # The account looks for what it did not wait for.
    await until(lambda: case.pending)
    assert len(case.sent) == 1


async def test_a_message_whose_caller_is_cancelled_is_still_sent_and_followed(
    hooked: Case, events: Events, monkeypatch: Patch
) -> None:
    """As where a script is stopped."""
    gate = hooked.gate(monkeypatch)
    sending = [asyncio.create_task(hooked.send(number)) for number in (ANNA, BELA)]
    await gate.is_reached(2)
    for task in sending:
        task.cancel()
    await asyncio.wait(sending)
    gate.open()
    await until(lambda: hooked.pending == 2)
    for sent in hooked.sent:
        await hooked.report(sent, "sent")
    assert sorted(event.data["recipient"] for event in events) == [BELA, ANNA]
    assert state(hooked, "sensor.smsmobileapi_messages_sent") == "2"


# Waiting for it.


async def test_an_action_can_wait_for_the_phone_and_raises_what_it_could_not_send(
    hooked: Case, caplog: Log
) -> None:
    """Over a reload, too."""
    reports = hooked.account.runtime_data.reports
    waiting = asyncio.create_task(hooked.send([ANNA, BELA], wait_for_report=60))
    await until(lambda: reports.pending == 2)
    await hooked.report(hooked.sent[0], "sent")
    await moments()
    assert not waiting.done()
    await hooked.report(hooked.sent[1], "sent", kind="sms.mobile")
    assert [row["status"] for row in await waiting] == ["sent", "sent"]
    hooked.sent.clear()
    failing = asyncio.create_task(hooked.error_of(recipients=[ANNA, BELA], wait_for_report=60))
    await until(lambda: reports.pending == 2)
    await hooked.home.config_entries.async_reload(hooked.account.entry_id)
    of_anna, of_bela = sorted(hooked.sent, key=lambda sent: sent.fields["recipients"] == BELA)
    await hooked.report(of_anna, "failed", f"NO_SERVICE for {ANNA}: {TEXT}")
    await hooked.report(of_bela, "sent")
    err = await failing
    sentence = "Sent to: +36…21. Not sent to: +36…67: The phone could not send the message: NO_SERVICE"
    assert sentence in str(err)
    hooked.assert_private(our_lines(caplog), err)


async def test_an_action_waits_no_longer_than_it_says_and_holds_up_no_other(case: Case) -> None:
    case.service.delivery_delay = LONG
    waiting = [asyncio.create_task(case.send(wait_for_report=2)) for _ in range(8)]
    await until(lambda: case.pending == 8)
    await case.send()
    assert not any(task.done() for task in waiting)
    assert [(await task)[0]["status"] for task in waiting] == ["accepted"] * 8


# Many.


async def test_following_one_costs_the_same_whatever_else_is_followed(
    case: Case, freezer: Clock, monkeypatch: Patch
) -> None:
    """One row is written for each; the oldest are forgotten where they are too many or too old."""
    reports, database = case.account.runtime_data.reports, case.account.runtime_data.database

    def message(number: int, at: float) -> OutboundMessage:
        return OutboundMessage(
            message_id=str(number),
            service_id=str(number),
            channel=Channel.SMS,
            recipient=ANNA,
            contact=None,
            accepted_at=at,
        )

    async def saved() -> list[str]:
        await database.flush()
        return await database.load(
            lambda connection: [one for (one,) in connection.execute("select message_id from messages")], []
        )

    written = 0
    plain = database.write

    def write(statement: Any, **options: Any) -> None:
        nonlocal written
        written += len(statement[1])
        plain(statement, **options)

    now = time.time()
    for number in range(2_000):
        reports.follow(message(number, now))
    monkeypatch.setattr(database, "write", write)
    reports.follow(message(2_000, now))
    assert written == 2  # one that is new, one that is forgotten
    assert reports.pending == len(await saved()) == 2_000
    messages = case.account.runtime_data.messages
    assert messages.find("0") is None and messages.find("1")
    freezer.tick(timedelta(days=31))
    reports.follow(message(2_001, time.time()))
    assert await saved() == ["2001"]
    assert reports.pending == 1
