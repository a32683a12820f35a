"""The right person: a number in any usual form is one number, or an error that names what is wrong."""

from collections import Counter
from collections.abc import Container
import itertools
from random import Random
import re
import string

from homeassistant.util.yaml import parse_yaml
from hypothesis import HealthCheck, example, given, settings, strategies as st
import phonenumbers
import pytest

from custom_components.smsmobileapi.api import Channel
from custom_components.smsmobileapi.numbers import InvalidNumber, mask, normalise_sender, parse_number

ANNA = "+36301234567"
MOBILES = [ANNA, "+12025550123", "+447911123456", "+33612345678", "+4915123456789", "+393123456789"]
REGIONS = [None, "HU", "US", "GB", "FR", "DE", "IT", "AR", "XX"]
E164 = re.compile(r"\+[1-9][0-9]{4,19}")  # some countries have numbers longer than E.164's 15 digits
# However slow the machine is.
SETTINGS = settings(
    deadline=None, max_examples=400, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture(autouse=True)
def _surroundings() -> None:
    """No Home Assistant is needed."""


def outcome(
    value: str | int, region: str | None = "HU", channel: Channel = Channel.SMS, known: Container[str] = ()
) -> str:
    """Return the number, or the code of the error, which must not repeat the number."""
    try:
        return parse_number(value, region, channel, lambda number: number in known)
    except InvalidNumber as err:
        return err.code if (str(err), err.args) == (err.code, (err.code,)) else f"the error shows {err.args}"


def is_in_use(number: str) -> bool:
    """Return whether a number is E.164 and valid in its country, not only of a possible length."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return False
    # The library takes some zeros for a national prefix, but only the second time.
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return phonenumbers.is_valid_number(parsed) and written == number


def test_an_international_number_in_any_usual_form_and_country() -> None:
    for value in (
        "+36301234567",
        "0036301234567",
        "  +36301234567\n",
        "+36 30 123 4567",
        "+36-30-123-4567",
        "+36.30.123.4567",
        "+36/30/123/4567",
        "+36 (30) 123-4567",
        "(+36) 30 123 4567",
        "00 36 30 123 4567",
        "00-36-30-123-4567",
        "+36\N{NO-BREAK SPACE}30\N{NARROW NO-BREAK SPACE}123\N{THIN SPACE}4567",
        "+36\N{NON-BREAKING HYPHEN}30\N{HYPHEN}123\N{EN DASH}4567",
        "+36\N{FIGURE DASH}30\N{EM DASH}123\N{HORIZONTAL BAR}4567",
        "+36\N{MINUS SIGN}30\N{MINUS SIGN}1234567",
        "\N{FULLWIDTH PLUS SIGN}36301234567",
        "+٣٦٣٠١٢٣٤٥٦٧",
        "+３６３０１２３４５６７",
        # Address books put invisible characters around numbers.
        "\N{LEFT-TO-RIGHT EMBEDDING}+36301234567\N{POP DIRECTIONAL FORMATTING}",
        "\N{LEFT-TO-RIGHT MARK}+36 30 123 4567",
        "\N{ZERO WIDTH SPACE}+36301234567",
    ):
        for region, channel in itertools.product(REGIONS, Channel):
            assert outcome(value, region, channel) == ANNA, (value, region, channel)
            assert normalise_sender(value, region) == ANNA, (value, region)


def test_a_number_that_lost_its_plus() -> None:
    """The service writes it so: an answer must reach its sender.

    A number of a landline in Germany or Italy with the same digits is not preferred: it gets no SMS.
    """
    for number, region in itertools.product(MOBILES, REGIONS):
        assert outcome(number.removeprefix("+"), region, known={number}) == number, (number, region)
        if region:
            assert outcome(number.removeprefix("+"), region) == number, (number, region)
        assert normalise_sender(number.removeprefix("+"), region) == number, (number, region)


def test_an_integer_is_e164_and_valid_and_no_other_number_or_is_refused() -> None:
    """YAML and templates make integers of numbers. Where one is a known number, no other is meant: an answer gets there."""
    for number, region in itertools.product([*MOBILES, "+390612345678", "+3612345678"], REGIONS):
        assert outcome(int(number), region) in {number, "number_unquoted"}, (number, region)
        assert outcome(int(number), region, known={number}) == number, (number, region)
    unclear = {
        "HU": [0o6301152443, 301234567, 6301234567, 1770, 112, 36301, 999123456789],
        "DE": [15123456789, 0o15123456701],
        "US": [2025550123, 0o2025550123],
        "PL": [0o005511712345],
    }
    for region, values in unclear.items():
        for value in values:
            assert outcome(value, region) == outcome(value, None) == "number_unquoted", (region, value)
    # In quotes: a lost zero, and digits that were a float, would be longer numbers abroad.
    assert outcome("6301152443", "HU") == "number_too_long"
    assert outcome("6301152443", "HU", known={"+6301152443"}) == "+6301152443"
    assert outcome("15123456789.0", "DE") == outcome("6301152443.0", "HU") == "number_invalid"
    for number, region in ((ANNA, "HU"), ("+15123456789", "HU"), ("+4915123456789", "DE"), (ANNA, "US")):
        assert outcome(int(number), region) == number, (number, region)
    # Without a country, nothing is guessed.
    assert outcome(36301234567, None) == "number_unquoted"
    # Two known numbers are two again.
    both = {"+15123456789", "+4915123456789"}
    assert outcome(15123456789, "DE", known=both) == "number_unquoted"
    assert outcome(15123456789, "DE", known={"+4915123456789"}) == "number_unquoted"
    assert outcome(1770, known={"1770"}) == "1770"
    assert outcome(1770, "HU", Channel.WHATSAPP, {"1770"}) == "number_short_code"


# Country code, what national numbers begin with, the prefixes of mobiles, and how many digits follow.
PLANS = {
    "AT": ("43", "0", "660 664 676 699", 7),
    "CH": ("41", "0", "76 77 78 79", 7),
    "DE": ("49", "0", "151 152 157 159", 8),
    "ES": ("34", "", "60 61 65 68", 7),
    "FR": ("33", "0", "61 66 75 78", 7),
    "GB": ("44", "0", "7400 7700 7881 7911", 6),
    "HU": ("36", "06", "20 30 70", 7),
    "IT": ("39", "", "320 333 347 391", 7),
    "PL": ("48", "", "50 51 60 72 79", 7),
    "US": ("1", "", "202555 212736 415555 646736", 4),
}


def test_ten_thousand_mobiles_reach_nobody_else_however_they_are_written() -> None:
    """A thousand of each country, at home, as YAML reads them: what is not refused reaches the number that was written.

    Of 10,000, refused are: in quotes 0; without quotes 4,929 (929 of the 6,000 that begin with 0, which are octal, and the
    4,000 of countries without it), 10,000 whose zero was lost, 343 that begin with + and 1,397 with 00.
    """
    random = Random(9)
    refused: Counter[str] = Counter()
    for region, (country, trunk, prefixes, length) in PLANS.items():
        for _ in range(1000):
            national = random.choice(prefixes.split()) + "".join(random.choices(string.digits, k=length))
            right = f"+{country}{national}"
            written = {
                "quoted": f'"{trunk}{national}"',
                "national": f"{trunk}{national}",
                "without its zero": national,
                "international": right,
                "with 00": f"00{right[1:]}",
            }
            for form, text in written.items():
                value = parse_yaml(text)
                assert isinstance(value, str | int)
                found = outcome(value, region)
                assert found in {right, "number_unquoted"}, (region, form, text)
                refused[form] += found != right
    assert refused["quoted"] == 0
    assert refused["international"] < 500


def test_a_national_number_is_one_of_the_homes_country() -> None:
    for value, region, number in (
        ("06301234567", "HU", ANNA),
        ("06 30 123 4567", "HU", ANNA),
        ("06-30/123-4567", "HU", ANNA),
        ("(06 30) 123-4567", "HU", ANNA),
        ("(30) 123 4567", "HU", ANNA),
        ("301234567", "HU", ANNA),
        ("+36 06 30 123 4567", "HU", ANNA),
        ("06 1 234 5678", "HU", "+3612345678"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("202.555.0123", "US", "+12025550123"),
        ("1-202-555-0123", "US", "+12025550123"),
        ("011 36 30 123 4567", "US", ANNA),
        ("07911 123456", "GB", "+447911123456"),
        ("+44 (0)7911 123456", "GB", "+447911123456"),
        ("06.12.34.56.78", "FR", "+33612345678"),
        ("0151/23456789", "DE", "+4915123456789"),
        ("030 123456", "DE", "+4930123456"),
        ("06 1234 5678", "IT", "+390612345678"),  # Italy keeps the zero
    ):
        for channel in Channel:
            assert outcome(value, region, channel) == number, (value, region, channel)


def test_without_a_country_a_national_number_is_refused() -> None:
    """Washington's 202 is Egypt's +20 2: a text to another person is worse than none."""
    national = [
        "06301234567",
        "06 30 123 4567",
        "07911 123456",
        "2025550123",
        "(202) 555-0123",
        "630123456",
        "687464801",
    ]
    for value in [*national, "(06 30) 123-4567"]:
        assert outcome(value, None) == "number_no_country", value
    # Another country would not help these.
    assert (outcome("+361", None), outcome("1" * 40, None)) == ("number_too_short", "number_too_long")
    assert normalise_sender("06301234567", None) == "06301234567"


def test_a_short_code_gets_sms_only_and_has_the_digits_of_the_service() -> None:
    codes = {
        "112": "112",
        "1770": "1770",
        "12345": "12345",
        "123456": "123456",
        " 1770 ": "1770",
        "١١٢": "112",
        "１７７０": "1770",
    }
    for value, code in codes.items():
        for region in REGIONS:
            assert outcome(value, region) == code, (value, region)
            assert outcome(value, region, Channel.WHATSAPP) == "number_short_code", (value, region)


def test_what_is_wrong_is_named() -> None:
    letters = "Anna|anna@example.com|+1-800-FLOWERS|tel:+36301234567|+36301234567x12|#31#+36301234567|None"
    short = "+361|+3630123|0630123|12"
    long = f"+363012345678|063012345678|+36301234567890|{'1' * 40}|+{'1' * 40}|{'1' * 300}"
    invalid = "+|()-/.|0|00|0000000000|+0123456789|+999123456789|+36301234567/+36301234568"
    table: dict[str, list[str | int]] = {
        "number_empty": ["", "  \n"],
        "number_letters": [*letters.split("|"), "+36301234567, +36301234568"],
        "number_too_short": [*short.split("|")],
        # Python refuses to write an integer of more than 4300 digits.
        "number_too_long": [*long.split("|"), int("1" * 40), 10**5000],
        "number_invalid": [*invalid.split("|"), 0, -36301234567, -1770],
    }
    for code, values in table.items():
        for row, value in enumerate(values):
            assert outcome(value) == code, f"row {row} of {code}"


NUMBER_TEXTS = st.text("0123456789+-()./ ", max_size=30) | st.text("0123456789+٣３²Ⅷ-", max_size=20)


@given(
    st.text(st.characters(codec=None)) | NUMBER_TEXTS | st.integers(0, 10**20),
    st.sampled_from(REGIONS),
    st.sampled_from(list(Channel)),
)
@SETTINGS
def test_anything_is_a_number_or_an_error(value: str | int, region: str | None, channel: Channel) -> None:
    """What comes out goes to the service: a plus and digits, or the digits of a short code."""
    number = outcome(value, region, channel)
    if re.fullmatch(r"number_[a-z_]+", number):
        return
    assert E164.fullmatch(number) or (channel is Channel.SMS and re.fullmatch(r"[0-9]{3,6}", number))
    # What was found once is found again, whatever the country.
    for other in REGIONS if is_in_use(number) else []:
        assert parse_number(number, other, channel) == number


def test_one_sender_is_one_text() -> None:
    """Otherwise a contact is not found, and one SMS that came two ways is two."""
    for sender in ("36301234567", "06301234567", "06-30/123-4567", f" {ANNA} "):
        assert normalise_sender(sender, "HU") == ANNA, sender
    names = "MyBank|OTP24|Zoé|1800FLOWERS|112|1770|123456|12|+||Bank-24/7|𝔹ank"
    for sender, region in itertools.product(names.split("|"), REGIONS):
        assert normalise_sender(sender, region) == sender, (sender, region)


@given(st.text(st.characters(codec=None)) | NUMBER_TEXTS, st.sampled_from(REGIONS))
@example("1" * 300, "HU")
@example("\ud800", "HU")
@SETTINGS
def test_any_sender_has_one_form(sender: str, region: str | None) -> None:
    """No error, ever; and a second time changes nothing, or a sender that is passed on becomes another."""
    once = normalise_sender(sender, region)
    assert once == sender.strip() or E164.fullmatch(once)
    if is_in_use(once):
        assert normalise_sender(once, region) == once


@given(st.integers(200_000_000, 309_999_999), st.sampled_from(["HU", None]))
@SETTINGS
def test_every_form_of_a_number_is_the_same_number(national: int, region: str | None) -> None:
    number = f"+36{national}"
    if not phonenumbers.is_valid_number(phonenumbers.parse(number)):
        return
    forms = [number, f"36{national}", f"0036{national}"]
    if region:
        forms += [f"06{national}", f"{national}"]
    assert {outcome(form, region, known={number}) for form in forms} == {number}
    assert {normalise_sender(form, region) for form in forms} == {number}


def test_a_mask_shows_little_of_a_number_and_all_of_a_name() -> None:
    """Nobody else: five characters of a long number, two digits of a short one."""
    for number, masked in {
        ANNA: "+36…67",
        "36301234567": "363…67",
        "06301234567": "063…67",
        "+36 30 123 4567": "+36…67",
        "Anna 06301234567": "Ann…67",
        "123456789": "123…89",
        "12345678": "1…8",
        "12345": "1…5",
        "1770": "1…0",
        "112": "1…2",
        "Anna 12345": "1…5",
        "Anna 2024": "Anna 2024",
        "OTP24": "OTP24",
        "Zoé": "Zoé",
        "12": "12",
        "": "",
    }.items():
        assert mask(number) == masked, number


@given(
    st.text(st.characters(codec=None)) | NUMBER_TEXTS | st.from_regex(r"\A\+?([0-9][ /.()-]{0,2}){3,15}\Z")
)
@SETTINGS
def test_a_mask_never_shows_most_digits(text: str) -> None:
    digits, shown = (sum(map(str.isdigit, each)) for each in (text, mask(text)))
    assert shown <= (5 if digits >= 9 else 2) or (
        digits <= 4 and mask(text) == text and any(map(str.isalpha, text))
    )
    assert mask(text) == text or len(mask(text)) in (3, 6)
