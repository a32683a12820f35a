"""What is sent, and what the service says became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Final, Self

from .errors import OutcomeUnknown
from .models import Channel, NotAMessage, Status
from .rows import clean, date_and_hour, first_time, text_of, yes_or_no

_CALLED_BY: Final = "Home Assistant"
_ELSEWHERE: Final = timezone(timedelta(hours=-11, minutes=-30))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message to one recipient, an E.164 number or a short code. What is not set is left to the service.

    `phone` is the SID of the phone that sends it, `sim` its SIM (1 or 2), `send_at` an aware time, `media_url` a public https
    address (WhatsApp only).
    """

    recipient: str = field(repr=False)
    text: str = field(repr=False)
    channel: Channel
    phone: str | None = None
    sim: int | None = None
    send_at: datetime | None = None
    media_url: str | None = field(default=None, repr=False)
    short_links: bool = False
    encrypt: bool = False

    def fields(self) -> dict[str, str]:
        """Return the form of `/sendsms/` (D)."""
        fields = {"recipients": self.recipient, "message": self.text, "from": _CALLED_BY, "sendsms": "1"}
        if self.channel is Channel.WHATSAPP:
            # Its numbers go without the plus sign.
            number = self.recipient.removeprefix("+")
            fields |= {"recipients": number, "sendwa": "1", "sendsms": "0", "waonly": "yes"}
        if self.phone is not None:
            fields["sIdentifiant"] = self.phone
        if self.sim is not None:
            fields["port"] = str(self.sim)
        if self.send_at is not None:
            fields["schedule_timestamp"] = str(int(self.send_at.timestamp()))
        if self.media_url is not None:
            fields["url_media"] = self.media_url
        if self.short_links:
            fields["shorturl"] = "1"
        if self.encrypt:
            fields["encrypt_message"] = "yes"
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message that the service accepted; accepted is not delivered."""

    message_id: str

    @classmethod
    def from_api(cls, answer: Mapping[str, Any], message_id: str = "") -> Self:
        """Read the answer of `/sendsms/` (D), or of `/resend/` for a message whose id is known (shape G).

        Raises OutcomeUnknown.
        """
        result = answer.get("result")
        if not isinstance(result, Mapping):
            raise OutcomeUnknown("the answer has no result")
        if not (given := text_of(result, "id", "guid") or message_id):
            raise OutcomeUnknown("the answer has no id")
        return cls(message_id=given)


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
        times = [row.get(name) for name in ("timestamp_unix", "datetime", "date_send", "time")]
        times.append(date_and_hour(row))
        sent_at = first_time(times, zone)[0]
        error = _error(row.get("send_from_mobile_erreur")) or _error(row.get("error_api"))
        was_sent = yes_or_no(row.get("send_from_mobile")) is True
        status = Status.FAILED if error else Status.SENT if was_sent else Status.ACCEPTED
        return cls(
            message_id=message_id,
            recipient=recipient,
            text=text,
            sent_at=sent_at,
            # Read in another zone it is another time, unless the zone is part of it.
            is_zone_known=sent_at == first_time(times, _ELSEWHERE)[0],
            status=status,
            error=error,
        )


def _error(value: object) -> str | None:
    """Return the error of a log row; it is empty in several ways when all is fine."""
    if not isinstance(value, str | int | float):
        return "error" if value else None
    text = clean(str(value)).strip()
    return None if text.lower() in {"", "0", "none", "null", "no", "false"} else text
