"""200 texts a second for a minute through the webhook of a real Home Assistant.

`scripts/bench [--seconds N]` prints how many were lost and doubled, and how late the event loop was: while nothing came in, while
as many calls came to a webhook of Home Assistant's own, and under the texts. It fails if any was lost or doubled, or the loop was
late because of us. Not because of us is Python's garbage collection of all that Home Assistant holds: it is told apart.
"""

import argparse
import asyncio
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from itertools import pairwise
import json
from pathlib import Path
import sys
import time

import aiohttp

from simulator import Simulator
from tests.e2e.chaos import WITNESS, Chaos, directories, witness_dir
from tests.e2e.home import Home
from tests.e2e.program import free_port
from tests.e2e.stage import run
from tests.e2e.tell import StoryError, Teller
from tests.e2e.websocket import Json

PER_SECOND = 200
IDLE_SECONDS = 15
LATE_MS = 50
CONTROL_ID = "control"
CONTROL: Json = {
    "alias": "Write down every other call",
    "mode": "parallel",
    "max": 1000,
    "triggers": [
        {"trigger": "webhook", "webhook_id": CONTROL_ID, "allowed_methods": ["POST"], "local_only": True}
    ],
    "actions": [{"action": "witness.write", "data": {"guid": "id {{ trigger.json.guid }}"}}],
}


class Load:
    """Calls to the webhooks of a home, and what it answers."""

    def __init__(self, session: aiohttp.ClientSession, seconds: int) -> None:
        self.session = session
        self.seconds = seconds
        self.answers: Counter[int] = Counter()

    async def post(self, url: str, prefix: str) -> Lateness:
        """Call a webhook with one text after the other; return how late the event loop was meanwhile."""
        measuring = asyncio.create_task(lateness(self.seconds))
        began = time.monotonic()
        async with asyncio.TaskGroup() as posts:
            for index in range(PER_SECOND * self.seconds):
                await asyncio.sleep(began + index / PER_SECOND - time.monotonic())
                posts.create_task(self._post(url, f"{prefix}{index}"))
        return await measuring

    async def _post(self, url: str, guid: str) -> None:
        body = {
            "number": "+36301234567",
            "message": f"Text {guid}",
            "guid": guid,
            "time_received": time.time(),
        }
        async with self.session.post(url, json=body) as answer:
            self.answers[answer.status] += 1


async def load(directory: Path, seconds: int) -> None:
    tell = Teller()
    async with (
        Simulator() as simulator,
        Home(directory, free_port(), also=(WITNESS,)) as home,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=20)) as session,
    ):
        account = simulator.add_account("load-0123456789abcdef")
        await home.start()
        played = Chaos(home, simulator, account, texts=0, seed=0)
        _entry_id, url = await played.add_account()
        await played.write_automation()
        await home.write_automation("control", CONTROL)
        called = Load(session, seconds)
        tell.step(f"Nothing comes in for {IDLE_SECONDS} s")
        idle = await lateness(IDLE_SECONDS)
        tell.step(f"{PER_SECOND} calls a second come to a webhook of Home Assistant's own for {seconds} s")
        control = await called.post(f"{home.url}/api/webhook/{CONTROL_ID}", "control-")
        tell.step(f"{PER_SECOND} texts a second come in for {seconds} s")
        busy = await called.post(url, "load-")
        await played.until_quiet()
        seen = Counter(sighting["guid"].removeprefix("id ") for sighting in played.sightings())
        ours = {guid: number for guid, number in seen.items() if guid.startswith("load-")}
        lost = PER_SECOND * seconds - len(ours)
        doubled = sum(number > 1 for number in ours.values())
        tell.step("What came of it")
        tell.values(
            texts=PER_SECOND * seconds,
            answers=dict(called.answers),
            lost=lost,
            doubled=doubled,
            event_loop_late_when_idle=idle,
            event_loop_late_under_other_calls=control,
            event_loop_late_under_texts=busy,
        )
        if lost or doubled or set(called.answers) != {HTTPStatus.OK}:
            raise StoryError("texts were lost, doubled or refused")
        if percentile(busy.without_collections, 99) > LATE_MS:
            raise StoryError("the event loop was late because of us")


@dataclass(frozen=True, slots=True)
class Lateness:
    """How many milliseconds late the event loop was, each time that it was asked, sorted: all in all, and of itself."""

    all_in_all: list[float]
    without_collections: list[float]

    def __str__(self) -> str:
        return f"{shown(self.all_in_all)}; without garbage collection {shown(self.without_collections)}"


async def lateness(seconds: float) -> Lateness:
    """Measure it ten times a second from now on."""
    path = witness_dir() / "lateness.jsonl"
    skip = len(path.read_text().splitlines())
    await asyncio.sleep(seconds)
    measured = [json.loads(line) for line in path.read_text().splitlines()[skip:]]
    # A collection in another thread holds the event loop up, too, and may be noted only the next time.
    collected = [max(now, following) for (_, now), (_, following) in pairwise([*measured, (0, 0)])]
    return Lateness(
        all_in_all=sorted(late for late, _ in measured),
        without_collections=sorted(
            max(late - spent, 0) for (late, _), spent in zip(measured, collected, strict=True)
        ),
    )


def percentile(values: list[float], percent: int) -> float:
    return values[min(len(values) * percent // 100, len(values) - 1)]


def shown(values: list[float]) -> str:
    return ", ".join(f"p{percent} {percentile(values, percent):.1f} ms" for percent in (50, 99, 100))


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, metavar="N")
    seconds = parser.parse_args().seconds
    with directories("load") as directory:
        if code := run(lambda: load(directory, seconds)):
            sys.exit(code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
