"""Contacts: the config subentries `contact`, found by id, by number or by name."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
import difflib
from enum import StrEnum
from typing import Final, Self
import unicodedata

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .api import Channel
from .const import (
    CONF_CHANNEL,
    CONF_NUMBER,
    CONF_PHONE,
    CONF_RETRY_MINUTES,
    CONF_SIM,
    CONF_SMS_MINUTES,
    DOMAIN,
    SUBENTRY_CONTACT,
)
from .numbers import InvalidNumber, mask, parse_number
from .texts import is_blank, visible

# For how long a message by the notify entity is tried where the service can't be reached.
DEFAULT_RETRY_MINUTES: Final = 10


class Route(StrEnum):
    """The channels on which a message is sent: one, both, or SMS only where WhatsApp fails."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    BOTH = "both"
    WHATSAPP_ELSE_SMS = "whatsapp_else_sms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A phone number with a name and a route.

    `contact_id` is the id of the subentry. `number` is in E.164 form or a short code. `phone` (a SID) and `sim` (1 or 2)
    are what sends to this contact; None leaves the choice to the account's options. `retry_for` and `sms_after` are those of
    its notify entity, in seconds.
    """

    contact_id: str
    name: str
    number: str
    route: Route
    phone: str | None = None
    sim: int | None = None
    retry_for: int = DEFAULT_RETRY_MINUTES * 60
    sms_after: int = 0

    @property
    def shown_name(self) -> str:
        """Return the name, or the masked number of a contact without one, for errors."""
        return visible(self.name) or mask(self.number)

    @property
    def name_and_number(self) -> str:
        """Return the name and the masked number, for errors about a name that is not enough."""
        return f"{mask(visible(self.name))} ({mask(self.number)})".lstrip()

    @classmethod
    def from_subentry(cls, subentry: ConfigSubentry) -> Self:
        """Read a subentry of the type `contact`."""
        return cls(
            contact_id=subentry.subentry_id,
            # The title, as Home Assistant's menu renames only that.
            name=subentry.title,
            number=subentry.data[CONF_NUMBER],
            route=Route(subentry.data[CONF_CHANNEL]),
            phone=subentry.data.get(CONF_PHONE),
            sim=subentry.data.get(CONF_SIM),
            retry_for=int(subentry.data.get(CONF_RETRY_MINUTES, DEFAULT_RETRY_MINUTES) * 60),
            sms_after=int(subentry.data.get(CONF_SMS_MINUTES, 0) * 60),
        )


class Contacts:
    """The contacts of an account, always as the config entry has them now."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._index()

    def __iter__(self) -> Iterator[Contact]:
        """Iterate over the contacts in the order in which they were added."""
        self._follow_entry()
        return iter(self._by_id.values())

    def by_id(self, contact_id: str) -> Contact:
        """Return the contact with the id of its subentry. Raises KeyError."""
        self._follow_entry()
        return self._by_id[contact_id]

    def by_number(self, number: str) -> Contact | None:
        """Return the contact with the number, which has to be normalised."""
        self._follow_entry()
        return self._by_number.get(number)

    def named(self, name: str) -> list[Contact]:
        """Return the contacts that a name can mean: their own, that which the user gave their device, or an id.

        The id is that of the device or of an entity. Upper and lower case are the same. A blank name is that of nobody.
        """
        if not (folded := _folded(name)):
            return []
        entity = er.async_get(self._hass).async_get(folded)
        return [
            contact
            for contact in self
            if folded in self._folded_names(contact)
            or (entity is not None and entity.config_subentry_id == contact.contact_id)
            or ((device := self._device(contact)) is not None and device.id == folded)
        ]

    def similar(self, name: str) -> str | None:
        """Return the name of a contact or its device that is almost this one, masked where it is a number."""
        names = {_folded(each): each for contact in self for each in self._names(contact)}
        near = difflib.get_close_matches(_folded(name), names.keys() - {""}, n=1)
        return mask(visible(names[near[0]])) if near else None

    def with_unclear_name(self, region: str | None) -> list[Contact]:
        """Return the contacts whose name is blank, that of another contact, or the number of somebody else.

        National numbers are those of `region`.
        """
        names = {contact: self._folded_names(contact) for contact in self}
        counts = Counter(name for each in names.values() for name in each)
        return [
            contact
            for contact, each in names.items()
            if is_blank(contact.name)
            or any(counts[name] > 1 or is_other_number(name, contact.number, region) for name in each)
        ]

    def _folded_names(self, contact: Contact) -> set[str]:
        """Return the contact's name, and the one that the user gave its device, in the form in which they are compared."""
        names = {self._folded_titles[contact.contact_id]}
        if (device := self._device(contact)) and device.name_by_user:
            names.add(_folded(device.name_by_user))
        return names - {""}

    def _names(self, contact: Contact) -> list[str]:
        device = self._device(contact)
        return [contact.name, device.name_by_user] if device and device.name_by_user else [contact.name]

    def _device(self, contact: Contact) -> dr.DeviceEntry | None:
        identifier = (DOMAIN, contact.contact_id)
        return dr.async_get(self._hass).async_get_device_by_identifier(identifier, self._entry.entry_id)

    def _follow_entry(self) -> None:
        """Read the contacts again if the entry has changed since they were read."""
        # A subentry that is added or removed replaces `subentries`; one that is changed stays the same object, and only
        # the entry's `modified_at` shows it.
        if self._subentries is not self._entry.subentries or self._modified_at != self._entry.modified_at:
            self._index()

    def _index(self) -> None:
        self._subentries, self._modified_at = self._entry.subentries, self._entry.modified_at
        contacts = [
            Contact.from_subentry(subentry)
            for subentry in self._subentries.values()
            if subentry.subentry_type == SUBENTRY_CONTACT
        ]
        self._by_id = {contact.contact_id: contact for contact in contacts}
        self._folded_titles = {contact.contact_id: _folded(contact.name) for contact in contacts}
        # Of two contacts with the same number, the first counts.
        self._by_number = {contact.number: contact for contact in reversed(contacts)}


def is_other_number(name: str, number: str, region: str | None) -> bool:
    """Return whether a name is a phone number, and not this one. National numbers are those of `region`."""
    try:
        return parse_number(name, region, Channel.SMS) != number
    except InvalidNumber:
        return False


def _folded(name: str) -> str:
    """Return a name in the form in which names are compared: what can be seen, without case, with composed accents."""
    return unicodedata.normalize("NFC", visible(name)).casefold()
