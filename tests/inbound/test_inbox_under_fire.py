"""What was answered 2xx outlives a kill and a disk that fails, once (promises 1 and 2).

The database is a real file. A kill is what it leaves: the files as they were when the service got its answer.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from http import HTTPStatus
import json
from pathlib import Path
import sqlite3
import threading
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CoreState
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest

from custom_components.smsmobileapi import database_file
from custom_components.smsmobileapi.api import parse_body
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.storage import RETRY_SECONDS, database_path
from simulator import Simulator, sms_data

from ..conftest import KEY
from ..disk import rows_of
from .installation import Installation
from .service import ANNA, BEN, call, event, sms, transcript, v1, whatsapp, whatsapp_event

# All that the webhook brings, most of which no poll does.
EVERYTHING: list[bytes] = [
    json.dumps(v1("by V1")).encode(),
    json.dumps({"number": ANNA, "message": "without id and time"}).encode(),
    json.dumps(v1("Grüße"), ensure_ascii=False).encode("latin-1"),
    event("sms.received", sms("by V2", guid="s1"), "e1"),
    event("whatsapp.received", whatsapp("WhatsApp", guid="w1"), "e2"),
    event("whatsapp.received", whatsapp("", guid="w2", is_voice_message=True), "e3"),
    event("whatsapp.voice.transcribed", transcript("Open the gate", guid="w2"), "e4"),
    event("call.missed", call("c1"), "e5"),
    event("sms.sent", {"guid": "not ours"}, "e6"),
    event("fax.received", {}, "e7"),
]
TEXTS = {"by V1", "without id and time", "Grüße", "by V2", "WhatsApp", "", "Open the gate"}


def journal(ha: Installation) -> list[bytes]:
    """Return the bodies that are on disk."""
    return [body for _, body in rows_of(ha.hass, ha.entry, "journal", "id, body")]


def handled(ha: Installation) -> int:
    """Return how many keys are on disk."""
    return sum(len(rows_of(ha.hass, ha.entry, table, "key")) for table in ("handled", "unsigned"))


# Killed before automations listen.


async def test_what_was_answered_for_outlives_kills_before_the_start(ha: Installation) -> None:
    await ha.start_up()
    for index, body in enumerate(EVERYTHING):
        assert await ha.post(body) in {HTTPStatus.OK, HTTPStatus.ACCEPTED}
        # It is there when the answer is, for whoever looks.
        assert journal(ha) == EVERYTHING[: index + 1]
        files = ha.files()
    for _ in range(2):
        await ha.kill(files)
        # A redelivery is known.
        for body in EVERYTHING:
            assert b"without id" in body or await ha.post(body) == HTTPStatus.OK
        assert journal(ha) == EVERYTHING
        files = ha.files()
    assert ha.received == ha.calls == []
    await ha.started()
    await ha.poll()
    assert len(ha.texts) == len(TEXTS)
    assert set(ha.texts) == TEXTS
    assert len(ha.calls) == 1


async def test_a_body_comes_out_of_the_journal_when_it_is_handled(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    """In one transaction: no kill finds it in neither, or fires it again."""
    await ha.start_up()
    assert await ha.post(whatsapp_event("one")) == HTTPStatus.ACCEPTED
    keys = handled(ha)
    await ha.started()
    before = ha.files()
    assert (len(journal(ha)), handled(ha)) == (1, keys)
    await ha.second()
    assert (len(journal(ha)), handled(ha)) == (0, keys + 2)
    # From now on it is recorded after it was fired.
    assert await ha.post(whatsapp_event("two")) == HTTPStatus.ACCEPTED
    assert (journal(ha), handled(ha)) == ([], keys + 2)
    await ha.second()
    assert (journal(ha), handled(ha)) == ([], keys + 4)
    after = ha.files()
    for files in (after, before):
        ha.received.clear()
        await ha.kill(files)
        await ha.started()
        assert await ha.post(whatsapp_event("one")) == HTTPStatus.OK
        # Killed in the second between: what was fired in it is fired once more, and nothing is lost.
        assert ha.texts == ([] if files is after else ["one"])


async def test_an_event_of_what_is_only_held_counts_once_its_message_is_recorded(ha: Installation) -> None:
    """A poll was first with it, and the service is down after the kill."""
    await ha.start_up()
    row = ha.account.receive(ANNA, "hi")
    await ha.poll()
    for status in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
        answer = await ha.simulator.deliver_v2(ha.account, "sms.received", sms_data(row), event_id="e")
        assert answer == status
    await ha.second()
    files = ha.files()
    ha.simulator.fault("/getsms/", "status", status=500, count=9)
    await ha.kill(files)
    await ha.started()
    assert ha.texts == ["hi"]


# Killed around the start.


@pytest.mark.parametrize("held", ["webhook", "poll", None])
async def test_what_was_fired_a_second_before_a_kill_is_not_fired_again(
    ha: Installation, held: str | None
) -> None:
    await ha.start_up()
    if held == "webhook":
        await ha.post(v1("held"))
    elif held == "poll":
        ha.account.receive(ANNA, "held")
        await ha.poll()
    await ha.started()
    assert await ha.post(v1("by webhook")) == HTTPStatus.OK
    ha.account.receive(ANNA, "by poll")
    await ha.poll()
    await ha.second()
    assert await ha.post(v1("by webhook again")) == HTTPStatus.OK
    await ha.second()
    await ha.kill()
    await ha.started()
    for text in ("by webhook", "by webhook again"):
        assert await ha.post(v1(text)) == HTTPStatus.OK
    await ha.poll()
    assert ha.texts == [*(["held"] if held else []), "by webhook", "by poll", "by webhook again"]


@pytest.mark.parametrize("is_killed", [True, False])
async def test_an_end_before_the_start_after_a_long_absence_loses_nothing(
    ha: Installation, freezer: FrozenDateTimeFactory, is_killed: bool
) -> None:
    """Home Assistant was down for longer than a poll looks back behind the newest message."""
    ha.act_on_old_texts()
    ha.account.receive(ANNA, "before")
    await ha.poll()
    await ha.unload()
    now = dt_util.utcnow().timestamp()
    ha.account.receive(ANNA, "in the first days", timestamp=now + 86_400)
    ha.account.receive(ANNA, "in the last days", timestamp=now + 12 * 86_400)
    freezer.tick(timedelta(days=14))
    await ha.set_up(CoreState.starting)
    await ha.post(whatsapp_event("WhatsApp"))
    await ha.second()
    await (ha.kill() if is_killed else ha.start_up())
    await ha.started()
    # In the order of their own times.
    assert ha.texts == ["before", "WhatsApp", "in the first days", "in the last days"]


# The disk.


class Disk:
    """A disk that can be full, and that can be held."""

    def __init__(self) -> None:
        self.is_full = False
        self.writes = 0
        self.begun = asyncio.Event()
        self.may_end = threading.Event()
        self.may_end.set()
        self.loop = asyncio.get_running_loop()

    def write(self, connection: sqlite3.Connection, statements: Any, *, durable: bool) -> None:
        """Write rows, as the function in whose place this is."""
        self.loop.call_soon_threadsafe(self.begun.set)
        assert self.may_end.wait(60)
        self.writes += 1
        if self.is_full:
            connection.execute("pragma max_page_count=1")
        database_file.write_rows(connection, statements, durable=durable)


@pytest.fixture
async def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk that databases are written to; it is neither full nor held."""
    disk = Disk()
    monkeypatch.setattr("custom_components.smsmobileapi.storage.write_rows", disk.write)
    return disk


