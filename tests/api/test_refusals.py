"""The service's two dialects of no, and what of its reasons may be passed on."""

import contextlib
from datetime import UTC
import math
from typing import Any, get_args

import aiohttp
import pytest

from custom_components.smsmobileapi.api import (
    ApiKey,
    Channel,
    InvalidCredentials,
    OutcomeUnknown,
    PhoneOffline,
    RateLimited,
    Refused,
    SendRequest,
    SmsMobileApiClient,
    SmsMobileApiError,
    SubscriptionExpired,
    UnexpectedAnswer,
)
from simulator import Account, Simulator
from simulator.account import Dialect, State
from simulator.dresses import ErrorDress

from .conftest import FailureOf
from .methods import METHODS, OTHERS
from .secrecy import NUMBER, TEXT
from .wire import Wire

DIALECTS = get_args(Dialect.__value__)
ERROR_DRESSES = get_args(ErrorDress.__value__)

# state of the account → prove, poll, send. An unknown key has no messages, and no error either.
STATES: dict[State, tuple[type[SmsMobileApiError] | None, ...]] = {
    "good": (None, None, None),
    "unknown": (InvalidCredentials, None, InvalidCredentials),
    "expired": (SubscriptionExpired, SubscriptionExpired, SubscriptionExpired),
    "limited": (RateLimited, RateLimited, RateLimited),
}


class TestStates:
    @pytest.mark.parametrize("dress", ERROR_DRESSES)
    @pytest.mark.parametrize("dialect", DIALECTS)
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("state", STATES)
    async def test_every_state_in_both_dialects(
        self,
        client: SmsMobileApiClient,
        service_account: Account,
        failure_of: FailureOf,
        state: State,
        dialect: Dialect,
        dress: ErrorDress,
        method: str,
    ) -> None:
        service_account.state, service_account.dialect, service_account.error_dress = state, dialect, dress
        service_account.retry_after = 17
        prove, poll, send = STATES[state]
        expected = {"prove": prove, "poll": poll, "sms": send, "whatsapp": send}[method]
        if expected is None:
            await METHODS[method](client)
            return
        error = await failure_of(METHODS[method](client))
        assert type(error) is expected
        if isinstance(error, RateLimited):
            assert error.retry_after == 17
            assert error.placeholders == {"seconds": "17"}
        assert not service_account.sent

    @pytest.mark.parametrize("dialect", DIALECTS)
    @pytest.mark.parametrize("method", ["prove", "sms", "whatsapp"])
    async def test_a_key_that_no_account_has(
        self,
        session: aiohttp.ClientSession,
        simulator: Simulator,
        failure_of: FailureOf,
        dialect: Dialect,
        method: str,
    ) -> None:
        simulator.dialect = dialect
        client = SmsMobileApiClient(session, ApiKey("another"), simulator.url)
        assert type(await failure_of(METHODS[method](client))) is InvalidCredentials

    @pytest.mark.parametrize("method", METHODS)
    async def test_the_pace(
        self, client: SmsMobileApiClient, service_account: Account, failure_of: FailureOf, method: str
    ) -> None:
        service_account.requests_per_minute = 1
        await METHODS[method](client)
        error = await failure_of(METHODS[method](client))
        assert isinstance(error, RateLimited)
        assert 1 <= error.retry_after <= 60

    @pytest.mark.parametrize("dress", ERROR_DRESSES)
    @pytest.mark.parametrize("channel", Channel)
    async def test_no_phone_is_online(
        self,
        client: SmsMobileApiClient,
        service_account: Account,
        failure_of: FailureOf,
        channel: Channel,
        dress: ErrorDress,
    ) -> None:
        """However the error is written (API.md: a number, a numeric string or a word)."""
        service_account.error_dress = dress
        service_account.phones[0].online = False
        error = await failure_of(
            client.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=channel))
        )
        assert type(error) is PhoneOffline
        assert error.code == "phone_offline"
        assert not service_account.sent

    @pytest.mark.parametrize("dress", ERROR_DRESSES)
    @pytest.mark.parametrize("sent", ["0", "no"])
    async def test_a_message_that_is_not_accepted(
        self,
        client: SmsMobileApiClient,
        service_account: Account,
        failure_of: FailureOf,
        dress: ErrorDress,
        sent: Any,
    ) -> None:
        service_account.error_dress, service_account.refused_sent = dress, sent
        service_account.whatsapp_numbers = set()
        error = await failure_of(
            client.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=Channel.WHATSAPP))
        )
        assert type(error) is Refused
        assert error.reason == str(error) == "number is not on WhatsApp"
        assert error.placeholders == {"reason": "number is not on WhatsApp"}


