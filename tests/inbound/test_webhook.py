"""The webhook: what is accepted, what is refused, and that it never answers 2xx for what it has not got."""

import asyncio
from http import HTTPStatus
import json
from typing import Any
from unittest.mock import patch

from homeassistant.components.cloud import CloudConnectionState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.inbound.request_body import MAX_BODY_BYTES

from ..conftest import EXTERNAL_URL, settle
from .installation import Installation
from .service import ANNA, whatsapp_event

GOOD: dict[str, Any] = {
    "date": "2025-01-20",
    "hour": "10:15:00",
    "time_received": "2025-01-20 10:14:50",
    "message": "Hello, this is a test.",
    "number": "+123456789",
    "guid": "abcde12345",
}
CLOUD = "homeassistant.components.cloud"


async def test_the_documented_body_is_accepted(ha: Installation) -> None:
    assert await ha.post(GOOD) == HTTPStatus.OK
    assert [message.data for message in ha.received] == [
        {
            "config_entry_id": ha.entry.entry_id,
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
            "data_id": None,
            "duration": None,
        }
    ]


async def test_odd_bodies_are_accepted(ha: Installation) -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"number": 36301234567}, {"sender": ANNA}),
        ({"number": "06 30 123 4567"}, {"sender": ANNA}),
        ({"number": "MyBank"}, {"sender": "MyBank"}),
        ({"message": None}, {"message": ""}),
        ({"message": 42}, {"message": "42"}),
        ({"date": None, "hour": None, "time_received": None}, {"sender": "+123456789"}),
        ({"time_received": "soon", "date": "?", "hour": "?"}, {"sender": "+123456789"}),
        ({"time_received": "\ud800"}, {"sender": "+123456789"}),
        ({"guid": None}, {"message": "Hello, this is a test."}),
        ({"extra": {"deep": [1]}}, {"channel": "sms"}),
    ]
    for index, (change, shown) in enumerate(cases):
        ha.received.clear()
        body = GOOD | {"guid": f"g{index}", "time_received": f"2025-01-20 10:{index + 20}:00"} | change
        assert await ha.post(body) == HTTPStatus.OK, change
        (fired,) = ha.received
        assert fired.data["message_id"] and fired.data["received_at"], change
        assert {key: fired.data[key] for key in shown} == shown, change
    latin = json.dumps(GOOD | {"message": "Grüße"}, ensure_ascii=False).encode("latin-1")
    assert await ha.post(latin) == HTTPStatus.OK
    assert ha.texts[-1] == "Grüße"


async def test_what_is_no_message_is_refused_and_the_next_one_arrives(ha: Installation) -> None:
    bodies: list[bytes | dict[str, Any]] = [
        b"", b"hello", b"\xff\xfe\x00", b"[]", b'"text"', b"null", b"[" * 60_000,
        {"message": "hi", "guid": "x"}, {"number": None, "message": "hi"}, {"number": "  ", "message": "hi"},
        {"number": ["+1"], "message": "hi"}, {"number": True, "message": "hi"}, {"number": ANNA, "guid": "x"},
        {"number": ANNA, "message": {"a": 1}},
    ]  # fmt: skip
    for body in bodies:
        assert await ha.post(body) == HTTPStatus.BAD_REQUEST, body
    too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    for length in (MAX_BODY_BYTES + 1, 10 * 1024 * 1024):
        assert await ha.post(b" " * length) == too_large
    for method in ("GET", "PUT", "DELETE"):
        async with ha.client.request(method, ha.path, json=GOOD) as response:
            assert response.status == HTTPStatus.METHOD_NOT_ALLOWED, method
    assert ha.received == []
    body = json.dumps(GOOD).encode()
    assert await ha.post(body + b" " * (MAX_BODY_BYTES - len(body))) == HTTPStatus.OK
    # Home Assistant Cloud calls with a MockRequest, which has only a part of the interface.
    assert await ha.handle(whatsapp_event("by the cloud")) == HTTPStatus.ACCEPTED
    assert await ha.handle(b"x") == HTTPStatus.BAD_REQUEST
    assert await ha.handle(b" " * (MAX_BODY_BYTES + 1)) == too_large
    assert ha.texts == [GOOD["message"], "by the cloud"]


