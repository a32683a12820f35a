"""Base entities: what belongs to an account, to a contact, to a phone."""

from collections.abc import Callable, Iterable
from typing import override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .account import SmsMobileApiConfigEntry
from .api import Phone
from .const import DOMAIN, MANUFACTURER
from .contacts import Contact
from .coordinator import PollCoordinator
from .phones import device_name, phone_identifier


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
    return DeviceInfo(
        identifiers={(DOMAIN, contact.contact_id)},
        entry_type=DeviceEntryType.SERVICE,
        manufacturer=MANUFACTURER,
        model="Contact",
        name=contact.name,
        via_device_id=_account_device_id(hass, entry),
    )


def phone_device(hass: HomeAssistant, entry: SmsMobileApiConfigEntry, phone: Phone) -> DeviceInfo:
    """Return the device of a phone; it stands behind that of the account, which has to be there."""
    device = DeviceInfo(
        identifiers={phone_identifier(entry, phone.sid)},
        manufacturer=MANUFACTURER,
        model="Phone",
        name=device_name(phone),
        via_device_id=_account_device_id(hass, entry),
    )
    if phone.app_version:
        device["sw_version"] = phone.app_version
    return device


def _account_device_id(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> str:
    identifier = (DOMAIN, entry.entry_id)
    return dr.async_get_device_id_by_identifier(hass, identifier, config_entry_id=entry.entry_id)


@callback
def async_add_for_phones(
    entry: SmsMobileApiConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[Phone], Iterable[Entity]],
) -> None:
    """Add what `make` makes for each phone of the account, also for those that appear later."""
    account = entry.runtime_data
    known: set[str] = set()

    @callback
    def add_new() -> None:
        phones = {phone.sid: phone for phone in account.phones}
        new = [phone for sid, phone in phones.items() if sid not in known]
        # A phone that was deleted and is back again is new.
        known.clear()
        known.update(phones)
        if new:
            async_add_entities([entity for phone in new for entity in make(phone)])

    add_new()
    entry.async_on_unload(account.coordinator.async_add_listener(add_new))


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


class PhoneEntity(CoordinatorEntity[PollCoordinator]):
    """An entity on a phone's device."""

    _attr_has_entity_name = True

    def __init__(
        self,
        hass: HomeAssistant,
        entry: SmsMobileApiConfigEntry,
        phone: Phone,
        description: EntityDescription,
    ) -> None:
        super().__init__(entry.runtime_data.coordinator)
        self._entry = entry
        self._phones = entry.runtime_data.phones
        self._phone = phone
        self.entity_description = description
        self._attr_unique_id = f"{phone_identifier(entry, phone.sid)[1]}_{description.key}"
        self._attr_device_info = phone_device(hass, entry, phone)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Take up what the service lists now."""
        self._phone = self._phones.get(self._phone.sid) or self._phone
        super()._handle_coordinator_update()
