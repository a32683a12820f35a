"""The ledger against a simple model: whatever comes whichever way, however often it is killed, once is once."""

from collections import Counter
from datetime import UTC, timedelta
from itertools import count
import json
import time
from types import SimpleNamespace
from typing import Any

import freezegun
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Event, HomeAssistant
from homeassistant.util import dt as dt_util
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.smsmobileapi.api import (
    Call,
    Direction,
    Phone,
    ReceivedMessage,
    Source,
    WebhookEvent,
    parse_body,
)
from custom_components.smsmobileapi.const import DOMAIN, EVENT_CALL, EVENT_MESSAGE_RECEIVED
from custom_components.smsmobileapi.contacts import Contacts
from custom_components.smsmobileapi.coordinator import PollCoordinator
from custom_components.smsmobileapi.inbound import ledger as ledger_module
from custom_components.smsmobileapi.inbound.inbox import Inbox
from custom_components.smsmobileapi.inbound.ledger import History, Ledger, history_of, message_keys
from custom_components.smsmobileapi.options import Options
from custom_components.smsmobileapi.phones import Phones
from custom_components.smsmobileapi.repairs import Issues
from simulator import Account, ReceivedSms, call_data, sms_data
from simulator.calls import incoming_calls, missed_calls, outgoing_calls
from simulator.receiving import received_sms
from simulator.records import Call as MadeCall
from simulator.webhooks import v1_body

from .test_webhook_v2 import event, whatsapp

ANNA = "+36301234567"
DAY = 86_400
# Its own time goes on: with a clock that jumps it would take itself for slow.
freezegun.configure(extend_ignore_list=["hypothesis"])
NUMBERS = count()

LISTS = {
    Direction.MISSED: missed_calls,
    Direction.INCOMING: incoming_calls,
    Direction.OUTGOING: outgoing_calls,
}

type Received = list[Event[dict[str, Any]]]


class Service:
    """What the service lists, without the way to it."""

    def __init__(self) -> None:
        self.account = Account(key="k", time_zone=dt_util.get_default_time_zone())

    async def received_messages(self, *, after: int | None, zone: Any) -> list[ReceivedMessage]:
        """Answer as the client does."""
        fields = {} if after is None else {"after_timestamp_unix": str(after)}
        answer: Any = received_sms(self.account, fields)
        messages = [
            ReceivedMessage.from_api(row, source=Source.POLL, zone=zone, arrived=dt_util.utcnow())
            for row in answer["result"]["sms"]
        ]
        return sorted(messages, key=lambda message: message.received_at)

    async def calls(self, direction: Direction, *, zone: Any, offset: int, limit: int) -> list[Call]:
        """Answer as the client does."""
        fields = {"offset": str(offset), "limit": str(limit)}
        answer: Any = LISTS[direction](self.account, fields)
        now = dt_util.utcnow()
        rows = answer["data" if direction is Direction.MISSED else "rows"]
        return [Call.from_api(row, direction=direction, zone=zone, arrived=now) for row in rows]

    async def verify_credentials(self, *, zone: Any) -> list[Phone]:
        """Know the account."""
        return []


