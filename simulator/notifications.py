"""The endpoints for push notifications to phones."""

import time

from .account import Account
from .formats import Json, naive
from .parameters import refuse, required, timestamp
from .records import Fields, Notification


def send_notification(account: Account, fields: Fields) -> Json:
    """`POST /notification/send`: push a notification to an online phone. The answer contains the account's key."""
    sid, message = required(fields, "sid"), required(fields, "message")
    phone = account.phone(sid)
    if phone is None:
        raise refuse("unknown_sid")
    if not phone.online:
        raise refuse("phone_offline")
    account.notifications.append(
        Notification(
            sid=sid,
            title=fields.get("title") or "Notification",
            message=message,
            type=fields.get("type") or "notification",
            at=time.time(),
            distributed=account.notifications_distributed,
        )
    )
    return {
        "success": True,
        "message": "notification created",
        "id": len(account.notifications),
        "apikey": account.key,
        "sid": sid,
    }


def notification_list(account: Account, fields: Fields) -> Json:
    """`GET /notification/list/`: notifications, newest first; by default those that a phone has shown."""
    sid, distributed = fields.get("sidentifiant"), fields.get("distribued") or "1"
    if distributed not in ("0", "1"):
        raise refuse("invalid_distribued", 400)
    start = timestamp(fields, "date_start", account.time_zone)
    end = timestamp(fields, "date_end", account.time_zone, end_of_day=True)
    rows = [
        {
            "id": number,
            "sid": notification.sid,
            "title": notification.title,
            "message": notification.message,
            "type": notification.type,
            "distribued": int(notification.distributed),
            "date": naive(notification.at, account.time_zone),
        }
        for number, notification in enumerate(account.notifications, 1)
        if notification.distributed == (distributed == "1")
        and (not sid or notification.sid == sid)
        and (start is None or notification.at >= start)
        and (end is None or notification.at < end)
    ]
    return {"success": True, "count": len(rows), "data": rows[::-1]}
