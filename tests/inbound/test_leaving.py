"""Unloaded, reloaded, disabled, removed: nothing stays behind, and no message is lost or doubled on the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
import json
from typing import Any

from homeassistant.components.webhook import async_generate_path
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Simulator

from ..conftest import KEY, add_account, add_contact, settle
from ..disk import files_of
from ..flows.dialogs import begin, submit
from ..test_event import texts
from .installation import Installation
from .service import ANNA, Events, whatsapp_event

CLOUD = "homeassistant.components.cloud"


def webhooks(hass: HomeAssistant) -> list[str]:
    """Return the ids of our webhooks that are registered."""
    return [webhook_id for webhook_id, hook in hass.data["webhook"].items() if hook.domain == DOMAIN]


async def later(hass: HomeAssistant, minutes: float = 60) -> None:
    """Let time pass, so that whatever was put off is done."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=minutes))
    await settle(hass)


async def deliver(ha: Installation, text: str) -> int:
    """Let the service receive a text and post it to the webhook; return the status that it gets."""
    return await ha.simulator.deliver(ha.account, ha.account.receive(ANNA, text))


async def disable(ha: Installation) -> None:
    await ha.hass.config_entries.async_set_disabled_by(ha.entry.entry_id, ConfigEntryDisabler.USER)


async def enable(ha: Installation) -> None:
    await ha.hass.config_entries.async_set_disabled_by(ha.entry.entry_id, None)


type Step = Callable[[Installation], Awaitable[None]]
AWAY_AND_BACK = pytest.mark.parametrize(
    ("go", "come_back"),
    [
        pytest.param(Installation.unload, Installation.set_up, id="unload"),
        pytest.param(disable, enable, id="disable"),
    ],
)


# Unloading and disabling.


@AWAY_AND_BACK
async def test_nothing_runs_or_is_shown_meanwhile(ha: Installation, go: Step, come_back: Step) -> None:
    await add_contact(ha.hass, ha.entry, "Anna", ANNA)
    webhook_id = ha.entry.data["webhook_id"]
    assert webhooks(ha.hass) == [webhook_id]
    await go(ha)
    assert ha.entry.state is ConfigEntryState.NOT_LOADED
    # One that is to come back has its webhook refuse, or Home Assistant would answer 200 in its place.
    assert webhooks(ha.hass) == ([] if ha.entry.disabled_by else [webhook_id])
    assert ha.entry.update_listeners == []
    # The state of a disabled entity is gone, that of an unloaded one is unavailable.
    for entity_id in ("notify.anna", "event.anna_message", "sensor.smsmobileapi_last_message"):
        state = ha.hass.states.get(entity_id)
        assert state is None or state.state == "unavailable"
    ha.simulator.reset()
    await later(ha.hass)
    assert ha.simulator.requests == []

    await come_back(ha)
    await settle(ha.hass)
    assert ha.entry.state is ConfigEntryState.LOADED
    assert webhooks(ha.hass) == [webhook_id]
    assert ha.hass.states.get("notify.anna") is not None
    ha.simulator.reset()
    await later(ha.hass, 2)
    assert ha.requests == ["/getsms/"]


@AWAY_AND_BACK
async def test_messages_before_and_meanwhile_are_fired_once(
    ha: Installation, go: Step, come_back: Step
) -> None:
    assert await deliver(ha, "by webhook") == HTTPStatus.OK
    ha.account.receive(ANNA, "by poll")
    await ha.poll()
    for index in range(2):
        await go(ha)
        answer = HTTPStatus.NOT_FOUND if ha.entry.disabled_by else HTTPStatus.SERVICE_UNAVAILABLE
        assert await deliver(ha, f"meanwhile {index}") == answer
        await settle(ha.hass)
        assert len(ha.texts) == 2 + index
        await come_back(ha)
        await settle(ha.hass)
        await later(ha.hass)
    assert ha.texts == ["by webhook", "by poll", "meanwhile 0", "meanwhile 1"]


async def test_texts_that_come_during_reloads_are_fired_once(ha: Installation) -> None:
    await add_contact(ha.hass, ha.entry, "Anna", ANNA)
    shown = texts(ha.hass)

    async def bring() -> None:
        for number in range(12):
            await deliver(ha, f"{number}")

    bringing = asyncio.create_task(bring())
    while not bringing.done():
        await ha.hass.config_entries.async_reload(ha.entry.entry_id)
        await asyncio.sleep(0)
    await bringing
    await settle(ha.hass)
    await later(ha.hass)
    expected = sorted(map(str, range(12)))
    assert sorted(ha.texts) == expected
    assert {entity_id: sorted(of_entity) for entity_id, of_entity in shown.items()} == {
        "event.smsmobileapi_message": expected,
        "event.anna_message": expected,
    }


