"""Calls: three lists, two shapes, every dress of a time."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any, get_args
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smsmobileapi.api import (
    Call,
    Direction,
    InvalidPayload,
    SmsMobileApiClient,
    Source,
    UnexpectedAnswer,
)
from simulator import Account
from simulator.dresses import NumberDress, TimeDress

from .conftest import FailureOf
from .secrecy import BARE, NUMBER
from .test_client import get
from .test_webhook import JSON
from .wire import Wire

BUDAPEST = ZoneInfo("Europe/Budapest")
ARRIVED = datetime(2026, 1, 21, tzinfo=UTC)
BEGAN = datetime(2026, 1, 20, 9, 15, tzinfo=UTC)
MISSED = {"number": NUMBER, "name": "Zoé", "date": "2026-01-20 10:15:00"}
ANSWERED = {
    "phone_number": NUMBER,
    "cached_name": "Zoé",
    "call_datetime_utc": "2026-01-20 09:15:00",
    "call_date_ms": int(BEGAN.timestamp() * 1000) + 7,
    "duration_sec": 61,
}


def read(row: object, direction: Direction = Direction.INCOMING) -> Call:
    return Call.from_api(row, direction=direction, zone=BUDAPEST, arrived=ARRIVED)


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in ANSWERED.items() if name not in names}


class TestRequests:
    @pytest.mark.parametrize(
        ("direction", "fields"),
        [
            (Direction.MISSED, [("limit", "100")]),
            (Direction.INCOMING, [("limit", "100"), ("sort_dir", "desc")]),
            (Direction.OUTGOING, [("limit", "100"), ("sort_dir", "desc")]),
        ],
    )
    async def test_to_the_letter(
        self, wire: Wire, wired: SmsMobileApiClient, direction: Direction, fields: list[tuple[str, str]]
    ) -> None:
        wire.say([])
        await wired.calls(direction, zone=UTC)
        assert wire.seen == [get(f"/call/{direction}/list/", *fields, headers=wire.seen[0].headers)]

    @pytest.mark.parametrize(
        ("direction", "limit", "asked"),
        [
            (Direction.MISSED, 1, "1"),
            (Direction.MISSED, 500, "500"),
            (Direction.MISSED, 501, "500"),
            (Direction.INCOMING, 200, "200"),
            (Direction.INCOMING, 500, "200"),
            (Direction.OUTGOING, 500, "200"),
            (Direction.OUTGOING, 0, "1"),
        ],
    )
    async def test_no_more_than_a_list_gives(
        self, wire: Wire, wired: SmsMobileApiClient, direction: Direction, limit: int, asked: str
    ) -> None:
        """A higher limit would be refused, and no call ever come."""
        wire.say([])
        await wired.calls(direction, zone=UTC, offset=7, limit=limit)
        assert ("limit", asked) in wire.seen[0].query
        assert ("offset", "7") in wire.seen[0].query


class TestLists:
    @pytest.mark.parametrize("dress", get_args(TimeDress.__value__))
    @pytest.mark.parametrize("zone", [UTC, BUDAPEST, ZoneInfo("America/St_Johns")])
    @pytest.mark.parametrize("direction", Direction)
    async def test_every_direction_time_and_zone(
        self,
        client: SmsMobileApiClient,
        service_account: Account,
        direction: Direction,
        zone: ZoneInfo,
        dress: TimeDress,
    ) -> None:
        service_account.time_zone, service_account.time_dress = zone, dress
        service_account.add_call(direction.value, NUMBER, name="Zoé", duration=61, at=BEGAN.timestamp())
        (call,) = await client.calls(direction, zone=zone)
        assert (call.direction, call.number, call.name) == (direction, NUMBER, "Zoé")
        assert call.duration == (None if direction is Direction.MISSED else 61)
        assert call.source is Source.POLL
        assert call.started_at.utcoffset() == timedelta(0)
        if dress == "unreadable":
            assert abs(call.started_at - datetime.now(UTC)) < timedelta(seconds=5)
            assert call.origin == "soon"
        else:
            assert call.started_at == BEGAN
            assert call.origin == str(int(BEGAN.timestamp()))

    @pytest.mark.parametrize("dress", get_args(NumberDress.__value__))
    @pytest.mark.parametrize("direction", Direction)
    async def test_every_dress_of_a_number(
        self,
        client: SmsMobileApiClient,
        service_account: Account,
        direction: Direction,
        dress: NumberDress,
    ) -> None:
        service_account.number_dress = dress
        service_account.add_call(direction.value, NUMBER)
        (call,) = await client.calls(direction, zone=UTC)
        assert call.number in {NUMBER, BARE, f"00{BARE}"}

    @pytest.mark.parametrize("direction", Direction)
    async def test_newest_first_page_by_page(
        self, client: SmsMobileApiClient, service_account: Account, direction: Direction
    ) -> None:
        for minute in range(10):
            service_account.add_call(direction.value, str(minute), at=BEGAN.timestamp() + 60 * minute)
            service_account.add_call("missed" if direction is not Direction.MISSED else "incoming", "other")
        first = await client.calls(direction, zone=UTC, limit=4)
        second = await client.calls(direction, zone=UTC, offset=4, limit=4)
        assert [call.number for call in first + second] == list("98765432")

    async def test_newest_first_whatever_the_order(self, wire: Wire, wired: SmsMobileApiClient) -> None:
        times = ["2026-01-20 10:15:00", "2026-01-20 10:17:00", "2026-01-20 10:16:00"]
        wire.say(
            {"success": True, "data": [{"number": str(n), "date": time} for n, time in enumerate(times)]}
        )
        calls = await wired.calls(Direction.MISSED, zone=UTC)
        assert [call.number for call in calls] == ["1", "2", "0"]

    @pytest.mark.parametrize(
        "answer",
        [{}, {"calls": [MISSED]}, "x", 7, {"rows": "x"}, {"rows": [{}]}, [None], {"data": [{"a": 1}]}],
    )
    async def test_an_unreadable_list_is_no_quiet_day(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, answer: object
    ) -> None:
        wire.say(answer)
        assert type(await failure_of(wired.calls(Direction.MISSED, zone=UTC))) is UnexpectedAnswer


class TestRows:
    def test_a_missed_call(self) -> None:
        assert read(MISSED, Direction.MISSED) == Call(
            call_id=None,
            direction=Direction.MISSED,
            number=NUMBER,
            name="Zoé",
            duration=None,
            started_at=BEGAN,
            origin=str(int(BEGAN.timestamp())),
            phone=None,
            source=Source.POLL,
        )

    @pytest.mark.parametrize("direction", [Direction.INCOMING, Direction.OUTGOING])
    def test_an_answered_call(self, direction: Direction) -> None:
        assert read(ANSWERED, direction) == Call(
            call_id=None,
            direction=direction,
            number=NUMBER,
            name="Zoé",
            duration=61,
            started_at=BEGAN + timedelta(milliseconds=7),
            origin=str(int(BEGAN.timestamp())),
            phone=None,
            source=Source.POLL,
        )

    @pytest.mark.parametrize("number", [None, "", " ", [], "\0"])
    def test_a_withheld_number(self, number: object) -> None:
        assert read({**ANSWERED, "phone_number": number}).number is None
        assert read({**MISSED, "number": number}, Direction.MISSED).number is None

    def test_a_number_may_be_one(self) -> None:
        assert read({**ANSWERED, "phone_number": int(BARE)}).number == BARE

    @pytest.mark.parametrize("row", [None, 7, "x", [], [MISSED], {}, {"number": None}, {"date": "soon"}])
    def test_what_is_no_call(self, row: object) -> None:
        with pytest.raises(InvalidPayload):
            read(row)


NAMES = (
    "number",
    "phone_number",
    "name",
    "date",
    "hour",
    "call_date_ms",
    "call_datetime_utc",
    "duration_sec",
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON) | JSON)
@settings(deadline=None, max_examples=400, database=None, derandomize=True)
def test_any_json_is_a_call_or_none(row: Any) -> None:
    try:
        call = read(json.loads(json.dumps(row)))
    except InvalidPayload:
        return
    assert call.number != ""
    assert call.duration is None or call.duration >= 0
    assert call.started_at.utcoffset() == timedelta(0)
    for text in (call.number, call.name, call.origin, call.phone, call.call_id):
        assert "\0" not in (text or "") and (text or "").encode().decode() == (text or "")
