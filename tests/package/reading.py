"""Reading our own files, with a clear word where one is missing or broken."""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import string
from typing import Any

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.yaml import load_yaml_dict
import pytest
import voluptuous as vol
from voluptuous.humanize import humanize_error

DOMAIN = "smsmobileapi"
ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "custom_components" / DOMAIN

type Json = dict[str, Any]
type Schema = dict[Any, Any]

# What hassfest takes for a translation key.
KEY = vol.Match(r"^(?!.+[_-]{2})(?![_-])[a-z0-9-_]+(?<![_-])$")


def read_json(path: Path) -> Json:
    """Return a JSON object, refusing a key that stands there twice (the parser would drop one silently)."""

    def unique(pairs: list[tuple[str, Any]]) -> Json:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f"twice: {sorted({key for key in keys if keys.count(key) > 1})}")
        return found

    try:
        content = json.loads(read_text(path), object_pairs_hook=unique)
    except ValueError as err:
        pytest.fail(f"{path.name}: {err}")
    if not isinstance(content, dict):
        pytest.fail(f"{path.name} is no object")
    return content


def read_text(path: Path) -> str:
    if not path.is_file():
        pytest.fail(f"{path.name} is missing in {path.parent.name}/")
    return path.read_text(encoding="utf-8")


def read_yaml(path: Path) -> Json:
    read_text(path)
    try:
        return load_yaml_dict(str(path))
    except HomeAssistantError as err:
        pytest.fail(f"{path.name}: {err}")


def english(package: Path) -> Json:
    return read_json(package / "translations" / "en.json")


def modules(package: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(package.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"), filename=path.name)


def refused(name: str, schema: vol.Schema, content: Any) -> Iterator[str]:
    try:
        schema(content)
    except vol.Invalid as err:
        yield f"{name}: {humanize_error(content, err)}"


def flat(content: Json, prefix: str = "") -> dict[str, str]:
    """Return the texts under their dotted keys."""
    found: dict[str, str] = {}
    for key, value in content.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": str(value)}
    return found


def placeholders(value: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
