"""Backups: the copy of an account's database is consistent, also while messages are sent and received."""

import asyncio

from homeassistant.core import HomeAssistant

from .account import SmsMobileApiConfigEntry
from .const import DOMAIN
from .storage import BACKUP_RUNS


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Keep the files unchanged while they are copied, also those of accounts that are set up meanwhile."""
    await _set_backup(hass, is_running=True)


async def async_post_backup(hass: HomeAssistant) -> None:
    """Allow the files to be changed again."""
    await _set_backup(hass, is_running=False)


async def _set_backup(hass: HomeAssistant, *, is_running: bool) -> None:
    hass.data[BACKUP_RUNS] = is_running
    entries: list[SmsMobileApiConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    await asyncio.gather(*(entry.runtime_data.database.backup_changed() for entry in entries))
