"""What a reader, the HACS action or hassfest would refuse, as far as running it would not show."""

from collections.abc import Callable, Iterable
from importlib import metadata
import json
from pathlib import Path
import shutil
import struct
import tomllib

from awesomeversion import AwesomeVersion
from homeassistant.const import __version__ as ha_version
from homeassistant.core import HomeAssistant
from homeassistant.loader import async_get_integration
from homeassistant.setup import async_setup_component
import pytest

from .package.imports import import_faults
from .package.reading import DOMAIN, PACKAGE, ROOT, flat, read_json, read_text
from .package.repository import brand_faults, code_faults, host_faults
from .package.texts import described_in, exception_faults, icon_faults, translation_faults, unused_faults

type Check = Callable[[Path], Iterable[str]]


@pytest.mark.parametrize(
    "check",
    [
        translation_faults,
        exception_faults,
        unused_faults,
        icon_faults,
        brand_faults,
        code_faults,
        import_faults,
    ],
)
def test_the_package_has_no_fault(check: Check) -> None:
    assert not (found := list(check(PACKAGE))), "\n".join(found)


def test_nothing_names_a_host_that_is_not_needed() -> None:
    assert not (found := list(host_faults(ROOT))), "\n".join(found)


@pytest.mark.usefixtures("enable_custom_integrations")
async def test_home_assistant_loads_it(hass: HomeAssistant) -> None:
    """Home Assistant's own loader accepts the manifest and its version, and finds what stands beside it."""
    integration = await async_get_integration(hass, DOMAIN)
    assert Path(integration.file_path) == PACKAGE
    assert not integration.is_built_in
    assert integration.version is not None
    assert integration.has_branding and integration.has_services and integration.has_translations
    for dependency in (*integration.dependencies, *integration.after_dependencies):
        assert (await async_get_integration(hass, dependency)).is_built_in


@pytest.mark.usefixtures("enable_custom_integrations")
async def test_actions_are_described(hass: HomeAssistant) -> None:
    """Every action is there without an account; each one is in services.yaml, and its fields have texts."""
    assert await async_setup_component(hass, DOMAIN, {})
    described = described_in(PACKAGE, "services")
    assert hass.services.async_services_for_domain(DOMAIN).keys() == described.keys()
    for action, texts in read_json(PACKAGE / "translations/en.json")["services"].items():
        fields = dict(described[action]["fields"])
        sections = {name for name, field in fields.items() if "fields" in field}
        assert texts.get("sections", {}).keys() == sections, action
        for section in sections:
            fields |= fields.pop(section)["fields"]
        assert texts["fields"].keys() == fields.keys(), action


def test_versions_agree() -> None:
    """The manifest and pyproject.toml name one version; hacs.json promises the oldest one that the tests run on."""
    project = tomllib.loads(read_text(ROOT / "pyproject.toml"))["project"]
    manifest, hacs = read_json(PACKAGE / "manifest.json"), read_json(ROOT / "hacs.json")
    assert manifest["version"] == project["version"]
    promised = AwesomeVersion(hacs["homeassistant"])
    plugin = "pytest-homeassistant-custom-component"
    assert promised <= AwesomeVersion(ha_version)
    if (
        f"{plugin}=={metadata.version(plugin)}"
        in read_text(ROOT / "requirements_test_oldest.txt").splitlines()
    ):
        assert str(promised).split(".")[:2] == ha_version.split(".")[:2]
    assert str(promised).rpartition(".")[0] in read_text(ROOT / "README.md")
    assert hacs["filename"] in read_text(ROOT / ".github/workflows/release.yml")


def test_icons_exist() -> None:
    """A misspelt icon is an empty space; Home Assistant's frontend knows them all."""
    frontend = pytest.importorskip("hass_frontend", reason="the frontend is not installed")
    listed = json.loads((frontend.where() / "static/mdi/iconList.json").read_text())
    names = {f"mdi:{icon['name']}" for icon in listed}
    assert not set(flat(read_json(PACKAGE / "icons.json")).values()) - names


