"""Nothing by itself (promise 4): no automation runs on a text that was there before."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
import time

from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
    async_mock_restore_state_shutdown_restart,
)

from ..conftest import add_contact, settle
from .installation import Installation
from .service import ANNA, Events, call, event, v1

AUTOMATION = "automation"
TEXT = "open"
SENSOR = "sensor.smsmobileapi_last_message"
EVENTS = ("event.smsmobileapi_message", "event.anna_message", "event.smsmobileapi_call")
COUNTERS = [f"sensor.smsmobileapi_messages_{what}" for what in ("received", "sent", "failed")]
UNREAL = ["unknown", "unavailable"]


async def prepare(ha: Installation) -> Events:
    """Have a text and a call, and automations on all that shows them; return what is captured when one runs."""
    await add_contact(ha.hass, ha.entry, "Anna", ANNA)
    assert await ha.post(v1(TEXT)) == HTTPStatus.OK
    assert await ha.post(event("call.missed", call(), "e1")) == HTTPStatus.ACCEPTED
    await settle(ha.hass)
    triggers = [
        {"trigger": "state", "entity_id": SENSOR, "to": TEXT},
        {"trigger": "state", "entity_id": SENSOR, "attribute": "message", "to": TEXT},
        {"trigger": "state", "entity_id": SENSOR, "attribute": "message_id", "not_to": [None]},
        {"trigger": "state", "entity_id": [SENSOR, *EVENTS, *COUNTERS], "not_from": UNREAL, "not_to": UNREAL},
        {"trigger": "state", "entity_id": EVENTS, "not_to": UNREAL},
        {"trigger": "state", "entity_id": EVENTS[0], "attribute": "message", "to": TEXT},
        {"trigger": "template", "value_template": f"{{{{ is_state('{SENSOR}', '{TEXT}') }}}}"},
        {
            "trigger": "event.received",
            "target": {"entity_id": list(EVENTS)},
            "options": {"event_type": ["sms", "whatsapp", "missed"]},
        },
        *(
            {"trigger": "event", "event_type": f"smsmobileapi_{what}"}
            for what in ("message_received", "call")
        ),
    ]
    actions = [{"event": "an_automation_ran", "event_data": {"by": "{{ trigger.id }}"}}]
    automation = {"id": "all", "mode": "parallel", "max": 100, "triggers": triggers, "actions": actions}
    assert await async_setup_component(ha.hass, AUTOMATION, {AUTOMATION: automation})
    await settle(ha.hass)
    runs: Events = async_capture_events(ha.hass, "an_automation_ran")
    return runs


async def late_set_up(ha: Installation) -> None:
    """The service is away when Home Assistant starts, and comes back when automations run."""
    ha.account.state = "expired"
    await ha.hass.config_entries.async_reload(ha.entry.entry_id)
    ha.account.state = "good"
    await ha.reload()


async def reauthenticate(ha: Installation) -> None:
    ha.hass.config_entries.async_update_entry(ha.entry, data={**ha.entry.data, "title": "new"})
    await settle(ha.hass)


async def add_another_contact(ha: Installation) -> None:
    await add_contact(ha.hass, ha.entry, "Ben", "+36207654321")


async def change_an_option(ha: Installation) -> None:
    ha.hass.config_entries.async_update_entry(ha.entry, options={"max_age_hours": 5})


async def restart(ha: Installation) -> None:
    """As far as a test can: automations are armed last, after the text is shown again."""
    await async_mock_restore_state_shutdown_restart(ha.hass)
    await ha.hass.services.async_call(AUTOMATION, "turn_off", {"entity_id": "all"}, blocking=True)
    await ha.start_up()
    state = ha.hass.states.get(SENSOR)
    assert state and state.state == TEXT
    await ha.hass.services.async_call(AUTOMATION, "turn_on", {"entity_id": "all"}, blocking=True)
    ha.hass.set_state(CoreState.running)
    ha.hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)


@pytest.mark.parametrize(
    "change",
    [Installation.reload, late_set_up, reauthenticate, add_another_contact, change_an_option, restart],
)
async def test_no_automation_runs(
    ha: Installation, change: Callable[[Installation], Awaitable[None]]
) -> None:
    runs = await prepare(ha)
    await change(ha)
    await settle(ha.hass)
    await ha.poll()
    assert [run.data for run in runs] == []
    # But on a new text, even an equal one.
    assert await ha.post(v1(TEXT, "another", at=time.time() + 60)) == HTTPStatus.OK
    await settle(ha.hass)
    assert len(runs) >= 4


async def test_what_a_text_causes_has_its_context(ha: Installation) -> None:
    runs = await prepare(ha)
    await ha.post(v1("another"))
    await settle(ha.hass)
    context = ha.received[-1].context
    for entity_id in (SENSOR, *EVENTS[:2]):
        state = ha.hass.states.get(entity_id)
        assert state and state.context.id == context.id
    assert context.id in {run.context.parent_id for run in runs}
