"""Sensors: the last message."""

from typing import Any, Final, override

from homeassistant.components.sensor import SensorEntity, SensorEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.restore_state import RestoreEntity

from .account import SmsMobileApiConfigEntry
from .const import signal_message
from .entity import AccountEntity
from .inbox import InboundMessage

PARALLEL_UPDATES = 0

LAST_MESSAGE = SensorEntityDescription(key="last_message", translation_key="last_message")
ATTRIBUTES: Final = ("message", "sender", "sender_name", "contact", "channel", "received_at", "message_id")
MAX_STATE_LENGTH: Final = 255


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the account's sensors."""
    async_add_entities([LastMessage(entry, LAST_MESSAGE)])


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
