"""Reports: the status of each message that the service accepted, from its webhook or its sent log."""

import asyncio
from dataclasses import replace
from datetime import datetime
from heapq import heappop, heappush
import logging
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect, async_dispatcher_send
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from ..api import SentLogEntry, SmsMobileApiClient, SmsMobileApiError, Status, StatusReport
from ..const import EVENT_MESSAGE_REPORT, signal_report, signal_sent, signal_status, signal_unsigned_status
from ..numbers import mask
from .messages import Messages
from .models import OutboundMessage

_LOGGER = logging.getLogger(__name__)

# Seconds from one look-up of a message to the next; after the last, its status is unknown.
LOOK_UPS: Final = (5, 15, 45, 120, 300, 900, 1800)
EARLY_REPORTS_AT_MOST: Final = 500
# From this many messages on, the whole log is one request instead of one for each.
WHOLE_LOG_FROM: Final = 10


class Reports:
    """Follows the messages of one account."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, *, client: SmsMobileApiClient, messages: Messages
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._client = client
        self._messages = messages
        # A heap of the look-ups, (time, message id). An entry is stale where its message has another time by now.
        self._look_ups: list[tuple[float, str]] = []
        self._cancel_timer: CALLBACK_TYPE | None = None
        self._timer_at: float | None = None
        self._is_stopped = False
        # Reports of messages whose ids the service has not answered with yet.
        self._early: dict[str, StatusReport] = {}
        # The messages that are looked up because of an unsigned report.
        self._checked: set[str] = set()

    @callback
    def start(self) -> None:
        """Receive the service's reports, and look up what it does not report."""
        for signal, receive in (
            (signal_status, self._report_received),
            (signal_unsigned_status, self._unsigned_report_received),
        ):
            self._entry.async_on_unload(
                async_dispatcher_connect(self._hass, signal(self._entry.entry_id), receive)
            )
        for message in self._messages:
            self._plan_look_up(message)
        self._set_timer()

    @callback
    def stop(self) -> None:
        """Stop all look-ups."""
        self._is_stopped = True
        if self._cancel_timer:
            self._cancel_timer()
            self._cancel_timer = None

    @property
    def pending(self) -> int:
        """Return how many messages the service has accepted that have no final status yet."""
        return sum(message.status is Status.ACCEPTED for message in self._messages)

    @callback
    def follow(self, message: OutboundMessage) -> None:
        """Follow a message that the service has accepted."""
        message = self._store(replace(message, look_up_at=message.leaves_at + LOOK_UPS[0]))
        self._messages.forget_old()
        async_dispatcher_send(self._hass, signal_sent(self._entry.entry_id), message)
        if early := self._early.pop(message.service_id or "", None):
            self.set_status(message, early.status, early.error)
        self._set_timer()

    async def wait_for_status(self, message: OutboundMessage) -> OutboundMessage:
        """Return a followed message as soon as it has a final status."""
        known = self._messages.find(message.message_id) or message
        if not known.is_pending:
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
        if message := self._messages.find(report.message_id):
            self.set_status(message, report.status, report.error)
            return
        if report.may_be_typed:
            return
        self._early[report.message_id] = report
        if len(self._early) > EARLY_REPORTS_AT_MOST:
            del self._early[next(iter(self._early))]

    @callback
    def _unsigned_report_received(self, report: StatusReport) -> None:
        """Look into the log at once: anybody who knows the webhook's address may have sent this report."""
        message = self._messages.find(report.message_id)
        if message and message.status is Status.ACCEPTED and message.message_id not in self._checked:
            self._checked.add(message.message_id)
            self._entry.async_create_background_task(
                self._hass, self._check(message.message_id), f"{self._entry.title} checks a report"
            )

    async def _check(self, message_id: str) -> None:
        """Settle a message if the log has its status; else the look-ups go on as planned."""
        try:
            message = self._messages.find(message_id)
            service_id = (message and message.service_id) or ""
            entry = (await self._log_entries([service_id])).get(service_id)
        except SmsMobileApiError as err:
            _LOGGER.debug("The sent log can't be read: %s", type(err).__name__)
            entry = None
        finally:
            self._checked.discard(message_id)
        message = self._messages.find(message_id)
        is_open = message and message.status is Status.ACCEPTED and not self._is_stopped
        if message and is_open and entry and entry.status is not Status.ACCEPTED:
            self.set_status(message, entry.status, entry.error)

    @callback
    def set_status(self, message: OutboundMessage, status: Status, error: str | None) -> None:
        """Record the status of a message, and report it where it changed."""
        if status is message.status:
            return
        # A message that was sent needs no SMS in its place.
        sms_instead = None if status is Status.SENT else message.sms_instead
        message = self._store(
            replace(message, status=status, error=error, request=None, sms_instead=sms_instead)
        )
        _LOGGER.debug("%s to %s: %s", message.channel, mask(message.recipient), status)
        self._hass.bus.async_fire(
            EVENT_MESSAGE_REPORT,
            {"config_entry_id": self._entry.entry_id, **message.as_event_data()},
            context=message.context,
        )
        async_dispatcher_send(self._hass, signal_report(self._entry.entry_id), message)

    def _store(self, message: OutboundMessage) -> OutboundMessage:
        self._plan_look_up(message)
        return self._messages.put(message)

    # Looking up.

    def _plan_look_up(self, message: OutboundMessage) -> None:
        if message.status is Status.ACCEPTED:
            heappush(self._look_ups, (message.look_up_at, message.message_id))

    def _is_stale(self, look_up: tuple[float, str]) -> bool:
        time, message_id = look_up
        message = self._messages.find(message_id)
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
            if not self._is_stale(look_up) and (message := self._messages.find(look_up[1])):
                due.append(message)
        await self.look_up(due)
        self._set_timer()

    async def look_up(self, messages: list[OutboundMessage]) -> None:
        """Look up messages that the service has accepted."""
        try:
            entries = await self._log_entries([message.service_id or "" for message in messages])
        except SmsMobileApiError as err:
            _LOGGER.debug("The sent log can't be read: %s", type(err).__name__)
            entries = {}
        if self._is_stopped:
            return
        for message in messages:
            # A report may have come meanwhile.
            if self._messages.find(message.message_id) is message:
                self._looked_up(message, entries.get(message.service_id or ""))

    async def _log_entries(self, service_ids: list[str]) -> dict[str, SentLogEntry]:
        """Return the entries of the sent log by id, perhaps more than these. Raises SmsMobileApiError."""
        zone = dt_util.get_default_time_zone()
        if len(service_ids) >= WHOLE_LOG_FROM:
            log = await self._client.sent_log(zone=zone)
        else:
            log = []
            for service_id in service_ids:
                log += await self._client.sent_log(zone=zone, message_id=service_id)
        return {entry.message_id: entry for entry in log}

    @callback
    def _looked_up(self, message: OutboundMessage, entry: SentLogEntry | None) -> None:
        """Record what a look-up found; None where the log does not have the message."""
        count = message.looked_up + 1
        if entry and entry.status is not Status.ACCEPTED:
            self.set_status(message, entry.status, entry.error)
        elif count == len(LOOK_UPS):
            self.set_status(message, Status.UNKNOWN, None)
        else:
            look_up_at = dt_util.utcnow().timestamp() + LOOK_UPS[count]
            self._store(replace(message, looked_up=count, look_up_at=look_up_at))
