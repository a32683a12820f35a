"""Base entities and devices of an account, its contacts and its phones."""

from collections.abc import Callable, Iterable
from typing import override

from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .account import SmsMobileApiConfigEntry
from .api import Phone
from .const import DOMAIN, MANUFACTURER, signal_contacts
from .contacts import Contact
from .coordinator import PollCoordinator
from .inbound.models import InboundCall, InboundMessage
from .outbound.models import OutboundMessage
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
    """Return the device of a contact, linked to the account's device, which has to exist."""
    return DeviceInfo(
        identifiers={(DOMAIN, contact.contact_id)},
        entry_type=DeviceEntryType.SERVICE,
        manufacturer=MANUFACTURER,
        model="Contact",
        name=contact.name,
        via_device_id=_account_device_id(hass, entry),
    )


def phone_device(hass: HomeAssistant, entry: SmsMobileApiConfigEntry, phone: Phone) -> DeviceInfo:
    """Return the device of a phone, linked to the account's device, which has to exist."""
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
def async_add_for_contacts(
    hass: HomeAssistant,
    entry: SmsMobileApiConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[str], Entity],
) -> None:
    """Add the entity that `make` returns for a contact's id, for each contact now and for each that is added later.

    Home Assistant removes the entities and the device of a contact that is removed.
    """
    known: set[str] = set()

    @callback
    def add_new() -> None:
        for contact_id in _new(known, [contact.contact_id for contact in entry.runtime_data.contacts]):
            async_add_entities([make(contact_id)], config_subentry_id=contact_id)

    add_new()
    entry.async_on_unload(async_dispatcher_connect(hass, signal_contacts(entry.entry_id), add_new))


@callback
def async_add_for_phones(
    entry: SmsMobileApiConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[Phone], Iterable[Entity]],
) -> None:
    """Add the entities that `make` returns for a phone, for each phone now and for each that is listed later."""
    known: set[str] = set()

    @callback
    def add_new() -> None:
        phones = {phone.sid: phone for phone in entry.runtime_data.phones}
        if new := _new(known, phones):
            async_add_entities([entity for sid in new for entity in make(phones[sid])])

    add_new()
    entry.async_on_unload(entry.runtime_data.coordinator.async_add_listener(add_new))


def _new(known: set[str], ids: Iterable[str]) -> list[str]:
    """Return the ids that are not in `known`, and replace its content by `ids`.

    So an id that disappears and comes back is new again.
    """
    ids = list(ids)
    new = [each for each in ids if each not in known]
    known.clear()
    known.update(ids)
    return new


class PushEntity(Entity):
    """An entity whose state is pushed: Home Assistant does not poll it."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    @callback
    def _write_state_of(self, message: object) -> None:
        """Write the state that a message or a call gives, with its context: that of the action where we sent it."""
        context = (
            message.context if isinstance(message, OutboundMessage | InboundMessage | InboundCall) else None
        )
        # A new one where there is none, as an entity keeps its last for a while.
        self.async_set_context(context or Context())
        self.async_write_ha_state()


class AccountEntity(PushEntity):
    """An entity on the account's device."""

    def __init__(self, entry: SmsMobileApiConfigEntry, description: EntityDescription) -> None:
        self._entry = entry
        self.entity_description = description
        self._attr_unique_id = f"{entry.entry_id}_{description.key}"
        self._attr_device_info = account_device(entry)


class ContactEntity(PushEntity):
    """An entity on a contact's device. The contact may change, so it is looked up by its id when it is needed."""

    def __init__(
        self, entry: SmsMobileApiConfigEntry, contact_id: str, description: EntityDescription
    ) -> None:
        self._entry = entry
        self._contact_id = contact_id
        self.entity_description = description
        # The id of the subentry, as the number may change.
        self._attr_unique_id = f"{contact_id}_{description.key}"

    @property
    def _contact(self) -> Contact:
        """Return the contact. It exists as long as the entity does: Home Assistant removes both at once."""
        return self._entry.runtime_data.contacts.by_id(self._contact_id)

    @property
    @override
    def device_info(self) -> DeviceInfo:
        """Return the contact's device."""
        return contact_device(self.hass, self._entry, self._contact)


class PhoneEntity(CoordinatorEntity[PollCoordinator]):
    """An entity on a phone's device."""

    _attr_has_entity_name = True

    def __init__(self, entry: SmsMobileApiConfigEntry, phone: Phone, description: EntityDescription) -> None:
        super().__init__(entry.runtime_data.coordinator)
        self._entry = entry
        self._phones = entry.runtime_data.phones
        self._phone = phone
        self.entity_description = description
        self._attr_unique_id = f"{phone_identifier(entry, phone.sid)[1]}_{description.key}"

    @property
    @override
    def available(self) -> bool:
        """Return whether the service can be reached. What it has not told since the set-up is unknown, not unavailable."""
        return super().available or not self._phones.is_read

    @property
    @override
    def device_info(self) -> DeviceInfo:
        """Return the phone's device."""
        return phone_device(self.hass, self._entry, self._phone)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Show what the service lists now."""
        self._phone = self._phones.get(self._phone.sid) or self._phone
        super()._handle_coordinator_update()
