"""The many ways in which the service writes one and the same thing."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
import re
import time
from typing import Any, Literal

from .records import Phone

type Json = dict[str, Any] | list[Any]
type TimeDress = Literal["seconds", "milliseconds", "compact", "compact_ms", "naive", "iso", "unreadable"]
type NumberDress = Literal["given", "plus", "plain", "zeros", "integer"]
type ListShape = Literal["result", "top", "sms"]
type PhoneDress = Literal["sid", "sIdentifiant", "sIdentifiantPhone", "bare"]
type ErrorDress = Literal["documented", "number", "string", "word", "null"]
type CheckDress = Literal["contact", "result", "vague"]
type DeleteDress = Literal["count", "result", "not_found", "bad_request"]
type TokenDress = Literal["documented", "bare", "string"]
type Problem = Literal["none", "unauthorised", "offline", "expired"]

_ERRORS: dict[ErrorDress, dict[Problem, int | str | None]] = {
    "number": {"none": 0, "unauthorised": 1, "offline": 2},
    "string": {"none": "0", "unauthorised": "1", "offline": "2"},
    "word": {"none": "", "unauthorised": "invalid_apikey", "offline": "phone_offline"},
    "null": {"none": None, "unauthorised": 1, "offline": 2},
}


def error_value(dress: ErrorDress, problem: Problem, documented: ErrorDress = "number") -> int | str | None:
    """Return `result.error` for a problem; `documented` is how the endpoint at hand is documented to write it."""
    if problem == "expired":
        return "subscription_expire"
    return _ERRORS[documented if dress == "documented" else dress][problem]


def naive(timestamp: float, zone: tzinfo) -> str:
    """Return `YYYY-MM-DD HH:MM:SS` in `zone`, which is left unsaid."""
    return datetime.fromtimestamp(timestamp, zone).strftime("%Y-%m-%d %H:%M:%S")


def utc_z(timestamp: float) -> str:
    """Return ISO 8601 in UTC to the second, as in `2026-03-20T21:07:44Z`."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_iso(timestamp: float, zone: tzinfo) -> str:
    """Return ISO 8601 in `zone` to the second, with its offset."""
    return datetime.fromtimestamp(timestamp, zone).isoformat(timespec="seconds")


def _compact(timestamp: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(timestamp, zone).strftime("%Y%m%d%H%M%S")


_TIMES: dict[TimeDress, Callable[[float, tzinfo], int | str]] = {
    "seconds": lambda timestamp, _: int(timestamp),
    "milliseconds": lambda timestamp, _: int(timestamp * 1000),
    "compact": _compact,
    "compact_ms": lambda timestamp, zone: f"{_compact(timestamp, zone)}{int(timestamp * 1000) % 1000:03}",
    "naive": naive,
    "iso": local_iso,
    "unreadable": lambda _timestamp, _zone: "soon",
}


def time_fields(dress: TimeDress, timestamp: float, zone: tzinfo) -> dict[str, int | str]:
    """Return the time keys of a received row.

    `seconds` is the documented row. In the other dresses no key is left that a reader could fall back on.
    """
    text = naive(timestamp, zone)
    day = {"date": text[:10], "hour": text[11:]}
    match dress:
        case "seconds":
            return {"timestamp_unix": int(timestamp), "time_received": text, **day}
        case "naive":
            return {"time_received": text, **day}
        case "iso":
            return {"time_received": _TIMES[dress](timestamp, zone)}
        case _:
            value = _TIMES[dress](timestamp, zone)
            return {"timestamp_unix": value, "time_received": value}


def call_times(dress: TimeDress, timestamp: float, zone: tzinfo) -> dict[str, int | str]:
    """Return the time keys of an incoming or outgoing call, which are in UTC as far as they can be.

    As in `time_fields`, `seconds` is the documented row and no other dress leaves a key to fall back on.
    """
    match dress:
        case "seconds":
            return {"call_datetime_utc": naive(timestamp, UTC), "call_date_ms": int(timestamp * 1000)}
        case "naive" | "compact" | "compact_ms":
            return {"call_datetime_utc": _TIMES[dress](timestamp, UTC)}
        case _:
            value = _TIMES[dress](timestamp, zone)
            return {"call_datetime_utc": value, "call_date_ms": value}


def bare_number(number: str) -> str:
    """Return a number without `+` or `00`."""
    return number[1:] if number.startswith("+") else number.removeprefix("00")


def dress_number(dress: NumberDress, number: str) -> str | int:
    """Return the number in its dress. Names stay names; short codes and national numbers get no prefix."""
    digits = bare_number(number)
    if dress == "given" or not re.fullmatch(r"[0-9]+", digits):
        return number
    if dress == "integer":
        return int(digits)
    if len(digits) < 7 or digits.startswith("0"):
        return number
    return {"plus": "+", "zeros": "00", "plain": ""}[dress] + digits


def shape_rows(shape: ListShape, rows: list[dict[str, Any]], error: int | str | None) -> Json:
    """Return the answer of `/getsms/` around its rows."""
    match shape:
        case "result":
            return {"result": {"error": error, "sms": rows}}
        case "sms":
            return {"sms": rows}
        case "top":
            return rows


def shape_check(dress: CheckDress, known: bool) -> Json:
    """Return the answer of `/whatsapp/checknumber/`."""
    word = "yes" if known else "no"
    match dress:
        case "contact":
            return {"success": True, "contact_found_on_whatsapp": word}
        case "result":
            return {"result": {"error": 0, "contact_found_on_whatsapp": word}}
        case "vague":
            return {"success": True, "note": "request processed"}


def shape_token(dress: TokenDress, token: str, seconds: float) -> Json:
    """Return the answer of `/oauth2/token`: all of it, the token alone, or its life as text."""
    if dress == "bare":
        return {"access_token": token}
    life = int(seconds)
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": str(life) if dress == "string" else life,
    }


def dress_phone(dress: PhoneDress, phone: Phone, zone: tzinfo) -> dict[str, Any]:
    """Return an item of `/gateway/mobile/list/`: key names and the values' types change together."""
    seen = time.time() if phone.online else phone.last_seen
    match dress:
        case "bare":
            return {"sid": phone.sid, "label": phone.label}
        case "sid":
            return {
                "sid": phone.sid,
                "label": phone.label,
                "battery": phone.battery,
                "version": phone.version,
                "date": naive(seen, zone),
                "online": phone.online,
            }
        case "sIdentifiant":
            return {
                "sIdentifiant": phone.sid,
                "name": phone.label,
                "battery_level": "" if phone.battery is None else str(phone.battery),
                "app_version": phone.version,
                "last_seen": int(seen),
                "connected": "1" if phone.online else "0",
            }
        case "sIdentifiantPhone":
            return {
                "sIdentifiantPhone": phone.sid,
                "name": phone.label,
                "battery": None if phone.battery is None else f"{phone.battery}%",
                "app_version": phone.version,
                "last_seen": local_iso(seen, zone),
                "status": "online" if phone.online else "offline",
            }
