"""Phones, calls and push notifications."""

from datetime import UTC, datetime
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulator import Account, Phone

from .conftest import AT, BARE, NUMBER, Api, Clock

PHONES = "/gateway/mobile/list/"
BUDAPEST = ZoneInfo("Europe/Budapest")


async def test_the_phone_list(api: Api, account: Account) -> None:
    account.phones.append(Phone(sid="second", label="Kitchen tablet", online=False, last_seen=AT, battery=3))
    answer = (await api.get(PHONES)).json
    first, second = answer.pop("items")
    assert (answer["success"], answer["connected_now"], answer["connected_available"]) == (True, 1, 2)
    item = {"sid": "second", "label": "Kitchen tablet", "battery": 3, "version": "9.1.0", "online": False}
    assert first["sid"] == "phone-1" and second == {**item, "date": "2026-01-20 09:15:00"}
    for search in ({"sid": "second"}, {"search": "KITCHEN"}, {"search": "seco"}):
        assert (await api.get(PHONES, **search)).json["items"] == [second], search
    account.phone_format = "bare"
    assert (await api.get(PHONES)).json["items"][1] == {"sid": "second", "label": "Kitchen tablet"}
    account.phones[0].online = False
    assert (await api.get(PHONES)).json["connected_now"] == 0


async def test_other_formats_of_a_phone(api: Api, account: Account) -> None:
    account.time_zone = BUDAPEST
    phone = Phone(sid="p", online=False, last_seen=AT)
    account.phones, account.phone_format = [phone], "sIdentifiant"
    item: dict[str, Any] = {"name": "Phone", "app_version": "9.1.0"}
    first = {"sIdentifiant": "p", "battery_level": "80", "last_seen": 1768900500, "connected": "0", **item}
    assert (await api.get(PHONES)).json["items"] == [first]
    second = {"sIdentifiantPhone": "p", "battery": "80%", "status": "offline", **item}
    account.phone_format = "sIdentifiantPhone"
    assert (await api.get(PHONES)).json["items"] == [{**second, "last_seen": "2026-01-20T10:15:00+01:00"}]
    # An online phone is seen now.
    phone.online, phone.battery, account.phone_format = True, None, "sIdentifiant"
    (shown,) = (await api.get(PHONES)).json["items"]
    assert abs(shown["last_seen"] - time.time()) < 60
    assert (shown["battery_level"], shown["connected"]) == ("", "1")


async def test_incoming_and_outgoing_calls(api: Api, account: Account) -> None:
    for direction in ("incoming", "outgoing"):
        path = f"/call/{direction}/list/"
        account.add_call(direction, NUMBER, name="Anna", duration=61, at=AT)
        account.add_call(direction, "+36309999999", at=AT + 60)
        account.add_call("missed", "+36308888888", at=AT)
        newest, oldest = (await api.get(path)).json["rows"]
        assert newest["phone_number"] == "+36309999999"
        assert (oldest["phone_number"], oldest["cached_name"], oldest["duration_sec"]) == (NUMBER, "Anna", 61)
        assert (oldest["call_datetime_utc"], oldest["call_date_ms"]) == ("2026-01-20 09:15:00", 1768900500250)
        for fields, rows in (
            *(({"limit": "1"}, [newest]), ({"limit": "1", "offset": "1"}, [oldest])),
            *(({"sort_dir": "asc"}, [oldest, newest]), ({"q": "anna"}, [oldest])),
        ):
            assert (await api.get(path, **fields)).json["rows"] == rows, fields


async def test_pages_of_calls(api: Api, account: Account) -> None:
    rows: list[tuple[Any, str, int, int]] = [("missed", "data", 100, 500), ("incoming", "rows", 50, 200)]
    for direction, name, default, maximum in rows:
        path = f"/call/{direction}/list/"
        for minute in range(default + 1):
            account.add_call(direction, NUMBER, at=AT + 60 * minute)
        assert len((await api.get(path)).json[name]) == default
        assert (await api.get(path, limit=str(maximum))).status == 200
        for fields in ({"limit": str(maximum + 1)}, {"limit": "0"}, {"limit": "all"}, {"offset": "-1"}):
            assert (await api.get(path, **fields)).error == (400, f"invalid_{next(iter(fields))}"), path
    assert (await api.get("/call/incoming/list/", sort_dir="up")).error == (400, "invalid_sort_dir")


async def test_missed_calls(api: Api, account: Account, clock: Clock) -> None:
    account.time_zone, path = BUDAPEST, "/call/missed/list/"
    for day in (20, 21, 22):
        at = datetime(2026, 1, day, 23, 30, tzinfo=UTC).timestamp()
        account.add_call("missed", f"+36300000{day}", name=f"Day {day}", at=at)
    # This one is listed late.
    account.add_call("missed", NUMBER, at=clock.now, delay=600)
    dates = {"date_start": "2026-01-22", "date_end": "2026-01-22"}
    (row,) = (await api.get(path, limit="1")).json["data"]
    assert row == {"number": "+3630000022", "name": "Day 22", "date": "2026-01-23 00:30:00"}
    for fields, found in (({}, [22, 21, 20]), (dates, [21]), ({"search": "day 21"}, [21])):
        rows = (await api.get(path, **fields)).json["data"]
        assert [row["name"] for row in rows] == [f"Day {day}" for day in found], fields
    assert (await api.get(path, date_start="now")).error == (400, "invalid_date_start")
    clock.now += 600
    account.number_format = "integer"
    assert (await api.get(path, limit="1")).json["data"][0]["number"] == int(BARE)
    with pytest.raises(ValueError, match="direction"):
        account.add_call("sideways", NUMBER)  # type: ignore[arg-type] # the point


async def test_notifications(api: Api, account: Account) -> None:
    path, push = "/notification/send", {"sid": "phone-1", "title": "Garage", "message": "Open"}
    for number, fields in enumerate((push, {**push, "title": ""}, {**push, "type": "alert"}), 1):
        answer = (await api.post(path, **fields)).json
        assert (answer["success"], answer["id"], answer["sid"]) == (True, number, "phone-1")
    shown = [(sent.title, sent.type) for sent in account.notifications]
    assert shown == [("Garage", "notification"), ("Notification", "notification"), ("Garage", "alert")]
    (alert, *_) = (await api.get("/notification/list/")).json["data"]
    assert (alert["id"], alert["distribued"], alert["type"]) == (3, 1, "alert")
    assert (await api.post(path, **{**push, "sid": "x"})).error == (200, "unknown_sid")
    account.phones[0].online = False
    assert (await api.post(path, **push)).error == (200, "phone_offline")
    for name in ("sid", "message"):
        others = {key: value for key, value in push.items() if key != name}
        assert (await api.post(path, **others)).error == (400, f"missing_{name}")
