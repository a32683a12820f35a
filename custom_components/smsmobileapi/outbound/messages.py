"""The messages that were sent or wait to be sent, in memory and in the database."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
import json
import sqlite3
from typing import Final

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api import Status
from ..database_file import Statement
from ..storage import Database, StorageError
from .models import OutboundMessage

# The service may report a message later, and our messages have to be known from those of others.
KEPT_FOR: Final = 30 * 86_400  # seconds
KEPT_AT_MOST: Final = 2_000

_UPSERT: Final = (
    "insert into messages (message_id, data) values (?, ?)"
    " on conflict (message_id) do update set data = excluded.data"
)
_DELETE: Final = "delete from messages where message_id = ?"


class Messages:
    """The messages of one account, the oldest first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._messages: dict[str, OutboundMessage] = {}
        # Our ids by those of the service, where they differ.
        self._ids: dict[str, str] = {}
        database.add_snapshot(self._snapshot)

    async def load(self) -> None:
        """Read them from the database."""
        nothing: list[OutboundMessage] = []
        for message in await self._database.load(_read, nothing):
            self._index(message)

    @callback
    def restored(self) -> None:
        """Have nothing sent that waits in a database restored from a backup: it may have been sent since, so it is looked for."""
        for message in self:
            if message.status is Status.QUEUED:
                left_at = message.left_at or message.accepted_at
                self.put(replace(message, left_at=left_at, expires_at=0, sms_instead=None))
            elif message.sms_instead:
                self.put(replace(message, sms_instead=None))

    def __iter__(self) -> Iterator[OutboundMessage]:
        """Iterate over the messages as they are now; they may change meanwhile."""
        return iter(list(self._messages.values()))

    def find(self, message_id: str) -> OutboundMessage | None:
        """Return the message that has this id, ours or the service's; None where it is not known or not known any more."""
        return self._messages.get(self._ids.get(message_id, message_id))

    @callback
    def put(self, message: OutboundMessage) -> OutboundMessage:
        """Store a new or changed message; return it."""
        self._index(message)
        self._database.write((_UPSERT, [_row(message)]))
        return message

    async def save(self) -> None:
        """Write what changed to the database now, as far as its disk lets it."""
        with suppress(StorageError):
            await self._database.flush()

    @callback
    def remove(self, message_id: str) -> None:
        """Forget a message."""
        if message := self._messages.pop(message_id, None):
            self._ids.pop(message.service_id or "", None)
            self._database.write((_DELETE, [(message_id,)]))

    @callback
    def forget_old(self) -> None:
        """Forget the oldest messages where they are too old or too many, but none that is still to be sent."""
        now = dt_util.utcnow().timestamp()
        since = now - KEPT_FOR
        for message in self:
            if message.leaves_at > since and len(self._messages) <= KEPT_AT_MOST:
                break
            if not message.request and message.due_at <= now:
                self.remove(message.message_id)

    def _index(self, message: OutboundMessage) -> None:
        self._messages[message.message_id] = message
        if message.service_id and message.service_id != message.message_id:
            self._ids[message.service_id] = message.message_id

    def _snapshot(self) -> list[Statement]:
        return [(_UPSERT, [_row(message) for message in self._messages.values()])]


def _row(message: OutboundMessage) -> tuple[str, str]:
    return message.message_id, json.dumps(message.as_saved())


def _read(connection: sqlite3.Connection) -> list[OutboundMessage]:
    rows = connection.execute("select data from messages order by rowid")
    return [OutboundMessage.from_saved(json.loads(data)) for (data,) in rows]
