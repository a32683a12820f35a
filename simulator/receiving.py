"""Receiving: SMS and their deletion, and WhatsApp's time-limited window."""

import time
from typing import Any

from .account import Account
from .dresses import Json, dress_number, error_value, shape_rows, time_fields
from .records import Fields, ReceivedSms, SentMessage
from .refusals import integer, no, required

WHATSAPP_WINDOW = 300
"""How long a synchronisation lets WhatsApp messages be read, in seconds."""


def received_sms(account: Account, fields: Fields) -> Json:
    """`GET /getsms/`: received SMS, of which the asked-for second itself is left out."""
    after = integer(fields, "after_timestamp_unix", -1)
    sid = fields.get("sIdentifiantPhone")
    unread = fields.get("onlyunread") == "yes"
    rows = [
        row
        for row in account.received
        if not row.deleted
        and int(row.timestamp) > after
        and (not sid or row.sid == sid)
        and not (unread and row.listed)
    ]
    for row in rows:
        row.listed = True
    if account.newest_first:
        rows.reverse()
    return shape_rows(
        account.list_shape,
        [_row(account, row) for row in rows],
        error_value(account.error_dress, "none", documented="string"),
    )


def no_sms(account: Account | None) -> Json:
    """Return what `/getsms/` answers to an unknown key: nothing, politely."""
    return shape_rows(account.list_shape if account else "result", [], "0")


def delete_sms(account: Account, fields: Fields) -> Json:
    """`/deletesms/`: take an SMS, received or sent, out of the account's log."""
    guid = required(fields, "guid")
    log: list[ReceivedSms | SentMessage] = [*account.received, *account.sent]
    found = [row for row in log if row.guid == guid and not row.deleted]
    for row in found:
        row.deleted = True
    return {"success": True, "deleted": len(found)}


def _row(account: Account, row: ReceivedSms) -> dict[str, Any]:
    return {
        "id": row.row_id,
        "guid": row.guid,
        "number": dress_number(account.number_dress, row.number),
        "message": row.message,
        **time_fields(account.time_dress, row.timestamp, account.time_zone),
        "sIdentifiantPhone": row.sid,
        "alias": None,
    }


def whatsapp_active(account: Account, fields: Fields) -> Json:
    """`GET /getwa/active/`: switch reading WhatsApp on or off; without `statut` it toggles."""
    match fields.get("statut"):
        case "1":
            account.whatsapp_active = True
        case "0":
            account.whatsapp_active = False
        case None:
            account.whatsapp_active = not account.whatsapp_active
        case _:
            raise no(400, "invalid_statut")
    note = "reading is on" if account.whatsapp_active else "reading is off"
    return {"success": True, "read_message_active": int(account.whatsapp_active), "status_note": note}


def whatsapp_open(account: Account, _fields: Fields) -> Json:
    """`GET /getwa/synchronisation/`: open the window in which messages can be read."""
    if not account.whatsapp_active:
        raise no(400, "whatsapp_not_active")
    account.whatsapp_open_until = time.time() + WHATSAPP_WINDOW
    return {"success": True, "seconds": WHATSAPP_WINDOW}


def received_whatsapp(account: Account, _fields: Fields) -> Json:
    """`GET /getwa/`: WhatsApp messages, none while the window is shut."""
    is_open = account.whatsapp_active and time.time() < account.whatsapp_open_until
    rows = [
        {
            "guid": row.guid,
            "number": dress_number(account.number_dress, row.number),
            "contact_name": row.contact_name,
            "message": row.message,
            **time_fields(account.time_dress, row.timestamp, account.time_zone),
        }
        for row in (account.whatsapp if is_open else [])
    ]
    return {
        "result": {"error": error_value(account.error_dress, "none", documented="string"), "messages": rows}
    }
