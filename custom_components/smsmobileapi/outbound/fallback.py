"""WhatsApp, else SMS: which numbers have WhatsApp, and the SMS in place of a WhatsApp message that failed."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
import logging
from typing import Final
from weakref import WeakValueDictionary

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from ..api import SendRequest, SmsMobileApiClient, SmsMobileApiError, Status
from ..const import signal_report, signal_sent
from ..errors import failed
from .messages import Messages
from .models import OutboundMessage
from .reports import Reports

_LOGGER = logging.getLogger(__name__)

ANSWER_VALID_FOR: Final = timedelta(days=1)
REMEMBERED_AT_MOST: Final = 1_000  # of each kind
# Nothing says that the message was sent, nor that it failed.
_NOT_REPORTED: Final = frozenset({Status.ACCEPTED, Status.UNKNOWN})


class WhatsAppNumbers:
    """Finds out for one account which numbers (E.164) have WhatsApp; asks the service once a day for each."""

    def __init__(self, client: SmsMobileApiClient) -> None:
        self._client = client
        self._answers: dict[str, tuple[bool | None, datetime]] = {}
        self._failures = 0
        # Of several messages to the same number only the first asks.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def check(self, number: str) -> bool | None:
        """Ask the service whether a number has WhatsApp; None where its answer does not say it. Raises SmsMobileApiError."""
        answer = await self._client.is_on_whatsapp(number)
        self._answers.pop(number, None)
        self._answers[number] = (answer, dt_util.utcnow())
        if len(self._answers) > REMEMBERED_AT_MOST:
            del self._answers[next(iter(self._answers))]
        return answer

    async def may_have(self, number: str) -> bool:
        """Return whether to try WhatsApp: also where it is not known whether the number has it, but never for a short code."""
        if not number.startswith("+"):
            return False
        failures = self._failures
        async with self._locks.setdefault(number, asyncio.Lock()):
            answer, checked_at = self._answers.get(number, (None, None))
            if checked_at is None or dt_util.utcnow() - checked_at >= ANSWER_VALID_FOR:
                if self._failures != failures:
                    # It failed while this message waited. Otherwise the last of twenty would wait for twenty timeouts.
                    return True
                try:
                    answer = await self.check(number)
                except SmsMobileApiError as err:
                    _LOGGER.debug("The service can't say who has WhatsApp: %s", type(err).__name__)
                    self._failures += 1
                    return True
            return answer is not False


class Fallback:
    """Sends for one account the SMS of WhatsApp messages that failed, or were not sent in time."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        messages: Messages,
        reports: Reports,
        send: Callable[[OutboundMessage, SendRequest], asyncio.Task[OutboundMessage]],
    ) -> None:
        """`send` starts to send the SMS in place of a message."""
        self._hass = hass
        self._entry = entry
        self._messages = messages
        self._reports = reports
        self._send = send
        # By the id of the message that failed.
        self._tasks: dict[str, asyncio.Task[OutboundMessage]] = {}
        self._timers: dict[str, CALLBACK_TYPE] = {}
        self._is_stopped = False

    @callback
    def start(self) -> None:
        """Send an SMS for each message that fails, and for those whose SMS Home Assistant could not send before it stopped."""
        for message in self._messages:
            self._status_changed(message)
        for signal in (signal_sent, signal_report):
            self._entry.async_on_unload(
                async_dispatcher_connect(self._hass, signal(self._entry.entry_id), self._status_changed)
            )

    @callback
    def stop(self) -> None:
        """Send no more: the next start does."""
        self._is_stopped = True
        for cancel in self._timers.values():
            cancel()

    async def wait_for_sms(self, message_id: str) -> OutboundMessage | None:
        """Return the SMS that is sent for a failed message, None where there is none. Raises HomeAssistantError."""
        if (task := self._tasks.get(message_id)) is None:
            return None
        # It goes on where the caller is cancelled.
        await asyncio.wait([task])
        if task.cancelled():
            # The next start goes on.
            raise failed("may_have_been_sent")
        return task.result()

    @callback
    def _status_changed(self, message: OutboundMessage) -> None:
        if message.sms_instead is None or self._is_stopped:
            return
        if message.status is Status.FAILED:
            self._send_sms(message, message.sms_instead)
        elif message.status in _NOT_REPORTED and message.sms_after and message.message_id not in self._timers:
            due_at = max(message.leaves_at + message.sms_after, dt_util.utcnow().timestamp())
            job = HassJob(partial(self._time_is_over, message.message_id), cancel_on_shutdown=True)
            self._timers[message.message_id] = async_track_point_in_utc_time(
                self._hass, job, dt_util.utc_from_timestamp(due_at)
            )

    async def _time_is_over(self, message_id: str, _now: datetime) -> None:
        """Send the SMS, unless the sent log shows now what no report said."""
        self._timers.pop(message_id, None)
        if waiting := self._waiting(message_id):
            await self._reports.look_up([waiting])
        if (waiting := self._waiting(message_id)) and waiting.sms_instead and not self._is_stopped:
            self._send_sms(waiting, waiting.sms_instead)

    def _waiting(self, message_id: str) -> OutboundMessage | None:
        message = self._messages.find(message_id)
        return message if message and message.status in _NOT_REPORTED else None

    @callback
    def _send_sms(self, message: OutboundMessage, sms: SendRequest) -> None:
        # In one transaction: after a kill, the SMS either waits in the database, or is still to be made.
        self._messages.put(replace(message, sms_instead=None))
        self._tasks[message.message_id] = self._send(message, sms)
        if len(self._tasks) > REMEMBERED_AT_MOST:
            del self._tasks[next(iter(self._tasks))]
