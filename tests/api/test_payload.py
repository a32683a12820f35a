"""What is posted to the webhook: it is a message or an event, or InvalidPayload, and never another exception."""

from dataclasses import astuple
from datetime import UTC, datetime, timedelta
import hashlib
import hmac
import json
import traceback
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings, strategies as st
import pytest

from custom_components.smsmobileapi import api
from custom_components.smsmobileapi.api.signatures import SIGNATURE_HEADER

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
    max_leaves=5,
)


def parse(body: bytes) -> api.ReceivedMessage:
    message = api.parse_body(body, zone=BUDAPEST, arrived=ARRIVED)
    assert isinstance(message, api.ReceivedMessage)
    return message


def content_of(kind: str, data: object, **fields: object) -> Any:
    """Return what a V2 event brings."""
    row = {"id": "e-1", "type": kind, "occurred_at": "2026-09-23T12:00:00Z", "data": data, **fields}
    event = api.parse_body(json.dumps(row).encode(), zone=BUDAPEST, arrived=ARRIVED)
    assert isinstance(event, api.WebhookEvent) and event.event_id == "e-1"
    return event.content


def is_clean(*texts: str | None) -> bool:
    """Return whether a database and a browser can keep and show the texts."""
    return all("\0" not in (text or "") and (text or "").encode().decode() == (text or "") for text in texts)


class TestV1:
    """What its fields mean is tested with the rows of `/getsms/`, which has the same ones."""

    def test_the_documented_example(self) -> None:
        message = parse(EXAMPLE)
        assert (message.message_id, message.sender, message.source) == ("abcde12345", "+123456789", "webhook")
        assert message.text == "Hello, this is a test."
        assert message.received_at == datetime(2025, 1, 20, 9, 14, 50, tzinfo=UTC)

    def test_texts_in_each_encoding(self) -> None:
        for encoding, text in (
            *(("utf-8", "Zoé € 😀"), ("utf-8-sig", "Zoé € 😀"), ("latin-1", "Zoé árvíz")),
            ("cp1252", "Zoé 5 € “quoted”"),
        ):
            raw = EXAMPLE.decode().replace("Hello, this is a test.", text).encode(encoding)
            assert parse(raw).text == text, encoding
        for raw, text in (
            *((rb"a\u0000b", "ab"), (rb"a\ud83db", "a?b"), (rb"a\udc00\ud83db", "a??b")),
            *((rb"\ud83d\ude00", "😀"), (b"a\x81\xe9", "a\N{REPLACEMENT CHARACTER}é")),
        ):
            assert parse(EXAMPLE.replace(b"Hello, this is a test.", raw)).text == text, raw

    def test_what_is_no_message(self) -> None:
        """And that no error shows a part of it."""
        for raw in (
            *(b"", b"null", b"7", b"[]", b"{}", b'"text"', EXAMPLE[:-1], EXAMPLE + b"}", b"\0"),
            *(b"[" + EXAMPLE + b"]", b"number=%2B123456789&message=hi", b"<html></html>"),
            *(EXAMPLE.decode().encode("utf-16"), b"[" * 200_000, b'{"a":' * 200_000),
            b'{"message": ' + b"[" * 200_000 + b"]" * 200_000 + b', "number": "1"}',
            b'{"number": ' + b"9" * 5000 + b', "message": "hi"}',
            *(b'{"number": NaN, "message": "hi"}', b'{"number": 1e999, "message": "hi"}'),
            f'{{"number": "{NUMBER}", "message": "{TEXT}"'.encode(),
            f'{{"number": "{NUMBER}", "message": ["{TEXT}"]}}'.encode(),
            f'{{"number": ["{BARE}"], "message": "{TEXT}"}}'.encode(),
        ):
            with pytest.raises(api.InvalidPayload) as caught:
                parse(raw)
            shown = "".join(traceback.format_exception(caught.value))
            assert not secrets_in(repr(caught.value) + shown)

    def test_numbers_that_are_no_strings_and_deep_nesting(self) -> None:
        """As deep as the parser goes: the code that reads the fields must not fail either."""
        for number in ("9" * 4000, "36301234567", "-1"):
            assert parse(f'{{"message": "hi", "number": {number}}}'.encode()).sender == number
        for depth in (10, 500, 5000):
            raw = EXAMPLE[:-1] + b', "extra": ' + b"[" * depth + b"]" * depth + b"}"
            assert parse(raw).text == "Hello, this is a test."