class Runtime:
    """The rooms around a ledger, as an account puts them together."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, service: Service) -> None:
        self.hass = hass
        self.ledger = Ledger(hass, entry.entry_id)
        options, issues = Options(hass, entry), Issues(hass, entry)
        self.inbox = Inbox(
            hass, entry.entry_id, ledger=self.ledger, contacts=Contacts(entry), options=options
        )
        proof = SimpleNamespace(has_brought_call=False, polled_call=lambda: None)
        webhook: Any = SimpleNamespace(is_proved=False, polled=lambda message: None, proof=proof)
        client: Any = service
        self.coordinator = PollCoordinator(
            hass,
            entry,
            client=client,
            options=options,
            phones=Phones(hass, entry, options, issues),
            ledger=self.ledger,
            inbox=self.inbox,
            webhook=webhook,
            issues=issues,
        )

    async def poll(self) -> None:
        """Poll as the coordinator does."""
        await self.coordinator._async_update_data()
        await self.hass.async_block_till_done()

    def post(self, body: bytes) -> None:
        """Receive as the webhook does."""
        arrival = parse_body(body, zone=dt_util.get_default_time_zone(), arrived=dt_util.utcnow())
        if not isinstance(arrival, WebhookEvent):
            self.inbox.receive(arrival)
        elif not self.inbox.knows_event(arrival.event_id):
            assert arrival.content
            self.inbox.receive(arrival.content, arrival.event_id)

    async def open(self) -> None:
        """Open as the account does."""
        self.inbox.open()
        await self.ledger.save()
        await self.hass.async_block_till_done()

    async def second(self) -> None:
        """Let the second pass within which everything is saved."""
        # All timers are for the next second; the loop's own clock jumps with the frozen one.
        async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(seconds=1.1), fire_all=True)
        await self.hass.async_block_till_done()

    def kill(self) -> None:
        """End without a last word."""
        self.ledger._store.make_read_only()


def new_entry(hass: HomeAssistant) -> MockConfigEntry:
    # The one that it would get has the time in it, which stands still.
    entry = MockConfigEntry(domain=DOMAIN, entry_id=f"account-{next(NUMBERS)}")
    entry.add_to_hass(hass)
    return entry


def history(until: float) -> History:
    return {"until": int(until), "keys": [], "noted_at": int(until)}


# What can happen.

TEXT = st.tuples(
    st.just("text"),
    st.sampled_from([0, 0, 0, 1, 3600, DAY, 5 * DAY, -3600]),
    st.sampled_from(["only listed", "v1", "v2", "copy"]),
)
AGAIN = st.tuples(st.just("again"), st.integers(0, 9), st.sampled_from(["v1", "v2", "v2 anew", "copy"]))
OPERATIONS = st.one_of(
    # What does not matter for a failure becomes this one.
    st.tuples(st.just("nothing")),
    TEXT,
    TEXT,
    AGAIN,
    st.tuples(st.just("whatsapp")),
    st.tuples(st.just("whatsapp_again"), st.integers(0, 9)),
    st.tuples(st.just("poll")),
    st.tuples(st.just("poll")),
    st.tuples(st.just("second")),
    st.tuples(st.just("kill")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("open")),
    st.tuples(st.just("clock"), st.sampled_from([0, -400 * DAY, -3 * DAY, -3600, 3600, 3 * DAY, 400 * DAY])),
    st.tuples(st.just("days"), st.integers(1, 9)),
)


class World:
    """A home, the service, and the model: how often each text was fired, and how often it may have been."""

    def __init__(self, hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
        self.hass = hass
        self.freezer = freezer
        self.received: Received = async_capture_events(hass, EVENT_MESSAGE_RECEIVED)
        self.entry = new_entry(hass)
        self.service = Service()
        self.now = 1_790_000_000.0  # what a good clock shows
        self.off = 0  # how much ours is wrong
        self.rows: list[ReceivedSms] = []
        self.whatsapps: list[tuple[float, bytes]] = []
        self.journal: list[bytes] = []
        self.count = 0
        self.fired: Counter[str] = Counter()
        self.may_double: Counter[str] = Counter()
        self.of_the_last_second: set[str] = set()
        self.to_be_fired: set[str] = set()
        self.set_clock()

    def set_clock(self) -> None:
        self.freezer.move_to(dt_util.utc_from_timestamp(self.now + self.off))

    async def begin(self) -> None:
        self.service.account.receive(ANNA, "the past", timestamp=self.now - 8 * DAY)
        past = await self.service.received_messages(after=None, zone=UTC)
        self.runtime = Runtime(self.hass, self.entry, self.service)
        await self.runtime.ledger.load(history_of((message, message.sender) for message in past))

    async def do(self, operation: str, *arguments: Any) -> None:
        self.count += 1
        self.now += 0.1
        await getattr(self, operation)(*arguments)
        self.set_clock()
        await self.look()

    def name_of(self, fired: Event[dict[str, Any]]) -> str:
        return str(fired.data["message"])

    async def look(self) -> None:
        """Compare what was fired with what may be."""
        await self.hass.async_block_till_done()
        for fired in self.received:
            text = self.name_of(fired)
            self.fired[text] += 1
            self.of_the_last_second.add(text)
            assert self.fired[text] <= 1 + self.may_double[text], f"{text} was doubled"
        self.received.clear()

    def post(self, body: bytes) -> None:
        if not self.runtime.inbox.is_open:
            self.journal.append(body)
        self.runtime.post(body)

    def bring(self, row: ReceivedSms, way: str) -> None:
        match way:
            case "v1":
                self.post(json.dumps(v1_body(self.service.account, row)).encode())
            case "v2":
                self.post(event("sms.received", sms_data(row), f"e-{row.guid}"))
            case "v2 anew":
                self.post(event("sms.received", sms_data(row), f"e-{row.guid}-{self.count}"))
            case "copy":
                self.service.account.receive(row.number, row.message, timestamp=row.timestamp)

    async def nothing(self) -> None:
        """Let a tenth of a second pass."""

    async def text(self, age: int, way: str) -> None:
        self.rows.append(self.service.account.receive(ANNA, f"{self.count}", timestamp=self.now - age))
        self.to_be_fired.add(f"{self.count}")
        self.bring(self.rows[-1], way)

    async def again(self, index: int, way: str) -> None:
        # The service does not bring again what is a week old.
        if index < len(self.rows) and self.rows[index].timestamp > self.now - 6 * DAY:
            self.bring(self.rows[index], way)

    async def whatsapp(self) -> None:
        at = dt_util.utc_from_timestamp(self.now).isoformat()
        data = whatsapp(f"{self.count}", f"w{self.count}", received_at=at)
        self.whatsapps.append((self.now, event("whatsapp.received", data, f"w{self.count}")))
        self.to_be_fired.add(f"{self.count}")
        self.post(self.whatsapps[-1][1])

    async def whatsapp_again(self, index: int) -> None:
        if index < len(self.whatsapps) and self.whatsapps[index][0] > self.now - 6 * DAY:
            self.post(self.whatsapps[index][1])

    async def poll(self) -> None:
        await self.runtime.poll()

    async def second(self) -> None:
        await self.look()
        self.now += 1.1
        await self.runtime.second()
        self.of_the_last_second.clear()

    async def open(self) -> None:
        if not self.runtime.inbox.is_open:
            await self.runtime.open()
            self.journal.clear()

    async def kill(self) -> None:
        self.may_double.update(self.of_the_last_second)
        self.of_the_last_second.clear()
        self.runtime.kill()
        await self.come_up()

    async def restart(self) -> None:
        await self.runtime.ledger.close()
        self.of_the_last_second.clear()
        await self.come_up()

    async def come_up(self) -> None:
        self.runtime = Runtime(self.hass, self.entry, self.service)
        await self.runtime.ledger.load(None)
        for body in self.journal:
            self.runtime.post(body)

    async def clock(self, off: int) -> None:
        self.off = off

    async def days(self, days: int) -> None:
        self.now += days * DAY


@settings(
    deadline=None,
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=st.lists(OPERATIONS, min_size=25, max_size=60))
async def test_nothing_is_lost_and_only_the_last_second_may_double(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, operations: list[tuple[Any, ...]]
) -> None:
    world = World(hass, freezer)
    await world.begin()
    for operation in [("open",), *operations]:
        await world.do(*operation)
    for operation in (("clock", 0), ("poll",), ("open",), ("poll",)):
        await world.do(*operation)
    world.runtime.kill()
    assert world.fired.keys() == world.to_be_fired


# The same of calls, which have no ids in their lists, and of which lists and webhook round the second as they like.

CALL_OPERATIONS = st.one_of(
    st.tuples(st.just("nothing")),
    *[
        st.tuples(
            st.just("call"),
            st.sampled_from(["missed", "incoming", "outgoing"]),
            st.sampled_from([0, 0, 1, 3600, 2 * DAY]),
            st.sampled_from([0, 0, 600]),
            st.sampled_from([None, None, -1, 0, 1]),
        )
    ]
    * 2,
    st.tuples(st.just("again"), st.integers(0, 9), st.sampled_from([-1, 0, 1]), st.booleans()),
    st.tuples(st.just("poll")),
    st.tuples(st.just("poll")),
    st.tuples(st.just("second")),
    st.tuples(st.just("kill")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("open")),
    st.tuples(st.just("minutes"), st.sampled_from([5, 15, 300])),
)


class CallWorld(World):
    """The same world, where people call instead of writing."""

    def __init__(self, hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
        super().__init__(hass, freezer)
        self.received = async_capture_events(hass, EVENT_CALL)
        self.begun = self.now
        self.calls: list[MadeCall] = []

    async def begin(self) -> None:
        self.service.account.add_call("missed", ANNA, at=self.now - DAY)
        self.runtime = Runtime(self.hass, self.entry, self.service)
        await self.runtime.ledger.load(history(self.now))

    def name_of(self, fired: Event[dict[str, Any]]) -> str:
        return str(fired.data["number"])

    async def call(self, direction: Any, age: int, delay: int, rounded: int | None) -> None:
        number = f"+3630{self.count:07}"
        made = self.service.account.add_call(direction, number, at=self.now - age, delay=delay)
        self.calls.append(made)
        if made.at >= int(self.begun):
            self.to_be_fired.add(number)
        if rounded is not None:
            self.bring_call(made, rounded, is_new=False)

    def bring_call(self, made: MadeCall, rounded: int, *, is_new: bool) -> None:
        self.to_be_fired.add(made.number)
        call_at = dt_util.utc_from_timestamp(made.at + rounded).isoformat(timespec="seconds")
        event_id = f"e-{made.guid}-{self.count if is_new else ''}"
        self.post(event(f"call.{made.direction}", call_data(made) | {"call_at": call_at}, event_id))

    async def again(self, index: int, rounded: Any, is_new: Any = False) -> None:
        if index < len(self.calls):
            self.bring_call(self.calls[index], rounded, is_new=is_new)

    async def poll(self) -> None:
        self.runtime.coordinator._calls_at = None
        await self.runtime.poll()

    async def minutes(self, minutes: int) -> None:
        # What is brought two weeks later is too old.
        if self.now + minutes * 60 < self.begun + 10 * DAY:
            self.now += minutes * 60


@settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=st.lists(CALL_OPERATIONS, min_size=20, max_size=50))
async def test_no_call_is_lost_and_only_those_of_the_last_second_may_double(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, operations: list[tuple[Any, ...]]
) -> None:
    world = CallWorld(hass, freezer)
    await world.begin()
    for operation in [("open",), *operations]:
        await world.do(*operation)
    for operation in (("minutes", 15), ("poll",), ("open",), ("poll",)):
        await world.do(*operation)
    world.runtime.kill()
    assert world.fired.keys() == world.to_be_fired


# Its bounds.


@pytest.fixture
async def runtime(hass: HomeAssistant) -> Runtime:
    """An account that began a month ago and is open."""
    runtime = Runtime(hass, new_entry(hass), Service())
    await runtime.ledger.load(history(time.time() - 30 * DAY))
    await runtime.open()
    return runtime


@pytest.fixture
def received(hass: HomeAssistant) -> Received:
    events: Received = async_capture_events(hass, EVENT_MESSAGE_RECEIVED)
    return events


def listed(runtime: Runtime) -> Account:
    service: Any = runtime.coordinator._client
    account: Account = service.account
    return account


async def test_it_holds_so_many_keys_and_no_more(runtime: Runtime) -> None:
    now = time.time()
    for index in range(30_000):
        runtime.ledger.add((f"id {index}", f"content {index}"), now)
    assert 30_000 <= runtime.ledger.size <= 40_000
    assert runtime.ledger.knows(("id 29999",))


async def test_it_forgets_after_30_days(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    runtime = Runtime(hass, new_entry(hass), Service())
    await runtime.ledger.load(history(time.time()))
    await runtime.open()
    for day in range(90):
        listed(runtime).receive(ANNA, f"{day}")
        await runtime.poll()
        freezer.tick(timedelta(days=1))
    assert 30 * 2 <= runtime.ledger.size <= 33 * 2


async def test_a_flood_loses_and_doubles_nothing_that_a_poll_lists(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "KEPT_AT_MOST", 60)
    runtime = Runtime(hass, new_entry(hass), Service())
    await runtime.ledger.load(history(time.time() - 30 * DAY))
    await runtime.open()
    for index in range(200):
        freezer.tick(timedelta(seconds=1))
        row = listed(runtime).receive(ANNA, f"{index}")
        if index % 3 == 0:
            runtime.post(json.dumps(v1_body(listed(runtime), row)).encode())
        if index % 10 == 9:
            await runtime.poll()
        assert runtime.ledger.size <= 60
    for _ in range(3):
        await runtime.poll()
    assert sorted(int(message.data["message"]) for message in received) == list(range(200))


async def test_a_flood_by_webhook_doubles_nothing_that_a_poll_lists(
    runtime: Runtime, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "KEPT_AT_MOST", 60)
    for index in range(10):
        listed(runtime).receive(ANNA, f"sms {index}", timestamp=time.time() - 5 * DAY + index)
    await runtime.poll()
    for index in range(100):
        runtime.post(
            event("whatsapp.received", whatsapp(f"{index}", f"w{index}", received_at=""), f"{index}")
        )
    await runtime.poll()
    assert len(received) == 110
    assert runtime.ledger.size <= 60


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(days=3000)])
@pytest.mark.parametrize("whose", ["the phone's", "the home's"])
async def test_a_flood_after_a_clock_was_ahead_loses_nothing(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    received: Received,
    monkeypatch: pytest.MonkeyPatch,
    ahead: timedelta,
    whose: str,
) -> None:
    monkeypatch.setattr(ledger_module, "KEPT_AT_MOST", 60)
    runtime = Runtime(hass, new_entry(hass), Service())
    await runtime.ledger.load(history(time.time() - 30 * DAY))
    await runtime.open()
    right = dt_util.utcnow()
    if whose == "the home's":
        freezer.move_to(right + ahead)
        listed(runtime).receive(ANNA, "ahead", timestamp=right.timestamp())
    else:
        listed(runtime).receive(ANNA, "ahead", timestamp=(right + ahead).timestamp())
    await runtime.poll()
    freezer.move_to(right)
    for index in range(100):
        runtime.post(
            event("whatsapp.received", whatsapp(f"{index}", f"w{index}", received_at=""), f"{index}")
        )
    freezer.tick(timedelta(minutes=1))
    listed(runtime).receive(ANNA, "after the flood")
    await runtime.poll()
    await runtime.poll()
    texts = Counter(message.data["message"] for message in received)
    assert texts["after the flood"] == 1
    assert texts["ahead"] == 1


async def test_a_flood_brings_no_call_back(
    runtime: Runtime, hass: HomeAssistant, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "KEPT_AT_MOST", 60)
    calls = async_capture_events(hass, EVENT_CALL)
    for index in range(10):
        listed(runtime).add_call("missed", f"+3630{index:07}")
    await runtime.poll()
    assert len(calls) == 10
    for index in range(100):
        freezer.tick(timedelta(seconds=10))
        runtime.post(
            event("whatsapp.received", whatsapp(f"{index}", f"w{index}", received_at=""), f"{index}")
        )
    listed(runtime).add_call("missed", ANNA)
    await runtime.poll()
    assert [call.data["number"] for call in calls][10:] == [ANNA]


# What it takes up.


async def test_another_accounts_history_begins_anew(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, received: Received
) -> None:
    """Though there is a file: the account was switched."""
    freezer.move_to("2026-11-02 10:00:00+00:00")
    calls = async_capture_events(hass, EVENT_CALL)
    entry, service, other = new_entry(hass), Service(), Service()
    runtime = Runtime(hass, entry, service)
    await runtime.ledger.load(history(time.time() - DAY))
    await runtime.open()
    service.account.receive(ANNA, "of the first")
    await runtime.poll()
    await runtime.ledger.close()

    # Both are older and newer than what the first account had.
    for age in (30 * DAY, 2 * DAY, 1800, 60, -60):
        other.account.receive(ANNA, f"past {age}", timestamp=time.time() - age)
        other.account.add_call("incoming", ANNA, at=time.time() - age)
    freezer.tick(timedelta(minutes=2))
    past = await other.received_messages(after=None, zone=UTC)
    noted = history_of((message, message.sender) for message in past)
    for restarted in (noted, None):
        runtime = Runtime(hass, entry, other)
        await runtime.ledger.load(restarted)
        await runtime.open()
        await runtime.poll()
        await runtime.ledger.close()
    assert [message.data["message"] for message in received] == ["of the first"]
    assert calls == []

    runtime = Runtime(hass, entry, other)
    await runtime.ledger.load(None)
    await runtime.open()
    assert runtime.ledger.poll_after == noted["until"] - 3600
    # A phone whose clock is behind, and one that brings its call late.
    other.account.receive(ANNA, "new", timestamp=noted["until"] - 1200)
    freezer.tick(timedelta(minutes=10))
    other.account.add_call("incoming", ANNA, at=time.time() - 500)
    await runtime.poll()
    assert [message.data["message"] for message in received][1:] == ["new"]
    assert len(calls) == 1
    runtime.kill()


async def test_another_account_is_looked_at_from_its_own_last_message_on(hass: HomeAssistant) -> None:
    """Its phone may have been offline for longer than the former account's."""
    entry, month_ago = new_entry(hass), int(time.time()) - 30 * DAY
    runtime = Runtime(hass, entry, Service())
    await runtime.ledger.load(history(time.time()))
    runtime.kill()
    runtime = Runtime(hass, entry, Service())
    await runtime.ledger.load(history(month_ago))
    assert runtime.ledger.poll_after == month_ago - 3600
    runtime.kill()


