"""The database of an account: one SQLite file in Home Assistant's storage folder, readable by nobody else.

Each part of the account keeps its rows in memory, reads them once at start and writes what changes. So memory is always
complete, and after a fault the whole file can be written anew from it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
import json
import logging
import os
from pathlib import Path
import sqlite3
from threading import Lock
from typing import Any, Final

from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import CALLBACK_TYPE, Event, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util import dt as dt_util

from .const import DOMAIN

_LOGGER = logging.getLogger(__name__)

WRITTEN_WITHIN: Final = 0.7  # seconds; with the writing itself it is less than one
RETRY_SECONDS: Final = 10
VERSION: Final = 1
# Tables with an integer key are appended to: a row costs one page, however many there are.
_SCHEMA: Final = """
create table handled (id integer primary key, key blob not null, time integer not null);
create table journal (id integer primary key, arrived text not null, body blob not null);
create table sends (id integer primary key, time real not null);
create table messages (message_id text primary key, data text not null);
create table state (name text primary key, value text);
"""
TABLES: Final = ("handled", "journal", "sends", "messages", "state")
# Of a file that is no database of ours, or not one any more.
_BROKEN: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# An SQL statement, and the values of each row that it is carried out for.
type Statement = tuple[str, list[tuple[Any, ...]]]


def state_statement(name: str, state: dict[str, Any]) -> Statement:
    """Return the statement that writes the few single values of a part, under its name."""
    return "insert or replace into state (name, value) values (?, ?)", [(name, json.dumps(state))]


def read_state(connection: sqlite3.Connection, name: str) -> dict[str, Any]:
    """Return the values of a part; {} where there are none."""
    row = connection.execute("select value from state where name = ?", (name,)).fetchone()
    state: dict[str, Any] = json.loads(row[0]) if row else {}
    return state


class StorageError(Exception):
    """What was to be on disk now is not; it waits in memory and is written later."""


class StorageFault(StrEnum):
    """What can be wrong with the file."""

    KEPT_ASIDE = "storage_kept_aside"
    NOT_WRITTEN = "storage_not_written"


class _NotOurs(Exception):
    """The file is damaged, of a newer version or no file at all."""


class Database:
    """The database of one account. No method but `flush` raises; `on_fault` and `on_recovery` are told of faults."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        *,
        on_fault: Callable[[StorageFault], None],
        on_recovery: Callable[[StorageFault], None],
    ) -> None:
        self._hass = hass
        self._path = database_path(hass, entry_id)
        self._on_fault = on_fault
        self._on_recovery = on_recovery
        self._connection: sqlite3.Connection | None = None
        # One thread at a time: a job goes on in the executor also where the task that waits for it is cancelled.
        self._thread_lock = Lock()
        self._flush_lock = asyncio.Lock()
        self._snapshots: list[Callable[[], list[Statement]]] = []
        self._pending: list[Statement] = []
        self._is_pending_durable = False
        self._must_rewrite = False
        self._is_backup_running = False
        self._is_closed = False
        self._timer: CALLBACK_TYPE | None = None
        self._stop_listening: CALLBACK_TYPE | None = None

    def add_snapshot(self, snapshot: Callable[[], list[Statement]]) -> None:
        """Have `snapshot` return the statements that write all rows of a part into empty tables, after a fault."""
        self._snapshots.append(snapshot)

    async def open(self) -> None:
        """Open the file, or make it. One that can't be used is kept aside; one that can't be written is read only."""
        self._stop_listening = self._hass.bus.async_listen_once(
            EVENT_HOMEASSISTANT_FINAL_WRITE, self._home_assistant_stops
        )
        if fault := await self._hass.async_add_executor_job(self._open):
            self._failed(fault)

    async def load[ResultT](self, read: Callable[[sqlite3.Connection], ResultT], default: ResultT) -> ResultT:
        """Return what `read` makes of the database in the executor, `default` where it can't be read."""

        def run() -> ResultT:
            with self._thread_lock:
                return default if self._connection is None else read(self._connection)

        try:
            return await self._hass.async_add_executor_job(run)
        except (sqlite3.Error, ValueError, TypeError, LookupError) as err:
            _LOGGER.error("Saved rows are unreadable (%s)", type(err).__name__)
            return default

    @callback
    def write(self, statement: Statement, *, durable: bool = False) -> None:
        """Write within a second, in one transaction with all else that is due; `durable` rows survive a power cut."""
        if self._is_closed:
            return
        self._pending.append(statement)
        self._is_pending_durable |= durable
        self._schedule(WRITTEN_WITHIN)

    async def flush(self) -> None:
        """Write now what is due. Raises StorageError where that fails; it is tried again by itself."""
        # A task of its own, as the caller may be cancelled.
        await asyncio.shield(self._hass.async_create_task(self._flush(), f"{DOMAIN} writes to its database"))

    async def close(self) -> None:
        """Write what is due and close the file; nothing is written after that."""
        if self._is_closed:
            return
        with suppress(StorageError):
            await self.flush()
        self._is_closed = True
        self._cancel_timer()
        if self._stop_listening:
            self._stop_listening()
        await self._hass.async_add_executor_job(self._close)

    async def _home_assistant_stops(self, _event: Event) -> None:
        self._stop_listening = None
        await self.close()

    async def begin_backup(self) -> None:
        """Leave the file itself as it is from now on, so that a copy is whole: what is written goes to its log."""
        await self._set_backup(True)

    async def end_backup(self) -> None:
        """Let SQLite move what is in its log to the file again."""
        await self._set_backup(False)

    # Writing.

    async def _flush(self) -> None:
        async with self._flush_lock:
            self._cancel_timer()
            statements, self._pending = self._pending, []
            durable, self._is_pending_durable = self._is_pending_durable, False
            if self._must_rewrite:
                clear: list[Statement] = [(f"delete from {table}", [()]) for table in TABLES]
                statements = [*clear, *(part for snapshot in self._snapshots for part in snapshot())]
            if not statements:
                return
            try:
                fault = await self._hass.async_add_executor_job(self._write, statements, durable)
            except (_NotOurs, sqlite3.Error, OSError) as err:
                _LOGGER.debug("The database can't be written: %s", type(err).__name__)
                self._failed(StorageFault.NOT_WRITTEN)
                raise StorageError from None
            if fault:
                self._failed(fault)
            if self._must_rewrite:
                self._must_rewrite = False
                self._on_recovery(StorageFault.NOT_WRITTEN)

    @callback
    def _failed(self, fault: StorageFault) -> None:
        self._on_fault(fault)
        if fault is StorageFault.NOT_WRITTEN:
            self._must_rewrite = True
            self._schedule(RETRY_SECONDS)

    @callback
    def _schedule(self, seconds: float) -> None:
        if self._timer is None and not self._is_closed:
            job = HassJob(self._flush_due, cancel_on_shutdown=False)
            self._timer = async_call_later(self._hass, seconds, job)

    async def _flush_due(self, _now: Any) -> None:
        self._timer = None
        with suppress(StorageError):
            await self._flush()

    @callback
    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer()
            self._timer = None

    # In the executor.

    def _open(self) -> StorageFault | None:
        with self._thread_lock:
            try:
                self._connection = _connect(self._path)
            except _NotOurs as err:
                _LOGGER.error("The database is unreadable (%s) and is kept aside", err)
            except (sqlite3.Error, OSError) as err:
                _LOGGER.debug("The database can't be opened: %s", type(err).__name__)
                self._connection = _connect_read_only(self._path)
                return StorageFault.NOT_WRITTEN
            else:
                return None
            try:
                _keep_aside(self._path)
                self._connection = _connect(self._path)
            except (_NotOurs, sqlite3.Error, OSError) as err:
                _LOGGER.debug("No database can be made: %s", type(err).__name__)
                return StorageFault.NOT_WRITTEN
            return StorageFault.KEPT_ASIDE

    def _write(self, statements: list[Statement], durable: bool) -> StorageFault | None:
        fault = None
        with self._thread_lock:
            if self._must_rewrite or self._connection is None:
                # The fault may have been one of the file's: begin with what is there now.
                self._drop_connection()
                try:
                    self._connection = _connect(self._path)
                except _NotOurs as err:
                    _LOGGER.error("The database is unreadable (%s) and is kept aside", err)
                    _keep_aside(self._path)
                    self._connection = _connect(self._path)
                    fault = StorageFault.KEPT_ASIDE
                self._apply_backup()
            connection = self._connection
            connection.execute(f"pragma synchronous={'full' if durable else 'normal'}")
            connection.execute("begin immediate")
            try:
                for sql, rows in statements:
                    connection.executemany(sql, rows)
                connection.execute("commit")
            except sqlite3.Error:
                with suppress(sqlite3.Error):
                    connection.execute("rollback")
                raise
        return fault

    def _close(self) -> None:
        with self._thread_lock:
            self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    async def _set_backup(self, is_running: bool) -> None:
        def run() -> None:
            with self._thread_lock, suppress(sqlite3.Error):
                self._is_backup_running = is_running
                if is_running and self._connection:
                    self._connection.execute("pragma wal_checkpoint(truncate)")
                self._apply_backup()

        await self._hass.async_add_executor_job(run)

    def _apply_backup(self) -> None:
        if self._connection:
            pages = 0 if self._is_backup_running else 1000
            self._connection.execute(f"pragma wal_autocheckpoint={pages}")
            self._connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, self._is_backup_running)


