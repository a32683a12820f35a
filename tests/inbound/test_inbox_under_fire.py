"""The inbound door when things go wrong: killed, a disk that is full, files that can't be read, a clock that jumps.

Nothing stands between the core and its files here. A kill is taken for what it leaves: the files as they were when
the service got its answer.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
import json
from pathlib import Path
import time
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.webhook import async_handle_webhook
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.helpers import json as json_helper, storage
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.aiohttp import MockRequest
from homeassistant.util.file import WriteError, write_utf8_file_atomic
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
    async_test_home_assistant,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN, EVENT_CALL, EVENT_MESSAGE_RECEIVED
from simulator import Account, Simulator

from ..conftest import KEY, add_account, settle
from .test_webhook_v2 import call, event, sms, transcript, whatsapp

ANNA = "+36301234567"
BEN = "+36207654321"

type Received = list[Event[dict[str, Any]]]
type Client = TestClient[Any, Any]
type Files = dict[Path, bytes]


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Leave storage as it is: on disk."""
    return {}


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> str:
    return str(tmp_path)


@pytest.fixture
async def client(hass_client_no_auth: ClientSessionGenerator, account: SmsMobileApiConfigEntry) -> Client:
    """The service."""
    service: Client = await hass_client_no_auth()
    return service


def file_of(home: HomeAssistant, account: SmsMobileApiConfigEntry, name: str) -> Path:
    return Path(home.config.path(".storage", f"{DOMAIN}.{account.entry_id}.{name}"))


def files_of(home: HomeAssistant) -> Files:
    """Return our files as they are now."""
    folder = Path(home.config.path(".storage"))
    return {path: path.read_bytes() for path in folder.glob(f"{DOMAIN}.*")}


def put_back(home: HomeAssistant, files: Files) -> None:
    """Make our files those, whatever was written since."""
    for path in files_of(home):
        path.unlink()
    for path, content in files.items():
        path.write_bytes(content)


def texts(received: Received) -> list[str]:
    return [message.data["message"] for message in received]


async def post(client: Client, account: SmsMobileApiConfigEntry, body: bytes | dict[str, Any]) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.post(f"/api/webhook/{account.data['webhook_id']}", data=data) as response:
        return response.status


def v1(text: str, guid: str | None = None, number: str = ANNA, at: float | None = None) -> dict[str, Any]:
    at = time.time() if at is None else at
    return {"number": number, "message": text, "guid": guid or text, "time_received": str(int(at))}


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


async def start_up(home: HomeAssistant, *accounts: SmsMobileApiConfigEntry) -> None:
    """Let Home Assistant come up again, so far that it is not started yet."""
    for account in accounts:
        assert await home.config_entries.async_unload(account.entry_id)
    home.set_state(CoreState.starting)
    for account in accounts:
        assert await home.config_entries.async_setup(account.entry_id)
    await settle(home)


async def started(home: HomeAssistant) -> None:
    home.set_state(CoreState.running)
    home.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await settle(home)


async def kill(home: HomeAssistant, files: Files, *accounts: SmsMobileApiConfigEntry) -> None:
    """Take Home Assistant through a kill that left these files, and up again until it is about to start."""
    for account in accounts:
        assert await home.config_entries.async_unload(account.entry_id)
    put_back(home, files)
    home.set_state(CoreState.starting)
    for account in accounts:
        assert await home.config_entries.async_setup(account.entry_id)
    await settle(home)


async def a_second(home: HomeAssistant) -> None:
    """Let the second pass within which everything is saved."""
    async_fire_time_changed(home, dt_util.utcnow() + timedelta(seconds=1.1))
    await settle(home)


# Killed before anybody listens.

EVERYTHING: list[bytes] = [
    json.dumps(v1("by V1")).encode(),
    json.dumps({"number": ANNA, "message": "without id and time"}).encode(),
    json.dumps(v1("Grüße")).replace("\\u00fc", "ü").replace("\\u00df", "ß").encode("latin-1"),
    event("sms.received", sms("by V2", guid="s1"), "e1"),
    event("whatsapp.received", whatsapp("WhatsApp", guid="w1"), "e2"),
    event("whatsapp.received", whatsapp("", guid="w2", is_voice_message=True), "e3"),
    event("whatsapp.voice.transcribed", transcript("Open the gate", guid="w2"), "e4"),
    event("call.missed", call("c1"), "e5"),
    event("sms.sent", {"guid": "not ours"}, "e6"),
    event("fax.received", {}, "e7"),
]
TEXTS = {"by V1", "without id and time", "Grüße", "by V2", "WhatsApp", "", "Open the gate"}


