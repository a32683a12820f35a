"""The rate limit: a loop stops at its share of the limit, costs nothing beyond it, and the user is told once which automation it is."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from homeassistant.core import Context, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest

from ..conftest import add_account
from .sending import ANNA, NOON, REFUSED, SEND, TEXT, Case, Clock, Log, Patch, our_lines, warnings

ACTION: dict[str, Any] = {
    "action": "smsmobileapi.send_message",
    "data": {"recipients": ANNA, "message": TEXT},
}


async def set_limits(case: Case, per_minute: int, per_day: int) -> None:
    """Set how many SMS one caller may send, which is half of the limits; an urgent message has no reserve."""
    await case.set_options(messages_per_minute=2 * per_minute, messages_per_day=2 * per_day, urgent_reserve=0)


def flood_issue(case: Case) -> ir.IssueEntry | None:
    return ir.async_get(case.home).async_get_issue("smsmobileapi", f"flood_{case.account.entry_id}")


def placeholders(case: Case) -> dict[str, str]:
    issue = flood_issue(case)
    assert issue
    return issue.translation_placeholders or {}


# The limit of a minute.


async def test_the_limit_holds_from_the_start_and_is_shown_once(
    case: Case, freezer: Clock, caplog: Log
) -> None:
    freezer.move_to(NOON)
    assert [await case.outcome() for _ in range(25)] == [None] * 20 + ["limit_minute_share"] * 5
    assert len(case.sent) == len(case.requests()) == 20
    (warning,) = warnings(caplog)
    assert warning.endswith("limit of 20 SMS a minute; sending resumes at 12:01:00")
    shown = placeholders(case)
    assert (shown["resumes"], shown["limit"]) == ("12:01:00", "20")
    err = await case.error_of()
    assert "limit of 20 SMS a minute" in str(err) and "resumes at 12:01:00" in str(err)


async def test_sending_resumes_when_it_says_and_the_issue_goes_then(case: Case, freezer: Clock) -> None:
    """Any sixty seconds count, not those of a clock's minute."""
    freezer.move_to(NOON)
    await set_limits(case, 2, 100)
    await case.send()
    await case.pass_time(freezer, seconds=20)
    await case.send()
    assert await case.outcome() == "limit_minute_share"
    assert placeholders(case)["resumes"] == "12:01:00"
    await case.pass_time(freezer, seconds=39)
    assert await case.outcome() == "limit_minute_share"
    assert flood_issue(case)
    await case.pass_time(freezer, seconds=1)
    assert flood_issue(case) is None
    assert [await case.outcome(), await case.outcome()] == [None, "limit_minute_share"]
    await case.pass_time(freezer, seconds=20)
    assert await case.outcome() is None
    assert len(case.sent) == 4


async def test_a_loop_that_goes_on_is_shown_as_long_as_it_does_and_logged_once(
    case: Case, freezer: Clock, caplog: Log
) -> None:
    await set_limits(case, 2, 100)
    for _ in range(5):
        assert [await case.outcome() for _ in range(4)] == [None] * 2 + ["limit_minute_share"] * 2
        assert flood_issue(case)
        await case.pass_time(freezer, seconds=61)
        assert flood_issue(case) is None
    assert len(warnings(caplog)) == 1


async def test_many_at_once_stop_at_the_limit_whatever_they_send(case: Case) -> None:
    for data, accepted in (
        ({}, 20),
        ({"channel": "both"}, 10),
        ({"channel": "whatsapp", "media_url": "https://example.com/cat.jpg"}, 20),
    ):
        await set_limits(case, 20 + case.sent_in_a_day, 200)
        case.simulator.reset()
        outcomes = await asyncio.gather(*(case.outcome(**data) for _ in range(30)))
        assert outcomes.count(None) == accepted, data
        assert len(case.sent) == len(case.requests()) == 20, data


async def test_of_many_recipients_those_beyond_the_limit_are_named(case: Case) -> None:
    err = await case.error_of(recipients=[f"+36301{number:06}" for number in range(30)])
    assert err.translation_key == "some_not_sent"
    assert str(err).count("limit of 20 SMS a minute") == 1
    assert len(case.sent) == 20


async def test_a_message_beyond_the_limit_is_refused_at_once_also_while_others_hang(
    case: Case, monkeypatch: Patch
) -> None:
    """A loop must not pile up thousands that wait for their turn and go out in the next minutes."""
    gate = case.gate(monkeypatch)
    under_way = [asyncio.create_task(case.send()) for _ in range(20)]
    await gate.is_reached()
    assert await case.outcome() == "limit_minute_share"
    gate.open()
    await asyncio.gather(*under_way)


# The limit of a day.


