"""The rate limit: a loop in an automation stops at its share of the account's limits, and the user is informed once.

The README has the rules. They count SMS; a WhatsApp message or a notification is one.
"""

from dataclasses import replace
from datetime import datetime, timedelta
import logging
import math
import sqlite3
import time
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, Context, HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..database_file import Statement
from ..options import Options
from ..repairs import Issue, Issues
from ..storage import Database
from .callers import async_callers
from .window import Kind, Reached, Send, Window

_LOGGER = logging.getLogger(__name__)

MINUTE: Final = timedelta(minutes=1).total_seconds()
DAY: Final = timedelta(days=1).total_seconds()
LOGGED_EVERY: Final = timedelta(hours=1).total_seconds()
# A difference of the clock from the monotonic one, in seconds, that is a change of the clock.
CLOCK_CHANGE: Final = 1.0
# For each limit: the error where all have reached it, the error where one has reached its share, the unit in the log.
_TEXTS: Final = {
    "minute": ("limit_minute", "limit_minute_share", "SMS a minute"),
    "day": ("limit_day", "limit_day_share", "SMS a day"),
    "urgent": ("limit_urgent", "limit_urgent_share", "urgent SMS a day beyond the limit of a day"),
}
_INSERT: Final = "insert into sends (id, time, parts, source, kind) values (?, ?, ?, ?, ?)"

# Id, time, SMS, source and kind.
type _Row = tuple[int, float, int, str | None, Kind]


class LimitReached(HomeAssistantError):
    """A message was not sent because of a limit; `is_lasting` where it will not be sent later either, as it is too long."""

    is_lasting = False

    def __init__(self, key: str, **placeholders: str) -> None:
        super().__init__(
            translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
        )