def database_path(hass: HomeAssistant, entry_id: str) -> Path:
    """Return where the database of an account is."""
    return Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.db"))


async def async_remove_files(hass: HomeAssistant, entry_id: str) -> None:
    """Delete all that an account kept, also what was kept aside."""

    def remove() -> None:
        folder = Path(hass.config.path(STORAGE_DIR))
        for path in folder.glob(f"{DOMAIN}.{entry_id}.*"):
            with suppress(OSError):
                path.unlink()

    await hass.async_add_executor_job(remove)


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file or make it. Raises _NotOurs, sqlite3.Error and OSError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite's own files beside it get the same permissions.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except (IsADirectoryError, PermissionError) as err:
        raise _NotOurs(type(err).__name__) from None
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("pragma journal_mode=wal")
        (version,) = connection.execute("pragma user_version").fetchone()
        if version > VERSION:
            raise _NotOurs(f"version {version}")
        if connection.execute("pragma quick_check(1)").fetchone() != ("ok",):
            raise _NotOurs("damaged")
        if version == 0:
            connection.executescript(f"begin immediate; {_SCHEMA} pragma user_version={VERSION}; commit;")
        # Nothing is asked of a table before it is clear that it is there.
        for table in TABLES:
            connection.execute(f"select 1 from {table} limit 1")
    except sqlite3.DatabaseError as err:
        connection.close()
        code = getattr(err, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _BROKEN or code == sqlite3.SQLITE_ERROR:
            raise _NotOurs(type(err).__name__) from None
        raise
    except _NotOurs:
        connection.close()
        raise
    return connection


def _connect_read_only(path: Path) -> sqlite3.Connection | None:
    """Open what can be read of a file that can't be written, None where nothing can be."""
    # The second way does without SQLite's files beside it, which are not there after a regular end.
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        try:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False
            )
            connection.execute("select 1 from state limit 1")
        except sqlite3.Error:
            continue
        return connection
    return None


def _keep_aside(path: Path) -> None:
    """Rename the file, and what SQLite keeps beside it."""
    mark = f".unreadable.{dt_util.utcnow():%Y%m%dT%H%M%S}"
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(path.with_name(path.name + mark + suffix))
