"""The service's errors as Home Assistant's, in the user's language. The one place where they are mapped."""

from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError

from .api import InvalidCredentials, SmsMobileApiError
from .const import DOMAIN


def translated[ErrorT: HomeAssistantError](err: SmsMobileApiError, error_type: type[ErrorT]) -> ErrorT:
    """Return the error as one of Home Assistant's; its sentence says what to do."""
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
