"""The database: what is written is there afterwards, whatever is wrong with the file, and nothing that waits is forgotten."""

import asyncio
from collections.abc import AsyncIterator, Callable
import errno
from functools import partial
import os
from pathlib import Path
import resource
import shutil
import sqlite3
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi import database_file
from custom_components.smsmobileapi.database_file import Statement
from custom_components.smsmobileapi.storage import (
    BACKUP_RUNS,
    RETRY_SECONDS,
    WRITTEN_WITHIN,
    Database,
    StorageError,
    StorageFault,
    async_remove_files,
    database_path,
    read_state,
    state_statement,
)

ENTRY = "01J0000000000000000000TEST"
INSERT = "insert into handled (key, time) values (?, ?)"


class Part:
    """A part of an account: rows in memory that are written to a database, as the ledger's are."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.told: list[str] = []
        self.rows: list[tuple[bytes, int]] = []
        self.database = Database(
            hass,
            ENTRY,
            on_fault=lambda fault: self.told.append(fault.value),
            on_recovery=lambda fault: self.told.append(f"no longer {fault.value}"),
        )
        self.database.add_snapshot(lambda: [(INSERT, list(self.rows))])
        self.database.loaded()

    def add(self, number: int, **how: bool) -> None:
        row = (number.to_bytes(4), number)
        self.rows.append(row)
        self.database.write((INSERT, [row]), **how)

    async def numbers(self) -> list[int]:
        """Return what is in the database."""

        def read(connection: sqlite3.Connection) -> list[int]:
            return [number for (number,) in connection.execute("select time from handled order by id")]

        return await self.database.load(read, [])


@pytest.fixture
async def part(hass: HomeAssistant) -> AsyncIterator[Part]:
    """A part, whose database is not open yet."""
    part = Part(hass)
    yield part
    await part.database.close()


@pytest.fixture
def path(hass: HomeAssistant) -> Path:
    """Where the database is."""
    return database_path(hass, ENTRY)


def on_disk(path: Path) -> list[int]:
    """Return the numbers that somebody else finds in the file now."""
    with sqlite3.connect(path) as connection:
        return [number for (number,) in connection.execute("select time from handled order by id")]


async def pass_time(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float) -> None:
    freezer.tick(seconds)
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.fixture
def no_space(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Return what makes the disk full, and free again: SQLite's own limit on the pages of a file."""
    connect, state = database_file.connect, {"is_full": False}

    def limited(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        if state["is_full"]:
            connection.execute("pragma max_page_count=1")
        return connection

    monkeypatch.setattr("custom_components.smsmobileapi.storage.connect", limited)
    return lambda is_full: state.update(is_full=is_full)


async def test_what_is_written_is_there_after_a_restart_and_nobody_else_can_read_it(
    hass: HomeAssistant, part: Part, path: Path
) -> None:
    await part.database.open()
    part.add(1)
    part.database.write(state_statement("ledger", {"begins": 7}))
    await part.database.flush()
    for file in path.parent.glob(f"{path.name}*"):
        assert file.stat().st_mode & 0o777 == 0o600, file
    await part.database.close()

    after = Part(hass)
    await after.database.open()
    assert await after.numbers() == [1]
    nothing: dict[str, Any] = {}
    assert await after.database.load(partial(read_state, name="ledger"), nothing) == {"begins": 7}
    assert await after.database.load(partial(read_state, name="other"), nothing) == {}
    await after.database.close()
    assert after.told == part.told == []


async def test_rows_are_written_by_themselves_within_a_second(
    hass: HomeAssistant, part: Part, path: Path, freezer: FrozenDateTimeFactory
) -> None:
    await part.database.open()
    part.add(1)
    assert on_disk(path) == []
    await pass_time(hass, freezer, WRITTEN_WITHIN)
    assert on_disk(path) == [1]
    part.add(2)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    assert on_disk(path) == [1, 2]
    part.add(3)  # too late: Home Assistant has stopped
    await part.database.flush()
    assert on_disk(path) == [1, 2]


async def test_a_step_of_sqlite_writes_many_rows(part: Part, path: Path) -> None:
    # After each step the thread waits for a busy event loop: row by row, what was fired was saved seconds later.
    await part.database.open()
    steps: list[str] = []

    def trace(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(steps.append)

    await part.database.load(trace, None)
    for number in range(1200):
        part.add(number)
    part.database.write(state_statement("ledger", {"begins": 7}))
    part.add(1200)
    await part.database.flush()
    assert on_disk(path) == [*range(1201)]
    assert len(steps) < 10


async def test_rows_are_written_also_where_the_caller_is_cancelled(part: Part, path: Path) -> None:
    await part.database.open()
    part.add(1, durable=True)
    waiting = asyncio.create_task(part.database.flush())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    part.add(2)
    await part.database.flush()
    assert on_disk(path) == [1, 2]


def _damaged(path: Path) -> None:
    path.write_bytes(b"no database at all " * 1000)


def _truncated(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(database_file.SCHEMA)
    connection.executemany(INSERT, [(os.urandom(12), number) for number in range(2000)])
    connection.commit()
    connection.close()
    os.truncate(path, path.stat().st_size // 2)


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version=1000")


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript("create table birds (name text); pragma user_version=1")


def _directory(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("spoil", [_damaged, _truncated, _newer, _foreign, _directory])
async def test_a_file_that_cannot_be_used_is_kept_aside(
    part: Part, path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir(exist_ok=True)
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    await part.database.open()
    assert part.told == [StorageFault.KEPT_ASIDE]
    part.add(1)
    await part.database.flush()
    assert on_disk(path) == [1]
    (aside,) = path.parent.glob(f"{path.name}.unreadable.*")
    assert (aside.read_bytes() if aside.is_file() else None) == before
    assert "is kept aside" in caplog.text


async def test_what_cannot_be_written_waits_and_is_written_by_itself(
    hass: HomeAssistant,
    part: Part,
    path: Path,
    no_space: Callable[[bool], None],
    freezer: FrozenDateTimeFactory,
) -> None:
    await part.database.open()
    part.add(1)
    await part.database.close()

    no_space(True)
    after = Part(hass)
    await after.database.open()
    after.rows = [(number.to_bytes(4), number) for number in await after.numbers()]
    for number in range(2, 400):
        after.add(number, durable=True)
    with pytest.raises(StorageError):
        await after.database.flush()
    assert after.told == [StorageFault.NOT_WRITTEN]
    after.add(400)
    await pass_time(hass, freezer, RETRY_SECONDS)
    assert set(after.told) == {StorageFault.NOT_WRITTEN}
    assert on_disk(path) == [1]

    no_space(False)
    await pass_time(hass, freezer, RETRY_SECONDS)
    assert on_disk(path) == list(range(1, 401))
    assert after.told[-1] == f"no longer {StorageFault.NOT_WRITTEN}"
    after.add(401)
    await after.database.flush()
    assert on_disk(path) == list(range(1, 402))
    await after.database.close()


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_disk_that_is_read_only_is_read_and_written_once_it_can_be(
    hass: HomeAssistant,
    part: Part,
    path: Path,
    is_there: bool,
    monkeypatch: pytest.MonkeyPatch,
    freezer: FrozenDateTimeFactory,
) -> None:
    if is_there:
        await part.database.open()
        part.add(1)
        await part.database.close()
    with monkeypatch.context() as patched:

        def refuse(*args: Any) -> int:
            raise OSError(errno.EROFS, "read-only")

        patched.setattr("custom_components.smsmobileapi.database_file.os.open", refuse)
        after = Part(hass)
        await after.database.open()
        after.rows = [(number.to_bytes(4), number) for number in await after.numbers()]
        assert [number for _, number in after.rows] == ([1] if is_there else [])
        # What an earlier version left is read all the same, and not taken for written.
        assert not await after.database.import_rows([state_statement("ledger", {"begins": 1})])
        after.add(2)
        with pytest.raises(StorageError):
            await after.database.flush()
    assert set(after.told) == {StorageFault.NOT_WRITTEN}
    await pass_time(hass, freezer, RETRY_SECONDS)
    assert on_disk(path) == ([1, 2] if is_there else [2])
    assert after.told[-1] == f"no longer {StorageFault.NOT_WRITTEN}"
    await after.database.close()


async def test_a_file_that_is_damaged_meanwhile_is_kept_aside_and_written_anew(
    hass: HomeAssistant,
    part: Part,
    path: Path,
    no_space: Callable[[bool], None],
    freezer: FrozenDateTimeFactory,
) -> None:
    await part.database.open()
    part.add(1)
    await part.database.flush()
    no_space(True)
    for number in range(2, 400):
        part.add(number)
    part.database.write(("insert into no_such_table values (?)", [(1,)]))
    with pytest.raises(StorageError):
        await part.database.flush()
    no_space(False)
    for file in path.parent.glob(f"{path.name}*"):
        _damaged(file)
    await pass_time(hass, freezer, RETRY_SECONDS)
    assert on_disk(path) == list(range(1, 400))
    assert StorageFault.KEPT_ASIDE in part.told
    assert part.told[-1] == f"no longer {StorageFault.NOT_WRITTEN}"


async def test_a_copy_made_during_a_backup_is_whole(
    hass: HomeAssistant, part: Part, path: Path, tmp_path: Path
) -> None:
    """Whatever is written while the files are copied, and wherever the copy of SQLite's log ends."""
    await part.database.open()
    for number in range(1000):
        part.add(number)
    await part.database.flush()
    hass.data[BACKUP_RUNS] = True
    await part.database.backup_changed()
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    for number in range(1000, 5000):
        part.add(number)
        if number % 100 == 0:
            await part.database.flush()
    await part.database.flush()
    assert copy.read_bytes() == path.read_bytes()
    log = path.with_name(f"{path.name}-wal").read_bytes()
    for length in (0, len(log) // 3, len(log) // 2, len(log) - 1, len(log)):
        copy.write_bytes(path.read_bytes())
        copy.with_name("copy.db-wal").write_bytes(log[:length])
        with sqlite3.connect(copy) as connection:
            assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        numbers = on_disk(copy)
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= 1000
    # Also where the account is unloaded in the middle.
    unchanged = path.read_bytes()
    await part.database.close()
    assert path.read_bytes() == unchanged


async def test_after_a_backup_the_file_is_written_again(hass: HomeAssistant, part: Part, path: Path) -> None:
    await part.database.open()
    hass.data[BACKUP_RUNS] = True
    await part.database.backup_changed()
    part.add(1)
    await part.database.flush()
    unchanged = path.read_bytes()
    hass.data[BACKUP_RUNS] = False
    await part.database.backup_changed()
    await part.database.close()
    assert path.read_bytes() != unchanged
    assert on_disk(path) == [1]


async def test_a_removed_account_leaves_no_file_behind(hass: HomeAssistant, part: Part, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    _damaged(path)
    old = path.with_name(f"smsmobileapi.{ENTRY}.ledger")
    other = path.with_name("smsmobileapi.another.db")
    for file in (old, other):
        file.write_text("{}")
    await part.database.open()
    await part.database.close()
    await async_remove_files(hass, ENTRY)
    assert [file.name for file in path.parent.glob("smsmobileapi.*")] == [other.name]


async def test_rows_that_cannot_be_read_count_for_none(part: Part) -> None:
    await part.database.open()
    bad: Statement = ("insert into state (name, value) values (?, ?)", [("ledger", "{no json")])
    part.database.write(bad)
    await part.database.flush()
    assert await part.database.load(lambda connection: read_state(connection, "ledger"), {"a": 1}) == {"a": 1}


@pytest.mark.parametrize("is_damaged", [False, True])
async def test_a_file_that_could_not_be_read_at_start_is_not_overwritten(
    hass: HomeAssistant,
    part: Part,
    path: Path,
    is_damaged: bool,
    monkeypatch: pytest.MonkeyPatch,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Another program holds it for longer than SQLite waits, and lets it go later."""
    await part.database.open()
    part.add(1)
    await part.database.close()
    after = Part(hass)

    def locked(*_: Any) -> None:
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patched:
        for opens in ("connect", "connect_read_only"):
            patched.setattr(
                f"custom_components.smsmobileapi.storage.{opens}",
                locked if opens == "connect" else lambda _: None,
            )
        await after.database.open()
    assert after.told == [StorageFault.NOT_WRITTEN]
    if is_damaged:
        _damaged(path)
    after.add(2)
    await pass_time(hass, freezer, RETRY_SECONDS)
    assert on_disk(path) == [2]
    (aside,) = path.parent.glob(f"{path.name}.unreadable.*")
    assert is_damaged or on_disk(aside) == [1]
    assert after.told[1:] == [StorageFault.KEPT_ASIDE, f"no longer {StorageFault.NOT_WRITTEN}"]
    await after.database.close()


async def test_a_file_is_not_written_anew_before_all_of_it_was_read(
    hass: HomeAssistant, part: Part, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The set-up of the account failed half-way, after a fault that is over."""
    await part.database.open()
    part.add(1)
    await part.database.close()
    database = Database(hass, ENTRY, on_fault=lambda _: None, on_recovery=lambda _: None)
    database.add_snapshot(list)
    with monkeypatch.context() as patched:

        def refuse(*args: Any) -> int:
            raise OSError(errno.EROFS, "read-only")

        patched.setattr("custom_components.smsmobileapi.database_file.os.open", refuse)
        await database.open()
    database.write((INSERT, [(b"2", 2)]))
    with pytest.raises(StorageError):
        await database.flush()
    await database.close()
    assert on_disk(path) == [1]


async def test_what_is_in_the_log_of_a_file_is_read_on_a_full_disk(
    part: Part, path: Path, tmp_path: Path
) -> None:
    """After a kill, where SQLite can't write the file that it usually reads its log with."""
    await part.database.open()
    part.add(1)
    await part.database.flush()
    left = tmp_path / path.name
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{left}{suffix}")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        connection = database_file.connect_read_only(left)
        assert connection
        assert connection.execute("select time from handled").fetchall() == [(1,)]
        connection.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert on_disk(left) == [1]


async def test_an_account_that_is_set_up_during_a_backup_leaves_its_file_as_it_is(
    hass: HomeAssistant, part: Part, path: Path
) -> None:
    await part.database.open()
    part.add(1)
    await part.database.close()
    unchanged = path.read_bytes()
    hass.data[BACKUP_RUNS] = True
    after = Part(hass)
    await after.database.open()
    after.add(2)
    await after.database.close()
    assert path.read_bytes() == unchanged
    hass.data[BACKUP_RUNS] = False
    assert on_disk(path) == [1, 2]
