"""Phones, calls and push notifications."""

from datetime import UTC, datetime
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulator import Account, Phone

from .conftest import AT, KEY, NUMBER, Api, Clock

PHONES = "/gateway/mobile/list/"
CALL_TIMES: list[tuple[Any, object, dict[str, object]]] = [
    (
        "seconds",
        "2026-01-20 10:15:00",
        {"call_datetime_utc": "2026-01-20 09:15:00", "call_date_ms": 1768900500250},
    ),
    ("milliseconds", 1768900500250, dict.fromkeys(("call_datetime_utc", "call_date_ms"), 1768900500250)),
    ("compact", "20260120101500", {"call_datetime_utc": "20260120091500"}),
    ("compact_ms", "20260120101500250", {"call_datetime_utc": "20260120091500250"}),
    ("naive", "2026-01-20 10:15:00", {"call_datetime_utc": "2026-01-20 09:15:00"}),
    (
        "iso",
        "2026-01-20T10:15:00+01:00",
        dict.fromkeys(("call_datetime_utc", "call_date_ms"), "2026-01-20T10:15:00+01:00"),
    ),
    ("unreadable", "soon", dict.fromkeys(("call_datetime_utc", "call_date_ms"), "soon")),
]


async def test_the_phone_list(api: Api, account: Account) -> None:
    account.phones.append(Phone(sid="second", label="Kitchen tablet", online=False, last_seen=AT, battery=3))
    answer = (await api.get(PHONES)).json
    items = answer.pop("items")
    limits = {"connected_now": 1, "connected_limit": 3, "connected_available": 2}
    assert answer == {"success": True, **limits, "note": ""}
    assert [item["sid"] for item in items] == ["phone-1", "second"]
    assert items[1] == {
        "sid": "second",
        "label": "Kitchen tablet",
        "battery": 3,
        "version": "9.1.0",
        "date": "2026-01-20 09:15:00",
        "online": False,
    }
    for search in ({"sid": "second"}, {"search": "KITCHEN"}, {"search": "seco"}):
        assert (await api.get(PHONES, **search)).json["items"] == [items[1]], search
    account.phone_format = "keyed"
    assert [*(await api.get(PHONES)).json["items"]] == ["0", "1"]
    assert (await api.get(PHONES, sid="second")).json["items"] == {"0": items[1]}
    account.phone_format = "bare"
    assert (await api.get(PHONES)).json["items"][1] == {"sid": "second", "label": "Kitchen tablet"}
    account.phones[0].online = False
    assert (await api.get(PHONES)).json["connected_now"] == 0