async def test_a_file_of_the_former_version_is_taken_up(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, received: Received, hass_storage: dict[str, Any]
) -> None:
    calls = async_capture_events(hass, EVENT_CALL)
    entry, service = new_entry(hass), Service()
    runtime = Runtime(hass, entry, service)
    await runtime.ledger.load(history(time.time() - DAY))
    await runtime.open()
    service.account.receive(ANNA, "told")
    await runtime.poll()
    await runtime.ledger.close()
    (saved,) = (kept["data"] for key, kept in hass_storage.items() if key.endswith(".ledger"))
    del saved["calls_begin"]

    freezer.tick(timedelta(hours=1))
    service.account.receive(ANNA, "new")
    service.account.add_call("missed", ANNA, at=time.time() - 60)
    runtime = Runtime(hass, entry, service)
    await runtime.ledger.load(None)
    await runtime.open()
    await runtime.poll()
    assert [message.data["message"] for message in received] == ["told", "new"]
    # It did not poll for calls: where those begin that nobody was told of nobody knows.
    assert calls == []
    freezer.tick(timedelta(minutes=10))
    service.account.add_call("missed", ANNA)
    await runtime.poll()
    assert len(calls) == 1
    runtime.kill()


# What it keeps.


async def test_it_holds_no_number_and_no_text(runtime: Runtime, hass_storage: dict[str, Any]) -> None:
    listed(runtime).receive(ANNA, "the secret text", guid="the-guid")
    await runtime.poll()
    await runtime.second()
    kept = json.dumps(hass_storage)
    for unsaid in (ANNA, ANNA[1:], "the secret text", "the-guid"):
        assert unsaid not in kept


