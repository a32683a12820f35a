"""How the service refuses, in its two formats, and the reasons that are passed on: they repeat nothing of what we sent."""

from collections.abc import Callable
import html
import re
from typing import Any, Final
from urllib.parse import quote, quote_plus

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
from simulator.account import CHOICES
from tests.conftest import KEY

from .conftest import Bench
from .methods import METHODS, SMS, WHATSAPP, each, poll, send
from .secrecy import BARE, CODE, NUMBER, SID, TEXT, secrets_in

FORMATS: Final[dict[str, Any]] = dict(CHOICES)
MEDIA: Final = "https://home.example.net/api/smsmobileapi/media/Zk3-9f_a1QvW77?size=small"
# State of the account → what each method raises. An unknown key has no messages, and no error either.
STATES: Final[dict[Any, tuple[type[SmsMobileApiError] | None, ...]]] = {
    "good": (None, None, None),
    "unknown": (InvalidCredentials, None, InvalidCredentials),
    "expired": (SubscriptionExpired, SubscriptionExpired, SubscriptionExpired),
    "limited": (RateLimited, RateLimited, RateLimited),
}


class TestStates:
    @pytest.mark.parametrize("dialect", FORMATS["refusal_format"])
    @pytest.mark.parametrize("state", STATES)
    async def test_each_state_in_both_formats(self, bench: Bench, state: Any, dialect: Any) -> None:
        bench.account.state, bench.account.refusal_format = state, dialect
        bench.account.retry_after = 17
        verify, polled, sent = STATES[state]
        for bench.account.error_format in FORMATS["error_format"]:
            for method, outcome in (("verify", verify), ("poll", polled), ("sms", sent), ("whatsapp", sent)):
                if outcome is None:
                    await METHODS[method](bench.client)
                    continue
                error = await bench.error_of(METHODS[method](bench.client))
                assert type(error) is outcome, (bench.account.error_format, method)
                if isinstance(error, RateLimited):
                    assert (error.retry_after, error.placeholders) == (17, {"seconds": "17"})
        assert bool(bench.account.sent) is (state == "good")
        bench.simulator.refusal_format = dialect
        unknown = SmsMobileApiClient(bench.session, ApiKey("another"), bench.simulator.url)
        for method in ("verify", "sms", "whatsapp"):
            await bench.fails(InvalidCredentials, METHODS[method](unknown))

    async def test_too_many_requests(self, bench: Bench) -> None:
        bench.account.requests_per_minute = 1
        await poll(bench.client)
        error = await bench.error_of(send(bench.client))
        assert isinstance(error, RateLimited)
        assert 1 <= error.retry_after <= 60

    async def test_no_phone_is_online_and_a_message_that_is_not_accepted(self, bench: Bench) -> None:
        """However the error is written (API.md: a number, a numeric string or a word)."""
        for bench.account.error_format in FORMATS["error_format"]:
            bench.account.phones[0].online, bench.account.whatsapp_numbers = False, None
            for message in (SMS, WHATSAPP):
                error = await bench.error_of(bench.client.send_message(message))
                assert (type(error), error.code) == (PhoneOffline, "phone_offline")
            bench.account.phones[0].online = True
            bench.account.whatsapp_numbers = set()
            for bench.account.refused_sent in FORMATS["refused_sent"]:
                error = await bench.error_of(bench.client.send_message(WHATSAPP))
                assert type(error) is Refused
                assert error.reason == str(error) == "number is not on WhatsApp"
                assert error.placeholders == {"reason": "number is not on WhatsApp"}
        assert not bench.account.sent


