"""What identifies a message or a call: the keys (hashes) that a repeat of it shares with it, and how they are compared.

An id alone proves no repeat, as phones begin their ids anew and gateways use some again (API.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Final

from ..api import Call, ReceivedMessage, Source
from .models import Trust

_DAY: Final = 86_400  # seconds

# A row of a table of keys: the key, the Unix second for which it is kept, the phone.
type KeyRow = tuple[bytes, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The keys of something that arrived.

    `strong` keys hold the service's id with sender and text. `nearby` are those that an earlier one had of which the time was
    read otherwise; they are only looked for. `weak` keys hold sender, text and second, which others can guess. `event` is that
    of a V2 event. `phone` is a number for the phone that received it, 0 where it is not known.
    """

    event: bytes | None = None
    strong: tuple[bytes, ...] = ()
    nearby: tuple[bytes, ...] = ()
    weak: tuple[bytes, ...] = ()
    phone: int = 0

    @property
    def name(self) -> str:
        """Return an id for a message to which the service gave none."""
        return (*self.strong, *self.weak)[0].hex()


def identity_of(arrival: ReceivedMessage | Call, number: str, event_id: str | None = None) -> Identity:
    """Return the identity of a message or a call; `number` is its normalised sender or caller, `event_id` the V2 event's."""
    identity = (
        _message_identity(arrival, number)
        if isinstance(arrival, ReceivedMessage)
        else _call_identity(arrival, number)
    )
    phone = _phone(arrival.phone, arrival.source)
    return replace(identity, event=event_key(event_id), phone=phone)


def event_key(event_id: str | None) -> bytes | None:
    """Return the key that a redelivery of a V2 event shares with it; None where there is no event."""
    return None if event_id is None else _hash("event", event_id)


def _message_identity(message: ReceivedMessage, sender: str) -> Identity:
    """Return the keys of a message.

    A voice message and its transcript have the same id and are two messages. One without a second has no weak key. If it has no
    id either, its key is made of sender, text and what is known of the time where a poll lists it, as the next poll lists it
    again; with the time of arrival where the webhook brings it, which brings it once.
    """
    text = " ".join(message.text.split())
    weak: list[bytes] = []
    if message.second is not None and (text or not message.message_id):
        weak.append(_hash("content", message.channel, sender, text, message.second))
    if message.message_id:
        kind = "transcript" if message.is_transcript else "id"
        parts = (kind, message.channel, message.message_id, sender, text)
        strong, nearby = _dated(parts, message.received_at, message)
        return Identity(strong=strong, nearby=nearby, weak=tuple(weak))
    if not weak:
        is_listed = message.source is Source.POLL
        time = message.origin or "" if is_listed else message.received_at.isoformat()
        weak.append(_hash("content", message.channel, sender, text, time))
    return Identity(weak=tuple(weak))


def _call_identity(call: Call, number: str) -> Identity:
    """Return the keys of a call, of which number is "" where it was withheld.

    The lists of calls have no ids, so direction, number and second are its strong keys. They may round a second otherwise than
    the webhook does: a call has the keys of its second and of the next. One with neither id nor time is always new.
    """
    strong: tuple[bytes, ...] = ()
    nearby: tuple[bytes, ...] = ()
    if call.call_id:
        parts = ("call", call.direction, call.call_id, number)
        strong, nearby = _dated(parts, call.started_at, call)
    second = int(call.started_at.timestamp())
    times = [str(second), str(second + 1)] if is_timed(call) else []
    if not strong and not times:
        times = [call.started_at.isoformat()]
    seconds = (_hash("call", call.direction, number, time) for time in times)
    return Identity(strong=(*strong, *seconds), nearby=nearby)


