"""The poll: how often the service is asked for what, and that one fault never stops the rest (promise 1)."""

from collections import Counter
from datetime import timedelta
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.api import ReceivedMessage
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.inbound.ledger import LONG_OVERLAP, SHORT_OVERLAP
from simulator import Account, Simulator, call_data

from .conftest import KEY, OUR_LOG, settle
from .inbound.installation import Installation, install
from .inbound.service import ANNA

MESSAGES, PHONES = "/getsms/", "/gateway/mobile/list/"
MISSED, INCOMING, OUTGOING = (f"/call/{direction}/list/" for direction in ("missed", "incoming", "outgoing"))
CALLS = (MISSED, INCOMING, OUTGOING)


@pytest.fixture
def full_minute(freezer: FrozenDateTimeFactory) -> None:
    """Begin with a whole second: timers are for a part of one after it."""
    freezer.move_to("2026-11-02 10:00:00+00:00")


@pytest.fixture
async def ha(
    full_minute: None,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client_no_auth: ClientSessionGenerator,
) -> Installation:
    """Home Assistant with an account; its clock shows a whole minute and stands still."""
    return await install(home, account, simulator, service_account, hass_client_no_auth)


async def requests_in(
    ha: Installation, freezer: FrozenDateTimeFactory, period: timedelta, step: timedelta
) -> dict[str, int]:
    """Return how often what was asked for while time passed, step by step."""
    ha.simulator.requests.clear()
    for _ in range(period // step):
        await ha.pass_time(freezer, seconds=step.total_seconds())
    return dict(Counter(ha.requests))


async def bring_message(ha: Installation) -> None:
    """Let the service call the webhook."""
    assert await ha.simulator.deliver(ha.account, ha.account.receive(ANNA, "hi")) == 200
    assert ha.entry.runtime_data.webhook.is_working


async def bring_call(ha: Installation) -> None:
    made = ha.account.add_call("missed", ANNA)
    assert await ha.simulator.deliver_v2(ha.account, "call.missed", call_data(made)) == 202


# How often.


async def test_an_idle_account_without_a_webhook(ha: Installation, freezer: FrozenDateTimeFactory) -> None:
    asked = await requests_in(ha, freezer, timedelta(hours=3), timedelta(minutes=1))
    day = {path: count * 8 for path, count in asked.items()}
    assert day == {MESSAGES: 1440, PHONES: 96, MISSED: 144, INCOMING: 144, OUTGOING: 144}
    # A new message is there within a minute.
    ha.account.receive(ANNA, "hi")
    await ha.pass_time(freezer, seconds=50)
    assert ha.received == []
    await ha.pass_time(freezer, seconds=12)
    assert ha.texts == ["hi"]


@pytest.mark.parametrize("brings_calls", [False, True])
async def test_an_idle_account_with_a_webhook_that_works(
    ha: Installation, freezer: FrozenDateTimeFactory, brings_calls: bool
) -> None:
    """Calls come by V2 only."""
    await bring_message(ha)
    if brings_calls:
        await bring_call(ha)
    await ha.poll()
    asked = await requests_in(ha, freezer, timedelta(days=1), timedelta(minutes=5))
    calls = 24 if brings_calls else 96
    assert asked == {MESSAGES: 96, PHONES: 96, MISSED: calls, INCOMING: calls, OUTGOING: calls}
    assert len(ha.calls) == brings_calls


async def test_a_poll_that_fails_is_repeated_in_a_minute_also_beside_a_webhook_that_works(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    await bring_message(ha)
    ha.simulator.fault("*", "status", count=9)
    await ha.poll()
    ha.simulator.faults.waiting.clear()
    asked = await requests_in(ha, freezer, timedelta(minutes=5), timedelta(minutes=1))
    assert (asked[MESSAGES], asked[PHONES]) == (1, 1)


async def test_a_call_that_the_webhook_did_not_bring_has_calls_polled_more_often(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    async def asked_in_an_hour() -> int:
        asked = await requests_in(ha, freezer, timedelta(hours=1), timedelta(minutes=5))
        return asked.get(MISSED, 0)

    await bring_message(ha)
    await bring_call(ha)
    await ha.reload()
    assert await asked_in_an_hour() == 1
    ha.account.add_call("incoming", ANNA)
    await ha.pass_time(freezer, hours=1)
    assert len(ha.calls) == 2
    assert await asked_in_an_hour() == 4
    await bring_call(ha)
    # Messages by the webhook say nothing of calls.
    await bring_message(ha)
    await asked_in_an_hour()
    assert await asked_in_an_hour() == 1


async def test_lists_are_asked_for_at_their_time_whatever_the_clock_does(
    ha: Installation, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lists_after(**passed: float) -> bool:
        freezer.tick(timedelta(**passed))
        ha.simulator.requests.clear()
        await ha.poll()
        return {PHONES, *CALLS} <= set(ha.requests)

    assert await lists_after(minutes=15)
    assert not await lists_after(minutes=9, seconds=50)
    # A poll that begins a little early: else those each fifteen minutes would list them each half an hour.
    assert await lists_after(minutes=5, seconds=9)
    # A clock that is put back.
    assert await lists_after(days=-30)
    # A list that takes its time does not put off the next.
    client = type(ha.entry.runtime_data.client)
    verify_credentials = client.verify_credentials

    async def slowly(self: Any, **arguments: Any) -> Any:
        phones = await verify_credentials(self, **arguments)
        freezer.tick(timedelta(seconds=20))
        return phones

    monkeypatch.setattr(client, "verify_credentials", slowly)
    assert await lists_after(minutes=15)
    assert await lists_after(minutes=14, seconds=40)


async def test_it_waits_as_long_as_the_service_asks(ha: Installation, freezer: FrozenDateTimeFactory) -> None:
    ha.account.receive(ANNA, "hi")
    ha.simulator.fault(MESSAGES, "status", status=429, retry_after=600)
    await ha.pass_time(freezer, seconds=62)
    await ha.pass_time(freezer, seconds=500)
    assert ha.received == []
    await ha.pass_time(freezer, seconds=102)
    assert ha.texts == ["hi"]


# For which messages.


async def test_messages_that_come_late_are_asked_for_at_start_and_once_an_hour(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    """A phone that was offline brings them with their own times; otherwise a poll looks back for ten minutes."""
    now = int(dt_util.utcnow().timestamp())
    ha.act_on_old_texts()
    # The account has to be older than a poll looks back.
    await ha.pass_time(freezer, days=8)
    newest = now + 8 * 86_400
    ha.account.receive(ANNA, "new", timestamp=newest)
    await ha.poll()

    async def overlap(**passed: float) -> timedelta:
        await ha.pass_time(freezer, **passed)
        ha.simulator.requests.clear()
        await ha.poll()
        (fields,) = [request.fields for request in ha.simulator.requests if request.path == MESSAGES]
        return timedelta(seconds=newest - int(fields["after_timestamp_unix"]))

    for _ in range(3):
        assert await overlap(minutes=5) == SHORT_OVERLAP
    ha.account.receive(ANNA, "late", timestamp=newest - 2 * 86_400)
    ha.account.receive(ANNA, "a little late", timestamp=newest - 500)
    assert await overlap(minutes=5) == SHORT_OVERLAP
    assert ha.texts == ["new", "a little late"]
    ha.simulator.fault(MESSAGES, "status", status=500)
    await ha.pass_time(freezer, minutes=45)
    # A poll that failed does not count.
    freezer.tick(timedelta(seconds=10))
    ha.simulator.requests.clear()
    await ha.poll()
    (fields,) = [request.fields for request in ha.simulator.requests if request.path == MESSAGES]
    assert newest - int(fields["after_timestamp_unix"]) == LONG_OVERLAP.total_seconds()
    assert ha.texts == ["new", "a little late", "late"]
    assert await overlap(minutes=5) == SHORT_OVERLAP
    ha.simulator.requests.clear()
    await ha.reload()
    (fields,) = [request.fields for request in ha.simulator.requests if request.path == MESSAGES]
    assert newest - int(fields["after_timestamp_unix"]) == LONG_OVERLAP.total_seconds()


async def test_rows_that_were_listed_before_are_not_parsed_again(
    ha: Installation, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(dt_util.utcnow().timestamp())
    for index in range(1000):
        ha.account.receive(ANNA, f"{index}", timestamp=now + index / 10)
    freezer.tick(timedelta(minutes=2))
    await ha.poll()
    assert len(ha.received) == 1000
    parsed: list[object] = []
    from_api = ReceivedMessage.from_api

    def count(row: object, **arguments: Any) -> ReceivedMessage:
        parsed.append(row)
        return from_api(row, **arguments)

    monkeypatch.setattr(ReceivedMessage, "from_api", count)
    for minutes in (1, 1, 70, 1):
        freezer.tick(timedelta(minutes=minutes))
        await ha.poll()
    assert parsed == []
    # A row that was changed is looked at. It is known, or another text, as one of which more parts have come.
    ha.account.received[6].row_id = 10_000
    ha.account.received[7].message = "edited"
    ha.account.receive(ANNA, "new")
    await ha.poll()
    assert len(parsed) == 3
    assert ha.texts[1000:] == ["edited", "new"]


# One fault does not stop the rest.

FAULTS: list[tuple[str, dict[str, Any]]] = [
    *(("status", {"status": status}) for status in (400, 404, 500, 503)),
    ("status", {"status": 429, "retry_after": 3600}),
    ("html", {}),
    ("empty", {}),
    ("nonsense", {"body": "later"}),
    ("nonsense", {"body": {"sms": "later"}}),
    # A connection that was kept open is tried once more by aiohttp.
    ("drop_before", {"count": 2}),
    ("drop_after", {"count": 2}),
    ("cut", {}),
]


def loud(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return our log lines that are shown unless they are filtered: level and first words."""
    return [
        (record.levelname, record.getMessage().split(":")[0])
        for record in caplog.records
        if record.name.startswith(OUR_LOG) and record.levelno >= logging.INFO
    ]


async def test_a_poll_that_fails_loses_nothing_and_is_logged_once(
    ha: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    for index, (kind, options) in enumerate(FAULTS):
        caplog.clear()
        ha.account.receive(ANNA, f"{index}")
        ha.simulator.fault(MESSAGES, kind, **options)
        for _ in range(2):
            await ha.poll()
            if ha.simulator.faults.waiting == []:
                break
        assert len(ha.texts) == index, (kind, options)
        assert not ha.coordinator.last_update_success
        assert caplog.text.count("Error fetching") == 1, (kind, options)
        await ha.poll()
        assert ha.texts[index:] == [f"{index}"], (kind, options)
        assert ha.coordinator.last_update_success


@pytest.mark.parametrize("path", [PHONES, *CALLS])
async def test_a_list_that_cannot_be_read_does_not_stop_messages_and_other_lists(
    ha: Installation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    directions: tuple[Any, ...] = ("missed", "incoming", "outgoing")
    refusals = [] if path == PHONES else [("status", {"status": 403, "error": "invalid_apikey"})]
    for index, (kind, options) in enumerate([*FAULTS, *refusals]):
        freezer.tick(timedelta(minutes=15))
        ha.calls.clear()
        ha.simulator.fault(path, kind, **options)
        ha.account.receive(ANNA, f"{index}")
        for direction in directions:
            ha.account.add_call(direction, f"+3630{index:07}")
        await ha.poll()
        ha.simulator.faults.waiting.clear()
        assert len(ha.texts) == index + 1, (kind, options)
        fired = {event.data["direction"] for event in ha.calls}
        assert fired == {*directions} - {path.split("/")[2]}, (kind, options)
        assert ha.coordinator.last_update_success
        # The next poll that asks for calls brings the rest.
        freezer.tick(timedelta(minutes=10))
        await ha.poll()
        assert sorted(event.data["direction"] for event in ha.calls) == sorted(directions)
    assert not list(ha.entry.async_get_active_flows(ha.hass, {SOURCE_REAUTH}))
    assert loud(caplog) == []


@pytest.mark.parametrize("refusal_format", ["status", "result"])
async def test_a_refused_key_is_noticed_by_the_phones_and_asked_for(
    ha: Installation, freezer: FrozenDateTimeFactory, refusal_format: Any
) -> None:
    """The list of messages of an unknown key is empty, and no error."""
    ha.account.state, ha.account.refusal_format = "unknown", refusal_format
    await ha.pass_time(freezer, minutes=2)
    assert ha.coordinator.last_update_success
    await ha.pass_time(freezer, minutes=15)
    (flow,) = ha.entry.async_get_active_flows(ha.hass, {SOURCE_REAUTH})
    assert ha.entry.state is ConfigEntryState.LOADED
    # Nothing is asked for until then.
    ha.simulator.requests.clear()
    await ha.pass_time(freezer, minutes=30)
    assert not ha.coordinator.last_update_success
    assert ha.simulator.requests == []
    ha.account.receive(ANNA, "hi")
    ha.account.state = "good"
    await ha.hass.config_entries.flow.async_configure(flow["flow_id"], {"api_key": KEY})
    await settle(ha.hass)
    assert ha.coordinator.last_update_success
    assert ha.texts == ["hi"]


async def test_a_subscription_that_ended_is_reported_for_as_long_as_it_is_so(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    issue = (DOMAIN, f"subscription_expired_{ha.entry.entry_id}")
    ha.account.state = "expired"
    for _ in range(20):
        await ha.pass_time(freezer, minutes=1.1)
        assert not ha.coordinator.last_update_success
    assert ir.async_get(ha.hass).async_get_issue(*issue)
    ha.account.state = "good"
    await ha.pass_time(freezer, minutes=1.1)
    assert not ir.async_get(ha.hass).async_get_issue(*issue)


async def test_unavailable_and_back_is_logged_once_each(
    ha: Installation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    ha.account.receive(ANNA, "hi")
    ha.account.add_call("missed", ANNA)
    ha.account.phones.clear()
    for _ in range(30):
        await ha.pass_time(freezer, minutes=5)
    assert loud(caplog) == []
    for _ in range(2):
        ha.simulator.fault("*", "status", status=500, count=999)
        for _ in range(20):
            await ha.pass_time(freezer, minutes=1.1)
        ha.simulator.faults.waiting.clear()
        for _ in range(3):
            await ha.pass_time(freezer, minutes=1.1)
    lines = [("ERROR", "Error fetching SMSMobileAPI data"), ("INFO", "Fetching SMSMobileAPI data recovered")]
    assert loud(caplog) == lines * 2