def large(text: str) -> bytes:
    """Return a body that does not fit into a page that is there already."""
    return event("whatsapp.received", whatsapp(text, f"w{text}", alias="x" * 40_000), f"e{text}")


def is_reported(ha: Installation) -> bool:
    """Return whether there is a repair issue for a disk that can't be written."""
    issue_id = f"storage_not_written_{ha.entry.entry_id}"
    return ir.async_get(ha.hass).async_get_issue(DOMAIN, issue_id) is not None


@pytest.mark.parametrize("at_once", [1, 20])
async def test_what_cannot_be_written_while_it_would_be_held_is_refused(
    ha: Installation, disk: Disk, freezer: FrozenDateTimeFactory, at_once: int
) -> None:
    await ha.start_up()
    bodies = [large(f"{index}") for index in range(at_once)]
    assert await ha.post(whatsapp_event("before")) == HTTPStatus.ACCEPTED
    disk.is_full = True
    refused = await asyncio.gather(*(ha.post(body) for body in bodies))
    assert set(refused) == {HTTPStatus.SERVICE_UNAVAILABLE}
    # What is known is on disk.
    assert await ha.post(whatsapp_event("before")) == HTTPStatus.OK
    assert is_reported(ha)
    disk.is_full = False
    # The service, which was refused, comes again.
    for body in bodies:
        assert await ha.post(body) == HTTPStatus.ACCEPTED
    assert not is_reported(ha)
    await ha.kill()
    for body in bodies:
        assert await ha.post(body) == HTTPStatus.OK
    await ha.started()
    assert sorted(ha.texts) == sorted(["before", *(f"{index}" for index in range(at_once))])


