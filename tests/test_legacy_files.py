"""What version 0.1 kept in five files is taken over once, and the files are gone then."""

import json
from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.smsmobileapi.legacy_files import async_import_files
from custom_components.smsmobileapi.storage import Database, database_path

ENTRY = "01J0000000000000000000TEST"
SAVED: dict[str, Any] = {
    "ledger": {
        "seen": {"0a" * 12: 1_700_000_000},
        "mark": 1_700_000_100,
        "begins": 1_600_000_000,
        "calls_begin": 5,
    },
    "journal": [{"body": '{"message": "\xc3\xbc"}', "arrived": "2026-11-25T10:00:00+00:00"}],
    "limits": {"sent_at": [1_700_000_000.5, 1_700_000_001.5]},
    "reports": [{"message_id": "c319", "channel": "sms", "status": "accepted"}],
    "webhook": {"proved": "abcd", "brings_calls": True},
}
IMPORTED: dict[str, list[Any]] = {
    "handled": [(bytes.fromhex("0a" * 12), 1_700_000_000)],
    "journal": [("2026-11-25T10:00:00+00:00", '{"message": "ü"}'.encode())],
    "sends": [(1_700_000_000.5,), (1_700_000_001.5,)],
    "messages": [("c319", json.dumps(SAVED["reports"][0]))],
    "state": [
        ("ledger", json.dumps({"newest": 1_700_000_100, "begins": 1_600_000_000, "calls_begin": 5})),
        ("webhook", json.dumps({"called_at_address": "abcd", "has_brought_call": True})),
    ],
}
COLUMNS = {
    "handled": "key, time",
    "journal": "arrived, body",
    "sends": "time",
    "messages": "message_id, data",
    "state": "name, value",
}


@pytest.fixture
def files(hass: HomeAssistant) -> dict[str, Path]:
    """The files as version 0.1 wrote them."""
    folder = Path(hass.config.path(".storage"))
    folder.mkdir(exist_ok=True)
    files = {name: folder / f"smsmobileapi.{ENTRY}.{name}" for name in SAVED}
    for name, path in files.items():
        saved = {"version": 1, "minor_version": 1, "key": path.name, "data": SAVED[name]}
        path.write_text(json.dumps(saved))
    return files


async def imported(hass: HomeAssistant) -> dict[str, list[Any]]:
    """Start and stop once; return what is in the database then."""
    database = Database(hass, ENTRY, on_fault=lambda _: None, on_recovery=lambda _: None)
    await database.open()
    await async_import_files(hass, ENTRY, database)
    await database.close()
    with sqlite3.connect(database_path(hass, ENTRY)) as connection:
        return {
            table: connection.execute(f"select {columns} from {table} order by 1").fetchall()
            for table, columns in COLUMNS.items()
        }


async def test_all_five_are_taken_over_and_removed(hass: HomeAssistant, files: dict[str, Path]) -> None:
    assert await imported(hass) == IMPORTED
    assert not [path for path in files.values() if path.exists()]
    # And with none of them, nothing changes.
    assert await imported(hass) == IMPORTED


async def test_what_was_taken_over_already_is_not_counted_twice(
    hass: HomeAssistant, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant was killed after the rows were written and before the files were removed."""
    with monkeypatch.context() as patched:
        patched.setattr("custom_components.smsmobileapi.legacy_files._remove", lambda _: None)
        await imported(hass)
    again = await imported(hass)
    assert again["sends"] == IMPORTED["sends"]
    assert again["messages"] == IMPORTED["messages"]
    assert again["state"] == IMPORTED["state"]
    assert set(again["handled"]) == set(IMPORTED["handled"])


@pytest.mark.parametrize(
    ("name", "content", "missing"),
    [
        ("ledger", b'{"version": 2, "data": {}}', {"handled", "ledger"}),
        ("journal", b'{"version": 1, "data": 7}', {"journal"}),
        ("limits", b"", {"sends"}),
        ("reports", b"[]", {"messages"}),
        ("webhook", b"{", {"webhook"}),
    ],
)
async def test_one_that_is_unreadable_is_kept_aside_and_the_others_count(
    hass: HomeAssistant, files: dict[str, Path], name: str, content: bytes, missing: set[str]
) -> None:
    files[name].write_bytes(content)
    expected = {table: [] if table in missing else rows for table, rows in IMPORTED.items()}
    expected["state"] = [row for row in IMPORTED["state"] if row[0] not in missing]
    assert await imported(hass) == expected
    (aside,) = files[name].parent.glob(f"{files[name].name}.unreadable.*")
    assert aside.read_bytes() == content
    assert not [path for path in files.values() if path.exists()]


async def test_they_stay_where_the_database_cannot_be_written(
    hass: HomeAssistant, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def refuse(*_: Any) -> int:
            raise OSError("the disk is full")

        patched.setattr("custom_components.smsmobileapi.database_file.os.open", refuse)
        database = Database(hass, ENTRY, on_fault=lambda _: None, on_recovery=lambda _: None)
        await database.open()
        await async_import_files(hass, ENTRY, database)
        # What was sent counts all the same.
        sends = await database.load(
            lambda connection: len(list(connection.execute("select time from sends"))), 0
        )
        assert sends == 2
        await database.close()
    assert all(path.exists() for path in files.values())
