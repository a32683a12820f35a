"""The images, the code and every text of the repository, and hacs.json."""

import ast
from collections.abc import Iterator
from pathlib import Path
import re
import struct

from homeassistant.components.brands.const import ALLOWED_IMAGES
import pytest

# Name, shortest and longest that the shorter side may be.
IMAGES = {
    "icon.png": (256, 256),
    "icon@2x.png": (512, 512),
    "logo.png": (128, 256),
    "logo@2x.png": (256, 512),
}


def png(path: Path) -> tuple[int, int, bool]:
    """Return width, height and whether there is transparency."""
    content = path.read_bytes()
    if content[:8] != b"\x89PNG\r\n\x1a\n" or content[12:16] != b"IHDR":
        pytest.fail(f"{path.name} is no PNG")
    width, height, _, colour = struct.unpack(">IIBB", content[16:26])
    return width, height, colour in (4, 6) or b"tRNS" in content[: content.index(b"IDAT")]


def brand_faults(package: Path) -> Iterator[str]:
    brand = package / "brand"
    found = {path.name for path in brand.iterdir()} if brand.is_dir() else set[str]()
    yield from (f"brand/{name} is missing" for name in sorted(IMAGES.keys() - found))
    yield from (f"brand/{name} is not served by Home Assistant" for name in sorted(found - ALLOWED_IMAGES))
    sizes: dict[str, tuple[int, int]] = {}
    for name in sorted(found & ALLOWED_IMAGES):
        low, high = IMAGES[name.removeprefix("dark_")]
        width, height, transparent = png(brand / name)
        sizes[name] = width, height
        if not low <= min(width, height) <= high or (width != height and "icon" in name) or width < height:
            yield f"brand/{name} is {width}x{height}"
        if not transparent:
            yield f"brand/{name} has no transparency"
        if (brand / name).stat().st_size > 65536:
            yield f"brand/{name} is larger than 64 KiB"
    for name in ("icon", "logo"):
        small, large = sizes.get(f"{name}.png"), sizes.get(f"{name}@2x.png")
        if small and large and large != (small[0] * 2, small[1] * 2):
            yield f"brand/{name}@2x.png is not twice {name}.png"


REFUSED = {
    r"\bvia_device\b": "via_device: use via_device_id",
    r"\basync_get_device\(": "async_get_device: use async_get_device_by_identifier",
    r"\bshow_advanced_options\b": "show_advanced_options: use a collapsed section",
    r"\bOptionsFlowWithConfigEntry\b": "OptionsFlowWithConfigEntry: use OptionsFlow",
    r"^from __future__ import": "from __future__: Python 3.14 needs none",
}
LONGEST = 350


def code_faults(package: Path) -> Iterator[str]:
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py"))}
    if not sources:
        yield "there is no code"
    listens = any("add_update_listener(" in source for source in sources.values())
    for path, source in sources.items():
        name = path.relative_to(package)
        yield from (
            f"{name}: {why}" for what, why in REFUSED.items() if re.search(what, source, re.MULTILINE)
        )
        if listens and "async_update_reload_and_abort(" in source:
            yield f"{name}: async_update_reload_and_abort is deprecated where the entry has an update listener"
        if (lines := source.count("\n")) > LONGEST:
            yield f"{name} has {lines} lines: more than {LONGEST} are two modules"
        try:
            tree = ast.parse(source, feature_version=(3, 14))
        except SyntaxError as err:
            yield f"{name}: {err}"
            continue
        yield from (f"{name}: {found} is private to Home Assistant" for found in private_imports(tree))
    init = sources.get(package / "__init__.py", "")
    if "async def async_setup(" in init and "CONFIG_SCHEMA" not in init:
        yield "__init__.py has async_setup and no CONFIG_SCHEMA"


def private_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("homeassistant"):
            names = [alias.name for alias in node.names]
            yield from (name for name in names if name.startswith("_") and not name.endswith("__"))


# Whom our texts may name.
OUR_HOSTS = re.compile(
    r"""
    (.+\.)? (smsmobileapi\.com | home-assistant\.io | hacs\.xyz | shields\.io)
    | github\.com
    | (hooks | .+\.ui)\.nabu\.casa                      # where the addresses of Home Assistant Cloud lie
    | www\.w3\.org                                      # the names of SVG and XHTML, asked for by nobody
    | (.+\.)? (example | example\.(com|net|org) | invalid | test | local)
    | [a-z0-9-]+ | .+\.lan                              # at home only
    | \[::1\] | (0 | 127 | 10 | 192\.168)(\.\d+)+ | (192\.0\.2 | 198\.51\.100 | 203\.0\.113)\.\d+
    """,
    re.VERBOSE | re.IGNORECASE,
)
HOST = re.compile(
    r"(?:https?|wss?|ftps?)://(?:[^\s/@\"'`<>(){}]*@)?(\[[0-9a-f:]+\]|[a-z0-9](?:[a-z0-9.-]|\\\\?\.)*)",
    re.IGNORECASE,
)
NOT_OURS = {"node_modules", "dist", "__pycache__"}
TEXT = {
    "", ".cfg", ".css", ".html", ".js", ".json", ".jsonl", ".md", ".mjs", ".py", ".sh", ".svg", ".toml", ".ts", ".txt",
    ".yaml", ".yml",
}  # fmt: skip


def texts_of(root: Path) -> Iterator[Path]:
    """Yield what a reader of the repository sees; .venv, .git and the like are not it."""
    for path in sorted(root.iterdir()):
        hidden = path.name[0] == "." and path.name not in {".github", ".ci"}
        if path.is_dir() and not hidden and path.name not in NOT_OURS:
            yield from texts_of(path)
        elif path.is_file() and not hidden and path.suffix in TEXT:
            yield path


def host_faults(root: Path) -> Iterator[str]:
    for path in texts_of(root):
        found = HOST.findall(path.read_text(encoding="utf-8", errors="replace"))
        hosts = {host.replace("\\", "").rstrip(".-") for host in found}  # a pattern escapes its dots
        yield from (
            f"{path.relative_to(root)} names {host}"
            for host in sorted(hosts)
            if not OUR_HOSTS.fullmatch(host)
        )
