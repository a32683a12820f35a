"""Times, in every dress that the service uses."""

from datetime import UTC, datetime, tzinfo
import re

_COMPACT = re.compile(r"(?:19|20|21)\d{12}(?:\d{3})?")
_NUMBER = re.compile(r"\d{1,17}(?:\.\d+)?")
_MILLISECONDS_FROM = 10**11
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def parse_time(value: object, zone: tzinfo) -> datetime | None:
    """Read a time of the service, or return None where it can't be read.

    Takes Unix seconds or milliseconds, `YYYYMMDDHHMMSS` with or without milliseconds, `YYYY-MM-DD HH:MM:SS` and
    ISO 8601, as a number or a string (API.md, S). What carries no zone is in `zone` (G). Returns UTC.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        time = _read(str(value).strip(), zone).astimezone(UTC)
    except ValueError, OverflowError, OSError:
        return None
    return time if _EARLIEST < time < _LATEST else None


def _read(text: str, zone: tzinfo) -> datetime:
    if _COMPACT.fullmatch(text):
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(
            microsecond=int(text[14:] or 0) * 1000, tzinfo=zone
        )
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, UTC)
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=zone)
