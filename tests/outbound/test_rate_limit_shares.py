"""The rules of the README: what each caller may send, so that a loop leaves enough for another automation's alarm."""

import errno
import re
import sqlite3
from typing import Any

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest

from custom_components.smsmobileapi.outbound.rate_limit import LimitReached
from custom_components.smsmobileapi.storage import database_path

from ..package.reading import ROOT, read_text
from .sending import ANNA, BELA, NOON, SEND, TEXT, Case, Clock, Log, Patch, change_clock, warnings
from .test_rate_limit import flood_issue, placeholders

LOOP, CHATTY, ALARM, OTHER = "automation.loop", "automation.chatty", "script.alarm", None
# 60 SMS.
LONG_TEXT = "ő" * 4000


def run_of(case: Case, source: str | None) -> Context:
    """Return the context of a new run of this automation or script; None: of another caller."""
    context = Context()
    if source:
        event = "automation_triggered" if source.startswith("automation") else "script_started"
        case.home.bus.async_fire(event, {"entity_id": source, "name": source}, context=context)
    return context


async def outcome_in(case: Case, context: Context, **data: Any) -> str | None:
    """Send in a run; return the key of the error, None where it was sent."""
    data = {"recipients": ANNA, "message": TEXT, **data}
    try:
        await case.home.services.async_call(
            "smsmobileapi", "send_message", data, blocking=True, context=context
        )
    except HomeAssistantError as err:
        return err.translation_key
    return None


async def outcome_of(case: Case, source: str | None, **data: Any) -> str | None:
    return await outcome_in(case, run_of(case, source), **data)


async def send_until_refused(case: Case, *sources: str | None, **data: Any) -> int:
    """Have each of these send until it is refused; return how many messages were sent."""
    before = len(case.sent)
    for source in sources:
        while await outcome_of(case, source, **data) is None:
            pass
    return len(case.sent) - before


async def test_the_table_of_the_readme_is_what_is_sent(case: Case, freezer: Clock) -> None:
    await case.set_options()
    rows = re.findall(
        r"^\| [^|]+ \| (\d+) \| (\d+) \| (\d+) \|$", read_text(ROOT / "README.md"), re.MULTILINE
    )
    # All together, one automation, all other callers.
    for promised, sources in zip(rows, ((LOOP, CHATTY, ALARM, OTHER), (LOOP,), (OTHER,)), strict=True):
        minute = day = await send_until_refused(case, *sources)
        sent = minute
        while sent:
            freezer.tick(61)
            sent = await send_until_refused(case, *sources)
            day += sent
        urgent = await send_until_refused(case, *sources, urgent=True)
        assert (str(minute), str(day), str(day + urgent)) == promised, sources
        await case.pass_time(freezer, hours=24)


# Who is protected from whom.


@pytest.mark.parametrize(("is_urgent", "sent"), [(False, 20), (True, 22)])
async def test_another_automations_alarm_goes_after_a_loop(case: Case, is_urgent: bool, sent: int) -> None:
    """In real automations, which run the same script."""
    await case.set_options(messages_per_minute=40, messages_per_day=40, urgent_reserve=4)
    data = {"recipients": ANNA, "message": "{{ text }}"}
    send, urgently = (
        {"action": "smsmobileapi.send_message", "data": {**data, "urgent": urgent}}
        for urgent in (False, True)
    )
    script = {"alias": "Send", "mode": "parallel", "sequence": [urgently if is_urgent else send]}
    await async_setup_component(case.home, "script", {"script": {"send": script}})
    run = {"action": "script.send", "data": {"text": "loop"}, "continue_on_error": True}
    alarm = {"variables": {"text": "alarm"}}
    automations = [
        {"alias": alias, "trigger": {"trigger": "event", "event_type": alias}, "action": action}
        for alias, action in (
            ("loop", [{"repeat": {"count": 30, "sequence": [run]}}]),
            ("alarm", [alarm, send, {**run, "data": {"text": "alarm"}}, urgently]),
        )
    ]
    await async_setup_component(case.home, "automation", {"automation": automations})
    for event in ("loop", "alarm"):
        case.home.bus.async_fire(event)
        await case.settle()
    assert [message.fields["message"] for message in case.sent] == ["loop"] * sent + ["alarm"] * 3
    assert placeholders(case)["source"] == "automation.loop"


