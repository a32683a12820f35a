"""The flood guard: how many messages an account may send in a minute and in a day."""

from datetime import datetime, timedelta
from typing import Final, TypedDict

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..options import Options
from ..storage import AccountStore, File

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)


class _Saved(TypedDict):
    sent_at: list[float]


class LimitReached(Exception):
    """No more messages may be sent before `resumes_at`; `period` tells which limit was reached."""

    def __init__(self, period: timedelta, limit: int, resumes_at: datetime) -> None:
        super().__init__("limit reached")
        self.period = period
        self.limit = limit
        self.resumes_at = resumes_at


class Limits:
    """Counts what one account sends, over a restart too."""

    def __init__(self, hass: HomeAssistant, entry_id: str, options: Options) -> None:
        self._store = AccountStore[_Saved](hass, entry_id, File.LIMITS)
        self._options = options
        self._sent_at: list[float] = []

    async def load(self) -> None:
        """Read what was sent before."""
        self._sent_at = await self._store.load(lambda saved: [float(time) for time in saved["sent_at"]]) or []

    async def close(self) -> None:
        """Write it for the last time."""
        await self._store.close(self._as_saved())

    @property
    def sent_in_a_day(self) -> int:
        """Return how many messages were sent in the last 24 hours."""
        return len(self._within(DAY))

    @callback
    def take(self, *, is_urgent: bool = False) -> float:
        """Count a message that is about to be sent; return what `release` needs. Raises LimitReached.

        What is urgent goes past the limit of a minute, never past that of a day.
        """
        now = dt_util.utcnow().timestamp()
        # A clock that was put back leaves times that have not come yet: they count from now on, and no longer than a day.
        self._sent_at = sorted(min(time, now) for time in self._within(DAY))
        self._check(self._sent_at, DAY, self._options.messages_per_day)
        if not is_urgent:
            self._check(self._within(MINUTE), MINUTE, self._options.messages_per_minute)
        self._sent_at.append(now)
        self._store.save_soon(self._as_saved)
        return now

    @callback
    def release(self, taken: float) -> None:
        """Uncount a message that was not sent after all."""
        if taken in self._sent_at:
            self._sent_at.remove(taken)
            self._store.save_soon(self._as_saved)

    def _check(self, sent_at: list[float], period: timedelta, limit: int) -> None:
        if len(sent_at) >= limit:
            first_to_leave = sent_at[len(sent_at) - limit]
            raise LimitReached(period, limit, dt_util.utc_from_timestamp(first_to_leave) + period)

    def _within(self, period: timedelta) -> list[float]:
        since = dt_util.utcnow().timestamp() - period.total_seconds()
        return [time for time in self._sent_at if time > since]

    def _as_saved(self) -> _Saved:
        return {"sent_at": list(self._sent_at)}
