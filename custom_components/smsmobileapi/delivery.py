"""Delivery: get one message to the service exactly once, as far as that can be known."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
import logging
from typing import Any, Final
from weakref import WeakValueDictionary

from homeassistant.util import dt as dt_util
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential_jitter,
)

from .api import (
    Channel,
    LogEntry,
    NotReachable,
    OutcomeUnknown,
    RateLimited,
    SmsMobileApiClient,
    SmsMobileApiError,
)

_LOGGER = logging.getLogger(__name__)

ATTEMPTS: Final = 4
FIRST_WAIT: Final = 1.0  # seconds; it doubles, with jitter
LONGEST_WAIT: Final = 30.0  # seconds; an automation is waiting
# The service may still be busy with a request that we gave up: when to look for it in the sent log, in seconds from one
# time to the next. How exactly the service searches is not known, so the last time it is the whole log.
LOOK_UPS: Final = (0.5, 2.0, 1.0)
# Of the service's clock and ours. A zone that is guessed wrong is off by quarters of an hour, and by less than a day.
CLOCK_DIFFERENCE: Final = timedelta(minutes=3)
QUARTER: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
IDS_REMEMBERED: Final = 5_000


class Delivery:
    """Sends for one account.

    A request that was not taken is repeated. One that may have been taken is looked for in the sent log first: there is no
    idempotency key (API.md, D).
    """

    def __init__(
        self,
        client: SmsMobileApiClient,
        *,
        normalise: Callable[[str], str],
        is_known: Callable[[str], bool],
    ) -> None:
        """`normalise` is for numbers as the log has them, `is_known` tells the ids of messages that we sent before."""
        self._client = client
        self._normalise = normalise
        self._is_known = is_known
        self._claimed: deque[str] = deque(maxlen=IDS_REMEMBERED)
        # The same text to the same number goes one after the other, else one could be taken for the other in the log.
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def send(self, recipient: str, text: str, channel: Channel) -> str:
        """Send a message; return its id. Raises SmsMobileApiError, OutcomeUnknown where it may have been sent."""
        lock = self._locks.setdefault((recipient, text), asyncio.Lock())
        async with lock:
            message_id = await self._send(recipient, text, channel)
            self._claimed.append(message_id)
            return message_id

    async def resend(self, message_id: str, channel: Channel) -> str:
        """Have the service send a message again; return its id. Raises as `send` does, and never repeats it."""
        sent = await _patiently(partial(self._client.resend_message, message_id, channel))
        return sent.message_id

    async def _send(self, recipient: str, text: str, channel: Channel) -> str:
        request = partial(self._client.send_message, recipient=recipient, text=text, channel=channel)
        started = dt_util.utcnow()
        for _ in range(2):
            try:
                sent = await _patiently(request)
            except OutcomeUnknown as err:
                _LOGGER.debug("Unknown outcome (%s), looking into the sent log", type(err).__name__)
                unknown = err
            else:
                return sent.message_id
            if found := await self._find(recipient, text, started, unknown):
                return found
        raise unknown

    async def _find(
        self, recipient: str, text: str, started: datetime, unknown: OutcomeUnknown
    ) -> str | None:
        """Return the id of the message if the service has it; raise `unknown` where nobody can tell."""
        digits = recipient.removeprefix("+")
        zone = dt_util.get_default_time_zone()
        now = dt_util.utcnow()

        def matches(entry: LogEntry) -> bool:
            return (
                self._normalise(entry.recipient) in {recipient, digits}
                and entry.text.split() == text.split()
                and _may_be_between(entry, started, now)
                and entry.message_id not in self._claimed
                and not self._is_known(entry.message_id)
            )

        for number, seconds in enumerate(LOOK_UPS, 1):
            await asyncio.sleep(seconds)
            keyword = digits if number < len(LOOK_UPS) else None
            try:
                log = await _patiently(partial(self._client.sent_log, zone=zone, keyword=keyword))
            except SmsMobileApiError:
                raise unknown from None
            if entry := next(filter(matches, log), None):
                return entry.message_id
        return None


def _may_be_between(entry: LogEntry, started: datetime, now: datetime) -> bool:
    """Tell whether the row may be of a message that was sent between these times."""
    if entry.sent_at is None:
        return True
    earliest, latest = started - CLOCK_DIFFERENCE, now + CLOCK_DIFFERENCE
    if earliest <= entry.sent_at <= latest:
        return True
    if entry.is_zone_known or abs(entry.sent_at - now) > DAY:
        return False
    # As it would be in a zone that is off by quarters of an hour.
    return (entry.sent_at - earliest) % QUARTER <= latest - earliest


async def _patiently[ResultT](request: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Make a request, and again where it was not taken."""
    return await AsyncRetrying(
        retry=retry_if_exception(_is_worth_waiting),
        wait=_wait,
        stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(2 * LONGEST_WAIT),
        sleep=asyncio.sleep,
        reraise=True,
    )(request)


def _is_worth_waiting(err: BaseException) -> bool:
    return isinstance(err, NotReachable) or (isinstance(err, RateLimited) and err.retry_after <= LONGEST_WAIT)


def _wait(state: RetryCallState) -> float:
    err: Any = state.outcome and state.outcome.exception()
    if isinstance(err, RateLimited):
        return err.retry_after
    return wait_exponential_jitter(multiplier=FIRST_WAIT, max=LONGEST_WAIT, jitter=FIRST_WAIT)(state)
