"""OAuth2: what is requested with a token, how long it is used, what goes wrong with one, and that nothing shows it."""

import asyncio
from contextlib import nullcontext
from datetime import UTC
from typing import Any, Final

from aiohttp import web
import pytest

from custom_components.smsmobileapi.api import (
    Channel,
    ClientCredentials,
    InvalidCredentials,
    NoToken,
    NotReachable,
    OutcomeUnknown,
    Refused,
    SmsMobileApiClient,
    SmsMobileApiError,
    SubscriptionExpired,
    TokenRefused,
    UnexpectedAnswer,
)
from simulator.account import CHOICES

from .conftest import Bench
from .methods import METHODS, field, poll, send, to
from .secrecy import CLIENT_ID, CLIENT_SECRET, NUMBER, TOKEN, logged, secrets_in
from .test_transport import LATE, TABLE
from .tokens import INVALID_TOKEN, SENT, TOKEN_PATH, Clock, Tokens, paths

TOKEN_FORMATS: Any = CHOICES["token_format"]
DIALECTS: Any = CHOICES["refusal_format"]
FOUR: Final = {name: METHODS[name] for name in ("verify", "poll", "sms", "whatsapp")}


class TestRequests:
    async def test_the_request_for_a_token_and_the_request_with_it(self, bench: Bench) -> None:
        Tokens(bench.server)
        await send(bench.oauth_server_client)
        token, sent = bench.server.seen
        assert (token.method, token.path, token.query) == ("POST", TOKEN_PATH, [])
        assert sorted(token.form) == [
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("grant_type", "client_credentials"),
        ]
        assert "Authorization" not in token.headers
        assert sent.headers["Authorization"] == "Bearer t-1"
        assert sorted(name for name, _ in sent.form) == ["from", "message", "recipients", "sendsms"]

    async def test_a_get_has_the_token_in_its_header_only(self, bench: Bench) -> None:
        bench.server.answer_in_turn({"access_token": TOKEN}, [])
        await bench.oauth_server_client.received_messages(after=None, zone=UTC)
        assert bench.server.seen[1].headers["Authorization"] == f"Bearer {TOKEN}"
        assert bench.server.seen[1].query == []

    async def test_each_method_works_with_each_format_of_the_token(self, bench: Bench) -> None:
        for token_format in TOKEN_FORMATS:
            bench.account.token_format = token_format
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
        credentials = ClientCredentials(
            CLIENT_ID, CLIENT_SECRET, on_token=lambda token: calls.append((token, tokens.used))
        )
        await send(SmsMobileApiClient(bench.session, credentials, bench.server.url))
        assert calls == [("t-1", []), ("t-2", ["t-1"])]

    async def test_a_fault_has_the_same_error_as_with_a_key(self, bench: Bench) -> None:
        for kind, options, _, _, outcome in TABLE:
            await send(bench.oauth_client)
            bench.simulator.requests.clear()
            bench.simulator.fault("/sendsms/", kind, count=9, **options)
            if outcome is None:
                await send(bench.oauth_client)
            else:
                with bench.short_timeout() if options is LATE else nullcontext():
                    await bench.fails(outcome, send(bench.oauth_client), (kind, options))
            # Only a request whose token was refused may be repeated.
            repeated = 2 if outcome is InvalidCredentials else 1
            assert paths(bench.simulator).count("/sendsms/") == repeated, (kind, options)
            bench.simulator.faults.waiting.clear()


