"""What the code asks for and en.json does not have, and the other way round."""

from collections.abc import Iterator
from pathlib import Path

from .described import described_selectors
from .reading import Json, english, flat, placeholders
from .uses import FLOWS, read_uses

# Home Assistant gives these reasons and shows these steps itself.
IMPLICIT = {
    "already_configured", "already_in_progress", "reauth_successful", "reconfigure_successful",
    "unique_id_mismatch", "confirm", "user", "init",
}  # fmt: skip


def flow_texts(content: Json, section: str) -> list[Json]:
    """Return the texts of every flow of a section ("" for all of them)."""
    found = {
        "config": [content.get("config", {})],
        "options": [content.get("options", {})],
        "config_subentries": list(content.get("config_subentries", {}).values()),
        "issues": [issue.get("fix_flow", {}) for issue in content.get("issues", {}).values()],
    }
    return found[section] if section else [flow for flows in found.values() for flow in flows]


def untranslated_faults(package: Path) -> Iterator[str]:
    """Yield what the code uses and en.json does not have."""
    content, uses = english(package), read_uses(package)
    for kind, used in (("exceptions", uses.exceptions), ("issues", uses.issues)):
        for key, given in used:
            if key not in content.get(kind, {}):
                yield f"{kind}.{key} is used and not in en.json"
            elif given is not None:
                wanted = set().union(*map(placeholders, flat(content[kind][key]).values()))
                yield from (f"{kind}.{key} is not given {{{name}}}" for name in sorted(wanted - given))
    entities = content.get("entity", {})
    for platform, key in sorted(uses.entities):
        named = any(key in entities.get(name, {}) for name in ([platform] if platform else entities))
        if not named and key not in uses.nameless:
            yield f"entity.{platform or '*'}.{key} is used and not in en.json"
    for key in sorted(uses.selectors - content.get("selector", {}).keys()):
        yield f"selector.{key} is used and not in en.json"
    for section, part, key in sorted(uses.flows):
        if not any(key in stands_at(flow, part) for flow in flow_texts(content, section)):
            yield f"{section or '*'}.{part}.{key} is used and not in en.json"


def stands_at(content: Json, dotted: str) -> Json:
    """Return what stands under a dotted key, nothing where nothing does."""
    for key in dotted.split("."):
        content = content.get(key, {})
    return content


def unused_faults(package: Path) -> Iterator[str]:
    """Yield what en.json has and the code never names."""
    content, uses = english(package), read_uses(package)
    named = uses.literals.union(*(described_selectors(package, kind) for kind in ("services", "triggers")))
    places = ["exceptions", "issues", "selector", "system_health.info"]
    places += [f"entity.{platform}" for platform in content.get("entity", {})]
    keys = {f"{place}.{key}": key for place in places for key in stands_at(content, place)}
    for section in FLOWS.values():
        for flow in flow_texts(content, section):
            parts = ("error", "abort", "progress")
            keys |= {f"{section}.{part}.{key}": key for part in parts for key in flow.get(part, {})}
            for step in flow.get("step", {}):
                if f"async_step_{step}" not in named:
                    keys[f"{section}.step.{step}"] = step
    for key, name in sorted(keys.items()):
        if name not in named and name not in IMPLICIT:
            yield f"{key} is in en.json and never used"
