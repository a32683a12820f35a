"""Received messages, calls, phones and the log of sent messages, as they are read from rows."""

from dataclasses import astuple
from datetime import UTC, datetime, timedelta
import json
from typing import Any, Final

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smsmobileapi import api
from custom_components.smsmobileapi.api.phones import phones_of

from .methods import each, field, to
from .secrecy import BARE, NUMBER, TEXT
from .test_payload import ARRIVED, BUDAPEST, JSON, is_clean

BEGAN: Final = datetime(2026, 1, 20, 9, 15, tzinfo=UTC)
BEGAN_SECOND: Final = str(int(BEGAN.timestamp()))
# API.md's row of /getsms/.
ROW: Final[dict[str, Any]] = json.loads("""{"id": 1, "guid": "c319d3b35e8f", "number": "+15551234567",
 "message": "hello", "timestamp_unix": 1760000000, "time_received": "2025-10-09 10:53:25", "date": "2026-01-20",
 "hour": "10:15:00", "sIdentifiantPhone": "phone-1", "alias": null}""")


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


class TestMessages:
    def read(self, row: object) -> api.ReceivedMessage:
        return api.ReceivedMessage.from_api(row, source=api.Source.POLL, zone=BUDAPEST, arrived=ARRIVED)

    def test_the_documented_row(self) -> None:
        values = astuple(self.read(ROW))
        assert values[:5] == ("c319d3b35e8f", api.Channel.SMS, "+15551234567", None, "hello")
        moment = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
        assert values[5:] == (
            moment,
            "1760000000",
            "phone-1",
            api.Source.POLL,
            False,
            False,
            None,
            None,
            None,
        )

    def test_the_exact_time_comes_first(self) -> None:
        """Unix seconds need no zone; `date` and `hour` are when the cloud got it, later than the phone did."""
        received, taken = datetime(2025, 10, 9, 8, 53, 25, tzinfo=UTC), BEGAN
        for row, moment in (
            (without(ROW, "timestamp_unix"), received),
            (without(ROW, "timestamp_unix", "time_received"), taken),
            (without(ROW, "timestamp_unix", "time_received", "hour"), datetime(2026, 1, 19, 23, tzinfo=UTC)),
            *(({**ROW, "timestamp_unix": value}, received) for value in (0, "", None, [1760000000])),
            ({**ROW, "timestamp_unix": "x", "time_received": "y"}, taken),
        ):
            message = self.read(row)
            assert message.received_at == moment, row
            # A date alone is no second.
            has_second = "hour" in row or "time_received" in row
            assert message.origin == (str(int(moment.timestamp())) if has_second else "2026-01-20"), row
            assert (message.second is not None) is has_second, row

    def test_a_message_without_a_readable_time_is_kept(self) -> None:
        """API.md: it gets the time of its arrival. Repeats of it can still be detected by what stands there."""
        for fields, origin in (
            *to(None, {}, {"hour": "10:15:00"}, {"time_received": ["soon"]}),
            *(({"time_received": "soon"}, "soon"), ({"timestamp_unix": 0}, "0")),
            ({"date": "20.1.", "hour": "noon"}, "20.1. noon"),
        ):
            message = self.read({"number": "1", "message": "a", **fields})
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

    def test_fields_that_may_be_missing_and_those_that_may_not(self) -> None:
        names = {"guid": "message_id", "alias": "sender_name", "sIdentifiantPhone": "phone"}
        for missing, name in names.items():
            for row in (without(ROW, missing), *({**ROW, missing: value} for value in each(None, " ", []))):
                assert getattr(self.read(row), name) is None, row
        # One guid in two types is one message.
        assert self.read({**ROW, "guid": 17}).message_id == self.read({**ROW, "guid": "17"}).message_id
        for row in each(
            *(without(ROW, "number"), without(ROW, "message")),
            *({**ROW, "number": number} for number in (None, "", "\t\0", False, {"a": 1}, ["1"])),
            *({**ROW, "message": message} for message in each([], {"text": "a"})),
        ):
            # What the service lists is a message, an MMS or one of a hidden number. What is posted may be anything.
            assert "" in (self.read(row).sender, self.read(row).text), row
            with pytest.raises(api.InvalidPayload):
                api.ReceivedMessage.from_api(row, source=api.Source.WEBHOOK, zone=BUDAPEST, arrived=ARRIVED)
        for row in each(None, 7, "text", b"text", True, [], [ROW], {}, {"id": 1, "timestamp_unix": 1}):
            with pytest.raises(api.InvalidPayload):
                self.read(row)

    def test_sender_and_text_are_as_they_were_written(self) -> None:
        """Blanks and all; only what no database and no browser can keep is left out."""
        for number, sender in (
            *(("+15551234567", "+15551234567"), (" +1 555 123-4567 ", "+1 555 123-4567"), ("Bank", "Bank")),
            *((15551234567, "15551234567"), (112, "112"), ("+1555\x001234567", "+15551234567")),
            ("Z\ud800", "Z?"),
        ):
            assert self.read({**ROW, "number": number}).sender == sender, number
        for message, text in (
            *(("  two\nlines\r\n ", "  two\nlines\r\n "), ("", ""), (None, ""), (0, "0"), (1.5, "1.5")),
            *(("a\0b", "ab"), ("\ud83d half", "? half"), ("👩‍🚀 \u202e <b>&amp;", "👩‍🚀 \u202e <b>&amp;")),
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
EXACT: Final = BEGAN + timedelta(milliseconds=7)


class TestCalls:
    def read(self, row: object, direction: api.Direction = api.Direction.INCOMING) -> api.Call:
        return api.Call.from_api(row, direction=direction, zone=BUDAPEST, arrived=ARRIVED)

    def test_the_documented_rows(self) -> None:
        for direction, row, duration, began in (
            (api.Direction.MISSED, MISSED, None, BEGAN),
            *((api.Direction.INCOMING, ANSWERED, 61, EXACT), (api.Direction.OUTGOING, ANSWERED, 61, EXACT)),
        ):
            values = astuple(self.read(row, direction))
            assert values[:5] == (None, direction, NUMBER, "Zoé", duration)
            assert values[5:] == (began, BEGAN_SECOND, None, api.Source.POLL)

    def test_times(self) -> None:
        """The exact time comes first; the other one is UTC, whatever the zone of the home."""
        bare, withheld = without(ANSWERED, "call_date_ms"), {"phone_number": NUMBER}
        for row, began, origin in (
            (bare, BEGAN, BEGAN_SECOND),
            *(({**ANSWERED, "call_date_ms": value}, BEGAN, BEGAN_SECOND) for value in (0, None, "soon", [1])),
            ({**ANSWERED, "call_date_ms": str(ANSWERED["call_date_ms"])}, EXACT, BEGAN_SECOND),
            ({**bare, "call_datetime_utc": "20260120091500"}, BEGAN, BEGAN_SECOND),
            # Without a readable time, that of the arrival.
            ({**withheld, "call_datetime_utc": "soon"}, ARRIVED, "soon"),
            *(({**withheld, "call_date_ms": 0}, ARRIVED, None), (withheld, ARRIVED, None)),
        ):
            call = self.read(row)
            assert (call.started_at, call.origin) == (began, origin), row
        assert self.read({"number": NUMBER, "date": "soon"}, api.Direction.MISSED).origin == "soon"

    def test_numbers_names_and_durations(self) -> None:
        for number in each(None, "", " ", [], "\0"):
            # A withheld number.
            assert self.read({**ANSWERED, "phone_number": number}).number is None
            assert self.read({**MISSED, "number": number}, api.Direction.MISSED).number is None
        assert self.read({**ANSWERED, "phone_number": int(BARE)}).number == BARE
        for value, name in ((None, None), (" Zoé ", "Zoé"), ([], None)):
            assert self.read({**ANSWERED, "cached_name": value}).name == name
        for duration, seconds in (("61", 61), (0, 0), (None, None), (-1, None), ("1:01", None), ([61], None)):
            assert self.read({**ANSWERED, "duration_sec": duration}).duration == seconds

    def test_what_is_no_call(self) -> None:
        for row in each(None, 7, "x", [], [MISSED], {}, {"phone_number": None}, {"date": "soon"}):
            for direction in api.Direction:
                with pytest.raises(api.InvalidPayload):
                    self.read(row, direction)


class TestPhones:
    """That an item has these values is documented, the names of its keys are not (API.md)."""

    def listed(self, *items: Any, **fields: Any) -> list[api.Phone]:
        phones = phones_of({"success": True, "items": list(items), **fields}, zone=BUDAPEST)
        assert phones is not None
        return phones

    def test_what_is_listed(self) -> None:
        """Items without a SID are left out, and a phone that is listed twice is returned once."""
        for junk in each(None, 7, "phone-2", [], {}, {"label": "no id"}, {"sid": None}, {"sid": " "}):
            assert self.listed(junk, {"sid": "a"}, junk) == [api.Phone(sid="a")], junk
        items = {"sid": "b"}, {"sid": "a", "battery": 1}, {"sid": "b"}, {"sid": "a"}, {"sid": "c"}
        assert [(phone.sid, phone.battery) for phone in self.listed(*items)] == [
            *(("b", None), ("a", 1), ("c", None))
        ]

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
        assert self.listed({"sid": "a"}, {"sid": "a"}, connected_now=1) == [
            api.Phone(sid="a", is_online=True)
        ]
        # One that can't be read may be the connected one.
        assert self.listed({"sid": "a"}, {"label": "b"}, connected_now=1) == [api.Phone(sid="a")]
        phones = self.listed({"sid": "a", "online": "no"}, {"sid": "b"}, connected_now=2)
        assert [phone.is_online for phone in phones] == [False, None]

    def test_each_name_of_each_value(self) -> None:
        battery, seen, online = "battery battery_level", "last_seen date", "online connected status"
        rows: list[tuple[str, str, Any, tuple[Any, ...]]] = [
            ("label name", "name", "Kitchen", ("Kitchen", " Kitchen ")),
            ("label name", "name", None, ("", None, "\0", ["a"])),
            ("version app_version", "app_version", "9.1.0", ("9.1.0",)),
            ("version app_version", "app_version", None, ("", None, {})),
            (battery, "battery", 86, (86, "86", "86%", " 86 % ", 86.0, "86.0")),
            *((battery, "battery", value, (value, f"{value}%")) for value in (0, 1, 100)),
            # Not a part of 1: 1 would be full then, and is nearly empty.
            (
                battery,
                "battery",
                None,
                (0.86, "0.86", 86.4, 101, -1, "", "٨٦", True, None, [86], float("nan")),
            ),
            (seen, "last_seen", BEGAN, (int(BEGAN_SECOND), "20260120101500", "2026-01-20 10:15:00")),
            (seen, "last_seen", None, (0, "soon", None, ["2026-01-20"])),
            (online, "is_online", True, (True, 1, "1", "true", "online", "Online ", "connected", "yes")),
            (online, "is_online", False, (False, 0, "0", "false", "offline", "OFFLINE", "disconnected")),
            (online, "is_online", None, (None, "", "perhaps", 2, -1, "2026-01-20", [], [True], {"a": 1})),
        ]
        for names, attribute, read, values in rows:
            for value in values:
                for name in names.split():
                    phone = api.Phone.from_api({"sid": "a", name: value}, zone=BUDAPEST)
                    assert phone == api.Phone(sid="a", **{attribute: read}), (name, value)
                # What can't be read is looked for under the next name.
                other, last = names.split()[-2:]
                phone = api.Phone.from_api({"sid": "a", other: [], last: value}, zone=BUDAPEST)
                assert phone == api.Phone(sid="a", **{attribute: read}), (names, value)
        for name in ("sid", "sIdentifiant", "sIdentifiantPhone"):
            assert api.Phone.from_api({name: " a "}, zone=UTC) == api.Phone(sid="a")


class TestSentLog:
    def read(self, **fields: Any) -> api.SentLogEntry:
        entry = api.SentLogEntry.from_api(
            {"guid": "a", "number": NUMBER, "message": TEXT, **fields}, zone=BUDAPEST
        )
        assert entry is not None
        return entry

    def test_the_status(self) -> None:
        fields: Any
        for fields, status, error in (
            *((fields, api.Status.ACCEPTED, None) for fields in field("send_from_mobile", "0", None, 0)),
            *((fields, api.Status.SENT, None) for fields in field("send_from_mobile", "1", True)),
            *(
                ({"send_from_mobile": 1, "error_api": fine}, api.Status.SENT, None)
                for fine in each(None, "", 0, "0", False, "none", [], {})
            ),
            ({"error_api": "no credit"}, api.Status.FAILED, "no credit"),
            (
                {"send_from_mobile": "1", "send_from_mobile_erreur": "radio off"},
                api.Status.FAILED,
                "radio off",
            ),
            ({"send_from_mobile_erreur": 7}, api.Status.FAILED, "7"),
            *(
                (fields, api.Status.FAILED, "error")
                for fields in field("error_api", ["no credit"], {"code": 7})
            ),
        ):
            entry = self.read(**fields)
            assert (entry.status, entry.error) == (status, error), fields

    def test_the_time_and_whether_its_zone_is_known(self) -> None:
        fields: Any
        for fields, is_zone_known in (
            *to(True, {"timestamp_unix": BEGAN_SECOND}, {"datetime": "2026-01-20T09:15:00Z"}),
            *to(False, {"datetime": "2026-01-20 10:15:00"}, {"date": "2026-01-20", "hour": "10:15:00"}),
        ):
            entry = self.read(**fields)
            assert (entry.sent_at, entry.is_zone_known) == (BEGAN, is_zone_known), fields
        assert self.read(timestamp_unix="soon").sent_at is None

    def test_rows_that_cannot_be_read(self) -> None:
        row = {"guid": "a", "number": NUMBER, "message": TEXT}
        for fields in each({"guid": None}, {"number": ""}, {"message": ["a"]}, {"message": None}):
            assert api.SentLogEntry.from_api({**row, **fields}, zone=UTC) is None, fields
        assert api.SentLogEntry.from_api("x", zone=UTC) is None


NAMES: Final = (
    *("number", "phone_number", "name", "cached_name", "date", "call_date_ms", "call_datetime_utc"),
    *("duration_sec", "sid", "label", "battery", "version", "last_seen", "online", "status", "message"),
    *("guid", "send_from_mobile", "error_api", "timestamp_unix", "datetime", "hour"),
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON) | JSON)
@settings(deadline=None, max_examples=100, database=None, derandomize=True)
def test_any_json_is_a_row_or_none(row: Any) -> None:
    row = json.loads(json.dumps(row))
    for direction in api.Direction:
        try:
            call = api.Call.from_api(row, direction=direction, zone=BUDAPEST, arrived=ARRIVED)
        except api.InvalidPayload:
            continue
        assert call.number != "" and (call.duration is None or call.duration >= 0)
        assert is_clean(call.number, call.name, call.origin)
    if phone := api.Phone.from_api(row, zone=BUDAPEST):
        assert phone.sid.strip() == phone.sid != ""
        assert phone.battery is None or 0 <= phone.battery <= 100
        assert is_clean(phone.sid, phone.name, phone.app_version)
    if entry := api.SentLogEntry.from_api(row, zone=BUDAPEST):
        assert is_clean(entry.message_id, entry.recipient, entry.text, entry.error)
    for answer in (row, {"items": row}, {"success": True, "items": [row], "connected_now": row}):
        phones_of(answer, zone=UTC)
