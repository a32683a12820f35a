"""translations/*.json and icons.json: hassfest looks at English only, and lets a custom integration forget texts and icons."""

import ast
from collections.abc import Iterator
from pathlib import Path
import re

from homeassistant.generated.languages import LANGUAGES
from homeassistant.helpers import config_validation as cv
from homeassistant.util.yaml import load_yaml_dict
import voluptuous as vol

from .reading import Json, english, flat, modules, placeholders, read_json

URL = re.compile(r"\b(https?|wss?|ftps?|mqtts?)://[a-z0-9]|\bwww\.[a-z0-9-]+\.", re.IGNORECASE)
# Home Assistant gives these reasons and shows these steps by itself.
IMPLICIT = {"already_configured", "reauth_successful", "reconfigure_successful", "confirm", "user", "init"}


def translation_faults(package: Path) -> Iterator[str]:
    """Every language has the keys and placeholders of English, or Home Assistant drops the text."""
    source = flat(english(package))
    for path in sorted((package / "translations").iterdir()):
        if path.suffix != ".json" or path.stem not in LANGUAGES:
            yield f"{path.name} is no language of Home Assistant's"
            continue
        texts = flat(read_json(path))
        yield from (f"{path.name}: {key} is missing" for key in sorted(source.keys() - texts.keys()))
        yield from (f"{path.name}: {key} is not in en.json" for key in sorted(texts.keys() - source.keys()))
        for key in sorted(source.keys() & texts.keys()):
            yield from (f"{path.name}: {key} {fault}" for fault in text_faults(texts[key], source[key]))


def text_faults(text: str, source: str) -> Iterator[str]:
    try:
        cv.string_with_no_html(text)
        names = placeholders(text)
    except (ValueError, vol.Invalid) as err:
        yield f"can't be read: {err}"
        return
    faults = {
        "is empty or has spaces around it": not text or text != text.strip(),
        "holds a URL: use a placeholder": URL.search(text),
        "refers to another key, which works in the core only": "[%" in text,
        "has a placeholder in single quotes": re.search(r"'\{\w+\}'", text),
        "has other placeholders than en.json": names != placeholders(source),
    }
    yield from (fault for fault, is_found in faults.items() if is_found)


def exception_faults(package: Path) -> Iterator[str]:
    """An exception that the code raises by its key is in en.json, and gets the placeholders of its text."""
    texts = english(package)["exceptions"]
    for path, tree in modules(package):
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Name(id="invalid" | "failed"),
                    args=[ast.Constant(value=str(key))],
                    keywords=given,
                ):
                    if key not in texts:
                        yield f"{path.name}: exceptions.{key} is not in en.json"
                    elif placeholders(texts[key]["message"]) != {keyword.arg for keyword in given}:
                        yield f"{path.name}: exceptions.{key} has other placeholders in en.json"
                case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(key))):
                    # An error of the service, which a form shows, too.
                    yield from (
                        f"{path.name}: {part}.{key} is not in en.json"
                        for part, keys in (
                            ("exceptions", texts),
                            ("config.error", english(package)["config"]["error"]),
                        )
                        if key not in keys
                    )


def unused_faults(package: Path) -> Iterator[str]:
    """What is never shown is not translated: each key stands in the code as a string, or as the name of a step."""
    content = english(package)
    described = [str(value) for name in ("services",) for value in flat(described_in(package, name)).values()]
    named = IMPLICIT.union(described)
    for _, tree in modules(package):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named.add(node.value)
            elif isinstance(node, ast.AsyncFunctionDef):
                named.add(node.name.removeprefix("async_step_"))
    flows = {"config": content["config"], "options": content["options"], **content["config_subentries"]}
    flows |= {
        f"issues.{key}": issue["fix_flow"] for key, issue in content["issues"].items() if "fix_flow" in issue
    }
    groups = {name: content[name] for name in ("exceptions", "issues", "selector")}
    groups |= {f"entity.{platform}": keys for platform, keys in content["entity"].items()}
    groups |= {"system_health.info": content["system_health"]["info"]}
    groups |= {
        f"{name}.{part}": flow.get(part, {})
        for name, flow in flows.items()
        for part in ("error", "abort", "step")
    }
    for group, keys in groups.items():
        yield from (f"{group}.{key} is in en.json and never used" for key in sorted(keys) if key not in named)


def described_in(package: Path, kind: str) -> Json:
    """Return services.yaml or triggers.yaml; there need be no triggers."""
    path = package / f"{kind}.yaml"
    return {key: value or {} for key, value in load_yaml_dict(str(path)).items()} if path.is_file() else {}


def icon_faults(package: Path) -> Iterator[str]:
    """Actions, triggers and entities have icons, none is left over, and no state repeats the default (hassfest)."""
    icons, content = read_json(package / "icons.json"), english(package)
    for kind in ("services", "triggers"):
        items, drawn = described_in(package, kind).keys(), icons.get(kind, {}).keys()
        yield from (f"{kind}.{key}: no icon, or one too many" for key in sorted(items ^ drawn))
    code = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    for platform, entities in icons["entity"].items():
        for key, icon in entities.items():
            name = f"entity.{platform}.{key}"
            texts = content["entity"].get(platform, {}).get(key)
            if texts is None and f'translation_key="{key}", name=None' not in code:
                yield f"{name} has an icon and no name"
            for section, part in ((name, icon), *(icon.get("state_attributes", {}).items())):
                states = part.get("state", {})
                shown = texts and (texts if part is icon else texts["state_attributes"][section]).get(
                    "state", {}
                )
                yield from (
                    f"{name}: no state {state}" for state in sorted(states.keys() - (shown or {}).keys())
                )
                yield from (
                    f"{name}: the icon of {state} is the default one"
                    for state, drawn_icon in states.items()
                    if drawn_icon == part.get("default")
                )
    for platform, entities in content["entity"].items():
        for key in sorted(entities.keys() - icons["entity"].get(platform, {}).keys()):
            if not re.search(rf'translation_key="{key}",[^)]*device_class=', code):
                yield f"entity.{platform}.{key} has no icon and no device class"
