"""Checking the arguments of a control command: presence, names and types."""

from collections.abc import Mapping
from types import NoneType
from typing import Any

type Types = tuple[type, ...]
type Arguments = dict[str, Any]

TEXT: Types = (str,)
TEXT_OR_NULL: Types = (str, NoneType)
NUMBER: Types = (int, float)
NUMBER_OR_NULL: Types = (int, float, NoneType)
INTEGER: Types = (int,)
INTEGER_OR_NULL: Types = (int, NoneType)
BOOLEAN: Types = (bool,)
OBJECT_OR_NULL: Types = (dict, NoneType)
LIST: Types = (list,)
LIST_OR_NULL: Types = (list, NoneType)
ANY: Types = (object,)

_NAMES = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    NoneType: "null",
}


def check(arguments: Any, required: Mapping[str, Types], optional: Mapping[str, Types]) -> Arguments:
    """Return the arguments; raises ValueError that names a missing or unknown one, or one of the wrong type."""
    if type(arguments) is not dict:
        raise ValueError("the arguments must be an object")
    known = {**required, **optional}
    if missing := [name for name in required if name not in arguments]:
        raise ValueError(f"missing: {', '.join(missing)}")
    if unknown := [name for name in arguments if name not in known]:
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    for name, value in arguments.items():
        types = known[name]
        # In Python a bool is also an int.
        fits = isinstance(value, types) and (not isinstance(value, bool) or types in (BOOLEAN, ANY))
        if not fits:
            raise ValueError(f"{name} must be {' or '.join(_NAMES[kind] for kind in types)}")
    return arguments