# The answer to a send → its error.
ANSWERS: list[tuple[int, Any, type[SmsMobileApiError]]] = [
    (200, {"result": {"error": 1}}, InvalidCredentials),
    (200, {"result": {"error": "1"}}, InvalidCredentials),
    (200, {"result": {"error": " 1 "}}, InvalidCredentials),
    (200, {"result": {"error": 2}}, PhoneOffline),
    (200, {"result": {"error": "2", "note": "mobile is not connected"}}, PhoneOffline),
    (200, {"result": {"error": "subscription_expire"}}, SubscriptionExpired),
    (200, {"result": {"error": "Subscription_Expire"}}, SubscriptionExpired),
    (200, {"result": {"error": 3, "note": "no"}}, Refused),
    (200, {"result": {"error": "weird"}}, Refused),
    (200, {"result": {"error": 0, "sent": "0", "note": "no"}}, Refused),
    (200, {"result": {"error": 0, "sent": 0}}, Refused),
    (200, {"result": {"error": 0, "sent": False}}, Refused),
    (200, {"result": {"error": 0, "sent": "No"}}, Refused),
    (200, {"result": {"sent": "0", "note": None}}, Refused),
    (200, {"result": {"error": 0, "sent": "0", "note": "mobile is not connected to WhatsApp"}}, Refused),
    (200, {"success": True, "sent": "0"}, Refused),
    (400, {"error": {"message": "no credit"}}, Refused),
    (400, {"error": ["no credit"]}, Refused),
    # Not accepted stays that when there is an id.
    (200, {"result": {"error": 0, "sent": "0", "id": "c319d3b35e8f"}}, Refused),
    (200, {"success": False, "error": "api_expired"}, SubscriptionExpired),
    (200, {"success": False, "error": "invalid_apikey"}, InvalidCredentials),
    (200, {"success": False}, Refused),
    (200, {"success": False, "error": 0}, Refused),
    (200, {"error": "missing_apikey"}, InvalidCredentials),
    (403, {"success": False, "error": "api_expired"}, SubscriptionExpired),
    (403, {}, InvalidCredentials),
    (403, {"result": {"error": "subscription_expire"}}, SubscriptionExpired),
    (400, {"success": False, "error": "bad_recipient"}, Refused),
    (422, {"error": "bad_recipient"}, Refused),
    (400, {}, UnexpectedAnswer),
    (429, {"success": False, "error": "invalid_apikey"}, RateLimited),
    (500, {"success": False, "error": "server_error", "detail": "…"}, OutcomeUnknown),
    # What 5xx says beside is worth more than the number.
    (500, {"success": False, "error": "api_expired"}, SubscriptionExpired),
    # Accepted, but which one? Looking it up is the caller's business.
    (200, {"result": {"error": 0, "sent": "1"}}, OutcomeUnknown),
    (200, {"result": {"error": 0, "sent": "1", "id": None}}, OutcomeUnknown),
    (200, {"result": {"error": 0, "sent": "1", "id": " "}}, OutcomeUnknown),
    (200, {"result": {"error": 0, "sent": "1", "id": True}}, OutcomeUnknown),
    (200, {"result": {"error": 0, "sent": "1", "id": ["a"]}}, OutcomeUnknown),
    (200, {"result": {}}, OutcomeUnknown),
    (200, {"result": []}, OutcomeUnknown),
    (200, {"result": "ok"}, OutcomeUnknown),
    (200, {"success": True}, OutcomeUnknown),
    (200, {}, OutcomeUnknown),
    (200, [], UnexpectedAnswer),
    (200, "ok", UnexpectedAnswer),
]


@pytest.mark.parametrize(("status", "answer", "expected"), ANSWERS)
async def test_the_answer_to_a_send(
    wire: Wire,
    wired: SmsMobileApiClient,
    failure_of: FailureOf,
    status: int,
    answer: Any,
    expected: type[SmsMobileApiError],
) -> None:
    wire.say(answer, status=status)
    assert type(await failure_of(METHODS["sms"](wired))) is expected


async def test_a_note_of_a_message_that_was_taken_is_no_refusal(
    wire: Wire, wired: SmsMobileApiClient
) -> None:
    """It is sent once the phone is back: whoever takes it for refused sends it twice."""
    note = "mobile is offline, will be sent later"
    wire.say({"result": {"error": 0, "sent": "1", "id": "c319d3b35e8f", "note": note}})
    await METHODS["sms"](wired)


@pytest.mark.parametrize("nested", [b"[" * 60_000 + b"]" * 60_000, b'{"a":' * 60_000 + b"1" + b"}" * 60_000])
@pytest.mark.parametrize(
    "frame",
    [
        b'{"error": %b}',
        b'{"result": %b}',
        b'{"success": true, "items": %b}',
        b'{"connected_now": %b, "items": [{"sid": 1}]}',
        b'{"rows": [{"number": 1, "duration_sec": %b}]}',
    ],
)
@pytest.mark.parametrize("method", [*METHODS, *OTHERS])
async def test_no_depth_is_too_deep(
    wire: Wire, wired: SmsMobileApiClient, method: str, frame: bytes, nested: bytes
) -> None:
    """As deep as the parser goes: what reads the answer must not be the one to fail."""
    wire.say(frame % nested)
    with contextlib.suppress(SmsMobileApiError):
        await (METHODS | OTHERS)[method](wired)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        ("120", 120),
        (None, 60),
        ("", 60),
        ("-5", 60),
        ("1.5", 60),
        ("soon", 60),
        ("inf", 60),
        ("1e9", 60),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 60),
    ],
)
async def test_how_long_to_wait(
    wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, header: str | None, seconds: float
) -> None:
    wire.say({}, status=429, headers={} if header is None else {"Retry-After": header})
    error = await failure_of(METHODS["poll"](wired))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


@pytest.mark.parametrize("header", ["9" * 400, "9" * 11], ids=len)
async def test_no_wait_is_forever(
    wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, header: str
) -> None:
    """The poll waits as long as it is told: one odd header must not end it."""
    wire.say({}, status=429, headers={"Retry-After": header})
    error = await failure_of(METHODS["poll"](wired))
    assert isinstance(error, RateLimited)
    assert math.isfinite(error.retry_after)
    assert error.retry_after <= 24 * 60 * 60


async def test_a_quiet_refusal_of_a_poll_is_an_error(
    wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf
) -> None:
    """An ended subscription must not look like a quiet day."""
    wire.say({"result": {"error": "subscription_expire", "sms": []}})
    error = await failure_of(wired.received_messages(after=None, zone=UTC))
    assert type(error) is SubscriptionExpired
