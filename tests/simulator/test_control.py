"""The control API: its commands do what the Python API does, and explain wrong arguments."""

from typing import Any

from simulator import Account, Simulator
from simulator.commands import SETTINGS
from simulator.control import COMMANDS

from .conftest import KEY, NUMBER, Api, Receiver


async def test_the_overview_lists_every_call(api: Api) -> None:
    calls = {call["path"]: call for call in (await api.control("GET", "")).json}
    assert {*calls} == {call.path for call in COMMANDS}
    assert calls["/_control/receive"]["required"] == ["key", "number", "message"]


async def test_accounts(api: Api, sim: Simulator) -> None:
    created = await api.control("POST", "accounts", key="bela", state="limited", time_zone="Europe/Budapest")
    bela = sim.accounts["bela"]
    assert (created.json["state"], created.json["time_zone"]) == ("limited", "Europe/Budapest")
    assert created.json["webhook_secret"] == bela.webhook_secret
    bela.receive(NUMBER, "hi")
    changed = await api.control("POST", "accounts", key="bela", state="good", whatsapp_numbers=["361", "360"])
    assert changed.json["whatsapp_numbers"] == ["360", "361"]
    assert sim.accounts["bela"] is bela and bela.state == "good" and str(bela.time_zone) == "Europe/Budapest"
    (shown,) = (await api.control("GET", "accounts")).json
    assert shown["received_count"] == 1 and shown["phones"][0]["sid"] == "phone-1"
    assert set(SETTINGS) <= set(shown)
    assert (await api.control("DELETE", "accounts", key="bela")).status == 200
    assert not sim.accounts


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("accounts", {"key": KEY, "colour": "red"}, "unknown: colour"),
    ("accounts", {"key": KEY, "retry_after": 1, "state": "gone"}, "state must be one of good"),
    ("accounts", {"key": KEY, "time_zone": "Middle/Earth"}, "no time zone"),
    ("accounts", {"key": KEY, "retry_after": True}, "retry_after must be an integer"),
    ("receive", {"key": "x", "number": "1", "message": "x"}, "no account has the key 'x'"),
    ("receive", {"key": KEY, "number": "1"}, "missing: message"),
    ("receive", {"key": KEY, "number": "1", "message": "x", "version": "v3"}, "version"),
    ("receive", {"key": KEY, "number": "1", "message": "x", "deliver": True}, "no webhook_url"),
    ("sent", {"key": KEY, "guid": "x"}, "no sent message"),
    ("faults", {"endpoint": "/sendsms", "kind": "cut"}, "no endpoint"),
    ("faults", {"endpoint": "*", "kind": "cut", "count": 1.5}, "count must be an integer"),
    ("events", {"key": KEY, "type": "x", "data": []}, "data must be an object"),
]


async def test_wrong_arguments(api: Api, account: Account) -> None:
    for path, arguments, error in WRONG:
        answer = await api.control("POST", path, **arguments)
        assert answer.status == 400 and error in answer.json["error"], (path, arguments)
    assert not account.received and not account.events and account.retry_after == 30


async def test_arguments_that_are_no_object(api: Api) -> None:
    for body in ("{", "[]", '"x"', "null"):
        answer = await api.request("POST", "/_control/reset", data=body)
        assert answer.status == 400 and "error" in answer.json
    assert (await api.control("DELETE", "phones", key=KEY)).json == {"error": "missing: sid"}
    assert (await api.request("POST", "/_control/reset")).status == 200


async def test_receive(api: Api, account: Account, receiver: Receiver) -> None:
    sms: dict[str, Any] = {"key": KEY, "number": NUMBER, "message": "hi"}
    answer = await api.control("POST", "receive", **sms, timestamp=1000, guid="one")
    assert answer.json == {"guid": "one", "delivered_status": None}
    assert (account.received[0].timestamp, receiver.bodies) == (1000, [])
    answer = await api.control("POST", "receive", **sms, deliver=True)
    assert answer.json == {"guid": receiver.events[0]["guid"], "delivered_status": 200}
    receiver.status = 202
    for path, fields, event_type in (
        ("receive", {"version": "v2"}, "sms.received"),
        ("receive", {"channel": "whatsapp"}, "whatsapp.received"),
        ("receive", {"channel": "voice"}, "whatsapp.voice.transcribed"),
        ("typed", {}, "sms.mobile.sent"),
        ("calls", {"direction": "incoming", "duration": 9}, "call.incoming"),
    ):
        arguments = sms if path != "calls" else {"key": KEY, "number": NUMBER}
        answer = await api.control("POST", path, **arguments, **fields, deliver=True)
        event = receiver.events[-1]
        assert event["type"] == event_type
        assert answer.json == {"guid": event["data"]["guid"], "delivered_status": 202}
    assert event["data"]["duration_seconds"] == 9
    assert (len(account.received), len(account.whatsapp), len(account.typed)) == (3, 2, 1)


