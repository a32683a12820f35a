"""The guide of the tour: leads from step to step, notes what does not hold, and goes on."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import re
import secrets
from typing import Any

from tests.e2e.customer import Customer
from tests.e2e.flow import Flow
from tests.e2e.home import Home
from tests.e2e.program import ProgramError, until
from tests.e2e.service import Service
from tests.e2e.story import DOMAIN, RECEIVED
from tests.e2e.tell import StoryError, Teller, check
from tests.e2e.websocket import Events, HomeError, Json

OUTSIDE = "https://home.example.net"
REPORTED = f"{DOMAIN}_message_report"
CALLED = f"{DOMAIN}_call"
# Each text has it, so that the log can be searched for texts.
MARK = "walnut"

type Step = Callable[[Guide], Awaitable[None]]


@dataclass(slots=True)
class Account:
    """A customer of the service, and the config entry that stands for it."""

    customer: Customer
    entry_id: str
    webhook_url: str = ""

    @property
    def device(self) -> tuple[str, str]:
        return DOMAIN, self.entry_id


@dataclass(slots=True)
class Guide:
    """What the walks share."""

    home: Home
    service: Service
    tell: Teller
    complaints: list[str] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    events: dict[str, Events] = field(default_factory=dict)

    async def lead(self, steps: Iterable[Step]) -> None:
        """Take the steps; one that does not hold is noted, and the next one taken."""
        for step in steps:
            title = " ".join((step.__doc__ or step.__name__).split()).removesuffix(".")
            self.tell.step(title)
            try:
                await step(self)
            except Exception as error:
                if not self.home.running:
                    raise ProgramError(f"Home Assistant ended by itself: {error}") from error
                said = str(error) or repr(error)
                self.complaints.append(f"{self.tell.number}. {title}: {said}")
                self.tell.values(DOES_NOT_HOLD=said)

    async def start(self) -> None:
        """Listen to all that the integration tells, from the first start on."""
        for event_type in (RECEIVED, REPORTED, CALLED):
            self.events[event_type] = await self.home.listen(event_type)
        await self.home.start()

    # What nobody may read in a log.

    def secret(self, prefix: str) -> str:
        """Make a key or secret up."""
        made = f"{prefix}-{secrets.token_hex(12)}"
        self.private.add(made)
        return made

    async def customer(self, name: str, **settings: Any) -> Customer:
        """Make a customer of the service, with a key of its own."""
        customer = self.customers[name] = Customer(self.service, self.secret(name))
        await customer.set(webhook_secret=self.secret("signing"), **settings)
        return customer

    # What is asked of Home Assistant again and again.

    @property
    def anna(self) -> Account:
        """The account that most of the tour is about."""
        return self.accounts["anna"]

    @property
    def server(self) -> Json:
        """The section of a form which says where the service is."""
        return {"server": {"url": self.service.url}}

    async def say(self, category: str, key: str) -> str:
        """What the frontend says for a key."""
        text = await self.home.translation(DOMAIN, category, key)
        check(text != key, f"there is no text for {category} {key}")
        return text

    async def send(self, account: Account, message: str, **data: Any) -> list[Json]:
        """Send a message with the action; give what it answers for each recipient."""
        told = {"account": account.entry_id, "message": message, **data}
        response = await self.home.call_action(DOMAIN, "send_message", told, return_response=True)
        assert response
        recipients: list[Json] = response["recipients"]
        return recipients

    async def form_of(self, account: Account, message: str, **data: Any) -> Json:
        """Send a message to one recipient; give the form that the service got."""
        [told] = await self.send(account, message, **data)
        rows = [row for row in await account.customer.sent() if row["guid"] == told["message_id"]]
        check(len(rows) == 1, f"the service has {len(rows)} messages with the id that was answered")
        form: Json = rows[0]["fields"]
        return form

    async def refused(self, awaitable: Awaitable[object], key: str = "", *, words: str = "") -> str:
        """See something refused with the sentence of this key, if it has one, and with these words; give the sentence."""
        try:
            result = await awaitable
        except HomeError as error:
            said = str(error).partition(": ")[2].removeprefix("Validation error: ")
        else:
            raise StoryError(f"it was not refused: {result}")
        if key:
            # Home Assistant leaves the full stop at the end out.
            sentence = (await self.say("exceptions", f"{key}.message")).removesuffix(".")
            pattern = ".*".join(map(re.escape, re.split(r"{\w+}", sentence)))
            check(re.fullmatch(pattern, said, re.DOTALL), f"it says “{said}” and not “{sentence}”")
        check(words in said, f"it says “{said}”, with no word of “{words}”")
        return said

    async def event(self, event_type: str, timeout: float = 15, **wanted: object) -> Json:
        """Wait for a bus event with these values; give it once it is clear that there is one only."""

        async def probe() -> Json | None:
            return next(iter(self.fired(event_type, **wanted)), None)

        event = await until(f"an event {event_type} with {wanted}", probe, timeout)
        check(self.count(event_type, **wanted) == 1, f"the event {event_type} with {wanted} came twice")
        return event

    def fired(self, event_type: str, **wanted: object) -> list[Json]:
        """The events with these values so far."""
        return [event for event in self.events[event_type].seen if wanted.items() <= event.items()]

    def count(self, event_type: str, **wanted: object) -> int:
        return len(self.fired(event_type, **wanted))

    async def entry(self, account: Account) -> Json:
        found: Json = await self.home.command("config_entries/get_single", entry_id=account.entry_id)
        entry: Json = found["config_entry"]
        return entry

    @asynccontextmanager
    async def reloading(self, account: Account) -> AsyncIterator[None]:
        """Do something that has the account begin anew, and wait until it has, its first poll included."""
        customer = account.customer
        phones, texts = await customer.asked("/gateway/mobile/list/"), await customer.asked("/getsms/")
        yield
        await customer.until_asked("/gateway/mobile/list/", phones)
        await customer.until_asked("/getsms/", texts)

        async def is_loaded() -> bool:
            return bool((await self.entry(account))["state"] == "loaded")

        await until("the account to be set up again", is_loaded)

    async def reload(self, account: Account) -> None:
        """Have the account begin anew, which asks for phones, texts and calls."""
        async with self.reloading(account):
            await self.home.post(f"/api/config/config_entries/entry/{account.entry_id}/reload")

    async def options(self, account: Account, **options: Any) -> None:
        """Set options in their dialog; those that are not named stay as the dialog shows them. None empties a field."""
        flow = await self.home.options_flow(account.entry_id)
        chosen = flow.shown() | options
        async with self.reloading(account):
            step = await flow.submit({name: value for name, value in chosen.items() if value is not None})
            check(step["type"] == "create_entry", f"the options were not taken: {step}")

    @asynccontextmanager
    async def for_now(self, account: Account, **options: Any) -> AsyncIterator[None]:
        """Set options, and set what there was before when all is done, also where something does not hold."""
        shown = (await self.home.options_flow(account.entry_id)).shown()
        await self.options(account, **options)
        try:
            yield
        finally:
            await self.options(account, **{name: shown.get(name) for name in options})

    async def issues(self, prefix: str) -> list[Json]:
        """The repair issues whose id begins so."""
        listed = await self.home.command("repairs/list_issues")
        return [
            issue
            for issue in listed["issues"]
            if issue["domain"] == DOMAIN and issue["issue_id"].startswith(prefix)
        ]

    async def device(self, identifier: str) -> Json | None:
        """The device that has this in its identifiers."""
        devices = await self.home.command("config/device_registry/list")
        return next((one for one in devices if [DOMAIN, identifier] in one["identifiers"]), None)

    async def entity(self, unique_id: str) -> str | None:
        """The id of an entity."""
        entities = await self.home.command("config/entity_registry/list")
        found = (
            one["entity_id"]
            for one in entities
            if one["platform"] == DOMAIN and one["unique_id"] == unique_id
        )
        return next(found, None)

    async def diagnostics(self, account: Account, device_id: str = "") -> Json:
        """The diagnostics of an account, or of one of its devices."""
        path = f"/api/diagnostics/config_entry/{account.entry_id}"
        answer: Json = await self.home.get(f"{path}/device/{device_id}" if device_id else path)
        return answer

    async def polls_each(self, account: Account) -> float:
        """The seconds between two polls."""
        seconds: float = (await self.diagnostics(account))["data"]["poll"]["interval_seconds"]
        return seconds

    def here(self, url: str) -> str:
        """Map an address of Home Assistant from outside to this machine."""
        check(url.startswith(f"{OUTSIDE}/"), f"{url} is not an address from outside")
        return self.home.url + url.removeprefix(OUTSIDE)

    async def finish(self, flow: Flow, name: str, customer: Customer) -> Account:
        """Go from the page with the webhook's address to the end; paste the address into the service's dashboard."""
        check(flow.step.get("step_id") == "webhook", f"the webhook's address was not shown: {flow.step}")
        url: str = flow.step["description_placeholders"]["webhook_url"]
        step = await flow.submit()
        check(step["type"] == "create_entry", f"the account was not made: {step}")
        account = self.accounts[name] = Account(customer, step["result"]["entry_id"])
        await self.paste(account, url)
        return account

    async def paste(self, account: Account, url: str) -> None:
        """Paste the webhook's address into the service's dashboard."""
        account.webhook_url = url
        self.private.add(url.rpartition("/")[2])
        await account.customer.set(webhook_url=self.here(url))
