"""Texts by every way, over a restart, two kills and a cut network; an automation writes down what it saw.

`scripts/chaos [--texts N] [--seed N]` prints how many were lost, doubled and how late they were, and fails if any was lost,
or doubled outside of the last second before a kill.
"""

import argparse
import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
import json
import os
from pathlib import Path
import random
import secrets
import shutil
import sys
import tempfile
import time
from uuid import uuid4
from zoneinfo import ZoneInfo

from simulator import Account, ReceivedSms, Simulator, sms_data
from tests.e2e.configuration import TIME_ZONE
from tests.e2e.home import Home
from tests.e2e.program import free_port, until
from tests.e2e.stage import run
from tests.e2e.story import DOMAIN, RECEIVED
from tests.e2e.tell import StoryError, Teller, check
from tests.e2e.websocket import Json

WITNESS = Path(__file__).with_name("witness")
PER_SECOND = 25
LONGEST_DELAY = 2.0  # seconds that a delivery is on its way, so that they overtake each other
CUT_SECONDS = 6
# The ledger is written within a second.
DOUBLED_MAY_BE = 1.0

WRITE_DOWN: Json = {
    "alias": "Write down every text",
    "mode": "parallel",
    "max": 1000,
    "triggers": [{"trigger": "event", "event_type": RECEIVED}],
    "actions": [
        {
            "action": "witness.write",
            "data": {
                "guid": "id {{ trigger.event.data.message_id }}",
                "source": "{{ trigger.event.data.source }}",
            },
        }
    ],
}


@dataclass(slots=True)
class Tally:
    """What was written down, against what there was."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    doubled_at_kill: list[str] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)


def witness_dir() -> Path:
    """Return where the witness writes, in this program's own environment."""
    return Path(os.environ["WITNESS_DIR"])


@contextmanager
def directories(name: str) -> Iterator[Path]:
    """Make a directory for Home Assistant and one in memory for the witness; both are left where something fails."""
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    os.environ["WITNESS_DIR"] = tempfile.mkdtemp(prefix=f"smsmobileapi-{name}-", dir=in_memory)
    directory = Path(tempfile.mkdtemp(prefix=f"smsmobileapi-{name}-"))
    print(f"What happens is written to {directory}/console.log and {witness_dir()}/.", flush=True)
    yield directory
    shutil.rmtree(directory)
    shutil.rmtree(witness_dir())


