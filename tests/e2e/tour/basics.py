"""The steps of the demo, which are the first ones of the tour: an account, a contact, texts in both directions, a restart."""

import asyncio
from datetime import UTC, datetime, timedelta
import time

from simulator import Phone
from tests.e2e.configuration import CALLED, DOMAIN, RECEIVED
from tests.e2e.process import until
from tests.e2e.session import add_contact, begin_api_key
from tests.e2e.steps import check
from tests.e2e.tour.context import Tour
from tests.e2e.tour.names import ANNA, CSILLA, DESK, HALL
from tests.e2e.websocket import Json

SENT = "Private text: the washing machine is leaking."
QUESTION = "Private text: is the heating on? Üdv, Anna"
MISSED = "Private text: sent while Home Assistant was stopped."
# A second event or reply would be there long before.
SETTLE_SECONDS = 3
REPLY: Json = {
    "alias": "Reply to every text",
    "mode": "queued",
    "triggers": [{"trigger": "event", "event_type": RECEIVED}],
    "actions": [
        {
            "action": f"{DOMAIN}.send_message",
            "data": {
                "recipients": "{{ trigger.event.data.sender }}",
                "message": "Home Assistant got: {{ trigger.event.data.message }}",
            },
        }
    ],
}


async def add_account(tour: Tour) -> None:
    """An account is added: an empty and a wrong API key are refused, the right one shows the webhook's address."""
    account = tour.new_account(
        "first",
        Phone(sid=HALL, label="Hall phone", battery=81, version="9.2.0"),
        Phone(sid=DESK, label="Desk phone", battery=35, version="9.1.0"),
    )
    account.receive(ANNA, "Private text of the past")
    account.receive(CSILLA, "Private text of yesterday", timestamp=time.time() - 86_400)
    account.add_call("missed", ANNA, at=time.time() - 600)
    flow = await begin_api_key(tour.hass)
    for key, error in ((" ", "api_key_empty"), ("mistyped", "invalid_auth")):
        await flow.submit({"api_key": key, **tour.server})
        check(flow.errors == {"api_key": error}, f"the key {key!r} was not refused: {flow.step}")
        tour.steps.show(error=await tour.translate("config", f"error.{error}"))
    await flow.submit({"api_key": account.key, **tour.server})
    entry = await tour.finish(flow, "first", account)
    await tour.hass.wait_for_state(f"event.{DOMAIN}_message")
    version = (await tour.hass.get("/api/config"))["version"]
    tour.steps.show(
        simulator=tour.simulator.url,
        home_assistant=f"{version} at {tour.hass.url}",
        webhook=entry.webhook_url,
    )


async def add_a_contact(tour: Tour) -> None:
    """A contact is added by a national number, and gets a notify and an event entity."""
    contact = {"name": "Anna", "number": "06 30 111 2233", "channel": "sms"}
    await add_contact(tour.hass, tour.first.entry_id, contact)


async def send(tour: Tour) -> None:
    """notify.send_message sends the contact a text; this is the form that the service got."""
    await tour.hass.call_action("notify", "send_message", {"entity_id": "notify.anna", "message": SENT})
    await _show_form(tour, SENT)


async def receive(tour: Tour) -> None:
    """The contact writes, and an automation replies; the account's and the contact's entities have the text."""
    await tour.hass.write_automation("reply", REPLY)
    text, status = await tour.receive(tour.first, ANNA, QUESTION)
    check(status == 200, f"the webhook answered {status}")
    event = await tour.event(RECEIVED, message_id=text.guid)
    expected = {"channel": "sms", "sender": ANNA, "contact": "Anna", "message": QUESTION, "source": "webhook"}
    check(expected.items() <= event.items(), f"the event is {event}")
    age = datetime.now(UTC) - datetime.fromisoformat(event["received_at"])
    check(abs(age) < timedelta(seconds=10), f"it is said to be received at {event['received_at']}")
    tour.steps.show(webhook_answered=status, **event)
    for entity_id in (f"event.{DOMAIN}_message", "event.anna_message"):
        state = await tour.hass.wait_for_state(
            entity_id, lambda state: state["attributes"].get("message_id") == text.guid
        )
        tour.steps.show(**{entity_id: f"{state['attributes']['event_type']} at {state['state']}"})
    await tour.hass.wait_for_state(f"sensor.{DOMAIN}_last_message", lambda state: state["state"] == QUESTION)
    await _show_form(tour, f"Home Assistant got: {QUESTION}")


async def restart(tour: Tour) -> None:
    """The contact writes while Home Assistant is stopped: after its start it polls the text, and the automation replies."""
    await tour.hass.stop()
    text, status = await tour.receive(tour.first, ANNA, MISSED)
    check(status == 0, f"the webhook answered {status}")
    seconds = await tour.hass.start()
    event = await tour.event(RECEIVED, message_id=text.guid)
    check(event["message"] == MISSED, f"another event was fired: {event}")
    tour.steps.show(running_after=f"{seconds:.1f} s", **event)
    await _show_form(tour, f"Home Assistant got: {MISSED}")


async def repeat(tour: Tour) -> None:
    """The webhook brings both texts again, and a reload polls again: nothing is doubled, and nothing of the past is fired."""
    account = tour.first.account
    texts = [text for text in account.received if text.message in (QUESTION, MISSED)]
    for text in texts:
        status = await tour.simulator.deliver(account, text)
        check(status == 200, f"the webhook answered {status}")
    await tour.reload(tour.first)
    await asyncio.sleep(SETTLE_SECONDS)
    fired = [event["message"] for event in tour.events[RECEIVED]]
    check(fired == [QUESTION, MISSED] and not tour.events[CALLED], f"these texts were fired: {fired}")
    replies = len(account.sent) - 1
    check(replies == len(texts), f"{len(texts)} texts got {replies} replies")
    tour.steps.show(texts=len(texts), events=len(fired), replies=replies)
    await tour.hass.delete("/api/config/automation/config/reply")


async def _show_form(tour: Tour, message: str) -> None:
    """Wait for the only message with this text that the service got, and show its form."""

    async def is_sent() -> bool:
        return bool(tour.first.sent(message))

    await until("the message to arrive at the service", is_sent, 10)
    [sent] = tour.first.sent(message)
    expected = {"apikey": tour.first.account.key, "recipients": ANNA}
    check(expected.items() <= sent.fields.items(), f"the service got another form: {sent.fields}")
    tour.steps.show(**sent.fields | {"apikey": "(not shown)"})
