"""Diagnostics: what helps to find a fault, and nothing else. No key, address, number, name or text."""

from typing import Any

from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant

from .account import SmsMobileApiConfigEntry
from .api import DEFAULT_URL
from .const import CONF_SIGNING_SECRET


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry
) -> dict[str, Any]:
    """Return an account's diagnostics, each value named here."""
    account = entry.runtime_data
    coordinator = account.coordinator
    inbox, outbox, webhook = account.inbox, account.outbox, account.webhook
    return {
        "contacts": len(list(account.contacts)),
        "has_country": hass.config.country is not None,
        "has_signing_secret": CONF_SIGNING_SECRET in entry.options,
        "is_test_server": entry.data[CONF_URL] != DEFAULT_URL,
        "inbox": {
            "counts": dict(inbox.counts),
            "is_open": inbox.is_open,
            "last_received": inbox.last_received,
            "ledger_size": account.ledger.size,
        },
        "outbox": {
            "counts": dict(outbox.counts),
            "last_sent": outbox.last_sent,
            "limit_resumes_at": account.flood_guard.resumes_at,
            "pending_reports": account.reports.pending,
            "sent_in_a_day": account.limits.sent_in_a_day,
        },
        "poll": {
            "interval_seconds": coordinator.update_interval and coordinator.update_interval.total_seconds(),
            "last_error": coordinator.last_exception and type(coordinator.last_exception).__name__,
            "last_success": coordinator.last_success,
            "succeeded": coordinator.last_update_success,
        },
        "webhook": {
            "has_address": webhook.url is not None,
            "is_proved": webhook.is_proved,
            "misses_today": webhook.misses_today,
        },
    }
