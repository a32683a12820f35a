"""The endpoints for WhatsApp: whether a number uses it, and its received messages."""

import re
import time

from .account import Account
from .formats import Json, error_value, format_check, format_number, naive, time_fields
from .parameters import Refusal, integer, refuse, required, timestamp
from .records import Fields

READABLE_SECONDS = 300
"""How long `/getwa/` lists messages after a synchronisation."""


def check_number(account: Account, fields: Fields) -> Json:
    """`GET /whatsapp/checknumber/`: whether a number is on WhatsApp."""
    number = required(fields, "recipients")
    if not re.fullmatch(r"[1-9][0-9]{2,14}", number):
        raise refuse("invalid_recipients")
    found = account.whatsapp_numbers is None or number in account.whatsapp_numbers
    return format_check(account.check_format, found)


def activate(account: Account, fields: Fields) -> Json:
    """`GET /getwa/active/`: switch the collection of messages on or off; without `statut`, or with `x`, toggle it."""
    match fields.get("statut"):
        case "1":
            account.whatsapp_active = True
        case "0":
            account.whatsapp_active = False
        case None | "x":
            account.whatsapp_active = not account.whatsapp_active
        case _:
            raise refuse("invalid_statut", 400)
    note = "reading is on" if account.whatsapp_active else "reading is off"
    return {"success": True, "read_message_active": int(account.whatsapp_active), "status_note": note}


def synchronise(account: Account, _fields: Fields) -> Json:
    """`GET /getwa/synchronisation/`: allow `/getwa/` to list messages for a limited time. All values are strings."""
    if not account.whatsapp_active:
        note = "reading WhatsApp messages is off"
        raise Refusal(
            200, {"error": "whatsapp_not_active", "messages": note, "expire_at": "", "expire_at_unix": ""}
        )
    end = account.whatsapp_readable_until = time.time() + READABLE_SECONDS
    return {
        "error": error_value(account.error_format, "none", documented="string"),
        "messages": "messages can be read now",
        "expire_at": naive(end, account.time_zone),
        "expire_at_unix": str(int(end)),
    }


def received_whatsapp(account: Account, fields: Fields) -> Json:
    """`GET /getwa/`: WhatsApp messages that were collected; none later than `READABLE_SECONDS` after `synchronise`."""
    kind = fields.get("message_type") or "text"
    if kind not in ("text", "audio"):
        raise refuse("invalid_message_type", 400)
    before = integer(fields, "before", 0, minimum=None) if fields.get("before") else None
    day = timestamp(fields, "date", account.time_zone)
    is_readable = account.whatsapp_active and time.time() < account.whatsapp_readable_until
    rows = [
        {
            "guid": row.guid,
            "number": format_number(account.number_format, row.number),
            "contact_name": row.contact_name,
            "message": row.message,
            "message_type": kind,
            **time_fields(account.time_format, row.timestamp, account.time_zone),
        }
        for row in (account.whatsapp if is_readable else [])
        if row.collected
        and (row.voice_seconds is None) == (kind == "text")
        and (before is None or row.timestamp < before)
        and (day is None or day <= row.timestamp < day + 86400)
    ]
    return {
        "result": {"error": error_value(account.error_format, "none", documented="string"), "messages": rows}
    }