async def test_where_two_have_used_up_the_day_an_urgent_message_of_a_third_uses_the_reserve(
    case: Case, freezer: Clock
) -> None:
    freezer.move_to(NOON)
    await case.set_options(messages_per_minute=100, messages_per_day=5, urgent_reserve=3)
    for source in (LOOP, LOOP, LOOP, CHATTY, CHATTY):
        assert await outcome_of(case, source) is None
    await case.pass_time(freezer, hours=1)
    assert await outcome_of(case, ALARM) == "limit_day"
    # The one to look at is not the one that was refused.
    shown = placeholders(case)
    assert (shown["source"], shown["limit"], shown["resumes"]) == (LOOP, "5", "2026-01-16 12:00:00")
    # What the service refuses is given back to the reserve.
    case.fault(SEND, "status", status=400)
    assert await outcome_of(case, ALARM, urgent=True) == "refused"
    assert [await outcome_of(case, ALARM, urgent=True) for _ in range(3)] == [
        None,
        None,
        "limit_urgent_share",
    ]
    assert [await outcome_of(case, LOOP, urgent=True) for _ in range(2)] == [None, "limit_urgent"]
    assert (case.sent_in_a_day, case.account.runtime_data.rate_limiter.reserve_used) == (8, 3)
    # As soon as the day has room again, urgent messages are sent, too.
    await case.pass_time(freezer, hours=23)
    assert await outcome_of(case, LOOP, urgent=True) is None


async def test_a_run_that_waits_before_it_sends_has_no_other_share(case: Case) -> None:
    """As that of other callers, it would take what is left for an alarm."""
    await case.set_options(messages_per_minute=2)
    waiting = run_of(case, LOOP)
    for _ in range(5000):
        run_of(case, CHATTY)
    assert await outcome_of(case, LOOP) is None
    assert await outcome_in(case, waiting) == "limit_minute_share"
    assert await outcome_of(case, ALARM) is None


async def test_urgent_messages_take_nothing_from_the_minute_of_others(case: Case) -> None:
    await case.set_options(messages_per_minute=4)
    assert await send_until_refused(case, LOOP, urgent=True) == 110
    assert [await send_until_refused(case, source) for source in (CHATTY, OTHER)] == [2, 2]


async def test_the_share_is_kept_over_a_restart(case: Case, freezer: Clock) -> None:
    await case.set_options(messages_per_minute=10, messages_per_day=10, urgent_reserve=2)
    assert [await send_until_refused(case, LOOP, **more) for more in ({}, {"urgent": True})] == [5, 1]
    await case.pass_time(freezer, seconds=1.1)
    await case.kill()
    refused = [await outcome_of(case, LOOP), await outcome_of(case, LOOP, urgent=True)]
    assert refused == ["limit_day_share", "limit_urgent_share"]
    assert [await send_until_refused(case, ALARM, **more) for more in ({}, {"urgent": True})] == [5, 1]


async def test_a_run_that_goes_on_over_a_reload_is_still_known(case: Case, caplog: Log) -> None:
    await case.set_options(messages_per_minute=4)
    run = run_of(case, LOOP)
    assert await outcome_in(case, run) is None
    await case.reload()
    # Nor is it forgotten for the many runs of others meanwhile.
    for _ in range(3):
        for _ in range(600):
            run_of(case, CHATTY)
        last = await outcome_in(case, run)
    assert last == "limit_minute_share"
    assert warnings(caplog)[-1].startswith(LOOP)


# SMS count, not calls.


async def test_each_part_of_a_text_counts(roomy: Case) -> None:
    await roomy.set_options(messages_per_minute=10_000, messages_per_day=1_200, urgent_reserve=0)
    outcomes = [await outcome_of(roomy, LOOP, message=LONG_TEXT) for _ in range(20)]
    assert outcomes == [None] * 10 + ["limit_day_share"] * 10
    assert roomy.sent_in_a_day == 600
    assert await outcome_of(roomy, ALARM, message=LONG_TEXT, channel="whatsapp") is None
    await roomy.notify("notify.phone_notification")
    assert roomy.sent_in_a_day == 602


