"""Received SMS in each format, their deletion, and received WhatsApp messages."""

from typing import Any
from zoneinfo import ZoneInfo

from simulator import Account

from .conftest import AT, BARE, NUMBER, Api, Clock

NAIVE = {"time_received": "2026-01-20 10:15:00", "date": "2026-01-20", "hour": "10:15:00"}
TIMES: dict[Any, dict[str, object]] = {
    "seconds": {"timestamp_unix": 1768900500, **NAIVE},
    "milliseconds": {"timestamp_unix": 1768900500250, "time_received": 1768900500250},
    "compact": {"timestamp_unix": "20260120101500", "time_received": "20260120101500"},
    "compact_ms": {"timestamp_unix": "20260120101500250", "time_received": "20260120101500250"},
    "naive": {**NAIVE},
    "iso": {"time_received": "2026-01-20T10:15:00+01:00"},
    "unreadable": {"timestamp_unix": "soon", "time_received": "soon"},
}
NUMBERS: list[tuple[Any, str, object]] = [
    *(("given", "0036301234567", "0036301234567"), ("plus", "0036301234567", NUMBER), ("plus", BARE, NUMBER)),
    *(("plain", NUMBER, BARE), ("zeros", NUMBER, "0036301234567"), ("integer", NUMBER, 36301234567)),
    *(("integer", "1750", 1750), ("plus", "1750", "1750"), ("plus", "06301234567", "06301234567")),
    *(("integer", "MyBank", "MyBank"), ("zeros", "MyBank", "MyBank")),
]


async def listed(api: Api, **fields: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await api.get("/getsms/", **fields)).json["result"]["sms"]
    return rows


async def texts(api: Api, **fields: str) -> list[str]:
    return [row["message"] for row in await listed(api, **fields)]


