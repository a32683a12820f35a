"""Binary sensors: whether a phone is connected to the service."""

from typing import override

from homeassistant.components.binary_sensor import (  # type: ignore[attr-defined]  # it has the class from 2026.10 on by import only
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import SmsMobileApiConfigEntry
from .entity import PhoneEntity, async_add_for_phones

PARALLEL_UPDATES = 0

CONNECTED = BinarySensorEntityDescription(
    key="connected",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add an entity for each phone."""
    async_add_for_phones(entry, async_add_entities, lambda phone: [PhoneConnected(entry, phone, CONNECTED)])


class PhoneConnected(PhoneEntity, BinarySensorEntity):
    """Whether a phone is connected. One that the service no longer lists is not."""

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether it is connected, None if the service does not say."""
        return self._phone.is_online
