"""Adding an account by its key, giving it another key, changing it: what is checked first, and what each refusal says."""

from http import HTTPStatus

from aiohttp import ClientTimeout
from homeassistant.components.cloud import CloudNotConnected
from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_USER, ConfigEntryState, ConfigFlowContext
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
from .dialogs import (
    CLOUD,
    NOBODY,
    OTHER_KEY,
    Refusals,
    another_server,
    assert_aborted,
    assert_shown,
    begin,
    begin_change,
    begin_reauth,
    choose,
    cloudhooks,  # noqa: F401 -- a fixture
    faulty,
    finish,
    in_state,
    instead,
    refuse_each,
    send_text,
    server,
    shown_address,
    submit,
    suggested,
    waiting,
)

# ruff: noqa: F811 -- the fixture is a parameter of tests

# Adding


async def test_a_key_that_the_service_knows_makes_an_account(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    context = ConfigFlowContext(source=SOURCE_USER)
    flow = await home.config_entries.flow.async_init(DOMAIN, context=context)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "user")
    assert flow["menu_options"] == ["api_key", "oauth2"]
    flow = await choose(home, flow, "api_key")
    assert (flow["type"], flow["step_id"], flow["errors"]) == (FlowResultType.FORM, "api_key", None)
    assert simulator.requests == []

    # Blanks do not matter.
    flow = await submit(home, flow, api_key=f" \t{KEY}\n", server=server(f" {simulator.url}/ "))
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "webhook")
    assert [request.path for request in simulator.requests] == ["/gateway/mobile/list/", "/getsms/"]
    assert not home.config_entries.async_entries(DOMAIN)
    url = shown_address(flow)

    entry = await finish(home, flow)
    assert home.config_entries.async_entries(DOMAIN) == [entry]
    assert (entry.title, entry.state) == ("SMSMobileAPI", ConfigEntryState.LOADED)
    assert (entry.version, entry.minor_version) == (1, 2)
    webhook_id = entry.data["webhook_id"]
    assert entry.data == {"api_key": KEY, "url": simulator.url, "webhook_id": webhook_id}
    assert len(webhook_id) == 64
    assert url == f"{EXTERNAL_URL}/api/smsmobileapi/{webhook_id}"
    assert not waiting(home, SOURCE_USER)


async def test_the_services_own_server_is_the_default(home: HomeAssistant) -> None:
    flow = await begin(home)
    schema = flow["data_schema"]
    assert schema is not None
    assert schema({"api_key": KEY}) == {"api_key": KEY, "server": {"url": DEFAULT_URL}}
    assert schema({"api_key": KEY, "server": {}})["server"] == {"url": DEFAULT_URL}
    assert schema.schema["server"].options == {"collapsed": True}
    # A form without that section is accepted; the key is blank, so that no request is made to that server.
    flow = await submit(home, flow, api_key=" ")
    assert_shown(flow, "api_key", {"api_key": "api_key_empty"})


def wrong_key(simulator: Simulator, account: Account) -> dict[str, str]:
    return {"api_key": "wrong"}


def wrong_key_said_with_200(simulator: Simulator, account: Account) -> dict[str, str]:
    simulator.refusal_format = "result"
    return {"api_key": "wrong"}


def wrong_key_and_no_phones(simulator: Simulator, account: Account) -> dict[str, str]:
    simulator.empty_phone_list = True
    return {"api_key": "wrong"}


