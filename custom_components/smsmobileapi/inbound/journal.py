"""The journal: what the webhook brought before Home Assistant had started; it is on disk before the service is answered."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
import json
import sqlite3
from typing import Final

from homeassistant.core import callback

from ..database_file import Statement
from ..storage import Database, StorageError
from .ledger import TURN_SECONDS
from .models import Trust

MAX_BODIES: Final = 2_000
MAX_BYTES: Final = 16 * 1024 * 1024
_INSERT: Final = "insert into journal (arrived, body, trust) values (?, ?, ?)"
# By their times, as others may have come until it is written.
_DELETE: Final = "delete from journal where arrived in (select value from json_each(?))"

type _Row = tuple[str, bytes, str]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """The body of a request, when it arrived, and whether its signature was verified then."""

    body: bytes
    arrived: datetime
    is_signed: bool


class Journal:
    """Bodies of webhook requests that automations have not seen yet, with the times at which they arrived."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: list[_Row] = []
        self._bytes = 0  # of the bodies that came since Home Assistant has started
        database.add_snapshot(self._snapshot)

    async def load(self) -> list[JournalEntry]:
        """Return the bodies that were there when Home Assistant stopped, and keep them until `clear`."""
        self._rows = await self._database.load(_read, [])
        entries = []
        for arrived, body, trust in self._rows:
            with suppress(ValueError, TypeError):
                time = datetime.fromisoformat(arrived).astimezone(UTC)
                entries.append(JournalEntry(body, time, trust == Trust.SIGNED))
        return entries

    @property
    def is_full(self) -> bool:
        """Return whether no more can be kept."""
        return len(self._rows) >= MAX_BODIES or self._bytes >= MAX_BYTES

    async def keep(self, body: bytes, arrived: datetime, *, is_signed: bool) -> None:
        """Return once the body is on disk. Raises StorageError where it can't be written; it is not kept then."""
        row = (arrived.isoformat(), body, (Trust.SIGNED if is_signed else Trust.UNSIGNED).value)
        self._rows.append(row)
        self._bytes += len(body)
        self._database.write((_INSERT, [row]), durable=True)
        try:
            await self._database.flush()
        except StorageError:
            if row in self._rows:
                self._rows.remove(row)
                self._bytes -= len(body)
            raise

    @callback
    def clear(self) -> None:
        """Forget all bodies that are there now, in the same transaction as what is written to the ledger now."""
        if self._rows:
            arrived = json.dumps([arrived for arrived, _, _ in self._rows])
            self._database.write((_DELETE, [(arrived,)]), delay=TURN_SECONDS)
        self._rows, self._bytes = [], 0

    def _snapshot(self) -> list[Statement]:
        return [(_INSERT, list(self._rows))]


def _read(connection: sqlite3.Connection) -> list[_Row]:
    return list(connection.execute("select arrived, body, trust from journal order by id"))
