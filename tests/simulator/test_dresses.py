"""Endpoints whose answers are a guess, in each of their dresses."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulator import Account, Phone, Simulator

from .conftest import KEY, NUMBER, Api

# 2026-01-20 09:15:00.250 UTC, 10:15 in Budapest.
AT = 1768900500.25


@pytest.mark.parametrize(
    ("dress", "known", "unknown"),
    [
        (
            "contact",
            {"success": True, "contact_found_on_whatsapp": "yes"},
            {"success": True, "contact_found_on_whatsapp": "no"},
        ),
        (
            "result",
            {"result": {"error": 0, "contact_found_on_whatsapp": "yes"}},
            {"result": {"error": 0, "contact_found_on_whatsapp": "no"}},
        ),
        (
            "vague",
            {"success": True, "note": "request processed"},
            {"success": True, "note": "request processed"},
        ),
    ],
)
async def test_is_it_on_whatsapp(
    api: Api, account: Account, dress: Any, known: dict[str, Any], unknown: dict[str, Any]
) -> None:
    account.whatsapp_numbers, account.check_dress = {"36301"}, dress
    assert (await api.get("/whatsapp/checknumber/", recipients="36301")).json == known
    assert (await api.get("/whatsapp/checknumber/", recipients="36302")).json == unknown


@pytest.mark.parametrize(
    ("dress", "deleted", "status", "unknown"),
    [
        ("count", {"success": True, "deleted": 1}, 200, {"success": True, "deleted": 0}),
        (
            "result",
            {"result": {"error": 0, "deleted": "1"}},
            200,
            {"result": {"error": "unknown_guid", "note": "unknown message"}},
        ),
        ("not_found", {"success": True, "deleted": 1}, 404, {"success": False, "error": "unknown_guid"}),
        ("bad_request", {"success": True, "deleted": 1}, 400, {"success": False, "error": "invalid_guid"}),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_deleting(
    api: Api,
    account: Account,
    method: str,
    dress: Any,
    deleted: dict[str, Any],
    status: int,
    unknown: dict[str, Any],
) -> None:
    account.delete_dress = dress
    guid = account.receive(NUMBER, "hi").guid
    answer = await api.ask(method, "/deletesms/", apikey=KEY, guid=guid)
    assert (answer.status, answer.json) == (200, deleted)
    answer = await api.ask(method, "/deletesms/", apikey=KEY, guid=guid)
    assert (answer.status, answer.json) == (status, unknown)


async def test_phones_of_which_little_is_known(api: Api, account: Account) -> None:
    account.phones.append(Phone(sid="second", label="Tablet", online=False, battery=None, last_seen=AT))
    account.phone_dress = "bare"
    answer = await api.get("/gateway/mobile/list/")
    assert answer.json["items"] == [
        {"sid": "phone-1", "label": "Phone"},
        {"sid": "second", "label": "Tablet"},
    ]
    assert answer.json["connected_now"] == 1


@pytest.mark.parametrize(
    ("dress", "key", "shown"),
    [
        ("sid", "battery", None),
        ("sIdentifiant", "battery_level", ""),
        ("sIdentifiantPhone", "battery", None),
    ],
)
async def test_a_battery_that_nobody_knows(
    api: Api, account: Account, dress: Any, key: str, shown: object
) -> None:
    account.phones[0].battery, account.phone_dress = None, dress
    items = (await api.get("/gateway/mobile/list/")).json["items"]
    assert items[0][key] == shown


class TestTokens:
    @pytest.fixture
    def account(self, sim: Simulator) -> Account:
        return sim.add_account(KEY, client_id="anna", client_secret="sesame", token_seconds=90)

    async def token(self, api: Api) -> dict[str, Any]:
        answer = await api.ask(
            "POST",
            "/oauth2/token",
            grant_type="client_credentials",
            client_id="anna",
            client_secret="sesame",
        )
        assert answer.status == 200
        body: dict[str, Any] = answer.json
        return body

    @pytest.mark.parametrize(
        ("dress", "rest"),
        [
            ("documented", {"token_type": "Bearer", "expires_in": 90}),
            ("bare", {}),
            ("string", {"token_type": "Bearer", "expires_in": "90"}),
        ],
    )
    async def test_dresses(
        self, api: Api, account: Account, monkeypatch: pytest.MonkeyPatch, dress: Any, rest: dict[str, Any]
    ) -> None:
        now = AT
        monkeypatch.setattr("time.time", lambda: now)
        account.token_dress = dress
        body = await self.token(api)
        bearer = {"Authorization": f"Bearer {body.pop('access_token')}"}
        assert body == rest
        assert (await api.ask("GET", "/getsms/", bearer)).status == 200
        now += 90
        assert (await api.ask("GET", "/getsms/", bearer)).status == 401

    async def test_revoked(self, api: Api, sim: Simulator, account: Account) -> None:
        bearers = [{"Authorization": f"Bearer {(await self.token(api))['access_token']}"} for _ in "ab"]
        account.revoke_tokens()
        for bearer in bearers:
            answer = await api.ask("POST", "/sendsms/", bearer, recipients=NUMBER, message="x")
            assert (answer.status, answer.json) == (401, {"success": False, "error": "invalid_token"})
        assert not account.sent
        assert len(account.requests) == 4, "they are still this account's requests"
        bearer = {"Authorization": f"Bearer {(await self.token(api))['access_token']}"}
        assert (await api.ask("GET", "/getsms/", bearer)).status == 200
        assert (await api.control("DELETE", "tokens", key=KEY)).json == {}
        assert (await api.ask("GET", "/getsms/", bearer)).status == 401

    @pytest.mark.parametrize(
        ("dress", "missed", "others"),
        [
            (
                "seconds",
                "2026-01-20 10:15:00",
                {"call_datetime_utc": "2026-01-20 09:15:00", "call_date_ms": 1768900500250},
            ),
            (
                "milliseconds",
                1768900500250,
                {"call_datetime_utc": 1768900500250, "call_date_ms": 1768900500250},
            ),
            ("compact", "20260120101500", {"call_datetime_utc": "20260120091500"}),
            ("compact_ms", "20260120101500250", {"call_datetime_utc": "20260120091500250"}),
            ("naive", "2026-01-20 10:15:00", {"call_datetime_utc": "2026-01-20 09:15:00"}),
            (
                "iso",
                "2026-01-20T10:15:00+01:00",
                {
                    "call_datetime_utc": "2026-01-20T10:15:00+01:00",
                    "call_date_ms": "2026-01-20T10:15:00+01:00",
                },
            ),
            ("unreadable", "soon", {"call_datetime_utc": "soon", "call_date_ms": "soon"}),
        ],
    )
    async def test_calls_in_every_dress_for_a_token(
        self, api: Api, account: Account, dress: Any, missed: object, others: dict[str, Any]
    ) -> None:
        account.time_zone, account.time_dress = ZoneInfo("Europe/Budapest"), dress
        bearer = {"Authorization": f"Bearer {(await self.token(api))['access_token']}"}
        for direction in ("missed", "incoming", "outgoing"):
            account.add_call(direction, NUMBER, at=AT)
        (row,) = (await api.ask("GET", "/call/missed/list/", bearer, limit="5")).json["data"]
        assert row == {"number": NUMBER, "name": None, "date": missed}
        for direction in ("incoming", "outgoing"):
            (row,) = (await api.ask("GET", f"/call/{direction}/list/", bearer)).json["rows"]
            assert row == {"phone_number": NUMBER, "cached_name": None, "duration_sec": 0, **others}
