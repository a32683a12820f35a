"""The outbound door: every message that leaves, whoever asked, passes here once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
import logging
from typing import Final, cast

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..api import (
    Channel,
    OutcomeUnknown,
    Phone,
    SendRequest,
    SmsMobileApiClient,
    SmsMobileApiError,
    Status,
    redact_reason,
)
from ..contacts import Contact, Contacts, Route
from ..errors import failed, for_action, invalid
from ..numbers import mask
from ..options import Options
from ..phones import Phones
from ..repairs import Issues
from .delivery import Delivery
from .fallback import Fallback
from .flood import FloodGuard
from .media import Media, async_read_media
from .models import OutboundMessage
from .recipients import Recipient, RecipientResolver, SendOptions
from .reports import Reports
from .routes import Routes

_LOGGER = logging.getLogger(__name__)

# The service splits a text into as many SMS as it takes, and each is paid for: this is some 27 of them.
MAX_TEXT_LENGTH: Final = 4_000
AT_A_TIME: Final = 4
DEFAULT_TITLE: Final = "Home Assistant"
_CHANNEL_NAMES: Final = {Route.SMS: "SMS", Route.WHATSAPP: "WhatsApp"}


class Outbox:
    """The outbound door of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        options: Options,
        contacts: Contacts,
        phones: Phones,
        client: SmsMobileApiClient,
        delivery: Delivery,
        flood_guard: FloodGuard,
        reports: Reports,
        issues: Issues,
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._delivery = delivery
        self._flood_guard = flood_guard
        self._reports = reports
        self._issues = issues
        self._fallback = Fallback(hass, entry, reports, self._send_instead)
        self._routes = Routes(hass, client, delivery)
        self.directory = RecipientResolver(options, contacts, phones)
        self.whatsapp_numbers = self._routes.whatsapp_numbers
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self.last_sent: datetime | None = None
        # For diagnostics: how sending ended.
        self.counts: Counter[str] = Counter()

    @callback
    def open(self) -> None:
        """Send an SMS instead where WhatsApp fails, from now on."""
        self._fallback.open()

    async def send(
        self, recipients: Iterable[str | int | Contact], text: str, wish: SendOptions
    ) -> list[OutboundMessage]:
        """Send a text to numbers and contacts (or their names), each once; return what was sent to each.

        Raises ServiceValidationError before anything is sent where an argument is wrong, and HomeAssistantError, after all
        were tried, where one was not sent.
        """
        if not text.strip():
            raise invalid("message_empty")
        if len(text) > MAX_TEXT_LENGTH:
            raise invalid("message_too_long", length=str(len(text)), limit=str(MAX_TEXT_LENGTH))
        if wish.send_at and wish.send_at <= dt_util.utcnow():
            raise invalid("send_at_past")
        found = self.directory.find_all(recipients, wish)
        media = await self._read_media(found, wish)
        outcomes = await asyncio.gather(
            *(self._send_one(recipient, text, media, wish) for recipient in found), return_exceptions=True
        )
        return _all_or_raise(found, outcomes)

    async def notify(self, phone: Phone, text: str, title: str | None, wish: SendOptions) -> None:
        """Show a notification on a phone of the account. Raises HomeAssistantError."""
        if not text.strip():
            raise invalid("message_empty")
        deliver = partial(self._delivery.notify, phone.sid, title or DEFAULT_TITLE, text)
        await self._guarded(deliver, wish, unknown="may_have_been_shown")

    async def resend(self, message_id: str, channel: Channel | None, wish: SendOptions) -> OutboundMessage:
        """Have the service send a message again that has failed; return it. Raises HomeAssistantError."""
        known = self._reports.find(message_id)
        if known and known.status is not Status.FAILED:
            raise invalid("not_failed")
        channel = channel or (known.channel if known else Channel.SMS)
        new_id = await self._guarded(
            partial(self._delivery.resend, message_id, channel), wish, unknown="may_have_been_sent"
        )
        return await self._follow(
            OutboundMessage(
                message_id=new_id,
                channel=channel,
                recipient=known.recipient if known else "",
                contact=known.contact if known else None,
            ),
            wish,
        )

    async def _read_media(self, recipients: list[Recipient], wish: SendOptions) -> Media | None:
        """Return the media that is wished for, once it is clear that it can be sent."""
        if wish.media is None:
            return None
        reached = {recipient.number for recipient in recipients if recipient.route is not Route.SMS}
        if without := [recipient.name for recipient in recipients if recipient.number not in reached]:
            raise invalid("media_needs_whatsapp", recipients=", ".join(without))
        media = await async_read_media(self._hass, wish.media)
        if wish.send_at and media.url is None:
            # Its link would have ended by then.
            raise invalid("media_scheduled")
        return media

    async def _send_one(
        self, recipient: Recipient, text: str, media: Media | None, wish: SendOptions
    ) -> OutboundMessage:
        sms = SendRequest(
            recipient=recipient.number,
            text=text,
            channel=Channel.SMS,
            phone=recipient.phone,
            sim=recipient.sim,
            send_at=wish.send_at,
            short_links=wish.short_links,
            encrypt=wish.encrypt,
        )
        accepted = await self._guarded(
            partial(self._routes.send, sms, recipient.route, media), wish, unknown="may_have_been_sent"
        )
        _LOGGER.debug("%s to %s accepted", accepted.channel, mask(recipient.number))
        sms_instead = accepted.sms_instead
        return await self._follow(
            OutboundMessage(
                message_id=accepted.message_id,
                channel=accepted.channel,
                recipient=recipient.number,
                contact=recipient.contact.name if recipient.contact else None,
                due_at=wish.send_at.timestamp() if wish.send_at else 0,
                sms_instead=sms_instead and replace(sms_instead, send_at=None),
            ),
            wish,
            text,
        )

    async def _send_instead(
        self, failed_message: OutboundMessage, may_have_been_sent: bool
    ) -> OutboundMessage:
        """Send the SMS that is to be sent where WhatsApp failed, but not before its time. Raises HomeAssistantError."""
        sms, due_at = cast(SendRequest, failed_message.sms_instead), failed_message.due_at
        if due_at > dt_util.utcnow().timestamp():
            sms = replace(sms, send_at=dt_util.utc_from_timestamp(due_at))
        since = dt_util.utc_from_timestamp(failed_message.accepted_at) if may_have_been_sent else None
        try:
            # The limit of a minute let the message pass once.
            message_id = await self._guarded(
                partial(self._delivery.send, sms, perhaps_since=since),
                SendOptions(is_urgent=True),
                unknown="may_have_been_sent",
            )
        finally:
            self._current_reports.replaced(failed_message.message_id)
        return await self._follow(
            OutboundMessage(
                message_id=message_id,
                channel=Channel.SMS,
                recipient=failed_message.recipient,
                contact=failed_message.contact,
                due_at=due_at,
            ),
            SendOptions(),
        )

    async def _guarded[ResultT](
        self, deliver: Callable[[], Awaitable[ResultT]], wish: SendOptions, *, unknown: str
    ) -> ResultT:
        """Deliver, unless the flood guard says no; tell whoever has to know how it ended.

        `unknown` is the key of the error that says that nobody knows.
        """
        taken = self._flood_guard.acquire(is_urgent=wish.is_urgent, context=wish.context)
        try:
            async with self._turns:
                result = await deliver()
        except SmsMobileApiError as err:
            _LOGGER.debug("Not sent: %s", type(err).__name__)
            self.counts[type(err).__name__] += 1
            self._issues.note(err)
            if isinstance(err, OutcomeUnknown):
                raise failed(unknown) from None
            self._flood_guard.release(taken)
            raise for_action(self._hass, self._entry, err) from None
        self.counts["accepted"] += 1
        self.last_sent = dt_util.utcnow()
        self._issues.note(None)
        return result

    @property
    def _current_reports(self) -> Reports:
        """Return the reports in use: the account may have been reloaded while a message was under way."""
        account = getattr(self._entry, "runtime_data", None)
        reports: Reports = account.reports if account else self._reports
        return reports

    async def _follow(self, message: OutboundMessage, wish: SendOptions, text: str = "") -> OutboundMessage:
        """Follow what becomes of the message; wait for it where that is wished."""
        self._current_reports.follow(message)
        if wish.report_within is None:
            return message
        has_fallback = message.sms_instead is not None
        try:
            async with asyncio.timeout(wish.report_within):
                message = await self._current_reports.settled(message)
                if message.status is Status.FAILED and has_fallback:
                    sms = await self._fallback.outcome(message.message_id)
                    if sms is None:
                        return message
                    message = sms
                    message = await self._current_reports.settled(message)
        except TimeoutError:
            return message
        if message.status is Status.FAILED:
            sent = {"recipients": message.recipient, "message": text}
            raise failed("report_failed", reason=redact_reason(message.error or "–", sent))
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
    ended = list(zip(_names(recipients), outcomes, strict=True))
    raise failed(
        "some_not_sent",
        sent=", ".join(who for who, outcome in ended if isinstance(outcome, OutboundMessage)) or "–",
        not_sent="; ".join(f"{who}: {outcome}" for who, outcome in ended if isinstance(outcome, Exception)),
    )


def _names(recipients: Sequence[Recipient]) -> list[str]:
    """Return what to call each recipient, also where two channels lead to the same."""
    counted = Counter(recipient.number for recipient in recipients)
    return [
        f"{recipient.name} ({_CHANNEL_NAMES[recipient.route]})"
        if counted[recipient.number] > 1
        else recipient.name
        for recipient in recipients
    ]
