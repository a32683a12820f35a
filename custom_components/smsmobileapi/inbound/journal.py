"""The journal: what the webhook took while nobody listened yet, on disk before the service is told so."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
import logging
from typing import Any, Final, TypedDict

from homeassistant.core import HomeAssistant

from ..storage import AccountStore, File

_LOGGER = logging.getLogger(__name__)

MAX_BODIES: Final = 2_000


class _Body(TypedDict):
    body: str  # one character for each byte
    arrived: str


class Journal:
    """Bodies of webhook requests that are not handled yet."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        self._store = AccountStore[list[_Body]](hass, entry_id, File.JOURNAL)
        self._bodies: list[_Body] = []
        self._on_disk = 0
        self._is_closed = False
        self._write_lock = asyncio.Lock()

    async def load(self) -> None:
        """Read what was there when Home Assistant went down."""
        self._bodies = await self._store.load(_readable) or []
        self._on_disk = len(self._bodies)

    def __iter__(self) -> Iterator[tuple[bytes, datetime]]:
        """Iterate over the bodies and the times at which they arrived."""
        for body in self._bodies:
            yield body["body"].encode("latin-1"), datetime.fromisoformat(body["arrived"])

    @property
    def is_full(self) -> bool:
        """Tell whether no more can be taken."""
        return len(self._bodies) >= MAX_BODIES

    async def keep(self, body: bytes, arrived: datetime) -> None:
        """Return once this is on disk; what arrives meanwhile is written together. Raises WriteError."""
        self._bodies.append({"body": body.decode("latin-1"), "arrived": arrived.isoformat()})
        position = len(self._bodies)
        async with self._write_lock:
            if self._on_disk < position <= len(self._bodies) and not self._is_closed:
                bodies = list(self._bodies)
                await self._store.save_or_raise(bodies)
                self._on_disk = len(bodies)

    def close(self) -> None:
        """Write nothing any more; what is kept stays for the next time."""
        self._is_closed = True

    async def clear(self) -> None:
        """Forget all of it: it has been handled."""
        async with self._write_lock:
            self._bodies, self._on_disk = [], 0
            await self._store.async_remove()


def _readable(saved: list[_Body]) -> list[_Body]:
    """Return the bodies that can be read. Raises TypeError where none can."""
    readable = [body for body in saved if _is_readable(body)]
    if saved and not readable:
        raise TypeError("no bodies")
    if len(readable) < len(saved):
        _LOGGER.error("%d messages of the journal are unreadable", len(saved) - len(readable))
    return readable


def _is_readable(body: Any) -> bool:
    try:
        body["body"].encode("latin-1")
        return datetime.fromisoformat(body["arrived"]).tzinfo is not None
    except LookupError, TypeError, ValueError, AttributeError:
        return False
