"""Delivery: get one message to the service exactly once, as far as that can be known."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
import logging
import re
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
# What the service may take for a link, and make a short one of.
_LINK: Final = re.compile(r"\S*(?:://|\w\.\w)\S*")


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
        # What looks alike in the log goes to the same number one after the other, else one could be taken for the other.
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._under_way: list[SendRequest] = []

    async def send(self, message: SendRequest, *, perhaps_since: datetime | None = None) -> str:
        """Send a message; return its id. Raises SmsMobileApiError, OutcomeUnknown where it may have been sent.

        What may have been sent before, since `perhaps_since`, is looked for first.
        """
        lock = self._locks.setdefault((message.recipient, _likeness(message)), asyncio.Lock())
        async with lock:
            self._under_way.append(message)
            try:
                message_id = await self._send(message, perhaps_since)
            finally:
                self._under_way.remove(message)
            self._claimed.append(message_id)
            return message_id

    async def resend(self, message_id: str, channel: Channel) -> str:
        """Have the service send a message again; return its id. Raises as `send` does, and never repeats it."""
        sent = await _retry(partial(self._client.resend_message, message_id, channel))
        return sent.message_id

    async def notify(self, sid: str, title: str, text: str) -> None:
        """Show a notification on a phone. Raises as `send` does, and never repeats it."""
        await _retry(partial(self._client.send_notification, sid, title, text))

    async def _send(self, message: SendRequest, perhaps_since: datetime | None) -> str:
        request = partial(self._client.send_message, message)
        started = perhaps_since or dt_util.utcnow()
        unknown = OutcomeUnknown("it may have been sent before")
        if perhaps_since and (found := await self._find(message, started, unknown)):
            return found
        for _ in range(2):
            try:
                sent = await _retry(request)
            except OutcomeUnknown as err:
                _LOGGER.debug("Unknown outcome (%s), looking into the sent log", type(err).__name__)
                unknown = err
            else:
                return sent.message_id
            if found := await self._find(message, started, unknown):
                return found
        raise unknown

    async def _find(self, message: SendRequest, started: datetime, unknown: OutcomeUnknown) -> str | None:
        """Return the id of the message if the service has it; raise `unknown` where nobody can tell."""
        digits = message.recipient.removeprefix("+")
        zone = dt_util.get_default_time_zone()
        now = dt_util.utcnow()

        def may_be_it(entry: SentLogEntry) -> bool:
            return (
                self._normalise(entry.recipient) in {message.recipient, digits}
                and (_may_be_between(entry, started, now) or _may_be_at(entry, message.send_at))
                and entry.message_id not in self._claimed
                and not self._is_known(entry.message_id)
                and not (message.encrypt and self._is_other(entry, message))
            )

        for number, seconds in enumerate(LOOK_UPS, 1):
            await asyncio.sleep(seconds)
            keyword = digits if number < len(LOOK_UPS) else None
            try:
                log = await _retry(partial(self._client.sent_log, zone=zone, keyword=keyword))
            except SmsMobileApiError:
                raise unknown from None
            entries = list(filter(may_be_it, log))
            if entry := next((entry for entry in entries if _is_text(entry.text, message)), None):
                return entry.message_id
        if message.encrypt and entries:
            # How the log has what is encrypted is not known: one of these may be it.
            raise unknown
        return None

    def _is_other(self, entry: SentLogEntry, message: SendRequest) -> bool:
        """Tell whether the row is rather that of another message, which has no answer yet."""
        return any(
            other.recipient == message.recipient and not other.encrypt and _is_text(entry.text, other)
            for other in self._under_way
        )


def _likeness(message: SendRequest) -> str:
    """Return what messages have in common that may look alike in the sent log."""
    return "" if message.encrypt else _LINK.sub("…", " ".join(message.text.split()))


def _is_text(text: str, message: SendRequest) -> bool:
    """Tell whether the sent log has the message like this: with other blanks, links made short, or as one long code."""
    words, logged = message.text.split(), text.split()
    if message.encrypt and len(logged) == 1 and len(logged[0]) >= len(message.text):
        return True
    return len(words) == len(logged) and all(
        word == other or (message.short_links and _LINK.fullmatch(word) and _LINK.fullmatch(other))
        for word, other in zip(words, logged, strict=True)
    )


def _may_be_at(entry: SentLogEntry, send_at: datetime | None) -> bool:
    """Tell whether the row may be of a message that was to be sent at this time."""
    return send_at is not None and _may_be_between(entry, send_at, send_at)


def _may_be_between(entry: SentLogEntry, started: datetime, now: datetime) -> bool:
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


async def _retry[ResultT](request: Callable[[], Awaitable[ResultT]]) -> ResultT:
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
