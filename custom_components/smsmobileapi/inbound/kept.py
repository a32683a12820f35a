"""Messages that came too late to act on: kept, counted and shown, and fired only when the user wants it."""

from dataclasses import asdict
from datetime import datetime, timedelta
import json
import sqlite3
from typing import Any, Final

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api import Channel, ReceivedMessage, Source
from ..database_file import Statement
from ..repairs import Issue, Issues
from ..storage import Database
from .ledger import TURN_SECONDS
from .models import Trust

KEPT_FOR: Final = timedelta(days=30)
KEPT_AT_MOST: Final = 1_000
_INSERT: Final = "insert into kept (time, data) values (?, ?)"
_DELETE: Final = "delete from kept where id in (select id from kept order by id limit ? offset ?)"

type KeptMessage = tuple[ReceivedMessage, Trust]
# The Unix second in which it was kept, and the message as JSON.
type _Row = tuple[int, str]


class KeptMessages:
    """The messages of one account that were too old when they were first seen."""

    def __init__(self, database: Database, issues: Issues) -> None:
        self._database = database
        self._issues = issues
        self._rows: list[_Row] = []
        # Those that were taken and are on disk until automations had their turn.
        self._taken: list[_Row] = []
        database.add_snapshot(self._snapshot)

    async def load(self) -> None:
        """Read what is kept, and show it."""
        nothing: list[_Row] = []
        rows = await self._database.load(_read, nothing)
        since = (dt_util.utcnow() - KEPT_FOR).timestamp()
        self._rows = [row for row in rows if row[0] >= since]
        if len(self._rows) < len(rows):
            self._database.write(("delete from kept where time < ?", [(since,)]))
        self._show()

    def __len__(self) -> int:
        """Return how many messages are kept."""
        return len(self._rows)

    @callback
    def add(self, message: ReceivedMessage, trust: Trust) -> None:
        """Keep a message. Where there are too many, the first is dropped."""
        row = (int(dt_util.utcnow().timestamp()), json.dumps([asdict(message), trust], default=_as_json))
        self._rows.append(row)
        if len(self._rows) > KEPT_AT_MOST:
            del self._rows[0]
            self._database.write((_DELETE, [(1, len(self._taken))]))
        self._database.write((_INSERT, [row]))
        self._show()

    @callback
    def take(self) -> list[KeptMessage]:
        """Return all messages in the order in which they were kept. They are saved until `forget_taken`."""
        rows, self._rows = self._rows, []
        self._taken += rows
        self._show()
        return [_message(data) for _, data in rows]

    @callback
    def forget_taken(self) -> None:
        """Delete the messages that were taken, when automations had their turn."""
        if self._taken:
            self._database.write((_DELETE, [(len(self._taken), 0)]), delay=TURN_SECONDS)
            self._taken = []

    def _show(self) -> None:
        if self._rows:
            self._issues.create(Issue.KEPT_MESSAGES, count=str(len(self._rows)))
        else:
            self._issues.clear(Issue.KEPT_MESSAGES)

    def _snapshot(self) -> list[Statement]:
        return [(_INSERT, [*self._taken, *self._rows])]


def _as_json(value: Any) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()


def _message(data: str) -> KeptMessage:
    fields, trust = json.loads(data)
    times = {
        name: datetime.fromisoformat(fields[name]) if fields[name] else None
        for name in ("received_at", "posted_at")
    }
    enums = {"channel": Channel(fields["channel"]), "source": Source(fields["source"])}
    return ReceivedMessage(**{**fields, **times, **enums}), Trust(trust)


def _read(connection: sqlite3.Connection) -> list[_Row]:
    return list(connection.execute("select time, data from kept order by id"))
