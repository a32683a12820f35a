"""Whose credentials these are: a renewed key loses nothing, another account's brings nothing of its past."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState, ConfigFlowResult
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.api import Phone
from custom_components.smsmobileapi.const import DOMAIN, EVENT_CALL
from custom_components.smsmobileapi.credentials import is_other_account
from custom_components.smsmobileapi.phones import phone_identifier
from simulator import Account, Phone as ServicePhone, Simulator

from .conftest import EXTERNAL_URL, KEY, add_account, settle
from .flows.dialogs import (
    CREDENTIALS,
    OTHER_CREDENTIALS,
    OTHER_KEY,
    assert_aborted,
    begin_change,
    begin_reauth,
    cloudhooks,  # noqa: F401 -- a fixture
    rotate,
    server,
    shown_address,
    submit,
    suggested,
    waiting,
)

ANNA = "+36301234567"
DAY = 86400.0

type Received = list[Event[dict[str, Any]]]


def texts(received: Received) -> list[str]:
    return [event.data["message"] for event in received]


def ago(seconds: float) -> float:
    return dt_util.utcnow().timestamp() - seconds


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


def phone_devices(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> set[str]:
    """Return the SIDs of the phones that have a device."""
    registry = dr.async_get(home)
    return {
        sid
        for sid in ("phone-1", "phone-2", "phone-9")
        if registry.async_get_device_by_identifier(phone_identifier(account, sid), account.entry_id)
    }


@pytest.fixture
def other(simulator: Simulator) -> Account:
    """Another account at the service, with another phone, a past, and client credentials beside its key."""
    account = simulator.add_account(OTHER_KEY, phones=[ServicePhone(sid="phone-2")], **OTHER_CREDENTIALS)
    account.receive(number=ANNA, message="years ago", timestamp=ago(1000 * DAY))
    account.receive(number=ANNA, message="days ago", timestamp=ago(3 * DAY))
    account.receive(number=ANNA, message="a minute ago", timestamp=ago(60))
    account.receive(number=ANNA, message="a moment ago")
    account.add_call("missed", ANNA, at=ago(DAY))
    account.add_call("incoming", ANNA, at=ago(60))
    return account


# Another account's


async def by_reauth(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, **credentials: str
) -> ConfigFlowResult:
    return await submit(home, await begin_reauth(home, account), **credentials)


async def by_reconfigure(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, **credentials: str
) -> ConfigFlowResult:
    step = "change_api_key" if "api_key" in credentials else "change_oauth2"
    flow = await submit(home, await begin_change(home, account, step), **credentials)
    assert shown_address(flow)
    return await submit(home, flow)


type Switch = Callable[..., Awaitable[ConfigFlowResult]]

BY_KEY, BY_CLIENT = {"api_key": OTHER_KEY}, OTHER_CREDENTIALS


@pytest.mark.parametrize(
    ("had", "switch", "credentials", "is_loaded"),
    [
        pytest.param({}, by_reauth, BY_KEY, False, id="reauth, key, unloaded"),
        pytest.param(CREDENTIALS, by_reauth, BY_CLIENT, True, id="reauth, client, loaded"),
        pytest.param({}, by_reconfigure, BY_KEY, True, id="reconfigure, key, loaded"),
        pytest.param({}, by_reconfigure, BY_CLIENT, False, id="reconfigure, key to client, unloaded"),
        pytest.param(CREDENTIALS, by_reconfigure, BY_KEY, True, id="reconfigure, client to key, loaded"),
    ],
)
async def test_another_accounts_credentials_bring_nothing_of_its_past(
    home: HomeAssistant,
    simulator: Simulator,
    other: Account,
    received: Received,
    had: dict[str, str],
    switch: Switch,
    credentials: dict[str, str],
    is_loaded: bool,
) -> None:
    calls = async_capture_events(home, EVENT_CALL)
    former = simulator.add_account(KEY, **CREDENTIALS)
    account = await add_account(home, simulator, **had)
    former.receive(number=ANNA, message="for the former account")
    await poll(home, account)
    if not is_loaded:
        await home.config_entries.async_unload(account.entry_id)

    webhook_id = account.data["webhook_id"]
    assert_aborted(await switch(home, account, **credentials), "switched_account")
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    new_id = account.data["webhook_id"]
    assert new_id != webhook_id
    assert account.data == {**credentials, "url": simulator.url, "webhook_id": new_id}
    assert not waiting(home, SOURCE_REAUTH)

    former.receive(number=ANNA, message="for nobody any more")
    other.receive(number=ANNA, message="new")
    await poll(home, account)
    assert texts(received) == ["for the former account", "new"]
    # Nor after the next start, nor after the other account's phone comes back with more.
    await home.config_entries.async_reload(account.entry_id)
    other.receive(number=ANNA, message="newer")
    await settle(home)
    await poll(home, account)
    assert texts(received) == ["for the former account", "new", "newer"]
    assert calls == []


async def test_a_second_switch_is_noticed_and_so_is_the_way_back(
    home: HomeAssistant,
    simulator: Simulator,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    other: Account,
    received: Received,
) -> None:
    """The phones of a former account do not count: each switch has a new address and a history of its own."""
    third = simulator.add_account("k-3", phones=[ServicePhone(sid="phone-9")])
    service_account.receive(number=ANNA, message="mine")
    await poll(home, account)
    webhook_ids = {account.data["webhook_id"]}
    for accounts, sid in ((other, "phone-2"), (third, "phone-9"), (service_account, "phone-1")):
        accounts.receive(number=ANNA, message="before the switch")
        assert_aborted(await by_reauth(home, account, api_key=accounts.key), "switched_account")
        await settle(home)
        assert account.data["webhook_id"] not in webhook_ids
        webhook_ids.add(account.data["webhook_id"])
        # The former phone is gone with its entities, also after more polls.
        await poll(home, account)
        assert phone_devices(home, account) == {sid}
        assert [phone.sid for phone in account.runtime_data.phones] == [sid]
        entities = er.async_entries_for_config_entry(er.async_get(home), account.entry_id)
        assert {entity.unique_id.split("_")[1] for entity in entities if "phone-" in entity.unique_id} == {
            sid
        }
        accounts.receive(number=ANNA, message=f"for {sid}")
        await poll(home, account)
    assert texts(received) == ["mine", "for phone-2", "for phone-9", "for phone-1"]


async def test_the_former_accounts_webhook_brings_nothing_any_more(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    other: Account,
    received: Received,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await async_setup_component(home, DOMAIN, {})
    client: TestClient[Any, Any] = await hass_client()

    async def bring(row: Any, webhook_id: str) -> int:
        body = {"guid": row.guid, "number": row.number, "message": row.message, "time_received": ""}
        async with client.post(f"/api/smsmobileapi/{webhook_id}", json=body) as response:
            return response.status

    account = await add_account(home, simulator)
    webhook_id = account.data["webhook_id"]
    mine = service_account.receive(number=ANNA, message="mine")
    assert await bring(mine, webhook_id) == HTTPStatus.OK
    assert account.runtime_data.webhook.is_working

    await by_reconfigure(home, account, api_key=OTHER_KEY)
    await settle(home)
    await bring(service_account.receive(number=ANNA, message="nobody's"), webhook_id)
    assert not account.runtime_data.webhook.is_working
    await bring(other.receive(number=ANNA, message="theirs"), account.data["webhook_id"])
    await settle(home)
    assert texts(received) == ["mine", "theirs"]


@pytest.mark.parametrize("how", ["reconfigure", "reauth", "no address"])
async def test_a_switch_shows_the_new_address_and_forgets_the_former_secret_and_phone(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, other: Account, how: str
) -> None:
    options = {"signing_secret": "whsec-former", "phone": "phone-1", "sim": 2}
    home.config_entries.async_update_entry(account, options=options)
    await settle(home)
    kept: dict[str, Any] = {"sim": 2}
    url = None
    if how == "reauth":
        flow = await by_reauth(home, account, api_key=OTHER_KEY)
    elif how == "no address":
        await home.config.async_update(external_url=None)
        flow = await submit(home, await begin_change(home, account), api_key=OTHER_KEY)
        assert flow["step_id"] == "polling"
        flow = await submit(home, flow)
    else:
        flow = await submit(home, await begin_change(home, account), api_key=OTHER_KEY)
        url = shown_address(flow)
        assert suggested(flow) == {}
        flow = await submit(home, flow, signing_secret="whsec-other")
        kept |= {"signing_secret": "whsec-other"}
    assert_aborted(flow, "switched_account")
    await settle(home)
    assert account.options == kept
    assert url in {None, f"{EXTERNAL_URL}/api/smsmobileapi/{account.data['webhook_id']}"}


async def test_a_switch_leaves_no_address_at_the_cloud_behind(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    other: Account,
    cloudhooks: dict[str, str],  # noqa: F811 -- a fixture
) -> None:
    account = await add_account(home, simulator)
    former = account.data["webhook_id"]
    flow = await submit(home, await begin_change(home, account), api_key=OTHER_KEY)
    assert former in cloudhooks and len(cloudhooks) == 2
    home.config_entries.flow.async_abort(flow["flow_id"])
    await settle(home)
    assert list(cloudhooks) == [former]
    # Nor was anything else done.
    assert phone_devices(home, account) == {"phone-1"}

    assert_aborted(await by_reconfigure(home, account, api_key=OTHER_KEY), "switched_account")
    await settle(home)
    assert list(cloudhooks) == [account.data["webhook_id"]] != [former]


async def test_a_history_that_cannot_be_fetched_is_said(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry, other: Account
) -> None:
    data = dict(account.data)
    flow = await begin_reauth(home, account)
    simulator.fault("/getsms/", "html")
    flow = await submit(home, flow, api_key=OTHER_KEY)
    assert flow["errors"] == {"base": "unexpected_answer"}
    assert account.data == data
    assert_aborted(await submit(home, flow, api_key=OTHER_KEY), "switched_account")
    await settle(home)


async def test_the_same_key_at_another_server_can_be_another_account(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, received: Received
) -> None:
    async with Simulator() as elsewhere:
        there = elsewhere.add_account(KEY, phones=[ServicePhone(sid="phone-2")])
        there.receive(number=ANNA, message="old")
        flow = await submit(home, await begin_change(home, account), server=server(elsewhere.url))
        assert_aborted(await submit(home, flow), "switched_account")
        await settle(home)
        assert (account.data["api_key"], account.data["url"]) == (KEY, elsewhere.url)
        assert texts(received) == []


# The same account's


def its_phone(simulator: Simulator, service_account: Account) -> None:
    service_account.phones.append(ServicePhone(sid="phone-9"))


def no_phone(simulator: Simulator, service_account: Account) -> None:
    service_account.phones.clear()


def unreadable_phones(simulator: Simulator, service_account: Account) -> None:
    simulator.fault("/gateway/mobile/list/", "nonsense")


@pytest.mark.parametrize("now", [its_phone, no_phone, unreadable_phones])
@pytest.mark.parametrize("is_loaded", [True, False], ids=["loaded", "unloaded"])
async def test_a_renewed_key_loses_no_message_that_came_meanwhile(
    home: HomeAssistant,
    simulator: Simulator,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: Received,
    now: Callable[[Simulator, Account], None],
    is_loaded: bool,
) -> None:
    service_account.receive(number=ANNA, message="before")
    await poll(home, account)
    rotate(simulator, service_account)
    if not is_loaded:
        await home.config_entries.async_unload(account.entry_id)
    service_account.receive(number=ANNA, message="meanwhile")
    service_account.receive(number=ANNA, message="late", timestamp=ago(DAY - 60))
    data = dict(account.data)
    flow = await begin_reauth(home, account)
    now(simulator, service_account)
    simulator.requests.clear()
    assert_aborted(await submit(home, flow, api_key=OTHER_KEY), "reauth_successful")
    assert "/getsms/" not in {request.path for request in simulator.requests}
    await settle(home)
    await poll(home, account)
    assert account.data == data | {"api_key": OTHER_KEY}
    assert sorted(texts(received)) == ["before", "late", "meanwhile"]
    assert "phone-1" in phone_devices(home, account)


async def test_an_account_that_never_had_a_phone_is_the_same(
    home: HomeAssistant, simulator: Simulator, service_account: Account, received: Received
) -> None:
    service_account.phones.clear()
    account = await add_account(home, simulator)
    rotate(simulator, service_account)
    service_account.phones.append(ServicePhone(sid="phone-9"))
    service_account.receive(number=ANNA, message="meanwhile")
    assert_aborted(await by_reauth(home, account, api_key=OTHER_KEY), "reauth_successful")
    await settle(home)
    assert texts(received) == ["meanwhile"]


async def test_the_same_credentials_are_the_same_account(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, received: Received
) -> None:
    """Whatever else is different: its only phone may have been replaced."""
    service_account.receive(number=ANNA, message="new")
    service_account.phones[:] = [ServicePhone(sid="phone-9")]
    assert_aborted(await by_reauth(home, account, api_key=KEY), "reauth_successful")
    await settle(home)
    assert texts(received) == ["new"]
    assert phone_devices(home, account) == {"phone-1", "phone-9"}


async def test_other_accounts_are_known_by_their_phones(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    one, two = Phone(sid="phone-1"), Phone(sid="phone-2")
    for is_loaded in (True, False):
        if not is_loaded:
            await home.config_entries.async_unload(account.entry_id)
        for listed, is_other in (
            ([one], False),
            ([two, one], False),
            ([two], True),
            ([], False),
            (None, False),
        ):
            assert is_other_account(home, account, listed) is is_other, (is_loaded, listed)
    # It is only a question.
    assert phone_devices(home, account) == {"phone-1"}
    assert len(home.config_entries.async_entries(DOMAIN)) == 1
