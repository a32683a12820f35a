"""The commands of the control API. Each gets arguments of checked names and types, and raises ValueError for wrong ones."""

from dataclasses import asdict
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .account import Account
from .arguments import (
    ANY,
    BOOLEAN,
    INTEGER,
    INTEGER_OR_NULL,
    LIST_OR_NULL,
    NUMBER,
    NUMBER_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    Arguments,
    Types,
)
from .events import call_data, report_data, sms_data, typed_data, voice_data, whatsapp_data
from .records import Phone, SentMessage
from .service import Service
from .webhooks import webhook_url

SETTINGS: dict[str, Types] = {
    "state": TEXT,
    "client_id": TEXT_OR_NULL,
    "client_secret": TEXT_OR_NULL,
    "token_seconds": NUMBER,
    "webhook_url": TEXT_OR_NULL,
    "webhook_secret": TEXT,
    "next_webhook_secret": TEXT_OR_NULL,
    "webhook_paused": BOOLEAN,
    "pause_after_failures": INTEGER_OR_NULL,
    "redelivery_delay": NUMBER_OR_NULL,
    "report_by_webhook": BOOLEAN,
    "whatsapp_webhook_needs_activation": BOOLEAN,
    "refusal_format": TEXT,
    "retry_after": INTEGER,
    "requests_per_minute": INTEGER_OR_NULL,
    "time_zone": TEXT,
    "time_format": TEXT,
    "number_format": TEXT,
    "list_format": TEXT,
    "phone_format": TEXT,
    "error_format": TEXT,
    "check_format": TEXT,
    "delete_format": TEXT,
    "token_format": TEXT,
    "guid_format": TEXT,
    "refused_sent": TEXT,
    "empty_log_error": ANY,
    "newest_first": BOOLEAN,
    "trial": BOOLEAN,
    "connected_limit": INTEGER,
    "whatsapp_numbers": LIST_OR_NULL,
    "notifications_distributed": BOOLEAN,
    "delivery_delay": NUMBER,
    "delivery_error": TEXT,
    "whatsapp_delivery_error": TEXT,
}
"""The attributes of an account that can be set, with their types."""


def _account(service: Service, key: str) -> Account:
    if key not in service.accounts:
        raise ValueError(f"no account has the key {key!r}")
    return service.accounts[key]


def _show_account(account: Account) -> dict[str, Any]:
    shown = {"key": account.key, **{name: getattr(account, name) for name in SETTINGS}}
    shown["time_zone"] = str(account.time_zone)
    if account.whatsapp_numbers is not None:
        shown["whatsapp_numbers"] = sorted(account.whatsapp_numbers)
    shown["phones"] = [asdict(phone) for phone in account.phones]
    for name in ("sent", "typed", "received", "calls", "whatsapp", "notifications", "events", "requests"):
        shown[f"{name}_count"] = len(getattr(account, name))
    return shown


def _show_sent(sent: SentMessage) -> dict[str, Any]:
    return {**asdict(sent), "status": sent.status}


async def list_accounts(service: Service, _arguments: Arguments) -> Any:
    """List the accounts."""
    return [_show_account(account) for account in service.accounts.values()]


async def set_account(service: Service, arguments: Arguments) -> Any:
    """Create an account, or change the given settings of one."""
    key, settings = arguments["key"], {name: value for name, value in arguments.items() if name != "key"}
    if "time_zone" in settings:
        try:
            settings["time_zone"] = ZoneInfo(settings["time_zone"])
        except ZoneInfoNotFoundError:
            raise ValueError(f"no time zone {settings['time_zone']!r}") from None
    if settings.get("whatsapp_numbers") is not None:
        settings["whatsapp_numbers"] = set(settings["whatsapp_numbers"])
    # Creating an account checks all settings before one of them is changed.
    account = Account(key=key, **settings)
    if (known := service.accounts.get(key)) is None:
        service.accounts[key] = account
        return _show_account(account)
    for name, value in settings.items():
        setattr(known, name, value)
    return _show_account(known)


async def remove_account(service: Service, arguments: Arguments) -> Any:
    """Remove an account, so that its key is unknown."""
    service.remove_account(_account(service, arguments["key"]).key)
    return {}


async def revoke_tokens(service: Service, arguments: Arguments) -> Any:
    """Make all OAuth2 tokens of an account expire now."""
    _account(service, arguments["key"]).revoke_tokens()
    return {}


async def receive(service: Service, arguments: Arguments) -> Any:
    """Add a received message (channel sms, whatsapp or voice); `deliver` posts webhook V1 or V2, V1 for SMS only."""
    account = _account(service, arguments.pop("key"))
    channel = arguments.pop("channel", "sms")
    version = arguments.pop("version", "v1" if channel == "sms" else "v2")
    if (channel, version) not in (("sms", "v1"), ("sms", "v2"), ("whatsapp", "v2"), ("voice", "v2")):
        raise ValueError("channel and version must be sms and v1 or v2, whatsapp and v2, or voice and v2")
    if deliver := arguments.pop("deliver", False):
        webhook_url(account)
    status = None
    if channel == "sms":
        row = account.receive(**arguments)
        if deliver and version == "v1":
            status = await service.deliver(account, row)
        elif deliver:
            status = await service.deliver_v2(account, "sms.received", sms_data(row))
        return {"guid": row.guid, "delivered_status": status}
    message = account.receive_whatsapp(**arguments, voice_seconds=3 if channel == "voice" else None)
    if deliver and channel == "voice":
        status = await service.deliver_v2(account, "whatsapp.voice.transcribed", voice_data(message))
    elif deliver:
        status = await service.deliver_v2(account, "whatsapp.received", whatsapp_data(message))
    return {"guid": message.guid, "delivered_status": status}


