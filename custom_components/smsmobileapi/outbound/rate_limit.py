"""The rate limit: a loop in an automation stops at the account's limits, and the user is informed once."""

from collections import OrderedDict
from datetime import datetime, timedelta
import logging
import sqlite3
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import CALLBACK_TYPE, Context, Event, HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..database_file import Statement
from ..options import Options
from ..repairs import Issue, Issues
from ..storage import Database

_LOGGER = logging.getLogger(__name__)

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
LOGGED_EVERY: Final = timedelta(hours=1)
RUNS_REMEMBERED: Final = 1_000
# Home Assistant's automations and scripts fire these for each run.
_RUN_EVENTS: Final = ("automation_triggered", "script_started")
_INSERT: Final = "insert into sends (id, time) values (?, ?)"


class LimitReached(HomeAssistantError):
    """A limit is reached."""


class RateLimiter:
    """Counts what one account sends, also over a restart, and refuses what is beyond its limits.

    It remembers the last runs of automations and scripts by their contexts, to name the one that reaches a limit.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, *, options: Options, database: Database, issues: Issues
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._options = options
        self._database = database
        self._issues = issues
        # The Unix seconds of what was sent, by the ids of their rows; ids only grow.
        self._sends: dict[int, float] = {}
        self._last_id = 0
        self._runs: OrderedDict[str, str] = OrderedDict()
        self._logged_at: dict[timedelta, datetime] = {}
        self._cancel_end: CALLBACK_TYPE | None = None
        self.resumes_at: datetime | None = None
        self._reached: tuple[int, int] | None = None  # the limits when one of them was reached
        database.add_snapshot(self._snapshot)

    async def load(self) -> None:
        """Read what was sent before."""
        self._sends = await self._database.load(_read, {})
        self._last_id = max(self._sends, default=0)

    @callback
    def start(self) -> None:
        """Follow the runs of automations and scripts until the entry is unloaded."""
        for event_type in _RUN_EVENTS:
            self._entry.async_on_unload(self._hass.bus.async_listen(event_type, self._remember_run))

    @callback
    def stop(self) -> None:
        """Cancel the timer for the time at which sending resumes."""
        if self._cancel_end:
            self._cancel_end()
            self._cancel_end = None

    @property
    def sent_in_a_day(self) -> int:
        """Return how many messages were sent in the last 24 hours."""
        since = dt_util.utcnow().timestamp() - DAY.total_seconds()
        return sum(time > since for time in self._sends.values())

    @callback
    def acquire(self, parts: int = 1, *, is_urgent: bool, context: Context | None) -> int:
        """Count a message that is about to be sent; return what `release` needs. Raises HomeAssistantError at a limit.

        An urgent message may exceed the limit of a minute, never that of a day.
        """
        now = dt_util.utcnow().timestamp()
        self._forget_old(now)
        self._check(DAY, self._options.messages_per_day, now, context)
        if not is_urgent:
            self._check(MINUTE, self._options.messages_per_minute, now, context)
        self._last_id += 1
        self._sends[self._last_id] = now
        self._database.write((_INSERT, [(self._last_id, now)]))
        return self._last_id

    @callback
    def release(self, send_id: int) -> None:
        """Stop counting a message that was not sent."""
        self._sends.pop(send_id, None)
        self._delete([send_id])

    def _forget_old(self, now: float) -> None:
        """Forget what was sent more than a day ago.

        Where the clock was put back, a time in the future becomes now, so that it counts no longer than a day.
        """
        since = now - DAY.total_seconds()
        if old := [send_id for send_id, time in self._sends.items() if time <= since]:
            for send_id in old:
                del self._sends[send_id]
            self._delete(old)
        if future := [send_id for send_id, time in self._sends.items() if time > now]:
            self._sends.update(dict.fromkeys(future, now))
            rows = [(now, send_id) for send_id in future]
            self._database.write(("update sends set time = ? where id = ?", rows))

    def _delete(self, send_ids: list[int]) -> None:
        rows = [(send_id,) for send_id in send_ids]
        self._database.write(("delete from sends where id = ?", rows))

    def _check(self, period: timedelta, limit: int, now: float, context: Context | None) -> None:
        since = now - period.total_seconds()
        times = sorted(time for time in self._sends.values() if time > since)
        if len(times) >= limit:
            # Sending resumes when fewer than `limit` of these are in the period.
            resumes_at = dt_util.utc_from_timestamp(times[len(times) - limit]) + period
            raise self._limit_reached(period, limit, resumes_at, self._source_of(context))

    def _limit_reached(
        self, period: timedelta, limit: int, resumes_at: datetime, source: str | None
    ) -> HomeAssistantError:
        """Inform the user that a limit is reached; return the error to raise. `source` is an entity id."""
        resumes = _as_text(resumes_at)
        if resumes_at != self.resumes_at:
            self.stop()
            self.resumes_at, self._reached = resumes_at, self._limits()
            job = HassJob(self._end, cancel_on_shutdown=True)
            self._cancel_end = async_track_point_in_utc_time(self._hass, job, resumes_at)
            key = "flood" if source is None else "flood_by"
            self._issues.create(Issue.FLOOD, key, limit=str(limit), resumes=resumes, source=source or "")
        unit = "minute" if period == MINUTE else "day"
        now = dt_util.utcnow()
        logged_at = self._logged_at.get(period)
        if logged_at is None or abs(now - logged_at) >= LOGGED_EVERY:
            self._logged_at[period] = now
            caller = source or "an unknown caller"
            _LOGGER.warning(
                "%s reached the limit of %d messages a %s; sending resumes at %s",
                caller,
                limit,
                unit,
                resumes,
            )
        return LimitReached(
            translation_domain=DOMAIN,
            translation_key="limit_minute" if period == MINUTE else "limit_day",
            translation_placeholders={"limit": str(limit), "resumes": resumes},
        )

    def _limits(self) -> tuple[int, int]:
        return self._options.messages_per_minute, self._options.messages_per_day

    @callback
    def options_changed(self) -> None:
        """Report a reached limit no longer where the limits are others now; the next message finds out."""
        if self.resumes_at and self._reached != self._limits():
            self.stop()
            self._end(dt_util.utcnow())

    @callback
    def _end(self, _now: datetime) -> None:
        self._cancel_end = self.resumes_at = None
        self._issues.clear(Issue.FLOOD)

    def _source_of(self, context: Context | None) -> str | None:
        """Return the entity id of the automation or script in whose run the context was made, None where it is not known."""
        if context is None:
            return None
        return self._runs.get(context.id) or self._runs.get(context.parent_id or "")

    @callback
    def _remember_run(self, event: Event[Any]) -> None:
        # A script that an automation calls has the same context. The automation comes first, and it is what loops.
        self._runs.setdefault(event.context.id, event.data[ATTR_ENTITY_ID])
        if len(self._runs) > RUNS_REMEMBERED:
            self._runs.popitem(last=False)

    def _snapshot(self) -> list[Statement]:
        return [(_INSERT, list(self._sends.items()))]


def _read(connection: sqlite3.Connection) -> dict[int, float]:
    return dict(connection.execute("select id, time from sends order by id"))


def _as_text(time: datetime) -> str:
    """Return a time as the user reads it: with its date where that is not today."""
    local = dt_util.as_local(time)
    return local.strftime("%H:%M:%S" if local.date() == dt_util.now().date() else "%Y-%m-%d %H:%M:%S")
