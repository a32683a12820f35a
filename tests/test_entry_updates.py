"""A change of the account while it runs changes what it concerns and nothing else: nobody goes to unavailable."""

from collections.abc import Awaitable, Callable
import logging
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntryState, ConfigSubentry
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.repairs import Issue
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
            (entry.entry_id, "contact"), context={"source": SOURCE_RECONFIGURE, "subentry_id": first(entry)}
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
    await option(messages_per_minute=99)(home, family)
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


async def test_a_contact_that_is_changed_is_followed_at_once(
    home: HomeAssistant, family: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await changed(number="+36209876543", channel="whatsapp", name="Annie")(home, family)
    await settle(home)
    for entity_id, name in (("notify.anna", "Annie"), ("event.anna_message", "Annie Message")):
        state = home.states.get(entity_id)
        assert state and state.name == name
    await home.services.async_call(
        "notify", "send_message", {"entity_id": "notify.anna", "message": "hi"}, blocking=True
    )
    (sent,) = service_account.sent
    assert (sent.fields["recipients"], sent.channel) == ("36209876543", "whatsapp")
    service_account.receive(number(0), "from the old number")
    service_account.receive("+36209876543", "from the new number")
    await family.runtime_data.coordinator.async_refresh()
    await settle(home)
    state = home.states.get("event.anna_message")
    assert state and state.attributes["message"] == "from the new number"
    assert state.attributes["contact"] == "Annie"


async def test_nothing_is_left_of_a_contact_that_is_removed(
    home: HomeAssistant, family: SmsMobileApiConfigEntry
) -> None:
    """Not even if it was added a moment ago; and its names are free for the next one."""
    devices, entities = dr.async_get(home), er.async_get(home)
    before = len(devices.devices), len(entities.entities), len(home.states.async_all())
    await add(home, family)
    for settled in (True, False):
        written: list[Event[EventStateChangedData]] = async_capture_events(home, EVENT_STATE_CHANGED)
        home.config_entries.async_remove_subentry(family, next(reversed(family.subentries)))
        await settle(home)
        assert (len(devices.devices), len(entities.entities), len(home.states.async_all())) == before
        assert {event.data["new_state"] for event in written} == {None}
        if settled:
            data = {"name": "Zoé", "number": number(50), "channel": "sms"}
            home.config_entries.async_add_subentry(
                family,
                ConfigSubentry(
                    data=MappingProxyType(data), subentry_type="contact", title="Zoé", unique_id=None
                ),
            )
            assert home.states.get("notify.zoe")


async def test_a_new_signing_secret_counts_at_once_and_stays_out_of_the_log(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    issues = account.runtime_data.issues
    issues.create(Issue.SECRET_MISSING)
    issues.create(Issue.UNSIGNED)
    for secret in ("first-secret-123", "second-secret-123", None):
        await option(signing_secret=secret)(home, account)
        await settle(home)
        assert account.runtime_data.options.signing_secret == secret
    assert [issue_id for domain, issue_id in ir.async_get(home).issues if domain == DOMAIN] == []
    logging.getLogger().warning("first-secret-123 second-secret-123")
    assert "secret-123" not in caplog.text


async def test_other_data_reload_once_when_changes_are_over(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    first_run = account.runtime_data
    await option(messages_per_day=5)(home, account)
    await settle(home)
    assert account.runtime_data is first_run
    states: list[ConfigEntryState] = []
    account.async_on_state_change(lambda: states.append(account.state))
    for _ in range(3):
        data = {**account.data, "webhook_id": f"{account.data['webhook_id']}0"}
        home.config_entries.async_update_entry(account, data=data)
    await settle(home)
    assert account.runtime_data is not first_run
    assert states.count(ConfigEntryState.LOADED) == 1


async def test_what_is_taken_back_does_not_reload_nor_what_is_unloaded(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    first_run, data = account.runtime_data, dict(account.data)
    for url in ("http://127.0.0.1:9", data["url"]):
        home.config_entries.async_update_entry(account, data={**data, "url": url})
    await settle(home)
    assert account.runtime_data is first_run
    home.config_entries.async_update_entry(account, data={**data, "url": "http://127.0.0.1:9"})
    await home.config_entries.async_unload(account.entry_id)
    await settle(home)
    assert account.state is ConfigEntryState.NOT_LOADED
