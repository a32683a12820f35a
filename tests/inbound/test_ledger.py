"""The ledger against a simple model: whatever comes by whichever way, however often it is killed, once is once."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, timedelta
from itertools import count
import json
import sqlite3
import time
from types import SimpleNamespace
from typing import Any

import freezegun
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

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
from custom_components.smsmobileapi.inbound.identity import Identity, Memory, identity_of
from custom_components.smsmobileapi.inbound.inbox import Inbox, InboxState
from custom_components.smsmobileapi.inbound.journal import Journal
from custom_components.smsmobileapi.inbound.kept import KeptMessages
from custom_components.smsmobileapi.inbound.ledger import History, Ledger, history_of
from custom_components.smsmobileapi.inbound.models import Trust
from custom_components.smsmobileapi.options import Options
from custom_components.smsmobileapi.phones import Phones
from custom_components.smsmobileapi.repairs import Issues
from custom_components.smsmobileapi.senders import Senders
from custom_components.smsmobileapi.storage import Database, async_remove_files, database_path
from simulator import Account, ReceivedSms, call_data, sms_data
from simulator.calls import incoming_calls, missed_calls, outgoing_calls
from simulator.receiving import received_sms
from simulator.records import Call as MadeCall
from simulator.webhooks import v1_body

from .service import ANNA, Events, event, whatsapp, whatsapp_event

DAY = 86_400
KEPT_AT_MOST = "custom_components.smsmobileapi.inbound.ledger.KEPT_AT_MOST"
# Its own time goes on: with a clock that jumps it would take itself for slow.
freezegun.configure(extend_ignore_list=["hypothesis"])
NUMBERS = count()

LISTS = {
    Direction.MISSED: missed_calls,
    Direction.INCOMING: incoming_calls,
    Direction.OUTGOING: outgoing_calls,
}


class Service:
    """What the service lists, without the network between."""

    def __init__(self) -> None:
        self.account = Account(key="k", time_zone=dt_util.get_default_time_zone())

    async def received_messages(
        self, *, after: int | None, zone: Any, skip: Any = None
    ) -> list[ReceivedMessage]:
        """Answer as the client does."""
        fields = {} if after is None else {"after_timestamp_unix": str(after)}
        answer: Any = received_sms(self.account, fields)
        messages = [
            ReceivedMessage.from_api(row, source=Source.POLL, zone=zone, arrived=dt_util.utcnow())
            for row in answer["result"]["sms"]
            if not (skip and skip(row))
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
    """What an account puts around a ledger, from the start of Home Assistant to its end."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, service: Service) -> None:
        self.hass = hass
        self.service = service
        self.path = database_path(hass, entry.entry_id)
        self.database = Database(hass, entry.entry_id, on_fault=lambda _: None, on_recovery=lambda _: None)
        self.ledger = Ledger(self.database)
        self.journal = Journal(self.database)
        options, issues = Options(hass, entry), Issues(hass, entry)
        self.inbox = Inbox(
            hass,
            entry.entry_id,
            ledger=self.ledger,
            kept=KeptMessages(self.database, issues),
            contacts=Contacts(hass, entry),
            senders=Senders(self.database),
            options=options,
        )
        self.inbox.on_open = self.journal.clear
        webhook: Any = SimpleNamespace(is_working=False, brings_calls=False, polled=lambda _: None)
        client: Any = service
        self.coordinator = PollCoordinator(
            hass,
            entry,
            client=client,
            phones=Phones(hass, entry, options, issues),
            ledger=self.ledger,
            inbox=self.inbox,
            webhook=webhook,
            issues=issues,
        )

    async def load(self, history: History | None = None) -> None:
        """Come up."""
        await self.database.open()
        await self.ledger.load(history)
        for kept in await self.journal.load():
            self.pass_on(kept.body)
        self.database.loaded()

    async def poll(self) -> None:
        """Poll as the coordinator does."""
        await self.coordinator.async_refresh()
        assert self.coordinator.last_update_success
        await self.hass.async_block_till_done()

    async def post(self, body: bytes) -> None:
        """Receive as the webhook does."""
        if self.inbox.state is InboxState.HOLDING:
            await self.journal.keep(body, dt_util.utcnow(), is_signed=False)
        self.pass_on(body)

    def pass_on(self, body: bytes) -> None:
        arrival = parse_body(body, zone=dt_util.get_default_time_zone(), arrived=dt_util.utcnow())
        if not isinstance(arrival, WebhookEvent):
            self.inbox.receive(arrival)
        elif not self.inbox.knows_event(arrival.event_id):
            assert arrival.content
            self.inbox.receive(arrival.content, arrival.event_id)

    async def open(self) -> None:
        """Open as the account does."""
        await self.inbox.open()
        await self.hass.async_block_till_done()

    async def kill(self) -> None:
        """End so that nothing is written that is not on disk now."""
        files = {
            path: path.read_bytes()
            for suffix in ("", "-wal")
            if (path := self.path.with_name(self.path.name + suffix)).exists()
        }
        await self.database.close()
        for path, content in files.items():
            path.write_bytes(content)