async def type_sms(service: Service, arguments: Arguments) -> Any:
    """Add an SMS that a person typed on the phone; `deliver` posts sms.mobile.sent."""
    account = _account(service, arguments.pop("key"))
    if deliver := arguments.pop("deliver", False):
        webhook_url(account)
    row = account.type_sms(**arguments)
    status = await service.deliver_v2(account, "sms.mobile.sent", typed_data(row)) if deliver else None
    return {"guid": row.guid, "delivered_status": status}


async def list_sent(service: Service, arguments: Arguments) -> Any:
    """List the messages that the service accepted, with the parameters of their requests."""
    return [_show_sent(sent) for sent in _account(service, arguments["key"]).sent]


async def set_sent(service: Service, arguments: Arguments) -> Any:
    """Set the error of a sent message; `deliver` posts sms.sent or sms.failed."""
    account = _account(service, arguments["key"])
    sent = next((sent for sent in account.sent if sent.guid == arguments["guid"]), None)
    if sent is None:
        raise ValueError(f"no sent message has the guid {arguments['guid']!r}")
    if deliver := arguments.get("deliver", False):
        webhook_url(account)
    sent.error = arguments.get("error", sent.error)
    sent.error_api = arguments.get("error_api", sent.error_api)
    status = None
    if deliver:
        event_type = "sms.failed" if sent.error or sent.error_api else "sms.sent"
        status = await service.deliver_v2(account, event_type, report_data(sent))
    return {**_show_sent(sent), "delivered_status": status}


async def list_requests(service: Service, arguments: Arguments) -> Any:
    """List the API requests, of one account or of all."""
    requests = _account(service, arguments["key"]).requests if "key" in arguments else service.requests
    return [request._asdict() for request in requests]


async def list_faults(service: Service, _arguments: Arguments) -> Any:
    """List the faults that are still to come."""
    return [asdict(fault) for fault in service.faults.waiting]


async def add_fault(service: Service, arguments: Arguments) -> Any:
    """Add a fault to the next answers of an endpoint."""
    return asdict(service.fault(**arguments))


async def remove_faults(service: Service, _arguments: Arguments) -> Any:
    """Remove all faults."""
    service.faults.waiting.clear()
    return []


async def set_phone(service: Service, arguments: Arguments) -> Any:
    """Add a phone, or change the given settings of one."""
    account = _account(service, arguments.pop("key"))
    phone = account.phone(arguments["sid"])
    if phone is None:
        phone = Phone(**arguments)
        account.phones.append(phone)
    for name, value in arguments.items():
        setattr(phone, name, value)
    return asdict(phone)


async def remove_phone(service: Service, arguments: Arguments) -> Any:
    """Remove a phone."""
    account = _account(service, arguments["key"])
    phone = account.phone(arguments["sid"])
    if phone is None:
        raise ValueError(f"no phone has the sid {arguments['sid']!r}")
    account.phones.remove(phone)
    return {}


async def add_call(service: Service, arguments: Arguments) -> Any:
    """Add a call; `deliver` posts its V2 event."""
    account = _account(service, arguments.pop("key"))
    if deliver := arguments.pop("deliver", False):
        webhook_url(account)
    call = account.add_call(**arguments)
    status = await service.deliver_v2(account, f"call.{call.direction}", call_data(call)) if deliver else None
    return {"guid": call.guid, "delivered_status": status}


async def list_events(service: Service, arguments: Arguments) -> Any:
    """List the V2 events with the HTTP status of each delivery attempt, 0 for no answer."""
    return [
        {"event_id": event.event_id, "type": event.type, "statuses": event.statuses}
        for event in _account(service, arguments["key"]).events
    ]


async def post_event(service: Service, arguments: Arguments) -> Any:
    """Post any V2 event, by default with example data; `omit` names fields to leave out; a null `secret` does not sign."""
    event_id = arguments.pop("event_id", None) or str(uuid4())
    account = _account(service, arguments.pop("key"))
    status = await service.deliver_v2(account, event_id=event_id, **arguments)
    return {"event_id": event_id, "delivered_status": status}


async def redeliver(service: Service, arguments: Arguments) -> Any:
    """Post all V2 events again that were not answered 2xx, or all with the given `event_id`."""
    account = _account(service, arguments["key"])
    return {"delivered_statuses": await service.redeliver(account, arguments.get("event_id"))}


async def reset(service: Service, _arguments: Arguments) -> Any:
    """Remove all faults, requests and history; keep the accounts, their settings and phones."""
    service.reset()
    return {}