def _dated(
    parts: tuple[str, ...], time: datetime, arrival: ReceivedMessage | Call
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the key of an id on its day, and those of the days around it: months later, the id may be used again."""
    day = int(time.timestamp()) // _DAY
    around = [_hash(*parts, str(day + days)) for days in (0, -1, 1)]
    # Of a row without a time, the day is that on which it was listed, and the same row is listed again.
    is_dated = arrival.origin is not None or arrival.source is Source.WEBHOOK
    undated = _hash(*parts, "")
    return ((around[0],), (*around[1:], undated)) if is_dated else ((undated,), tuple(around))


def is_timed(call: Call) -> bool:
    """Return whether the service gave a time that could be read."""
    return call.origin == str(int(call.started_at.timestamp()))


def _phone(phone: str | None, source: Source) -> int:
    """Return a number for a phone, of which the last bit says whether a poll named it; 0 for none."""
    if not phone:
        return 0
    digest = int.from_bytes(blake2b(phone.encode(), digest_size=4).digest()) or 1
    return digest << 1 | (source is Source.POLL)


def _is_same_phone(one: int, other: int) -> bool:
    return one >> 1 == other >> 1


class KeySet:
    """Keys, each with the Unix second for which it is kept and the phone; the oldest entry first."""

    def __init__(self) -> None:
        self.times: dict[bytes, int] = {}
        # Only of keys whose phone is known.
        self.phones: dict[bytes, int] = {}

    def load(self, rows: Iterable[KeyRow]) -> None:
        """Add rows as they were saved; of several with one key, the last counts."""
        for key, time, phone in rows:
            self.times[key] = time
            if phone:
                self.phones[key] = phone

    def has(self, key: bytes, phone: int, *, is_strong: bool) -> bool:
        """Return whether something with this key came from this phone, or from one that is not known, as that may be it.

        Webhook and poll may name one phone differently. That matters for a strong key: it is the same message then.
        """
        if key not in self.times:
            return False
        known = self.phones.get(key, 0)
        if not phone or not known or _is_same_phone(phone, known):
            return True
        if is_strong and (phone ^ known) & 1:
            return True
        return _of_phone(key, phone) in self.times

    def add(self, keys: Iterable[bytes], phone: int, time: int) -> list[KeyRow]:
        """Add keys; return the rows to be saved: of keys that were not there for this phone."""
        rows: list[KeyRow] = []
        for key in keys:
            if key in self.times:
                known = self.phones.get(key, 0)
                if not phone or _is_same_phone(phone, known):
                    continue
                if known:
                    # The second phone has a key of its own.
                    key = _of_phone(key, phone)
                    if key in self.times:
                        continue
            rows.append((key, time, phone))
        self.load(rows)
        return rows

    def remove(self, keys: Iterable[bytes]) -> None:
        """Remove keys that are in it."""
        for key in keys:
            del self.times[key]
            self.phones.pop(key, None)

    def rows(self) -> list[KeyRow]:
        """Return all rows."""
        return [(key, time, self.phones.get(key, 0)) for key, time in self.times.items()]


class Memory:
    """The keys of what is known, apart for what is sure to come from the service and for what was unsigned.

    Who knows only the webhook's address can send anything unsigned: it must not keep from firing what the service brings. So a
    weak key of an unsigned message is known only to other unsigned ones, and to those that the service gave no id; its strong
    key has the service's id in it.
    """

    def __init__(self) -> None:
        self.verified = KeySet()
        self.unsigned = KeySet()

    def knows(self, identity: Identity, trust: Trust) -> bool:
        """Return whether this arrived before."""
        strong = [*identity.strong, *identity.nearby]
        if identity.event:
            strong.append(identity.event)
        return (
            _has_one_of(self.verified, strong, identity.phone, is_strong=True)
            or _has_one_of(self.verified, identity.weak, identity.phone, is_strong=False)
            or _has_one_of(self.unsigned, strong, identity.phone, is_strong=True)
            or (
                # Without an id it has nothing else by which the webhook's can be known.
                (trust is Trust.UNSIGNED or not identity.strong)
                and _has_one_of(self.unsigned, identity.weak, identity.phone, is_strong=False)
            )
        )

    def knows_event(self, event: bytes | None) -> bool:
        """Return whether a V2 event with this key arrived before."""
        return event in self.verified.times or event in self.unsigned.times

    def add(self, identity: Identity, trust: Trust, time: int) -> list[KeyRow]:
        """Add what arrived; return the rows to be saved."""
        keys = self.unsigned if trust is Trust.UNSIGNED else self.verified
        rows = keys.add([identity.event], 0, time) if identity.event else []
        return rows + keys.add((*identity.strong, *identity.weak), identity.phone, time)


def _has_one_of(keys: KeySet, some: Iterable[bytes], phone: int, *, is_strong: bool) -> bool:
    return any(keys.has(key, phone, is_strong=is_strong) for key in some)


def _of_phone(key: bytes, phone: int) -> bytes:
    return blake2b(key + (phone >> 1).to_bytes(4), digest_size=12).digest()


def _hash(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=12).digest()
