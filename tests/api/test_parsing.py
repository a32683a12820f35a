"""Times and texts: each way in which the service writes them, and what is none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given, settings, strategies as st

from custom_components.smsmobileapi.api.parsing import count_of, parse_time, text_of, yes_or_no

from .methods import to

BUDAPEST: Final = ZoneInfo("Europe/Budapest")
ZONES: Final[list[tzinfo]] = [
    UTC,
    BUDAPEST,
    *map(ZoneInfo, ("America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati")),
    timezone(timedelta(hours=-11, minutes=-30)),
]
WINTER: Final = datetime(2026, 1, 20, 9, 15, tzinfo=UTC)


def test_times() -> None:
    """What the formats below, which are tried with any moment, leave out."""
    times: list[tuple[object, datetime]] = [
        *to(WINTER, " 1768900500\n", "2026-01-20 10:15", "2026-01-20 04:15:00-0500", "20260120T091500Z"),
        ("1768900500.25", WINTER.replace(microsecond=250_000)),
        *to(WINTER.replace(microsecond=123_000), 1768900500123, "1768900500123", "20260120101500123"),
        ("2026-01-20T10:15:00.123456", WINTER.replace(microsecond=123_456)),
        ("2026-01-20", datetime(2026, 1, 19, 23, tzinfo=UTC)),
        # Summer time; an hour that exists twice, and one that does not exist, can be read all the same.
        ("2026-07-20 10:15:00", datetime(2026, 7, 20, 8, 15, tzinfo=UTC)),
        *to(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25 02:30:00", "20261025023000"),
        *to(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "2026-03-29 02:30:00", "20260329023000"),
    ]
    for value, moment in times:
        assert parse_time(value, BUDAPEST) == moment, value


def test_what_is_no_time() -> None:
    """None, so that the message gets the time of its arrival: better than 1970, and never an exception."""
    values: list[Any] = [
        *(None, True, False, [], {}, b"1768900500", "", "  ", "soon", "null", "0000-00-00 00:00:00"),
        *("2026-02-30 10:00:00", "2026-01-20 25:00:00", "20261301101500", "20260120251500", "20260120101560"),
        *(0, "0", -1, "-1768900500", 7, 1e-9, float("nan"), float("inf"), float("-inf"), 1e300, 10**18),
        # Python refuses to write an integer of more than 4300 digits.
        *(10**400, 10**5000, "9" * 400, "1768900500123456", "9999-12-31 23:59:59", "0001-01-01 00:00:00"),
        *("0001-01-01T00:00:00+14:00", "1989-12-31 10:00:00", "2200-01-02 10:00:00"),
        *("2026-01-20T10:15:00+24:00", "1768900500,5", "0x696f4a54", "1_768_900_500", "\ud800"),
    ]
    for value in values:
        assert parse_time(value, BUDAPEST) is None, repr(value)[:40] if not isinstance(value, int) else "int"


def compact(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S")


# How to write a moment, and whether that leaves its zone out.
FORMATS: Final[list[tuple[Callable[[datetime], object], bool]]] = [
    (lambda moment: int(moment.timestamp()), False),
    (lambda moment: float(int(moment.timestamp())), False),
    (lambda moment: int(moment.timestamp()) * 1000 + 999, False),
    (lambda moment: int(compact(moment)), True),
    (lambda moment: f"{compact(moment)}999", True),
    (lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"), True),
    (lambda moment: moment.replace(tzinfo=None).isoformat(), True),
    (datetime.isoformat, False),
    (lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), False),
]


@given(
    second=st.integers(
        int(datetime(1990, 1, 3, tzinfo=UTC).timestamp()), int(datetime(2199, 12, 30, tzinfo=UTC).timestamp())
    ),
    zone=st.sampled_from(ZONES),
    written=st.sampled_from(FORMATS),
)
@example(second=1792888200, zone=BUDAPEST, written=FORMATS[0])
@settings(deadline=None, max_examples=150, database=None, derandomize=True)
def test_any_moment_in_any_format_is_the_same_second(
    second: int, zone: tzinfo, written: tuple[Callable[[datetime], object], bool]
) -> None:
    write, has_no_zone = written
    moment = datetime.fromtimestamp(second, zone)
    # The second of two equal hours cannot be distinguished from the first.
    assume(not (has_no_zone and moment.fold))
    for value in (write(moment), str(write(moment))):
        read = parse_time(value, zone)
        assert read is not None and int(read.timestamp()) == second and read.tzinfo is UTC


def test_texts_numbers_and_words() -> None:
    for value, text in (
        *(("a", "a"), (" a ", "a"), (17, "17"), (0, "0"), ("a\0b", "ab"), ("Z\ud800", "Z?")),
        *to(None, None, "", " ", "\0", True, False, [], {}, 1.5, ["a"]),
    ):
        assert text_of({"x": value}, "x") == text, value
    assert text_of({"x": "", "y": "b", "z": "c"}, "w", "x", "y", "z") == "b"
    for value, count in (
        *((0, 0), (61, 61), ("61", 61), (9_999_999, 9_999_999)),
        *to(None, None, -1, "1:01", "٨", 1.0, True, [61], 10_000_000, "", "²"),
    ):
        assert count_of(value) == count, value
    for value, answer in (
        *to(True, True, 1, 1.0, "1", "true", "Yes ", "YES", "on"),
        *to(False, False, 0, 0.0, "0", "false", " No", "off"),
        *to(None, None, "", "perhaps", 2, -1, 0.5, [], [True], {"a": 1}, float("nan")),
    ):
        assert yes_or_no(value) is answer, value
    assert (yes_or_no("Not-Here", {"here"}, {"not_here"}), yes_or_no("here", {"here"})) == (False, True)
