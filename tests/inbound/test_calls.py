"""Calls: each is told once, as an event on the bus and on the account's event Call."""

from http import HTTPStatus
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.core import Event, HomeAssistant, State
from homeassistant.helpers.json import json_bytes
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import EVENT_CALL
from simulator import Account, Simulator, call_data

from ..conftest import add_account, add_contact
from .test_webhook_v2 import call, event, post

ANNA = "+36301234567"
ENTITY = "event.smsmobileapi_call"
FIELDS = {"config_entry_id", "direction", "number", "name", "contact", "duration", "started_at", "phone"}

type Calls = list[Event[dict[str, Any]]]
type Client = TestClient[Any, Any]


@pytest.fixture
async def client(
    hass_client_no_auth: ClientSessionGenerator,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    path: str,
) -> Client:
    """The service."""
    service: Client = await hass_client_no_auth()
    service_account.webhook_url = str(service.make_url(path))
    return service


@pytest.fixture
def path(account: SmsMobileApiConfigEntry) -> str:
    return f"/api/webhook/{account.data['webhook_id']}"


@pytest.fixture
def calls(home: HomeAssistant) -> Calls:
    events: Calls = async_capture_events(home, EVENT_CALL)
    return events


def shown(home: HomeAssistant) -> State:
    state = home.states.get(ENTITY)
    assert state
    return state


@pytest.mark.parametrize("direction", ["missed", "incoming", "outgoing"])
async def test_a_call_is_told_once(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    client: Client,
    simulator: Simulator,
    service_account: Account,
    calls: Calls,
    direction: Any,
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    assert shown(home).state == "unknown"
    made = service_account.add_call(direction, ANNA, name="Anna K.", duration=65, at=1_790_000_000)
    states = async_capture_events(home, "state_changed")
    for event_id, status in (("e1", HTTPStatus.ACCEPTED), ("e1", HTTPStatus.OK), ("e2", HTTPStatus.ACCEPTED)):
        answer = await simulator.deliver_v2(
            service_account, f"call.{direction}", call_data(made), event_id=event_id
        )
        assert answer == status
    await home.async_block_till_done()
    expected = {
        "direction": direction,
        "number": ANNA,
        "name": "Anna K.",
        "contact": "Anna",
        "duration": 65,
        "started_at": "2026-09-21T14:13:20+00:00",
        "phone": "phone-1",
    }
    assert [fired.data for fired in calls] == [{"config_entry_id": account.entry_id, **expected}]
    assert len([change for change in states if change.data["entity_id"] == ENTITY]) == 1
    attributes = shown(home).attributes
    assert attributes["event_type"] == direction
    assert attributes["event_types"] == ["missed", "incoming", "outgoing"]
    del expected["direction"]
    assert {name: attributes[name] for name in expected} == expected


async def test_calls_are_no_messages(
    home: HomeAssistant, client: Client, path: str, calls: Calls, received: Calls
) -> None:
    await post(client, path, event("call.missed", call()))
    assert len(calls) == 1
    assert received == []
    message = home.states.get("event.smsmobileapi_message")
    counter = home.states.get("sensor.smsmobileapi_messages_received")
    assert message and message.state == "unknown"
    assert counter and counter.state == "0"


async def test_calls_without_an_id_are_told_by_number_and_time(
    client: Client, path: str, calls: Calls
) -> None:
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
        assert await post(client, path, event("call.missed", call(None, **change), f"{index}")) == 202
    await post(client, path, event("call.incoming", call(None), "another direction"))
    assert [(fired.data["direction"], fired.data["number"]) for fired in calls] == [
        ("missed", ANNA),
        ("missed", ANNA),
        ("missed", "+36301234568"),
        ("missed", None),
        ("incoming", ANNA),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"number": None}, {"number": None, "contact": None}),
        ({"number": ""}, {"number": None}),
        ({"number": 36301234567}, {"number": ANNA}),
        ({"number": "Anonymous"}, {"number": "Anonymous"}),
        ({"name": None}, {"name": None}),
        ({"name": {"first": "Anna"}}, {"name": None}),
        ({"duration_seconds": None}, {"duration": None}),
        ({"duration_seconds": "65"}, {"duration": 65}),
        ({"duration_seconds": "a minute"}, {"duration": None}),
        ({"duration_seconds": -1}, {"duration": None}),
        ({"duration_seconds": True}, {"duration": None}),
        ({"duration_seconds": "²"}, {"duration": None}),
        # More than Home Assistant can show.
        ({"duration_seconds": 10**30}, {"duration": None}),
        ({"duration_seconds": "9" * 5000}, {"duration": None}),
        # The event is of 12:00 UTC: the one is UTC, the other the home's.
        ({"call_at": "20260923120000"}, {"started_at": "2026-09-23T12:00:00+00:00"}),
        ({"call_at": "20260923140000"}, {"started_at": "2026-09-23T12:00:00+00:00"}),
        ({"call_at": "soon"}, {"number": ANNA}),
        ({"call_at": "\ud800"}, {"number": ANNA}),
        ({"call_at": None, "guid": None}, {"number": ANNA}),
        ({"call_at": "\ud800", "guid": None}, {"number": ANNA}),
        ({"device_id": None}, {"phone": None}),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_odd_calls_are_told_and_can_be_shown(
    home: HomeAssistant,
    client: Client,
    path: str,
    calls: Calls,
    change: dict[str, object],
    expected: dict[str, object],
) -> None:
    assert await post(client, path, event("call.missed", {**call(), **change})) == HTTPStatus.ACCEPTED
    (fired,) = calls
    assert fired.data.keys() == FIELDS
    assert {name: fired.data[name] for name in expected} == expected
    json_bytes(fired.data)
    json_bytes(shown(home).as_dict())


async def test_each_account_tells_its_own(
    home: HomeAssistant, client: Client, path: str, simulator: Simulator, calls: Calls
) -> None:
    simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    await post(client, f"/api/webhook/{other.data['webhook_id']}", event("call.missed", call()))
    assert [fired.data["config_entry_id"] for fired in calls] == [other.entry_id]
    assert shown(home).state == "unknown"
    theirs = home.states.get("event.smsmobileapi_2_call")
    assert theirs and theirs.attributes["number"] == ANNA
