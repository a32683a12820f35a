"""Reading the parameters of a request, and refusing a request."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
import re

from .formats import Json
from .records import Fields

# At most 40 digits: Python refuses to convert very long numbers.
_INTEGER = re.compile(r"-?[0-9]{1,40}")


class Refusal(Exception):
    """An answer that ends the request early. `body` is JSON, `status` the HTTP status."""

    def __init__(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def refuse(error: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Refusal:
    """Return a refusal with the documented body `{"success": false, "error": …}`."""
    return Refusal(status, {"success": False, "error": error}, headers)


def required(fields: Fields, name: str) -> str:
    """Return a required parameter; without it, refuse with 400 `missing_<name>`."""
    if name not in fields:
        raise refuse(f"missing_{name}", 400)
    return fields[name]


def parse_integer(text: str) -> int | None:
    """Return the integer that a text contains, or None."""
    return int(text) if _INTEGER.fullmatch(text) else None


def integer(
    fields: Fields, name: str, default: int, *, minimum: int | None = 0, maximum: int | None = None
) -> int:
    """Return an integer parameter; refuse with 400 `invalid_<name>` what is no integer or outside the limits."""
    text = fields.get(name)
    if not text:
        return default
    value = parse_integer(text)
    if (
        value is None
        or (minimum is not None and value < minimum)
        or (maximum is not None and value > maximum)
    ):
        raise refuse(f"invalid_{name}", 400)
    return value


def timestamp(fields: Fields, name: str, zone: tzinfo, *, end_of_day: bool = False) -> float | None:
    """Return a date, or date and time, as Unix seconds; None where the parameter is absent or empty.

    Without an offset it is in `zone`. `end_of_day` makes a date without a time mean the end of that day. What is no
    date is refused with 400 `invalid_<name>`.
    """
    text = fields.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise refuse(f"invalid_{name}", 400) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.timestamp() + (86400 if end_of_day and len(text) == 10 else 0)
