"""Delivery: give a message to the service exactly once, as far as its answers allow; count it, and store where it is meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
import logging
import random
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..api import (
    Channel,
    NotReachable,
    OutcomeUnknown,
    RateLimited,
    Refused,
    SendRequest,
    SmsMobileApiClient,
    SmsMobileApiError,
    Status,
)
from ..errors import failed, for_action
from ..numbers import mask, normalise_sender
from ..options import Options
from ..repairs import Issues
from .fallback import WhatsAppNumbers
from .log_search import LogSearch, LogUnreadable
from .media_links import async_media_links
from .messages import Messages
from .models import OutboundMessage, parts_of
from .rate_limit import RateLimiter
from .reports import Reports

_LOGGER = logging.getLogger(__name__)

# How many requests to send run at a time: so many normal ones, and as many urgent ones beside them.
AT_A_TIME: Final = 4
ATTEMPTS: Final = 4
FIRST_WAIT: Final = 1.0  # seconds; it doubles, with jitter
LONGEST_WAIT: Final = 30.0  # seconds; an automation is waiting
# How often a message may be requested without it being known whether the service accepted it.
UNKNOWN_AT_MOST: Final = 2
MAYBE_SENT: Final = "may_have_been_sent"

# Called with True when a request is about to be made, and with False when the service has certainly not accepted it; returns
# whether the caller still wants it sent.
type Leaves = Callable[[bool], bool]


class TooLate(SmsMobileApiError):
    """The time of a message was over before it left; it may have left before."""

    code = NotReachable.code


class Delivery:
    """Gives the messages of one account to the service."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        client: SmsMobileApiClient,
        options: Options,
        rate_limiter: RateLimiter,
        messages: Messages,
        reports: Reports,
        issues: Issues,
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._rate_limiter = rate_limiter
        self._messages = messages
        self._reports = reports
        self._issues = issues
        self._client = client
        self._log = LogSearch(
            client,
            normalise=lambda number: normalise_sender(number, options.region),
            is_known=lambda message_id: messages.find(message_id) is not None,
        )
        self._slots = {is_urgent: asyncio.Semaphore(AT_A_TIME) for is_urgent in (False, True)}
        self.whatsapp_numbers = WhatsAppNumbers(client)
        self.last_sent: datetime | None = None
        # For diagnostics: how sending ended.
        self.counts: Counter[str] = Counter()

    async def give(self, message: OutboundMessage, leaves: Leaves) -> OutboundMessage:
        """Give a message to the service, or the SMS in its place where WhatsApp is refused; follow it, and return it as accepted.

        What may have been accepted is looked for before it is sent once more. Raises SmsMobileApiError where it was not
        accepted, OutcomeUnknown where that can't be known, TooLate and LimitReached; `give_up` or `forget` has to follow, or
        another `give`.
        """
        if message.sms_instead and not message.left_at:
            message = await self._choose_channel(message)
        before = message = self.count(message)
        request = _request_of(message)
        try:
            async with self._log.lock(request):
                if message.left_at and (service_id := await self._find(message, request, is_new=False)):
                    return self._accepted(message, service_id)
                while message.left_times < UNKNOWN_AT_MOST:
                    try:
                        async with self._slots[message.is_urgent]:
                            message = await self._leaves(message, leaves)
                            service_id = await self._client.send_message(request)
                        return self._accepted(message, service_id)
                    except OutcomeUnknown as err:
                        _LOGGER.debug("Unknown outcome (%s)", type(err).__name__)
                    except (NotReachable, RateLimited) as err:
                        if message.left_times == 1:
                            raise
                        # An earlier request may still be carried out, but this one certainly not.
                        self._messages.put(replace(message, left_times=message.left_times - 1))
                        raise LogUnreadable("the service can't be reached") from err
                    if found := await self._find(message, request, is_new=True):
                        return self._accepted(message, found)
        except OutcomeUnknown, TooLate:
            raise
        except SmsMobileApiError as err:
            leaves(False)
            self._messages.put(replace(before, left_at=0, left_times=0))
            if not (isinstance(err, Refused) and message.sms_instead):
                raise
        else:
            raise OutcomeUnknown("it may have been sent")
        _LOGGER.debug("WhatsApp was refused, so it is an SMS")
        return await self.give(self._sms_instead(message), leaves)

    async def _choose_channel(self, message: OutboundMessage) -> OutboundMessage:
        """Return the message, or the SMS in its place where the number has no WhatsApp."""
        if await self.whatsapp_numbers.may_have(message.recipient):
            return message
        return self._sms_instead(message)

    async def _find(self, message: OutboundMessage, request: SendRequest, *, is_new: bool) -> str | None:
        since = dt_util.utc_from_timestamp(message.left_at)
        return await self._log.find(request, since, is_new=is_new, can_wait=bool(message.expires_at))

    async def _leaves(self, message: OutboundMessage, leaves: Leaves) -> OutboundMessage:
        """Write down that a request is about to be made: if Home Assistant is killed now, the next start looks for the message.

        Raises TooLate where its time is over: it may have waited long for its turn, or for the sent log.
        """
        now = dt_util.utcnow().timestamp()
        if 0 < message.expires_at <= now:
            raise TooLate
        leaves(True)
        left_at = message.left_at or now
        message = self._messages.put(replace(message, left_at=left_at, left_times=message.left_times + 1))
        await self._messages.save()
        return message

    @callback
    def _accepted(self, message: OutboundMessage, service_id: str) -> OutboundMessage:
        """Follow a message that the service has accepted; return it."""
        _LOGGER.debug("%s to %s accepted", message.channel, mask(message.recipient))
        if not message.keeps_id:
            self._messages.remove(message.message_id)
        message = replace(
            message,
            message_id=message.message_id if message.keeps_id else service_id,
            service_id=service_id,
            status=Status.ACCEPTED,
            accepted_at=dt_util.utcnow().timestamp(),
            request=None,
            expires_at=0,
            left_at=0,
        )
        self._reports.follow(message)
        self._succeeded()
        return message

    @callback
    def count(self, message: OutboundMessage) -> OutboundMessage:
        """Count a message that will be sent, and store it; return it. Raises LimitReached."""
        if message.send_id is not None:
            return message
        send_id = self._rate_limiter.acquire(
            message.parts, is_urgent=message.is_urgent, context=message.context
        )
        return self._messages.put(replace(message, send_id=send_id))

    def _sms_instead(self, message: OutboundMessage) -> OutboundMessage:
        """Make the message the SMS that is sent where WhatsApp can't be used."""
        self._release(message)
        sms = message.sms_instead
        return self._messages.put(
            replace(
                message,
                channel=Channel.SMS,
                request=sms,
                sms_instead=None,
                parts=parts_of(sms) if sms else 1,
                send_id=None,
                left_at=0,
                left_times=0,
            )
        )

    async def resend(self, message: OutboundMessage, leaves: Leaves) -> str:
        """Have the service send a message again; return its id. Raises HomeAssistantError."""
        message_id = message.service_id or message.message_id
        request = partial(self._client.resend_message, message_id, message.channel)
        return await self._make(request, leaves, parts=message.parts, context=message.context)

    async def notify(
        self, sid: str, title: str, text: str, *, is_urgent: bool, context: Context | None, leaves: Leaves
    ) -> None:
        """Show a notification on a phone. Raises HomeAssistantError."""
        request = partial(self._client.send_notification, sid, title, text)
        await self._make(
            request, leaves, is_urgent=is_urgent, context=context, if_unknown="may_have_been_shown"
        )

    async def _make[ResultT](
        self,
        request: Callable[[], Awaitable[ResultT]],
        leaves: Leaves,
        *,
        parts: int = 1,
        is_urgent: bool = False,
        context: Context | None,
        if_unknown: str = MAYBE_SENT,
    ) -> ResultT:
        """Make a request that counts, and again where it was not accepted; raise the service's errors as Home Assistant's."""
        send_id = self._rate_limiter.acquire(parts, is_urgent=is_urgent, context=context)
        retry = Retry()
        has_left = False
        try:
            while True:
                try:
                    async with self._slots[is_urgent]:
                        has_left = True
                        leaves(True)
                        result = await request()
                    break
                except (NotReachable, RateLimited) as err:
                    has_left = False
                    if not leaves(False):
                        raise
                    await retry.wait(err)
        except SmsMobileApiError as err:
            if not isinstance(err, OutcomeUnknown):
                self._rate_limiter.release(send_id)
            raise self.error(err, if_unknown) from None
        except asyncio.CancelledError:
            if not has_left:
                self._rate_limiter.release(send_id)
            raise
        self._succeeded()
        return result

    def _succeeded(self) -> None:
        self.counts["accepted"] += 1
        self.last_sent = dt_util.utcnow()
        self._issues.check_subscription(None)

    def error(self, err: SmsMobileApiError, if_unknown: str = MAYBE_SENT) -> HomeAssistantError:
        """Record that sending failed; return the error for the caller. `if_unknown` is its key where the service may have got it."""
        _LOGGER.debug("Not sent: %s", type(err).__name__)
        self.counts[type(err).__name__] += 1
        self._issues.check_subscription(err)
        if isinstance(err, OutcomeUnknown):
            return failed(if_unknown)
        return for_action(self._hass, self._entry, err)

    @callback
    def forget(self, message: OutboundMessage) -> None:
        """Forget a message that was not sent, or may have been; its caller is told."""
        message = self._messages.find(message.message_id) or message
        if not message.left_at:
            self._release(message)
        self._messages.remove(message.message_id)

    @callback
    def give_up(self, message: OutboundMessage, reason: str) -> None:
        """Report a message that was not sent, or may have been, as nobody waits for an answer. `reason` is the error reported."""
        # No SMS goes in its place either.
        message = replace(self._messages.find(message.message_id) or message, sms_instead=None)
        if message.left_at:
            self._reports.set_status(message, Status.UNKNOWN, MAYBE_SENT)
            return
        self._release(message)
        self._reports.set_status(message, Status.FAILED, reason)

    def _release(self, message: OutboundMessage) -> None:
        """Count a message that was not sent no longer, and end the link to its media, which the service will not fetch."""
        if message.request and message.request.media_url:
            async_media_links(self._hass).end(message.request.media_url)
        if message.send_id is not None:
            self._rate_limiter.release(message.send_id)


