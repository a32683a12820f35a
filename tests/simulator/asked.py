"""Requests as clients make them that others made for the service, and the shape of what they expect."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .conftest import NUMBER

BARE = NUMBER.removeprefix("+")
TEXT = "Köszönöm & viszlát\n☃ 100%"
MAYBE = (str, type(None))

# What an answer has to look like: a type, a tuple of types, a list of one kind, or the keys that must be there.
type Shape = type | tuple[type, ...] | list[Shape] | dict[str, Shape]

TAKEN: Shape = {
    "result": {
        "error": (int, str),
        "sent": str,
        "id": str,
        "note": str,
        "datetime": str,
        "send_with_whatsapp": str,
    }
}
NOT_TAKEN: Shape = {"result": {"error": (int, str), "sent": str, "note": str}}
CALL_ROWS: Shape = {
    "success": bool,
    "count": int,
    "rows": [
        {
            "phone_number": str,
            "cached_name": MAYBE,
            "call_datetime_utc": str,
            "call_date_ms": int,
            "duration_sec": int,
        }
    ],
}
REFUSED: Shape = {"success": bool, "error": str}


class Ask(NamedTuple):
    """A request as some client makes it, and what it expects."""

    method: str
    path: str
    fields: Mapping[str, str]
    shape: Shape


ASKED = [
    Ask("POST", "/sendsms/", {"recipients": NUMBER, "message": TEXT}, TAKEN),
    Ask(
        "POST",
        "/sendsms/",
        {"recipients": NUMBER, "message": TEXT, "sIdentifiant": "phone-1", "port": "2"},
        TAKEN,
    ),
    Ask(
        "POST",
        "/sendsms/",
        {
            "recipients": NUMBER,
            "message": TEXT,
            "from": "crm",
            "sendwa": "1",
            "sendsms": "1",
            "schedule_timestamp": "",
        },
        TAKEN,
    ),
    Ask("POST", "/sendsms/", {"recipients": BARE, "message": TEXT, "waonly": "yes", "shorturl": "1"}, TAKEN),
    Ask("POST", "/sendsms/", {"recipients": BARE, "message": TEXT, "sendwa": "1", "sendsms": "0"}, TAKEN),
    Ask("POST", "/sendsms/", {"recipients": "nobody", "message": TEXT}, NOT_TAKEN),
    Ask("POST", "/sendsms/", {"recipients": NUMBER, "message": TEXT, "schedule_timestamp": "-1"}, NOT_TAKEN),
    Ask("GET", "/sendsms/", {"recipients": NUMBER, "message": TEXT, "sendwa": "0", "sendsms": "1"}, TAKEN),
    Ask("POST", "/resend/", {"guid": "failed-sms"}, TAKEN),
    Ask("GET", "/resend/", {"guid": "failed-sms"}, TAKEN),
    Ask("POST", "/resendwa/", {"guid": "failed-wa"}, TAKEN),
    Ask("GET", "/resendwa/", {"guid": "failed-wa"}, TAKEN),
    Ask(
        "GET",
        "/getsms/",
        {"onlyunread": "yes", "sIdentifiantPhone": "phone-1", "after_timestamp_unix": "-1"},
        {
            "result": {
                "error": str,
                "sms": [
                    {
                        "id": int,
                        "sIdentifiantPhone": str,
                        "timestamp_unix": int,
                        "message": str,
                        "number": str,
                        "guid": str,
                        "alias": MAYBE,
                    }
                ],
            }
        },
    ),
    Ask(
        "GET",
        "/log/sent/sms/",
        {"guid_message": "failed-sms", "keyword": TEXT, "error_api": "0", "error_mobile": "1"},
        {
            "result": {
                "sms": [
                    {"guid": str, "send_from_mobile": str, "send_from_mobile_erreur": str, "error_api": str}
                ]
            }
        },
    ),
    Ask("GET", "/log/sent/frommobile/", {"period": "last_7days", "limit": "200"}, {"result": {"sms": list}}),
    Ask("POST", "/deletesms/", {"guid": "received"}, {"success": bool}),
    Ask("GET", "/deletesms/", {"guid": "received"}, {"success": bool}),
    Ask(
        "GET",
        "/gateway/mobile/list/",
        {"sid": "phone-1", "search": "phone"},
        {
            "success": bool,
            "connected_now": int,
            "connected_limit": int,
            "connected_available": int,
            "items": [{"sid": str, "label": str}],
            "note": str,
        },
    ),
    Ask(
        "GET",
        "/call/missed/list/",
        {"offset": "0", "limit": "100", "search": "", "date_start": "0001-01-01", "date_end": "9999-12-31"},
        {
            "success": bool,
            "offset": int,
            "limit": int,
            "count": int,
            "data": [{"number": str, "name": MAYBE, "date": str}],
        },
    ),
    Ask("GET", "/call/incoming/list/", {"offset": "0", "limit": "50", "sort_dir": "desc"}, CALL_ROWS),
    Ask("GET", "/call/outgoing/list/", {"q": BARE, "sort_dir": "asc"}, CALL_ROWS),
    Ask(
        "POST",
        "/notification/send",
        {"sid": "phone-1", "message": TEXT, "type": "notification"},
        {"success": bool, "message": str, "id": int, "apikey": str, "sid": str},
    ),
    Ask("POST", "/notification/send", {"sid": "", "title": "Door", "message": ""}, REFUSED),
    Ask(
        "GET",
        "/notification/list/",
        {"sidentifiant": "", "distribued": "1", "date_start": "2000-01-01", "date_end": "2999-01-01"},
        {"success": bool, "data": list},
    ),
    Ask("GET", "/whatsapp/checknumber/", {"recipients": BARE}, {"success": bool}),
    Ask("GET", "/whatsapp/checknumber/", {"recipients": ""}, REFUSED),
    Ask(
        "GET",
        "/getwa/active/",
        {"statut": "x"},
        {"success": bool, "read_message_active": int, "status_note": str},
    ),
    Ask(
        "GET",
        "/getwa/active/",
        {"statut": "1"},
        {"success": bool, "read_message_active": int, "status_note": str},
    ),
    Ask(
        "GET",
        "/getwa/synchronisation/",
        {},
        {"error": str, "messages": str, "expire_at": str, "expire_at_unix": str},
    ),
    Ask("GET", "/getwa/", {"before": "-5", "date": "2026-01-20", "message_type": "audio"}, {"result": dict}),
    Ask("POST", "/sendemail/", {"apikeybox": "", "mail_subject": "x", "mail_body": TEXT}, REFUSED),
    Ask("GET", "/getemail/", {"apikeybox": "", "mbox": "INBOX", "start": "0"}, REFUSED),
]


def fits(value: Any, shape: Shape) -> bool:
    """Tell whether an answer has this shape; a list has to have something in it."""
    match shape:
        case dict():
            return isinstance(value, dict) and all(
                name in value and fits(value[name], inner) for name, inner in shape.items()
            )
        case [inner]:
            return isinstance(value, list) and bool(value) and all(fits(row, inner) for row in value)
        case _:
            return type(value) in (shape if isinstance(shape, tuple) else (shape,))
