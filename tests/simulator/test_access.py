"""Who is let in, and the words with which the others are not."""

from typing import Any

import pytest

from simulator import Account, Simulator
from simulator.service import ENDPOINTS

from .conftest import KEY, Api

KEYED = [(path, method) for path, (_, methods) in ENDPOINTS.items() for method in methods]


@pytest.mark.parametrize(("path", "method"), KEYED)
async def test_no_key(api: Api, account: Account, path: str, method: str) -> None:
    answer = await api.ask(method, path)
    assert (answer.status, answer.json) == (400, {"success": False, "error": "missing_apikey"})


@pytest.mark.parametrize(("path", "method"), KEYED)
async def test_unknown_key(api: Api, account: Account, path: str, method: str) -> None:
    answer = await api.ask(method, path, apikey="another")
    if path == "/getsms/":
        assert (answer.status, answer.json) == (200, {"result": {"error": "0", "sms": []}})
    else:
        assert (answer.status, answer.json) == (403, {"success": False, "error": "invalid_apikey"})


@pytest.mark.parametrize(("path", "method"), KEYED)
async def test_expired(api: Api, account: Account, path: str, method: str) -> None:
    account.state = "expired"
    answer = await api.ask(method, path, apikey=KEY)
    assert (answer.status, answer.json) == (403, {"success": False, "error": "api_expired"})


@pytest.mark.parametrize(("path", "method"), KEYED)
async def test_limited(api: Api, account: Account, path: str, method: str) -> None:
    account.state, account.retry_after = "limited", 7
    answer = await api.ask(method, path, apikey=KEY)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize(
    ("dress", "error"), [("documented", 1), ("number", 1), ("string", "1"), ("word", "invalid_apikey")]
)
async def test_result_dialect(api: Api, sim: Simulator, account: Account, dress: Any, error: object) -> None:
    account.refusal_format = "result"
    account.error_format = dress
    account.state = "unknown"
    answer = await api.get("/gateway/mobile/list/")
    assert (answer.status, answer.json) == (200, {"result": {"error": error}})
    account.state = "expired"
    answer = await api.send()
    assert (answer.status, answer.json) == (200, {"result": {"error": "subscription_expire"}})
    assert not account.sent


async def test_call_lists_refuse_by_status_in_any_dialect(api: Api, sim: Simulator, account: Account) -> None:
    account.refusal_format = sim.refusal_format = "result"
    account.state = "unknown"
    for key in (KEY, "another"):
        assert (await api.ask("GET", "/call/incoming/list/", apikey=key, limit="1")).status == 403
    assert (await api.ask("GET", "/gateway/mobile/list/", apikey="another")).json == {"result": {"error": 1}}


async def test_a_phone_list_that_proves_nothing(api: Api, sim: Simulator, account: Account) -> None:
    sim.empty_phone_list = True
    answer = await api.ask("GET", "/gateway/mobile/list/", apikey="another")
    assert answer.status == 200 and answer.json["items"] == []
    assert len((await api.get("/gateway/mobile/list/")).json["items"]) == 1


@pytest.mark.parametrize(("path", "method"), KEYED)
async def test_method_and_slash(api: Api, account: Account, path: str, method: str) -> None:
    wrong = "PUT" if len(ENDPOINTS[path][1]) == 2 else {"GET": "POST", "POST": "GET"}[method]
    answer = await api.ask(wrong, path, apikey=KEY)
    assert answer.status == 405 and method in answer.headers["Allow"]
    assert answer.json == {"success": False, "error": "method_not_allowed"}
    if path == "/notification/send":
        answer = await api.ask(method, f"{path}/", apikey=KEY)
        assert (answer.status, answer.json) == (404, {"success": False, "error": "not_found"})
        return
    async with api.session.request(
        method, path.rstrip("/"), params={"apikey": KEY, "message": "a b&c"}, allow_redirects=False
    ) as response:
        assert response.status == 301
        assert response.headers["Location"] == f"{path}?apikey={KEY}&message=a+b%26c"


async def test_a_post_without_the_slash_loses_its_form(api: Api, account: Account) -> None:
    answer = await api.post("/sendsms", recipients="+36301234567", message="x")
    assert (answer.status, answer.json["error"]) == (400, "missing_apikey")
    assert not account.sent


async def test_a_post_has_its_key_in_the_form(api: Api, account: Account) -> None:
    async with api.session.post(
        "/sendsms/", params={"apikey": KEY}, data={"recipients": "+3612345"}
    ) as response:
        assert await response.json() == {"success": False, "error": "missing_apikey"}
    async with api.session.post("/sendsms/", json={"apikey": KEY}) as response:
        assert await response.json() == {"success": False, "error": "missing_apikey"}


