"""The endpoint that lists phones."""

from .account import Account
from .formats import Json, format_phones
from .records import Fields


def phone_list(account: Account, fields: Fields) -> Json:
    """`GET /gateway/mobile/list/`: the account's phones."""
    sid, search = fields.get("sid"), fields.get("search", "").lower()
    online = sum(phone.online for phone in account.phones)
    found = [
        phone
        for phone in account.phones
        if (not sid or phone.sid == sid) and (search in phone.label.lower() or search in phone.sid.lower())
    ]
    items = format_phones(account.phone_format, found, account.time_zone)
    return _answer(online, account.connected_limit, items)


def no_phones() -> Json:
    """Return a phone list without phones, which does not show whether a key is valid."""
    return _answer(0, 0, [])


def _answer(online: int, limit: int, items: Json) -> Json:
    return {
        "success": True,
        "connected_now": online,
        "connected_limit": limit,
        "connected_available": max(0, limit - online),
        "items": items,
        "note": "",
    }
