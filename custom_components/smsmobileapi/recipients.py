"""Recipients: whom a message goes to, found by name or number."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from homeassistant.core import HomeAssistant

from .api import Channel
from .contacts import Contact, Contacts
from .errors import invalid
from .numbers import InvalidNumber, mask, parse_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Whom a message goes to: a normalised number, how it travels, and the contact where it is one's."""

    number: str
    channel: Channel
    contact: Contact | None = None

    @property
    def name(self) -> str:
        """Return what to call them where others can read it."""
        return self.contact.name if self.contact else mask(self.number)


def find_recipients(
    hass: HomeAssistant,
    contacts: Contacts,
    wanted: Iterable[str | int | Contact],
    channel: Channel | None,
) -> list[Recipient]:
    """Return the recipients, each once. `channel` is the contact's, else SMS, where it is not given.

    Raises ServiceValidationError for whom there is no contact and no number.
    """
    found = [_find(hass, contacts, recipient, channel) for recipient in wanted]
    if not found:
        raise invalid("no_recipients")
    return list({(recipient.number, recipient.channel): recipient for recipient in found}.values())


def _find(
    hass: HomeAssistant, contacts: Contacts, wanted: str | int | Contact, channel: Channel | None
) -> Recipient:
    contact = contacts.by_name(wanted) if isinstance(wanted, str) else None
    if isinstance(wanted, Contact):
        contact = wanted
    value = contact.number if contact else cast(str | int, wanted)
    channel = channel or (contact.channel if contact else None)
    try:
        number = parse_number(value, hass.config.country, channel or Channel.SMS)
    except InvalidNumber as err:
        # What has no digit was meant as a name.
        is_name = err.code == "number_letters" and not any(map(str.isdigit, str(value)))
        raise invalid(
            "unknown_contact" if is_name else err.code,
            recipient=contact.name if contact else mask(str(value).strip()),
        ) from None
    contact = contact or contacts.by_number(number)
    if channel is None:
        channel = contact.channel if contact else Channel.SMS
    return Recipient(number=number, channel=channel, contact=contact)
