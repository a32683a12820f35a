"""Webhooks: what is posted and signed, delivered again, paused, and reported."""

import asyncio
import hashlib
import hmac
import time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from simulator import EVENT_TYPES, Account, Simulator, events, report_data, sms_data, webhooks

from .conftest import AT, NUMBER, Api, Clock, Receiver

SIGNATURE = "X-SMSMobileAPI-Signature"
SENT = ("sms.sent", NUMBER, None)


def is_signed(secret: str, receiver: Receiver, header: str = SIGNATURE) -> bool:
    """Check the signature of the last request as API.md describes it."""
    headers, body = receiver.headers[-1], receiver.bodies[-1]
    text = headers["X-SMSMobileAPI-Timestamp"] + "." + body.decode()
    mac = hmac.HMAC(bytes(secret, "utf-8"), bytes(text, "utf-8"), digestmod=hashlib.sha256)
    return headers[header] == "v1=" + mac.hexdigest()


async def test_v1(sim: Simulator, account: Account, receiver: Receiver) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    row = account.receive(NUMBER, "Szia ☃", guid="abcde12345", timestamp=AT)
    assert await sim.deliver(account, row) == 200
    text = {"message": "Szia ☃", "guid": "abcde12345"}
    times = {"date": "2026-01-20", "hour": "10:15:00", "time_received": "2026-01-20 10:15:00"}
    assert receiver.events == [{**text, **times, "number": NUMBER}]
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert not [name for name in receiver.headers[0] if name.lower().startswith(("x-sms", "idem", "auth"))]
    account.time_format, account.number_format = "iso", "integer"
    await sim.deliver(account, row)
    event = receiver.events[1]
    assert (event["number"], event["time_received"]) == (36301234567, "2026-01-20T10:15:00+01:00")


async def test_v2(sim: Simulator, account: Account, receiver: Receiver) -> None:
    receiver.status = 202
    row = account.receive(NUMBER, "Szia ☃", timestamp=AT)
    assert await sim.deliver_v2(account, "sms.received", sms_data(row)) == 202
    headers, (event,) = receiver.headers[0], receiver.events
    assert list(event) == ["id", "type", "api_version", "created_at", "occurred_at", "data"]
    assert (event["type"], event["api_version"]) == ("sms.received", "2026-09-22")
    assert str(UUID(event["id"])) == event["id"]
    assert headers["X-SMSMobileAPI-Event"] == "sms.received"
    assert headers["X-SMSMobileAPI-Event-ID"] == headers["Idempotency-Key"] == event["id"]
    assert UUID(headers["X-SMSMobileAPI-Delivery"])
    assert abs(int(headers["X-SMSMobileAPI-Timestamp"]) - time.time()) < 60
    assert is_signed(account.webhook_secret, receiver) and not is_signed("another", receiver)
    assert f"{SIGNATURE}-Next" not in headers
    # Signatures on request, and during a rotation of the secret.
    await sim.deliver_v2(account, "x.y", {}, event_id="same", secret="another", timestamp=1000)
    assert receiver.headers[1]["X-SMSMobileAPI-Timestamp"] == "1000" and is_signed("another", receiver)
    account.next_webhook_secret = "the next"
    await sim.deliver_v2(account, "x.y", {}, event_id="same")
    assert is_signed(account.webhook_secret, receiver)
    assert is_signed("the next", receiver, f"{SIGNATURE}-Next")
    assert [event["id"] for event in receiver.events[1:]] == ["same", "same"]
    await sim.deliver_v2(account, "x.y", {}, secret=None)
    assert not [name for name in receiver.headers[3] if name.startswith(SIGNATURE)]


