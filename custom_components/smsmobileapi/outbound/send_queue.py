"""The queue: messages that the service did not take, or may not have taken, are tried again until their time is over."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
import logging
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..api import NotReachable, RateLimited, SmsMobileApiError, Status
from .delivery import UNKNOWN_AT_MOST, TooLate
from .log_search import LogUnreadable
from .messages import Messages
from .models import OutboundMessage
from .rate_limit import LimitReached

_LOGGER = logging.getLogger(__name__)

# Seconds until the messages are tried again; they double.
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 60.0
# How long a message is looked for after a restart, in seconds, where the service may have it and must not get it again.
LOOKED_FOR: Final = 600.0


class SendQueue:
    """A queue of one account, in order: one of the urgent messages, which wait for no others, or one of the rest.

    `give` gives a message to the service and follows it, or raises; `end` reports one that was not sent, and why.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        is_urgent: bool,
        messages: Messages,
        give: Callable[[OutboundMessage], Awaitable[object]],
        end: Callable[[OutboundMessage, str], None],
    ) -> None:
        self._hass = hass
        self._is_urgent = is_urgent
        self._messages = messages
        self._give = give
        self._end = end
        self._ids: set[str] = set()
        self._next_at = 0.0
        self._pause = FIRST_PAUSE
        self._cancel_timer: CALLBACK_TYPE | None = None
        self._is_working = False
        self._is_stopped = True

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._ids)

    @callback
    def start(self) -> None:
        """Take up what an earlier run has left. It waits until `resume`."""
        self._ids = {
            message.message_id
            for message in self._messages
            if message.status is Status.QUEUED and message.is_urgent is self._is_urgent
        }

    @callback
    def resume(self) -> None:
        """Try what waits. What has no time left is reported, or looked for where the service may have it."""
        self._is_stopped = False
        now = dt_util.utcnow().timestamp()
        for message in self._waiting():
            if message.expires_at > now:
                continue
            if message.left_at:
                self._messages.put(replace(message, expires_at=now + LOOKED_FOR, left_times=UNKNOWN_AT_MOST))
            else:
                self._ids.discard(message.message_id)
                self._end(message, "expired" if message.expires_at else "interrupted")
        self.retry_now()

    @callback
    def stop(self) -> None:
        """Stop trying. What waits is in the database."""
        self._is_stopped = True
        self._stop_timer()

    @callback
    def add(self, message: OutboundMessage, *, at_once: bool = False) -> OutboundMessage:
        """Have a message wait until the service takes it; return it."""
        self._messages.put(message)
        self._ids.add(message.message_id)
        if at_once:
            self.retry_now()
        elif len(self._ids) == 1:
            self._plan(self._pause)
        else:
            self._set_timer()
        return message

    @callback
    def retry_now(self) -> None:
        """Try all messages again soon: the service may be back."""
        if self._ids:
            self._plan(0)

    def _waiting(self) -> list[OutboundMessage]:
        return [message for message in self._messages if message.message_id in self._ids]

    @callback
    def _plan(self, seconds: float) -> None:
        self._next_at = self._hass.loop.time() + seconds
        self._set_timer()

    @callback
    def _set_timer(self) -> None:
        """Set the timer to the next try, or to the time at which the first message expires."""
        self._stop_timer()
        if not self._ids or self._is_working or self._is_stopped:
            return
        now = dt_util.utcnow().timestamp()
        first = min((message.expires_at - now for message in self._waiting()), default=LONGEST_PAUSE)
        seconds = max(0.0, min(self._next_at - self._hass.loop.time(), first))
        job = HassJob(self._work, "Send what waits", cancel_on_shutdown=True)
        self._cancel_timer = async_call_later(self._hass, seconds, job)

    @callback
    def _stop_timer(self) -> None:
        if self._cancel_timer:
            self._cancel_timer()
            self._cancel_timer = None

    async def _work(self, _now: datetime) -> None:
        self._cancel_timer = None
        self._is_working = True
        try:
            for message in self._waiting():
                if message.expires_at <= dt_util.utcnow().timestamp():
                    self._ids.discard(message.message_id)
                    self._end(message, "expired")
            if self._next_at <= self._hass.loop.time():
                pause = await self._try_all()
                self._next_at = self._hass.loop.time() + pause
        finally:
            self._is_working = False
        self._set_timer()

    async def _try_all(self) -> float:
        """Try the messages in order, until one shows that the service can't be reached; return the seconds until the next time."""
        tried: set[str] = set()
        while not self._is_stopped:
            message = next((message for message in self._waiting() if message.message_id not in tried), None)
            if message is None:
                break
            tried.add(message.message_id)
            try:
                await self._give(message)
            except RateLimited as err:
                return min(max(err.retry_after, FIRST_PAUSE), LONGEST_PAUSE)
            except NotReachable:
                break
            except LogUnreadable, LimitReached, TooLate:
                if (now := self._messages.find(message.message_id)) and now.status is Status.QUEUED:
                    continue
            except (SmsMobileApiError, HomeAssistantError) as err:
                _LOGGER.debug("A waiting message was not sent: %s", type(err).__name__)
            self._ids.discard(message.message_id)
            self._pause = FIRST_PAUSE
        pause = self._pause
        self._pause = min(2 * pause, LONGEST_PAUSE) if self._ids else FIRST_PAUSE
        return pause
