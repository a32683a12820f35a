"""The formats in which the service writes the same value: errors, times, numbers, lists, phones, tokens."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
import re
import time
from typing import Any, Literal

from .records import Phone

type Json = dict[str, Any] | list[Any]
type RefusalFormat = Literal["status", "result"]
type TimeFormat = Literal["seconds", "milliseconds", "compact", "compact_ms", "naive", "iso", "unreadable"]
type NumberFormat = Literal["given", "plus", "plain", "zeros", "integer"]
type ListFormat = Literal["result", "top", "sms"]
type PhoneFormat = Literal["sid", "sIdentifiant", "sIdentifiantPhone", "bare"]
type ErrorFormat = Literal["documented", "number", "string", "word", "null"]
type CheckFormat = Literal["contact", "result", "vague"]
type DeleteFormat = Literal["count", "result", "not_found", "bad_request"]
type TokenFormat = Literal["documented", "bare", "string"]
type GuidFormat = Literal["random", "counter"]
type Problem = Literal["none", "unauthorised", "offline", "expired"]

_ERRORS: dict[ErrorFormat, dict[Problem, int | str | None]] = {
    "number": {"none": 0, "unauthorised": 1, "offline": 2},
    "string": {"none": "0", "unauthorised": "1", "offline": "2"},
    "word": {"none": "", "unauthorised": "invalid_apikey", "offline": "phone_offline"},
    "null": {"none": None, "unauthorised": 1, "offline": 2},
}


def error_value(
    error_format: ErrorFormat, problem: Problem, documented: ErrorFormat = "number"
) -> int | str | None:
    """Return `result.error` for a problem; `documented` is the format that the endpoint's documentation shows."""
    if problem == "expired":
        return "subscription_expire"
    return _ERRORS[documented if error_format == "documented" else error_format][problem]


def naive(timestamp: float, zone: tzinfo) -> str:
    """Return `YYYY-MM-DD HH:MM:SS` in `zone`, without the name of the zone."""
    return datetime.fromtimestamp(timestamp, zone).strftime("%Y-%m-%d %H:%M:%S")


def utc_z(timestamp: float) -> str:
    """Return ISO 8601 in UTC with whole seconds, for example `2026-03-20T21:07:44Z`."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_iso(timestamp: float, zone: tzinfo) -> str:
    """Return ISO 8601 in `zone` with whole seconds and the offset."""
    return datetime.fromtimestamp(timestamp, zone).isoformat(timespec="seconds")


def _compact(timestamp: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(timestamp, zone).strftime("%Y%m%d%H%M%S")


_TIMES: dict[TimeFormat, Callable[[float, tzinfo], int | str]] = {
    "seconds": lambda timestamp, _: int(timestamp),
    "milliseconds": lambda timestamp, _: int(timestamp * 1000),
    "compact": _compact,
    "compact_ms": lambda timestamp, zone: f"{_compact(timestamp, zone)}{int(timestamp * 1000) % 1000:03}",
    "naive": naive,
    "iso": local_iso,
    "unreadable": lambda _timestamp, _zone: "soon",
}


def time_fields(time_format: TimeFormat, timestamp: float, zone: tzinfo) -> dict[str, int | str]:
    """Return the time fields of a received SMS.

    `seconds` gives the documented fields. The other formats leave out every field that has another format, so that a
    client has to read the one under test.
    """
    text = naive(timestamp, zone)
    day = {"date": text[:10], "hour": text[11:]}
    match time_format:
        case "seconds":
            return {"timestamp_unix": int(timestamp), "time_received": text, **day}
        case "naive":
            return {"time_received": text, **day}
        case "iso":
            return {"time_received": _TIMES[time_format](timestamp, zone)}
        case _:
            value = _TIMES[time_format](timestamp, zone)
            return {"timestamp_unix": value, "time_received": value}


def call_times(time_format: TimeFormat, timestamp: float, zone: tzinfo) -> dict[str, int | str]:
    """Return the time fields of an incoming or outgoing call.

    Formats without an offset are in UTC. As in `time_fields`, `seconds` gives the documented fields and the other
    formats leave out every field that has another format.
    """
    match time_format:
        case "seconds":
            return {"call_datetime_utc": naive(timestamp, UTC), "call_date_ms": int(timestamp * 1000)}
        case "naive" | "compact" | "compact_ms":
            return {"call_datetime_utc": _TIMES[time_format](timestamp, UTC)}
        case _:
            value = _TIMES[time_format](timestamp, zone)
            return {"call_datetime_utc": value, "call_date_ms": value}


def bare_number(number: str) -> str:
    """Return a number without its `+` or `00`."""
    return number[1:] if number.startswith("+") else number.removeprefix("00")


def format_number(number_format: NumberFormat, number: str) -> str | int:
    """Return a number in a format; names are returned unchanged, short and national numbers get no prefix."""
    digits = bare_number(number)
    if number_format == "given" or not re.fullmatch(r"[0-9]+", digits):
        return number
    if number_format == "integer":
        return int(digits)
    if len(digits) < 7 or digits.startswith("0"):
        return number
    return {"plus": "+", "zeros": "00", "plain": ""}[number_format] + digits


def format_list(list_format: ListFormat, rows: list[dict[str, Any]], error: int | str | None) -> Json:
    """Return the answer of `/getsms/` that contains these rows."""
    match list_format:
        case "result":
            return {"result": {"error": error, "sms": rows}}
        case "sms":
            return {"sms": rows}
        case "top":
            return rows


def format_check(check_format: CheckFormat, found: bool) -> Json:
    """Return the answer of `/whatsapp/checknumber/`; the format `vague` does not contain the result."""
    word = "yes" if found else "no"
    match check_format:
        case "contact":
            return {"success": True, "contact_found_on_whatsapp": word}
        case "result":
            return {"result": {"error": 0, "contact_found_on_whatsapp": word}}
        case "vague":
            return {"success": True, "note": "request processed"}


def format_token(token_format: TokenFormat, token: str, seconds: float) -> Json:
    """Return the answer of `/oauth2/token` for a token that is valid for this time."""
    if token_format == "bare":
        return {"access_token": token}
    expires_in = int(seconds)
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": str(expires_in) if token_format == "string" else expires_in,
    }


def format_phones(phone_format: PhoneFormat, phones: list[Phone], zone: tzinfo) -> Json:
    """Return the items of `/gateway/mobile/list/`."""
    return [_phone_item(phone_format, phone, zone) for phone in phones]


def _phone_item(phone_format: PhoneFormat, phone: Phone, zone: tzinfo) -> dict[str, Any]:
    seen = time.time() if phone.online else phone.last_seen
    match phone_format:
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
