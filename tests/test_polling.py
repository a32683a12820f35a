"""The poll: how often the service is asked for what, and that one fault never stops the rest."""

from collections import Counter
from datetime import timedelta
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN, EVENT_CALL
from simulator import Account, Simulator, call_data, sms_data

from .conftest import KEY, OUR_LOG, settle

ANNA = "+36301234567"
MESSAGES, PHONES = "/getsms/", "/gateway/mobile/list/"
MISSED, INCOMING, OUTGOING = (f"/call/{direction}/list/" for direction in ("missed", "incoming", "outgoing"))
CALLS = (MISSED, INCOMING, OUTGOING)

type Events = list[Event[dict[str, Any]]]


@pytest.fixture
def calls(home: HomeAssistant) -> Events:
    events: Events = async_capture_events(home, EVENT_CALL)
    return events


@pytest.fixture
def full_minute(freezer: FrozenDateTimeFactory) -> None:
    """Begin with a whole second: timers are for a part of one after it."""
    freezer.move_to("2026-11-02 10:00:00+00:00")


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(home)
    await settle(home)


async def requests_of(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    simulator: Simulator,
    period: timedelta,
    step: timedelta,
) -> dict[str, int]:
    """Return how often what was asked for while time passed, step by step."""
    simulator.requests.clear()
    for _ in range(period // step):
        await pass_time(home, freezer, seconds=step.total_seconds())
    return dict(Counter(request.path for request in simulator.requests))


async def prove(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """Have the service call the webhook."""
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(f"/api/webhook/{account.data['webhook_id']}"))
    assert await simulator.deliver(service_account, service_account.receive(ANNA, "hi")) == 200
    assert account.runtime_data.webhook.is_working


async def bring_call(simulator: Simulator, service_account: Account) -> None:
    made = service_account.add_call("missed", ANNA)
    assert await simulator.deliver_v2(service_account, "call.missed", call_data(made)) == 202


async def refresh(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    """Poll now."""
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


def forget_when(account: SmsMobileApiConfigEntry) -> None:
    """Have the next poll list phones and calls."""
    coordinator = account.runtime_data.coordinator
    coordinator._phones_at = coordinator._calls_at = None


# How often. The numbers of an idle account's day.


async def test_a_quarter_of_a_day_without_a_webhook(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    full_minute: None,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
) -> None:
    asked = await requests_of(home, freezer, simulator, timedelta(hours=6), timedelta(minutes=1))
    day = {path: count * 4 for path, count in asked.items()}
    assert day == {MESSAGES: 1440, PHONES: 96, MISSED: 144, INCOMING: 144, OUTGOING: 144}
    assert sum(day.values()) == 1968


async def test_a_day_with_a_proved_webhook(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    full_minute: None,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    await prove(home, account, simulator, service_account, hass_client_no_auth)
    await refresh(home, account)
    asked = await requests_of(home, freezer, simulator, timedelta(days=1), timedelta(minutes=5))
    # Calls come by V2 only.
    assert asked == {MESSAGES: 96, PHONES: 96, MISSED: 96, INCOMING: 96, OUTGOING: 96}
    assert sum(asked.values()) == 480


async def test_a_day_with_a_webhook_that_brings_calls(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    full_minute: None,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client_no_auth: ClientSessionGenerator,
    calls: Events,
) -> None:
    await prove(home, account, simulator, service_account, hass_client_no_auth)
    await bring_call(simulator, service_account)
    await refresh(home, account)
    asked = await requests_of(home, freezer, simulator, timedelta(days=1), timedelta(minutes=5))
    assert asked == {MESSAGES: 96, PHONES: 96, MISSED: 24, INCOMING: 24, OUTGOING: 24}
    assert sum(asked.values()) == 264
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("after", "are_listed"), [({"minutes": 14, "seconds": 50}, False), ({"minutes": 14, "seconds": 59}, True)]
)
async def test_a_poll_that_begins_a_little_early_lists_the_phones(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    after: dict[str, int],
    are_listed: bool,
) -> None:
    """Else a poll each fifteen minutes would list them each half an hour."""
    forget_when(account)
    await refresh(home, account)
    freezer.tick(timedelta(**after))
    simulator.requests.clear()
    await refresh(home, account)
    assert (PHONES in [request.path for request in simulator.requests]) is are_listed


async def test_a_list_that_takes_its_time_does_not_put_off_the_next(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    full_minute: None,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = account.runtime_data.client
    verify_credentials = client.verify_credentials

    async def slowly(**arguments: Any) -> Any:
        phones = await verify_credentials(**arguments)
        freezer.tick(timedelta(seconds=20))
        return phones

    monkeypatch.setattr(type(client), "verify_credentials", lambda _self, **arguments: slowly(**arguments))
    forget_when(account)
    start = dt_util.utcnow()
    await refresh(home, account)
    freezer.move_to(start + timedelta(minutes=15))
    simulator.requests.clear()
    await refresh(home, account)
    assert {PHONES, *CALLS} <= {request.path for request in simulator.requests}


async def test_a_clock_that_is_put_back_puts_nothing_off(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
) -> None:
    forget_when(account)
    await refresh(home, account)
    freezer.tick(timedelta(days=-30))
    simulator.requests.clear()
    await refresh(home, account)
    assert {PHONES, *CALLS} <= {request.path for request in simulator.requests}


# One fault does not stop the rest

FAULTS = [
    pytest.param("status", {"status": 400}, id="400"),
    pytest.param("status", {"status": 404}, id="404"),
    pytest.param("status", {"status": 500}, id="500"),
    pytest.param("status", {"status": 503}, id="503"),
    pytest.param("status", {"status": 429, "retry_after": 3600}, id="429"),
    pytest.param("html", {}, id="HTML"),
    pytest.param("empty", {}, id="empty"),
    pytest.param("nonsense", {}, id="nonsense"),
    pytest.param("drop_after", {"count": 2}, id="hung up"),
    pytest.param("cut", {}, id="cut"),
]


@pytest.mark.parametrize(("kind", "options"), FAULTS)
async def test_phones_that_cannot_be_listed_do_not_stop_messages_and_calls(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    received: Events,
    calls: Events,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    options: dict[str, Any],
) -> None:
    forget_when(account)
    simulator.fault(PHONES, kind, **options)
    service_account.receive(ANNA, "hi")
    service_account.add_call("missed", ANNA)
    await refresh(home, account)
    assert simulator.faults.waiting == []
    assert [event.data["message"] for event in received] == ["hi"]
    assert len(calls) == 1
    assert account.runtime_data.coordinator.last_update_success
    assert loud(caplog) == []


@pytest.mark.parametrize("endpoint", CALLS)
@pytest.mark.parametrize(
    ("kind", "options"),
    [*FAULTS, pytest.param("status", {"status": 403, "error": "invalid_apikey"}, id="403")],
)
async def test_calls_that_cannot_be_listed_do_not_stop_messages_and_other_calls(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    received: Events,
    calls: Events,
    caplog: pytest.LogCaptureFixture,
    endpoint: str,
    kind: str,
    options: dict[str, Any],
) -> None:
    forget_when(account)
    simulator.fault(endpoint, kind, **options)
    service_account.receive(ANNA, "hi")
    directions: Any = ("missed", "incoming", "outgoing")
    for direction in directions:
        service_account.add_call(direction, ANNA)
    await refresh(home, account)
    assert simulator.faults.waiting == []
    assert [event.data["message"] for event in received] == ["hi"]
    spoilt = endpoint.split("/")[2]
    assert {event.data["direction"] for event in calls} == {*directions} - {spoilt}
    assert account.runtime_data.coordinator.last_update_success
    assert not list(account.async_get_active_flows(home, {SOURCE_REAUTH}))
    assert loud(caplog) == []
    # The next poll that asks for calls brings the rest.
    account.runtime_data.coordinator._calls_at = None
    await refresh(home, account)
    assert sorted(event.data["direction"] for event in calls) == sorted(directions)


@pytest.mark.parametrize("dialect", ["status", "result"])
async def test_a_refused_key_is_noticed_by_the_phones_and_asked_for(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    received: Events,
    dialect: Any,
) -> None:
    """The list of messages of an unknown key is empty, and no error."""
    service_account.state, service_account.refusal_format = "unknown", dialect
    await pass_time(home, freezer, minutes=2)
    coordinator = account.runtime_data.coordinator
    assert coordinator.last_update_success
    await pass_time(home, freezer, minutes=15)
    (flow,) = account.async_get_active_flows(home, {SOURCE_REAUTH})
    assert account.state is ConfigEntryState.LOADED
    # Nothing is asked for until then.
    simulator.requests.clear()
    await pass_time(home, freezer, minutes=30)
    assert not coordinator.last_update_success
    assert simulator.requests == []
    service_account.receive(ANNA, "hi")
    service_account.state = "good"
    await home.config_entries.flow.async_configure(flow["flow_id"], {"api_key": KEY})
    await settle(home)
    assert account.runtime_data.coordinator.last_update_success
    assert [event.data["message"] for event in received] == ["hi"]


async def test_a_subscription_that_ended_is_said_for_as_long_as_it_is_so(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    service_account.state = "expired"
    for _ in range(20):
        await pass_time(home, freezer, minutes=1.1)
        assert not account.runtime_data.coordinator.last_update_success
    issue_id = f"subscription_expired_{account.entry_id}"
    assert ir.async_get(home).async_get_issue(DOMAIN, issue_id)
    service_account.state = "good"
    await pass_time(home, freezer, minutes=1.1)
    assert not ir.async_get(home).async_get_issue(DOMAIN, issue_id)


# What is said of it


def loud(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return our log lines that are seen without asking for them: level and first words."""
    return [
        (record.levelname, record.getMessage().split(":")[0])
        for record in caplog.records
        if record.name.startswith(OUR_LOG) and record.levelno >= logging.INFO
    ]


async def test_unavailable_and_back_is_logged_once_each(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.clear()
    for _ in range(2):
        simulator.fault("*", "status", status=500, count=999)
        for _ in range(20):
            await pass_time(home, freezer, minutes=1.1)
        simulator.faults.waiting.clear()
        for _ in range(3):
            await pass_time(home, freezer, minutes=1.1)
    lines = [("ERROR", "Error fetching SMSMobileAPI data"), ("INFO", "Fetching SMSMobileAPI data recovered")]
    assert loud(caplog) == lines * 2


async def test_a_service_that_is_well_says_nothing(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.clear()
    service_account.receive(ANNA, "hi")
    service_account.add_call("missed", ANNA)
    service_account.phones.clear()
    for _ in range(30):
        await pass_time(home, freezer, minutes=5)
    assert loud(caplog) == []


# Calls by the webhook, or by the poll


async def test_calls_are_polled_less_while_the_webhook_brings_them(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    full_minute: None,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client_no_auth: ClientSessionGenerator,
    calls: Events,
) -> None:
    async def asked_in_an_hour() -> int:
        asked = await requests_of(home, freezer, simulator, timedelta(hours=1), timedelta(minutes=5))
        return asked.get(MISSED, 0)

    await prove(home, account, simulator, service_account, hass_client_no_auth)
    await refresh(home, account)
    assert await asked_in_an_hour() == 4
    await bring_call(simulator, service_account)
    assert await asked_in_an_hour() <= 1
    assert await asked_in_an_hour() == 1
    # It is remembered.
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert await asked_in_an_hour() == 1
    # One that V2 did not bring.
    service_account.add_call("incoming", ANNA)
    await pass_time(home, freezer, hours=1)
    assert len(calls) == 2
    assert await asked_in_an_hour() == 4
    await bring_call(simulator, service_account)
    await asked_in_an_hour()
    assert await asked_in_an_hour() == 1
    assert len(calls) == 3
    # Messages by the webhook say nothing of calls.
    row = service_account.receive(ANNA, "hi")
    assert await simulator.deliver_v2(service_account, "sms.received", sms_data(row)) == 202
    assert await asked_in_an_hour() == 1
    # At a new address nothing is proved.
    await home.config.async_update(external_url="https://new.example.net")
    await settle(home)
    await refresh(home, account)
    assert await asked_in_an_hour() == 6
