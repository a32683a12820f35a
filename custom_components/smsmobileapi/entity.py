"""Base entities: what belongs to an account, what belongs to a contact."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription

from .account import SmsMobileApiConfigEntry
from .const import DOMAIN, MANUFACTURER
from .contacts import Contact


def account_device(entry: SmsMobileApiConfigEntry) -> DeviceInfo:
    """Return the device of an account."""
    return DeviceInfo(
        identifiers={(DOMAIN, entry.entry_id)},
        entry_type=DeviceEntryType.SERVICE,
        manufacturer=MANUFACTURER,
        model="Account",
        name=entry.title,
    )


def contact_device(hass: HomeAssistant, entry: SmsMobileApiConfigEntry, contact: Contact) -> DeviceInfo:
    """Return the device of a contact; it stands behind that of the account, which has to be there."""
    account_id = (DOMAIN, entry.entry_id)
    return DeviceInfo(
        identifiers={(DOMAIN, contact.contact_id)},
        entry_type=DeviceEntryType.SERVICE,
        manufacturer=MANUFACTURER,
        model="Contact",
        name=contact.name,
        via_device_id=dr.async_get_device_id_by_identifier(hass, account_id, config_entry_id=entry.entry_id),
    )


class MessageEntity(Entity):
    """An entity that is told of messages, not asked for them."""

    _attr_has_entity_name = True
    _attr_should_poll = False


class AccountEntity(MessageEntity):
    """An entity on the account's device."""

    def __init__(self, entry: SmsMobileApiConfigEntry, description: EntityDescription) -> None:
        self._entry = entry
        self.entity_description = description
        self._attr_unique_id = f"{entry.entry_id}_{description.key}"
        self._attr_device_info = account_device(entry)


class ContactEntity(MessageEntity):
    """An entity on a contact's device."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: SmsMobileApiConfigEntry,
        contact: Contact,
        description: EntityDescription,
    ) -> None:
        self._entry = entry
        self._contact = contact
        self.entity_description = description
        # On the subentry, not on the number, which may change.
        self._attr_unique_id = f"{contact.contact_id}_{description.key}"
        self._attr_device_info = contact_device(hass, entry, contact)
