"""How long a token is used: renewed before it ends, and once, for all who need it, where it is refused before that."""

import asyncio
from typing import Any, Final, get_args

from aiohttp import web
import pytest

from custom_components.smsmobileapi.api import Channel, InvalidCredentials, SmsMobileApiClient
from simulator import Account, Simulator
from simulator.account import Dialect

from .conftest import FailureOf
from .methods import METHODS
from .tokens import INVALID_TOKEN, SENT, TOKEN_PATH, Clock, Tokens, paths
from .wire import Wire

REFUSALS: Final[list[tuple[int, Any]]] = [
    INVALID_TOKEN,
    (401, None),
    (403, {"success": False, "error": "invalid_apikey"}),
    (400, {"success": False, "error": "missing_apikey"}),
    (200, {"result": {"error": 1}}),
]


class TestLife:
    async def test_one_token_for_many_requests(
        self, oauth_client: SmsMobileApiClient, simulator: Simulator
    ) -> None:
        for method in METHODS.values():
            await method(oauth_client)
        assert paths(simulator).count(TOKEN_PATH) == 1

    @pytest.mark.parametrize(
        ("life", "renewed_after"),
        [
            # Half a minute before its end, or a quarter of its life where that is less.
            (3600, 3570),
            ("3600", 3570),
            (3600.0, 3570),
            (86400, 86370),
            (120, 90),
            (100, 75),
            (2, 1.5),
            ("2", 1.5),
            # What can't be read is an hour.
            (None, 3570),
            ("", 3570),
            ("soon", 3570),
            (0, 3570),
            ("0", 3570),
            (-5, 3570),
            (True, 3570),
            ([60], 3570),
            ({"seconds": 60}, 3570),
            (10**400, 3570),
            ("1e999", 3570),
            (float("nan"), 3570),
        ],
        ids=repr,
    )
    async def test_a_token_is_renewed_before_it_ends(
        self,
        wire: Wire,
        oauth_wired: SmsMobileApiClient,
        monkeypatch: pytest.MonkeyPatch,
        life: object,
        renewed_after: float,
    ) -> None:
        clock, tokens = Clock(monkeypatch), Tokens(wire, expires_in=life)
        await METHODS["sms"](oauth_wired)
        clock.now += renewed_after - 0.01
        await METHODS["sms"](oauth_wired)
        assert tokens.given == 1
        clock.now += 0.02
        await METHODS["sms"](oauth_wired)
        assert tokens.used == ["t-1", "t-1", "t-2"]

    async def test_a_life_that_is_not_told_is_an_hour(
        self, wire: Wire, oauth_wired: SmsMobileApiClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock, tokens = Clock(monkeypatch), Tokens(wire)
        await METHODS["sms"](oauth_wired)
        clock.now += 3569
        await METHODS["sms"](oauth_wired)
        assert tokens.given == 1
        clock.now += 2
        await METHODS["sms"](oauth_wired)
        assert tokens.given == 2

    async def test_the_time_of_the_request_counts(
        self, wire: Wire, oauth_wired: SmsMobileApiClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A token that was long on its way has begun to age at the other end."""
        clock, tokens = Clock(monkeypatch), Tokens(wire, expires_in=120)

        async def slow(request: web.Request) -> web.Response:
            if request.path == TOKEN_PATH:
                clock.now += 60
            return await tokens.handle(request)

        wire.handler = slow
        await METHODS["sms"](oauth_wired)
        clock.now += 31
        await METHODS["sms"](oauth_wired)
        assert tokens.given == 2

    async def test_tokens_that_live_two_seconds(
        self, oauth_client: SmsMobileApiClient, simulator: Simulator, service_account: Account
    ) -> None:
        """In real time; no request is ever refused for it, as each token is renewed half a second before its end."""
        service_account.token_seconds = 2
        for _ in range(8):
            await METHODS["sms"](oauth_client)
            await asyncio.sleep(0.5)
        assert len(service_account.sent) == 8
        assert paths(simulator).count("/sendsms/") == 8
        assert 2 <= paths(simulator).count(TOKEN_PATH) <= 4

    async def test_twenty_at_once_fetch_one_token(
        self, oauth_client: SmsMobileApiClient, simulator: Simulator, service_account: Account
    ) -> None:
        await asyncio.gather(*(METHODS["sms"](oauth_client) for _ in range(20)))
        assert paths(simulator).count(TOKEN_PATH) == 1
        assert len(service_account.sent) == 20


class TestRenewal:
    """A token may end whenever it pleases the service."""

    async def test_a_token_that_ends_in_the_middle(
        self, oauth_client: SmsMobileApiClient, simulator: Simulator, service_account: Account
    ) -> None:
        await METHODS["sms"](oauth_client)
        service_account.revoke_tokens()
        await METHODS["sms"](oauth_client)
        assert paths(simulator) == [TOKEN_PATH, "/sendsms/", "/sendsms/", TOKEN_PATH, "/sendsms/"]
        # Refused is not taken: nothing was sent twice.
        assert len(service_account.sent) == 2

    @pytest.mark.parametrize("refusal", REFUSALS, ids=repr)
    @pytest.mark.parametrize("method", METHODS)
    async def test_a_refusal_in_any_dialect(
        self, wire: Wire, oauth_wired: SmsMobileApiClient, method: str, refusal: tuple[int, Any]
    ) -> None:
        tokens = Tokens(wire)
        tokens.good, tokens.refusal = {"t-2"}, refusal

        async def answer(request: web.Request) -> web.Response:
            answer = await tokens.handle(request)
            if answer.status != 200 or tokens.used[-1:] != ["t-2"]:
                return answer
            return web.json_response(
                {"/getsms/": [], "/gateway/mobile/list/": {"success": True, "items": [{"sid": "a"}]}}.get(
                    request.path, SENT
                )
            )

        wire.handler = answer
        await METHODS[method](oauth_wired)
        assert tokens.used == ["t-1", "t-2"]

    @pytest.mark.parametrize("refusal", REFUSALS, ids=repr)
    async def test_a_second_refusal_is_the_last_word(
        self, wire: Wire, oauth_wired: SmsMobileApiClient, failure_of: FailureOf, refusal: tuple[int, Any]
    ) -> None:
        tokens = Tokens(wire)
        tokens.good, tokens.refusal = set(), refusal
        assert type(await failure_of(METHODS["sms"](oauth_wired))) is InvalidCredentials
        assert tokens.used == ["t-1", "t-2"]
        assert tokens.given == 2

    async def test_a_key_is_not_tried_twice(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf
    ) -> None:
        wire.say({"error": "invalid_apikey"}, status=403)
        assert type(await failure_of(METHODS["sms"](wired))) is InvalidCredentials
        assert len(wire.seen) == 1

    async def test_twenty_at_once_renew_once(
        self, oauth_client: SmsMobileApiClient, simulator: Simulator, service_account: Account
    ) -> None:
        await METHODS["sms"](oauth_client)
        service_account.revoke_tokens()
        simulator.requests.clear()
        await asyncio.gather(*(METHODS["sms"](oauth_client) for _ in range(20)))
        assert paths(simulator).count(TOKEN_PATH) == 1
        assert len(service_account.sent) == 21

    async def test_a_late_refusal_costs_no_other_token(
        self, wire: Wire, oauth_wired: SmsMobileApiClient
    ) -> None:
        """It is of the old token: the new one, which another request has fetched by then, is used."""
        tokens = Tokens(wire)
        late, renewed = asyncio.Event(), asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            if request.path == "/resend/" and tokens.used[-1] == "t-1":
                late.set()
                await renewed.wait()
            return await tokens.handle(request)

        wire.handler = answer
        await METHODS["sms"](oauth_wired)
        tokens.good = {"t-2"}
        async with asyncio.TaskGroup() as group:
            group.create_task(oauth_wired.resend_message("a", Channel.SMS))
            await late.wait()
            await METHODS["sms"](oauth_wired)
            renewed.set()
        assert tokens.given == 2

    async def test_a_renewal_that_is_cancelled_is_another_ones_to_make(
        self, wire: Wire, oauth_wired: SmsMobileApiClient, failure_of: FailureOf
    ) -> None:
        """And what went wrong before it is over by then."""
        wire.say(b"<html></html>")
        await failure_of(METHODS["sms"](oauth_wired))
        tokens = Tokens(wire)
        asked = asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            if request.path == TOKEN_PATH and not asked.is_set():
                asked.set()
                await wire.stopping.wait()
            return await tokens.handle(request)

        wire.handler = answer
        first = asyncio.ensure_future(METHODS["sms"](oauth_wired))
        await asked.wait()
        second = asyncio.ensure_future(METHODS["sms"](oauth_wired))
        await asyncio.sleep(0.05)
        first.cancel()
        async with asyncio.timeout(5):
            await second
        assert first.cancelled()

    @pytest.mark.parametrize("dialect", get_args(Dialect.__value__))
    async def test_an_account_that_is_no_more(
        self,
        oauth_client: SmsMobileApiClient,
        service_account: Account,
        failure_of: FailureOf,
        dialect: Dialect,
    ) -> None:
        service_account.dialect = dialect
        await METHODS["sms"](oauth_client)
        service_account.state = "unknown"
        assert type(await failure_of(METHODS["sms"](oauth_client))) is InvalidCredentials