async def test_a_reload_within_the_first_poll_loses_and_doubles_nothing(
    ha: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poll is given up when the account has stopped: what is held must not be fired then."""
    for _ in range(2):
        await ha.unload()
        ha.simulator.fault("/getsms/", "hang_after")
        assert await ha.hass.config_entries.async_setup(ha.entry.entry_id)
        status = await ha.handle(whatsapp_event("held"))
        assert status in {HTTPStatus.ACCEPTED, HTTPStatus.OK}
    ha.simulator.faults.waiting.clear()
    await ha.reload()
    assert ha.texts == ["held"]
    await ha.reload()
    assert await ha.handle(whatsapp_event("held")) == HTTPStatus.OK
    assert ha.texts == ["held"]


@asynccontextmanager
async def slow_request(ha: Installation) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Begin to post a text over a slow connection; yields what ends it and returns the status."""
    row = ha.account.receive(ANNA, "slow", "g-slow")
    body = json.dumps({"number": row.number, "message": row.message, "guid": row.guid}).encode()
    is_read, go_on = asyncio.Event(), asyncio.Event()
    hooks, webhook_id = ha.hass.data["webhook"], ha.entry.data["webhook_id"]
    hook = hooks[webhook_id]

    async def read(*request: Any) -> Any:
        is_read.set()
        return await hook.handler(*request)

    hooks[webhook_id] = replace(hook, handler=read)

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:10]
        await go_on.wait()
        yield body[10:]

    async def post() -> int:
        async with ha.client.post(async_generate_path(webhook_id), data=slowly()) as response:
            return response.status

    posting = asyncio.create_task(post())
    await is_read.wait()

    async def finish() -> int:
        go_on.set()
        return await posting

    yield finish


async def test_a_text_that_is_being_read_when_it_is_unloaded_is_refused(ha: Installation) -> None:
    async with slow_request(ha) as finish:
        await ha.unload()
        # So the service brings it again, or a poll does.
        assert await finish() == HTTPStatus.SERVICE_UNAVAILABLE
    assert ha.texts == []
    await ha.set_up()
    assert ha.texts == ["slow"]


async def test_a_text_that_is_being_read_when_it_is_reloaded_is_fired_once(ha: Installation) -> None:
    async with slow_request(ha) as finish:
        await ha.reload()
        await finish()
    await later(ha.hass)
    await ha.reload()
    assert ha.texts == ["slow"]


async def test_a_text_that_is_being_read_when_it_is_removed_leaves_nothing_behind(ha: Installation) -> None:
    async with slow_request(ha) as finish:
        await ha.hass.config_entries.async_remove(ha.entry.entry_id)
        await finish()
    await later(ha.hass)
    assert ha.files() == {}
    assert ha.texts == []


async def test_a_poll_that_runs_when_it_is_unloaded_loses_nothing(ha: Installation) -> None:
    ha.account.receive(ANNA, "hi")
    ha.simulator.fault("/getsms/", "hang_after")
    ha.simulator.requests.clear()
    async_fire_time_changed(ha.hass, dt_util.utcnow() + timedelta(seconds=65))
    async with asyncio.timeout(20):
        while not ha.simulator.requests:
            await asyncio.sleep(0.01)
    await ha.unload()
    await settle(ha.hass)
    assert ha.texts == []
    await ha.set_up()
    assert ha.texts == ["hi"]


async def test_many_reloads_leave_one_of_each(ha: Installation) -> None:
    contact_id = await add_contact(ha.hass, ha.entry, "Anna", ANNA)
    entities = er.async_get(ha.hass)
    before = er.async_entries_for_config_entry(entities, ha.entry.entry_id)
    assert [entity.config_subentry_id for entity in before].count(contact_id) == 2
    for _ in range(5):
        assert await ha.hass.config_entries.async_reload(ha.entry.entry_id)
    await settle(ha.hass)
    assert webhooks(ha.hass) == [ha.entry.data["webhook_id"]]
    assert len(ha.entry.update_listeners) == 1
    assert len(dr.async_entries_for_config_entry(dr.async_get(ha.hass), ha.entry.entry_id)) == 3
    after = er.async_entries_for_config_entry(entities, ha.entry.entry_id)
    assert [entity.entity_id for entity in after] == [entity.entity_id for entity in before]
    ha.simulator.reset()
    await later(ha.hass, 2)
    assert ha.requests == ["/getsms/"]


# Removing.