# The checks see a fault: in which file, what to put in place of what, and a word of the fault.
SPOILT: list[tuple[Check, str, str, str, str]] = [
    (translation_faults, "translations/hu.json", '"invalid_auth"', '"other"', "config.error.invalid_auth is missing"),
    (translation_faults, "translations/hu.json", '"invalid_auth"', '"other"', "config.error.other is not in en.json"),
    (translation_faults, "translations/hu.json", "{account}", "{konto}", "other placeholders"),
    (translation_faults, "translations/hu.json", "{account}", "{account", "can't be read"),
    (translation_faults, "translations/hu.json", "{account}", "'{account}'", "single quotes"),
    (translation_faults, "translations/hu.json", "{account}", "<b>{account}</b>", "can't be read"),
    (translation_faults, "translations/hu.json", "{account}", "https://x.example", "holds a URL"),
    (translation_faults, "translations/en.json", '"SMS"', '"SMS "', "spaces"),
    (translation_faults, "translations/en.json", '"SMS"', '"[%key:common::x%]"', "another key"),
    (exception_faults, "translations/en.json", '"message_empty"', '"message_void"', "message_empty is not in en.json"),
    (exception_faults, "translations/en.json", "{length}", "{size}", "message_too_long has other placeholders"),
    (exception_faults, "translations/en.json", '"no_token"', '"token"', "config.error.no_token is not in en.json"),
    (unused_faults, "translations/en.json", '"message_empty"', '"message_void"', "exceptions.message_void"),
    (unused_faults, "translations/en.json", '"name_taken"', '"taken"', "contact.error.taken"),
    (unused_faults, "translations/en.json", '"last_message"', '"latest_text"', "entity.sensor.latest_text"),
    (unused_faults, "translations/en.json", '"not_loaded"', '"away"', "issues.webhook_misses.abort.away"),
    (icon_faults, "icons.json", '"mdi:phone-missed"', '"mdi:phone"', "call: the icon of missed is the default one"),
    (icon_faults, "icons.json", '"missed"', '"mist"', "call: no state mist"),
    (icon_faults, "icons.json", '"last_message"', '"latest_text"', "entity.sensor.last_message has no icon"),
    (icon_faults, "icons.json", '"last_message"', '"latest_text"', "entity.sensor.latest_text has an icon and no name"),
    (icon_faults, "icons.json", '"send_message"', '"send"', "services.send"),
    (code_faults, "const.py", "DOMAIN:", "A = DeviceInfo(via_device=1)\nDOMAIN:", "via_device"),
    (code_faults, "const.py", "DOMAIN:", "dr.async_get_device(1)\nDOMAIN:", "async_get_device"),
    (code_faults, "const.py", "DOMAIN:", "#\n" * 350 + "DOMAIN:", "two modules"),
    (code_faults, "const.py", "DOMAIN:", "from homeassistant.core import _x\nDOMAIN:", "private"),
    (code_faults, "const.py", "DOMAIN:", "DOMAIN: =", "invalid syntax"),
    (code_faults, "__init__.py", "CONFIG_SCHEMA", "X", "CONFIG_SCHEMA"),
    (import_faults, "phones.py", "from .options", "from .outbound import outbox\nfrom .options", "imports outbound.outbox"),
    (import_faults, "api/parsing.py", "import re\n", "import re\nfrom ..const import DOMAIN\n", "api.parsing imports const"),
    (import_faults, "entity.py", "from .phones", "from .event import CALL\nfrom .phones", "imports event, a platform"),
    (import_faults, "const.py", "DOMAIN:", "from . import errors\nDOMAIN:", "in a circle: const, errors"),
    (host_faults, "const.py", "DOMAIN:", "# https:" + "//elsewhere.net/x\nDOMAIN:", "elsewhere.net"),
    (host_faults, "const.py", "DOMAIN:", "# http:" + "//notsmsmobileapi.com\nDOMAIN:", "notsms"),
]  # fmt: skip


def test_a_fault_is_seen(tmp_path: Path) -> None:
    """A check that can't fail holds nothing."""
    package = Path(shutil.copytree(PACKAGE, tmp_path / DOMAIN, ignore=shutil.ignore_patterns("__pycache__")))
    for check, file, before, after, fault in SPOILT:
        text = (package / file).read_text()
        assert before in text, (file, before)
        (package / file).write_text(text.replace(before, after))
        assert any(fault in line for line in check(package)), (file, fault)
        (package / file).write_text(text)
    (package / "icons.json").write_text('{"a": "1", "a": "2"}')
    with pytest.raises(pytest.fail.Exception, match="twice"):
        list(icon_faults(package))
    (package / "icons.json").unlink()
    with pytest.raises(pytest.fail.Exception, match=r"icons.json is missing"):
        list(icon_faults(package))


def image(width: int, height: int, colour: int = 6) -> bytes:
    """Return as much of a PNG as is looked at."""
    header = struct.pack(">IIBB", width, height, 8, colour)
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + header + b"\0" * 7 + b"IDAT"


def test_a_wrong_image_is_seen(tmp_path: Path) -> None:
    for name, content, fault in (
        ("icon.png", image(255, 255), "icon.png is 255x255"),
        ("logo.png", image(300, 100), "logo.png is 300x100"),
        ("logo.png", image(200, 256), "logo.png is 200x256"),
        ("logo@2x.png", image(700, 512), "not twice"),
        ("icon@2x.png", image(512, 512, colour=2), "no transparency"),
        ("favicon.png", image(512, 512), "not served"),
    ):
        shutil.copytree(PACKAGE / "brand", tmp_path / "brand", dirs_exist_ok=True)
        (tmp_path / "brand" / name).write_bytes(content)
        assert any(fault in line for line in brand_faults(tmp_path)), fault
