"""Received messages, and the enumerations that all models share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, Self

from .errors import InvalidPayload
from .parsing import clean, count_of, date_and_hour, first_second, id_of, text_of, yes_or_no


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
    the second in which the message was sent (Unix seconds, or the text of a time that can't be read or has no seconds); it is
    used to detect repeats and is None where the service gave no time. `voice` marks a voice message, `is_transcript` its
    transcript; `duration` is how long it lasts, in seconds. `data_id` is WhatsApp's second id. `posted_at` is when the service
    called the webhook with it, None for a poll.
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
    posted_at: datetime | None = None

    @property
    def second(self) -> str | None:
        """Return the Unix second in which it was sent; None where the service gave no time, or one without seconds."""
        return self.origin if self.origin == str(int(self.received_at.timestamp())) else None

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
        message_id = id_of(row, "guid")
        is_whole = sender is not None and text is not None
        is_listed = source is Source.POLL and (sender, text, message_id) != (None, None, None)
        if not is_whole and not is_listed:
            raise InvalidPayload("no message" if sender else "no number")
        time, origin = received_time(row, zone)
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
            posted_at=arrived if source is Source.WEBHOOK else None,
        )

    @classmethod
    def from_event(
        cls, kind: str, data: Mapping[str, Any], *, event_id: str, occurred: datetime, posted_at: datetime
    ) -> Self:
        """Read the data of a V2 event `sms.received`, `whatsapp.received` or `whatsapp.voice.transcribed` (D).

        A missing sender or text is "", a missing guid is `event_id`, a missing time is `occurred` (UTC).
        """
        is_transcript = kind == "whatsapp.voice.transcribed"
        time, origin = first_second([data.get("received_at")], UTC)
        return cls(
            message_id=id_of(data, "guid", "message_id", "data_id") or event_id,
            channel=Channel.SMS if kind.startswith("sms.") else Channel.WHATSAPP,
            sender=text_of(data, "from") or "",
            sender_name=text_of(data, "contact_name", "alias"),
            text=_text(data.get("transcript" if is_transcript else "message")) or "",
            received_at=time or occurred,
            origin=origin,
            phone=text_of(data, "device_id"),
            source=Source.WEBHOOK,
            posted_at=posted_at,
            is_transcript=is_transcript,
            voice=is_transcript or yes_or_no(data.get("is_voice_message")) is True,
            data_id=text_of(data, "data_id"),
            duration=count_of(data.get("duration_seconds")),
        )


def received_time(row: Mapping[str, Any], zone: tzinfo) -> tuple[datetime | None, str | None]:
    """Return time and origin of a row of `/getsms/` or a V1 webhook body, as in ReceivedMessage; None where it has none."""
    return first_second((row.get("timestamp_unix"), row.get("time_received"), date_and_hour(row)), zone)


def _text(value: object) -> str | None:
    """Return the text of a message, "" for null; None for a list or an object."""
    if isinstance(value, Mapping | list):
        return None
    return "" if value is None else clean(str(value))
