"""The demo's story: each step does what people would do, checks what came of it, and tells it."""

import asyncio
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from tests.e2e.flow import Flow
from tests.e2e.home import Home
from tests.e2e.program import until
from tests.e2e.service import Service
from tests.e2e.tell import Teller, check
from tests.e2e.websocket import Events, Json

DOMAIN = "smsmobileapi"
RECEIVED = f"{DOMAIN}_message_received"
SENDING = f"{DOMAIN}.send_message"
NAME = "Anna"
NUMBER = "+36301234567"
DOORBELL = "Somebody rings the doorbell."
QUESTION = "Is anybody at home? Üdv, Anna"
MISSED = "Hello? I am at the door."
# A second event or answer would be there long before.
SETTLE_SECONDS = 3

ANSWER: Json = {
    "alias": "Answer every text",
    "mode": "queued",
    "triggers": [{"trigger": "event", "event_type": RECEIVED}],
    "actions": [
        {
            "action": SENDING,
            "data": {
                "recipients": "{{ trigger.event.data.sender }}",
                "message": "Home Assistant got: {{ trigger.event.data.message }}",
            },
        }
    ],
}


class Story:
    """From the first start of a home to its second; the home runs at the end."""

    def __init__(self, home: Home, service: Service, tell: Teller) -> None:
        self.home = home
        self.service = service
        self.tell = tell

    async def play(self) -> None:
        await self.start()
        flow = await self.refuse_wrong_key()
        entry_id, webhook_url = await self.add_account(flow)
        await self.add_contact(entry_id)
        await self.send()
        await self.write_automation()
        events = await self.home.listen(RECEIVED)
        question = await self.receive(events)
        missed = await self.receive_while_down()
        await self.catch_up(events, missed)
        await self.repeat(events, entry_id, {question: QUESTION, missed: MISSED})
        webhook_id = webhook_url.rpartition("/")[2]
        self.search_log([self.service.key, webhook_id, NUMBER, DOORBELL, QUESTION, MISSED])

    async def start(self) -> None:
        self.tell.step("The service is simulated on this machine")
        self.tell.values(address=self.service.url)
        self.tell.step("A real Home Assistant starts")
        seconds = await self.home.start()
        version = (await self.home.get("/api/config"))["version"]
        self.tell.values(version=version, address=self.home.url, running_after=f"{seconds:.1f} s")

    async def refuse_wrong_key(self) -> Flow:
        self.tell.step("The account is added, first with a mistyped key")
        flow = await self.home.flow(DOMAIN)
        await flow.submit({"next_step_id": "api_key"})
        step = await flow.submit({"api_key": "mistyped", "server": {"url": self.service.url}})
        errors = step.get("errors") or {}
        check("invalid_auth" in errors.values(), f"the wrong key was not refused as such: {step}")
        self.tell.values(error=await self.home.translation(DOMAIN, "config", "error.invalid_auth"))
        return flow

    async def add_account(self, flow: Flow) -> tuple[str, str]:
        """Give the entry's id and the webhook's address."""
        self.tell.step("Then it is added with the right key")
        step = await flow.submit({"api_key": self.service.key, "server": {"url": self.service.url}})
        check(step.get("step_id") == "webhook", f"the webhook's address was not shown: {step}")
        url: str = step["description_placeholders"]["webhook_url"]
        check(
            url.startswith(f"{self.home.url}/api/webhook/"), f"{url} is not an address of this Home Assistant"
        )
        step = await flow.submit()
        check(step["type"] == "create_entry", f"the account was not made: {step}")
        await self.home.wait_for_state(f"event.{DOMAIN}_message")
        # The user pastes it into the service's dashboard.
        await self.service.send_webhooks_to(url)
        self.tell.values(account=step["title"], webhook_address=url)
        return step["result"]["entry_id"], url

    async def add_contact(self, entry_id: str) -> None:
        self.tell.step("A contact is added")
        flow = await self.home.subentry_flow(entry_id, "contact")
        step = await flow.submit({"name": NAME, "number": NUMBER, "channel": "sms"})
        check(step["type"] == "create_entry", f"the contact was not made: {step}")
        for entity_id in ("notify.anna", "event.anna_message"):
            await self.home.wait_for_state(entity_id)
        self.tell.values(contact=f"{NAME}, {NUMBER}, by SMS", entities="notify.anna, event.anna_message")

    async def send(self) -> None:
        self.tell.step("notify.send_message sends the contact a text; the service got the form")
        told = {"entity_id": "notify.anna", "message": DOORBELL}
        await self.home.call_action("notify", "send_message", told)
        sent = await self.service.sent()
        check(len(sent) == 1, f"the service got {len(sent)} messages to send, not one")
        self._tell_form(sent[0], DOORBELL)

    async def write_automation(self) -> None:
        self.tell.step(f"An automation is written: each event {RECEIVED} is answered by {SENDING}")
        self.tell.values(entity=await self.home.write_automation("answer", ANSWER))

    async def receive(self, events: Events) -> str:
        """Give the id of the text."""
        self.tell.step("The contact writes: the service calls the webhook, and Home Assistant knows")
        text = await self.service.receive(NUMBER, QUESTION)
        check(text["delivered_status"] == HTTPStatus.OK, f"the webhook answered {text['delivered_status']}")
        self.tell.values(webhook_answered=text["delivered_status"])
        event = await events.next()
        wanted = {"message_id": text["guid"], "sender": NUMBER, "contact": NAME, "message": QUESTION}
        check(wanted.items() <= event.items(), f"the event is not what came in: {event}")
        age = datetime.now(UTC) - datetime.fromisoformat(event["received_at"])
        check(
            abs(age) < timedelta(seconds=10), f"it was received just now, and not at {event['received_at']}"
        )
        self.tell.values(event=RECEIVED, **event)
        for entity_id in (f"event.{DOMAIN}_message", "event.anna_message"):
            state = await self.home.wait_for_state(
                entity_id, lambda state: state["attributes"].get("message_id") == text["guid"]
            )
            self.tell.values(**{entity_id: f"{state['attributes']['event_type']} at {state['state']}"})
        sensor = f"sensor.{DOMAIN}_last_message"
        await self.home.wait_for_state(sensor, lambda state: state["state"] == QUESTION)
        self.tell.values(**{sensor: QUESTION})
        self.tell.step("The automation has answered; the service got the form")
        await self._wait_for_answer(QUESTION)
        return str(text["guid"])

    async def receive_while_down(self) -> str:
        """Give the id of the text."""
        self.tell.step("Home Assistant is stopped, and the contact writes again")
        await self.home.stop()
        text = await self.service.receive(NUMBER, MISSED)
        check(text["delivered_status"] == 0, f"the webhook answered {text['delivered_status']}")
        self.tell.values(webhook_answered="nobody; the text is only in the service's store")
        return str(text["guid"])

    async def catch_up(self, events: Events, missed: str) -> None:
        self.tell.step("Home Assistant starts again and makes up for it")
        seconds = await self.home.start()
        event = await events.next()
        check(
            (event["message_id"], event["message"]) == (missed, MISSED), f"another event was fired: {event}"
        )
        self.tell.values(running_after=f"{seconds:.1f} s", event=RECEIVED, **event)
        self.tell.step("The automation has answered that, too")
        await self._wait_for_answer(MISSED)

    async def repeat(self, events: Events, entry_id: str, texts: dict[str, str]) -> None:
        self.tell.step(
            "The webhook is called again for both texts, the service is asked again: nothing is doubled"
        )
        for guid, message in texts.items():
            again = await self.service.receive(NUMBER, message, guid=guid)
            check(
                again["delivered_status"] == HTTPStatus.OK,
                f"the webhook answered {again['delivered_status']}",
            )
        asked = await self.service.asked("/getsms/")
        # A reload asks at once.
        await self.home.post(f"/api/config/config_entries/entry/{entry_id}/reload")

        async def asked_again() -> bool:
            return await self.service.asked("/getsms/") > asked

        await until("the service being asked for received texts", asked_again)
        await asyncio.sleep(SETTLE_SECONDS)
        fired = [event["message_id"] for event in events.seen]
        check(
            fired == list(texts),
            f"of the texts {', '.join(texts)} these events were fired: {', '.join(fired)}",
        )
        answers = len(await self.service.sent()) - 1
        check(answers == len(texts), f"{answers} answers were sent to {len(texts)} texts")
        self.tell.values(texts=len(texts), events=len(fired), answers=answers)

    def search_log(self, secrets: list[str]) -> None:
        self.tell.step("The log has no error of ours, no key or webhook address, no numbers or texts")
        log = self.home.log.read_text(errors="replace")
        errors = [line for line in log.splitlines() if " ERROR " in line and DOMAIN in line]
        check(not errors, f"it has errors: {'; '.join(errors)}")
        found = [secret for secret in secrets if secret in log]
        check(not found, f"it has: {', '.join(found)}")
        self.tell.values(lines_searched=log.count("\n"))

    async def _wait_for_answer(self, text: str) -> None:
        answer = f"Home Assistant got: {text}"

        async def arrived() -> list[dict[str, str]]:
            return [form for form in await self.service.sent() if form["message"] == answer]

        forms = await until("the answer to arrive at the service", arrived, 10)
        check(len(forms) == 1, f"it was answered {len(forms)} times")
        self._tell_form(forms[0], answer)

    def _tell_form(self, form: dict[str, str], message: str) -> None:
        wanted = {"apikey": self.service.key, "recipients": NUMBER, "message": message}
        check(wanted.items() <= form.items(), f"the service got another form: {form}")
        self.tell.values(**form | {"apikey": "(not shown)"})
