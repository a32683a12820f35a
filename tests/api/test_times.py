"""Times: every dress that the service uses, and what is none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given, settings, strategies as st
import pytest

from custom_components.smsmobileapi.api.parsing import parse_time

BUDAPEST = ZoneInfo("Europe/Budapest")
ZONES: list[tzinfo] = [
    UTC,
    BUDAPEST,
    *map(ZoneInfo, ("America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati")),
    timezone(timedelta(hours=-11, minutes=-30)),
]

WINTER = datetime(2026, 1, 20, 9, 15, tzinfo=UTC)
SUMMER = datetime(2026, 7, 20, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1768900500, WINTER),
        ("1768900500", WINTER),
        (" 1768900500\n", WINTER),
        (1768900500.0, WINTER),
        ("1768900500.25", WINTER.replace(microsecond=250_000)),
        (1768900500123, WINTER.replace(microsecond=123_000)),
        ("1768900500123", WINTER.replace(microsecond=123_000)),
        (1768900500123.0, WINTER.replace(microsecond=123_000)),
        (20260120101500, WINTER),
        ("20260120101500", WINTER),
        (20260120101500123, WINTER.replace(microsecond=123_000)),
        ("20260120101500123", WINTER.replace(microsecond=123_000)),
        ("20260720101500", SUMMER),
        ("2026-01-20 10:15:00", WINTER),
        ("2026-01-20 10:15", WINTER),
        ("2026-07-20 10:15:00", SUMMER),
        ("2026-01-20T10:15:00", WINTER),
        ("2026-01-20T10:15:00.123456", WINTER.replace(microsecond=123_456)),
        ("2026-01-20T09:15:00Z", WINTER),
        ("2026-01-20T10:15:00+01:00", WINTER),
        ("2026-01-20 04:15:00-0500", WINTER),
        ("20260120T091500Z", WINTER),
        ("2026-01-20", datetime(2026, 1, 19, 23, tzinfo=UTC)),
    ],
    ids=repr,
)
def test_every_dress(value: object, moment: datetime) -> None:
    assert parse_time(value, BUDAPEST) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-29 01:59:59", datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)),
        ("2026-03-29 03:00:00", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("2026-10-25 01:59:59", datetime(2026, 10, 24, 23, 59, 59, tzinfo=UTC)),
        ("2026-10-25 03:00:00", datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
        # An hour that there is twice, and one that there is not: a time all the same.
        ("2026-10-25 02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-03-29 02:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
    ],
)
def test_clocks_that_change(text: str, moment: datetime) -> None:
    assert parse_time(text, BUDAPEST) == moment
    assert parse_time(text.translate({ord(character): None for character in "- :"}), BUDAPEST) == moment


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        [],
        {},
        b"1768900500",
        "",
        "  ",
        "soon",
        "null",
        "0000-00-00 00:00:00",
        "2026-02-30 10:00:00",
        "2026-01-20 25:00:00",
        "20261301101500",
        "20260120251500",
        "20260120101560",
        0,
        "0",
        -1,
        "-1768900500",
        7,
        1e-9,
        float("nan"),
        float("inf"),
        float("-inf"),
        1e300,
        10**18,
        10**400,
        "9" * 400,
        "1768900500123456",
        "9999-12-31 23:59:59",
        "0001-01-01 00:00:00",
        "0001-01-01T00:00:00+14:00",
        "1989-12-31 10:00:00",
        "2200-01-02 10:00:00",
        "2026-01-20T10:15:00+24:00",
        "1768900500,5",
        "0x696f4a54",
        "1_768_900_500",
        "\ud800",
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_time(value: object) -> None:
    """None, so that the message gets the time of its arrival: better late than in 1970, and no error at any rate."""
    assert parse_time(value, BUDAPEST) is None


def test_a_number_of_any_size_is_no_error() -> None:
    """Python refuses to write an integer of more than 4300 digits."""
    assert parse_time(10**5000, UTC) is None


def naive(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def compact(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S")


# How to write a moment, and whether that leaves its zone unsaid.
DRESSES: dict[str, tuple[Callable[[datetime], object], bool]] = {
    "seconds": (lambda moment: int(moment.timestamp()), False),
    "seconds as text": (lambda moment: str(int(moment.timestamp())), False),
    "seconds as float": (lambda moment: float(int(moment.timestamp())), False),
    "milliseconds": (lambda moment: int(moment.timestamp()) * 1000 + 999, False),
    "milliseconds as text": (lambda moment: f"{int(moment.timestamp())}999", False),
    "milliseconds as float": (lambda moment: int(moment.timestamp()) * 1000.0, False),
    "compact": (compact, True),
    "compact as number": (lambda moment: int(compact(moment)), True),
    "compact milliseconds": (lambda moment: f"{compact(moment)}999", True),
    "compact milliseconds as number": (lambda moment: int(f"{compact(moment)}999"), True),
    "naive": (naive, True),
    "naive ISO 8601": (lambda moment: moment.replace(tzinfo=None).isoformat(), True),
    "ISO 8601": (datetime.isoformat, False),
    "ISO 8601 in UTC": (lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), False),
}


@given(
    second=st.integers(
        int(datetime(1990, 1, 3, tzinfo=UTC).timestamp()), int(datetime(2199, 12, 30, tzinfo=UTC).timestamp())
    ),
    zone=st.sampled_from(ZONES),
    dress=st.sampled_from(sorted(DRESSES)),
)
@example(second=1792888200, zone=BUDAPEST, dress="seconds")
@settings(deadline=None, max_examples=600, database=None, derandomize=True)
def test_any_moment_in_any_dress_is_the_same_second(second: int, zone: tzinfo, dress: str) -> None:
    write, zone_unsaid = DRESSES[dress]
    moment = datetime.fromtimestamp(second, zone)
    # The second of two equal hours cannot be told from the first.
    assume(not (zone_unsaid and moment.fold))
    read = parse_time(write(moment), zone)
    assert read is not None
    assert int(read.timestamp()) == second
    assert read.tzinfo is UTC


@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.text("0123456789-:TZ+. ", max_size=30),
        st.from_regex(r"\A(19|20|21)\d{12}(\d{3})?\Z"),
        st.binary(),
        st.lists(st.integers()),
    ),
    st.sampled_from(ZONES),
)
@settings(deadline=None, max_examples=600, database=None, derandomize=True)
def test_anything_is_a_time_or_none(value: object, zone: tzinfo) -> None:
    read = parse_time(value, zone)
    assert read is None or (read.tzinfo is UTC and 1990 <= read.year < 2200)
