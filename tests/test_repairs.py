"""Repairs: what the user has to know is said once, with a dialog that helps, and gone when it is over."""

from datetime import timedelta
from http import HTTPStatus
import time
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.issue_registry import IssueEntry, IssueSeverity
from homeassistant.helpers.translation import async_get_translations
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DASHBOARD_URL, DOMAIN
from custom_components.smsmobileapi.repairs import Issue
from simulator import Account, Simulator

from .conftest import EXTERNAL_URL, KEY, add_account, add_contact, settle
from .flows.dialogs import begin_change, finish
from .inbound.service import SECRET, event, post, set_secret, signed, sms

ANNA = "+36301234567"
NO_ADDRESS: dict[str, Any] = {"external_url": None, "internal_url": "http://192.168.1.2:8123"}

type Client = TestClient[Any, Any]


@pytest.fixture
def path(account: SmsMobileApiConfigEntry) -> str:
    return f"/api/smsmobileapi/{account.data['webhook_id']}"


@pytest.fixture
async def client(
    hass_client_no_auth: ClientSessionGenerator,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    path: str,
) -> Client:
    """The service."""
    service: Client = await hass_client_no_auth()
    service_account.webhook_url = str(service.make_url(path))
    return service


def issues(home: HomeAssistant) -> dict[str, IssueEntry]:
    """Return our issues by what they say."""
    return {
        issue.translation_key: issue
        for (domain, _), issue in ir.async_get(home).issues.items()
        if domain == DOMAIN and issue.active and issue.translation_key
    }


async def fix(client: Client, issue: IssueEntry, *answers: dict[str, Any]) -> dict[str, Any]:
    """Go through the issue's dialog as the user's browser does; return the last step."""
    answer = await client.post(
        "/api/repairs/issues/fix", json={"handler": issue.domain, "issue_id": issue.issue_id}
    )
    assert answer.status == HTTPStatus.OK, await answer.text()
    step: dict[str, Any] = await answer.json()
    for given in answers:
        answer = await client.post(f"/api/repairs/issues/fix/{step['flow_id']}", json=given)
        assert answer.status == HTTPStatus.OK, await answer.text()
        step = await answer.json()
    return step


async def assert_translated(home: HomeAssistant, key: str, step: dict[str, Any]) -> None:
    """Check that the step of a dialog has its texts, filled in."""
    texts = await async_get_translations(home, "en", "issues", {DOMAIN})
    where = f"component.{DOMAIN}.issues.{key}.fix_flow"
    given = step["description_placeholders"]
    if step["type"] == "abort":
        assert texts[f"{where}.abort.{step['reason']}"].format(**given)
        return
    assert texts[f"{where}.step.{step['step_id']}.title"].format(**given)
    assert texts[f"{where}.step.{step['step_id']}.description"].format(**given)
    for field in step["data_schema"]:
        assert texts[f"{where}.step.{step['step_id']}.data.{field['name']}"]


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(home)
    await settle(home)


# Signatures


@pytest.mark.parametrize("how", ["removed", "changed", "changed beside the address"])
async def test_an_unsigned_text_is_said_once_until_the_secret_is_another(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client, path: str, how: str
) -> None:
    body = event("sms.received", sms())
    assert await post(client, path, body, {}) == HTTPStatus.ACCEPTED
    assert issues(home) == {}
    await set_secret(home, account, SECRET)
    # A wrong signature is no reason: anybody can make one up.
    assert await post(client, path, body, signed(body, "wrong")) == HTTPStatus.UNAUTHORIZED
    assert issues(home) == {}
    for _ in range(3):
        assert await post(client, path, body, {}) == HTTPStatus.UNAUTHORIZED
    assert issues(home).keys() == {"unsigned"}
    assert not issues(home)["unsigned"].is_fixable
    match how:
        case "removed":
            await set_secret(home, account, "")
        case "changed":
            await set_secret(home, account, "another")
        case _:
            flow = await begin_change(home, account, "address")
            await finish(home, flow, "reconfigure_successful", signing_secret="another")
    assert issues(home) == {}


