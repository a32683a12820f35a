"""OAuth2 client credentials: added, asked for again, changed, taken in place of a key and given up for one."""

import asyncio
from collections.abc import Callable
import logging
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState, ConfigFlowResult
from homeassistant.core import Event, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Simulator

from ..conftest import EXTERNAL_URL, KEY, OUR_LOG, add_account, settle
from .test_account import (
    NOBODY,
    assert_aborted,
    assert_shown,
    begin,
    begin_change,
    begin_reauth,
    faulty,
    in_state,
    send_text,
    server,
    submit,
    waiting,
)

CLIENT = "client-0123456789"
SECRET = "secret-0123456789abcdef"
OTHER_CLIENT = "client-9876543210"
OTHER_SECRET = "secret-fedcba9876543210"
CREDENTIALS = {"client_id": CLIENT, "client_secret": SECRET}
OTHER_CREDENTIALS = {"client_id": OTHER_CLIENT, "client_secret": OTHER_SECRET}
TOKEN = "/oauth2/token"

type Spoil = Callable[[Simulator, Account], dict[str, Any]]


@pytest.fixture
def service_account(simulator: Simulator) -> Account:
    """An account at the service that can be used with a key and with client credentials."""
    return simulator.add_account(KEY, **CREDENTIALS)


@pytest.fixture
async def account(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> SmsMobileApiConfigEntry:
    """An account that is set up with client credentials."""
    entry = await add_account(home, simulator, **CREDENTIALS)
    assert entry.state is ConfigEntryState.LOADED
    return entry


def renew_secret(service_account: Account, secret: str = OTHER_SECRET) -> None:
    """Give the client another secret, and end what was given for the former one."""
    service_account.client_secret = secret
    service_account.tokens.clear()


def suggested(flow: ConfigFlowResult) -> dict[str, Any]:
    """Return what stands in the form's fields, those of its section left aside."""
    assert flow["data_schema"] is not None
    return {
        field.schema: field.description["suggested_value"]
        for field in flow["data_schema"].schema
        if field.description and "suggested_value" in field.description
    }


def assert_works(entry: SmsMobileApiConfigEntry) -> None:
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.last_update_success


# Adding


async def test_a_proved_client_makes_an_account(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    flow = await begin(home, "oauth2")
    assert_shown(flow, "oauth2", {})
    assert simulator.requests == []

    flow = await submit(home, flow, **CREDENTIALS, server=server(simulator.url))
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "webhook")
    assert [request.path for request in simulator.requests] == [TOKEN, "/gateway/mobile/list/", "/getsms/"]
    flow = await submit(home, flow, signing_secret=" whsec ")
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)
    (entry,) = home.config_entries.async_entries(DOMAIN)
    assert entry.data == {**CREDENTIALS, "url": simulator.url, "webhook_id": entry.data["webhook_id"]}
    assert entry.options == {"signing_secret": "whsec"}
    assert_works(entry)
    await send_text(home)
    assert len(service_account.sent) == 1
    assert not any("apikey" in request.fields for request in simulator.requests)


