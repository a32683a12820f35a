"""Recipients: to whom a message is sent, found by name or number, and by which route, phone and SIM."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from homeassistant.core import Context
from homeassistant.exceptions import ServiceValidationError

from ..api import Channel, Phone
from ..contacts import Contact, Contacts, Route
from ..errors import invalid
from ..numbers import InvalidNumber, mask, normalise_sender, parse_number
from ..options import Options
from ..phones import Phones

_BOTH: Final = (Route.SMS, Route.WHATSAPP)
_CHANNEL_NAMES: Final = {Route.SMS: "SMS", Route.WHATSAPP: "WhatsApp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """To whom a message is sent, and how.

    `number` is normalised, `contact` the contact who has it. `phone` is the SID of the phone that sends, `sim` the SIM in it;
    None leaves the choice to the service and the phone.
    """

    number: str
    route: Route
    contact: Contact | None = None
    phone: str | None = None
    sim: int | None = None

    @property
    def name(self) -> str:
        """Return the contact's name or the masked number, for errors and logs."""
        return self.contact.name if self.contact else mask(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """How to send a message. Where `route`, `phone` or `sim` is None, that of the contact is used, else that of the account.

    `context` is that of the action, `report_within` how many seconds to wait for the message's status. `retry_for` is for how
    many seconds to try where the service can't be reached, `sms_after` after how many a WhatsApp message that was not sent goes
    by SMS (0: not). An urgent message may
    exceed the limit of a minute. `phone` is a device id, a name or a SID, `sim` is 1 or 2, `send_at` an aware time, `media`
    what `async_read_media` reads.
    """

    context: Context | None = None
    is_urgent: bool = False
    report_within: float | None = None
    retry_for: float = 0
    sms_after: float = 0
    route: Route | None = None
    phone: str | None = None
    sim: int | None = None
    send_at: datetime | None = None
    media: str | dict[str, Any] | None = None
    short_links: bool = False
    encrypt: bool = False


def names_of(recipients: Sequence[Recipient]) -> list[str]:
    """Return what to call each recipient, with the channel where one gets the message by two."""
    counts = Counter(recipient.number for recipient in recipients)
    return [
        f"{recipient.name} ({_CHANNEL_NAMES[recipient.route]})"
        if counts[recipient.number] > 1
        else recipient.name
        for recipient in recipients
    ]


class RecipientResolver:
    """Finds recipients by name or number, with what the action, the contact and the account have chosen for them."""

    def __init__(self, options: Options, contacts: Contacts, phones: Phones) -> None:
        self._options = options
        self._contacts = contacts
        self._phones = phones

    def resolve(self, recipients: Iterable[str | int | Contact], options: SendOptions) -> list[Recipient]:
        """Return the recipients, each once for each channel: the route BOTH makes two of one.

        Raises ServiceValidationError for a name that no contact has, a number that is none and a phone that is not listed.
        """
        if options.sim not in (None, 1, 2):
            raise invalid("sim_invalid", sim=str(options.sim))
        found = [self._resolve_one(recipient, options) for recipient in recipients]
        if not found:
            raise invalid("no_recipients")
        each = [
            replace(recipient, route=route)
            for recipient in found
            for route in (_BOTH if recipient.route is Route.BOTH else (recipient.route,))
        ]
        return list({(recipient.number, recipient.route): recipient for recipient in each}.values())

    def find_number(
        self, recipient: str | int | Contact, route: Route | None = None
    ) -> tuple[str, Contact | None]:
        """Return the normalised number of a contact, a contact's name or a number, and the contact who has it.

        Raises ServiceValidationError.
        """
        contact: Contact | None
        value: str | int
        if isinstance(recipient, Contact):
            contact, value = recipient, recipient.number
        else:
            contact = self._contacts.by_name(recipient) if isinstance(recipient, str) else None
            value = contact.number if contact else recipient
        route = route or (contact.route if contact else Route.SMS)
        channel = Channel.WHATSAPP if route in (Route.WHATSAPP, Route.BOTH) else Channel.SMS
        try:
            number = parse_number(value, self._options.region, channel)
        except InvalidNumber as err:
            # A value without digits was meant as a name.
            is_name = err.code == "number_letters" and not any(map(str.isdigit, str(value)))
            raise invalid(
                "unknown_contact" if is_name else err.code,
                recipient=contact.name if contact else mask(str(value).strip()),
            ) from None
        return number, contact or self._contacts.by_number(number)

    def find_sender(self, sender: str | int) -> str:
        """Return the normalised sender that a contact's name, a number or the sender's own name stands for."""
        contact = self._contacts.by_name(sender) if isinstance(sender, str) else None
        return contact.number if contact else normalise_sender(str(sender), self._options.region)

    def _resolve_one(self, recipient: str | int | Contact, options: SendOptions) -> Recipient:
        number, contact = self.find_number(recipient, options.route)
        sid = self._find_phone(options.phone) if options.phone else None
        sid = sid or (contact.phone if contact else None) or self._options.phone
        if sid and not self._phones.is_listed(sid):
            if phone := self._phones.get(sid):
                raise invalid("phone_gone", phone=self._masked_name(phone))
            raise self._unknown_phone()
        return Recipient(
            number=number,
            route=options.route or (contact.route if contact else Route.SMS),
            contact=contact,
            phone=sid,
            sim=options.sim or (contact.sim if contact else None) or self._options.sim,
        )

    def _find_phone(self, phone: str) -> str:
        """Return the SID of the phone that an action names."""
        if found := self._phones.find(phone):
            return found.sid
        raise self._unknown_phone()

    def _unknown_phone(self) -> ServiceValidationError:
        names = [self._masked_name(phone) for phone in self._phones if self._phones.is_listed(phone.sid)]
        return invalid("unknown_phone", phones=", ".join(names) or "–")

    def _masked_name(self, phone: Phone) -> str:
        """Return the name of a phone for errors; some phones are named by their number."""
        return mask(self._phones.name_of(phone))