async def test_a_signature_that_nothing_checks_is_said_and_put_right(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    client: Client,
    path: str,
    hass_client: ClientSessionGenerator,
    received: list[Event[dict[str, Any]]],
) -> None:
    one, two, three = (event("sms.received", sms(text, text), text) for text in ("one", "two", "three"))
    assert await post(client, path, b"garbage") == HTTPStatus.BAD_REQUEST
    assert issues(home) == {}
    assert await post(client, path, one) == HTTPStatus.ACCEPTED
    assert issues(home).keys() == {"secret_missing"}
    issue, user = issues(home)["secret_missing"], await hass_client()
    asked = {"handler": DOMAIN, "issue_id": issue.issue_id}
    assert (await client.post("/api/repairs/issues/fix", json=asked)).status == HTTPStatus.UNAUTHORIZED
    step = await fix(user, issue)
    assert step["type"] == "form"
    await assert_translated(home, "secret_missing", step)
    assert step["description_placeholders"] == {"account": account.title, "dashboard_url": DASHBOARD_URL}
    # An empty secret puts nothing right.
    options = dict(account.options)
    step = await fix(user, issue, {"signing_secret": "   "})
    assert (step["type"], step["errors"]) == ("form", {"signing_secret": "secret_empty"})
    assert (dict(account.options), issues(home).keys()) == (options, {"secret_missing"})

    step = await fix(user, issue, {"signing_secret": f" {SECRET}\n"})
    assert step["type"] == "create_entry"
    assert SECRET not in str(step)
    await settle(home)
    assert dict(account.options) == options | {"signing_secret": SECRET}
    assert issues(home) == {}
    assert await post(client, path, two, {}) == HTTPStatus.UNAUTHORIZED
    assert await post(client, path, three) == HTTPStatus.ACCEPTED
    assert [fired.data["message"] for fired in received] == ["one", "three"]


async def test_each_account_has_its_own_issue(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    client: Client,
    path: str,
    simulator: Simulator,
    hass_client: ClientSessionGenerator,
) -> None:
    simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    for webhook_path in (path, f"/api/smsmobileapi/{other.data['webhook_id']}"):
        await post(client, webhook_path, event("sms.received", sms()))
    ours = [issue for (domain, _), issue in ir.async_get(home).issues.items() if domain == DOMAIN]
    assert len(ours) == 2
    theirs = next(issue for issue in ours if issue.data == {"entry_id": other.entry_id})
    await fix(await hass_client(), theirs, {"signing_secret": SECRET})
    await settle(home)
    assert other.options["signing_secret"] == SECRET
    assert "signing_secret" not in account.options
    assert issues(home)["secret_missing"].data == {"entry_id": account.entry_id}


# Whether the webhook brings what it should


async def miss(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    times: int = 1,
) -> None:
    """Receive texts that only the poll brings."""
    for _ in range(times):
        service_account.receive(number=ANNA, message=f"missed {time.time()}")
        await pass_time(home, freezer, seconds=5)
        await poll(home, account)
        await pass_time(home, freezer, minutes=3)


async def test_three_misses_in_a_day_are_said_and_the_address_is_shown(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    client: Client,
    path: str,
    simulator: Simulator,
    service_account: Account,
    hass_client: ClientSessionGenerator,
) -> None:
    await simulator.deliver(service_account, service_account.receive(number=ANNA, message="by webhook"))
    await miss(home, freezer, account, service_account, 2)
    assert issues(home) == {}
    await miss(home, freezer, account, service_account)
    assert issues(home).keys() == {"webhook_misses"}
    issue = issues(home)["webhook_misses"]
    # The address is a secret: the dialog shows it, the list of issues does not.
    assert account.data["webhook_id"] not in str(issue)
    user = await hass_client()
    step = await fix(user, issue)
    assert step["type"] == "form"
    await assert_translated(home, "webhook_misses", step)
    assert step["description_placeholders"]["webhook_url"] == EXTERNAL_URL + path
    await fix(user, issue, {})
    assert issues(home) == {}


async def test_an_issue_that_outlived_its_loaded_account_can_be_opened(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    client: Client,
    path: str,
    service_account: Account,
    hass_client: ClientSessionGenerator,
) -> None:
    """One that is ignored stays when the account is unloaded, and can still be opened."""
    await miss(home, freezer, account, service_account, 3)
    await post(client, path, event("sms.received", sms()))
    for key in ("webhook_misses", "secret_missing"):
        ignore(home, key)
    await home.config_entries.async_unload(account.entry_id)
    user = await hass_client()
    step = await fix(user, issues(home)["webhook_misses"])
    assert (step["type"], step["reason"]) == ("abort", "not_loaded")
    await assert_translated(home, "webhook_misses", step)
    assert "webhook_misses" in issues(home)
    step = await fix(user, issues(home)["secret_missing"], {"signing_secret": SECRET})
    assert step["type"] == "create_entry"
    assert account.options["signing_secret"] == SECRET
    assert issues(home).keys() == {"webhook_misses"}
    await settle(home)


