"""The flood guard: a loop stops at the limit, costs nothing beyond it, and the user hears once who it was."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator

from ..conftest import KEY, add_contact, settle

ANNA = "+36301234567"
TEXT = "There is water on the kitchen floor."
NOON = "2026-01-15 12:00:00+01:00"
SEND: dict[str, Any] = {"action": "smsmobileapi.send_message", "data": {"recipients": ANNA, "message": TEXT}}


async def send(home: HomeAssistant, context: Context | None = None, **data: Any) -> str | None:
    """Send as an automation does; return the key of the error, if there is one."""
    data = {"recipients": ANNA, "message": TEXT, **data}
    try:
        await home.services.async_call("smsmobileapi", "send_message", data, blocking=True, context=context)
    except HomeAssistantError as err:
        return err.translation_key
    return None


async def set_limits(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, per_minute: int, per_day: int
) -> None:
    """Set the limits as a user does."""
    flow = await home.config_entries.options.async_init(account.entry_id)
    await home.config_entries.options.async_configure(
        flow["flow_id"], {"messages_per_minute": per_minute, "messages_per_day": per_day}
    )
    await settle(home)


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(home)
    await settle(home)


def flood_issue(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> ir.IssueEntry | None:
    return ir.async_get(home).async_get_issue("smsmobileapi", f"flood_{account.entry_id}")


def placeholders(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> dict[str, str]:
    issue = flood_issue(home, account)
    assert issue
    return issue.translation_placeholders or {}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("custom_components.smsmobileapi")
    ]


def requests(service_account: Account, path: str = "/sendsms/") -> int:
    return sum(request.path == path for request in service_account.requests)


@pytest.fixture
async def anna(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> str:
    return await add_contact(home, account, "Anna", ANNA)


# The limit of a minute.


async def test_it_is_on_from_the_start(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    freezer.move_to(NOON)
    ended = [await send(home) for _ in range(25)]
    assert ended == [None] * 20 + ["limit_minute"] * 5
    assert len(service_account.sent) == requests(service_account) == 20
    (warning,) = warnings(caplog)
    assert "12:01:00" in warning
    assert placeholders(home, account)["resumes"] == "12:01:00"
    assert placeholders(home, account)["limit"] == "20"


async def test_the_error_says_when_sending_resumes(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, account: SmsMobileApiConfigEntry
) -> None:
    freezer.move_to(NOON)
    await set_limits(home, account, 1, 2)
    await send(home)
    with pytest.raises(HomeAssistantError, match=r"limit of 1 messages a minute.*resumes at 12:01:00"):
        await home.services.async_call("smsmobileapi", "send_message", SEND["data"], blocking=True)


async def test_it_resumes_when_it_says_and_the_issue_goes_then(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    freezer.move_to(NOON)
    await set_limits(home, account, 2, 100)
    await send(home)
    await pass_time(home, freezer, seconds=20)
    await send(home)
    assert await send(home) == "limit_minute"
    assert placeholders(home, account)["resumes"] == "12:01:00"
    await pass_time(home, freezer, seconds=39)
    assert await send(home) == "limit_minute"
    assert flood_issue(home, account)
    await pass_time(home, freezer, seconds=1)
    assert flood_issue(home, account) is None
    assert await send(home) is None
    assert await send(home) == "limit_minute"
    await pass_time(home, freezer, seconds=20)
    assert await send(home) is None
    assert len(service_account.sent) == 4


async def test_a_loop_that_goes_on_is_shown_as_long_as_it_does_and_logged_once(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    freezer.move_to(NOON)
    await set_limits(home, account, 2, 100)
    shown = []
    for _ in range(5):
        for _ in range(4):
            await send(home)
        shown.append(flood_issue(home, account) is not None)
        await pass_time(home, freezer, seconds=61)
        assert flood_issue(home, account) is None
    assert len(warnings(caplog)) == 1
    assert shown == [True] * 5


async def test_many_at_once_stop_at_the_limit_too(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    ended = await asyncio.gather(*(send(home) for _ in range(60)))
    assert ended.count(None) == len(service_account.sent) == requests(service_account) == 20


@pytest.mark.usefixtures("account")
async def test_of_many_recipients_those_beyond_the_limit_are_named(
    home: HomeAssistant, service_account: Account
) -> None:
    everybody = [f"+36301{number:06}" for number in range(30)]
    with pytest.raises(HomeAssistantError) as caught:
        await home.services.async_call(
            "smsmobileapi", "send_message", {"recipients": everybody, "message": TEXT}, blocking=True
        )
    assert caught.value.translation_key == "some_not_sent"
    assert str(caught.value).count("limit of 20 messages a minute") == 10
    assert len(service_account.sent) == 20


@pytest.mark.usefixtures("account")
async def test_what_is_beyond_the_limit_is_refused_at_once_also_while_others_hang(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    """A loop must not pile up thousands that wait for their turn and go out in the next minutes."""
    simulator.fault("/sendsms/", "delay", seconds=0.5, count=100)
    under_way = [asyncio.create_task(send(home)) for _ in range(20)]
    await asyncio.sleep(0.05)
    try:
        async with asyncio.timeout(0.3):
            assert await send(home) == "limit_minute"
    finally:
        simulator.faults.waiting.clear()
        await asyncio.gather(*under_way)


# The limit of a day.


async def test_the_limit_of_a_day(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    freezer.move_to(NOON)
    await set_limits(home, account, 100, 3)
    assert [await send(home) for _ in range(3)] == [None] * 3
    await pass_time(home, freezer, hours=2)
    assert await send(home) == "limit_day"
    assert await send(home, urgent=True) == "limit_day"
    assert placeholders(home, account)["resumes"].endswith("12:00:00")
    assert len(warnings(caplog)) == 1
    await pass_time(home, freezer, hours=21, minutes=59)
    assert await send(home) == "limit_day"
    assert flood_issue(home, account)
    await pass_time(home, freezer, minutes=1)
    assert flood_issue(home, account) is None
    assert await send(home) is None
    assert len(service_account.sent) == 4


async def test_a_day_has_two_hundred_from_the_start(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    for _ in range(10):
        for _ in range(20):
            await send(home)
        freezer.tick(timedelta(minutes=2))
    assert await send(home) == "limit_day"
    assert len(service_account.sent) == requests(service_account) == 200


async def test_after_the_limit_of_a_minute_that_of_a_day_is_shown_too(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, account: SmsMobileApiConfigEntry
) -> None:
    """Nothing is sent for a day: whoever looks has to see that, not that sending resumed a minute later."""
    freezer.move_to(NOON)
    await set_limits(home, account, 2, 3)
    assert [await send(home) for _ in range(3)] == [None, None, "limit_minute"]
    await pass_time(home, freezer, minutes=2)
    assert [await send(home) for _ in range(2)] == [None, "limit_day"]
    assert placeholders(home, account)["limit"] == "3"
    await pass_time(home, freezer, hours=12)
    assert flood_issue(home, account)


async def test_urgent_ones_reach_the_limit_of_a_day_and_its_time_is_shown(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, account: SmsMobileApiConfigEntry
) -> None:
    freezer.move_to(NOON)
    await set_limits(home, account, 1, 3)
    assert [await send(home), await send(home)] == [None, "limit_minute"]
    freezer.tick(timedelta(seconds=10))
    assert [await send(home, urgent=True) for _ in range(3)] == [None, None, "limit_day"]
    assert placeholders(home, account)["resumes"].endswith("12:00:00")


# What passes, what counts.


async def test_urgent_passes_the_limit_of_a_minute_and_counts(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await set_limits(home, account, 2, 5)
    assert [await send(home) for _ in range(3)] == [None, None, "limit_minute"]
    assert [await send(home, urgent=True) for _ in range(3)] == [None] * 3
    assert await send(home, urgent=True) == "limit_day"
    assert len(service_account.sent) == 5


@pytest.mark.parametrize(
    ("kind", "options", "key", "counts"),
    [
        ("status", {"status": 400}, "refused", False),
        ("status", {"status": 403}, "invalid_auth", False),
        ("status", {"status": 403, "error": "api_expired"}, "subscription_expired", False),
        ("status", {"status": 429, "retry_after": 3600}, "rate_limited", False),
        ("status", {"status": 503, "count": 4}, "cannot_connect", False),
        ("nonsense", {"body": {"result": {"error": 0, "sent": "0", "note": "no"}}}, "refused", False),
        ("nonsense", {"body": {"result": {"error": 2}}}, "phone_offline", False),
        ("drop_before", {"count": 2}, "may_have_been_sent", True),
        ("drop_after", {}, None, True),
        ("status", {"status": 500}, None, True),
        ("delay", {"seconds": 0}, None, True),
    ],
)
async def test_what_was_refused_does_not_count_what_may_have_been_sent_does(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    kind: str,
    options: dict[str, Any],
    key: str | None,
    counts: bool,
) -> None:
    simulator.fault("/sendsms/", kind, **options)
    assert await send(home) == key
    assert account.runtime_data.limits.sent_in_a_day == int(counts)


async def test_a_service_that_refuses_does_not_use_up_the_limit(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.phones[0].online = False
    assert [await send(home) for _ in range(25)] == ["phone_offline"] * 25
    assert flood_issue(home, account) is None
    service_account.phones[0].online = True
    assert await send(home) is None


async def test_of_both_each_counts_and_the_refused_one_is_given_back(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await set_limits(home, account, 4, 100)
    service_account.whatsapp_numbers = set()
    for _ in range(3):
        assert await send(home, channel="both") == "some_not_sent"
    service_account.whatsapp_numbers = None
    assert await send(home, channel="both") == "some_not_sent"
    assert [message.channel for message in service_account.sent] == ["sms"] * 4
    assert account.runtime_data.limits.sent_in_a_day == 4


async def test_many_by_both_stop_at_the_limit(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    ended = await asyncio.gather(*(send(home, channel="both") for _ in range(30)))
    assert ended.count(None) == 10
    assert len(service_account.sent) == requests(service_account) == 20


async def test_a_picture_in_a_loop_costs_no_more(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    url = "https://example.com/cat.jpg"
    ended = await asyncio.gather(*(send(home, channel="whatsapp", media_url=url) for _ in range(30)))
    assert ended.count(None) == requests(service_account) == 20
    assert set(ended) == {None, "limit_minute"}


# Who it was.


async def automation_loops(home: HomeAssistant) -> str:
    await async_setup_component(
        home,
        "automation",
        {
            "automation": {
                "id": "loop",
                "alias": "Leak alarm",
                "trigger": {"trigger": "event", "event_type": "leak"},
                "action": {"repeat": {"count": 30, "sequence": [{**SEND, "continue_on_error": True}]}},
            }
        },
    )
    home.bus.async_fire("leak")
    await settle(home)
    return "automation.leak_alarm"


async def many_runs_of_an_automation(home: HomeAssistant) -> str:
    """Each run sends once; they overlap."""
    await async_setup_component(
        home,
        "automation",
        {
            "automation": {
                "id": "runs",
                "alias": "Leak alarm",
                "mode": "parallel",
                "max": 50,
                "trigger": {"trigger": "event", "event_type": "leak"},
                "action": SEND,
            }
        },
    )
    for _ in range(30):
        home.bus.async_fire("leak")
    await settle(home)
    return "automation.leak_alarm"


async def script_loops(home: HomeAssistant) -> str:
    sequence = [{"repeat": {"count": 30, "sequence": [{**SEND, "continue_on_error": True}]}}]
    await async_setup_component(home, "script", {"script": {"alarm": {"sequence": sequence}}})
    await home.services.async_call("script", "alarm", blocking=True)
    return "script.alarm"


async def automation_calls_a_script(home: HomeAssistant) -> str:
    """The automation is what the user has to stop."""
    await async_setup_component(home, "script", {"script": {"alarm": {"sequence": [SEND]}}})
    await async_setup_component(
        home,
        "automation",
        {
            "automation": {
                "id": "loop",
                "alias": "Leak alarm",
                "trigger": {"trigger": "event", "event_type": "leak"},
                "action": {
                    "repeat": {
                        "count": 30,
                        "sequence": [{"action": "script.alarm", "continue_on_error": True}],
                    }
                },
            }
        },
    )
    home.bus.async_fire("leak")
    await settle(home)
    return "automation.leak_alarm"


async def automation_notifies(home: HomeAssistant) -> str:
    action = {
        "action": "notify.send_message",
        "target": {"entity_id": "notify.anna"},
        "data": {"message": TEXT},
        "continue_on_error": True,
    }
    await async_setup_component(
        home,
        "automation",
        {
            "automation": {
                "id": "loop",
                "alias": "Leak alarm",
                "trigger": {"trigger": "event", "event_type": "leak"},
                "action": {"repeat": {"count": 30, "sequence": [action]}},
            }
        },
    )
    home.bus.async_fire("leak")
    await settle(home)
    return "automation.leak_alarm"


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize(
    "loops",
    [
        automation_loops,
        many_runs_of_an_automation,
        script_loops,
        automation_calls_a_script,
        automation_notifies,
    ],
)
async def test_who_floods_is_named_once(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    caplog: pytest.LogCaptureFixture,
    loops: Callable[[HomeAssistant], Awaitable[str]],
) -> None:
    culprit = await loops(home)
    assert len(service_account.sent) == requests(service_account) == 20
    (warning,) = warnings(caplog)
    assert culprit in warning
    issue = flood_issue(home, account)
    assert issue
    assert issue.translation_key == "flood_by"
    assert (issue.translation_placeholders or {})["culprit"] == culprit


async def test_an_unknown_caller_is_not_named(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    await set_limits(home, account, 1, 5)
    await send(home)
    await send(home)
    issue = flood_issue(home, account)
    assert issue
    assert issue.translation_key == "flood"
    assert len(warnings(caplog)) == 1


# Must-show.


async def test_a_loop_of_ten_thousand_in_an_automation_costs_twenty(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[str | None] = []

    async def ten_thousand(call: ServiceCall) -> None:
        """Do what `repeat` does, without the cost of its traces."""
        ended.extend([await send(home, call.context) for _ in range(5_000)])
        ended.extend(await asyncio.gather(*(send(home, call.context) for _ in range(5_000))))

    home.services.async_register("test", "flood", ten_thousand)
    await async_setup_component(
        home,
        "automation",
        {
            "automation": {
                "id": "loop",
                "alias": "Leak alarm",
                "trigger": {"trigger": "event", "event_type": "leak"},
                "action": {"action": "test.flood"},
            }
        },
    )
    home.bus.async_fire("leak")
    await settle(home)
    assert len(ended) == 10_000
    assert ended.count(None) == len(service_account.sent) == requests(service_account) == 20
    assert set(ended) == {None, "limit_minute"}
    (warning,) = warnings(caplog)
    assert "automation.leak_alarm" in warning
    assert flood_issue(home, account)


# Private things.


@pytest.mark.usefixtures("anna")
async def test_private_things_stay_where_they_are(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("custom_components.smsmobileapi").setLevel(logging.DEBUG)
    await set_limits(home, account, 1, 1)
    caplog.clear()
    await send(home)
    with pytest.raises(HomeAssistantError) as caught:
        await home.services.async_call("smsmobileapi", "send_message", SEND["data"], blocking=True)
    issue = flood_issue(home, account)
    seen = [record.getMessage() for record in caplog.records if "smsmobileapi" in record.name]
    seen += [str(caught.value), repr(caught.value), str(caught.value.translation_placeholders), str(issue)]
    assert [secret for secret in (KEY, ANNA[1:], TEXT) if secret in " ".join(seen)] == []
