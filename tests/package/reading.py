"""Reading our own files, with a clear word where one is missing or broken."""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import string
from typing import Any

import pytest

DOMAIN = "smsmobileapi"
ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "custom_components" / DOMAIN

type Json = dict[str, Any]


def read_json(path: Path) -> Json:
    """Return a JSON object; fail for a key that stands there twice, of which the parser would drop one."""

    def unique(pairs: list[tuple[str, Any]]) -> Json:
        keys = [key for key, _ in pairs]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"twice: {twice}")
        return dict(pairs)

    try:
        content: Json = json.loads(read_text(path), object_pairs_hook=unique)
    except ValueError as err:
        pytest.fail(f"{path.name}: {err}")
    return content


def read_text(path: Path) -> str:
    if not path.is_file():
        pytest.fail(f"{path.name} is missing in {path.parent.name}/")
    return path.read_text(encoding="utf-8")


def english(package: Path) -> Json:
    return read_json(package / "translations" / "en.json")


def modules(package: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(package.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"), filename=path.name)


def flat(content: Json, prefix: str = "") -> dict[str, str]:
    """Return the texts under their dotted keys."""
    found: dict[str, str] = {}
    for key, value in content.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": str(value)}
    return found


def placeholders(value: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
