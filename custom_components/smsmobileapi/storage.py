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
from pathlib import Path
import sqlite3
from threading import Lock
from typing import Any, Final

from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import CALLBACK_TYPE, Event, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .database_file import (
    CLEAR,
    Statement,
    UnusableFile,
    connect,
    connect_in_memory,
    connect_read_only,
    keep_aside,
    write_rows,
)

_LOGGER = logging.getLogger(__name__)

WRITTEN_WITHIN: Final = 0.7  # seconds; with the writing itself it is less than one
RETRY_SECONDS: Final = 10
# Whether Home Assistant is copying its files for a backup.
BACKUP_RUNS: Final = HassKey[bool](f"{DOMAIN}_backup_runs")


def state_statement(name: str, state: dict[str, Any]) -> Statement:
    """Return the statement that writes the few single values of a part, under its name."""
    return "insert or replace into state (name, value) values (?, ?)", [(name, json.dumps(state))]


def read_state(connection: sqlite3.Connection, name: str) -> dict[str, Any]:
    """Return the values of a part; {} where there are none."""
    row = connection.execute("select value from state where name = ?", (name,)).fetchone()
    state = json.loads(row[0]) if row else {}
    return state if isinstance(state, dict) else {}


class StorageError(Exception):
    """The rows could not be written to the disk; they stay in memory and are written later."""


class StorageFault(StrEnum):
    """What can be wrong with the file."""

    KEPT_ASIDE = "storage_kept_aside"
    NOT_WRITTEN = "storage_not_written"


