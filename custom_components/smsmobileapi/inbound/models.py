"""Received messages and calls as automations get them: with normalised numbers and their contacts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from homeassistant.core import Context
from homeassistant.util import dt as dt_util

from ..api import Call, ReceivedMessage
from ..contacts import Contact
from ..numbers import is_name


class Trust(StrEnum):
    """How sure it is that something came from the service."""

    SIGNED = "signed"  # by V2, and the signature was verified
    POLLED = "polled"  # fetched from the service with our credentials
    UNSIGNED = "unsigned"  # by anybody who knows the webhook's address


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """A new message."""

    message_id: str
    message: ReceivedMessage
    sender: str
    contact: Contact | None
    trust: Trust
    context: Context

    @property
    def age(self) -> int:
        """Return how many seconds ago it was received, by the phone's clock; 0 where that is ahead."""
        return age_of(self.message.received_at)

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
            "trust": self.trust.value,
        }

    def as_event_data(self, *, is_private: bool) -> dict[str, Any]:
        """Return what the bus event `smsmobileapi_message_received` carries beside the account.

        `sender_raw` is the sender as the service wrote it. With `is_private`, text and number are None, also where the number
        stands for the name.
        """
        private = ["message", "sender", "sender_raw"] if is_private else []
        if is_private and not is_name(self.message.sender_name):
            private.append("sender_name")
        return {
            **self.as_attributes(),
            "sender_raw": self.message.sender,
            "contact_id": self.contact.contact_id if self.contact else None,
            "source": self.message.source.value,
            "data_id": self.message.data_id,
            "duration": self.message.duration,
            "age": self.age,
            **dict.fromkeys(private),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundCall:
    """A new call. `number` is None where it was withheld."""

    call: Call
    number: str | None
    contact: Contact | None
    trust: Trust
    context: Context

    def as_event_data(self, *, is_private: bool = False) -> dict[str, Any]:
        """Return what the bus event `smsmobileapi_call` carries beside the account.

        With `is_private`, the number is None, also where it stands for the name.
        """
        return {
            "direction": self.call.direction.value,
            "number": None if is_private else self.number,
            "name": None if is_private and not is_name(self.call.name) else self.call.name,
            "contact": self.contact.name if self.contact else None,
            "duration": self.call.duration,
            "started_at": self.call.started_at.isoformat(),
            "phone": self.call.phone,
            "trust": self.trust.value,
        }


def age_of(time: datetime) -> int:
    """Return how many seconds ago that was, 0 where it is in the future."""
    return max(int((dt_util.utcnow() - time).total_seconds()), 0)