class TestV2:
    def test_messages(self) -> None:
        at = {"received_at": "2026-09-23T12:00:00Z", "from": NUMBER}
        sms = {"guid": "g", "message": "hi", "alias": "Zoé", "device_id": "phone-1", **at}
        values = astuple(content_of("sms.received", sms))
        assert values[:5] == ("g", api.Channel.SMS, NUMBER, "Zoé", "hi")
        assert values[5:10] == (NOON, NOON_SECOND, "phone-1", api.Source.WEBHOOK, False)
        assert values[10:] == (False, None, None, ARRIVED)
        whatsapp = {"guid": "", "data_id": "d", "contact_name": "Zoé", "message": None, **at}
        read = content_of("whatsapp.received", {**whatsapp, "is_voice_message": 1})
        assert (read.message_id, read.channel, read.sender_name) == ("d", api.Channel.WHATSAPP, "Zoé")
        assert (read.text, read.voice, read.is_transcript) == ("", True, False)
        assert content_of("whatsapp.received", {**whatsapp, "is_voice_message": False}).voice is False
        read = content_of("whatsapp.voice.transcribed", {**whatsapp, "transcript": "hello"})
        assert (read.text, read.voice, read.is_transcript) == ("hello", True, True)

    @pytest.mark.parametrize("direction", api.Direction)
    def test_calls(self, direction: api.Direction) -> None:
        data = {"guid": "g", "number": NUMBER, "name": "Zoé", "duration_seconds": 61, "device_id": "phone-1"}
        values = astuple(content_of(f"call.{direction}", {**data, "call_at": "2026-09-23T12:00:00Z"}))
        assert values[:5] == ("g", direction, NUMBER, "Zoé", 61)
        assert values[5:] == (NOON, NOON_SECOND, "phone-1", api.Source.WEBHOOK)
        withheld = content_of(f"call.{direction}", {"guid": "g", "call_at": "soon"})
        assert (withheld.number, withheld.started_at, withheld.origin) == (None, NOON, "soon")

    def test_reports(self) -> None:
        for name in ("guid", "message_guid", "message_id", "sms_id", "id", "data_id"):
            failed = content_of("sms.failed", {name: "g", "error": "radio off"})
            assert failed == api.StatusReport(message_id="g", status=api.Status.FAILED, error="radio off"), (
                name
            )
        for kind in ("sms.sent", "sms.mobile.sent", "whatsapp.sent"):
            sent = content_of(kind, {"guid": "g", "error": "none"})
            assert (sent.message_id, sent.status, sent.error) == ("g", api.Status.SENT, None), kind
            assert sent.may_be_typed is (kind == "sms.mobile.sent")
        assert content_of("whatsapp.failed", {"guid": 7}).message_id == "7"

    def test_other_types_bring_nothing_and_what_is_no_event_is_refused(self) -> None:
        data = {"guid": "g", "from": NUMBER, "message": "hi"}
        for kind in ("sms.api.submitted", "whatsapp.submitted", "email.sent", "email.received", "fax.sent"):
            assert content_of(kind, data) is None, kind
        fields: Any
        for fields in (
            *field("data", None, [], "x", 7),
            *field("id", None, "", " ", [1], True),
            *field("type", None, "", [], {}, True),
        ):
            row = {"id": "e-1", "type": "sms.received", "data": data, **fields}
            with pytest.raises(api.InvalidPayload):
                api.parse_body(json.dumps(row).encode(), zone=BUDAPEST, arrived=ARRIVED)

    def test_what_an_event_lacks_is_empty_or_that_of_the_event(self) -> None:
        """API.md: only what is forged or no event is refused, or the service stops to deliver. Times without a zone are UTC."""
        wrong = {"from": [NUMBER], "message": {"a": 1}, "transcript": [TEXT], "received_at": 0}
        for kind in ("sms.received", "whatsapp.received", "whatsapp.voice.transcribed"):
            for data in each({}, wrong):
                message = content_of(kind, data)
                assert (message.message_id, message.sender, message.text) == ("e-1", "", ""), (kind, data)
                assert message.received_at == NOON, (kind, data)
        for call_at, occurred_at, began in (
            ("2026-09-23 12:00:00", "2026-09-23T20:00:00Z", NOON),
            ("2026-09-23T14:00:00+02:00", "whenever", NOON),
            ("soon", "2026-09-23T12:00:00Z", NOON),
            *((None, None, ARRIVED), (None, "soon", ARRIVED)),
        ):
            call = content_of("call.missed", {"call_at": call_at, "number": "1"}, occurred_at=occurred_at)
            assert (call.call_id, call.started_at) == ("e-1", began), (call_at, occurred_at)
        assert content_of("sms.failed", {"error": "x"}).message_id == "e-1"


