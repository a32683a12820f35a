"""Contacts: the config subentries `contact`, found by name or by number."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
import unicodedata

from homeassistant.config_entries import ConfigEntry, ConfigSubentry

from .const import CONF_CHANNEL, CONF_NUMBER, CONF_PHONE, CONF_SIM, SUBENTRY_CONTACT


class Route(StrEnum):
    """How a message is to get to somebody: by one channel, by both, or by the second where the first fails."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    BOTH = "both"
    WHATSAPP_ELSE_SMS = "whatsapp_else_sms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A named number. `contact_id` is that of the subentry; the number is E.164 or a short code.

    `phone` (its SID) and `sim` (1, 2) send to the contact where they are set.
    """

    contact_id: str
    name: str
    number: str
    route: Route
    phone: str | None = None
    sim: int | None = None

    @classmethod
    def from_subentry(cls, subentry: ConfigSubentry) -> Self:
        """Read a subentry of the type `contact`."""
        return cls(
            contact_id=subentry.subentry_id,
            # It can be renamed in its menu, too.
            name=subentry.title,
            number=subentry.data[CONF_NUMBER],
            route=Route(subentry.data[CONF_CHANNEL]),
            phone=subentry.data.get(CONF_PHONE),
            sim=subentry.data.get(CONF_SIM),
        )


class Contacts:
    """The contacts of an account, as they are when asked."""

    def __init__(self, entry: ConfigEntry) -> None:
        self._entry = entry

    def __iter__(self) -> Iterator[Contact]:
        """Iterate over the contacts in the order in which they were added."""
        for subentry in self._entry.subentries.values():
            if subentry.subentry_type == SUBENTRY_CONTACT:
                yield Contact.from_subentry(subentry)

    def by_number(self, number: str) -> Contact | None:
        """Return the contact with the number, which has to be normalised."""
        return next((contact for contact in self if contact.number == number), None)

    def by_name(self, name: str) -> Contact | None:
        """Return the contact with the name, whatever its case."""
        wanted = _folded(name)
        return next((contact for contact in self if _folded(contact.name) == wanted), None)


def _folded(name: str) -> str:
    """Return what two ways of writing a name have in common."""
    return unicodedata.normalize("NFC", name.strip()).casefold()
