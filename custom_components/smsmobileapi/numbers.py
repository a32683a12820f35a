"""Phone numbers: from any usual form to E.164, and never into a log."""

import re
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from .api import Channel

# The library reads a region's metadata from disk when first asked for it: read it all now, while this module is
# imported outside of the event loop (0.1 s).
phonenumbers.PhoneMetadata.load_all()

_ALLOWED: Final = re.compile(r"[\d\s()+./\u2010-\u2015-]*")
_SHORT_CODE: Final = re.compile(r"\d{3,6}")


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
    text = str(value).strip()
    if not text:
        raise InvalidNumber("number_empty")
    if not _ALLOWED.fullmatch(text):
        raise InvalidNumber("number_letters")
    if _SHORT_CODE.fullmatch(text):
        if channel is Channel.WHATSAPP:
            raise InvalidNumber("number_short_code")
        return text
    candidates = _candidates(value, text, region)
    if not candidates:
        raise InvalidNumber("number_no_country")
    parsed = [_parse(candidate, region) for candidate in candidates]
    if number := _best(parsed):
        return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    raise InvalidNumber(_complaint(parsed[0]))


def normalise_sender(value: str, region: str | None) -> str:
    """Return a sender's number as E.164 where it is one, else (a name, a short code) as it is."""
    text = value.strip()
    if not _ALLOWED.fullmatch(text) or _SHORT_CODE.fullmatch(text):
        return text
    number = _best([_parse(candidate, region) for candidate in _candidates(text, text, region)])
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if number else text


def mask(number: str) -> str:
    """Return enough of a number to recognise it by, and no more: `+32…67`. Names stay as they are."""
    if sum(character.isdigit() for character in number) < 5:
        return number
    return f"{number[:3]}…{number[-2:]}"


def _candidates(value: str | int, text: str, region: str | None) -> list[str]:
    """Return the readings of a number, likeliest first."""
    if text.startswith("00"):
        return [f"+{text[2:]}"]
    if text.startswith("+"):
        return [text]
    international = f"+{text}"
    if region is None:
        # Without a country only what can't be national is left: an integer, or enough digits for a country code.
        return [] if text.startswith("0") else [international]
    if isinstance(value, int):
        return [international, text, f"0{text}"]
    return [text] if text.startswith(("0", "(")) else [text, international]


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | int:
    """Return the number, or the library's error type."""
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as err:
        return err.error_type


def _best(parsed: list[phonenumbers.PhoneNumber | int]) -> phonenumbers.PhoneNumber | None:
    """Return the first number that is in use, else the first that has the right length."""
    numbers = [number for number in parsed if isinstance(number, phonenumbers.PhoneNumber)]
    for number in numbers:
        if phonenumbers.is_valid_number(number):
            return number
    for number in numbers:
        if phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE:
            return number
    return None


def _complaint(parsed: phonenumbers.PhoneNumber | int) -> str:
    """Return what is wrong with the likeliest reading."""
    if isinstance(parsed, phonenumbers.PhoneNumber):
        reason = phonenumbers.is_possible_number_with_reason(parsed)
        if reason in {ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY}:
            return "number_too_short"
        return "number_too_long" if reason == ValidationResult.TOO_LONG else "number_invalid"
    return {
        NumberParseException.TOO_LONG: "number_too_long",
        NumberParseException.TOO_SHORT_NSN: "number_too_short",
        NumberParseException.TOO_SHORT_AFTER_IDD: "number_too_short",
    }.get(parsed, "number_invalid")
