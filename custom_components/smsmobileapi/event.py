"""Events: each new message, on the account and on the contact whom it came from."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import SmsMobileApiConfigEntry
from .api import Channel
from .const import signal_message
from .entity import AccountEntity, ContactEntity
from .inbox import InboundMessage

PARALLEL_UPDATES = 0

MESSAGE = EventEntityDescription(
    key="message", translation_key="message", event_types=[channel.value for channel in Channel]
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the account's event, and one for each contact."""
    async_add_entities([AccountMessage(entry, MESSAGE)])
    for contact in entry.runtime_data.contacts:
        async_add_entities(
            [ContactMessage(hass, entry, contact, MESSAGE)], config_subentry_id=contact.contact_id
        )


class MessageEvent(EventEntity):
    """An event for each new message."""

    _entry: SmsMobileApiConfigEntry
    _unrecorded_attributes = frozenset({"message"})

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the inbox."""
        await super().async_added_to_hass()
        signal = signal_message(self._entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._message_received))

    @callback
    def _message_received(self, inbound: InboundMessage) -> None:
        self._trigger_event(inbound.message.channel.value, inbound.as_attributes())
        self.async_write_ha_state()


class AccountMessage(AccountEntity, MessageEvent):
    """Each new message of the account."""


class ContactMessage(ContactEntity, MessageEvent):
    """Each new message from a contact."""

    @callback
    @override
    def _message_received(self, inbound: InboundMessage) -> None:
        if inbound.contact and inbound.contact.contact_id == self._contact.contact_id:
            super()._message_received(inbound)
