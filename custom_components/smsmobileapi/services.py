"""The actions, each with response data."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
import re
from typing import Any, Final

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .account import Account, SmsMobileApiConfigEntry
from .api import Channel, SmsMobileApiError
from .const import CONF_CHANNEL, CONF_PHONE, CONF_SIM, DOMAIN
from .contacts import Route
from .errors import for_action, invalid
from .message_log import MessageFilter, async_find_messages
from .outbound.models import OutboundMessage
from .outbound.recipients import SendOptions
from .outbound.segments import count_segments
from .permissions import async_check_control, async_check_read, async_check_send, async_remember_scripts
from .service_call import fields_only, find_entry, shown_value, with_valid_data

ATTR_ACCOUNT: Final = "account"
ATTR_CAMERA: Final = "camera"
ATTR_ENCRYPT: Final = "encrypt"
ATTR_FAILED_ONLY: Final = "failed_only"
ATTR_FROM: Final = "from"
ATTR_LIMIT: Final = "limit"
ATTR_MEDIA: Final = "media"
ATTR_MEDIA_URL: Final = "media_url"
ATTR_MESSAGE: Final = "message"
ATTR_MESSAGE_ID: Final = "message_id"
ATTR_RECIPIENTS: Final = "recipients"
ATTR_RETRY_FOR: Final = "retry_for"
ATTR_SEND_AT: Final = "send_at"
ATTR_SHORT_LINKS: Final = "short_links"
ATTR_SINCE: Final = "since"
ATTR_SMS_AFTER: Final = "sms_after"
ATTR_TEXT: Final = "text"
ATTR_TO: Final = "to"
ATTR_URGENT: Final = "urgent"
ATTR_WAIT_FOR_REPORT: Final = "wait_for_report"
DEFAULT_LIMIT: Final = 50
_TIMESTAMP: Final = re.compile(r"\d{9,}(\.\d*)?")
MAX_LIMIT: Final = 1000
_NO_TIME: Final = timedelta()
_A_DAY: Final = timedelta(days=1)


def _recipient(value: Any) -> str | int:
    """Validate a name or a number; a template makes an integer of a number. Raises ServiceValidationError."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise invalid("recipient_invalid", value=shown_value(value))
    return value


def _recipients(value: Any) -> list[str | int]:
    """Validate one recipient or several; a template makes a tuple of numbers with commas between them.

    Raises ServiceValidationError.
    """
    each = value if isinstance(value, list | tuple) else [value]
    return [
        _recipient(recipient) for part in each for recipient in (part if isinstance(part, tuple) else (part,))
    ]