class RateLimiter:
    """Counts what one account sends, also over a restart, and refuses what is beyond its limits.

    Ages are taken from the monotonic clock, so a change of the clock neither forgets nor prolongs. Only the database has
    times of the clock (Unix seconds), which it is given anew after a change.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, *, options: Options, database: Database, issues: Issues
    ) -> None:
        self._hass = hass
        self._options = options
        self._database = database
        self._issues = issues
        self._day = Window("day", DAY, lambda: options.messages_per_day)
        self._minute = Window("minute", MINUTE, lambda: options.messages_per_minute)
        self._reserve = Window("urgent", DAY, lambda: options.urgent_reserve)
        self._windows = {
            Kind.NORMAL: (self._day, self._minute),
            Kind.URGENT: (self._day,),
            Kind.RESERVE: (self._reserve,),
        }
        self._last_id = 0  # ids only grow
        self._clock = _clock()
        self._logged_at: dict[tuple[str, bool, str | None], float] = {}
        self._cancel_end: CALLBACK_TYPE | None = None
        self._reached: Reached | None = None  # what the issue shows
        self._limits_then: tuple[int, ...] = ()
        database.add_snapshot(self._snapshot)

    async def load(self) -> None:
        """Read what was sent before. A time in the future, from before the clock was put back, becomes now."""
        rows: list[_Row] = await self._database.load(_read, [])
        self._clock = _clock()
        now = time.monotonic()
        for send_id, sent_at, parts, source, kind in rows:
            at = min(sent_at - self._clock, now)
            self._count(send_id, Send(time=at, parts=parts, source=source, kind=kind))
            self._last_id = max(self._last_id, send_id)
        if rows and rows[-1][1] > now + self._clock:
            self._write_times()

    @callback
    def start(self) -> None:
        """Follow the runs of automations and scripts from now on."""
        async_callers(self._hass)

    @callback
    def stop(self) -> None:
        """Cancel the timer for the time at which sending resumes."""
        self._follow_clock()
        self._cancel_timer()

    @property
    def sent_in_a_day(self) -> int:
        """Return how many SMS were sent in the last 24 hours."""
        self._advance()
        return self._day.used + self._reserve.used

    @property
    def reserve_used(self) -> int:
        """Return how many of them were urgent ones beyond the limit of a day."""
        self._advance()
        return self._reserve.used

    @property
    def resumes_at(self) -> datetime | None:
        """Return when the limit that was reached lets messages pass, None where none is reached."""
        return _as_datetime(self._reached.resumes) if self._reached else None

    @callback
    def acquire(self, parts: int, *, is_urgent: bool, context: Context | None) -> int:
        """Count a message of so many SMS that is about to be sent; return what `release` needs.

        Raises LimitReached. An urgent message may exceed the limit of a minute, and beyond that of a day it uses the reserve.
        """
        self._follow_clock()
        self._advance()
        source = async_callers(self._hass).source_of(context)
        kind = self._choose(parts, is_urgent, source)
        self._last_id += 1
        send = Send(time=time.monotonic(), parts=parts, source=source, kind=kind)
        self._count(self._last_id, send)
        self._database.write((_INSERT, [self._row(self._last_id, send)]))
        return self._last_id

    @callback
    def release(self, send_id: int) -> None:
        """Stop counting a message that was not sent."""
        for window in (self._day, self._minute, self._reserve):
            window.remove(send_id)
        self._delete([send_id])

    def _count(self, send_id: int, send: Send) -> None:
        for window in self._windows[send.kind]:
            window.add(send_id, send)

    def _choose(self, parts: int, is_urgent: bool, source: str | None) -> Kind:
        """Return what the message is to count against. Raises LimitReached."""
        kinds = [Kind.URGENT, Kind.RESERVE] if is_urgent else [Kind.NORMAL]
        shares = {kind: min(window.share for window in self._windows[kind]) for kind in kinds}
        if parts > (most := max(shares.values())):
            too_long = LimitReached("limit_parts", parts=str(parts), limit=str(most))
            too_long.is_lasting = True
            raise too_long
        all_reached = []
        for kind in kinds:
            if parts > shares[kind]:
                continue
            reached = [each for window in self._windows[kind] if (each := window.check(parts, source))]
            if not reached:
                return kind
            all_reached.append(max(reached, key=lambda each: each.resumes))
        # An urgent message is told of the reserve, but can be sent as soon as either lets it pass.
        resumes = min(each.resumes for each in all_reached)
        raise self._limit_reached(replace(all_reached[-1], resumes=resumes))

    # The clock.

    def _advance(self) -> None:
        """Forget what was sent more than a day ago."""
        now = time.monotonic()
        self._minute.advance(now)
        if old := self._day.advance(now) + self._reserve.advance(now):
            self._delete(old)

    def _follow_clock(self) -> None:
        """Give the rows their times anew where the clock was changed: after a restart there is nothing else to go by."""
        if abs(_clock() - self._clock) > CLOCK_CHANGE:
            self._clock = _clock()
            self._write_times()

    def _write_times(self) -> None:
        rows = [(send.time + self._clock, send_id) for send_id, send in self._sends()]
        self._database.write(("update sends set time = ? where id = ?", rows))

    # What the user is told.

    def _limit_reached(self, reached: Reached) -> LimitReached:
        """Inform the user that a limit is reached; return the error to raise."""
        resumes = _as_text(_as_datetime(reached.resumes))
        if self._reached is None or reached.resumes > self._reached.resumes:
            self._cancel_timer()
            self._reached, self._limits_then = reached, self._limits()
            job = HassJob(self._end, cancel_on_shutdown=True)
            self._cancel_end = async_call_later(self._hass, reached.resumes - time.monotonic(), job)
            key = "flood" if reached.source is None else "flood_by"
            limit, source = str(reached.limit), reached.source or ""
            self._issues.create(Issue.FLOOD, key, limit=limit, resumes=resumes, source=source)
        self._log(reached, resumes)
        key, share_key, _ = _TEXTS[reached.name]
        return LimitReached(share_key if reached.is_share else key, limit=str(reached.limit), resumes=resumes)

    def _log(self, reached: Reached, resumes: str) -> None:
        rule = (reached.name, reached.is_share, reached.source)
        now = time.monotonic()
        if now - self._logged_at.get(rule, -math.inf) < LOGGED_EVERY:
            return
        self._logged_at[rule] = now
        source = reached.source or "an unknown caller"
        limit = f"limit of {reached.limit} {_TEXTS[reached.name][-1]}"
        if reached.is_share:
            _LOGGER.warning("%s reached its %s; sending resumes at %s", source, limit, resumes)
        else:
            _LOGGER.warning("The %s is reached, mostly by %s; sending resumes at %s", limit, source, resumes)

    def _limits(self) -> tuple[int, ...]:
        options = self._options
        return options.messages_per_minute, options.messages_per_day, options.urgent_reserve

    @callback
    def options_changed(self) -> None:
        """Report a reached limit no longer where the limits are others now; the next message finds out."""
        if self._reached and self._limits_then != self._limits():
            self._cancel_timer()
            self._end(dt_util.utcnow())

    @callback
    def _end(self, _now: datetime) -> None:
        self._cancel_end = self._reached = None
        self._issues.clear(Issue.FLOOD)

    @callback
    def _cancel_timer(self) -> None:
        if self._cancel_end:
            self._cancel_end()
            self._cancel_end = None

    # The database.

    def _sends(self) -> list[tuple[int, Send]]:
        return [*self._day.sends.items(), *self._reserve.sends.items()]

    def _row(self, send_id: int, send: Send) -> _Row:
        return send_id, send.time + self._clock, send.parts, send.source, send.kind

    def _delete(self, send_ids: list[int]) -> None:
        self._database.write(("delete from sends where id = ?", [(send_id,) for send_id in send_ids]))

    def _snapshot(self) -> list[Statement]:
        return [(_INSERT, [self._row(send_id, send) for send_id, send in self._sends()])]


def _read(connection: sqlite3.Connection) -> list[_Row]:
    """Return all rows, the oldest first. A file of version 1 that can only be read has no more than two columns."""
    rows = []
    for send_id, sent_at, *more in connection.execute("select * from sends order by time"):
        parts, source, kind = more or (1, None, Kind.NORMAL)
        rows.append((send_id, sent_at, parts, source, Kind(kind)))
    return rows


def _clock() -> float:
    """Return the difference of the clock (Unix seconds) from the monotonic one."""
    return dt_util.utcnow().timestamp() - time.monotonic()


def _as_datetime(monotonic: float) -> datetime:
    """Return a time of the monotonic clock as one of the clock, rounded up to whole seconds."""
    return dt_util.utc_from_timestamp(math.ceil(round(monotonic + _clock(), 3)))


def _as_text(time: datetime) -> str:
    """Return a time as the user reads it: with its date where that is not today."""
    local = dt_util.as_local(time)
    return local.strftime("%H:%M:%S" if local.date() == dt_util.now().date() else "%Y-%m-%d %H:%M:%S")
