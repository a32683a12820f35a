"""How the service refuses, in its two formats, and the reasons that are passed on: they repeat nothing of what we sent."""

from collections.abc import Callable
import html
import re
from typing import Any, Final
from urllib.parse import quote, quote_plus

import pytest

from custom_components.smsmobileapi import api
from simulator.account import CHOICES
from tests.conftest import KEY

from .conftest import Bench
from .methods import GUID, METHODS, SMS, WHATSAPP, each, field, poll, send, to
from .secrecy import BARE, CODE, NUMBER, SID, TEXT, secrets_in

FORMATS: Final[dict[str, Any]] = dict(CHOICES)
MEDIA: Final = "https://home.example.net/api/smsmobileapi/media/Zk3-9f_a1QvW77?size=small"
ALL: Final = ("verify", "poll", "sms", "whatsapp")
# State of the account → what each method raises. An unknown key has no messages, and no error either.
STATES: Final[dict[Any, dict[str, type[api.SmsMobileApiError] | None]]] = {
    "good": dict.fromkeys(ALL),
    "unknown": {**dict.fromkeys(ALL, api.InvalidCredentials), "poll": None},
    "expired": dict.fromkeys(ALL, api.SubscriptionExpired),
    "limited": dict.fromkeys(ALL, api.RateLimited),
}


class TestStates:
    @pytest.mark.parametrize("dialect", FORMATS["refusal_format"])
    @pytest.mark.parametrize("state", STATES)
    async def test_each_state_in_both_formats(self, bench: Bench, state: Any, dialect: Any) -> None:
        bench.account.state, bench.account.refusal_format = state, dialect
        bench.account.retry_after = 17
        for bench.account.error_format in FORMATS["error_format"]:
            for method, outcome in STATES[state].items():
                if outcome is None:
                    await METHODS[method](bench.client)
                    continue
                error = await bench.error_of(METHODS[method](bench.client))
                assert type(error) is outcome, (bench.account.error_format, method)
                if isinstance(error, api.RateLimited):
                    assert (error.retry_after, error.placeholders) == (17, {"seconds": "17"})
        assert bool(bench.account.sent) is (state == "good")
        bench.simulator.refusal_format = dialect
        for method in ("verify", "sms"):
            other = bench.client_of(bench.simulator.url, api.ApiKey("another"))
            await bench.fails(api.InvalidCredentials, METHODS[method](other))

    async def test_no_phone_is_online_and_a_message_that_is_not_accepted(self, bench: Bench) -> None:
        """However the error is written (API.md: a number, a numeric string or a word)."""
        for bench.account.error_format in FORMATS["error_format"]:
            bench.account.phones[0].online, bench.account.whatsapp_numbers = False, None
            for message in (SMS, WHATSAPP):
                error = await bench.error_of(bench.client.send_message(message))
                assert (type(error), error.code) == (api.PhoneOffline, "phone_offline")
            bench.account.phones[0].online, bench.account.whatsapp_numbers = True, set()
            for bench.account.refused_sent in FORMATS["refused_sent"]:
                error = await bench.error_of(bench.client.send_message(WHATSAPP))
                assert type(error) is api.Refused
                assert error.reason == str(error) == "number is not on WhatsApp"
                assert error.placeholders == {"reason": "number is not on WhatsApp"}
        assert not bench.account.sent


async def test_each_answer_to_a_send(bench: Bench) -> None:
    def result(error: object, **fields: object) -> dict[str, Any]:
        return {"result": {"error": error, **fields}}

    await bench.check(
        send,
        *to(api.InvalidCredentials, result(1), result("1"), result(" 1 "), {"error": "missing_apikey"}),
        *to(api.InvalidCredentials, {"success": False, "error": "invalid_apikey"}, (403, {})),
        *to(api.PhoneOffline, result(2), result("2", note="mobile is not connected")),
        *to(api.SubscriptionExpired, result("subscription_expire"), result("Subscription_Expire")),
        *to(api.SubscriptionExpired, {"error": "api_expired"}, (403, {"error": "api_expired"})),
        *to(api.SubscriptionExpired, (403, result("subscription_expire")), (500, {"error": "api_expired"})),
        *to(api.Refused, result(3, note="no"), result("weird"), {"result": {"sent": "0", "note": None}}),
        *to(api.Refused, *(result(0, sent=sent) for sent in ("0", 0, False, "No"))),
        # A message that is not accepted stays that where there is an id.
        *to(api.Refused, result(0, sent="0", id=GUID), {"success": True, "sent": "0"}, {"success": False}),
        *to(api.Refused, {"success": False, "error": 0}, (422, {"error": "bad_recipient"})),
        *to(api.Refused, *((400, {"error": error}) for error in ("bad", ["no credit"], {"message": "no"}))),
        ((429, {"success": False, "error": "invalid_apikey"}), api.RateLimited),
        ((500, {"success": False, "error": "server_error", "detail": "…"}), api.OutcomeUnknown),
        *to(api.UnexpectedAnswer, (400, {}), [], "ok"),
        # Accepted, but under which id? The caller looks it up.
        *to(api.OutcomeUnknown, *(result(0, sent="1", id=wrong) for wrong in (None, " ", True, ["a"]))),
        *to(api.OutcomeUnknown, *field("result", {}, [], "ok", {"error": 0, "sent": "1"})),
        *to(api.OutcomeUnknown, {"success": True}, {}),
    )


