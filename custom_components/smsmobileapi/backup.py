"""Backups: a copy of each account's database is whole, also while messages come and go."""

import asyncio

from homeassistant.core import HomeAssistant

from .account import SmsMobileApiConfigEntry
from .const import DOMAIN


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Leave the files as they are while they are copied."""
    entries: list[SmsMobileApiConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    await asyncio.gather(*(entry.runtime_data.database.begin_backup() for entry in entries))


async def async_post_backup(hass: HomeAssistant) -> None:
    """Change the files again."""
    entries: list[SmsMobileApiConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    await asyncio.gather(*(entry.runtime_data.database.end_backup() for entry in entries))
