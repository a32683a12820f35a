"""The ledger: what was already handled, for 30 days.

It holds keys, not numbers or texts: a message's id and its content are hashed.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from hashlib import blake2b
import json
from secrets import token_hex
import sqlite3
from typing import Any, Final, TypedDict

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api import Call, Direction, ReceivedMessage, Source, StatusReport
from ..database_file import Statement
from ..storage import Database, read_state, state_statement

KEPT_FOR: Final = timedelta(days=30)
KEPT_AT_MOST: Final = 2 * 20_000  # keys; a message has two
PRUNED_EVERY: Final = timedelta(hours=6)
# A phone that was offline brings its messages late and with their own old times: now and then a poll asks for what is
# younger than the newest message less the long overlap, otherwise less the short one.
LONG_OVERLAP: Final = timedelta(days=7)
SHORT_OVERLAP: Final = timedelta(minutes=10)
# A phone that was offline for longer brings its calls too late, and a call that old is forgotten and would seem new.
CALLS_FOR: Final = timedelta(days=14)
# An account begins with what is newer than the newest message that was there when it was added, less this much for phones
# whose clocks run behind.
HISTORY_SLACK: Final = timedelta(hours=1)

_INSERT: Final = "insert into handled (key, time) values (?, ?)"
# The keys are a JSON list of hexadecimal texts: there is no index, and one look at the table has to do for all of them.
_DELETE: Final = "delete from handled where hex(key) in (select value from json_each(?))"
_STATE_NAME: Final = "ledger"


class History(TypedDict):
    """What an account had received before it was added. It is never fired."""

    id: str
    until: int  # Unix seconds of the newest message
    keys: list[str]  # hexadecimal, of those messages that a poll will list again
    noted_at: int  # Unix seconds; calls before that are history


# Identifies a call without a readable time: number, name, duration.
type _Row = tuple[str | None, str | None, int | None]


def message_keys(message: ReceivedMessage, sender: str) -> tuple[bytes, ...]:
    """Return the keys that a repeat of the message shares with it: its id; its sender, text and second.

    `sender` is normalised. A voice message and its transcript have the same id and are two messages. A message without a
    time has only the key of its id. If it has no id either, its key is made of sender and text: of these alone where a poll
    lists it, as the next poll lists it again; with the time of arrival where the webhook brings it, which brings it once.
    """
    kind = "transcript" if message.is_transcript else "id"
    keys = [_hash(kind, message.message_id)] if message.message_id else []
    second = message.origin
    if not keys and second is None:
        second = message.received_at.isoformat() if message.source is Source.WEBHOOK else ""
    if second is not None:
        keys.append(_hash("content", message.channel, sender, " ".join(message.text.split()), second))
    return tuple(keys)


def call_keys(call: Call, number: str) -> tuple[bytes, ...]:
    """Return the keys that a repeat of the call shares with it: its id; its direction, number and second.

    `number` is normalised, "" where it was withheld. The lists of calls have no ids, and may round a second otherwise than
    the webhook does: a call has the keys of its second and of the next. One with neither id nor time is always new.
    """
    keys = [_hash("call", call.call_id)] if call.call_id else []
    second = int(call.started_at.timestamp())
    times = [str(second), str(second + 1)] if is_timed(call) else []
    if not keys and not times:
        times = [call.started_at.isoformat()]
    return (*keys, *(_hash("call", call.direction, number, time) for time in times))


def is_timed(call: Call) -> bool:
    """Return whether the service gave a time that could be read."""
    return call.origin == str(int(call.started_at.timestamp()))


def event_key(event_id: str) -> bytes:
    """Return the key that a redelivery of a V2 event shares with it."""
    return _hash("event", event_id)


def history_of(messages: Iterable[tuple[ReceivedMessage, str]]) -> History:
    """Return the history of a new account from its messages, each with its normalised sender."""
    now = dt_util.utcnow().timestamp()
    listed = [
        (message.received_at.timestamp(), message_keys(message, sender)) for message, sender in messages
    ]
    # A phone whose clock is ahead must not make all that comes after look old.
    until = max((int(time) for time, _ in listed if time <= now), default=0)
    slack = HISTORY_SLACK.total_seconds()
    return {
        "id": token_hex(8),
        "until": until,
        "keys": [key.hex() for time, keys in listed if time >= until - slack for key in keys],
        "noted_at": int(now),
    }


class Ledger:
    """What one account has handled. All of it is in memory, and in the table `handled`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Key to the Unix second in which the message was received or handled, whichever is later; oldest entry first.
        self._handled: dict[bytes, int] = {}
        self._newest: int | None = None
        self._begins: int | None = None
        self._calls_begin: int | None = None
        # The id of the history that it began with.
        self._history_id: str | None = None
        # Of each direction, the calls without a readable time that were listed the last time, and how often.
        self._untimed: dict[Direction, Counter[_Row]] = {}
        self._prune_at = 0.0
        database.add_snapshot(self._snapshot)

    async def load(self, history: History | None) -> bool:
        """Read what was saved, and begin with the history of an account that is new here; return whether it is new.

        Where there is neither, or what was saved can't be read, nothing of the past is fired (`is_lost`).
        """
        nothing: tuple[dict[bytes, int], dict[str, Any]] = ({}, {})
        self._handled, state = await self._database.load(_read, nothing)
        seconds = {name: value for name, value in state.items() if isinstance(value, int)}
        self._newest, self._begins = seconds.get("newest"), seconds.get("begins")
        self._calls_begin, self._history_id = seconds.get("calls_begin"), state.get("history_id")
        # The same history comes again for as long as the database could not be written; version 0.1 gave it no id.
        is_new = history is not None and (history.get("id") or "") != self._history_id
        if history is not None and is_new:
            self._history_id = history.get("id")
            self._begins = history["until"] - int(HISTORY_SLACK.total_seconds())
            self._newest = history["until"]
            self._calls_begin = history["noted_at"]
            self._insert(map(bytes.fromhex, history["keys"]), history["until"])
        if self._calls_begin is None:
            self._calls_begin = int(dt_util.utcnow().timestamp())
        self._write_state()
        return is_new

    @property
    def size(self) -> int:
        """Return how many keys it holds."""
        return len(self._handled)

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
        """Return whether what a poll brings is older than the account. What the webhook brings never is."""
        match arrival:
            case ReceivedMessage(source=Source.POLL, received_at=time):
                return self._begins is not None and time.timestamp() < self._begins
            case Call(source=Source.POLL, started_at=time):
                oldest = (dt_util.utcnow() - CALLS_FOR).timestamp()
                return time.timestamp() < max(self._calls_begin or 0, oldest)
        return False

    def knows(self, keys: Iterable[bytes]) -> bool:
        """Return whether something with one of these keys was handled."""
        return any(key in self._handled for key in keys)

    @callback
    def add(self, keys: Iterable[bytes], received_at: float) -> None:
        """Record that something was handled; `received_at` is in Unix seconds."""
        self._insert(keys, int(max(received_at, dt_util.utcnow().timestamp())))
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

    def _insert(self, keys: Iterable[bytes], time: int) -> None:
        rows = [(key, time) for key in keys]
        self._handled.update(rows)
        self._database.write((_INSERT, rows))

    def _write_state(self) -> None:
        self._database.write(self._state())

    def _state(self) -> Statement:
        state = {
            "newest": self._newest,
            "begins": self._begins,
            "calls_begin": self._calls_begin,
            "history_id": self._history_id,
        }
        return state_statement(_STATE_NAME, state)

    def _snapshot(self) -> list[Statement]:
        return [(_INSERT, list(self._handled.items())), self._state()]

    def _kept_since(self) -> float:
        """Return the Unix second before which keys are old: long ago, and no poll will list them again."""
        old = dt_util.utcnow().timestamp() - KEPT_FOR.total_seconds()
        return min(old, self.poll_after(LONG_OVERLAP) or 0)

    def _prune(self) -> None:
        """Forget what is old and what is too much, but nothing that the next poll may list again."""
        now = dt_util.utcnow().timestamp()
        if now < self._prune_at and len(self._handled) <= KEPT_AT_MOST:
            return
        self._prune_at = now + PRUNED_EVERY.total_seconds()
        since = self._kept_since()
        old = [key for key, time in self._handled.items() if time < since]
        if (excess := len(self._handled) - len(old) - KEPT_AT_MOST) > 0:
            # In a flood, what is forgotten must not be taken for new when a poll lists it again. Times in the future, of a
            # clock that is or was ahead, do not say what is old.
            past = [(key, time) for key, time in self._handled.items() if since <= time <= now]
            forgotten = past[: excess + KEPT_AT_MOST // 10]
            newest = max((time for _, time in forgotten), default=0)
            self._begins = max(self._begins or 0, newest)
            self._calls_begin = max(self._calls_begin or 0, newest)
            old += [key for key, _ in forgotten]
            self._write_state()
        for key in old:
            del self._handled[key]
        if old:
            self._database.write((_DELETE, [(json.dumps([key.hex().upper() for key in old]),)]))


def _read(connection: sqlite3.Connection) -> tuple[dict[bytes, int], dict[str, Any]]:
    # Row by row, without a list of all: that would have Python's garbage collection stop the event loop.
    handled = {key: time for key, time in connection.execute("select key, time from handled order by id")}  # noqa: C416 -- as above
    return handled, read_state(connection, _STATE_NAME)


def _hash(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=12).digest()
