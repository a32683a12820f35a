"""What the tests of sending share: the actions, time that passes, and an answer that is held back."""

import asyncio
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, SentMessage, Simulator, report_data

from ..conftest import settle

ANNA = "+36301234567"
BELA = "+36207654321"
CECIL = "+36701112233"
TEXT = "There is water on the kitchen floor."
# Longer than any test waits.
LONG = 1_000_000.0
CHECK = "/whatsapp/checknumber/"
LOG = "/log/sent/sms/"
SEND = "/sendsms/"

type Told = list[Event[dict[str, Any]]]


async def act(home: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    """Do as an automation does; return the answer."""
    answer: Any = await home.services.async_call(
        "smsmobileapi", action, data, blocking=True, return_response=True
    )
    return dict(answer)


async def send(home: HomeAssistant, recipients: Any = ANNA, **data: Any) -> list[dict[str, Any]]:
    """Send as an automation does; return what became of it for each."""
    answer = await act(home, "send_message", **{"recipients": recipients, "message": TEXT, **data})
    rows: list[dict[str, Any]] = answer["recipients"]
    return rows


async def in_vain(home: HomeAssistant, action: str, **data: Any) -> HomeAssistantError:
    """Do what can't be done; return the error, in a sentence without holes."""
    with pytest.raises(HomeAssistantError) as caught:
        await act(home, action, **data)
    err = caught.value
    assert err.translation_domain == "smsmobileapi"
    assert err.translation_key
    sentence = str(err)
    assert sentence not in {"", err.translation_key} and "{" not in sentence, sentence
    return err


async def send_in_vain(home: HomeAssistant, recipients: Any = ANNA, **data: Any) -> str | None:
    """Send what can't be sent; return the key of the error."""
    data = {"recipients": recipients, "message": TEXT, **data}
    return (await in_vain(home, "send_message", **data)).translation_key


def requests(service_account: Account, path: str = SEND) -> list[dict[str, str]]:
    """Return the fields of each request for an endpoint."""
    return [request.fields for request in service_account.requests if request.path == path]


def went_by(service_account: Account) -> list[str]:
    """Return the channel of each message that the service took."""
    return [message.channel for message in service_account.sent]


def is_on_whatsapp(service_account: Account, *numbers: str) -> None:
    """Let these numbers be on WhatsApp, and no others."""
    service_account.whatsapp_numbers = {number.removeprefix("+") for number in numbers}


def statuses(told: Told) -> list[tuple[str, str]]:
    """Return the channel and the status of each report on the bus."""
    return [(event.data["channel"], event.data["status"]) for event in told]


async def report(
    simulator: Simulator, service_account: Account, sent: SentMessage, status: str, error: str = ""
) -> None:
    """Have the service tell what became of a message."""
    sent.error = error
    kind = f"{sent.channel}.{status}"
    assert await simulator.deliver_v2(service_account, kind, report_data(sent)) == HTTPStatus.ACCEPTED


async def set_options(home: HomeAssistant, account: SmsMobileApiConfigEntry, **options: Any) -> None:
    home.config_entries.async_update_entry(account, options=options)
    await settle(home)


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(home)
    await settle(home)


async def moments() -> None:
    """Let requests that wait for nothing come and go."""
    for _ in range(200):
        await asyncio.sleep(0)


def do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look into the sent log at once: where the clock stands still, the shortest wait is an endless one."""
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.delivery.LOOK_UPS", (0, 0, 0))
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.delivery.FIRST_WAIT", 0)


async def happens(what: Callable[[], Any]) -> None:
    """Wait until it has happened, also where the clock stands still."""
    for _ in range(100_000):
        if what():
            return
        await asyncio.sleep(0)
    raise AssertionError("it has not happened")


async def kill(home: HomeAssistant, account: SmsMobileApiConfigEntry, saved: dict[str, Any]) -> None:
    """Go down without a word and come back to what was on the disk then."""
    on_disk = deepcopy(saved)
    await home.config_entries.async_unload(account.entry_id)
    saved.clear()
    saved.update(on_disk)
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED


class Gate:
    """Holds the answers of an endpoint back; what is asked is carried out at once."""

    def __init__(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
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
        """Wait until somebody stands before it."""
        await happens(lambda: self.reached >= times)

    def open(self) -> None:
        self._faults.waiting.clear()
        self._opened.set()
