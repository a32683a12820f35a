"""WhatsApp: who has it, asked for once a day."""

import asyncio
from datetime import datetime, timedelta
import logging
from typing import Final
from weakref import WeakValueDictionary

from homeassistant.util import dt as dt_util

from ..api import SmsMobileApiClient, SmsMobileApiError

_LOGGER = logging.getLogger(__name__)

REMEMBERED_FOR: Final = timedelta(days=1)
REMEMBERED_AT_MOST: Final = 1_000


class WhatsAppNumbers:
    """Tells for one account which numbers (E.164) have WhatsApp."""

    def __init__(self, client: SmsMobileApiClient) -> None:
        self._client = client
        self._known: dict[str, tuple[bool | None, datetime]] = {}
        # Of several messages to the same number only the first asks.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def ask(self, number: str) -> bool | None:
        """Ask the service, and remember what it says; None where its answer does not tell. Raises SmsMobileApiError."""
        answer = await self._client.is_on_whatsapp(number)
        self._known.pop(number, None)
        self._known[number] = (answer, dt_util.utcnow())
        if len(self._known) > REMEMBERED_AT_MOST:
            del self._known[next(iter(self._known))]
        return answer

    async def may_have(self, number: str) -> bool:
        """Tell whether it is worth to try WhatsApp: also where nobody can tell, but never for a short code."""
        if not number.startswith("+"):
            return False
        async with self._locks.setdefault(number, asyncio.Lock()):
            answer, asked_at = self._known.get(number, (None, None))
            if asked_at is None or dt_util.utcnow() - asked_at >= REMEMBERED_FOR:
                try:
                    answer = await self.ask(number)
                except SmsMobileApiError as err:
                    _LOGGER.debug("Nobody can tell who has WhatsApp: %s", type(err).__name__)
                    return True
            return answer is not False