async def test_what_was_answered_for_outlives_a_kill_before_the_start(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client, received: Received
) -> None:
    """WhatsApp above all, which no poll brings."""
    calls = async_capture_events(home, EVENT_CALL)
    await start_up(home, account)
    for body in EVERYTHING:
        assert await post(client, account, body) in {HTTPStatus.OK, HTTPStatus.ACCEPTED}
        left = files_of(home)
    assert received == calls == []
    await kill(home, left, account)
    assert received == calls == []
    await started(home)
    assert set(texts(received)) == TEXTS
    assert len(received) == len(TEXTS)
    assert len(calls) == 1
    for body in EVERYTHING:
        if b"without id" not in body:
            assert await post(client, account, body) == HTTPStatus.OK
    await poll(home, account)
    assert len(received) == len(TEXTS)
    assert len(calls) == 1


async def test_each_is_on_disk_when_it_is_answered_for(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client
) -> None:
    await start_up(home, account)
    for index, body in enumerate(EVERYTHING):
        await post(client, account, body)
        journal = json.loads(file_of(home, account, "journal").read_bytes())
        assert [kept["body"].encode("latin-1") for kept in journal["data"]] == EVERYTHING[: index + 1]


async def test_kills_in_a_row_lose_nothing(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client, received: Received
) -> None:
    await start_up(home, account)
    first = event("whatsapp.received", whatsapp("0", "w0"), "0")
    for index in range(4):
        body = event("whatsapp.received", whatsapp(f"{index}", f"w{index}"), f"{index}")
        assert await post(client, account, body) == HTTPStatus.ACCEPTED
        assert await post(client, account, first) == HTTPStatus.OK
        await kill(home, files_of(home), account)
    await started(home)
    assert texts(received) == ["0", "1", "2", "3"]


