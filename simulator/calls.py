"""The endpoints that list calls."""

import time
from typing import Any

from .account import Account
from .formats import Json, call_times, format_number, time_fields
from .parameters import integer, refuse, timestamp
from .records import Call, Direction, Fields


def missed_calls(account: Account, fields: Fields) -> Json:
    """`GET /call/missed/list/`: missed calls, newest first."""
    zone = account.time_zone
    start = timestamp(fields, "date_start", zone)
    end = timestamp(fields, "date_end", zone, end_of_day=True)
    offset, limit = _page(fields, default=100, maximum=500)
    calls = _calls(account, "missed", fields.get("search", ""), start, end)[offset : offset + limit]
    rows = [
        {
            "number": format_number(account.number_format, call.number),
            "name": call.name,
            "date": time_fields(account.time_format, call.at, zone)["time_received"],
        }
        for call in calls
    ]
    return {"success": True, "offset": offset, "limit": limit, "count": len(rows), "data": rows}


def incoming_calls(account: Account, fields: Fields) -> Json:
    """`GET /call/incoming/list/`: calls that were answered."""
    return _answer(account, fields, "incoming")


def outgoing_calls(account: Account, fields: Fields) -> Json:
    """`GET /call/outgoing/list/`: calls made on the phone."""
    return _answer(account, fields, "outgoing")


def _answer(account: Account, fields: Fields, direction: Direction) -> Json:
    sort = fields.get("sort_dir") or "desc"
    if sort.lower() not in ("asc", "desc"):
        raise refuse("invalid_sort_dir", 400)
    offset, limit = _page(fields, default=50, maximum=200)
    calls = _calls(account, direction, fields.get("q", ""))
    if sort.lower() == "asc":
        calls.reverse()
    rows: list[dict[str, Any]] = [
        {
            "phone_number": format_number(account.number_format, call.number),
            "cached_name": call.name,
            **call_times(account.time_format, call.at, account.time_zone),
            "duration_sec": call.duration,
        }
        for call in calls[offset : offset + limit]
    ]
    return {"success": True, "count": len(rows), "rows": rows}


def _calls(
    account: Account, direction: Direction, search: str, start: float | None = None, end: float | None = None
) -> list[Call]:
    """Return the calls that the API lists now, newest first."""
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


def _page(fields: Fields, *, default: int, maximum: int) -> tuple[int, int]:
    """Return offset and limit."""
    return integer(fields, "offset", 0), integer(fields, "limit", default, minimum=1, maximum=maximum)
