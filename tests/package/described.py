"""services.yaml, triggers.yaml and icons.json: what hassfest refuses, and what it lets a custom integration forget."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from homeassistant.helpers import selector
import voluptuous as vol

from .reading import KEY, Json, english, read_json, read_yaml, refused
from .uses import Uses, read_uses


def _targets(value: Any) -> Any:
    return value if value is None else selector.TargetSelector.CONFIG_SCHEMA(value)


_FIELD = {
    vol.Required("selector"): selector.validate_selector,
    vol.Optional("required"): bool,
    vol.Optional("default"): vol.NotIn([None]),
    vol.Optional("example"): vol.NotIn([None]),
}
_SECTION = {vol.Required("fields"): {KEY: _FIELD}, vol.Optional("collapsed"): bool}
DESCRIBED_SCHEMA = vol.Schema(
    {
        KEY: vol.Any(
            None, {vol.Optional("target"): _targets, vol.Optional("fields"): {KEY: vol.Any(_FIELD, _SECTION)}}
        )
    }
)


def described(package: Path, kind: str) -> Json:
    """Return services.yaml or triggers.yaml; there need be no triggers."""
    path = package / f"{kind}.yaml"
    if kind == "triggers" and not path.is_file() and not (package / "trigger.py").is_file():
        return {}
    return {key: value or {} for key, value in read_yaml(path).items() if key[0] != "."}


def field_schemas(item: Json) -> Iterator[tuple[str, Json]]:
    for name, content in item.get("fields", {}).items():
        yield from content["fields"].items() if "fields" in content else [(name, content)]


def described_selectors(package: Path, kind: str) -> Iterator[str]:
    for item in described(package, kind).values():
        for _, content in field_schemas(item):
            for config in content.get("selector", {}).values():
                if isinstance(config, dict) and "translation_key" in config:
                    yield config["translation_key"]


def description_faults(package: Path, kind: str) -> Iterator[str]:
    items = described(package, kind)
    faults = list(refused(f"{kind}.yaml", DESCRIBED_SCHEMA, items))
    yield from faults
    if faults:
        return
    content = english(package)
    texts = content.get(kind, {})
    yield from differences(f"{kind}", items, texts)
    for key in sorted(items.keys() & texts.keys()):
        parts = items[key].get("fields", {})
        sections = {name for name, part in parts.items() if "fields" in part}
        fields = [name for name, _ in field_schemas(items[key])]
        yield from (
            f"{kind}.{key}: field {name} twice" for name in sorted(set(fields)) if fields.count(name) > 1
        )
        yield from differences(f"{kind}.{key}.fields", fields, texts[key].get("fields", {}))
        yield from differences(f"{kind}.{key}.sections", sections, texts[key].get("sections", {}))
    yield from option_faults(kind, items, content)


def option_faults(kind: str, items: Json, content: Json) -> Iterator[str]:
    """Each option has its text. Fields may share texts: of these, each is one of an option somewhere."""
    used: dict[str, set[str]] = {}
    for item in items.values():
        for _, schema in field_schemas(item):
            select = schema["selector"].get("select") or {}
            if key := select.get("translation_key"):
                options = {
                    option["value"] if isinstance(option, dict) else option for option in select["options"]
                }
                used[key] = used.get(key, set()) | options
    for key, options in sorted(used.items()):
        texts = content.get("selector", {}).get(key, {}).get("options", {})
        yield from differences(f"{kind}: selector.{key}.options", options, texts)


def differences(what: str, wanted: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    wanted, found = set(wanted), set(found)
    yield from (f"{what}: {key} is not in en.json" for key in sorted(wanted - found))
    yield from (f"{what}: {key} is in en.json only" for key in sorted(found - wanted))


_ICON = vol.Match(r"^mdi:[a-z0-9]+(-[a-z0-9]+)*$")
_STATE_ICONS = {KEY: _ICON}
_ENTITY_ICONS = {
    vol.Optional("default"): _ICON,
    vol.Optional("state"): _STATE_ICONS,
    vol.Optional("state_attributes"): {
        KEY: {vol.Required("default"): _ICON, vol.Optional("state"): _STATE_ICONS}
    },
}
ICONS_SCHEMA = vol.Schema(
    {
        vol.Optional("entity"): {str: {KEY: vol.All(_ENTITY_ICONS, vol.Length(min=1))}},
        vol.Optional("services"): {
            KEY: {vol.Required("service"): _ICON, vol.Optional("sections"): {KEY: _ICON}}
        },
        vol.Optional("triggers"): {KEY: {vol.Required("trigger"): _ICON}},
    }
)


def icon_faults(package: Path) -> Iterator[str]:
    icons, content = read_json(package / "icons.json"), english(package)
    faults = list(refused("icons.json", ICONS_SCHEMA, icons))
    yield from faults
    if faults:
        return
    for kind in ("services", "triggers"):
        items, found = described(package, kind).keys(), icons.get(kind, {}).keys()
        yield from (f"{kind}.{key} has no icon" for key in sorted(items - found))
        yield from (f"icon for {kind}.{key}, which does not exist" for key in sorted(found - items))
    yield from entity_icon_faults(icons.get("entity", {}), content.get("entity", {}), read_uses(package))


def entity_icon_faults(icons: Json, texts: Json, uses: Uses) -> Iterator[str]:
    """A device class brings its own icon; the states that have one are states that have a name."""
    wanted, drawn = (
        {(name, key): part for name in kind for key, part in kind[name].items()} for kind in (texts, icons)
    )
    for name, key in sorted(wanted.keys() - drawn.keys()):
        if key not in uses.classed:
            yield f"entity.{name}.{key} has no icon and no device class"
    for (name, key), icon in sorted(drawn.items(), key=lambda item: item[0]):
        if (name, key) not in wanted and key not in uses.nameless:
            yield f"icon for entity.{name}.{key}, which does not exist"
        elif states := wanted.get((name, key), {}).get("state"):
            extra = icon.get("state", {}).keys() - states
            yield from (f"icon for entity.{name}.{key}: no state {state}" for state in sorted(extra))
