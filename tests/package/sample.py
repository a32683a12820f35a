"""A small package without a fault, to be spoilt in one place at a time."""

import json
from pathlib import Path
import struct

from .manifest import REPOSITORY
from .quality import RULES
from .reading import DOMAIN, Json

MANIFEST: Json = {
    "domain": DOMAIN,
    "name": "Sample",
    "after_dependencies": ["cloud"],
    "codeowners": ["@somebody"],
    "config_flow": True,
    "documentation": REPOSITORY,
    "integration_type": "service",
    "iot_class": "cloud_push",
    "issue_tracker": f"{REPOSITORY}/issues",
    "quality_scale": "platinum",
    "requirements": ["phonenumberslite==9.0.0"],
    "version": "1.2.3",
}
HACS: Json = {"name": "Sample", "filename": f"{DOMAIN}.zip", "homeassistant": "2026.8.0", "zip_release": True}
ENGLISH: Json = {
    "config": {
        "step": {"user": {"data": {"key": "Key"}, "data_description": {"key": "See {url}"}}},
        "error": {"no_key": "No key"},
        "abort": {"too_many": "Too many", "already_configured": "Is there"},
    },
    "config_subentries": {
        "contact": {
            "entry_type": "Contact",
            "initiate_flow": {"user": "Add a contact"},
            "step": {"user": {"data": {"number": "Number"}}},
        }
    },
    "entity": {"sensor": {"last": {"name": "Last", "state": {"on": "On"}}, "battery": {"name": "Battery"}}},
    "exceptions": {
        "limit": {"message": "At most {count}"},
        "bad_number": {"message": "Not a number"},
        "timed_out": {"message": "Too late"},
    },
    "issues": {"expired": {"title": "Expired", "description": "Renew {name}"}},
    "selector": {"channel": {"options": {"sms": "SMS"}}},
    "services": {
        "send": {
            "name": "Send",
            "description": "Sends",
            "fields": {"channel": {"name": "Channel", "description": "By which way"}},
            "sections": {"more": {"name": "More"}},
        }
    },
    "triggers": {"received": {"name": "Received", "description": "Something came"}},
}
ICONS: Json = {
    "entity": {
        "sensor": {
            "last": {"default": "mdi:message", "state": {"on": "mdi:message-text"}},
            "main": {"default": "mdi:home"},
        }
    },
    "services": {"send": {"service": "mdi:send"}},
    "triggers": {"received": {"trigger": "mdi:message"}},
}
SERVICES = """
send:
  fields:
    more:
      collapsed: true
      fields:
        channel:
          default: sms
          selector:
            select:
              translation_key: channel
              options: [sms]
"""
CODE = {
    "__init__.py": "CONFIG_SCHEMA = None\nasync def async_setup(hass, config): ...\n",
    "api.py": 'class Late(Exception):\n    code = "timed_out"\n',
    "config_flow.py": """
from homeassistant.components.cloud import async_create_cloudhook
NO_KEY: Final = "no_key"
class Flow(ConfigFlow):
    async def async_step_user(self, user_input=None):
        errors = {}
        if user_input is None:
            return self.async_abort(reason="too_many")
        errors["base"] = NO_KEY
        return self.async_show_form(step_id="user", errors=errors)
class ContactFlow(ConfigSubentryFlow):
    async def async_step_user(self, user_input=None):
        return self.async_show_form(step_id="user")
""",
    "sensor.py": """
LAST = SensorEntityDescription(key="last", translation_key="last")
class Battery(SensorEntity):
    _attr_translation_key = "battery"
    _attr_device_class = SensorDeviceClass.BATTERY
class Main(SensorEntity):
    _attr_name = None
    _attr_translation_key = "main"
""",
    "actions.py": """
def refuse(key):
    return ServiceValidationError(translation_domain=DOMAIN, translation_key=key)
def act(err):
    raise HomeAssistantError(
        translation_domain=DOMAIN, translation_key="limit", translation_placeholders={"count": "3"}
    )
    raise refuse("bad_number")
    raise HomeAssistantError(translation_domain=DOMAIN, translation_key=err.code)
    ir.async_create_issue(hass, translation_key="expired", translation_placeholders={"name": "x"})
""",
}


def image(width: int, height: int, colour: int = 6) -> bytes:
    """Return as much of a PNG as is looked at."""
    return (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
        + struct.pack(">IIBB", width, height, 8, colour)
        + b"\0" * 7
        + b"IDAT"
    )


def write_sample(root: Path) -> Path:
    """Write the sample's repository and return the folder of its integration."""
    package = root / "custom_components" / DOMAIN
    for folder in (package / "translations", package / "brand", root / ".github/workflows"):
        folder.mkdir(parents=True)
    rules: Json = {rule: "done" for rules in RULES.values() for rule in rules.split()}
    rules["discovery"] = {"status": "exempt", "comment": "There is nothing to discover."}
    texts = {
        root / "hacs.json": json.dumps(HACS),
        root / "LICENSE": "MIT License",
        root / "README.md": f"Home Assistant 2026.8 or later, see {REPOSITORY} or http://localhost:8123",
        root / ".github/workflows/release.yml": HACS["filename"],
        package / "manifest.json": json.dumps(MANIFEST),
        package / "icons.json": json.dumps(ICONS),
        package / "services.yaml": SERVICES,
        package / "triggers.yaml": "received:\n",
        package / "quality_scale.yaml": json.dumps({"rules": rules}),  # JSON is YAML
        package / "translations/en.json": json.dumps(ENGLISH),
        package / "translations/hu.json": json.dumps(ENGLISH),
    }
    texts |= {package / name: code for name, code in CODE.items()}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    for name, width in (("icon", 256), ("logo", 300)):
        (package / f"brand/{name}.png").write_bytes(image(width, 256))
        (package / f"brand/{name}@2x.png").write_bytes(image(width * 2, 512))
    return package
