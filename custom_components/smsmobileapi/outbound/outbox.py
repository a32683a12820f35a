"""The outbox: every message that is sent passes `Outbox.send` once."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.async_ import create_eager_task

from ..api import (
    Channel,
    NotReachable,
    Phone,
    RateLimited,
    SendRequest,
    SmsMobileApiError,
    Status,
    redact_reason,
)
from ..contacts import Contact, Route
from ..errors import failed, invalid
from ..texts import join_halves, text_to_send
from .delivery import Delivery, Retry, TooLate, reason_of
from .fallback import Fallback
from .jobs import TASK_NAME, Job, Jobs, all_or_raise
from .log_search import LogUnreadable
from .media import Media, async_read_media
from .media_links import async_media_links
from .messages import Messages
from .models import OutboundMessage, message_to
from .rate_limit import LimitReached
from .recipients import Recipient, RecipientResolver, SendOptions
from .reports import Reports
from .send_queue import SendQueue

# The service splits a text into as many SMS as it takes, and each is paid for: this is some 27 of them.
MAX_TEXT_LENGTH: Final = 4_000
DEFAULT_TITLE: Final = "Home Assistant"
# Until when the SMS in place of a WhatsApp message is sent, from the time of that, or the end of `sms_after`, on.
SMS_WITHIN: Final = 86_400  # seconds
LIMIT: Final = "limit"  # the error of a report


class Outbox:
    """The outbox of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        recipients: RecipientResolver,
        messages: Messages,
        reports: Reports,
        delivery: Delivery,
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._messages = messages
        self._reports = reports
        self._delivery = delivery
        self._fallback = Fallback(
            hass, entry, messages=messages, reports=reports, send=self._send_sms_instead
        )
        self._queues = {
            is_urgent: SendQueue(
                hass,
                is_urgent=is_urgent,
                messages=messages,
                give=self._give_waiting,
                end=delivery.give_up,
            )
            for is_urgent in (True, False)
        }
        self.recipients = recipients
        self._jobs = Jobs()

    @callback
    def start(self) -> None:
        """Take up what an earlier run has left. It waits until `resume`."""
        for queue in self._queues.values():
            queue.start()
        # Home Assistant would stop without waiting, and the next start would not know how sending ended.
        self._entry.async_on_unload(self._hass.async_add_shutdown_job(HassJob(self._jobs.interrupt)))

    @callback
    def resume(self) -> None:
        """Send what an earlier run has left, and an SMS where WhatsApp fails, from now on."""
        for queue in self._queues.values():
            queue.resume()
        self._fallback.start()

    async def stop(self) -> None:
        """Send no more. Wait for what has left, for 15 seconds at most; the next start finds out about the rest."""
        for queue in self._queues.values():
            queue.stop()
        await self._jobs.stop()
        self._fallback.stop()

    @property
    def waiting(self) -> int:
        """Return how many messages wait for the service."""
        return sum(map(len, self._queues.values()))

    @callback
    def retry_now(self) -> None:
        """Send what waits: the service has just answered."""
        for queue in self._queues.values():
            queue.retry_now()

    async def send(
        self, recipients: Iterable[str | int | Contact], text: str, options: SendOptions
    ) -> list[OutboundMessage]:
        """Send a text to numbers and contacts (or their names), each once; return what was sent to each, or waits.

        Raises ServiceValidationError before anything is sent where an argument is wrong, and HomeAssistantError, after all
        were tried, where one was not sent. Where the caller is cancelled, what has left is still followed, and the rest is
        not sent.
        """
        text = text_to_send(text)
        if len(text) > MAX_TEXT_LENGTH:
            raise invalid("message_too_long", length=str(len(text)), limit=str(MAX_TEXT_LENGTH))
        if options.send_at and options.send_at <= dt_util.utcnow():
            raise invalid("send_at_past")
        found = self.recipients.resolve(recipients, options)
        media = await self._read_media(found, options)
        self._jobs.check()
        messages = [
            message_to(recipient, text, options, self._link_for(recipient, media)) for recipient in found
        ]
        create_task = self._hass.async_create_task
        jobs = []
        for message in messages:
            job = Job[OutboundMessage]()
            jobs.append(self._jobs.add(job, create_task(self._send_one(message, job), TASK_NAME)))
        # Eagerly, as a task that is cancelled before it has begun would leave its job running.
        outcomes = await asyncio.gather(
            *(create_eager_task(self._outcome(job, text, options)) for job in jobs), return_exceptions=True
        )
        return all_or_raise(found, outcomes)

    async def resend(self, message_id: str, channel: Channel | None, options: SendOptions) -> OutboundMessage:
        """Have the service send a message again that has failed; return it. Raises HomeAssistantError."""
        known = self._messages.find(message_id)
        if known and known.status is not Status.FAILED:
            raise invalid("not_failed")
        if known and known.service_id is None:
            raise invalid("never_accepted")
        self._jobs.check()
        message = replace(
            known or OutboundMessage(message_id=message_id, channel=Channel.SMS, recipient="", contact=None),
            context=options.context,
        )
        if channel:
            message = replace(message, channel=channel)
        job = Job[OutboundMessage]()
        task = self._hass.async_create_task(self._resend_one(message, job), TASK_NAME)
        return await self._outcome(self._jobs.add(job, task), "", options)

    async def notify(self, phone: Phone, text: str, title: str | None, options: SendOptions) -> None:
        """Show a notification on a phone of the account. Raises HomeAssistantError."""
        text, title = text_to_send(text), join_halves(title or "")
        self._jobs.check()
        job = Job[None]()
        showing = self._delivery.notify(
            phone.sid,
            title or DEFAULT_TITLE,
            text,
            is_urgent=options.is_urgent,
            context=options.context,
            leaves=job.leaves,
        )
        await self._jobs.add(job, self._hass.async_create_task(showing, TASK_NAME)).result()

    async def _read_media(self, recipients: list[Recipient], options: SendOptions) -> Media | None:
        """Return the media to send. Raises ServiceValidationError where it can't be sent to each of the recipients."""
        if options.media is None:
            return None
        with_whatsapp = {recipient.number for recipient in recipients if recipient.route is not Route.SMS}
        if without := [recipient.name for recipient in recipients if recipient.number not in with_whatsapp]:
            raise invalid("media_needs_whatsapp", recipients=", ".join(without))
        media = await async_read_media(self._hass, options.media)
        if media.url is None and (options.send_at or options.retry_for):
            # Its link would have ended by then.
            raise invalid("media_scheduled")
        return media

    def _link_for(self, recipient: Recipient, media: Media | None) -> str | None:
        """Return the address at which the service fetches the media for a recipient."""
        if media is None or recipient.route is Route.SMS:
            return None
        return media.url or async_media_links(self._hass).make(media)

    async def _send_one(self, message: OutboundMessage, job: Job[OutboundMessage]) -> OutboundMessage:
        """Send a message; return it, as accepted or as waiting for the service. Raises HomeAssistantError."""
        retry = Retry()
        try:
            message = self._delivery.count(message)
            if message.expires_at and not message.is_urgent and self._queues[False]:
                # Those before it go first.
                return await self._wait(message, at_once=True)
            while True:
                try:
                    sent = await self._delivery.give(message, job.leaves)
                except (NotReachable, RateLimited, LogUnreadable, TooLate) as err:
                    message = self._messages.find(message.message_id) or message
                    if not job.is_wanted:
                        raise
                    if message.expires_at:
                        return await self._wait(message)
                    await retry.wait(err)
                else:
                    # The service is back for what waits, too.
                    self.retry_now()
                    return sent
        except LimitReached as err:
            if job.is_wanted and not job.has_caller and not err.is_lasting:
                return await self._wait(message)
            self._not_sent(message, job, LIMIT)
            raise
        except SmsMobileApiError as err:
            self._not_sent(message, job, reason_of(err))
            raise self._delivery.error(err) from None
        except asyncio.CancelledError:
            if waiting := self._cancelled(message, job):
                return waiting
            raise

    async def _wait(self, message: OutboundMessage, *, at_once: bool = False) -> OutboundMessage:
        """Have a message wait in the queue; return it. It is on disk before its caller is answered."""
        message = self._messages.put(replace(message, keeps_id=True))
        await self._messages.save()
        return self._queues[message.is_urgent].add(message, at_once=at_once)

    def _not_sent(self, message: OutboundMessage, job: Job[OutboundMessage], reason: str) -> None:
        """Forget a message that was not sent, or may have been, and report it where nobody waits for the answer."""
        if job.has_caller:
            self._delivery.forget(message)
        else:
            self._delivery.give_up(message, reason)

    def _cancelled(self, message: OutboundMessage, job: Job[OutboundMessage]) -> OutboundMessage | None:
        """Record that the job of a message was cancelled; return the message if the next start sends it."""
        message = self._messages.find(message.message_id) or message
        if not job.is_interrupted:
            self._delivery.give_up(message, "cancelled")
        elif message.left_at or not job.has_caller:
            # The next start finds out, or goes on.
            pass
        elif message.expires_at:
            return self._messages.put(replace(message, keeps_id=True))
        else:
            self._delivery.forget(message)
        return None

    async def _give_waiting(self, message: OutboundMessage) -> None:
        """Give a message of the queue to the service. Raises as `Delivery.give`; what will not be tried again is reported."""
        job = Job[OutboundMessage](has_caller=False)
        giving = self._delivery.give(message, job.leaves)
        try:
            await self._jobs.add(job, self._hass.async_create_task(giving, TASK_NAME)).result()
            self.retry_now()
        except LimitReached as err:
            if err.is_lasting:
                self._delivery.give_up(message, LIMIT)
            raise
        except NotReachable, RateLimited, LogUnreadable, TooLate:
            raise
        except SmsMobileApiError as err:
            self._delivery.give_up(message, reason_of(err))
            raise self._delivery.error(err) from None

    async def _resend_one(self, known: OutboundMessage, job: Job[OutboundMessage]) -> OutboundMessage:
        new_id = await self._delivery.resend(known, job.leaves)
        current = self._messages.find(new_id)
        if current and new_id == known.service_id and current.status is not known.status:
            # Its report was faster than the answer.
            return current
        own_id = known.message_id if new_id == known.service_id else new_id
        message = OutboundMessage(
            message_id=own_id,
            service_id=new_id,
            channel=known.channel,
            recipient=known.recipient,
            contact=known.contact,
            parts=known.parts,
            context=known.context,
        )
        # It is the newest now.
        self._messages.remove(own_id)
        self._reports.follow(message)
        return message

    @callback
    def _send_sms_instead(self, whatsapp: OutboundMessage, sms: SendRequest) -> asyncio.Task[OutboundMessage]:
        """Send the SMS in place of a WhatsApp message, but not before its time, and not more than a day after it."""
        is_due_at = whatsapp.leaves_at + whatsapp.sms_after
        message = whatsapp.sms_in_its_place(sms, expires_at=is_due_at + SMS_WITHIN)
        job = Job[OutboundMessage](has_caller=False)
        task = self._hass.async_create_task(self._send_one(message, job), TASK_NAME)
        return self._jobs.add(job, task).task

    async def _outcome(self, job: Job[OutboundMessage], text: str, options: SendOptions) -> OutboundMessage:
        """Return what the job sent, and its status where the options ask for it. Raises HomeAssistantError."""
        message = await job.result()
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
