"""Received SMS in all their dresses, their deletion, and WhatsApp's window."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulator import Account

from .conftest import NUMBER, Api

# 2026-01-20 09:15:00.250 UTC, 10:15 in Budapest.
AT = 1768900500.25


async def listed(api: Api, **fields: str) -> list[dict[str, Any]]:
    answer = await api.get("/getsms/", **fields)
    assert answer.status == 200
    rows: list[dict[str, Any]] = answer.json["result"]["sms"]
    return rows


async def test_the_documented_row(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    row = account.receive(number=NUMBER, message="hi\nthere ☃", timestamp=AT)
    answer = await api.get("/getsms/")
    assert answer.json == {
        "result": {
            "error": "0",
            "sms": [
                {
                    "id": 1,
                    "guid": row.guid,
                    "number": NUMBER,
                    "message": "hi\nthere ☃",
                    "timestamp_unix": 1768900500,
                    "time_received": "2026-01-20 10:15:00",
                    "date": "2026-01-20",
                    "hour": "10:15:00",
                    "sIdentifiantPhone": "phone-1",
                    "alias": None,
                }
            ],
        }
    }


@pytest.mark.parametrize(
    ("dress", "times"),
    [
        ("milliseconds", {"timestamp_unix": 1768900500250, "time_received": 1768900500250}),
        ("compact", {"timestamp_unix": "20260120101500", "time_received": "20260120101500"}),
        ("compact_ms", {"timestamp_unix": "20260120101500250", "time_received": "20260120101500250"}),
        ("naive", {"time_received": "2026-01-20 10:15:00", "date": "2026-01-20", "hour": "10:15:00"}),
        ("iso", {"time_received": "2026-01-20T10:15:00+01:00"}),
        ("unreadable", {"timestamp_unix": "soon", "time_received": "soon"}),
    ],
)
async def test_times(api: Api, account: Account, dress: Any, times: dict[str, Any]) -> None:
    account.time_zone, account.time_format = ZoneInfo("Europe/Budapest"), dress
    account.receive(NUMBER, "hi", timestamp=AT)
    (row,) = await listed(api)
    assert {
        key: row[key] for key in ("timestamp_unix", "time_received", "date", "hour") if key in row
    } == times


@pytest.mark.parametrize(
    ("dress", "number", "shown"),
    [
        ("given", "0036301234567", "0036301234567"),
        ("plus", "0036301234567", "+36301234567"),
        ("plus", "36301234567", "+36301234567"),
        ("plain", NUMBER, "36301234567"),
        ("zeros", NUMBER, "0036301234567"),
        ("integer", NUMBER, 36301234567),
        ("integer", "1750", 1750),
        ("plus", "1750", "1750"),
        ("plus", "06301234567", "06301234567"),
        ("integer", "MyBank", "MyBank"),
        ("zeros", "MyBank", "MyBank"),
    ],
)
async def test_numbers(api: Api, account: Account, dress: Any, number: str, shown: object) -> None:
    account.number_format = dress
    account.receive(number, "hi")
    await api.send(recipients=NUMBER)
    (row,) = await listed(api)
    assert row["number"] == shown and type(row["number"]) is type(shown)


async def test_shapes(api: Api, account: Account) -> None:
    account.receive(NUMBER, "hi", guid="one")
    account.error_format = "null"
    assert (await api.get("/getsms/")).json["result"]["error"] is None
    account.list_format = "sms"
    assert [row["guid"] for row in (await api.get("/getsms/")).json["sms"]] == ["one"]
    account.list_format = "top"
    assert [row["guid"] for row in (await api.get("/getsms/")).json] == ["one"]
    account.state = "unknown"
    answer = await api.get("/getsms/")
    assert (answer.status, answer.json) == (200, [])


async def test_after_is_exclusive_and_of_whole_seconds(api: Api, account: Account) -> None:
    for second in (100.0, 100.9, 101.0, 50.0):
        account.receive(NUMBER, str(second), timestamp=second)
    assert [row["message"] for row in await listed(api, after_timestamp_unix="99")] == [
        "100.0",
        "100.9",
        "101.0",
    ]
    assert [row["message"] for row in await listed(api, after_timestamp_unix="100")] == ["101.0"]
    assert len(await listed(api, after_timestamp_unix="0")) == len(await listed(api)) == 4
    assert len(await listed(api, after_timestamp_unix="-1")) == 4
    for wrong in ("1.5", "now", "--1", "٣", "9" * 5000):
        answer = await api.get("/getsms/", after_timestamp_unix=wrong)
        assert (answer.status, answer.json["error"]) == (400, "invalid_after_timestamp_unix")
    account.newest_first = True
    assert [row["id"] for row in await listed(api)] == [4, 3, 2, 1]


async def test_only_unread_leaves_out_what_was_listed(api: Api, account: Account) -> None:
    account.receive(NUMBER, "one")
    assert len(await listed(api, onlyunread="yes")) == 1
    account.receive(NUMBER, "two", sid="second")
    account.receive(NUMBER, "three")
    assert [row["message"] for row in await listed(api, sIdentifiantPhone="second")] == ["two"]
    assert [row["message"] for row in await listed(api, onlyunread="yes")] == ["three"]
    assert await listed(api, onlyunread="yes") == []
    assert len(await listed(api)) == 3
    assert await listed(api, sIdentifiantPhone="elsewhere") == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_deleted(api: Api, account: Account, method: str) -> None:
    row = account.receive(NUMBER, "one")
    account.receive(NUMBER, "two")
    ask = api.get if method == "GET" else api.post
    assert (await ask("/deletesms/", guid=row.guid)).json == {"success": True, "deleted": 1}
    assert [row["message"] for row in await listed(api)] == ["two"]
    assert (await ask("/deletesms/", guid=row.guid)).json == {"success": True, "deleted": 0}
    answer = await ask("/deletesms/")
    assert (answer.status, answer.json["error"]) == (400, "missing_guid")
    account.receive(NUMBER, "three")
    assert [row["id"] for row in await listed(api)] == [2, 3]


async def test_whatsapp_has_a_window(api: Api, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    now = AT
    monkeypatch.setattr("time.time", lambda: now)
    account.receive_whatsapp("36301234567", "too early")

    async def read(**fields: str) -> list[str]:
        return [row["guid"] for row in (await api.get("/getwa/", **fields)).json["result"]["messages"]]

    answer = await api.get("/getwa/synchronisation/")
    assert (answer.status, answer.json["error"]) == (200, "whatsapp_not_active")
    assert answer.json["expire_at"] == answer.json["expire_at_unix"] == ""
    answer = await api.get("/getwa/active/", statut="1")
    assert answer.json == {"success": True, "read_message_active": 1, "status_note": "reading is on"}
    account.receive_whatsapp("36301234567", "hi", contact_name="Anna", guid="wa")
    assert await read() == []
    answer = await api.get("/getwa/synchronisation/")
    assert answer.json == {
        "error": "0",
        "messages": "messages can be read now",
        "expire_at": "2026-01-20 09:20:00",
        "expire_at_unix": "1768900800",
    }
    now += 299
    assert await read() == ["wa"]
    assert await read(before=str(int(AT) + 1), date="2026-01-20", message_type="text") == ["wa"]
    for others in ({"before": str(int(AT))}, {"date": "2026-01-19"}, {"message_type": "audio"}):
        assert await read(**others) == []
    for wrong in ({"before": "noon"}, {"date": "today"}, {"message_type": "video"}):
        answer = await api.get("/getwa/", **wrong)
        assert (answer.status, answer.json["error"]) == (400, f"invalid_{next(iter(wrong))}")
    now += 1
    assert await read() == []


@pytest.mark.parametrize("toggle", [{}, {"statut": "x"}])
async def test_whatsapp_toggles_without_statut(api: Api, account: Account, toggle: dict[str, str]) -> None:
    states = [(await api.get("/getwa/active/", **toggle)).json["read_message_active"] for _ in range(3)]
    assert states == [1, 0, 1]
    states = [(await api.get("/getwa/active/", statut=to)).json["read_message_active"] for to in "1100"]
    assert states == [1, 1, 0, 0]
    assert (await api.get("/getwa/active/", statut="on")).status == 400
