"""Diagnostics: what helps to find a fault, without any key, address, number, name or text."""

from typing import Any

from homeassistant.const import CONF_API_KEY, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .account import Account, SmsMobileApiConfigEntry
from .api import DEFAULT_URL, Phone
from .const import DOMAIN
from .contacts import Contact
from .phones import sid_of


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry
) -> dict[str, Any]:
    """Return an account's diagnostics. Each value is listed here; nothing is copied whole and redacted."""
    account = entry.runtime_data
    coordinator = account.coordinator
    inbox, outbox, webhook = account.inbox, account.outbox, account.webhook
    return {
        "contacts": [_contact(contact) for contact in account.contacts],
        "credentials": "api_key" if CONF_API_KEY in entry.data else "oauth2",
        "has_country": account.options.region is not None,
        "has_signing_secret": account.options.signing_secret is not None,
        "is_test_server": entry.data[CONF_URL] != DEFAULT_URL,
        "inbox": {
            "counts": dict(inbox.counts),
            "state": inbox.state.name.lower(),
            "last_received": inbox.last_received,
            "kept": len(account.kept),
            "ledger_size": account.ledger.size,
            "unsigned_size": account.ledger.unsigned_size,
            "waiting": inbox.waiting,
        },
        "outbox": {
            "counts": dict(account.delivery.counts),
            "last_sent": account.delivery.last_sent,
            "limit_resumes_at": account.rate_limiter.resumes_at,
            "pending_reports": account.reports.pending,
            "reserve_used": account.rate_limiter.reserve_used,
            "sent_in_a_day": account.rate_limiter.sent_in_a_day,
            "waiting": outbox.waiting,
        },
        "phones": [_phone(account, phone) for phone in account.phones],
        "poll": {
            "interval_seconds": coordinator.update_interval and coordinator.update_interval.total_seconds(),
            "last_error": coordinator.last_exception and type(coordinator.last_exception).__name__,
            "last_success": coordinator.last_success,
            "succeeded": coordinator.last_update_success,
        },
        "webhook": {
            "has_address": webhook.addresses.first is not None,
            "is_working": webhook.is_working,
            "has_brought_call": webhook.health.has_brought_call,
            "misses_today": webhook.health.misses_today,
            "refused": dict(webhook.refused),
        },
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, device: dr.DeviceEntry
) -> dict[str, Any]:
    """Return the diagnostics of a phone or a contact, those of the whole account for the account's device."""
    account = entry.runtime_data
    sid = sid_of(entry, device)
    if sid and (phone := account.phones.get(sid)):
        return {"phone": _phone(account, phone)}
    for contact in account.contacts:
        if (DOMAIN, contact.contact_id) in device.identifiers:
            return {"contact": _contact(contact)}
    return await async_get_config_entry_diagnostics(hass, entry)


def _phone(account: Account, phone: Phone) -> dict[str, Any]:
    return {
        "app_version": phone.app_version,
        "battery": phone.battery,
        "is_listed": account.phones.is_listed(phone.sid),
        "is_online": phone.is_online,
        "last_seen": phone.last_seen,
    }


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "channel": contact.route,
        "has_phone": contact.phone is not None,
        "is_short_code": not contact.number.startswith("+"),
        "sim": contact.sim,
    }
