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
from custom_components.smsmobileapi.inbound.token_bucket import TokenBucket

from ..conftest import EXTERNAL_URL, settle
from .installation import Installation
from .service import ANNA, SECRET, event, set_secret, signed, whatsapp, whatsapp_event

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
            "trust": "unsigned",
            "sender_raw": "+123456789",
            "age": ha.received[0].data["age"],
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


async def post_raw(ha: Installation, header: str, body: bytes) -> int:
    """Post bytes as they are; return the status of the answer."""
    url = ha.client.make_url(ha.path)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"POST {ha.path} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode() + body)
    async with asyncio.timeout(20):
        status = int((await reader.readline()).split()[1])
    writer.close()
    await writer.wait_closed()
    return status


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
async def test_a_body_that_cannot_be_decoded_is_refused(
    ha: Installation, caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    for body in (b"x" * 100, json.dumps(GOOD).encode()):
        header = f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}"
        assert await post_raw(ha, header, body) == HTTPStatus.BAD_REQUEST
    assert "Traceback" not in caplog.text
    assert await ha.post(GOOD) == HTTPStatus.OK
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


async def test_a_body_that_does_not_end_is_refused(ha: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.inbound.request_body.READ_SECONDS", 0.2)
    assert await post_raw(ha, "Content-Length: 1000", b"{") == HTTPStatus.REQUEST_TIMEOUT
    assert ha.entry.runtime_data.webhook.refused == {"too slow": 1}


async def test_a_whatsapp_message_may_be_long_and_one_that_is_too_long_is_logged_once(
    ha: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    long = "\U0001f388" * 40_000
    assert await ha.post(event("whatsapp.received", whatsapp(long))) == HTTPStatus.ACCEPTED
    assert ha.texts == [long]
    for _ in range(3):
        status = await ha.post(event("whatsapp.received", whatsapp(long * 2)))
        assert status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [text for text in warnings if "too large" in text] == [
        "A request to the webhook was refused: too large"
    ]


async def test_what_is_not_signed_is_limited_in_rate(
    ha: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not repeats, what is signed, or what the service lists."""
    monkeypatch.setattr("custom_components.smsmobileapi.inbound.webhook.UNSIGNED_AT_ONCE", 2)
    await ha.reload()
    bodies = [whatsapp_event(f"{index}") for index in range(3)]
    for _ in range(2):
        statuses = [await ha.post(body) for body in bodies]
        assert statuses[2] == HTTPStatus.TOO_MANY_REQUESTS
    assert statuses[:2] == [HTTPStatus.OK] * 2
    ha.account.receive(ANNA, "polled")
    await ha.poll()
    await set_secret(ha.hass, ha.entry, SECRET)
    assert await ha.post(bodies[2], signed(bodies[2])) == HTTPStatus.ACCEPTED
    assert ha.texts == ["0", "1", "polled", "2"]


def test_a_token_bucket_lets_many_through_at_once_and_few_for_long() -> None:
    now = 1000.0
    bucket = TokenBucket(3, 0.5, lambda: now)
    assert [bucket.take() for _ in range(5)] == [True] * 3 + [False] * 2
    for now, passed in ((1001.0, 0), (1002.0, 1), (1006.0, 2), (9000.0, 3)):
        assert sum(bucket.take() for _ in range(5)) == passed, now


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
