"""What the tests of sending share: the actions, what the service got, time that passes, and answers that are held back."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
import logging
from pathlib import Path
import time
from types import SimpleNamespace
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.outbound import delivery, log_search
from custom_components.smsmobileapi.outbound.jobs import TASK_NAME
from simulator import Account, SentMessage, Simulator, report_data, sent_log

from ..conftest import KEY, OUR_LOG, add_contact, settle

ANNA = "+36301234567"
BELA = "+36207654321"
CECIL = "+36701112233"
TEXT = "There is water on the kitchen floor."
NOON = "2026-01-15 12:00:00+01:00"
# At six in the evening of that day.
SIX, SIX_SECOND = "2026-01-15 18:00:00", 1768496400
# Longer than any test waits.
LONG = 1_000_000.0
CHECK = "/whatsapp/checknumber/"
LOG = "/log/sent/sms/"
SEND = "/sendsms/"
ELSE_SMS = {"channel": "whatsapp_else_sms"}
REFUSED = {"body": {"result": {"error": 0, "sent": "0", "note": "no credit"}}}
# The calls of a test are those of one unknown caller, which may send half of this.
LIMITS = {"messages_per_minute": 40, "messages_per_day": 400}
HIGH_LIMITS = {"messages_per_minute": 1000, "messages_per_day": 10_000}

# Short names for what most tests ask for.
type Clock = FrozenDateTimeFactory
type Entry = SmsMobileApiConfigEntry
type Log = pytest.LogCaptureFixture
type Patch = pytest.MonkeyPatch
type Events = list[Event[dict[str, Any]]]
type Row = dict[str, Any]


class Gate:
    """Holds the answers of an endpoint back; the requests are carried out at once."""

    def __init__(self, simulator: Simulator, monkeypatch: Patch, endpoint: str) -> None:
        self._opened = asyncio.Event()
        self.reached = 0
        simulator.fault(endpoint, "delay", count=1000)
        self._faults = simulator.faults
        monkeypatch.setattr(simulator.faults, "apply", self._apply)

    async def _apply(self, fault: Any, request: Any, answer: Callable[..., Any]) -> Any:
        good = await answer()
        self.reached += 1
        await self._opened.wait()
        return good

    async def is_reached(self, times: int = 1) -> None:
        """Wait until so many answers are held back."""
        await until(lambda: self.reached >= times)

    def open(self) -> None:
        self._faults.waiting.clear()
        self._opened.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A home with an account, the account at the service, and what tests do with them."""

    home: HomeAssistant
    account: Entry
    simulator: Simulator
    service: Account

    # Actions.

    async def act(self, action: str, **data: Any) -> Row:
        """Call an action as an automation does; return the answer."""
        answer: Any = await self.home.services.async_call(
            "smsmobileapi", action, data, blocking=True, return_response=True
        )
        return dict(answer)

    async def send(self, recipients: Any = ANNA, **data: Any) -> list[Row]:
        """Send as an automation does; return the row of each recipient."""
        answer = await self.act("send_message", **{"recipients": recipients, "message": TEXT, **data})
        rows: list[Row] = answer["recipients"]
        return rows

    async def ids(self, recipients: Any = ANNA, **data: Any) -> list[str]:
        """Send; return the id of each message."""
        return [row["message_id"] for row in await self.send(recipients, **data)]

    async def resend(self, message_id: str, **data: Any) -> Row:
        return await self.act("resend_message", message_id=message_id, **data)

    async def notify(self, entity_id: str) -> None:
        data = {"entity_id": entity_id, "message": TEXT}
        await self.home.services.async_call("notify", "send_message", data, blocking=True)

    async def error_of(self, action: str = "send_message", **data: Any) -> HomeAssistantError:
        """Call an action that fails; return the error, which has a sentence without holes."""
        if action == "send_message":
            data = {"recipients": ANNA, "message": TEXT, **data}
        with pytest.raises(HomeAssistantError) as caught:
            await self.act(action, **data)
        err = caught.value
        assert err.translation_domain == "smsmobileapi"
        assert err.translation_key
        sentence = str(err)
        assert sentence not in {"", err.translation_key} and "{" not in sentence, sentence
        return err

    async def outcome(self, recipients: Any = ANNA, **data: Any) -> str | None:
        """Send; return the key of the error, None where it was sent."""
        try:
            await self.send(recipients, **data)
        except HomeAssistantError as err:
            return err.translation_key
        return None

    # The account.

    async def set_options(self, **options: Any) -> None:
        self.home.config_entries.async_update_entry(self.account, options=options)
        await self.settle()

    async def add_contact(self, name: str, number: str, channel: str = "sms", **more: Any) -> str:
        return await add_contact(self.home, self.account, name, number, channel, **more)

    async def unload(self) -> None:
        await self.home.config_entries.async_unload(self.account.entry_id)

    async def set_up(self) -> None:
        await self.home.config_entries.async_setup(self.account.entry_id)
        await self.settle()

    async def reload(self) -> None:
        await self.home.config_entries.async_reload(self.account.entry_id)
        await self.settle()

    async def kill(self) -> None:
        """Stop without notice, and come back to what was in the database then."""
        folder = Path(self.home.config.path(".storage"))

        def files() -> list[Path]:
            return list(folder.glob(f"smsmobileapi.{self.account.entry_id}.db*"))

        saved = {path: path.read_bytes() for path in files()}
        for task in asyncio.all_tasks():
            if task.get_name() == TASK_NAME:
                task.cancel()
        await self.unload()
        for path in files():
            path.unlink()
        for path, content in saved.items():
            path.write_bytes(content)
        await self.set_up()
        assert self.account.state is ConfigEntryState.LOADED

    @property
    def pending(self) -> int:
        """Return how many messages have no final status yet."""
        return self.account.runtime_data.reports.pending

    @property
    def sent_in_a_day(self) -> int:
        return self.account.runtime_data.rate_limiter.sent_in_a_day

    @property
    def asks_for_key(self) -> bool:
        """Return whether the user is asked for another key."""
        return bool(list(self.account.async_get_active_flows(self.home, {"reauth"})))

    def assert_private(self, lines: list[str], *errors: BaseException) -> None:
        """Check that no key, number or text is in these lines, nor in the errors and what they were raised from."""
        seen = list(lines)
        for caught in errors:
            err: BaseException | None = caught
            while err:
                seen.append(f"{err} {err!r} {err.args} {getattr(err, 'translation_placeholders', None)}")
                err = err.__cause__ or err.__context__
        assert seen
        private = [KEY, ANNA[1:], BELA[1:], TEXT, self.account.data["webhook_id"]]
        leaks = [line for line in seen if any(value in line for value in private)]
        assert not leaks, leaks

    # The service.

    def fault(self, endpoint: str, kind: Any, **options: Any) -> None:
        self.simulator.fault(endpoint, kind, **options)

    def requests(self, *paths: str) -> list[dict[str, str]]:
        """Return the fields of each request for these endpoints, for `/sendsms/` where none is named."""
        return [request.fields for request in self.service.requests if request.path in (paths or (SEND,))]

    @property
    def sent(self) -> list[SentMessage]:
        """Return the messages that the service accepted."""
        return self.service.sent

    @property
    def channels(self) -> list[str]:
        return [message.channel for message in self.sent]

    @property
    def guids(self) -> list[str]:
        return [message.guid for message in self.sent]

    def set_whatsapp(self, *numbers: str) -> None:
        """Let these numbers be on WhatsApp, and no others."""
        self.service.whatsapp_numbers = {number.removeprefix("+") for number in numbers}

    def hide_whatsapp(self) -> None:
        """Let the service not say who is on WhatsApp."""
        self.service.check_format = "vague"

    def refuse_whatsapp(self) -> None:
        """Let the service refuse to send by WhatsApp, without having said so when asked."""
        self.hide_whatsapp()
        self.set_whatsapp()

    def other_message(self, text: str = TEXT, at: float | None = None, error: str = "") -> SentMessage:
        """Have another program send to Anna."""
        now = time.time() if at is None else at
        form = {"recipients": ANNA, "message": text}
        sent = SentMessage(
            fields=form, guid="other", at=now, channel="sms", due=now, sid="phone-1", error=error
        )
        self.sent.append(sent)
        return sent

    async def report(self, sent: SentMessage, status: str, error: str = "", kind: str | None = None) -> None:
        """Have the service report the status of a message by its webhook."""
        sent.error = error
        event = f"{kind or sent.channel}.{status}"
        answer = await self.simulator.deliver_v2(self.service, event, report_data(sent))
        assert answer == HTTPStatus.ACCEPTED

    def gate(self, patch: Patch, endpoint: str = SEND) -> Gate:
        return Gate(self.simulator, patch, endpoint)

    # Time.

    async def settle(self) -> None:
        await settle(self.home)

    async def pass_time(self, freezer: Clock, **passed: float) -> None:
        self.tick(freezer, **passed)
        await self.settle()

    def tick(self, freezer: Clock, **passed: float) -> None:
        """Let time pass, and wait for nothing."""
        freezer.tick(timedelta(**passed))
        async_fire_time_changed(self.home)


