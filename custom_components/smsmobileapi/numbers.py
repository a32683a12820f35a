"""Phone numbers: parse those that users write, to E.164, and mask those that are shown."""

from collections.abc import Callable
from functools import lru_cache
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
# Senders that are no complete numbers: they are left as they are.
_SHORT_SENDER: Final = re.compile(r"\d{3,8}")
# A sender's number as WhatsApp writes it, perhaps with the device (`:12`).
_WHATSAPP_SENDER: Final = re.compile(r"\+?(\d{7,15})(?::\d+)?@(?:c\.us|s\.whatsapp\.net)", re.IGNORECASE)
_INTERNATIONAL_DIGITS: Final = re.compile(r"\d{9,15}")
_DECIMAL: Final = re.compile(r"\d{7,}\.\d")  # a number that was made a float: it has a digit too many
_INTEGER_LIMIT: Final = 10**20  # Python refuses to convert much larger ones to text
_LONGEST_NATIONAL: Final = 15  # digits
_MOBILE: Final = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


class InvalidNumber(ValueError):
    """The value is not a number that can be sent to; `code` is the translation key of the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _is_never_known(_number: str) -> bool:
    return False


def parse_number(
    value: str | int,
    region: str | None,
    channel: Channel,
    is_known: Callable[[str], bool] = _is_never_known,
) -> str:
    """Return a recipient's number as E.164, or a short code as its digits.

    National numbers are those of `region` (ISO 3166 code, as in Home Assistant's settings). `is_known` returns whether a
    number (E.164 or a short code) is that of a contact or a sender: only such a number may be an integer that can be another
    number, too, an integer that is a short code, or a number without a country code where there is no region. Raises
    InvalidNumber.
    """
    if isinstance(value, int):
        return _parse_integer(value, region, channel, is_known)
    text = _clean(value)
    if not text:
        raise InvalidNumber("number_empty")
    if not _ALLOWED.fullmatch(text):
        raise InvalidNumber("number_letters")
    if _SHORT_CODE.fullmatch(text):
        return _short_code(text, channel)
    if _DECIMAL.fullmatch(text):
        raise InvalidNumber("number_invalid")
    parsed = [_parse(candidate, region) for candidate in _candidates(text, region)]
    number = _choose(parsed)
    # Digits without a country code, of which only a length abroad is possible, have rather lost a zero.
    if (
        number
        and len(parsed) > 1
        and number == parsed[1] != parsed[0]
        and not phonenumbers.is_valid_number(number)
        and not is_known(_e164(number))
    ):
        raise InvalidNumber(_error_code(parsed[0]))
    if region is None and not is_international(text) and not (number and is_known(_e164(number))):
        raise InvalidNumber(
            "number_no_country" if sum(map(str.isdigit, text)) <= _LONGEST_NATIONAL else "number_too_long"
        )
    if number:
        return _e164(number)
    raise InvalidNumber(_error_code(parsed[0]))


def _parse_integer(value: int, region: str | None, channel: Channel, is_known: Callable[[str], bool]) -> str:
    """Return the number that a YAML file or a template made an integer of: E.164 without its plus sign.

    A national number looks like one of another country when it has lost its zero, or when YAML has read its digits as
    octal. So what is not known must be valid, and nothing else. Without a region, anything may have been written.
    """
    if not 0 < value < _INTEGER_LIMIT:
        raise InvalidNumber("number_invalid" if value <= 0 else "number_too_long")
    digits, e164 = str(value), f"+{value}"
    if _SHORT_CODE.fullmatch(digits) and is_known(digits):
        return _short_code(digits, channel)
    number = _parse(e164, None)
    if isinstance(number, PhoneNumber) and _e164(number) == e164:
        others = [other for other in _readings(value, region) if _e164(other) != e164]
        if is_known(e164):
            is_certain = not any(is_known(_e164(other)) for other in others)
        else:
            is_certain = (
                region is not None
                and phonenumbers.is_valid_number(number)
                and all(_is_less_likely(other, number, region) for other in others)
            )
        if is_certain:
            return e164
    raise InvalidNumber("number_unquoted")


def _readings(value: int, region: str | None) -> list[PhoneNumber]:
    """Return the valid numbers that an integer can have been before it lost its zeros, or was read as octal."""
    texts = (f"{value}", f"0{value}", f"0{value:o}", f"+{value:o}")
    parsed = [_parse(text, region) for text in texts]
    return [
        number
        for number in parsed
        if isinstance(number, PhoneNumber) and phonenumbers.is_valid_number(number)
    ]


def _is_less_likely(other: PhoneNumber, number: PhoneNumber, region: str) -> bool:
    """Return whether the number is a mobile, and the other a landline abroad or in the mobile's own country.

    In Germany, for one, a landline's number may have any digits.
    """
    country = phonenumbers.country_code_for_region(region)
    return (
        phonenumbers.number_type(number) in _MOBILE
        and phonenumbers.number_type(other) not in _MOBILE
        and (other.country_code != country or number.country_code == country)
    )


def _short_code(digits: str, channel: Channel) -> str:
    if channel is Channel.WHATSAPP:
        raise InvalidNumber("number_short_code")
    return digits


@lru_cache(maxsize=256)
def normalise_sender(value: str, region: str | None, channel: Channel = Channel.SMS) -> str:
    """Return a sender's number as E.164; what is not a number (a name, a short code) is only stripped.

    The numbers of WhatsApp are international without a plus, perhaps followed by `@c.us` or `@s.whatsapp.net`.
    """
    if match := _WHATSAPP_SENDER.fullmatch(value.strip()):
        value = f"+{match[1]}"
    text = _clean(value)
    if not _ALLOWED.fullmatch(text) or _SHORT_SENDER.fullmatch(text):
        return value.strip()
    if channel is Channel.WHATSAPP and _INTERNATIONAL_DIGITS.fullmatch(text):
        text = f"+{text}"
    number = _choose([_parse(candidate, region) for candidate in _candidates(text, region)])
    return _e164(number) if number else value.strip()


def is_international(text: str) -> bool:
    """Return whether a number is written with its country code."""
    return _clean(text).lstrip("( ").startswith(("+", "00"))


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


def is_name(text: str | None) -> bool:
    """Return whether a text is a name, not a number in the place of one."""
    return text is not None and mask(text) == text


def _clean(text: str) -> str:
    """Return the text with ASCII digits, plus, minus and single spaces, and without invisible characters."""
    text = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    characters = [character for character in text if unicodedata.category(character) != "Cf"]
    text = "".join(str(unicodedata.decimal(character, character)) for character in characters)
    return " ".join(text.split())


def _candidates(text: str, region: str | None) -> list[str]:
    """Return the numbers, international or national, that a text can mean, the likeliest first."""
    text = text.lstrip("( ")
    if text.startswith("00"):
        return [f"+{text[2:]}"]
    if text.startswith("+"):
        return [text]
    international = f"+{text}"
    if region is None:
        return [international]
    return [text] if text.startswith("0") else [text, international]


def _parse(text: str, region: str | None) -> PhoneNumber | int:
    """Return the number that the library parses, or its error type (NumberParseException)."""
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as err:
        return err.error_type


def _choose(parsed: list[PhoneNumber | int]) -> PhoneNumber | None:
    """Return the first valid number, a mobile one if there is one, else the first that has a possible length."""
    numbers = [number for number in parsed if isinstance(number, PhoneNumber)]
    valid = [number for number in numbers if phonenumbers.is_valid_number(number)]
    mobile = [number for number in valid if phonenumbers.number_type(number) in _MOBILE]
    possible = [number for number in numbers if _possibility(number) == ValidationResult.IS_POSSIBLE]
    return next(iter([*mobile, *valid, *possible]), None)


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


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
