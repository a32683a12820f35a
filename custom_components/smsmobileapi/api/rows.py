"""What is read from the service's answers: lists, texts, times, yes and no, each in several dresses (API.md, S)."""

from collections.abc import Collection, Mapping
from datetime import datetime, tzinfo
import re
from typing import Any, Final

from .errors import UnexpectedAnswer
from .times import parse_time

_YES: Final = frozenset({"1", "true", "yes", "y", "on"})
_NO: Final = frozenset({"0", "false", "no", "n", "off"})
_BLANKS: Final = re.compile(r"[\s_-]+")


def rows_of(answer: Any, *names: str) -> list[Any]:
    """Find the list of rows: at the top, under one of the names, or under that of `result` (S).

    Raises UnexpectedAnswer where there is none.
    """
    for _ in range(3):
        match answer:
            case list():
                return answer
            case {"result": inner} if inner is not None:
                answer = inner
            case {**keys} if found := [keys[name] for name in names if name in keys]:
                # An empty list is sometimes null, and a list with holes an object keyed by position.
                inner = found[0]
                answer = list(inner.values()) if isinstance(inner, Mapping) else inner or []
            case {"error": _} | {"success": True}:
                return []
            case _:
                break
    raise UnexpectedAnswer(f"there is no list of {' or '.join(names)} in the answer")


def text_of(row: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of these fields that has a text or a number in it, as text."""
    for name in names:
        value = row.get(name)
        if (
            isinstance(value, str | int)
            and not isinstance(value, bool)
            and (text := clean(str(value)).strip())
        ):
            return text
    return None


def clean(text: str) -> str:
    """Return the text without what no database and no browser can hold: NUL and halves of a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def word_of(value: object) -> str:
    """Return a word or a number in one form: small letters, `_` between its parts; "" where it is neither."""
    if not isinstance(value, str | int | float):
        return ""
    return _BLANKS.sub("_", clean(str(value)).strip().lower())


def yes_or_no(value: object, yes: Collection[str] = (), no: Collection[str] = ()) -> bool | None:
    """Read a boolean, a number or a word; None where it says neither. `yes` and `no` are further words."""
    word = word_of(int(value) if isinstance(value, float) and value in {0, 1} else value)
    if word in _YES or word in yes:
        return True
    return False if word in _NO or word in no else None


def count_of(value: object) -> int | None:
    """Read a whole number from 0 to ten million: seconds, phones."""
    text = str(value) if isinstance(value, str | int) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def first_time(values: Collection[object], zone: tzinfo) -> tuple[datetime | None, str | None]:
    """Return the first readable time, and what identifies its second: that, or else what stands there."""
    for value in values:
        if time := parse_time(value, zone):
            return time, str(int(time.timestamp()))
    return None, next((text for value in values if (text := text_of({"time": value}, "time"))), None)


def date_and_hour(row: Mapping[str, Any]) -> str | None:
    """Return the time that stands in two fields, `date` and `hour`, as one text; the date alone where it is alone."""
    date, hour = text_of(row, "date"), text_of(row, "hour")
    return f"{date} {hour}" if date and hour else date