async def test_the_limit_of_a_day_holds_for_urgent_ones_too_and_its_end_has_a_date(
    case: Case, freezer: Clock, caplog: Log
) -> None:
    freezer.move_to(NOON)
    await set_limits(case, 100, 3)
    assert [await case.outcome() for _ in range(3)] == [None] * 3
    await case.pass_time(freezer, hours=2)
    assert [await case.outcome(), await case.outcome(urgent=True)] == ["limit_day_share", "limit_day_share"]
    assert placeholders(case)["resumes"] == "2026-01-16 12:00:00"
    assert "resumes at 2026-01-16 12:00:00" in str(await case.error_of())
    (warning,) = warnings(caplog)
    assert warning.endswith("resumes at 2026-01-16 12:00:00")
    await case.pass_time(freezer, hours=21, minutes=59)
    assert await case.outcome() == "limit_day_share"
    assert "resumes at 12:00:00" in str(await case.error_of())
    assert flood_issue(case)
    await case.pass_time(freezer, minutes=1)
    assert flood_issue(case) is None
    assert await case.outcome() is None
    assert len(case.sent) == 4


async def test_urgent_passes_the_limit_of_a_minute_and_the_limit_of_a_day_is_shown_after_it(
    case: Case, freezer: Clock
) -> None:
    """The user has to see that nothing is sent for a day, not that sending resumes in a minute."""
    freezer.move_to(NOON)
    await set_limits(case, 1, 3)
    assert [await case.outcome(), await case.outcome()] == [None, "limit_minute_share"]
    freezer.tick(timedelta(seconds=10))
    assert [await case.outcome(urgent=True) for _ in range(3)] == [None, None, "limit_day_share"]
    assert placeholders(case)["limit"] == "3"
    await case.pass_time(freezer, hours=12)
    assert flood_issue(case)


# What counts.


async def test_a_refused_message_does_not_count_and_one_that_may_have_been_sent_does(case: Case) -> None:
    table: list[tuple[str, dict[str, Any], str | None, int]] = [
        ("status", {"status": 400}, "refused", 0),
        ("status", {"status": 403}, "invalid_auth", 0),
        ("status", {"status": 403, "error": "api_expired"}, "subscription_expired", 0),
        ("status", {"status": 429, "retry_after": 3600}, "rate_limited", 0),
        ("status", {"status": 503, "count": 4}, "cannot_connect", 0),
        ("nonsense", REFUSED, "refused", 0),
        ("nonsense", {"body": {"result": {"error": 2}}}, "phone_offline", 0),
        ("drop_before", {"count": 2}, "may_have_been_sent", 1),
        ("drop_after", {}, None, 1),
        ("status", {"status": 500}, None, 1),
        ("delay", {"seconds": 0}, None, 1),
    ]
    for kind, options, key, counted in table:
        before = case.sent_in_a_day
        case.fault(SEND, kind, **options)
        assert await case.outcome() == key, (kind, options)
        assert case.sent_in_a_day - before == counted, (kind, options)
    assert flood_issue(case) is None


async def test_of_both_channels_each_counts_and_the_refused_one_does_not(case: Case) -> None:
    await set_limits(case, 4, 100)
    case.set_whatsapp()
    assert [await case.outcome(channel="both") for _ in range(3)] == ["some_not_sent"] * 3
    case.service.whatsapp_numbers = None
    assert await case.outcome(channel="both") == "some_not_sent"
    assert case.channels == ["sms"] * 4
    assert case.sent_in_a_day == 4


async def test_lower_and_higher_limits_hold_at_once(case: Case) -> None:
    for _ in range(3):
        await case.send()
    await set_limits(case, 3, 200)
    assert await case.outcome() == "limit_minute_share"
    await set_limits(case, 100, 2)
    assert await case.outcome() == "limit_day_share"
    await set_limits(case, 4, 4)
    assert [await case.outcome(), await case.outcome()] == [None, "limit_day_share"]
    assert len(case.sent) == 4


async def test_each_account_has_its_own_limits(case: Case) -> None:
    case.simulator.add_account("another-key-0123456789")
    other = await add_account(case.home, case.simulator, "another-key-0123456789")
    for _ in range(20):
        assert await case.outcome(account=case.account.entry_id) is None
    assert await case.outcome(account=case.account.entry_id) == "limit_minute_share"
    assert await case.outcome(account=other.entry_id) is None


# Over a restart.


async def test_a_restart_does_not_begin_anew_and_a_kill_forgets_at_most_a_second(
    case: Case, freezer: Clock
) -> None:
    await set_limits(case, 5, 200)
    for _ in range(5):
        await case.send()
        # Each within a second of the one before: the first must not wait for the last.
        await case.pass_time(freezer, seconds=0.8)
    case.fault(SEND, "status", status=400)
    assert await case.outcome(urgent=True) == "refused"
    await case.unload()
    await case.set_up()
    await case.settle()
    assert (await case.outcome(), case.sent_in_a_day) == ("limit_minute_share", 5)
    # A message that was refused is not in the database either.
    case.fault(SEND, "status", status=400)
    assert await case.outcome(urgent=True) == "refused"
    assert await case.outcome(urgent=True) is None
    await case.pass_time(freezer, seconds=1.1)
    await case.kill()
    assert (await case.outcome(), case.sent_in_a_day) == ("limit_minute_share", 6)
    assert len(case.sent) == 6


