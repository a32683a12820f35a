"""Events: each new message, on the account and on the contact whom it came from; calls; what became of sent messages."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import SmsMobileApiConfigEntry
from .api import Channel, Direction, Status
from .const import signal_call, signal_message, signal_report
from .entity import AccountEntity, ContactEntity, async_add_for_contacts
from .inbound.models import InboundCall, InboundMessage
from .outbound.models import OutboundMessage

PARALLEL_UPDATES = 0

MESSAGE = EventEntityDescription(
    key="message", translation_key="message", event_types=[channel.value for channel in Channel]
)
CALL = EventEntityDescription(
    key="call", translation_key="call", event_types=[direction.value for direction in Direction]
)
REPORT = EventEntityDescription(
    key="report", translation_key="report", event_types=[Status.SENT.value, Status.FAILED.value]
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the account's events, and one for each contact."""
    async_add_entities(
        [AccountMessage(entry, MESSAGE), AccountCall(entry, CALL), AccountReport(entry, REPORT)]
    )
    async_add_for_contacts(
        hass, entry, async_add_entities, lambda contact_id: ContactMessage(entry, contact_id, MESSAGE)
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
        if inbound.contact and inbound.contact.contact_id == self._contact_id:
            super()._message_received(inbound)


class AccountCall(AccountEntity, EventEntity):
    """Each new call of the account's phones."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the inbox."""
        await super().async_added_to_hass()
        signal = signal_call(self._entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._called))

    @callback
    def _called(self, inbound: InboundCall) -> None:
        data = inbound.as_event_data()
        self._trigger_event(data.pop("direction"), data)
        self.async_write_ha_state()


class AccountReport(AccountEntity, EventEntity):
    """What became of each message that was sent."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the reports."""
        await super().async_added_to_hass()
        signal = signal_report(self._entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._reported))

    @callback
    def _reported(self, message: OutboundMessage) -> None:
        # That nothing is known in the end is no event.
        if message.status.value in self.event_types:
            data = message.as_event_data()
            self._trigger_event(data.pop("status"), data)
            self.async_write_ha_state()