async def test_requests_per_minute(api: Api, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.requests_per_minute = 2
    now = 1_800_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    assert (await api.get("/getsms/")).status == 200
    now += 20.5
    assert (await api.get("/getsms/")).status == 200
    answer = await api.get("/getsms/")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "40")
    now += 40
    assert (await api.get("/getsms/")).status == 200
    assert (await api.get("/getsms/")).status == 429


async def test_requests_are_recorded_as_they_came(api: Api, sim: Simulator, account: Account) -> None:
    await api.send(extra="é ü")
    await api.ask("GET", "/getsms/", apikey="another", after_timestamp_unix="5")
    await api.ask("GET", "/nowhere/")
    assert [request[:2] for request in sim.requests] == [
        ("POST", "/sendsms/"),
        ("GET", "/getsms/"),
        ("GET", "/nowhere/"),
    ]
    assert sim.requests[1].fields == {"apikey": "another", "after_timestamp_unix": "5"}
    assert account.requests == [sim.requests[0]]
    assert account.sent[0].fields["extra"] == "é ü" and account.sent[0].fields["apikey"] == KEY


def test_a_misspelt_setting_is_loud(sim: Simulator, account: Account) -> None:
    with pytest.raises(ValueError, match="state must be one of good"):
        account.state = "gone"  # type: ignore[assignment] # the point
    with pytest.raises(ValueError, match="time_format"):
        sim.add_account("x", time_format="roman")
    with pytest.raises(TypeError):
        sim.add_account("x", colour="red")


class TestOAuth:
    @pytest.fixture
    def account(self, sim: Simulator) -> Account:
        return sim.add_account(KEY, client_id="anna", client_secret="sesame")

    async def token(self, api: Api, **changed: str) -> tuple[int, dict[str, Any]]:
        fields = {
            "grant_type": "client_credentials",
            "client_id": "anna",
            "client_secret": "sesame",
            **changed,
        }
        answer = await api.ask("POST", "/oauth2/token", **fields)
        return answer.status, answer.json

    async def test_a_token_opens(self, api: Api, account: Account) -> None:
        status, body = await self.token(api)
        assert status == 200 and body["token_type"] == "Bearer" and body["expires_in"] == 3600
        bearer = {"Authorization": f"Bearer {body['access_token']}"}
        answer = await api.ask("POST", "/sendsms/", bearer, recipients="+36301234567", message="x")
        assert answer.json["result"]["sent"] == "1"
        assert "apikey" not in account.sent[0].fields
        assert [request.path for request in account.requests] == ["/oauth2/token", "/sendsms/"]
        account.state = "expired"
        assert (await api.ask("GET", "/getsms/", bearer)).json == {"success": False, "error": "api_expired"}
        account.state = "unknown"
        assert (await api.ask("GET", "/getsms/", bearer)).status == 401
        assert (await self.token(api))[0] == 401

    async def test_a_token_ends(self, api: Api, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        account.token_seconds = 60
        now = 1_800_000_000.0
        monkeypatch.setattr("time.time", lambda: now)
        _, body = await self.token(api)
        bearer = {"Authorization": f"Bearer {body['access_token']}"}
        now += 59
        assert (await api.ask("GET", "/getsms/", bearer)).status == 200
        now += 1
        for path in ("/getsms/", "/gateway/mobile/list/"):
            answer = await api.ask("GET", path, bearer)
            assert (answer.status, answer.json["error"]) == (401, "invalid_token")

    @pytest.mark.parametrize("header", ["Bearer nobody", "Bearer ", "Basic YTpi", ""])
    async def test_no_such_token(self, api: Api, account: Account, header: str) -> None:
        answer = await api.ask("GET", "/getsms/", {"Authorization": header}, apikey=KEY)
        assert answer.status == 401

    async def test_refused(self, api: Api, account: Account) -> None:
        assert await self.token(api, client_secret="open") == (
            401,
            {"success": False, "error": "invalid_client"},
        )
        assert (await self.token(api, client_id="bela"))[0] == 401
        assert (await self.token(api, grant_type="password"))[0] == 400
        assert (await api.ask("GET", "/oauth2/token")).status == 405
        assert (await api.ask("POST", "/oauth2/token/")).status == 404
        answer = await api.ask("POST", "/oauth2/token", grant_type="client_credentials", client_id="anna")
        assert answer.json == {"success": False, "error": "missing_client_secret"}

    async def test_an_account_without_credentials_has_no_tokens(self, api: Api, sim: Simulator) -> None:
        sim.add_account("plain")
        assert (await self.token(api, client_id="", client_secret=""))[0] == 401
