"""SMSMobileAPI for Home Assistant: SMS and WhatsApp through the user's own phone."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_WEBHOOK_ID, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.typing import ConfigType

from .account import Account, SmsMobileApiConfigEntry, async_remove_account
from .const import CONF_SIGNING_SECRET, DOMAIN
from .credentials import async_connect
from .entity import account_device
from .entry_updates import EntryUpdates
from .inbound.view import async_register_view
from .log_filter import async_redact
from .phones import sid_of
from .services import async_setup_services

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = [Platform.BINARY_SENSOR, Platform.EVENT, Platform.NOTIFY, Platform.SENSOR]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up the addresses of all accounts, and the actions, which exist without an account, too."""
    # First, as Home Assistant answers 200 for a webhook that is not there.
    async_register_view(hass)
    async_setup_services(hass)
    return True


async def async_migrate_entry(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> bool:
    """Bring an account that an older version saved up to date; return whether this version can use it."""
    if entry.version > 1:
        return False
    if entry.minor_version < 2:
        # Version 0.1 had an option for how often to poll.
        options = {
            name: value
            for name, value in entry.options.items()
            if name not in {"poll_seconds", "poll_minutes"}
        }
        hass.config_entries.async_update_entry(entry, options=options, minor_version=2)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> bool:
    """Set up an account.

    The service is not asked, so this does not fail where it is down or refuses: the config flow has verified the credentials,
    and Home Assistant skips the notify entities of an account that is not loaded without an error. What is wrong is raised by
    the actions, and reported by the first poll.
    """
    # Before anything is logged; EntryUpdates does the same for a secret that is entered later.
    entry.async_on_unload(
        async_redact(entry.data[CONF_WEBHOOK_ID], entry.options.get(CONF_SIGNING_SECRET, ""))
    )
    client, forget_secrets = async_connect(hass, entry.data)
    entry.async_on_unload(forget_secrets)
    account = entry.runtime_data = Account(hass, entry, client)
    await account.load(hass)
    # Before the platforms, as the devices of contacts and phones refer to it.
    dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, **account_device(entry))
    # Before the platforms read the contacts, so that none is missed which is added meanwhile.
    EntryUpdates(hass, entry, account)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    await account.start(hass)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> bool:
    """Unload an account."""
    entry.runtime_data.inbox.close()
    # This may take some seconds. As long as the entities are there, what sends fails; later it would be skipped without an error.
    await entry.runtime_data.outbox.stop()
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.stop()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    """Remove what an account has stored and its webhook."""
    await async_remove_account(hass, entry)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, device: dr.DeviceEntry
) -> bool:
    """Return whether a device may be deleted: only that of a phone that the service no longer lists, which is forgotten."""
    sid = sid_of(entry, device)
    if sid is None or entry.state is not ConfigEntryState.LOADED:
        return False
    account = entry.runtime_data
    if account.phones.is_listed(sid):
        return False
    account.phones.forget(sid)
    account.coordinator.async_update_listeners()
    return True
