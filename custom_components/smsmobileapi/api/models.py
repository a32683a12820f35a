"""Received messages, and the enumerations that all models share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, Self

from .errors import InvalidPayload
from .parsing import clean, count_of, date_and_hour, first_time, text_of, yes_or_no


class Channel(StrEnum):
    """The way in which a message is sent or received."""

    SMS = "sms"
    WHATSAPP = "whatsapp"


class Source(StrEnum):
    """How a message or a call arrived: the service called the webhook, or its list was polled."""

    WEBHOOK = "webhook"
    POLL = "poll"


class Direction(StrEnum):
    """The direction of a call, as the service names its lists."""

    MISSED = "missed"
    INCOMING = "incoming"
    OUTGOING = "outgoing"


class Status(StrEnum):
    """The status of a message. QUEUED: the service has not got it yet. UNKNOWN: it has not reported any final status."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message that a phone of the account received.

    `message_id` is the service's guid, `sender` the number as the service wrote it, `received_at` is UTC. `origin` identifies
    the second in which the message was sent (Unix seconds, or the text of a time that can't be read); it is used to detect
    repeats and is None where the service gave no time. `voice` marks a voice message, `is_transcript` its transcript;
    `duration` is how long it lasts, in seconds. `data_id` is WhatsApp's second id.
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
    data_id: str | None = None
    duration: int | None = None

    @classmethod
    def from_api(cls, row: object, *, source: Source, zone: tzinfo, arrived: datetime) -> Self:
        """Read a row of `/getsms/` (D) or a V1 webhook body (D); both have the same fields.

        `zone` is the zone of times that have none; `arrived` (UTC) is used where no time can be read. A row may lack its
        number and its text, which are "" then; a body, which anybody can send, may not. Raises InvalidPayload.
        """
        if not isinstance(row, Mapping):
            raise InvalidPayload("not an object")
        sender = text_of(row, "number")
        text = _text(row["message"]) if "message" in row else None
        message_id = text_of(row, "guid")
        is_whole = sender is not None and text is not None
        is_listed = source is Source.POLL and (sender, text, message_id) != (None, None, None)
        if not is_whole and not is_listed:
            raise InvalidPayload("no message" if sender else "no number")
        times = (row.get("timestamp_unix"), row.get("time_received"), date_and_hour(row))
        time, origin = first_time(times, zone)
        return cls(
            message_id=message_id,
            channel=Channel.SMS,
            sender=sender or "",
            sender_name=text_of(row, "alias"),
            text=text or "",
            received_at=time or arrived,
            origin=origin,
            phone=text_of(row, "sIdentifiantPhone"),
            source=source,
        )

    @classmethod
    def from_event(cls, kind: str, data: Mapping[str, Any], *, event_id: str, occurred: datetime) -> Self:
        """Read the data of a V2 event `sms.received`, `whatsapp.received` or `whatsapp.voice.transcribed` (D).

        A missing sender or text is "", a missing guid is `event_id`, a missing time is `occurred` (UTC).
        """
        is_transcript = kind == "whatsapp.voice.transcribed"
        time, origin = first_time([data.get("received_at")], UTC)
        return cls(
            message_id=text_of(data, "guid", "message_id", "data_id") or event_id,
            channel=Channel.SMS if kind.startswith("sms.") else Channel.WHATSAPP,
            sender=text_of(data, "from") or "",
            sender_name=text_of(data, "contact_name", "alias"),
            text=_text(data.get("transcript" if is_transcript else "message")) or "",
            received_at=time or occurred,
            origin=origin,
            phone=text_of(data, "device_id"),
            source=Source.WEBHOOK,
            is_transcript=is_transcript,
            voice=is_transcript or yes_or_no(data.get("is_voice_message")) is True,
            data_id=text_of(data, "data_id"),
            duration=count_of(data.get("duration_seconds")),
        )


def _text(value: object) -> str | None:
    """Return the text of a message, "" for null; None for a list or an object."""
    if isinstance(value, Mapping | list):
        return None
    return "" if value is None else clean(str(value))
