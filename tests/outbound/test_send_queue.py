"""Messages that wait for the service: sent once, in order, in time, and whatever happens meanwhile (promise 5)."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState
import pytest

from custom_components.smsmobileapi.inbound.restore import token_path

from .sending import (
    ANNA,
    BELA,
    ELSE_SMS,
    LOG,
    SEND,
    TEXT,
    Case,
    Clock,
    Events,
    Patch,
    Row,
    change_clock,
    do_not_wait,
    moments,
    statuses,
    until,
)

HOUR = {"retry_for": "01:00:00"}
FAILED, SENT, UNKNOWN = ("sms", "failed"), ("sms", "sent"), ("sms", "unknown")


def texts(case: Case) -> list[str]:
    return [message.fields["message"] for message in case.sent]


def outage(case: Case) -> None:
    for path in (SEND, LOG):
        case.fault(path, "status", status=503, count=100_000)


async def queue(case: Case, *messages: str, **data: Any) -> list[Row]:
    """Send while the service can't be reached; return the answers."""
    rows = [(await case.send(message=message, **{**HOUR, **data}))[0] for message in messages]
    assert {row["status"] for row in rows} == {"queued"}
    return rows


def end_outage(case: Case) -> None:
    case.simulator.faults.waiting.clear()


async def test_what_waits_is_sent_in_order_as_the_service_returns_and_its_reports_carry_its_id(
    hooked: Case, freezer: Clock, events: Events
) -> None:
    outage(hooked)
    rows = await queue(hooked, "1", "2", "3")
    await hooked.pass_time(freezer, minutes=30)
    assert texts(hooked) == [] and hooked.sent_in_a_day == 3
    end_outage(hooked)
    # One that comes now goes behind those that wait.
    (last,) = await hooked.send(message="4", **HOUR)
    await hooked.pass_time(freezer, seconds=1)
    assert texts(hooked) == ["1", "2", "3", "4"]
    for sent in hooked.sent:
        await hooked.report(sent, "sent")
    assert [event.data["message_id"] for event in events] == [row["message_id"] for row in [*rows, last]]
    assert statuses(events) == [SENT] * 4
    assert hooked.sent_in_a_day == 4
    # Either id means it.
    assert (
        await hooked.error_of("resend_message", message_id=rows[0]["message_id"])
    ).translation_key == "not_failed"
    assert (
        await hooked.error_of("resend_message", message_id=hooked.sent[0].guid)
    ).translation_key == "not_failed"
    await hooked.act("delete_message", message_id=rows[0]["message_id"])
    assert hooked.requests("/deletesms/")[0]["guid"] == hooked.sent[0].guid


async def test_one_that_failed_after_it_waited_is_sent_again_under_either_id(
    hooked: Case, freezer: Clock, events: Events
) -> None:
    outage(hooked)
    (row,) = await queue(hooked, "1")
    end_outage(hooked)
    await hooked.pass_time(freezer, minutes=1)
    for again in (row["message_id"], hooked.sent[0].guid):
        await hooked.report(hooked.sent[0], "failed", "NO_SERVICE")
        answer = await hooked.resend(again)
        assert (answer["message_id"], answer["status"]) == (row["message_id"], "accepted")
    await hooked.report(hooked.sent[0], "sent")
    assert statuses(events) == [FAILED, FAILED, SENT]
    assert {event.data["message_id"] for event in events} == {row["message_id"]}


async def test_a_clock_that_is_put_back_holds_nothing_up(
    case: Case, freezer: Clock, monkeypatch: Patch
) -> None:
    outage(case)
    await queue(case, "1")
    end_outage(case)
    change_clock(monkeypatch, hours=-5)
    await case.pass_time(freezer, minutes=1)
    assert texts(case) == ["1"]


async def test_urgent_messages_wait_for_no_others(case: Case, freezer: Clock, monkeypatch: Patch) -> None:
    """Here the first of the others hangs as the service returns."""
    outage(case)
    await queue(case, "1", "2")
    await queue(case, "alarm", urgent=True)
    end_outage(case)
    gate = case.gate(monkeypatch)
    case.tick(freezer, minutes=1)
    await gate.is_reached(2)
    assert set(texts(case)) == {"1", "alarm"}
    gate.open()
    await case.settle()
    assert len(case.sent) == 3