class Chaos:
    """One run: a home, the service, and what is done to both."""

    def __init__(self, home: Home, simulator: Simulator, account: Account, *, texts: int, seed: int) -> None:
        self.home = home
        self.simulator = simulator
        self.account = account
        self.texts = texts
        self.random = random.Random(seed)
        self.born: dict[str, float] = {}
        self.kills: list[float] = []
        self.is_cut = False
        self.deliveries: set[asyncio.Task[None]] = set()
        self.called: dict[HTTPStatus | int, int] = defaultdict(int)

    async def play(self, tell: Teller) -> None:
        tell.step(
            "A real Home Assistant starts, with an account and an automation that writes down what it sees"
        )
        await self.home.start()
        entry_id, url = await self.add_account()
        self.account.webhook_url = url
        await self.write_automation()
        tell.step(f"{self.texts} texts come in, and things happen")
        disturbances = asyncio.create_task(self.disturb(tell))
        await self.send_texts()
        await disturbances
        await asyncio.gather(*self.deliveries)
        tell.step("All is quiet; the account is reloaded, which polls once more")
        await self.home.post(f"/api/config/config_entries/entry/{entry_id}/reload")
        await self.until_quiet()
        webhook_calls = {str(int(status)): number for status, number in sorted(self.called.items())}
        tell.values(webhook_calls_by_answer=webhook_calls)

    async def add_account(self) -> tuple[str, str]:
        flow = await self.home.flow(DOMAIN)
        await flow.submit({"next_step_id": "api_key"})
        step = await flow.submit({"api_key": self.account.key, "server": {"url": self.simulator.url}})
        check(step.get("step_id") == "webhook", f"the account was refused: {step}")
        url: str = step["description_placeholders"]["webhook_url"]
        step = await flow.submit()
        await self.home.wait_for_state(f"event.{DOMAIN}_message")
        # Home Assistant saves a new account, like any entry, with some delay.
        await asyncio.sleep(4)
        return step["result"]["entry_id"], url

    async def write_automation(self) -> None:
        await self.home.write_automation("write_down", WRITE_DOWN)

    async def send_texts(self) -> None:
        for index in range(self.texts):
            number = f"+3630{self.random.randrange(20):07}"
            row = self.account.receive(number=number, message=f"Text {index} from {number}")
            self.born[row.guid] = time.time()
            for version in self.random.choice([(), ("v1",), ("v2",), ("v1", "v2"), ("v2", "v1")]):
                for _ in range(self.random.choice((1, 1, 1, 2, 3))):
                    delivery = asyncio.create_task(self.deliver(row, version))
                    self.deliveries.add(delivery)
                    delivery.add_done_callback(self.deliveries.discard)
            await asyncio.sleep(self.random.expovariate(PER_SECOND))

    async def deliver(self, row: ReceivedSms, version: str) -> None:
        """Deliver as the service does: V1 once, V2 until it is taken."""
        event_id = str(uuid4())
        while True:
            await asyncio.sleep(self.random.uniform(0, LONGEST_DELAY))
            if self.is_cut:
                status = 0
            elif version == "v1":
                status = await self.simulator.deliver(self.account, row)
            else:
                data = sms_data(row)
                status = await self.simulator.deliver_v2(
                    self.account, "sms.received", data, event_id=event_id
                )
            self.called[status] += 1
            if version == "v1" or status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
                return

    async def disturb(self, tell: Teller) -> None:
        """Restart it, kill it twice and cut the network, each some time after the other."""
        happenings = [self.restart, self.kill, self.cut, self.kill]
        self.random.shuffle(happenings)
        for happening in happenings:
            await asyncio.sleep(self.texts / PER_SECOND / 8 * self.random.uniform(0.5, 1.5))
            tell.values(**{happening.__name__: f"after {len(self.born)} texts"})
            await happening()

    async def restart(self) -> None:
        await self.home.stop()
        await self.home.start()

    async def kill(self) -> None:
        await self.home.kill()
        self.kills.append(time.time())
        await self.home.start()

    async def cut(self) -> None:
        self.is_cut = True
        self.simulator.fault("*", "drop_before", count=10_000)
        await asyncio.sleep(CUT_SECONDS)
        self.simulator.faults.waiting.clear()
        self.is_cut = False

    async def until_quiet(self) -> None:
        """Wait until nothing more is written down."""
        before = -1

        async def quiet() -> bool:
            nonlocal before
            await asyncio.sleep(3)
            before, now = len(self.sightings()), before
            return before == now

        await until("nothing more to be written down", quiet, 120)

    def sightings(self) -> list[Json]:
        return [json.loads(line) for line in (witness_dir() / "witness.jsonl").read_text().splitlines()]

    def tally(self) -> Tally:
        seen: dict[str, list[float]] = defaultdict(list)
        for sighting in self.sightings():
            seen[sighting["guid"].removeprefix("id ")].append(sighting["at"])
        tally = Tally()
        for guid, born in self.born.items():
            times = sorted(seen.pop(guid, []))
            if not times:
                tally.lost.append(guid)
                continue
            tally.lateness.append(times[0] - born)
            for at in times[:-1]:
                at_kill = any(0 <= kill - at <= DOUBLED_MAY_BE for kill in self.kills)
                (tally.doubled_at_kill if at_kill else tally.doubled).append(guid)
        check(not seen, f"{len(seen)} texts were seen that nobody has sent")
        return tally

    def search_log(self) -> int:
        """Look for secrets in all of the log, and for numbers and texts in our own lines; gives how many lines there are."""
        webhook_id = str(self.account.webhook_url).rpartition("/")[2]
        lines = self.home.log.read_text(errors="replace").splitlines()
        for line in lines:
            # Before we are loaded, and once we are not any more, Home Assistant itself logs the addresses that are called.
            is_ours_to_keep = "[homeassistant.components.webhook]" not in line and "helpers.http]" not in line
            check(self.account.key not in line, f"the log shows the key: {line}")
            check(webhook_id not in line or not is_ours_to_keep, f"the log shows the address: {line}")
            if f"[custom_components.{DOMAIN}" in line:
                check(
                    "+3630" not in line.replace("+36…", "") and "Text " not in line, f"the log shows: {line}"
                )
                check(" ERROR " not in line or "Error fetching" in line, f"the log has an error: {line}")
        return len(lines)


async def chaos(directory: Path, *, texts: int, seed: int) -> None:
    tell = Teller()
    async with Simulator() as simulator:
        account = simulator.add_account(f"chaos-{secrets.token_hex(8)}", time_zone=ZoneInfo(TIME_ZONE))
        async with Home(directory, free_port(), debug=True, also=(WITNESS,)) as home:
            played = Chaos(home, simulator, account, texts=texts, seed=seed)
            await played.play(tell)
        tally = played.tally()
        tell.step(f"Seed {seed}: what the automation saw of {texts} texts, after {tell.seconds:.0f} s")
        late = sorted(tally.lateness)
        tell.values(
            lost=len(tally.lost),
            doubled=len(tally.doubled),
            doubled_in_the_second_before_a_kill=len(tally.doubled_at_kill),
            half_within=f"{late[len(late) // 2] * 1000:.0f} ms",
            ninety_nine_percent_within=f"{late[len(late) * 99 // 100]:.1f} s",
            the_last_after=f"{late[-1]:.1f} s",
            log_lines_searched_for_secrets=played.search_log(),
        )
        if tally.lost or tally.doubled:
            raise StoryError(f"lost: {tally.lost}, doubled: {tally.doubled}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--texts", type=int, default=2000, metavar="N")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), metavar="N")
    arguments = parser.parse_args()
    with directories("chaos") as directory:
        if code := run(lambda: chaos(directory, texts=arguments.texts, seed=arguments.seed)):
            sys.exit(code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
