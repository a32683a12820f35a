"""The transmitter: gives a message to the service once, counts it against the limits, and writes down where it is meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
import logging
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..api import Channel, OutcomeUnknown, Refused, SmsMobileApiClient, SmsMobileApiError, Status
from ..errors import failed, for_action
from ..numbers import mask, normalise_sender
from ..options import Options
from ..repairs import Issues
from ..storage import Database, StorageError
from .delivery import Delivery
from .fallback import WhatsAppNumbers
from .media_links import async_media_links
from .messages import Messages
from .models import OutboundMessage, parts_of
from .rate_limit import RateLimiter
from .reports import Reports

_LOGGER = logging.getLogger(__name__)

MAYBE_SENT: Final = "may_have_been_sent"

# Called with True when a request is about to be made, and with False when the service has certainly not accepted it.
type Leaves = Callable[[bool], None]


class Transmitter:
    """The transmitter of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        client: SmsMobileApiClient,
        options: Options,
        database: Database,
        rate_limiter: RateLimiter,
        messages: Messages,
        reports: Reports,
        issues: Issues,
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._database = database
        self._rate_limiter = rate_limiter
        self._messages = messages
        self._reports = reports
        self._issues = issues
        self._delivery = Delivery(
            client,
            normalise=lambda number: normalise_sender(number, options.region),
            is_known=lambda message_id: messages.find(message_id) is not None,
        )
        self.whatsapp_numbers = WhatsAppNumbers(client)
        self.last_sent: datetime | None = None
        # For diagnostics: how sending ended.
        self.counts: Counter[str] = Counter()

    async def give(self, message: OutboundMessage, leaves: Leaves) -> OutboundMessage:
        """Give a message to the service, or the SMS in its place where WhatsApp is refused; follow it, and return it as accepted.

        What may have been accepted is looked for first. Raises SmsMobileApiError where it was not accepted, OutcomeUnknown
        where that can't be known, and LimitReached; `give_up` or `forget` has to follow, or another `give`.
        """
        if (
            message.sms_instead
            and not message.left_at
            and not await self.whatsapp_numbers.may_have(message.recipient)
        ):
            message = self._sms_instead(message)
        while True:
            try:
                message = await self._give(message, leaves)
                break
            except Refused:
                message = self._messages.find(message.message_id) or message
                if not message.sms_instead:
                    raise
                _LOGGER.debug("WhatsApp was refused, so it is an SMS")
                message = self._sms_instead(message)
        self._reports.follow(message)
        self._succeeded()
        return message

    async def _give(self, message: OutboundMessage, leaves: Leaves) -> OutboundMessage:
        """Give a message to the service by its channel; return it as accepted."""
        request = message.request
        if request is None:
            raise ValueError("nothing to send")
        if message.due_at > dt_util.utcnow().timestamp():
            request = replace(request, send_at=dt_util.utc_from_timestamp(message.due_at))
        before = message = self.count(message)

        async def leaves_now() -> None:
            nonlocal message
            leaves(True)
            left_at = message.left_at or dt_util.utcnow().timestamp()
            message = self._messages.put(replace(message, left_at=left_at, left_times=message.left_times + 1))
            # If Home Assistant is killed now, the next start looks for the message.
            with suppress(StorageError):
                await self._database.flush()

        try:
            service_id = await self._delivery.send(
                request,
                is_urgent=message.is_urgent,
                can_wait=bool(message.expires_at),
                leaves=leaves_now,
                left_at=dt_util.utc_from_timestamp(message.left_at) if message.left_at else None,
                left_times=message.left_times,
            )
        except SmsMobileApiError as err:
            if not isinstance(err, OutcomeUnknown):
                self._messages.put(before)
                leaves(False)
            raise
        _LOGGER.debug("%s to %s accepted", message.channel, mask(message.recipient))
        if not message.keeps_id:
            self._messages.remove(message.message_id)
        return replace(
            message,
            message_id=message.message_id if message.keeps_id else service_id,
            service_id=service_id,
            status=Status.ACCEPTED,
            accepted_at=dt_util.utcnow().timestamp(),
            request=None,
            expires_at=0,
            left_at=0,
        )

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
        with self._counted(leaves, message.parts, context=message.context) as leaves_now:
            return await self._delivery.resend(message_id, message.channel, leaves_now)

    async def notify(
        self, sid: str, title: str, text: str, *, is_urgent: bool, context: Context | None, leaves: Leaves
    ) -> None:
        """Show a notification on a phone. Raises HomeAssistantError."""
        with self._counted(
            leaves, is_urgent=is_urgent, context=context, if_unknown="may_have_been_shown"
        ) as leaves_now:
            await self._delivery.notify(sid, title, text, is_urgent=is_urgent, leaves=leaves_now)

    @contextmanager
    def _counted(
        self,
        leaves: Leaves,
        parts: int = 1,
        *,
        is_urgent: bool = False,
        context: Context | None,
        if_unknown: str = MAYBE_SENT,
    ) -> Iterator[Callable[[], None]]:
        """Count what is sent inside this context, and raise the service's errors as Home Assistant's.

        The context gets what to call when the request is about to be made.
        """
        send_id = self._rate_limiter.acquire(parts, is_urgent=is_urgent, context=context)
        has_left = False

        def leaves_now() -> None:
            nonlocal has_left
            has_left = True
            leaves(True)

        try:
            yield leaves_now
        except SmsMobileApiError as err:
            if not isinstance(err, OutcomeUnknown):
                self._rate_limiter.release(send_id)
            raise self.error(err, if_unknown) from None
        except asyncio.CancelledError:
            if not has_left:
                self._rate_limiter.release(send_id)
            raise
        self._succeeded()

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
        message = self._messages.find(message.message_id) or message
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