# The answer to a send → its error.
ANSWERS: Final[list[tuple[int, Any, type[SmsMobileApiError]]]] = [
    *((200, {"result": {"error": error}}, InvalidCredentials) for error in (1, "1", " 1 ")),
    (200, {"result": {"error": 2}}, PhoneOffline),
    (200, {"result": {"error": "2", "note": "mobile is not connected"}}, PhoneOffline),
    (200, {"result": {"error": "subscription_expire"}}, SubscriptionExpired),
    (200, {"result": {"error": "Subscription_Expire"}}, SubscriptionExpired),
    (200, {"result": {"error": 3, "note": "no"}}, Refused),
    (200, {"result": {"error": "weird"}}, Refused),
    *((200, {"result": {"error": 0, "sent": sent}}, Refused) for sent in ("0", 0, False, "No")),
    (200, {"result": {"sent": "0", "note": None}}, Refused),
    (200, {"result": {"error": 0, "sent": "0", "note": "mobile is not connected to WhatsApp"}}, Refused),
    (200, {"success": True, "sent": "0"}, Refused),
    # A message that is not accepted stays that where there is an id.
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
    *((400, {"error": error}, Refused) for error in (["no credit"], {"message": "no credit"})),
    (400, {}, UnexpectedAnswer),
    (429, {"success": False, "error": "invalid_apikey"}, RateLimited),
    (500, {"success": False, "error": "server_error", "detail": "…"}, OutcomeUnknown),
    # A known word counts more than the status.
    (500, {"success": False, "error": "api_expired"}, SubscriptionExpired),
    # Accepted, but under which id? The caller looks it up.
    *(
        (200, {"result": {"error": 0, "sent": "1", "id": i}}, OutcomeUnknown)
        for i in (None, " ", True, ["a"])
    ),
    *((200, {"result": result}, OutcomeUnknown) for result in each({}, [], "ok", {"error": 0, "sent": "1"})),
    *((200, answer, OutcomeUnknown) for answer in each({"success": True}, {})),
    *((200, answer, UnexpectedAnswer) for answer in each([], "ok")),
]


async def test_each_answer_to_a_send(bench: Bench) -> None:
    for status, answer, outcome in ANSWERS:
        bench.server.answer(answer, status=status)
        await bench.fails(outcome, send(bench.server_client), (status, answer))


async def test_how_long_to_wait(bench: Bench) -> None:
    """The poll waits that long: one odd header must not end it for ever."""
    for header, seconds in (
        *(("0", 0), ("1", 1), ("120", 120), (None, 60), ("", 60), ("-5", 60), ("1.5", 60), ("soon", 60)),
        *(
            ("inf", 60),
            ("1e9", 60),
            ("Wed, 21 Oct 2026 07:28:00 GMT", 60),
            ("9" * 400, 3600),
            ("9" * 11, 3600),
        ),
    ):
        bench.server.answer({}, status=429, headers={} if header is None else {"Retry-After": header})
        error = await bench.error_of(poll(bench.server_client))
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds, header


