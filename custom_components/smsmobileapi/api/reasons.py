"""The service's reasons for a refusal, fit to be shown: they may echo what we sent, in other words."""

from collections.abc import Iterator, Mapping
import html
import re
from typing import Final
from urllib.parse import quote, quote_plus

from .rows import clean

LONGEST: Final = 200  # characters
_NUMBER: Final = re.compile(r"\+?\d(?:[ ()./-]*\d){5,}")
_WORD: Final = re.compile(r"\w+")
_TEXTS: Final = ("message", "title")


def without_private_things(reason: str, fields: Mapping[str, str]) -> str:
    """Return the reason without what was sent: keys, secrets, ids, numbers, texts, addresses."""
    reason = clean(html.unescape(reason))
    forms = {form for value in fields.values() for form in _forms(value) if len(form) > 3}
    for form in sorted(forms, key=len, reverse=True):
        reason = re.sub(re.escape(form), "…", reason, flags=re.IGNORECASE)
    for name in _TEXTS:
        reason = _without_parts_of(fields.get(name, ""), reason)
    return _NUMBER.sub("…", reason)[:LONGEST]


def _forms(value: str) -> Iterator[str]:
    """Iterate over the forms in which a value may come back."""
    yield value
    yield value.removeprefix("+")
    written = value.encode("utf-8", "replace")
    yield quote(written)
    yield quote_plus(written)
    if "://" in value:
        # Of an address, a part may come back: the host, or the end, which is what opens it.
        place = value.partition("://")[2]
        yield place.partition("/")[0]
        yield place.rpartition("/")[2]


def _without_parts_of(text: str, reason: str) -> str:
    """Return the reason up to where three words in a row are those of the text."""
    words = _WORD.findall(text.casefold())
    runs = set(zip(words, words[1:], words[2:], strict=False))
    said = list(_WORD.finditer(reason))
    for three in zip(said, said[1:], said[2:], strict=False):
        if tuple(word[0].casefold() for word in three) in runs:
            return reason[: three[0].start()] + "…"
    return reason
