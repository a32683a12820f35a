"""Home Assistant starts while the service is down or refuses: whatever sends says so, none is skipped (promise 5)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
import gc
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator

from .conftest import add_contact, settle

ANNA = "+36301234567"
CONTACT, PHONE, GROUP = "notify.anna", "notify.phone_notification", "notify.family"
VALUES = ("sensor.phone_battery", "binary_sensor.phone_connectivity", "sensor.phone_last_seen")


@pytest.fixture
async def notify_group(hass: HomeAssistant) -> None:
    """A notifier for the alert integration, as in the README; it has to be there before the account is."""
    group = {"action": "send_message", "data": {"entity_id": CONTACT}}
    config = {"platform": "group", "name": "all", "services": [group]}
    assert await async_setup_component(hass, "notify", {"notify": [config]})


@asynccontextmanager
async def trouble(simulator: Simulator, account: Account, kind: str) -> AsyncIterator[None]:
    port = int(simulator.url.rpartition(":")[2])
    if kind == "down":
        await simulator.stop()
    else:
        account.state = "unknown" if kind == "revoked" else "expired"
    yield
    account.state = "good"
    if kind == "down":
        await simulator.start(port=port)


async def restart(home: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    await home.config_entries.async_unload(entry.entry_id)
    home.set_state(CoreState.starting)
    await home.config_entries.async_setup(entry.entry_id)
    home.set_state(CoreState.running)
    home.bus.async_fire("homeassistant_started")
    await settle(home)
    assert entry.state is ConfigEntryState.LOADED


def states(home: HomeAssistant, *entity_ids: str) -> list[str]:
    return [state.state for entity_id in entity_ids if (state := home.states.get(entity_id))]


async def call(home: HomeAssistant, domain: str, **data: Any) -> str | None:
    """Send; return the key of the error, None where it was sent."""
    try:
        await home.services.async_call(domain, "send_message", {"message": "Fire", **data}, blocking=True)
    except HomeAssistantError as err:
        return err.translation_key
    return None


@pytest.mark.parametrize(
    ("kind", "code"),
    [("down", "cannot_connect"), ("revoked", "invalid_auth"), ("expired", "subscription_expired")],
)
async def test_whatever_sends_says_what_is_wrong(
    notify_group: None,
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    account: SmsMobileApiConfigEntry,
    kind: str,
    code: str,
) -> None:
    await add_contact(home, account, "Anna", ANNA, retry_minutes=0)
    connected = "sensor.smsmobileapi_phones_connected"
    er.async_get(home).async_update_entity(connected, disabled_by=None)
    options = {"group_type": "notify", "entities": [CONTACT], "hide_members": False, "name": "Family"}
    group = MockConfigEntry(domain="group", title="Family", options=options)
    group.add_to_hass(home)
    assert await home.config_entries.async_setup(group.entry_id)

    async with trouble(simulator, service_account, kind):
        await restart(home, account)
        assert states(home, *VALUES, connected) == ["unknown"] * 4
        assert "unavailable" not in {state.state for state in home.states.async_all()}
        for entity_id in (CONTACT, PHONE, GROUP):
            assert await call(home, "notify", entity_id=entity_id) == code, entity_id
        assert await call(home, "smsmobileapi", recipients="Anna") == code
        assert states(home, CONTACT, PHONE) == ["unknown"] * 2

        # The notifier of an alert has nobody to raise it to, so it is in the log. Python puts it there.
        logged: list[Any] = []
        home.loop.set_exception_handler(lambda loop, context: logged.append(context["exception"]))
        alert = {"name": "Fire", "entity_id": "input_boolean.fire", "repeat": 30, "notifiers": "all"}
        assert await async_setup_component(home, "alert", {"alert": {"fire": alert}})
        home.states.async_set("input_boolean.fire", "on")
        await home.async_block_till_done()
        gc.collect()
        assert {err.translation_key for err in logged} == {code}
        home.states.async_set("input_boolean.fire", "off")

    reauths = home.config_entries.flow.async_progress_by_handler("smsmobileapi")
    assert [flow["context"]["source"] for flow in reauths] == [SOURCE_REAUTH] * (kind == "revoked")
    is_expired = ("smsmobileapi", f"subscription_expired_{account.entry_id}") in ir.async_get(home).issues
    assert is_expired == (kind == "expired")
    assert service_account.sent == []

    # The service is back. One that refused the key is not polled until there is another.
    if kind == "revoked":
        await home.config_entries.async_reload(account.entry_id)
    else:
        async_fire_time_changed(home, dt_util.utcnow() + timedelta(minutes=1.1))
    await settle(home)
    assert states(home, *VALUES[:2], connected) == ["80", "on", "1"]
    assert await call(home, "notify", entity_id=GROUP) is None
    assert [sent.fields["recipients"] for sent in service_account.sent] == [ANNA]