class TestReasons:
    """The service's note is passed on to the user, without what we had sent."""

    # The places in which a refusal has its reason.
    PLACES: Final[dict[str, Callable[[str], Any]]] = {
        "note": lambda words: {"result": {"error": 0, "sent": "0", "note": words}},
        "note of an error": lambda words: {"result": {"error": 7, "note": words}},
        "message": lambda words: {"success": False, "error": "bad", "message": words},
        "detail": lambda words: {"success": False, "error": "bad", "detail": words},
        "word": lambda words: {"success": False, "error": words},
        "word of a result": lambda words: {"result": {"error": words}},
    }

    async def reason(self, bench: Bench, words: Any, **sent: Any) -> str:
        """Return what is passed on of a note, after `error_of` has checked it for secrets."""
        bench.server.answer({"result": {"error": 0, "sent": "0", "note": words}})
        message = {"recipient": NUMBER, "text": TEXT, "channel": Channel.SMS, **sent}
        error = await bench.error_of(bench.server_client.send_message(SendRequest(**message)))
        assert type(error) is Refused
        return error.reason

    @pytest.mark.parametrize("place", PLACES)
    async def test_no_reason_repeats_what_we_sent(self, bench: Bench, place: str) -> None:
        for words in (
            *(
                f"{NUMBER} is no mobile number",
                f"{BARE} is no mobile number",
                f"00{BARE} is no mobile number",
            ),
            *(f"key {KEY} may not send", f"not allowed: {TEXT}", f"{KEY}{NUMBER}{TEXT}"),
            *(f"{'x' * 195}{NUMBER}", f"{'x' * 195}{KEY}", f"{'x' * 195}{TEXT}"),
        ):
            for message in (SMS, WHATSAPP):
                bench.server.answer(self.PLACES[place](words))
                error = await bench.error_of(bench.server_client.send_message(message))
                assert isinstance(error, Refused)
                assert "…" in error.reason, words
                # The beginning of a secret at the end is still a part of one.
                assert not any(error.reason.endswith(secret[:4]) for secret in (KEY, NUMBER, BARE, TEXT))
        bench.server.answer(self.PLACES[place](f"GET /?apikey={KEY}&limit=1"))
        await bench.error_of(METHODS["verify"](bench.server_client))
        # Half a character or a NUL in it would break Home Assistant's answer to the frontend.
        bench.server.answer(self.PLACES[place]("half \ud83d and \0"))
        error = await bench.error_of(send(bench.server_client))
        assert isinstance(error, Refused)
        assert "\0" not in error.reason and error.reason.encode().startswith(b"half")

    async def test_no_reason_repeats_it_in_another_form(self, bench: Bench) -> None:
        """A service that repeats a number or a text often writes it in another way."""
        for number in (
            *("+36 30 123 4567", "+36-30-123-4567", "(+36) 30/1234567", "06 30 123 4567", "0301234567"),
        ):
            words = f"{number} is no mobile number"
            reason = await self.reason(bench, words)
            assert "1234567" not in re.sub(r"\D", "", reason), number
        for text in (
            *(f"{TEXT[:30]}...", TEXT.upper(), html.escape(TEXT), TEXT.replace(" ", "  ")),
            *(
                TEXT.replace("é", "e"),
                TEXT.replace("é", "?"),
                ascii(TEXT)[1:-1],
                quote(TEXT),
                quote_plus(TEXT),
            ),
        ):
            reason = await self.reason(bench, f"not allowed: {text}")
            assert "front gate" not in reason.lower().replace("  ", " "), text
            assert CODE not in reason.lower(), text
        reason = await self.reason(bench, f"not allowed: The code is {CODE}", text=f"The code is {CODE}\nBye")
        assert CODE not in reason

    async def test_no_reason_repeats_the_address_of_the_media_or_the_phone(self, bench: Bench) -> None:
        """The address gives access to the picture."""
        path = MEDIA.removeprefix("https://home.example.net")
        for words in (
            *(f"cannot load {MEDIA}", f"cannot load home.example.net{path}", f"cannot load {path}"),
            *(f"no file {path.rpartition('/')[2]}", "cannot reach home.example.net", f"no phone {SID}"),
        ):
            reason = await self.reason(bench, words, media_url=MEDIA, phone=SID)
            assert not any(part in reason for part in ("Zk3", "home.example.net", SID)), words
            assert reason.startswith(words[:7])

    async def test_what_we_did_not_send_is_passed_on(self, bench: Bench) -> None:
        for words in ("credit used up", "número inválido", "nicht möglich 😀"):
            assert await self.reason(bench, words) == words
        # A short text must not make the reason unreadable.
        assert await self.reason(bench, "no credit", text="no") == "no credit"
        assert len(await self.reason(bench, "bad " * 100_000)) <= 200
        for note in each(None, "", "  ", [], {}, ["a"], True):
            assert await self.reason(bench, note) == "no reason given", note

    def test_the_secrets_are_found(self) -> None:
        """Otherwise the tests above would show nothing."""
        assert secrets_in(f"{NUMBER} {KEY} {TEXT}")
