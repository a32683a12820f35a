"""Count the SMS that a text becomes: the alphabets of GSM 03.38, the parts of GSM 03.40."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = "\f^{}\\[~]|€"  # each needs an escape before it, so two septets
_SEPTETS: Final = dict.fromkeys(_BASIC, 1) | dict.fromkeys(_EXTENSION, 2)


class Alphabet(StrEnum):
    """How the characters of an SMS are encoded: in GSM-7 where it has all of them, else all in UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


# Septets or 16-bit units that fit into a single SMS, and into one of several, which also has a part number.
_CAPACITY: Final = {Alphabet.GSM_7: (160, 153), Alphabet.UCS_2: (70, 67)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """How many SMS a text becomes; `forced_by` is its first character that is not in GSM-7, or None."""

    parts: int
    alphabet: Alphabet
    forced_by: str | None


def count_segments(text: str) -> Segments:
    """Count the SMS that a text becomes; an empty text is one SMS.

    A phone may count otherwise: it may use national alphabets, or not split joined emojis.
    """
    forced_by = next((char for char in text if char not in _SEPTETS), None)
    if forced_by is None:
        alphabet = Alphabet.GSM_7
        sizes = [_SEPTETS[char] for char in text]
    else:
        alphabet = Alphabet.UCS_2
        # Phones send UTF-16: two units for each character above U+FFFF.
        sizes = [2 if char > "\uffff" else 1 for char in text]
    return Segments(parts=_count_parts(sizes, *_CAPACITY[alphabet]), alphabet=alphabet, forced_by=forced_by)


def _count_parts(sizes: Sequence[int], single: int, part: int) -> int:
    """Count the parts for characters of these sizes; no character is split over two parts."""
    if sum(sizes) <= single:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts
