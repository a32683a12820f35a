"""Contacts: the config subentries `contact`, found by id, by number or by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self
import unicodedata

from homeassistant.config_entries import ConfigEntry, ConfigSubentry

from .const import (
    CONF_CHANNEL,
    CONF_NUMBER,
    CONF_PHONE,
    CONF_RETRY_FOR,
    CONF_SIM,
    CONF_SMS_AFTER,
    SUBENTRY_CONTACT,
)

# A notification is tried for ten minutes where the service can't be reached.
DEFAULT_RETRY_FOR: Final = 600


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
    retry_for: int = DEFAULT_RETRY_FOR
    sms_after: int = 0

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
            retry_for=subentry.data.get(CONF_RETRY_FOR, DEFAULT_RETRY_FOR),
            sms_after=subentry.data.get(CONF_SMS_AFTER, 0),
        )


class Contacts:
    """The contacts of an account, always as the config entry has them now."""

    def __init__(self, entry: ConfigEntry) -> None:
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

    def by_name(self, name: str) -> Contact | None:
        """Return the contact with the name; upper and lower case are the same."""
        self._follow_entry()
        return self._by_name.get(_folded(name))

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
        # Of two contacts with the same number or name, the first counts.
        self._by_number = {contact.number: contact for contact in reversed(contacts)}
        self._by_name = {_folded(contact.name): contact for contact in reversed(contacts)}


def _folded(name: str) -> str:
    """Return a name in the form in which names are compared: no outer blanks, no case, composed accents."""
    return unicodedata.normalize("NFC", name.strip()).casefold()
