"""The phones of an account, as `/gateway/mobile/list/` has them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
import re
from typing import Any, Final, Self

from .parsing import count_of, first_time, text_of, yes_or_no

_ONLINE: Final = frozenset({"online", "connected"})
_OFFLINE: Final = frozenset({"offline", "disconnected"})
_PERCENT: Final = re.compile(r"([0-9]{1,3})(?:\.0+)?\s*%?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A phone that is registered with the account.

    `sid` is the service's id of it, `battery` is in percent, `last_seen` is UTC. What the service does not give, or not in a
    readable form, is None.
    """

    sid: str
    name: str | None = None
    is_online: bool | None = None
    battery: int | None = None
    app_version: str | None = None
    last_seen: datetime | None = None

    @classmethod
    def from_api(cls, row: object, *, zone: tzinfo) -> Self | None:
        """Read an item of the list (D that it has these values; the names of its keys G).

        `zone` is the zone of a time that has none. Returns None for an item without a SID.
        """
        if not isinstance(row, Mapping) or not (
            sid := text_of(row, "sid", "sIdentifiant", "sIdentifiantPhone")
        ):
            return None
        online = (yes_or_no(row.get(name), _ONLINE, _OFFLINE) for name in ("online", "connected", "status"))
        return cls(
            sid=sid,
            name=text_of(row, "label", "name"),
            is_online=next((value for value in online if value is not None), None),
            battery=_percent(row.get("battery"), row.get("battery_level")),
            app_version=text_of(row, "version", "app_version"),
            last_seen=first_time([row.get("last_seen"), row.get("date")], zone)[0],
        )


def phones_of(answer: Any, *, zone: tzinfo) -> list[Phone] | None:
    """Read the list of phones; None where the answer has no such list, or no item of it can be read.

    `zone` is the zone of times that have none. A phone that is listed twice is returned once.
    """
    items = items_of(answer)
    if items is None:
        return None
    read = [Phone.from_api(item, zone=zone) for item in items]
    by_sid: dict[str, Phone] = {}
    for phone in filter(None, read):
        by_sid.setdefault(phone.sid, phone)
    phones = list(by_sid.values())
    if items and not phones:
        return None
    if all(phone.is_online is None for phone in phones):
        # The answer says only how many are connected: that is enough where it is all of them or none.
        connected = count_of(answer.get("connected_now"))
        if connected == 0:
            return [replace(phone, is_online=False) for phone in phones]
        if connected is not None and connected >= len(phones) + read.count(None):
            return [replace(phone, is_online=True) for phone in phones]
    return phones


def items_of(answer: Any) -> list[Any] | None:
    """Return the items of the list of phones (D), [] for null; None where the answer has no such list."""
    match answer:
        case {"items": None}:
            return []
        case {"items": list() as items}:
            return items
        case _:
            return None


def _percent(*values: object) -> int | None:
    """Return the first percentage among 86, 86.0, "86" and "86%"; a value above 100 or below 1 such as 0.86 is none."""
    for value in values:
        text = str(value).strip() if isinstance(value, str | int | float) else ""
        if (match := _PERCENT.fullmatch(text)) and int(match[1]) <= 100:
            return int(match[1])
    return None
