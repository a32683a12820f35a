"""Phones, calls, push notifications, and who is on WhatsApp."""

from datetime import UTC, datetime
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulator import Account, Phone

from .conftest import KEY, NUMBER, Api

AT = 1768900500.25


async def test_the_phone_list(api: Api, account: Account) -> None:
    account.phones.append(Phone(sid="second", label="Kitchen tablet", online=False, last_seen=AT, battery=3))
    answer = await api.get("/gateway/mobile/list/")
    items = answer.json.pop("items")
    assert answer.json == {
        "success": True,
        "connected_now": 1,
        "connected_limit": 3,
        "connected_available": 2,
        "note": "",
    }
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
        found = (await api.get("/gateway/mobile/list/", **search)).json["items"]
        assert [item["sid"] for item in found] == ["second"]
    account.phones[0].online = False
    assert (await api.get("/gateway/mobile/list/")).json["connected_now"] == 0


@pytest.mark.parametrize(
    ("dress", "item"),
    [
        (
            "sIdentifiant",
            {
                "sIdentifiant": "p",
                "name": "Phone",
                "battery_level": "80",
                "app_version": "9.1.0",
                "last_seen": 1768900500,
                "connected": "0",
            },
        ),
        (
            "sIdentifiantPhone",
            {
                "sIdentifiantPhone": "p",
                "name": "Phone",
                "battery": "80%",
                "app_version": "9.1.0",
                "last_seen": "2026-01-20T10:15:00+01:00",
                "status": "offline",
            },
        ),
    ],
)
async def test_dresses_of_a_phone(api: Api, account: Account, dress: Any, item: dict[str, Any]) -> None:
    account.time_zone, account.phone_dress = ZoneInfo("Europe/Budapest"), dress
    account.phones = [Phone(sid="p", online=False, last_seen=AT)]
    assert (await api.get("/gateway/mobile/list/")).json["items"] == [item]


async def test_an_online_phone_was_seen_just_now(api: Api, account: Account) -> None:
    account.phone_dress = "sIdentifiant"
    account.phones[0].last_seen = AT
    (item,) = (await api.get("/gateway/mobile/list/")).json["items"]
    assert abs(item["last_seen"] - time.time()) < 5


@pytest.mark.parametrize("direction", ["incoming", "outgoing"])
async def test_calls(api: Api, account: Account, direction: Any) -> None:
    path = f"/call/{direction}/list/"
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
    for wanted in ("anna", "3630123"):
        assert (await api.get(path, q=wanted)).json["rows"] == [oldest]


@pytest.mark.parametrize(("direction", "usual"), [("missed", 100), ("incoming", 50), ("outgoing", 50)])
async def test_without_a_limit(api: Api, account: Account, direction: Any, usual: int) -> None:
    for minute in range(usual + 1):
        account.add_call(direction, NUMBER, at=AT + 60 * minute)
    answer = await api.get(f"/call/{direction}/list/", offset="0")
    rows = answer.json["data" if direction == "missed" else "rows"]
    assert len(rows) == answer.json["count"] == usual
    if direction == "missed":
        assert (answer.json["offset"], answer.json["limit"]) == (0, usual)


@pytest.mark.parametrize(("path", "most"), [("missed", 500), ("incoming", 200), ("outgoing", 200)])
async def test_limits(api: Api, account: Account, path: str, most: int) -> None:
    path = f"/call/{path}/list/"
    assert (await api.get(path, limit=str(most))).status == 200
    for fields in ({"limit": str(most + 1)}, {"limit": "0"}, {"limit": "all"}, {"offset": "-1"}):
        answer = await api.get(path, **fields)
        assert (answer.status, answer.json["error"]) == (400, f"invalid_{next(iter(fields))}")
    if most == 200:
        assert (await api.get(path, sort_dir="up")).json["error"] == "invalid_sort_dir"


