"""OAuth2 client credentials: added, asked for again, changed, used instead of a key and replaced by one."""

from collections.abc import Callable
import logging
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.data_entry_flow import InvalidData
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator

from ..conftest import EXTERNAL_URL, KEY, OUR_LOG, add_account, settle
from .dialogs import (
    CREDENTIALS,
    NOBODY,
    OTHER_CREDENTIALS,
    TOKEN,
    Refusals,
    another_server,
    assert_shown,
    begin,
    begin_change,
    begin_reauth,
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

CLIENT, SECRET = CREDENTIALS.values()
OTHER_CLIENT, OTHER_SECRET = OTHER_CREDENTIALS.values()


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


def assert_works(entry: SmsMobileApiConfigEntry) -> None:
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.last_update_success


# Adding


async def test_a_client_that_the_service_knows_makes_an_account(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    flow = await begin(home, "oauth2")
    assert_shown(flow, "oauth2", {})
    assert flow["data_schema"] is not None
    assert flow["data_schema"](CREDENTIALS)["server"]["url"].startswith("https://")
    assert simulator.requests == []

    entered = {name: f" {value}\n" for name, value in CREDENTIALS.items()}
    flow = await submit(home, flow, **entered, server=server(f"{simulator.url}/ "))
    assert flow["step_id"] == "webhook"
    assert [request.path for request in simulator.requests] == [TOKEN, "/gateway/mobile/list/", "/getsms/"]
    entry = await finish(home, flow, signing_secret=" whsec ")
    assert entry.data == {**CREDENTIALS, "url": simulator.url, "webhook_id": entry.data["webhook_id"]}
    assert entry.options == {"signing_secret": "whsec"}
    assert_works(entry)
    await send_text(home)
    assert len(service_account.sent) == 1
    assert not any("apikey" in request.fields for request in simulator.requests)


NOT_KNOWN = {"client_secret": "invalid_client"}
CREDENTIALS_REFUSED: Refusals = [
    ("wrong secret", instead(client_secret="wrong"), NOT_KNOWN),
    ("wrong client", instead(client_id="wrong"), NOT_KNOWN),
    ("a key for a secret", instead(client_secret=KEY), NOT_KNOWN),
    ("revoked", in_state("unknown"), NOT_KNOWN),
    ("blank client", instead(client_id=" "), {"client_id": "client_id_empty"}),
    ("no secret", instead(client_secret=""), {"client_secret": "client_secret_empty"}),
    ("nothing at all", instead(client_id="", client_secret=""), {"client_id": "client_id_empty"}),
]
# Tokens are asked for anew after this one, so it comes first.
NO_TOKEN: Refusals = [
    ("429", faulty(TOKEN, "status", status=429, retry_after=7), {"base": "rate_limited"}),
    ("HTML", faulty(TOKEN, "html"), {"base": "no_token"}),
    ("HTML with 404", faulty(TOKEN, "html", status=404), {"base": "no_token"}),
    ("nothing", faulty(TOKEN, "empty"), {"base": "no_token"}),
    ("other JSON", faulty(TOKEN, "nonsense"), {"base": "no_token"}),
    ("no token in it", faulty(TOKEN, "nonsense", body={"success": True}), {"base": "no_token"}),
    ("cut off", faulty(TOKEN, "cut"), {"base": "no_token"}),
    ("hung up", faulty(TOKEN, "drop_before", 9), {"base": "no_token"}),
    ("500", faulty(TOKEN, "status", status=500), {"base": "no_token"}),
    ("503", faulty(TOKEN, "status"), {"base": "cannot_connect"}),
    (
        "expired",
        faulty(TOKEN, "status", status=403, error="api_expired"),
        {"base": "subscription_expired"},
    ),
    (
        "refused",
        faulty(TOKEN, "status", 2, status=400, error="unsupported_grant_type"),
        {"base": "refused"},
    ),
]
SERVICE_REFUSED: Refusals = [
    ("expired", in_state("expired"), {"base": "subscription_expired"}),
    ("expired, said with 200", in_state("expired", "result"), {"base": "subscription_expired"}),
    ("too fast", in_state("limited"), {"base": "rate_limited"}),
    ("phones 503", faulty("/gateway/mobile/list/", "status"), {"base": "cannot_connect"}),
]
SERVER_REFUSED: Refusals = [
    ("nobody there", another_server(NOBODY), {"base": "cannot_connect"}),
    ("no address", another_server("nonsense"), {"base": "invalid_url"}),
]
HISTORY_REFUSED: Refusals = [("history", faulty("/getsms/", "html"), {"base": "unexpected_answer"})]


@pytest.mark.parametrize(
    "refusals",
    [CREDENTIALS_REFUSED, NO_TOKEN, SERVICE_REFUSED + SERVER_REFUSED + HISTORY_REFUSED],
    ids=["credentials", "token", "service"],
)
async def test_a_refusal_says_why_and_can_be_corrected(
    home: HomeAssistant, simulator: Simulator, service_account: Account, refusals: Refusals
) -> None:
    right = {**CREDENTIALS, "server": server(simulator.url)}
    flow = await refuse_each(home, simulator, service_account, await begin(home, "oauth2"), refusals, **right)
    assert_works(await finish(home, await submit(home, flow, **right)))


async def test_the_same_client_is_refused(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    """Whatever its secret, also where it was added while the dialog was open, and in another account's dialogs."""
    right = {**CREDENTIALS, "server": server(simulator.url)}
    late = await submit(home, await begin(home, "oauth2"), **right)
    first = await add_account(home, simulator, **CREDENTIALS)
    await finish(home, late, "already_configured")
    for secret in (SECRET, "another"):
        entered = right | {"client_id": f" {CLIENT} ", "client_secret": secret}
        await finish(home, await begin(home, "oauth2"), "already_configured", **entered)

    simulator.add_account("k-3", **OTHER_CREDENTIALS)
    late = await submit(home, await begin_change(home, first, "change_oauth2"), **OTHER_CREDENTIALS)
    second = await add_account(home, simulator, **OTHER_CREDENTIALS)
    await finish(home, late, "already_configured")
    flow = await begin_change(home, first, "change_oauth2")
    await finish(home, flow, "already_configured", **OTHER_CREDENTIALS)
    await finish(home, await begin_reauth(home, first), "already_configured", **OTHER_CREDENTIALS)
    assert [entry.data["client_id"] for entry in (first, second)] == [CLIENT, OTHER_CLIENT]


async def test_accounts_of_both_kinds_work_side_by_side(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry
) -> None:
    simulator.add_account("k-2")
    simulator.add_account("k-3", **OTHER_CREDENTIALS)
    entries = [account, await add_account(home, simulator, "k-2")]
    entries.append(await add_account(home, simulator, **OTHER_CREDENTIALS))
    for entry in entries:
        assert_works(entry)
    assert len({entry.data["webhook_id"] for entry in entries}) == 3


async def test_a_token_that_is_over_is_renewed_once(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    for number in range(2):
        service_account.tokens.clear()
        simulator.requests.clear()
        await send_text(home)
        await settle(home)
        assert [request.path for request in simulator.requests].count(TOKEN) == 1
        assert len(service_account.sent) == number + 1
    assert not waiting(home, SOURCE_REAUTH)


# Another secret, because the service refuses the old one


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()


async def send(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    with pytest.raises(HomeAssistantError):
        await send_text(home)


async def set_up(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("use", [poll, send, set_up])
async def test_a_revoked_secret_is_asked_for(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    use: Callable[[HomeAssistant, SmsMobileApiConfigEntry], Any],
) -> None:
    renew_secret(service_account)
    await use(home, account)
    await settle(home)
    (flow,) = waiting(home, SOURCE_REAUTH)
    flow = await home.config_entries.flow.async_configure(flow["flow_id"])
    assert_shown(flow, "reauth_confirm", {})
    assert suggested(flow) == {"client_id": CLIENT}

    flow = await submit(home, flow, **CREDENTIALS)
    assert_shown(flow, "reauth_confirm", NOT_KNOWN)
    data = dict(account.data)
    await finish(home, flow, "reauth_successful", client_id=CLIENT, client_secret=f" {OTHER_SECRET} ")
    assert account.data == data | {"client_secret": OTHER_SECRET}
    assert_works(account)
    assert not waiting(home, SOURCE_REAUTH)
    await send_text(home)


async def test_a_refused_new_secret_says_why_and_can_be_corrected(
    home: HomeAssistant, simulator: Simulator, service_account: Account, account: SmsMobileApiConfigEntry
) -> None:
    flow = await begin_reauth(home, account)
    # Only what the account uses can be entered.
    for entered in ({"api_key": KEY}, {**CREDENTIALS, "server": server(NOBODY)}, {"client_id": CLIENT}):
        with pytest.raises(InvalidData):
            await submit(home, flow, **entered)
    data = dict(account.data)
    refusals = CREDENTIALS_REFUSED + NO_TOKEN + SERVICE_REFUSED
    flow = await refuse_each(home, simulator, service_account, flow, refusals, **CREDENTIALS)
    assert account.data == data
    await finish(home, flow, "reauth_successful", **CREDENTIALS)
    assert_works(account)


# Changing an account


async def test_a_secret_left_empty_is_kept(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    data = dict(account.data)
    for entered in (
        {},
        {"client_id": CLIENT},
        {"client_id": CLIENT, "client_secret": " "},
        {"client_id": ""},
        CREDENTIALS,
    ):
        before = account.runtime_data
        flow = await begin_change(home, account, "change_oauth2")
        assert_shown(flow, "change_oauth2", {})
        assert suggested(flow) == {"client_id": CLIENT}
        flow = await submit(home, flow, **entered)
        assert shown_address(flow) == f"{EXTERNAL_URL}/api/smsmobileapi/{account.data['webhook_id']}"
        await finish(home, flow, "reconfigure_successful")
        assert account.data == data, entered
        assert account.runtime_data is not before
        assert_works(account)


async def test_a_refused_change_says_why_and_can_be_corrected(
    home: HomeAssistant, simulator: Simulator, service_account: Account, account: SmsMobileApiConfigEntry
) -> None:
    data = dict(account.data)
    refusals: Refusals = [
        ("no secret", instead(client_id=OTHER_CLIENT), {"client_secret": "client_secret_empty"}),
        ("no client", instead(client_secret=OTHER_SECRET), {"client_id": "client_id_empty"}),
        ("wrong secret", instead(client_id=CLIENT, client_secret="wrong"), NOT_KNOWN),
        *SERVER_REFUSED,
    ]
    right = {"server": server(simulator.url)}
    flow = await begin_change(home, account, "change_oauth2")
    flow = await refuse_each(home, simulator, service_account, flow, refusals, **right)
    assert account.data == data
    await finish(home, await submit(home, flow, **CREDENTIALS, **right), "reconfigure_successful")
    assert_works(account)


async def test_a_change_without_a_secret_keeps_one_that_came_meanwhile(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    reauth = await begin_reauth(home, account)
    change = await submit(home, await begin_change(home, account, "change_oauth2"), client_id=CLIENT)
    assert change["step_id"] == "webhook"
    renew_secret(service_account)
    await finish(home, reauth, "reauth_successful", client_id=CLIENT, client_secret=OTHER_SECRET)
    await finish(home, change, "reconfigure_successful")
    assert account.data["client_secret"] == OTHER_SECRET
    assert_works(account)


async def test_a_client_replaces_a_key_and_the_other_way_round(
    home: HomeAssistant, simulator: Simulator, service_account: Account, received: list[Event[dict[str, Any]]]
) -> None:
    entry = await add_account(home, simulator)
    rest = {"url": simulator.url, "webhook_id": entry.data["webhook_id"]}
    steps: list[tuple[str, dict[str, str]]] = [
        ("change_oauth2", CREDENTIALS),
        ("change_api_key", {"api_key": KEY}),
        ("change_oauth2", CREDENTIALS),
    ]
    for number, (step, credentials) in enumerate(steps):
        flow = await begin_change(home, entry, step)
        assert suggested(flow) == {}
        # The other kind has to be entered whole.
        with pytest.raises(InvalidData):
            await submit(home, flow)
        first = next(iter(credentials))
        flow = await submit(home, flow, **dict.fromkeys(credentials, " "))
        assert_shown(flow, step, {first: f"{first}_empty"})
        # A message that comes while the dialog is open is not lost.
        service_account.receive(number="+36301234567", message=f"text {number}")
        await finish(home, await submit(home, flow, **credentials), "reconfigure_successful")
        assert entry.data == credentials | rest
        assert_works(entry)
        simulator.requests.clear()
        await send_text(home)
        await poll(home, entry)
        signed_by_key = {"apikey" in request.fields for request in simulator.requests}
        assert signed_by_key == {"api_key" in credentials}
    assert [event.data["message"] for event in received] == [f"text {number}" for number in range(3)]


async def test_a_change_of_kind_ends_a_question_for_the_old_one(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    renew_secret(service_account)
    await set_up(home, account)
    assert waiting(home, SOURCE_REAUTH)
    flow = await submit(home, await begin_change(home, account, "change_api_key"), api_key=KEY)
    await finish(home, flow, "reconfigure_successful")
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
    entry = await finish(home, flow)
    simulator.fault(TOKEN, "html", status=403)
    service_account.revoke_tokens()
    await poll(home, entry)
    renew_secret(service_account)
    await poll(home, entry)
    await settle(home)
    (flow,) = waiting(home, SOURCE_REAUTH)
    await finish(home, flow, "reauth_successful", client_id=CLIENT, client_secret=OTHER_SECRET)
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
