"""The ledger: what was already handled, for 30 days.

It holds keys, not numbers or texts: see `identity`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
import json
from secrets import token_hex
import sqlite3
from typing import Any, Final, TypedDict

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api import Call, Direction, ReceivedMessage, Source, StatusReport
from ..database_file import ROWS_AT_ONCE, Statement
from ..storage import Database, read_state, state_statement
from .identity import Identity, KeyRow, Memory, event_key, identity_of, is_timed
from .models import Trust

KEPT_FOR: Final = timedelta(days=30)
KEPT_AT_MOST: Final = 3 * 20_000  # keys; a message has two, by V2 three
# Keys of unsigned messages, which anybody who knows the address can send: more than those of all that the webhook accepts
# until the next poll, which lists the real ones.
UNSIGNED_AT_MOST: Final = 10_000
PRUNED_EVERY: Final = timedelta(hours=6)
# A phone that was offline brings its messages late and with their own old times: now and then a poll asks for what is
# younger than the newest message less the long overlap, otherwise less the short one.
LONG_OVERLAP: Final = timedelta(days=7)
SHORT_OVERLAP: Final = timedelta(minutes=10)
# A phone that was offline for longer brings its calls too late, and a call that old is forgotten and would seem new.
CALLS_FOR: Final = timedelta(days=14)
# An account begins with what is newer than the newest message that was there when it was added, less this much for phones
# whose clocks run behind.
HISTORY_SLACK: Final = timedelta(hours=12)
# The service may read times in another zone than we do.
ZONES: Final = timedelta(days=1)

# How long automations have to begin, before what they got is saved as handled.
TURN_SECONDS: Final = 0.2

_INSERT: Final = "insert into handled (key, time, phone) values (?, ?, ?)"
_INSERT_UNSIGNED: Final = "insert into unsigned (key, time, phone) values (?, ?, ?)"
# The keys are a JSON list of hexadecimal texts: there is no index, and one look at the table has to do for all of them.
_DELETE: Final = "delete from handled where hex(key) in (select value from json_each(?))"
_DELETE_UNSIGNED: Final = "delete from unsigned where hex(key) in (select value from json_each(?))"
_SELECT: Final = (
    "select max(id), json_group_array(json_array(hex(key), time, phone))"
    " from (select * from {} where id > ? order by id limit ?)"
)
_STATE_NAME: Final = "ledger"


class History(TypedDict):
    """What an account had received before it was added. It is never fired."""

    id: str
    until: int  # Unix seconds of the newest message
    keys: list[str]  # hexadecimal, of those messages that a poll will list again
    noted_at: int  # Unix seconds; calls before that are history


# Identifies a call without a readable time: number, name, duration.
type _Row = tuple[str | None, str | None, int | None]


def history_of(messages: Iterable[tuple[ReceivedMessage, str]]) -> History:
    """Return the history of a new account from its messages, each with its normalised sender."""
    now = dt_util.utcnow().timestamp()
    listed = [(message.received_at.timestamp(), identity_of(message, sender)) for message, sender in messages]
    # A phone whose clock is ahead must not make all that comes after look old.
    until = max((int(time) for time, _ in listed if time <= now), default=0)
    slack = HISTORY_SLACK.total_seconds()
    return {
        "id": token_hex(8),
        "until": until,
        "keys": [
            key.hex()
            for time, identity in listed
            if time >= until - slack
            for key in (*identity.strong, *identity.weak)
        ],
        "noted_at": int(now),
    }


class Ledger:
    """What one account has handled. All of it is in memory, and in the tables `handled` and `unsigned`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # The time of a key is that in which the message was received or handled, whichever is later.
        self._memory = Memory()
        self._newest: int | None = None
        self._begins: int | None = None
        self._calls_begin: int | None = None
        # The id of the history that it began with.
        self._history_id: str | None = None
        # The Unix second in which the database was found to be restored from a backup.
        self._restored_at: int | None = None
        # Of each direction, the calls without a readable time that were listed the last time, and how often.
        self._untimed: dict[Direction, Counter[_Row]] = {}
        self._prune_at = 0.0
        self._prune_size = 0
        database.add_snapshot(self._snapshot)

    async def load(self, history: History | None) -> bool:
        """Read what was saved, and begin with the history of an account that is new here; return whether it is new.

        Where there is neither, or what was saved can't be read, nothing of the past is fired (`is_lost`).
        """
        nothing: tuple[Memory, dict[str, Any]] = (Memory(), {})
        self._memory, state = await self._database.load(_read, nothing)
        seconds = {name: value for name, value in state.items() if isinstance(value, int)}
        self._newest, self._begins = seconds.get("newest"), seconds.get("begins")
        self._calls_begin, self._history_id = seconds.get("calls_begin"), state.get("history_id")
        self._restored_at = seconds.get("restored_at")
        # The same history comes again for as long as the database could not be written; version 0.1 gave it no id.
        is_new = history is not None and (history.get("id") or "") != self._history_id
        if history is not None and is_new:
            self._history_id = history.get("id")
            self._begins = history["until"] - int(HISTORY_SLACK.total_seconds())
            self._newest = history["until"]
            self._calls_begin = history["noted_at"]
            # Without their phones, as these keys were made by an earlier version, too.
            self._remember(
                Identity(strong=tuple(map(bytes.fromhex, history["keys"]))), Trust.POLLED, history["until"]
            )
        if self._calls_begin is None:
            self._calls_begin = int(dt_util.utcnow().timestamp())
        self._write_state()
        return is_new

    @property
    def size(self) -> int:
        """Return how many keys it holds."""
        return len(self._memory.verified.times)

    @property
    def unsigned_size(self) -> int:
        """Return how many keys of unsigned messages it holds."""
        return len(self._memory.unsigned.times)

    @property
    def is_lost(self) -> bool:
        """Return whether all saved rows are lost, so that it is not known what was handled before."""
        return self._begins is None

    def poll_after(self, overlap: timedelta) -> int | None:
        """Return the Unix second after which a poll has to look, or None for everything."""
        if self._newest is None or self._begins is None:
            return None
        return max(self._newest - int(overlap.total_seconds()), self._begins, 0)

    def is_history(self, arrival: ReceivedMessage | Call | StatusReport) -> bool:
        """Return whether what a poll brings is older than the account, or than what it asked for.

        A service may list all that it has, whatever it is asked for. What the webhook brings is never history.
        """
        match arrival:
            case ReceivedMessage(source=Source.POLL, received_at=time):
                asked_for = (self.poll_after(LONG_OVERLAP) or 0) - ZONES.total_seconds()
                return self._begins is not None and time.timestamp() < max(self._begins, asked_for)
            case Call(source=Source.POLL, started_at=time):
                oldest = (dt_util.utcnow() - CALLS_FOR).timestamp()
                return time.timestamp() < max(self._calls_begin or 0, oldest)
        return False

    def is_from_before_restore(self, arrival: ReceivedMessage | Call) -> bool:
        """Return whether this came before the database was restored, so that it may have been handled since its backup."""
        # By the service's clock, not by the phone's, where the webhook brought it.
        time = (
            arrival.posted_at or arrival.received_at
            if isinstance(arrival, ReceivedMessage)
            else arrival.started_at
        )
        return self._restored_at is not None and time.timestamp() < self._restored_at

    @callback
    def restored(self) -> None:
        """Record that the database was restored from a backup: nothing from before may be fired."""
        self._restored_at = int(dt_util.utcnow().timestamp())
        self._write_state()

    def knows(self, identity: Identity, trust: Trust) -> bool:
        """Return whether this was handled."""
        return self._memory.knows(identity, trust)

    def knows_event(self, event_id: str) -> bool:
        """Return whether a V2 event was handled."""
        return self._memory.knows_event(event_key(event_id))

    @callback
    def add(self, identity: Identity, trust: Trust, received_at: float, *, is_fired: bool = True) -> None:
        """Record that something was handled; `received_at` is in Unix seconds.

        What was fired is saved when automations had their turn: so a kill before that loses nothing.
        """
        time = int(max(received_at, dt_util.utcnow().timestamp()))
        self._remember(identity, trust, time, delay=TURN_SECONDS if is_fired else 0)
        self._prune()

    @callback
    def advance(self, messages: Iterable[ReceivedMessage]) -> None:
        """Let the next poll begin at the newest of these messages, but never in the future, and never earlier than before."""
        now = dt_util.utcnow().timestamp()
        times = [message.received_at.timestamp() for message in messages if message.origin]
        newest = int(max((time for time in times if time <= now), default=0))
        if newest > (self._newest or 0):
            self._newest = newest
            self._write_state()

    @callback
    def begin_here(self) -> None:
        """Treat as history all that is more than seven days older than the newest known message. For when the rows are lost."""
        self._begins = (self._newest or 0) - int(LONG_OVERLAP.total_seconds())
        self._write_state()

    @callback
    def newly_listed(self, direction: Direction, calls: Iterable[Call]) -> list[Call]:
        """Return the calls without a readable time that the poll before did not list.

        None of the first list is new, as it is not known how old they are.
        """
        untimed = [((call.number, call.name, call.duration), call) for call in calls if not is_timed(call)]
        listed = Counter(row for row, _ in untimed)
        more = listed - self._untimed.get(direction, listed)
        self._untimed[direction] = listed
        return [call for row, call in dict(untimed).items() if row in more]

    def _remember(self, identity: Identity, trust: Trust, time: int, *, delay: float = 0) -> None:
        if rows := self._memory.add(identity, trust, time):
            sql = _INSERT_UNSIGNED if trust is Trust.UNSIGNED else _INSERT
            self._database.write((sql, [*rows]), delay=delay)

    def _write_state(self) -> None:
        self._database.write(self._state())

    def _state(self) -> Statement:
        state = {
            "newest": self._newest,
            "begins": self._begins,
            "calls_begin": self._calls_begin,
            "history_id": self._history_id,
            "restored_at": self._restored_at,
        }
        return state_statement(_STATE_NAME, state)

    def _snapshot(self) -> list[Statement]:
        return [
            (_INSERT, [*self._memory.verified.rows()]),
            (_INSERT_UNSIGNED, [*self._memory.unsigned.rows()]),
            self._state(),
        ]

    def _kept_since(self) -> float:
        """Return the Unix second before which keys are old: long ago, and no poll will list them again."""
        old = dt_util.utcnow().timestamp() - KEPT_FOR.total_seconds()
        return min(old, self.poll_after(LONG_OVERLAP) or 0)

    def _prune(self) -> None:
        """Forget what is old and what is too much, but nothing that the next poll may list again."""
        unsigned = self._memory.unsigned
        if len(unsigned.times) > UNSIGNED_AT_MOST:
            self._forget(list(unsigned.times)[: UNSIGNED_AT_MOST // 10], Trust.UNSIGNED)
        now = dt_util.utcnow().timestamp()
        times = self._memory.verified.times
        if now < self._prune_at and len(times) <= max(self._prune_size, KEPT_AT_MOST):
            return
        self._prune_at = now + PRUNED_EVERY.total_seconds()
        since = self._kept_since()
        old = [key for key, time in times.items() if time < since]
        if (excess := len(times) - len(old) - KEPT_AT_MOST) > 0:
            # In a flood, what is forgotten must not be taken for new when a poll lists it again. Times in the future, of a
            # clock that is or was ahead, do not say what is old.
            past = [(key, time) for key, time in times.items() if since <= time <= now]
            forgotten = past[: excess + KEPT_AT_MOST // 10]
            newest = max((time for _, time in forgotten), default=0)
            self._begins = max(self._begins or 0, newest)
            self._calls_begin = max(self._calls_begin or 0, newest)
            old += [key for key, _ in forgotten]
            self._write_state()
        self._forget(old, Trust.POLLED)
        # Where there is little to forget, this is not tried again for each message.
        self._prune_size = len(times) + KEPT_AT_MOST // 10

    def _forget(self, keys: list[bytes], trust: Trust) -> None:
        is_unsigned = trust is Trust.UNSIGNED
        (self._memory.unsigned if is_unsigned else self._memory.verified).remove(keys)
        if keys:
            sql = _DELETE_UNSIGNED if is_unsigned else _DELETE
            self._database.write(
                (sql, [(json.dumps([key.hex().upper() for key in keys]),)]), delay=TURN_SECONDS
            )


def _read(connection: sqlite3.Connection) -> tuple[Memory, dict[str, Any]]:
    memory = Memory()
    memory.verified.load(_read_keys(connection, "handled"))
    memory.unsigned.load(_read_keys(connection, "unsigned"))
    return memory, read_state(connection, _STATE_NAME)


def _read_keys(connection: sqlite3.Connection, table: str) -> Iterator[KeyRow]:
    """Yield the rows of a table of keys, many at once (see ROWS_AT_ONCE).

    A list of all would have Python's garbage collection stop the event loop.
    """
    last = 0
    while last is not None:
        last, rows = connection.execute(_SELECT.format(table), [last, ROWS_AT_ONCE]).fetchone()
        for key, time, phone in json.loads(rows):
            yield bytes.fromhex(key), time, phone