async def test_another_core_takes_up_what_a_killed_one_has_left(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    client: Client,
    received: Received,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    await start_up(home, account)
    assert await post(client, account, event("whatsapp.received", whatsapp("hi"))) == HTTPStatus.ACCEPTED
    folder = tmp_path_factory.mktemp("left")
    (folder / ".storage").mkdir()
    for path, content in files_of(home).items():
        (folder / ".storage" / path.name).write_bytes(content)
    async with async_test_home_assistant(config_dir=str(folder), initial_state=CoreState.starting) as other:
        other.data.pop(DATA_CUSTOM_COMPONENTS)
        events = async_capture_events(other, EVENT_MESSAGE_RECEIVED)
        again = MockConfigEntry(
            domain=DOMAIN, data=dict(account.data), entry_id=account.entry_id, title="Again"
        )
        again.add_to_hass(other)
        assert await async_setup_component(other, "http", {})
        assert await other.config_entries.async_setup(again.entry_id)
        await other.async_block_till_done(wait_background_tasks=True)
        assert events == []
        other.set_state(CoreState.running)
        other.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
        await other.async_block_till_done(wait_background_tasks=True)
        assert texts(events) == ["hi"]
        assert await other.config_entries.async_unload(again.entry_id)
        await other.async_stop(force=True)
    assert received == []


async def test_two_accounts_keep_their_own(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    client: Client,
    simulator: Simulator,
    received: Received,
) -> None:
    simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    await start_up(home, account, other)
    body = event("whatsapp.received", whatsapp("the same"), "the same")
    assert await post(client, account, body) == HTTPStatus.ACCEPTED
    left = files_of(home)
    assert await post(client, other, body) == HTTPStatus.ACCEPTED
    await kill(home, left, account, other)
    await started(home)
    assert [message.data["config_entry_id"] for message in received] == [account.entry_id]
    assert await post(client, other, body) == HTTPStatus.ACCEPTED
    assert [message.data["config_entry_id"] for message in received] == [account.entry_id, other.entry_id]


# Killed around the start.


async def test_nothing_is_left_in_the_journal_after_the_start(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client, received: Received
) -> None:
    await start_up(home, account)
    assert await post(client, account, v1("one")) == HTTPStatus.OK
    before = files_of(home)
    await started(home)
    assert not file_of(home, account, "journal").exists()
    assert await post(client, account, v1("two")) == HTTPStatus.OK
    assert not file_of(home, account, "journal").exists()
    # Killed after the ledger was written and before the journal was removed.
    journal = file_of(home, account, "journal")
    await kill(home, files_of(home) | {journal: before[journal]}, account)
    await started(home)
    assert texts(received).count("one") == 1


@pytest.mark.parametrize("held", ["webhook", "poll", None])
async def test_what_was_fired_a_second_before_a_kill_is_not_fired_again(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    client: Client,
    received: Received,
    held: str | None,
) -> None:
    """Whatever was written at the start, and by polls, must not keep what comes later from being written."""
    await start_up(home, account)
    if held == "webhook":
        await post(client, account, v1("held"))
    elif held == "poll":
        service_account.receive(number=ANNA, message="held")
        await poll(home, account)
    await started(home)
    for text in ("one", "two"):
        assert await post(client, account, v1(text)) == HTTPStatus.OK
        await a_second(home)
    await kill(home, files_of(home), account)
    await started(home)
    for text in ("one", "two"):
        assert await post(client, account, v1(text)) == HTTPStatus.OK
    await poll(home, account)
    assert [text for text in texts(received) if text != "held"] == ["one", "two"]


async def test_a_poll_does_not_keep_what_comes_after_it_from_being_saved(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    client: Client,
    received: Received,
) -> None:
    service_account.receive(number=ANNA, message="by poll")
    await poll(home, account)
    await a_second(home)
    assert await post(client, account, v1("by webhook")) == HTTPStatus.OK
    await a_second(home)
    await kill(home, files_of(home), account)
    await started(home)
    assert await post(client, account, v1("by webhook")) == HTTPStatus.OK
    await poll(home, account)
    assert texts(received) == ["by poll", "by webhook"]


async def test_a_kill_while_it_comes_up_after_a_long_absence_loses_nothing(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: Received,
) -> None:
    """Home Assistant was down for longer than a poll looks back behind the newest message."""
    service_account.receive(number=ANNA, message="before")
    await poll(home, account)
    assert await home.config_entries.async_unload(account.entry_id)
    now = dt_util.utcnow().timestamp()
    service_account.receive(number=ANNA, message="in the first days", timestamp=now + 86_400)
    service_account.receive(number=ANNA, message="in the last days", timestamp=now + 12 * 86_400)
    freezer.tick(timedelta(days=14))
    home.set_state(CoreState.starting)
    assert await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    await a_second(home)
    await kill(home, files_of(home), account)
    await started(home)
    assert texts(received) == ["before", "in the first days", "in the last days"]


async def test_a_reload_before_the_start_loses_nothing(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    client: Client,
    received: Received,
) -> None:
    assert await home.config_entries.async_unload(account.entry_id)
    now = dt_util.utcnow().timestamp()
    service_account.receive(number=ANNA, message="in the first days", timestamp=now + 86_400)
    service_account.receive(number=ANNA, message="in the last days", timestamp=now + 12 * 86_400)
    freezer.tick(timedelta(days=14))
    home.set_state(CoreState.starting)
    assert await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    await post(
        client,
        account,
        event("whatsapp.received", whatsapp("WhatsApp", received_at=dt_util.utcnow().isoformat())),
    )
    await start_up(home, account)
    await started(home)
    assert texts(received) == ["in the first days", "in the last days", "WhatsApp"]


# The disk.


def slow_disk(seconds: float, written: list[str]) -> Callable[..., None]:
    def slow(path: str, *args: Any, **options: Any) -> None:
        if path.endswith("journal"):
            written.append(path)
            time.sleep(seconds)
        write_utf8_file_atomic(path, *args, **options)

    return slow


@contextmanager
def disk(write: Callable[..., None]) -> Iterator[None]:
    """Replace what Home Assistant writes files with."""
    with (
        patch.object(storage, "write_utf8_file_atomic", write),
        patch.object(json_helper, "write_utf8_file_atomic", write),
    ):
        yield


def full_disk(path: str, *_args: Any, **_options: Any) -> None:
    raise WriteError(f"[Errno 28] No space left on device: {path}")


async def test_many_at_once_are_written_together_and_answered_for_when_they_are(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client, received: Received
) -> None:
    await start_up(home, account)
    written: list[str] = []
    journal = file_of(home, account, "journal")

    async def deliver(index: int) -> None:
        body = event("whatsapp.received", whatsapp(f"text {index:03}", f"w{index}"), f"{index}")
        # As the cloud does, for a client has less than 200 connections.
        request = MockRequest(content=body, mock_source="cloud", method="POST", headers={})
        response = await async_handle_webhook(home, account.data["webhook_id"], request)
        assert response.status == HTTPStatus.ACCEPTED
        assert f"text {index:03}".encode() in journal.read_bytes()

    with disk(slow_disk(0.02, written)):
        await asyncio.gather(*(deliver(index) for index in range(200)))
    assert len(written) < 20
    await kill(home, files_of(home), account)
    await started(home)
    assert sorted(texts(received)) == [f"text {index:03}" for index in range(200)]


async def test_many_posts_at_once_outlive_a_kill(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client, received: Received
) -> None:
    await start_up(home, account)
    bodies = [
        event("whatsapp.received", whatsapp(f"{index}", f"w{index}"), f"{index}") for index in range(200)
    ]
    assert set(await asyncio.gather(*(post(client, account, body) for body in bodies))) == {
        HTTPStatus.ACCEPTED
    }
    await kill(home, files_of(home), account)
    assert set(await asyncio.gather(*(post(client, account, body) for body in bodies))) == {HTTPStatus.OK}
    await started(home)
    assert sorted(map(int, texts(received))) == list(range(200))


@pytest.mark.parametrize("at_once", [1, 20])
async def test_what_can_not_be_written_is_not_answered_for(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client, received: Received, at_once: int
) -> None:
    await start_up(home, account)
    bodies = [
        event("whatsapp.received", whatsapp(f"{index}", f"w{index}"), f"{index}") for index in range(at_once)
    ]
    with disk(full_disk):
        refused = await asyncio.gather(*(post(client, account, body) for body in bodies))
    assert set(refused) == {HTTPStatus.SERVICE_UNAVAILABLE}
    # There is space again: the service, which was refused, comes again.
    for body in bodies:
        assert await post(client, account, body) in {HTTPStatus.OK, HTTPStatus.ACCEPTED}
    await kill(home, files_of(home), account)
    await started(home)
    assert sorted(map(int, texts(received))) == list(range(at_once))


async def test_a_full_disk_stops_no_text_once_home_assistant_has_started(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, client: Client, received: Received
) -> None:
    with disk(full_disk):
        assert await post(client, account, v1("one")) == HTTPStatus.OK
        await a_second(home)
        assert await post(client, account, v1("two")) == HTTPStatus.OK
        await a_second(home)
    assert texts(received) == ["one", "two"]
    # Once there is space, what was fired is saved.
    assert await post(client, account, v1("three")) == HTTPStatus.OK
    await a_second(home)
    await kill(home, files_of(home), account)
    await started(home)
    for text in ("one", "two", "three"):
        assert await post(client, account, v1(text)) == HTTPStatus.OK
    assert texts(received) == ["one", "two", "three"]


async def test_a_full_journal_takes_no_more(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    client: Client,
    received: Received,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.inbound.journal.MAX_BODIES", 3)
    await start_up(home, account)
    statuses = [await post(client, account, v1(f"{index}")) for index in range(5)]
    assert statuses == [HTTPStatus.OK] * 3 + [HTTPStatus.SERVICE_UNAVAILABLE] * 2
    await kill(home, files_of(home), account)
    assert await post(client, account, v1("3")) == HTTPStatus.SERVICE_UNAVAILABLE
    await started(home)
    assert texts(received) == ["0", "1", "2"]
    for index in range(5):
        assert await post(client, account, v1(f"{index}")) == HTTPStatus.OK
    assert texts(received) == ["0", "1", "2", "3", "4"]


# Files that can't be read.

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "bytes": lambda _: b"\x00\xff" * 40,
    "null": lambda _: b"null",
    "list": lambda _: b"[1]",
    "no data": lambda content: json.dumps({"version": 1, "minor_version": 1, "key": "x"}).encode(),
    "data null": lambda content: json.dumps(json.loads(content) | {"data": None}).encode(),
    "data a number": lambda content: json.dumps(json.loads(content) | {"data": 7}).encode(),
    "data a text": lambda content: json.dumps(json.loads(content) | {"data": "abc"}).encode(),
    "data an object": lambda content: json.dumps(json.loads(content) | {"data": {"a": 1}}).encode(),
    "data a list": lambda content: json.dumps(json.loads(content) | {"data": [{"a": 1}, 2]}).encode(),
}
LEDGER_DAMAGE: list[dict[str, Any]] = [
    {"seen": None},
    {"seen": 7},
    {"seen": "abc"},
    {"seen": [["key"]]},
    {"seen": {"key": "soon"}},
    {"mark": "soon"},
    {"mark": [1]},
    {"begins": {}},
    {"begins": True},
]


async def all_files(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, client: Client
) -> Files:
    """Receive and send something; return all of the account's files as they are when something is held."""
    await home.services.async_call(
        DOMAIN, "send_message", {"recipients": [ANNA], "message": "sent"}, blocking=True, return_response=True
    )
    service_account.receive(number=ANNA, message="the past")
    await poll(home, account)
    await start_up(home, account)
    await post(client, account, v1("held"))
    await a_second(home)
    files = files_of(home)
    assert {path.name.rpartition(".")[2] for path in files} == {
        "journal",
        "ledger",
        "limits",
        "reports",
        "webhook",
    }
    return files


@pytest.mark.parametrize("name", ["journal", "ledger", "limits", "reports", "webhook"])
async def test_a_file_that_can_not_be_read_is_kept_aside_and_the_account_goes_on(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    client: Client,
    received: Received,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    files = await all_files(home, account, service_account, client)
    path = file_of(home, account, name)
    assert await home.config_entries.async_unload(account.entry_id)
    for damage, spoil in DAMAGE.items():
        received.clear()
        spoilt = spoil(files[path])
        put_back(home, files | {path: spoilt})
        caplog.clear()
        home.set_state(CoreState.starting)
        await home.config_entries.async_setup(account.entry_id)
        assert account.state is ConfigEntryState.LOADED, damage
        await settle(home)
        if damage != "data null":
            kept = [file.read_bytes() for file in path.parent.glob(f"{path.name}.corrupt.*")]
            assert kept == [spoilt], damage
            assert [record for record in caplog.records if record.levelname == "ERROR"], damage
        await started(home)
        # What the past is, tells only the ledger; without it nothing of the past is fired.
        assert texts(received) == ([] if name == "journal" else ["held"]), damage
        service_account.receive(number=ANNA, message=f"after {damage}")
        await poll(home, account)
        assert texts(received)[-1] == f"after {damage}"
        assert account.runtime_data.coordinator.last_update_success
        await home.services.async_call(
            DOMAIN,
            "send_message",
            {"recipients": [ANNA], "message": "x"},
            blocking=True,
            return_response=True,
        )
        assert await home.config_entries.async_unload(account.entry_id)
        for row in service_account.received:
            row.deleted = row.message != "the past"


async def test_a_ledger_of_the_wrong_shape_is_kept_aside_and_fires_nothing_of_the_past(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    client: Client,
    received: Received,
) -> None:
    service_account.receive(number=ANNA, message="the past")
    await poll(home, account)
    path = file_of(home, account, "ledger")
    good = json.loads(path.read_bytes())
    for change in LEDGER_DAMAGE:
        received.clear()
        await home.config_entries.async_unload(account.entry_id)
        put_back(home, {path: json.dumps(good | {"data": good["data"] | change}).encode()})
        await home.config_entries.async_setup(account.entry_id)
        assert account.state is ConfigEntryState.LOADED, change
        await settle(home)
        await poll(home, account)
        assert account.runtime_data.coordinator.last_update_success, change
        assert received == [], change
        assert await post(client, account, v1(f"{change}")) == HTTPStatus.OK
        assert texts(received) == [f"{change}"]


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param([{"body": "no JSON", "arrived": "2026-01-01T00:00:00+00:00"}], id="no message"),
        pytest.param([{"body": '{"message": "hi"}', "arrived": "2026-01-01T00:00:00+00:00"}], id="no number"),
        pytest.param(
            [{"body": json.dumps({"number": ANNA, "message": "x"}), "arrived": "2026-01-01T00:00:00"}],
            id="time without a zone",
        ),
        pytest.param([{"body": "\u20ac", "arrived": "2026-01-01T00:00:00+00:00"}], id="no bytes"),
        pytest.param([{"body": "{}", "arrived": "soon"}], id="no time"),
        pytest.param([{"body": "{}"}], id="time missing"),
        pytest.param([["{}", "2026-01-01T00:00:00+00:00"]], id="lists"),
    ],
)
async def test_a_body_in_the_journal_that_can_not_be_read_stops_nothing(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    client: Client,
    received: Received,
    bodies: list[Any],
) -> None:
    await start_up(home, account)
    await post(client, account, v1("good"))
    path = file_of(home, account, "journal")
    journal = json.loads(path.read_bytes())
    journal["data"] = [*bodies, *journal["data"]]
    await home.config_entries.async_unload(account.entry_id)
    path.write_bytes(json.dumps(journal).encode())
    await home.config_entries.async_setup(account.entry_id)
    assert account.state is ConfigEntryState.LOADED
    await started(home)
    assert await post(client, account, v1("next")) == HTTPStatus.OK
    assert texts(received)[-1] == "next"


