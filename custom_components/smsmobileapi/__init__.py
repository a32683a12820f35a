"""SMSMobileAPI for Home Assistant: SMS and WhatsApp through the family's own phone."""

from homeassistant.const import CONF_API_KEY, CONF_WEBHOOK_ID, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.typing import ConfigType

from .account import Account, SmsMobileApiConfigEntry, async_remove_account, client_of
from .actions import async_setup_actions
from .api import SmsMobileApiError
from .const import CONF_SIGNING_SECRET, DOMAIN
from .entity import account_device
from .errors import for_entry
from .log_filter import async_redact

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = [Platform.EVENT, Platform.NOTIFY, Platform.SENSOR]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up the actions, which are there also while no account is."""
    async_setup_actions(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> bool:
    """Set up an account."""
    secrets = (
        entry.data[CONF_API_KEY],
        entry.data[CONF_WEBHOOK_ID],
        entry.options.get(CONF_SIGNING_SECRET, ""),
    )
    entry.async_on_unload(async_redact(*secrets))
    client = client_of(hass, entry.data)
    account = entry.runtime_data = Account.build(hass, entry, client)
    await account.load(hass)
    try:
        await client.prove_credentials()
    except SmsMobileApiError as err:
        account.issues.note(err)
        raise for_entry(err, ConfigEntryNotReady) from None
    # The contacts' devices stand behind the account's.
    dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, **account_device(entry))
    # Before the platforms read the contacts: one that is added from then on is taken up by a reload.
    entry.async_on_unload(entry.add_update_listener(_async_reload))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    await account.open(hass)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> bool:
    """Unload an account."""
    entry.runtime_data.inbox.close()
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.close()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    """Leave nothing of an account behind."""
    await async_remove_account(hass, entry)


async def _async_reload(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    """Take up what changed in the account, its name or its contacts."""
    hass.config_entries.async_schedule_reload(entry.entry_id)
