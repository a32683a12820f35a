"""The endpoints that list sent messages: those sent by the API, and those that a person typed on the phone."""

import time
from typing import Any

from .account import Account
from .formats import Json, bare_number, error_value, format_number, naive
from .parameters import integer, refuse
from .records import Fields, SentMessage, TypedSms

_FLAGS = {"1": True, "yes": True, "0": False, "no": False}
_WEEK = 7 * 86400


def sent_log(account: Account, fields: Fields) -> Json:
    """`GET /log/sent/sms/`: messages sent by the API, newest first."""
    rows = [message for message in reversed(account.sent) if not message.deleted]
    if guid := fields.get("guid_message"):
        rows = [message for message in rows if message.guid == guid]
    if keyword := fields.get("keyword"):
        rows = [message for message in rows if matches_keyword(message, keyword)]
    if before := integer(fields, "before", 0):
        rows = [message for message in rows if message.at < before]
    if (flag := _FLAGS.get(fields.get("error_api", ""))) is not None:
        rows = [message for message in rows if bool(message.error_api) is flag]
    if (flag := _FLAGS.get(fields.get("error_mobile", ""))) is not None:
        rows = [message for message in rows if (message.status == "failed" and bool(message.error)) is flag]
    result: dict[str, Any] = {"sms": [log_row(account, message) for message in rows]}
    if not rows and account.empty_log_error is not None:
        result["error"] = account.empty_log_error
    return {"result": result}


def matches_keyword(message: SentMessage, keyword: str) -> bool:
    """Return whether the recipient's number or the text of a message contains the keyword."""
    text = message.fields["message"]
    return bare_number(keyword) in message.recipient or keyword.lower() in text.lower()


def log_row(account: Account, message: SentMessage) -> dict[str, Any]:
    """Return the row of a message in the log."""
    text = naive(message.at, account.time_zone)
    status = message.status
    return {
        "id": account.sent.index(message) + 1,
        "guid": message.guid,
        "number": format_number(account.number_format, message.recipient),
        "message": message.fields["message"],
        "timestamp_unix": int(message.at),
        "date": text[:10],
        "hour": text[11:],
        "schedule_timestamp": message.scheduled,
        "sIdentifiantPhone": message.sid,
        "send_from_mobile": "1" if status == "sent" else "0",
        "send_from_mobile_erreur": message.error if status == "failed" else "",
        "error_api": message.error_api,
    }


def typed_log(account: Account, fields: Fields) -> Json:
    """`GET /log/sent/frommobile/`: SMS that a person typed on a phone, newest first."""
    period = fields.get("period") or "last_7days"
    if period != "last_7days":
        raise refuse("invalid_period", 400)
    limit = integer(fields, "limit", 100, minimum=1, maximum=500)
    since = time.time() - _WEEK
    rows = [_typed_row(account, row) for row in reversed(account.typed) if row.timestamp >= since]
    error = error_value(account.error_format, "none", documented="string")
    return {"result": {"error": error, "sms": rows[:limit]}}


def _typed_row(account: Account, row: TypedSms) -> dict[str, Any]:
    text = naive(row.timestamp, account.time_zone)
    return {
        "guid": row.guid,
        "number": format_number(account.number_format, row.number),
        "message": row.message,
        "timestamp_unix": int(row.timestamp),
        "date": text[:10],
        "hour": text[11:],
        "sIdentifiantPhone": row.sid,
    }
