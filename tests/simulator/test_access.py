"""Which requests are let through, and how the others are refused."""

from typing import Any

from simulator import Account, Simulator
from simulator.service import ENDPOINTS

from .conftest import KEY, NUMBER, Api, Clock

ROUTES = [(path, method) for path, (_, methods) in ENDPOINTS.items() for method in methods]
PHONES, CALLS = "/gateway/mobile/list/", "/call/incoming/list/"


async def test_keys_and_states(api: Api, account: Account) -> None:
    for path, method in ROUTES:
        assert (await api.ask(method, path)).error == (400, "missing_apikey"), path
        answer = await api.ask(method, path, apikey="another")
        if path == "/getsms/":
            assert (answer.status, answer.json) == (200, {"result": {"error": "0", "sms": []}})
        else:
            assert answer.error == (403, "invalid_apikey"), path
        account.state = "expired"
        assert (await api.ask(method, path, apikey=KEY)).error == (403, "api_expired"), path
        account.state, account.retry_after = "limited", 7
        answer = await api.ask(method, path, apikey=KEY)
        assert answer.error == (429, "too_many_requests"), path
        assert answer.headers["Retry-After"] == "7"
        account.state = "good"


async def test_refusals_inside_of_a_200(api: Api, sim: Simulator, account: Account) -> None:
    account.refusal_format = "result"
    errors: dict[Any, object] = {"documented": 1, "number": 1, "string": "1", "word": "invalid_apikey"}
    for error_format, error in errors.items():
        account.error_format, account.state = error_format, "unknown"
        answer = await api.get(PHONES)
        assert (answer.status, answer.json) == (200, {"result": {"error": error}}), error_format
        account.state = "expired"
        assert (await api.send()).json == {"result": {"error": "subscription_expire"}}
    sim.refusal_format, account.state = "result", "unknown"
    assert (await api.ask("GET", PHONES, apikey="another")).json == {"result": {"error": 1}}
    for key in (KEY, "another"):
        assert (await api.ask("GET", CALLS, apikey=key, limit="1")).status == 403
    sim.empty_phone_list = True
    assert (await api.ask("GET", PHONES, apikey="another")).json["items"] == []


async def test_methods_and_slashes(api: Api, account: Account) -> None:
    for path, method in ROUTES:
        wrong = "PUT" if len(ENDPOINTS[path][1]) == 2 else {"GET": "POST", "POST": "GET"}[method]
        answer = await api.ask(wrong, path, apikey=KEY)
        assert answer.error == (405, "method_not_allowed"), path
        assert method in answer.headers["Allow"], path
        if path == "/notification/send":
            assert (await api.ask(method, f"{path}/", apikey=KEY)).error == (404, "not_found")
            continue
        query = {"apikey": KEY, "message": "a b&c"}
        answer = await api.request(method, path.rstrip("/"), params=query, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (301, f"{path}?apikey={KEY}&message=a+b%26c")


async def test_a_post_has_its_key_in_the_form(api: Api, account: Account) -> None:
    for options in ({"data": {"recipients": NUMBER}, "params": {"apikey": KEY}}, {"json": {"apikey": KEY}}):
        assert (await api.request("POST", "/sendsms/", **options)).error == (400, "missing_apikey")
    # A redirect loses the form.
    assert (await api.post("/sendsms", recipients=NUMBER, message="x")).error == (400, "missing_apikey")
    assert not account.sent


async def test_requests_per_minute(api: Api, account: Account, clock: Clock) -> None:
    account.requests_per_minute = 2
    for passed, status, wait in ((0, 200, None), (20.5, 200, None), (0, 429, "40"), (40, 200, None)):
        clock.now += passed
        answer = await api.get("/getsms/")
        assert (answer.status, answer.headers.get("Retry-After")) == (status, wait)


class TestOAuth:
    async def test_a_token_is_as_good_as_a_key(self, api: Api, account: Account) -> None:
        bearer = await api.bearer()
        answer = await api.ask("POST", "/sendsms/", bearer, recipients=NUMBER, message="x")
        assert answer.json["result"]["sent"] == "1" and "apikey" not in account.sent[0].fields
        assert [request.path for request in account.requests] == ["/oauth2/token", "/sendsms/"]
        account.state = "expired"
        assert (await api.ask("GET", "/getsms/", bearer)).error == (403, "api_expired")
        account.state = "unknown"
        assert (await api.ask("GET", "/getsms/", bearer)).status == (await api.token()).status == 401

    async def test_formats_and_expiry(self, api: Api, account: Account, clock: Clock) -> None:
        account.token_seconds = 90
        formats: dict[Any, dict[str, object]] = {
            "documented": {"token_type": "Bearer", "expires_in": 90},
            "bare": {},
            "string": {"token_type": "Bearer", "expires_in": "90"},
        }
        for account.token_format, others in formats.items():
            body = (await api.token()).json
            bearer = {"Authorization": f"Bearer {body.pop('access_token')}"}
            assert body == others, account.token_format
            clock.now += 89
            assert (await api.ask("GET", "/getsms/", bearer)).status == 200
            clock.now += 1
            for path in ("/getsms/", PHONES):
                assert (await api.ask("GET", path, bearer)).error == (401, "invalid_token")

    async def test_revoked_and_refused(self, api: Api, sim: Simulator, account: Account) -> None:
        revoked = await api.bearer()
        account.revoke_tokens()
        deleted = await api.bearer()
        assert (await api.ask("GET", "/getsms/", deleted)).status == 200
        await api.control("DELETE", "tokens", key=KEY)
        for bearer in (revoked, deleted):
            answer = await api.ask("POST", "/sendsms/", bearer, recipients=NUMBER, message="x")
            assert answer.error == (401, "invalid_token")
        assert not account.sent
        for header in ("Bearer nobody", "Bearer ", "Basic YTpi", ""):
            answer = await api.ask("GET", "/getsms/", {"Authorization": header}, apikey=KEY)
            assert answer.status == 401, header
        sim.add_account("without credentials")
        for client_id, client_secret in (("anna", "open"), ("bela", "sesame"), ("", "")):
            answer = await api.token(client_id=client_id, client_secret=client_secret)
            assert answer.status == 401, client_id
        assert (await api.token(grant_type="password")).status == 400
