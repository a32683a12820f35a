"""Credentials: from a config entry's data to a client whose secrets stay out of the log."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.const import CONF_API_KEY, CONF_CLIENT_ID, CONF_CLIENT_SECRET, CONF_URL
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .api import ApiKey, ClientCredentials, SmsMobileApiClient
from .log_filter import async_redact

# What credentials are made of: a key, or ID and secret.
FIELDS: Final = (CONF_API_KEY, CONF_CLIENT_ID, CONF_CLIENT_SECRET)
TOKENS_REDACTED: Final = 2


@callback
def async_connect(hass: HomeAssistant, data: Mapping[str, Any]) -> tuple[SmsMobileApiClient, CALLBACK_TYPE]:
    """Return the client for a config entry's data, and what ends the redaction of its secrets."""
    session = async_get_clientsession(hass)
    if key := data.get(CONF_API_KEY):
        return SmsMobileApiClient(session, ApiKey(key), data[CONF_URL]), async_redact(key)
    client_id, client_secret = data[CONF_CLIENT_ID], data[CONF_CLIENT_SECRET]
    tokens: list[CALLBACK_TYPE] = []
    forget_client = async_redact(client_id, client_secret)

    def redact_token(token: str) -> None:
        tokens.append(async_redact(token))
        # The last but one may still be on its way into a log.
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
    """Return that part of a config entry's data which is its credentials."""
    return {name: data[name] for name in FIELDS if name in data}