async def test_how_long_to_wait(bench: Bench) -> None:
    """The poll waits that long: one odd header must not end it for ever."""
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    for header, seconds in (
        *(("0", 0), ("1", 1), ("120", 120), *to(3600, "9" * 400, "9" * 11)),
        *to(60, None, "", "-5", "1.5", "soon", "inf", "1e9", date),
    ):
        bench.server.answer((429, {}), headers={} if header is None else {"Retry-After": header})
        error = await bench.error_of(poll(bench.server_client))
        assert isinstance(error, api.RateLimited)
        assert error.retry_after == seconds, header


class TestReasons:
    """The service's note is passed on to the user, without what we had sent."""

    # The places in which a refusal has its reason.
    PLACES: Final[tuple[Callable[[str], Any], ...]] = (
        lambda words: {"result": {"error": 0, "sent": "0", "note": words}},
        lambda words: {"result": {"error": 7, "note": words}},
        lambda words: {"success": False, "error": "bad", "message": words},
        lambda words: {"success": False, "error": "bad", "detail": words},
        lambda words: {"success": False, "error": words},
        lambda words: {"result": {"error": words}},
    )

    async def reason(self, bench: Bench, words: Any, **sent: Any) -> str:
        """Return what is passed on of a note, after `error_of` has checked it for secrets."""
        bench.server.answer({"result": {"error": 0, "sent": "0", "note": words}})
        message = {"recipient": NUMBER, "text": TEXT, "channel": api.Channel.SMS, **sent}
        error = await bench.error_of(bench.server_client.send_message(api.SendRequest(**message)))
        assert type(error) is api.Refused
        return error.reason

    async def test_no_reason_repeats_what_we_sent(self, bench: Bench) -> None:
        # Otherwise this would show nothing.
        assert secrets_in(f"{NUMBER} {KEY} {TEXT}")
        for place in self.PLACES:
            for words in (
                *(f"{number} is no mobile number" for number in (NUMBER, BARE, f"00{BARE}")),
                *(f"key {KEY} may not send", f"not allowed: {TEXT}", f"{KEY}{NUMBER}{TEXT}"),
                *(f"{'x' * 195}{secret}" for secret in (NUMBER, KEY, TEXT)),
            ):
                for message in (SMS, WHATSAPP):
                    bench.server.answer(place(words))
                    reason = str(await bench.error_of(bench.server_client.send_message(message)))
                    assert "…" in reason, words
                    # The beginning of a secret at the end is still a part of one.
                    assert not reason.endswith((KEY[:4], NUMBER[:4], BARE[:4], TEXT[:4]))
            bench.server.answer(place(f"GET /?apikey={KEY}&limit=1"))
            await bench.error_of(METHODS["verify"](bench.server_client))
            # Half a character or a NUL in it would break Home Assistant's answer to the frontend.
            bench.server.answer(place("half \ud83d and \0"))
            reason = str(await bench.error_of(send(bench.server_client)))
            assert "\0" not in reason and reason.encode().startswith(b"half")

    async def test_no_reason_repeats_it_in_another_form(self, bench: Bench) -> None:
        """A service that repeats a number or a text often writes it in another way."""
        for number in (
            *("+36 30 123 4567", "+36-30-123-4567", "(+36) 30/1234567", "06 30 123 4567", "0301234567"),
        ):
            reason = await self.reason(bench, f"{number} is no mobile number")
            assert "1234567" not in re.sub(r"\D", "", reason), number
        for text in (
            *(f"{TEXT[:30]}...", TEXT.upper(), html.escape(TEXT), TEXT.replace(" ", "  "), quote(TEXT)),
            *(TEXT.replace("é", "e"), TEXT.replace("é", "?"), ascii(TEXT)[1:-1], quote_plus(TEXT)),
        ):
            reason = (await self.reason(bench, f"not allowed: {text}")).lower().replace("  ", " ")
            assert "front gate" not in reason and CODE not in reason, text
        reason = await self.reason(bench, f"not allowed: The code is {CODE}", text=f"The code is {CODE}\nBye")
        assert CODE not in reason
        # The address of the media gives access to the picture.
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
        assert len(await self.reason(bench, "bad " * 10_000)) <= 200
        for note in each(None, "", "  ", [], {}, ["a"], True):
            assert await self.reason(bench, note) == "no reason given", note
