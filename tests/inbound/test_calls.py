"""Calls by the webhook: each is fired once, on the bus and by the account's event Call."""

from http import HTTPStatus
from typing import Any

from homeassistant.core import State
from homeassistant.helpers.json import json_bytes
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from simulator import call_data

from ..conftest import add_account, add_contact
from .installation import Installation
from .service import ANNA, CALL_FIELDS, call, event

ENTITY = "event.smsmobileapi_call"


def shown(ha: Installation, entity_id: str = ENTITY) -> State:
    state = ha.hass.states.get(entity_id)
    assert state
    return state


@pytest.mark.parametrize("direction", ["missed", "incoming", "outgoing"])
async def test_a_call_is_fired_once(ha: Installation, direction: Any) -> None:
    await add_contact(ha.hass, ha.entry, "Anna", ANNA)
    assert shown(ha).state == "unknown"
    made = ha.account.add_call(direction, ANNA, name="Anna K.", duration=65, at=1_790_000_000)
    states = async_capture_events(ha.hass, "state_changed")
    for event_id, status in (("e1", HTTPStatus.ACCEPTED), ("e1", HTTPStatus.OK), ("e2", HTTPStatus.ACCEPTED)):
        answer = await ha.simulator.deliver_v2(
            ha.account, f"call.{direction}", call_data(made), event_id=event_id
        )
        assert answer == status
    await ha.hass.async_block_till_done()
    expected = {
        "direction": direction,
        "number": ANNA,
        "name": "Anna K.",
        "contact": "Anna",
        "duration": 65,
        "started_at": "2026-09-21T14:13:20+00:00",
        "phone": "phone-1",
        "trust": "unsigned",
    }
    assert [fired.data for fired in ha.calls] == [{"config_entry_id": ha.entry.entry_id, **expected}]
    assert len([change for change in states if change.data["entity_id"] == ENTITY]) == 1
    attributes = shown(ha).attributes
    assert attributes["event_type"] == direction
    assert attributes["event_types"] == ["missed", "incoming", "outgoing"]
    del expected["direction"]
    assert {name: attributes[name] for name in expected} == expected
    # It is no message.
    assert ha.received == []
    assert shown(ha, "event.smsmobileapi_message").state == "unknown"
    assert shown(ha, "sensor.smsmobileapi_messages_received").state == "0"


async def test_number_and_time_identify_calls_without_an_id(ha: Installation) -> None:
    changes: list[dict[str, object]] = [
        {},
        {"number": "0036 30 123 4567"},
        {"call_at": "2026-09-23T14:00:00+02:00"},
        # Rounded otherwise.
        {"call_at": "2026-09-23T12:00:01Z"},
        {"call_at": "2026-09-23T11:59:59Z"},
        {"call_at": "2026-09-23T12:00:03Z"},
        {"number": "+36301234568"},
        {"number": None},
    ]
    for index, change in enumerate(changes):
        assert await ha.post(event("call.missed", call(None, **change), f"{index}")) == HTTPStatus.ACCEPTED
    await ha.post(event("call.incoming", call(None), "another direction"))
    assert [(fired.data["direction"], fired.data["number"]) for fired in ha.calls] == [
        ("missed", ANNA),
        ("missed", ANNA),
        ("missed", "+36301234568"),
        ("missed", None),
        ("incoming", ANNA),
    ]


async def test_odd_calls_are_fired_and_can_be_shown(ha: Installation) -> None:
    cases: list[tuple[dict[str, object], dict[str, object]]] = [
        ({"number": None}, {"number": None, "contact": None}),
        ({"number": ""}, {"number": None}),
        ({"number": 36301234567}, {"number": ANNA}),
        ({"number": "Anonymous"}, {"number": "Anonymous"}),
        ({"name": None}, {"name": None}),
        ({"name": {"first": "Anna"}}, {"name": None}),
        ({"duration_seconds": "65"}, {"duration": 65}),
        # Times without a zone are UTC.
        ({"call_at": "20260923120000"}, {"started_at": "2026-09-23T12:00:00+00:00"}),
        ({"call_at": "20260923140000"}, {"started_at": "2026-09-23T14:00:00+00:00"}),
        ({"call_at": "soon"}, {"number": ANNA}),
        ({"call_at": "\ud800"}, {"number": ANNA}),
        ({"call_at": None, "guid": None}, {"number": ANNA}),
        ({"call_at": "\ud800", "guid": None}, {"number": ANNA}),
        ({"device_id": None}, {"phone": None}),
    ]
    # The last ones are more than Home Assistant can show.
    durations: list[object] = [None, "a minute", -1, True, "²", 10**30, "9" * 5000]
    cases += [({"duration_seconds": duration}, {"duration": None}) for duration in durations]
    directions = ("missed", "incoming", "outgoing")
    for index, (change, expected) in enumerate(cases):
        ha.calls.clear()
        # Nothing that would make it known: another id, and another second.
        data = call(f"c{index}", call_at=f"2026-09-23T12:{index + 10}:00Z") | change
        kind = f"call.{directions[index % 3]}"
        if "call_at" in change:
            data |= {"number": f"+36301{index:06}"}
            expected = {name: data["number"] if name == "number" else expected[name] for name in expected}
        assert await ha.post(event(kind, data, f"e{index}")) == HTTPStatus.ACCEPTED, change
        assert len(ha.calls) == 1, change
        fired = ha.calls[0].data
        assert fired.keys() == CALL_FIELDS, change
        assert {name: fired[name] for name in expected} == expected, change
        json_bytes(fired)
        json_bytes(shown(ha).as_dict())


async def test_each_account_fires_its_own(ha: Installation) -> None:
    ha.simulator.add_account("another-key-0123456789")
    other = await add_account(ha.hass, ha.simulator, "another-key-0123456789")
    path = f"/api/smsmobileapi/{other.data['webhook_id']}"
    async with ha.client.post(path, data=event("call.missed", call())) as response:
        assert response.status == HTTPStatus.ACCEPTED
    assert [fired.data["config_entry_id"] for fired in ha.calls] == [other.entry_id]
    assert shown(ha).state == "unknown"
    assert shown(ha, "event.smsmobileapi_2_call").attributes["number"] == ANNA
