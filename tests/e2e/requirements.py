"""Print what Home Assistant would install for itself at its first start here, one requirement a line.

scripts/setup installs it beforehand: quicker in one go, and every later start does without the network.
Read from the installed Home Assistant's own manifests, so that it stays right from version to version.
"""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

from homeassistant import components
from homeassistant.auth.mfa_modules import totp
from homeassistant.bootstrap import CORE_INTEGRATIONS, DEFAULT_INTEGRATIONS

from tests.e2e.configuration import INTEGRATION, LOADED

CORE = Path(components.__file__).parent


def manifests() -> Iterator[dict[str, Any]]:
    """The manifests of our integration, of all that a start loads, and of what these depend on."""
    folders = [
        INTEGRATION,
        *(CORE / domain for domain in {*CORE_INTEGRATIONS, *DEFAULT_INTEGRATIONS, *LOADED}),
    ]
    for folder in folders:
        file = folder / "manifest.json"
        # A default without a manifest is a mere helper of the others.
        manifest = json.loads(file.read_text()) if file.exists() else {}
        yield manifest
        needed = (CORE / domain for domain in manifest.get("dependencies", ()))
        folders.extend(folder for folder in needed if folder not in folders)


def requirements() -> set[str]:
    return {
        *totp.REQUIREMENTS,
        *(requirement for manifest in manifests() for requirement in manifest.get("requirements", ())),
    }


if __name__ == "__main__":
    print(*sorted(requirements()), sep="\n")
