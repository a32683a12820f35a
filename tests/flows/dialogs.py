"""What the tests of the dialogs share: opening them, filling them in, and what makes the service refuse."""

from collections.abc import Callable
import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigFlowContext,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResult, FlowResultType
import pytest

from custom_components import smsmobileapi
from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Simulator

from ..conftest import settle
from ..package.reading import flat, placeholders

CLOUD = "homeassistant.components.cloud"
OTHER_KEY = "k-fedcba9876543210"
CREDENTIALS = {"client_id": "client-0123456789", "client_secret": "secret-0123456789abcdef"}
OTHER_CREDENTIALS = {"client_id": "client-9876543210", "client_secret": "secret-fedcba9876543210"}
NOBODY = "http://127.0.0.1:9"
TOKEN = "/oauth2/token"
ENGLISH = json.loads(Path(smsmobileapi.__file__).with_name("translations").joinpath("en.json").read_text())

# Makes the service refuse; returns what is entered instead of what is right.
type Spoil = Callable[[Simulator, Account], dict[str, Any]]
# Name of the row, how it is spoilt, the errors that the form shows.
type Refusals = list[tuple[str, Spoil, dict[str, str]]]


@pytest.fixture
def cloudhooks(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Home Assistant Cloud with an active subscription: its addresses by webhook id."""
    hooks: dict[str, str] = {}
    hass.config.components.add("cloud")

    async def get_or_create(hass: HomeAssistant, webhook_id: str) -> str:
        return hooks.setdefault(webhook_id, f"https://hooks.nabu.casa/{webhook_id[:8]}")

    async def delete(hass: HomeAssistant, webhook_id: str) -> None:
        if webhook_id not in hooks:
            raise ValueError("Hook is not enabled for the cloud.")
        del hooks[webhook_id]

    monkeypatch.setattr(f"{CLOUD}.async_active_subscription", lambda hass: True)
    monkeypatch.setattr(f"{CLOUD}.async_get_or_create_cloudhook", get_or_create)
    monkeypatch.setattr(f"{CLOUD}.async_delete_cloudhook", delete)
    return hooks


async def begin(hass: HomeAssistant, kind: str = "api_key") -> ConfigFlowResult:
    """Open the dialog that adds an account, and choose the kind of credentials."""
    context = ConfigFlowContext(source=SOURCE_USER)
    return await choose(hass, await hass.config_entries.flow.async_init(DOMAIN, context=context), kind)


async def begin_change(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, what: str = "change_api_key"
) -> ConfigFlowResult:
    """Open the dialog that changes an account, and choose what to change."""
    context = ConfigFlowContext(source=SOURCE_RECONFIGURE, entry_id=entry.entry_id)
    return await choose(hass, await hass.config_entries.flow.async_init(DOMAIN, context=context), what)


async def begin_reauth(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> ConfigFlowResult:
    """Have the account ask for its credentials; return the dialog that waits."""
    entry.async_start_reauth(hass)
    await settle(hass)
    (flow,) = waiting(hass, SOURCE_REAUTH)
    return flow


async def choose(hass: HomeAssistant, flow: ConfigFlowResult, step: str) -> ConfigFlowResult:
    """Choose from a menu, all of which has its texts."""
    assert flow["type"] is FlowResultType.MENU
    texts = ENGLISH["config"]["step"][flow["step_id"]]
    assert list(texts["menu_options"]) == list(texts["menu_option_descriptions"]) == flow["menu_options"]
    return await submit(hass, flow, next_step_id=step)


async def submit(hass: HomeAssistant, flow: ConfigFlowResult, **entered: Any) -> ConfigFlowResult:
    """Send a form."""
    return await hass.config_entries.flow.async_configure(flow["flow_id"], entered)


async def finish(hass: HomeAssistant, flow: ConfigFlowResult, reason: str = "", **entered: Any) -> Any:
    """Send the last form: the account is made, or was changed for `reason`; return the account where one is made."""
    flow = await submit(hass, flow, **entered)
    if reason:
        assert_aborted(flow, reason)
    else:
        assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
    await settle(hass)
    return flow.get("result")


async def refuse_each(
    hass: HomeAssistant,
    simulator: Simulator,
    account: Account,
    flow: ConfigFlowResult,
    refusals: Refusals,
    **right: Any,
) -> ConfigFlowResult:
    """Have a form refused for one reason after the other; return it."""
    step = flow["step_id"]
    for name, spoil, errors in refusals:
        entered = right | spoil(simulator, account)
        flow = await submit(hass, flow, **entered)
        assert_shown(flow, step, errors, name)
        typed = {field: value for field, value in entered.items() if field != "server"}
        secrets = {"api_key", "client_secret"} if step == "reauth_confirm" else set[str]()
        kept = {field: value for field, value in typed.items() if field not in secrets}
        assert suggested(flow).items() >= kept.items(), name
        assert not secrets & suggested(flow).keys(), name
        simulator.faults.waiting.clear()
        simulator.refusal_format, simulator.empty_phone_list = "status", False
        account.state, account.refusal_format = "good", "status"
    return flow


def suggested(flow: FlowResult[Any, Any]) -> dict[str, Any]:
    """Return what stands in the form's fields, those of its section left aside."""
    assert flow["data_schema"] is not None
    return {
        field.schema: field.description["suggested_value"]
        for field in flow["data_schema"].schema
        if field.description and "suggested_value" in field.description
    }


def shown_address(flow: ConfigFlowResult) -> str:
    """Return the webhook's address that the dialog shows."""
    assert flow["step_id"] in {"webhook", "cloudhook"}
    return (flow["description_placeholders"] or {})["webhook_url"]


def sentence(code: str, **placeholders: str) -> str:
    """Return what an exception says; Home Assistant takes the last full stop away."""
    message: str = ENGLISH["exceptions"][code]["message"]
    return message.format(**placeholders).rstrip(".")


def server(url: str) -> dict[str, str]:
    return {"url": url}


def waiting(hass: HomeAssistant, source: str) -> list[ConfigFlowResult]:
    """Return the dialogs that wait for the user."""
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return [flow for flow in flows if flow["context"]["source"] == source]


def assert_shown(flow: ConfigFlowResult, step: str, errors: dict[str, str], name: str = "") -> None:
    """Assert that a form shows these errors, and that each has its whole sentence."""
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, step), name
    assert (flow["errors"] or {}) == errors, name
    texts = [ENGLISH["config"]["error"][code] for code in errors.values()]
    texts += flat(ENGLISH["config"]["step"][step]).values()
    assert set().union(*map(placeholders, texts)) <= set(flow["description_placeholders"] or {}), name


