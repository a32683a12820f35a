"""Events: each new message, on the account and on its contact; each call; each report on a sent message."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import CoreState, HomeAssistant, State, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import SmsMobileApiConfigEntry
from .api import Channel, Direction, Status
from .const import signal_call, signal_message, signal_report
from .entity import AccountEntity, ContactEntity, PushEntity, async_add_for_contacts
from .inbound.models import InboundCall, InboundMessage
from .outbound.models import OutboundMessage

PARALLEL_UPDATES = 0

type EventData = tuple[str, dict[str, Any]]  # event type and attributes


def _message(inbound: InboundMessage) -> EventData:
    return inbound.message.channel.value, inbound.as_attributes()


def _call(inbound: InboundCall) -> EventData:
    data = inbound.as_event_data()
    return data.pop("direction"), data


def _report(message: OutboundMessage) -> EventData:
    data = message.as_event_data()
    return data.pop("status"), data


@dataclass(frozen=True, kw_only=True)
class SignalEventDescription(EventEntityDescription):
    """An event for what a dispatcher signal of the account carries.

    `signal` returns its name for the account's id, `event_fn` the event's type and attributes for what it carries.
    """

    signal: Callable[[str], str]
    event_fn: Callable[[Any], EventData]


MESSAGE: Final = SignalEventDescription(
    key="message",
    translation_key="message",
    event_types=[channel.value for channel in Channel],
    signal=signal_message,
    event_fn=_message,
)
CALL: Final = SignalEventDescription(
    key="call",
    translation_key="call",
    event_types=[direction.value for direction in Direction],
    signal=signal_call,
    event_fn=_call,
)
REPORT: Final = SignalEventDescription(
    key="report",
    translation_key="report",
    event_types=[Status.SENT.value, Status.FAILED.value],
    signal=signal_report,
    event_fn=_report,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the events of the account and of its contacts."""
    async_add_entities([AccountEvent(entry, description) for description in (MESSAGE, CALL, REPORT)])
    async_add_for_contacts(
        hass, entry, async_add_entities, lambda contact_id: ContactMessage(entry, contact_id, MESSAGE)
    )


class SignalEvent(PushEntity, EventEntity):
    """An event for what a dispatcher signal of the account carries."""

    entity_description: SignalEventDescription
    _entry: SmsMobileApiConfigEntry
    # What people write, and their numbers, which a phone may show as their names.
    _unrecorded_attributes = frozenset({"message", "name", "number", "recipient", "sender", "sender_name"})

    @override
    async def async_get_last_state(self) -> State | None:
        """Return the state to be shown again: none while automations run, as they would take it for a new event."""
        return None if self.hass.state is CoreState.running else await super().async_get_last_state()

    @override
    async def async_added_to_hass(self) -> None:
        """Subscribe to the signal."""
        await super().async_added_to_hass()
        signal = self.entity_description.signal(self._entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._signalled))

    @callback
    def _signalled(self, content: Any) -> None:
        event_type, attributes = self.entity_description.event_fn(content)
        # Reports have more statuses than the entity has event types.
        if event_type in self.event_types:
            self._trigger_event(event_type, attributes)
            self._write_state_of(content)


class AccountEvent(AccountEntity, SignalEvent):
    """An event on the account's device."""


class ContactMessage(ContactEntity, SignalEvent):
    """Each new message from a contact."""

    @callback
    @override
    def _signalled(self, content: InboundMessage) -> None:
        if content.contact and content.contact.contact_id == self._contact_id:
            super()._signalled(content)