async def test_data(account: Account) -> None:
    at = "2026-01-20T09:15:00Z"
    call = events.call_data(account.add_call("missed", NUMBER, name="Anna", duration=3, at=AT))
    assert (call["number"], call["duration_seconds"], call["call_at"]) == (NUMBER, 3, at)
    text = account.receive_whatsapp(NUMBER, "hi", contact_name="Anna", timestamp=AT)
    sender = {"guid": text.guid, "data_id": text.guid, "from": NUMBER, "contact_name": "Anna"}
    written = {**sender, "message": "hi", "is_voice_message": False, "received_at": at}
    assert events.whatsapp_data(text) == written
    text.voice_seconds = 4
    assert events.whatsapp_data(text) == {**written, "message": "", "is_voice_message": True}
    spoken = {"transcript": "hi", "duration_seconds": 4, "is_voice_message": True}
    assert events.voice_data(text) == {**sender, **spoken}


async def test_every_type_and_any_field_left_out(
    sim: Simulator, account: Account, receiver: Receiver
) -> None:
    assert len(EVENT_TYPES) == 15 and events.example_data(account, "fax.received") == {}
    for event_type in EVENT_TYPES:
        assert await sim.deliver_v2(account, event_type) == 200
        whole = receiver.events[-1]
        assert whole["type"] == event_type and len(whole["data"]) > 2, event_type
        await sim.deliver_v2(account, event_type, omit=["id", *(f"data.{name}" for name in whole["data"])])
        assert "id" not in receiver.events[-1] and receiver.events[-1]["data"] == {}, event_type