def assert_aborted(flow: ConfigFlowResult, reason: str) -> None:
    assert (flow["type"], flow.get("reason")) == (FlowResultType.ABORT, reason)
    assert reason in ENGLISH["config"]["abort"]


async def send_text(hass: HomeAssistant) -> None:
    await hass.services.async_call(
        DOMAIN, "send_message", {"recipients": "+36301234567", "message": "hi"}, blocking=True
    )


def rotate(simulator: Simulator, account: Account, key: str = OTHER_KEY) -> None:
    """Give an account at the service another key; the old one is unknown from then on."""
    simulator.accounts[key] = simulator.accounts.pop(account.key)
    account.key = key


# What makes the service refuse


def instead(**entered: Any) -> Spoil:
    return lambda simulator, account: entered


def another_server(url: str) -> Spoil:
    return instead(server=server(url))


def in_state(state: str, refusal_format: str = "status") -> Spoil:
    def spoil(simulator: Simulator, account: Account) -> dict[str, Any]:
        account.state = state  # type: ignore[assignment]  # checked by the account
        account.refusal_format = refusal_format  # type: ignore[assignment]  # checked by the account
        return {}

    return spoil


def faulty(path: str, kind: str, count: int = 1, **options: Any) -> Spoil:
    def spoil(simulator: Simulator, account: Account) -> dict[str, Any]:
        simulator.fault(path, kind, count, **options)
        return {}

    return spoil
