"""How many SMS a text becomes, by GSM 03.38 and 03.40."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = "\f^{}\\[~]|€"  # an escape stands before each of them
_SEPTETS: Final = dict.fromkeys(_BASIC, 1) | dict.fromkeys(_EXTENSION, 2)


class Alphabet(StrEnum):
    """What a text is written in on its way; its first character that is not in GSM-7 makes all of it UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


# How much a single SMS holds, and one of several, which also says which part it is.
_ROOM: Final = {Alphabet.GSM_7: (160, 153), Alphabet.UCS_2: (70, 67)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """How many SMS a text becomes; `forced_by` is the first character that is not in GSM-7, None for GSM-7."""

    parts: int
    alphabet: Alphabet
    forced_by: str | None


def count_segments(text: str) -> Segments:
    """Count the SMS that a text becomes; an empty one is one.

    The phone has the last word: it may know more alphabets, and may keep joined emojis in one part.
    """
    forced_by = next((char for char in text if char not in _SEPTETS), None)
    if forced_by is None:
        alphabet = Alphabet.GSM_7
        sizes = [_SEPTETS[char] for char in text]
    else:
        alphabet = Alphabet.UCS_2
        sizes = [
            2 if char > "\uffff" else 1 for char in text
        ]  # UTF-16 in truth: a pair beyond the first plane
    return Segments(parts=_count_parts(sizes, *_ROOM[alphabet]), alphabet=alphabet, forced_by=forced_by)


def _count_parts(sizes: Sequence[int], single: int, part: int) -> int:
    """Count the parts that characters of these sizes fill, none of them split over two."""
    if sum(sizes) <= single:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts
