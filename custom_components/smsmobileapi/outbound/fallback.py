"""Fallback: an SMS in the place of a WhatsApp message that was taken and then failed."""

import asyncio
from collections.abc import Awaitable, Callable
import logging
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util.hass_dict import HassKey

from ..api import Status
from ..const import DOMAIN, signal_report
from .models import OutboundMessage
from .reports import Reports

_LOGGER = logging.getLogger(__name__)

type Outcome = OutboundMessage | HomeAssistantError

REMEMBERED_AT_MOST: Final = 1_000
STOPS_WITHIN: Final = 15  # seconds; Home Assistant waits for twenty
# By the id of the message that failed, whether they are under way or done: an account that is reloaded meanwhile must not
# send a second SMS.
_TASKS: Final[HassKey[dict[str, asyncio.Task[Outcome]]]] = HassKey(f"{DOMAIN}_fallbacks")


class Fallback:
    """Falls back for one account.

    `send` sends the SMS of a message that failed; its second argument tells whether it may have been sent before.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        reports: Reports,
        send: Callable[[OutboundMessage, bool], Awaitable[OutboundMessage]],
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._reports = reports
        self._send = send
        self._tasks = hass.data.setdefault(_TASKS, {})

    @callback
    def open(self) -> None:
        """Fall back from now on, and for what failed just before Home Assistant went down."""
        for message in self._reports.unreplaced:
            self._start(message, may_have_been_sent=True)
        self._entry.async_on_unload(
            async_dispatcher_connect(self._hass, signal_report(self._entry.entry_id), self._reported)
        )
        self._entry.async_on_unload(self._hass.async_add_shutdown_job(HassJob(self._finish)))

    async def outcome(self, message_id: str) -> OutboundMessage | None:
        """Return the SMS that is sent for the message; None where there is none. Raises HomeAssistantError."""
        task = self._tasks.get(message_id)
        if task is None:
            return None
        outcome = await asyncio.shield(task)
        if isinstance(outcome, HomeAssistantError):
            raise outcome
        return outcome

    @callback
    def _reported(self, message: OutboundMessage) -> None:
        if message.status is Status.FAILED and message.sms_instead:
            self._start(message, may_have_been_sent=False)

    @callback
    def _start(self, message: OutboundMessage, *, may_have_been_sent: bool) -> None:
        message_id = message.message_id
        task = self._tasks.get(message_id)
        if task is None:
            self._tasks[message_id] = self._hass.async_create_task(
                self._fall_back(message, may_have_been_sent), f"{DOMAIN} SMS instead of WhatsApp"
            )
            if len(self._tasks) > REMEMBERED_AT_MOST:
                del self._tasks[next(iter(self._tasks))]
        elif task.done():
            # It was just while the account was reloaded.
            self._reports.replaced(message_id)

    async def _fall_back(self, message: OutboundMessage, may_have_been_sent: bool) -> Outcome:
        try:
            return await self._send(message, may_have_been_sent)
        except HomeAssistantError as err:
            _LOGGER.warning("WhatsApp failed, and an SMS could not be sent instead: %s", err.translation_key)
            return err

    async def _finish(self) -> None:
        """Wait for what is under way: Home Assistant stops without it, and the next start would not know how it ended."""
        if tasks := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.wait(tasks, timeout=STOPS_WITHIN)
