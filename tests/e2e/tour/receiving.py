"""Receiving: SMS by both webhooks, WhatsApp, voice messages and calls, each once."""

from datetime import UTC, datetime
import time
from uuid import uuid4

from simulator import call_data
from tests.e2e.configuration import CALLED, DOMAIN, RECEIVED
from tests.e2e.process import until
from tests.e2e.steps import check
from tests.e2e.tour.context import Tour
from tests.e2e.tour.names import ANNA, CSILLA, DESK, DORA, STRANGER
from tests.e2e.websocket import Json


def _data(message: str, **more: object) -> Json:
    """The data of a V2 event that is received now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"guid": uuid4().hex[:12], "message": message, "received_at": now, **more}


async def signing_secret(tour: Tour) -> None:
    """A signed webhook while no secret is set: a repair issue asks for the secret, and its dialog saves it."""
    entry = tour.first
    text, status = await tour.receive(entry, ANNA, "A signed private text", "v2")
    check(status == 202, f"the webhook answered {status}")
    await tour.event(RECEIVED, message_id=text.guid)
    [issue] = await tour.issues("secret_missing")
    flow = await tour.hass.repair_flow(DOMAIN, issue["issue_id"])
    await flow.submit({"signing_secret": " "})
    check(flow.errors == {"signing_secret": "secret_empty"}, f"an empty one was accepted: {flow.step}")
    step = await flow.submit({"signing_secret": entry.account.webhook_secret})
    check(step["type"] == "create_entry", f"it was refused: {step}")
    await tour.until_issue("secret_missing", exists=False)
    shown = (await tour.hass.options_flow(entry.entry_id)).shown()
    check(shown["signing_secret"] == entry.account.webhook_secret, "the options have another secret")


async def v2(tour: Tour) -> None:
    """With the secret, an SMS by V2 is accepted once where it is signed; unsigned, wrongly signed or old it is refused."""
    account = tour.first.account
    data = _data("Private text by V2", alias="Zsófi from work", device_id=DESK) | {"from": "36201112233"}
    for more, expected_status in (
        ({"secret": "wrong"}, 401),
        ({"secret": None}, 401),
        ({"timestamp": time.time() - 400}, 401),
        ({"event_id": "the-same"}, 202),
        ({"event_id": "the-same"}, 200),
        ({}, 202),
    ):
        status = await tour.simulator.deliver_v2(account, "sms.received", data, **more)
        check(status == expected_status, f"{more} was answered with {status}, not {expected_status}")
    event = await tour.event(RECEIVED, message_id=data["guid"])
    expected = {"sender": "+36201112233", "sender_name": "Zsófi from work", "contact": None, "phone": DESK}
    check(expected.items() <= event.items(), f"the event is {event}")
    text, status = await tour.receive(tour.first, ANNA, "An unsigned private text")
    check(status == 401, f"V1 was answered with {status}")
    [issue] = await tour.issues("unsigned")
    await tour.poll(tour.first)
    event = await tour.event(RECEIVED, message_id=text.guid)
    check(event["source"] == "poll", f"it came by {event['source']}")
    tour.steps.show(issue=await tour.issue_title(issue, "unsigned"))


async def whatsapp(tour: Tour) -> None:
    """A WhatsApp message: the contact is found without the plus sign; the account's and the contact's entities have it."""
    data = _data("Private text by WhatsApp received", data_id="d1", contact_name="Csilla (running)")
    data |= {"from": CSILLA[1:], "is_voice_message": False}
    status = await tour.simulator.deliver_v2(tour.first.account, "whatsapp.received", data)
    check(status == 202, f"the webhook answered {status}")
    event = await tour.event(RECEIVED, message_id=data["guid"])
    expected = {"channel": "whatsapp", "sender": CSILLA, "contact": "Csilla"}
    expected |= {"sender_name": "Csilla (running)"}
    check(expected.items() <= event.items(), f"the event is {event}")
    for entity_id in (f"event.{DOMAIN}_message", "event.csilla_message"):
        state = await tour.hass.wait_for_state(
            entity_id, lambda state: state["attributes"].get("message_id") == data["guid"]
        )
        check(state["attributes"]["event_type"] == "whatsapp", f"{entity_id} is {state}")
    state = await tour.hass.wait_for_state(f"sensor.{DOMAIN}_last_message")
    check(state["state"] == data["message"], f"the sensor is {state}")


async def voice(tour: Tour) -> None:
    """A voice message fires twice: when it is received, without a text, and with its transcript."""
    data: Json = _data("", data_id="d2", is_voice_message=True) | {"from": CSILLA[1:]}
    transcript = {"transcript": "Private text that was spoken", "duration_seconds": 4}
    transcribed = {name: data[name] for name in ("guid", "data_id", "from")} | transcript
    for kind, one in (("whatsapp.received", data), ("whatsapp.voice.transcribed", transcribed)):
        status = await tour.simulator.deliver_v2(tour.first.account, kind, one)
        check(status == 202, f"{kind} was answered with {status}")

    async def both_fired() -> bool:
        return len(tour.fired(RECEIVED, message_id=data["guid"])) > 1

    await until("both events", both_fired, 10)
    events = tour.fired(RECEIVED, message_id=data["guid"])
    seen = [(event["message"], event["voice"]) for event in events]
    check(seen == [("", True), (transcript["transcript"], True)], f"the events are {events}")


async def calls(tour: Tour) -> None:
    """Calls by poll (missed, incoming, outgoing) and by webhook are fired once."""
    account = tour.first.account
    name, at = "Name on the phone", int(time.time())
    listed = (
        ("missed", ANNA, "Anna", None),
        ("incoming", CSILLA, "Csilla", 7),
        ("outgoing", STRANGER, None, 7),
    )
    for seconds, (direction, number, _, _) in enumerate(listed):
        account.add_call(direction, number, name=name, duration=7, at=at + seconds)  # type: ignore[arg-type] # one of the three
    await tour.reload(tour.first)
    for direction, number, contact, duration in listed:
        event = await tour.event(CALLED, direction=direction, number=number)
        seen = (event["contact"], event["name"], event["duration"])
        check(seen == (contact, name, duration), f"the {direction} call is {event}")
    call = account.add_call("missed", DORA, name=name)
    status = await tour.simulator.deliver_v2(account, "call.missed", call_data(call))
    check(status == 202, f"the webhook answered {status}")
    state = await tour.hass.wait_for_state(f"event.{DOMAIN}_call")
    check(state["attributes"]["event_type"] == "missed", f"the entity is {state}")
    await tour.reload(tour.first)
    fired = [event["direction"] for event in tour.fired(CALLED, name=name)]
    check(fired == ["missed", "incoming", "outgoing", "missed"], f"these were fired: {fired}")
