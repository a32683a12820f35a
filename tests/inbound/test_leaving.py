"""Unloaded, reloaded, disabled, removed: nothing stays behind, and no text is lost on the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
import json
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.components.webhook import async_generate_path
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Simulator

from ..conftest import KEY, add_account, add_contact, settle
from ..flows.dialogs import begin, submit
from ..test_event import texts

ANNA = "+36301234567"
CLOUD = "custom_components.smsmobileapi.inbound.webhook.cloud"

type Received = list[Event[dict[str, Any]]]
type Deliver = Callable[[str, str], Awaitable[int]]
type HalfWay = Callable[[], Awaitable[Callable[[], Awaitable[int]]]]


@pytest.fixture
async def deliver(
    hass_client_no_auth: ClientSessionGenerator,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
) -> Deliver:
    """The service takes a text with this id and brings it to the webhook; the status that it gets."""
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(async_generate_path(account.data["webhook_id"])))

    async def deliver_text(guid: str, text: str) -> int:
        return await simulator.deliver(service_account, service_account.receive(ANNA, text, guid))

    return deliver_text


@pytest.fixture
async def half_way(
    hass_client_no_auth: ClientSessionGenerator, account: SmsMobileApiConfigEntry, service_account: Account
) -> HalfWay:
    """The service begins to bring a text, over a slow line; what is returned ends it and returns the status."""
    client: TestClient[Any, Any] = await hass_client_no_auth()

    async def begin() -> Callable[[], Awaitable[int]]:
        row = service_account.receive(ANNA, "slow", "g-slow")
        body = json.dumps({"number": row.number, "message": row.message, "guid": row.guid}).encode()
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield body[:10]
            begun.set()
            await go_on.wait()
            yield body[10:]

        async def post() -> int:
            path = async_generate_path(account.data["webhook_id"])
            async with client.post(path, data=slowly()) as response:
                return response.status

        posting = asyncio.create_task(post())
        await begun.wait()
        # Until the webhook's handler has it.
        await asyncio.sleep(0.1)

        async def finish() -> int:
            go_on.set()
            return await posting

        return finish

    return begin


def webhooks(hass: HomeAssistant) -> list[str]:
    """Return the ids of our webhooks that somebody listens to."""
    return [webhook_id for webhook_id, hook in hass.data["webhook"].items() if hook.domain == DOMAIN]


def stored(hass_storage: dict[str, Any]) -> set[str]:
    return {key for key in hass_storage if key.startswith(DOMAIN)}


def told(received: Received) -> list[str]:
    return [event.data["message"] for event in received]


async def later(hass: HomeAssistant, minutes: float = 60) -> None:
    """Let time pass, so that whatever was put off is done."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=minutes))
    await settle(hass)


async def unload(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)


async def disable(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)


async def set_up(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)


async def enable(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)


type Step = Callable[[HomeAssistant, SmsMobileApiConfigEntry], Awaitable[None]]
AWAY_AND_BACK = pytest.mark.parametrize(
    ("go", "come_back"),
    [pytest.param(unload, set_up, id="unload"), pytest.param(disable, enable, id="disable")],
)


# Unloading and disabling


