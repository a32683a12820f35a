"""Reports: the status of each message that the service accepted, from its webhook or its sent log."""

import asyncio
from dataclasses import asdict, replace
from datetime import datetime
from heapq import heappop, heappush
import json
import logging
import sqlite3
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect, async_dispatcher_send
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from ..api import SentLogEntry, SmsMobileApiClient, SmsMobileApiError, Status, StatusReport
from ..const import EVENT_MESSAGE_REPORT, signal_report, signal_sent, signal_status
from ..database_file import Statement
from ..numbers import mask
from ..storage import Database
from .models import OutboundMessage

_LOGGER = logging.getLogger(__name__)

# Seconds from one look-up of a message to the next; after the last, its status is unknown.
LOOK_UPS: Final = (5, 15, 45, 120, 300, 900, 1800)
# The service may report a message later, and our messages have to be known from those of others.
KEPT_FOR: Final = 30 * 86_400  # seconds
KEPT_AT_MOST: Final = 2_000
# How old a failed message may be that is sent as SMS after Home Assistant was down.
SMS_WITHIN: Final = 86_400  # seconds
EARLY_REPORTS_AT_MOST: Final = 500
# From this many messages on, the whole log is one request instead of one for each.
WHOLE_LOG_FROM: Final = 10

_UPSERT: Final = (
    "insert into messages (message_id, data) values (?, ?)"
    " on conflict (message_id) do update set data = excluded.data"
)


