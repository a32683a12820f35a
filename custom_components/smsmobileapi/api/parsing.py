"""Reading lists, texts, numbers and times from the service's answers, which write them in several ways (S)."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
import re
from typing import Any, Final

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})
_SEPARATORS: Final = re.compile(r"[\s_-]+")
_COMPACT: Final = re.compile(r"(?:19|20|21)\d{12}(?:\d{3})?")
_NUMBER: Final = re.compile(r"\d{1,17}(?:\.\d+)?")
_MILLISECONDS_FROM: Final = 10**11
_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
# Ids that gateways send where they have none.
_NO_IDS: Final = frozenset({"0", "null", "undefined", "none"})
_WITH_SECONDS: Final = re.compile(r".*(:\d\d:|T\d{4})\d\d.*", re.DOTALL)


def list_of(answer: Any, name: str) -> list[Any] | None:
    """Return the list at the top of an answer, or under `name`, there or in `result` (S).

    A null in its place is an empty list. Returns None where there is no list.
    """
    match answer:
        case list():
            return answer
        case {"result": {**result}} if name in result:
            rows = result[name]
        case {**fields} if name in fields:
            rows = fields[name]
        case _:
            return None
    if rows is None:
        return []
    return rows if isinstance(rows, list) else None


def text_of(row: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of these fields that holds a text (not a blank one) or a whole number, as text."""
    for name in names:
        value = row.get(name)
        if (
            isinstance(value, str | int)
            and not isinstance(value, bool)
            and (text := clean(str(value)).strip())
        ):
            return text
    return None


def id_of(row: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of these fields that holds an id; 0, null, undefined, none and blank are none."""
    for name in names:
        if (text := text_of(row, name)) and text.lower() not in _NO_IDS:
            return text
    return None


def clean(text: str) -> str:
    """Return the text without NUL and lone surrogates, which databases and browsers can't store or show."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def word_of(value: object) -> str:
    """Return a word or a number in lower case with `_` between its parts; "" for any other type."""
    if not isinstance(value, str | int | float):
        return ""
    return _SEPARATORS.sub("_", clean(str(value)).strip().lower())


def yes_or_no(value: object, yes: Collection[str] = (), no: Collection[str] = ()) -> bool | None:
    """Read a boolean, a number or a word; None where it is neither yes nor no. `yes` and `no` are further words."""
    word = word_of(int(value) if isinstance(value, float) and value in {0, 1} else value)
    if word in _YES or word in yes:
        return True
    return False if word in _NO or word in no else None


def count_of(value: object) -> int | None:
    """Read a whole number from 0 to ten million, such as seconds or a number of phones; None where it is none."""
    text = str(value) if isinstance(value, str | int) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def parse_time(value: object, zone: tzinfo) -> datetime | None:
    """Read a time of the service as UTC; None where it can't be read.

    Accepts Unix seconds or milliseconds, `YYYYMMDDHHMMSS` with or without milliseconds, `YYYY-MM-DD HH:MM:SS` and
    ISO 8601, as a number or a string (S). `zone` is the zone of a time that has none (G).
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        time = _read_time(str(value).strip(), zone).astimezone(UTC)
    except ValueError, OverflowError, OSError:
        return None
    return time if _EARLIEST < time < _LATEST else None


def _read_time(text: str, zone: tzinfo) -> datetime:
    if _COMPACT.fullmatch(text):
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(
            microsecond=int(text[14:] or 0) * 1000, tzinfo=zone
        )
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, UTC)
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=zone)


def first_time(values: Iterable[object], zone: tzinfo) -> tuple[datetime | None, str | None]:
    """Return the first time that can be read (UTC), and its Unix second as text.

    Where none can be read, return None and the first of the values that is a text or a number, None where there is none.
    """
    written: str | None = None
    for value in values:
        if time := parse_time(value, zone):
            return time, str(int(time.timestamp()))
        written = written or text_of({"time": value}, "time")
    return None, written


def first_second(values: Iterable[object], zone: tzinfo) -> tuple[datetime | None, str | None]:
    """Return the first time that can be read (UTC), and its Unix second as text.

    Of a time that was written without seconds, the text is returned in place of the second: it is known to the minute only.
    """
    values = list(values)
    time, second = first_time(values, zone)
    if time is None:
        return None, second
    written = next(text_of({"time": value}, "time") for value in values if parse_time(value, zone) == time)
    has_second = written is None or _NUMBER.fullmatch(written) or _WITH_SECONDS.fullmatch(written)
    return time, second if has_second else written


def date_and_hour(row: Mapping[str, Any]) -> str | None:
    """Return the fields `date` and `hour` as one text, or the date alone where there is no hour."""
    date, hour = text_of(row, "date"), text_of(row, "hour")
    return f"{date} {hour}" if date and hour else date
