"""The rate limit: a loop stops at the limit, costs nothing beyond it, and the user is told once which automation it is."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest

from simulator import Account, Simulator

from ..conftest import add_account, add_contact, settle
from .sending import (
    ANNA,
    NOON,
    REFUSED,
    SEND,
    TEXT,
    Clock,
    Entry,
    Gate,
    Log,
    Patch,
    assert_private,
    channels,
    error_of,
    kill,
    our_lines,
    outcome,
    pass_time,
    requests,
    send,
    sent_in_a_day,
    set_options,
    set_whatsapp,
    warnings,
)

ACTION: dict[str, Any] = {
    "action": "smsmobileapi.send_message",
    "data": {"recipients": ANNA, "message": TEXT},
}


async def set_limits(home: HomeAssistant, account: Entry, per_minute: int, per_day: int) -> None:
    await set_options(home, account, messages_per_minute=per_minute, messages_per_day=per_day)


def flood_issue(home: HomeAssistant, account: Entry) -> ir.IssueEntry | None:
    return ir.async_get(home).async_get_issue("smsmobileapi", f"flood_{account.entry_id}")


def placeholders(home: HomeAssistant, account: Entry) -> dict[str, str]:
    issue = flood_issue(home, account)
    assert issue
    return issue.translation_placeholders or {}


# The limit of a minute.


async def test_the_limit_holds_from_the_start_and_is_shown_once(
    freezer: Clock, home: HomeAssistant, account: Entry, service_account: Account, caplog: Log
) -> None:
    freezer.move_to(NOON)
    assert [await outcome(home) for _ in range(25)] == [None] * 20 + ["limit_minute"] * 5
    assert len(service_account.sent) == len(requests(service_account)) == 20
    (warning,) = warnings(caplog)
    assert warning.endswith("limit of 20 messages a minute; sending resumes at 12:01:00")
    shown = placeholders(home, account)
    assert (shown["resumes"], shown["limit"]) == ("12:01:00", "20")
    err = await error_of(home)
    assert "limit of 20 messages a minute" in str(err) and "resumes at 12:01:00" in str(err)


async def test_sending_resumes_when_it_says_and_the_issue_goes_then(
    freezer: Clock, home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    """Any sixty seconds count, not those of a clock's minute."""
    freezer.move_to(NOON)
    await set_limits(home, account, 2, 100)
    await send(home)
    await pass_time(home, freezer, seconds=20)
    await send(home)
    assert await outcome(home) == "limit_minute"
    assert placeholders(home, account)["resumes"] == "12:01:00"
    await pass_time(home, freezer, seconds=39)
    assert await outcome(home) == "limit_minute"
    assert flood_issue(home, account)
    await pass_time(home, freezer, seconds=1)
    assert flood_issue(home, account) is None
    assert [await outcome(home), await outcome(home)] == [None, "limit_minute"]
    await pass_time(home, freezer, seconds=20)
    assert await outcome(home) is None
    assert len(service_account.sent) == 4


async def test_a_loop_that_goes_on_is_shown_as_long_as_it_does_and_logged_once(
    freezer: Clock, home: HomeAssistant, account: Entry, caplog: Log
) -> None:
    await set_limits(home, account, 2, 100)
    for _ in range(5):
        assert [await outcome(home) for _ in range(4)] == [None] * 2 + ["limit_minute"] * 2
        assert flood_issue(home, account)
        await pass_time(home, freezer, seconds=61)
        assert flood_issue(home, account) is None
    assert len(warnings(caplog)) == 1


async def test_many_at_once_stop_at_the_limit_whatever_they_send(
    home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account
) -> None:
    for data, accepted in (
        ({}, 20),
        ({"channel": "both"}, 10),
        ({"channel": "whatsapp", "media_url": "https://example.com/cat.jpg"}, 20),
    ):
        await set_limits(home, account, 20 + sent_in_a_day(account), 200)
        simulator.reset()
        outcomes = await asyncio.gather(*(outcome(home, **data) for _ in range(30)))
        assert outcomes.count(None) == accepted, data
        assert len(service_account.sent) == len(requests(service_account)) == 20, data


@pytest.mark.usefixtures("account")
async def test_of_many_recipients_those_beyond_the_limit_are_named(
    home: HomeAssistant, service_account: Account
) -> None:
    err = await error_of(home, recipients=[f"+36301{number:06}" for number in range(30)])
    assert err.translation_key == "some_not_sent"
    assert str(err).count("limit of 20 messages a minute") == 10
    assert len(service_account.sent) == 20


@pytest.mark.usefixtures("account")
async def test_a_message_beyond_the_limit_is_refused_at_once_also_while_others_hang(
    home: HomeAssistant, simulator: Simulator, monkeypatch: Patch
) -> None:
    """A loop must not pile up thousands that wait for their turn and go out in the next minutes."""
    gate = Gate(simulator, monkeypatch, SEND)
    under_way = [asyncio.create_task(send(home)) for _ in range(20)]
    await gate.is_reached()
    assert await outcome(home) == "limit_minute"
    gate.open()
    await asyncio.gather(*under_way)


