"""The configuration directory that Home Assistant starts with."""

from collections.abc import Sequence
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
INTEGRATION = ROOT / "custom_components" / "smsmobileapi"
EVENT_WRITER = Path(__file__).with_name("event_writer")
DOMAIN = INTEGRATION.name
RECEIVED = f"{DOMAIN}_message_received"
REPORTED = f"{DOMAIN}_message_report"
CALLED = f"{DOMAIN}_call"

# What is loaded beside the integrations that Home Assistant always loads; requirements.py reads it, too.
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
{yaml}
automation: !include automations.yaml
script: !include scripts.yaml
logger:
  default: {level}
"""


def write_configuration(
    directory: Path,
    port: int,
    *,
    external_url: bool | str,
    debug: bool,
    integrations: Sequence[Path],
    yaml: str,
) -> None:
    """Write what a start needs; automations, accounts and history of an earlier start stay.

    `integrations` are the custom integrations; all but ours are loaded by YAML. For `external_url` see HomeAssistant.
    """
    url = f"http://127.0.0.1:{port}"
    (directory / ".storage").mkdir(parents=True, exist_ok=True)
    (directory / MEDIA).mkdir(exist_ok=True)
    by_yaml = [path.name for path in integrations if path.name != DOMAIN]
    (directory / "configuration.yaml").write_text(
        _CONFIGURATION.format(
            url=url,
            # In a container the default would be outside of the directory.
            media=directory / MEDIA,
            time_zone=TIME_ZONE,
            # Without it there is no webhook, and messages are polled.
            external_url=f"  external_url: {url if external_url is True else external_url}"
            if external_url
            else "",
            yaml=yaml,
            loaded="\n".join(f"{domain}:" for domain in (*LOADED, *by_yaml)),
            level="debug" if debug else "info",
        )
    )
    for name, content in (("automations.yaml", "[]\n"), ("scripts.yaml", "{}\n")):
        if not (directory / name).exists():
            (directory / name).write_text(content)
    _write_http(directory, port)
    # These steps would look up the location and add weather and radio, all of it from the internet.
    done = {"done": ["core_config", "analytics", "integration"]}
    if not (directory / ".storage" / "onboarding").exists():
        _write_store(directory, "onboarding", 4, done)
    for integration in integrations:
        link = directory / "custom_components" / integration.name
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(integration)


def _write_http(directory: Path, port: int) -> None:
    # Settings from YAML would be on trial, and taken back after five minutes by a restart on port 8123.
    settings = {
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
    stored = {"stable": settings, "pending": None, "yaml_migration_done": True}
    _write_store(directory, "http", 2, stored, minor_version=2)


def _write_store(directory: Path, key: str, version: int, data: object, *, minor_version: int = 1) -> None:
    content = {"version": version, "minor_version": minor_version, "key": key, "data": data}
    (directory / ".storage" / key).write_text(json.dumps(content))
