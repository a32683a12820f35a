"""What hassfest, the HACS action and a reader would refuse, found here first."""

from collections.abc import Callable, Iterable
from importlib import metadata
import json
from pathlib import Path
import tomllib
from typing import Any

from awesomeversion import AwesomeVersion
from homeassistant.const import __version__ as ha_version
from homeassistant.core import HomeAssistant
from homeassistant.loader import async_get_integration
from homeassistant.setup import async_setup_component
import pytest

from .package.asked import untranslated_faults, unused_faults
from .package.described import described, description_faults, icon_faults
from .package.manifest import dependency_faults, hacs_faults, manifest_faults
from .package.quality import quality_faults
from .package.reading import DOMAIN, PACKAGE, ROOT, flat, read_json, read_text
from .package.repository import brand_faults, code_faults, host_faults
from .package.sample import image, write_sample
from .package.texts import translation_faults

type Check = Callable[[Path], Iterable[str]]


def assert_clean(faults: Iterable[str]) -> None:
    assert not (found := list(faults)), "\n".join(found)


def test_manifest() -> None:
    """hassfest and HACS: the keys, their order, and values that Home Assistant knows."""
    assert_clean(manifest_faults(PACKAGE))


def test_dependencies() -> None:
    """hassfest: dependencies exist, and what is imported from other integrations is named."""
    assert_clean(dependency_faults(PACKAGE))


@pytest.mark.usefixtures("enable_custom_integrations")
async def test_home_assistant_loads_it(hass: HomeAssistant) -> None:
    """Home Assistant's own loader takes the manifest and its version, and finds what stands beside it."""
    integration = await async_get_integration(hass, DOMAIN)
    assert Path(integration.file_path) == PACKAGE
    assert not integration.is_built_in
    assert integration.version is not None
    assert integration.has_branding and integration.has_services and integration.has_translations


def test_versions_agree() -> None:
    """A release is tagged with the manifest's version; pyproject.toml says the same."""
    project = tomllib.loads(read_text(ROOT / "pyproject.toml"))["project"]
    assert read_json(PACKAGE / "manifest.json")["version"] == project["version"]


def test_hacs() -> None:
    """The HACS action: hacs.json, license, one integration, and a README that says the oldest version."""
    assert_clean(hacs_faults(ROOT))


def test_oldest_home_assistant() -> None:
    """hacs.json promises the version that scripts/test oldest runs on, not one that nobody tries."""
    promised = AwesomeVersion(read_json(ROOT / "hacs.json")["homeassistant"])
    plugin = "pytest-homeassistant-custom-component"
    assert promised <= AwesomeVersion(ha_version)
    ours = f"{plugin}=={metadata.version(plugin)}"
    if ours in read_text(ROOT / "requirements_test_oldest.txt").splitlines():
        assert str(promised).split(".")[:2] == ha_version.split(".")[:2]


def test_translations() -> None:
    """hassfest, for every language: the shape, no HTML, no URLs, and the same keys and placeholders as English."""
    assert_clean(translation_faults(PACKAGE))


def test_nothing_untranslated() -> None:
    """Nobody reads a bare key: what the code names is in en.json, with its placeholders filled."""
    assert_clean(untranslated_faults(PACKAGE))


def test_nothing_unused() -> None:
    """Nobody translates what is never shown."""
    assert_clean(unused_faults(PACKAGE))


@pytest.mark.parametrize("kind", ["services", "triggers"])
def test_descriptions(kind: str) -> None:
    """hassfest: services.yaml and triggers.yaml fit their schema, and each of their parts has its texts."""
    assert_clean(description_faults(PACKAGE, kind))


@pytest.mark.usefixtures("enable_custom_integrations")
async def test_actions_are_described(hass: HomeAssistant) -> None:
    """Every action is there without an account, and each one is in services.yaml."""
    assert await async_setup_component(hass, DOMAIN, {})
    assert hass.services.async_services_for_domain(DOMAIN).keys() == described(PACKAGE, "services").keys()


@pytest.mark.usefixtures("enable_custom_integrations")
async def test_triggers_are_described(hass: HomeAssistant) -> None:
    """Every trigger of trigger.py is in triggers.yaml, and the other way round."""
    wanted = described(PACKAGE, "triggers").keys()
    if not wanted:
        return
    platform: Any = await (await async_get_integration(hass, DOMAIN)).async_get_platform("trigger")
    assert (await platform.async_get_triggers(hass)).keys() == wanted


def test_icons() -> None:
    """hassfest: every action, trigger and entity has an icon of Material Design's, and none is left over."""
    assert_clean(icon_faults(PACKAGE))


def test_icons_exist() -> None:
    """A misspelt icon is an empty space; Home Assistant's frontend knows them all."""
    frontend = pytest.importorskip("hass_frontend", reason="the frontend is not installed")
    names = {
        f"mdi:{icon['name']}"
        for icon in json.loads((frontend.where() / "static/mdi/iconList.json").read_text())
    }
    assert not set(flat(read_json(PACKAGE / "icons.json")).values()) - names


