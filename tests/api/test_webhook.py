"""Webhook V1: whatever is posted to the URL is a message or none, and never an error."""

from datetime import UTC, datetime, timedelta
import json
import logging
import traceback
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings, strategies as st
import pytest

from custom_components.smsmobileapi.api import (
    Call,
    Channel,
    InvalidPayload,
    ReceivedMessage,
    Source,
    WebhookEvent,
    parse_body,
)

from .secrecy import BARE, NUMBER, TEXT, secrets_in

BUDAPEST = ZoneInfo("Europe/Budapest")
ARRIVED = datetime(2026, 1, 20, 12, tzinfo=UTC)
# Verbatim from API.md.
EXAMPLE = b"""{"date": "2025-01-20", "hour": "10:15:00", "time_received": "2025-01-20 10:14:50",
 "message": "Hello, this is a test.", "number": "+123456789", "guid": "abcde12345"}"""


def parse(body: bytes) -> ReceivedMessage:
    message = parse_body(body, zone=BUDAPEST, arrived=ARRIVED)
    assert isinstance(message, ReceivedMessage)
    return message


def body(**fields: Any) -> bytes:
    return json.dumps({**json.loads(EXAMPLE), **fields}, ensure_ascii=False).encode()


def test_the_documented_example() -> None:
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


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Zoé € 😀"),
        ("utf-8-sig", "Zoé € 😀"),
        ("latin-1", "Zoé árvíz"),
        ("cp1252", "Zoé 5 € “quoted”"),
    ],
)
def test_texts_in_every_encoding(encoding: str, text: str) -> None:
    assert parse(body(message=text).decode().encode(encoding)).text == text


@pytest.mark.parametrize("escape", [True, False])
def test_escapes(escape: bool) -> None:
    raw = json.dumps({"number": "1", "message": 'é😀\n"'}, ensure_ascii=escape).encode()
    assert parse(raw).text == 'é😀\n"'


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb"a\u0000b", "ab"),
        (rb"a\ud83db", "a?b"),
        (rb"a\udc00\ud83db", "a??b"),
        (rb"\ud83d\ude00", "😀"),
        (b"a\x81\xe9", "a\N{REPLACEMENT CHARACTER}é"),
        (rb"\u2028\u202e\ufeff", "\u2028\u202e\ufeff"),
    ],
)
def test_what_cannot_be_kept_is_left_out_of_the_text(raw: bytes, text: str) -> None:
    """A text with half a character in it could neither be stored nor be shown."""
    assert parse(EXAMPLE.replace(b"Hello, this is a test.", raw)).text == text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"7",
        b"[]",
        b"{}",
        b'"text"',
        EXAMPLE[:-1],
        EXAMPLE + b"}",
        b"[" + EXAMPLE + b"]",
        b"number=%2B123456789&message=hi",
        b"<html></html>",
        b"\0",
        b"\xff\xfe{\0}\0",
        EXAMPLE.decode().encode("utf-16"),
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"message": ' + b"[" * 200_000 + b"]" * 200_000 + b', "number": "1"}',
        b'{"number": ' + b"9" * 5000 + b', "message": "hi"}',
        b'{"number": NaN, "message": "hi"}',
        b'{"number": 1e999, "message": "hi"}',
        body(number=None),
        body(number=""),
        body(message=[TEXT]),
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_what_is_no_message(raw: bytes) -> None:
    with pytest.raises(InvalidPayload):
        parse(raw)


@pytest.mark.parametrize(
    ("number", "sender"), [(b"9" * 4000, "9" * 4000), (b"36301234567", "36301234567"), (b"-1", "-1")]
)
def test_numbers_that_are_numbers(number: bytes, sender: str) -> None:
    assert parse(b'{"message": "hi", "number": ' + number + b"}").sender == sender


def test_nested_rubbish_costs_no_message() -> None:
    """As deep as the parser goes: what reads the fields must not be the one to fail."""
    for depth in (10, 500, 5000):
        raw = EXAMPLE[:-1] + b', "extra": ' + b"[" * depth + b"]" * depth + b"}"
        assert parse(raw).text == "Hello, this is a test."