# What floods.


async def run_automation(case: Case, action: Any, runs: int = 1) -> str:
    """Run an automation; return its entity id."""
    automation = {
        "id": "loop",
        "alias": "Leak alarm",
        "mode": "parallel",
        "max": 50,
        "trigger": {"trigger": "event", "event_type": "leak"},
        "action": action,
    }
    await async_setup_component(case.home, "automation", {"automation": automation})
    for _ in range(runs):
        case.home.bus.async_fire("leak")
    await case.settle()
    return "automation.leak_alarm"


def loop(action: dict[str, Any]) -> dict[str, Any]:
    return {"repeat": {"count": 30, "sequence": [{**action, "continue_on_error": True}]}}


async def automation_loops(case: Case) -> str:
    return await run_automation(case, loop(ACTION))


async def many_runs_of_an_automation(case: Case) -> str:
    """Each run sends once; they overlap."""
    return await run_automation(case, ACTION, runs=30)


async def script_loops(case: Case) -> str:
    await async_setup_component(case.home, "script", {"script": {"alarm": {"sequence": [loop(ACTION)]}}})
    await case.home.services.async_call("script", "alarm", blocking=True)
    return "script.alarm"


async def automation_calls_a_script(case: Case) -> str:
    """The automation is what the user has to stop."""
    await async_setup_component(case.home, "script", {"script": {"alarm": {"sequence": [ACTION]}}})
    return await run_automation(case, loop({"action": "script.alarm"}))


async def automation_notifies(case: Case) -> str:
    target = {"entity_id": "notify.anna"}
    return await run_automation(
        case, loop({"action": "notify.send_message", "target": target, "data": {"message": TEXT}})
    )


@pytest.mark.parametrize(
    "flood",
    [
        automation_loops,
        many_runs_of_an_automation,
        script_loops,
        automation_calls_a_script,
        automation_notifies,
    ],
)
async def test_what_floods_is_named_once(
    case: Case, caplog: Log, flood: Callable[[Case], Awaitable[str]]
) -> None:
    await case.add_contact("Anna", ANNA)
    source = await flood(case)
    assert len(case.sent) == len(case.requests()) == 20
    (warning,) = warnings(caplog)
    assert warning.startswith(source)
    issue = flood_issue(case)
    assert issue
    assert issue.translation_key == "flood_by"
    assert (issue.translation_placeholders or {})["source"] == source


async def test_an_unknown_caller_is_not_named_and_nothing_private_is_shown(case: Case, caplog: Log) -> None:
    await set_limits(case, 1, 5)
    caplog.clear()
    await case.send()
    err = await case.error_of()
    issue = flood_issue(case)
    assert issue
    assert issue.translation_key == "flood"
    assert len(warnings(caplog)) == 1
    case.assert_private([*our_lines(caplog), str(issue)], err)


async def test_a_loop_of_thousands_in_an_automation_costs_twenty(case: Case, caplog: Log) -> None:
    outcomes: list[str | None] = []

    async def send_once(context: Context) -> None:
        try:
            await case.home.services.async_call(
                "smsmobileapi", "send_message", ACTION["data"], blocking=True, context=context
            )
        except HomeAssistantError as err:
            outcomes.append(err.translation_key)
        else:
            outcomes.append(None)

    async def send_thousands(call: ServiceCall) -> None:
        """Do what `repeat` does, without the cost of its traces."""
        for _ in range(1_000):
            await send_once(call.context)
        await asyncio.gather(*(send_once(call.context) for _ in range(1_000)))

    case.home.services.async_register("test", "flood", send_thousands)
    source = await run_automation(case, {"action": "test.flood"})
    assert len(outcomes) == 2_000
    assert outcomes.count(None) == len(case.sent) == len(case.requests()) == 20
    assert set(outcomes) == {None, "limit_minute_share"}
    (warning,) = warnings(caplog)
    assert warning.startswith(source)
    assert flood_issue(case)


async def test_a_raised_limit_ends_what_is_reported(case: Case) -> None:
    await set_limits(case, 20, 1)
    await case.send()
    assert await case.outcome() == "limit_day_share"
    await case.set_options(**case.account.options, offline_hours=0)
    assert flood_issue(case)
    await set_limits(case, 20, 2)
    assert flood_issue(case) is None
    assert [await case.outcome(), await case.outcome()] == [None, "limit_day_share"]
    assert flood_issue(case)