def test_quality_scale() -> None:
    """quality_scale.yaml lists every rule, says why where one is exempt, and bears what the manifest claims."""
    assert_clean(quality_faults(PACKAGE))


def test_brand() -> None:
    """The images are those that Home Assistant serves, in the sizes that its brands have."""
    assert_clean(brand_faults(PACKAGE))


def test_code() -> None:
    """No helper that is deprecated or private, no room that has grown into two."""
    assert_clean(code_faults(PACKAGE))


def test_hosts() -> None:
    """Nothing in the repository sends anybody to a host that the project does not need."""
    assert_clean(host_faults(ROOT))


# The checks see a fault


def service_faults(package: Path) -> Iterable[str]:
    return description_faults(package, "services")


def hacs_faults_around(package: Path) -> Iterable[str]:
    return hacs_faults(package.parents[1])


def host_faults_around(package: Path) -> Iterable[str]:
    return host_faults(package.parents[1])


CHECKS: list[Check] = [
    manifest_faults, dependency_faults, hacs_faults_around, translation_faults, untranslated_faults, unused_faults,
    service_faults, icon_faults, quality_faults, brand_faults, code_faults, host_faults_around,
]  # fmt: skip


@pytest.fixture(name="sample")
def sample_fixture(tmp_path: Path) -> Path:
    return write_sample(tmp_path)


@pytest.mark.parametrize("check", CHECKS)
def test_a_clean_package_is_clean(sample: Path, check: Check) -> None:
    """The checks refuse nothing that is right."""
    assert_clean(check(sample))
    assert_clean(description_faults(sample, "triggers"))


# What to look with, in which file, what to put in place of what, and a word of the fault.
SPOILT: list[tuple[Check, str, str, str, str]] = [
    (manifest_faults, "manifest.json", '"iot_class": "cloud_push", ', "", "iot_class"),
    (manifest_faults, "manifest.json", "cloud_push", "cloud_pull", "iot_class"),
    (manifest_faults, "manifest.json", '"service"', '"cloud"', "integration_type"),
    (manifest_faults, "manifest.json", "==9.0.0", ">=9.0.0", "requirements"),
    (manifest_faults, "manifest.json", "/issues", "/bugs", "issue_tracker"),
    (manifest_faults, "manifest.json", "@somebody", "somebody", "codeowners"),
    (manifest_faults, "manifest.json", '"name": "Sample"', '"sort": 1, "name": "Sample"', "order"),
    (manifest_faults, "manifest.json", '"domain": "sms', '"domain": "mms', "domain is not"),
    (dependency_faults, "manifest.json", '"cloud"]', '"clowd"]', "clowd"),
    (dependency_faults, "manifest.json", '["cloud"]', "[]", "imports homeassistant.components.cloud"),
    (hacs_faults_around, "../../hacs.json", '"zip_release": true', '"zip_release": false', "hacs.json"),
    (hacs_faults_around, "../../hacs.json", '"name": "Sample"', '"name": "Sample", "render": true', "render"),
    (hacs_faults_around, "../../hacs.json", "2026.8.0", "2026.9.0", "README.md does not say"),
    (translation_faults, "translations/hu.json", '"no_key": "No key"', "", "config.error.no_key is missing"),
    (translation_faults, "translations/hu.json", '"Too late"', '"Late", "x": "y"', "exceptions.timed_out.x"),
    (translation_faults, "translations/hu.json", "{count}", "{number}", "other placeholders"),
    (translation_faults, "translations/hu.json", "{count}", "{count", "hu.json"),
    (translation_faults, "translations/hu.json", '"Last"', '"Last "', "spaces"),
    (translation_faults, "translations/en.json", '"Last"', '"<b>Last</b>"', "HTML"),
    (translation_faults, "translations/en.json", "See {url}", "See https://x.example", "URL"),
    (translation_faults, "translations/en.json", '"No key"', '"[%key:common::x%]"', "another key"),
    (translation_faults, "translations/en.json", '"message": "Too late"', '"text": "Too late"', "message"),
    (translation_faults, "translations/en.json", '"data_description": {"key"', '"data_description": {"k"', "k"),
    (untranslated_faults, "translations/en.json", '"limit"', '"limits"', "exceptions.limit is used"),
    (untranslated_faults, "translations/en.json", "{count}", "{number}", "not given {number}"),
    (untranslated_faults, "translations/en.json", '"bad_number"', '"bad"', "exceptions.bad_number"),
    (untranslated_faults, "translations/en.json", '"timed_out"', '"late"', "exceptions.timed_out"),
    (untranslated_faults, "translations/en.json", '"expired"', '"ended"', "issues.expired"),
    (untranslated_faults, "translations/en.json", '"no_key"', '"no_keys"', "config.error.no_key"),
    (untranslated_faults, "translations/en.json", '"too_many"', '"many"', "config.abort.too_many"),
    (untranslated_faults, "config_flow.py", 'step_id="user"', 'step_id="more"', "config.step.more"),
    (untranslated_faults, "sensor.py", '"battery"', '"charge"', "entity.sensor.charge"),
    (untranslated_faults, "sensor.py", "_attr_name", "_x", "entity.sensor.main"),
    (unused_faults, "actions.py", 'refuse("bad_number")', "refuse()", "exceptions.bad_number"),
    (unused_faults, "config_flow.py", '"no_key"', '"other"', "config.error.no_key"),
    (unused_faults, "sensor.py", '"last"', '"final"', "entity.sensor.last is in en.json and never used"),
    (service_faults, "services.yaml", "select:", "selection:", "services.yaml"),
    (service_faults, "services.yaml", "[sms]", "[sms, whatsapp]", "options: whatsapp is not"),
    (service_faults, "translations/en.json", '{"sms": "SMS"}', '{"sms": "SMS", "fax": "Fax"}', "options: fax is in"),
    (service_faults, "services.yaml", "        channel:", "        way:", "fields: way is not in en.json"),
    (service_faults, "translations/en.json", '"fields": {"channel"', '"fields": {"way"', "way is in en.json only"),
    (icon_faults, "icons.json", "mdi:send", "hass:send", "icons.json"),
    (icon_faults, "icons.json", '"last"', '"latest"', "entity.sensor.last has no icon"),
    (icon_faults, "icons.json", '"on"', '"off"', "no state off"),
    (icon_faults, "icons.json", '"received"', '"recieved"', "triggers.received has no icon"),
    (icon_faults, "sensor.py", "_attr_name", "_x", "icon for entity.sensor.main"),
    (icon_faults, "sensor.py", "_attr_device_class", "_x", "entity.sensor.battery has no icon"),
    (quality_faults, "quality_scale.yaml", '"brands": "done"', '"brand": "done"', "brand"),
    (quality_faults, "quality_scale.yaml", '"There is nothing to discover."', '""', "discovery"),
    (quality_faults, "quality_scale.yaml", '"brands": "done"', '"brands": "todo"', "brands is to be done"),
    (code_faults, "sensor.py", "LAST =", "A = DeviceInfo(via_device=1)\nLAST =", "via_device"),
    (code_faults, "sensor.py", "LAST =", "dr.async_get_device(1)\nLAST =", "async_get_device"),
    (code_faults, "sensor.py", "LAST =", "#\n" * 350 + "LAST =", "two rooms"),
    (code_faults, "sensor.py", "LAST =", "from homeassistant.core import _x\nLAST =", "private"),
    (code_faults, "sensor.py", "LAST =", "LAST = =", "invalid syntax"),
    (code_faults, "__init__.py", "CONFIG_SCHEMA", "X", "CONFIG_SCHEMA"),
    (host_faults_around, "sensor.py", "LAST =", "# https:" + "//elsewhere.net/x\nLAST =", "elsewhere.net"),
    (host_faults_around, "../../README.md", "http://localhost", "http:" + "//notsmsmobileapi.com", "notsms"),
]  # fmt: skip