async def test_other_formats_of_a_phone(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    phone = Phone(sid="p", online=False, last_seen=AT)
    account.phones, account.phone_format = [phone], "sIdentifiant"
    item: dict[str, Any] = {"name": "Phone", "app_version": "9.1.0"}
    first = {"sIdentifiant": "p", "battery_level": "80", "last_seen": 1768900500, "connected": "0", **item}
    assert (await api.get(PHONES)).json["items"] == [first]
    phone.online, phone.battery = True, None
    (shown,) = (await api.get(PHONES)).json["items"]
    assert abs(shown["last_seen"] - time.time()) < 60, "an online phone is seen now"
    assert (shown["battery_level"], shown["connected"]) == ("", "1")
    account.phone_format = "sIdentifiantPhone"
    assert (await api.get(PHONES)).json["items"][0]["battery"] is None
    phone.online, phone.battery = False, 80
    second = {"sIdentifiantPhone": "p", "battery": "80%", "status": "offline", **item}
    second["last_seen"] = "2026-01-20T10:15:00+01:00"
    assert (await api.get(PHONES)).json["items"] == [second]
    phone.battery, account.phone_format = None, "sid"
    assert (await api.get(PHONES)).json["items"][0]["battery"] is None


async def test_incoming_and_outgoing_calls(api: Api, account: Account) -> None:
    for direction in ("incoming", "outgoing"):
        path = f"/call/{direction}/list/"
        account.calls.clear()
        account.add_call(direction, NUMBER, name="Anna", duration=61, at=AT)
        account.add_call(direction, "+36309999999", at=AT + 60)
        account.add_call("missed", "+36308888888", at=AT)
        newest, oldest = (await api.get(path)).json["rows"]
        assert newest["phone_number"] == "+36309999999" and newest["cached_name"] is None
        assert oldest == {
            "phone_number": NUMBER,
            "cached_name": "Anna",
            "call_datetime_utc": "2026-01-20 09:15:00",
            "call_date_ms": 1768900500250,
            "duration_sec": 61,
        }
        assert (await api.get(path, limit="1")).json == {"success": True, "count": 1, "rows": [newest]}
        assert (await api.get(path, limit="1", offset="1")).json["rows"] == [oldest]
        assert (await api.get(path, sort_dir="asc")).json["rows"] == [oldest, newest]
        assert (await api.get(path, sort_dir="up")).error == (400, "invalid_sort_dir")
        for text in ("anna", "3630123"):
            assert (await api.get(path, q=text)).json["rows"] == [oldest], text


async def test_times_of_calls(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    for direction in ("missed", "incoming", "outgoing"):
        account.add_call(direction, NUMBER, at=AT)
    for account.time_format, missed, others in CALL_TIMES:
        (row,) = (await api.get("/call/missed/list/", limit="5")).json["data"]
        assert row == {"number": NUMBER, "name": None, "date": missed}
        for direction in ("incoming", "outgoing"):
            (row,) = (await api.get(f"/call/{direction}/list/")).json["rows"]
            assert row == {"phone_number": NUMBER, "cached_name": None, "duration_sec": 0, **others}


async def test_pages_of_calls(api: Api, account: Account) -> None:
    rows: list[tuple[Any, int, int]] = [("missed", 100, 500), ("incoming", 50, 200), ("outgoing", 50, 200)]
    for direction, default, maximum in rows:
        path = f"/call/{direction}/list/"
        for minute in range(default + 1):
            account.add_call(direction, NUMBER, at=AT + 60 * minute)
        answer = (await api.get(path, offset="0")).json
        assert len(answer["data" if direction == "missed" else "rows"]) == answer["count"] == default
        if direction == "missed":
            assert (answer["offset"], answer["limit"]) == (0, default)
        assert (await api.get(path, limit=str(maximum))).status == 200
        for fields in ({"limit": str(maximum + 1)}, {"limit": "0"}, {"limit": "all"}, {"offset": "-1"}):
            assert (await api.get(path, **fields)).error == (400, f"invalid_{next(iter(fields))}"), path


async def test_missed_calls(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    for day in (20, 21, 22):
        at = datetime(2026, 1, day, 23, 30, tzinfo=UTC).timestamp()
        account.add_call("missed", f"+36300000{day}", name=f"Day {day}", at=at)
    rows = (await api.get("/call/missed/list/")).json["data"]
    assert rows[0] == {"number": "+3630000022", "name": "Day 22", "date": "2026-01-23 00:30:00"}
    days: list[tuple[dict[str, str], list[int]]] = [
        ({}, [22, 21, 20]),
        ({"date_start": "2026-01-22"}, [22, 21]),
        ({"date_start": "2026-01-22", "date_end": "2026-01-22"}, [21]),
        ({"date_end": "2026-01-22 00:30:00"}, [20]),
        ({"search": "day 21"}, [21]),
    ]
    for fields, found in days:
        rows = (await api.get("/call/missed/list/", **fields)).json["data"]
        assert [row["name"] for row in rows] == [f"Day {day}" for day in found], fields
    answer = await api.get("/call/missed/list/", date_start="yesterday")
    assert answer.error == (400, "invalid_date_start")
    account.number_format = "integer"
    assert (await api.get("/call/missed/list/", limit="1")).json["data"][0]["number"] == 3630000022


async def test_a_call_is_listed_late(api: Api, account: Account, clock: Clock) -> None:
    clock.now = AT
    account.add_call("missed", NUMBER, delay=600)
    assert (await api.get("/call/missed/list/")).json["data"] == []
    clock.now += 600
    (row,) = (await api.get("/call/missed/list/")).json["data"]
    assert row["date"] == "2026-01-20 09:15:00"
    with pytest.raises(ValueError, match="direction"):
        account.add_call("sideways", NUMBER)  # type: ignore[arg-type] # the point


async def test_sending_notifications(api: Api, account: Account) -> None:
    push = {"sid": "phone-1", "title": "Garage", "message": "Open"}
    answer = {"success": True, "message": "notification created", "apikey": KEY, "sid": "phone-1"}
    for number, fields in enumerate((push, {**push, "title": ""}, {**push, "type": "alert"}), 1):
        assert (await api.post("/notification/send", **fields)).json == {**answer, "id": number}
    shown = [(sent.title, sent.message, sent.type) for sent in account.notifications]
    assert shown == [
        ("Garage", "Open", "notification"),
        ("Notification", "Open", "notification"),
        ("Garage", "Open", "alert"),
    ]
    for sid in ("x", ""):
        assert (await api.post("/notification/send", **{**push, "sid": sid})).error == (200, "unknown_sid")
    account.phones[0].online = False
    assert (await api.post("/notification/send", **push)).error == (200, "phone_offline")
    for name in ("sid", "message"):
        fields = {key: value for key, value in push.items() if key != name}
        assert (await api.post("/notification/send", **fields)).error == (400, f"missing_{name}")


async def test_the_list_of_notifications(api: Api, account: Account, clock: Clock) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    account.phones.append(Phone(sid="second"))
    clock.now = AT
    await api.post("/notification/send", sid="phone-1", message="one", title="Garage")
    clock.now += 86400
    await api.post("/notification/send", sid="second", message="two")
    account.notifications_distributed = False
    await api.post("/notification/send", sid="second", message="three")
    assert (await api.get("/notification/list/")).json["data"][1] == {
        "id": 1,
        "sid": "phone-1",
        "title": "Garage",
        "message": "one",
        "type": "notification",
        "distribued": 1,
        "date": "2026-01-20 10:15:00",
    }
    ids: list[tuple[dict[str, str], list[int]]] = [
        ({}, [2, 1]),
        ({"sidentifiant": "second", "distribued": "1"}, [2]),
        ({"distribued": "0"}, [3]),
        ({"date_start": "2026-01-21"}, [2]),
        ({"date_start": "2026-01-20", "date_end": "2026-01-20"}, [1]),
    ]
    for fields, found in ids:
        rows = (await api.get("/notification/list/", **fields)).json["data"]
        assert [row["id"] for row in rows] == found, fields
    assert (await api.get("/notification/list/", distribued="2")).error == (400, "invalid_distribued")