async def test_missed_calls(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    for day in (20, 21, 22):
        at = datetime(2026, 1, day, 23, 30, tzinfo=UTC).timestamp()
        account.add_call("missed", f"+36300000{day}", name=f"Day {day}", at=at)
    rows = (await api.get("/call/missed/list/")).json["data"]
    assert rows[0] == {"number": "+3630000022", "name": "Day 22", "date": "2026-01-23 00:30:00"}
    assert [row["name"] for row in rows] == ["Day 22", "Day 21", "Day 20"]

    async def names(**fields: str) -> list[str]:
        return [row["name"] for row in (await api.get("/call/missed/list/", **fields)).json["data"]]

    assert await names(date_start="2026-01-22") == ["Day 22", "Day 21"]
    assert await names(date_start="2026-01-22", date_end="2026-01-22") == ["Day 21"]
    assert await names(date_end="2026-01-22 00:30:00") == ["Day 20"]
    assert await names(search="day 21") == ["Day 21"]
    answer = await api.get("/call/missed/list/", date_start="yesterday")
    assert (answer.status, answer.json["error"]) == (400, "invalid_date_start")
    account.time_dress, account.number_dress = "milliseconds", "integer"
    row = (await api.get("/call/missed/list/", limit="1")).json["data"][0]
    assert (row["number"], row["date"]) == (3630000022, 1769124600000)


async def test_calls_come_late(api: Api, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    now = AT
    monkeypatch.setattr("time.time", lambda: now)
    account.add_call("missed", NUMBER, delay=600)
    assert (await api.get("/call/missed/list/")).json["data"] == []
    now += 600
    (row,) = (await api.get("/call/missed/list/")).json["data"]
    assert row["date"] == "2026-01-20 09:15:00"
    with pytest.raises(ValueError, match="direction"):
        account.add_call("sideways", NUMBER)  # type: ignore[arg-type] # the point


async def test_notifications(api: Api, account: Account) -> None:
    push = {"sid": "phone-1", "title": "Door", "message": "Open"}
    for place in (1, 2):
        assert (await api.post("/notification/send", **push)).json == {
            "success": True,
            "message": "notification created",
            "id": place,
            "apikey": KEY,
            "sid": "phone-1",
        }
    first = account.notifications[0]
    assert (first.title, first.message, first.type) == ("Door", "Open", "notification")
    for wrong, error in (({"sid": "x"}, "unknown_sid"), ({"sid": ""}, "unknown_sid")):
        answer = await api.post("/notification/send", **push | wrong)
        assert (answer.status, answer.json) == (200, {"success": False, "error": error})
    account.phones[0].online = False
    assert (await api.post("/notification/send", **push)).json["error"] == "phone_offline"
    for name in ("sid", "message"):
        fields = {key: value for key, value in push.items() if key != name}
        answer = await api.post("/notification/send", **fields)
        assert (answer.status, answer.json["error"]) == (400, f"missing_{name}")


async def test_a_notification_needs_no_title(api: Api, account: Account) -> None:
    for title in ({}, {"title": ""}):
        assert (await api.post("/notification/send", sid="phone-1", message="Open", **title)).json["success"]
    await api.post("/notification/send", sid="phone-1", message="Open", type="alert")
    assert [sent.title for sent in account.notifications] == ["Notification"] * 3
    assert [sent.type for sent in account.notifications] == ["notification", "notification", "alert"]


async def test_the_history_of_notifications(
    api: Api, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    account.phones.append(Phone(sid="second"))
    now = AT
    monkeypatch.setattr("time.time", lambda: now)
    await api.post("/notification/send", sid="phone-1", message="one", title="Door")
    now += 86400
    await api.post("/notification/send", sid="second", message="two")
    rows = (await api.get("/notification/list/")).json["data"]
    assert [row["id"] for row in rows] == [2, 1]
    assert rows[1] == {
        "id": 1,
        "sid": "phone-1",
        "title": "Door",
        "message": "one",
        "type": "notification",
        "distribued": 1,
        "date": "2026-01-20 10:15:00",
    }

    async def found(**fields: str) -> list[int]:
        return [row["id"] for row in (await api.get("/notification/list/", **fields)).json["data"]]

    assert await found(sidentifiant="second", distribued="1") == [2]
    assert await found(distribued="0") == []
    assert await found(date_start="2026-01-21") == [2]
    assert await found(date_start="2026-01-20", date_end="2026-01-20") == [1]
    assert (await api.get("/notification/list/", distribued="2")).status == 400


async def test_who_is_on_whatsapp(api: Api, account: Account) -> None:
    account.whatsapp_numbers = {"36301"}
    path = "/whatsapp/checknumber/"
    assert (await api.get(path, recipients="36301")).json["contact_found_on_whatsapp"] == "yes"
    assert (await api.get(path, recipients="36302")).json["contact_found_on_whatsapp"] == "no"
    for wrong in ("+36301", "0036301", "anna", ""):
        answer = await api.get(path, recipients=wrong)
        assert (answer.status, answer.json) == (200, {"success": False, "error": "invalid_recipients"})
    assert (await api.get(path)).json["error"] == "missing_recipients"
