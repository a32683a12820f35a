"""Phones and their calls."""

import time
from typing import Any

from .account import Account
from .dresses import Json, call_times, dress_number, dress_phone, time_fields
from .records import Call, Direction, Fields
from .refusals import integer, moment, no


def mobile_list(account: Account, fields: Fields) -> Json:
    """`GET /gateway/mobile/list/`: the account's phones."""
    sid, search = fields.get("sid"), fields.get("search", "").lower()
    online = sum(phone.online for phone in account.phones)
    items = [
        dress_phone(account.phone_dress, phone, account.time_zone)
        for phone in account.phones
        if (not sid or phone.sid == sid) and (search in phone.label.lower() or search in phone.sid.lower())
    ]
    return {
        "success": True,
        "connected_now": online,
        "connected_limit": account.connected_limit,
        "connected_available": max(0, account.connected_limit - online),
        "items": items,
        "note": "",
    }


def no_phones() -> Json:
    """Return a phone list that neither proves nor refutes a key."""
    return {
        "success": True,
        "connected_now": 0,
        "connected_limit": 0,
        "connected_available": 0,
        "items": [],
        "note": "",
    }


def missed_calls(account: Account, fields: Fields) -> Json:
    """`GET /call/missed/list/`: newest first."""
    zone = account.time_zone
    start, end = moment(fields, "date_start", zone), moment(fields, "date_end", zone, end=True)
    offset, limit = _place(fields, 100, 500)
    calls = _calls(account, "missed", fields.get("search", ""), start, end)[offset : offset + limit]
    rows = [
        {
            "number": dress_number(account.number_dress, call.number),
            "name": call.name,
            "date": time_fields(account.time_dress, call.at, zone)["time_received"],
        }
        for call in calls
    ]
    return {"success": True, "offset": offset, "limit": limit, "count": len(rows), "data": rows}


def incoming_calls(account: Account, fields: Fields) -> Json:
    """`GET /call/incoming/list/`: answered calls."""
    return _rows(account, fields, "incoming")


def outgoing_calls(account: Account, fields: Fields) -> Json:
    """`GET /call/outgoing/list/`: calls that the phone's owner made."""
    return _rows(account, fields, "outgoing")


def _rows(account: Account, fields: Fields, direction: Direction) -> Json:
    sort = fields.get("sort_dir") or "desc"
    if sort.lower() not in ("asc", "desc"):
        raise no(400, "invalid_sort_dir")
    offset, limit = _place(fields, 50, 200)
    calls = _calls(account, direction, fields.get("q", ""))
    if sort.lower() == "asc":
        calls.reverse()
    rows: list[dict[str, Any]] = [
        {
            "phone_number": dress_number(account.number_dress, call.number),
            "cached_name": call.name,
            **call_times(account.time_dress, call.at, account.time_zone),
            "duration_sec": call.duration,
        }
        for call in calls[offset : offset + limit]
    ]
    return {"success": True, "count": len(rows), "rows": rows}


def _calls(
    account: Account, direction: Direction, search: str, start: float | None = None, end: float | None = None
) -> list[Call]:
    """Return the calls that the cloud knows by now, newest first."""
    now, search = time.time(), search.lower()
    calls = [
        call
        for call in account.calls
        if call.direction == direction
        and call.visible_at <= now
        and (search in call.number or search in (call.name or "").lower())
        and (start is None or call.at >= start)
        and (end is None or call.at < end)
    ]
    return sorted(calls, key=lambda call: call.at, reverse=True)


def _place(fields: Fields, usual: int, most: int) -> tuple[int, int]:
    return integer(fields, "offset", 0), integer(fields, "limit", usual, low=1, high=most)