async def test_it_is_saved_within_a_second_however_much_comes(
    runtime: Runtime, hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    """A delay that starts anew with each text would never be over."""
    for index in range(14):
        runtime.ledger.add((f"key {index}",), 0)
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=0.1 * index))
        await hass.async_block_till_done()
    (saved,) = (json.dumps(data) for key, data in hass_storage.items() if key.endswith(".ledger"))
    assert '"key 0"' in saved
    assert '"key 8"' in saved


def message(**changed: Any) -> ReceivedMessage:
    row = {"guid": "g", "number": ANNA, "message": "hi", "timestamp_unix": 1_790_000_000} | changed
    return ReceivedMessage.from_api(row, source=Source.POLL, zone=UTC, arrived=dt_util.utcnow())


@pytest.mark.parametrize(
    ("changed", "is_a_repeat"),
    [
        ({}, True),
        ({"guid": "other"}, True),
        ({"message": "ho"}, True),
        ({"guid": "other", "message": " hi\n"}, True),
        ({"guid": "other", "timestamp_unix": 1_790_000_000_999}, True),
        ({"guid": "other", "timestamp_unix": 1_790_000_001}, False),
        ({"guid": "other", "message": "Hi"}, False),
        ({"guid": "other", "number": "+36301234568"}, False),
    ],
)
def test_the_id_or_else_sender_text_and_second_tell_a_repeat(
    changed: dict[str, Any], is_a_repeat: bool
) -> None:
    first, second = message(), message(**changed)
    known = set(message_keys(first, first.sender)) & set(message_keys(second, second.sender))
    assert bool(known) is is_a_repeat
