"""What the steps of the tour share: Home Assistant, the service, the accounts, and the checks that many steps make."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import inspect
import re
import secrets
from types import ModuleType
from typing import Any

from simulator import Account, Phone, ReceivedSms, SentMessage, Simulator, sms_data
from tests.e2e.configuration import CALLED, DOMAIN, RECEIVED, REPORTED
from tests.e2e.flow import Flow
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.process import until
from tests.e2e.session import new_account, set_options
from tests.e2e.steps import StepError, Steps, check
from tests.e2e.websocket import HassError, Json

# In each text, so that the log can be searched for texts.
MARK = "private text"

type Step = Callable[[Tour], Awaitable[None]]


def steps_of(module: ModuleType) -> list[Step]:
    """Return the steps of a module: its public functions, in their order."""
    steps = (
        function
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    )
    return sorted(steps, key=lambda step: inspect.getsourcelines(step)[1])


@dataclass(slots=True)
class Entry:
    """A config entry and the account of the service that it is for."""

    account: Account
    entry_id: str
    webhook_url: str = ""

    def requests(self, path: str) -> list[dict[str, str]]:
        """The fields of each request to an endpoint."""
        return [request.fields for request in self.account.requests if request.path == path]

    def sent(self, message: str) -> list[SentMessage]:
        """The messages with this text that the service accepted."""
        return [sent for sent in self.account.sent if sent.fields["message"] == message]


@dataclass(slots=True)
class Tour:
    """The state of a tour; `private` is what may be in no log."""

    hass: HomeAssistant
    simulator: Simulator
    steps: Steps
    external_url: str
    entries: dict[str, Entry] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    private: set[str] = field(default_factory=set)
    events: dict[str, list[Json]] = field(default_factory=dict)

    async def start(self) -> None:
        """Start Home Assistant and listen to all events of the integration."""
        for event_type in (RECEIVED, REPORTED, CALLED):
            self.events[event_type] = await self.hass.listen(event_type)
        await self.hass.start()

    async def run(self, steps: Iterable[Step], *, go_on: bool) -> None:
        """Run steps with their docstrings as titles. One that fails raises StepError, or is noted if `go_on`."""
        for step in steps:
            title = " ".join((step.__doc__ or "").split()).removesuffix(".")
            self.steps.begin(title)
            try:
                await step(self)
            except Exception as error:
                failure = f"{self.steps.number}. {title}: {error or repr(error)}"
                if not go_on or not self.hass.process.running:
                    raise StepError(f"failed: {failure}") from error
                self.failures.append(failure)
                self.steps.show(FAILED=error)

    # Accounts.

    @property
    def first(self) -> Entry:
        return self.entries["first"]

    @property
    def second(self) -> Entry:
        return self.entries["second"]

    @property
    def server(self) -> Json:
        """The section of a form with the server's address."""
        return {"server": {"url": self.simulator.url}}

    def secret(self, prefix: str) -> str:
        """Make up a key or secret."""
        made = f"{prefix}-{secrets.token_hex(12)}"
        self.private.add(made)
        return made

    def new_account(self, name: str, *phones: Phone) -> Account:
        """Make an account of the service with these phones."""
        account = new_account(self.simulator, name)
        account.phones = list(phones)
        self.private |= {account.key, account.webhook_secret}
        return account

    def change_key(self, entry: Entry) -> str:
        """Give an account of the service another key; return it."""
        account = entry.account
        self.simulator.remove_account(account.key)
        account.key = self.secret("key")
        self.simulator.accounts[account.key] = account
        return account.key

    async def finish(self, flow: Flow, name: str, account: Account) -> Entry:
        """Go from the page with the webhook's address to the end; give the address to the service."""
        check(flow.step.get("step_id") == "webhook", f"the webhook's address was not shown: {flow.step}")
        url: str = flow.step["description_placeholders"]["webhook_url"]
        step = await flow.submit()
        check(step["type"] == "create_entry", f"no entry was created: {step}")
        entry = self.entries[name] = Entry(account, step["result"]["entry_id"])
        self.set_webhook(entry, url)
        return entry

    def set_webhook(self, entry: Entry, url: str) -> None:
        """Give the webhook's address to the service, which reaches Home Assistant on this machine."""
        check(url.startswith(f"{self.external_url}/api/smsmobileapi/"), f"{url} is not an external address")
        entry.webhook_url = url
        self.private.add(url.rpartition("/")[2])
        entry.account.webhook_url = self.hass.url + url.removeprefix(self.external_url)

    # Messages.

    async def send(self, entry: Entry, message: str, **data: Any) -> list[Json]:
        """Send a message with the action; return its response for each recipient."""
        response = await self.action("send_message", entry, message=message, **data)
        recipients: list[Json] = response["recipients"]
        return recipients

    async def send_one(self, entry: Entry, message: str, **data: Any) -> dict[str, str]:
        """Send a message to one recipient; return the form that the service got."""
        [response] = await self.send(entry, message, **data)
        forms = [sent.fields for sent in entry.account.sent if sent.guid == response["message_id"]]
        check(len(forms) == 1, f"the service has {len(forms)} messages with the id of the response")
        return forms[0]

    async def check_form(
        self, recipient: str, expected: Json, without: Iterable[str] = (), **data: Any
    ) -> None:
        """Send a message from the first account; check the form that the service got."""
        form = await self.send_one(
            self.first, f"Private text of step {self.steps.number}", recipients=[recipient], **data
        )
        check(expected.items() <= form.items() and not form.keys() & set(without), f"the form is {form}")

    async def action(self, name: str, entry: Entry, **data: Any) -> Json:
        """Call an action of the integration for an account; return its response."""
        data = {"account": entry.entry_id, **data}
        return await self.hass.call_action(DOMAIN, name, data, response=True)

    async def receive(
        self, entry: Entry, number: str, message: str, version: str | None = "v1", **more: Any
    ) -> tuple[ReceivedSms, int]:
        """Let the phone receive an SMS and deliver it; return it and the webhook's status, 0 without a delivery."""
        row, status = entry.account.receive(number, message, **more), 0
        if version == "v1":
            status = await self.simulator.deliver(entry.account, row)
        elif version == "v2":
            status = await self.simulator.deliver_v2(entry.account, "sms.received", sms_data(row))
        return row, status

    async def refused(self, awaitable: Awaitable[object], key: str = "", *, contains: str = "") -> str:
        """Check that Home Assistant refuses it with the text of this translation key, and with these words; return the text."""
        try:
            result = await awaitable
        except HassError as error:
            text = str(error).partition(": ")[2].removeprefix("Validation error: ")
        else:
            raise StepError(f"it was not refused: {result}")
        if key:
            # Home Assistant leaves the full stop at the end out.
            expected = (await self.translate("exceptions", f"{key}.message")).removesuffix(".")
            pattern = ".*".join(map(re.escape, re.split(r"{\w+}", expected)))
            check(re.fullmatch(pattern, text, re.DOTALL), f"the error is “{text}”, not “{expected}”")
        check(contains in text, f"the error is “{text}”, without “{contains}”")
        return text

    async def event(self, event_type: str, timeout: float = 15, **values: object) -> Json:
        """Wait for a bus event with these values; return it and check that it is the only one."""

        async def probe() -> Json | None:
            return next(iter(self.fired(event_type, **values)), None)

        event = await until(f"an event {event_type} with {values}", probe, timeout)
        check(len(self.fired(event_type, **values)) == 1, f"{event_type} with {values} was fired twice")
        return event

    def fired(self, event_type: str, **values: object) -> list[Json]:
        """The bus events with these values so far."""
        return [event for event in self.events[event_type] if values.items() <= event.items()]

    # Home Assistant.

    async def translate(self, category: str, key: str, **placeholders: str) -> str:
        """The English text of a translation key, which has to exist."""
        text = await self.hass.translation(DOMAIN, category, key)
        check(text != key, f"there is no translation of {category} {key}")
        return text.format(**placeholders) if placeholders else text

    async def issue_title(self, issue: Json, key: str) -> str:
        return await self.translate("issues", f"{key}.title", **issue["translation_placeholders"])

    async def issues(self, prefix: str) -> list[Json]:
        return await self.hass.issues(DOMAIN, prefix)

    async def until_issue(self, prefix: str, *, exists: bool = True) -> list[Json]:
        """Wait until there is a repair issue with this prefix, or none."""
        found: list[Json] = []

        async def probe() -> bool:
            nonlocal found
            found = await self.issues(prefix)
            return bool(found) == exists

        await until(f"{'a' if exists else 'no'} repair issue {prefix}", probe, 10)
        return found

    @asynccontextmanager
    async def reloading(self, entry: Entry) -> AsyncIterator[None]:
        """Do something that reloads the account; wait until it is loaded and has polled."""
        requests = [len(entry.requests(path)) for path in ("/gateway/mobile/list/", "/getsms/")]
        yield

        async def is_loaded() -> bool:
            now = [len(entry.requests(path)) for path in ("/gateway/mobile/list/", "/getsms/")]
            has_polled = all(count > before for before, count in zip(requests, now, strict=True))
            return has_polled and (await self.hass.entry(entry.entry_id))["state"] == "loaded"

        await until("the account to be loaded again and to poll", is_loaded)

    async def reload(self, entry: Entry) -> None:
        """Reload the account, which requests phones, texts and calls."""
        async with self.reloading(entry):
            await self.hass.reload_entry(entry.entry_id)

    async def poll(self, entry: Entry) -> None:
        """Poll for texts, as an update of a phone's sensor does; within 10 s of the last one Home Assistant waits."""
        count = len(entry.requests("/getsms/"))
        battery = await self.entity(f"{entry.entry_id}_{entry.account.phones[0].sid}_battery")
        await self.hass.call_action("homeassistant", "update_entity", {"entity_id": battery})

        async def has_polled() -> bool:
            return len(entry.requests("/getsms/")) > count

        await until("a poll", has_polled)

    async def options(self, entry: Entry, **options: Any) -> None:
        await set_options(self.hass, entry.entry_id, **options)

    @asynccontextmanager
    async def temporary_options(self, entry: Entry, **options: Any) -> AsyncIterator[None]:
        """Set options, and at the end those from before."""
        shown = (await self.hass.options_flow(entry.entry_id)).shown()
        await self.options(entry, **options)
        try:
            yield
        finally:
            await self.options(entry, **{name: shown.get(name) for name in options})

    async def device(self, identifier: str) -> Json | None:
        """The device with this identifier of the integration."""
        devices = await self.hass.command("config/device_registry/list")
        return next((one for one in devices if [DOMAIN, identifier] in one["identifiers"]), None)

    async def entity(self, unique_id: str) -> str:
        """The id of the integration's entity with this unique id."""
        for one in await self.hass.command("config/entity_registry/list"):
            if one["platform"] == DOMAIN and one["unique_id"] == unique_id:
                return str(one["entity_id"])
        raise StepError(f"there is no entity with the unique id {unique_id}")

    async def poll_seconds(self, entry_id: str) -> float:
        """The seconds between two polls, by the diagnostics."""
        diagnostics = await self.diagnostics(entry_id)
        seconds: float = diagnostics["data"]["poll"]["interval_seconds"]
        return seconds

    async def diagnostics(self, entry_id: str, device_id: str = "") -> Json:
        """The diagnostics of an account, or of one of its devices."""
        path = f"/api/diagnostics/config_entry/{entry_id}"
        diagnostics: Json = await self.hass.get(f"{path}/device/{device_id}" if device_id else path)
        return diagnostics

    async def phones_offered(self) -> dict[str, str]:
        """The phones that the options of the first account offer, by SID."""
        flow = await self.hass.options_flow(self.first.entry_id)
        options = flow.fields()["phone"]["selector"]["select"]["options"]
        return {one["value"]: one["label"] for one in options}
