"""Delivery: give a message to the service exactly once, as far as its answers allow."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
import logging
import random
from typing import Final
from weakref import WeakValueDictionary

from homeassistant.util import dt as dt_util

from ..api import (
    Channel,
    NotReachable,
    OutcomeUnknown,
    RateLimited,
    SendRequest,
    SentLogEntry,
    SmsMobileApiClient,
    SmsMobileApiError,
)

_LOGGER = logging.getLogger(__name__)

# How many requests to send run at a time: so many normal ones, and as many urgent ones beside them.
AT_A_TIME: Final = 4
ATTEMPTS: Final = 4
FIRST_WAIT: Final = 1.0  # seconds; it doubles, with jitter
LONGEST_WAIT: Final = 30.0  # seconds; an automation is waiting
# How often a message may be requested without it being known whether the service accepted it.
UNKNOWN_AT_MOST: Final = 2
# The service may still be working on a request that got no answer: when to look for the message in the sent log, in
# seconds from one time to the next. How exactly the service searches is not known, so the last time it is the whole log.
LOOK_UPS: Final = (0.5, 2.0, 5.0, 15.0, 40.0)
# The most by which the service's clock and ours differ. A time of which we guess the zone wrong is off by a multiple of a
# quarter of an hour, and by less than a day.
CLOCK_DIFFERENCE: Final = timedelta(minutes=3)
QUARTER: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)


class LogUnreadable(OutcomeUnknown):
    """The service may have the message, and its log could not be read: it can be looked for later."""


class Delivery:
    """Sends for one account.

    A message that may have been accepted is looked for in the sent log before it is sent once more: the service has no
    idempotency key (D, as explained in the package api).
    """

    def __init__(
        self,
        client: SmsMobileApiClient,
        *,
        normalise: Callable[[str], str],
        is_known: Callable[[str], bool],
    ) -> None:
        """`normalise` is applied to numbers in the log; `is_known` returns whether an id is that of a message sent before.

        A message has to be known before its sender waits for anything: the next one with its text may be looked for then.
        """
        self._client = client
        self._normalise = normalise
        self._is_known = is_known
        # Equal texts to one number are sent one after the other: in the log, one could be taken for the other.
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._slots = {is_urgent: asyncio.Semaphore(AT_A_TIME) for is_urgent in (False, True)}

    async def send(
        self,
        request: SendRequest,
        *,
        is_urgent: bool,
        can_wait: bool,
        leaves: Callable[[], Awaitable[None]],
        left_at: datetime | None = None,
        left_times: int = 0,
    ) -> str:
        """Give a message to the service; return its id.

        `leaves` is awaited before each request. The service may have it since `left_at` already, from `left_times` requests;
        then it is looked for first. Raises SmsMobileApiError: OutcomeUnknown where the service may have it, and LogUnreadable
        where it is worth to look for it later, with `can_wait` as soon as the log can't be read.
        """
        lock = self._locks.setdefault((request.recipient, _without_blanks(request.text)), asyncio.Lock())
        async with lock:
            since = left_at or dt_util.utcnow()
            unknown = OutcomeUnknown("it may have been sent before") if left_at else None
            if unknown and (message_id := await self._find(request, since, unknown, can_wait, waited=True)):
                return message_id
            for _ in range(left_times, UNKNOWN_AT_MOST):
                try:
                    async with self._slots[is_urgent]:
                        await leaves()
                        return await self._client.send_message(request)
                except OutcomeUnknown as err:
                    _LOGGER.debug("Unknown outcome (%s)", type(err).__name__)
                    unknown = err
                except NotReachable, RateLimited:
                    if unknown is None:
                        raise
                if message_id := await self._find(request, since, unknown, can_wait):
                    return message_id
            raise unknown or OutcomeUnknown("it may have been sent before")

    async def resend(self, message_id: str, channel: Channel, leaves: Callable[[], None]) -> str:
        """Have the service send a message again; return its id. Raises as `send`; repeats nothing that may have been done."""
        async with self._slots[False]:
            leaves()
            return await _with_retry(partial(self._client.resend_message, message_id, channel))

    async def notify(
        self, sid: str, title: str, text: str, *, is_urgent: bool, leaves: Callable[[], None]
    ) -> None:
        """Show a notification on a phone. Raises as `send`; repeats nothing that may have been done."""
        async with self._slots[is_urgent]:
            leaves()
            await _with_retry(partial(self._client.send_notification, sid, title, text))

    async def _find(
        self,
        request: SendRequest,
        since: datetime,
        unknown: OutcomeUnknown,
        can_wait: bool,
        *,
        waited: bool = False,
    ) -> str | None:
        """Return the id of the message if it is in the sent log, None where it is not; raise where it can't be found out.

        With `waited`, the request was made at `since`, else just now.
        """
        if request.encrypt or request.short_links:
            # How the log has such a text is not known.
            raise unknown
        digits = request.recipient.removeprefix("+")
        zone = dt_util.get_default_time_zone()
        elapsed = (dt_util.utcnow() - since).total_seconds() if waited else 0.0
        is_read = False
        times = [time for time in accumulate(LOOK_UPS) if time >= elapsed] or [elapsed]
        for time in times:
            await asyncio.sleep(max(0.0, time - elapsed))
            elapsed = max(time, elapsed)
            try:
                log = await self._client.sent_log(zone=zone, keyword=digits if time < times[-1] else None)
            except SmsMobileApiError as err:
                _LOGGER.debug("The sent log can't be read: %s", type(err).__name__)
                is_read = False
                if can_wait:
                    break
                continue
            is_read = True
            now = dt_util.utcnow()
            for entry in log:
                if (
                    self._normalise(entry.recipient) in {request.recipient, digits}
                    and _without_blanks(entry.text) == _without_blanks(request.text)
                    and _may_be_sent_between(entry, since, now, request.send_at)
                    and not self._is_known(entry.message_id)
                ):
                    return entry.message_id
        if not is_read:
            raise LogUnreadable(str(unknown))
        return None


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


async def _with_retry[ResultT](request: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Make a request, and again where it was not accepted."""
    retry = Retry()
    while True:
        try:
            return await request()
        except SmsMobileApiError as err:
            await retry.wait(err)


def _without_blanks(text: str) -> str:
    """Return a text in the form in which it is compared: the service may change blanks and line breaks."""
    return " ".join(text.split())


def _may_be_sent_between(
    entry: SentLogEntry, since: datetime, now: datetime, send_at: datetime | None
) -> bool:
    """Return whether the log's time fits a message that was sent between these times, or that is to be sent at `send_at`."""
    if entry.sent_at is None:
        return True
    zoned = entry.is_zone_known
    return _fits(entry.sent_at, zoned, since, now) or (
        send_at is not None and _fits(entry.sent_at, zoned, send_at, send_at)
    )


def _fits(sent_at: datetime, is_zone_known: bool, first: datetime, last: datetime) -> bool:
    earliest, latest = first - CLOCK_DIFFERENCE, last + CLOCK_DIFFERENCE
    if earliest <= sent_at <= latest:
        return True
    if is_zone_known or abs(sent_at - last) > DAY:
        return False
    # Whether it fits in a zone that is off by a multiple of a quarter of an hour.
    return (sent_at - earliest) % QUARTER <= latest - earliest