async def test_a_message_that_takes_more_than_a_share_is_refused_with_both_numbers(case: Case) -> None:
    await case.set_options()
    err = await case.error_of(message=LONG_TEXT)
    assert isinstance(err, LimitReached)
    assert (err.translation_key, err.translation_placeholders) == (
        "limit_parts",
        {"parts": "60", "limit": "10"},
    )
    assert (case.sent, flood_issue(case)) == ([], None)
    # An urgent one may take what the reserve or the day has.
    assert await case.outcome(message=LONG_TEXT, urgent=True) is None
    await case.set_options(messages_per_day=3, urgent_reserve=4)
    for text, key in (("x" * 161, None), ("x" * 400, "limit_parts"), ("x" * 400, "limit_parts")):
        assert await outcome_of(case, ALARM, message=text, urgent=True) == key


async def test_of_many_recipients_each_counts_its_parts(case: Case) -> None:
    await case.set_options(messages_per_minute=12, messages_per_day=100)
    await case.error_of(recipients=[ANNA, BELA, "+36301112233"], message="x" * 400)
    assert (len(case.sent), case.sent_in_a_day) == (2, 6)


async def test_one_person_who_gets_no_more_by_two_channels_is_one_sentence(
    case: Case, freezer: Clock
) -> None:
    """The SMS can be sent later than the WhatsApp message."""
    await case.set_options(messages_per_minute=12, messages_per_day=100)
    await case.add_contact("Anna", ANNA, "both")
    await case.send(BELA, message="1")
    freezer.tick(2)
    await case.send(BELA, message="x" * 700)
    err = await case.error_of(recipients="Anna", message="x" * 700)
    assert err.translation_key == "limit_minute_share"


# The clock.


@pytest.mark.parametrize("hours", [1, -1, 24, -24, 87_600, -87_600])
@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_clock_that_jumps_neither_refills_nor_blocks(
    case: Case, freezer: Clock, monkeypatch: Patch, hours: int, is_killed: bool
) -> None:
    await case.set_options(messages_per_minute=4, messages_per_day=6, urgent_reserve=0)
    assert await send_until_refused(case, LOOP) == 2
    change_clock(monkeypatch, hours=hours)
    assert await outcome_of(case, LOOP) == "limit_minute_share"
    if is_killed:
        await case.account.runtime_data.database.flush()
        await case.kill()
    assert await outcome_of(case, LOOP) == "limit_minute_share"
    freezer.tick(60)
    assert await send_until_refused(case, LOOP) == 1
    change_clock(monkeypatch, hours=-hours)
    freezer.tick(23 * 3600)
    assert await outcome_of(case, LOOP) == "limit_day_share"
    freezer.tick(3600)
    assert await outcome_of(case, LOOP) is None


async def test_what_was_sent_before_the_clock_was_put_back_counts_for_a_day_however_often_it_restarts(
    case: Case, freezer: Clock, monkeypatch: Patch
) -> None:
    """As on a computer without a clock of its own."""
    await case.set_options(messages_per_day=2, urgent_reserve=0)
    assert await outcome_of(case, LOOP) is None
    await case.pass_time(freezer, seconds=1.1)
    for hours in (-87_600, 0):
        change_clock(monkeypatch, hours=hours)
        await case.kill()
        await case.pass_time(freezer, seconds=1.1)
        assert await outcome_of(case, LOOP) == "limit_day_share"
        await case.pass_time(freezer, hours=12)
    assert await outcome_of(case, LOOP) is None


# An earlier version.


@pytest.mark.parametrize("is_read_only", [False, True])
async def test_what_an_earlier_version_sent_counts_as_one_sms_each(
    case: Case, monkeypatch: Patch, is_read_only: bool
) -> None:
    await case.set_options(messages_per_day=4, urgent_reserve=0)
    assert await send_until_refused(case, OTHER) == 2
    await case.unload()
    connection = sqlite3.connect(database_path(case.home, case.account.entry_id))
    connection.executescript(
        "create table old (id integer primary key, time real not null); insert into old select id, time from sends;"
        "drop table sends; alter table old rename to sends; drop table unsigned; drop table kept;"
        "alter table handled drop column phone; alter table journal drop column trust; pragma user_version=1"
    )
    connection.close()
    with monkeypatch.context() as patched:
        if is_read_only:

            def refuse(*_: Any) -> int:
                raise OSError(errno.EROFS, "read-only")

            patched.setattr("custom_components.smsmobileapi.database_file.os.open", refuse)
        await case.set_up()
    assert case.sent_in_a_day == 2
    assert await outcome_of(case, OTHER) == "limit_day_share"
    assert await outcome_of(case, ALARM) is None
