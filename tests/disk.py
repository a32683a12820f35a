"""What is on disk: the accounts' databases as another program finds them, and what a kill of Home Assistant leaves."""

from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CoreState, HomeAssistant

from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.storage import database_path

from .conftest import settle

type Files = dict[Path, bytes]


def files_of(hass: HomeAssistant) -> Files:
    """Return our files as they are now, but not the one that SQLite makes anew from the others."""
    folder = Path(hass.config.path(".storage"))
    paths = (path for path in folder.glob(f"{DOMAIN}.*") if path.is_file() and not path.name.endswith("-shm"))
    return {path: path.read_bytes() for path in paths}


def put_back(hass: HomeAssistant, files: Files) -> None:
    """Make our files those, whatever was written since."""
    for path in Path(hass.config.path(".storage")).glob(f"{DOMAIN}.*"):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    for path, content in files.items():
        path.write_bytes(content)


def rows_of(hass: HomeAssistant, entry: ConfigEntry, table: str, columns: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table as another program finds them now."""
    connection = sqlite3.connect(database_path(hass, entry.entry_id))
    try:
        return connection.execute(f"select {columns} from {table} order by 1").fetchall()
    finally:
        connection.close()


async def kill(
    hass: HomeAssistant, files: Files, *entries: ConfigEntry, state: CoreState = CoreState.starting
) -> None:
    """Take the accounts through a kill of Home Assistant that left these files, and set them up again.

    `state` is that of Home Assistant then: `starting`, so that what arrives is held, or `running`.
    """
    for entry in entries:
        assert await hass.config_entries.async_unload(entry.entry_id)
    put_back(hass, files)
    hass.set_state(state)
    for entry in entries:
        assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
