"""What the control side is told, checked before anything happens."""

from collections.abc import Mapping
from types import NoneType
from typing import Any

type Kinds = tuple[type, ...]
type Arguments = dict[str, Any]

TEXT: Kinds = (str,)
MAYBE_TEXT: Kinds = (str, NoneType)
NUMBER: Kinds = (int, float)
MAYBE_NUMBER: Kinds = (int, float, NoneType)
WHOLE: Kinds = (int,)
MAYBE_WHOLE: Kinds = (int, NoneType)
FLAG: Kinds = (bool,)
OBJECT: Kinds = (dict,)
MAYBE_LIST: Kinds = (list, NoneType)
ANYTHING: Kinds = (object,)

_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    NoneType: "null",
}


def check(given: Any, required: Mapping[str, Kinds], optional: Mapping[str, Kinds]) -> Arguments:
    """Return the arguments; raises ValueError that names what is missing, unknown or of the wrong type."""
    if type(given) is not dict:
        raise ValueError("an object is wanted")
    known = {**required, **optional}
    if missing := [name for name in required if name not in given]:
        raise ValueError(f"missing: {', '.join(missing)}")
    if unknown := [name for name in given if name not in known]:
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    for name, value in given.items():
        kinds = known[name]
        # To Python a bool is an int.
        fits = isinstance(value, kinds) and (not isinstance(value, bool) or kinds in (FLAG, ANYTHING))
        if not fits:
            raise ValueError(f"{name} must be {' or '.join(_NAMES[kind] for kind in kinds)}")
    return given
