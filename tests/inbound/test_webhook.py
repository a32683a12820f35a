"""The webhook: what is taken, what is refused, and that it never says 200 for what it has not got."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
import json
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
from homeassistant.components.cloud import CloudConnectionState
from homeassistant.components.webhook import async_handle_webhook
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.aiohttp import MockRequest
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator

from ..conftest import EXTERNAL_URL, settle

GOOD: dict[str, Any] = {
    "date": "2025-01-20",
    "hour": "10:15:00",
    "time_received": "2025-01-20 10:14:50",
    "message": "Hello, this is a test.",
    "number": "+123456789",
    "guid": "abcde12345",
}


@pytest.fixture
async def client(
    hass_client_no_auth: ClientSessionGenerator, account: SmsMobileApiConfigEntry
) -> TestClient[Any, Any]:
    """Somebody on the internet."""
    somebody: TestClient[Any, Any] = await hass_client_no_auth()
    return somebody


@pytest.fixture
def path(account: SmsMobileApiConfigEntry) -> str:
    return f"/api/webhook/{account.data['webhook_id']}"


async def post(client: TestClient[Any, Any], path: str, body: bytes | dict[str, Any]) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.post(path, data=data, headers={"Content-Type": "application/json"}) as response:
        return response.status


async def test_the_documented_body_is_taken(
    client: TestClient[Any, Any],
    path: str,
    received: list[Event[dict[str, Any]]],
    account: SmsMobileApiConfigEntry,
) -> None:
    assert await post(client, path, GOOD) == HTTPStatus.OK
    assert [event.data for event in received] == [
        {
            "config_entry_id": account.entry_id,
            "message_id": "abcde12345",
            "channel": "sms",
            "sender": "+123456789",
            "sender_name": None,
            "contact": None,
            "contact_id": None,
            "message": "Hello, this is a test.",
            # Budapest is an hour ahead of UTC in January.
            "received_at": "2025-01-20T09:14:50+00:00",
            "phone": None,
            "voice": False,
            "source": "webhook",
        }
    ]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        pytest.param({"number": 36301234567}, {"sender": "+36301234567"}, id="number as integer"),
        pytest.param({"number": "06 30 123 4567"}, {"sender": "+36301234567"}, id="national number"),
        pytest.param({"number": "MyBank"}, {"sender": "MyBank"}, id="alphanumeric sender"),
        pytest.param({"message": None}, {"message": ""}, id="no text"),
        pytest.param({"message": 42}, {"message": "42"}, id="text as integer"),
        pytest.param(
            {"date": None, "hour": None, "time_received": None}, {"sender": "+123456789"}, id="nulls"
        ),
        pytest.param(
            {"time_received": "soon", "date": "?", "hour": "?"}, {"sender": "+123456789"}, id="unknown time"
        ),
        pytest.param({"guid": None}, {"message": "Hello, this is a test."}, id="no guid"),
        pytest.param({"extra": {"deep": [1]}}, {"message_id": "abcde12345"}, id="more fields"),
    ],
)
async def test_odd_bodies_are_taken(
    client: TestClient[Any, Any],
    path: str,
    received: list[Event[dict[str, Any]]],
    change: dict[str, Any],
    shown: dict[str, Any],
) -> None:
    assert await post(client, path, GOOD | change) == HTTPStatus.OK
    (event,) = received
    assert event.data["message_id"]
    assert event.data["received_at"]
    assert {key: event.data[key] for key in shown} == shown


async def test_latin_1_is_read(
    client: TestClient[Any, Any], path: str, received: list[Event[dict[str, Any]]]
) -> None:
    body = json.dumps(GOOD | {"message": "Grüße"}, ensure_ascii=False).encode("latin-1")
    assert await post(client, path, body) == HTTPStatus.OK
    assert received[0].data["message"] == "Grüße"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="not JSON"),
        pytest.param(b"\xff\xfe\x00", id="bytes"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"text"', id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[" * 60_000, id="deep"),
        pytest.param({"message": "hi", "guid": "x"}, id="no number"),
        pytest.param({"number": None, "message": "hi"}, id="number null"),
        pytest.param({"number": "  ", "message": "hi"}, id="number blank"),
        pytest.param({"number": ["+1"], "message": "hi"}, id="number a list"),
        pytest.param({"number": True, "message": "hi"}, id="number true"),
        pytest.param({"number": "+36301234567", "guid": "x"}, id="no message"),
        pytest.param({"number": "+36301234567", "message": {"a": 1}}, id="message an object"),
    ],
)
async def test_what_is_no_message_is_refused_and_the_next_one_arrives(
    client: TestClient[Any, Any],
    path: str,
    received: list[Event[dict[str, Any]]],
    body: bytes | dict[str, Any],
) -> None:
    assert await post(client, path, body) == HTTPStatus.BAD_REQUEST
    assert received == []
    assert await post(client, path, GOOD) == HTTPStatus.OK
    assert len(received) == 1


@pytest.mark.parametrize("length", [64 * 1024 + 1, 10 * 1024 * 1024])
async def test_a_large_body_is_refused_and_the_next_one_arrives(
    client: TestClient[Any, Any], path: str, received: list[Event[dict[str, Any]]], length: int
) -> None:
    assert await post(client, path, b" " * length) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert await post(client, path, GOOD) == HTTPStatus.OK
    assert len(received) == 1


async def test_the_largest_body_is_taken(
    client: TestClient[Any, Any], path: str, received: list[Event[dict[str, Any]]]
) -> None:
    body = json.dumps(GOOD).encode()
    assert await post(client, path, body + b" " * (64 * 1024 - len(body))) == HTTPStatus.OK
    assert len(received) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_post_is_served(
    client: TestClient[Any, Any], path: str, received: list[Event[dict[str, Any]]], method: str
) -> None:
    async with client.request(method, path, json=GOOD) as response:
        assert response.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert received == []


async def test_what_can_not_be_handled_is_not_taken(
    client: TestClient[Any, Any],
    path: str,
    received: list[Event[dict[str, Any]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An exception would become a 200, and the text would be gone."""
    with patch(
        "custom_components.smsmobileapi.inbound.inbox.Ledger.knows",
        side_effect=RuntimeError("Hello, this is a test."),
    ):
        assert await post(client, path, GOOD) == HTTPStatus.SERVICE_UNAVAILABLE
    assert received == []
    assert "RuntimeError" in caplog.text
    assert "Hello" not in caplog.text
    assert await post(client, path, GOOD) == HTTPStatus.OK
    assert len(received) == 1