def new_entry(hass: HomeAssistant) -> MockConfigEntry:
    # The one that it would get has the time in it, which stands still.
    # Old texts are fired, as far as they are not kept from it by the ledger.
    entry = MockConfigEntry(
        domain=DOMAIN, entry_id=f"account-{next(NUMBERS)}", options={"max_age_hours": 100_000}
    )
    entry.add_to_hass(hass)
    return entry


def history(until: float) -> History:
    return {"id": "1", "until": int(until), "keys": [], "noted_at": int(until)}


# What may come.

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

    def __init__(
        self, hass: HomeAssistant, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.hass = hass
        self.freezer = freezer
        self.received: Events = async_capture_events(hass, EVENT_MESSAGE_RECEIVED)
        self.entry = new_entry(hass)
        self.service = Service()
        self.now = 1_790_000_000.0  # what a good clock shows
        self.off = 0  # how much ours is wrong
        self.rows: list[ReceivedSms] = []
        self.whatsapps: list[tuple[float, bytes]] = []
        self.count = 0
        self.fired: Counter[str] = Counter()
        self.may_double: Counter[str] = Counter()
        self.of_the_last_second: set[str] = set()
        self.to_be_fired: set[str] = set()
        # Unlike the clock, it is never put back.
        monkeypatch.setattr(hass.loop, "time", lambda: self.now)
        self.set_clock()

    def set_clock(self) -> None:
        self.freezer.move_to(dt_util.utc_from_timestamp(self.now + self.off))

    async def begin(self) -> None:
        self.service.account.receive(ANNA, "the past", timestamp=self.now - 8 * DAY)
        past = await self.service.received_messages(after=None, zone=UTC)
        self.runtime = Runtime(self.hass, self.entry, self.service)
        await self.runtime.load(history_of((message, message.sender) for message in past))
        await self.runtime.database.flush()

    async def do(self, operation: str, *arguments: Any) -> None:
        self.count += 1
        self.now += 0.1
        await getattr(self, operation)(*arguments)
        self.set_clock()
        await self.look()

    def name_of(self, fired: Any) -> str:
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

    async def bring(self, row: ReceivedSms, way: str) -> None:
        match way:
            case "v1":
                await self.runtime.post(json.dumps(v1_body(self.service.account, row)).encode())
            case "v2":
                await self.runtime.post(event("sms.received", sms_data(row), f"e-{row.guid}"))
            case "v2 anew":
                await self.runtime.post(event("sms.received", sms_data(row), f"e-{row.guid}-{self.count}"))
            case "copy":
                self.service.account.receive(row.number, row.message, timestamp=row.timestamp)

    async def nothing(self) -> None:
        """Let a tenth of a second pass."""

    async def text(self, age: int, way: str) -> None:
        self.rows.append(self.service.account.receive(ANNA, f"{self.count}", timestamp=self.now - age))
        self.to_be_fired.add(f"{self.count}")
        await self.bring(self.rows[-1], way)

    async def again(self, index: int, way: str) -> None:
        # The service does not bring again what is a week old.
        if index < len(self.rows) and self.rows[index].timestamp > self.now - 6 * DAY:
            await self.bring(self.rows[index], way)

    async def whatsapp(self) -> None:
        at = dt_util.utc_from_timestamp(self.now).isoformat()
        data = whatsapp(f"{self.count}", f"w{self.count}", received_at=at)
        self.whatsapps.append((self.now, event("whatsapp.received", data, f"w{self.count}")))
        self.to_be_fired.add(f"{self.count}")
        await self.runtime.post(self.whatsapps[-1][1])

    async def whatsapp_again(self, index: int) -> None:
        if index < len(self.whatsapps) and self.whatsapps[index][0] > self.now - 6 * DAY:
            await self.runtime.post(self.whatsapps[index][1])

    async def poll(self) -> None:
        await self.runtime.poll()

    async def second(self) -> None:
        await self.look()
        self.now += 1.1
        self.set_clock()
        await self.runtime.database.flush()
        self.of_the_last_second.clear()

    async def open(self) -> None:
        await self.runtime.open()

    async def kill(self) -> None:
        self.may_double.update(self.of_the_last_second)
        self.of_the_last_second.clear()
        await self.runtime.kill()
        await self.come_up()

    async def restart(self) -> None:
        await self.runtime.database.close()
        self.of_the_last_second.clear()
        await self.come_up()

    async def come_up(self) -> None:
        self.runtime = Runtime(self.hass, self.entry, self.service)
        await self.runtime.load()

    async def end(self) -> None:
        await self.runtime.database.close()
        await async_remove_files(self.hass, self.entry.entry_id)

    async def clock(self, off: int) -> None:
        self.off = off

    async def hour(self) -> None:
        """Let the time pass after which a poll asks for what came late."""
        self.now += 3600

    async def days(self, days: int) -> None:
        self.now += days * DAY


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=st.lists(OPERATIONS, min_size=25, max_size=50))
async def test_nothing_is_lost_and_only_the_last_second_may_double(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    operations: list[tuple[Any, ...]],
) -> None:
    world = World(hass, freezer, monkeypatch)
    await world.begin()
    for operation in [("open",), *operations]:
        await world.do(*operation)
    for operation in (("clock", 0), ("poll",), ("open",), ("hour",), ("poll",)):
        await world.do(*operation)
    await world.end()
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

    def __init__(
        self, hass: HomeAssistant, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        super().__init__(hass, freezer, monkeypatch)
        self.received = async_capture_events(hass, EVENT_CALL)
        self.begun = self.now
        self.calls: list[MadeCall] = []

    async def begin(self) -> None:
        self.service.account.add_call("missed", ANNA, at=self.now - DAY)
        self.runtime = Runtime(self.hass, self.entry, self.service)
        await self.runtime.load(history(self.now))
        await self.runtime.database.flush()

    def name_of(self, fired: Any) -> str:
        return str(fired.data["number"])

    async def call(self, direction: Any, age: int, delay: int, rounded: int | None) -> None:
        number = f"+3630{self.count:07}"
        made = self.service.account.add_call(direction, number, at=self.now - age, delay=delay)
        self.calls.append(made)
        if made.at >= int(self.begun):
            self.to_be_fired.add(number)
        if rounded is not None:
            await self.bring_call(made, rounded, is_new=False)

    async def bring_call(self, made: MadeCall, rounded: int, *, is_new: bool) -> None:
        self.to_be_fired.add(made.number)
        call_at = dt_util.utc_from_timestamp(made.at + rounded).isoformat(timespec="seconds")
        event_id = f"e-{made.guid}-{self.count if is_new else ''}"
        await self.runtime.post(
            event(f"call.{made.direction}", call_data(made) | {"call_at": call_at}, event_id)
        )

    async def again(self, index: int, rounded: Any, is_new: Any = False) -> None:
        if index < len(self.calls):
            await self.bring_call(self.calls[index], rounded, is_new=is_new)

    async def poll(self) -> None:
        # Calls are listed each ten minutes.
        self.now += 600
        self.set_clock()
        await self.runtime.poll()

    async def minutes(self, minutes: int) -> None:
        # What is brought two weeks later is too old.
        if self.now + minutes * 60 < self.begun + 10 * DAY:
            self.now += minutes * 60


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=st.lists(CALL_OPERATIONS, min_size=20, max_size=50))
async def test_no_call_is_lost_and_only_those_of_the_last_second_may_double(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    operations: list[tuple[Any, ...]],
) -> None:
    world = CallWorld(hass, freezer, monkeypatch)
    await world.begin()
    for operation in [("open",), *operations]:
        await world.do(*operation)
    for operation in (("minutes", 15), ("poll",), ("open",), ("poll",)):
        await world.do(*operation)
    await world.end()
    assert world.fired.keys() == world.to_be_fired


