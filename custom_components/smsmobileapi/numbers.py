"""Phone numbers: parse those that users write, to E.164, and mask those that are shown."""

import re
from typing import Final
import unicodedata

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from .api import Channel

# The library reads the metadata of a region from disk when it is first needed, which would block the event
# loop. This module is imported outside of it, so everything is read now (0.1 s).
phonenumbers.PhoneMetadata.load_all()

_ALLOWED: Final = re.compile(r"[\d ()+./\u2010-\u2015-]*")
_SHORT_CODE: Final = re.compile(r"\d{3,6}")
_INTEGER_LIMIT: Final = 10**40  # Python refuses to convert much larger ones to text
_LONGEST_NATIONAL: Final = 15  # digits
_MOBILE: Final = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


class InvalidNumber(ValueError):
    """The value is not a number that can be sent to; `code` is the translation key of the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def parse_number(value: str | int, region: str | None, channel: Channel) -> str:
    """Return a recipient's number as E.164, or a short code as its digits.

    National numbers are those of `region` (ISO 3166 code, as in Home Assistant's settings). An integer is an
    E.164 number that lost its plus sign in a template. Raises InvalidNumber.
    """
    if isinstance(value, int) and not 0 <= value < _INTEGER_LIMIT:
        raise InvalidNumber("number_invalid" if value < 0 else "number_too_long")
    text = _clean(str(value))
    if not text:
        raise InvalidNumber("number_empty")
    if not _ALLOWED.fullmatch(text):
        raise InvalidNumber("number_letters")
    if _SHORT_CODE.fullmatch(text):
        if channel is Channel.WHATSAPP:
            raise InvalidNumber("number_short_code")
        return text
    parsed = [_parse(candidate, region) for candidate in _candidates(value, text, region)]
    number = _choose(parsed, prefer_mobile=not isinstance(value, int))
    if (
        region is None
        and not _is_international(text)
        and not (number and phonenumbers.is_valid_number(number))
    ):
        raise InvalidNumber(
            "number_no_country" if sum(map(str.isdigit, text)) <= _LONGEST_NATIONAL else "number_too_long"
        )
    if number:
        return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    raise InvalidNumber(_error_code(parsed[0]))


def normalise_sender(value: str, region: str | None) -> str:
    """Return a sender's number as E.164; what is not a number (a name, a short code) is only stripped."""
    text = _clean(value)
    if not _ALLOWED.fullmatch(text) or _SHORT_CODE.fullmatch(text):
        return value.strip()
    number = _choose([_parse(candidate, region) for candidate in _candidates(text, text, region)])
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if number else value.strip()


def mask(number: str) -> str:
    """Return a number with most digits left out: `+36…67`, of a short one (a short code) `1…0`.

    A name is returned as it is: a text with letters and fewer than 5 digits.
    """
    digits = [character for character in number if character.isdigit()]
    has_letters = any(character.isalpha() for character in number)
    if len(digits) < (5 if has_letters else 3):
        return number
    if len(digits) < 9:
        return f"{digits[0]}…{digits[-1]}"
    return f"{number[:3]}…{number[-2:]}"


def _clean(text: str) -> str:
    """Return the text with ASCII digits, plus, minus and single spaces, and without invisible characters."""
    text = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    characters = [character for character in text if unicodedata.category(character) != "Cf"]
    text = "".join(str(unicodedata.decimal(character, character)) for character in characters)
    return " ".join(text.split())


def _is_international(text: str) -> bool:
    return text.lstrip("( ").startswith(("+", "00"))


def _candidates(value: str | int, text: str, region: str | None) -> list[str]:
    """Return the numbers, international or national, that a text can mean, the likeliest first."""
    text = text.lstrip("( ")
    if text.startswith("00"):
        return [f"+{text[2:]}"]
    if text.startswith("+"):
        return [text]
    international = f"+{text}"
    if region is None:
        return [international]
    if isinstance(value, int):
        return [international, text, f"0{text}"]
    return [text] if text.startswith("0") else [text, international]


def _parse(text: str, region: str | None) -> PhoneNumber | int:
    """Return the number that the library parses, or its error type (NumberParseException)."""
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as err:
        return err.error_type


def _choose(parsed: list[PhoneNumber | int], *, prefer_mobile: bool = True) -> PhoneNumber | None:
    """Return the first valid number, a mobile one if preferred, else the first that has a possible length."""
    numbers = [number for number in parsed if isinstance(number, PhoneNumber)]
    valid = [number for number in numbers if phonenumbers.is_valid_number(number)]
    mobile = [number for number in valid if phonenumbers.number_type(number) in _MOBILE]
    possible = [number for number in numbers if _possibility(number) == ValidationResult.IS_POSSIBLE]
    ordered = [*mobile, *valid, *possible] if prefer_mobile else [*valid, *possible]
    return next(iter(ordered), None)


def _possibility(number: PhoneNumber) -> int:
    """Return the library's ValidationResult for the length of the number."""
    reason: int = phonenumbers.is_possible_number_with_reason(number)
    return reason


def _error_code(parsed: PhoneNumber | int) -> str:
    """Return the code of InvalidNumber for what `_parse` returned."""
    if isinstance(parsed, PhoneNumber):
        reason = _possibility(parsed)
        if reason in {ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY}:
            return "number_too_short"
        return "number_too_long" if reason == ValidationResult.TOO_LONG else "number_invalid"
    return {
        NumberParseException.TOO_LONG: "number_too_long",
        NumberParseException.TOO_SHORT_NSN: "number_too_short",
        NumberParseException.TOO_SHORT_AFTER_IDD: "number_too_short",
    }.get(parsed, "number_invalid")
