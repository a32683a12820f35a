"""While Home Assistant makes a backup, an account's database file stays as it is, and texts are handled all the same."""

from homeassistant.core import HomeAssistant

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.backup import async_post_backup, async_pre_backup
from custom_components.smsmobileapi.storage import database_path
from simulator import Account

from .conftest import settle


async def test_the_file_stays_as_it_is_until_the_backup_is_made(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    path = database_path(home, account.entry_id)
    await async_pre_backup(home)
    before = path.read_bytes()
    service_account.receive("+36301234567", "during the backup")
    await account.runtime_data.coordinator.async_refresh()
    await account.runtime_data.database.flush()
    # Also where the account is loaded anew meanwhile.
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert path.read_bytes() == before
    await async_post_backup(home)
    await home.config_entries.async_unload(account.entry_id)
    assert path.read_bytes() != before