# Its bounds.


@pytest.fixture
async def runtime(hass: HomeAssistant) -> AsyncIterator[Runtime]:
    """An account that began a month ago and is open."""
    runtime = Runtime(hass, new_entry(hass), Service())
    await runtime.load(history(time.time() - 30 * DAY))
    await runtime.open()
    yield runtime
    await runtime.database.close()


@pytest.fixture
def received(hass: HomeAssistant) -> Events:
    events: Events = async_capture_events(hass, EVENT_MESSAGE_RECEIVED)
    return events


def identity(index: int) -> Identity:
    return Identity(strong=(f"id {index}".encode(),), weak=(f"content {index}".encode(),), phone=index)


async def flood(runtime: Runtime, freezer: FrozenDateTimeFactory, seconds: float = 0) -> None:
    """Receive more than is kept."""
    for index in range(100):
        freezer.tick(timedelta(seconds=seconds))
        await runtime.post(whatsapp_event(f"{index}"))


def keys_on_disk(runtime: Runtime) -> Any:
    """Return how many keys are on disk, and how many different ones."""
    sql = "select count(*), count(distinct key) from handled"
    return runtime.database.load(lambda connection: connection.execute(sql).fetchone(), None)


async def test_it_holds_so_many_keys_and_no_more(runtime: Runtime) -> None:
    """In memory and on disk."""
    now = time.time()
    for index in range(30_000):
        runtime.ledger.add(identity(index), Trust.POLLED, now)
    assert 40_000 <= runtime.ledger.size <= 60_000
    assert runtime.ledger.knows(identity(29_999), Trust.POLLED)
    await runtime.database.flush()
    assert await keys_on_disk(runtime) == (runtime.ledger.size, runtime.ledger.size)


