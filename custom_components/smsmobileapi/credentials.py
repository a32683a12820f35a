"""Credentials: a client made from them, and whether new ones are those of the same account."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_API_KEY, CONF_CLIENT_ID, CONF_CLIENT_SECRET, CONF_URL
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util

from .api import ApiKey, ClientCredentials, Phone, SmsMobileApiClient
from .inbound.ledger import History, history_of
from .log_filter import async_redact
from .numbers import normalise_sender
from .phones import devices_of

# What credentials are made of: a key, or ID and secret.
FIELDS: Final = (CONF_API_KEY, CONF_CLIENT_ID, CONF_CLIENT_SECRET)
TOKENS_REDACTED: Final = 2


@callback
def async_connect(hass: HomeAssistant, data: Mapping[str, Any]) -> tuple[SmsMobileApiClient, CALLBACK_TYPE]:
    """Return the client for a config entry's data, and the function that ends the redaction of its secrets."""
    session = async_get_clientsession(hass)
    if key := data.get(CONF_API_KEY):
        return SmsMobileApiClient(session, ApiKey(key), data[CONF_URL]), async_redact(key)
    client_id, client_secret = data[CONF_CLIENT_ID], data[CONF_CLIENT_SECRET]
    tokens: list[CALLBACK_TYPE] = []
    forget_client = async_redact(client_id, client_secret)

    def redact_token(token: str) -> None:
        tokens.append(async_redact(token))
        # A request with the token before this one may still be logged.
        if len(tokens) > TOKENS_REDACTED:
            tokens.pop(0)()

    @callback
    def forget() -> None:
        forget_client()
        while tokens:
            tokens.pop()()

    credentials = ClientCredentials(client_id, client_secret, on_token=redact_token)
    return SmsMobileApiClient(session, credentials, data[CONF_URL]), forget


def credentials_in(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config entry's data that are its credentials."""
    return {name: data[name] for name in FIELDS if name in data}


def is_other_account(hass: HomeAssistant, entry: ConfigEntry, listed: list[Phone] | None) -> bool:
    """Return whether new credentials, for which the service lists these phones, are those of another account.

    True where both have phones and no phone is in both. Where one of them has no phones, the account is taken for the
    same one, so that a renewed key never loses a message.
    """
    known = devices_of(hass, entry).keys()
    return bool(known and listed) and known.isdisjoint(phone.sid for phone in listed or ())


async def async_history(client: SmsMobileApiClient, region: str | None) -> History:
    """Return what an account that is new here has received so far, so that nothing of it is fired.

    `region` is the country (ISO 3166) of numbers without a country code. Raises SmsMobileApiError.
    """
    messages = await client.received_messages(after=None, zone=dt_util.get_default_time_zone())
    return history_of((message, normalise_sender(message.sender, region)) for message in messages)