async def test_a_client_comes_without_the_server_and_with_blanks(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    flow = await begin(home, "oauth2")
    assert flow["data_schema"] is not None
    assert flow["data_schema"](CREDENTIALS)["server"]["url"].startswith("https://")
    entered = {name: f" {value}\n" for name, value in CREDENTIALS.items()}
    flow = await submit(home, flow, **entered, server=server(f"{simulator.url}/ "))
    flow = await submit(home, flow)
    assert flow["data"].items() >= {**CREDENTIALS, "url": simulator.url}.items()


def instead(**entered: Any) -> Spoil:
    return lambda simulator, account: entered


def dressed(token_format: str) -> Spoil:
    def spoil(simulator: Simulator, account: Account) -> dict[str, Any]:
        account.token_format = token_format  # type: ignore[assignment]  # checked by the account
        return {}

    return spoil


NOT_KNOWN = {"client_secret": "invalid_client"}
CREDENTIALS_REFUSED = [
    pytest.param(instead(client_secret="wrong"), NOT_KNOWN, id="wrong secret"),
    pytest.param(instead(client_id="wrong"), NOT_KNOWN, id="wrong client"),
    pytest.param(instead(client_secret=KEY), NOT_KNOWN, id="a key for a secret"),
    pytest.param(in_state("unknown"), NOT_KNOWN, id="revoked"),
    pytest.param(instead(client_id=" "), {"client_id": "client_id_empty"}, id="blank client"),
    pytest.param(instead(client_secret=""), {"client_secret": "client_secret_empty"}, id="no secret"),
    pytest.param(
        instead(client_id="", client_secret=""), {"client_id": "client_id_empty"}, id="nothing at all"
    ),
]
SERVICE_REFUSED = [
    pytest.param(in_state("expired"), {"base": "subscription_expired"}, id="expired"),
    pytest.param(
        in_state("expired", "result"), {"base": "subscription_expired"}, id="expired, said with 200"
    ),
    pytest.param(in_state("limited"), {"base": "rate_limited"}, id="too fast"),
    pytest.param(
        faulty(TOKEN, "status", status=429, retry_after=7), {"base": "rate_limited"}, id="token 429"
    ),
    pytest.param(faulty(TOKEN, "html"), {"base": "no_token"}, id="token is HTML"),
    pytest.param(faulty(TOKEN, "html", status=404), {"base": "no_token"}, id="token is HTML with 404"),
    pytest.param(faulty(TOKEN, "empty"), {"base": "no_token"}, id="token is nothing"),
    pytest.param(faulty(TOKEN, "nonsense"), {"base": "no_token"}, id="token is other JSON"),
    pytest.param(
        faulty(TOKEN, "nonsense", body={"success": True}), {"base": "no_token"}, id="no token in it"
    ),
    pytest.param(faulty(TOKEN, "cut"), {"base": "no_token"}, id="token cut off"),
    pytest.param(faulty(TOKEN, "drop_before", 9), {"base": "no_token"}, id="token hung up"),
    pytest.param(faulty(TOKEN, "status", status=500), {"base": "no_token"}, id="token 500"),
    pytest.param(faulty(TOKEN, "status"), {"base": "cannot_connect"}, id="token 503"),
    pytest.param(
        faulty(TOKEN, "status", status=403, error="api_expired"),
        {"base": "subscription_expired"},
        id="no token as expired",
    ),
    pytest.param(
        faulty(TOKEN, "status", 2, status=400, error="unsupported_grant_type"),
        {"base": "refused"},
        id="token refused",
    ),
    pytest.param(faulty("/gateway/mobile/list/", "status"), {"base": "cannot_connect"}, id="phones 503"),
]
SERVER_REFUSED = [
    pytest.param(instead(server=server(NOBODY)), {"base": "cannot_connect"}, id="nobody there"),
    pytest.param(instead(server=server("nonsense")), {"base": "invalid_url"}, id="no address"),
]


@pytest.mark.parametrize(
    ("spoil", "errors"),
    [
        *CREDENTIALS_REFUSED,
        *SERVICE_REFUSED,
        *SERVER_REFUSED,
        pytest.param(faulty("/getsms/", "html"), {"base": "unexpected_answer"}, id="history is HTML"),
    ],
)
async def test_a_refusal_says_why_and_can_be_corrected(
    home: HomeAssistant, simulator: Simulator, service_account: Account, spoil: Spoil, errors: dict[str, str]
) -> None:
    good = {**CREDENTIALS, "server": server(simulator.url)}
    flow = await begin(home, "oauth2")
    entered = good | spoil(simulator, service_account)
    flow = await submit(home, flow, **entered)
    assert_shown(flow, "oauth2", errors)
    # All that was typed stays.
    assert suggested(flow) == {name: entered[name] for name in CREDENTIALS}

    simulator.faults.waiting.clear()
    service_account.state = "good"
    flow = await submit(home, await submit(home, flow, **good))
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)
    assert_works(flow["result"])


