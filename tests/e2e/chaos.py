"""Texts by V1, V2 and poll over a restart, two kills and a cut network; an automation writes down which it got.

`scripts/chaos [--texts N] [--seed N]` prints how many were lost and doubled and how late they were. It fails if any was
lost, or doubled other than in the last second before a kill. `scripts/chaos --send [--sends N] [--seed N]` is about the other
direction: see send_chaos.
"""

import argparse
import asyncio
from pathlib import Path
import random
import sys
import time

from simulator import Simulator
from tests.e2e.configuration import DOMAIN, EVENT_WRITER
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.process import free_port
from tests.e2e.send_chaos import send_chaos
from tests.e2e.session import SAVE_SECONDS, add_account, new_account, run_in_directories
from tests.e2e.steps import Steps, check
from tests.e2e.traffic import PER_SECOND, Traffic, until_quiet, write_down

CUT_SECONDS = 6


class Chaos:
    """One run: Home Assistant, the service, and the disturbances."""

    def __init__(self, hass: HomeAssistant, traffic: Traffic, *, texts: int) -> None:
        self.hass = hass
        self.traffic = traffic
        self.texts = texts

    async def run(self, steps: Steps) -> None:
        steps.begin("A real Home Assistant with an account, and an automation that writes down each text")
        await self.hass.start()
        entry_id = await add_account(self.hass, self.traffic.simulator, self.traffic.account)
        await write_down(self.hass)
        await asyncio.sleep(SAVE_SECONDS)
        steps.begin(f"{self.texts} texts come in during the disturbances")
        disturbances = asyncio.create_task(self.disturb(steps))
        await self.traffic.send(self.texts)
        await disturbances
        steps.begin("The account is reloaded, which polls once more")
        await self.hass.reload_entry(entry_id)
        await until_quiet()
        steps.show(webhook_answers=dict(sorted(self.traffic.answers.items())))

    async def disturb(self, steps: Steps) -> None:
        """Restart it, kill it twice and cut the network, in random order."""
        disturbances = [self.restart, self.kill, self.cut, self.kill]
        self.traffic.random.shuffle(disturbances)
        for disturbance in disturbances:
            await asyncio.sleep(self.texts / PER_SECOND / 8 * self.traffic.random.uniform(0.5, 1.5))
            steps.show(**{disturbance.__name__: f"after {len(self.traffic.sent)} texts"})
            await disturbance()

    async def restart(self) -> None:
        await self.hass.stop()
        await self.hass.start()

    async def kill(self) -> None:
        await self.hass.kill()
        self.traffic.kills.append(time.time())
        await self.hass.start()

    async def cut(self) -> None:
        self.traffic.is_cut = True
        self.traffic.simulator.fault("*", "drop_before", count=10_000)
        await asyncio.sleep(CUT_SECONDS)
        self.traffic.simulator.faults.waiting.clear()
        self.traffic.is_cut = False

    def search_log(self) -> int:
        """Search all of the log for secrets, and our own lines for numbers and texts; return the number of lines."""
        webhook_id = str(self.traffic.account.webhook_url).rpartition("/")[2]
        lines = self.hass.log.read_text(errors="replace").splitlines()
        for line in lines:
            # While the account is not loaded, Home Assistant itself logs the addresses of unknown webhooks.
            is_of_core = "[homeassistant.components.webhook]" in line or "helpers.http]" in line
            check(self.traffic.account.key not in line, f"the log has the key: {line}")
            check(webhook_id not in line or is_of_core, f"the log has the webhook id: {line}")
            if f"[custom_components.{DOMAIN}" in line:
                is_masked = "+3630" not in line.replace("+36…", "") and "Text " not in line
                check(is_masked, f"the log has a number or text: {line}")
                check(" ERROR " not in line or "Error fetching" in line, f"the log has an error: {line}")
        return len(lines)


async def chaos(directory: Path, *, texts: int, seed: int) -> None:
    steps = Steps()
    async with Simulator() as simulator:
        traffic = Traffic(simulator, new_account(simulator, "chaos"), seed)
        async with HomeAssistant(directory, free_port(), debug=True, components=(EVENT_WRITER,)) as hass:
            run_of_chaos = Chaos(hass, traffic, texts=texts)
            await run_of_chaos.run(steps)
        tally = traffic.tally()
        steps.begin(f"Seed {seed}: what the automation got of {texts} texts, after {steps.seconds:.0f} s")
        delays = sorted(tally.delays)
        steps.show(
            lost=len(tally.lost),
            doubled=len(tally.doubled),
            doubled_in_the_second_before_a_kill=len(tally.doubled_before_kill),
            half_within=f"{delays[len(delays) // 2] * 1000:.0f} ms",
            ninety_nine_percent_within=f"{delays[len(delays) * 99 // 100]:.1f} s",
            the_last_after=f"{delays[-1]:.1f} s",
            log_lines_searched=run_of_chaos.search_log(),
        )
        tally.check()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--texts", type=int, default=2000, metavar="N")
    parser.add_argument("--send", action="store_true", help="send messages instead")
    parser.add_argument("--sends", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), metavar="N")
    arguments = parser.parse_args()

    async def run(directory: Path) -> None:
        if arguments.send:
            await send_chaos(directory, sends=arguments.sends, seed=arguments.seed)
        else:
            await chaos(directory, texts=arguments.texts, seed=arguments.seed)

    return run_in_directories("chaos", run)


if __name__ == "__main__":
    sys.exit(main())