async def test_a_full_disk_stops_no_message_once_home_assistant_has_started(
    ha: Installation, disk: Disk, freezer: FrozenDateTimeFactory
) -> None:
    await ha.second()
    keys = handled(ha)
    disk.is_full = True
    for index in range(200):
        assert await ha.post(whatsapp_event(f"{index}")) == HTTPStatus.ACCEPTED
    await ha.second()
    assert len(ha.received) == 200
    assert is_reported(ha)
    assert handled(ha) == keys
    disk.is_full = False
    await ha.pass_time(freezer, seconds=RETRY_SECONDS)
    assert not is_reported(ha)
    assert handled(ha) == keys + 400
    await ha.kill()
    await ha.started()
    for index in range(0, 200, 50):
        assert await ha.post(whatsapp_event(f"{index}")) == HTTPStatus.OK
    assert len(ha.received) == 200


async def test_many_at_once_are_written_together_and_answered_for_when_they_are(
    ha: Installation, disk: Disk
) -> None:
    await ha.start_up()
    await ha.second()
    disk.writes = 0
    disk.begun.clear()
    disk.may_end.clear()

    async def deliver(index: int) -> None:
        assert await ha.handle(whatsapp_event(f"{index:03}")) == HTTPStatus.ACCEPTED
        assert whatsapp_event(f"{index:03}") in journal(ha)

    deliveries = [asyncio.create_task(deliver(index)) for index in range(200)]
    await disk.begun.wait()
    assert not [task for task in deliveries if task.done()]
    disk.may_end.set()
    await asyncio.gather(*deliveries)
    assert disk.writes < 5
    await ha.kill()
    statuses = await asyncio.gather(*(ha.handle(whatsapp_event(f"{index:03}")) for index in range(200)))
    assert set(statuses) == {HTTPStatus.OK}
    await ha.started()
    assert sorted(ha.texts) == [f"{index:03}" for index in range(200)]


