"""Adding an account by its key, giving it another key, changing it: what is proved first, and what each refusal says."""

from collections.abc import Callable
from http import HTTPStatus
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientTimeout
from homeassistant.components.cloud import CloudNotConnected
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntryState,
    ConfigFlowContext,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components import smsmobileapi
from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.api import DEFAULT_URL
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Simulator

from ..conftest import EXTERNAL_URL, KEY, add_account, settle
from ..package.reading import flat, placeholders

CLOUD = "custom_components.smsmobileapi.inbound.webhook.cloud"
OTHER_KEY = "k-fedcba9876543210"
NOBODY = "http://127.0.0.1:9"
ENGLISH = json.loads(Path(smsmobileapi.__file__).with_name("translations").joinpath("en.json").read_text())

type Spoil = Callable[[Simulator, Account], dict[str, Any]]


@pytest.fixture
def cloudhooks(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Home Assistant Cloud with an active subscription: its addresses by webhook id."""
    hooks: dict[str, str] = {}

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
    """Open the dialog that adds an account, and choose what credentials there are."""
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


def sentence(code: str, **placeholders: str) -> str:
    """Return what an exception says; Home Assistant takes the last full stop away."""
    message: str = ENGLISH["exceptions"][code]["message"]
    return message.format(**placeholders).rstrip(".")


def server(url: str) -> dict[str, str]:
    return {"url": url}


def waiting(hass: HomeAssistant, source: str) -> list[ConfigFlowResult]:
    """Return the dialogs that wait for somebody."""
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return [flow for flow in flows if flow["context"]["source"] == source]


def assert_shown(flow: ConfigFlowResult, step: str, errors: dict[str, str]) -> None:
    """Assert that a form shows these errors, and that each has its whole sentence."""
    assert flow["type"] is FlowResultType.FORM
    assert flow["step_id"] == step
    assert (flow["errors"] or {}) == errors
    texts = [ENGLISH["config"]["error"][code] for code in errors.values()]
    texts += flat(ENGLISH["config"]["step"][step]).values()
    assert set().union(*map(placeholders, texts)) <= set(flow["description_placeholders"] or {})


def assert_aborted(flow: ConfigFlowResult, reason: str) -> None:
    assert flow["type"] is FlowResultType.ABORT
    assert flow["reason"] == reason
    assert reason in ENGLISH["config"]["abort"]


# Adding


async def test_a_proved_key_makes_an_account(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    context = ConfigFlowContext(source=SOURCE_USER)
    flow = await home.config_entries.flow.async_init(DOMAIN, context=context)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "user")
    assert flow["menu_options"] == ["api_key", "oauth2"]
    flow = await choose(home, flow, "api_key")
    assert (flow["type"], flow["step_id"], flow["errors"]) == (FlowResultType.FORM, "api_key", None)
    assert simulator.requests == []

    flow = await submit(home, flow, api_key=KEY, server=server(simulator.url))
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "webhook")
    assert [request.path for request in simulator.requests] == ["/gateway/mobile/list/", "/getsms/"]
    assert not home.config_entries.async_entries(DOMAIN)

    flow = await submit(home, flow)
    assert (flow["type"], flow["title"]) == (FlowResultType.CREATE_ENTRY, "SMSMobileAPI")
    await settle(home)
    (entry,) = home.config_entries.async_entries(DOMAIN)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.data == {
        "api_key": KEY,
        "url": simulator.url,
        "webhook_id": entry.data["webhook_id"],
    }
    assert len(entry.data["webhook_id"]) == 64
    assert not waiting(home, SOURCE_USER)


async def test_the_services_own_server_is_the_default(home: HomeAssistant) -> None:
    flow = await begin(home)
    schema = flow["data_schema"]
    assert schema is not None
    assert schema({"api_key": KEY}) == {"api_key": KEY, "server": {"url": DEFAULT_URL}}
    assert schema({"api_key": KEY, "server": {}})["server"] == {"url": DEFAULT_URL}
    assert schema.schema["server"].options == {"collapsed": True}


async def test_a_form_without_the_server_section_is_taken(home: HomeAssistant) -> None:
    # A blank key, so that nobody is asked at that server.
    flow = await submit(home, await begin(home), api_key=" ")
    assert_shown(flow, "api_key", {"api_key": "api_key_empty"})


async def test_blanks_around_key_and_server_do_not_matter(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    flow = await submit(home, await begin(home), api_key=f" \t{KEY}\n", server=server(f" {simulator.url}/ "))
    flow = await submit(home, flow)
    assert flow["data"]["api_key"] == KEY
    assert flow["data"]["url"] == simulator.url


def wrong_key(simulator: Simulator, account: Account) -> dict[str, Any]:
    return {"api_key": "wrong"}


def wrong_key_in_the_other_dialect(simulator: Simulator, account: Account) -> dict[str, Any]:
    simulator.refusal_format = "result"
    return {"api_key": "wrong"}


def wrong_key_and_no_phones(simulator: Simulator, account: Account) -> dict[str, Any]:
    simulator.empty_phone_list = True
    return {"api_key": "wrong"}


def another_server(url: str) -> Spoil:
    return lambda simulator, account: {"server": server(url)}


def another_key(key: str) -> Spoil:
    return lambda simulator, account: {"api_key": key}


def in_state(state: str, dialect: str = "status") -> Spoil:
    def spoil(simulator: Simulator, account: Account) -> dict[str, Any]:
        account.state = state  # type: ignore[assignment]  # checked by the account
        account.refusal_format = dialect  # type: ignore[assignment]  # checked by the account
        return {}

    return spoil


def faulty(path: str, kind: str, count: int = 1, **options: Any) -> Spoil:
    def spoil(simulator: Simulator, account: Account) -> dict[str, Any]:
        simulator.fault(path, kind, count, **options)
        return {}

    return spoil


REFUSALS = [
    pytest.param(wrong_key, {"api_key": "invalid_auth"}, id="wrong key"),
    pytest.param(wrong_key_in_the_other_dialect, {"api_key": "invalid_auth"}, id="wrong key, said with 200"),
    pytest.param(wrong_key_and_no_phones, {"api_key": "invalid_auth"}, id="wrong key, no phones"),
    pytest.param(in_state("expired"), {"base": "subscription_expired"}, id="expired"),
    pytest.param(
        in_state("expired", "result"), {"base": "subscription_expired"}, id="expired, said with 200"
    ),
    pytest.param(in_state("limited"), {"base": "rate_limited"}, id="too fast"),
    pytest.param(another_server(NOBODY), {"base": "cannot_connect"}, id="nobody there"),
    pytest.param(faulty("*", "status"), {"base": "cannot_connect"}, id="503"),
    pytest.param(faulty("*", "drop_before", 9), {"base": "outcome_unknown"}, id="hung up"),
    pytest.param(faulty("*", "status", status=500), {"base": "outcome_unknown"}, id="500"),
    pytest.param(faulty("*", "html", 2), {"base": "unexpected_answer"}, id="HTML"),
    pytest.param(faulty("*", "html", 2, status=403), {"base": "unexpected_answer"}, id="HTML with 403"),
    pytest.param(faulty("*", "html", 2, status=404), {"base": "unexpected_answer"}, id="HTML with 404"),
    pytest.param(faulty("*", "empty", 2), {"base": "unexpected_answer"}, id="nothing"),
    pytest.param(faulty("*", "nonsense", 2), {"base": "unexpected_answer"}, id="other JSON"),
    pytest.param(faulty("/getsms/", "html"), {"base": "unexpected_answer"}, id="history is HTML"),
    pytest.param(
        faulty("/getsms/", "status", status=429, retry_after=7),
        {"base": "rate_limited"},
        id="history too fast",
    ),
    pytest.param(another_key("   "), {"api_key": "api_key_empty"}, id="key of spaces"),
    pytest.param(another_key(""), {"api_key": "api_key_empty"}, id="no key"),
    *(
        pytest.param(another_server(url), {"base": "invalid_url"}, id=f"server {url!r}")
        for url in (
            "api.smsmobileapi.com",
            "127.0.0.1:8099",
            "ftp://127.0.0.1",
            "http://",
            "http://[::1",
            "http://127.0.0.1:99999",
            "http://127.0.0.1/?apikey=1",
            "nonsense",
            " ",
        )
    ),
]


@pytest.mark.parametrize(("spoil", "errors"), REFUSALS)
async def test_a_refusal_says_why_and_can_be_corrected(
    home: HomeAssistant, simulator: Simulator, service_account: Account, spoil: Spoil, errors: dict[str, str]
) -> None:
    good = {"api_key": KEY, "server": server(simulator.url)}
    flow = await submit(home, await begin(home), **(good | spoil(simulator, service_account)))
    assert_shown(flow, "api_key", errors)

    simulator.faults.waiting.clear()
    service_account.state = "good"
    flow = await submit(home, await submit(home, flow, **good))
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)
    assert flow["result"].state is ConfigEntryState.LOADED


async def test_a_service_that_does_not_answer_is_told_apart(
    home: HomeAssistant, simulator: Simulator, service_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{smsmobileapi.__name__}.api.client.TIMEOUT", ClientTimeout(total=0.1))
    simulator.fault("*", "hang_after")
    flow = await submit(home, await begin(home), api_key=KEY, server=server(simulator.url))
    assert_shown(flow, "api_key", {"base": "outcome_unknown"})
    monkeypatch.undo()
    flow = await submit(home, flow, api_key=KEY, server=server(simulator.url))
    assert flow["step_id"] == "webhook"


async def test_too_fast_says_how_long_to_wait(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.state, service_account.retry_after = "limited", 42
    flow = await submit(home, await begin(home), api_key=KEY, server=server(simulator.url))
    assert (flow["description_placeholders"] or {})["seconds"] == "42"


async def test_a_corrected_form_keeps_what_was_entered(home: HomeAssistant, simulator: Simulator) -> None:
    flow = await submit(home, await begin(home), api_key="wrong", server=server(simulator.url))
    assert flow["data_schema"] is not None
    fields = {field.schema: field for field in flow["data_schema"].schema}
    assert fields["api_key"].description == {"suggested_value": "wrong"}
    inner = flow["data_schema"].schema["server"].schema.schema
    assert [field.description for field in inner] == [{"suggested_value": simulator.url}]


async def test_an_account_without_phones_can_be_added(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.clear()
    entry = await add_account(home, simulator)
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("key", [KEY, f"  {KEY} "])
async def test_the_same_key_is_refused(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry, key: str
) -> None:
    flow = await submit(home, await begin(home), api_key=key, server=server(simulator.url))
    assert_aborted(flow, "already_configured")
    assert home.config_entries.async_entries(DOMAIN) == [account]


async def test_the_same_key_in_two_dialogs_makes_one_account(
    home: HomeAssistant, simulator: Simulator, service_account: Account, cloudhooks: dict[str, str]
) -> None:
    flows = [await begin(home), await begin(home)]
    flows = [await submit(home, flow, api_key=KEY, server=server(simulator.url)) for flow in flows]
    assert [flow["step_id"] for flow in flows] == ["webhook", "webhook"]
    assert len(cloudhooks) == 2
    first, second = [await submit(home, flow) for flow in flows]
    await settle(home)
    assert first["type"] is FlowResultType.CREATE_ENTRY
    assert_aborted(second, "already_configured")
    (entry,) = home.config_entries.async_entries(DOMAIN)
    assert list(cloudhooks) == [entry.data["webhook_id"]]


async def test_each_account_has_its_own_name(home: HomeAssistant, simulator: Simulator) -> None:
    entries = []
    for key in ("k-1", "k-2", "k-3"):
        simulator.add_account(key)
        entries.append(await add_account(home, simulator, key))
    assert [entry.title for entry in entries] == ["SMSMobileAPI", "SMSMobileAPI 2", "SMSMobileAPI 3"]
    assert len({entry.data["webhook_id"] for entry in entries}) == 3

    await home.config_entries.async_remove(entries[1].entry_id)
    simulator.add_account("k-4")
    assert (await add_account(home, simulator, "k-4")).title == "SMSMobileAPI 2"


# The webhook's address


async def test_the_external_url_is_shown(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    flow = await submit(home, await begin(home), api_key=KEY, server=server(simulator.url))
    shown = (flow["description_placeholders"] or {})["webhook_url"]
    flow = await submit(home, flow)
    assert shown == f"{EXTERNAL_URL}/api/webhook/{flow['data']['webhook_id']}"


async def test_the_address_at_home_assistant_cloud_is_shown(
    home: HomeAssistant, simulator: Simulator, service_account: Account, cloudhooks: dict[str, str]
) -> None:
    flow = await submit(home, await begin(home), api_key=KEY, server=server(simulator.url))
    shown = (flow["description_placeholders"] or {})["webhook_url"]
    flow = await submit(home, flow)
    await settle(home)
    assert cloudhooks == {flow["data"]["webhook_id"]: shown}


async def test_the_external_url_serves_while_the_cloud_is_away(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    cloudhooks: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def offline(hass: HomeAssistant, webhook_id: str) -> str:
        raise CloudNotConnected

    monkeypatch.setattr(f"{CLOUD}.async_get_or_create_cloudhook", offline)
    flow = await submit(home, await begin(home), api_key=KEY, server=server(simulator.url))
    assert (flow["description_placeholders"] or {})["webhook_url"].startswith(EXTERNAL_URL)


async def test_without_an_address_polling_is_explained(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    await home.config.async_update(external_url=None, internal_url="http://192.168.1.10:8123")
    flow = await submit(home, await begin(home), api_key=KEY, server=server(simulator.url))
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "polling")
    assert "polling" in ENGLISH["config"]["step"]
    flow = await submit(home, flow)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)
    assert flow["result"].state is ConfigEntryState.LOADED


async def test_an_abandoned_dialog_leaves_no_address_behind(
    home: HomeAssistant, simulator: Simulator, service_account: Account, cloudhooks: dict[str, str]
) -> None:
    flow = await submit(home, await begin(home), api_key=KEY, server=server(simulator.url))
    assert len(cloudhooks) == 1
    home.config_entries.flow.async_abort(flow["flow_id"])
    await settle(home)
    assert cloudhooks == {}
    assert not home.config_entries.async_entries(DOMAIN)


async def test_a_dialog_can_be_abandoned_at_any_step(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    for flow in (
        await begin(home),
        await submit(home, await begin(home), api_key="wrong", server=server(simulator.url)),
        await submit(home, await begin(home), api_key=KEY, server=server(simulator.url)),
    ):
        home.config_entries.flow.async_abort(flow["flow_id"])
        await settle(home)
    assert not home.config_entries.async_entries(DOMAIN)


async def test_the_dialog_can_be_shown_in_a_browser(
    home: HomeAssistant, hass_client: ClientSessionGenerator, simulator: Simulator, service_account: Account
) -> None:
    # Before the client freezes the routes.
    for component in ("config", "webhook"):
        assert await async_setup_component(home, component, {})
    client = await hass_client()
    path = "/api/config/config_entries/flow"
    async with client.post(path, json={"handler": DOMAIN}) as response:
        assert response.status == HTTPStatus.OK
        flow = await response.json()
    assert (flow["type"], flow["menu_options"]) == ("menu", ["api_key", "oauth2"])
    async with client.post(f"{path}/{flow['flow_id']}", json={"next_step_id": "api_key"}) as response:
        flow = await response.json()
    assert [(field["name"], field["required"]) for field in flow["data_schema"]] == [
        ("api_key", True),
        ("server", True),
    ]
    entered = {"api_key": KEY, "server": server(simulator.url)}
    async with client.post(f"{path}/{flow['flow_id']}", json=entered) as response:
        flow = await response.json()
    assert flow["step_id"] == "webhook"
    async with client.post(f"{path}/{flow['flow_id']}", json={}) as response:
        flow = await response.json()
    assert flow["type"] == "create_entry"
    await settle(home)


# Another key, because the service refuses the old one


async def test_a_key_refused_at_set_up_is_asked_for(
    home: HomeAssistant, simulator: Simulator, service_account: Account, account: SmsMobileApiConfigEntry
) -> None:
    service_account.state = "unknown"
    await home.config_entries.async_reload(account.entry_id)
    assert account.state is ConfigEntryState.SETUP_ERROR
    (flow,) = waiting(home, SOURCE_REAUTH)
    assert flow["step_id"] == "reauth_confirm"

    flow = await submit(home, flow, api_key=KEY)
    assert_shown(flow, "reauth_confirm", {"api_key": "invalid_auth"})
    simulator.add_account(OTHER_KEY)
    flow = await submit(home, flow, api_key=f" {OTHER_KEY} ")
    assert_aborted(flow, "reauth_successful")
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    assert account.data["api_key"] == OTHER_KEY
    assert not waiting(home, SOURCE_REAUTH)


async def test_a_key_refused_at_a_poll_is_asked_for(
    home: HomeAssistant, simulator: Simulator, service_account: Account, account: SmsMobileApiConfigEntry
) -> None:
    simulator.fault("/getsms/", "status", status=403, error="invalid_apikey")
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)
    (flow,) = waiting(home, SOURCE_REAUTH)
    assert_aborted(await submit(home, flow, api_key=KEY), "reauth_successful")
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    assert not waiting(home, SOURCE_REAUTH)


async def send_text(hass: HomeAssistant) -> None:
    await hass.services.async_call(
        DOMAIN, "send_message", {"recipients": "+36301234567", "message": "hi"}, blocking=True
    )


@pytest.mark.parametrize("key", [KEY, OTHER_KEY])
async def test_a_key_refused_at_a_send_is_asked_for(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    account: SmsMobileApiConfigEntry,
    key: str,
) -> None:
    service_account.state = "unknown"
    for _ in range(2):
        with pytest.raises(HomeAssistantError):
            await send_text(home)
    await settle(home)
    (flow,) = waiting(home, SOURCE_REAUTH)

    service_account.state = "good"
    simulator.add_account(OTHER_KEY)
    before = account.runtime_data
    flow = await submit(home, flow, api_key=key)
    assert_aborted(flow, "reauth_successful")
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    assert account.runtime_data is not before
    await send_text(home)
    assert len(simulator.accounts[key].sent) == 1


@pytest.mark.parametrize(
    ("spoil", "errors"),
    [refusal for refusal in REFUSALS if not str(refusal.id).startswith(("server", "hist", "nobo"))],
)
async def test_a_refused_new_key_says_why_and_can_be_corrected(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    account: SmsMobileApiConfigEntry,
    spoil: Spoil,
    errors: dict[str, str],
) -> None:
    flow = await begin_reauth(home, account)
    flow = await submit(home, flow, **({"api_key": KEY} | spoil(simulator, service_account)))
    assert_shown(flow, "reauth_confirm", errors)
    simulator.faults.waiting.clear()
    service_account.state = "good"
    assert_aborted(await submit(home, flow, api_key=KEY), "reauth_successful")
    await settle(home)
    assert account.state is ConfigEntryState.LOADED


async def test_a_new_key_must_not_be_another_accounts(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    simulator.add_account(OTHER_KEY)
    await add_account(home, simulator, OTHER_KEY)
    flow = await begin_reauth(home, account)
    assert_aborted(await submit(home, flow, api_key=OTHER_KEY), "already_configured")
    assert account.data["api_key"] == KEY


# Changing an account


@pytest.mark.parametrize(
    "entered", [{}, {"api_key": ""}, {"api_key": "  "}], ids=["left out", "empty", "blank"]
)
async def test_a_key_left_empty_is_kept(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, entered: dict[str, str]
) -> None:
    data, before = dict(account.data), account.runtime_data
    flow = await begin_change(home, account)
    assert flow["step_id"] == "change_api_key"
    flow = await submit(home, flow, **entered)
    assert flow["step_id"] == "webhook"
    shown = (flow["description_placeholders"] or {})["webhook_url"]
    assert shown == f"{EXTERNAL_URL}/api/webhook/{account.data['webhook_id']}"
    assert_aborted(await submit(home, flow), "reconfigure_successful")
    await settle(home)
    assert account.data == data
    assert account.state is ConfigEntryState.LOADED
    assert account.runtime_data is not before


async def test_no_key_is_shown(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    flow = await begin_reauth(home, account)
    reauth = await home.config_entries.flow.async_configure(flow["flow_id"])
    for form in (await begin_change(home, account), reauth):
        assert form["data_schema"] is not None
        (key,) = (field for field in form["data_schema"].schema if field.schema == "api_key")
        assert not (key.description or {}).get("suggested_value")


async def test_another_key_and_server_are_taken(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    webhook_id = account.data["webhook_id"]
    async with Simulator() as other:
        other.add_account(OTHER_KEY)
        flow = await begin_change(home, account)
        flow = await submit(home, flow, api_key=OTHER_KEY, server=server(other.url))
        assert flow["step_id"] == "webhook"
        assert account.data["api_key"] == KEY
        assert_aborted(await submit(home, flow), "reconfigure_successful")
        await settle(home)
        assert account.data == {"api_key": OTHER_KEY, "url": other.url, "webhook_id": webhook_id}
        assert account.state is ConfigEntryState.LOADED
        before = len(simulator.requests)
        await send_text(home)
        assert len(other.accounts[OTHER_KEY].sent) == 1
        assert len(simulator.requests) == before


@pytest.mark.parametrize(
    ("spoil", "errors"),
    [refusal for refusal in REFUSALS if not str(refusal.id).startswith(("hist", "key", "no key"))],
)
async def test_a_refused_change_says_why_and_can_be_corrected(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    account: SmsMobileApiConfigEntry,
    spoil: Spoil,
    errors: dict[str, str],
) -> None:
    data = dict(account.data)
    flow = await begin_change(home, account)
    flow = await submit(home, flow, **spoil(simulator, service_account))
    assert_shown(flow, "change_api_key", errors)
    assert account.data == data
    simulator.faults.waiting.clear()
    service_account.state = "good"
    flow = await submit(home, flow, server=server(simulator.url))
    assert_aborted(await submit(home, flow), "reconfigure_successful")
    await settle(home)
    assert account.state is ConfigEntryState.LOADED


async def test_a_change_brings_a_failed_account_back(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    home.config_entries.async_update_entry(account, data={**account.data, "url": NOBODY})
    await settle(home)
    assert account.state is ConfigEntryState.SETUP_RETRY
    flow = await begin_change(home, account)
    assert flow["data_schema"] is not None
    assert flow["data_schema"]({})["server"] == {"url": NOBODY}
    flow = await submit(home, flow, server=server(simulator.url))
    await submit(home, flow)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED


async def test_an_abandoned_change_keeps_key_and_address(
    home: HomeAssistant, simulator: Simulator, service_account: Account, cloudhooks: dict[str, str]
) -> None:
    entry = await add_account(home, simulator)
    data, hooks = dict(entry.data), dict(cloudhooks)
    simulator.add_account(OTHER_KEY)
    flow = await submit(home, await begin_change(home, entry), api_key=OTHER_KEY)
    assert (flow["description_placeholders"] or {})["webhook_url"] == hooks[data["webhook_id"]]
    home.config_entries.flow.async_abort(flow["flow_id"])
    await settle(home)
    assert (dict(entry.data), cloudhooks) == (data, hooks)


async def test_a_change_without_an_address_explains_polling(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    await home.config.async_update(external_url=None)
    flow = await submit(home, await begin_change(home, account))
    assert flow["step_id"] == "polling"
    assert_aborted(await submit(home, flow), "reconfigure_successful")
    await settle(home)


async def test_a_change_must_not_take_another_accounts_key(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    simulator.add_account(OTHER_KEY)
    await add_account(home, simulator, OTHER_KEY)
    flow = await submit(home, await begin_change(home, account), api_key=OTHER_KEY)
    assert_aborted(flow, "already_configured")


async def test_a_key_added_while_a_change_was_open_is_not_used_twice(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    simulator.add_account(OTHER_KEY)
    flow = await submit(home, await begin_change(home, account), api_key=OTHER_KEY)
    assert flow["step_id"] == "webhook"
    await add_account(home, simulator, OTHER_KEY)
    flow = await submit(home, flow)
    await settle(home)
    assert [entry.data["api_key"] for entry in home.config_entries.async_entries(DOMAIN)] == [KEY, OTHER_KEY]
    assert_aborted(flow, "already_configured")


async def test_a_change_without_a_key_keeps_one_that_came_meanwhile(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    simulator.add_account(OTHER_KEY)
    reauth = await begin_reauth(home, account)
    change = await submit(home, await begin_change(home, account))
    assert_aborted(await submit(home, reauth, api_key=OTHER_KEY), "reauth_successful")
    await settle(home)
    assert_aborted(await submit(home, change), "reconfigure_successful")
    await settle(home)
    assert account.data["api_key"] == OTHER_KEY


async def test_a_key_that_was_entered_again_is_taken_whatever_came_meanwhile(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    simulator.add_account(OTHER_KEY)
    reauth = await begin_reauth(home, account)
    change = await submit(home, await begin_change(home, account), api_key=KEY)
    assert_aborted(await submit(home, reauth, api_key=OTHER_KEY), "reauth_successful")
    await settle(home)
    assert_aborted(await submit(home, change), "reconfigure_successful")
    await settle(home)
    assert account.data["api_key"] == KEY


# The address again


async def test_the_address_is_shown_again_without_any_request(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    options = {"signing_secret": "whsec-0123456789", "messages_per_day": 7}
    home.config_entries.async_update_entry(account, options=options)
    await settle(home)
    data, before = dict(account.data), account.runtime_data
    simulator.requests.clear()
    flow = await begin_change(home, account, "address")
    assert_shown(flow, "webhook", {})
    shown = (flow["description_placeholders"] or {})["webhook_url"]
    assert shown == f"{EXTERNAL_URL}/api/webhook/{account.data['webhook_id']}"
    assert flow["data_schema"] is not None
    fields = {field.schema: field.description for field in flow["data_schema"].schema}
    assert fields == {"signing_secret": {"suggested_value": "whsec-0123456789"}}
    assert simulator.requests == []
    assert_aborted(
        await submit(home, flow, signing_secret=options["signing_secret"]), "reconfigure_successful"
    )
    await settle(home)
    assert (account.data, account.options) == (data, options)
    assert account.runtime_data is not before


@pytest.mark.parametrize(
    ("entered", "kept"),
    [
        ({"signing_secret": " another "}, {"signing_secret": "another"}),
        ({"signing_secret": " "}, {}),
        ({"signing_secret": ""}, {}),
        ({}, {}),
    ],
)
async def test_the_secret_can_be_changed_beside_the_address(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, entered: dict[str, str], kept: dict[str, str]
) -> None:
    rest = {"messages_per_day": 7, "region": "BE"}
    home.config_entries.async_update_entry(account, options={"signing_secret": "whsec", **rest})
    await settle(home)
    flow = await submit(home, await begin_change(home, account, "address"), **entered)
    assert_aborted(flow, "reconfigure_successful")
    await settle(home)
    assert account.options == kept | rest
    assert account.state is ConfigEntryState.LOADED


async def test_without_an_address_the_secret_is_kept(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    options = {"signing_secret": "whsec", "region": "BE"}
    home.config_entries.async_update_entry(account, options=options)
    await home.config.async_update(external_url=None)
    await settle(home)
    flow = await begin_change(home, account, "address")
    assert_shown(flow, "polling", {})
    assert_aborted(await submit(home, flow), "reconfigure_successful")
    await settle(home)
    assert account.options == options


async def test_the_address_is_shown_while_the_service_is_away(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    simulator.fault("*", "status", 9)
    await home.config_entries.async_reload(account.entry_id)
    assert account.state is ConfigEntryState.SETUP_RETRY
    flow = await begin_change(home, account, "address")
    assert flow["step_id"] == "webhook"
    simulator.faults.waiting.clear()
    assert_aborted(await submit(home, flow), "reconfigure_successful")
    await settle(home)
    assert account.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("is_reachable", [True, False])
async def test_a_page_that_is_loaded_again_changes_nothing(
    home: HomeAssistant, simulator: Simulator, service_account: Account, is_reachable: bool
) -> None:
    """Home Assistant then asks for the same step without an input: the address is shown again, nothing is made."""
    if not is_reachable:
        await home.config.async_update(external_url=None)
    flow = await submit(home, await begin(home), api_key=KEY, server=server(simulator.url))
    again = await home.config_entries.flow.async_configure(flow["flow_id"])
    assert again["step_id"] == flow["step_id"] == ("webhook" if is_reachable else "polling")
    assert again["description_placeholders"] == flow["description_placeholders"]
    assert home.config_entries.async_entries(DOMAIN) == []
    assert (await submit(home, again))["type"] is FlowResultType.CREATE_ENTRY


async def test_a_page_that_is_loaded_again_keeps_the_secret(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    """The address is shown again, and the signing secret is not taken away meanwhile."""
    await submit(home, await begin_change(home, account, "address"), signing_secret="whsec-0123")
    await settle(home)
    flow = await begin_change(home, account, "address")
    again = await home.config_entries.flow.async_configure(flow["flow_id"])
    assert again["step_id"] == "webhook"
    assert account.options["signing_secret"] == "whsec-0123"