def _time(value: Any) -> datetime:
    """Validate a time or timestamp (Unix seconds), return it in UTC; a time without a zone is in Home Assistant's.

    Raises ServiceValidationError.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return dt_util.utc_from_timestamp(value)
        if isinstance(value, str) and _TIMESTAMP.fullmatch(value.strip()):
            return dt_util.utc_from_timestamp(float(value))
        return dt_util.as_utc(cv.datetime(value))
    except vol.Invalid, ValueError, OverflowError, OSError:
        raise invalid("time_invalid", value=shown_value(value)) from None


def _duration(value: Any) -> timedelta:
    """Validate a duration of a day at most. Raises vol.Invalid."""
    try:
        duration: timedelta = cv.time_period(value)
    except OverflowError:
        raise vol.Invalid("too long") from None
    if not _NO_TIME <= duration <= _A_DAY:
        raise vol.Invalid("negative or too long")
    return duration


_ACCOUNT: Final = {vol.Optional(ATTR_ACCOUNT): cv.string}
_WAIT: Final = {vol.Optional(ATTR_WAIT_FOR_REPORT): vol.All(vol.Coerce(float), vol.Range(min=1, max=3600))}
_RECIPIENTS: Final = {vol.Required(ATTR_RECIPIENTS): _recipients}
_MESSAGE_ID: Final = {vol.Required(ATTR_MESSAGE_ID): cv.string}
SEND_MESSAGE_SCHEMA: Final = vol.Schema(
    {
        **_RECIPIENTS,
        vol.Required(ATTR_MESSAGE): cv.string,
        vol.Optional(CONF_CHANNEL): vol.Coerce(Route),
        vol.Optional(CONF_PHONE): cv.string,
        vol.Optional(CONF_SIM): vol.Coerce(int),
        vol.Optional(ATTR_SEND_AT): _time,
        vol.Exclusive(ATTR_MEDIA, ATTR_MEDIA): vol.Any(cv.string, dict),
        vol.Exclusive(ATTR_MEDIA_URL, ATTR_MEDIA): cv.string,
        vol.Exclusive(ATTR_CAMERA, ATTR_MEDIA): cv.entity_id,
        vol.Optional(ATTR_RETRY_FOR, default=_NO_TIME): _duration,
        vol.Optional(ATTR_SMS_AFTER, default=_NO_TIME): _duration,
        vol.Optional(ATTR_SHORT_LINKS, default=False): cv.boolean,
        vol.Optional(ATTR_ENCRYPT, default=False): cv.boolean,
        vol.Optional(ATTR_URGENT, default=False): cv.boolean,
        **_WAIT,
        **_ACCOUNT,
    }
)
RESEND_MESSAGE_SCHEMA: Final = vol.Schema(
    {**_MESSAGE_ID, vol.Optional(CONF_CHANNEL): vol.Coerce(Channel), **_WAIT, **_ACCOUNT}
)
GET_MESSAGES_SCHEMA: Final = vol.Schema(
    {
        vol.Optional(ATTR_FROM): _recipient,
        vol.Optional(ATTR_TO): _recipient,
        vol.Optional(ATTR_SINCE): _time,
        vol.Optional(ATTR_TEXT): cv.string,
        vol.Optional(ATTR_FAILED_ONLY, default=False): cv.boolean,
        vol.Optional(ATTR_LIMIT, default=DEFAULT_LIMIT): vol.All(
            vol.Coerce(int), vol.Range(min=1, max=MAX_LIMIT)
        ),
        **_ACCOUNT,
    }
)
DELETE_MESSAGE_SCHEMA: Final = vol.Schema({**_MESSAGE_ID, **_ACCOUNT})
FIRE_KEPT_MESSAGES_SCHEMA: Final = vol.Schema(_ACCOUNT)
CHECK_WHATSAPP_SCHEMA: Final = vol.Schema({**_RECIPIENTS, **_ACCOUNT})


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    async_remember_scripts(hass)
    for name, handler, schema, response in (
        ("check_whatsapp", _check_whatsapp, CHECK_WHATSAPP_SCHEMA, SupportsResponse.ONLY),
        ("delete_message", _delete_message, DELETE_MESSAGE_SCHEMA, SupportsResponse.OPTIONAL),
        ("fire_kept_messages", _fire_kept_messages, FIRE_KEPT_MESSAGES_SCHEMA, SupportsResponse.OPTIONAL),
        ("get_messages", _get_messages, GET_MESSAGES_SCHEMA, SupportsResponse.ONLY),
        ("resend_message", _resend_message, RESEND_MESSAGE_SCHEMA, SupportsResponse.OPTIONAL),
        ("send_message", _send_message, SEND_MESSAGE_SCHEMA, SupportsResponse.OPTIONAL),
    ):
        hass.services.async_register(
            DOMAIN,
            name,
            partial(_handle, handler, schema),
            fields_only(schema),
            supports_response=response,
        )


async def _handle(
    handler: Callable[[ServiceCall], Awaitable[ServiceResponse]], schema: vol.Schema, call: ServiceCall
) -> ServiceResponse:
    return await handler(with_valid_data(call, schema))


async def _send_message(call: ServiceCall) -> ServiceResponse:
    """Send a message; answer with what was sent to each recipient."""
    data = call.data
    options = SendOptions(
        context=call.context,
        is_urgent=data[ATTR_URGENT],
        report_within=data.get(ATTR_WAIT_FOR_REPORT),
        retry_for=data[ATTR_RETRY_FOR].total_seconds(),
        sms_after=data[ATTR_SMS_AFTER].total_seconds(),
        route=data.get(CONF_CHANNEL),
        phone=data.get(CONF_PHONE),
        sim=data.get(CONF_SIM),
        send_at=data.get(ATTR_SEND_AT),
        media=next((data[name] for name in (ATTR_MEDIA, ATTR_MEDIA_URL, ATTR_CAMERA) if name in data), None),
        short_links=data[ATTR_SHORT_LINKS],
        encrypt=data[ATTR_ENCRYPT],
    )
    text, account = data[ATTR_MESSAGE], _account(call)
    await async_check_send(call, account, data[ATTR_RECIPIENTS], options)
    sent = await account.outbox.send(data[ATTR_RECIPIENTS], text, options)
    return {"recipients": [{**message.as_response(), **_parts(message, text)} for message in sent]}


def _parts(message: OutboundMessage, text: str) -> dict[str, Any]:
    """Return how many SMS the text takes and why; a WhatsApp message is always one."""
    if message.channel is Channel.WHATSAPP:
        return {"parts": 1, "alphabet": None, "alphabet_forced_by": None}
    segments = count_segments(text)
    return {
        "parts": segments.parts,
        "alphabet": segments.alphabet.value,
        "alphabet_forced_by": segments.forced_by,
    }


async def _resend_message(call: ServiceCall) -> ServiceResponse:
    """Send a failed message again; answer with its id and status."""
    options = SendOptions(context=call.context, report_within=call.data.get(ATTR_WAIT_FOR_REPORT))
    account = _account(call)
    await async_check_control(call, account)
    sent = await account.outbox.resend(call.data[ATTR_MESSAGE_ID], call.data.get(CONF_CHANNEL), options)
    return sent.as_response()


async def _get_messages(call: ServiceCall) -> ServiceResponse:
    """Answer with received and sent messages, newest first."""
    data, account = call.data, _account(call)
    await async_check_read(call, account)
    recipients = account.outbox.recipients
    message_filter = MessageFilter(
        sender=recipients.find_sender(data[ATTR_FROM]) if ATTR_FROM in data else None,
        recipient=recipients.find_number(data[ATTR_TO])[0] if ATTR_TO in data else None,
        since=data.get(ATTR_SINCE),
        text=data.get(ATTR_TEXT),
        is_failed=data[ATTR_FAILED_ONLY],
        limit=data[ATTR_LIMIT],
    )
    with _service_errors(call):
        messages = await async_find_messages(account, message_filter)
    return {"messages": [*messages]}


async def _delete_message(call: ServiceCall) -> ServiceResponse:
    """Delete a message from the service's log."""
    message_id, account = call.data[ATTR_MESSAGE_ID], _account(call)
    await async_check_control(call, account)
    known = account.messages.find(message_id)
    with _service_errors(call):
        is_deleted = await account.client.delete_message((known and known.service_id) or message_id)
    if not is_deleted:
        raise invalid("message_not_found")
    return {"message_id": message_id}


