"""Reports: what became of each message that the service accepted, told by the service or looked up in its sent log."""

import asyncio
from dataclasses import asdict, replace
from datetime import datetime
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect, async_dispatcher_send
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from ..api import SentLogEntry, SmsMobileApiClient, SmsMobileApiError, Status, StatusReport
from ..const import EVENT_MESSAGE_REPORT, signal_report, signal_sent, signal_status
from ..numbers import mask
from ..storage import AccountStore, File
from .models import OutboundMessage

_LOGGER = logging.getLogger(__name__)

# Seconds from one look-up of a message to the next; after the last it is given up.
LOOK_UPS: Final = (5, 15, 45, 120, 300, 900, 1800)
# The service may have news of a message that was given up, and what we sent must be told from what others did.
KEPT_FOR: Final = 30 * 86_400  # seconds
KEPT_AT_MOST: Final = 2_000
# How old a message may be that is sent as SMS after Home Assistant was down.
INSTEAD_WITHIN: Final = 86_400  # seconds
EARLY_AT_MOST: Final = 500
# From this many messages on, the whole log is one request instead of one for each.
MANY: Final = 10


class Reports:
    """Follows the messages of one account."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, client: SmsMobileApiClient) -> None:
        self._hass = hass
        self._entry = entry
        self._client = client
        self._store = AccountStore[list[dict[str, Any]]](hass, entry.entry_id, File.REPORTS)
        self._messages: dict[str, OutboundMessage] = {}
        self._timer: CALLBACK_TYPE | None = None
        self._is_loaded = False
        self._is_closed = False
        self._is_looking_up = False
        # What the service reported of messages whose answer has not come yet.
        self._early: dict[str, StatusReport] = {}

    async def load(self) -> None:
        """Read which messages are being followed."""
        saved = await self._store.load(lambda saved: [OutboundMessage.from_saved(one) for one in saved])
        # One that was under way during a reload may have been accepted just now.
        meanwhile = self._messages
        self._messages = {message.message_id: message for message in saved or []} | meanwhile
        self._is_loaded = True
        if meanwhile:
            self._save_soon()

    @callback
    def open(self) -> None:
        """Listen to the service's reports and look up what it does not report."""
        self._entry.async_on_unload(
            async_dispatcher_connect(self._hass, signal_status(self._entry.entry_id), self._reported)
        )
        self._schedule()

    async def close(self) -> None:
        """Look up nothing any more, and save."""
        self._is_closed = True
        self._cancel()
        await self._store.close(self._as_saved())

    def find(self, message_id: str) -> OutboundMessage | None:
        """Return a message that we sent, if it is still known."""
        return self._messages.get(message_id)

    @property
    def pending(self) -> int:
        """Return how many messages nobody has told us about yet."""
        return sum(message.status is Status.ACCEPTED for message in self._messages.values())

    @callback
    def follow(self, message: OutboundMessage) -> None:
        """Follow a message from now on."""
        since = dt_util.utcnow().timestamp() - KEPT_FOR
        kept = [message for message in self._messages.values() if _last_known(message) > since]
        self._messages = {message.message_id: message for message in kept[-KEPT_AT_MOST:]}
        self._messages[message.message_id] = replace(message, look_up_at=_last_known(message) + LOOK_UPS[0])
        self._save_soon()
        async_dispatcher_send(self._hass, signal_sent(self._entry.entry_id), message)
        if early := self._early.pop(message.message_id, None):
            self._settle(message, early.status, early.error)
        self._schedule()

    @property
    def unreplaced(self) -> list[OutboundMessage]:
        """Return the messages that failed and have to be sent as SMS instead, but none that nobody waits for any more."""
        since = dt_util.utcnow().timestamp() - INSTEAD_WITHIN
        failed = [m for m in self._messages.values() if m.status is Status.FAILED and m.sms_instead]
        return [message for message in failed if _last_known(message) > since]

    @callback
    def replaced(self, message_id: str) -> None:
        """Note that an SMS was sent, or can't be, in place of a message that failed."""
        if message := self._messages.get(message_id):
            self._messages[message_id] = replace(message, sms_instead=None)
            self._save_soon()

    async def settled(self, message: OutboundMessage) -> OutboundMessage:
        """Return a message that is followed once something is known of it, also where the account is reloaded meanwhile."""
        known = self._messages.get(message.message_id, message)
        if known.status is not Status.ACCEPTED:
            return known
        future: asyncio.Future[OutboundMessage] = self._hass.loop.create_future()

        @callback
        def reported(changed: OutboundMessage) -> None:
            if changed.message_id == message.message_id and not future.done():
                future.set_result(changed)

        stop = async_dispatcher_connect(self._hass, signal_report(self._entry.entry_id), reported)
        try:
            return await future
        finally:
            stop()

    @callback
    def _reported(self, report: StatusReport) -> None:
        """Take up what the service says."""
        if message := self._messages.get(report.message_id):
            self._settle(message, report.status, report.error)
            self._schedule()
        else:
            self._early[report.message_id] = report
            if len(self._early) > EARLY_AT_MOST:
                del self._early[next(iter(self._early))]

    @callback
    def _settle(self, message: OutboundMessage, status: Status, error: str | None) -> None:
        """Tell a change, once."""
        if status is message.status:
            return
        # Once it was sent there is nothing to send in its stead.
        sms_instead = None if status is Status.SENT else message.sms_instead
        message = self._messages[message.message_id] = replace(
            message, status=status, error=error, sms_instead=sms_instead
        )
        self._save_soon()
        _LOGGER.debug("%s to %s: %s", message.channel, mask(message.recipient), status)
        self._hass.bus.async_fire(
            EVENT_MESSAGE_REPORT, {"config_entry_id": self._entry.entry_id, **message.as_event_data()}
        )
        async_dispatcher_send(self._hass, signal_report(self._entry.entry_id), message)

    # Looking up.

    @callback
    def _schedule(self) -> None:
        """Look up at the time at which the next message is due."""
        self._cancel()
        if self._is_closed or self._is_looking_up:
            return
        due = [m.look_up_at for m in self._messages.values() if m.status is Status.ACCEPTED]
        if due:
            at = dt_util.utc_from_timestamp(max(min(due), dt_util.utcnow().timestamp()))
            job = HassJob(self._look_up_due, cancel_on_shutdown=True)
            self._timer = async_track_point_in_utc_time(self._hass, job, at)

    @callback
    def _cancel(self) -> None:
        if self._timer:
            self._timer()
            self._timer = None

    async def _look_up_due(self, now: datetime) -> None:
        """Look up the messages that are due."""
        self._timer = None
        self._is_looking_up = True
        due = [
            message
            for message in self._messages.values()
            if message.status is Status.ACCEPTED and message.look_up_at <= now.timestamp()
        ]
        try:
            entries = await self._entries_of(due)
        except SmsMobileApiError as err:
            _LOGGER.debug("The sent log can't be read: %s", type(err).__name__)
            entries = {}
        finally:
            self._is_looking_up = False
        if self._is_closed:
            return
        for message in due:
            # A report may have come meanwhile.
            if (current := self._messages.get(message.message_id)) and current.status is Status.ACCEPTED:
                self._note_look_up(current, entries.get(message.message_id))
        self._save_soon()
        self._schedule()

    async def _entries_of(self, messages: list[OutboundMessage]) -> dict[str, SentLogEntry]:
        zone = dt_util.get_default_time_zone()
        if len(messages) >= MANY:
            log = await self._client.sent_log(zone=zone)
        else:
            log = [
                entry
                for message in messages
                for entry in await self._client.sent_log(zone=zone, message_id=message.message_id)
            ]
        return {entry.message_id: entry for entry in log}

    @callback
    def _note_look_up(self, message: OutboundMessage, entry: SentLogEntry | None) -> None:
        looked_up = message.looked_up + 1
        if entry and entry.status is not Status.ACCEPTED:
            self._settle(message, entry.status, entry.error)
        elif looked_up == len(LOOK_UPS):
            self._settle(message, Status.UNKNOWN, None)
        else:
            self._messages[message.message_id] = replace(
                message,
                looked_up=looked_up,
                look_up_at=dt_util.utcnow().timestamp() + LOOK_UPS[looked_up],
            )

    @callback
    def _save_soon(self) -> None:
        # What is not read yet must not be overwritten.
        if self._is_loaded:
            self._store.save_soon(self._as_saved)

    def _as_saved(self) -> list[dict[str, Any]]:
        return [asdict(message) for message in list(self._messages.values())]


def _last_known(message: OutboundMessage) -> float:
    """Return the Unix second from which on the service knows more of a message."""
    return max(message.accepted_at, message.due_at)
