"""Receiving, all of it: SMS by both webhooks, WhatsApp, voice, calls, each of them once."""

from datetime import UTC, datetime
import time
from uuid import uuid4

from tests.e2e.guide import CALLED, Guide, Step
from tests.e2e.people import BOLDI, CSILLA, DESK, DORA, STRANGER
from tests.e2e.program import until
from tests.e2e.story import DOMAIN, RECEIVED
from tests.e2e.tell import check
from tests.e2e.websocket import Json


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _guid() -> str:
    return uuid4().hex[:12]


async def v1(guide: Guide) -> None:
    """An SMS by webhook V1: fired at once, with the contact's name; the same again, and a poll, fire nothing."""
    customer = guide.anna.customer
    text = await customer.receive(BOLDI, "A walnut by V1")
    check(text["delivered_status"] == 200, f"the webhook answered {text['delivered_status']}")
    await customer.receive(BOLDI, "A walnut by V1", guid=text["guid"])
    await guide.reload(guide.anna)
    event = await guide.event(RECEIVED, message_id=text["guid"])
    wanted = {
        "channel": "sms",
        "sender": BOLDI,
        "contact": "Boldi",
        "message": "A walnut by V1",
        "voice": False,
    }
    check(wanted.items() <= event.items(), f"the event is {event}")
    check(event["source"] == "webhook", f"it came by {event['source']}")
    guide.tell.values(**event)


async def secret(guide: Guide) -> None:
    """A signed webhook while nothing checks it: a repair issue asks for the secret, and its dialog takes it."""
    account = guide.anna
    text = await account.customer.receive(BOLDI, "A signed walnut", version="v2")
    check(text["delivered_status"] == 202, f"the webhook answered {text['delivered_status']}")
    await guide.event(RECEIVED, message_id=text["guid"])
    [issue] = await guide.issues("secret_missing")
    flow = await guide.home.fix_flow(DOMAIN, issue["issue_id"])
    await flow.submit({"signing_secret": " "})
    check(flow.errors == {"signing_secret": "secret_empty"}, f"an empty one was answered with {flow.step}")
    async with guide.reloading(account):
        step = await flow.submit({"signing_secret": account.customer.signing_secret})
        check(step["type"] == "create_entry", f"it was not taken: {step}")
    check(not await guide.issues("secret_missing"), "the repair issue is still there")
    shown = (await guide.home.options_flow(account.entry_id)).shown()
    check(shown["signing_secret"] == account.customer.signing_secret, "the options have another secret")


async def v2(guide: Guide) -> None:
    """With the secret, an SMS by V2 is taken where it is signed, once; unsigned, falsely signed or old it is refused."""
    customer = guide.anna.customer
    data = {
        "guid": _guid(),
        "from": "36201112233",
        "message": "A walnut by V2",
        "received_at": _now(),
        "alias": "Zsófi from work",
        "device_id": DESK,
    }
    for more, wanted in (
        ({"secret": "wrong"}, 401),
        ({"secret": None}, 401),
        ({"timestamp": time.time() - 400}, 401),
        ({"event_id": "the-same"}, 202),
        ({"event_id": "the-same"}, 200),
        ({}, 202),
    ):
        status = await customer.event("sms.received", data, **more)
        check(status == wanted, f"{more} was answered with {status}, not {wanted}")
    event = await guide.event(RECEIVED, message_id=data["guid"])
    seen = {"sender": "+36201112233", "sender_name": "Zsófi from work", "contact": None, "phone": DESK}
    check(seen.items() <= event.items(), f"the event is {event}")
    text = await customer.receive(BOLDI, "An unsigned walnut")
    check(text["delivered_status"] == 401, f"V1 was answered with {text['delivered_status']}")
    [issue] = await guide.issues("unsigned")
    await guide.reload(guide.anna)
    event = await guide.event(RECEIVED, message_id=text["guid"])
    check(event["source"] == "poll", f"it came by {event['source']}")
    placeholders = issue["translation_placeholders"]
    guide.tell.values(issue=(await guide.say("issues", "unsigned.title")).format(**placeholders))


async def nonsense(guide: Guide) -> None:
    """What is no event is refused; one of a type that nobody knows is taken and ignored."""
    customer = guide.anna.customer
    before = len(guide.fired(RECEIVED))
    for kind, data, wanted in (
        ("sms.received", {"guid": "x"}, 400),
        ("fax.received", {"guid": "x"}, 202),
        ("email.received", {"from": "somebody"}, 202),
    ):
        status = await customer.event(kind, data)
        check(status == wanted, f"{kind} was answered with {status}, not {wanted}")
    check(len(guide.fired(RECEIVED)) == before, "something was fired")


