"""Received messages and calls as automations get them: with normalised numbers and their contacts."""

from dataclasses import dataclass
from typing import Any

from ..api import Call, ReceivedMessage
from ..contacts import Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """A new message."""

    message_id: str
    message: ReceivedMessage
    sender: str
    contact: Contact | None

    def as_attributes(self) -> dict[str, Any]:
        """Return what entities show of it."""
        return {
            "message_id": self.message_id,
            "channel": self.message.channel.value,
            "sender": self.sender,
            "sender_name": self.message.sender_name,
            "contact": self.contact.name if self.contact else None,
            "message": self.message.text,
            "received_at": self.message.received_at.isoformat(),
            "phone": self.message.phone,
            "voice": self.message.voice,
        }

    def as_event_data(self) -> dict[str, Any]:
        """Return what the bus event `smsmobileapi_message_received` carries beside the account."""
        return {
            **self.as_attributes(),
            "contact_id": self.contact.contact_id if self.contact else None,
            "source": self.message.source.value,
            "data_id": self.message.data_id,
            "duration": self.message.duration,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundCall:
    """A new call. `number` is None where it was withheld."""

    call: Call
    number: str | None
    contact: Contact | None

    def as_event_data(self) -> dict[str, Any]:
        """Return what the bus event `smsmobileapi_call` carries beside the account."""
        return {
            "direction": self.call.direction.value,
            "number": self.number,
            "name": self.call.name,
            "contact": self.contact.name if self.contact else None,
            "duration": self.call.duration,
            "started_at": self.call.started_at.isoformat(),
            "phone": self.call.phone,
        }