async def test_a_step_of_sqlite_reads_many_keys(hass: HomeAssistant) -> None:
    # After each step the thread waits for a busy event loop: row by row, 40,000 keys held a start up for 20 s and more.
    entry = new_entry(hass)
    await (runtime := Runtime(hass, entry, Service())).load(history(time.time()))
    for index in range(1200):
        runtime.ledger.add(identity(index), Trust.POLLED, time.time())
    await runtime.database.close()
    runtime = Runtime(hass, entry, Service())
    await runtime.database.open()
    rows: list[Any] = []

    def count_rows(connection: sqlite3.Connection) -> None:
        def row(_cursor: sqlite3.Cursor, row: Any) -> Any:
            rows.append(row)
            return row

        connection.row_factory = row

    await runtime.database.load(count_rows, None)
    await runtime.ledger.load(None)
    assert runtime.ledger.size == 2400
    assert all(runtime.ledger.knows(identity(index), Trust.POLLED) for index in range(1200))
    # The phone is another one.
    assert not runtime.ledger.knows(replace(identity(7), phone=19), Trust.POLLED)
    assert len(rows) < 10
    await runtime.database.close()


async def test_a_message_costs_the_same_whatever_is_remembered(hass: HomeAssistant) -> None:
    async def bytes_written(remembered: int) -> float:
        """Return by how much SQLite's log grows for a message."""
        entry = new_entry(hass)
        runtime = Runtime(hass, entry, Service())
        await runtime.load(history(time.time() - DAY))
        for index in range(remembered):
            runtime.ledger.add(identity(index), Trust.POLLED, time.time())
        await runtime.database.close()
        await (runtime := Runtime(hass, entry, Service())).load()
        await runtime.open()
        assert runtime.ledger.size == 2 * remembered
        await runtime.database.flush()
        log = runtime.path.with_name(f"{runtime.path.name}-wal")
        before = log.stat().st_size
        for index in range(30):
            await runtime.post(whatsapp_event(f"{index}"))
            await runtime.database.flush()
        grown = log.stat().st_size - before
        await runtime.database.close()
        assert grown > 0
        return grown

    assert await bytes_written(19_900) <= 1.5 * await bytes_written(0)


