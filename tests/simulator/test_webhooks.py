"""Webhooks as they arrive, checked with a signature of our own making."""

import hashlib
import hmac
import json
import time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from simulator import Account, Simulator, call_data, report_data, sms_data, webhooks, whatsapp_data

from .conftest import NUMBER, Api, Receiver

AT = 1768900500.25


def signed(secret: str, receiver: Receiver) -> bool:
    """Check the last event's signature as API.md describes it."""
    headers, body = receiver.headers[-1], receiver.bodies[-1]
    text = headers["X-SMSMobileAPI-Timestamp"] + "." + body.decode()
    mac = hmac.HMAC(bytes(secret, "utf-8"), bytes(text, "utf-8"), digestmod=hashlib.sha256)
    return headers["X-SMSMobileAPI-Signature"] == "v1=" + mac.hexdigest()


async def test_v1(sim: Simulator, account: Account, receiver: Receiver) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    row = account.receive(NUMBER, "Szia ☃", guid="abcde12345", timestamp=AT)
    assert await sim.deliver(account, row) == 200
    assert json.loads(receiver.bodies[0]) == {
        "date": "2026-01-20",
        "hour": "10:15:00",
        "time_received": "2026-01-20 10:15:00",
        "message": "Szia ☃",
        "number": NUMBER,
        "guid": "abcde12345",
    }
    headers = receiver.headers[0]
    assert headers["Content-Type"] == "application/json"
    assert not [name for name in headers if name.lower().startswith(("x-sms", "idempotency", "auth"))]


async def test_v1_is_dressed_like_the_list(sim: Simulator, account: Account, receiver: Receiver) -> None:
    account.time_format, account.number_format = "iso", "integer"
    await sim.deliver(account, account.receive(NUMBER, "hi", guid="g", timestamp=AT))
    assert json.loads(receiver.bodies[0]) == {
        "time_received": "2026-01-20T09:15:00+00:00",
        "message": "hi",
        "number": 36301234567,
        "guid": "g",
    }


async def test_v2(sim: Simulator, account: Account, receiver: Receiver) -> None:
    receiver.status = 202
    row = account.receive(NUMBER, "Szia ☃", timestamp=AT)
    assert await sim.deliver_v2(account, "sms.received", sms_data(row)) == 202
    headers, event = receiver.headers[0], json.loads(receiver.bodies[0])
    assert list(event) == ["id", "type", "api_version", "created_at", "occurred_at", "data"]
    assert (event["type"], event["api_version"]) == ("sms.received", "2026-09-22")
    assert str(UUID(event["id"])) == event["id"]
    assert headers["X-SMSMobileAPI-Event"] == "sms.received"
    assert headers["X-SMSMobileAPI-Event-ID"] == headers["Idempotency-Key"] == event["id"]
    assert abs(int(headers["X-SMSMobileAPI-Timestamp"]) - time.time()) < 5
    assert len(headers["X-SMSMobileAPI-Signature"]) == len("v1=") + 64
    assert signed(account.webhook_secret, receiver) and not signed("another", receiver)
    assert event["data"] == {
        "guid": row.guid,
        "from": NUMBER,
        "message": "Szia ☃",
        "received_at": "2026-01-20T09:15:00Z",
        "alias": None,
        "device_id": "phone-1",
    }


async def test_v2_on_demand(sim: Simulator, account: Account, receiver: Receiver) -> None:
    account.webhook_secret = "of the account"
    await sim.deliver_v2(account, "x.y", {}, event_id="same", secret="another", timestamp=1000)
    assert receiver.headers[0]["X-SMSMobileAPI-Timestamp"] == "1000"
    assert signed("another", receiver)
    await sim.deliver_v2(account, "x.y", {}, event_id="same")
    assert signed("of the account", receiver)
    assert [json.loads(body)["id"] for body in receiver.bodies] == ["same", "same"]
    await sim.deliver_v2(account, "x.y", {}, secret=None)
    assert "X-SMSMobileAPI-Signature" not in receiver.headers[2]


async def test_data_of_other_types(account: Account, api: Api) -> None:
    call = account.add_call("missed", NUMBER, name="Anna", duration=3, at=AT)
    assert call_data(call) == {
        "guid": call.guid,
        "number": NUMBER,
        "name": "Anna",
        "duration_seconds": 3,
        "device_id": "phone-1",
        "call_at": "2026-01-20T09:15:00Z",
    }
    message = account.receive_whatsapp(NUMBER, "hi", contact_name="Anna", timestamp=AT)
    assert whatsapp_data(message) == {
        "guid": message.guid,
        "data_id": message.guid,
        "from": NUMBER,
        "contact_name": "Anna",
        "message": "hi",
        "is_voice_message": False,
        "received_at": "2026-01-20T09:15:00Z",
    }
    await api.send()
    sent = account.sent[0]
    assert report_data(sent) == {"guid": sent.guid, "recipient": NUMBER, "error": None}
    sent.error = "NO_SERVICE"
    assert report_data(sent)["error"] == "NO_SERVICE"


@pytest.mark.parametrize("status", [200, 302, 400, 500])
async def test_the_status_is_what_was_answered(
    sim: Simulator, account: Account, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    assert await sim.deliver(account, account.receive(NUMBER, "hi")) == status
    assert len(receiver.bodies) == 1


async def test_nobody_there(sim: Simulator, account: Account, unused_tcp_port: int) -> None:
    account.webhook_url = f"http://127.0.0.1:{unused_tcp_port}/"
    row = account.receive(NUMBER, "hi")
    assert await sim.deliver(account, row) == 0
    assert await sim.deliver_v2(account, "sms.received", {}) == 0


async def test_nobody_answers(sim: Simulator, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert webhooks.TIMEOUT.total == 10
    monkeypatch.setattr(webhooks, "TIMEOUT", type(webhooks.TIMEOUT)(total=0.05))
    other = sim.add_account("other")
    sim.fault("/sendsms/", "hang_after", seconds=30)
    other.webhook_url = f"{sim.url}/sendsms/"
    assert await sim.deliver(other, other.receive(NUMBER, "hi")) == 0


@pytest.mark.parametrize("url", [None, "", "http://example.com/hook", "http://192.168.1.2/"])
async def test_it_calls_nobody_else(sim: Simulator, account: Account, url: Any) -> None:
    account.webhook_url = url
    with pytest.raises(ValueError, match="webhook"):
        await sim.deliver(account, account.receive(NUMBER, "hi"))
