"""Errors in the user's language. The service's errors become Home Assistant's here and nowhere else."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError, ServiceValidationError
from homeassistant.helpers.update_coordinator import UpdateFailed

from .api import InvalidCredentials, RateLimited, SmsMobileApiError
from .const import DOMAIN


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Return the error for a wrong argument of an action."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


def failed(key: str, **placeholders: str) -> HomeAssistantError:
    """Return the error for an action that failed."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


def translated[ErrorT: HomeAssistantError](err: SmsMobileApiError, error_type: type[ErrorT]) -> ErrorT:
    """Return the service's error as an error of Home Assistant's, with a translated message."""
    return error_type(
        translation_domain=DOMAIN,
        translation_key=err.code,
        translation_placeholders=err.placeholders,
    )


def for_poll(err: SmsMobileApiError) -> UpdateFailed | ConfigEntryAuthFailed:
    """Return ConfigEntryAuthFailed, which starts a reauthentication, for refused credentials, and UpdateFailed for the rest."""
    if isinstance(err, InvalidCredentials):
        return translated(err, ConfigEntryAuthFailed)
    failure = translated(err, UpdateFailed)
    if isinstance(err, RateLimited):
        failure.retry_after = err.retry_after
    return failure


def for_action(hass: HomeAssistant, entry: ConfigEntry, err: SmsMobileApiError) -> HomeAssistantError:
    """Return the service's error as an action's error; start a reauthentication where the credentials were refused."""
    if isinstance(err, InvalidCredentials):
        entry.async_start_reauth(hass)
    return translated(err, HomeAssistantError)