async def test_it_forgets_after_30_days(runtime: Runtime, freezer: FrozenDateTimeFactory) -> None:
    for day in range(90):
        runtime.service.account.receive(ANNA, f"{day}")
        await runtime.poll()
        freezer.tick(timedelta(days=1))
    assert 30 * 2 <= runtime.ledger.size <= 33 * 2
    await runtime.database.flush()
    assert (await keys_on_disk(runtime))[0] == runtime.ledger.size


async def test_a_flood_loses_and_doubles_nothing_that_a_poll_lists(
    runtime: Runtime, freezer: FrozenDateTimeFactory, received: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KEPT_AT_MOST, 60)
    for index in range(10):
        runtime.service.account.receive(ANNA, f"old {index}", timestamp=time.time() - 5 * DAY + index)
    await runtime.poll()
    await flood(runtime, freezer)
    await runtime.poll()
    assert len(received) == 110
    received.clear()
    for index in range(200):
        freezer.tick(timedelta(seconds=1))
        row = runtime.service.account.receive(ANNA, f"{index}")
        if index % 3 == 0:
            await runtime.post(json.dumps(v1_body(runtime.service.account, row)).encode())
        if index % 10 == 9:
            await runtime.poll()
        assert runtime.ledger.size <= 60
    for _ in range(3):
        freezer.tick(timedelta(hours=1))
        await runtime.poll()
    assert sorted(int(message.data["message"]) for message in received) == list(range(200))


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(days=3000)])
@pytest.mark.parametrize("whose", ["the phone's", "the home's"])
async def test_a_flood_after_a_clock_was_ahead_loses_nothing(
    runtime: Runtime,
    freezer: FrozenDateTimeFactory,
    received: Events,
    monkeypatch: pytest.MonkeyPatch,
    ahead: timedelta,
    whose: str,
) -> None:
    monkeypatch.setattr(KEPT_AT_MOST, 60)
    right = dt_util.utcnow()
    if whose == "the home's":
        freezer.move_to(right + ahead)
        runtime.service.account.receive(ANNA, "ahead", timestamp=right.timestamp())
    else:
        runtime.service.account.receive(ANNA, "ahead", timestamp=(right + ahead).timestamp())
    await runtime.poll()
    freezer.move_to(right)
    await flood(runtime, freezer)
    freezer.tick(timedelta(minutes=1))
    runtime.service.account.receive(ANNA, "after the flood")
    for _ in range(2):
        await runtime.poll()
    texts = Counter(message.data["message"] for message in received)
    assert (texts["after the flood"], texts["ahead"]) == (1, 1)


async def test_a_flood_brings_no_call_back(
    runtime: Runtime, hass: HomeAssistant, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KEPT_AT_MOST, 60)
    calls = async_capture_events(hass, EVENT_CALL)
    for index in range(10):
        runtime.service.account.add_call("missed", f"+3630{index:07}")
    await runtime.poll()
    assert len(calls) == 10
    await flood(runtime, freezer, seconds=10)
    runtime.service.account.add_call("missed", ANNA)
    await runtime.poll()
    assert [call.data["number"] for call in calls][10:] == [ANNA]


# What it begins with.


