"""Identity: whether credentials are those of the account that they are entered for, or another one's."""

from collections.abc import Sequence

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .api import Phone, ReceivedMessage, SmsMobileApiClient
from .const import CONF_HISTORY
from .ledger import History, Ledger, history_of, message_keys
from .numbers import normalise_sender
from .options import Options
from .phones import devices_of


async def async_new_history(hass: HomeAssistant, client: SmsMobileApiClient) -> History:
    """Return what a new account has received so far, so that none of it is taken for new.

    Raises SmsMobileApiError.
    """
    return _history_of(await _all_messages(client), hass.config.country)


async def async_history_of_other(
    hass: HomeAssistant, entry: ConfigEntry, client: SmsMobileApiClient, phones: list[Phone] | None
) -> History | None:
    """Return what another account has received so far, None where the client is that of the entry's own account.

    `phones` are what the service lists for the client; messages are asked for only where the phones tell nothing.
    Raises SmsMobileApiError.
    """
    if _knows_one(hass, entry, phones):
        return None
    messages = await _all_messages(client)
    if not await is_other_account(hass, entry, phones, messages):
        return None
    return _history_of(messages, Options(hass, entry).region)


async def is_other_account(
    hass: HomeAssistant, entry: ConfigEntry, phones: list[Phone] | None, messages: Sequence[ReceivedMessage]
) -> bool:
    """Tell whether phones and messages that the service lists for credentials are those of another account.

    Where there is nothing to tell by, they are the entry's own: a key that was merely renewed must never lose a message
    that came meanwhile.
    """
    if _knows_one(hass, entry, phones):
        return False
    ledger = await _ledger_of(hass, entry)
    region = Options(hass, entry).region
    keys = (message_keys(message, normalise_sender(message.sender, region)) for message in messages)
    if any(map(ledger.knows, keys)):
        return False
    if phones and devices_of(hass, entry):
        return True
    return any(ledger.should_know(message) for message in messages)


def _knows_one(hass: HomeAssistant, entry: ConfigEntry, phones: list[Phone] | None) -> bool:
    """Tell whether one of these phones is the account's."""
    return not devices_of(hass, entry).keys().isdisjoint(phone.sid for phone in phones or ())


async def _ledger_of(hass: HomeAssistant, entry: ConfigEntry) -> Ledger:
    """Return the ledger in use, or what was saved of it."""
    if entry.state is ConfigEntryState.LOADED:
        ledger: Ledger = entry.runtime_data.ledger
        return ledger
    ledger = Ledger(hass, entry.entry_id)
    await ledger.load(entry.data.get(CONF_HISTORY))
    return ledger


async def _all_messages(client: SmsMobileApiClient) -> list[ReceivedMessage]:
    return await client.received_messages(after=None, zone=dt_util.get_default_time_zone())


def _history_of(messages: Sequence[ReceivedMessage], region: str | None) -> History:
    return history_of((message, normalise_sender(message.sender, region)) for message in messages)
