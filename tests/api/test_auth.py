"""OAuth2: what is requested with a token, how long it is used, what goes wrong with one, and that nothing shows it."""

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, Final

from aiohttp import web
import pytest

from custom_components.smsmobileapi import api
from simulator import Simulator
from simulator.account import CHOICES

from .conftest import Bench
from .methods import METHODS, SENT, field, poll, send, to
from .secrecy import CLIENT_ID, CLIENT_SECRET, NUMBER, TOKEN, logged, secrets_in
from .server import Server, response_of
from .test_transport import LATE, TABLE

FORMATS: Final[dict[str, Any]] = dict(CHOICES)
FOUR: Final = {name: METHODS[name] for name in ("verify", "poll", "sms", "whatsapp")}
TOKEN_PATH: Final = "/oauth2/token"
INVALID_TOKEN: Final = (401, {"success": False, "error": "invalid_token"})
# What each path answers to a valid token, so that each method of the client finds what it needs.
PHONES: Final = {"success": True, "items": [{"sid": "a"}]}
VALID: Final[dict[str, Any]] = {"/getsms/": [], "/gateway/mobile/list/": PHONES}


class Clock:
    """The time as the credentials see it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(api.auth, "time", SimpleNamespace(monotonic=lambda: self.now))


class Tokens:
    """Gives the tokens `t-1`, `t-2`… and accepts those in `valid`, all of them by default."""

    def __init__(self, server: Server, **answer: Any) -> None:
        self.server = server
        self.answer = answer
        self.given = 0
        self.valid: set[str] | None = None
        self.refusal: Any = INVALID_TOKEN
        server.seen.clear()
        server.handler = self.handle

    @property
    def used(self) -> list[str]:
        """The tokens of the requests, in their order."""
        sent = (seen.headers["Authorization"] for seen in self.server.seen if seen.path != TOKEN_PATH)
        return [header.removeprefix("Bearer ") for header in sent]

    async def handle(self, request: web.Request) -> web.Response:
        """Give a token, or accept or refuse one."""
        if request.path == TOKEN_PATH:
            self.given += 1
            return response_of({"access_token": f"t-{self.given}", **self.answer})
        token = request.headers["Authorization"].removeprefix("Bearer ")
        is_valid = self.valid is None or token in self.valid
        return response_of(VALID.get(request.path, SENT) if is_valid else self.refusal)


def paths(simulator: Simulator) -> list[str]:
    """Return where the requests went, in their order."""
    return [request.path for request in simulator.requests]


class TestRequests:
    async def test_the_request_for_a_token_and_the_requests_with_it(self, bench: Bench) -> None:
        Tokens(bench.server)
        client = bench.new_oauth_client()
        await send(client)
        await poll(client)
        token, sent, polled = bench.server.seen
        assert (token.method, token.path, token.query) == ("POST", TOKEN_PATH, [])
        client_fields = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)]
        assert sorted(token.form) == [*client_fields, ("grant_type", "client_credentials")]
        assert "Authorization" not in token.headers
        assert sent.headers["Authorization"] == polled.headers["Authorization"] == "Bearer t-1"
        assert sorted(name for name, _ in sent.form) == ["from", "message", "recipients", "sendsms"]
        assert polled.query == []

    async def test_each_method_works_with_each_format_of_the_token(self, bench: Bench) -> None:
        for bench.account.token_format in FORMATS["token_format"]:
            bench.account.revoke_tokens()
            for method in FOUR.values():
                await method(bench.oauth_client)
        bench.simulator.requests.clear()
        await bench.oauth_client.verify_credentials()
        assert paths(bench.simulator) == ["/gateway/mobile/list/"]

    async def test_on_token_is_called_before_the_token_is_used(self, bench: Bench) -> None:
        """So that the filter of the logs knows it before it can be in one."""
        tokens = Tokens(bench.server)
        tokens.valid = {"t-2"}
        calls: list[tuple[str, list[str]]] = []
        credentials = api.ClientCredentials(
            CLIENT_ID, CLIENT_SECRET, on_token=lambda token: calls.append((token, tokens.used))
        )
        await send(bench.client_of(bench.server.url, credentials))
        assert calls == [("t-1", []), ("t-2", ["t-1"])]


class TestSecrets:
    async def test_nothing_shows_the_secret_or_the_token(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def no_post(_path: str, _fields: object) -> None:
            raise AssertionError("there is a token")

        for method in FOUR.values():
            await method(bench.oauth_client)
            bench.account.revoke_tokens()
        authorization = await bench.credentials.authorize(no_post)
        assert len(bench.account.tokens) == len(FOUR)
        shown = [f"{thing!r} {thing}" for thing in (bench.credentials, bench.oauth_client, authorization)]
        for text in (*shown, *logged(caplog.records)):
            assert not secrets_in(text)
            assert not any(token in text for token in bench.account.tokens)

    async def test_no_reason_repeats_the_client_the_token_or_the_number(self, bench: Bench) -> None:
        for words in (
            *(f"bad client {CLIENT_ID}", f"{CLIENT_SECRET} is not the secret", f"{'x' * 195}{CLIENT_SECRET}"),
            "s3cr3t%2F5e%2B41%3Df0 is not the secret",
        ):
            for name in ("error", "error_description", "message", "note", "detail"):
                bench.server.answer((400, {"error": "bad_request", name: words}))
                assert "…" in str(await bench.error_of(send(bench.new_oauth_client()))), (name, words)
        for words in (
            *(f"token {TOKEN} may not", f"Bearer {TOKEN.upper()}", f"{'x' * 195}{TOKEN}", CLIENT_SECRET),
            f"{NUMBER}?",
        ):
            bench.server.answer_in_turn({"access_token": TOKEN}, {"result": {"sent": "0", "note": words}})
            error = str(await bench.error_of(send(bench.new_oauth_client())))
            assert "…" in error and TOKEN[:6].lower() not in error.lower(), words


NOT_TOKENS: Final[list[Any]] = [
    *(None, "", " ", 7, True, [TOKEN], {"value": TOKEN}),
    # No header can carry these; aiohttp's error would show them.
    *(f"{TOKEN}\r\nX-Evil: 1", f"{TOKEN}\n", f"{TOKEN} {TOKEN}", "ключ", "half \ud83d", "\0", "x" * 100_000),
]
# Answers to the request for a token → what they mean.
ANSWERS: Final[list[tuple[Any, type[api.SmsMobileApiError]]]] = [
    *to(api.InvalidCredentials, (401, b""), 401, (401, {"error": "invalid_client"}), (403, {})),
    *to(
        api.InvalidCredentials,
        *((400, {"error": word}) for word in ("unauthorized_client", "invalid_grant", "Invalid client")),
    ),
    *to(api.InvalidCredentials, {"error": "invalid_client"}, {"result": {"error": 1}}),
    ({"result": {"error": "subscription_expire"}}, api.SubscriptionExpired),
    *to(api.TokenRefused, (400, {"error": "unsupported_grant_type"}), {"success": False}),
    *to(api.NoToken, {"success": True}, {"token": TOKEN}, [TOKEN], TOKEN, (302, b"")),
    *to(api.NoToken, *(b"access_token=" + TOKEN.encode(), b'{"access_token": "' + TOKEN.encode())),
    *to(api.NoToken, *({"access_token": token, "expires_in": 3600} for token in NOT_TOKENS)),
]


class TestNoToken:
    """Without a token the request itself is never made, so its outcome is always known."""

    # What a fault means for a send → what it means for the request for a token.
    OUTCOMES: Final[dict[Any, Any]] = {
        api.Refused: api.TokenRefused,
        api.OutcomeUnknown: api.NoToken,
        api.UnexpectedAnswer: api.NoToken,
    }

    async def test_each_fault(self, bench: Bench) -> None:
        for kind, options, of_send in TABLE:
            if of_send is None:
                continue
            outcome = self.OUTCOMES.get(of_send, of_send)
            bench.simulator.requests.clear()
            bench.simulator.fault(TOKEN_PATH, kind, count=9, **options)
            with bench.short_timeout() if options is LATE else nullcontext():
                await bench.fails(outcome, send(bench.oauth_client), (kind, options))
            assert paths(bench.simulator) == [TOKEN_PATH], (kind, options)
            bench.simulator.faults.waiting.clear()
        # After the faults all is well again.
        await send(bench.oauth_client)

    async def test_each_answer_that_is_no_token(self, bench: Bench) -> None:
        for answer, outcome in ANSWERS:
            bench.server.seen.clear()
            bench.server.answer(answer, headers={"Location": "/elsewhere/"})
            error = await bench.error_of(send(bench.new_oauth_client()))
            assert type(error) is outcome and bench.server.paths == [TOKEN_PATH], answer
            assert outcome is not api.NoToken or error.code == "no_token"
        bench.server.answer((400, {"error": "unsupported_grant_type", "error_description": "ask support"}))
        error = await bench.error_of(send(bench.new_oauth_client()))
        assert (error.code, error.placeholders) == ("refused", {"reason": "ask support"})

    async def test_a_wrong_secret_and_no_connection(self, bench: Bench) -> None:
        bench.account.client_secret = "another"
        for method in METHODS.values():
            await bench.fails(api.InvalidCredentials, method(bench.oauth_client))
        assert set(paths(bench.simulator)) == {TOKEN_PATH}
        await bench.session.close()
        await bench.fails(api.NotReachable, send(bench.oauth_client))

    async def test_a_token_that_ends_while_no_other_can_be_fetched(self, bench: Bench) -> None:
        """The request was refused, so it was not accepted."""
        await poll(bench.oauth_client)
        bench.account.revoke_tokens()
        bench.simulator.fault(TOKEN_PATH, "html")
        await bench.fails(api.NoToken, send(bench.oauth_client))
        assert not bench.account.sent

    async def test_all_requests_that_wait_for_a_token_get_the_same_error(self, bench: Bench) -> None:
        """If each waited for a timeout of its own, the last of twenty would wait ten minutes."""
        bench.simulator.fault(TOKEN_PATH, "html", taken=True)
        errors = await asyncio.gather(*(send(bench.oauth_client) for _ in range(20)), return_exceptions=True)
        assert {type(error) for error in errors} == {api.NoToken}
        assert len(bench.simulator.requests) == 1
        await send(bench.oauth_client)


# `expires_in` → after how many seconds the token is renewed: half a minute before its end, or a quarter of its lifetime where
# that is less. What can't be read is an hour.
LIFETIMES: Final[list[tuple[dict[str, Any], float]]] = [
    *to(3570, {}, *field("expires_in", 3600, "3600", 3600.0, None, "", "soon", 0, "0", -5, True)),
    *to(3570, *field("expires_in", [60], {"seconds": 60}, 10**400, "1e999", float("nan"))),
    *(({"expires_in": 86400}, 86370), ({"expires_in": 120}, 90), ({"expires_in": 100}, 75)),
    *to(1.5, *field("expires_in", 2, "2")),
]
REFUSALS: Final[list[Any]] = [
    *(INVALID_TOKEN, (401, None), {"result": {"error": 1}}),
    *((403, {"success": False, "error": "invalid_apikey"}), (400, {"error": "missing_apikey"})),
]


class TestLifetime:
    """A token is renewed before it ends, and once, for all requests, where it is refused before that."""

    async def test_a_token_is_renewed_before_it_ends(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock(monkeypatch)
        for answer, renewed_after in LIFETIMES:
            tokens, client = Tokens(bench.server, **answer), bench.new_oauth_client()

            async def slow(request: web.Request, tokens: Tokens = tokens) -> web.Response:
                # While the answer is on its way, the token is ageing already.
                clock.now += request.path == TOKEN_PATH
                return await tokens.handle(request)

            bench.server.handler = slow
            await send(client)
            clock.now += renewed_after - 1.01
            await send(client)
            assert tokens.given == 1, answer
            clock.now += 0.02
            await send(client)
            assert tokens.used == ["t-1", "t-1", "t-2"], answer

    async def test_twenty_requests_at_once_fetch_one_token_and_renew_it_once(self, bench: Bench) -> None:
        for sent in (20, 40):
            await asyncio.gather(*(send(bench.oauth_client) for _ in range(20)))
            assert paths(bench.simulator).count(TOKEN_PATH) == 1
            # A refused request was not accepted: nothing was sent twice.
            assert len(bench.account.sent) == sent
            bench.account.revoke_tokens()
            bench.simulator.requests.clear()

    async def test_a_refused_token_is_renewed_and_the_request_repeated_once(self, bench: Bench) -> None:
        for refusal in REFUSALS:
            for method in FOUR.values():
                tokens = Tokens(bench.server)
                tokens.valid, tokens.refusal = {"t-2"}, refusal
                await method(bench.new_oauth_client())
                assert tokens.used == ["t-1", "t-2"], refusal
                # A second refusal is final.
                tokens = Tokens(bench.server)
                tokens.valid, tokens.refusal = set(), refusal
                await bench.fails(api.InvalidCredentials, method(bench.new_oauth_client()), refusal)
                assert (tokens.used, tokens.given) == (["t-1", "t-2"], 2), refusal
        # A key is not tried twice.
        bench.server.answer_in_turn((403, {"error": "invalid_apikey"}))
        await bench.fails(api.InvalidCredentials, send(bench.server_client))

    async def test_a_late_refusal_of_the_old_token_does_not_invalidate_the_new_one(
        self, bench: Bench
    ) -> None:
        tokens, client = Tokens(bench.server), bench.new_oauth_client()
        late, renewed = asyncio.Event(), asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            if request.path == "/resend/" and tokens.used[-1] == "t-1":
                late.set()
                await renewed.wait()
            return await tokens.handle(request)

        bench.server.handler = answer
        await send(client)
        tokens.valid = {"t-2"}
        async with asyncio.TaskGroup() as group:
            group.create_task(client.resend_message("a", api.Channel.SMS))
            await late.wait()
            await send(client)
            renewed.set()
        assert tokens.given == 2

    async def test_a_cancelled_renewal_is_made_by_the_next_request(self, bench: Bench) -> None:
        """And an error from before it is forgotten by then."""
        client = bench.new_oauth_client()
        bench.server.answer(b"<html></html>")
        await bench.error_of(send(client))
        tokens = Tokens(bench.server)
        asked = asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            if request.path == TOKEN_PATH and not asked.is_set():
                asked.set()
                await bench.server.stopping.wait()
            return await tokens.handle(request)

        bench.server.handler = answer
        first = asyncio.ensure_future(send(client))
        await asked.wait()
        second = asyncio.ensure_future(send(client))
        await asyncio.sleep(0.05)
        first.cancel()
        async with asyncio.timeout(5):
            await second
        assert first.cancelled()