class Reports:
    """Follows the messages of one account."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, *, client: SmsMobileApiClient, database: Database
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._client = client
        self._database = database
        # By id, the oldest first.
        self._messages: dict[str, OutboundMessage] = {}
        # A heap of the look-ups, (time, message id). An entry is stale where its message has another time by now.
        self._look_ups: list[tuple[float, str]] = []
        self._cancel_timer: CALLBACK_TYPE | None = None
        self._timer_at: float | None = None
        self._is_stopped = False
        # Reports of messages whose ids the service has not answered with yet.
        self._early: dict[str, StatusReport] = {}
        database.add_snapshot(self._snapshot)

    async def load(self) -> None:
        """Read which messages are followed."""
        nothing: list[OutboundMessage] = []
        messages = await self._database.load(_read, nothing)
        self._messages = {message.message_id: message for message in messages}
        for message in messages:
            self._plan_look_up(message)

    @callback
    def start(self) -> None:
        """Receive the service's reports, and look up what it does not report."""
        self._entry.async_on_unload(
            async_dispatcher_connect(self._hass, signal_status(self._entry.entry_id), self._report_received)
        )
        self._set_timer()

    @callback
    def stop(self) -> None:
        """Stop all look-ups."""
        self._is_stopped = True
        if self._cancel_timer:
            self._cancel_timer()
            self._cancel_timer = None

    def find(self, message_id: str) -> OutboundMessage | None:
        """Return a message that we sent, None where it is not known or not known any more."""
        return self._messages.get(message_id)

    @property
    def pending(self) -> int:
        """Return how many messages have no final status yet."""
        return sum(message.status is Status.ACCEPTED for message in self._messages.values())

    @property
    def without_sms(self) -> list[OutboundMessage]:
        """Return the messages that failed in the last day and whose SMS in their place was not sent yet."""
        since = dt_util.utcnow().timestamp() - SMS_WITHIN
        return [
            message
            for message in self._messages.values()
            if message.status is Status.FAILED and message.sms_instead and message.leaves_at > since
        ]

    @callback
    def follow(self, message: OutboundMessage) -> None:
        """Follow a message that the service has accepted, perhaps again under the same id."""
        self._messages.pop(message.message_id, None)
        self._store(replace(message, look_up_at=message.leaves_at + LOOK_UPS[0]))
        self._forget_old()
        async_dispatcher_send(self._hass, signal_sent(self._entry.entry_id), message)
        if early := self._early.pop(message.message_id, None):
            self._set_status(message.message_id, early.status, early.error)
        self._set_timer()

    @callback
    def sms_done(self, message_id: str) -> None:
        """Record that the SMS in place of a failed message was sent, or can't be."""
        if message := self._messages.get(message_id):
            self._store(replace(message, sms_instead=None))

    async def wait_for_status(self, message: OutboundMessage) -> OutboundMessage:
        """Return a followed message as soon as it has a final status."""
        known = self._messages.get(message.message_id, message)
        if known.status is not Status.ACCEPTED:
            return known
        changed: asyncio.Future[OutboundMessage] = self._hass.loop.create_future()

        @callback
        def status_changed(message: OutboundMessage) -> None:
            if message.message_id == known.message_id and not changed.done():
                changed.set_result(message)

        stop = async_dispatcher_connect(self._hass, signal_report(self._entry.entry_id), status_changed)
        try:
            return await changed
        finally:
            stop()

    @callback
    def _report_received(self, report: StatusReport) -> None:
        if report.message_id in self._messages:
            self._set_status(report.message_id, report.status, report.error)
            return
        self._early[report.message_id] = report
        if len(self._early) > EARLY_REPORTS_AT_MOST:
            del self._early[next(iter(self._early))]

    @callback
    def _set_status(self, message_id: str, status: Status, error: str | None) -> None:
        """Record the status of a message, and report it where it changed."""
        message = self._messages[message_id]
        if status is message.status:
            return
        # A message that was sent needs no SMS in its place.
        sms_instead = None if status is Status.SENT else message.sms_instead
        message = replace(message, status=status, error=error, sms_instead=sms_instead)
        self._store(message)
        _LOGGER.debug("%s to %s: %s", message.channel, mask(message.recipient), status)
        self._hass.bus.async_fire(
            EVENT_MESSAGE_REPORT,
            {"config_entry_id": self._entry.entry_id, **message.as_event_data()},
            context=message.context,
        )
        async_dispatcher_send(self._hass, signal_report(self._entry.entry_id), message)

    def _store(self, message: OutboundMessage) -> None:
        self._messages[message.message_id] = message
        self._plan_look_up(message)
        self._database.write((_UPSERT, [_row(message)]))

    def _forget_old(self) -> None:
        """Forget the oldest messages where they are too old or too many."""
        since = dt_util.utcnow().timestamp() - KEPT_FOR
        old: list[str] = []
        for message in self._messages.values():
            if message.leaves_at > since and len(self._messages) - len(old) <= KEPT_AT_MOST:
                break
            old.append(message.message_id)
        for message_id in old:
            del self._messages[message_id]
        if old:
            rows = [(message_id,) for message_id in old]
            self._database.write(("delete from messages where message_id = ?", rows))

    # Looking up.

    def _plan_look_up(self, message: OutboundMessage) -> None:
        if message.status is Status.ACCEPTED:
            heappush(self._look_ups, (message.look_up_at, message.message_id))

    def _is_stale(self, look_up: tuple[float, str]) -> bool:
        time, message_id = look_up
        message = self._messages.get(message_id)
        return message is None or message.status is not Status.ACCEPTED or message.look_up_at != time

    @callback
    def _set_timer(self) -> None:
        """Set the timer to the time of the first look-up."""
        while self._look_ups and self._is_stale(self._look_ups[0]):
            heappop(self._look_ups)
        due_at = self._look_ups[0][0] if self._look_ups else None
        if self._is_stopped or (self._cancel_timer and due_at == self._timer_at):
            return
        if self._cancel_timer:
            self._cancel_timer()
            self._cancel_timer = None
        if due_at is not None:
            self._timer_at = due_at
            time = dt_util.utc_from_timestamp(max(due_at, dt_util.utcnow().timestamp()))
            job = HassJob(self._look_up_due, cancel_on_shutdown=True)
            self._cancel_timer = async_track_point_in_utc_time(self._hass, job, time)

    async def _look_up_due(self, now: datetime) -> None:
        """Look up the messages that are due."""
        self._cancel_timer = None
        due = []
        while self._look_ups and self._look_ups[0][0] <= now.timestamp():
            look_up = heappop(self._look_ups)
            if not self._is_stale(look_up):
                due.append(look_up)
        try:
            entries = await self._log_entries([message_id for _, message_id in due])
        except SmsMobileApiError as err:
            _LOGGER.debug("The sent log can't be read: %s", type(err).__name__)
            entries = {}
        if self._is_stopped:
            return
        for look_up in due:
            # A report may have come meanwhile.
            if not self._is_stale(look_up):
                message_id = look_up[1]
                self._looked_up(self._messages[message_id], entries.get(message_id))
        self._set_timer()

    async def _log_entries(self, message_ids: list[str]) -> dict[str, SentLogEntry]:
        """Return the entries of the sent log by id, perhaps more than these. Raises SmsMobileApiError."""
        zone = dt_util.get_default_time_zone()
        if len(message_ids) >= WHOLE_LOG_FROM:
            log = await self._client.sent_log(zone=zone)
        else:
            log = []
            for message_id in message_ids:
                log += await self._client.sent_log(zone=zone, message_id=message_id)
        return {entry.message_id: entry for entry in log}

    @callback
    def _looked_up(self, message: OutboundMessage, entry: SentLogEntry | None) -> None:
        """Record what a look-up found; None where the log does not have the message."""
        count = message.looked_up + 1
        if entry and entry.status is not Status.ACCEPTED:
            self._set_status(message.message_id, entry.status, entry.error)
        elif count == len(LOOK_UPS):
            self._set_status(message.message_id, Status.UNKNOWN, None)
        else:
            look_up_at = dt_util.utcnow().timestamp() + LOOK_UPS[count]
            self._store(replace(message, looked_up=count, look_up_at=look_up_at))

    def _snapshot(self) -> list[Statement]:
        return [(_UPSERT, [_row(message) for message in self._messages.values()])]


def _row(message: OutboundMessage) -> tuple[str, str]:
    saved = asdict(replace(message, context=None))
    del saved["context"]
    return message.message_id, json.dumps(saved)


def _read(connection: sqlite3.Connection) -> list[OutboundMessage]:
    rows = connection.execute("select data from messages")
    messages = [OutboundMessage.from_saved(json.loads(data)) for (data,) in rows]
    return sorted(messages, key=lambda message: message.accepted_at)
