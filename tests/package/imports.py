"""The directions of imports: only from a layer to itself or to those below it, never in a circle."""

import ast
from collections.abc import Iterator
from pathlib import Path

from .reading import modules

# From top to bottom. A module that is in none of them belongs to the first: what Home Assistant looks up by name, and
# what serves only that.
LAYERS = [
    set(names.split())
    for names in (
        "account",
        "coordinator credentials inbound legacy_files outbound",
        "cloud const contacts database_file errors log_filter numbers options phones repairs senders storage texts",
        "api",
    )
]
PLATFORMS = {
    "backup",
    "binary_sensor",
    "config_flow",
    "diagnostics",
    "event",
    "notify",
    "sensor",
    "system_health",
}


def import_faults(package: Path) -> Iterator[str]:
    """Imports go down: platforms and services, account, coordinator and inbox and outbox, what they share, the client."""
    imports = {name_of(path, package): imported(tree, path, package) for path, tree in modules(package)}
    for name, targets in imports.items():
        for target in sorted(targets):
            if layer_of(target) < layer_of(name):
                yield f"{name} imports {target}, which is above it"
            if target in PLATFORMS:
                yield f"{name} imports {target}, a platform"
    yield from circles(imports)


def name_of(path: Path, package: Path) -> str:
    """Return a module's name inside the package, "" for the package itself."""
    return ".".join(path.relative_to(package).with_suffix("").parts).removesuffix("__init__").rstrip(".")


def layer_of(name: str) -> int:
    """Return the number of a module's layer, 0 for the top."""
    part = name.partition(".")[0]
    return next((number for number, layer in enumerate(LAYERS, 1) if part in layer), 0)


def imported(tree: ast.Module, path: Path, package: Path) -> set[str]:
    """Return the names of our modules that a module imports."""
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for alias in node.names:
                files = (folder / f"{alias.name}.py", folder.with_suffix(".py"), folder / "__init__.py")
                found.add(next(name_of(file, package) for file in files if file.is_file()))
    return found


def circles(imports: dict[str, set[str]]) -> Iterator[str]:
    """Yield a line for the modules that remain when those without imports, and those that none imports, are removed."""
    left = imports
    while True:
        used = set[str]().union(*left.values())
        rest = {name: targets & left.keys() for name, targets in left.items() if name in used and targets}
        if rest == left:
            break
        left = rest
    if left:
        yield f"imports in a circle: {', '.join(sorted(left))}"
