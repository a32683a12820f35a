"""The configuration directory that a Home Assistant for the tests starts from."""

from collections.abc import Sequence
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
INTEGRATION = ROOT / "custom_components" / "smsmobileapi"

# What Home Assistant is told to load beyond what it always does; requirements.py reads it too.
LOADED = ("frontend", "config", "history", "logbook")

TIME_ZONE = "Europe/Budapest"
MEDIA = "media"

_CONFIGURATION = """\
homeassistant:
  name: Home
  country: HU
  currency: HUF
  language: en
  latitude: 47.4979
  longitude: 19.0402
  time_zone: {time_zone}
  unit_system: metric
  internal_url: {url}
  media_dirs:
    local: {media}
{external_url}
{loaded}
{more}
automation: !include automations.yaml
script: !include scripts.yaml
logger:
  default: {level}
"""


def write_configuration(
    directory: Path, port: int, *, external: bool | str, debug: bool, also: Sequence[Path], more: str = ""
) -> None:
    """Write what a start needs; automations, accounts and history of an earlier start stay.

    `external` is the address from outside, or whether there is one, which then is the same as at home.
    """
    url = f"http://127.0.0.1:{port}"
    (directory / ".storage").mkdir(parents=True, exist_ok=True)
    (directory / MEDIA).mkdir(exist_ok=True)
    (directory / "configuration.yaml").write_text(
        _CONFIGURATION.format(
            url=url,
            # In a container it would be a folder outside.
            media=directory / MEDIA,
            time_zone=TIME_ZONE,
            # Without an address reachable from outside there is no webhook, and polling has to do.
            external_url=f"  external_url: {url if external is True else external}" if external else "",
            more=more,
            loaded="\n".join(f"{domain}:" for domain in (*LOADED, *(path.name for path in also))),
            level="debug" if debug else "info",
        )
    )
    _write_once(directory / "automations.yaml", "[]\n")
    _write_once(directory / "scripts.yaml", "{}\n")
    _write_http(directory, port)
    # These steps would look up the place and add weather and radio, all of it from the internet.
    _write_store(directory, "onboarding", 4, {"done": ["core_config", "analytics", "integration"]}, once=True)
    for integration in (INTEGRATION, *also):
        link = directory / "custom_components" / integration.name
        link.parent.mkdir(exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(integration)


def _write_http(directory: Path, port: int) -> None:
    # In YAML these are a trial, taken back after five minutes by a restart on port 8123.
    confirmed = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": False,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": "2026-01-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    stored = {"stable": confirmed, "pending": None, "yaml_migration_done": True}
    _write_store(directory, "http", 2, stored, minor_version=2)


def _write_store(
    directory: Path, key: str, version: int, data: object, *, minor_version: int = 1, once: bool = False
) -> None:
    path = directory / ".storage" / key
    if once and path.exists():
        return
    path.write_text(
        json.dumps({"version": version, "minor_version": minor_version, "key": key, "data": data})
    )


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text)
