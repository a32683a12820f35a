"""Receiving: SMS and their deletion."""

from typing import Any

from .account import Account
from .dresses import Json, dress_number, error_value, shape_rows, time_fields
from .records import Fields, ReceivedSms, SentMessage
from .refusals import Refusal, integer, no, required


def received_sms(account: Account, fields: Fields) -> Json:
    """`GET /getsms/`: received SMS, of which the asked-for second itself is left out."""
    after = integer(fields, "after_timestamp_unix", -1, low=None)
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
    return _deleted(account, len(found))


def _deleted(account: Account, count: int) -> Json:
    """Return how many messages were deleted; raises Refusal where none was and the account's dress minds that."""
    match account.delete_dress:
        case "result" if count:
            return {"result": {"error": error_value(account.error_dress, "none"), "deleted": str(count)}}
        case "result":
            raise Refusal(200, {"result": {"error": "unknown_guid", "note": "unknown message"}})
        case "not_found" if not count:
            raise no(404, "unknown_guid")
        case "bad_request" if not count:
            raise no(400, "invalid_guid")
        case _:
            return {"success": True, "deleted": count}


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
