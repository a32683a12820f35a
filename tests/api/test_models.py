"""Received messages, calls and phones, as they are read from rows."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
import json
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smsmobileapi.api import (
    Call,
    Channel,
    Direction,
    InvalidPayload,
    Phone,
    ReceivedMessage,
    SentLogEntry,
    Source,
    Status,
)
from custom_components.smsmobileapi.api.phones import phones_of

from .methods import each, field, to
from .secrecy import BARE, NUMBER, TEXT
from .test_payload import JSON

BUDAPEST: Final = ZoneInfo("Europe/Budapest")
ARRIVED: Final = datetime(2026, 1, 20, 12, tzinfo=UTC)
BEGAN: Final = datetime(2026, 1, 20, 9, 15, tzinfo=UTC)
BEGAN_SECOND: Final = str(int(BEGAN.timestamp()))
# API.md's row of /getsms/.
ROW: Final[dict[str, Any]] = {
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


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def is_clean(*texts: str | None) -> bool:
    """Return whether a database and a browser can keep and show the texts."""
    return all("\0" not in (text or "") and (text or "").encode().decode() == (text or "") for text in texts)


class TestMessages:
    def read(self, row: object, source: Source = Source.POLL) -> ReceivedMessage:
        return ReceivedMessage.from_api(row, source=source, zone=BUDAPEST, arrived=ARRIVED)

    @pytest.mark.parametrize("source", Source)
    def test_the_documented_row(self, source: Source) -> None:
        message = self.read(ROW, source)
        assert message == ReceivedMessage(
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
        with pytest.raises(FrozenInstanceError):
            message.text = "another"  # type: ignore[misc] # that is the point
        assert hash(message) == hash(self.read(dict(ROW), source))

    def test_the_exact_time_comes_first(self) -> None:
        """Unix seconds need no zone; `date` and `hour` are when the cloud got it, later than the phone did."""
        received, taken = (
            datetime(2025, 10, 9, 8, 53, 25, tzinfo=UTC),
            datetime(2026, 1, 20, 9, 15, tzinfo=UTC),
        )
        times = "timestamp_unix", "time_received", "hour"
        for row, moment in (
            (ROW, datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)),
            (without(ROW, "timestamp_unix"), received),
            (without(ROW, "timestamp_unix", "time_received"), taken),
            (without(ROW, *times), datetime(2026, 1, 19, 23, tzinfo=UTC)),
            *(({**ROW, "timestamp_unix": value}, received) for value in (0, "", None, [1760000000])),
            ({**ROW, "timestamp_unix": "x", "time_received": "y"}, taken),
        ):
            message = self.read(row)
            assert message.received_at == moment, row
            assert message.origin == str(int(moment.timestamp())), row

    def test_a_message_without_a_readable_time_is_kept(self) -> None:
        """API.md: it gets the time of its arrival. Repeats of it can still be detected by what stands there."""
        bare = without(ROW, "timestamp_unix", "time_received", "date", "hour")
        for fields, origin in (
            ({}, None),
            ({"hour": "10:15:00"}, None),
            ({"time_received": "soon"}, "soon"),
            ({"timestamp_unix": 0}, "0"),
            ({"time_received": ["soon"]}, None),
            ({"date": "20.1.", "hour": "noon"}, "20.1. noon"),
        ):
            message = self.read({**bare, **fields})
            assert (message.received_at, message.origin) == (ARRIVED, origin), fields

    def test_one_second_has_one_origin(self) -> None:
        """Webhook and poll write one time in two formats; with two origins, the message would come twice."""
        time: Any
        for time in (
            *field("timestamp_unix", 1760000000, "1760000000", 1760000000999),
            *field("time_received", "20251009105320", "20251009105320999"),
            *field("time_received", "2025-10-09 10:53:20", "2025-10-09T08:53:20Z"),
            {"date": "2025-10-09", "hour": "10:53:20"},
        ):
            assert self.read({"number": "1", "message": "a", **time}).origin == "1760000000", time

    def test_fields_that_may_be_missing(self) -> None:
        for missing, name in (
            ("guid", "message_id"),
            ("alias", "sender_name"),
            ("sIdentifiantPhone", "phone"),
        ):
            for row in (without(ROW, missing), *({**ROW, missing: value} for value in each(None, " ", []))):
                assert getattr(self.read(row), name) is None, row
        # One guid in two types is one message.
        assert self.read({**ROW, "guid": 17}).message_id == self.read({**ROW, "guid": "17"}).message_id

    def test_what_is_no_message(self) -> None:
        rows: list[object] = [
            *(None, 7, "text", b"text", True, [], [ROW], {}, without(ROW, "number"), without(ROW, "message")),
            *({**ROW, "number": number} for number in (None, "", "\t\0", False, {"a": 1}, ["1"])),
            *({**ROW, "message": message} for message in each([], {"text": "a"})),
        ]
        for row in rows:
            with pytest.raises(InvalidPayload) as caught:
                self.read(row)
            assert "hello" not in str(caught.value) and "1555" not in str(caught.value)

    def test_sender_and_text_are_as_they_were_written(self) -> None:
        """Blanks and all; only what no database and no browser can keep is left out."""
        for number, sender in (
            *(("+15551234567", "+15551234567"), (" +1 555 123-4567 ", "+1 555 123-4567"), ("Bank", "Bank")),
            *((15551234567, "15551234567"), (112, "112"), ("+1555\x001234567", "+15551234567")),
            ("Z\ud800", "Z?"),
        ):
            assert self.read({**ROW, "number": number}).sender == sender, number
        for message, text in (
            *(("hello", "hello"), ("  two\nlines\r\n ", "  two\nlines\r\n "), ("", ""), (None, "")),
            *((0, "0"), (4711, "4711"), (1.5, "1.5"), ("a\0b", "ab"), ("\ud83d half", "? half")),
            *(("👩‍🚀 \u202e ﷽", "👩‍🚀 \u202e ﷽"), ("<b>&amp;</b>", "<b>&amp;</b>")),
        ):
            assert self.read({**ROW, "message": message}).text == text, message


MISSED: Final = {"number": NUMBER, "name": "Zoé", "date": "2026-01-20 10:15:00"}
ANSWERED: Final[dict[str, Any]] = {
    "phone_number": NUMBER,
    "cached_name": "Zoé",
    "call_datetime_utc": "2026-01-20 09:15:00",
    "call_date_ms": int(BEGAN.timestamp() * 1000) + 7,
    "duration_sec": 61,
}


class TestCalls:
    def read(self, row: object, direction: Direction = Direction.INCOMING) -> Call:
        return Call.from_api(row, direction=direction, zone=BUDAPEST, arrived=ARRIVED)

    @pytest.mark.parametrize("direction", Direction)
    def test_the_documented_row(self, direction: Direction) -> None:
        is_missed = direction is Direction.MISSED
        assert self.read(MISSED if is_missed else ANSWERED, direction) == Call(
            call_id=None,
            direction=direction,
            number=NUMBER,
            name="Zoé",
            duration=None if is_missed else 61,
            started_at=BEGAN if is_missed else BEGAN + timedelta(milliseconds=7),
            origin=BEGAN_SECOND,
            phone=None,
            source=Source.POLL,
        )

    def test_the_exact_time_comes_first(self) -> None:
        exact, bare = BEGAN + timedelta(milliseconds=7), without(ANSWERED, "call_date_ms")
        for row, began in (
            # The other time is UTC, whatever the zone of the home.
            (bare, BEGAN),
            *(({**ANSWERED, "call_date_ms": value}, BEGAN) for value in (0, None, "soon", [1])),
            ({**ANSWERED, "call_date_ms": str(ANSWERED["call_date_ms"])}, exact),
            ({**ANSWERED, "call_date_ms": int(BEGAN.timestamp())}, BEGAN),
            ({**bare, "call_datetime_utc": "2026-01-20T09:15:00Z"}, BEGAN),
            ({**bare, "call_datetime_utc": "20260120091500"}, BEGAN),
        ):
            call = self.read(row)
            assert (call.started_at, call.origin) == (began, BEGAN_SECOND), row

    def test_a_call_without_a_readable_time_is_kept(self) -> None:
        for row, origin in (
            ({"phone_number": NUMBER, "call_datetime_utc": "soon"}, "soon"),
            ({"phone_number": NUMBER, "call_date_ms": 0}, None),
            ({"phone_number": NUMBER}, None),
        ):
            call = self.read(row)
            assert (call.started_at, call.origin) == (ARRIVED, origin), row
        assert self.read({"number": NUMBER, "date": "soon"}, Direction.MISSED).origin == "soon"

    def test_a_withheld_number(self) -> None:
        for number in each(None, "", " ", [], "\0"):
            assert self.read({**ANSWERED, "phone_number": number}).number is None
            assert self.read({**MISSED, "number": number}, Direction.MISSED).number is None
        assert self.read({**ANSWERED, "phone_number": int(BARE)}).number == BARE

    def test_names_and_durations(self) -> None:
        for value, name in ((None, None), (" Zoé ", "Zoé"), ([], None)):
            assert self.read({**ANSWERED, "cached_name": value}).name == name
        for duration, seconds in (("61", 61), (0, 0), (None, None), (-1, None), ("1:01", None), ([61], None)):
            assert self.read({**ANSWERED, "duration_sec": duration}).duration == seconds

    def test_what_is_no_call(self) -> None:
        rows: tuple[object, ...] = (None, 7, "x", [], [MISSED], {}, {"phone_number": None}, {"date": "soon"})
        for row in rows:
            for direction in Direction:
                with pytest.raises(InvalidPayload):
                    self.read(row, direction)


SEEN: Final = BEGAN
PHONE: Final[dict[str, Any]] = {
    "sid": "phone-1",
    "label": "Kitchen",
    "battery": 86,
    "version": "9.1.0",
    "date": "2026-01-20 10:15:00",
    "online": True,
}
KITCHEN: Final = Phone(
    sid="phone-1", name="Kitchen", is_online=True, battery=86, app_version="9.1.0", last_seen=SEEN
)


class TestPhones:
    """That an item has these values is documented, the names of its keys are not (API.md)."""

    def read(self, **fields: Any) -> Phone | None:
        return Phone.from_api({"sid": "a", **fields}, zone=BUDAPEST)

    def listed(self, *items: Any, **fields: Any) -> list[Phone]:
        phones = phones_of({"success": True, "items": list(items), **fields}, zone=BUDAPEST)
        assert phones is not None
        return phones

    def test_items_without_a_sid_are_left_out(self) -> None:
        junk: Any
        for junk in each(None, 7, "phone-2", [], {}, {"label": "no id"}, {"sid": None}, {"sid": " "}):
            assert self.listed(junk, PHONE, junk) == [KITCHEN], junk

    def test_a_phone_that_is_listed_twice_is_returned_once(self) -> None:
        phones = self.listed(
            {"sid": "b"}, {"sid": "a", "battery": 1}, {"sid": "b"}, {"sid": "a"}, {"sid": "c"}
        )
        assert [phone.sid for phone in phones] == ["b", "a", "c"]
        assert phones[1].battery == 1

    def test_how_many_are_connected(self) -> None:
        """Where no item says it, `connected_now` does if it is all of them or none."""
        for connected, number, is_online in (
            *((0, 1, False), (0, 3, False), ("0", 2, False), (1, 1, True), ("1", 1, True), (5, 3, True)),
            *((1, 2, None), (2, 3, None), (None, 1, None), ("", 1, None), ("all", 1, None), (-1, 1, None)),
            *((1.0, 1, None), (True, 1, None), (False, 1, None), ([1], 1, None)),
        ):
            items = [{"sid": place} for place in range(number)]
            phones = self.listed(*items, connected_now=connected)
            assert [phone.is_online for phone in phones] == [is_online] * number, (connected, number)
        assert self.listed({"sid": "a"}, {"sid": "a"}, connected_now=1) == [Phone(sid="a", is_online=True)]
        # One that can't be read may be the connected one.
        assert self.listed({"sid": "a"}, {"label": "b"}, connected_now=1) == [Phone(sid="a")]
        phones = self.listed({**PHONE, "online": "no"}, {"sid": "b"}, connected_now=2)
        assert [phone.is_online for phone in phones] == [False, None]

    def test_each_name_of_each_value(self) -> None:
        for name in ("sid", "sIdentifiant", "sIdentifiantPhone"):
            for value in ("a", " a "):
                assert Phone.from_api({name: value}, zone=UTC) == Phone(sid="a")
        fields: Any
        for fields, label in (
            *(({"label": "Kitchen"}, "Kitchen"), ({"name": "Kitchen"}, "Kitchen"), ({}, None)),
            *(({"label": empty, "name": "Kitchen"}, "Kitchen") for empty in ("", None)),
            *(({"label": 7}, "7"), ({"label": "\0"}, None), ({"label": ["a"]}, None)),
        ):
            assert self.read(**fields) == Phone(sid="a", name=label), fields
        for name in ("version", "app_version"):
            for version, read in (("9.1.0", "9.1.0"), (9, "9"), *to(None, "", None, {})):
                assert self.read(**{name: version}) == Phone(sid="a", app_version=read), version

    def test_batteries(self) -> None:
        for value, percent in (
            *((86, 86), ("86", 86), ("86%", 86), ("86 %", 86), (" 86% ", 86), (86.0, 86), ("86.0", 86)),
            *((0, 0), ("0%", 0), (1, 1), (100, 100)),
            # Not a part of 1: 1 would be full then, and is nearly empty.
            *((0.86, None), ("0.86", None), (86.4, None), (101, None), (255, None), (-1, None), ("", None)),
            *(("full", None), ("٨٦", None), (True, None), (None, None), ([86], None), (float("nan"), None)),
        ):
            for name in ("battery", "battery_level"):
                assert self.read(**{name: value}) == Phone(sid="a", battery=percent), value
        assert self.read(battery="unknown", battery_level="86%") == Phone(sid="a", battery=86)

    def test_when_it_was_last_seen(self) -> None:
        for name in ("date", "last_seen"):
            for value in (
                *(int(BEGAN_SECOND), BEGAN_SECOND, int(BEGAN_SECOND) * 1000, "20260120101500"),
                *("20260120101500000", "2026-01-20 10:15:00", "2026-01-20T10:15:00+01:00"),
            ):
                assert self.read(**{name: value}) == Phone(sid="a", last_seen=SEEN), value
            for nothing in (0, "soon", None, ["2026-01-20"]):
                assert self.read(**{name: nothing}) == Phone(sid="a"), nothing
        assert self.read(last_seen="never", date="2026-01-20 10:15:00") == Phone(sid="a", last_seen=SEEN)

    def test_whether_it_is_online(self) -> None:
        values: list[tuple[object, bool | None]] = [
            *to(True, True, 1, "1", "true", "online", "Online ", "connected", "yes"),
            *to(False, False, 0, "0", "false", "offline", "OFFLINE", "disconnected"),
            *to(None, None, "", "perhaps", 2, -1, "2026-01-20", [], [True], {"a": 1}),
        ]
        for value, is_online in values:
            for name in ("online", "connected", "status"):
                assert self.read(**{name: value}) == Phone(sid="a", is_online=is_online), value
        assert self.read(online=None, connected="?", status="offline") == Phone(sid="a", is_online=False)


class TestSentLog:
    def read(self, **fields: Any) -> SentLogEntry | None:
        row = {"guid": "a", "number": NUMBER, "message": TEXT, **fields}
        return SentLogEntry.from_api(row, zone=BUDAPEST)

    def test_the_status(self) -> None:
        fine: list[object] = [None, "", 0, "0", False, "none", [], {}]
        fields: Any
        for fields, status, error in (
            *(({"send_from_mobile": value}, Status.ACCEPTED, None) for value in ("0", None, 0)),
            *(({"send_from_mobile": value}, Status.SENT, None) for value in ("1", True)),
            *(({"send_from_mobile": 1, "error_api": value}, Status.SENT, None) for value in fine),
            ({"error_api": "no credit"}, Status.FAILED, "no credit"),
            ({"send_from_mobile": "1", "send_from_mobile_erreur": "radio off"}, Status.FAILED, "radio off"),
            ({"send_from_mobile_erreur": 7}, Status.FAILED, "7"),
            *(({"error_api": value}, Status.FAILED, "error") for value in (["no credit"], {"code": 7})),
        ):
            entry = self.read(**fields)
            assert entry is not None
            assert (entry.status, entry.error) == (status, error), fields

    def test_the_time_and_whether_its_zone_is_known(self) -> None:
        fields: Any
        for fields, is_zone_known in (
            *to(True, *field("timestamp_unix", int(BEGAN_SECOND), BEGAN_SECOND)),
            ({"datetime": "2026-01-20T09:15:00Z"}, True),
            ({"datetime": "2026-01-20 10:15:00"}, False),
            ({"date": "2026-01-20", "hour": "10:15:00"}, False),
        ):
            entry = self.read(**fields)
            assert entry is not None
            assert (entry.sent_at, entry.is_zone_known) == (BEGAN, is_zone_known), fields
        entry = self.read(timestamp_unix="soon")
        assert entry is not None and entry.sent_at is None

    def test_rows_that_cannot_be_read(self) -> None:
        fields: Any
        for fields in ({"guid": None}, {"number": ""}, {"message": ["a"]}, {"message": None}):
            assert self.read(**fields) is None, fields
        assert SentLogEntry.from_api("x", zone=UTC) is None


NAMES: Final = (
    *("number", "phone_number", "name", "cached_name", "date", "call_date_ms", "call_datetime_utc"),
    *("duration_sec", "sid", "label", "battery", "version", "last_seen", "online", "status", "message"),
    *("guid", "send_from_mobile", "error_api", "timestamp_unix", "datetime", "hour"),
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON) | JSON)
@settings(deadline=None, max_examples=600, database=None, derandomize=True)
def test_any_json_is_a_row_or_none(row: Any) -> None:
    row = json.loads(json.dumps(row))
    for direction in Direction:
        try:
            call = Call.from_api(row, direction=direction, zone=BUDAPEST, arrived=ARRIVED)
        except InvalidPayload:
            continue
        assert call.number != "" and (call.duration is None or call.duration >= 0)
        assert call.started_at.utcoffset() == timedelta(0)
        assert is_clean(call.number, call.name, call.origin)
    if phone := Phone.from_api(row, zone=BUDAPEST):
        assert phone.sid.strip() == phone.sid != ""
        assert phone.battery is None or 0 <= phone.battery <= 100
        assert is_clean(phone.sid, phone.name, phone.app_version)
    if entry := SentLogEntry.from_api(row, zone=BUDAPEST):
        assert is_clean(entry.message_id, entry.recipient, entry.text, entry.error)
    for answer in (row, {"items": row}, {"success": True, "items": [row], "connected_now": row}):
        phones_of(answer, zone=UTC)