class TestSecrets:
    async def test_nothing_shows_the_secret_or_the_token(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        for method in FOUR.values():
            await method(bench.oauth_client)
            bench.account.revoke_tokens()
        authorization = await bench.credentials.authorize(no_post)
        assert len(bench.account.tokens) == len(FOUR)
        shown = [f"{thing!r} {thing}" for thing in (bench.credentials, bench.oauth_client, authorization)]
        for text in (*shown, *logged(caplog.records)):
            assert not secrets_in(text)
            assert not any(token in text for token in bench.account.tokens)

    async def test_no_reason_for_refusing_a_token_repeats_the_client(self, bench: Bench) -> None:
        for words in (
            f"bad client {CLIENT_ID}",
            f"{CLIENT_SECRET} is not the secret",
            "s3cr3t%2F5e%2B41%3Df0 is not the secret",
            f"client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}",
            f"{'x' * 195}{CLIENT_SECRET}",
        ):
            for name in ("error", "error_description", "message", "note", "detail"):
                bench.server.answer({"error": "bad_request", name: words}, status=400)
                assert "…" in str(await bench.error_of(send(bench.oauth_server_client))), (name, words)

    async def test_no_reason_for_refusing_a_request_repeats_the_token_or_the_number(
        self, bench: Bench
    ) -> None:
        for words in (
            *(f"token {TOKEN} may not", f"Bearer {TOKEN.upper()}", f"{'x' * 195}{TOKEN}", CLIENT_SECRET),
            f"{NUMBER}?",
        ):
            client = SmsMobileApiClient(
                bench.session, ClientCredentials(CLIENT_ID, CLIENT_SECRET), bench.server.url
            )
            bench.server.answer_in_turn(
                {"access_token": TOKEN}, {"result": {"error": 0, "sent": "0", "note": words}}
            )
            error = str(await bench.error_of(send(client)))
            assert "…" in error and TOKEN[:6].lower() not in error.lower(), words


async def no_post(_path: str, _fields: object) -> None:
    """Stand in for the request for a token, where there is a token."""
    raise AssertionError


NOT_TOKENS: Final[list[Any]] = [
    *(None, "", " ", 7, True, [TOKEN], {"value": TOKEN}),
    # No header can carry these; aiohttp's error would show them.
    *(f"{TOKEN}\r\nX-Evil: 1", f"{TOKEN}\n", f"{TOKEN} {TOKEN}", "ключ", "half \ud83d", "\0", "x" * 100_000),
]
# Answers of the token endpoint → what they mean.
ANSWERS: Final[list[tuple[int, Any, type[SmsMobileApiError]]]] = [
    (401, b"", InvalidCredentials),
    (401, b"<html></html>", InvalidCredentials),
    (401, {"error": "invalid_client", "error_description": "Authentication failed"}, InvalidCredentials),
    (400, {"error": "invalid_client"}, InvalidCredentials),
    (400, {"error": "unauthorized_client"}, InvalidCredentials),
    (400, {"error": "invalid_grant"}, InvalidCredentials),
    (400, {"error": "Invalid client"}, InvalidCredentials),
    (200, {"error": "invalid_client"}, InvalidCredentials),
    (200, {"result": {"error": 1}}, InvalidCredentials),
    (403, {}, InvalidCredentials),
    (200, {"result": {"error": "subscription_expire"}}, SubscriptionExpired),
    (400, {"error": "unsupported_grant_type"}, TokenRefused),
    (400, {"success": False, "error": "missing_client_id"}, TokenRefused),
    (200, {"success": False}, TokenRefused),
    (200, {"success": True}, NoToken),
    (200, {"token": TOKEN}, NoToken),
    (200, [TOKEN], NoToken),
    (200, TOKEN, NoToken),
    (200, b"access_token=" + TOKEN.encode(), NoToken),
    (200, b'{"access_token": "' + TOKEN.encode(), NoToken),
    (302, b"", NoToken),
    *((200, {"access_token": token, "expires_in": 3600}, NoToken) for token in NOT_TOKENS),
]


class TestNoToken:
    """Without a token the request itself is never made, so its outcome is always known."""

    # What a fault means for a send → what it means for the request for a token.
    OUTCOMES: Final[dict[Any, Any]] = {
        Refused: TokenRefused,
        OutcomeUnknown: NoToken,
        UnexpectedAnswer: NoToken,
    }

    @pytest.mark.parametrize("method", FOUR)
    async def test_each_fault_of_the_token_endpoint(self, bench: Bench, method: str) -> None:
        for kind, options, _, _, of_send in TABLE:
            outcome = self.OUTCOMES.get(of_send, of_send)
            bench.simulator.requests.clear()
            bench.account.sent.clear()
            bench.simulator.fault(TOKEN_PATH, kind, count=9, **options)
            if outcome is not None:
                with bench.short_timeout() if options is LATE else nullcontext():
                    await bench.fails(outcome, FOUR[method](bench.oauth_client), (kind, options))
                # A refused list of phones decides nothing, so `verify_credentials` asks twice.
                tries = 2 if outcome is TokenRefused and method == "verify" else 1
                assert paths(bench.simulator) == [TOKEN_PATH] * tries, (kind, options)
                assert not bench.account.sent, (kind, options)
                bench.simulator.faults.waiting.clear()
        # After the faults all is well again.
        await FOUR[method](bench.oauth_client)

    async def test_each_answer_that_is_no_token(self, bench: Bench) -> None:
        for status, answer, outcome in ANSWERS:
            bench.server.seen.clear()
            bench.server.answer(answer, status=status, headers={"Location": "/elsewhere/"})
            error = await bench.error_of(send(bench.oauth_server_client))
            assert type(error) is outcome, (status, answer)
            assert bench.server.paths == [TOKEN_PATH], (status, answer)
            assert outcome is not NoToken or error.code == "no_token"

    async def test_the_reason_is_passed_on(self, bench: Bench) -> None:
        bench.server.answer(
            {"error": "unsupported_grant_type", "error_description": "ask support"}, status=400
        )
        error = await bench.error_of(send(bench.oauth_server_client))
        assert (error.code, error.placeholders) == ("refused", {"reason": "ask support"})

    async def test_a_wrong_secret(self, bench: Bench) -> None:
        bench.account.client_id, bench.account.client_secret = CLIENT_ID, "another"
        client = SmsMobileApiClient(
            bench.session, ClientCredentials(CLIENT_ID, CLIENT_SECRET), bench.simulator.url
        )
        for method in METHODS.values():
            await bench.fails(InvalidCredentials, method(client))
        assert set(paths(bench.simulator)) == {TOKEN_PATH}

    async def test_a_token_that_ends_while_no_other_can_be_fetched(self, bench: Bench) -> None:
        """The request was refused, so it was not accepted."""
        await poll(bench.oauth_client)
        bench.account.revoke_tokens()
        bench.simulator.fault(TOKEN_PATH, "html")
        await bench.fails(NoToken, send(bench.oauth_client))
        assert not bench.account.sent

    async def test_all_requests_that_wait_for_a_token_get_the_same_error(self, bench: Bench) -> None:
        """If each waited for a timeout of its own, the last of twenty would wait ten minutes."""
        bench.simulator.fault(TOKEN_PATH, "html", taken=True)
        errors = await asyncio.gather(*(send(bench.oauth_client) for _ in range(20)), return_exceptions=True)
        assert {type(error) for error in errors} == {NoToken}
        assert len(bench.simulator.requests) == 1
        await send(bench.oauth_client)

    async def test_no_connection(self, bench: Bench) -> None:
        await bench.session.close()
        await bench.fails(NotReachable, send(bench.oauth_client))

    async def test_a_cancelled_request_stays_cancelled(self, bench: Bench) -> None:
        bench.simulator.fault(TOKEN_PATH, "hang_after")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await send(bench.oauth_client)
        await send(bench.oauth_client)

    async def test_two_accounts_do_not_share_tokens(self, bench: Bench) -> None:
        other = bench.simulator.add_account("k-other", client_id="other", client_secret="another")
        other_client = SmsMobileApiClient(
            bench.session, ClientCredentials("other", "another"), bench.simulator.url
        )
        await send(bench.oauth_client)
        await send(other_client)
        assert (len(other.sent), len(other.tokens)) == (1, 1)


# `expires_in` → after how many seconds the token is renewed: half a minute before its end, or a quarter of its lifetime where
# that is less. What can't be read is an hour.
LIFETIMES: Final[list[tuple[dict[str, Any], float]]] = [
    *to(3570, *field("expires_in", 3600, "3600", 3600.0, None, "", "soon", 0, "0", -5, True)),
    *to(3570, *field("expires_in", [60], {"seconds": 60}, 10**400, "1e999", float("nan"))),
    ({}, 3570),
    ({"expires_in": 86400}, 86370),
    ({"expires_in": 120}, 90),
    ({"expires_in": 100}, 75),
    ({"expires_in": 2}, 1.5),
    ({"expires_in": "2"}, 1.5),
]
REFUSALS: Final[list[tuple[int, Any]]] = [
    INVALID_TOKEN,
    (401, None),
    (403, {"success": False, "error": "invalid_apikey"}),
    (400, {"success": False, "error": "missing_apikey"}),
    (200, {"result": {"error": 1}}),
]


class TestLifetime:
    """A token is renewed before it ends, and once, for all requests, where it is refused before that."""

    async def test_a_token_is_renewed_before_it_ends(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock(monkeypatch)
        for answer, renewed_after in LIFETIMES:
            tokens = Tokens(bench.server, **answer)
            client = SmsMobileApiClient(
                bench.session, ClientCredentials(CLIENT_ID, CLIENT_SECRET), bench.server.url
            )
            await send(client)
            clock.now += renewed_after - 0.01
            await send(client)
            assert tokens.given == 1, answer
            clock.now += 0.02
            await send(client)
            assert tokens.used == ["t-1", "t-1", "t-2"], answer

    async def test_the_lifetime_begins_with_the_request(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While the answer is on its way, the token is ageing already."""
        clock, tokens = Clock(monkeypatch), Tokens(bench.server, expires_in=120)

        async def slow(request: web.Request) -> web.Response:
            if request.path == TOKEN_PATH:
                clock.now += 60
            return await tokens.handle(request)

        bench.server.handler = slow
        await send(bench.oauth_server_client)
        clock.now += 31
        await send(bench.oauth_server_client)
        assert tokens.given == 2

    async def test_twenty_requests_at_once_fetch_one_token_and_renew_it_once(self, bench: Bench) -> None:
        for sent in (20, 40):
            await asyncio.gather(*(send(bench.oauth_client) for _ in range(20)))
            assert paths(bench.simulator).count(TOKEN_PATH) == 1
            assert len(bench.account.sent) == sent
            bench.account.revoke_tokens()
            bench.simulator.requests.clear()

    async def test_a_refused_token_is_renewed_and_the_request_repeated_once(self, bench: Bench) -> None:
        await send(bench.oauth_client)
        bench.account.revoke_tokens()
        await send(bench.oauth_client)
        assert paths(bench.simulator) == [TOKEN_PATH, "/sendsms/", "/sendsms/", TOKEN_PATH, "/sendsms/"]
        # A refused request was not accepted: nothing was sent twice.
        assert len(bench.account.sent) == 2

    async def test_each_format_of_the_refusal(self, bench: Bench) -> None:
        lists: dict[str, Any] = {
            "/getsms/": [],
            "/gateway/mobile/list/": {"success": True, "items": [{"sid": "a"}]},
        }
        for refusal in REFUSALS:
            for method in FOUR.values():
                tokens = Tokens(bench.server)
                tokens.valid, tokens.refusal = {"t-2"}, refusal

                async def answer(request: web.Request, tokens: Tokens = tokens) -> web.Response:
                    answer = await tokens.handle(request)
                    if answer.status != 200 or tokens.used[-1:] != ["t-2"]:
                        return answer
                    return web.json_response(lists.get(request.path, SENT))

                bench.server.handler = answer
                client = SmsMobileApiClient(
                    bench.session, ClientCredentials(CLIENT_ID, CLIENT_SECRET), bench.server.url
                )
                await method(client)
                assert tokens.used == ["t-1", "t-2"], refusal
                tokens = Tokens(bench.server)
                tokens.valid, tokens.refusal = set(), refusal
                client = SmsMobileApiClient(
                    bench.session, ClientCredentials(CLIENT_ID, CLIENT_SECRET), bench.server.url
                )
                # A second refusal is final.
                await bench.fails(InvalidCredentials, method(client), refusal)
                assert (tokens.used, tokens.given) == (["t-1", "t-2"], 2), refusal

    async def test_a_key_is_not_tried_twice(self, bench: Bench) -> None:
        bench.server.answer({"error": "invalid_apikey"}, status=403)
        await bench.fails(InvalidCredentials, send(bench.server_client))
        assert len(bench.server.seen) == 1

    async def test_a_late_refusal_of_the_old_token_does_not_invalidate_the_new_one(
        self, bench: Bench
    ) -> None:
        tokens = Tokens(bench.server)
        late, renewed = asyncio.Event(), asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            if request.path == "/resend/" and tokens.used[-1] == "t-1":
                late.set()
                await renewed.wait()
            return await tokens.handle(request)

        bench.server.handler = answer
        await send(bench.oauth_server_client)
        tokens.valid = {"t-2"}
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.oauth_server_client.resend_message("a", Channel.SMS))
            await late.wait()
            await send(bench.oauth_server_client)
            renewed.set()
        assert tokens.given == 2

    async def test_a_cancelled_renewal_is_made_by_the_next_request(self, bench: Bench) -> None:
        """And an error from before it is forgotten by then."""
        bench.server.answer(b"<html></html>")
        await bench.error_of(send(bench.oauth_server_client))
        tokens = Tokens(bench.server)
        asked = asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            if request.path == TOKEN_PATH and not asked.is_set():
                asked.set()
                await bench.server.stopping.wait()
            return await tokens.handle(request)

        bench.server.handler = answer
        first = asyncio.ensure_future(send(bench.oauth_server_client))
        await asked.wait()
        second = asyncio.ensure_future(send(bench.oauth_server_client))
        await asyncio.sleep(0.05)
        first.cancel()
        async with asyncio.timeout(5):
            await second
        assert first.cancelled()

    async def test_an_account_that_was_removed(self, bench: Bench) -> None:
        for dialect in DIALECTS:
            bench.account.state, bench.account.refusal_format = "good", dialect
            await send(bench.oauth_client)
            bench.account.state = "unknown"
            await bench.fails(InvalidCredentials, send(bench.oauth_client))
