"""Whether an account's database was restored from a backup, so that it does not know what was handled since.

Home Assistant says it in the run after it has restored one. Besides, each database has a token, which a file also has that no
backup contains: where that file is missing, the database is a copy.
"""

from contextlib import suppress
from functools import partial
import json
import os
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from homeassistant.backup_restore import RESTORE_BACKUP_RESULT_FILE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..storage import Database, read_state, state_statement

# Set by the Supervisor where it has restored a backup; it stays for as long as the container does.
_RESTORE_JOB: Final = "SUPERVISOR_RESTORE_JOB_ID"
_STATE_NAME: Final = "restore"
# The accounts that were looked at since Home Assistant was started: it says for all of its run that it restored a backup.
_CHECKED: Final = HassKey[set[str]](f"{DOMAIN}_restore_checked")


async def async_was_restored(hass: HomeAssistant, entry_id: str, database: Database) -> bool:
    """Return whether the database is one from a backup; this is returned once after each time."""
    nothing: dict[str, Any] = {}
    state = await database.load(partial(read_state, name=_STATE_NAME), nothing)
    checked = hass.data.setdefault(_CHECKED, set())
    is_first = entry_id not in checked
    checked.add(entry_id)
    job, token = os.environ.get(_RESTORE_JOB), state.get("token")
    path = token_path(hass, entry_id)
    written = await hass.async_add_executor_job(_read, path)
    was_restored = is_first and await _says_so(hass)
    if token is not None:
        was_restored |= token != written or (job is not None and job != state.get("job"))
    if was_restored or token is None:
        token = token_hex(8)
        if not await hass.async_add_executor_job(_write, path, token):
            token = None
    new_state = {"token": token, "job": job}
    database.add_snapshot(lambda: [state_statement(_STATE_NAME, new_state)])
    if state != new_state:
        database.write(state_statement(_STATE_NAME, new_state))
    return was_restored


def token_path(hass: HomeAssistant, entry_id: str) -> Path:
    """Return the path of the file that no backup contains: Home Assistant and the Supervisor leave out folders of this name."""
    return Path(hass.config.path(STORAGE_DIR, "__pycache__", f"{DOMAIN}.{entry_id}.token"))


async def _says_so(hass: HomeAssistant) -> bool:
    """Return whether Home Assistant says that it was restored: in a file until `backup` is set up, which says it from then on."""
    path = Path(hass.config.path(RESTORE_BACKUP_RESULT_FILE))
    with suppress(ValueError):
        written = await hass.async_add_executor_job(_read, path)
        result = json.loads(written) if written else None
        if isinstance(result, dict) and result.get("success") is True:
            return True
    event = getattr(hass.data.get("backup"), "last_action_event", None)
    kind, state = getattr(event, "manager_state", None), getattr(event, "state", None)
    return kind == "restore_backup" and state == "completed"


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError, ValueError:
        return None


def _write(path: Path, token: str) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(token)
    except OSError:
        return False
    return True