async def test_the_issue_goes_when_the_webhook_works_again(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    client: Client,
    simulator: Simulator,
    service_account: Account,
) -> None:
    async def bring(text: str) -> None:
        row = service_account.receive(number=ANNA, message=text)
        assert await simulator.deliver(service_account, row) == HTTPStatus.OK

    # Two misses a day are not said.
    for _ in range(2):
        await miss(home, freezer, account, service_account, 2)
        assert account.runtime_data.webhook.health.misses_today == 2
        await pass_time(home, freezer, hours=24)
    assert issues(home) == {}
    # A webhook that brings every second text does not work.
    for index in range(3):
        await bring(f"brought {index}")
        await miss(home, freezer, account, service_account)
    for index in range(3):
        assert issues(home).keys() == {"webhook_misses"}
        await bring(f"back {index}")
    assert issues(home) == {}
    await miss(home, freezer, account, service_account, 2)
    assert issues(home) == {}


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_webhook_that_is_on_its_way_is_no_miss(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    client: Client,
    path: str,
    simulator: Simulator,
    service_account: Account,
    version: str,
) -> None:
    for index in range(4):
        row = service_account.receive(number=ANNA, message=f"{index}")
        await pass_time(home, freezer, seconds=5)
        await poll(home, account)
        await pass_time(home, freezer, seconds=60)
        if version == "v1":
            await simulator.deliver(service_account, row)
        else:
            await post(client, path, event("sms.received", sms(f"{index}", row.guid), f"{index}"))
        await pass_time(home, freezer, minutes=5)
    assert account.runtime_data.webhook.health.misses_today == 0
    assert "webhook_misses" not in issues(home)


async def test_what_the_webhook_could_not_bring_is_no_miss(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: list[Event[dict[str, Any]]],
) -> None:
    """While Home Assistant was down, or had no address."""
    assert await home.config_entries.async_unload(account.entry_id)
    for index in range(4):
        service_account.receive(number=ANNA, message=f"{index}")
    await pass_time(home, freezer, minutes=10)
    assert await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    await pass_time(home, freezer, minutes=5)
    assert len(received) == 4
    assert issues(home) == {}
    await home.config.async_update(**NO_ADDRESS)
    await settle(home)
    await miss(home, freezer, account, service_account, 4)
    assert issues(home).keys() == {"no_address"}


# Whether there is an address


async def test_no_address_is_said_and_goes_by_itself(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, cloud_address: Any
) -> None:
    assert issues(home) == {}
    for address in ("https://new.example.net", None):
        await home.config.async_update(**NO_ADDRESS)
        await settle(home)
        assert issues(home).keys() == {"no_address"}
        assert not issues(home)["no_address"].is_fixable
        if address:
            await home.config.async_update(external_url=address)
            await settle(home)
        else:
            home.config.components.add("cloud")
            with cloud_address:
                await home.config_entries.async_reload(account.entry_id)
                await settle(home)
        assert issues(home) == {}


@pytest.fixture
def cloud_address() -> Any:
    """Home Assistant Cloud with an active subscription, while it is entered."""
    return patch.multiple(
        "homeassistant.components.cloud",
        async_active_subscription=lambda hass: True,
        async_get_or_create_cloudhook=cloudhook,
    )


async def cloudhook(hass: HomeAssistant, webhook_id: str) -> str:
    return "https://hooks.example.net/abc"


def ignore(home: HomeAssistant, key: str) -> None:
    ir.async_ignore_issue(home, DOMAIN, issues(home)[key].issue_id, True)


