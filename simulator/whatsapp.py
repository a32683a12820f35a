"""WhatsApp: who is on it, and its messages, which are read in a time-limited window."""

import re
import time

from .account import Account
from .dresses import Json, dress_number, error_value, naive, shape_check, time_fields
from .records import Fields
from .refusals import Refusal, integer, moment, no, required, unwilling

WINDOW = 300
"""How long a synchronisation lets WhatsApp messages be read, in seconds."""


def check_number(account: Account, fields: Fields) -> Json:
    """`GET /whatsapp/checknumber/`: tell whether a number is on WhatsApp."""
    number = required(fields, "recipients")
    if not re.fullmatch(r"[1-9][0-9]{2,14}", number):
        raise unwilling("invalid_recipients")
    known = account.whatsapp_numbers is None or number in account.whatsapp_numbers
    return shape_check(account.check_dress, known)


def activate(account: Account, fields: Fields) -> Json:
    """`GET /getwa/active/`: switch reading WhatsApp on or off; without `statut`, or with `x`, it toggles."""
    match fields.get("statut"):
        case "1":
            account.whatsapp_active = True
        case "0":
            account.whatsapp_active = False
        case None | "x":
            account.whatsapp_active = not account.whatsapp_active
        case _:
            raise no(400, "invalid_statut")
    note = "reading is on" if account.whatsapp_active else "reading is off"
    return {"success": True, "read_message_active": int(account.whatsapp_active), "status_note": note}


def synchronise(account: Account, _fields: Fields) -> Json:
    """`GET /getwa/synchronisation/`: open the window in which messages can be read; all of its answer is text."""
    if not account.whatsapp_active:
        note = "reading WhatsApp messages is off"
        raise Refusal(
            200, {"error": "whatsapp_not_active", "messages": note, "expire_at": "", "expire_at_unix": ""}
        )
    end = account.whatsapp_open_until = time.time() + WINDOW
    return {
        "error": error_value(account.error_dress, "none", documented="string"),
        "messages": "messages can be read now",
        "expire_at": naive(end, account.time_zone),
        "expire_at_unix": str(int(end)),
    }


def received(account: Account, fields: Fields) -> Json:
    """`GET /getwa/`: WhatsApp messages, all of them text, none while the window is shut."""
    kind = fields.get("message_type") or "text"
    if kind not in ("text", "audio"):
        raise no(400, "invalid_message_type")
    before = integer(fields, "before", 0, low=None) if fields.get("before") else None
    day = moment(fields, "date", account.time_zone)
    is_open = account.whatsapp_active and time.time() < account.whatsapp_open_until
    rows = [
        {
            "guid": row.guid,
            "number": dress_number(account.number_dress, row.number),
            "contact_name": row.contact_name,
            "message": row.message,
            "message_type": "text",
            **time_fields(account.time_dress, row.timestamp, account.time_zone),
        }
        for row in (account.whatsapp if is_open and kind == "text" else [])
        if (before is None or row.timestamp < before) and (day is None or day <= row.timestamp < day + 86400)
    ]
    return {
        "result": {"error": error_value(account.error_dress, "none", documented="string"), "messages": rows}
    }
