"""What is posted to the webhook: it is a message or an event, or InvalidPayload, and never another exception."""

from datetime import UTC, datetime, timedelta
import hashlib
import hmac
import json
import logging
import traceback
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings, strategies as st
import pytest

from custom_components.smsmobileapi.api import (
    SIGNATURE_HEADER,
    Call,
    Channel,
    Direction,
    InvalidPayload,
    InvalidSignature,
    ReceivedMessage,
    Source,
    Status,
    StatusReport,
    WebhookEvent,
    parse_body,
    verify_signature,
)

from .methods import each, field
from .secrecy import BARE, NUMBER, TEXT, secrets_in

BUDAPEST: Final = ZoneInfo("Europe/Budapest")
ARRIVED: Final = datetime(2026, 1, 20, 12, tzinfo=UTC)
NOON: Final = datetime(2026, 9, 23, 12, tzinfo=UTC)
NOON_SECOND: Final = str(int(NOON.timestamp()))
# API.md's example of V1.
EXAMPLE: Final = b"""{"date": "2025-01-20", "hour": "10:15:00", "time_received": "2025-01-20 10:14:50",
 "message": "Hello, this is a test.", "number": "+123456789", "guid": "abcde12345"}"""
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def parse(body: bytes) -> ReceivedMessage:
    message = parse_body(body, zone=BUDAPEST, arrived=ARRIVED)
    assert isinstance(message, ReceivedMessage)
    return message


def body(**fields: Any) -> bytes:
    return json.dumps({**json.loads(EXAMPLE), **fields}, ensure_ascii=False).encode()


def content_of(kind: str, data: object, **fields: object) -> Any:
    """Return what a V2 event brings."""
    row = {"id": "e-1", "type": kind, "occurred_at": "2026-09-23T12:00:00Z", "data": data, **fields}
    event = parse_body(json.dumps(row).encode(), zone=BUDAPEST, arrived=ARRIVED)
    assert isinstance(event, WebhookEvent) and event.event_id == "e-1"
    return event.content


