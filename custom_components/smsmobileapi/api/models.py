"""What the service speaks of, read with tolerance for what API.md marks S (seen) and G (guessed)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any, Self

from .errors import OutcomeUnknown, Refused
from .times import parse_time


class Channel(StrEnum):
    """How a message travels."""

    SMS = "sms"
    WHATSAPP = "whatsapp"


class Source(StrEnum):
    """Which way a message reached us."""

    WEBHOOK = "webhook"
    POLL = "poll"


class NotAMessage(ValueError):
    """No message; the text says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message that a phone of the account received.

    `message_id` is the service's guid, `sender` the number as the service wrote it, `received_at` is UTC. `origin` tells
    the second in which the sender sent it as far as that is known, for telling repeats from new messages; it is None
    where the service gave no time at all.
    """

    message_id: str | None
    channel: Channel
    sender: str
    sender_name: str | None
    text: str
    received_at: datetime
    origin: str | None
    phone: str | None
    source: Source
    voice: bool = False

    @classmethod
    def from_api(cls, row: object, *, source: Source, zone: tzinfo, arrived: datetime) -> Self:
        """Read a row of `/getsms/` (D) or a V1 webhook body (D); both have the same fields.

        `arrived` (UTC) stands in for a time that can't be read. Raises NotAMessage.
        """
        if not isinstance(row, Mapping):
            raise NotAMessage("not an object")
        if not (sender := _text(row.get("number"))):
            raise NotAMessage("no number")
        if "message" not in row or isinstance(row["message"], Mapping | list):
            raise NotAMessage("no message")
        time, origin = _time(row, zone)
        return cls(
            message_id=_text(row.get("guid")),
            channel=Channel.SMS,
            sender=sender,
            sender_name=_text(row.get("alias")),
            text=_clean("" if row["message"] is None else str(row["message"])),
            received_at=time or arrived,
            origin=origin,
            phone=_text(row.get("sIdentifiantPhone")),
            source=source,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message that the service accepted; accepted is not delivered."""

    message_id: str

    @classmethod
    def from_api(cls, answer: Mapping[str, Any]) -> Self:
        """Read the answer of `/sendsms/` (D). Raises Refused (S) and OutcomeUnknown."""
        result = answer.get("result")
        if not isinstance(result, Mapping):
            raise OutcomeUnknown("the answer has no result")
        if str(result.get("sent", "1")).lower() in {"0", "no", "false"}:
            raise Refused(_text(result.get("note")) or "no reason given")
        if not (message_id := _text(result.get("id"))):
            raise OutcomeUnknown("the answer has no id")
        return cls(message_id=message_id)


def _text(value: object) -> str | None:
    """Return a string or a number as text, anything else and blanks as None."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return _clean(str(value)).strip() or None


def _clean(text: str) -> str:
    """Return the text without what no database and no browser can hold: NUL and halves of a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _time(row: Mapping[str, Any], zone: tzinfo) -> tuple[datetime | None, str | None]:
    """Return when the message was received, and what identifies that second."""
    date, hour = _text(row.get("date")), _text(row.get("hour"))
    candidates = (
        row.get("timestamp_unix"),
        row.get("time_received"),
        f"{date} {hour}" if date and hour else date,
    )
    for value in candidates:
        if time := parse_time(value, zone):
            return time, str(int(time.timestamp()))
    return None, next((text for value in candidates if (text := _text(value))), None)
