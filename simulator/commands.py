"""What the control side can do, in terms of the Python API. Wrong arguments are a ValueError."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .account import Account
from .arguments import FLAG, MAYBE_LIST, MAYBE_TEXT, MAYBE_WHOLE, NUMBER, TEXT, WHOLE, Arguments, Kinds
from .records import Phone, SentMessage
from .webhooks import call_data, report_data, sms_data, target, whatsapp_data

if TYPE_CHECKING:
    from .simulator import Simulator

# A command gets arguments that are checked for presence and type, and may take them apart.

SETTINGS: dict[str, Kinds] = {
    "state": TEXT,
    "dialect": TEXT,
    "webhook_url": MAYBE_TEXT,
    "webhook_secret": TEXT,
    "client_id": MAYBE_TEXT,
    "client_secret": MAYBE_TEXT,
    "token_seconds": NUMBER,
    "retry_after": WHOLE,
    "requests_per_minute": MAYBE_WHOLE,
    "time_zone": TEXT,
    "time_dress": TEXT,
    "number_dress": TEXT,
    "list_shape": TEXT,
    "phone_dress": TEXT,
    "error_dress": TEXT,
    "check_dress": TEXT,
    "delete_dress": TEXT,
    "token_dress": TEXT,
    "refused_sent": TEXT,
    "newest_first": FLAG,
    "trial": FLAG,
    "connected_limit": WHOLE,
    "whatsapp_numbers": MAYBE_LIST,
    "delivery_delay": NUMBER,
    "delivery_error": TEXT,
    "whatsapp_delivery_error": TEXT,
    "report_by_webhook": FLAG,
}
"""The attributes of an account that can be set, and their types."""


def _account(sim: Simulator, key: str) -> Account:
    if key not in sim.accounts:
        raise ValueError(f"no account has the key {key!r}")
    return sim.accounts[key]


def _show_account(account: Account) -> dict[str, Any]:
    shown = {"key": account.key, **{name: getattr(account, name) for name in SETTINGS}}
    shown["time_zone"] = str(account.time_zone)
    if account.whatsapp_numbers is not None:
        shown["whatsapp_numbers"] = sorted(account.whatsapp_numbers)
    shown["phones"] = [asdict(phone) for phone in account.phones]
    for name in ("sent", "received", "calls", "whatsapp", "notifications", "requests"):
        shown[f"{name}_count"] = len(getattr(account, name))
    return shown


def _show_sent(sent: SentMessage) -> dict[str, Any]:
    return {**asdict(sent), "status": sent.status}


async def list_accounts(sim: Simulator, _given: Arguments) -> Any:
    """List the accounts."""
    return [_show_account(account) for account in sim.accounts.values()]


async def set_account(sim: Simulator, given: Arguments) -> Any:
    """Create an account, or change the given settings of one."""
    key, settings = given["key"], {name: value for name, value in given.items() if name != "key"}
    if "time_zone" in settings:
        try:
            settings["time_zone"] = ZoneInfo(settings["time_zone"])
        except ZoneInfoNotFoundError:
            raise ValueError(f"no time zone {settings['time_zone']!r}") from None
    if settings.get("whatsapp_numbers") is not None:
        settings["whatsapp_numbers"] = set(settings["whatsapp_numbers"])
    # All of it is checked before any of it is set.
    account = Account(key=key, **settings)
    if (known := sim.accounts.get(key)) is None:
        sim.accounts[key] = account
        return _show_account(account)
    for name, value in settings.items():
        setattr(known, name, value)
    return _show_account(known)


async def remove_account(sim: Simulator, given: Arguments) -> Any:
    """Remove an account: its key is unknown from then on."""
    sim.remove_account(_account(sim, given["key"]).key)
    return {}


async def revoke_tokens(sim: Simulator, given: Arguments) -> Any:
    """End all living OAuth2 tokens of an account."""
    _account(sim, given["key"]).revoke_tokens()
    return {}


async def receive(sim: Simulator, given: Arguments) -> Any:
    """Let a phone receive a message; `deliver` posts the webhook, V1 or V2 (WhatsApp: V2 only)."""
    account = _account(sim, given.pop("key"))
    channel = given.pop("channel", "sms")
    version = given.pop("version", "v1" if channel == "sms" else "v2")
    if (channel, version) not in (("sms", "v1"), ("sms", "v2"), ("whatsapp", "v2")):
        raise ValueError("channel and version must be sms and v1, sms and v2, or whatsapp and v2")
    if deliver := given.pop("deliver", False):
        target(account)
    status = None
    if channel == "whatsapp":
        message = account.receive_whatsapp(**given)
        if deliver:
            status = await sim.deliver_v2(account, "whatsapp.received", whatsapp_data(message))
        return {"guid": message.guid, "delivered_status": status}
    row = account.receive(**given)
    if deliver and version == "v1":
        status = await sim.deliver(account, row)
    elif deliver:
        status = await sim.deliver_v2(account, "sms.received", sms_data(row))
    return {"guid": row.guid, "delivered_status": status}


async def list_sent(sim: Simulator, given: Arguments) -> Any:
    """List the messages that the service took, with the form fields as they came."""
    return [_show_sent(sent) for sent in _account(sim, given["key"]).sent]


async def set_sent(sim: Simulator, given: Arguments) -> Any:
    """Tell what became of a sent message; `deliver` posts sms.mobile.sent or sms.failed."""
    account = _account(sim, given["key"])
    sent = next((sent for sent in account.sent if sent.guid == given["guid"]), None)
    if sent is None:
        raise ValueError(f"no sent message has the guid {given['guid']!r}")
    if deliver := given.get("deliver", False):
        target(account)
    sent.error = given.get("error", sent.error)
    sent.error_api = given.get("error_api", sent.error_api)
    status = None
    if deliver:
        kind = "sms.failed" if sent.error or sent.error_api else "sms.mobile.sent"
        status = await sim.deliver_v2(account, kind, report_data(sent))
    return {**_show_sent(sent), "delivered_status": status}


async def list_requests(sim: Simulator, given: Arguments) -> Any:
    """List the API requests, of one account or of all."""
    requests = _account(sim, given["key"]).requests if "key" in given else sim.requests
    return [request._asdict() for request in requests]


async def list_faults(sim: Simulator, _given: Arguments) -> Any:
    """List the faults that wait."""
    return [asdict(fault) for fault in sim.faults.waiting]


async def add_fault(sim: Simulator, given: Arguments) -> Any:
    """Spoil the next answers of an endpoint."""
    return asdict(sim.fault(**given))


async def remove_faults(sim: Simulator, _given: Arguments) -> Any:
    """Drop all faults."""
    sim.faults.waiting.clear()
    return []


async def set_phone(sim: Simulator, given: Arguments) -> Any:
    """Add a phone, or change the given settings of one."""
    account = _account(sim, given.pop("key"))
    phone = account.phone(given["sid"])
    if phone is None:
        phone = Phone(**given)
        account.phones.append(phone)
    for name, value in given.items():
        setattr(phone, name, value)
    return asdict(phone)


async def remove_phone(sim: Simulator, given: Arguments) -> Any:
    """Remove a phone."""
    account = _account(sim, given["key"])
    phone = account.phone(given["sid"])
    if phone is None:
        raise ValueError(f"no phone has the sid {given['sid']!r}")
    account.phones.remove(phone)
    return {}


async def call(sim: Simulator, given: Arguments) -> Any:
    """Let a phone have a call; `deliver` posts its V2 event."""
    account = _account(sim, given.pop("key"))
    if deliver := given.pop("deliver", False):
        target(account)
    call = account.add_call(**given)
    status = await sim.deliver_v2(account, f"call.{call.direction}", call_data(call)) if deliver else None
    return {"guid": call.guid, "delivered_status": status}


async def event(sim: Simulator, given: Arguments) -> Any:
    """Post any V2 event; `secret` signs in place of the account's, null leaves the signature out."""
    event_id = given.pop("event_id", None) or str(uuid4())
    status = await sim.deliver_v2(_account(sim, given.pop("key")), event_id=event_id, **given)
    return {"event_id": event_id, "delivered_status": status}


async def reset(sim: Simulator, _given: Arguments) -> Any:
    """Drop faults and all that happened; accounts and their settings stay."""
    sim.reset()
    return {}
