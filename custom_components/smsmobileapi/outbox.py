"""The outbound door: every message that leaves, whoever asked, passes here once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import logging
from typing import Any, Final, cast

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .api import Channel, InvalidCredentials, SmsMobileApiClient, SmsMobileApiError
from .const import DOMAIN
from .contacts import Contact, Contacts
from .errors import translated
from .numbers import InvalidNumber, mask, parse_number

_LOGGER = logging.getLogger(__name__)

# The service splits a text into as many SMS as it takes, and each is paid for: this is some 27 of them.
MAX_TEXT_LENGTH: Final = 4_000
STATUS_ACCEPTED: Final = "accepted"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The service accepted a message; what became of it later is a report."""

    recipient: Recipient
    message_id: str
    status: str = STATUS_ACCEPTED

    def as_response(self) -> dict[str, Any]:
        """Return what an action answers for this recipient."""
        contact = self.recipient.contact
        return {
            "recipient": self.recipient.number,
            "contact": contact.name if contact else None,
            "channel": self.recipient.channel.value,
            "message_id": self.message_id,
            "status": self.status,
        }


class Outbox:
    """The outbound door of one account."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, client: SmsMobileApiClient, contacts: Contacts
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._client = client
        self._contacts = contacts

    async def send(
        self, recipients: Iterable[str | int | Contact], text: str, channel: Channel | None = None
    ) -> list[Receipt]:
        """Send a text to numbers and contacts (or their names), each once; return a receipt for each.

        `channel` is the contact's, else SMS, where it is not given. Raises ServiceValidationError before anything is
        sent where an argument is wrong, and HomeAssistantError, after all were tried, where one was not sent.
        """
        if not text.strip():
            raise _invalid("message_empty")
        if len(text) > MAX_TEXT_LENGTH:
            raise _invalid("message_too_long", length=str(len(text)), limit=str(MAX_TEXT_LENGTH))
        resolved = {
            (recipient.number, recipient.channel): recipient
            for recipient in [self._resolve(recipient, channel) for recipient in recipients]
        }
        if not resolved:
            raise _invalid("no_recipients")
        return await self._send_all(list(resolved.values()), text)

    def _resolve(self, recipient: str | int | Contact, channel: Channel | None) -> Recipient:
        """Find the contact or read the number."""
        contact = self._contacts.by_name(recipient) if isinstance(recipient, str) else None
        if isinstance(recipient, Contact):
            contact = recipient
        wanted = contact.number if contact else cast(str | int, recipient)
        channel = channel or (contact.channel if contact else None)
        try:
            number = parse_number(wanted, self._hass.config.country, channel or Channel.SMS)
        except InvalidNumber as err:
            # What has no digit was meant as a name.
            is_name = err.code == "number_letters" and not any(map(str.isdigit, str(wanted)))
            raise _invalid(
                "unknown_contact" if is_name else err.code,
                recipient=contact.name if contact else mask(str(wanted).strip()),
            ) from None
        contact = contact or self._contacts.by_number(number)
        if channel is None:
            channel = contact.channel if contact else Channel.SMS
        return Recipient(number=number, channel=channel, contact=contact)

    async def _send_all(self, recipients: Sequence[Recipient], text: str) -> list[Receipt]:
        """Send to each in turn; a failure stops none of the others."""
        receipts: list[Receipt] = []
        failures: list[tuple[Recipient, HomeAssistantError]] = []
        for recipient in recipients:
            try:
                receipts.append(await self._send_one(recipient, text))
            except HomeAssistantError as err:
                failures.append((recipient, err))
        if not failures:
            return receipts
        if len(recipients) == 1:
            raise failures[0][1]
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="some_not_sent",
            translation_placeholders={
                "sent": ", ".join(receipt.recipient.name for receipt in receipts) or "–",
                "not_sent": "; ".join(f"{recipient.name}: {err}" for recipient, err in failures),
            },
        )

    async def _send_one(self, recipient: Recipient, text: str) -> Receipt:
        try:
            sent = await self._client.send_message(
                recipient=recipient.number, text=text, channel=recipient.channel
            )
        except SmsMobileApiError as err:
            _LOGGER.debug("%s to %s: %s", recipient.channel, mask(recipient.number), type(err).__name__)
            if isinstance(err, InvalidCredentials):
                self._entry.async_start_reauth(self._hass)
            raise translated(err, HomeAssistantError) from None
        _LOGGER.debug("%s to %s accepted", recipient.channel, mask(recipient.number))
        return Receipt(recipient=recipient, message_id=sent.message_id)


def _invalid(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )
