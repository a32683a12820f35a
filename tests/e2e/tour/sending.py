"""Sending: channels, phones, times, links, encryption, and the responses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
import time
from zoneinfo import ZoneInfo

from tests.e2e.configuration import DOMAIN, REPORTED, TIME_ZONE
from tests.e2e.process import until
from tests.e2e.steps import check
from tests.e2e.tour.context import Tour
from tests.e2e.tour.names import ANNA, CROWD, CSILLA, DESK, DORA, STRANGER

WHATSAPP_ERROR = "NO_ROUTE_TO_WHATSAPP"


def _channels(tour: Tour, message: str) -> list[str]:
    """The channels of the messages with this text, oldest first."""
    return [sent.channel for sent in tour.first.sent(message)]


@asynccontextmanager
async def _outage(tour: Tour) -> AsyncIterator[None]:
    """Let the service not be reachable meanwhile."""
    port = int(tour.simulator.url.rpartition(":")[2])
    await tour.simulator.stop()
    try:
        yield
    finally:
        await tour.simulator.start(port=port)


async def down_at_start(tour: Tour) -> None:
    """Home Assistant starts while the service is down: an action raises; a contact's message waits, and is sent once it is back."""
    message = {"entity_id": "notify.anna", "message": "Private text while it is down"}
    async with _outage(tour):
        await tour.hass.stop()
        await tour.hass.start()
        sending = tour.send(tour.first, "Private text that is refused", recipients=[ANNA])
        error = await tour.refused(sending, "cannot_connect")
        await tour.hass.call_action("notify", "send_message", message)
        battery = await tour.entity(f"{tour.first.entry_id}_{DESK}_battery")
    await tour.reload(tour.first)
    await tour.hass.wait_for_state(battery, lambda state: state["state"].isdecimal())

    async def is_sent() -> bool:
        return bool(tour.first.sent(message["message"]))

    await until("the contact's message", is_sent)
    check(len(tour.first.sent(message["message"])) == 1, "it was sent twice")
    check(not tour.first.sent("Private text that is refused"), "what was refused was sent")
    tour.steps.show(error=error)


async def retry_past_an_outage(tour: Tour) -> None:
    """With `retry_for` the action answers “queued”; the service is back, the message is sent once, and its report has that id."""
    text = "Private text past an outage"
    async with _outage(tour):
        [response] = await tour.send(tour.first, text, recipients=[STRANGER], retry_for="00:05:00")
        check(response["status"] == "queued", f"the response is {response}")
    report = await tour.event(REPORTED, 60, message_id=response["message_id"])
    check((report["status"], report["recipient"]) == ("sent", STRANGER), f"the report is {report}")
    check(len(tour.first.sent(text)) == 1, "it was not sent once")


async def stopped_script(tour: Tour) -> None:
    """An automation that is restarted while it sends to twelve over a slow service: what the service took is what is counted."""
    entry = tour.first
    data = {
        "account": entry.entry_id,
        "recipients": CROWD,
        "message": "Private text of run {{ trigger.event.data.run }}",
    }
    config = {
        "alias": "Send to twelve",
        "mode": "restart",
        "triggers": [{"trigger": "event", "event_type": "tour_send"}],
        "actions": [{"action": f"{DOMAIN}.send_message", "data": data}],
    }

    async def counted() -> int:
        diagnostics = await tour.diagnostics(entry.entry_id)
        count: int = diagnostics["data"]["outbox"]["sent_in_a_day"]
        return count

    async with tour.temporary_options(entry, messages_per_minute=1000, messages_per_day=1000):
        await tour.hass.write_automation("send_to_twelve", config)
        taken_before, counted_before = len(entry.account.sent), await counted()
        tour.simulator.fault("/sendsms/", "delay", seconds=1, count=4 * len(CROWD))
        for run in range(4):
            await tour.hass.post("/api/events/tour_send", {"run": run})
            await asyncio.sleep(1.5)

        async def is_over() -> bool:
            return len(entry.sent("Private text of run 3")) == len(CROWD)

        await until("the last run's messages", is_over)
        # What an earlier run has sent would be there long before.
        await asyncio.sleep(3)
        tour.simulator.faults.waiting.clear()
        taken = len(entry.account.sent) - taken_before
        check(taken < 4 * len(CROWD), "no run was stopped")
        check(taken == await counted() - counted_before, f"{taken} were taken, {await counted()} counted")
    await tour.hass.delete("/api/config/automation/config/send_to_twelve")
    tour.steps.show(asked_for=4 * len(CROWD), taken=taken, counted=taken)


async def octal_number(tour: Tour) -> None:
    """A number in YAML without quotes and with a leading zero is an octal integer, another number: it is refused."""
    script = tour.hass.config_dir / "scripts.yaml"
    before = script.read_text()
    data = f"{{account: {tour.first.entry_id}, recipients: 06301152443, message: Private text to a stranger}}"
    script.write_text(f"octal:\n  sequence:\n    - {{action: {DOMAIN}.send_message, data: {data}}}\n")
    await tour.hass.call_action("script", "reload", {})
    calling = tour.hass.call_action("script", "octal", {})
    error = await tour.refused(calling, "number_unquoted", contains="in quotes")
    check(not tour.first.sent("Private text to a stranger"), "it was sent")
    script.write_text(before)
    await tour.hass.call_action("script", "reload", {})
    tour.steps.show(error=error)


async def whatsapp_and_both(tour: Tour) -> None:
    """WhatsApp has no parts and no alphabet, and its numbers no plus sign; both channels are two messages with two ids."""
    text = "Private text by WhatsApp ő"
    [response] = await tour.send(tour.first, text, recipients=[STRANGER], channel="whatsapp")
    [sent] = tour.first.sent(text)
    seen = (sent.channel, sent.fields["recipients"], response["parts"], response["alphabet"])
    check(seen == ("whatsapp", STRANGER[1:], 1, None), f"it is {seen}")
    text = "Private text by both"
    responses = await tour.send(tour.first, text, recipients=[STRANGER], channel="both")
    seen_ids = {(one["message_id"], one["channel"]) for one in responses}
    expected = {(sent.guid, str(sent.channel)) for sent in tour.first.sent(text)}
    check(seen_ids == expected and len(expected) == 2, f"the response is {responses}")


async def not_on_whatsapp(tour: Tour) -> None:
    """“WhatsApp, else SMS” for a number without WhatsApp: an SMS; the service is queried once a day for each number."""
    entry = tour.first
    entry.account.whatsapp_numbers = {CSILLA[1:], ANNA[1:]}
    queries = len(entry.requests("/whatsapp/checknumber/"))
    for text in ("Private text without WhatsApp", "Second private text without WhatsApp"):
        [response] = await tour.send(entry, text, recipients=[DORA], channel="whatsapp_else_sms")
        check(response["channel"] == "sms", f"the response is {response}")
        check(_channels(tour, text) == ["sms"], "WhatsApp was tried")
    queries = len(entry.requests("/whatsapp/checknumber/")) - queries
    check(queries == 1, f"the service was queried {queries} times")
    sending = tour.send(entry, "Private text by WhatsApp only", recipients=[DORA], channel="whatsapp")
    tour.steps.show(error=await tour.refused(sending, "refused", contains="not on WhatsApp"))


async def fallback(tour: Tour) -> None:
    """“WhatsApp, else SMS” that the phone reports as failed: one SMS follows, and both are reported."""
    account = tour.first.account
    account.report_by_webhook, account.whatsapp_delivery_error = True, WHATSAPP_ERROR
    text = "Private text that falls back"
    [response] = await tour.send(tour.first, text, recipients=["Csilla"])
    check(response["channel"] == "whatsapp", f"the response is {response}")

    async def has_fallen_back() -> bool:
        return len(_channels(tour, text)) > 1

    await until("the SMS", has_fallen_back, 10)
    check(_channels(tour, text) == ["whatsapp", "sms"], f"{_channels(tour, text)} were sent")
    first, second = tour.first.sent(text)
    failed = await tour.event(REPORTED, message_id=first.guid)
    sent = await tour.event(REPORTED, message_id=second.guid)
    seen = (failed["status"], failed["error"], sent["status"], sent["contact"])
    check(seen == ("failed", WHATSAPP_ERROR, "sent", "Csilla"), f"the reports are {failed}, {sent}")


async def wait_for_report(tour: Tour) -> None:
    """An action that waits for the report returns the SMS that followed; plain WhatsApp that failed raises."""
    text = "Private text that is waited for"
    [response] = await tour.send(tour.first, text, recipients=["Csilla"], wait_for_report=10)
    first, second = tour.first.sent(text)
    seen = (first.channel, response["channel"], response["status"], response["message_id"])
    check(seen == ("whatsapp", "sms", "sent", second.guid), f"the response is {response}")
    text = "Private text that fails"
    chosen = {"channel": "whatsapp", "wait_for_report": 10}
    sending = tour.send(tour.first, text, recipients=["Csilla"], **chosen)
    error = await tour.refused(sending, "report_failed", contains=WHATSAPP_ERROR)
    check(len(_channels(tour, text)) == 1, "another message was sent instead")
    tour.first.account.whatsapp_delivery_error = ""
    [response] = await tour.send(tour.first, "Private text that arrives", recipients=["Csilla"], **chosen)
    check(response["status"] == "sent", f"the response is {response}")
    tour.steps.show(error=error)


async def phone_and_sim(tour: Tour) -> None:
    """The phone is chosen by name, device or SID, the SIM by 1 or 2; SIM 3 and an unknown phone are refused."""
    device = await tour.device(f"{tour.first.entry_id}_{DESK}")
    assert device
    for phone, sim in ((device["name"], 1), (device["id"], "2"), (DESK, 2)):
        await tour.check_form(ANNA, {"sIdentifiant": DESK, "port": str(sim)}, phone=phone, sim=sim)
    for chosen, key in (({"sim": 3}, "sim_invalid"), ({"phone": "Car phone"}, "unknown_phone")):
        sending = tour.send(tour.first, "Private text from nothing", recipients=[ANNA], **chosen)
        tour.steps.show(**{key: await tour.refused(sending, key)})
    check(not tour.first.sent("Private text from nothing"), "it was sent")


async def send_at(tour: Tour) -> None:
    """The service gets the time of `send_at`, without a zone in the home's; a time in the past is refused."""
    now = datetime.now(ZoneInfo(TIME_ZONE)).replace(microsecond=0)
    due = now + timedelta(hours=3)
    for number, value in enumerate((due.isoformat(), due.replace(tzinfo=None).isoformat(sep=" "))):
        text = f"Private text for later {number}"
        form = await tour.send_one(tour.first, text, recipients=[ANNA], send_at=value)
        check(form["schedule_timestamp"] == str(int(due.timestamp())), f"{value} became {form}")
        [sent] = tour.first.sent(text)
        check((sent.status, sent.due) == ("accepted", due.timestamp()), f"it is {sent.status}")
    past = (now - timedelta(minutes=1)).isoformat()
    sending = tour.send(tour.first, "Private text for earlier", recipients=[ANNA], send_at=past)
    tour.steps.show(error=await tour.refused(sending, "send_at_past"))


async def reports_from_log(tour: Tour) -> None:
    """Where no webhook reports, the sent log does: sent, or failed with the phone's error."""
    tour.first.account.report_by_webhook = False
    started = time.monotonic()
    [good] = await tour.send(tour.first, "Private text that is looked up", recipients=[ANNA])
    [bad] = await tour.send(tour.first, "Private text that fails later", recipients=[ANNA])
    [message] = [sent for sent in tour.first.account.sent if sent.guid == bad["message_id"]]
    message.error = "NO_SERVICE"
    sent = await tour.event(REPORTED, message_id=good["message_id"])
    failed = await tour.event(REPORTED, message_id=bad["message_id"])
    seen = (sent["status"], failed["status"], failed["error"])
    check(seen == ("sent", "failed", "NO_SERVICE"), f"the reports are {seen}")
    tour.steps.show(known_after=f"{time.monotonic() - started:.1f} s")