async def test_nothing_is_taken_while_home_assistant_stops(
    home: HomeAssistant, client: TestClient[Any, Any], path: str, received: list[Event[dict[str, Any]]]
) -> None:
    home.set_state(CoreState.stopping)
    assert await post(client, path, GOOD) == HTTPStatus.SERVICE_UNAVAILABLE
    assert received == []


async def test_a_cloudhook_delivers(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, received: list[Event[dict[str, Any]]]
) -> None:
    """Home Assistant Cloud calls with a MockRequest, which has only a part of the interface."""
    webhook_id = account.data["webhook_id"]

    async def call(body: bytes) -> int:
        request = MockRequest(content=body, mock_source="cloud", method="POST", headers={})
        response = await async_handle_webhook(home, webhook_id, request)
        return response.status

    assert await call(json.dumps(GOOD).encode()) == HTTPStatus.OK
    assert await call(b"x") == HTTPStatus.BAD_REQUEST
    assert await call(b" " * 70_000) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert len(received) == 1


async def test_the_simulators_delivery_is_taken(
    client: TestClient[Any, Any],
    path: str,
    simulator: Simulator,
    service_account: Account,
    received: list[Event[dict[str, Any]]],
) -> None:
    service_account.webhook_url = str(client.make_url(path))
    row = service_account.receive(number="+36301234567", message="hi")
    assert await simulator.deliver(service_account, row) == HTTPStatus.OK
    assert [event.data["message_id"] for event in received] == [row.guid]


async def test_a_redelivery_is_taken_once(
    client: TestClient[Any, Any], path: str, received: list[Event[dict[str, Any]]]
) -> None:
    assert [await post(client, path, GOOD) for _ in range(3)] == [HTTPStatus.OK] * 3
    assert len(received) == 1


async def test_a_message_repeated_under_another_id_is_taken_once(
    client: TestClient[Any, Any], path: str, received: list[Event[dict[str, Any]]]
) -> None:
    await post(client, path, GOOD)
    await post(client, path, GOOD | {"guid": "other"})
    await post(client, path, GOOD | {"guid": "new", "time_received": "2025-01-20 10:14:51"})
    assert [event.data["message_id"] for event in received] == ["abcde12345", "new"]


