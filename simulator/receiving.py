"""The endpoints for received SMS: `/getsms/` and `/deletesms/`."""

from typing import Any

from .account import Account
from .formats import Json, error_value, format_list, format_number, time_fields
from .parameters import Refusal, integer, refuse, required
from .records import Fields, ReceivedSms, SentMessage


def received_sms(account: Account, fields: Fields) -> Json:
    """`GET /getsms/`: SMS received in a later second than `after_timestamp_unix`."""
    after = integer(fields, "after_timestamp_unix", -1, minimum=None)
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
    return format_list(
        account.list_format,
        [_row(account, row) for row in rows],
        error_value(account.error_format, "none", documented="string"),
    )


def no_sms(account: Account | None) -> Json:
    """Return the answer of `/getsms/` for an unknown key: a list without rows."""
    return format_list(account.list_format if account else "result", [], "0")


def delete_sms(account: Account, fields: Fields) -> Json:
    """`/deletesms/`: delete a received or sent SMS from the account's log."""
    guid = required(fields, "guid")
    log: list[ReceivedSms | SentMessage] = [*account.received, *account.sent]
    found = [row for row in log if row.guid == guid and not row.deleted]
    for row in found:
        row.deleted = True
    return _deleted(account, len(found))


def _deleted(account: Account, count: int) -> Json:
    """Return the number of deleted messages in the account's format; some formats refuse a deletion of none."""
    match account.delete_format:
        case "result" if count:
            return {"result": {"error": error_value(account.error_format, "none"), "deleted": str(count)}}
        case "result":
            raise Refusal(200, {"result": {"error": "unknown_guid", "note": "unknown message"}})
        case "not_found" if not count:
            raise refuse("unknown_guid", 404)
        case "bad_request" if not count:
            raise refuse("invalid_guid", 400)
        case _:
            return {"success": True, "deleted": count}


def _row(account: Account, row: ReceivedSms) -> dict[str, Any]:
    return {
        "id": row.row_id,
        "guid": row.guid,
        "number": format_number(account.number_format, row.number),
        "message": row.message,
        **time_fields(account.time_format, row.timestamp, account.time_zone),
        "sIdentifiantPhone": row.sid,
        "alias": None,
    }
