"""Phone numbers: from any usual form to E.164, and never into a log."""

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

# The library reads a region's metadata from disk when first asked for it: read it all now, while this module is
# imported outside of the event loop (0.1 s).
phonenumbers.PhoneMetadata.load_all()

_ALLOWED: Final = re.compile(r"[\d ()+./\u2010-\u2015-]*")
_SHORT_CODE: Final = re.compile(r"\d{3,6}")
_LONGEST_INTEGER: Final = 10**40
_LONGEST_NATIONAL: Final = 15  # digits
_MOBILE: Final = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


class InvalidNumber(ValueError):
    """No number to send to; `code` names what is wrong with it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def parse_number(value: str | int, region: str | None, channel: Channel) -> str:
    """Return a recipient's number as E.164, or a short code as it is.

    `region` (ISO 3166, as in Home Assistant's settings) is that of national numbers. An integer is an E.164 number whose
    plus sign a template has lost. Raises InvalidNumber.
    """
    if isinstance(value, int) and not 0 <= value < _LONGEST_INTEGER:
        raise InvalidNumber("number_invalid" if value < 0 else "number_too_long")
    text = _tidy(str(value))
    if not text:
        raise InvalidNumber("number_empty")
    if not _ALLOWED.fullmatch(text):
        raise InvalidNumber("number_letters")
    if _SHORT_CODE.fullmatch(text):
        if channel is Channel.WHATSAPP:
            raise InvalidNumber("number_short_code")
        return text
    parsed = [_parse(candidate, region) for candidate in _candidates(value, text, region)]
    number = _best(parsed, is_any_line_fine=isinstance(value, int))
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
    raise InvalidNumber(_complaint(parsed[0]))


def normalise_sender(value: str, region: str | None) -> str:
    """Return a sender's number as E.164 where it is one, else (a name, a short code) as it is."""
    text = _tidy(value)
    if not _ALLOWED.fullmatch(text) or _SHORT_CODE.fullmatch(text):
        return value.strip()
    number = _best([_parse(candidate, region) for candidate in _candidates(text, text, region)])
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if number else value.strip()


def mask(number: str) -> str:
    """Return enough of a number to recognise it by, and no more: `+32…67`. Names stay as they are."""
    if sum(character.isdigit() for character in number) < 5:
        return number
    return f"{number[:3]}…{number[-2:]}"


def _tidy(text: str) -> str:
    """Return a number with the digits, signs and blanks that all keyboards have, and without invisible marks."""
    text = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    characters = [character for character in text if unicodedata.category(character) != "Cf"]
    text = "".join(str(unicodedata.decimal(character, character)) for character in characters)
    return " ".join(text.split())


def _is_international(text: str) -> bool:
    return text.lstrip("( ").startswith(("+", "00"))


def _candidates(value: str | int, text: str, region: str | None) -> list[str]:
    """Return the readings of a number, likeliest first."""
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
    """Return the number, or the library's error type."""
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as err:
        return err.error_type


def _best(parsed: list[PhoneNumber | int], *, is_any_line_fine: bool = False) -> PhoneNumber | None:
    """Return the first number that is in use (of several, one that can have an SMS), else the first of the right length."""
    numbers = [number for number in parsed if isinstance(number, PhoneNumber)]
    valid = [number for number in numbers if phonenumbers.is_valid_number(number)]
    mobile = [number for number in valid if phonenumbers.number_type(number) in _MOBILE]
    possible = [number for number in numbers if _possibility(number) == ValidationResult.IS_POSSIBLE]
    ordered = [*valid, *possible] if is_any_line_fine else [*mobile, *valid, *possible]
    return next(iter(ordered), None)


def _possibility(number: PhoneNumber) -> int:
    """Return the library's ValidationResult."""
    reason: int = phonenumbers.is_possible_number_with_reason(number)
    return reason


def _complaint(parsed: PhoneNumber | int) -> str:
    """Return what is wrong with the likeliest reading."""
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
