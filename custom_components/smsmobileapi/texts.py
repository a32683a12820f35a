"""Texts that users write: characters that can't be sent, and those that can't be seen."""

import re
from typing import Final
import unicodedata

from .errors import invalid

# Characters of other categories that leave nothing, or a space, on the screen: fillers, joiners and variation selectors.
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def join_halves(text: str) -> str:
    r"""Return a text that can be encoded: of characters in two halves (`\ud83d\udea8`), as YAML and Jinja escapes make them.

    The two become one; U+FFFD takes the place of a half without the other.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def visible(text: str) -> str:
    """Return a text without the characters that leave nothing on the screen, and without spaces around it."""
    return "".join(
        character for character in _UNSEEN.sub("", text) if unicodedata.category(character) != "Cf"
    ).strip()


def is_blank(text: str) -> bool:
    """Return whether nothing of a text can be seen."""
    return all(character.isspace() or unicodedata.category(character) == "Cc" for character in visible(text))


def text_to_send(text: str) -> str:
    """Return a message's text as it is sent. Raises ServiceValidationError where it is blank."""
    text = join_halves(text)
    if is_blank(text):
        raise invalid("message_empty")
    return text
