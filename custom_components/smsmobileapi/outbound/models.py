"""A message that is sent: what is stored about it, and what automations get of it."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Self
from uuid import uuid4

from homeassistant.core import Context
from homeassistant.util import dt as dt_util

from ..api import Channel, SendRequest, Status
from ..contacts import Route
from .recipients import Recipient, SendOptions
from .segments import count_segments

_REQUESTS: Final = ("request", "sms_instead")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """A message from the moment that somebody sends it, and what became of it. Times are Unix seconds, 0 for none.

    `message_id` is what callers and reports have, `service_id` the id that the service gave it; they differ where the caller
    was answered before the service had it: then `keeps_id`. `recipient` is a normalised number, `contact` the name of the contact who has it. `parts`
    is how many SMS it takes, `send_id` what the rate limiter counts it as.

    Until the service accepts it, `request` is what to send, `expires_at` until when to try, `left_at` since when the service
    may have it, and `left_times` how many requests for it had an unknown end. `due_at` is when the service is to send it (the
    requests have no `send_at`). `sms_instead` is the SMS to send where WhatsApp fails, or has not sent the message after
    `sms_after` seconds.

    From then on `looked_up` counts the look-ups in the sent log, `look_up_at` is the time of the next.
    """

    message_id: str
    channel: Channel
    recipient: str = field(repr=False)
    contact: str | None = field(repr=False)
    service_id: str | None = None
    keeps_id: bool = False
    accepted_at: float = field(default_factory=lambda: dt_util.utcnow().timestamp())
    status: Status = Status.ACCEPTED
    error: str | None = None
    parts: int = 1
    is_urgent: bool = False
    send_id: int | None = None
    request: SendRequest | None = None
    sms_instead: SendRequest | None = None
    sms_after: float = 0
    expires_at: float = 0
    left_at: float = 0
    left_times: int = 0
    looked_up: int = 0
    look_up_at: float = 0
    due_at: float = 0
    context: Context | None = field(default=None, compare=False, repr=False)

    @property
    def leaves_at(self) -> float:
        """Return the earliest time at which the service sends the message."""
        return max(self.accepted_at, self.due_at)

    @property
    def is_pending(self) -> bool:
        """Return whether it has no final status yet."""
        return self.status in {Status.QUEUED, Status.ACCEPTED}

    @classmethod
    def from_saved(cls, saved: dict[str, Any]) -> Self:
        """Return the message from what `as_saved` returned. Raises ValueError, TypeError and LookupError."""
        requests = {
            name: SendRequest(**{**request, "channel": Channel(request["channel"])})
            for name in _REQUESTS
            if (request := saved.get(name))
        }
        enums = {"channel": Channel(saved["channel"]), "status": Status(saved["status"])}
        return cls(**{"service_id": saved["message_id"], **saved, **requests, **enums})

    def as_saved(self) -> dict[str, Any]:
        """Return the fields that are stored, for JSON."""
        saved = asdict(replace(self, context=None))
        del saved["context"]
        return saved

    def sms_in_its_place(self, sms: SendRequest, *, expires_at: float) -> Self:
        """Return the SMS that is sent where this WhatsApp message failed."""
        return type(self)(
            message_id=uuid4().hex,
            channel=Channel.SMS,
            recipient=self.recipient,
            contact=self.contact,
            status=Status.QUEUED,
            parts=parts_of(sms),
            is_urgent=self.is_urgent,
            request=sms,
            expires_at=expires_at,
            due_at=self.due_at,
            context=self.context,
        )

    def as_response(self) -> dict[str, Any]:
        """Return the message as actions answer with it."""
        return {
            "recipient": self.recipient,
            "contact": self.contact,
            "channel": self.channel.value,
            "message_id": self.message_id,
            "status": self.status.value,
        }

    def as_event_data(self) -> dict[str, Any]:
        """Return what the bus event `smsmobileapi_message_report` carries beside the account."""
        return {
            "message_id": self.message_id,
            "channel": self.channel.value,
            "recipient": self.recipient,
            "contact": self.contact,
            "status": self.status.value,
            "error": self.error,
        }


def message_to(
    recipient: Recipient, text: str, options: SendOptions, media_url: str | None
) -> OutboundMessage:
    """Return the message to one recipient, by its route; `media_url` is for WhatsApp."""
    sms = SendRequest(
        recipient=recipient.number,
        text=text,
        channel=Channel.SMS,
        phone=recipient.phone,
        sim=recipient.sim,
        short_links=options.short_links,
        encrypt=options.encrypt,
    )
    is_sms = recipient.route is Route.SMS
    request = sms if is_sms else replace(sms, channel=Channel.WHATSAPP, media_url=media_url)
    has_fallback = recipient.route is Route.WHATSAPP_ELSE_SMS
    return OutboundMessage(
        message_id=uuid4().hex,
        channel=request.channel,
        recipient=recipient.number,
        contact=recipient.contact.name if recipient.contact else None,
        status=Status.QUEUED,
        parts=parts_of(request),
        is_urgent=options.is_urgent,
        request=request,
        sms_instead=sms if has_fallback else None,
        sms_after=options.sms_after if has_fallback else 0,
        expires_at=dt_util.utcnow().timestamp() + options.retry_for if options.retry_for else 0,
        due_at=options.send_at.timestamp() if options.send_at else 0,
        context=options.context,
    )


def parts_of(request: SendRequest) -> int:
    """Return how many SMS a request costs; a WhatsApp message counts as one."""
    return count_segments(request.text).parts if request.channel is Channel.SMS else 1
