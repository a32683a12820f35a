"""Repairs: what the user can put right is said once, with a dialog that helps, and gone when it is right."""

from datetime import timedelta
from http import HTTPStatus
import time
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.issue_registry import IssueEntry
from homeassistant.helpers.translation import async_get_translations
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DASHBOARD_URL, DOMAIN
from simulator import Account, Simulator

from .conftest import EXTERNAL_URL, KEY, add_account, add_contact, settle
from .inbound.service import SECRET, event, post, set_secret, signed, sms

ANNA = "+36301234567"
NO_ADDRESS: dict[str, Any] = {"external_url": None, "internal_url": "http://192.168.1.2:8123"}

type Client = TestClient[Any, Any]


@pytest.fixture
def path(account: SmsMobileApiConfigEntry) -> str:
    return f"/api/webhook/{account.data['webhook_id']}"


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


def issue_of(home: HomeAssistant, key: str) -> IssueEntry:
    return issues(home)[key]


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


async def is_translated(home: HomeAssistant, key: str, step: dict[str, Any]) -> None:
    """Check that the dialog has words."""
    translations = await async_get_translations(home, "en", "issues", {DOMAIN})
    where = f"component.{DOMAIN}.issues.{key}.fix_flow.step.{step['step_id']}"
    assert translations[f"{where}.title"].format(**step["description_placeholders"])
    assert translations[f"{where}.description"].format(**step["description_placeholders"])
    for field in step["data_schema"]:
        assert translations[f"{where}.data.{field['name']}"]


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(home)
    await settle(home)


# Who calls.


async def test_an_unsigned_text_is_said_once(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client, path: str
) -> None:
    body = event("sms.received", sms())
    assert await post(client, path, body, {}) == HTTPStatus.ACCEPTED
    assert issues(home) == {}
    await set_secret(home, account, SECRET)
    for _ in range(3):
        assert await post(client, path, body, {}) == HTTPStatus.UNAUTHORIZED
    assert issues(home).keys() == {"unsigned"}
    issue = issue_of(home, "unsigned")
    assert not issue.is_fixable
    assert issue.translation_placeholders
    assert issue.translation_placeholders["account"] == account.title
    await set_secret(home, account, "")
    assert issues(home) == {}


async def test_a_wrong_signature_is_no_reason_to_ask_the_user(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client, path: str
) -> None:
    """Anybody can make one up."""
    await set_secret(home, account, SECRET)
    body = event("sms.received", sms())
    assert await post(client, path, body, signed(body, "wrong")) == HTTPStatus.UNAUTHORIZED
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
    assert await post(client, path, one) == HTTPStatus.ACCEPTED
    assert issues(home).keys() == {"secret_missing"}
    user = await hass_client()
    step = await fix(user, issue_of(home, "secret_missing"))
    assert step["type"] == "form"
    await is_translated(home, "secret_missing", step)
    assert step["description_placeholders"] == {"account": account.title, "dashboard_url": DASHBOARD_URL}
    assert [field["name"] for field in step["data_schema"]] == ["signing_secret"]
    options = dict(account.options)
    step = await fix(user, issue_of(home, "secret_missing"), {"signing_secret": f" {SECRET}\n"})
    assert step["type"] == "create_entry"
    assert SECRET not in str(step)
    await settle(home)
    assert dict(account.options) == options | {"signing_secret": SECRET}
    assert issues(home) == {}
    assert await post(client, path, two, {}) == HTTPStatus.UNAUTHORIZED
    assert await post(client, path, three) == HTTPStatus.ACCEPTED
    assert [fired.data["message"] for fired in received] == ["one", "three"]


async def test_an_empty_secret_puts_nothing_right(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    client: Client,
    path: str,
    hass_client: ClientSessionGenerator,
) -> None:
    await post(client, path, event("sms.received", sms()))
    step = await fix(await hass_client(), issue_of(home, "secret_missing"), {"signing_secret": "   "})
    await settle(home)
    assert step["type"] == "form"
    assert "secret_missing" in issues(home)
    assert not account.options.get("signing_secret")


async def test_who_is_not_signed_in_can_put_nothing_right(
    home: HomeAssistant, client: Client, path: str
) -> None:
    await post(client, path, event("sms.received", sms()))
    issue = issue_of(home, "secret_missing")
    answer = await client.post(
        "/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue.issue_id}
    )
    assert answer.status == HTTPStatus.UNAUTHORIZED


