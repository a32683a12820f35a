"""Phone numbers: from any usual form to one, or to a complaint that names what is wrong."""

import re

from hypothesis import example, given, settings, strategies as st
import phonenumbers
import pytest

from custom_components.smsmobileapi.api import Channel
from custom_components.smsmobileapi.numbers import InvalidNumber, mask, normalise_sender, parse_number

ANNA = "+36301234567"
MOBILES = [ANNA, "+12025550123", "+447911123456", "+33612345678", "+4915123456789", "+393123456789"]
REGIONS = [None, "HU", "US", "GB", "FR", "DE", "IT", "AR", "XX"]
E164 = re.compile(r"\+[1-9][0-9]{4,19}")  # Some plans have room for more than E.164's 15


@pytest.fixture(autouse=True)
def _surroundings() -> None:
    """No Home Assistant is needed."""


def complaint(value: str | int, region: str | None = "HU", channel: Channel = Channel.SMS) -> str:
    """Return what is wrong with a number; the error must not repeat the number."""
    with pytest.raises(InvalidNumber) as caught:
        parse_number(value, region, channel)
    assert str(caught.value) == caught.value.code
    assert caught.value.args == (caught.value.code,)
    return caught.value.code


def is_in_use(number: str) -> bool:
    """Return whether a number is E.164 and belongs to a country's plan rather than only having a length of it."""
    if not E164.fullmatch(number):
        return False
    parsed = phonenumbers.parse(number)
    # The library takes some zeros for a national prefix, but only the second time.
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return phonenumbers.is_valid_number(parsed) and written == number


class TestInternational:
    @pytest.mark.parametrize("channel", Channel)
    @pytest.mark.parametrize("region", REGIONS)
    @pytest.mark.parametrize(
        "value",
        [
            "+36301234567",
            "0036301234567",
            36301234567,
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
            "+٣٦٣٠١٢٣٤٥٦٧",
            "+３６３０１２３４５６７",
        ],
    )
    def test_any_usual_form_in_any_country(
        self, value: str | int, region: str | None, channel: Channel
    ) -> None:
        assert parse_number(value, region, channel) == ANNA

    @pytest.mark.parametrize("region", REGIONS)
    @pytest.mark.parametrize("number", [*MOBILES, "+390612345678", "+3612345678"])
    def test_a_number_that_lost_its_plus_to_a_template(self, number: str, region: str | None) -> None:
        """A template renders +36301234567 as an integer; answering a sender must reach that sender."""
        assert parse_number(int(number), region, Channel.SMS) == number

    @pytest.mark.parametrize("region", REGIONS)
    @pytest.mark.parametrize("number", MOBILES)
    def test_a_number_that_is_written_without_its_plus(self, number: str, region: str | None) -> None:
        """As WhatsApp and the service write it. Germany and Italy have landlines with the same digits, but no SMS."""
        assert parse_number(number.removeprefix("+"), region, Channel.SMS) == number
        assert normalise_sender(number.removeprefix("+"), region) == number


class TestNational:
    @pytest.mark.parametrize(
        ("value", "region", "number"),
        [
            ("06301234567", "HU", ANNA),
            ("06 30 123 4567", "HU", ANNA),
            ("06-30/123-4567", "HU", ANNA),
            ("(06 30) 123-4567", "HU", ANNA),
            ("(30) 123 4567", "HU", ANNA),
            ("301234567", "HU", ANNA),
            ("+36 06 30 123 4567", "HU", ANNA),
            (301234567, "HU", ANNA),
            (6301234567, "HU", ANNA),
            ("06 1 234 5678", "HU", "+3612345678"),
            ("(202) 555-0123", "US", "+12025550123"),
            ("202.555.0123", "US", "+12025550123"),
            ("1-202-555-0123", "US", "+12025550123"),
            (2025550123, "US", "+12025550123"),
            ("011 36 30 123 4567", "US", ANNA),
            ("07911 123456", "GB", "+447911123456"),
            ("+44 (0)7911 123456", "GB", "+447911123456"),
            (7911123456, "GB", "+447911123456"),
            ("06 12 34 56 78", "FR", "+33612345678"),
            ("06.12.34.56.78", "FR", "+33612345678"),
            (612345678, "FR", "+33612345678"),
            ("0151 23456789", "DE", "+4915123456789"),
            ("0151/23456789", "DE", "+4915123456789"),
            ("030 123456", "DE", "+4930123456"),
            # Italy keeps the zero.
            ("06 1234 5678", "IT", "+390612345678"),
        ],
    )
    def test_the_country_of_the_home(self, value: str | int, region: str, number: str) -> None:
        assert parse_number(value, region, Channel.SMS) == number
        assert parse_number(value, region, Channel.WHATSAPP) == number

    @pytest.mark.parametrize("value", ["06301234567", "06 30 123 4567", "07911 123456"])
    def test_without_a_country_a_national_number_is_none(self, value: str) -> None:
        assert complaint(value, None) == "number_no_country"

    @pytest.mark.parametrize("value", ["2025550123", "(202) 555-0123", "630123456", "(06 30) 123-4567"])
    def test_without_a_country_a_national_number_is_not_a_foreign_one(self, value: str) -> None:
        """Washington's 202 is Egypt's +20 2: a text to somebody else is worse than none."""
        assert complaint(value, None) == "number_no_country"


