"""What the tests share: the service on localhost, a real Home Assistant core, and an account between the two."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
import logging
from pathlib import Path
import re
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN, EVENT_MESSAGE_RECEIVED
from simulator import Account, Simulator

KEY = "k-0123456789abcdef"
OUR_LOG = "custom_components.smsmobileapi"
# A key, a webhook id, a phone number; but not the seconds that something took while the clock was moved.
PRIVATE = re.compile(rf"{KEY}|[0-9a-f]{{64}}|(?<![\d-])\+?\d{{9,}}(?!\d|\.\d)")
EXTERNAL_URL = "https://home.example.net"

type AddContact = Callable[..., Awaitable[str]]


@pytest.fixture(autouse=True)
def _surroundings(socket_enabled: None, enable_custom_integrations: None) -> None:
    """Let tests talk over 127.0.0.1, and Home Assistant load the integration."""


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Leave asyncio's debug mode off: it makes each request several times slower."""


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> str:
    """Give each test a configuration folder of its own: the database is a real file in it."""
    return str(tmp_path)


class Collector(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.shown.append(f"{record.getMessage()} {record.exc_text or ''}")


@pytest.fixture(autouse=True)
def _private_things_stay_out_of_our_log() -> Iterator[None]:
    """Hold for whatever a test does, at debug level: no key, no webhook id, no number in our own log lines."""
    logger, collector = logging.getLogger(OUR_LOG), Collector()
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(collector)
    yield
    logger.removeHandler(collector)
    logger.setLevel(level)
    assert [line for line in collector.shown if PRIVATE.search(line)] == []


# What Home Assistant says of an integration that uses what it should not, or no longer; but not how long a busy machine took.
MISUSE = re.compile(
    r"Detected |deprecated|will be removed|will stop working|bug report|report it|report this"
)


class MisuseCollector(logging.Handler):
    """Keeps what others than we ourselves warn of, where they name us."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        is_slow = re.search(r"took \d", said)
        if DOMAIN in said and MISUSE.search(said) and not is_slow and not record.name.startswith(OUR_LOG):
            self.said.append(said)


@pytest.fixture(autouse=True)
def misuse() -> Iterator[MisuseCollector]:
    """Hold for whatever a test does: Home Assistant does not complain of how it is used."""
    collector = MisuseCollector()
    logging.getLogger().addHandler(collector)
    yield collector
    logging.getLogger().removeHandler(collector)
    assert collector.said == []


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait in milliseconds where a home waits in seconds."""
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.delivery.FIRST_WAIT", 0.01)
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.log_search.LOOK_UPS", (0.01,) * 5)
    monkeypatch.setattr("custom_components.smsmobileapi.entry_updates.RELOAD_AFTER", 0)
    for name in ("inbox.PAUSE_SECONDS", "journal.TURN_SECONDS", "ledger.TURN_SECONDS"):
        monkeypatch.setattr(f"custom_components.smsmobileapi.inbound.{name}", 0)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """The service."""
    service = Simulator()
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
def service_account(simulator: Simulator) -> Account:
    """An account at the service with one phone online, in the home's time zone."""
    return simulator.add_account(KEY, time_zone=ZoneInfo("Europe/Budapest"))


@pytest.fixture
async def home(hass: HomeAssistant) -> HomeAssistant:
    """A Hungarian home that can be reached from outside."""
    await hass.config.async_update(country="HU", external_url=EXTERNAL_URL, time_zone="Europe/Budapest")
    return hass


async def add_account(
    hass: HomeAssistant, simulator: Simulator, key: str = KEY, **client: str
) -> SmsMobileApiConfigEntry:
    """Add an account as a user does: by its key, or by a client_id and client_secret."""
    flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    kind, credentials = ("oauth2", client) if client else ("api_key", {"api_key": key})
    flow = await hass.config_entries.flow.async_configure(flow["flow_id"], {"next_step_id": kind})
    flow = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {**credentials, "server": {"url": simulator.url}}
    )
    assert flow["type"] is FlowResultType.FORM, flow
    assert not flow["errors"], flow["errors"]
    flow = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
    await settle(hass)
    entry: SmsMobileApiConfigEntry = flow["result"]
    return entry


async def add_contact(
    hass: HomeAssistant,
    entry: SmsMobileApiConfigEntry,
    name: str,
    number: str,
    channel: str = "sms",
    **more: Any,
) -> str:
    """Add a contact as a user does, with the phone and SIM that are given; return its id."""
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "contact"), context={"source": SOURCE_USER}
    )
    flow = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"name": name, "number": number, "channel": channel, **more}
    )
    assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
    await settle(hass)
    return next(subentry.subentry_id for subentry in entry.subentries.values() if subentry.title == name)


async def settle(hass: HomeAssistant) -> None:
    """Wait until nothing is going on any more, the poll included."""
    await hass.async_block_till_done(wait_background_tasks=True)


def later(**passed: float) -> AbstractContextManager[object]:
    """Let it be later, for all that asks Home Assistant for the time; timers and the event loop go on as they are."""
    then = dt_util.utcnow() + timedelta(**passed)
    return patch.object(dt_util, "utcnow", lambda: then)


@pytest.fixture
async def account(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> SmsMobileApiConfigEntry:
    """An account that is set up."""
    entry = await add_account(home, simulator)
    assert entry.state is ConfigEntryState.LOADED
    return entry


@pytest.fixture
def received(home: HomeAssistant) -> list[Event[dict[str, Any]]]:
    """The bus events of new messages, as they come."""
    events: list[Event[dict[str, Any]]] = async_capture_events(home, EVENT_MESSAGE_RECEIVED)
    return events