async def test_what_is_no_event_is_no_reason_for_an_issue(
    home: HomeAssistant, client: Client, path: str
) -> None:
    assert await post(client, path, b"garbage") == HTTPStatus.BAD_REQUEST
    assert issues(home) == {}


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
    body = event("sms.received", sms())
    for webhook_path in (path, f"/api/webhook/{other.data['webhook_id']}"):
        await post(client, webhook_path, body)
    ours = [issue for (domain, _), issue in ir.async_get(home).issues.items() if domain == DOMAIN]
    assert len(ours) == 2
    theirs = next(issue for issue in ours if issue.data == {"entry_id": other.entry_id})
    await fix(await hass_client(), theirs, {"signing_secret": SECRET})
    await settle(home)
    assert other.options["signing_secret"] == SECRET
    assert "signing_secret" not in account.options
    assert issue_of(home, "secret_missing").data == {"entry_id": account.entry_id}


# Whether the webhook brings what it should.


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


async def test_what_the_webhook_misses_is_fired_at_once(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    client: Client,
    simulator: Simulator,
    service_account: Account,
    received: list[Event[dict[str, Any]]],
) -> None:
    await simulator.deliver(service_account, service_account.receive(number=ANNA, message="by webhook"))
    service_account.receive(number=ANNA, message="by poll")
    await poll(home, account)
    assert [(fired.data["message"], fired.data["source"]) for fired in received] == [
        ("by webhook", "webhook"),
        ("by poll", "poll"),
    ]


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
    issue = issue_of(home, "webhook_misses")
    assert issue.is_fixable
    # The address is a secret: the dialog shows it, the list of issues does not.
    assert account.data["webhook_id"] not in str(issue)
    user = await hass_client()
    step = await fix(user, issue)
    assert step["type"] == "form"
    await is_translated(home, "webhook_misses", step)
    assert step["description_placeholders"]["webhook_url"] == EXTERNAL_URL + path
    await fix(user, issue, {})
    assert issues(home) == {}