class TestSignature:
    def headers(self, stamp: str, raw: bytes = EXAMPLE, secret: str = "s3cret") -> dict[str, str]:
        digest = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
        return {"X-SMSMobileAPI-Timestamp": stamp, SIGNATURE_HEADER: f"v1={digest}"}

    def test_only_a_signed_body_of_now_is_accepted(self) -> None:
        stamp = NOON_SECOND
        good = self.headers(stamp)
        for off in (-300, 0, 300):
            api.verify_signature("s3cret", self.headers(str(int(stamp) + off)), EXAMPLE, now=NOON)
        for headers in each(
            {},
            {**good, SIGNATURE_HEADER: ""},
            {**good, SIGNATURE_HEADER: good[SIGNATURE_HEADER].removeprefix("v1=")},
            {**good, SIGNATURE_HEADER: good[SIGNATURE_HEADER].upper()},
            {**good, SIGNATURE_HEADER: "v1=\udcff"},
            {**good, "X-SMSMobileAPI-Timestamp": str(int(stamp) + 1)},
            self.headers(stamp, EXAMPLE + b" "),
            self.headers(stamp, secret="another"),
            *(self.headers(text) for text in ("", "soon", "-1", "٤", "1" * 12, f"{stamp}.5")),
            *(self.headers(str(int(stamp) + off)) for off in (-301, 301, -86_400)),
        ):
            with pytest.raises(api.InvalidSignature):
                api.verify_signature("s3cret", headers, EXAMPLE, now=NOON)


def is_valid(raw: bytes) -> bool:
    """Return whether a body was a message; if it was, check that the rest of the code can rely on it."""
    try:
        message = parse(raw)
    except api.InvalidPayload:
        return False
    assert is_clean(message.sender, message.text, message.message_id, message.sender_name, message.origin)
    assert message.sender.strip() == message.sender != "" and message.message_id != ""
    assert message.received_at.utcoffset() == timedelta(0)
    return True


FIELDS: Final = ("number", "message", "guid", "alias", "timestamp_unix", "time_received", "date", "hour")


@given(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=200), st.integers(0, len(EXAMPLE)))
@example(0, EXAMPLE, len(EXAMPLE))
@settings(deadline=None, max_examples=100, database=None, derandomize=True)
def test_any_bytes_or_damage_are_a_message_or_none(position: int, junk: bytes, removed: int) -> None:
    is_valid(junk)
    is_valid(EXAMPLE[:position] + junk[:4] + EXAMPLE[position + removed :])


@given(JSON, st.dictionaries(st.sampled_from(FIELDS), JSON))
@settings(deadline=None, max_examples=100, database=None, derandomize=True)
def test_any_json_is_a_message_or_none(value: Any, fields: dict[str, Any]) -> None:
    """Number and text are enough for one, whatever stands beside them."""
    is_valid(json.dumps(value).encode())
    is_valid(json.dumps(fields).encode())
    assert is_valid(json.dumps({**fields, "number": f"x{fields.get('number')}", "message": "hi"}).encode())