# The limit of a day.


async def test_the_limit_of_a_day_holds_for_urgent_ones_too_and_its_end_has_a_date(
    freezer: Clock, home: HomeAssistant, account: Entry, service_account: Account, caplog: Log
) -> None:
    freezer.move_to(NOON)
    await set_limits(home, account, 100, 3)
    assert [await outcome(home) for _ in range(3)] == [None] * 3
    await pass_time(home, freezer, hours=2)
    assert [await outcome(home), await outcome(home, urgent=True)] == ["limit_day", "limit_day"]
    assert placeholders(home, account)["resumes"] == "2026-01-16 12:00:00"
    assert "resumes at 2026-01-16 12:00:00" in str(await error_of(home))
    (warning,) = warnings(caplog)
    assert warning.endswith("resumes at 2026-01-16 12:00:00")
    await pass_time(home, freezer, hours=21, minutes=59)
    assert await outcome(home) == "limit_day"
    assert "resumes at 12:00:00" in str(await error_of(home))
    assert flood_issue(home, account)
    await pass_time(home, freezer, minutes=1)
    assert flood_issue(home, account) is None
    assert await outcome(home) is None
    assert len(service_account.sent) == 4


async def test_a_day_has_two_hundred_from_the_start(
    freezer: Clock, home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    for _ in range(10):
        for _ in range(20):
            await send(home)
        freezer.tick(timedelta(minutes=2))
    assert await outcome(home) == "limit_day"
    assert len(service_account.sent) == len(requests(service_account)) == 200


async def test_urgent_passes_the_limit_of_a_minute_and_the_limit_of_a_day_is_shown_after_it(
    freezer: Clock, home: HomeAssistant, account: Entry
) -> None:
    """The user has to see that nothing is sent for a day, not that sending resumes in a minute."""
    freezer.move_to(NOON)
    await set_limits(home, account, 1, 3)
    assert [await outcome(home), await outcome(home)] == [None, "limit_minute"]
    freezer.tick(timedelta(seconds=10))
    assert [await outcome(home, urgent=True) for _ in range(3)] == [None, None, "limit_day"]
    assert placeholders(home, account)["limit"] == "3"
    await pass_time(home, freezer, hours=12)
    assert flood_issue(home, account)


# What counts.


async def test_a_refused_message_does_not_count_and_one_that_may_have_been_sent_does(
    home: HomeAssistant, account: Entry, simulator: Simulator
) -> None:
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
        before = sent_in_a_day(account)
        simulator.fault(SEND, kind, **options)
        assert await outcome(home) == key, (kind, options)
        assert sent_in_a_day(account) - before == counted, (kind, options)
    assert flood_issue(home, account) is None


async def test_of_both_channels_each_counts_and_the_refused_one_does_not(
    home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    await set_limits(home, account, 4, 100)
    set_whatsapp(service_account)
    assert [await outcome(home, channel="both") for _ in range(3)] == ["some_not_sent"] * 3
    service_account.whatsapp_numbers = None
    assert await outcome(home, channel="both") == "some_not_sent"
    assert channels(service_account) == ["sms"] * 4
    assert sent_in_a_day(account) == 4


async def test_lower_and_higher_limits_hold_at_once(
    home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    for _ in range(3):
        await send(home)
    await set_limits(home, account, 3, 200)
    assert await outcome(home) == "limit_minute"
    await set_limits(home, account, 100, 2)
    assert await outcome(home) == "limit_day"
    await set_limits(home, account, 4, 4)
    assert [await outcome(home), await outcome(home)] == [None, "limit_day"]
    assert len(service_account.sent) == 4


async def test_each_account_has_its_own_limits(
    home: HomeAssistant, account: Entry, simulator: Simulator
) -> None:
    simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    for _ in range(20):
        assert await outcome(home, account=account.entry_id) is None
    assert await outcome(home, account=account.entry_id) == "limit_minute"
    assert await outcome(home, account=other.entry_id) is None


# Over a restart, and where the clock jumps.


async def test_a_restart_does_not_begin_anew_and_a_kill_forgets_at_most_a_second(
    freezer: Clock, home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account
) -> None:
    await set_limits(home, account, 5, 200)
    for _ in range(5):
        await send(home)
        # Each within a second of the one before: the first must not wait for the last.
        await pass_time(home, freezer, seconds=0.8)
    simulator.fault(SEND, "status", status=400)
    assert await outcome(home, urgent=True) == "refused"
    await home.config_entries.async_unload(account.entry_id)
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert (await outcome(home), sent_in_a_day(account)) == ("limit_minute", 5)
    # A message that was refused is not in the database either.
    simulator.fault(SEND, "status", status=400)
    assert await outcome(home, urgent=True) == "refused"
    assert await outcome(home, urgent=True) is None
    await pass_time(home, freezer, seconds=1.1)
    await kill(home, account)
    assert (await outcome(home), sent_in_a_day(account)) == ("limit_minute", 6)
    assert len(service_account.sent) == 6


@pytest.mark.parametrize("back", [1, 3600])
@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_clock_that_is_put_back_forgets_nothing(
    freezer: Clock, home: HomeAssistant, account: Entry, service_account: Account, back: int, is_killed: bool
) -> None:
    """As time servers do, by a second or by an hour."""
    await set_limits(home, account, 100, 3)
    assert [await outcome(home) for _ in range(3)] == [None] * 3
    await pass_time(home, freezer, seconds=1.1)
    freezer.tick(timedelta(seconds=-back - 2))
    if is_killed:
        await kill(home, account)
    assert await outcome(home) == "limit_day"
    assert len(service_account.sent) == 3


async def test_a_clock_that_was_years_off_stops_nobody_for_longer_than_a_day(
    freezer: Clock, home: HomeAssistant, account: Entry
) -> None:
    """Ahead of the time, or behind it as a computer without a clock of its own."""
    await set_limits(home, account, 100, 3)
    freezer.tick(timedelta(days=3650))
    assert [await outcome(home) for _ in range(4)] == [None] * 3 + ["limit_day"]
    await pass_time(home, freezer, seconds=2)
    freezer.tick(timedelta(days=-3650))
    assert await outcome(home) == "limit_day"
    await pass_time(home, freezer, seconds=2)
    await kill(home, account)
    freezer.tick(timedelta(days=1))
    assert [await outcome(home) for _ in range(4)] == [None] * 3 + ["limit_day"]
    freezer.tick(timedelta(days=300))
    assert await outcome(home) is None


# What floods.


async def run_automation(home: HomeAssistant, action: Any, runs: int = 1) -> str:
    """Run an automation; return its entity id."""
    automation = {
        "id": "loop",
        "alias": "Leak alarm",
        "mode": "parallel",
        "max": 50,
        "trigger": {"trigger": "event", "event_type": "leak"},
        "action": action,
    }
    await async_setup_component(home, "automation", {"automation": automation})
    for _ in range(runs):
        home.bus.async_fire("leak")
    await settle(home)
    return "automation.leak_alarm"


def loop(action: dict[str, Any]) -> dict[str, Any]:
    return {"repeat": {"count": 30, "sequence": [{**action, "continue_on_error": True}]}}


async def automation_loops(home: HomeAssistant) -> str:
    return await run_automation(home, loop(ACTION))


async def many_runs_of_an_automation(home: HomeAssistant) -> str:
    """Each run sends once; they overlap."""
    return await run_automation(home, ACTION, runs=30)


async def script_loops(home: HomeAssistant) -> str:
    await async_setup_component(home, "script", {"script": {"alarm": {"sequence": [loop(ACTION)]}}})
    await home.services.async_call("script", "alarm", blocking=True)
    return "script.alarm"


async def automation_calls_a_script(home: HomeAssistant) -> str:
    """The automation is what the user has to stop."""
    await async_setup_component(home, "script", {"script": {"alarm": {"sequence": [ACTION]}}})
    return await run_automation(home, loop({"action": "script.alarm"}))


async def automation_notifies(home: HomeAssistant) -> str:
    target = {"entity_id": "notify.anna"}
    return await run_automation(
        home, loop({"action": "notify.send_message", "target": target, "data": {"message": TEXT}})
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
    home: HomeAssistant,
    account: Entry,
    service_account: Account,
    caplog: Log,
    flood: Callable[[HomeAssistant], Awaitable[str]],
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    source = await flood(home)
    assert len(service_account.sent) == len(requests(service_account)) == 20
    (warning,) = warnings(caplog)
    assert warning.startswith(source)
    issue = flood_issue(home, account)
    assert issue
    assert issue.translation_key == "flood_by"
    assert (issue.translation_placeholders or {})["source"] == source


async def test_an_unknown_caller_is_not_named_and_nothing_private_is_shown(
    home: HomeAssistant, account: Entry, caplog: Log
) -> None:
    await set_limits(home, account, 1, 5)
    caplog.clear()
    await send(home)
    err = await error_of(home)
    issue = flood_issue(home, account)
    assert issue
    assert issue.translation_key == "flood"
    assert len(warnings(caplog)) == 1
    assert_private(account, [*our_lines(caplog), str(issue)], err)


async def test_a_loop_of_thousands_in_an_automation_costs_twenty(
    home: HomeAssistant, account: Entry, service_account: Account, caplog: Log
) -> None:
    outcomes: list[str | None] = []

    async def send_once(context: Context) -> None:
        try:
            await home.services.async_call(
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

    home.services.async_register("test", "flood", send_thousands)
    source = await run_automation(home, {"action": "test.flood"})
    assert len(outcomes) == 2_000
    assert outcomes.count(None) == len(service_account.sent) == len(requests(service_account)) == 20
    assert set(outcomes) == {None, "limit_minute"}
    (warning,) = warnings(caplog)
    assert warning.startswith(source)
    assert flood_issue(home, account)