async def test_too_fast_says_how_long_to_wait(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    simulator.fault(TOKEN, "status", status=429, retry_after=42)
    flow = await submit(home, await begin(home, "oauth2"), **CREDENTIALS, server=server(simulator.url))
    assert (flow["description_placeholders"] or {})["seconds"] == "42"


@pytest.mark.parametrize("secret", [SECRET, "another"])
async def test_the_same_client_is_refused(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry, secret: str
) -> None:
    flow = await begin(home, "oauth2")
    flow = await submit(
        home, flow, client_id=f" {CLIENT} ", client_secret=secret, server=server(simulator.url)
    )
    assert_aborted(flow, "already_configured")


async def test_the_same_client_in_two_dialogs_makes_one_account(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    flows = [await begin(home, "oauth2") for _ in range(2)]
    flows = [await submit(home, flow, **CREDENTIALS, server=server(simulator.url)) for flow in flows]
    first, second = [await submit(home, flow) for flow in flows]
    await settle(home)
    assert first["type"] is FlowResultType.CREATE_ENTRY
    assert_aborted(second, "already_configured")


async def test_without_an_address_polling_is_explained(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    await home.config.async_update(external_url=None)
    flow = await submit(home, await begin(home, "oauth2"), **CREDENTIALS, server=server(simulator.url))
    assert flow["step_id"] == "polling"
    flow = await submit(home, flow)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)


async def test_accounts_of_both_kinds_stand_side_by_side(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    simulator.add_account("k-2")
    simulator.add_account("k-3", **OTHER_CREDENTIALS)
    entries = [
        account,
        await add_account(home, simulator, "k-2"),
        await add_account(home, simulator, **OTHER_CREDENTIALS),
    ]
    for entry in entries:
        assert_works(entry)
    assert len({entry.data["webhook_id"] for entry in entries}) == 3


# Tokens


async def test_tokens_that_live_two_seconds_are_renewed(
    home: HomeAssistant, simulator: Simulator, service_account: Account, received: list[Event[dict[str, Any]]]
) -> None:
    service_account.token_seconds = 2
    entry = await add_account(home, simulator, **CREDENTIALS)
    for number in range(2):
        await asyncio.sleep(2.1)
        service_account.receive(number="+36301234567", message=f"text {number}")
        before = len(service_account.tokens)
        await entry.runtime_data.coordinator.async_refresh()
        await send_text(home)
        await settle(home)
        assert_works(entry)
        assert len(service_account.tokens) > before
    assert len(service_account.sent) == 2
    assert [event.data["message"] for event in received] == ["text 0", "text 1"]
    assert not waiting(home, SOURCE_REAUTH)


async def test_a_token_that_ends_in_the_middle_is_renewed_once(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    service_account.tokens.clear()
    simulator.requests.clear()
    await send_text(home)
    await settle(home)
    paths = [request.path for request in simulator.requests]
    assert paths.count(TOKEN) == 1
    assert len(service_account.sent) == 1
    assert not waiting(home, SOURCE_REAUTH)


# Another secret, because the service refuses the old one


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()


async def send(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    with pytest.raises(HomeAssistantError):
        await send_text(home)


async def set_up(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await home.config_entries.async_reload(account.entry_id)
    assert account.state is ConfigEntryState.SETUP_ERROR


@pytest.mark.parametrize("meet", [poll, send, set_up])
async def test_a_revoked_secret_is_asked_for(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    meet: Callable[[HomeAssistant, SmsMobileApiConfigEntry], Any],
) -> None:
    renew_secret(service_account)
    await meet(home, account)
    await settle(home)
    (flow,) = waiting(home, SOURCE_REAUTH)
    flow = await home.config_entries.flow.async_configure(flow["flow_id"])
    assert_shown(flow, "reauth_confirm", {})
    assert suggested(flow) == {"client_id": CLIENT}

    flow = await submit(home, flow, **CREDENTIALS)
    assert_shown(flow, "reauth_confirm", NOT_KNOWN)
    assert suggested(flow) == {"client_id": CLIENT}
    data = dict(account.data)
    flow = await submit(home, flow, client_id=CLIENT, client_secret=f" {OTHER_SECRET} ")
    assert_aborted(flow, "reauth_successful")
    await settle(home)
    assert account.data == data | {"client_secret": OTHER_SECRET}
    assert_works(account)
    assert not waiting(home, SOURCE_REAUTH)
    await send_text(home)


@pytest.mark.parametrize(("spoil", "errors"), [*CREDENTIALS_REFUSED, *SERVICE_REFUSED])
async def test_a_refused_new_secret_says_why_and_can_be_corrected(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    account: SmsMobileApiConfigEntry,
    spoil: Spoil,
    errors: dict[str, str],
) -> None:
    flow = await begin_reauth(home, account)
    data = dict(account.data)
    entered = CREDENTIALS | spoil(simulator, service_account)
    flow = await submit(home, flow, **entered)
    assert_shown(flow, "reauth_confirm", errors)
    # A typed secret has to be typed again.
    assert suggested(flow) == {"client_id": entered["client_id"]}
    assert account.data == data
    simulator.faults.waiting.clear()
    service_account.state = "good"
    assert_aborted(await submit(home, flow, **CREDENTIALS), "reauth_successful")
    await settle(home)
    assert_works(account)


async def test_reauthentication_asks_for_what_the_account_uses(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    flow = await begin_reauth(home, account)
    for entered in ({"api_key": KEY}, {**CREDENTIALS, "server": server(NOBODY)}, {"client_id": CLIENT}):
        with pytest.raises(InvalidData):
            await submit(home, flow, **entered)
    assert_aborted(await submit(home, flow, **CREDENTIALS), "reauth_successful")
    await settle(home)


async def test_reauthentication_must_not_take_another_accounts_client(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    simulator.add_account("k-3", **OTHER_CREDENTIALS)
    await add_account(home, simulator, **OTHER_CREDENTIALS)
    flow = await begin_reauth(home, account)
    assert_aborted(await submit(home, flow, **OTHER_CREDENTIALS), "already_configured")
    assert account.data["client_id"] == CLIENT


# Changing an account


@pytest.mark.parametrize(
    "entered",
    [{}, {"client_id": CLIENT}, {"client_id": CLIENT, "client_secret": " "}, {"client_id": ""}, CREDENTIALS],
    ids=["left out", "secret left out", "blank", "empty", "entered again"],
)
async def test_a_secret_left_empty_is_kept(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, entered: dict[str, str]
) -> None:
    data, before = dict(account.data), account.runtime_data
    flow = await begin_change(home, account, "change_oauth2")
    assert_shown(flow, "change_oauth2", {})
    assert suggested(flow) == {"client_id": CLIENT}
    flow = await submit(home, flow, **entered)
    assert flow["step_id"] == "webhook"
    shown = (flow["description_placeholders"] or {})["webhook_url"]
    assert shown == f"{EXTERNAL_URL}/api/webhook/{account.data['webhook_id']}"
    assert_aborted(await submit(home, flow), "reconfigure_successful")
    await settle(home)
    assert account.data == data
    assert account.runtime_data is not before
    assert_works(account)


@pytest.mark.parametrize(
    ("entered", "errors"),
    [
        ({"client_id": OTHER_CLIENT}, {"client_secret": "client_secret_empty"}),
        ({"client_secret": OTHER_SECRET}, {"client_id": "client_id_empty"}),
        ({"client_id": CLIENT, "client_secret": "wrong"}, NOT_KNOWN),
        ({"server": {"url": NOBODY}}, {"base": "cannot_connect"}),
        ({"server": {"url": "nonsense"}}, {"base": "invalid_url"}),
    ],
)
async def test_a_refused_change_says_why_and_can_be_corrected(
    home: HomeAssistant,
    simulator: Simulator,
    account: SmsMobileApiConfigEntry,
    entered: dict[str, Any],
    errors: dict[str, str],
) -> None:
    data = dict(account.data)
    flow = await submit(home, await begin_change(home, account, "change_oauth2"), **entered)
    assert_shown(flow, "change_oauth2", errors)
    typed = {name: value for name, value in entered.items() if name != "server"}
    assert suggested(flow) == {"client_id": CLIENT} | typed
    assert account.data == data
    flow = await submit(home, flow, **CREDENTIALS, server=server(simulator.url))
    assert_aborted(await submit(home, flow), "reconfigure_successful")
    await settle(home)
    assert_works(account)


async def test_another_client_and_server_are_taken(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    webhook_id = account.data["webhook_id"]
    async with Simulator() as other:
        other.add_account("k-3", **OTHER_CREDENTIALS)
        flow = await begin_change(home, account, "change_oauth2")
        flow = await submit(home, flow, **OTHER_CREDENTIALS, server=server(other.url))
        assert_aborted(await submit(home, flow), "reconfigure_successful")
        await settle(home)
        assert account.data == {**OTHER_CREDENTIALS, "url": other.url, "webhook_id": webhook_id}
        before = len(simulator.requests)
        await send_text(home)
        assert len(other.accounts["k-3"].sent) == 1
        assert len(simulator.requests) == before


async def test_a_change_without_a_secret_keeps_one_that_came_meanwhile(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    reauth = await begin_reauth(home, account)
    change = await submit(home, await begin_change(home, account, "change_oauth2"), client_id=CLIENT)
    assert change["step_id"] == "webhook"
    renew_secret(service_account)
    reauth = await submit(home, reauth, client_id=CLIENT, client_secret=OTHER_SECRET)
    assert_aborted(reauth, "reauth_successful")
    await settle(home)
    assert_aborted(await submit(home, change), "reconfigure_successful")
    await settle(home)
    assert account.data["client_secret"] == OTHER_SECRET
    assert_works(account)


async def test_a_change_must_not_take_another_accounts_client(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    simulator.add_account("k-3", **OTHER_CREDENTIALS)
    flow = await begin_change(home, account, "change_oauth2")
    late = await submit(home, flow, **OTHER_CREDENTIALS)
    assert late["step_id"] == "webhook"
    await add_account(home, simulator, **OTHER_CREDENTIALS)
    flow = await submit(home, await begin_change(home, account, "change_oauth2"), **OTHER_CREDENTIALS)
    assert_aborted(flow, "already_configured")
    assert_aborted(await submit(home, late), "already_configured")
    await settle(home)
    assert account.data["client_id"] == CLIENT


async def test_a_client_takes_the_place_of_a_key_and_the_other_way_round(
    home: HomeAssistant, simulator: Simulator, service_account: Account, received: list[Event[dict[str, Any]]]
) -> None:
    entry = await add_account(home, simulator)
    rest = {"url": simulator.url, "webhook_id": entry.data["webhook_id"]}
    for number, (step, credentials) in enumerate(
        [("change_oauth2", CREDENTIALS), ("change_api_key", {"api_key": KEY}), ("change_oauth2", CREDENTIALS)]
    ):
        flow = await begin_change(home, entry, step)
        assert suggested(flow) == {}
        # A message that comes while the dialog is open is not lost.
        service_account.receive(number="+36301234567", message=f"text {number}")
        flow = await submit(home, flow, **credentials)
        assert flow["step_id"] == "webhook"
        assert_aborted(await submit(home, flow), "reconfigure_successful")
        await settle(home)
        assert entry.data == credentials | rest
        assert_works(entry)
        simulator.requests.clear()
        await send_text(home)
        await poll(home, entry)
        signed_by_key = {"apikey" in request.fields for request in simulator.requests}
        assert signed_by_key == {"api_key" in credentials}
    assert [event.data["message"] for event in received] == [f"text {number}" for number in range(3)]


@pytest.mark.parametrize(
    ("has", "step", "errors"),
    [
        ({}, "change_oauth2", {"client_id": "client_id_empty"}),
        (CREDENTIALS, "change_api_key", {"api_key": "api_key_empty"}),
    ],
)
async def test_the_other_kind_has_to_be_entered_whole(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    has: dict[str, str],
    step: str,
    errors: dict[str, str],
) -> None:
    entry = await add_account(home, simulator, **has)
    flow = await begin_change(home, entry, step)
    with pytest.raises(InvalidData):
        await submit(home, flow)
    kind = ("api_key",) if step == "change_api_key" else tuple(CREDENTIALS)
    assert_shown(await submit(home, flow, **dict.fromkeys(kind, " ")), step, errors)


async def test_a_change_of_kind_ends_a_question_for_the_old_one(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    renew_secret(service_account)
    await set_up(home, account)
    assert waiting(home, SOURCE_REAUTH)
    flow = await submit(home, await begin_change(home, account, "change_api_key"), api_key=KEY)
    assert_aborted(await submit(home, flow), "reconfigure_successful")
    await settle(home)
    assert_works(account)
    assert not waiting(home, SOURCE_REAUTH)


# Secrecy


async def test_no_secret_and_no_token_is_in_any_log(
    home: HomeAssistant, simulator: Simulator, service_account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    flow = await begin(home, "oauth2")
    for wrong in ({"client_secret": OTHER_SECRET}, {"server": server(NOBODY)}, {}):
        flow = await submit(home, flow, **{**CREDENTIALS, "server": server(simulator.url)} | wrong)
    flow = await submit(home, flow)
    await settle(home)
    entry = flow["result"]
    simulator.fault(TOKEN, "html", status=403)
    service_account.revoke_tokens()
    await poll(home, entry)
    renew_secret(service_account)
    await poll(home, entry)
    await settle(home)
    (flow,) = waiting(home, SOURCE_REAUTH)
    await submit(home, flow, client_id=CLIENT, client_secret=OTHER_SECRET)
    await settle(home)
    assert_works(entry)
    assert OUR_LOG in caplog.text
    for secret in (CLIENT, SECRET, OTHER_SECRET, entry.data["webhook_id"], *service_account.tokens):
        assert secret not in caplog.text


async def test_a_dialog_that_is_over_redacts_nothing_any_more(
    home: HomeAssistant, simulator: Simulator, service_account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    flow = await begin(home, "oauth2")
    flow = await submit(home, flow, **OTHER_CREDENTIALS, server=server(simulator.url))
    assert_shown(flow, "oauth2", NOT_KNOWN)
    logging.getLogger("anybody").warning("an innocent word: %s", OTHER_SECRET)
    assert OTHER_SECRET in caplog.text
