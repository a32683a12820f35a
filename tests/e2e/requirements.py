"""Print what Home Assistant would install at its first start here, one requirement a line.

scripts/setup installs it in one step, so that no start needs the network. It is read from the manifests of the installed
Home Assistant, so that it is right for each version.
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
    loaded = {*CORE_INTEGRATIONS, *DEFAULT_INTEGRATIONS, *LOADED}
    folders = [INTEGRATION, *(CORE / domain for domain in loaded)]
    for folder in folders:
        file = folder / "manifest.json"
        # Some of the default integrations are only modules without a manifest.
        manifest = json.loads(file.read_text()) if file.exists() else {}
        yield manifest
        needed = (CORE / domain for domain in manifest.get("dependencies", ()))
        folders.extend(folder for folder in needed if folder not in folders)


if __name__ == "__main__":
    listed = (one for manifest in manifests() for one in manifest.get("requirements", ()))
    print(*sorted({*totp.REQUIREMENTS, *listed}), sep="\n")
