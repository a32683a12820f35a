"""The journal: what the webhook took while nobody listened yet, on disk before the service is told so."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Final, TypedDict

from homeassistant.core import HomeAssistant

from .storage import AccountStore, File

MAX_BODIES: Final = 10_000


class _Body(TypedDict):
    body: str  # one character for each byte
    arrived: str


class Journal:
    """Bodies of webhook requests that are not handled yet."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        self._store = AccountStore[list[_Body]](hass, entry_id, File.JOURNAL)
        self._bodies: list[_Body] = []
        self._on_disk = 0
        self._write_lock = asyncio.Lock()

    async def load(self) -> None:
        """Read what was there when Home Assistant went down."""
        self._bodies = await self._store.load(lambda saved: [_checked(body) for body in saved]) or []
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
        """Return once this is on disk; what arrives meanwhile is written together."""
        self._bodies.append({"body": body.decode("latin-1"), "arrived": arrived.isoformat()})
        position = len(self._bodies)
        async with self._write_lock:
            if self._on_disk < position <= len(self._bodies):
                self._on_disk = len(self._bodies)
                await self._store.async_save(list(self._bodies))

    def close(self) -> None:
        """Write nothing any more; what is kept stays for the next time."""
        self._store.make_read_only()

    async def clear(self) -> None:
        """Forget all of it: it has been handled."""
        async with self._write_lock:
            self._bodies, self._on_disk = [], 0
            await self._store.async_remove()


def _checked(body: _Body) -> _Body:
    """Return the body; raises ValueError, LookupError or TypeError for what is none."""
    body["body"].encode("latin-1")
    datetime.fromisoformat(body["arrived"])
    return body
