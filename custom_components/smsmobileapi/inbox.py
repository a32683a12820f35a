"""The inbound door: every message that arrives, whichever way, passes here once."""

from collections.abc import Sequence
from dataclasses import dataclass
import logging
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send

from .api import ReceivedMessage, Source
from .const import EVENT_MESSAGE_RECEIVED, signal_message
from .contacts import Contact, Contacts
from .ledger import Ledger, message_keys
from .numbers import mask, normalise_sender

_LOGGER = logging.getLogger(__name__)


class InboxClosed(HomeAssistantError):
    """Home Assistant is going down: nothing can be handled any more, so nothing is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """A new message as automations see it: the sender normalised and, where known, named."""

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

    def as_event_data(self, entry_id: str) -> dict[str, Any]:
        """Return the data of the bus event `smsmobileapi_message_received`."""
        return {
            "config_entry_id": entry_id,
            **self.as_attributes(),
            "contact_id": self.contact.contact_id if self.contact else None,
            "source": self.message.source.value,
        }


class Inbox:
    """The inbound door of one account. Until it is open, it holds what arrives."""

    def __init__(self, hass: HomeAssistant, entry_id: str, ledger: Ledger, contacts: Contacts) -> None:
        self._hass = hass
        self._entry_id = entry_id
        self._ledger = ledger
        self._contacts = contacts
        self._is_open = False
        self._held: dict[tuple[str, ...], InboundMessage] = {}

    @callback
    def receive(self, message: ReceivedMessage) -> bool:
        """Take a message; return whether it is new. Raises InboxClosed."""
        if self._hass.is_stopping:
            raise InboxClosed
        sender = normalise_sender(message.sender, self._hass.config.country)
        keys = message_keys(message, sender)
        if self._ledger.knows(keys) or self._holds(keys):
            return False
        if message.source is Source.POLL and self._ledger.is_history(message):
            return False
        inbound = InboundMessage(
            message_id=message.message_id or keys[0],
            message=message,
            sender=sender,
            contact=self._contacts.by_number(sender),
        )
        if self._is_open:
            self._fire(keys, inbound)
        else:
            # Not in the ledger yet: should we be killed now, the poll brings it again.
            self._held[keys] = inbound
        return True

    @callback
    def begin_after(self, messages: Sequence[ReceivedMessage]) -> None:
        """Take these messages as handled long ago, and those that come after them as the first: the ledger was lost."""
        for message in messages:
            sender = normalise_sender(message.sender, self._hass.config.country)
            self._ledger.add(message_keys(message, sender), message.received_at.timestamp())
        self._ledger.advance(messages)
        self._ledger.begin_here()

    @callback
    def open(self) -> None:
        """Fire what was held, in the order in which it was received, and hold nothing from now on."""
        self._is_open = True
        held, self._held = self._held, {}
        for keys, inbound in sorted(held.items(), key=lambda item: item[1].message.received_at):
            self._fire(keys, inbound)

    def _holds(self, keys: tuple[str, ...]) -> bool:
        return any(not held.isdisjoint(keys) for held in map(set, self._held))

    @callback
    def _fire(self, keys: tuple[str, ...], inbound: InboundMessage) -> None:
        self._ledger.add(keys, inbound.message.received_at.timestamp())
        _LOGGER.debug("New %s from %s", inbound.message.channel, mask(inbound.sender))
        self._hass.bus.async_fire(EVENT_MESSAGE_RECEIVED, inbound.as_event_data(self._entry_id))
        async_dispatcher_send(self._hass, signal_message(self._entry_id), inbound)
