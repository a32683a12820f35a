"""After a backlog: automations begin before what they got is saved as handled, and nothing else waits for them."""

import asyncio
from http import HTTPStatus
import time
from typing import Any

from homeassistant.core import Event, callback
import pytest

from custom_components.smsmobileapi.const import EVENT_MESSAGE_RECEIVED
from custom_components.smsmobileapi.inbound.inbox import SLICE_ITEMS

from ..conftest import OUR_LOG
from ..disk import rows_of
from .installation import Installation
from .service import ANNA, whatsapp_event

TEXTS = 600


@pytest.fixture(autouse=True)
def as_at_home(_impatience: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it wait as long as in a home."""
    for name, seconds in (
        ("inbox.PAUSE_SECONDS", 0.01),
        ("journal.TURN_SECONDS", 0.2),
        ("ledger.TURN_SECONDS", 0.2),
    ):
        monkeypatch.setattr(f"custom_components.smsmobileapi.inbound.{name}", seconds)


class Automation:
    """Works for two milliseconds on each text, after others had their turn a few times."""

    def __init__(self, ha: Installation) -> None:
        self.hass = ha.hass
        self.begun: list[str] = []
        ha.hass.bus.async_listen(EVENT_MESSAGE_RECEIVED, self.triggered)

    @callback
    def triggered(self, fired: Event[Any]) -> None:
        self.hass.async_create_task(self.run(fired.data["message"]))

    async def run(self, text: str) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        ends = time.perf_counter() + 0.002
        while time.perf_counter() < ends:
            pass
        self.begun.append(text)


def receive_backlog(ha: Installation) -> None:
    now = time.time() - 3600
    for index in range(TEXTS):
        ha.account.receive(ANNA, f"{index}", timestamp=now + index)


@pytest.mark.parametrize("is_start", [True, False])
async def test_others_have_their_turn_between_a_few_texts(
    ha: Installation, is_start: bool, caplog: pytest.LogCaptureFixture
) -> None:
    automation = Automation(ha)
    if is_start:
        await ha.start_up()
    receive_backlog(ha)
    if is_start:
        await ha.poll()
    most = 0

    async def measure() -> None:
        """Record how many texts are fired while the event loop does nothing else."""
        nonlocal most
        before = 0
        while True:
            await asyncio.sleep(0.001)
            before, now = len(ha.received), before
            most = max(most, before - now)

    measuring = asyncio.create_task(measure())
    caplog.set_level("DEBUG", OUR_LOG)
    await (ha.started() if is_start else ha.poll())
    measuring.cancel()
    assert automation.begun == ha.texts == [f"{index}" for index in range(TEXTS)]
    assert most <= SLICE_ITEMS
    assert f"{TEXTS} items that had waited were fired" in caplog.text
    assert ha.entry.runtime_data.inbox.counts["caught up"] == TEXTS


async def test_nothing_is_saved_as_handled_before_automations_had_their_turn(ha: Installation) -> None:
    automation = Automation(ha)
    receive_backlog(ha)
    before = len(rows_of(ha.hass, ha.entry, "handled", "key"))
    polling = asyncio.create_task(ha.poll())
    most = 0
    while not polling.done():
        # Each has an id, and sender, text and second.
        most = (len(rows_of(ha.hass, ha.entry, "handled", "key")) - before) // 2
        assert most <= len(automation.begun)
        await asyncio.sleep(0.02)
    # It is saved on the way, so that a kill does not double all of it.
    assert 0 < most < TEXTS


async def test_what_the_webhook_brings_meanwhile_waits_for_its_turn_and_outlives_a_kill(
    ha: Installation,
) -> None:
    receive_backlog(ha)
    polling = asyncio.create_task(ha.poll())
    while not ha.received:
        await asyncio.sleep(0)
    assert await ha.handle(whatsapp_event("last")) == HTTPStatus.ACCEPTED
    assert 0 < len(ha.received) < TEXTS
    files = ha.files()
    await polling
    assert ha.texts[-1] == "last"
    await ha.kill(files)
    ha.received.clear()
    await ha.started()
    assert ha.texts.count("last") == 1


async def test_it_outlives_a_kill_also_where_others_were_fired_just_before(ha: Installation) -> None:
    await ha.start_up()
    assert await ha.post(whatsapp_event("first")) == HTTPStatus.ACCEPTED
    await ha.started()
    receive_backlog(ha)
    polling = asyncio.create_task(ha.poll())
    while len(ha.received) < 2:
        await asyncio.sleep(0)
    assert await ha.handle(whatsapp_event("last")) == HTTPStatus.ACCEPTED
    # By now it is written that the first was fired.
    await asyncio.sleep(0.8)
    assert "last" not in ha.texts
    files = ha.files()
    await polling
    await ha.kill(files)
    ha.received.clear()
    await ha.started()
    assert ha.texts.count("last") == 1
    assert "first" not in ha.texts


async def test_a_stop_in_the_middle_loses_and_doubles_nothing(ha: Installation) -> None:
    receive_backlog(ha)
    polling = asyncio.create_task(ha.poll())
    while len(ha.received) < 50:
        await asyncio.sleep(0)
    await ha.unload()
    await polling
    assert len(ha.received) < TEXTS
    await ha.set_up()
    assert sorted(ha.texts, key=int) == [f"{index}" for index in range(TEXTS)]
