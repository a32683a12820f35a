"""What of the service's reasons may be passed on: all but what we sent it."""

from collections.abc import Callable
import html
import re
from typing import Any, Final
from urllib.parse import quote, quote_plus

import pytest

from custom_components.smsmobileapi.api import Channel, Refused, SendRequest, SmsMobileApiClient
from tests.conftest import KEY

from .conftest import FailureOf
from .methods import METHODS
from .secrecy import BARE, CODE, NUMBER, TEXT, secrets_in
from .wire import Wire


class TestReasons:
    """The service's note is passed on to the user, without what we had sent."""

    # The ways in which a refusal carries its words.
    BEARERS: Final[dict[str, Callable[[str], Any]]] = {
        "note": lambda words: {"result": {"error": 0, "sent": "0", "note": words}},
        "note of an error": lambda words: {"result": {"error": 7, "note": words}},
        "message": lambda words: {"success": False, "error": "bad", "message": words},
        "detail": lambda words: {"success": False, "error": "bad", "detail": words},
        "word": lambda words: {"success": False, "error": words},
        "word of a result": lambda words: {"result": {"error": words}},
    }

    async def reason(
        self, wire: Wire, client: SmsMobileApiClient, failure_of: FailureOf, words: str, **sent: Any
    ) -> str:
        """Return what is passed on of a note, which `failure_of` has checked for secrets."""
        wire.say({"result": {"error": 0, "sent": "0", "note": words}})
        message = {"recipient": NUMBER, "text": TEXT, "channel": Channel.SMS, **sent}
        error = await failure_of(client.send_message(SendRequest(**message)))
        assert type(error) is Refused
        return error.reason

    @pytest.mark.parametrize("bearer", BEARERS)
    @pytest.mark.parametrize("channel", Channel)
    @pytest.mark.parametrize(
        "words",
        [
            f"{NUMBER} is no mobile number",
            f"{BARE} is no mobile number",
            f"00{BARE} is no mobile number",
            f"key {KEY} may not send",
            f"not allowed: {TEXT}",
            f"{KEY}{NUMBER}{TEXT}",
            f"{'x' * 195}{NUMBER}",
            f"{'x' * 195}{KEY}",
            f"{'x' * 195}{TEXT}",
        ],
        ids=["number", "no plus", "zeros", "key", "text", "all", "number cut", "key cut", "text cut"],
    )
    async def test_no_reason_repeats_what_we_sent(
        self,
        wire: Wire,
        wired: SmsMobileApiClient,
        failure_of: FailureOf,
        bearer: str,
        channel: Channel,
        words: str,
    ) -> None:
        wire.say(self.BEARERS[bearer](words))
        error = await failure_of(
            wired.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=channel))
        )
        assert isinstance(error, Refused)
        assert "…" in error.reason
        # Cut off within a secret is still a part of one.
        assert not any(error.reason.endswith(secret[:4]) for secret in (KEY, NUMBER, BARE, TEXT))

    @pytest.mark.parametrize("method", ["prove", "poll"])
    async def test_no_reason_of_a_get_repeats_the_key(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, method: str
    ) -> None:
        wire.say({"success": False, "error": "bad", "message": f"GET /?apikey={KEY}&limit=1"})
        await failure_of(METHODS[method](wired))

    @pytest.mark.parametrize(
        "words",
        [
            "+36 30 123 4567 is no mobile number",
            "+36-30-123-4567 is no mobile number",
            "(+36) 30/1234567 is no mobile number",
            "06 30 123 4567 is no mobile number",
            "0301234567 is no mobile number",
        ],
    )
    async def test_no_reason_repeats_the_number_in_other_words(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, words: str
    ) -> None:
        reason = await self.reason(wire, wired, failure_of, words)
        assert "1234567" not in re.sub(r"\D", "", reason)

    @pytest.mark.parametrize(
        "echo",
        [
            f"{TEXT[:30]}...",
            TEXT.upper(),
            html.escape(TEXT),
            TEXT.replace(" ", "  "),
            TEXT.replace("é", "e"),
            TEXT.replace("é", "?"),
            ascii(TEXT)[1:-1],
            quote(TEXT),
            quote_plus(TEXT),
        ],
        ids=["cut", "capitals", "HTML", "blanks", "plain", "question mark", "escapes", "address", "form"],
    )
    async def test_no_reason_repeats_the_text_in_other_words(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, echo: str
    ) -> None:
        """A service that repeats a text rarely repeats all of it as it was."""
        reason = await self.reason(wire, wired, failure_of, f"not allowed: {echo}")
        assert "front door" not in reason.lower().replace("  ", " ")
        assert CODE not in reason.lower()

    async def test_no_reason_repeats_the_first_line(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf
    ) -> None:
        reason = await self.reason(
            wire, wired, failure_of, f"not allowed: The code is {CODE}", text=f"The code is {CODE}\nBye"
        )
        assert CODE not in reason

    @pytest.mark.parametrize("words", ["credit used up", "número inválido", "nicht möglich 😀"])
    async def test_what_we_did_not_send_is_passed_on(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, words: str
    ) -> None:
        assert await self.reason(wire, wired, failure_of, words) == words

    async def test_short_texts_leave_the_words_alone(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf
    ) -> None:
        """The text "no" is no reason to make a riddle of "no credit"."""
        assert await self.reason(wire, wired, failure_of, "no credit", text="no") == "no credit"

    async def test_a_reason_has_an_end(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf
    ) -> None:
        assert len(await self.reason(wire, wired, failure_of, "bad " * 100_000)) <= 200

    @pytest.mark.parametrize("note", [None, "", "  ", [], {}, ["a"], True])
    async def test_no_reason_is_said_to_be_none(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, note: Any
    ) -> None:
        assert await self.reason(wire, wired, failure_of, note) == "no reason given"

    @pytest.mark.parametrize("bearer", BEARERS)
    async def test_a_reason_can_be_shown(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, bearer: str
    ) -> None:
        """Half a character or a NUL in it would break Home Assistant's answer to the frontend."""
        wire.say(self.BEARERS[bearer]("half \ud83d and \0"))
        error = await failure_of(METHODS["sms"](wired))
        assert isinstance(error, Refused)
        assert "\0" not in error.reason
        assert error.reason.encode().startswith(b"half")

    def test_the_secrets_are_looked_for_in_earnest(self) -> None:
        assert secrets_in(f"{NUMBER} {KEY} {TEXT}")
