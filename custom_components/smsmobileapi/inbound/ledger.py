"""The ledger: what was already handled, bounded, saved and loaded.

It holds keys, not numbers or texts: a message's id and its content are hashed.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from hashlib import blake2b
from typing import Final, NotRequired, TypedDict

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..api import Call, Direction, ReceivedMessage, Source, StatusReport
from ..storage import AccountStore, File

KEPT_FOR: Final = timedelta(days=30)
KEPT_AT_MOST: Final = 2 * 20_000  # keys; a message has two
PRUNED_EVERY: Final = timedelta(hours=6)
# A poll asks again for what is younger than the high-water mark by this much; a phone that was offline brings its
# messages late and with their own old times.
OVERLAP: Final = timedelta(days=7)
# A phone that was offline for longer brings its calls in vain; and what is older must not be told once it is forgotten.
CALLS_FOR: Final = timedelta(days=14)
# An account begins with what is newer than the newest message that was there when it was added, less this much for phones
# whose clocks run behind.
HISTORY_SLACK: Final = timedelta(hours=1)


class History(TypedDict):
    """What an account had received before it was added: never fired."""

    until: int  # Unix seconds of the newest message
    keys: list[str]  # of those messages that a poll will ask for again
    noted_at: int  # Unix seconds; calls before that are history


# What is left of a call to know it by where its time can't be read: number, name, duration.
type _Row = tuple[str | None, str | None, int | None]


class _Saved(TypedDict):
    seen: dict[str, int]
    mark: int | None
    begins: int | None
    calls_begin: NotRequired[int | None]


def message_keys(message: ReceivedMessage, sender: str) -> tuple[str, ...]:
    """Return what tells a repeat of the message: its id, and its sender, text and second.

    `sender` is normalised. A voice message and its transcript share an id and are two. A message without any time has no
    second key, unless it has no id either: then a poll knows it by sender and text alone, for each poll lists it again,
    while a webhook brings it once.
    """
    kind = "transcript" if message.is_transcript else "id"
    keys = [_hash(kind, message.message_id)] if message.message_id else []
    second = message.origin
    if not keys and second is None:
        second = message.received_at.isoformat() if message.source is Source.WEBHOOK else ""
    if second is not None:
        keys.append(_hash("content", message.channel, sender, " ".join(message.text.split()), second))
    return tuple(keys)


def call_keys(call: Call, number: str) -> tuple[str, ...]:
    """Return what tells a repeat of the call: its id, and its direction, number and second.

    `number` is normalised, "" where it was withheld. The lists of calls have no ids, and may round a second otherwise than
    the webhook does: a call is known by its second and by the next. What has neither id nor time is new whenever it comes.
    """
    keys = [_hash("call", call.call_id)] if call.call_id else []
    second = int(call.started_at.timestamp())
    times = [str(second), str(second + 1)] if is_timed(call) else []
    if not keys and not times:
        times = [call.started_at.isoformat()]
    return (*keys, *(_hash("call", call.direction, number, time) for time in times))


def is_timed(call: Call) -> bool:
    """Tell whether the service gave a time that could be read."""
    return call.origin == str(int(call.started_at.timestamp()))


def report_keys(report: StatusReport) -> tuple[str, ...]:
    """Return what tells a repeat of the report: one for each status of a message."""
    return (_hash("report", report.message_id, report.status),)


def event_key(event_id: str) -> str:
    """Return what tells a redelivery of a V2 event."""
    return _hash("event", event_id)


def history_of(seen: Iterable[tuple[ReceivedMessage, str]]) -> History:
    """Return the history that the messages (each with its normalised sender) of a new account make."""
    now = dt_util.utcnow().timestamp()
    listed = [(message.received_at.timestamp(), message_keys(message, sender)) for message, sender in seen]
    # A phone whose clock is ahead must not make all that comes after look old.
    until = max((int(time) for time, _ in listed if time <= now), default=0)
    slack = HISTORY_SLACK.total_seconds()
    return {
        "until": until,
        "keys": [key for time, keys in listed if time >= until - slack for key in keys],
        "noted_at": int(now),
    }


class Ledger:
    """What one account has handled."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        self._store = AccountStore[_Saved](hass, entry_id, File.LEDGER)
        # Key to the Unix second in which the message was received or handled, whichever is later; oldest entry first.
        self._seen: dict[str, int] = {}
        self._mark: int | None = None
        self._begins: int | None = None
        self._calls_begin: int | None = None
        # Of each direction, the calls without a readable time that were listed the last time, and how often.
        self._untimed: dict[Direction, Counter[_Row]] = {}
        self._prune_at = 0.0

    async def load(self, history: History | None) -> None:
        """Read what was saved, and begin with the history of an account that is new here.

        Where there is neither, or what was saved can't be read, the ledger is lost: nothing of the past is fired then.
        """
        await self._store.load(self._read)
        if history is not None:
            self._begins = history["until"] - int(HISTORY_SLACK.total_seconds())
            self._mark = history["until"]
            self._calls_begin = history["noted_at"]
            self._seen.update(dict.fromkeys(history["keys"], history["until"]))
            await self.save()
        if self._calls_begin is None:
            self._calls_begin = int(dt_util.utcnow().timestamp())

    def _read(self, saved: _Saved) -> None:
        seen = {str(key): int(time) for key, time in saved["seen"].items()}
        self._mark, self._begins = _whole(saved["mark"]), _whole(saved["begins"])
        self._calls_begin = _whole(saved.get("calls_begin"))
        self._seen = seen

    async def save(self) -> None:
        """Write it now."""
        await self._store.async_save(self._as_saved())

    async def close(self) -> None:
        """Write it for the last time."""
        await self._store.close(self._as_saved())

    @property
    def size(self) -> int:
        """Return how many keys it holds."""
        return len(self._seen)

    @property
    def is_lost(self) -> bool:
        """Tell whether nothing is known, not even where the account began."""
        return self._begins is None

    @property
    def poll_after(self) -> int | None:
        """Return the Unix second after which a poll has to look, or None for all."""
        if self._mark is None or self._begins is None:
            return None
        return max(self._mark - int(OVERLAP.total_seconds()), self._begins, 0)

    @callback
    def begin_here(self) -> None:
        """Take what is known by now for all that there was: the saved ledger was lost."""
        self._begins = (self._mark or 0) - int(OVERLAP.total_seconds())
        self._store.save_soon(self._as_saved)

    def is_history(self, arrival: ReceivedMessage | Call | StatusReport) -> bool:
        """Tell whether what a poll brings is older than the account. What the webhook brings never is."""
        match arrival:
            case ReceivedMessage(source=Source.POLL, received_at=time):
                return self._begins is not None and time.timestamp() < self._begins
            case Call(source=Source.POLL, started_at=time):
                oldest = (dt_util.utcnow() - CALLS_FOR).timestamp()
                return time.timestamp() < max(self._calls_begin or 0, oldest)
        return False

    def should_know(self, message: ReceivedMessage) -> bool:
        """Tell whether a message would have been handled by now, and not be forgotten yet, were it the account's."""
        if self._mark is None or self._begins is None:
            return False
        # What the account had when it was added was looked at then.
        until = max(self._mark, (self._calls_begin or 0) - OVERLAP.total_seconds())
        return max(self._begins, self._kept_since()) <= message.received_at.timestamp() < until

    def knows(self, keys: Iterable[str]) -> bool:
        """Tell whether a message with one of these keys was handled."""
        return any(key in self._seen for key in keys)

    @callback
    def newly_listed(self, direction: Direction, calls: Iterable[Call]) -> list[Call]:
        """Return the calls without a readable time that a poll did not list the last time.

        Of those of the first list nobody knows how old they are.
        """
        untimed = [((call.number, call.name, call.duration), call) for call in calls if not is_timed(call)]
        listed = Counter(row for row, _ in untimed)
        more = listed - self._untimed.get(direction, listed)
        self._untimed[direction] = listed
        return [call for row, call in dict(untimed).items() if row in more]

    @callback
    def add(self, keys: Iterable[str], received_at: float) -> None:
        """Note that a message was handled; `received_at` is in Unix seconds."""
        self._seen.update(dict.fromkeys(keys, int(max(received_at, dt_util.utcnow().timestamp()))))
        self._prune()
        self._store.save_soon(self._as_saved)

    @callback
    def advance(self, messages: Iterable[ReceivedMessage]) -> None:
        """Move the high-water mark of the poll to the newest message seen, never into the future or back."""
        now = dt_util.utcnow().timestamp()
        times = [message.received_at.timestamp() for message in messages if message.origin]
        mark = int(max((time for time in times if time <= now), default=0))
        if mark > (self._mark or 0):
            self._mark = mark
            self._store.save_soon(self._as_saved)

    def _as_saved(self) -> _Saved:
        return {
            "seen": self._seen.copy(),
            "mark": self._mark,
            "begins": self._begins,
            "calls_begin": self._calls_begin,
        }

    def _kept_since(self) -> float:
        """Return the Unix second before which keys are old: long ago, and no poll may bring them again."""
        return min(dt_util.utcnow().timestamp() - KEPT_FOR.total_seconds(), self.poll_after or 0)

    def _prune(self) -> None:
        """Forget what is old and what is too much, but nothing that the next poll may bring again."""
        now = dt_util.utcnow().timestamp()
        if now < self._prune_at and len(self._seen) <= KEPT_AT_MOST:
            return
        self._prune_at = now + PRUNED_EVERY.total_seconds()
        old = self._kept_since()
        seen = [(key, time) for key, time in self._seen.items() if time >= old]
        if len(seen) > KEPT_AT_MOST:
            # In a flood, what is forgotten must not be taken for new when a poll lists it again. Times that have not come
            # yet, of a clock that is or was ahead, say nothing of what is old.
            past = [(key, time) for key, time in seen if time <= now]
            excess = dict(past[: len(seen) - KEPT_AT_MOST * 9 // 10])
            self._begins = max([self._begins or 0, *excess.values()])
            self._calls_begin = max([self._calls_begin or 0, *excess.values()])
            seen = [(key, time) for key, time in seen if key not in excess]
        self._seen = dict(seen)


def _whole(value: int | None) -> int | None:
    return None if value is None else int(value)


def _hash(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
