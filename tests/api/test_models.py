"""Messages as the rest of the integration gets them."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.smsmobileapi.api import Channel, InvalidPayload, ReceivedMessage, Source

BUDAPEST = ZoneInfo("Europe/Budapest")
ARRIVED = datetime(2026, 1, 20, 12, tzinfo=UTC)
# API.md's row of /getsms/.
ROW: dict[str, Any] = {
    "id": 1,
    "guid": "c319d3b35e8f",
    "number": "+15551234567",
    "message": "hello",
    "timestamp_unix": 1760000000,
    "time_received": "2025-10-09 10:53:25",
    "date": "2026-01-20",
    "hour": "10:15:00",
    "sIdentifiantPhone": "phone-1",
    "alias": None,
}


def read(row: object, source: Source = Source.POLL) -> ReceivedMessage:
    return ReceivedMessage.from_api(row, source=source, zone=BUDAPEST, arrived=ARRIVED)


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in ROW.items() if name not in names}


@pytest.mark.parametrize("source", Source)
def test_the_documented_row(source: Source) -> None:
    assert read(ROW, source) == ReceivedMessage(
        message_id="c319d3b35e8f",
        channel=Channel.SMS,
        sender="+15551234567",
        sender_name=None,
        text="hello",
        received_at=datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC),
        origin="1760000000",
        phone="phone-1",
        source=source,
        voice=False,
    )


@pytest.mark.parametrize(
    ("row", "moment"),
    [
        (ROW, datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)),
        (without("timestamp_unix"), datetime(2025, 10, 9, 8, 53, 25, tzinfo=UTC)),
        (without("timestamp_unix", "time_received"), datetime(2026, 1, 20, 9, 15, tzinfo=UTC)),
        (without("timestamp_unix", "time_received", "hour"), datetime(2026, 1, 19, 23, tzinfo=UTC)),
        ({**ROW, "timestamp_unix": 0}, datetime(2025, 10, 9, 8, 53, 25, tzinfo=UTC)),
        ({**ROW, "timestamp_unix": ""}, datetime(2025, 10, 9, 8, 53, 25, tzinfo=UTC)),
        ({**ROW, "timestamp_unix": None}, datetime(2025, 10, 9, 8, 53, 25, tzinfo=UTC)),
        ({**ROW, "timestamp_unix": "x", "time_received": "y"}, datetime(2026, 1, 20, 9, 15, tzinfo=UTC)),
    ],
)
def test_the_exact_time_comes_first(row: dict[str, Any], moment: datetime) -> None:
    """Unix seconds need no zone; `date` and `hour` are when the cloud took it, later than the phone did."""
    message = read(row)
    assert message.received_at == moment
    assert message.origin == str(int(moment.timestamp()))


@pytest.mark.parametrize(
    ("row", "origin"),
    [
        (without("timestamp_unix", "time_received", "date", "hour"), None),
        (without("timestamp_unix", "time_received", "date"), None),
        ({**without("timestamp_unix", "date", "hour"), "time_received": "soon"}, "soon"),
        ({**without("time_received", "date", "hour"), "timestamp_unix": 0}, "0"),
        ({**without("timestamp_unix", "date", "hour"), "time_received": ["soon"]}, None),
        ({**without("timestamp_unix", "time_received"), "date": "20.1.", "hour": "noon"}, "20.1. noon"),
    ],
)
def test_no_message_is_lost_for_its_time(row: dict[str, Any], origin: str | None) -> None:
    """API.md: a time that can't be read is replaced by that of arrival. Two such repeats are still told apart."""
    message = read(row)
    assert message.received_at == ARRIVED
    assert message.origin == origin


@pytest.mark.parametrize(
    "time",
    [
        {"timestamp_unix": 1760000000},
        {"timestamp_unix": "1760000000"},
        {"timestamp_unix": 1760000000999},
        {"time_received": "20251009105320"},
        {"time_received": "20251009105320999"},
        {"time_received": "2025-10-09 10:53:20"},
        {"time_received": "2025-10-09T08:53:20Z"},
        {"date": "2025-10-09", "hour": "10:53:20"},
    ],
)
def test_one_second_has_one_origin(time: dict[str, Any]) -> None:
    """Webhook and poll write one time in two dresses; were their origins two, the message would come twice."""
    assert read({"number": "1", "message": "a", **time}).origin == "1760000000"


@pytest.mark.parametrize("missing", ["guid", "alias", "sIdentifiantPhone"])
def test_what_a_message_can_do_without(missing: str) -> None:
    names = {"guid": "message_id", "alias": "sender_name", "sIdentifiantPhone": "phone"}
    for row in (without(missing), {**ROW, missing: None}, {**ROW, missing: " "}, {**ROW, missing: []}):
        assert getattr(read(row), names[missing]) is None


@pytest.mark.parametrize(
    "row",
    [
        None,
        7,
        "text",
        b"text",
        True,
        [],
        [ROW],
        {},
        without("number"),
        without("message"),
        {**ROW, "number": None},
        {**ROW, "number": ""},
        {**ROW, "number": "\t\0"},
        {**ROW, "number": False},
        {**ROW, "number": {"a": 1}},
        {**ROW, "message": []},
        {**ROW, "message": {"text": "a"}},
    ],
    ids=lambda row: repr(row)[:40],
)
def test_what_is_no_message(row: object) -> None:
    with pytest.raises(InvalidPayload) as caught:
        read(row)
    assert "hello" not in str(caught.value) and "1555" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "sender"),
    [
        ("+15551234567", "+15551234567"),
        (" +1 555 123-4567 ", "+1 555 123-4567"),
        (15551234567, "15551234567"),
        ("MyBank", "MyBank"),
        (112, "112"),
        ("+1555\x001234567", "+15551234567"),
        ("Z\ud800", "Z?"),
    ],
)
def test_the_sender_is_what_the_service_wrote(number: object, sender: str) -> None:
    assert read({**ROW, "number": number}).sender == sender


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("hello", "hello"),
        ("  two\nlines\r\n ", "  two\nlines\r\n "),
        ("", ""),
        (None, ""),
        (0, "0"),
        (4711, "4711"),
        (1.5, "1.5"),
        ("a\0b", "ab"),
        ("\ud83d half", "? half"),
        ("👩‍🚀 \u202e ﷽", "👩‍🚀 \u202e ﷽"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
    ],
)
def test_the_text_is_what_was_written(message: object, text: str) -> None:
    """Blanks and all; only what no database and no browser can hold is left out."""
    assert read({**ROW, "message": message}).text == text


def test_an_id_may_be_a_number() -> None:
    """One guid in two types is one message."""
    assert read({**ROW, "guid": 17}).message_id == read({**ROW, "guid": "17"}).message_id == "17"


def test_a_message_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        read(ROW).text = "another"  # type: ignore[misc] # that is the point
    assert hash(read(ROW)) == hash(read(dict(ROW)))
