"""Calls, as the three lists and the webhook have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Self

from .models import Direction, NotAMessage, Source
from .rows import count_of, date_and_hour, first_time, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a phone of the account.

    `number` is as the service wrote it, None where it was withheld; `duration` is in seconds; `started_at` is UTC. `origin`
    tells the second in which it began as far as that is known, None where the service gave no time at all.
    """

    call_id: str | None
    direction: Direction
    number: str | None
    name: str | None
    duration: int | None
    started_at: datetime
    origin: str | None
    phone: str | None
    source: Source

    @classmethod
    def from_api(cls, row: object, *, direction: Direction, zone: tzinfo, arrived: datetime) -> Self:
        """Read a row of `/call/missed/list/`, or of the incoming or outgoing ones, which have other names (D).

        `zone` is that of `date`, `arrived` (UTC) stands in for a time that can't be read. Raises NotAMessage.
        """
        if not isinstance(row, Mapping):
            raise NotAMessage("not an object")
        number = text_of(row, "phone_number", "number")
        # The one is exact; the other is in UTC, though nothing in it says so.
        time, origin = first_time([row.get("call_date_ms") or None, row.get("call_datetime_utc")], UTC)
        if time is None:
            time, written = first_time([date_and_hour(row)], zone)
            origin = written or origin
        if time is None and number is None:
            raise NotAMessage("no number and no time")
        return cls(
            call_id=text_of(row, "guid"),
            direction=direction,
            number=number,
            name=text_of(row, "cached_name", "name"),
            duration=count_of(row.get("duration_sec")),
            started_at=time or arrived,
            origin=origin,
            phone=text_of(row, "sIdentifiantPhone", "sIdentifiant", "sid", "device_id"),
            source=Source.POLL,
        )

    @classmethod
    def from_event(cls, kind: str, data: Mapping[str, Any], *, zone: tzinfo, arrived: datetime) -> Self:
        """Read the data of a V2 event `call.missed`, `call.incoming` or `call.outgoing` (D)."""
        time, origin = first_time([data.get("call_at")], zone)
        return cls(
            call_id=text_of(data, "guid"),
            direction=Direction(kind.removeprefix("call.")),
            number=text_of(data, "number"),
            name=text_of(data, "name"),
            duration=count_of(data.get("duration_seconds")),
            started_at=time or arrived,
            origin=origin,
            phone=text_of(data, "device_id"),
            source=Source.WEBHOOK,
        )