@pytest.mark.parametrize("spoilt", SPOILT, ids=lambda spoilt: f"{spoilt[1]}: {spoilt[4]}")
def test_a_fault_is_seen(sample: Path, spoilt: tuple[Check, str, str, str, str]) -> None:
    """A check that can't fail holds nothing."""
    check, file, before, after, fault = spoilt
    text = (sample / file).read_text()
    assert before in text
    (sample / file).write_text(text.replace(before, after))
    assert any(fault in line for line in check(sample))


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("icon.png", image(255, 255), "icon.png is 255x255"),
        ("logo.png", image(300, 100), "logo.png is 300x100"),
        ("logo.png", image(200, 256), "logo.png is 200x256"),
        ("logo@2x.png", image(700, 512), "not twice"),
        ("icon@2x.png", image(512, 512, colour=2), "no transparency"),
        ("favicon.png", image(512, 512), "not served"),
    ],
)
def test_a_wrong_image_is_seen(sample: Path, name: str, content: bytes, fault: str) -> None:
    """So does one that looks at images."""
    (sample / "brand" / name).write_bytes(content)
    assert any(fault in line for line in brand_faults(sample))


@pytest.mark.parametrize(
    ("check", "file"),
    [
        (manifest_faults, "manifest.json"), (hacs_faults_around, "../../hacs.json"), (icon_faults, "icons.json"),
        (translation_faults, "translations/en.json"), (service_faults, "services.yaml"),
        (quality_faults, "quality_scale.yaml"), (hacs_faults_around, "../../README.md"),
    ],
)  # fmt: skip
def test_a_missing_file_is_named(sample: Path, check: Check, file: str) -> None:
    """The message says which file is not there."""
    (sample / file).unlink()
    with pytest.raises(pytest.fail.Exception, match=rf"{Path(file).name} is missing"):
        list(check(sample))


def test_a_doubled_key_is_seen(tmp_path: Path) -> None:
    """A key that stands there twice would silently lose one of its texts."""
    (tmp_path / "en.json").write_text('{"a": "1", "a": "2"}')
    with pytest.raises(pytest.fail.Exception, match="twice"):
        read_json(tmp_path / "en.json")