class Database:
    """The database of one account. No method but `flush` raises; `on_fault` and `on_recovery` are called with the fault."""

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
        # Each with the time of the event loop's clock before which it is not to be written.
        self._pending: list[tuple[float, Statement]] = []
        self._is_pending_durable = False
        self._must_rewrite = False
        # The file holds what could not be read at start, so it must not be overwritten.
        self._is_unread = False
        self._is_loaded = False
        self._is_closed = False
        self._timer: CALLBACK_TYPE | None = None
        self._stop_listening: CALLBACK_TYPE | None = None

    def add_snapshot(self, snapshot: Callable[[], list[Statement]]) -> None:
        """Register the function that returns the statements which write all rows of a part into empty tables, after a fault."""
        self._snapshots.append(snapshot)

    async def open(self) -> None:
        """Open the file, or make it. One that can't be used is kept aside; one that can't be written is read only."""
        self._stop_listening = self._hass.bus.async_listen_once(
            EVENT_HOMEASSISTANT_FINAL_WRITE, self._home_assistant_stops
        )
        if fault := await self._hass.async_add_executor_job(self._open):
            self._failed(fault)

    async def load[ResultT](self, read: Callable[[sqlite3.Connection], ResultT], default: ResultT) -> ResultT:
        """Run `read` in the executor and return its result; return `default` where the database can't be read."""

        def run() -> ResultT:
            with self._thread_lock:
                return read(self._connection) if self._connection else default

        try:
            return await self._hass.async_add_executor_job(run)
        except (sqlite3.Error, ValueError, TypeError, LookupError) as err:
            _LOGGER.error("Saved rows are unreadable (%s)", type(err).__name__)
            return default

    @callback
    def loaded(self) -> None:
        """Allow the file to be written anew: all of its rows are in memory now."""
        self._is_loaded = True

    async def import_rows(self, statements: list[Statement]) -> bool:
        """Write rows before the parts of the account are loaded; return whether they are on disk."""

        def run() -> None:
            with self._thread_lock:
                if self._connection:
                    write_rows(self._connection, statements, durable=True)

        try:
            await self._hass.async_add_executor_job(run)
        except sqlite3.Error as err:
            _LOGGER.error("Rows can't be imported: %s", type(err).__name__)
            return False
        return not self._must_rewrite

    @callback
    def write(self, statement: Statement, *, durable: bool = False, delay: float = 0.0) -> None:
        """Write within a second, in one transaction with all else that is due; `durable` rows survive a power cut.

        It is not written before `delay` seconds have passed, unless the file is closed before.
        """
        if self._is_closed:
            return
        self._pending.append((self._hass.loop.time() + delay, statement))
        self._is_pending_durable |= durable
        self._schedule(WRITTEN_WITHIN)

    async def flush(self) -> None:
        """Write now what is due. Raises StorageError where that fails; it is tried again by itself."""
        if not await self._flush_all_the_same(is_last=False):
            raise StorageError

    async def _flush_all_the_same(self, *, is_last: bool) -> bool:
        """Write also where the caller is cancelled meanwhile."""
        flush = self._flush(is_last=is_last)
        return await asyncio.shield(self._hass.async_create_task(flush, f"{DOMAIN} writes to its database"))

    async def close(self) -> None:
        """Write what is due and close the file; nothing is written after that."""
        if self._is_closed:
            return
        await self._flush_all_the_same(is_last=True)
        self._is_closed = True
        self._cancel_timer()
        if self._stop_listening:
            self._stop_listening()
            self._stop_listening = None
        await self._hass.async_add_executor_job(self._close)

    async def _home_assistant_stops(self, _event: Event) -> None:
        self._stop_listening = None
        await self.close()

    async def backup_changed(self) -> None:
        """Apply a change of BACKUP_RUNS. While a backup runs, the file itself is not changed, so that its copy is consistent.

        What is written meanwhile goes to SQLite's log beside the file.
        """
        await self._hass.async_add_executor_job(self._backup_changed)

    # Writing.

    async def _flush(self, *, is_last: bool = False) -> bool:
        """Write what is due, with `is_last` all; return whether it is on disk."""
        async with self._flush_lock:
            if self._must_rewrite and not self._is_loaded:
                return False
            self._cancel_timer()
            now = self._hass.loop.time()
            statements = [statement for time, statement in self._pending if time <= now or is_last]
            self._pending = [] if is_last else [each for each in self._pending if each[0] > now]
            durable, self._is_pending_durable = self._is_pending_durable, False
            if self._pending:
                self._schedule(WRITTEN_WITHIN)
            if self._must_rewrite:
                clear: list[Statement] = [(sql, [()]) for sql in CLEAR.values()]
                statements = [*clear, *(part for snapshot in self._snapshots for part in snapshot())]
                durable = True
            if not statements:
                return True
            try:
                fault = await self._hass.async_add_executor_job(self._write, statements, durable)
            except (UnusableFile, sqlite3.Error, OSError) as err:
                _LOGGER.debug("The database can't be written: %s", type(err).__name__)
                self._failed(StorageFault.NOT_WRITTEN)
                return False
            if fault:
                self._failed(fault)
            if self._must_rewrite:
                self._must_rewrite = False
                self._on_recovery(StorageFault.NOT_WRITTEN)
            return True

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
        if not await self._flush():
            self._schedule(RETRY_SECONDS)

    @callback
    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer()
            self._timer = None

    # In the executor.

    def _open(self) -> StorageFault | None:
        with self._thread_lock:
            try:
                self._connection = connect(self._path)
            except UnusableFile as err:
                _LOGGER.error("The database is unreadable (%s) and is kept aside", err)
            except (sqlite3.Error, OSError) as err:
                _LOGGER.debug("The database can't be opened: %s", type(err).__name__)
                self._connection = connect_read_only(self._path)
                if self._connection is None:
                    self._is_unread = self._path.exists() and self._path.stat().st_size > 0
                    self._connection = connect_in_memory()
                return StorageFault.NOT_WRITTEN
            else:
                self._apply_backup()
                return None
            try:
                keep_aside(self._path)
                self._connection = connect(self._path)
            except (UnusableFile, sqlite3.Error, OSError) as err:
                _LOGGER.debug("No database can be made: %s", type(err).__name__)
                self._connection = connect_in_memory()
                return StorageFault.NOT_WRITTEN
            self._apply_backup()
            return StorageFault.KEPT_ASIDE

    def _write(self, statements: list[Statement], durable: bool) -> StorageFault | None:
        fault = None
        with self._thread_lock:
            if self._must_rewrite or self._connection is None:
                # The fault may have been one of the file's: begin with what is there now.
                self._drop_connection()
                try:
                    if self._is_unread:
                        raise UnusableFile("not read at start")  # noqa: TRY301 -- it is handled like the other reasons
                    self._connection = connect(self._path)
                except UnusableFile as err:
                    _LOGGER.error("The database is unreadable (%s) and is kept aside", err)
                    keep_aside(self._path)
                    self._is_unread = False
                    self._connection = connect(self._path)
                    fault = StorageFault.KEPT_ASIDE
                self._apply_backup()
            write_rows(self._connection, statements, durable=durable)
        return fault

    def _close(self) -> None:
        with self._thread_lock:
            self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _backup_changed(self) -> None:
        with self._thread_lock, suppress(sqlite3.Error):
            if self._connection:
                self._connection.execute("pragma wal_checkpoint(truncate)")
            self._apply_backup()

    def _apply_backup(self) -> None:
        if self._connection:
            is_running = self._hass.data.get(BACKUP_RUNS, False)
            self._connection.execute(f"pragma wal_autocheckpoint={0 if is_running else 1000}")
            self._connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_running)


def database_path(hass: HomeAssistant, entry_id: str) -> Path:
    """Return where the database of an account is."""
    return Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.db"))


async def async_remove_files(hass: HomeAssistant, entry_id: str) -> None:
    """Delete all files of an account, also those that were kept aside."""

    def remove() -> None:
        folder = Path(hass.config.path(STORAGE_DIR))
        name = f"{DOMAIN}.{entry_id}.*"
        for path in (*folder.glob(name), *folder.glob(f"__pycache__/{name}")):
            with suppress(OSError):
                path.unlink()

    await hass.async_add_executor_job(remove)