async def test_messages_at_the_same_moment_all_arrive(
    client: TestClient[Any, Any], path: str, received: list[Event[dict[str, Any]]]
) -> None:
    bodies = [GOOD | {"guid": f"g{index}", "message": f"{index}"} for index in range(50)]
    assert set(await asyncio.gather(*(post(client, path, body) for body in bodies))) == {HTTPStatus.OK}
    assert sorted(event.data["message_id"] for event in received) == sorted(body["guid"] for body in bodies)


# Its address, and whether it is proved.


def interval(account: SmsMobileApiConfigEntry) -> float:
    """Seconds between polls, as the last poll decided."""
    update_interval = account.runtime_data.coordinator.update_interval
    assert update_interval
    return update_interval.total_seconds()


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


async def test_the_poll_slows_down_once_the_webhook_was_called(
    home: HomeAssistant, client: TestClient[Any, Any], path: str, account: SmsMobileApiConfigEntry
) -> None:
    assert interval(account) == 60
    await post(client, path, b"nonsense")
    await poll(home, account)
    assert interval(account) == 60
    await post(client, path, GOOD)
    await poll(home, account)
    assert interval(account) == 900


async def test_the_proof_is_remembered(
    home: HomeAssistant, client: TestClient[Any, Any], path: str, account: SmsMobileApiConfigEntry
) -> None:
    await post(client, path, GOOD)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert interval(account) == 900


async def test_a_new_address_has_to_be_proved(
    home: HomeAssistant, client: TestClient[Any, Any], path: str, account: SmsMobileApiConfigEntry
) -> None:
    await post(client, path, GOOD)
    await home.config.async_update(external_url="https://moved.example.net")
    await settle(home)
    assert account.runtime_data.webhook.url == f"https://moved.example.net{path}"
    await poll(home, account)
    assert interval(account) == 60
    await home.config.async_update(external_url=EXTERNAL_URL, latitude=1)
    await settle(home)
    await poll(home, account)
    assert interval(account) == 900


async def test_no_address_is_no_proof(
    home: HomeAssistant, client: TestClient[Any, Any], path: str, account: SmsMobileApiConfigEntry
) -> None:
    await home.config.async_update(external_url=None, internal_url="http://192.168.1.2:8123")
    await settle(home)
    assert account.runtime_data.webhook.url is None
    assert await post(client, path, GOOD) == HTTPStatus.OK
    await poll(home, account)
    assert interval(account) == 60


async def test_a_webhook_that_missed_a_message_has_to_prove_itself_again(
    home: HomeAssistant,
    client: TestClient[Any, Any],
    path: str,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
) -> None:
    await post(client, path, GOOD)
    await poll(home, account)
    row = service_account.receive(number="+36301234567", message="the webhook is on its way")
    await poll(home, account)
    service_account.webhook_url = str(client.make_url(path))
    await simulator.deliver(service_account, row)
    service_account.receive(number="+36301234567", message="the webhook forgot")
    await poll(home, account)
    assert interval(account) == 900
    async_fire_time_changed(home, dt_util.utcnow() + timedelta(minutes=3))
    await poll(home, account)
    assert interval(account) == 60
    assert account.runtime_data.webhook.health.misses_today == 1


async def test_home_assistant_cloud_gives_the_address(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    with (
        patch(
            "custom_components.smsmobileapi.inbound.webhook.cloud.async_active_subscription",
            return_value=True,
        ),
        patch(
            "custom_components.smsmobileapi.inbound.webhook.cloud.async_get_or_create_cloudhook",
            side_effect=[TimeoutError, "https://hooks.example.net/abc"],
        ) as get_cloudhook,
    ):
        await home.config_entries.async_reload(account.entry_id)
        await settle(home)
        # The cloud is not there yet: the external URL serves meanwhile.
        assert str(account.runtime_data.webhook.url).startswith(EXTERNAL_URL)
        account.runtime_data.webhook._cloud_changed(CloudConnectionState.CLOUD_DISCONNECTED)
        account.runtime_data.webhook._cloud_changed(CloudConnectionState.CLOUD_CONNECTED)
        await settle(home)
    assert account.runtime_data.webhook.url == "https://hooks.example.net/abc"
    get_cloudhook.assert_awaited_with(home, account.data["webhook_id"])


async def test_the_proof_is_saved_soon(
    home: HomeAssistant,
    client: TestClient[Any, Any],
    path: str,
    account: SmsMobileApiConfigEntry,
    hass_storage: dict[str, Any],
) -> None:
    await post(client, path, GOOD)
    async_fire_time_changed(home, fire_all=True)
    await settle(home)
    assert hass_storage[f"smsmobileapi.{account.entry_id}.webhook"]["data"]["proved"]
