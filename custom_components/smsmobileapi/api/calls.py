"""Calls, as the three lists and the webhook have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Self

from .errors import InvalidPayload
from .models import Direction, Source
from .parsing import count_of, first_time, id_of, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a phone of the account.

    `number` is as the service wrote it, None where it was withheld; `duration` is in seconds; `started_at` is UTC. `origin` is
    the Unix second in which the call began, or the text of a time that can't be read; None where the service gave no time.
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
        """Read a row of `/call/missed/list/`, or of the list of incoming or outgoing calls, which has other names (D).

        `zone` is the zone of a missed call's date; `arrived` (UTC) is used where no time can be read. Raises InvalidPayload.
        """
        if not isinstance(row, Mapping):
            raise InvalidPayload("not an object")
        if direction is Direction.MISSED:
            number, name = text_of(row, "number"), text_of(row, "name")
            time, origin = first_time([row.get("date")], zone)
        else:
            number, name = text_of(row, "phone_number"), text_of(row, "cached_name")
            # Milliseconds come first, they are exact; 0 means that there are none. The other time is UTC without saying so.
            time, origin = first_time([row.get("call_date_ms") or None, row.get("call_datetime_utc")], UTC)
        if time is None and number is None:
            raise InvalidPayload("no number and no time")
        return cls(
            call_id=None,
            direction=direction,
            number=number,
            name=name,
            duration=count_of(row.get("duration_sec")),
            started_at=time or arrived,
            origin=origin,
            phone=None,
            source=Source.POLL,
        )

    @classmethod
    def from_event(cls, kind: str, data: Mapping[str, Any], *, event_id: str, occurred: datetime) -> Self:
        """Read the data of a V2 event `call.missed`, `call.incoming` or `call.outgoing` (D).

        A missing guid is `event_id`, a missing time is `occurred` (UTC).
        """
        time, origin = first_time([data.get("call_at")], UTC)
        return cls(
            call_id=id_of(data, "guid") or event_id,
            direction=Direction(kind.removeprefix("call.")),
            number=text_of(data, "number"),
            name=text_of(data, "name"),
            duration=count_of(data.get("duration_seconds")),
            started_at=time or occurred,
            origin=origin,
            phone=text_of(data, "device_id"),
            source=Source.WEBHOOK,
        )
