"""Phones: in every dress that the list may have them (API.md: that they have these things is documented, how is not)."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any, get_args
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smsmobileapi.api import Phone, SmsMobileApiClient
from custom_components.smsmobileapi.api.phones import phones_of
from simulator import Account, Simulator
from simulator.dresses import PhoneDress
from simulator.records import Phone as Mobile

from .test_webhook import JSON
from .wire import Wire

BUDAPEST = ZoneInfo("Europe/Budapest")
SEEN = datetime(2026, 1, 20, 9, 15, tzinfo=UTC)
ROW: dict[str, Any] = {
    "sid": "phone-1",
    "label": "Kitchen",
    "battery": 86,
    "version": "9.1.0",
    "date": "2026-01-20 10:15:00",
    "online": True,
}
KITCHEN = Phone(
    sid="phone-1", name="Kitchen", is_online=True, battery=86, app_version="9.1.0", last_seen=SEEN
)


def read(**fields: Any) -> Phone:
    phone = Phone.from_api({**ROW, **fields}, zone=BUDAPEST)
    assert phone is not None
    return phone


def listed(*items: Any, **fields: Any) -> list[Phone] | None:
    return phones_of({"success": True, "items": list(items), **fields}, zone=BUDAPEST)


def bare(sid: object) -> dict[str, Any]:
    return {"sid": sid}


class TestList:
    @pytest.mark.parametrize("dress", get_args(PhoneDress.__value__))
    async def test_every_dress(
        self, client: SmsMobileApiClient, simulator: Simulator, service_account: Account, dress: PhoneDress
    ) -> None:
        service_account.phone_dress = dress
        service_account.phones = [
            Mobile(sid="a", label="Kitchen", battery=7, version="9.1.0", online=True),
            Mobile(sid="b", label="Garage", battery=100, online=False, last_seen=SEEN.timestamp()),
        ]
        phones = await client.verify_credentials(zone=BUDAPEST)
        assert len(simulator.requests) == 1
        assert phones is not None
        kitchen, garage = phones
        assert (kitchen.sid, kitchen.name, garage.sid, garage.name) == ("a", "Kitchen", "b", "Garage")
        if dress == "bare":
            # One of two is connected, and nothing says which.
            assert kitchen == Phone(sid="a", name="Kitchen")
            return
        assert (kitchen.battery, kitchen.app_version, kitchen.is_online) == (7, "9.1.0", True)
        assert (garage.battery, garage.is_online, garage.last_seen) == (100, False, SEEN)

    @pytest.mark.parametrize("junk", [None, 7, "phone-2", [], {}, {"label": "no id"}, bare(None), bare(" ")])
    def test_what_has_no_sid_is_left_out(self, junk: object) -> None:
        assert listed(junk, ROW, junk) == [KITCHEN]

    def test_the_order_of_the_service_stays(self) -> None:
        phones = listed(bare("b"), bare("a"), bare("b"), bare("c"))
        assert phones is not None
        assert [phone.sid for phone in phones] == ["b", "a", "c"]

    def test_the_first_of_two_counts(self) -> None:
        phones = listed({**ROW, "battery": 1}, ROW)
        assert phones is not None
        assert [phone.battery for phone in phones] == [1]

    @pytest.mark.parametrize(
        ("connected", "number", "are_online"),
        [
            (0, 1, False),
            (0, 3, False),
            ("0", 2, False),
            (1, 1, True),
            ("1", 1, True),
            (3, 3, True),
            (5, 3, True),
            (1, 2, None),
            (2, 3, None),
            (None, 1, None),
            ("", 1, None),
            ("all", 1, None),
            (-1, 1, None),
            (1.0, 1, None),
            (True, 1, None),
            (False, 1, None),
            ([1], 1, None),
        ],
    )
    def test_how_many_are_connected(self, connected: object, number: int, are_online: bool | None) -> None:
        """Where no item says it, all or none of them may still be told apart."""
        phones = listed(*(bare(place) for place in range(number)), connected_now=connected)
        assert phones is not None
        assert [phone.is_online for phone in phones] == [are_online] * number

    def test_one_that_is_listed_twice_is_connected_once(self) -> None:
        assert listed(bare("a"), bare("a"), connected_now=1) == [Phone(sid="a", is_online=True)]

    def test_one_that_cannot_be_read_may_be_the_connected_one(self) -> None:
        assert listed(bare("a"), {"label": "b"}, connected_now=1) == [Phone(sid="a")]

    def test_what_an_item_says_counts_more(self) -> None:
        phones = listed({**ROW, "online": "no"}, bare("b"), connected_now=2)
        assert phones is not None
        assert [phone.is_online for phone in phones] == [False, None]

    @pytest.mark.parametrize(
        "answer",
        [
            {"success": True},
            {"success": True, "items": "x"},
            {"success": True, "items": 7},
            {"success": True, "items": False},
            {"success": True, "phones": [ROW]},
            {"result": {"error": 2, "note": "mobile is not connected"}},
            {"success": False, "error": "not_found"},
            [ROW],
            "x",
            200,
            404,
        ],
        ids=repr,
    )
    async def test_no_list_is_not_an_empty_one(
        self, wire: Wire, wired: SmsMobileApiClient, answer: object
    ) -> None:
        """Whoever takes it for one takes all phones for gone."""
        wire.say_in_turn(answer, {"success": True, "rows": []})
        assert await wired.verify_credentials(zone=BUDAPEST) is None

    async def test_a_list_that_proves_nothing_may_still_be_read(
        self, wire: Wire, wired: SmsMobileApiClient
    ) -> None:
        wire.say_in_turn({"items": [ROW]}, {"success": True})
        assert await wired.verify_credentials(zone=BUDAPEST) == [KITCHEN]


class TestItems:
    @pytest.mark.parametrize("name", ["sid", "sIdentifiant", "sIdentifiantPhone"])
    @pytest.mark.parametrize(("value", "sid"), [("a", "a"), (17, "17"), (" a ", "a")])
    def test_sid(self, name: str, value: object, sid: str) -> None:
        assert Phone.from_api({name: value}, zone=UTC) == Phone(sid=sid)

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"label": "Kitchen"}, "Kitchen"),
            ({"name": "Kitchen"}, "Kitchen"),
            ({"label": "", "name": "Kitchen"}, "Kitchen"),
            ({"label": None, "name": "Kitchen"}, "Kitchen"),
            ({"label": 7}, "7"),
            ({"label": "\0"}, None),
            ({"label": ["a"]}, None),
            ({}, None),
        ],
    )
    def test_name(self, fields: dict[str, Any], name: str | None) -> None:
        assert Phone.from_api({"sid": "a", **fields}, zone=UTC) == Phone(sid="a", name=name)

    @pytest.mark.parametrize(
        ("value", "percent"),
        [
            (86, 86),
            ("86", 86),
            ("86%", 86),
            ("86 %", 86),
            (" 86% ", 86),
            (86.0, 86),
            ("86.0", 86),
            (0, 0),
            ("0%", 0),
            (1, 1),
            (100, 100),
            # A part of one is none: 1 would be full then, and is nearly empty.
            (0.86, None),
            ("0.86", None),
            (86.4, None),
            (101, None),
            (255, None),
            (-1, None),
            ("", None),
            ("full", None),
            ("٨٦", None),
            (True, None),
            (None, None),
            ([86], None),
            (float("nan"), None),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("name", ["battery", "battery_level"])
    def test_battery(self, name: str, value: object, percent: int | None) -> None:
        assert Phone.from_api({"sid": "a", name: value}, zone=UTC) == Phone(sid="a", battery=percent)

    def test_the_first_readable_battery(self) -> None:
        assert read(battery="unknown", battery_level="86%").battery == 86

    @pytest.mark.parametrize(
        "value",
        [
            int(SEEN.timestamp()),
            str(int(SEEN.timestamp())),
            int(SEEN.timestamp() * 1000),
            "20260120101500",
            "20260120101500000",
            "2026-01-20 10:15:00",
            "2026-01-20T09:15:00Z",
            "2026-01-20T10:15:00+01:00",
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("name", ["date", "last_seen"])
    def test_last_seen_in_every_dress(self, name: str, value: object) -> None:
        phone = Phone.from_api({"sid": "a", name: value}, zone=BUDAPEST)
        assert phone == Phone(sid="a", last_seen=SEEN)
        assert phone.last_seen is not None and phone.last_seen.utcoffset() == timedelta(0)

    def test_what_is_readable_decides(self) -> None:
        assert read(online=None, connected="?", status="offline").is_online is False


@given(JSON)
@settings(deadline=None, max_examples=300, database=None, derandomize=True)
def test_any_json_is_a_list_of_phones_or_none(value: Any) -> None:
    value = json.loads(json.dumps(value))
    for answer in (value, {"items": value}, {"success": True, "items": [value], "connected_now": value}):
        phones_of(answer, zone=UTC)


NAMES = (
    "sid",
    "label",
    "battery",
    "battery_level",
    "version",
    "date",
    "hour",
    "last_seen",
    "online",
    "status",
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
@settings(deadline=None, max_examples=300, database=None, derandomize=True)
def test_any_fields_are_a_phone_or_none(fields: dict[str, Any]) -> None:
    if phone := Phone.from_api(json.loads(json.dumps(fields)), zone=BUDAPEST):
        assert phone.sid.strip() == phone.sid != ""
        assert phone.battery is None or 0 <= phone.battery <= 100
        for text in (phone.sid, phone.name, phone.app_version):
            assert "\0" not in (text or "") and (text or "").encode().decode() == (text or "")
