"""Phones and what they do besides SMS: calls, push notifications, WhatsApp look-ups."""

from datetime import UTC, datetime, tzinfo
import re
import time

from .account import Account
from .dresses import Json, dress_number, dress_phone, naive, time_fields
from .records import Call, Direction, Fields, Notification
from .refusals import integer, no, required


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
    start = _day(fields, "date_start", account.time_zone)
    end = _day(fields, "date_end", account.time_zone, end=True)
    calls = _page(_calls(account, "missed", fields.get("search", ""), start, end), fields, 500)
    zone = account.time_zone
    return {
        "success": True,
        "data": [
            {
                "number": dress_number(account.number_dress, call.number),
                "name": call.name,
                "date": time_fields(account.time_dress, call.at, zone)["time_received"],
            }
            for call in calls
        ],
    }


def incoming_calls(account: Account, fields: Fields) -> Json:
    """`GET /call/incoming/list/`: answered calls."""
    return _rows(account, fields, "incoming")


def outgoing_calls(account: Account, fields: Fields) -> Json:
    """`GET /call/outgoing/list/`: calls that the phone's owner made."""
    return _rows(account, fields, "outgoing")


def notify(account: Account, fields: Fields) -> Json:
    """`POST /notification/send`: a push notification to a connected phone."""
    sid, title, message = (required(fields, name) for name in ("sid", "title", "message"))
    phone = account.phone(sid)
    if phone is None:
        raise no(400, "unknown_sid")
    if not phone.online:
        raise no(400, "phone_offline")
    account.notifications.append(Notification(sid=sid, title=title, message=message, at=time.time()))
    return {"success": True, "id": len(account.notifications)}


def check_whatsapp(account: Account, fields: Fields) -> Json:
    """`GET /whatsapp/checknumber/`: tell whether a number is on WhatsApp."""
    number = required(fields, "recipients")
    if not re.fullmatch(r"[1-9][0-9]{2,14}", number):
        raise no(400, "invalid_recipients")
    known = account.whatsapp_numbers is None or number in account.whatsapp_numbers
    return {"success": True, "number": number, "on_whatsapp": known}


def _rows(account: Account, fields: Fields, direction: Direction) -> Json:
    sort = fields.get("sort_dir") or "desc"
    if sort.lower() not in ("asc", "desc"):
        raise no(400, "invalid_sort_dir")
    calls = _calls(account, direction, fields.get("q", ""))
    if sort.lower() == "asc":
        calls.reverse()
    return {
        "success": True,
        "rows": [
            {
                "phone_number": dress_number(account.number_dress, call.number),
                "cached_name": call.name,
                "call_datetime_utc": naive(call.at, UTC),
                "call_date_ms": int(call.at * 1000),
                "duration_sec": call.duration,
            }
            for call in _page(calls, fields, 200)
        ],
    }


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


def _page(calls: list[Call], fields: Fields, most: int) -> list[Call]:
    offset = integer(fields, "offset", 0)
    limit = integer(fields, "limit", most, low=1, high=most)
    return calls[offset : offset + limit]


def _day(fields: Fields, name: str, zone: tzinfo, *, end: bool = False) -> float | None:
    """Return a date or date and time of the account's zone in Unix seconds; a bare end date counts whole."""
    text = fields.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise no(400, f"invalid_{name}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    whole_day = 86400 if end and len(text) == 10 else 0
    return moment.timestamp() + whole_day