class TestV1:
    def test_the_documented_example(self) -> None:
        assert parse(EXAMPLE) == ReceivedMessage(
            message_id="abcde12345",
            channel=Channel.SMS,
            sender="+123456789",
            sender_name=None,
            text="Hello, this is a test.",
            received_at=datetime(2025, 1, 20, 9, 14, 50, tzinfo=UTC),
            origin="1737364490",
            phone=None,
            source=Source.WEBHOOK,
            voice=False,
        )

    def test_texts_in_each_encoding(self) -> None:
        for encoding, text in (
            *(("utf-8", "Zoé € 😀"), ("utf-8-sig", "Zoé € 😀"), ("latin-1", "Zoé árvíz")),
            ("cp1252", "Zoé 5 € “quoted”"),
        ):
            assert parse(body(message=text).decode().encode(encoding)).text == text, encoding
        for raw, text in (
            *((rb"a\u0000b", "ab"), (rb"a\ud83db", "a?b"), (rb"a\udc00\ud83db", "a??b")),
            *((rb"\ud83d\ude00", "😀"), (b"a\x81\xe9", "a\N{REPLACEMENT CHARACTER}é")),
            *((rb"\u2028\u202e\ufeff", "\u2028\u202e\ufeff"), (rb"\u00e9\n\"", 'é\n"')),
        ):
            assert parse(EXAMPLE.replace(b"Hello, this is a test.", raw)).text == text, raw

    def test_what_is_no_message(self) -> None:
        for raw in (
            *(b"", b" ", b"null", b"true", b"7", b"[]", b"{}", b'"text"', EXAMPLE[:-1], EXAMPLE + b"}"),
            *(b"[" + EXAMPLE + b"]", b"number=%2B123456789&message=hi", b"<html></html>", b"\0"),
            *(b"\xff\xfe{\0}\0", EXAMPLE.decode().encode("utf-16"), b"[" * 200_000, b'{"a":' * 200_000),
            b'{"message": ' + b"[" * 200_000 + b"]" * 200_000 + b', "number": "1"}',
            b'{"number": ' + b"9" * 5000 + b', "message": "hi"}',
            *(b'{"number": NaN, "message": "hi"}', b'{"number": 1e999, "message": "hi"}'),
            *(body(number=None), body(number=""), body(message=[TEXT])),
        ):
            with pytest.raises(InvalidPayload):
                parse(raw)

    def test_numbers_that_are_no_strings(self) -> None:
        for number in ("9" * 4000, "36301234567", "-1"):
            assert parse(f'{{"message": "hi", "number": {number}}}'.encode()).sender == number

    def test_deep_nesting_in_another_field(self) -> None:
        """As deep as the parser goes: the code that reads the fields must not fail either."""
        for depth in (10, 500, 5000):
            raw = EXAMPLE[:-1] + b', "extra": ' + b"[" * depth + b"]" * depth + b"}"
            assert parse(raw).text == "Hello, this is a test."

    def test_no_error_shows_the_message(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        for raw in (
            f'{{"number": "{NUMBER}", "message": "{TEXT}"',
            f'{{"number": "{NUMBER}", "message": ["{TEXT}"]}}',
            f'{{"number": ["{BARE}"], "message": "{TEXT}"}}',
        ):
            with pytest.raises(InvalidPayload) as caught:
                parse(raw.encode())
            shown = "".join(traceback.format_exception(caught.value))
            assert not secrets_in(repr(caught.value) + shown + caplog.text)


CALL: Final = {"guid": "g", "number": NUMBER, "name": "Zoé", "duration_seconds": 61, "device_id": "phone-1"}


class TestV2:
    def test_messages(self) -> None:
        sms = {"guid": "g", "from": NUMBER, "message": "hi", "alias": "Zoé", "device_id": "phone-1"}
        at = {"received_at": "2026-09-23T12:00:00Z"}
        message = ReceivedMessage(
            message_id="g",
            channel=Channel.SMS,
            sender=NUMBER,
            sender_name="Zoé",
            text="hi",
            received_at=NOON,
            origin=NOON_SECOND,
            phone="phone-1",
            source=Source.WEBHOOK,
        )
        assert content_of("sms.received", {**sms, **at}) == message
        whatsapp = {"guid": "", "data_id": "d", "from": NUMBER, "contact_name": "Zoé", "message": None, **at}
        read = content_of("whatsapp.received", {**whatsapp, "is_voice_message": 1})
        assert (read.message_id, read.channel, read.sender_name) == ("d", Channel.WHATSAPP, "Zoé")
        assert (read.text, read.voice, read.is_transcript) == ("", True, False)
        spoken = content_of("whatsapp.voice.transcribed", {**whatsapp, "transcript": "hello"})
        assert (spoken.text, spoken.voice, spoken.is_transcript) == ("hello", True, True)

    @pytest.mark.parametrize("direction", Direction)
    def test_calls(self, direction: Direction) -> None:
        data = {**CALL, "call_at": "2026-09-23T12:00:00Z"}
        assert content_of(f"call.{direction}", data) == Call(
            call_id="g",
            direction=direction,
            number=NUMBER,
            name="Zoé",
            duration=61,
            started_at=NOON,
            origin=NOON_SECOND,
            phone="phone-1",
            source=Source.WEBHOOK,
        )
        withheld = content_of(f"call.{direction}", {"guid": "g", "call_at": "soon"})
        assert (withheld.number, withheld.started_at, withheld.origin) == (None, NOON, "soon")

    def test_reports(self) -> None:
        for name in ("guid", "message_guid", "sms_id", "id", "data_id"):
            failed = content_of("sms.failed", {name: "g", "error": "radio off"})
            assert failed == StatusReport(message_id="g", status=Status.FAILED, error="radio off"), name
        for kind in ("sms.sent", "sms.mobile.sent", "whatsapp.sent"):
            sent = content_of(kind, {"guid": "g", "error": "none"})
            assert sent == StatusReport(message_id="g", status=Status.SENT, error=None), kind
        assert content_of("whatsapp.failed", {"guid": 7}).message_id == "7"

    def test_other_types_bring_nothing(self) -> None:
        for kind in ("sms.api.submitted", "whatsapp.submitted", "email.sent", "email.received", "fax.sent"):
            assert content_of(kind, {"guid": "g", "from": NUMBER, "message": "hi"}) is None, kind

    def test_what_is_no_event(self) -> None:
        fields: Any
        for fields in (
            *field("data", None, [], "x", 7),
            *field("id", None, "", " ", [1], True),
            *field("type", None, "", [], {}, True),
        ):
            row = {"id": "e-1", "type": "sms.received", "data": {"from": NUMBER, "message": "hi"}, **fields}
            with pytest.raises(InvalidPayload):
                parse_body(json.dumps(row).encode(), zone=BUDAPEST, arrived=ARRIVED)

    def test_what_an_event_lacks_is_empty_or_that_of_the_event(self) -> None:
        """API.md: only what is forged or no event is refused, or the service stops to deliver. Times without a zone are UTC."""
        for kind, channel in (
            ("sms.received", Channel.SMS),
            ("whatsapp.voice.transcribed", Channel.WHATSAPP),
        ):
            for data in each(
                {}, {"from": [NUMBER], "message": {"a": 1}, "transcript": [TEXT], "received_at": 0}
            ):
                message = content_of(kind, data)
                assert (message.message_id, message.channel) == ("e-1", channel)
                assert (message.sender, message.text, message.received_at) == ("", "", NOON), data
        for call_at, occurred_at, began in (
            *(("2026-09-23 12:00:00", at, NOON) for at in ("2026-09-23T20:00:00Z", None)),
            *(("2026-09-23T14:00:00+02:00", at, NOON) for at in ("whenever", None)),
            *((None, None, ARRIVED), ("soon", "2026-09-23T12:00:00Z", NOON), (None, "soon", ARRIVED)),
        ):
            call = content_of("call.missed", {"call_at": call_at}, occurred_at=occurred_at)
            assert (call.call_id, call.started_at) == ("e-1", began), (call_at, occurred_at)
            assert content_of("sms.failed", {"error": "x"}, occurred_at=occurred_at).message_id == "e-1"


class TestSignature:
    def headers(self, stamp: str, raw: bytes = EXAMPLE, secret: str = "s3cret") -> dict[str, str]:
        digest = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
        return {"X-SMSMobileAPI-Timestamp": stamp, SIGNATURE_HEADER: f"v1={digest}"}

    def test_a_signed_body_of_now(self) -> None:
        for off in (-300, 0, 300):
            stamp = str(int(NOON.timestamp()) + off)
            verify_signature("s3cret", self.headers(stamp), EXAMPLE, now=NOON)

    def test_all_others_are_refused(self) -> None:
        stamp = NOON_SECOND
        good = self.headers(stamp)
        for headers in each(
            {},
            without_v1 := {**good, SIGNATURE_HEADER: good[SIGNATURE_HEADER].removeprefix("v1=")},
            {**without_v1, SIGNATURE_HEADER: ""},
            {**good, SIGNATURE_HEADER: good[SIGNATURE_HEADER].upper()},
            {**good, SIGNATURE_HEADER: "v1=\udcff"},
            {**good, "X-SMSMobileAPI-Timestamp": str(int(stamp) + 1)},
            self.headers(stamp, EXAMPLE + b" "),
            self.headers(stamp, secret="another"),
            *(self.headers(text) for text in ("", "soon", "-1", "٤", "1" * 12, f"{stamp}.5")),
            *(self.headers(str(int(stamp) + off)) for off in (-301, 301, -86_400)),
        ):
            with pytest.raises(InvalidSignature):
                verify_signature("s3cret", headers, EXAMPLE, now=NOON)


def is_valid(raw: bytes) -> bool:
    """Return whether a body was a message; if it was, check that the rest of the code can rely on it."""
    try:
        message = parse(raw)
    except InvalidPayload:
        return False
    optional = message.message_id, message.sender_name, message.phone, message.origin
    for text in (message.sender, message.text, *optional):
        assert "\0" not in (text or "") and (text or "").encode("utf-8").decode() == (text or "")
    assert message.sender.strip() == message.sender != ""
    assert message.message_id != ""
    assert message.received_at.utcoffset() == timedelta(0)
    assert message.source is Source.WEBHOOK
    return True


FIELDS: Final = ("number", "message", "guid", "alias", "timestamp_unix", "time_received", "date", "hour")


@given(st.binary(max_size=200))
@example(EXAMPLE)
@settings(deadline=None, max_examples=300, database=None, derandomize=True)
def test_any_bytes_are_a_message_or_none(raw: bytes) -> None:
    is_valid(raw)


@given(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=4), st.integers(0, 4))
@settings(deadline=None, max_examples=300, database=None, derandomize=True)
def test_any_damage_leaves_a_message_or_none(position: int, junk: bytes, removed: int) -> None:
    is_valid(EXAMPLE[:position] + junk + EXAMPLE[position + removed :])


@given(JSON | st.dictionaries(st.sampled_from(FIELDS), JSON))
@settings(deadline=None, max_examples=600, database=None, derandomize=True)
def test_any_json_is_a_message_or_none(value: Any) -> None:
    is_valid(json.dumps(value).encode())


@given(
    number=st.integers(1)
    | st.text(st.characters(codec=None), min_size=1).filter(lambda text: text.strip("\0 ")),
    message=st.text(st.characters(codec=None)),
    time=JSON,
)
@settings(deadline=None, max_examples=300, database=None, derandomize=True)
def test_number_and_text_are_enough_for_a_message(number: object, message: str, time: Any) -> None:
    raw = json.dumps({"number": f"x{number}", "message": message, "timestamp_unix": time}).encode()
    assert is_valid(raw)
