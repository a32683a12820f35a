"""Requests to send a message, and what the service says about sent messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Final, Self

from .errors import OutcomeUnknown, UnexpectedAnswer
from .models import Channel, Status
from .parsing import clean, date_and_hour, first_time, text_of, yes_or_no

_SOFTWARE: Final = "Home Assistant"
# An offset that no place has.
_OTHER_ZONE: Final = timezone(timedelta(hours=-11, minutes=-30))


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """A request to send one message to one recipient, an E.164 number or a short code.

    `phone` is the SID of the phone that shall send it, `sim` the SIM in it (1 or 2), `send_at` an aware time, `media_url` a
    public https address (WhatsApp only). What is None is left to the service.
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
        fields = {"recipients": self.recipient, "message": self.text, "from": _SOFTWARE, "sendsms": "1"}
        if self.channel is Channel.WHATSAPP:
            # WhatsApp numbers go without the plus sign.
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


def message_id_of(answer: Any, known: str | None = None) -> str:
    """Return the id of the message that the service accepted, from the answer of `/sendsms/` (D).

    `known` is the id of a message that was sent again: the answer of `/resend/` (shape G) may lack it. Raises OutcomeUnknown.
    """
    if not isinstance(answer, Mapping):
        raise UnexpectedAnswer("the answer is not an object")
    result = answer.get("result")
    if not isinstance(result, Mapping):
        raise OutcomeUnknown("the answer has no result")
    if message_id := text_of(result, "id") or known:
        return message_id
    raise OutcomeUnknown("the answer has no id")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The status of a sent message, as the webhook reports it; `error` is the service's word for why it failed.

    Where `may_be_typed`, and no message of ours has the id, a person typed the message on the phone.
    """

    message_id: str
    status: Status
    error: str | None
    may_be_typed: bool = False

    @classmethod
    def from_event(cls, kind: str, data: Mapping[str, Any], *, event_id: str) -> Self:
        """Read the data of a V2 status event (G). A missing guid is `event_id`, so that no message of ours has it."""
        message_id = (
            text_of(data, "guid", "message_guid", "message_id", "sms_id", "id", "data_id") or event_id
        )
        status = Status.FAILED if kind.endswith(".failed") else Status.SENT
        error = text_of(data, "error") if status is Status.FAILED else None
        return cls(message_id=message_id, status=status, error=error, may_be_typed=kind == "sms.mobile.sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentLogEntry:
    """A row of the log of sent messages. `recipient` is as the service wrote it; `sent_at` is UTC, None where it can't be read.

    `is_zone_known` is False where the service gave a time without a zone, so that `sent_at` may be wrong by hours.
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
        """Read a row of `/log/sent/sms/` (S). Returns None for a row without a guid, a number or a text.

        The names of guid, number, text and time are those that other endpoints use for them (G).
        """
        if not isinstance(row, Mapping):
            return None
        message_id = text_of(row, "guid", "guid_message", "id")
        recipient = text_of(row, "number", "recipients")
        text = text_of(row, "message")
        if not message_id or not recipient or text is None:
            return None
        times = (row.get("timestamp_unix"), row.get("datetime"), date_and_hour(row))
        sent_at = first_time(times, zone)[0]
        error = _error_of(row.get("send_from_mobile_erreur")) or _error_of(row.get("error_api"))
        was_sent = yes_or_no(row.get("send_from_mobile")) is True
        return cls(
            message_id=message_id,
            recipient=recipient,
            text=text,
            sent_at=sent_at,
            # A time without a zone is another one when read in another zone.
            is_zone_known=sent_at == first_time(times, _OTHER_ZONE)[0],
            status=Status.FAILED if error else Status.SENT if was_sent else Status.ACCEPTED,
            error=error,
        )


def _error_of(value: object) -> str | None:
    """Return the error in a field of the log; None for the values that mean no error."""
    if not isinstance(value, str | int | float):
        return "error" if value else None
    text = clean(str(value)).strip()
    return None if text.lower() in {"", "0", "none", "null", "no", "false"} else text