class TestShortCodes:
    @pytest.mark.parametrize("region", REGIONS)
    @pytest.mark.parametrize("value", ["112", "1770", "12345", "123456", 1770, " 1770 "])
    def test_an_sms_may_go_to_one(self, value: str | int, region: str | None) -> None:
        assert parse_number(value, region, Channel.SMS) == str(value).strip()

    @pytest.mark.parametrize("value", ["112", "123456", 1770])
    def test_a_whatsapp_message_may_not(self, value: str | int) -> None:
        assert complaint(value, channel=Channel.WHATSAPP) == "number_short_code"

    @pytest.mark.parametrize("value", ["١١٢", "１７７０"])
    def test_its_digits_are_those_of_the_service(self, value: str) -> None:
        """As those of every other number are."""
        assert parse_number(value, "HU", Channel.SMS).isascii()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "number_empty"),
        ("  \n", "number_empty"),
        ("Anna", "number_letters"),
        ("anna@example.com", "number_letters"),
        ("+1-800-FLOWERS", "number_letters"),
        ("tel:+36301234567", "number_letters"),
        ("+36301234567, +36301234568", "number_letters"),
        ("+36301234567x12", "number_letters"),
        ("#31#+36301234567", "number_letters"),
        ("None", "number_letters"),
        (True, "number_letters"),
        ("+361", "number_too_short"),
        ("+3630123", "number_too_short"),
        ("0630123", "number_too_short"),
        ("12", "number_too_short"),
        ("+363012345678", "number_too_long"),
        ("063012345678", "number_too_long"),
        ("+36301234567890", "number_too_long"),
        ("1" * 40, "number_too_long"),
        (int("1" * 40), "number_too_long"),
        ("+" + "1" * 40, "number_too_long"),
        ("1" * 300, "number_too_long"),
        ("+", "number_invalid"),
        ("()-/.", "number_invalid"),
        ("0", "number_invalid"),
        ("00", "number_invalid"),
        ("0000000000", "number_invalid"),
        (0, "number_invalid"),
        ("+0123456789", "number_invalid"),
        ("+999123456789", "number_invalid"),
        ("+36301234567/+36301234568", "number_invalid"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_wrong(value: str | int, code: str) -> None:
    assert complaint(value) == code


@pytest.mark.parametrize("value", [-36301234567, -1770])
def test_less_than_nothing_is_no_number(value: int) -> None:
    """A sum in a template, not a plus that was lost."""
    assert complaint(value).startswith("number_")


def test_an_integer_of_any_size_is_a_complaint() -> None:
    """Python refuses to write an integer of more than 4300 digits."""
    assert complaint(10**5000) == "number_too_long"


@pytest.mark.parametrize(
    "value",
    [
        "\N{LEFT-TO-RIGHT EMBEDDING}+36301234567\N{POP DIRECTIONAL FORMATTING}",
        "\N{LEFT-TO-RIGHT MARK}+36 30 123 4567",
        "\N{ZERO WIDTH SPACE}+36301234567",
        "\N{FULLWIDTH PLUS SIGN}36301234567",
        "+36\N{MINUS SIGN}30\N{MINUS SIGN}1234567",
    ],
    ids=ascii,
)
def test_a_number_copied_from_elsewhere(value: str) -> None:
    """Address books put invisible marks around numbers, which nobody can see to take away."""
    assert parse_number(value, "HU", Channel.SMS) == ANNA


@given(
    st.one_of(
        st.text(st.characters(codec=None)),
        st.text("0123456789+-()./ ", max_size=30),
        st.text("0123456789+٣３²Ⅷ-", max_size=20),
        st.integers(0, 10**20),
    ),
    st.sampled_from(REGIONS),
    st.sampled_from(list(Channel)),
)
@settings(deadline=None, max_examples=600, database=None, derandomize=True)
def test_anything_is_a_number_or_a_complaint(value: str | int, region: str | None, channel: Channel) -> None:
    """What comes out goes to the service: a plus and digits, or the digits of a short code."""
    try:
        number = parse_number(value, region, channel)
    except InvalidNumber as err:
        number, code = None, err.code
    if number is None:
        assert re.fullmatch(r"number_[a-z_]+", code)
        return
    assert E164.fullmatch(number) or (channel is Channel.SMS and re.fullmatch(r"\d{3,6}", number))
    # What was found once is found again, whatever the country.
    for other in REGIONS if is_in_use(number) else []:
        assert parse_number(number, other, channel) == number


class TestSenders:
    @pytest.mark.parametrize(
        "sender",
        [
            ANNA,
            "36301234567",
            "0036301234567",
            "06301234567",
            "+36 30 123 4567",
            "06-30/123-4567",
            f" {ANNA} ",
        ],
    )
    def test_one_person_is_one_string(self, sender: str) -> None:
        """Otherwise a contact is not found, and one SMS that came two ways is two."""
        assert normalise_sender(sender, "HU") == ANNA

    @pytest.mark.parametrize("region", REGIONS)
    @pytest.mark.parametrize("sender", [ANNA, "36301234567", "0036301234567"])
    def test_in_any_country(self, sender: str, region: str | None) -> None:
        assert normalise_sender(sender, region) == ANNA

    @pytest.mark.parametrize("region", REGIONS)
    @pytest.mark.parametrize(
        "sender",
        [
            "MyBank",
            "OTP24",
            "Zoé",
            "1800FLOWERS",
            "112",
            "1770",
            "123456",
            "12",
            "+",
            "",
            "Bank-24/7",
            "𝔹ank",
        ],
    )
    def test_names_and_short_codes_stay_as_they_are(self, sender: str, region: str | None) -> None:
        assert normalise_sender(sender, region) == sender

    def test_a_national_number_without_a_country_stays_as_it_is(self) -> None:
        assert normalise_sender("06301234567", None) == "06301234567"

    @given(
        st.text(st.characters(codec=None)) | st.text("0123456789+-()./ ٣３", max_size=30),
        st.sampled_from(REGIONS),
    )
    @example("1" * 300, "HU")
    @example("\ud800", "HU")
    @settings(deadline=None, max_examples=600, database=None, derandomize=True)
    def test_any_sender_has_a_form_of_its_own(self, sender: str, region: str | None) -> None:
        """No error, ever; and a second time changes nothing, or a sender that is passed on would become another."""
        once = normalise_sender(sender, region)
        assert once == sender.strip() or E164.fullmatch(once)
        if is_in_use(once):
            assert normalise_sender(once, region) == once

    @given(st.integers(200_000_000, 309_999_999), st.sampled_from(["HU", None]))
    @settings(deadline=None, max_examples=300, database=None, derandomize=True)
    def test_every_dress_of_a_number_is_the_same_number(self, national: int, region: str | None) -> None:
        number = f"+36{national}"
        if not phonenumbers.is_valid_number(phonenumbers.parse(number)):
            return
        dresses = [number, f"36{national}", f"0036{national}"]
        if region:
            dresses += [f"06{national}", f"{national}"]
        assert {normalise_sender(dress, region) for dress in dresses} == {number}
        found = {parse_number(dress, region, Channel.SMS) for dress in dresses}
        assert found | {parse_number(int(dresses[1]), region, Channel.SMS)} == {number}


class TestMask:
    @pytest.mark.parametrize(
        ("number", "masked"),
        [
            (ANNA, "+36…67"),
            ("36301234567", "363…67"),
            ("06301234567", "063…67"),
            ("+36 30 123 4567", "+36…67"),
        ],
    )
    def test_a_number(self, number: str, masked: str) -> None:
        assert mask(number) == masked

    @pytest.mark.parametrize("name", ["MyBank", "Zoé", "OTP24", "", "112", "1770"])
    def test_names_stay_as_they_are(self, name: str) -> None:
        assert mask(name) == name

    @given(st.from_regex(r"\A\+?[0-9]{7,15}\Z") | st.from_regex(r"\A\+?([0-9][ /.()-]{0,2}){7,15}\Z"))
    @settings(deadline=None, max_examples=300, database=None, derandomize=True)
    def test_never_more_than_three_and_two_characters(self, number: str) -> None:
        start, _, end = mask(number).partition("…")
        assert len(start) <= 3 and len(end) <= 2
        assert number.startswith(start) and number.endswith(end)

    @given(st.text(st.characters(codec=None)))
    @settings(deadline=None, max_examples=300, database=None, derandomize=True)
    def test_five_digits_are_too_many(self, text: str) -> None:
        """Whatever else stands beside them."""
        assert mask(text) == text or len(mask(text)) == 6
        assert sum(character.isdigit() for character in mask(text)) <= 5