@pytest.mark.parametrize("is_full", [False, True])
async def test_an_inbox_that_is_opened_while_a_body_is_written_loses_and_doubles_nothing(
    ha: Installation, disk: Disk, is_full: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await ha.start_up()
    await ha.second()
    disk.begun.clear()
    disk.may_end.clear()
    # Two equal ones at once.
    deliveries = [asyncio.create_task(ha.handle(large("hi"))) for _ in range(2)]
    await disk.begun.wait()
    assert await ha.entry.runtime_data.inbox.open()
    ha.hass.set_state(CoreState.running)
    disk.is_full = is_full
    disk.may_end.set()
    statuses = sorted([await delivery for delivery in deliveries])
    if is_full:
        assert HTTPStatus.SERVICE_UNAVAILABLE in statuses
        assert await ha.post(large("hi")) in {HTTPStatus.OK, HTTPStatus.ACCEPTED}
        disk.is_full = False
    else:
        assert statuses == [HTTPStatus.OK, HTTPStatus.ACCEPTED]
    assert ha.texts == ["hi"]
    assert "could not be handled" not in caplog.text
    await ha.second()
    assert journal(ha) == []
    await ha.kill()
    await ha.started()
    assert await ha.post(large("hi")) == HTTPStatus.OK
    assert ha.texts == ["hi"]


async def test_a_request_that_is_given_up_while_its_body_is_written_is_fired_once(
    ha: Installation, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    """Home Assistant cancels the handler of a request whose connection is closed."""
    await ha.start_up()
    await ha.second()
    for is_full in (True, False):
        disk.is_full = is_full
        disk.begun.clear()
        disk.may_end.clear()
        delivery = asyncio.create_task(ha.handle(large("hi")))
        await disk.begun.wait()
        delivery.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivery
        disk.may_end.set()
        await ha.hass.async_block_till_done()
    assert await ha.post(large("hi")) == HTTPStatus.ACCEPTED
    await ha.kill()
    await ha.started()
    assert ha.texts == ["hi"]
    assert "Traceback" not in caplog.text


async def test_a_full_journal_accepts_no_more(ha: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.inbound.journal.MAX_BODIES", 3)
    await ha.start_up()
    statuses = [await ha.post(v1(f"no {index}")) for index in range(5)]
    assert statuses == [HTTPStatus.OK] * 3 + [HTTPStatus.SERVICE_UNAVAILABLE] * 2
    await ha.kill()
    assert await ha.post(v1("no 3")) == HTTPStatus.SERVICE_UNAVAILABLE
    assert await ha.post(v1("no 2")) == HTTPStatus.OK
    await ha.started()
    assert ha.texts == ["no 0", "no 1", "no 2"]
    for index in range(5):
        assert await ha.post(v1(f"no {index}")) == HTTPStatus.OK
    assert ha.texts == [f"no {index}" for index in range(5)]


async def test_a_journal_that_is_full_of_long_bodies_accepts_no_more(
    ha: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.inbound.journal.MAX_BYTES", 20_000)
    await ha.start_up()
    statuses = [await ha.post(v1(f"{index}" * 9_000, f"{index}")) for index in range(4)]
    assert statuses == [HTTPStatus.OK] * 3 + [HTTPStatus.SERVICE_UNAVAILABLE]
    await ha.started()
    assert await ha.post(v1("3" * 9_000, "3")) == HTTPStatus.OK


# Files and rows that can't be read.


def _other_bytes(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 5000)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma user_version=99")


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [_other_bytes, _empty, _newer, _directory])
async def test_a_file_that_cannot_be_read_stops_nothing_and_fires_nothing_of_the_past(
    ha: Installation, spoil: Callable[[Path], None]
) -> None:
    ha.account.receive(ANNA, "the past")
    await ha.poll()
    await ha.unload()
    ha.account.receive(ANNA, "nobody can say whether this is new")
    spoil(database_path(ha.hass, ha.entry.entry_id))
    await ha.set_up(CoreState.starting)
    assert ha.entry.state is ConfigEntryState.LOADED
    assert await ha.post(whatsapp_event("held")) == HTTPStatus.ACCEPTED
    await ha.kill()
    await ha.started()
    ha.account.receive(ANNA, "new")
    await ha.poll()
    assert ha.texts == ["the past", "held", "new"]


@pytest.mark.parametrize(
    ("damage", "fired"),
    [
        pytest.param(
            "insert into journal (id, arrived, body) values (0, '2026-01-01T00:00:00+00:00', 'no JSON')",
            2,
            id="body",
        ),
        pytest.param(
            "insert into journal (id, arrived, body) values (0, '2026-01-01T00:00:00+00:00', 7)",
            2,
            id="no bytes",
        ),
        pytest.param("insert into journal (id, arrived, body) values (0, 'soon', '{}')", 2, id="no time"),
        pytest.param(
            "insert into journal (id, arrived, body) select 0, '2026-01-01T00:00:00', cast(replace(body, 'good', 'naive') as blob) from journal",
            3,
            id="time without a zone",
        ),
        pytest.param("update state set value = '{' where name = 'ledger'", 2, id="ledger's state"),
        pytest.param("update state set value = '[1]' where name = 'ledger'", 2, id="a list"),
        pytest.param(
            """update state set value = '{"newest": "soon", "begins": [1]}' where name = 'ledger'""",
            2,
            id="times",
        ),
        pytest.param("update state set value = '7' where name = 'webhook'", 2, id="a number"),
        pytest.param("update state set value = x'ff' where name = 'webhook'", 2, id="bytes"),
    ],
)
async def test_a_row_that_cannot_be_read_stops_nothing(ha: Installation, damage: str, fired: int) -> None:
    await ha.start_up()
    await ha.post(whatsapp_event("good"))
    await ha.unload()
    connection = sqlite3.connect(database_path(ha.hass, ha.entry.entry_id))
    connection.execute(damage)
    connection.commit()
    connection.close()
    await ha.set_up(CoreState.starting)
    assert ha.entry.state is ConfigEntryState.LOADED
    await ha.started()
    assert await ha.post(whatsapp_event("next")) == HTTPStatus.ACCEPTED
    assert ha.texts[-2:] == ["good", "next"] or set(ha.texts) == {"naive", "good", "next"}
    assert len(ha.texts) == fired
    ha.account.receive(ANNA, "by poll")
    for _ in range(2):
        await ha.poll()
        assert ha.coordinator.last_update_success


async def test_a_body_that_cannot_be_handled_does_not_keep_the_account_from_being_set_up(
    ha: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its place in the code is logged, its text is not; what comes after it is fired."""
    await ha.start_up()
    for text in ("a secret", "hi"):
        await ha.post(whatsapp_event(text))
    module = "custom_components.smsmobileapi.inbound.webhook"

    def fail(body: bytes, **times: Any) -> Any:
        if b"a secret" in body:
            raise RuntimeError("a secret")
        return parse_body(body, **times)

    with monkeypatch.context() as fault:
        fault.setattr(f"{module}.parse_body", fail)
        await ha.start_up()
    await ha.started()
    assert ha.texts == ["hi"]
    assert "RuntimeError at webhook.py:" in caplog.text
    ours = [record.getMessage() for record in caplog.records if DOMAIN in record.name]
    assert "a secret" not in " ".join(ours)


async def test_texts_are_refused_until_the_database_is_open(
    ha: Installation, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant answers 200 for a webhook that is not there."""
    await ha.unload()
    opened, may_go_on = asyncio.Event(), asyncio.Event()

    async def slowly(*_: object) -> None:
        opened.set()
        await may_go_on.wait()

    monkeypatch.setattr("custom_components.smsmobileapi.account.async_import_files", slowly)
    ha.hass.data["webhook"].pop(ha.entry.data["webhook_id"])
    set_up = asyncio.create_task(ha.hass.config_entries.async_setup(ha.entry.entry_id))
    await opened.wait()
    assert await ha.handle(whatsapp_event("hi")) == HTTPStatus.SERVICE_UNAVAILABLE
    may_go_on.set()
    assert await set_up
    assert await ha.handle(whatsapp_event("hi")) == HTTPStatus.ACCEPTED


async def test_the_database_holds_no_number_or_text_of_what_was_handled(ha: Installation) -> None:
    ha.account.receive(BEN, "the secret text", guid="the-guid")
    await ha.poll()
    await ha.second()
    for path, content in ha.files().items():
        assert path.stat().st_mode & 0o077 == 0, path.name
        for secret in (BEN[3:], "the secret text", "the-guid", KEY):
            assert secret.encode() not in content, secret
