"""Whose credentials these are: a renewed key loses nothing, another account's brings nothing of its past."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState, ConfigFlowResult
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.api import Channel, Phone, ReceivedMessage, Source
from custom_components.smsmobileapi.const import DOMAIN, EVENT_CALL
from custom_components.smsmobileapi.identity import is_other_account
from custom_components.smsmobileapi.phones import devices_of
from simulator import Account, Phone as ServicePhone, Simulator

from .conftest import EXTERNAL_URL, KEY, add_account, settle
from .flows.test_account import (
    OTHER_KEY,
    assert_aborted,
    begin_change,
    begin_reauth,
    cloudhooks,  # noqa: F401 -- a fixture
    server,
    submit,
    waiting,
)

ANNA = "+36301234567"
DAY = 86400.0
CREDENTIALS = {"client_id": "client-0123456789", "client_secret": "secret-0123456789abcdef"}
OTHER_CREDENTIALS = {"client_id": "client-9876543210", "client_secret": "secret-fedcba9876543210"}

type Received = list[Event[dict[str, Any]]]


def texts(received: Received) -> list[str]:
    return [event.data["message"] for event in received]


def ago(seconds: float) -> float:
    return dt_util.utcnow().timestamp() - seconds


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


def rotate(simulator: Simulator, service_account: Account, key: str = OTHER_KEY) -> None:
    """Give an account at the service another key; the old one is unknown from then on."""
    simulator.accounts[key] = simulator.accounts.pop(service_account.key)
    service_account.key = key


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
    assert flow["step_id"] == "webhook"
    return await submit(home, flow)


type Switch = Callable[..., Awaitable[ConfigFlowResult]]

BY_KEY, BY_CLIENT = {"api_key": OTHER_KEY}, OTHER_CREDENTIALS


@pytest.mark.parametrize(
    ("had", "switch", "credentials"),
    [
        pytest.param({}, by_reauth, BY_KEY, id="reauth, key"),
        pytest.param(CREDENTIALS, by_reauth, BY_CLIENT, id="reauth, client"),
        pytest.param({}, by_reconfigure, BY_KEY, id="reconfigure, key"),
        pytest.param({}, by_reconfigure, BY_CLIENT, id="reconfigure, key to client"),
        pytest.param(CREDENTIALS, by_reconfigure, BY_KEY, id="reconfigure, client to key"),
    ],
)
@pytest.mark.parametrize("is_loaded", [True, False], ids=["loaded", "failed"])
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
        former.state = "unknown"
        await home.config_entries.async_reload(account.entry_id)
        assert account.state is ConfigEntryState.SETUP_ERROR

    webhook_id = account.data["webhook_id"]
    assert_aborted(await switch(home, account, **credentials), "switched_account")
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    new_id = account.data["webhook_id"]
    assert new_id != webhook_id
    assert account.data == {**credentials, "url": simulator.url, "webhook_id": new_id}
    assert not waiting(home, SOURCE_REAUTH)

    former.receive(number=ANNA, message="nobody's any more")
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


async def test_the_former_accounts_webhook_brings_nothing_any_more(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    other: Account,
    received: Received,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await async_setup_component(home, "webhook", {})
    client: TestClient[Any, Any] = await hass_client()

    async def bring(row: Any, webhook_id: str) -> int:
        body = {"guid": row.guid, "number": row.number, "message": row.message, "time_received": ""}
        async with client.post(f"/api/webhook/{webhook_id}", json=body) as response:
            return response.status

    account = await add_account(home, simulator)
    webhook_id = account.data["webhook_id"]
    home.config_entries.async_update_entry(account, options={"signing_secret": "", "phone": "phone-1"})
    await settle(home)
    assert (
        await bring(service_account.receive(number=ANNA, message="mine"), webhook_id)
    ) is HTTPStatus.OK.value
    assert account.runtime_data.webhook.is_proved

    await by_reconfigure(home, account, api_key=OTHER_KEY)
    await settle(home)
    await bring(service_account.receive(number=ANNA, message="nobody's"), webhook_id)
    assert not account.runtime_data.webhook.is_proved
    await bring(other.receive(number=ANNA, message="theirs"), account.data["webhook_id"])
    await settle(home)
    assert texts(received) == ["mine", "theirs"]


async def test_a_switch_shows_the_new_address_and_asks_for_the_new_secret(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, other: Account
) -> None:
    options = {"signing_secret": "whsec-former", "phone": "phone-1", "sim": 2}
    home.config_entries.async_update_entry(account, options=options)
    await settle(home)
    webhook_id = account.data["webhook_id"]
    flow = await submit(home, await begin_change(home, account), api_key=OTHER_KEY)
    url = (flow["description_placeholders"] or {})["webhook_url"]
    assert flow["data_schema"] is not None
    assert [field.description for field in flow["data_schema"].schema] == [None]
    assert_aborted(await submit(home, flow, signing_secret="whsec-other"), "switched_account")
    await settle(home)
    assert url == f"{EXTERNAL_URL}/api/webhook/{account.data['webhook_id']}"
    assert account.data["webhook_id"] != webhook_id
    assert account.options == {"signing_secret": "whsec-other", "sim": 2}


async def test_a_switch_without_a_dialog_for_it_forgets_the_former_secret(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, other: Account
) -> None:
    options = {"signing_secret": "whsec-former", "phone": "phone-1", "sim": 2}
    home.config_entries.async_update_entry(account, options=options)
    await settle(home)
    assert_aborted(await by_reauth(home, account, api_key=OTHER_KEY), "switched_account")
    await settle(home)
    assert account.options == {"sim": 2}


async def test_a_switch_without_an_address_forgets_the_former_secret(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, other: Account
) -> None:
    home.config_entries.async_update_entry(account, options={"signing_secret": "whsec-former", "sim": 2})
    await settle(home)
    await home.config.async_update(external_url=None)
    flow = await submit(home, await begin_change(home, account), api_key=OTHER_KEY)
    assert flow["step_id"] == "polling"
    assert_aborted(await submit(home, flow), "switched_account")
    await settle(home)
    assert account.options == {"sim": 2}


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

    flow = await submit(home, await begin_change(home, account), api_key=OTHER_KEY)
    assert_aborted(await submit(home, flow), "switched_account")
    await settle(home)
    assert list(cloudhooks) == [account.data["webhook_id"]] != [former]


async def test_a_switch_shows_the_new_phones_and_leaves_the_old_ones_to_the_user(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, other: Account
) -> None:
    assert devices_of(home, account).keys() == {"phone-1"}
    assert_aborted(await by_reauth(home, account, api_key=OTHER_KEY), "switched_account")
    await settle(home)
    assert devices_of(home, account).keys() == {"phone-1", "phone-2"}
    assert [phone.sid for phone in account.runtime_data.phones if phone.is_online] == ["phone-2"]


async def test_a_switch_and_back_loses_and_doubles_nothing(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    other: Account,
    received: Received,
) -> None:
    service_account.receive(number=ANNA, message="mine")
    await poll(home, account)
    assert_aborted(await by_reauth(home, account, api_key=OTHER_KEY), "switched_account")
    await settle(home)
    service_account.receive(number=ANNA, message="mine, meanwhile")
    # Both have a phone that is known here by now, so this is no other account.
    assert_aborted(await by_reauth(home, account, api_key=KEY), "reauth_successful")
    await settle(home)
    assert texts(received) == ["mine", "mine, meanwhile"]


# The same account's


async def test_a_renewed_key_loses_no_message_that_came_meanwhile(
    home: HomeAssistant,
    simulator: Simulator,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: Received,
) -> None:
    service_account.receive(number=ANNA, message="before")
    await poll(home, account)
    rotate(simulator, service_account)
    service_account.receive(number=ANNA, message="meanwhile")
    service_account.receive(number=ANNA, message="late", timestamp=ago(DAY))
    data = dict(account.data)
    flow = await begin_reauth(home, account)
    simulator.requests.clear()
    assert_aborted(await submit(home, flow, api_key=OTHER_KEY), "reauth_successful")
    # Its phone was enough to know it by.
    assert [request.path for request in simulator.requests] == ["/gateway/mobile/list/"]
    await settle(home)
    assert account.data == data | {"api_key": OTHER_KEY}
    assert sorted(texts(received)) == ["before", "late", "meanwhile"]


type Dress = Callable[[Simulator, Account], None]


def no_phone(simulator: Simulator, service_account: Account) -> None:
    service_account.phones.clear()


def another_phone(simulator: Simulator, service_account: Account) -> None:
    service_account.phones[:] = [ServicePhone(sid="phone-9")]


def unreadable_phones(simulator: Simulator, service_account: Account) -> None:
    simulator.fault("/gateway/mobile/list/", "nonsense")


@pytest.mark.parametrize("dress", [no_phone, another_phone, unreadable_phones])
@pytest.mark.parametrize("switch", [by_reauth, by_reconfigure])
@pytest.mark.parametrize("is_loaded", [True, False], ids=["loaded", "failed"])
async def test_an_account_is_known_by_its_messages(
    home: HomeAssistant,
    simulator: Simulator,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: Received,
    dress: Dress,
    switch: Switch,
    is_loaded: bool,
) -> None:
    service_account.receive(number=ANNA, message="before")
    await poll(home, account)
    # In whatever form the service gives the number now.
    service_account.number_format = "zeros"
    rotate(simulator, service_account)
    if not is_loaded:
        await home.config_entries.async_reload(account.entry_id)
        assert account.state is ConfigEntryState.SETUP_ERROR
    service_account.receive(number=ANNA, message="meanwhile")
    flow = None
    if switch is by_reauth:
        flow = await begin_reauth(home, account)
    dress(simulator, service_account)
    flow = await (submit(home, flow, api_key=OTHER_KEY) if flow else switch(home, account, api_key=OTHER_KEY))
    assert_aborted(flow, "reauth_successful" if switch is by_reauth else "reconfigure_successful")
    await settle(home)
    await poll(home, account)
    assert texts(received) == ["before", "meanwhile"]


async def test_where_there_is_nothing_to_tell_by_nothing_is_lost(
    home: HomeAssistant, simulator: Simulator, service_account: Account, received: Received
) -> None:
    service_account.phones.clear()
    account = await add_account(home, simulator)
    rotate(simulator, service_account)
    service_account.receive(number=ANNA, message="meanwhile")
    assert_aborted(await by_reauth(home, account, api_key=OTHER_KEY), "reauth_successful")
    await settle(home)
    assert texts(received) == ["meanwhile"]


async def test_messages_that_cannot_be_listed_are_said(
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


async def test_the_same_credentials_are_the_same_account(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    """Whatever else is different: all phones and messages may have been exchanged."""
    service_account.receive(number=ANNA, message="new", timestamp=ago(DAY))
    service_account.phones[:] = [ServicePhone(sid="phone-9")]
    simulator.requests.clear()
    assert_aborted(await by_reauth(home, account, api_key=KEY), "reauth_successful")
    assert "/getsms/" not in {request.path for request in simulator.requests}
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


# The question itself


def message(guid: str, received_at: float, sender: str = ANNA) -> ReceivedMessage:
    return ReceivedMessage(
        message_id=guid,
        channel=Channel.SMS,
        sender=sender,
        sender_name=None,
        text=guid,
        received_at=datetime.fromtimestamp(received_at, UTC),
        origin=str(int(received_at)),
        phone=None,
        source=Source.POLL,
    )


SAME, STRANGE = [Phone(sid="phone-1")], [Phone(sid="phone-2")]


@pytest.mark.parametrize("is_loaded", [True, False], ids=["loaded", "not loaded"])
@pytest.mark.parametrize(
    ("has_phone", "phones", "listed", "is_other"),
    [
        pytest.param(True, SAME, [], False, id="its phone"),
        pytest.param(True, SAME + STRANGE, ["strange"], False, id="its phone among others"),
        pytest.param(True, STRANGE, ["known"], False, id="strange phone, known message"),
        pytest.param(True, STRANGE, ["strange", "known"], False, id="strange phone, one message known"),
        pytest.param(True, STRANGE, ["same text and second"], False, id="strange phone, known content"),
        pytest.param(True, STRANGE, [], True, id="strange phone, no message"),
        pytest.param(True, STRANGE, ["new"], True, id="strange phone, new message"),
        pytest.param(True, None, ["new"], False, id="unreadable phones, new message"),
        pytest.param(True, [], [], False, id="no phone, no message"),
        pytest.param(True, [], ["strange"], True, id="no phone, message that should be known"),
        pytest.param(True, [], ["strange", "known"], False, id="no phone, one message known"),
        pytest.param(False, STRANGE, ["new"], False, id="first phone, new message"),
        pytest.param(False, STRANGE, ["strange"], True, id="first phone, message that should be known"),
        pytest.param(False, STRANGE, ["before it began"], False, id="first phone, message from before"),
    ],
)
async def test_other_accounts_are_told_by_phones_and_messages(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    is_loaded: bool,
    has_phone: bool,
    phones: list[Phone] | None,
    listed: list[str],
    is_other: bool,
) -> None:
    now = int(ago(0))
    service_account.receive(number=ANNA, message="history", timestamp=now - 6 * DAY)
    if not has_phone:
        service_account.phones.clear()
    account = await add_account(home, simulator)
    service_account.receive(number=ANNA, message="text", guid="known", timestamp=now - 10)
    await poll(home, account)
    if not is_loaded:
        await home.config_entries.async_unload(account.entry_id)
    messages = {
        "known": message("known", now - 10, "06 30 123 4567"),
        "same text and second": message("text", now - 10, "06 30 123 4567"),
        "strange": message("strange", now - 5 * DAY),
        "new": message("new", now),
        "before it began": message("before it began", now - 7 * DAY),
    }
    wanted = [messages[name] for name in listed]
    assert await is_other_account(home, account, phones, wanted) is is_other
    # It is only a question.
    assert len(dr.async_entries_for_config_entry(dr.async_get(home), account.entry_id)) == 1 + has_phone
    assert len(home.config_entries.async_entries(DOMAIN)) == 1


async def test_what_may_be_forgotten_tells_nothing(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.clear()
    service_account.receive(number=ANNA, message="history", timestamp=ago(90 * DAY))
    account = await add_account(home, simulator)
    service_account.receive(number=ANNA, message="new")
    await poll(home, account)
    assert not await is_other_account(home, account, None, [message("may be forgotten", ago(40 * DAY))])
    assert await is_other_account(home, account, None, [message("strange", ago(20 * DAY))])


async def test_an_account_that_was_empty_tells_by_what_is_older_than_it(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.clear()
    account = await add_account(home, simulator)
    assert not await is_other_account(home, account, STRANGE, [message("late", ago(3 * DAY))])
    assert await is_other_account(home, account, STRANGE, [message("strange", ago(30 * DAY))])


async def test_numbers_are_read_in_the_accounts_region(
    home: HomeAssistant, simulator: Simulator, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    home.config_entries.async_update_entry(account, options={"region": "BE"})
    await settle(home)
    now = int(ago(10))
    service_account.receive(number="+32470123456", message="text", timestamp=now)
    await poll(home, account)
    asked = message("text", now, "0470 12 34 56")
    assert not await is_other_account(home, account, STRANGE, [asked])