async def test_what_cannot_be_handled_is_not_accepted(
    ha: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception would become a 200. The log shows where it was raised, without the text."""
    with patch(
        "custom_components.smsmobileapi.inbound.inbox.Ledger.knows",
        side_effect=RuntimeError("Hello, this is a test."),
    ):
        assert await ha.post(GOOD) == HTTPStatus.SERVICE_UNAVAILABLE
    assert ha.received == []
    assert "RuntimeError at webhook.py:" in caplog.text
    assert " (knows), " in caplog.text
    assert "Hello" not in caplog.text
    assert await ha.post(GOOD) == HTTPStatus.OK
    assert len(ha.received) == 1


async def test_a_redelivery_is_fired_once_also_under_another_id(ha: Installation) -> None:
    for _ in range(3):
        assert await ha.post(GOOD) == HTTPStatus.OK
    assert await ha.post(GOOD | {"guid": "other"}) == HTTPStatus.OK
    assert await ha.post(GOOD | {"guid": "new", "time_received": "2025-01-20 10:14:51"}) == HTTPStatus.OK
    row = ha.account.receive(ANNA, "hi")
    assert await ha.simulator.deliver(ha.account, row) == HTTPStatus.OK
    assert [message.data["message_id"] for message in ha.received] == ["abcde12345", "new", row.guid]


async def test_messages_at_the_same_moment_all_arrive(ha: Installation) -> None:
    bodies = [GOOD | {"guid": f"g{index}", "message": f"{index}"} for index in range(50)]
    assert set(await asyncio.gather(*(ha.post(body) for body in bodies))) == {HTTPStatus.OK}
    assert sorted(map(int, ha.texts)) == list(range(50))
    ha.received.clear()
    same = [whatsapp_event("the same")] * 20
    statuses = await asyncio.gather(*(ha.post(body) for body in same))
    assert sorted(statuses) == [HTTPStatus.OK] * 19 + [HTTPStatus.ACCEPTED]
    assert ha.texts == ["the same"]


# Its address.


async def interval(ha: Installation) -> float:
    """Poll; return the seconds until the next poll."""
    await ha.poll()
    assert ha.coordinator.update_interval
    return ha.coordinator.update_interval.total_seconds()


async def test_polls_are_rare_while_the_webhook_works_at_its_address(ha: Installation) -> None:
    assert await interval(ha) == 60
    assert await ha.post(b"nonsense") == HTTPStatus.BAD_REQUEST
    assert await interval(ha) == 60
    assert await ha.post(GOOD) == HTTPStatus.OK
    assert await interval(ha) == 900
    await ha.reload()
    assert await interval(ha) == 900
    await ha.hass.config.async_update(external_url="https://moved.example.net")
    await settle(ha.hass)
    assert ha.entry.runtime_data.webhook.addresses.first == f"https://moved.example.net{ha.path}"
    assert await interval(ha) == 60
    await ha.hass.config.async_update(external_url=EXTERNAL_URL, latitude=1)
    await settle(ha.hass)
    assert await interval(ha) == 900
    await ha.hass.config.async_update(external_url=None, internal_url="http://192.168.1.2:8123")
    await settle(ha.hass)
    assert ha.entry.runtime_data.webhook.addresses.first is None
    assert await ha.post(GOOD | {"guid": "g2", "message": "no address"}) == HTTPStatus.OK
    assert await interval(ha) == 60
    # What a poll is first with is no miss where there is no address.
    ha.account.receive(ANNA, "by poll")
    await ha.poll()
    issue = (DOMAIN, f"no_address_{ha.entry.entry_id}")
    assert ir.async_get(ha.hass).async_get_issue(*issue)
    await ha.hass.config.async_update(external_url=EXTERNAL_URL)
    await settle(ha.hass)
    assert not ir.async_get(ha.hass).async_get_issue(*issue)


async def test_home_assistant_cloud_gives_the_address(ha: Installation, home: HomeAssistant) -> None:
    """As soon as it is connected; the external URL serves meanwhile."""
    listeners: list[Any] = []

    def listen(_hass: HomeAssistant, listener: Any) -> Any:
        listeners.append(listener)
        return lambda: None

    home.config.components.add("cloud")
    with (
        patch(f"{CLOUD}.async_active_subscription", return_value=True),
        patch(f"{CLOUD}.async_listen_connection_change", side_effect=listen),
        patch(
            f"{CLOUD}.async_get_or_create_cloudhook",
            side_effect=[TimeoutError, "https://hooks.example.net/a"],
        ) as get_cloudhook,
    ):
        await ha.reload()
        assert str(ha.entry.runtime_data.webhook.addresses.first).startswith(EXTERNAL_URL)
        for state in (CloudConnectionState.CLOUD_DISCONNECTED, CloudConnectionState.CLOUD_CONNECTED):
            listeners[-1](state)
        await settle(home)
    assert ha.entry.runtime_data.webhook.addresses.first == "https://hooks.example.net/a"
    get_cloudhook.assert_awaited_with(home, ha.entry.data["webhook_id"])
