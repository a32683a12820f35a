"""WhatsApp, else SMS: which numbers have WhatsApp, and the SMS in place of a WhatsApp message that failed."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
import logging
from typing import Final
from weakref import WeakValueDictionary

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from ..api import SmsMobileApiClient, SmsMobileApiError, Status
from ..const import signal_report
from .models import OutboundMessage
from .reports import Reports

_LOGGER = logging.getLogger(__name__)

ANSWER_VALID_FOR: Final = timedelta(days=1)
REMEMBERED_AT_MOST: Final = 1_000  # of each kind


class WhatsAppNumbers:
    """Finds out for one account which numbers (E.164) have WhatsApp; asks the service once a day for each."""

    def __init__(self, client: SmsMobileApiClient) -> None:
        self._client = client
        self._answers: dict[str, tuple[bool | None, datetime]] = {}
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
        async with self._locks.setdefault(number, asyncio.Lock()):
            answer, checked_at = self._answers.get(number, (None, None))
            if checked_at is None or dt_util.utcnow() - checked_at >= ANSWER_VALID_FOR:
                try:
                    answer = await self.check(number)
                except SmsMobileApiError as err:
                    _LOGGER.debug("The service can't say who has WhatsApp: %s", type(err).__name__)
                    return True
            return answer is not False


class Fallback:
    """Sends for one account the SMS of WhatsApp messages that failed.

    `send` starts to send the SMS of a failed message; its second argument says whether it may have been sent before.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        reports: Reports,
        send: Callable[[OutboundMessage, bool], asyncio.Task[OutboundMessage]],
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._reports = reports
        self._send = send
        # By the id of the message that failed.
        self._tasks: dict[str, asyncio.Task[OutboundMessage]] = {}

    @callback
    def start(self) -> None:
        """Send an SMS for each message that fails, and for those whose SMS Home Assistant could not send before it stopped."""
        for message in self._reports.without_sms:
            self._start_task(message, may_have_been_sent=True)
        self._entry.async_on_unload(
            async_dispatcher_connect(self._hass, signal_report(self._entry.entry_id), self._status_changed)
        )

    async def wait_for_sms(self, message_id: str) -> OutboundMessage | None:
        """Return the SMS that is sent for a failed message, None where there is none. Raises HomeAssistantError."""
        if (task := self._tasks.get(message_id)) is None:
            return None
        # It goes on where the caller is cancelled.
        await asyncio.wait([task])
        return task.result()

    @callback
    def _status_changed(self, message: OutboundMessage) -> None:
        if message.status is Status.FAILED and message.sms_instead:
            self._start_task(message, may_have_been_sent=False)

    @callback
    def _start_task(self, message: OutboundMessage, *, may_have_been_sent: bool) -> None:
        if message.message_id not in self._tasks:
            self._tasks[message.message_id] = self._send(message, may_have_been_sent)
            if len(self._tasks) > REMEMBERED_AT_MOST:
                del self._tasks[next(iter(self._tasks))]
