"""The list of received messages: where it stands, and what a row of it may look like."""

from collections.abc import Callable
from datetime import UTC
import json
import logging

import pytest

from custom_components.smsmobileapi.api import SmsMobileApiClient, UnexpectedAnswer
from simulator import Account

from .conftest import FailureOf
from .secrecy import NUMBER, TEXT, logged, secrets_in
from .test_client import row
from .wire import Wire

ONE = [row()]


class TestListShapes:
    """API.md: the list stands under `result.sms`, at the top or under `sms` (S), and PHP writes lists as it likes."""

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"result": None},
            {"result": {}},
            {"result": "x"},
            {"sms": "x"},
            {"sms": 7},
            {"messages": ONE},
            {"result": {"result": {"result": ONE}}},
            7,
            "x",
        ],
        ids=repr,
    )
    async def test_what_holds_no_list_is_no_empty_list(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, answer: object
    ) -> None:
        """An answer that is not understood must not look like a quiet day."""
        wire.say(answer)
        assert type(await failure_of(wired.received_messages(after=None, zone=UTC))) is UnexpectedAnswer


class TestRows:
    @pytest.mark.parametrize(
        "bad",
        [
            None,
            7,
            "text",
            [],
            {},
            row(number=None),
            row(number=""),
            row(number=" \0 "),
            row(number=[NUMBER]),
            row(number=True),
            row(message=["a"]),
            row(message={"a": 1}),
            {"guid": "a", "message": TEXT},
            {"guid": "a", "number": NUMBER},
        ],
        ids=repr,
    )
    async def test_a_bad_row_costs_no_good_one(
        self, wire: Wire, wired: SmsMobileApiClient, caplog: pytest.LogCaptureFixture, bad: object
    ) -> None:
        caplog.set_level(logging.DEBUG)
        wire.say([row("a"), bad, row("b")])
        messages = await wired.received_messages(after=None, zone=UTC)
        assert [message.message_id for message in messages] == ["a", "b"]
        lines = list(logged(caplog.records))
        assert any("1 of 3 received rows" in line for line in lines)
        assert not any(secrets_in(line) for line in lines)

    async def test_a_bad_byte_costs_no_message(self, wire: Wire, wired: SmsMobileApiClient) -> None:
        raw = json.dumps({"result": {"error": "0", "sms": [row("a", message="caf?!"), row("b")]}}).encode()
        wire.say(raw.replace(b"?", b"\xe9"))
        first, second = await wired.received_messages(after=None, zone=UTC)
        assert first.text == "caf\N{REPLACEMENT CHARACTER}!"
        assert second.text == "hi"

    @pytest.mark.parametrize(
        "dress",
        [
            lambda raw: b"\xef\xbb\xbf" + raw,
            lambda raw: b"\r\n\t " + raw + b"\n\n",
            lambda raw: raw.replace(b"hi", b"\\u0068\\u0069"),
        ],
        ids=["byte order mark", "blanks around", "escapes"],
    )
    async def test_json_in_any_dress(
        self, wire: Wire, wired: SmsMobileApiClient, dress: Callable[[bytes], bytes]
    ) -> None:
        wire.say(dress(json.dumps(ONE).encode()))
        (message,) = await wired.received_messages(after=None, zone=UTC)
        assert message.text == "hi"

    async def test_all_is_read(self, client: SmsMobileApiClient, service_account: Account) -> None:
        """More than one chunk of the body."""
        for number in range(2000):
            service_account.receive(NUMBER, f"{number} {TEXT}", timestamp=1760000000 + number)
        messages = await client.received_messages(after=None, zone=UTC)
        assert [message.text for message in messages] == [f"{number} {TEXT}" for number in range(2000)]