async def test_the_documented_row(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    row = account.receive(number=NUMBER, message="hi\nthere ☃", timestamp=AT)
    text = {"id": 1, "guid": row.guid, "number": NUMBER, "message": "hi\nthere ☃"}
    phone = {"sIdentifiantPhone": "phone-1", "alias": None}
    documented = {**text, **phone, **TIMES["seconds"]}
    assert (await api.get("/getsms/")).json == {"result": {"error": "0", "sms": [documented]}}


async def test_times_and_numbers(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    account.receive(NUMBER, "hi", timestamp=AT)
    for time_format, times in TIMES.items():
        account.time_format = time_format
        (row,) = await listed(api)
        names = row.keys() & {"timestamp_unix", "time_received", "date", "hour"}
        assert {name: row[name] for name in names} == times, time_format
    for number_format, number, shown in NUMBERS:
        account.number_format = number_format
        account.receive(number, "hi")
        value = (await listed(api))[-1]["number"]
        assert value == shown and type(value) is type(shown), (number_format, number)


async def test_formats_of_the_list(api: Api, account: Account) -> None:
    account.receive(NUMBER, "hi")
    account.error_format = "null"
    result = (await api.get("/getsms/")).json["result"]
    assert result["error"] is None and len(result["sms"]) == 1
    for account.list_format, listed in (("sms", {"sms": result["sms"]}), ("top", result["sms"])):
        assert (await api.get("/getsms/")).json == listed
    account.state = "unknown"
    assert (await api.get("/getsms/")).json == []


async def test_after_is_exclusive_and_of_whole_seconds(api: Api, account: Account) -> None:
    for second in (100.0, 100.9, 101.0, 50.0):
        account.receive(NUMBER, str(second), timestamp=second)
    for after, found in (("99", ["100.0", "100.9", "101.0"]), ("100", ["101.0"])):
        assert await texts(api, after_timestamp_unix=after) == found
    for everything in ({}, {"after_timestamp_unix": "0"}, {"after_timestamp_unix": "-1"}):
        assert len(await listed(api, **everything)) == 4, everything
    for wrong in ("1.5", "now", "--1", "٣", "9" * 5000):
        answer = await api.get("/getsms/", after_timestamp_unix=wrong)
        assert answer.error == (400, "invalid_after_timestamp_unix"), wrong
    account.newest_first = True
    assert [row["id"] for row in await listed(api)] == [4, 3, 2, 1]


async def test_unread_and_by_phone(api: Api, account: Account) -> None:
    account.receive(NUMBER, "one")
    assert await texts(api, onlyunread="yes") == ["one"]
    account.receive(NUMBER, "two", sid="second")
    account.receive(NUMBER, "three")
    assert await texts(api, sIdentifiantPhone="second") == ["two"]
    assert [await texts(api, onlyunread="yes") for _ in range(2)] == [["three"], []]


async def test_guids_that_count_for_each_phone(api: Api, account: Account) -> None:
    account.guid_format = "counter"
    for sid in ("phone-1", "phone-1", "second", "phone-1"):
        account.receive(NUMBER, "hi", sid=sid)
    assert [row["guid"] for row in await listed(api)] == ["1", "2", "1", "3"]
    assert [account.add_call("missed", NUMBER, sid=sid).guid for sid in (None, "second", None)] == list("112")
    assert account.type_sms(NUMBER, "hi").guid == "1"


async def test_deletion(api: Api, account: Account) -> None:
    deleted: dict[str, Any] = {"success": True, "deleted": 1}
    in_result = {"result": {"error": "unknown_guid", "note": "unknown message"}}
    rows: list[tuple[Any, Any, int, Any]] = [
        ("count", deleted, 200, {"success": True, "deleted": 0}),
        ("result", {"result": {"error": 0, "deleted": "1"}}, 200, in_result),
        ("not_found", deleted, 404, {"success": False, "error": "unknown_guid"}),
        ("bad_request", deleted, 400, {"success": False, "error": "invalid_guid"}),
    ]
    for account.delete_format, found, status, missing in rows:
        row = account.receive(NUMBER, "one")
        account.receive(NUMBER, "two")
        answer = await api.post("/deletesms/", guid=row.guid)
        assert (answer.status, answer.json) == (200, found), account.delete_format
        assert await texts(api) == ["two"]
        answer = await api.post("/deletesms/", guid=row.guid)
        assert (answer.status, answer.json) == (status, missing), account.delete_format
        account.received.clear()
    assert (await api.post("/deletesms/")).error == (400, "missing_guid")


async def test_whatsapp_is_collected_and_read_for_a_time(api: Api, account: Account, clock: Clock) -> None:
    clock.now = AT

    async def read() -> list[str]:
        return [row["guid"] for row in (await api.get("/getwa/")).json["result"]["messages"]]

    account.receive_whatsapp(BARE, "before the activation")
    assert (await api.get("/getwa/synchronisation/")).json["error"] == "whatsapp_not_active"
    # Without `statut`, or with `x`, the call toggles.
    for fields, state in (({}, 1), ({"statut": "x"}, 0), ({"statut": "0"}, 0), *[({"statut": "1"}, 1)] * 2):
        assert (await api.get("/getwa/active/", **fields)).json["read_message_active"] == state
    account.receive_whatsapp(BARE, "hi", contact_name="Anna", guid="text")
    assert await read() == []
    window = (await api.get("/getwa/synchronisation/")).json
    assert (window["expire_at"], window["expire_at_unix"]) == ("2026-01-20 09:20:00", "1768900800")
    for passed, guids in ((299, ["text"]), (1, [])):
        clock.now += passed
        assert await read() == guids


async def test_whether_a_number_is_on_whatsapp(api: Api, account: Account) -> None:
    path, account.whatsapp_numbers = "/whatsapp/checknumber/", {"36301"}
    answers: dict[Any, Any] = {
        "contact": {"success": True, "contact_found_on_whatsapp": "yes"},
        "result": {"result": {"error": 0, "contact_found_on_whatsapp": "yes"}},
    }
    for account.check_format, answer in answers.items():
        assert (await api.get(path, recipients="36301")).json == answer
        assert (await api.get(path, recipients="36302")).json != answer
    assert (await api.get(path, recipients="+36301")).error == (200, "invalid_recipients")
