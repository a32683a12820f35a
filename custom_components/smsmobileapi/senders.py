"""Senders: the numbers that wrote or called before. To answer one of them is no guess."""

from hashlib import blake2b
import sqlite3
from typing import Final

from homeassistant.core import callback

from .database_file import Statement
from .storage import Database, read_state, state_statement

MAX_SENDERS: Final = 500
_STATE_NAME: Final = "senders"


class Senders:
    """The last 500 numbers, normalised, from which an account got messages or calls. Only their hashes are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # A dict keeps the order: the one that wrote last comes last.
        self._hashes: dict[str, None] = {}
        database.add_snapshot(lambda: [self._statement()])

    async def load(self) -> None:
        """Read what was saved."""
        self._hashes = await self._database.load(_read, {})

    def __contains__(self, number: str) -> bool:
        """Return whether something came from the number before."""
        return _hash(number) in self._hashes

    @callback
    def add(self, number: str) -> None:
        """Remember a number, and forget the one that has been silent for longest where there are too many."""
        key = _hash(number)
        is_new = key not in self._hashes
        self._hashes.pop(key, None)
        self._hashes[key] = None
        if is_new:
            if len(self._hashes) > MAX_SENDERS:
                del self._hashes[next(iter(self._hashes))]
            self._database.write(self._statement())

    def _statement(self) -> Statement:
        return state_statement(_STATE_NAME, {"hashes": [*self._hashes]})


def _read(connection: sqlite3.Connection) -> dict[str, None]:
    return dict.fromkeys(read_state(connection, _STATE_NAME).get("hashes", ()))


def _hash(number: str) -> str:
    return blake2b(number.encode(errors="replace"), digest_size=8).hexdigest()