@pytest.mark.parametrize(
    "raw",
    [
        f'{{"number": "{NUMBER}", "message": "{TEXT}"'.encode(),
        f'{{"number": "{NUMBER}", "message": ["{TEXT}"]}}'.encode(),
        f'{{"number": ["{BARE}"], "message": "{TEXT}"}}'.encode(),
    ],
)
def test_no_error_shows_the_message(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvalidPayload) as caught:
        parse(raw)
    assert not secrets_in(
        repr(caught.value) + "".join(traceback.format_exception(caught.value)) + caplog.text
    )


def is_sound(raw: bytes) -> bool:
    """Return whether a body was a message; if it was, check that all the rest can rely on it."""
    try:
        message = parse(raw)
    except InvalidPayload:
        return False
    texts = (
        message.sender,
        message.text,
        message.message_id,
        message.sender_name,
        message.phone,
        message.origin,
    )
    for text in texts:
        assert text is None or "\0" not in text
        assert (text or "").encode("utf-8").decode() == (text or "")
    assert message.sender.strip() == message.sender != ""
    assert message.message_id != ""
    assert message.received_at.utcoffset() == timedelta(0)
    assert message.source is Source.WEBHOOK
    return True


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("number", "message", "guid", "alias", "timestamp_unix", "time_received", "date", "hour")


@given(st.binary(max_size=200))
@example(EXAMPLE)
@settings(deadline=None, max_examples=300, database=None, derandomize=True)
def test_any_bytes_are_a_message_or_none(raw: bytes) -> None:
    is_sound(raw)


@given(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=4), st.integers(0, 4))
@settings(deadline=None, max_examples=300, database=None, derandomize=True)
def test_any_damage_leaves_a_message_or_none(position: int, junk: bytes, removed: int) -> None:
    is_sound(EXAMPLE[:position] + junk + EXAMPLE[position + removed :])


@given(JSON)
@settings(deadline=None, max_examples=300, database=None, derandomize=True)
def test_any_json_is_a_message_or_none(value: Any) -> None:
    is_sound(json.dumps(value).encode())


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
@settings(deadline=None, max_examples=400, database=None, derandomize=True)
def test_any_fields_are_a_message_or_none(fields: dict[str, Any]) -> None:
    is_sound(json.dumps(fields).encode())


@given(
    number=st.integers(1)
    | st.text(st.characters(codec=None), min_size=1).filter(lambda text: text.strip("\0 ")),
    message=st.text(st.characters(codec=None)),
    time=JSON,
)
@settings(deadline=None, max_examples=300, database=None, derandomize=True)
def test_whoever_writes_anything_at_any_time_is_heard(number: object, message: str, time: Any) -> None:
    """With a number and a text it is a message, whatever else is wrong with it."""
    raw = json.dumps({"number": f"x{number}", "message": message, "timestamp_unix": time}).encode()
    assert is_sound(raw)


@pytest.mark.parametrize(
    ("call_at", "occurred_at"),
    [
        ("2026-09-23 12:00:00", "2026-09-23T12:00:00Z"),
        ("2026-09-23T12:00:00", "2026-09-23T12:00:03Z"),
        ("2026-09-23 14:00:00", "2026-09-23T12:00:00Z"),
        ("2026-09-23 14:00:00", None),
        ("2026-09-23T12:00:00Z", "2026-09-23T20:00:00Z"),
        ("2026-09-23T14:00:00+02:00", "whenever"),
    ],
)
def test_a_time_without_zone_is_the_one_nearer_to_the_event(call_at: str, occurred_at: str | None) -> None:
    """Some of the service's times are UTC and don't say so; a call that is listed, too, must not be told twice."""
    data = {"guid": "g-1", "number": NUMBER, "call_at": call_at}
    event = {"id": "e-1", "type": "call.missed", "data": data, "occurred_at": occurred_at}
    arrival = parse_body(json.dumps(event).encode(), zone=BUDAPEST, arrived=ARRIVED)
    assert isinstance(arrival, WebhookEvent) and isinstance(arrival.content, Call)
    assert arrival.content.started_at == datetime(2026, 9, 23, 12, tzinfo=UTC)
