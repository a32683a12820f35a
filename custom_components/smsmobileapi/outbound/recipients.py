"""Recipients: whom a message goes to, found by name or number, and how it gets there."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, cast

from homeassistant.core import Context
from homeassistant.exceptions import ServiceValidationError

from ..api import Channel, Phone
from ..contacts import Contact, Contacts, Route
from ..errors import invalid
from ..numbers import InvalidNumber, mask, normalise_sender, parse_number
from ..options import Options
from ..phones import Phones

_BOTH: Final = (Route.SMS, Route.WHATSAPP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Whom a message goes to.

    `number` is normalised, `contact` is set where it is one's. `phone` (its SID) and `sim` send; None leaves it to the
    service and the phone.
    """

    number: str
    route: Route
    contact: Contact | None = None
    phone: str | None = None
    sim: int | None = None

    @property
    def name(self) -> str:
        """Return what to call them where others can read it."""
        return self.contact.name if self.contact else mask(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """How somebody wants a message sent. Where `route`, `phone` and `sim` are None, the contact's count, else the account's.

    `context` is that of the action, `report_within` how many seconds to wait for what becomes of the message. What is
    urgent goes past the limit of a minute. `phone` is a device id, a name or a SID, `sim` 1 or 2, `send_at` an aware time,
    `media` what media.py reads.
    """

    context: Context | None = None
    is_urgent: bool = False
    report_within: float | None = None
    route: Route | None = None
    phone: str | None = None
    sim: int | None = None
    send_at: datetime | None = None
    media: str | dict[str, Any] | None = None
    short_links: bool = False
    encrypt: bool = False


class RecipientResolver:
    """Finds recipients: what a name or number means, and what the contact and the account have chosen."""

    def __init__(self, options: Options, contacts: Contacts, phones: Phones) -> None:
        self._options = options
        self._contacts = contacts
        self._phones = phones

    def find_all(self, wanted: Iterable[str | int | Contact], wish: SendOptions) -> list[Recipient]:
        """Return the recipients, each once for each channel: the route BOTH makes two of one.

        Raises ServiceValidationError for whom there is no contact and no number, and for a phone that is not there.
        """
        if wish.sim not in (None, 1, 2):
            raise invalid("sim_invalid", sim=str(wish.sim))
        found = [self._find(recipient, wish) for recipient in wanted]
        if not found:
            raise invalid("no_recipients")
        each = [
            replace(recipient, route=route)
            for recipient in found
            for route in (_BOTH if recipient.route is Route.BOTH else (recipient.route,))
        ]
        return list({(recipient.number, recipient.route): recipient for recipient in each}.values())

    def find_number(
        self, wanted: str | int | Contact, route: Route | None = None
    ) -> tuple[str, Contact | None]:
        """Return the number that a contact's name or a number means, and whose it is."""
        contact = self._contacts.by_name(wanted) if isinstance(wanted, str) else None
        if isinstance(wanted, Contact):
            contact = wanted
        value = contact.number if contact else cast(str | int, wanted)
        route = route or (contact.route if contact else Route.SMS)
        channel = Channel.WHATSAPP if route in (Route.WHATSAPP, Route.BOTH) else Channel.SMS
        try:
            number = parse_number(value, self._options.region, channel)
        except InvalidNumber as err:
            # What has no digit was meant as a name.
            is_name = err.code == "number_letters" and not any(map(str.isdigit, str(value)))
            raise invalid(
                "unknown_contact" if is_name else err.code,
                recipient=contact.name if contact else mask(str(value).strip()),
            ) from None
        return number, contact or self._contacts.by_number(number)

    def find_sender(self, wanted: str | int) -> str:
        """Return how a sender is known that a contact's name, a number or the sender's own name means."""
        contact = self._contacts.by_name(wanted) if isinstance(wanted, str) else None
        return contact.number if contact else normalise_sender(str(wanted), self._options.region)

    def _find(self, wanted: str | int | Contact, wish: SendOptions) -> Recipient:
        number, contact = self.find_number(wanted, wish.route)
        sid = self._find_phone(wish.phone) if wish.phone else None
        sid = sid or (contact.phone if contact else None) or self._options.phone
        if sid and not self._phones.is_listed(sid):
            if phone := self._phones.get(sid):
                raise invalid("phone_gone", phone=self._shown(phone))
            raise self._no_such_phone()
        return Recipient(
            number=number,
            route=wish.route or (contact.route if contact else Route.SMS),
            contact=contact,
            phone=sid,
            sim=wish.sim or (contact.sim if contact else None) or self._options.sim,
        )

    def _find_phone(self, wanted: str) -> str:
        """Return the SID of the phone that an action names."""
        if phone := self._phones.find(wanted):
            return phone.sid
        raise self._no_such_phone()

    def _no_such_phone(self) -> ServiceValidationError:
        listed = [self._shown(phone) for phone in self._phones if self._phones.is_listed(phone.sid)]
        return invalid("unknown_phone", phones=", ".join(listed) or "–")

    def _shown(self, phone: Phone) -> str:
        """Return what to call a phone where others can read it: some are named by their number."""
        return mask(self._phones.name_of(phone))