async def whatsapp(guide: Guide) -> None:
    """A WhatsApp message: its sender is recognised without the plus sign, with the name that the phone has for them."""
    customer = guide.anna.customer
    data = {
        "guid": _guid(),
        "data_id": "d1",
        "from": CSILLA[1:],
        "contact_name": "Csilla (running)",
        "message": "A walnut by WhatsApp",
        "is_voice_message": False,
        "received_at": _now(),
    }
    check(await customer.event("whatsapp.received", data) == 202, "it was not taken")
    event = await guide.event(RECEIVED, message_id=data["guid"])
    seen = {"channel": "whatsapp", "sender": CSILLA, "contact": "Csilla", "sender_name": "Csilla (running)"}
    check(seen.items() <= event.items(), f"the event is {event}")
    for entity_id in (f"event.{DOMAIN}_message", "event.csilla_message"):
        state = await guide.home.wait_for_state(
            entity_id, lambda state: state["attributes"].get("message_id") == data["guid"]
        )
        check(state["attributes"]["event_type"] == "whatsapp", f"{entity_id} is {state}")
    state = await guide.home.wait_for_state(f"sensor.{DOMAIN}_last_message")
    check(state["state"] == data["message"], f"the last message is {state['state']}")


async def voice(guide: Guide) -> None:
    """A voice message by WhatsApp and then its transcript: both are fired, the second with the text that was said."""
    customer = guide.anna.customer
    data = {"guid": _guid(), "data_id": "d2", "from": DORA[1:], "contact_name": "Dora", "received_at": _now()}
    message = {**data, "message": "", "is_voice_message": True}
    transcript = {**data, "transcript": "A walnut that was said", "duration_seconds": 4}
    for kind, one in (("whatsapp.received", message), ("whatsapp.voice.transcribed", transcript)):
        check(await customer.event(kind, one) == 202, f"{kind} was not taken")

    async def fired() -> list[Json] | None:
        events = guide.fired(RECEIVED, message_id=data["guid"])
        return events if len(events) > 1 else None

    told = await until("both of them", fired, 10)
    seen = [(event["message"], event["voice"]) for event in told]
    check(seen == [("", True), ("A walnut that was said", True)], f"the events are {told}")


async def number_forms(guide: Guide) -> None:
    """The contact is recognised in whatever form the number comes: international, with zeros, national, as a bare number."""
    forms = ("+36 30 111 2233", "0036301112233", "06301112233", "36301112233")
    for number in forms:
        data = {"guid": _guid(), "from": number, "message": f"A walnut of {number}", "received_at": _now()}
        check(await guide.anna.customer.event("sms.received", data) == 202, f"{number} was not taken")
        event = await guide.event(RECEIVED, message_id=data["guid"])
        seen = (event["sender"], event["contact"])
        check(seen == (BOLDI, "Boldi"), f"{number} is {seen}")


async def calls_by_poll(guide: Guide) -> None:
    """Calls that no webhook brings are polled for: missed, incoming and outgoing, each once."""
    customer = guide.anna.customer
    at = int(time.time())
    for seconds, (direction, number) in enumerate(
        (("missed", BOLDI), ("incoming", CSILLA), ("outgoing", STRANGER))
    ):
        await customer.call(direction, number, name="Name on the phone", duration=7, at=at + seconds)
    await guide.reload(guide.anna)
    for direction, number, contact in (
        ("missed", BOLDI, "Boldi"),
        ("incoming", CSILLA, "Csilla"),
        ("outgoing", STRANGER, None),
    ):
        event = await guide.event(CALLED, direction=direction, number=number)
        seen = (event["contact"], event["name"], event["duration"])
        wanted = (contact, "Name on the phone", None if direction == "missed" else 7)
        check(seen == wanted, f"the {direction} call is {event}")
    await guide.reload(guide.anna)
    fired = len(guide.fired(CALLED, name="Name on the phone"))
    check(fired == 3, f"three calls were fired {fired} times")


async def calls_by_v2(guide: Guide) -> None:
    """Calls that the webhook brings are fired at once, and not again when a poll lists them."""
    customer = guide.anna.customer
    for direction in ("missed", "incoming", "outgoing"):
        called = await customer.call(direction, DORA, name="Dora's phone", duration=3, deliver=True)
        check(called["delivered_status"] == 202, f"the webhook answered {called['delivered_status']}")
        await guide.event(CALLED, direction=direction, number=DORA)
    await guide.reload(guide.anna)
    fired = [event["direction"] for event in guide.fired(CALLED, number=DORA)]
    check(fired == ["missed", "incoming", "outgoing"], f"these were fired: {fired}")
    state = await guide.home.wait_for_state(f"event.{DOMAIN}_call")
    kinds = state["attributes"]["event_types"]
    check(kinds == ["missed", "incoming", "outgoing"], f"the entity knows {kinds}")


STEPS: tuple[Step, ...] = (
    v1,
    secret,
    v2,
    nonsense,
    whatsapp,
    voice,
    number_forms,
    calls_by_poll,
    calls_by_v2,
)
