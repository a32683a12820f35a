"""quality_scale.yaml: every rule, with a reason where one is exempt."""

from collections.abc import Iterator
from pathlib import Path

import voluptuous as vol

from .reading import read_json, read_yaml, refused

TIERS = ("bronze", "silver", "gold", "platinum")
RULES = {
    "bronze": (
        "action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage "
        "dependency-transparency docs-actions docs-conditions docs-high-level-description "
        "docs-installation-instructions docs-removal-instructions docs-triggers entity-event-setup entity-unique-id "
        "has-entity-name runtime-data test-before-configure test-before-setup unique-config-entry"
    ),
    "silver": (
        "action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters "
        "entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow test-coverage"
    ),
    "gold": (
        "devices diagnostics discovery discovery-update-info docs-data-update docs-examples docs-known-limitations "
        "docs-supported-devices docs-supported-functions docs-troubleshooting docs-use-cases dynamic-devices "
        "entity-category entity-device-class entity-disabled-by-default entity-translations exception-translations "
        "icon-translations reconfiguration-flow repair-issues stale-devices"
    ),
    "platinum": "async-dependency inject-websession strict-typing",
}
_REASON = vol.All(str, vol.Match(r"\S"))
QUALITY_SCHEMA = vol.Schema(
    {
        vol.Required("rules"): {
            vol.Required(rule): vol.Any(
                vol.In(["done", "todo"]),
                {vol.Required("status"): vol.In(["done", "todo"]), vol.Optional("comment"): _REASON},
                {vol.Required("status"): "exempt", vol.Required("comment"): _REASON},
            )
            for rules in RULES.values()
            for rule in rules.split()
        }
    }
)


def quality_faults(package: Path) -> Iterator[str]:
    scale = read_yaml(package / "quality_scale.yaml")
    yield from refused("quality_scale.yaml", QUALITY_SCHEMA, scale)
    claimed = read_json(package / "manifest.json").get("quality_scale")
    tiers = TIERS[: TIERS.index(claimed) + 1] if claimed in TIERS else ()
    for rule in " ".join(RULES[tier] for tier in tiers).split():
        status = scale.get("rules", {}).get(rule)
        if "todo" in (status, status.get("status") if isinstance(status, dict) else ""):
            yield f"the manifest claims {claimed}, but {rule} is to be done"