# The sent log.


def change_log(monkeypatch: Patch, change: Callable[[Row, SentMessage], Row]) -> None:
    """Have the rows of the sent log changed."""
    plain = sent_log.log_row
    monkeypatch.setattr(sent_log, "log_row", lambda account, sent: change(plain(account, sent), sent))


def search_log(monkeypatch: Patch, *, finds: bool) -> None:
    """Have each search in the sent log find everything, or nothing."""
    monkeypatch.setattr(sent_log, "matches_keyword", lambda *_: finds)


# Reports, and time.


def statuses(events: Events) -> list[tuple[str, str]]:
    """Return the channel and the status of each report on the bus."""
    return [(event.data["channel"], event.data["status"]) for event in events]


async def moments() -> None:
    """Let requests that wait for nothing come and go."""
    for _ in range(200):
        await asyncio.sleep(0)


async def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition is true, also where the clock stands still."""
    for _ in range(1_000_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not become true")


def do_not_wait(monkeypatch: Patch) -> None:
    """Retry and look up at once: where the clock stands still, the shortest wait never ends."""
    monkeypatch.setattr(log_search, "LOOK_UPS", (0, 0, 0, 0, 0))
    monkeypatch.setattr(delivery, "FIRST_WAIT", 0)


def change_clock(monkeypatch: Patch, **passed: float) -> None:
    """Change the clock, while the monotonic one goes on."""
    utcnow, difference = dt_util.utcnow, timedelta(**passed)
    monkeypatch.setattr(dt_util, "utcnow", lambda: utcnow() + difference)


def record_waits(monkeypatch: Patch) -> list[float]:
    """Return a list that fills with the seconds that delivery waits; it does not wait in fact."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    for module in (delivery, log_search):
        monkeypatch.setattr(module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    monkeypatch.setattr(delivery, "FIRST_WAIT", 1.0)
    return waits


# Logs.


def our_lines(caplog: Log, level: int = logging.DEBUG) -> list[str]:
    """Return our own lines in the log, from this level on."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= level and record.name.startswith(OUR_LOG)
    ]


def warnings(caplog: Log) -> list[str]:
    return our_lines(caplog, logging.WARNING)