# In order, whatever the clock says.


async def test_each_sender_is_heard_in_order_whichever_way(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    client: Client,
    received: Received,
) -> None:
    await start_up(home, account)
    now = int(time.time()) - 100
    expected: dict[str, list[str]] = {ANNA: [], BEN: []}
    bodies = []
    for index in range(24):
        sender = (ANNA, BEN)[index % 2]
        expected[sender].append(f"{index}")
        # A part comes by poll, a part by V1, a part by V2, a part by several.
        if index % 3 == 0 or index % 8 == 0:
            service_account.receive(
                number=sender, message=f"{index}", guid=f"g{index}", timestamp=now + index
            )
        if index % 3 == 1:
            bodies.append(json.dumps(v1(f"{index}", f"g{index}", sender, now + index)).encode())
        if index % 3 == 2 or index % 8 == 0:
            at = dt_util.utc_from_timestamp(now + index).isoformat()
            data = sms(f"{index}", f"g{index}", **{"from": sender, "received_at": at})
            bodies.append(event("sms.received", data, f"e{index}"))
    half = len(bodies) // 2
    for body in reversed(bodies[:half]):
        await post(client, account, body)
    await poll(home, account)
    await kill(home, files_of(home), account)
    for body in reversed(bodies[half:]):
        await post(client, account, body)
    await started(home)
    heard = {
        sender: [message.data["message"] for message in received if message.data["sender"] == sender]
        for sender in expected
    }
    assert heard == expected


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)])
async def test_a_clock_that_is_set_while_texts_are_held_loses_and_doubles_nothing(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    client: Client,
    received: Received,
    jump: timedelta,
) -> None:
    """A Raspberry Pi without a battery comes up in the past and gets the time later."""
    right = dt_util.utcnow()
    await start_up(home, account)
    freezer.move_to(right + jump)
    first = event("whatsapp.received", whatsapp("one", "w1", received_at=right.isoformat()), "e1")
    assert await post(client, account, first) == HTTPStatus.ACCEPTED
    service_account.receive(number=ANNA, message="two", timestamp=right.timestamp() + 1)
    await poll(home, account)
    await a_second(home)
    await kill(home, files_of(home), account)
    freezer.move_to(right + timedelta(minutes=1))
    service_account.receive(number=ANNA, message="three", timestamp=right.timestamp() + 2)
    await started(home)
    await poll(home, account)
    assert await post(client, account, first) == HTTPStatus.OK
    assert texts(received) == ["one", "two", "three"]
    await a_second(home)
    await kill(home, files_of(home), account)
    await started(home)
    await poll(home, account)
    assert len(received) == 3


async def test_a_removed_account_leaves_no_file(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, client: Client
) -> None:
    await all_files(home, account, service_account, client)
    await home.config_entries.async_remove(account.entry_id)
    await settle(home)
    assert files_of(home) == {}


async def test_files_are_readable_by_nobody_else(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, client: Client
) -> None:
    """They hold texts and who was written to."""
    for path in await all_files(home, account, service_account, client):
        assert path.stat().st_mode & 0o077 == 0, path.name
        assert KEY not in path.read_text()