async def test_sent(api: Api, account: Account, receiver: Receiver) -> None:
    guid = (await api.send(extra="x")).json["result"]["id"]
    due = int(account.sent[0].at) + 3600
    await api.send(schedule_timestamp=str(due))
    sent, scheduled = (await api.control("GET", "sent", key=KEY)).json
    assert sent["fields"] == {"apikey": KEY, "recipients": NUMBER, "message": "hello", "extra": "x"}
    assert (sent["guid"], sent["channel"], sent["status"]) == (guid, "sms", "sent")
    assert (scheduled["scheduled"], scheduled["due"], scheduled["status"]) == (due, due, "accepted")
    answer = await api.control("POST", "sent", key=KEY, guid=guid, error="NO_SERVICE", deliver=True)
    assert (answer.json["status"], answer.json["delivered_status"]) == ("failed", 200)
    answer = await api.control("POST", "sent", key=KEY, guid=guid, error_api="refused")
    assert (answer.json["error"], answer.json["error_api"]) == ("NO_SERVICE", "refused")
    await api.control("POST", "sent", key=KEY, guid=guid, error="", error_api="", deliver=True)
    assert [event["type"] for event in receiver.events] == ["sms.failed", "sms.sent"]


async def test_requests_and_faults(api: Api, sim: Simulator, account: Account) -> None:
    sim.add_account("bela")
    await api.get("/getsms/")
    await api.ask("GET", "/getsms/", apikey="bela", x="1")
    assert len((await api.control("GET", "requests")).json) == 2
    (request,) = (await api.control("GET", "requests", key="bela")).json
    assert request == {"method": "GET", "path": "/getsms/", "fields": {"apikey": "bela", "x": "1"}}
    assert (await api.control("GET", "requests", key="x")).status == 400
    await api.control("POST", "faults", endpoint="/getsms/", kind="status", status=500, count=2)
    assert (await api.get("/getsms/")).status == 500
    (waiting,) = (await api.control("GET", "faults")).json
    assert (waiting["endpoint"], waiting["count"]) == ("/getsms/", 1)
    assert (await api.control("DELETE", "faults")).json == []
    sim.fault("*", "status")
    assert (await api.control("GET", "accounts")).status == 200
    assert (await api.get("/getsms/")).status == 503


async def test_events(api: Api, account: Account, receiver: Receiver) -> None:
    settings = {"pause_after_failures": 1, "next_webhook_secret": "n", "empty_log_error": 1}
    await api.control("POST", "accounts", key=KEY, **settings)
    event: dict[str, Any] = {"key": KEY, "type": "email.sent", "data": {"a": 1}}
    answer = await api.control("POST", "events", **event, event_id="e", timestamp=9)
    assert answer.json == {"event_id": "e", "delivered_status": 200}
    assert receiver.headers[0]["X-SMSMobileAPI-Timestamp"] == "9"
    assert "X-SMSMobileAPI-Signature-Next" in receiver.headers[0]
    receiver.status = 500
    await api.control("POST", "events", **event, event_id="f", secret=None, omit=["data.a", "id"])
    assert receiver.events[1]["data"] == {} and "id" not in receiver.events[1]
    assert "X-SMSMobileAPI-Signature" not in receiver.headers[1]
    receiver.status = 200
    assert (await api.control("POST", "redeliver", key=KEY)).json == {"delivered_statuses": [0]}
    shown = await api.control("POST", "accounts", key=KEY, webhook_paused=False)
    assert shown.json["events_count"] == 2 and shown.json["webhook_paused"] is False
    assert (await api.control("POST", "redeliver", key=KEY)).json == {"delivered_statuses": [200]}
    failed = (await api.control("GET", "events", key=KEY)).json[1]
    assert failed == {"event_id": "f", "type": "email.sent", "statuses": [500, 200]}


async def test_phones_and_reset(api: Api, sim: Simulator, account: Account) -> None:
    second = {"sid": "second", "label": "Tablet", "battery": 5, "last_seen": 1}
    added = await api.control("POST", "phones", key=KEY, **second)
    assert added.json == {**second, "version": "9.1.0", "online": True}
    changed = await api.control("POST", "phones", key=KEY, sid="second", battery=None)
    assert (changed.json["battery"], changed.json["label"]) == (None, "Tablet")
    for status in (200, 400):
        assert (await api.control("DELETE", "phones", key=KEY, sid="phone-1")).status == status
    account.receive(NUMBER, "hi")
    account.add_call("missed", NUMBER)
    account.whatsapp_active = True
    await api.send()
    sim.fault("*", "status")
    assert (await api.control("POST", "reset")).json == {}
    assert not (sim.requests or sim.faults.waiting or account.sent or account.received or account.calls)
    assert not account.whatsapp_active and sim.accounts == {KEY: account}
    assert [phone.sid for phone in account.phones] == ["second"]
