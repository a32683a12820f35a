"""When no token is to be had: the request itself was never made, so its outcome is known whatever happened."""

import asyncio
from contextlib import nullcontext
from typing import Any, Final

import aiohttp
import pytest

from custom_components.smsmobileapi.api import (
    ClientCredentials,
    InvalidCredentials,
    NoToken,
    NotReachable,
    OutcomeUnknown,
    RateLimited,
    SmsMobileApiClient,
    SmsMobileApiError,
    SubscriptionExpired,
    TokenRefused,
)
from simulator import Account, Simulator
from simulator.faults import KINDS

from .conftest import FailureOf, Impatient
from .methods import METHODS
from .secrecy import CLIENT_ID, CLIENT_SECRET, TOKEN
from .test_faults import LATE
from .wire import Wire

TOKEN_PATH: Final = "/oauth2/token"

FAULTS: Final[list[tuple[str, dict[str, Any], type[SmsMobileApiError] | None]]] = [
    ("status", {"status": 400}, TokenRefused),
    ("status", {"status": 401}, InvalidCredentials),
    ("status", {"status": 403}, InvalidCredentials),
    ("status", {"status": 400, "error": "invalid_client"}, InvalidCredentials),
    ("status", {"status": 403, "error": "api_expired"}, SubscriptionExpired),
    ("status", {"status": 404}, TokenRefused),
    ("status", {"status": 429, "retry_after": 7}, RateLimited),
    ("status", {"status": 500}, NoToken),
    ("status", {"status": 502}, NoToken),
    ("status", {"status": 503}, NotReachable),
    ("html", {}, NoToken),
    ("html", {"taken": True}, NoToken),
    ("html", {"status": 403}, NoToken),
    ("html", {"status": 404}, NoToken),
    ("html", {"status": 500}, NoToken),
    ("empty", {}, NoToken),
    ("empty", {"status": 302}, NoToken),
    ("nonsense", {}, NoToken),
    ("nonsense", {"body": {}}, NoToken),
    ("nonsense", {"body": None}, NoToken),
    ("nonsense", {"body": {"access_token": TOKEN}, "status": 201}, NoToken),
    ("big", {"mib": 1}, NoToken),
    ("big", {"mib": 9}, NoToken),
    ("cut", {}, NoToken),
    ("drop_before", {}, NoToken),
    ("drop_after", {}, NoToken),
    ("hang_after", LATE, NoToken),
    ("delay", LATE, NoToken),
    ("delay", {"seconds": 0.01}, None),
]

# Answers of the token endpoint → what they mean.
ANSWERS: Final[list[tuple[int, Any, type[SmsMobileApiError]]]] = [
    (401, b"", InvalidCredentials),
    (401, b"<html></html>", InvalidCredentials),
    (
        401,
        {"error": "invalid_client", "error_description": "Client authentication failed"},
        InvalidCredentials,
    ),
    (400, {"error": "invalid_client"}, InvalidCredentials),
    (400, {"error": "unauthorized_client"}, InvalidCredentials),
    (400, {"error": "invalid_grant"}, InvalidCredentials),
    (400, {"error": "Invalid client"}, InvalidCredentials),
    (200, {"error": "invalid_client"}, InvalidCredentials),
    (200, {"result": {"error": 1}}, InvalidCredentials),
    (403, {"error": "invalid_client"}, InvalidCredentials),
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
    *(
        (200, {"access_token": token, "expires_in": 3600}, NoToken)
        for token in (
            None,
            "",
            " ",
            7,
            True,
            [TOKEN],
            {"value": TOKEN},
            # What no header can carry; aiohttp's error would show it.
            f"{TOKEN}\r\nX-Evil: 1",
            f"{TOKEN}\n",
            f"{TOKEN} {TOKEN}",
            "ключ",
            "half \ud83d",
            "\0",
            "x" * 100_000,
        )
    ),
]


def test_every_fault_of_the_simulator_is_in_the_table() -> None:
    assert {kind for kind, *_ in FAULTS} == set(KINDS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("kind", "options", "outcome"), FAULTS, ids=str)
async def test_a_broken_token_endpoint(
    oauth_client: SmsMobileApiClient,
    simulator: Simulator,
    service_account: Account,
    failure_of: FailureOf,
    impatient: Impatient,
    kind: str,
    options: dict[str, Any],
    outcome: type[SmsMobileApiError] | None,
    method: str,
) -> None:
    simulator.fault(TOKEN_PATH, kind, count=9, **options)
    if outcome is None:
        await METHODS[method](oauth_client)
        return
    with impatient() if options is LATE else nullcontext():
        error = await failure_of(METHODS[method](oauth_client))
    assert type(error) is outcome
    assert not isinstance(error, OutcomeUnknown)
    # A list of phones that is refused proves nothing, so the proof asks twice.
    asks = 2 if outcome is TokenRefused and method == "prove" else 1
    assert [request.path for request in simulator.requests] == [TOKEN_PATH] * asks
    assert not service_account.sent
    # What is over is over.
    simulator.faults.waiting.clear()
    await METHODS[method](oauth_client)


