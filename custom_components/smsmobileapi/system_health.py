"""System health: whether the service can be reached, and when messages were sent and received."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from homeassistant.components import system_health
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback

from .account import SmsMobileApiConfigEntry
from .api import DEFAULT_URL
from .const import DOMAIN


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register what the system information shows."""
    register.async_register_info(_info)


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    entries: list[SmsMobileApiConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    accounts = [entry.runtime_data for entry in entries]
    url = entries[0].data[CONF_URL] if entries else DEFAULT_URL
    return {
        "can_reach_service": system_health.async_check_can_reach_url(hass, url),
        "accounts": len(accounts),
        "webhooks_working": sum(account.webhook.is_working for account in accounts),
        "last_received": _latest(account.inbox.last_received for account in accounts),
        "last_sent": _latest(account.delivery.last_sent for account in accounts),
        "limit_reached": any(account.rate_limiter.resumes_at for account in accounts),
    }


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    """Return the last of the times since Home Assistant has started, if there is one."""
    return max((time for time in times if time), default=None)
