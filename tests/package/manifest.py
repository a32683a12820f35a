"""manifest.json and hacs.json: what hassfest and the HACS action refuse."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

from homeassistant import components as core_components
from homeassistant.const import Platform
from homeassistant.loader import Manifest
import voluptuous as vol

from .quality import TIERS
from .reading import DOMAIN, modules, read_json, read_text, refused

REPOSITORY = "https://github.com/ha-smsmobileapi/ha-smsmobileapi"
IOT_CLASSES = ["assumed_state", "calculated", "cloud_polling", "cloud_push", "local_polling", "local_push"]
# hassfest lets anyone import these, besides the platforms and what the manifest names.
FREE_COMPONENTS = {
    "automation", "conversation", "frontend", "group", "homeassistant", "panel_custom", "persistent_notification",
    "person", "script", "system_health", "system_log", "webhook", "websocket_api", "zone",
}  # fmt: skip
MANIFEST_SCHEMA = vol.Schema(
    {
        vol.Required("domain"): str,
        vol.Required("name"): vol.All(str, vol.Length(min=1)),
        vol.Optional("after_dependencies"): [str],
        vol.Required("codeowners"): vol.All([vol.Match(r"^@[A-Za-z0-9][A-Za-z0-9-]*$")], vol.Length(min=1)),
        vol.Required("config_flow"): True,
        vol.Optional("dependencies"): [str],
        vol.Required("documentation"): vol.Match(rf"^{REPOSITORY}(#[a-z0-9-]+)?$"),
        vol.Optional("import_executor"): bool,
        vol.Required("integration_type"): vol.In(get_args(get_type_hints(Manifest)["integration_type"])),
        vol.Required("iot_class"): vol.In(IOT_CLASSES),
        vol.Required("issue_tracker"): f"{REPOSITORY}/issues",
        vol.Optional("loggers"): [str],
        vol.Optional("quality_scale"): vol.In(TIERS),
        vol.Optional("requirements"): [vol.Match(r"^[A-Za-z0-9][\w.\[\]-]*==\d[\w.]*$")],
        vol.Optional("single_config_entry"): bool,
        vol.Required("version"): str,
    }
)


def manifest_faults(package: Path) -> Iterator[str]:
    """hassfest and HACS; the version's form is judged by Home Assistant's own loader."""
    manifest = read_json(package / "manifest.json")
    yield from refused("manifest.json", MANIFEST_SCHEMA, manifest)
    keys = list(manifest)
    if keys != (ordered := sorted(keys, key=lambda key: (key != "domain", key != "name", key))):
        yield f"order of keys should be {ordered}"
    if manifest.get("domain") != package.name:
        yield f"domain is not {package.name}"
    if not (package / "config_flow.py").is_file():
        yield "there is no config_flow.py"


def dependency_faults(package: Path) -> Iterator[str]:
    manifest = read_json(package / "manifest.json")
    before, after = (set(manifest.get(key, [])) for key in ("dependencies", "after_dependencies"))
    yield from (f"{name} is in both kinds of dependencies" for name in sorted(before & after))
    for name in sorted(before | after):
        if not (Path(core_components.__path__[0]) / name / "manifest.json").is_file():
            yield f"dependency {name} is no integration of Home Assistant's"
    allowed = before | after | FREE_COMPONENTS | {str(platform) for platform in Platform}
    allowed |= {path.stem for path in package.iterdir()}
    for path, tree in modules(package):
        for name in sorted(imported_components(tree) - allowed):
            yield f"{path.name} imports homeassistant.components.{name}, which manifest.json does not name"


def imported_components(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "homeassistant.components":
            found |= {alias.name for alias in node.names}
            continue
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split(".")[2] for name in names if name.startswith("homeassistant.components.")}
    return found


HACS_SCHEMA = vol.Schema(
    {
        vol.Required("name"): vol.All(str, vol.Length(min=1)),
        vol.Required("homeassistant"): vol.Match(r"^\d{4}\.\d{1,2}\.\d+$"),
        vol.Inclusive("zip_release", "zip"): True,
        vol.Inclusive("filename", "zip"): f"{DOMAIN}.zip",
        vol.Optional("hacs"): str,
        vol.Optional("hide_default_branch"): bool,
    }
)


def hacs_faults(root: Path) -> Iterator[str]:
    hacs = read_json(root / "hacs.json")
    yield from refused("hacs.json", HACS_SCHEMA, hacs)
    integrations = [path.name for path in (root / "custom_components").iterdir() if path.name[0] not in "._"]
    if integrations != [DOMAIN]:
        yield f"HACS takes one integration only, here are {sorted(integrations)}"
    if "filename" in hacs and hacs["filename"] not in read_text(root / ".github/workflows/release.yml"):
        yield "release.yml does not make the file that hacs.json names"
    if "MIT License" not in read_text(root / "LICENSE"):
        yield "LICENSE is not the MIT license"
    minimum = ".".join(str(hacs.get("homeassistant")).split(".")[:2])
    if minimum not in read_text(root / "README.md"):
        yield f"README.md does not say that Home Assistant {minimum} is the oldest"
