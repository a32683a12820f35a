"""Texts that the service delivers as the real one does, and what an automation wrote down of them."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
import json
import os
from pathlib import Path
import random
import time
from uuid import uuid4

from simulator import Account, ReceivedSms, Simulator, sms_data
from tests.e2e.configuration import RECEIVED
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.process import until
from tests.e2e.steps import check
from tests.e2e.websocket import Json

PER_SECOND = 25
LONGEST_DELAY = 2.0  # seconds until a delivery arrives, so that deliveries overtake each other
# What was handled is saved within a second.
DOUBLED_BEFORE_KILL_SECONDS = 1.0
WAYS: Sequence[tuple[str, ...]] = ((), ("v1",), ("v2",), ("v1", "v2"), ("v2", "v1"))

WRITE_DOWN: Json = {
    "alias": "Write down every text",
    "mode": "parallel",
    "max": 1000,
    "triggers": [{"trigger": "event", "event_type": RECEIVED}],
    "actions": [
        {
            "action": "event_writer.write",
            # The prefix keeps an id of digits a string.
            "data": {"guid": "id {{ trigger.event.data.message_id }}"},
        }
    ],
}


def writer_dir() -> Path:
    """The folder of the event writer."""
    return Path(os.environ["EVENT_WRITER_DIR"])


def written_lines() -> list[Json]:
    """What the event writer has written."""
    file = writer_dir() / "events.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def written() -> dict[str, list[float]]:
    """When the automation got each message, by the message's id."""
    times: dict[str, list[float]] = defaultdict(list)
    for line in written_lines():
        if "guid" in line:
            times[line["guid"].removeprefix("id ")].append(line["at"])
    return times


async def write_down(hass: HomeAssistant) -> None:
    """Have an automation write down each text."""
    await hass.write_automation("write_down", WRITE_DOWN)


async def until_quiet(timeout: float = 120) -> None:
    """Wait until nothing was written down for three seconds."""
    before = -1

    async def is_quiet() -> bool:
        nonlocal before
        await asyncio.sleep(3)
        before, now = sum(map(len, written().values())), before
        return before == now

    await until("the automation to be idle", is_quiet, timeout)


@dataclass(slots=True)
class Tally:
    """What the automation got, against what was sent."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    doubled_before_kill: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)

    def check(self) -> None:
        check(not (self.lost or self.doubled), f"lost: {self.lost}, doubled: {self.doubled}")


class Traffic:
    """Random texts of twenty senders, each delivered by V1, V2, both or none, some of them more than once."""

    def __init__(self, simulator: Simulator, account: Account, seed: int) -> None:
        self.simulator = simulator
        self.account = account
        self.random = random.Random(seed)
        self.sent: dict[str, float] = {}
        self.kills: list[float] = []
        self.is_cut = False
        self.answers: Counter[int] = Counter()
        self._deliveries: set[asyncio.Task[None]] = set()

    async def send(self, texts: int) -> None:
        """Receive this number of texts, and wait until each was delivered."""
        for index in range(texts):
            number = f"+3630{self.random.randrange(20):07}"
            row = self.account.receive(number=number, message=f"Text {index} from {number}")
            self.sent[row.guid] = time.time()
            for version in self.random.choice(WAYS):
                for _ in range(self.random.choice((1, 1, 1, 2, 3))):
                    delivery = asyncio.create_task(self._deliver(row, version))
                    self._deliveries.add(delivery)
                    delivery.add_done_callback(self._deliveries.discard)
            await asyncio.sleep(self.random.expovariate(PER_SECOND))
        await asyncio.gather(*self._deliveries)

    async def _deliver(self, row: ReceivedSms, version: str) -> None:
        """Deliver V1 once, and V2 until it is answered 2xx."""
        event_id = str(uuid4())
        while True:
            await asyncio.sleep(self.random.uniform(0, LONGEST_DELAY))
            if self.is_cut:
                status = 0
            elif version == "v1":
                status = await self.simulator.deliver(self.account, row)
            else:
                status = await self.simulator.deliver_v2(
                    self.account, "sms.received", sms_data(row), event_id=event_id
                )
            self.answers[status] += 1
            if version == "v1" or status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
                return

    def tally(self) -> Tally:
        seen = written()
        tally = Tally()
        for guid, sent_at in self.sent.items():
            times = sorted(seen.pop(guid, []))
            if not times:
                tally.lost.append(guid)
                continue
            tally.delays.append(times[0] - sent_at)
            for at in times[:-1]:
                at_kill = any(0 <= kill - at <= DOUBLED_BEFORE_KILL_SECONDS for kill in self.kills)
                (tally.doubled_before_kill if at_kill else tally.doubled).append(guid)
        check(not seen, f"{len(seen)} messages were fired that nobody has sent")
        return tally
