"""Push notifications to the phones, and their history."""

import time

from .account import Account
from .dresses import Json, naive
from .records import Fields, Notification
from .refusals import moment, no, required, unwilling


def notify(account: Account, fields: Fields) -> Json:
    """`POST /notification/send`: a push notification to a connected phone. The answer repeats the account's key."""
    sid, message = required(fields, "sid"), required(fields, "message")
    phone = account.phone(sid)
    if phone is None:
        raise unwilling("unknown_sid")
    if not phone.online:
        raise unwilling("phone_offline")
    account.notifications.append(
        Notification(
            sid=sid,
            title=fields.get("title") or "Notification",
            message=message,
            type=fields.get("type") or "notification",
            at=time.time(),
        )
    )
    return {
        "success": True,
        "message": "notification created",
        "id": len(account.notifications),
        "apikey": account.key,
        "sid": sid,
    }


def history(account: Account, fields: Fields) -> Json:
    """`GET /notification/list/`: the notifications, newest first; all of them have reached their phone."""
    sid, distributed = fields.get("sidentifiant"), fields.get("distribued") or "1"
    if distributed not in ("0", "1"):
        raise no(400, "invalid_distribued")
    start = moment(fields, "date_start", account.time_zone)
    end = moment(fields, "date_end", account.time_zone, end=True)
    rows = [
        {
            "id": place,
            "sid": sent.sid,
            "title": sent.title,
            "message": sent.message,
            "type": sent.type,
            "distribued": 1,
            "date": naive(sent.at, account.time_zone),
        }
        for place, sent in enumerate(account.notifications, 1)
        if distributed == "1"
        and (not sid or sent.sid == sid)
        and (start is None or sent.at >= start)
        and (end is None or sent.at < end)
    ]
    return {"success": True, "count": len(rows), "data": rows[::-1]}
