"""Sensors: the last message, and how many were received, sent and failed."""

from typing import Any, Final, override

from homeassistant.components.sensor import (
    RestoreSensor,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.restore_state import RestoreEntity

from .account import SmsMobileApiConfigEntry
from .api import Status
from .const import signal_message, signal_report, signal_sent
from .entity import AccountEntity
from .inbound import InboundMessage
from .reports import OutboundMessage

PARALLEL_UPDATES = 0

LAST_MESSAGE = SensorEntityDescription(key="last_message", translation_key="last_message")
RECEIVED = SensorEntityDescription(
    key="messages_received",
    translation_key="messages_received",
    state_class=SensorStateClass.TOTAL_INCREASING,
    entity_category=EntityCategory.DIAGNOSTIC,
)
SENT = SensorEntityDescription(
    key="messages_sent",
    translation_key="messages_sent",
    state_class=SensorStateClass.TOTAL_INCREASING,
    entity_category=EntityCategory.DIAGNOSTIC,
)
FAILED = SensorEntityDescription(
    key="messages_failed",
    translation_key="messages_failed",
    state_class=SensorStateClass.TOTAL_INCREASING,
    entity_category=EntityCategory.DIAGNOSTIC,
)
ATTRIBUTES: Final = ("message", "sender", "sender_name", "contact", "channel", "received_at", "message_id")
MAX_STATE_LENGTH: Final = 255


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the account's sensors."""
    async_add_entities(
        [
            LastMessage(entry, LAST_MESSAGE),
            Counter(entry, RECEIVED, signal_message(entry.entry_id)),
            Counter(entry, SENT, signal_sent(entry.entry_id)),
            FailedCounter(entry, FAILED, signal_report(entry.entry_id)),
        ]
    )


class LastMessage(AccountEntity, SensorEntity, RestoreEntity):
    """The text of the newest message; the whole of it and what belongs to it are attributes."""

    _unrecorded_attributes = frozenset({"message"})

    @override
    async def async_added_to_hass(self) -> None:
        """Show what was shown before, and listen to the inbox."""
        await super().async_added_to_hass()
        if last_state := await self.async_get_last_state():
            self._show({name: last_state.attributes.get(name) for name in ATTRIBUTES})
        signal = signal_message(self._entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._message_received))

    @callback
    def _message_received(self, inbound: InboundMessage) -> None:
        self._show(inbound.as_attributes())
        self.async_write_ha_state()

    def _show(self, attributes: dict[str, Any]) -> None:
        text = attributes["message"]
        self._attr_native_value = None if text is None else text[:MAX_STATE_LENGTH]
        self._attr_extra_state_attributes = {name: attributes[name] for name in ATTRIBUTES}


class Counter(AccountEntity, RestoreSensor):
    """Counts messages since the account was added."""

    _attr_native_value: int = 0

    def __init__(
        self, entry: SmsMobileApiConfigEntry, description: SensorEntityDescription, signal: str
    ) -> None:
        super().__init__(entry, description)
        self._signal = signal

    @override
    async def async_added_to_hass(self) -> None:
        """Go on counting from what was shown before."""
        await super().async_added_to_hass()
        if (last := await self.async_get_last_sensor_data()) and isinstance(last.native_value, int):
            self._attr_native_value = last.native_value
        self.async_on_remove(async_dispatcher_connect(self.hass, self._signal, self._count))

    @callback
    def _count(self, message: InboundMessage | OutboundMessage) -> None:
        self._attr_native_value += 1
        self.async_write_ha_state()


class FailedCounter(Counter):
    """Counts the messages that were reported as failed."""

    @callback
    @override
    def _count(self, message: InboundMessage | OutboundMessage) -> None:
        if isinstance(message, OutboundMessage) and message.status is Status.FAILED:
            super()._count(message)
