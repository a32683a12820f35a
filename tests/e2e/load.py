"""200 texts a second for a minute through the webhook of a real Home Assistant.

`scripts/bench load [--seconds N]` prints how many were lost and doubled, and how late the event loop was compared to when
nothing came in; it fails if any was lost or doubled, or the loop was late because of us.
"""

import argparse
import asyncio
from collections import Counter
from http import HTTPStatus
import json
from pathlib import Path
import shutil
import sys
import tempfile
import time

import aiohttp

from simulator import Simulator
from tests.e2e.chaos import WITNESS, Chaos
from tests.e2e.home import Home
from tests.e2e.program import free_port
from tests.e2e.stage import run
from tests.e2e.tell import StoryError, Teller

PER_SECOND = 200
IDLE_SECONDS = 15
LATE_MS = 50


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
        tell.step(f"Nothing comes in for {IDLE_SECONDS} s")
        idle = await lateness(home, IDLE_SECONDS)
        tell.step(f"{PER_SECOND} texts a second come in for {seconds} s")
        answers: Counter[int] = Counter()
        posts: set[asyncio.Task[None]] = set()

        async def post(index: int) -> None:
            body = {"number": "+36301234567", "message": f"Text {index}", "guid": f"load-{index}"}
            async with session.post(url, json={**body, "time_received": time.time()}) as answer:
                answers[answer.status] += 1

        began = time.monotonic()
        measuring = asyncio.create_task(lateness(home, seconds))
        for index in range(PER_SECOND * seconds):
            await asyncio.sleep(began + index / PER_SECOND - time.monotonic())
            posts.add(task := asyncio.create_task(post(index)))
            task.add_done_callback(posts.discard)
        await asyncio.gather(*posts)
        took = time.monotonic() - began
        busy = await measuring
        await played.until_quiet()
        seen = Counter(sighting["guid"].removeprefix("id ") for sighting in played.sightings())
        lost = PER_SECOND * seconds - len(seen)
        doubled = sum(number > 1 for number in seen.values())
        tell.step("What came of it")
        tell.values(
            texts=PER_SECOND * seconds,
            taken_in=f"{took:.1f} s",
            answers=dict(answers),
            lost=lost,
            doubled=doubled,
            event_loop_late_when_idle=shown(idle),
            event_loop_late_under_load=shown(busy),
        )
        if lost or doubled or set(answers) != {HTTPStatus.OK}:
            raise StoryError("texts were lost, doubled or refused")
        if percentile(busy, 99) - percentile(idle, 99) > LATE_MS:
            raise StoryError("the event loop was late")


async def lateness(home: Home, seconds: float) -> list[float]:
    """Return how many milliseconds late the event loop was, ten times a second from now on, sorted."""
    path = home.config_dir / "lateness.jsonl"
    skip = len(path.read_text().splitlines())
    await asyncio.sleep(seconds)
    return sorted(json.loads(line) for line in path.read_text().splitlines()[skip:])


def percentile(values: list[float], percent: int) -> float:
    return values[min(len(values) * percent // 100, len(values) - 1)]


def shown(values: list[float]) -> str:
    return ", ".join(f"p{percent} {percentile(values, percent):.1f} ms" for percent in (50, 99, 100))


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, metavar="N")
    seconds = parser.parse_args().seconds
    directory = Path(tempfile.mkdtemp(prefix="smsmobileapi-load-"))
    code = run(lambda: load(directory, seconds))
    if code == 1:
        print(f"The log is {directory}/console.log.", file=sys.stderr)
    else:
        shutil.rmtree(directory)
    return code


if __name__ == "__main__":
    sys.exit(main())
