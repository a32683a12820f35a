"""What the tests of sending share: the actions, what the service got, time that passes, and answers that are held back."""

import asyncio
from collections.abc import Callable
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
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.outbound import delivery
from custom_components.smsmobileapi.outbound.outbox import TASK_NAME
from simulator import Account, SentMessage, Simulator, report_data, sent_log

from ..conftest import KEY, OUR_LOG, settle

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
HIGH_LIMITS = {"messages_per_minute": 1000, "messages_per_day": 10_000}

# Short names for what most tests ask for.
type Clock = FrozenDateTimeFactory
type Entry = SmsMobileApiConfigEntry
type Log = pytest.LogCaptureFixture
type Patch = pytest.MonkeyPatch
type Events = list[Event[dict[str, Any]]]
type Row = dict[str, Any]


# Actions.


async def act(home: HomeAssistant, action: str, **data: Any) -> Row:
    """Call an action as an automation does; return the answer."""
    answer: Any = await home.services.async_call(
        "smsmobileapi", action, data, blocking=True, return_response=True
    )
    return dict(answer)


async def send(home: HomeAssistant, recipients: Any = ANNA, **data: Any) -> list[Row]:
    """Send as an automation does; return the row of each recipient."""
    answer = await act(home, "send_message", **{"recipients": recipients, "message": TEXT, **data})
    rows: list[Row] = answer["recipients"]
    return rows


async def error_of(home: HomeAssistant, action: str = "send_message", **data: Any) -> HomeAssistantError:
    """Call an action that fails; return the error, which has a sentence without holes."""
    if action == "send_message":
        data = {"recipients": ANNA, "message": TEXT, **data}
    with pytest.raises(HomeAssistantError) as caught:
        await act(home, action, **data)
    err = caught.value
    assert err.translation_domain == "smsmobileapi"
    assert err.translation_key
    sentence = str(err)
    assert sentence not in {"", err.translation_key} and "{" not in sentence, sentence
    return err


async def outcome(home: HomeAssistant, recipients: Any = ANNA, **data: Any) -> str | None:
    """Send; return the key of the error, None where it was sent."""
    try:
        await send(home, recipients, **data)
    except HomeAssistantError as err:
        return err.translation_key
    return None


async def resend(home: HomeAssistant, message_id: str, **data: Any) -> Row:
    return await act(home, "resend_message", message_id=message_id, **data)


async def set_options(home: HomeAssistant, account: Entry, **options: Any) -> None:
    home.config_entries.async_update_entry(account, options=options)
    await settle(home)


async def reload(home: HomeAssistant, account: Entry) -> None:
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)


def sent_in_a_day(account: Entry) -> int:
    return account.runtime_data.rate_limiter.sent_in_a_day


# The service.


def requests(service_account: Account, *paths: str) -> list[dict[str, str]]:
    """Return the fields of each request for these endpoints, for `/sendsms/` where none is named."""
    return [request.fields for request in service_account.requests if request.path in (paths or (SEND,))]


def channels(service_account: Account) -> list[str]:
    """Return the channel of each message that the service accepted."""
    return [message.channel for message in service_account.sent]


def guids(service_account: Account) -> list[str]:
    return [message.guid for message in service_account.sent]


def set_whatsapp(service_account: Account, *numbers: str) -> None:
    """Let these numbers be on WhatsApp, and no others."""
    service_account.whatsapp_numbers = {number.removeprefix("+") for number in numbers}


def hide_whatsapp(service_account: Account) -> None:
    """Let the service not say who is on WhatsApp."""
    service_account.check_format = "vague"


def refuse_whatsapp(service_account: Account) -> None:
    """Let the service refuse to send by WhatsApp, without having said so when asked."""
    hide_whatsapp(service_account)
    set_whatsapp(service_account)


def other_message(
    service_account: Account, text: str = TEXT, at: float | None = None, error: str = ""
) -> SentMessage:
    """Have another program send to Anna."""
    now = time.time() if at is None else at
    form = {"recipients": ANNA, "message": text}
    sent = SentMessage(fields=form, guid="other", at=now, channel="sms", due=now, sid="phone-1", error=error)
    service_account.sent.append(sent)
    return sent


def change_log(monkeypatch: Patch, change: Callable[[Row, SentMessage], Row]) -> None:
    """Have the rows of the sent log changed."""
    plain = sent_log.log_row
    monkeypatch.setattr(sent_log, "log_row", lambda account, sent: change(plain(account, sent), sent))


def search_log(monkeypatch: Patch, *, finds: bool) -> None:
    """Have each search in the sent log find everything, or nothing."""
    monkeypatch.setattr(sent_log, "matches_keyword", lambda *_: finds)


# Reports.


def statuses(events: Events) -> list[tuple[str, str]]:
    """Return the channel and the status of each report on the bus."""
    return [(event.data["channel"], event.data["status"]) for event in events]


async def report(
    simulator: Simulator,
    service_account: Account,
    sent: SentMessage,
    status: str,
    error: str = "",
    kind: str | None = None,
) -> None:
    """Have the service report the status of a message by its webhook."""
    sent.error = error
    kind = f"{kind or sent.channel}.{status}"
    assert await simulator.deliver_v2(service_account, kind, report_data(sent)) == HTTPStatus.ACCEPTED


# Time.


async def pass_time(home: HomeAssistant, freezer: Clock, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(home)
    await settle(home)


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
    monkeypatch.setattr(delivery, "LOOK_UPS", (0, 0, 0))
    monkeypatch.setattr(delivery, "FIRST_WAIT", 0)


def record_waits(monkeypatch: Patch) -> list[float]:
    """Return a list that fills with the seconds that delivery waits; it does not wait in fact."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(delivery, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    monkeypatch.setattr(delivery, "FIRST_WAIT", 1.0)
    return waits


async def kill(home: HomeAssistant, account: Entry) -> None:
    """Stop without notice, and come back to what was in the database then."""
    folder = Path(home.config.path(".storage"))

    def files() -> list[Path]:
        return list(folder.glob(f"smsmobileapi.{account.entry_id}.db*"))

    saved = {path: path.read_bytes() for path in files()}
    for task in asyncio.all_tasks():
        if task.get_name() == TASK_NAME:
            task.cancel()
    await home.config_entries.async_unload(account.entry_id)
    for path in files():
        path.unlink()
    for path, content in saved.items():
        path.write_bytes(content)
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED


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


def assert_private(account: Entry, lines: list[str], *errors: BaseException) -> None:
    """Check that no key, number or text is in these lines, nor in the errors and what they were raised from."""
    seen = list(lines)
    for caught in errors:
        err: BaseException | None = caught
        while err:
            seen.append(f"{err} {err!r} {err.args} {getattr(err, 'translation_placeholders', None)}")
            err = err.__cause__ or err.__context__
    assert seen
    private = [KEY, ANNA[1:], BELA[1:], TEXT, account.data["webhook_id"]]
    leaks = [line for line in seen if any(value in line for value in private)]
    assert not leaks, leaks
