"""The five JSON files in which version 0.1 kept what is in the database now: read once, then removed."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
import json
import logging
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .database_file import Statement
from .storage import Database

_LOGGER = logging.getLogger(__name__)

_VERSION: Final = 1
_STATE: Final = "insert or ignore into state (name, value) values (?, ?)"


async def async_import_files(hass: HomeAssistant, entry_id: str, database: Database) -> None:
    """Write what the files of an account hold into its database, then remove them.

    A file that can't be read is renamed and left out. Files whose rows could not be written are left for the next start:
    what was imported already is not imported twice.
    """
    prefix = hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.")
    paths = {Path(prefix + name): read for name, read in _READERS.items()}
    statements = await hass.async_add_executor_job(_read_all, paths)
    if statements and await database.import_rows(statements):
        await hass.async_add_executor_job(_remove, list(paths))


def _read_all(paths: dict[Path, Callable[[Any], list[Statement]]]) -> list[Statement]:
    statements: list[Statement] = []
    for path, read in paths.items():
        try:
            saved = json.loads(path.read_bytes())
            statements += read(saved["data"] if saved["version"] == _VERSION else None)
        except FileNotFoundError:
            continue
        except (OSError, LookupError, TypeError, ValueError, AttributeError) as err:
            _LOGGER.error(
                "A file of an earlier version is unreadable (%s) and is kept aside", type(err).__name__
            )
            with suppress(OSError):
                path.rename(path.with_name(f"{path.name}.unreadable.{dt_util.utcnow():%Y%m%dT%H%M%S}"))
    return statements


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _ledger(data: Any) -> list[Statement]:
    state = {"newest": data["mark"], "begins": data["begins"], "calls_begin": data.get("calls_begin")}
    handled = [(bytes.fromhex(key), int(time)) for key, time in data["seen"].items()]
    return [
        ("insert into handled (key, time) values (?, ?)", handled),
        (_STATE, [("ledger", json.dumps(state))]),
    ]


def _journal(data: Any) -> list[Statement]:
    rows = [
        (datetime.fromisoformat(row["arrived"]).isoformat(), row["body"].encode("latin-1")) for row in data
    ]
    return [("insert into journal (arrived, body) values (?, ?)", rows)]


def _limits(data: Any) -> list[Statement]:
    rows = [(float(time), float(time)) for time in data["sent_at"]]
    return [("insert into sends (time) select ? where not exists (select 1 from sends where time = ?)", rows)]


def _reports(data: Any) -> list[Statement]:
    rows = [(message["message_id"], json.dumps(message)) for message in data]
    return [("insert or ignore into messages (message_id, data) values (?, ?)", rows)]


def _webhook(data: Any) -> list[Statement]:
    state = {"called_at_address": data["proved"], "has_brought_call": bool(data.get("brings_calls"))}
    return [(_STATE, [("webhook", json.dumps(state))])]


_READERS: Final[dict[str, Callable[[Any], list[Statement]]]] = {
    "ledger": _ledger,
    "journal": _journal,
    "limits": _limits,
    "reports": _reports,
    "webhook": _webhook,
}
