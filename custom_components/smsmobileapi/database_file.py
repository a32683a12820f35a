"""The file of a database: made, opened, checked, kept aside where it can't be used. All of this runs in the executor."""

from contextlib import suppress
from itertools import batched, chain, groupby
from operator import itemgetter
import os
from pathlib import Path
import re
import sqlite3
from typing import Any, Final

from homeassistant.util import dt as dt_util

VERSION: Final = 3
# Tables with an integer key are appended to: a row costs one page, however many there are.
SCHEMA: Final = """
create table handled (id integer primary key, key blob not null, time integer not null, phone integer not null default 0);
create table unsigned (id integer primary key, key blob not null, time integer not null, phone integer not null default 0);
create table journal
  (id integer primary key, arrived text not null, body blob not null, trust text not null default 'unsigned');
create table kept (id integer primary key, time integer not null, data text not null);
create table sends (
  id integer primary key, time real not null, parts integer not null default 1, source text, kind text not null default 'normal'
);
create table messages (message_id text primary key, data text not null);
create table state (name text primary key, value text);
"""
# What makes the tables of a version into those of the next.
UPGRADES: Final = {
    1: """
alter table sends add column parts integer not null default 1;
alter table sends add column source text;
alter table sends add column kind text not null default 'normal';
""",
    2: """
alter table handled add column phone integer not null default 0;
create table unsigned (id integer primary key, key blob not null, time integer not null, phone integer not null default 0);
alter table journal add column trust text not null default 'unsigned';
create table kept (id integer primary key, time integer not null, data text not null);
""",
}
# The statement that empties each table.
CLEAR: Final = {
    "handled": "delete from handled",
    "unsigned": "delete from unsigned",
    "kept": "delete from kept",
    "journal": "delete from journal",
    "sends": "delete from sends",
    "messages": "delete from messages",
    "state": "delete from state",
}
# While the event loop is busy, a thread waits for it after each step of SQLite, mostly for 5 ms: so one step takes many rows.
ROWS_AT_ONCE: Final = 500
_VALUES: Final = re.compile(r"(?<= values )\([?, ]+\)")
# SQLite's errors for a file that is damaged or no database.
_BROKEN: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}

# An SQL statement, and the values of each row that it is carried out for.
type Statement = tuple[str, list[tuple[Any, ...]]]


class UnusableFile(Exception):
    """The file is damaged, of a newer version, not a database of ours, or a directory."""


def write_rows(connection: sqlite3.Connection, statements: list[Statement], *, durable: bool) -> None:
    """Write all rows or none; `durable` ones survive a power cut. Raises sqlite3.Error."""
    connection.execute(f"pragma synchronous={'full' if durable else 'normal'}")
    connection.execute("begin immediate")
    try:
        for sql, same in groupby(statements, key=itemgetter(0)):
            _execute(connection, sql, [row for _, rows in same for row in rows])
        connection.execute("commit")
    except Exception:
        with suppress(sqlite3.Error):
            connection.execute("rollback")
        raise


def _execute(connection: sqlite3.Connection, sql: str, rows: list[tuple[Any, ...]]) -> None:
    if not (values := _VALUES.search(sql)):
        connection.executemany(sql, rows)
        return
    for some in batched(rows, ROWS_AT_ONCE, strict=False):
        connection.execute(
            sql.replace(values[0], ", ".join([values[0]] * len(some))), [*chain.from_iterable(some)]
        )


def connect(path: Path) -> sqlite3.Connection:
    """Open the file or make it. Raises UnusableFile, sqlite3.Error and OSError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite's own files beside it get the same permissions.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except (IsADirectoryError, PermissionError) as err:
        raise UnusableFile(type(err).__name__) from None
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        # First, as the next line changes the file.
        _check(connection)
        connection.execute("pragma journal_mode=wal")
    except sqlite3.DatabaseError as err:
        connection.close()
        code = getattr(err, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _BROKEN:
            raise UnusableFile(type(err).__name__) from None
        raise
    except UnusableFile:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file; check version, content and tables of an old one, and upgrade it.

    Raises UnusableFile and sqlite3.Error.
    """
    (version,) = connection.execute("pragma user_version").fetchone()
    if version > VERSION:
        raise UnusableFile(f"version {version}")
    if connection.execute("pragma quick_check(1)").fetchone() != ("ok",):
        raise UnusableFile("damaged")
    if version < VERSION:
        sql = "".join(UPGRADES[old] for old in range(version, VERSION)) if version else SCHEMA
        connection.executescript(f"begin immediate; {sql} pragma user_version={VERSION}; commit;")
    tables = {name for (name,) in connection.execute("select name from sqlite_schema where type = 'table'")}
    if not tables.issuperset(CLEAR):
        raise UnusableFile("tables are missing")


def connect_read_only(path: Path) -> sqlite3.Connection | None:
    """Open a file that can't be written, to read only; return None where it can't be read either."""
    # Without locks and used by us alone, SQLite reads its log without a further file, for which there may be no space.
    modes = ["mode=ro&vfs=unix-none"]
    log = path.with_name(f"{path.name}-wal")
    if not (log.exists() and log.stat().st_size):
        # For a folder in which SQLite can't make its own files. In this mode it does not read its log, which has to be empty.
        modes.append("mode=ro&immutable=1")
    for mode in modes:
        try:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False
            )
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
            connection.execute("pragma locking_mode=exclusive")
            connection.execute("select 1 from state limit 1")
        except sqlite3.Error:
            continue
        return connection
    return None


def connect_in_memory() -> sqlite3.Connection:
    """Return an empty database that stands in until the file can be written."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(SCHEMA)
    return connection


def keep_aside(path: Path) -> None:
    """Rename the file, and what SQLite keeps beside it."""
    mark = f".unreadable.{dt_util.utcnow():%Y%m%dT%H%M%S}"
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(path.with_name(path.name + mark + suffix))