class Cloud:
    """Home Assistant Cloud with an active subscription: the webhook ids that have an address there."""

    def __init__(self) -> None:
        self.hooks: set[str] = set()
        self.is_away = False

    async def get_or_create(self, hass: HomeAssistant, webhook_id: str) -> str:
        self.hooks.add(webhook_id)
        return f"https://hooks.nabu.casa/{webhook_id[:8]}"

    async def delete(self, hass: HomeAssistant, webhook_id: str) -> None:
        if self.is_away:
            raise TimeoutError
        if webhook_id not in self.hooks:
            raise ValueError("Hook is not enabled for the cloud.")
        self.hooks.remove(webhook_id)


@pytest.fixture
def cloud(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    cloud = Cloud()
    hass.config.components.add("cloud")
    monkeypatch.setattr(f"{CLOUD}.async_active_subscription", lambda hass: True)
    monkeypatch.setattr(f"{CLOUD}.async_get_or_create_cloudhook", cloud.get_or_create)
    monkeypatch.setattr(f"{CLOUD}.async_delete_cloudhook", cloud.delete)
    return cloud


async def expire(ha: Installation) -> None:
    ha.account.state = "expired"
    await ha.hass.config_entries.async_reload(ha.entry.entry_id)
    await keep(ha)


async def refuse(ha: Installation) -> None:
    ha.account.state = "unknown"
    await ha.hass.config_entries.async_reload(ha.entry.entry_id)
    await settle(ha.hass)
    await keep(ha)


async def keep(ha: Installation) -> None:
    """Remove it as it is, with what is still to be written."""
    assert await ha.handle(whatsapp_event("hi")) == HTTPStatus.ACCEPTED


@pytest.mark.parametrize("before", [keep, disable, expire, refuse])
async def test_a_removed_account_leaves_nothing_behind(cloud: Cloud, ha: Installation, before: Step) -> None:
    hass, entry_id = ha.hass, ha.entry.entry_id
    await add_contact(hass, ha.entry, "Anna", ANNA)
    assert {path.name.partition("-")[0] for path in ha.files()} == {f"{DOMAIN}.{entry_id}.db"}
    assert cloud.hooks == {ha.entry.data["webhook_id"]}
    await before(ha)

    await hass.config_entries.async_remove(entry_id)
    ha.simulator.reset()
    assert ha.files() == {}
    await settle(hass)
    await later(hass)
    assert ha.files() == {}
    assert cloud.hooks == set()
    assert webhooks(hass) == []
    assert ha.simulator.requests == []
    assert not dr.async_entries_for_config_entry(dr.async_get(hass), entry_id)
    assert not er.async_entries_for_config_entry(er.async_get(hass), entry_id)
    assert not [state for state in hass.states.async_all() if state.domain in ("notify", "event", "sensor")]
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]
    assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)


async def test_another_account_is_left_alone(cloud: Cloud, ha: Installation) -> None:
    ha.simulator.add_account("k-2")
    other = await add_account(ha.hass, ha.simulator, "k-2")
    await add_contact(ha.hass, other, "Anna", ANNA)
    await ha.hass.config_entries.async_remove(ha.entry.entry_id)
    await settle(ha.hass)
    assert webhooks(ha.hass) == [other.data["webhook_id"]]
    assert cloud.hooks == {other.data["webhook_id"]}
    assert {path.name.partition("-")[0] for path in files_of(ha.hass)} == {f"{DOMAIN}.{other.entry_id}.db"}
    ha.simulator.accounts["k-2"].receive(ANNA, "hi")
    await later(ha.hass, 2)
    assert ha.texts == ["hi"]


async def test_an_account_that_is_added_again_begins_anew(
    home: HomeAssistant, simulator: Simulator, service_account: Account, received: Events
) -> None:
    first = await add_account(home, simulator)
    service_account.receive(ANNA, "fired")
    await later(home, 2)
    await home.config_entries.async_remove(first.entry_id)
    service_account.receive(ANNA, "between")
    second = await add_account(home, simulator)
    await later(home, 2)
    assert [message.data["message"] for message in received] == ["fired"]
    assert second.title == first.title
    assert second.data["api_key"] == KEY
    assert second.data["webhook_id"] != first.data["webhook_id"]


async def test_a_removal_and_an_aborted_dialog_work_while_the_cloud_is_away(
    cloud: Cloud, ha: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.is_away = True
    await ha.hass.config_entries.async_remove(ha.entry.entry_id)
    await settle(ha.hass)
    assert not ha.hass.config_entries.async_entries(DOMAIN)
    assert "Error calling entry remove callback" not in caplog.text
    flow = await submit(ha.hass, await begin(ha.hass), api_key=KEY, server={"url": ha.simulator.url})
    ha.hass.config_entries.flow.async_abort(flow["flow_id"])
    await settle(ha.hass)
    assert "Traceback" not in caplog.text
