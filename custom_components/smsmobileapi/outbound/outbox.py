"""The outbox: every message that is sent passes `Outbox.send` once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
import logging
from typing import Final, cast

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..api import (
    Channel,
    OutcomeUnknown,
    Phone,
    Refused,
    SendRequest,
    SmsMobileApiClient,
    SmsMobileApiError,
    Status,
    redact_reason,
)
from ..const import DOMAIN
from ..contacts import Contact, Contacts, Route
from ..errors import failed, for_action, invalid
from ..numbers import mask, normalise_sender
from ..options import Options
from ..phones import Phones
from ..repairs import Issues
from .delivery import Delivery
from .fallback import Fallback, WhatsAppNumbers
from .media import Media, async_read_media
from .media_links import async_media_links
from .models import OutboundMessage
from .rate_limit import RateLimiter
from .recipients import Recipient, RecipientResolver, SendOptions, names_of
from .reports import Reports

_LOGGER = logging.getLogger(__name__)

# The service splits a text into as many SMS as it takes, and each is paid for: this is some 27 of them.
MAX_TEXT_LENGTH: Final = 4_000
AT_A_TIME: Final = 4
STOPS_WITHIN: Final = 15  # seconds; Home Assistant waits for twenty
TASK_NAME: Final = f"{DOMAIN} sends a message"
DEFAULT_TITLE: Final = "Home Assistant"


class Outbox:
    """The outbox of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        options: Options,
        contacts: Contacts,
        phones: Phones,
        client: SmsMobileApiClient,
        rate_limiter: RateLimiter,
        reports: Reports,
        issues: Issues,
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._rate_limiter = rate_limiter
        self._reports = reports
        self._issues = issues
        self._delivery = Delivery(
            client,
            normalise=lambda number: normalise_sender(number, options.region),
            is_known=lambda message_id: reports.find(message_id) is not None,
        )
        self._fallback = Fallback(
            hass,
            entry,
            reports=reports,
            send=lambda message, may_have_been_sent: self._track(
                hass.async_create_task(self._send_sms_instead(message, may_have_been_sent), TASK_NAME)
            ),
        )
        self.recipients = RecipientResolver(options, contacts, phones)
        self.whatsapp_numbers = WhatsAppNumbers(client)
        self._semaphore = asyncio.Semaphore(AT_A_TIME)
        self._tasks: set[asyncio.Task[OutboundMessage]] = set()
        self.last_sent: datetime | None = None
        # For diagnostics: how sending ended.
        self.counts: Counter[str] = Counter()

    @callback
    def start(self) -> None:
        """Send an SMS where WhatsApp fails, from now on."""
        self._fallback.start()
        # Home Assistant would stop without waiting, and the next start would not know how sending ended.
        self._entry.async_on_unload(self._hass.async_add_shutdown_job(HassJob(self.stop)))

    async def stop(self) -> None:
        """Wait for what is being sent, for 15 seconds at most."""
        if tasks := self._tasks:
            await asyncio.wait(tasks, timeout=STOPS_WITHIN)

    async def send(
        self, recipients: Iterable[str | int | Contact], text: str, options: SendOptions
    ) -> list[OutboundMessage]:
        """Send a text to numbers and contacts (or their names), each once; return what was sent to each.

        Raises ServiceValidationError before anything is sent where an argument is wrong, and HomeAssistantError, after all
        were tried, where one was not sent. Where the caller is cancelled, what is being sent is still sent and followed.
        """
        _check_text(text)
        if len(text) > MAX_TEXT_LENGTH:
            raise invalid("message_too_long", length=str(len(text)), limit=str(MAX_TEXT_LENGTH))
        if options.send_at and options.send_at <= dt_util.utcnow():
            raise invalid("send_at_past")
        found = self.recipients.resolve(recipients, options)
        media = await self._read_media(found, options)
        create_task = self._hass.async_create_task
        tasks = [
            self._track(create_task(self._send_one(recipient, text, media, options), TASK_NAME))
            for recipient in found
        ]
        outcomes = await asyncio.gather(
            *(self._wait_for(task, text, options) for task in tasks), return_exceptions=True
        )
        return _all_or_raise(found, outcomes)

    async def resend(self, message_id: str, channel: Channel | None, options: SendOptions) -> OutboundMessage:
        """Have the service send a message again that has failed; return it. Raises HomeAssistantError."""
        known = self._reports.find(message_id)
        if known and known.status is not Status.FAILED:
            raise invalid("not_failed")
        channel = channel or (known.channel if known else Channel.SMS)
        resending = self._resend_one(message_id, channel, known, options)
        task = self._track(self._hass.async_create_task(resending, TASK_NAME))
        return await self._wait_for(task, "", options)

    async def notify(self, phone: Phone, text: str, title: str | None, options: SendOptions) -> None:
        """Show a notification on a phone of the account. Raises HomeAssistantError."""
        _check_text(text)
        async with self._slot(options, if_unknown="may_have_been_shown"):
            await self._delivery.notify(phone.sid, title or DEFAULT_TITLE, text)

    async def _read_media(self, recipients: list[Recipient], options: SendOptions) -> Media | None:
        """Return the media to send. Raises ServiceValidationError where it can't be sent to each of the recipients."""
        if options.media is None:
            return None
        with_whatsapp = {recipient.number for recipient in recipients if recipient.route is not Route.SMS}
        if without := [recipient.name for recipient in recipients if recipient.number not in with_whatsapp]:
            raise invalid("media_needs_whatsapp", recipients=", ".join(without))
        media = await async_read_media(self._hass, options.media)
        if options.send_at and media.url is None:
            # Its link would have ended by then.
            raise invalid("media_scheduled")
        return media

    async def _send_one(
        self, recipient: Recipient, text: str, media: Media | None, options: SendOptions
    ) -> OutboundMessage:
        """Send to one recipient by its route, and follow what was sent."""
        sms = SendRequest(
            recipient=recipient.number,
            text=text,
            channel=Channel.SMS,
            phone=recipient.phone,
            sim=recipient.sim,
            send_at=options.send_at,
            short_links=options.short_links,
            encrypt=options.encrypt,
        )
        async with self._slot(options):
            requests = await self._requests_for(sms, recipient.route, media)
            for request in requests:
                try:
                    message_id = await self._delivery.send(request)
                    break
                except SmsMobileApiError as err:
                    self._end_link(request, media, err)
                    if request is requests[-1] or not isinstance(err, Refused):
                        raise
                    _LOGGER.debug("WhatsApp was refused, so it is an SMS")
        _LOGGER.debug("%s to %s accepted", request.channel, mask(recipient.number))
        message = OutboundMessage(
            message_id=message_id,
            channel=request.channel,
            recipient=recipient.number,
            contact=recipient.contact.name if recipient.contact else None,
            due_at=options.send_at.timestamp() if options.send_at else 0,
            sms_instead=None if request is requests[-1] else replace(sms, send_at=None),
            context=options.context,
        )
        self._reports.follow(message)
        return message

    async def _requests_for(self, sms: SendRequest, route: Route, media: Media | None) -> list[SendRequest]:
        """Return the request for this SMS or for WhatsApp instead, or that for WhatsApp and the SMS where it is refused."""
        has_fallback = route is Route.WHATSAPP_ELSE_SMS
        if route is Route.SMS or (has_fallback and not await self.whatsapp_numbers.may_have(sms.recipient)):
            return [sms]
        media_url = None
        if media:
            media_url = media.url or async_media_links(self._hass).make(media)
        whatsapp = replace(sms, channel=Channel.WHATSAPP, media_url=media_url)
        return [whatsapp, sms] if has_fallback else [whatsapp]

    def _end_link(self, request: SendRequest, media: Media | None, err: SmsMobileApiError) -> None:
        """End the link to media that the service will not fetch, as it refused the message."""
        if media and not media.url and request.media_url and not isinstance(err, OutcomeUnknown):
            async_media_links(self._hass).end(request.media_url)

    async def _resend_one(
        self, message_id: str, channel: Channel, known: OutboundMessage | None, options: SendOptions
    ) -> OutboundMessage:
        async with self._slot(options):
            new_id = await self._delivery.resend(message_id, channel)
        current = self._reports.find(new_id)
        if known and current and new_id == message_id and current.status is not known.status:
            # Its report was faster than the answer.
            return current
        message = OutboundMessage(
            message_id=new_id,
            channel=channel,
            recipient=known.recipient if known else "",
            contact=known.contact if known else None,
            context=options.context,
        )
        self._reports.follow(message)
        return message

    async def _send_sms_instead(self, whatsapp: OutboundMessage, may_have_been_sent: bool) -> OutboundMessage:
        """Send the SMS in place of a WhatsApp message that failed, but not before its time. Raises HomeAssistantError."""
        sms = cast(SendRequest, whatsapp.sms_instead)
        if whatsapp.due_at > dt_util.utcnow().timestamp():
            sms = replace(sms, send_at=dt_util.utc_from_timestamp(whatsapp.due_at))
        since = dt_util.utc_from_timestamp(whatsapp.accepted_at) if may_have_been_sent else None
        try:
            # The WhatsApp message was counted against the limit of a minute already.
            async with self._slot(SendOptions(is_urgent=True)):
                message_id = await self._delivery.send(sms, perhaps_since=since)
        except HomeAssistantError as err:
            _LOGGER.warning("WhatsApp failed, and an SMS could not be sent instead: %s", err.translation_key)
            raise
        finally:
            self._reports.sms_done(whatsapp.message_id)
        message = OutboundMessage(
            message_id=message_id,
            channel=Channel.SMS,
            recipient=whatsapp.recipient,
            contact=whatsapp.contact,
            due_at=whatsapp.due_at,
            context=whatsapp.context,
        )
        self._reports.follow(message)
        return message

    @asynccontextmanager
    async def _slot(
        self, options: SendOptions, *, if_unknown: str = "may_have_been_sent"
    ) -> AsyncIterator[None]:
        """Count a message that is sent inside this context against the limits, and raise the service's errors as Home Assistant's.

        `if_unknown` is the key of the error for when it is not known whether it was sent.
        """
        send_id = self._rate_limiter.acquire(is_urgent=options.is_urgent, context=options.context)
        try:
            async with self._semaphore:
                yield
        except SmsMobileApiError as err:
            _LOGGER.debug("Not sent: %s", type(err).__name__)
            self.counts[type(err).__name__] += 1
            self._issues.check_subscription(err)
            if isinstance(err, OutcomeUnknown):
                raise failed(if_unknown) from None
            self._rate_limiter.release(send_id)
            raise for_action(self._hass, self._entry, err) from None
        self.counts["accepted"] += 1
        self.last_sent = dt_util.utcnow()
        self._issues.check_subscription(None)

    @callback
    def _track(self, task: asyncio.Task[OutboundMessage]) -> asyncio.Task[OutboundMessage]:
        """Have `stop` wait for the task of a message. The task goes on where its caller is cancelled."""
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    @callback
    def _task_done(self, task: asyncio.Task[OutboundMessage]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Without this, asyncio would log the error where nobody waits for the task.
            task.exception()

    async def _wait_for(
        self, task: asyncio.Task[OutboundMessage], text: str, options: SendOptions
    ) -> OutboundMessage:
        """Return what the task sent, and its status where the options ask for it. Raises HomeAssistantError."""
        await asyncio.wait([task])
        message = task.result()
        if options.report_within is None:
            return message
        try:
            async with asyncio.timeout(options.report_within):
                reported = await self._reports.wait_for_status(message)
                if reported.status is Status.FAILED and (
                    sms := await self._fallback.wait_for_sms(message.message_id)
                ):
                    message = sms
                    reported = await self._reports.wait_for_status(sms)
        except TimeoutError:
            return message
        if reported.status is Status.FAILED:
            sent = {"recipients": reported.recipient, "message": text}
            raise failed("report_failed", reason=redact_reason(reported.error or "–", sent))
        return reported


def _check_text(text: str) -> None:
    if not text.strip():
        raise invalid("message_empty")


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
    results = list(zip(names_of(recipients), outcomes, strict=True))
    raise failed(
        "some_not_sent",
        sent=", ".join(name for name, outcome in results if isinstance(outcome, OutboundMessage)) or "–",
        not_sent="; ".join(
            f"{name}: {outcome}" for name, outcome in results if isinstance(outcome, Exception)
        ),
    )
