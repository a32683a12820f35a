"""Recipients: to whom a message is sent, found by name or number, and by which route, phone and SIM."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
import re
from typing import Any, Final

from homeassistant.core import Context
from homeassistant.exceptions import ServiceValidationError

from ..api import Channel, Phone
from ..contacts import Contact, Contacts, Route
from ..errors import invalid
from ..numbers import InvalidNumber, is_international, mask, normalise_sender, parse_number
from ..options import Options
from ..phones import Phones
from ..senders import Senders

_SEPARATORS: Final = ("\n", ";", ",")
_ANY_SEPARATOR: Final = re.compile(f"[{''.join(_SEPARATORS)}]")
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
        return self.contact.shown_name if self.contact else mask(self.number)


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

    def __init__(self, options: Options, contacts: Contacts, phones: Phones, senders: Senders) -> None:
        self._options = options
        self._contacts = contacts
        self._phones = phones
        self._senders = senders

    def resolve(self, recipients: Iterable[str | int | Contact], options: SendOptions) -> list[Recipient]:
        """Return the recipients, each once for each channel: the route BOTH makes two of one.

        Raises ServiceValidationError for a name that no contact or several have, a number that is none and a phone that is
        not listed.
        """
        if options.sim not in (None, 1, 2):
            raise invalid("sim_invalid", sim=str(options.sim))
        found = [self._resolve_one(recipient, options) for recipient in self.split(recipients)]
        if not found:
            raise invalid("no_recipients")
        each = [
            replace(recipient, route=route)
            for recipient in found
            for route in (_BOTH if recipient.route is Route.BOTH else (recipient.route,))
        ]
        return list({(recipient.number, recipient.route): recipient for recipient in each}.values())

    def split(self, recipients: Iterable[str | int | Contact]) -> list[str | int | Contact]:
        """Return each recipient by itself: a text may have several, with commas, semicolons or line breaks between them.

        Raises ServiceValidationError where such a text can be one number or one contact, too.
        """
        return [
            part
            for recipient in recipients
            for part in (self._split_text(recipient) if isinstance(recipient, str) else [recipient])
        ]

    def contacts_among(self, recipients: Iterable[str | int]) -> set[str | int | Contact]:
        """Return those of the recipients that are contacts, or may be."""
        return {recipient for recipient in self.split(recipients) if self._is_contact(recipient)}

    def find_number(
        self, recipient: str | int | Contact, route: Route | None = None
    ) -> tuple[str, Contact | None]:
        """Return the normalised number of a contact, a contact's name or a number, and the contact who has it.

        Raises ServiceValidationError, also where the recipient can be several.
        """
        contact: Contact | None
        if isinstance(recipient, Contact):
            number, contact = self._number_of(recipient), recipient
        else:
            number, contact = self._find(recipient)
        route = route or (contact.route if contact else Route.SMS)
        if route in (Route.WHATSAPP, Route.BOTH) and not number.startswith("+"):
            raise invalid("number_short_code", recipient=contact.shown_name if contact else mask(number))
        return number, contact or self._contacts.by_number(number)

    def find_sender(self, sender: str | int) -> str:
        """Return the normalised sender that a contact's name, a number or the sender's own name stands for.

        Raises ServiceValidationError where it can be several.
        """
        if isinstance(sender, int) or self._contacts.named(sender):
            return self.find_number(sender)[0]
        return normalise_sender(sender, self._options.region)

    def _find(self, recipient: str | int) -> tuple[str, Contact | None]:
        """Return the number that a name or a number stands for, and the contact where it is a name.

        Raises ServiceValidationError.
        """
        named = self._contacts.named(recipient) if isinstance(recipient, str) else []
        found: dict[str, Contact | None] = {self._number_of(contact): contact for contact in reversed(named)}
        shown = mask(str(recipient).strip())
        try:
            number = parse_number(recipient, self._options.region, Channel.SMS, self._is_known)
        except InvalidNumber as err:
            if not found:
                raise self._unknown(str(recipient), shown, err.code) from None
        else:
            if is_international(str(recipient)):
                # A complete number is not a name, whoever is called so.
                return number, None
            found.setdefault(number)
        if len(found) > 1:
            choices = [
                contact.name_and_number if contact else mask(number) for number, contact in found.items()
            ]
            raise invalid("recipient_ambiguous", recipient=shown, choices=", ".join(sorted(choices)))
        return found.popitem()

    def _unknown(self, recipient: str, shown: str, key: str) -> ServiceValidationError:
        """Return the error for what is neither a contact nor a number, for the reason `key`."""
        if key == "number_letters":
            if similar := self._contacts.similar(recipient):
                return invalid("similar_contact", recipient=shown, contact=similar)
            # A value without digits was meant as a name.
            if not any(map(str.isdigit, recipient)):
                key = "unknown_contact"
        return invalid(key, recipient=shown)

    def _number_of(self, contact: Contact) -> str:
        """Return a contact's number. Raises ServiceValidationError."""
        try:
            return parse_number(contact.number, self._options.region, Channel.SMS)
        except InvalidNumber as err:
            raise invalid(err.code, recipient=contact.shown_name) from None

    def _is_known(self, number: str) -> bool:
        """Return whether a number is that of a contact, or something came from it before."""
        return number in self._senders or self._contacts.by_number(number) is not None

    def _is_contact(self, recipient: str | int | Contact) -> bool:
        try:
            return self.find_number(recipient)[1] is not None
        except ServiceValidationError:
            return isinstance(recipient, str) and bool(self._contacts.named(recipient))

    def _split_text(self, text: str) -> list[str]:
        if not _ANY_SEPARATOR.search(text):
            return [text]
        parts = [text]
        for separator in _SEPARATORS:
            parts = [
                piece
                for part in parts
                # A contact's name may have a comma.
                for piece in ([part] if self._contacts.named(part) else part.split(separator))
            ]
        parts = [part.strip() for part in parts if part.strip()]
        for part in parts:
            self._check_name(part)
        if len(parts) > 1 and self._is_number(_ANY_SEPARATOR.sub(" ", text)):
            raise invalid("recipients_unclear", recipient=mask(text.strip()))
        return parts or [text]

    def _check_name(self, name: str) -> None:
        """Raise ServiceValidationError for a contact's name that is also a list of other contacts or numbers."""
        pieces = [piece.strip() for piece in _ANY_SEPARATOR.split(name) if piece.strip()]
        meant = self._contacts.named(name)
        others = [piece for piece in pieces if self._contacts.named(piece) != meant]
        if (
            meant
            and others
            and all(self._contacts.named(piece) or self._is_number(piece) for piece in pieces)
        ):
            choices = [*(contact.name_and_number for contact in meant), *map(mask, pieces)]
            raise invalid("recipient_ambiguous", recipient=mask(name), choices=", ".join(choices))

    def _is_number(self, text: str) -> bool:
        try:
            parse_number(text, self._options.region, Channel.SMS)
        except InvalidNumber:
            return False
        return True

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