async def test_another_accounts_history_begins_anew(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, received: Events
) -> None:
    """Though there is a database: the account was switched."""
    freezer.move_to("2026-11-02 10:00:00+00:00")
    calls = async_capture_events(hass, EVENT_CALL)
    entry, service, other = new_entry(hass), Service(), Service()
    runtime = Runtime(hass, entry, service)
    await runtime.load(history(time.time() - DAY))
    await runtime.open()
    service.account.receive(ANNA, "of the first")
    await runtime.poll()
    await runtime.database.close()

    # Both are older and newer than what the first account had.
    for age in (30 * DAY, 2 * DAY, 1800, 60, -60):
        other.account.receive(ANNA, f"past {age}", timestamp=time.time() - age)
        other.account.add_call("incoming", ANNA, at=time.time() - age)
    freezer.tick(timedelta(minutes=2))
    past = await other.received_messages(after=None, zone=UTC)
    noted = history_of((message, message.sender) for message in past)
    for restarted in (noted, None, None):
        runtime = Runtime(hass, entry, other)
        await runtime.load(restarted)
        await runtime.open()
        await runtime.poll()
        await runtime.database.close()
    assert [message.data["message"] for message in received] == ["of the first"]
    assert calls == []

    await (runtime := Runtime(hass, entry, other)).load()
    await runtime.open()
    # The other one's phone may have been offline for long: it begins at that one's last message.
    assert runtime.ledger.poll_after(timedelta(days=7)) == noted["until"] - 12 * 3600
    # A phone whose clock is behind, and one that brings its call late.
    other.account.receive(ANNA, "new", timestamp=noted["until"] - 1200)
    freezer.tick(timedelta(minutes=10))
    other.account.add_call("incoming", ANNA, at=time.time() - 500)
    await runtime.poll()
    assert [message.data["message"] for message in received][1:] == ["new"]
    assert len(calls) == 1
    await runtime.database.close()


def message(**changed: Any) -> ReceivedMessage:
    row = {"guid": "g", "number": ANNA, "message": "hi", "timestamp_unix": 1_790_000_000} | changed
    return ReceivedMessage.from_api(row, source=Source.POLL, zone=UTC, arrived=dt_util.utcnow())


def test_what_identifies_a_repeat() -> None:
    """The id with sender and text, on about the same day; or else sender, text and second; on the same phone."""
    next_day, months = 1_790_000_000 + DAY, 1_790_000_000 + 90 * DAY
    cases: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({"guid": "other"}, True),
        ({"message": "ho"}, False),
        ({"number": "+36301234568"}, False),
        ({"timestamp_unix": next_day}, True),
        ({"timestamp_unix": months}, False),
        ({"guid": "other", "message": " hi\n"}, True),
        ({"guid": "other", "timestamp_unix": 1_790_000_000_999}, True),
        ({"guid": "other", "timestamp_unix": 1_790_000_001}, False),
        ({"guid": "other", "message": "Hi"}, False),
        ({"guid": "other", "number": "+36301234568"}, False),
        ({"sIdentifiantPhone": "B"}, False),
        ({"guid": "other", "sIdentifiantPhone": "B"}, False),
        ({"guid": "other", "sIdentifiantPhone": None}, True),
    ]
    for changed, is_a_repeat in cases:
        first, second = message(sIdentifiantPhone="A"), message(**{"sIdentifiantPhone": "A"} | changed)
        for one, other in ((first, second), (second, first)):
            memory = Memory()
            memory.add(identity_of(one, one.sender), Trust.POLLED, 0)
            known = memory.knows(identity_of(other, other.sender), Trust.POLLED)
            assert known is is_a_repeat, changed


@pytest.mark.parametrize("no_id", ["0", 0, "null", "Undefined", "NONE", "", " ", None])
def test_what_is_no_id_proves_no_repeat(no_id: object) -> None:
    first, second = message(guid=no_id), message(guid=no_id, timestamp_unix=1_790_000_007)
    assert first.message_id is None
    memory = Memory()
    memory.add(identity_of(first, ANNA), Trust.POLLED, 0)
    assert memory.knows(identity_of(first, ANNA), Trust.POLLED)
    assert not memory.knows(identity_of(second, ANNA), Trust.POLLED)
