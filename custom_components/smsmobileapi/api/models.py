"""What the service speaks of, read with tolerance for what API.md marks S (seen) and G (guessed)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Any, Self

from .errors import OutcomeUnknown, Refused
from .times import parse_time

_ELSEWHERE = timezone(timedelta(hours=-11, minutes=-30))


class Channel(StrEnum):
    """How a message travels."""

    SMS = "sms"
    WHATSAPP = "whatsapp"


class Source(StrEnum):
    """Which way something reached us."""

    WEBHOOK = "webhook"
    POLL = "poll"


class Direction(StrEnum):
    """Who called whom."""

    MISSED = "missed"
    INCOMING = "incoming"
    OUTGOING = "outgoing"


class Status(StrEnum):
    """What became of a message that was sent; UNKNOWN is what nobody could tell us in the end."""

    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


class NotAMessage(ValueError):
    """No message and no event; the text says what is missing."""


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
    is_transcript: bool = False

    @classmethod
    def from_api(cls, row: object, *, source: Source, zone: tzinfo, arrived: datetime) -> Self:
        """Read a row of `/getsms/` (D) or a V1 webhook body (D); both have the same fields.

        `arrived` (UTC) stands in for a time that can't be read. Raises NotAMessage.
        """
        if not isinstance(row, Mapping):
            raise NotAMessage("not an object")
        date, hour = text_of(row, "date"), text_of(row, "hour")
        both = f"{date} {hour}" if date and hour else date
        time, origin = _first_time([row.get("timestamp_unix"), row.get("time_received"), both], zone)
        return cls(
            message_id=text_of(row, "guid"),
            channel=Channel.SMS,
            sender=_sender(row, "number"),
            sender_name=text_of(row, "alias"),
            text=_body(row, "message"),
            received_at=time or arrived,
            origin=origin,
            phone=text_of(row, "sIdentifiantPhone"),
            source=source,
        )

    @classmethod
    def from_event(cls, kind: str, data: Mapping[str, Any], *, zone: tzinfo, arrived: datetime) -> Self:
        """Read the data of a V2 event `sms.received`, `whatsapp.received` or `whatsapp.voice.transcribed` (D).

        Raises NotAMessage.
        """
        is_transcript = kind == "whatsapp.voice.transcribed"
        time, origin = _first_time([data.get("received_at")], zone)
        return cls(
            message_id=text_of(data, "guid", "data_id"),
            channel=Channel.SMS if kind.startswith("sms.") else Channel.WHATSAPP,
            sender=_sender(data, "from", "number"),
            sender_name=text_of(data, "contact_name", "alias"),
            text=_body(data, "transcript", "message") if is_transcript else _body(data, "message"),
            received_at=time or arrived,
            origin=origin,
            phone=text_of(data, "device_id"),
            source=Source.WEBHOOK,
            is_transcript=is_transcript,
            voice=is_transcript or data.get("is_voice_message") in (True, 1, "1", "true", "yes"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a phone of the account. `number` is None where it was withheld, `duration` is in seconds."""

    call_id: str | None
    direction: Direction
    number: str | None
    name: str | None
    duration: int | None
    started_at: datetime
    origin: str | None
    phone: str | None
    source: Source

    @classmethod
    def from_event(cls, kind: str, data: Mapping[str, Any], *, zone: tzinfo, arrived: datetime) -> Self:
        """Read the data of a V2 event `call.missed`, `call.incoming` or `call.outgoing` (D)."""
        time, origin = _first_time([data.get("call_at")], zone)
        return cls(
            call_id=text_of(data, "guid"),
            direction=Direction(kind.removeprefix("call.")),
            number=text_of(data, "number"),
            name=text_of(data, "name"),
            duration=_seconds(data.get("duration_seconds")),
            started_at=time or arrived,
            origin=origin,
            phone=text_of(data, "device_id"),
            source=Source.WEBHOOK,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """What became of a message that was sent; `error` is the service's word for why it failed."""

    message_id: str
    status: Status
    error: str | None

    @classmethod
    def from_event(cls, kind: str, data: Mapping[str, Any]) -> Self:
        """Read the data of a V2 status event (G: its guid and error). Raises NotAMessage."""
        if not (message_id := text_of(data, "guid", "message_id", "id")):
            raise NotAMessage("no guid")
        status = Status.FAILED if kind.endswith(".failed") else Status.SENT
        error = text_of(data, "error", "error_message", "reason") if status is Status.FAILED else None
        return cls(message_id=message_id, status=status, error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message that the service accepted; accepted is not delivered."""

    message_id: str

    @classmethod
    def from_api(cls, answer: Mapping[str, Any], message_id: str = "") -> Self:
        """Read the answer of `/sendsms/` (D), or of `/resend/` for a message whose id is known (shape G).

        Raises Refused (S) and OutcomeUnknown.
        """
        result = answer.get("result")
        if not isinstance(result, Mapping):
            raise OutcomeUnknown("the answer has no result")
        if str(result.get("sent", "1")).lower() in {"0", "no", "false"}:
            raise Refused(text_of(result, "note") or "no reason given")
        if not (given := text_of(result, "id", "guid") or message_id):
            raise OutcomeUnknown("the answer has no id")
        return cls(message_id=given)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """A row of the sent log. `recipient` is as the service wrote it, `sent_at` None where it can't be read.

    `is_zone_known` tells whether the time is exact, or that of a clock in a zone which we can only guess.
    """

    message_id: str
    recipient: str
    text: str
    sent_at: datetime | None
    is_zone_known: bool
    status: Status
    error: str | None

    @classmethod
    def from_api(cls, row: object, *, zone: tzinfo) -> Self | None:
        """Read a row of `/log/sent/sms/` (S; the names of guid, number, text and time G).

        None where it has no guid, number or text.
        """
        if not isinstance(row, Mapping):
            return None
        message_id = text_of(row, "guid", "guid_message", "id")
        recipient = text_of(row, "number", "recipient", "recipients", "phone")
        text = text_of(row, "message", "text")
        if not message_id or not recipient or text is None:
            return None
        date, hour = text_of(row, "date"), text_of(row, "hour")
        times = [row.get(name) for name in ("timestamp_unix", "datetime", "date_send", "time")]
        times.append(f"{date} {hour}" if date and hour else date)
        sent_at = _first_time(times, zone)[0]
        error = _error(row.get("send_from_mobile_erreur")) or _error(row.get("error_api"))
        was_sent = str(row.get("send_from_mobile")).lower() in {"1", "true", "yes"}
        status = Status.FAILED if error else Status.SENT if was_sent else Status.ACCEPTED
        return cls(
            message_id=message_id,
            recipient=recipient,
            text=text,
            sent_at=sent_at,
            # Read in another zone it is another time, unless the zone is part of it.
            is_zone_known=sent_at == _first_time(times, _ELSEWHERE)[0],
            status=status,
            error=error,
        )


def text_of(row: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of these fields that has a text or a number in it, as text."""
    for name in names:
        value = row.get(name)
        if (
            isinstance(value, str | int)
            and not isinstance(value, bool)
            and (text := clean(str(value)).strip())
        ):
            return text
    return None


def clean(text: str) -> str:
    """Return the text without what no database and no browser can hold: NUL and halves of a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _sender(row: Mapping[str, Any], *names: str) -> str:
    if sender := text_of(row, *names):
        return sender
    raise NotAMessage("no number")


def _body(row: Mapping[str, Any], *names: str) -> str:
    """Return the text of a message; null is a message without text, no field at all is no message."""
    for name in names:
        if name in row and not isinstance(row[name], Mapping | list):
            return "" if row[name] is None else clean(str(row[name]))
    raise NotAMessage("no message")


def _error(value: object) -> str | None:
    """Return the error of a log row; it is empty in several ways when all is fine."""
    text = "" if value is None or value is False else clean(str(value)).strip()
    return None if text.lower() in {"", "0", "none", "null", "no", "false"} else text


def _seconds(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def _first_time(values: list[object], zone: tzinfo) -> tuple[datetime | None, str | None]:
    """Return the first readable time, and what identifies its second: that, or else what stands there."""
    for value in values:
        if time := parse_time(value, zone):
            return time, str(int(time.timestamp()))
    return None, next((text for value in values if (text := text_of({"time": value}, "time"))), None)
