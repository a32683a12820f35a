"""The service's reasons for a refusal, fit to be shown: they may echo what we sent, in other words."""

from collections.abc import Mapping
import html
import re
from typing import Final

from .models import clean

LONGEST: Final = 200  # characters
_NUMBER: Final = re.compile(r"\+?\d(?:[ ()./-]*\d){5,}")
_WORD: Final = re.compile(r"\w+")


def without_private_things(reason: str, fields: Mapping[str, str]) -> str:
    """Return the reason without the key, the number and the text of the request that was refused."""
    reason = clean(html.unescape(reason))
    for value in sorted((value for value in fields.values() if len(value) > 3), key=len, reverse=True):
        for form in (value, value.removeprefix("+")):
            reason = re.sub(re.escape(form), "…", reason, flags=re.IGNORECASE)
    return _NUMBER.sub("…", _without_parts_of(fields.get("message", ""), reason))[:LONGEST]


def _without_parts_of(text: str, reason: str) -> str:
    """Return the reason up to where three words in a row are those of the text."""
    words = _WORD.findall(text.casefold())
    runs = set(zip(words, words[1:], words[2:], strict=False))
    said = list(_WORD.finditer(reason))
    for three in zip(said, said[1:], said[2:], strict=False):
        if tuple(word[0].casefold() for word in three) in runs:
            return reason[: three[0].start()] + "…"
    return reason
