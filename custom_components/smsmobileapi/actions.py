"""Actions, with response data."""

from typing import Any, Final, cast

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv, service
import voluptuous as vol

from .account import SmsMobileApiConfigEntry
from .api import Channel
from .const import DOMAIN
from .outbox import Outbox, Wish

RESEND_MESSAGE: Final = "resend_message"
SEND_MESSAGE: Final = "send_message"
ATTR_ACCOUNT: Final = "account"
ATTR_CHANNEL: Final = "channel"
ATTR_MESSAGE: Final = "message"
ATTR_MESSAGE_ID: Final = "message_id"
ATTR_RECIPIENTS: Final = "recipients"
ATTR_URGENT: Final = "urgent"
ATTR_WAIT_FOR_REPORT: Final = "wait_for_report"


def _recipient(value: Any) -> str | int:
    """Take a name, a number, or a number that a template has made an integer of."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise vol.Invalid("a recipient is a phone number or the name of a contact")
    return value


_COMMON: Final = {
    vol.Optional(ATTR_CHANNEL): vol.Coerce(Channel),
    vol.Optional(ATTR_WAIT_FOR_REPORT): vol.All(vol.Coerce(float), vol.Range(min=1, max=3600)),
    vol.Optional(ATTR_ACCOUNT): cv.string,
}
SEND_MESSAGE_SCHEMA: Final = vol.Schema(
    {
        vol.Required(ATTR_RECIPIENTS): vol.All(cv.ensure_list, [_recipient]),
        vol.Required(ATTR_MESSAGE): cv.string,
        vol.Optional(ATTR_URGENT, default=False): cv.boolean,
        **_COMMON,
    }
)
RESEND_MESSAGE_SCHEMA: Final = vol.Schema({vol.Required(ATTR_MESSAGE_ID): cv.string, **_COMMON})


@callback
def async_setup_actions(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, action, schema in (
        (SEND_MESSAGE, _send_message, SEND_MESSAGE_SCHEMA),
        (RESEND_MESSAGE, _resend_message, RESEND_MESSAGE_SCHEMA),
    ):
        hass.services.async_register(
            DOMAIN, name, action, schema, supports_response=SupportsResponse.OPTIONAL
        )


async def _send_message(call: ServiceCall) -> ServiceResponse:
    """Send a message to one or many; answer with an id and a status for each."""
    sent = await _outbox(call).send(
        call.data[ATTR_RECIPIENTS], call.data[ATTR_MESSAGE], call.data.get(ATTR_CHANNEL), _wish(call)
    )
    return {"recipients": [message.as_response() for message in sent]}


async def _resend_message(call: ServiceCall) -> ServiceResponse:
    """Send a message again that has failed; answer with an id and a status."""
    sent = await _outbox(call).resend(call.data[ATTR_MESSAGE_ID], call.data.get(ATTR_CHANNEL), _wish(call))
    return sent.as_response()


def _wish(call: ServiceCall) -> Wish:
    return Wish(
        context=call.context,
        is_urgent=call.data.get(ATTR_URGENT, False),
        report_within=call.data.get(ATTR_WAIT_FOR_REPORT),
    )


def _outbox(call: ServiceCall) -> Outbox:
    """Return the outbox of the account that the action names, or of the only one."""
    entry = service.async_get_config_entry(call.hass, DOMAIN, call.data.get(ATTR_ACCOUNT))
    return cast(SmsMobileApiConfigEntry, entry).runtime_data.outbox