async def test_what_the_user_ignores_is_not_said_again(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    await home.config.async_update(**NO_ADDRESS)
    await settle(home)
    ignore(home, "no_address")
    await home.config.async_update(latitude=1, **NO_ADDRESS)
    await add_contact(home, account, "Anna", ANNA)
    await set_secret(home, account, "")
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert issues(home)["no_address"].dismissed_version


# Faults of the storage


async def test_a_file_that_was_kept_aside_is_said_until_the_user_has_read_it(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    account.runtime_data.issues.create(Issue.STORAGE_KEPT_ASIDE)
    # Also when Home Assistant is started again: it is not found out a second time.
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    issue = issues(home)["storage_kept_aside"]
    assert issue.is_persistent
    user = await hass_client()
    step = await fix(user, issue)
    assert step["type"] == "form"
    await assert_translated(home, "storage_kept_aside", step)
    await fix(user, issue, {})
    assert issues(home) == {}
    account.runtime_data.issues.create(Issue.STORAGE_KEPT_ASIDE)
    await home.config_entries.async_remove(account.entry_id)
    assert issues(home) == {}


async def test_a_disk_that_cannot_be_written_is_an_error_that_goes_by_itself(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    account.runtime_data.issues.create(Issue.STORAGE_NOT_WRITTEN)
    issue = issues(home)["storage_not_written"]
    assert (issue.is_fixable, issue.is_persistent, issue.severity) == (False, False, IssueSeverity.ERROR)
    account.runtime_data.issues.clear(Issue.STORAGE_NOT_WRITTEN)
    assert issues(home) == {}


# Gone with the account


@pytest.mark.parametrize("how", ["unloaded", "disabled", "removed"])
async def test_no_issue_outlives_its_account_and_none_holds_a_secret(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    client: Client,
    path: str,
    service_account: Account,
    how: str,
) -> None:
    await post(client, path, event("sms.received", sms("the secret text")))
    await miss(home, freezer, account, service_account, 3)
    await home.config.async_update(**NO_ADDRESS)
    await settle(home)
    service_account.state = "expired"
    await poll(home, account)
    account.runtime_data.issues.create(Issue.STORAGE_NOT_WRITTEN)
    found = issues(home)
    assert found.keys() == {
        "secret_missing",
        "webhook_misses",
        "no_address",
        "storage_not_written",
        "subscription_expired",
    }
    translations = await async_get_translations(home, "en", "issues", {DOMAIN})
    for key, issue in found.items():
        placeholders = issue.translation_placeholders or {}
        assert translations[f"component.{DOMAIN}.issues.{key}.title"].format(**placeholders)
        if not issue.is_fixable:
            assert translations[f"component.{DOMAIN}.issues.{key}.description"].format(**placeholders)
        for unsaid in (KEY, account.data["webhook_id"], ANNA, "the secret text"):
            assert unsaid not in str(issue)
    match how:
        case "unloaded":
            await home.config_entries.async_unload(account.entry_id)
        case "disabled":
            await home.config_entries.async_set_disabled_by(account.entry_id, ConfigEntryDisabler.USER)
        case "removed":
            await home.config_entries.async_remove(account.entry_id)
    await settle(home)
    assert issues(home) == {}


async def test_names_of_contacts_that_are_not_clear_are_said_until_they_are(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    """Home Assistant's menu renames a contact, or its device, to anything."""
    anna = await add_contact(home, account, "Anna", ANNA)
    bela = await add_contact(home, account, "Béla", "+36207654321")
    device = dr.async_get(home).async_get_device_by_identifier((DOMAIN, bela), account.entry_id)
    assert device

    async def said(title: str = "Béla", device_name: str | None = None) -> str | None:
        home.config_entries.async_update_subentry(account, account.subentries[bela], title=title)
        dr.async_get(home).async_update_device(device.id, name_by_user=device_name)
        await settle(home)
        issue = issues(home).get(Issue.UNCLEAR_NAMES)
        return (issue.translation_placeholders or {})["contacts"] if issue else None

    both = "Anna (+36…67), {} (+36…21)"
    for title, device_name, expected in (
        ("anna ", None, both.format("anna")),
        ("Béla", "ANNA", both.format("Béla")),
        ("Béla", "Dad", None),
        ("", None, "(+36…21)"),
        ("\N{ZERO WIDTH SPACE}", None, "(+36…21)"),
        ("06 30 123 4567", None, "06 …67 (+36…21)"),
        ("1770", None, "1…0 (+36…21)"),
        ("06 20 765 4321", None, None),
        ("Béla", "+36701234567", "Béla (+36…21)"),
        ("Béla", None, None),
    ):
        assert await said(title, device_name) == expected, (title, device_name)
    # It is there again after a restart, follows the country, and ends with the contact.
    assert await said("020 1234 5678") is None
    await home.config.async_update(country="GB")
    await settle(home)
    assert Issue.UNCLEAR_NAMES in issues(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert Issue.UNCLEAR_NAMES in issues(home)
    home.config_entries.async_remove_subentry(account, bela)
    await settle(home)
    assert Issue.UNCLEAR_NAMES not in issues(home)
    assert anna in account.subentries


async def test_a_subscription_that_has_ended_is_said_until_it_is_renewed(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.state = "expired"
    await poll(home, account)
    assert issues(home).keys() == {"subscription_expired"}
    service_account.state = "good"
    await poll(home, account)
    assert issues(home) == {}
    # Also where the account can't be set up, until it is removed.
    service_account.state = "expired"
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert issues(home).keys() == {"subscription_expired"}
    await home.config_entries.async_remove(account.entry_id)
    await settle(home)
    assert issues(home) == {}
