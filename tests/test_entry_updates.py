"""A change of the account while it runs changes what it concerns and nothing else: nobody goes to unavailable."""

from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account

from .conftest import add_contact, settle

type Change = Callable[[HomeAssistant, SmsMobileApiConfigEntry], Awaitable[Any]]

OF_ANNA = {"event.anna_message", "notify.anna"}
OF_ACCOUNT = {
    *(f"event.smsmobileapi_{name}" for name in ("call", "message", "report")),
    "sensor.smsmobileapi_last_message",
    *(f"sensor.smsmobileapi_messages_{name}" for name in ("failed", "received", "sent")),
}


def number(index: int) -> str:
    return f"+363012345{index:02}"


@pytest.fixture
async def family(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> SmsMobileApiConfigEntry:
    """An account with ten contacts: Anna and nine others."""
    for index, name in enumerate(["Anna", *(f"Other {index}" for index in range(1, 10))]):
        await add_contact(home, account, name, number(index))
    return account


def first(entry: SmsMobileApiConfigEntry) -> str:
    """Return the id of the contact that was added first."""
    return next(iter(entry.subentries))


async def add(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    await add_contact(hass, entry, "Zoé", number(50))


def changed(**fields: str) -> Change:
    """Change Anna in her dialog."""

    async def change(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
        flow = await hass.config_entries.subentries.async_init(
            (entry.entry_id, "contact"),
            context={"source": SOURCE_RECONFIGURE, "subentry_id": first(entry)},
        )
        anna = {"name": "Anna", "number": number(0), "channel": "sms"}
        await hass.config_entries.subentries.async_configure(flow["flow_id"], anna | fields)

    return change


async def remove(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    hass.config_entries.async_remove_subentry(entry, first(entry))


def option(**options: Any) -> Change:
    async def change(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
        hass.config_entries.async_update_entry(entry, options={**entry.options, **options})

    return change


async def retitle(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, title="Family")


CHANGES: dict[str, tuple[Change, set[str]]] = {
    "contact added": (add, {"event.zoe_message", "notify.zoe"}),
    "contact renamed": (changed(name="Annie"), OF_ANNA),
    "number changed": (changed(number="+36209876543"), set()),
    "channel changed": (changed(channel="whatsapp"), set()),
    "contact removed": (remove, OF_ANNA),
    "option changed": (option(offline_hours=1, messages_per_minute=99), set()),
    "secret changed": (option(signing_secret="s-0123456789"), set()),
    "title changed": (retitle, OF_ACCOUNT),
}


@pytest.mark.parametrize(("change", "own"), CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_writes_no_state_of_another_entity(
    home: HomeAssistant,
    family: SmsMobileApiConfigEntry,
    service_account: Account,
    change: Change,
    own: set[str],
) -> None:
    service_account.receive(number(1), "yesterday's text")
    await family.runtime_data.coordinator.async_refresh()
    entities = [entity.entity_id for entity in er.async_get(home).entities.values() if not entity.disabled]
    assert len(entities) == 2 * 10 + len(OF_ACCOUNT) + 4
    trigger = {"trigger": "state", "entity_id": entities}
    action = {"event": "fired", "event_data": {"entity_id": "{{ trigger.entity_id }}"}}
    config = {"automation": {"triggers": trigger, "actions": action, "mode": "parallel", "max": 99}}
    assert await async_setup_component(home, "automation", config)
    await settle(home)
    fired = async_capture_events(home, "fired")
    written: list[Event[EventStateChangedData]] = async_capture_events(home, EVENT_STATE_CHANGED)

    await change(home, family)
    await settle(home)

    states = [event.data for event in written if not event.data["entity_id"].startswith("automation.")]
    assert {state["entity_id"] for state in states} == own
    assert {event.data["entity_id"] for event in fired} <= own
    for state in states:
        old, new = state["old_state"], state["new_state"]
        assert not (old and new) or old.state == new.state, state
    assert family.state is ConfigEntryState.LOADED


async def test_what_is_sent_to_others_during_changes_arrives(
    home: HomeAssistant, family: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    expected: list[str] = []
    for name, (change, _) in CHANGES.items():
        texts = {f"notify.other_{index}": f"{name} {index}" for index in range(1, 4)}
        sends = [
            home.async_create_task(
                home.services.async_call(
                    "notify", "send_message", {"entity_id": entity_id, "message": text}, blocking=True
                )
            )
            for entity_id, text in texts.items()
        ]
        # No answer to them can have been read yet.
        await change(home, family)
        for send in sends:
            await send
        expected += texts.values()
    assert sorted(sent.fields["message"] for sent in service_account.sent) == sorted(expected)