async def _fire_kept_messages(call: ServiceCall) -> ServiceResponse:
    """Fire the messages that were too old to act on; answer with how many there were."""
    account = _account(call)
    await async_check_control(call, account)
    return {"fired": await account.inbox.fire_kept()}


async def _check_whatsapp(call: ServiceCall) -> ServiceResponse:
    """Answer with which recipients have WhatsApp."""
    account = _account(call)
    await async_check_control(call, account)
    recipients = account.outbox.recipients
    each = recipients.split(call.data[ATTR_RECIPIENTS])
    found = [recipients.find_number(recipient, Route.WHATSAPP) for recipient in each]
    if not found:
        raise invalid("no_recipients")
    with _service_errors(call):
        return {
            "recipients": [
                {
                    "recipient": number,
                    "contact": contact.name if contact else None,
                    "has_whatsapp": await account.delivery.whatsapp_numbers.check(number),
                }
                for number, contact in found
            ]
        }


@contextmanager
def _service_errors(call: ServiceCall) -> Iterator[None]:
    """Raise the service's errors as Home Assistant's; start a reauthentication where the credentials are refused."""
    try:
        yield
    except SmsMobileApiError as err:
        raise for_action(call.hass, _entry(call), err) from None


def _entry(call: ServiceCall) -> SmsMobileApiConfigEntry:
    """Return the account that the action names, the only one, or that of the contacts whom it names."""
    data = call.data
    recipients = [
        *data.get(ATTR_RECIPIENTS, ()),
        *(data[name] for name in (ATTR_FROM, ATTR_TO) if name in data),
    ]
    return find_entry(call.hass, data.get(ATTR_ACCOUNT), recipients)


def _account(call: ServiceCall) -> Account:
    return _entry(call).runtime_data
