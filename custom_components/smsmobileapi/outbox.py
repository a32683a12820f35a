"""The outbound door: every message that leaves, whoever asked, passes here once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
import logging
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .api import (
    Channel,
    InvalidCredentials,
    OutcomeUnknown,
    SmsMobileApiError,
    Status,
    without_private_things,
)
from .contacts import Contact, Contacts
from .delivery import Delivery
from .errors import failed, invalid, translated
from .flood import FloodGuard
from .numbers import mask
from .recipients import Recipient, find_recipients
from .repairs import Issues
from .reports import OutboundMessage, Reports

_LOGGER = logging.getLogger(__name__)

# The service splits a text into as many SMS as it takes, and each is paid for: this is some 27 of them.
MAX_TEXT_LENGTH: Final = 4_000
AT_A_TIME: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How somebody wants a message sent.

    `context` is that of the action, `report_within` how many seconds to wait for what becomes of the message. What is
    urgent goes past the limit of a minute.
    """

    context: Context | None = None
    is_urgent: bool = False
    report_within: float | None = None


class Outbox:
    """The outbound door of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        contacts: Contacts,
        delivery: Delivery,
        flood_guard: FloodGuard,
        reports: Reports,
        issues: Issues,
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._contacts = contacts
        self._delivery = delivery
        self._flood_guard = flood_guard
        self._reports = reports
        self._issues = issues
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self.last_sent: datetime | None = None
        # For diagnostics: how sending ended.
        self.counts: Counter[str] = Counter()

    async def send(
        self,
        recipients: Iterable[str | int | Contact],
        text: str,
        channel: Channel | None = None,
        wish: Wish = Wish(),
    ) -> list[OutboundMessage]:
        """Send a text to numbers and contacts (or their names), each once; return what was sent to each.

        `channel` is the contact's, else SMS, where it is not given. Raises ServiceValidationError before anything is
        sent where an argument is wrong, and HomeAssistantError, after all were tried, where one was not sent.
        """
        if not text.strip():
            raise invalid("message_empty")
        if len(text) > MAX_TEXT_LENGTH:
            raise invalid("message_too_long", length=str(len(text)), limit=str(MAX_TEXT_LENGTH))
        found = find_recipients(self._hass, self._contacts, recipients, channel)
        outcomes = await asyncio.gather(
            *(self._send_one(recipient, text, wish) for recipient in found), return_exceptions=True
        )
        return _all_or_raise(found, outcomes)

    async def resend(self, message_id: str, channel: Channel | None, wish: Wish) -> OutboundMessage:
        """Have the service send a message again that has failed; return it. Raises HomeAssistantError."""
        known = self._reports.find(message_id)
        if known and known.status is not Status.FAILED:
            raise invalid("not_failed")
        channel = channel or (known.channel if known else Channel.SMS)
        new_id = await self._guarded(partial(self._delivery.resend, message_id, channel), wish)
        return await self._follow(
            OutboundMessage(
                message_id=new_id,
                channel=channel,
                recipient=known.recipient if known else "",
                contact=known.contact if known else None,
                accepted_at=dt_util.utcnow().timestamp(),
            ),
            wish,
        )

    async def _send_one(self, recipient: Recipient, text: str, wish: Wish) -> OutboundMessage:
        send = partial(self._delivery.send, recipient.number, text, recipient.channel)
        message_id = await self._guarded(send, wish)
        _LOGGER.debug("%s to %s accepted", recipient.channel, mask(recipient.number))
        return await self._follow(
            OutboundMessage(
                message_id=message_id,
                channel=recipient.channel,
                recipient=recipient.number,
                contact=recipient.contact.name if recipient.contact else None,
                accepted_at=dt_util.utcnow().timestamp(),
            ),
            wish,
            text,
        )

    async def _guarded(self, deliver: Callable[[], Awaitable[str]], wish: Wish) -> str:
        """Deliver, unless the flood guard says no; tell whoever has to know how it ended."""
        taken = self._flood_guard.pass_one(is_urgent=wish.is_urgent, context=wish.context)
        try:
            async with self._turns:
                message_id = await deliver()
        except SmsMobileApiError as err:
            _LOGGER.debug("Not sent: %s", type(err).__name__)
            self.counts[type(err).__name__] += 1
            self._issues.note(err)
            if isinstance(err, OutcomeUnknown):
                raise failed("may_have_been_sent") from None
            self._flood_guard.give_back(taken)
            if isinstance(err, InvalidCredentials):
                self._entry.async_start_reauth(self._hass)
            raise translated(err, HomeAssistantError) from None
        self.counts["accepted"] += 1
        self.last_sent = dt_util.utcnow()
        self._issues.note(None)
        return message_id

    async def _follow(self, message: OutboundMessage, wish: Wish, text: str = "") -> OutboundMessage:
        """Follow what becomes of the message; wait for it where that is wished."""
        # The account may have been reloaded while the message was under way.
        account = getattr(self._entry, "runtime_data", None)
        reports: Reports = account.reports if account else self._reports
        reports.follow(message)
        if wish.report_within is None:
            return message
        message = await reports.wait(message.message_id, wish.report_within)
        if message.status is Status.FAILED:
            sent = {"recipients": message.recipient, "message": text}
            raise failed("report_failed", reason=without_private_things(message.error or "–", sent))
        return message


def _all_or_raise(
    recipients: Sequence[Recipient], outcomes: Sequence[OutboundMessage | BaseException]
) -> list[OutboundMessage]:
    """Return what was sent; raise where something was not, and say to whom."""
    sent = [outcome for outcome in outcomes if isinstance(outcome, OutboundMessage)]
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if not errors:
        return sent
    if unexpected := next((err for err in errors if not isinstance(err, HomeAssistantError)), None):
        raise unexpected
    if len(recipients) == 1:
        raise errors[0]
    ended = list(zip(recipients, outcomes, strict=True))
    raise failed(
        "some_not_sent",
        sent=", ".join(who.name for who, outcome in ended if isinstance(outcome, OutboundMessage)) or "–",
        not_sent="; ".join(
            f"{who.name}: {outcome}" for who, outcome in ended if isinstance(outcome, Exception)
        ),
    )
