"""The phones of an account, as `/gateway/mobile/list/` has them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
import re
from typing import Any, Final, Self

from .rows import count_of, date_and_hour, first_time, text_of, yes_or_no

_ONLINE: Final = frozenset({"online", "connected", "active"})
_OFFLINE: Final = frozenset({"offline", "disconnected", "not_connected", "inactive"})
_PERCENT: Final = re.compile(r"([0-9]{1,3})(?:\.0+)?\s*%?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A mobile that is connected to the account.

    `sid` is the service's id of it, `battery` is in percent, `last_seen` UTC. What the service does not tell, or not in a
    readable way, is None.
    """

    sid: str
    name: str | None = None
    is_online: bool | None = None
    battery: int | None = None
    app_version: str | None = None
    last_seen: datetime | None = None

    @classmethod
    def from_api(cls, row: object, *, zone: tzinfo) -> Self | None:
        """Read an item of the list (D that it has these things; the names G). `zone` is that of times without one.

        None where it has no SID.
        """
        if not isinstance(row, Mapping):
            return None
        if not (sid := text_of(row, "sid", "sIdentifiant", "sIdentifiantPhone")):
            return None
        times = [row.get("last_seen"), date_and_hour(row), row.get("date")]
        return cls(
            sid=sid,
            name=text_of(row, "label", "name"),
            is_online=_is_online(row),
            battery=_percent(row.get("battery"), row.get("battery_level")),
            app_version=_version(row.get("version"), row.get("app_version")),
            last_seen=first_time(times, zone)[0],
        )


def phones_of(answer: Any, *, zone: tzinfo) -> list[Phone] | None:
    """Read the list of phones; None where it is none, or where there are items and none of them can be read."""
    items = items_of(answer)
    if items is None:
        return None
    read = [Phone.from_api(item, zone=zone) for item in items]
    by_sid: dict[str, Phone] = {}
    for phone in read:
        if phone:
            # One that is listed twice counts once.
            by_sid.setdefault(phone.sid, phone)
    phones = list(by_sid.values())
    if items and not phones:
        return None
    if all(phone.is_online is None for phone in phones):
        are_online = _are_online(answer.get("connected_now"), len(phones) + read.count(None))
        return [replace(phone, is_online=are_online) for phone in phones]
    return phones


def items_of(answer: Any) -> list[Any] | None:
    """Return the items of the list of phones, or None where it is no such list."""
    match answer:
        case {"items": None}:
            return []
        case {"items": list() as items}:
            return items
        case {"items": Mapping() as items}:
            return list(items.values())
        case _:
            return None


def _are_online(connected: object, number: int) -> bool | None:
    """Tell of all phones at once whether they are online, where so many of them are connected."""
    count = count_of(connected)
    if count is None:
        return None
    if count >= number:
        return True
    return False if count == 0 else None


def _is_online(row: Mapping[str, Any]) -> bool | None:
    for name in ("online", "connected", "status"):
        if (is_online := yes_or_no(row.get(name), _ONLINE, _OFFLINE)) is not None:
            return is_online
    return None


def _percent(*values: object) -> int | None:
    """Return the first percentage: 86, 86.0, "86" or "86%"; a part of one, or more than all, is none."""
    for value in values:
        text = str(value).strip() if isinstance(value, str | int | float) else ""
        if (match := _PERCENT.fullmatch(text)) and int(match[1]) <= 100:
            return int(match[1])
    return None


def _version(*values: object) -> str | None:
    """Return the first version; one like 9.1 may come as a number."""
    row = {
        str(place): str(value) if isinstance(value, float) else value for place, value in enumerate(values)
    }
    return text_of(row, *row)