async def test_statuses(
    sim: Simulator, account: Account, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = account.receive(NUMBER, "hi")
    for receiver.status in (200, 302, 400, 500):
        assert await sim.deliver(account, row) == receiver.status
    assert len(receiver.bodies) == 4
    assert webhooks.TIMEOUT.total == 10
    monkeypatch.setattr(webhooks, "TIMEOUT", type(webhooks.TIMEOUT)(total=0.05))
    account.webhook_url = f"{sim.url}/sendsms/"
    for kind in ("drop_before", "hang_after"):
        sim.fault("/sendsms/", kind)
        assert await sim.deliver(account, row) == 0
    for account.webhook_url in (None, "", "http://example.com/hook", "http://192.168.1.2/"):
        for posted in (sim.deliver(account, row), sim.deliver_v2(account, "x.y"), sim.redeliver(account)):
            with pytest.raises(ValueError, match="webhook_url"):
                await posted


async def test_redelivery(api: Api, sim: Simulator, account: Account, receiver: Receiver) -> None:
    for receiver.status, event_id in ((500, "failed"), (202, "known"), (401, "forged")):
        await sim.deliver_v2(account, "sms.received", event_id=event_id, secret="wrong")
    receiver.status = 200
    assert await sim.redeliver(account) == [200, 200]
    assert [event["id"] for event in receiver.events[3:]] == ["failed", "forged"]
    assert receiver.bodies[3] == receiver.bodies[0] and is_signed(account.webhook_secret, receiver)
    assert len({headers["X-SMSMobileAPI-Delivery"] for headers in receiver.headers}) == 5
    assert await sim.redeliver(account) == [] and await sim.redeliver(account, "known") == [200]
    assert [event.statuses for event in account.events] == [[500, 200], [202, 200], [401, 200]]


async def test_redelivery_by_itself(sim: Simulator, account: Account, receiver: Receiver) -> None:
    account.redelivery_delay, receiver.status = 0.01, 500
    await sim.deliver_v2(account, "sms.received", event_id="one")
    async with asyncio.timeout(20):
        while waiting():
            await asyncio.sleep(0.01)
            receiver.status = 500 if len(receiver.bodies) < 4 else 200
    assert account.events[0].statuses[-1] == 200 and {event["id"] for event in receiver.events} == {"one"}


async def test_a_webhook_that_fails_is_paused(sim: Simulator, account: Account, receiver: Receiver) -> None:
    account.pause_after_failures = 2
    for receiver.status in (500, 200, 500, 500):
        assert not account.webhook_paused
        await sim.deliver_v2(account, "sms.received")
    assert account.webhook_paused
    receiver.status = 200
    assert await sim.deliver_v2(account, "sms.received") == 0 and await sim.redeliver(account) == [0] * 4
    assert len(receiver.bodies) == 4
    account.webhook_paused = False
    assert await sim.redeliver(account) == [200] * 4
    account.whatsapp_webhook_needs_activation = True
    for account.whatsapp_active, status in ((False, 0), (True, 200)):
        assert await sim.deliver_v2(account, "whatsapp.received") == status


def waiting() -> int:
    """Return how many background tasks of the simulator exist."""
    return sum(task.get_name() == "simulator webhook" for task in asyncio.all_tasks())


async def reports(sim: Simulator, receiver: Receiver) -> list[tuple[str, str, str | None]]:
    """Return type, recipient and error of the reports, and forget them."""
    await sim.wait_for_reports()
    events = receiver.events
    receiver.bodies.clear()
    return [(event["type"], event["data"]["recipient"], event["data"]["error"]) for event in events]


async def test_reports_by_channel(api: Api, sim: Simulator, account: Account, receiver: Receiver) -> None:
    await api.send()
    account.report_by_webhook = True
    assert await reports(sim, receiver) == []
    whatsapp = {"waonly": "yes", "recipients": "36301"}
    rows: list[tuple[Any, Any, Any, list[Any]]] = [
        ({}, "", "", [SENT]),
        ({}, "NO_SERVICE", "", [("sms.failed", NUMBER, "NO_SERVICE")]),
        ({}, "", "NO_WHATSAPP", [SENT]),
        (whatsapp, "", "", [("whatsapp.sent", "36301", None)]),
        (whatsapp, "", "NO_WHATSAPP", [("whatsapp.failed", "36301", "NO_WHATSAPP")]),
        ({"sendwa": "1"}, "", "", [SENT, ("whatsapp.sent", NUMBER, None)]),
    ]
    for fields, account.delivery_error, account.whatsapp_delivery_error, expected in rows:
        await api.send(**fields)
        await sim.wait_for_reports()
        assert receiver.events[0]["data"] == report_data(account.sent[-1]), fields
        assert is_signed(account.webhook_secret, receiver)
        assert await reports(sim, receiver) == expected, fields


async def test_no_report_before_it_is_due(
    api: Api, sim: Simulator, account: Account, receiver: Receiver, clock: Clock
) -> None:
    account.report_by_webhook = True
    await api.send(schedule_timestamp=str(int(clock.now) + 60))
    for passed, expected in ((59, []), (1, [SENT])):
        clock.now += passed
        await asyncio.sleep(0.1)
        assert await reports(sim, receiver) == expected


async def test_each_attempt_has_its_report(
    api: Api, sim: Simulator, account: Account, receiver: Receiver
) -> None:
    account.report_by_webhook, account.delivery_error = True, "NO_SERVICE"
    guid = (await api.send()).json["result"]["id"]
    assert await reports(sim, receiver) == [("sms.failed", NUMBER, "NO_SERVICE")]
    account.delivery_error = ""
    await api.post("/resend/", guid=guid)
    assert await reports(sim, receiver) == [SENT]
    assert len({headers["X-SMSMobileAPI-Event-ID"] for headers in receiver.headers}) == 2
    # An attempt that was replaced before it was due has none.
    account.delivery_delay = 3600
    guid = (await api.send()).json["result"]["id"]
    account.sent[1].error_api, account.delivery_delay = "refused", 0
    await api.post("/resend/", guid=guid)
    assert await reports(sim, receiver) == [SENT]


async def test_no_report_without_a_url_or_after_a_reset_or_stop(
    api: Api, sim: Simulator, account: Account, receiver: Receiver
) -> None:
    account.report_by_webhook = True
    for account.webhook_url in (None, "http://example.com/hook"):
        await api.send()
        await sim.wait_for_reports()
    account.delivery_delay, account.webhook_url = 3600, receiver.url
    await api.send()
    sent = account.sent[-1]
    assert waiting() == 1
    sim.reset()
    sent.due = 0
    await sim.wait_for_reports()
    assert waiting() == 0
    await api.send()
    await sim.stop()
    assert waiting() == 0 and receiver.bodies == []
