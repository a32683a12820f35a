"""Received messages, and the words that all models share.

What API.md marks S (seen) and G (guessed) is read with tolerance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any, Self

from .rows import clean, date_and_hour, first_time, text_of, yes_or_no


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
        times = [row.get("timestamp_unix"), row.get("time_received"), date_and_hour(row)]
        time, origin = first_time(times, zone)
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
        time, origin = first_time([data.get("received_at")], zone)
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
            voice=is_transcript or yes_or_no(data.get("is_voice_message")) is True,
        )


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
