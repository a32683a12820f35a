"""A sent message: what is stored about it, and what automations get of it."""

from dataclasses import dataclass, field
from typing import Any, Self

from homeassistant.core import Context
from homeassistant.util import dt as dt_util

from ..api import Channel, SendRequest, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """A message that the service accepted, and what became of it. Times are Unix seconds.

    `recipient` is a normalised number, `contact` the name of the contact who has it. `looked_up` counts the look-ups in the
    sent log, `look_up_at` is the time of the next. `due_at` is when the service is to send the message, 0 for at once.
    `sms_instead` is the SMS to send where WhatsApp fails. `context` is that of the action; it is not saved.
    """

    message_id: str
    channel: Channel
    recipient: str
    contact: str | None
    accepted_at: float = field(default_factory=lambda: dt_util.utcnow().timestamp())
    status: Status = Status.ACCEPTED
    error: str | None = None
    looked_up: int = 0
    look_up_at: float = 0
    due_at: float = 0
    sms_instead: SendRequest | None = None
    context: Context | None = None

    @property
    def leaves_at(self) -> float:
        """Return the earliest time at which the service sends the message."""
        return max(self.accepted_at, self.due_at)

    @classmethod
    def from_saved(cls, saved: dict[str, Any]) -> Self:
        """Return the message from its fields as they were saved. Raises ValueError, TypeError and LookupError."""
        sms = saved.get("sms_instead")
        return cls(
            **{
                **saved,
                "channel": Channel(saved["channel"]),
                "status": Status(saved["status"]),
                "sms_instead": sms and SendRequest(**{**sms, "channel": Channel(sms["channel"])}),
            }
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
