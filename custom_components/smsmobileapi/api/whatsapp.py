"""Whether a number is on WhatsApp: the answer to that, in whatever shape it comes (API.md, G)."""

from collections.abc import Iterator, Mapping
import re
from typing import Any, Final

from .rows import word_of, yes_or_no

# The names that may say it, in small letters without blanks. The first group that says yes or no decides: what can only mean
# WhatsApp, what may mean the number as such, what may be the state of the request.
_OF_NUMBER: Final = "#"
_PART: Final = (
    r"(?:is|on|in|has|have|exists?|found|valid|available|registered|contact|number|account|user|phone)*"
)
_NAMES: Final = tuple(
    map(
        re.compile,
        (
            rf"{_PART}whatsapp{_PART}|{_OF_NUMBER}|(?:is|on|in|has)?wa(?:exists?|valid)?",
            r"(?:is|number|contact)?(?:exists?|registered|found)",
            r"(?:is|number)?(?:valid|available)",
            r"status|state|check|result|data|response",
        ),
    )
)
_YES: Final = {
    *("valid", "exists", "exist", "registered", "available", "found", "active"),
    *("on_whatsapp", "whatsapp", "has_whatsapp"),
}
_NO: Final = {
    *("invalid", "not_valid", "not_exists", "not_exist", "does_not_exist", "nonexistent", "not_found"),
    *("not_registered", "unregistered", "not_available", "unavailable", "inactive"),
    *("not_on_whatsapp", "no_whatsapp", "not_whatsapp"),
}
_DEEPEST: Final = 4
# Not that it could not be asked: neither "cannot check WhatsApp" nor "not connected to WhatsApp".
_DENIAL: Final = re.compile(
    r"(?<![a-z])not?_(?:(?:a|an|on|in|has|have|exists?|found|registered|valid|active|with|using)_)*whatsapp"
    r"|(?:number_)?(?:does_)?(?:not_exists?|not_registered|unregistered)|number_not_found"
)


def on_whatsapp(answer: Any, number: str) -> bool | None:
    """Read the answer of `/whatsapp/checknumber/`; None where it does not tell. `number` is without plus.

    What it says may stand at the top, in objects within it, under the number itself, or in a list with one row. That there was
    no error tells nothing.
    """
    if isinstance(answer, list):
        answer = answer[0] if len(answer) == 1 else None
    if not isinstance(answer, Mapping):
        return _says(answer)
    # What is further in is more about the number, and less about the request.
    said: dict[tuple[int, int], set[bool]] = {}
    for depth, name, value in _fields(answer):
        key = _OF_NUMBER if name.lstrip("+") == number else re.sub(r"[\W_]", "", name).lower()
        group = next((place for place, names in enumerate(_NAMES) if names.fullmatch(key)), None)
        if group is not None and (is_on := _says(value)) is not None:
            said.setdefault((group, -depth), set()).add(is_on)
    # Two that contradict each other say nothing.
    return said[min(said)].pop() if said and len(said[min(said)]) == 1 else None


def denies_whatsapp(reason: str) -> bool:
    """Tell whether a refusal means that the number is not on WhatsApp, rather than that it could not be checked."""
    words = word_of(reason)
    return bool(_DENIAL.search(words)) if "whatsapp" in words else bool(_DENIAL.fullmatch(words))


def _says(value: object) -> bool | None:
    return yes_or_no(value, _YES, _NO)


def _fields(row: Mapping[str, Any], depth: int = 1) -> Iterator[tuple[int, str, Any]]:
    """Iterate over the fields of an object and of the objects in it, and how deep they are."""
    for name, value in row.items():
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, Mapping):
            if depth < _DEEPEST:
                yield from _fields(value, depth + 1)
        else:
            yield depth, name, value