@pytest.mark.parametrize(("status", "answer", "outcome"), ANSWERS, ids=lambda value: repr(value)[:60])
async def test_what_is_no_token(
    wire: Wire,
    oauth_wired: SmsMobileApiClient,
    failure_of: FailureOf,
    status: int,
    answer: Any,
    outcome: type[SmsMobileApiError],
) -> None:
    wire.say(answer, status=status)
    error = await failure_of(METHODS["sms"](oauth_wired))
    assert type(error) is outcome
    assert [seen.path for seen in wire.seen] == [TOKEN_PATH]


async def test_that_no_token_came_is_told_apart_from_no_connection(
    wire: Wire, oauth_wired: SmsMobileApiClient, failure_of: FailureOf
) -> None:
    wire.say(b"<html></html>")
    error = await failure_of(METHODS["sms"](oauth_wired))
    assert (error.code, NotReachable.code) == ("no_token", "cannot_connect")


async def test_the_reason_is_passed_on(
    wire: Wire, oauth_wired: SmsMobileApiClient, failure_of: FailureOf
) -> None:
    wire.say({"error": "unsupported_grant_type", "error_description": "ask support"}, status=400)
    error = await failure_of(METHODS["sms"](oauth_wired))
    assert (error.code, error.placeholders) == ("refused", {"reason": "ask support"})


async def test_a_wrong_secret(
    session: aiohttp.ClientSession, simulator: Simulator, service_account: Account, failure_of: FailureOf
) -> None:
    service_account.client_id, service_account.client_secret = CLIENT_ID, "another"
    client = SmsMobileApiClient(session, ClientCredentials(CLIENT_ID, CLIENT_SECRET), simulator.url)
    for method in METHODS.values():
        assert type(await failure_of(method(client))) is InvalidCredentials
    assert {request.path for request in simulator.requests} == {TOKEN_PATH}


async def test_a_token_that_ends_while_no_other_is_to_be_had(
    oauth_client: SmsMobileApiClient, simulator: Simulator, service_account: Account, failure_of: FailureOf
) -> None:
    """The request was refused, so it was not taken."""
    await METHODS["poll"](oauth_client)
    service_account.revoke_tokens()
    simulator.fault(TOKEN_PATH, "html")
    assert type(await failure_of(METHODS["sms"](oauth_client))) is NoToken
    assert not service_account.sent


async def test_a_failure_is_one_for_all_who_wait(
    oauth_client: SmsMobileApiClient, simulator: Simulator, failure_of: FailureOf
) -> None:
    """Were each to wait for a time limit of its own, the last of twenty would wait ten minutes."""
    simulator.fault(TOKEN_PATH, "html", taken=True)
    errors = await asyncio.gather(*(METHODS["sms"](oauth_client) for _ in range(20)), return_exceptions=True)
    assert {type(error) for error in errors} == {NoToken}
    assert len(simulator.requests) == 1
    await METHODS["sms"](oauth_client)


async def test_an_address_where_nobody_is(
    session: aiohttp.ClientSession, credentials: ClientCredentials, failure_of: FailureOf
) -> None:
    client = SmsMobileApiClient(session, credentials, "https://sms.invalid:1")
    assert type(await failure_of(METHODS["sms"](client))) is NotReachable


async def test_a_closed_session(
    session: aiohttp.ClientSession, oauth_client: SmsMobileApiClient, failure_of: FailureOf
) -> None:
    await session.close()
    assert type(await failure_of(METHODS["sms"](oauth_client))) is NotReachable


async def test_giving_up_is_no_error_of_the_service(
    oauth_client: SmsMobileApiClient, simulator: Simulator
) -> None:
    simulator.fault(TOKEN_PATH, "hang_after")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await METHODS["sms"](oauth_client)
    await METHODS["sms"](oauth_client)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(
    wire: Wire, oauth_wired: SmsMobileApiClient, failure_of: FailureOf, status: int
) -> None:
    wire.say(b"", status=status, headers={"Location": "/elsewhere/"})
    assert type(await failure_of(METHODS["sms"](oauth_wired))) is NoToken
    assert [seen.path for seen in wire.seen] == [TOKEN_PATH]


async def test_two_accounts_do_not_share_tokens(
    session: aiohttp.ClientSession, oauth_client: SmsMobileApiClient, simulator: Simulator
) -> None:
    other = simulator.add_account("k-other", client_id="other", client_secret="another")
    others = SmsMobileApiClient(session, ClientCredentials("other", "another"), simulator.url)
    await METHODS["sms"](oauth_client)
    await METHODS["sms"](others)
    assert len(other.sent) == 1
    assert len(other.tokens) == 1
