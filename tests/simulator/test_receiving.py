"""Received SMS in each format, their deletion, and received WhatsApp messages."""

from typing import Any
from zoneinfo import ZoneInfo

from simulator import Account

from .conftest import AT, BARE, NUMBER, Api, Clock

TIMES: dict[Any, dict[str, object]] = {
    "milliseconds": {"timestamp_unix": 1768900500250, "time_received": 1768900500250},
    "compact": {"timestamp_unix": "20260120101500", "time_received": "20260120101500"},
    "compact_ms": {"timestamp_unix": "20260120101500250", "time_received": "20260120101500250"},
    "naive": {"time_received": "2026-01-20 10:15:00", "date": "2026-01-20", "hour": "10:15:00"},
    "iso": {"time_received": "2026-01-20T10:15:00+01:00"},
    "unreadable": {"timestamp_unix": "soon", "time_received": "soon"},
}
NUMBERS: list[tuple[Any, str, object]] = [
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
]


async def listed(api: Api, **fields: str) -> list[dict[str, Any]]:
    answer = await api.get("/getsms/", **fields)
    assert answer.status == 200
    rows: list[dict[str, Any]] = answer.json["result"]["sms"]
    return rows


async def texts(api: Api, **fields: str) -> list[str]:
    return [row["message"] for row in await listed(api, **fields)]


async def test_the_documented_row(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    row = account.receive(number=NUMBER, message="hi\nthere ☃", timestamp=AT)
    documented = {
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
    assert await texts(api, after_timestamp_unix="99") == ["100.0", "100.9", "101.0"]
    assert await texts(api, after_timestamp_unix="100") == ["101.0"]
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
    assert await texts(api, onlyunread="yes") == ["three"]
    assert await texts(api, onlyunread="yes") == await texts(api, sIdentifiantPhone="elsewhere") == []
    assert len(await listed(api)) == 3


async def test_guids_that_count_for_each_phone(api: Api, account: Account) -> None:
    account.guid_format = "counter"
    for sid in ("phone-1", "phone-1", "second", "phone-1"):
        account.receive(NUMBER, "hi", sid=sid)
    assert [row["guid"] for row in await listed(api)] == ["1", "2", "1", "3"]
    assert [account.add_call("missed", NUMBER, sid=sid).guid for sid in (None, "second", None)] == list("112")
    assert account.type_sms(NUMBER, "hi").guid == "1"


async def test_deletion(api: Api, account: Account) -> None:
    deleted: dict[str, Any] = {"success": True, "deleted": 1}
    none_found: dict[Any, tuple[Any, int, Any]] = {
        "count": (deleted, 200, {"success": True, "deleted": 0}),
        "result": (
            {"result": {"error": 0, "deleted": "1"}},
            200,
            {"result": {"error": "unknown_guid", "note": "unknown message"}},
        ),
        "not_found": (deleted, 404, {"success": False, "error": "unknown_guid"}),
        "bad_request": (deleted, 400, {"success": False, "error": "invalid_guid"}),
    }
    for account.delete_format, (found, status, missing) in none_found.items():
        for method in ("GET", "POST"):
            row = account.receive(NUMBER, "one")
            account.receive(NUMBER, "two")
            answer = await api.ask(method, "/deletesms/", apikey=api.key, guid=row.guid)
            assert (answer.status, answer.json) == (200, found), account.delete_format
            assert await texts(api) == ["two"]
            answer = await api.ask(method, "/deletesms/", apikey=api.key, guid=row.guid)
            assert (answer.status, answer.json) == (status, missing), account.delete_format
            assert (await api.ask(method, "/deletesms/", apikey=api.key)).error == (400, "missing_guid")
            account.receive(NUMBER, "three")
            assert [row["id"] for row in await listed(api)] == [2, 3], "ids are not used again"
            account.received.clear()


async def test_whatsapp_is_collected_and_read_for_a_time(api: Api, account: Account, clock: Clock) -> None:
    clock.now = AT

    async def read(**fields: str) -> list[str]:
        return [row["guid"] for row in (await api.get("/getwa/", **fields)).json["result"]["messages"]]

    account.receive_whatsapp(BARE, "before the activation")
    answer = (await api.get("/getwa/synchronisation/")).json
    assert answer["error"] == "whatsapp_not_active" and answer["expire_at"] == answer["expire_at_unix"] == ""
    answer = (await api.get("/getwa/active/", statut="1")).json
    assert answer == {"success": True, "read_message_active": 1, "status_note": "reading is on"}
    account.receive_whatsapp(BARE, "hi", contact_name="Anna", guid="text")
    account.receive_whatsapp(BARE, "said", guid="voice", voice_seconds=3)
    assert await read() == []
    assert (await api.get("/getwa/synchronisation/")).json == {
        "error": "0",
        "messages": "messages can be read now",
        "expire_at": "2026-01-20 09:20:00",
        "expire_at_unix": "1768900800",
    }
    clock.now += 299
    found: list[tuple[dict[str, str], list[str]]] = [
        ({}, ["text"]),
        ({"before": str(int(AT) + 1), "date": "2026-01-20", "message_type": "text"}, ["text"]),
        ({"message_type": "audio"}, ["voice"]),
        ({"before": str(int(AT))}, []),
        ({"date": "2026-01-19"}, []),
    ]
    for fields, guids in found:
        assert await read(**fields) == guids, fields
    for wrong in ({"before": "noon"}, {"date": "today"}, {"message_type": "video"}):
        assert (await api.get("/getwa/", **wrong)).error == (400, f"invalid_{next(iter(wrong))}")
    clock.now += 1
    assert await read() == []


async def test_whatsapp_toggles_without_statut(api: Api, account: Account) -> None:
    async def states(*requests: dict[str, str]) -> list[int]:
        answers = [await api.get("/getwa/active/", **fields) for fields in requests]
        return [answer.json["read_message_active"] for answer in answers]

    assert await states({}, {"statut": "x"}, {}, {"statut": "x"}) == [1, 0, 1, 0]
    assert await states(*({"statut": to} for to in "1100")) == [1, 1, 0, 0]
    assert (await api.get("/getwa/active/", statut="on")).status == 400


async def test_whether_a_number_is_on_whatsapp(api: Api, account: Account) -> None:
    path, account.whatsapp_numbers = "/whatsapp/checknumber/", {"36301"}
    data = [
        {"success": True, "data": [{"number": f"3630{n}", "whatsapp": word}]}
        for n, word in ((1, "yes"), (2, "no"))
    ]
    answers: dict[Any, tuple[Any, ...]] = {
        "contact": tuple({"success": True, "contact_found_on_whatsapp": word} for word in ("yes", "no")),
        "flag": (
            {"success": True, "number": "36301", "on_whatsapp": True},
            {"success": True, "number": "36302", "on_whatsapp": False},
        ),
        "result": tuple({"result": {"error": 0, "exists": digit}} for digit in "10"),
        "data": tuple(data),
        "status": tuple({"success": True, "status": word} for word in ("valid", "invalid")),
        "vague": ({"success": True, "note": "request processed"},) * 2,
    }
    for account.check_format, found in answers.items():
        shown = [(await api.get(path, recipients=number)).json for number in ("36301", "36302")]
        assert shown == [*found], account.check_format
    for wrong in ("+36301", "0036301", "anna", ""):
        assert (await api.get(path, recipients=wrong)).error == (200, "invalid_recipients"), wrong
    assert (await api.get(path)).error == (400, "missing_recipients")
