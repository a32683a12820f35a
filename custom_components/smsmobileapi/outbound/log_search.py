"""Search the sent log for a message that the service may have accepted: it has no idempotency key (D)."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import accumulate
import logging
from typing import Final
from weakref import WeakValueDictionary

from homeassistant.util import dt as dt_util

from ..api import OutcomeUnknown, SendRequest, SentLogEntry, SmsMobileApiClient, SmsMobileApiError

_LOGGER = logging.getLogger(__name__)

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


class LogSearch:
    """Looks for the messages of one account."""

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
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def lock(self, request: SendRequest) -> asyncio.Lock:
        """Return the lock under which equal texts to one number are sent: in the log, one could be taken for the other."""
        key = (request.recipient, _without_blanks(request.text))
        return self._locks.setdefault(key, asyncio.Lock())

    async def find(
        self, request: SendRequest, since: datetime, *, is_new: bool, can_wait: bool
    ) -> str | None:
        """Return the id of the message if it is in the sent log, None where it is not.

        It was requested since `since`; with `is_new` the last request has just ended. Raises OutcomeUnknown where the log does
        not tell, LogUnreadable where it may tell later; with `can_wait` as soon as it can't be read.
        """
        if request.encrypt or request.short_links:
            # How the log has such a text is not known.
            raise OutcomeUnknown("the log may have the text in another form")
        digits = request.recipient.removeprefix("+")
        zone = dt_util.get_default_time_zone()
        elapsed = 0.0 if is_new else (dt_util.utcnow() - since).total_seconds()
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
            raise LogUnreadable("the sent log can't be read")
        return None


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