async def test_misses_over_two_days_are_not_said(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    await miss(home, freezer, account, service_account, 2)
    await pass_time(home, freezer, hours=24)
    await miss(home, freezer, account, service_account, 2)
    assert account.runtime_data.webhook.health.misses_today == 2
    assert issues(home) == {}
    await miss(home, freezer, account, service_account)
    assert issues(home).keys() == {"webhook_misses"}


async def test_the_issue_goes_when_the_webhook_works_again(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    client: Client,
    simulator: Simulator,
    service_account: Account,
) -> None:
    await miss(home, freezer, account, service_account, 3)
    assert "webhook_misses" in issues(home)
    for index in range(3):
        # One that brings only some of the messages is not one that works.
        assert "webhook_misses" in issues(home)
        row = service_account.receive(number=ANNA, message=f"back {index}")
        assert await simulator.deliver(service_account, row) == HTTPStatus.OK
    assert issues(home) == {}
    await miss(home, freezer, account, service_account, 2)
    assert issues(home) == {}


async def test_a_webhook_that_brings_every_second_text_does_not_work(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    client: Client,
    simulator: Simulator,
    service_account: Account,
) -> None:
    for index in range(3):
        row = service_account.receive(number=ANNA, message=f"brought {index}")
        assert await simulator.deliver(service_account, row) == HTTPStatus.OK
        await miss(home, freezer, account, service_account)
    assert issues(home).keys() == {"webhook_misses"}


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


async def test_what_came_in_while_home_assistant_was_down_is_no_miss(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: list[Event[dict[str, Any]]],
) -> None:
    assert await home.config_entries.async_unload(account.entry_id)
    for index in range(4):
        service_account.receive(number=ANNA, message=f"{index}")
    await pass_time(home, freezer, minutes=10)
    assert await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    await pass_time(home, freezer, minutes=5)
    assert len(received) == 4
    assert issues(home) == {}


async def test_without_an_address_nothing_can_be_missed(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    await home.config.async_update(**NO_ADDRESS)
    await settle(home)
    await miss(home, freezer, account, service_account, 4)
    assert issues(home).keys() == {"no_address"}


# Whether there is an address.


async def test_no_address_is_said_and_goes_by_itself(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    assert issues(home) == {}
    await home.config.async_update(**NO_ADDRESS)
    await settle(home)
    assert issues(home).keys() == {"no_address"}
    assert not issue_of(home, "no_address").is_fixable
    await home.config.async_update(external_url="https://new.example.net")
    await settle(home)
    assert issues(home) == {}


async def test_home_assistant_cloud_is_an_address(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    await home.config.async_update(**NO_ADDRESS)
    await settle(home)
    assert issues(home).keys() == {"no_address"}
    with (
        patch(
            "custom_components.smsmobileapi.inbound.webhook.cloud.async_active_subscription",
            return_value=True,
        ),
        patch(
            "custom_components.smsmobileapi.inbound.webhook.cloud.async_get_or_create_cloudhook",
            return_value="https://hooks.example.net/abc",
        ),
    ):
        await home.config_entries.async_reload(account.entry_id)
        await settle(home)
    assert issues(home) == {}


async def ignore(home: HomeAssistant, hass_ws_client: WebSocketGenerator, key: str) -> None:
    """Ignore an issue as a user does."""
    client = await hass_ws_client(home)
    await client.send_json_auto_id(
        {
            "type": "repairs/ignore_issue",
            "domain": DOMAIN,
            "issue_id": issue_of(home, key).issue_id,
            "ignore": True,
        }
    )
    assert (await client.receive_json())["success"]


async def test_who_is_fine_with_a_minute_is_not_told_again(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """An account is taken up anew for every contact that is added and every option that is changed."""
    await home.config.async_update(**NO_ADDRESS)
    await settle(home)
    await ignore(home, hass_ws_client, "no_address")
    assert issue_of(home, "no_address").dismissed_version
    await home.config.async_update(latitude=1, **NO_ADDRESS)
    await settle(home)
    assert issue_of(home, "no_address").dismissed_version
    await add_contact(home, account, "Anna", ANNA)
    await set_secret(home, account, "")
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert issue_of(home, "no_address").dismissed_version


# Gone with the account.


@pytest.mark.parametrize("how", ["unloaded", "disabled", "removed"])
async def test_no_issue_outlives_its_account(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    client: Client,
    path: str,
    service_account: Account,
    how: str,
) -> None:
    await post(client, path, event("sms.received", sms()))
    await miss(home, freezer, account, service_account, 3)
    await home.config.async_update(**NO_ADDRESS)
    await settle(home)
    service_account.state = "expired"
    await poll(home, account)
    assert issues(home).keys() == {"secret_missing", "webhook_misses", "no_address", "subscription_expired"}
    match how:
        case "unloaded":
            await home.config_entries.async_unload(account.entry_id)
        case "disabled":
            await home.config_entries.async_set_disabled_by(account.entry_id, ConfigEntryDisabler.USER)
        case "removed":
            await home.config_entries.async_remove(account.entry_id)
    await settle(home)
    assert issues(home) == {}


async def test_an_account_that_expired_before_it_was_set_up_leaves_no_issue(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.state = "expired"
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert issues(home).keys() == {"subscription_expired"}
    await home.config_entries.async_remove(account.entry_id)
    await settle(home)
    assert issues(home) == {}


async def test_a_subscription_that_was_renewed_is_no_issue(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.state = "expired"
    await poll(home, account)
    assert issues(home).keys() == {"subscription_expired"}
    service_account.state = "good"
    await poll(home, account)
    assert issues(home) == {}


async def test_issues_say_what_they_should_and_no_secret(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    client: Client,
    path: str,
    service_account: Account,
) -> None:
    await post(client, path, event("sms.received", sms("the secret text")))
    await miss(home, freezer, account, service_account, 3)
    await home.config.async_update(**NO_ADDRESS)
    service_account.state = "expired"
    await poll(home, account)
    translations = await async_get_translations(home, "en", "issues", {DOMAIN})
    found = issues(home)
    assert len(found) == 4
    for key, issue in found.items():
        placeholders = issue.translation_placeholders or {}
        assert translations[f"component.{DOMAIN}.issues.{key}.title"].format(**placeholders)
        if not issue.is_fixable:
            assert translations[f"component.{DOMAIN}.issues.{key}.description"].format(**placeholders)
        for unsaid in (KEY, account.data["webhook_id"], ANNA, "the secret text"):
            assert unsaid not in str(issue)