@AWAY_AND_BACK
async def test_nobody_listens_asks_or_shows(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    go: Step,
    come_back: Step,
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    assert webhooks(home) == [account.data["webhook_id"]]
    await go(home, account)
    assert account.state is ConfigEntryState.NOT_LOADED
    # One that is to come back has its webhook say so, or Home Assistant would say yes in its place.
    assert webhooks(home) == ([] if account.disabled_by else [account.data["webhook_id"]])
    assert account.update_listeners == []
    # The state of a disabled entity is gone, that of an unloaded one says so.
    for entity_id in ("notify.anna", "event.anna_message", "sensor.smsmobileapi_last_message"):
        state = home.states.get(entity_id)
        assert state is None or state.state == "unavailable"
    simulator.reset()
    await later(home)
    assert simulator.requests == []

    await come_back(home, account)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    assert webhooks(home) == [account.data["webhook_id"]]
    assert home.states.get("notify.anna") is not None
    simulator.reset()
    await later(home, 2)
    assert [request.path for request in simulator.requests] == ["/getsms/"]


@AWAY_AND_BACK
async def test_a_text_that_comes_meanwhile_is_told_afterwards(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    received: Received,
    deliver: Deliver,
    go: Step,
    come_back: Step,
) -> None:
    await go(home, account)
    # Home Assistant says yes to everything that comes to a webhook that is not there.
    answer = HTTPStatus.OK if account.disabled_by else HTTPStatus.SERVICE_UNAVAILABLE
    assert await deliver("g-1", "meanwhile") == answer
    await settle(home)
    assert told(received) == []
    await come_back(home, account)
    await settle(home)
    assert told(received) == ["meanwhile"]
    await later(home)
    assert told(received) == ["meanwhile"]


@AWAY_AND_BACK
async def test_what_was_told_is_not_told_again(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    received: Received,
    deliver: Deliver,
    service_account: Account,
    go: Step,
    come_back: Step,
) -> None:
    assert await deliver("g-1", "by webhook") == HTTPStatus.OK
    service_account.receive(ANNA, "by poll", "g-2")
    await later(home)
    assert sorted(told(received)) == ["by poll", "by webhook"]
    for _ in range(2):
        await go(home, account)
        await come_back(home, account)
        await settle(home)
    assert len(received) == 2


async def test_a_text_told_just_before_a_reload_is_not_told_again(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, received: Received, deliver: Deliver
) -> None:
    assert await deliver("g-1", "hi") == HTTPStatus.OK
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await later(home)
    assert told(received) == ["hi"]


async def test_texts_that_come_during_reloads_are_told_once(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, received: Received, deliver: Deliver
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    shown = texts(home)

    async def bring() -> None:
        for number in range(12):
            await deliver(f"g-{number}", str(number))

    bringing = asyncio.create_task(bring())
    while not bringing.done():
        await home.config_entries.async_reload(account.entry_id)
        await asyncio.sleep(0)
    await bringing
    await settle(home)
    await later(home)
    expected = sorted(map(str, range(12)))
    assert sorted(told(received)) == expected
    assert {entity_id: sorted(of_entity) for entity_id, of_entity in shown.items()} == {
        "event.smsmobileapi_message": expected,
        "event.anna_message": expected,
    }


async def test_a_text_half_way_in_when_it_is_unloaded_is_not_taken(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, received: Received, half_way: HalfWay
) -> None:
    finish = await half_way()
    await home.config_entries.async_unload(account.entry_id)
    status = await finish()
    await settle(home)
    # Nobody is told that it was taken, so the service brings it again, or the poll does.
    assert (status, told(received)) == (HTTPStatus.SERVICE_UNAVAILABLE, [])
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    await later(home)
    assert told(received) == ["slow"]


async def test_a_text_half_way_in_when_it_is_reloaded_is_told_once(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, received: Received, half_way: HalfWay
) -> None:
    finish = await half_way()
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await finish()
    await later(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert told(received) == ["slow"]


async def test_a_text_half_way_in_when_it_is_removed_leaves_nothing_behind(
    hass_storage: dict[str, Any],
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    received: Received,
    half_way: HalfWay,
) -> None:
    finish = await half_way()
    await home.config_entries.async_remove(account.entry_id)
    await finish()
    await settle(home)
    await later(home)
    assert stored(hass_storage) == set()
    assert told(received) == []


async def test_a_poll_under_way_when_it_is_unloaded_loses_nothing(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    received: Received,
    simulator: Simulator,
    service_account: Account,
) -> None:
    simulator.reset()
    service_account.receive(ANNA, "hi")
    simulator.fault("/getsms/", "hang_after")
    async_fire_time_changed(home, dt_util.utcnow() + timedelta(seconds=65))
    async with asyncio.timeout(5):
        while not simulator.requests:
            await asyncio.sleep(0.01)
        await home.config_entries.async_unload(account.entry_id)
    await settle(home)
    assert told(received) == []
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert told(received) == ["hi"]


async def test_a_send_under_way_when_it_is_unloaded_is_not_lost(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    simulator.fault("/sendsms/", "delay", seconds=0.1)
    data = {"recipients": ANNA, "message": "hi"}
    sending = asyncio.create_task(
        home.services.async_call(DOMAIN, "send_message", data, blocking=True, return_response=True)
    )
    await asyncio.sleep(0.05)
    await home.config_entries.async_unload(account.entry_id)
    answer: Any = await sending
    (sent,) = service_account.sent
    assert [recipient["message_id"] for recipient in answer["recipients"]] == [sent.guid]


async def test_many_reloads_leave_one_of_each(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    for _ in range(5):
        assert await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert webhooks(home) == [account.data["webhook_id"]]
    assert len(account.update_listeners) == 1
    assert len(dr.async_entries_for_config_entry(dr.async_get(home), account.entry_id)) == 3
    entities = er.async_entries_for_config_entry(er.async_get(home), account.entry_id)
    assert [entity.config_subentry_id for entity in entities].count(contact_id) == 2
    # Eight of the account, two of the contact, four of the phone.
    assert len(entities) == 14
    simulator.reset()
    await later(home, 2)
    assert [request.path for request in simulator.requests] == ["/getsms/"]


async def test_a_new_name_keeps_all_that_was_known(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, received: Received, deliver: Deliver
) -> None:
    assert await deliver("g-1", "hi") == HTTPStatus.OK
    home.config_entries.async_update_entry(account, title="Family")
    await settle(home)
    assert [hook.name for hook in home.data["webhook"].values() if hook.domain == DOMAIN] == ["Family"]
    await later(home)
    assert told(received) == ["hi"]
    assert await deliver("g-2", "again") == HTTPStatus.OK
    assert told(received) == ["hi", "again"]
    # Entity ids stay as they are.
    assert home.states.get("sensor.smsmobileapi_last_message")
    assert home.states.get("sensor.family_last_message") is None


# Removing


@pytest.fixture
def cloudhooks(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Home Assistant Cloud with an active subscription: the webhook ids that have an address there."""
    hooks: set[str] = set()

    async def get_or_create(hass: HomeAssistant, webhook_id: str) -> str:
        hooks.add(webhook_id)
        return f"https://hooks.nabu.casa/{webhook_id[:8]}"

    async def delete(hass: HomeAssistant, webhook_id: str) -> None:
        if webhook_id not in hooks:
            raise ValueError("Hook is not enabled for the cloud.")
        hooks.remove(webhook_id)

    monkeypatch.setattr(f"{CLOUD}.async_active_subscription", lambda hass: True)
    monkeypatch.setattr(f"{CLOUD}.async_get_or_create_cloudhook", get_or_create)
    monkeypatch.setattr(f"{CLOUD}.async_delete_cloudhook", delete)
    return hooks


async def expire(hass: HomeAssistant, entry: SmsMobileApiConfigEntry, account: Account) -> None:
    account.state = "expired"
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY


async def refuse(hass: HomeAssistant, entry: SmsMobileApiConfigEntry, account: Account) -> None:
    account.state = "unknown"
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert entry.state is ConfigEntryState.SETUP_ERROR


async def keep(hass: HomeAssistant, entry: SmsMobileApiConfigEntry, account: Account) -> None:
    """Remove it as it is, with what is still to be saved."""
    account.receive(ANNA, "hi")
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=65))
    await settle(hass)


async def disabled(hass: HomeAssistant, entry: SmsMobileApiConfigEntry, account: Account) -> None:
    await disable(hass, entry)


@pytest.mark.parametrize("before", [keep, disabled, expire, refuse])
async def test_a_removed_account_leaves_nothing_behind(
    hass_storage: dict[str, Any],
    cloudhooks: set[str],
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    before: Callable[[HomeAssistant, SmsMobileApiConfigEntry, Account], Awaitable[None]],
) -> None:
    entry = await add_account(home, simulator)
    await add_contact(home, entry, "Anna", ANNA)
    entry_id = entry.entry_id
    files = ("ledger", "limits", "reports", "webhook")
    assert stored(hass_storage) == {f"{DOMAIN}.{entry_id}.{file}" for file in files}
    assert cloudhooks == {entry.data["webhook_id"]}
    await before(home, entry, service_account)

    await home.config_entries.async_remove(entry_id)
    simulator.reset()
    assert stored(hass_storage) == set()
    await settle(home)
    await later(home)
    assert stored(hass_storage) == set()
    assert cloudhooks == set()
    assert webhooks(home) == []
    assert simulator.requests == []
    assert not dr.async_entries_for_config_entry(dr.async_get(home), entry_id)
    assert not er.async_entries_for_config_entry(er.async_get(home), entry_id)
    assert not [state for state in home.states.async_all() if state.domain in ("notify", "event", "sensor")]
    assert not [issue for issue in ir.async_get(home).issues.values() if issue.domain == DOMAIN]
    assert not home.config_entries.flow.async_progress_by_handler(DOMAIN)


async def test_another_account_is_left_alone(
    hass_storage: dict[str, Any],
    cloudhooks: set[str],
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    received: Received,
) -> None:
    entry = await add_account(home, simulator)
    simulator.add_account("k-2")
    other = await add_account(home, simulator, "k-2")
    await add_contact(home, other, "Anna", ANNA)
    await home.config_entries.async_remove(entry.entry_id)
    await settle(home)
    assert webhooks(home) == [other.data["webhook_id"]]
    assert cloudhooks == {other.data["webhook_id"]}
    assert all(other.entry_id in key for key in stored(hass_storage))
    simulator.accounts["k-2"].receive(ANNA, "hi")
    await later(home, 2)
    assert told(received) == ["hi"]


async def test_an_account_that_comes_again_begins_anew(
    hass_storage: dict[str, Any],
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    received: Received,
) -> None:
    first = await add_account(home, simulator)
    service_account.receive(ANNA, "told")
    await later(home, 2)
    await home.config_entries.async_remove(first.entry_id)
    service_account.receive(ANNA, "nobody was there")
    second = await add_account(home, simulator)
    await later(home, 2)
    assert told(received) == ["told"]
    assert second.title == first.title
    assert second.data["api_key"] == KEY
    assert second.data["webhook_id"] != first.data["webhook_id"]


async def test_a_removal_works_while_the_cloud_is_away(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    cloudhooks: set[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def away(hass: HomeAssistant, webhook_id: str) -> None:
        raise TimeoutError

    entry = await add_account(home, simulator)
    monkeypatch.setattr(f"{CLOUD}.async_delete_cloudhook", away)
    await home.config_entries.async_remove(entry.entry_id)
    await settle(home)
    assert not home.config_entries.async_entries(DOMAIN)
    assert "Error calling entry remove callback" not in caplog.text


async def test_an_abandoned_dialog_works_while_the_cloud_is_away(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    cloudhooks: set[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def away(hass: HomeAssistant, webhook_id: str) -> None:
        raise TimeoutError

    monkeypatch.setattr(f"{CLOUD}.async_delete_cloudhook", away)
    flow = await submit(home, await begin(home), api_key=KEY, server={"url": simulator.url})
    home.config_entries.flow.async_abort(flow["flow_id"])
    await settle(home)
    assert "Traceback" not in caplog.text
