"""Actions, with response data."""

from typing import Any, Final, cast

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv, service
import voluptuous as vol

from .account import SmsMobileApiConfigEntry
from .api import Channel
from .const import DOMAIN

SEND_MESSAGE: Final = "send_message"
ATTR_ACCOUNT: Final = "account"
ATTR_CHANNEL: Final = "channel"
ATTR_MESSAGE: Final = "message"
ATTR_RECIPIENTS: Final = "recipients"


def _recipient(value: Any) -> str | int:
    """Take a name, a number, or a number that a template has made an integer of."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise vol.Invalid("a recipient is a phone number or the name of a contact")
    return value


SEND_MESSAGE_SCHEMA: Final = vol.Schema(
    {
        vol.Required(ATTR_RECIPIENTS): vol.All(cv.ensure_list, [_recipient]),
        vol.Required(ATTR_MESSAGE): cv.string,
        vol.Optional(ATTR_CHANNEL): vol.Coerce(Channel),
        vol.Optional(ATTR_ACCOUNT): cv.string,
    }
)


@callback
def async_setup_actions(hass: HomeAssistant) -> None:
    """Register the actions."""
    hass.services.async_register(
        DOMAIN, SEND_MESSAGE, _send_message, SEND_MESSAGE_SCHEMA, supports_response=SupportsResponse.OPTIONAL
    )


async def _send_message(call: ServiceCall) -> ServiceResponse:
    """Send a message to one or many; answer with a receipt for each."""
    receipts = await _account_entry(call).runtime_data.outbox.send(
        call.data[ATTR_RECIPIENTS], call.data[ATTR_MESSAGE], call.data.get(ATTR_CHANNEL)
    )
    return {"recipients": [receipt.as_response() for receipt in receipts]}


def _account_entry(call: ServiceCall) -> SmsMobileApiConfigEntry:
    """Return the account that the action names, or the only one."""
    entry = service.async_get_config_entry(call.hass, DOMAIN, call.data.get(ATTR_ACCOUNT))
    return cast(SmsMobileApiConfigEntry, entry)
