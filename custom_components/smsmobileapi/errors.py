"""Errors in the user's language. The one place where the service's become Home Assistant's."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError, ServiceValidationError

from .api import InvalidCredentials, SmsMobileApiError
from .const import DOMAIN


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Return the error for an argument that is not right."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


def failed(key: str, **placeholders: str) -> HomeAssistantError:
    """Return the error for something that did not work out."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


def translated[ErrorT: HomeAssistantError](err: SmsMobileApiError, error_type: type[ErrorT]) -> ErrorT:
    """Return the service's error as one of Home Assistant's; its sentence says what to do."""
    return error_type(
        translation_domain=DOMAIN,
        translation_key=err.code,
        translation_placeholders=err.placeholders,
    )


def for_entry[ErrorT: HomeAssistantError](
    err: SmsMobileApiError, otherwise: type[ErrorT]
) -> ErrorT | ConfigEntryAuthFailed:
    """Return what makes Home Assistant ask for another key where that is what is needed, else `otherwise`."""
    if isinstance(err, InvalidCredentials):
        return translated(err, ConfigEntryAuthFailed)
    return translated(err, otherwise)


def for_action(hass: HomeAssistant, entry: ConfigEntry, err: SmsMobileApiError) -> HomeAssistantError:
    """Return the service's error as an action's; have Home Assistant ask for other credentials where they are refused."""
    if isinstance(err, InvalidCredentials):
        entry.async_start_reauth(hass)
    return translated(err, HomeAssistantError)