async def test_one_whose_time_is_over_while_it_waits_for_its_turn_does_not_leave(
    roomy: Case, freezer: Clock, monkeypatch: Patch, events: Events
) -> None:
    gate = roomy.gate(monkeypatch)
    crowd = [asyncio.create_task(roomy.send(f"+3630100000{number}")) for number in range(4)]
    await gate.is_reached(4)
    late = asyncio.create_task(roomy.send(message="late", retry_for="00:00:20"))
    await moments()
    roomy.tick(freezer, seconds=25)
    gate.open()
    await asyncio.gather(*crowd)
    assert (await late)[0]["status"] == "queued"
    await roomy.pass_time(freezer, seconds=1)
    assert "late" not in texts(roomy)
    assert [event.data["error"] for event in events if event.data["status"] == "failed"] == ["expired"]


async def test_whatever_the_service_takes_shows_that_it_is_back(case: Case, freezer: Clock) -> None:
    outage(case)
    await queue(case, "alarm", urgent=True)
    # By now it is tried once a minute, and has just been.
    for _ in range(9):
        await case.pass_time(freezer, minutes=1)
    end_outage(case)
    await case.send(message="1")
    await case.pass_time(freezer, seconds=1)
    assert texts(case) == ["1", "alarm"]


async def test_a_poll_that_succeeds_sends_what_waits(case: Case, freezer: Clock) -> None:
    outage(case)
    await queue(case, "1")
    for _ in range(8):
        await case.pass_time(freezer, seconds=61)
    end_outage(case)
    await case.account.runtime_data.coordinator.async_refresh()
    await case.pass_time(freezer, seconds=0.1)
    assert texts(case) == ["1"]


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("data", [{}, ELSE_SMS])
async def test_one_whose_time_is_over_is_reported_and_never_sent(
    case: Case, freezer: Clock, events: Events, is_restarted: bool, data: dict[str, str]
) -> None:
    outage(case)
    (row,) = await queue(case, "noon", **data)
    await queue(case, "later", retry_for="03:00:00")
    assert case.sent_in_a_day == 2
    if is_restarted:
        await case.account.runtime_data.database.flush()
        freezer.tick(timedelta(hours=1.1))
        await case.kill()
    else:
        await case.pass_time(freezer, hours=1)
    assert [(event.data["message_id"], event.data["error"]) for event in events] == [
        (row["message_id"], "expired")
    ]
    assert case.sent_in_a_day == 1
    end_outage(case)
    await case.pass_time(freezer, minutes=2)
    assert texts(case) == ["later"]
    err = await case.error_of("resend_message", message_id=row["message_id"])
    assert err.translation_key == "never_accepted"


async def test_what_waits_outlives_kills(case: Case, freezer: Clock, events: Events) -> None:
    outage(case)
    (row,) = await queue(case, "1")
    await queue(case, "2")
    for _ in range(3):
        await case.kill()
    end_outage(case)
    await case.pass_time(freezer, seconds=61)
    assert texts(case) == ["1", "2"]
    await case.pass_time(freezer, seconds=5)
    assert row["message_id"] in {event.data["message_id"] for event in events}


@pytest.mark.parametrize("was_taken", [True, False])
async def test_what_may_have_been_taken_is_looked_for_before_it_is_sent_again(
    roomy: Case, freezer: Clock, monkeypatch: Patch, was_taken: bool
) -> None:
    do_not_wait(monkeypatch)
    roomy.fault(SEND, "drop_after" if was_taken else "drop_before")
    roomy.fault(LOG, "status", status=503, count=100_000)
    roomy.fault(SEND, "status", status=503, count=100_000)
    await queue(roomy, TEXT)
    for _ in range(5):
        await roomy.pass_time(freezer, minutes=2)
    assert len(roomy.requests()) == 1
    end_outage(roomy)
    await roomy.pass_time(freezer, minutes=2)
    assert len(roomy.sent) == 1
    assert len(roomy.requests()) == (1 if was_taken else 2)


async def test_one_that_may_have_been_taken_when_its_time_is_over_is_unknown(
    roomy: Case, freezer: Clock, events: Events, monkeypatch: Patch
) -> None:
    do_not_wait(monkeypatch)
    roomy.fault(SEND, "drop_after")
    outage(roomy)
    await queue(roomy, TEXT)
    await roomy.pass_time(freezer, hours=1.1)
    assert [(event.data["status"], event.data["error"]) for event in events] == [
        ("unknown", "may_have_been_sent")
    ]
    assert roomy.sent_in_a_day == 1


async def test_a_refusal_ends_the_waiting_of_one_and_not_of_the_others(
    case: Case, freezer: Clock, events: Events
) -> None:
    outage(case)
    await queue(case, "1", "2")
    end_outage(case)
    case.fault(SEND, "nonsense", body={"result": {"error": 0, "sent": "0", "note": "no credit"}})
    await case.pass_time(freezer, minutes=1)
    assert texts(case) == ["2"]
    assert events[0].data["error"] == "no credit"
    case.service.state = "unknown"
    outage(case)
    await queue(case, "3")
    end_outage(case)
    await case.pass_time(freezer, minutes=2)
    assert case.asks_for_key
    assert [event.data["error"] for event in events if event.data["status"] == "failed"] == [
        "no credit",
        "invalid_auth",
    ]


