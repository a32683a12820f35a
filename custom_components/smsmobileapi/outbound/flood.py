"""The flood guard: a loop in an automation stops at the account's limit, and the user hears of it once."""

from datetime import datetime, timedelta
import logging
from typing import Final

from homeassistant.core import CALLBACK_TYPE, Context, HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from ..errors import failed
from ..repairs import Issue, Issues
from .culprits import Culprits
from .limits import MINUTE, LimitReached, Limits

_LOGGER = logging.getLogger(__name__)

LOGGED_EVERY: Final = timedelta(hours=1)


class FloodGuard:
    """Lets messages pass, or says until when and because of whom they don't."""

    def __init__(self, hass: HomeAssistant, limits: Limits, culprits: Culprits, issues: Issues) -> None:
        self._hass = hass
        self._limits = limits
        self._issues = issues
        self._culprits = culprits
        self._logged_at: dict[str, datetime] = {}
        self._end: CALLBACK_TYPE | None = None
        self.resumes_at: datetime | None = None

    @callback
    def acquire(self, *, is_urgent: bool, context: Context | None) -> float:
        """Count a message that is about to be sent; return what `release` needs. Raises HomeAssistantError."""
        try:
            return self._limits.take(is_urgent=is_urgent)
        except LimitReached as err:
            raise self._stop(err, context) from None

    @callback
    def release(self, taken: float) -> None:
        """Uncount a message that was not sent after all."""
        self._limits.release(taken)

    @callback
    def close(self) -> None:
        """Stop waiting for the end of a flood."""
        if self._end:
            self._end()
            self._end = None

    def _stop(self, reached: LimitReached, context: Context | None) -> HomeAssistantError:
        resumes = dt_util.as_local(reached.resumes_at).strftime("%H:%M:%S")
        per = "minute" if reached.period == MINUTE else "day"
        culprit = self._culprits.find(context)
        if reached.resumes_at != self.resumes_at:
            self.close()
            self.resumes_at = reached.resumes_at
            job = HassJob(self._ended, cancel_on_shutdown=True)
            self._end = async_track_point_in_utc_time(self._hass, job, reached.resumes_at)
            key = "flood" if culprit is None else "flood_by"
            self._issues.create(
                Issue.FLOOD, key, limit=str(reached.limit), resumes=resumes, culprit=culprit or ""
            )
        self._log_once(per, reached.limit, culprit or "an unknown caller", resumes)
        key = "limit_minute" if reached.period == MINUTE else "limit_day"
        return failed(key, limit=str(reached.limit), resumes=resumes)

    def _log_once(self, per: str, limit: int, culprit: str, resumes: str) -> None:
        now = dt_util.utcnow()
        last = self._logged_at.get(per)
        if last is None or abs(now - last) >= LOGGED_EVERY:
            self._logged_at[per] = now
            _LOGGER.warning(
                "The limit of %d messages a %s is reached by %s; sending resumes at %s",
                limit,
                per,
                culprit,
                resumes,
            )

    @callback
    def _ended(self, _now: datetime) -> None:
        self._end = self.resumes_at = None
        self._issues.clear(Issue.FLOOD)