def reason_of(err: SmsMobileApiError) -> str:
    """Return why the service did not take a message, for a report."""
    return err.reason if isinstance(err, Refused) else err.code


def _request_of(message: OutboundMessage) -> SendRequest:
    """Return what to send now: at its time, if that is still to come."""
    request = message.request
    if request is None:
        raise ValueError("nothing to send")
    if message.due_at <= dt_util.utcnow().timestamp():
        return request
    return replace(request, send_at=dt_util.utc_from_timestamp(message.due_at))


class Retry:
    """Waits before a request is repeated that was not accepted."""

    def __init__(self) -> None:
        self._attempts = 0
        self._started = asyncio.get_running_loop().time()

    async def wait(self, err: SmsMobileApiError) -> None:
        """Wait; raise the error where repeating does not help, or not soon enough."""
        self._attempts += 1
        waited = asyncio.get_running_loop().time() - self._started
        if self._attempts == ATTEMPTS or waited >= 2 * LONGEST_WAIT:
            raise err
        match err:
            case NotReachable():
                seconds = FIRST_WAIT * (2 ** (self._attempts - 1) + random.random())
            case RateLimited() if err.retry_after <= LONGEST_WAIT:
                seconds = err.retry_after
            case _:
                raise err
        await asyncio.sleep(min(seconds, LONGEST_WAIT))