@pytest.mark.parametrize("was_taken", [True, False])
async def test_a_kill_while_one_is_sent_does_not_lose_track_of_it(
    roomy: Case, freezer: Clock, events: Events, monkeypatch: Patch, was_taken: bool
) -> None:
    """Nobody waits for its answer any more, so there is a report. It is not sent a second time."""
    gate = roomy.gate(monkeypatch)
    sending = asyncio.create_task(roomy.outcome())
    await gate.is_reached()
    if not was_taken:
        roomy.sent.clear()
    await roomy.kill()
    await sending
    events.clear()
    await roomy.pass_time(freezer, seconds=90)
    await roomy.pass_time(freezer, seconds=5)
    assert statuses(events) == [SENT if was_taken else UNKNOWN]
    assert len(roomy.sent) == was_taken
    assert roomy.sent_in_a_day == 1
    gate.open()


async def test_a_kill_before_one_was_sent_is_reported(
    roomy: Case, freezer: Clock, events: Events, monkeypatch: Patch
) -> None:
    gate = roomy.gate(monkeypatch)
    sending = asyncio.create_task(roomy.outcome([f"+3630100000{number}" for number in range(6)]))
    await gate.is_reached(4)
    await roomy.kill()
    await sending
    reported = [event.data["error"] for event in events if event.data["status"] == "failed"]
    assert reported[-2:] == ["interrupted"] * 2
    assert roomy.sent_in_a_day == 4
    await roomy.pass_time(freezer, minutes=10)
    assert len(roomy.sent) == 4
    gate.open()


async def test_what_an_earlier_run_left_waits_until_automations_listen(
    roomy: Case, events: Events, monkeypatch: Patch
) -> None:
    gate = roomy.gate(monkeypatch)
    sending = asyncio.create_task(roomy.outcome([f"+3630100000{number}" for number in range(6)]))
    await gate.is_reached(4)
    roomy.home.set_state(CoreState.starting)
    await roomy.kill()
    await sending
    events.clear()
    await moments()
    assert not events and not roomy.requests(LOG)
    roomy.home.set_state(CoreState.running)
    roomy.home.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await until(lambda: roomy.requests(LOG))
    assert [event.data["error"] for event in events] == ["interrupted"] * 2
    gate.open()


async def test_what_has_not_left_at_a_reload_is_queued(case: Case, monkeypatch: Patch) -> None:
    gate = case.gate(monkeypatch)
    sending = asyncio.create_task(case.send([f"+3630100000{number}" for number in range(6)], **HOUR))
    await gate.is_reached(4)
    reloading = asyncio.create_task(case.home.config_entries.async_reload(case.account.entry_id))
    await moments()
    gate.open()
    await reloading
    assert [row["status"] for row in await sending] == ["accepted"] * 4 + ["queued"] * 2
    await case.settle()
    assert len(case.sent) == case.sent_in_a_day == 6


async def test_what_waited_when_a_backup_was_made_is_not_sent_again(
    case: Case, freezer: Clock, events: Events, monkeypatch: Patch
) -> None:
    do_not_wait(monkeypatch)
    outage(case)
    await queue(case, TEXT, retry_for="24:00:00")
    await queue(case, "not sent", retry_for="24:00:00")
    await case.account.runtime_data.database.flush()
    folder = Path(case.home.config.path(".storage"))
    files = {path: path.read_bytes() for path in folder.glob("smsmobileapi.*.db*")}
    end_outage(case)
    await case.pass_time(freezer, minutes=2)
    assert texts(case) == [TEXT, "not sent"]
    del case.sent[1]
    await case.unload()
    for path, content in files.items():
        path.write_bytes(content)
    token_path(case.home, case.account.entry_id).unlink()
    freezer.tick(timedelta(hours=1))
    events.clear()
    await case.set_up()
    await case.pass_time(freezer, minutes=2)
    await case.pass_time(freezer, minutes=2)
    assert texts(case) == [TEXT]
    assert sorted(statuses(events)) == [SENT, UNKNOWN]


async def test_retry_for_is_a_day_at_most(case: Case) -> None:
    for retry_for in ("24:00:01", -1, "soon"):
        err = await case.error_of(retry_for=retry_for)
        assert "retry_for" in str(err)
    (row,) = await case.send([BELA], retry_for={"hours": 24})
    assert row["status"] == "accepted"
    assert ANNA not in {message.recipient for message in case.sent}