KEY_REFUSED: Refusals = [
    ("wrong key", wrong_key, {"api_key": "invalid_auth"}),
    ("wrong key, said with 200", wrong_key_said_with_200, {"api_key": "invalid_auth"}),
    ("wrong key, no phones", wrong_key_and_no_phones, {"api_key": "invalid_auth"}),
]
NO_KEY: Refusals = [
    ("key of spaces", instead(api_key="   "), {"api_key": "api_key_empty"}),
    ("no key", instead(api_key=""), {"api_key": "api_key_empty"}),
]
SERVICE_REFUSED: Refusals = [
    ("expired", in_state("expired"), {"base": "subscription_expired"}),
    ("expired, said with 200", in_state("expired", "result"), {"base": "subscription_expired"}),
    ("too fast", in_state("limited"), {"base": "rate_limited"}),
    ("503", faulty("*", "status"), {"base": "cannot_connect"}),
    ("hung up", faulty("*", "drop_before", 9), {"base": "outcome_unknown"}),
    ("500", faulty("*", "status", status=500), {"base": "outcome_unknown"}),
    ("HTML", faulty("*", "html", 2), {"base": "unexpected_answer"}),
    ("HTML with 403", faulty("*", "html", 2, status=403), {"base": "unexpected_answer"}),
    ("HTML with 404", faulty("*", "html", 2, status=404), {"base": "unexpected_answer"}),
    ("nothing", faulty("*", "empty", 2), {"base": "unexpected_answer"}),
    ("other JSON", faulty("*", "nonsense", 2), {"base": "unexpected_answer"}),
]
HISTORY_REFUSED: Refusals = [
    ("history is HTML", faulty("/getsms/", "html"), {"base": "unexpected_answer"}),
    ("history too fast", faulty("/getsms/", "status", status=429, retry_after=7), {"base": "rate_limited"}),
]
SERVER_REFUSED: Refusals = [
    ("nobody there", another_server(NOBODY), {"base": "cannot_connect"}),
    *(
        (f"server {url!r}", another_server(url), {"base": "invalid_url"})
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


@pytest.mark.parametrize(
    "refusals",
    [KEY_REFUSED + NO_KEY, SERVICE_REFUSED + HISTORY_REFUSED, SERVER_REFUSED],
    ids=["key", "service", "server"],
)
async def test_a_refusal_says_why_and_can_be_corrected(
    home: HomeAssistant, simulator: Simulator, service_account: Account, refusals: Refusals
) -> None:
    right = {"api_key": KEY, "server": server(simulator.url)}
    flow = await refuse_each(home, simulator, service_account, await begin(home), refusals, **right)
    entry = await finish(home, await submit(home, flow, **right))
    assert entry.state is ConfigEntryState.LOADED


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


async def test_a_refused_form_says_how_long_to_wait_and_keeps_what_was_entered(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.state, service_account.retry_after = "limited", 42
    flow = await submit(home, await begin(home), api_key=KEY, server=server(simulator.url))
    assert (flow["description_placeholders"] or {})["seconds"] == "42"
    assert flow["data_schema"] is not None
    assert suggested(flow)["api_key"] == KEY
    inner = flow["data_schema"].schema["server"].schema.schema
    assert [field.description for field in inner] == [{"suggested_value": simulator.url}]


async def test_an_account_without_phones_can_be_added(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.clear()
    entry = await add_account(home, simulator)
    assert entry.state is ConfigEntryState.LOADED


async def test_the_same_key_in_two_dialogs_makes_one_account(
    home: HomeAssistant, simulator: Simulator, service_account: Account, cloudhooks: dict[str, str]
) -> None:
    flows = [await begin(home), await begin(home)]
    flows = [await submit(home, flow, api_key=KEY, server=server(simulator.url)) for flow in flows]
    assert len(cloudhooks) == 2
    urls = list(map(shown_address, flows))
    entry = await finish(home, flows[0])
    await finish(home, flows[1], "already_configured")
    assert home.config_entries.async_entries(DOMAIN) == [entry]
    # The address at Home Assistant Cloud that was not used is gone again.
    assert cloudhooks == {entry.data["webhook_id"]: urls[0]}
    flow = await submit(home, await begin(home), api_key=f"  {KEY} ", server=server(simulator.url))
    assert_aborted(flow, "already_configured")


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
    assert shown_address(flow).startswith(EXTERNAL_URL)


async def test_an_abandoned_dialog_leaves_nothing_behind(
    home: HomeAssistant, simulator: Simulator, service_account: Account, cloudhooks: dict[str, str]
) -> None:
    flows = [
        await begin(home),
        await submit(home, await begin(home), api_key="wrong", server=server(simulator.url)),
        await submit(home, await begin(home), api_key=KEY, server=server(simulator.url)),
    ]
    assert len(cloudhooks) == 1
    for flow in flows:
        home.config_entries.flow.async_abort(flow["flow_id"])
        await settle(home)
    assert cloudhooks == {}
    assert not home.config_entries.async_entries(DOMAIN)


@pytest.mark.parametrize("is_reachable", [True, False])
async def test_a_page_that_is_loaded_again_changes_nothing(
    home: HomeAssistant, simulator: Simulator, service_account: Account, is_reachable: bool
) -> None:
    """There is no input then: the address, or how messages are polled for, is shown again, and no account is made."""
    if not is_reachable:
        await home.config.async_update(external_url=None, internal_url="http://192.168.1.10:8123")
    flow = await submit(home, await begin(home), api_key=KEY, server=server(simulator.url))
    assert_shown(flow, "webhook" if is_reachable else "polling", {})
    again = await home.config_entries.flow.async_configure(flow["flow_id"])
    assert again["step_id"] == flow["step_id"]
    assert again["description_placeholders"] == flow["description_placeholders"]
    assert home.config_entries.async_entries(DOMAIN) == []
    entry = await finish(home, again)
    assert entry.state is ConfigEntryState.LOADED


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
    entered = {"api_key": KEY, "server": server(simulator.url)}
    fields = [("api_key", True), ("server", True)]
    for given, step in (({"next_step_id": "api_key"}, "api_key"), (entered, "webhook"), ({}, "")):
        async with client.post(f"{path}/{flow['flow_id']}", json=given) as response:
            flow = await response.json()
        assert flow.get("step_id", "") == step
        if step == "api_key":
            assert [(field["name"], field["required"]) for field in flow["data_schema"]] == fields
    assert flow["type"] == "create_entry"
    await settle(home)


# Another key, because the service refuses the old one


@pytest.mark.parametrize("found", ["at set-up", "at a poll", "at a send"])
async def test_a_refused_key_is_asked_for(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    account: SmsMobileApiConfigEntry,
    found: str,
) -> None:
    service_account.state = "unknown"
    match found:
        case "at set-up":
            await home.config_entries.async_reload(account.entry_id)
            await settle(home)
            assert account.state is ConfigEntryState.LOADED
        case "at a poll":
            service_account.state = "good"
            simulator.fault("/getsms/", "status", status=403, error="invalid_apikey")
            await account.runtime_data.coordinator.async_refresh()
        case "at a send":
            for _ in range(2):
                with pytest.raises(HomeAssistantError):
                    await send_text(home)
    await settle(home)
    (flow,) = waiting(home, SOURCE_REAUTH)
    assert flow["step_id"] == "reauth_confirm"
    if found == "at set-up":
        flow = await submit(home, flow, api_key=KEY)
        assert_shown(flow, "reauth_confirm", {"api_key": "invalid_auth"})
    # The one that it has works again, or there is another.
    key = KEY if found == "at a poll" else OTHER_KEY
    service_account.state = "good"
    if key == OTHER_KEY:
        simulator.add_account(OTHER_KEY)
    await finish(home, flow, "reauth_successful", api_key=f" {key} ")
    assert account.state is ConfigEntryState.LOADED
    assert account.data["api_key"] == key
    assert not waiting(home, SOURCE_REAUTH)
    await send_text(home)
    assert len(simulator.accounts[key].sent) == 1


async def test_a_refused_new_key_says_why_and_can_be_corrected(
    home: HomeAssistant, simulator: Simulator, service_account: Account, account: SmsMobileApiConfigEntry
) -> None:
    flow = await begin_reauth(home, account)
    refusals = KEY_REFUSED + NO_KEY + SERVICE_REFUSED
    flow = await refuse_each(home, simulator, service_account, flow, refusals, api_key=KEY)
    await finish(home, flow, "reauth_successful", api_key=KEY)
    assert account.state is ConfigEntryState.LOADED


async def test_another_accounts_key_is_refused(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    """Also where that account was added while the dialog was open."""
    simulator.add_account(OTHER_KEY)
    late = await submit(home, await begin_change(home, account), api_key=OTHER_KEY)
    await add_account(home, simulator, OTHER_KEY)
    await finish(home, late, "already_configured")
    await finish(home, await begin_change(home, account), "already_configured", api_key=OTHER_KEY)
    await finish(home, await begin_reauth(home, account), "already_configured", api_key=OTHER_KEY)
    assert [entry.data["api_key"] for entry in home.config_entries.async_entries(DOMAIN)] == [KEY, OTHER_KEY]


# Changing an account


async def test_a_key_left_empty_is_kept_and_none_is_shown(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    data = dict(account.data)
    reauth = await begin_reauth(home, account)
    assert suggested(await home.config_entries.flow.async_configure(reauth["flow_id"])) == {}
    for entered in ({}, {"api_key": ""}, {"api_key": "  "}):
        before = account.runtime_data
        flow = await begin_change(home, account)
        assert_shown(flow, "change_api_key", {})
        assert suggested(flow) == {}
        flow = await submit(home, flow, **entered)
        assert shown_address(flow) == f"{EXTERNAL_URL}/api/smsmobileapi/{account.data['webhook_id']}"
        await finish(home, flow, "reconfigure_successful")
        assert account.data == data
        assert account.state is ConfigEntryState.LOADED
        assert account.runtime_data is not before, "not reloaded"


async def test_another_key_and_server_are_used(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    webhook_id = account.data["webhook_id"]
    async with Simulator() as other:
        other.add_account(OTHER_KEY)
        flow = await begin_change(home, account)
        flow = await submit(home, flow, api_key=OTHER_KEY, server=server(other.url))
        assert flow["step_id"] == "webhook"
        assert account.data["api_key"] == KEY
        await finish(home, flow, "reconfigure_successful")
        assert account.data == {"api_key": OTHER_KEY, "url": other.url, "webhook_id": webhook_id}
        assert account.state is ConfigEntryState.LOADED
        before = len(simulator.requests)
        await send_text(home)
        assert len(other.accounts[OTHER_KEY].sent) == 1
        assert len(simulator.requests) == before


async def test_a_refused_change_says_why_and_can_be_corrected(
    home: HomeAssistant, simulator: Simulator, service_account: Account, account: SmsMobileApiConfigEntry
) -> None:
    data = dict(account.data)
    refusals = KEY_REFUSED + SERVICE_REFUSED + SERVER_REFUSED
    flow = await begin_change(home, account)
    right = {"server": server(simulator.url)}
    flow = await refuse_each(home, simulator, service_account, flow, refusals, **right)
    assert account.data == data
    await finish(home, await submit(home, flow, **right), "reconfigure_successful")
    assert account.state is ConfigEntryState.LOADED


async def test_a_change_brings_an_account_back_that_is_not_loaded(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    home.config_entries.async_update_entry(account, data={**account.data, "url": NOBODY})
    await settle(home)
    await home.config_entries.async_unload(account.entry_id)
    flow = await begin_change(home, account)
    assert flow["data_schema"] is not None
    assert flow["data_schema"]({})["server"] == {"url": NOBODY}
    flow = await submit(home, flow, server=server(simulator.url))
    await finish(home, flow, "reconfigure_successful")
    assert account.state is ConfigEntryState.LOADED


async def test_an_abandoned_change_keeps_key_and_address(
    home: HomeAssistant, simulator: Simulator, service_account: Account, cloudhooks: dict[str, str]
) -> None:
    entry = await add_account(home, simulator)
    data, hooks = dict(entry.data), dict(cloudhooks)
    simulator.add_account(OTHER_KEY)
    flow = await submit(home, await begin_change(home, entry), api_key=OTHER_KEY)
    assert shown_address(flow) == hooks[data["webhook_id"]]
    home.config_entries.flow.async_abort(flow["flow_id"])
    await settle(home)
    assert (dict(entry.data), cloudhooks) == (data, hooks)


@pytest.mark.parametrize(
    ("entered", "kept"), [({}, OTHER_KEY), ({"api_key": KEY}, KEY)], ids=["left empty", "entered again"]
)
async def test_a_key_that_came_while_a_change_was_open_is_kept_unless_one_is_entered(
    home: HomeAssistant,
    simulator: Simulator,
    account: SmsMobileApiConfigEntry,
    entered: dict[str, str],
    kept: str,
) -> None:
    simulator.add_account(OTHER_KEY)
    reauth = await begin_reauth(home, account)
    change = await submit(home, await begin_change(home, account), **entered)
    await finish(home, reauth, "reauth_successful", api_key=OTHER_KEY)
    await finish(home, change, "reconfigure_successful")
    assert account.data["api_key"] == kept


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
    assert shown_address(flow) == f"{EXTERNAL_URL}/api/smsmobileapi/{account.data['webhook_id']}"
    assert suggested(flow) == {"signing_secret": "whsec-0123456789"}
    assert simulator.requests == []
    # The same page again changes nothing.
    flow = await home.config_entries.flow.async_configure(flow["flow_id"])
    assert suggested(flow) == {"signing_secret": account.options["signing_secret"]}
    await finish(home, flow, "reconfigure_successful", signing_secret=options["signing_secret"])
    assert (account.data, account.options) == (data, options)
    assert account.runtime_data is not before


async def test_the_secret_can_be_changed_beside_the_address(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    rest = {"messages_per_day": 7, "region": "BE"}
    for entered, kept in (
        ({"signing_secret": " another "}, {"signing_secret": "another"}),
        ({"signing_secret": " "}, {}),
        ({}, {}),
    ):
        home.config_entries.async_update_entry(account, options={"signing_secret": "whsec", **rest})
        await settle(home)
        flow = await begin_change(home, account, "address")
        await finish(home, flow, "reconfigure_successful", **entered)
        assert account.options == kept | rest, entered
        assert account.state is ConfigEntryState.LOADED

    # Without an address there is no field for it, and it stays.
    options = {"signing_secret": "whsec", **rest}
    home.config_entries.async_update_entry(account, options=options)
    await home.config.async_update(external_url=None)
    await settle(home)
    flow = await begin_change(home, account, "address")
    assert_shown(flow, "polling", {})
    await finish(home, flow, "reconfigure_successful")
    assert account.options == options


async def test_the_address_is_shown_while_the_service_is_away(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    simulator.fault("*", "status", 9)
    await home.config_entries.async_reload(account.entry_id)
    flow = await begin_change(home, account, "address")
    assert flow["step_id"] == "webhook"
    simulator.faults.waiting.clear()
    await finish(home, flow, "reconfigure_successful")
    assert account.state is ConfigEntryState.LOADED
