"""Kills during the start of a real Home Assistant, while the service delivers WhatsApp texts until they are answered 2xx.

`scripts/kills [--kills N] [--texts N] [--seed N] [--webhook]` prints how many were lost, at our own address or, with
`--webhook`, at that of Home Assistant's webhook, where it answers 200 before we are set up. It fails if a text was lost at
our own address. No poll lists WhatsApp texts, so what the webhook loses is lost.
"""

import argparse
import asyncio
from collections import Counter
from pathlib import Path
import random
import sys
import time

from simulator import Account, Simulator, WhatsAppMessage, whatsapp_data
from tests.e2e.configuration import EVENT_WRITER
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.process import free_port
from tests.e2e.session import add_account, new_account, run_in_directories
from tests.e2e.steps import Steps, check
from tests.e2e.traffic import until_quiet, write_down, written

SAVE_SECONDS = 4  # until Home Assistant has saved a new account
AGAIN_SECONDS = 0.5  # from a delivery that failed to the next


class Delivery:
    """The texts of the service, each delivered until it is answered 2xx."""

    def __init__(self, simulator: Simulator, account: Account) -> None:
        self.simulator = simulator
        self.account = account
        self.answers: Counter[int] = Counter()
        self.sent: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    def send(self) -> None:
        """Begin to deliver one more text."""
        text = self.account.receive_whatsapp("36301234567", f"Text {len(self.sent)}")
        self.sent.append(text.guid)
        self._tasks.append(asyncio.create_task(self._deliver(text)))

    async def wait(self) -> None:
        """Wait until each was delivered."""
        await asyncio.gather(*self._tasks)

    async def _deliver(self, text: WhatsAppMessage) -> None:
        while True:
            status = await self.simulator.deliver_v2(
                self.account, "whatsapp.received", whatsapp_data(text), event_id=text.guid
            )
            self.answers[status] += 1
            if 200 <= status < 300:
                return
            await asyncio.sleep(AGAIN_SECONDS)


async def measure_start(hass: HomeAssistant) -> float:
    """Restart it; return the seconds until it runs."""
    await hass.stop()
    return await hass.start()


async def run(directory: Path, *, kills: int, texts: int, seed: int, at_webhook: bool) -> None:
    steps, chance = Steps(), random.Random(seed)
    async with (
        Simulator() as simulator,
        HomeAssistant(directory, free_port(), components=(EVENT_WRITER,)) as hass,
    ):
        account = new_account(simulator, "kills")
        await hass.start()
        await add_account(hass, simulator, account)
        if at_webhook:
            account.webhook_url = str(account.webhook_url).replace("/api/smsmobileapi/", "/api/webhook/")
        await write_down(hass)
        await asyncio.sleep(SAVE_SECONDS)
        boot_seconds = await measure_start(hass)
        await hass.kill()
        delivery = Delivery(simulator, account)
        steps.begin(
            f"{kills} starts of about {boot_seconds:.0f} s are killed, while {texts} WhatsApp texts come"
        )
        for start in range(kills):
            # So many in each start; some are delivered while Home Assistant is down.
            end = time.monotonic() + chance.uniform(0.2, 1.0) * boot_seconds
            hass.write_configuration()
            await hass.process.start()
            for _ in range(texts * (start + 1) // kills - len(delivery.sent)):
                await asyncio.sleep(chance.uniform(0, (end - time.monotonic()) / 4))
                delivery.send()
            await asyncio.sleep(max(end - time.monotonic(), 0))
            await hass.kill()
        steps.begin("The last start is left alone, until all were delivered")
        await hass.start()
        await delivery.wait()
        await until_quiet()
        seen = written()
        lost = [guid for guid in delivery.sent if guid not in seen]
        steps.begin("Results")
        steps.show(
            answers=dict(sorted(delivery.answers.items())),
            lost=len(lost),
            doubled=sum(len(seen.get(guid, [])) > 1 for guid in delivery.sent),
        )
        check(at_webhook or not lost, f"{len(lost)} texts were lost")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=14, metavar="N")
    parser.add_argument("--texts", type=int, default=105, metavar="N")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), metavar="N")
    parser.add_argument("--webhook", action="store_true", help="deliver to Home Assistant's webhook")
    given = parser.parse_args()
    return run_in_directories(
        "kills",
        lambda directory: run(
            directory, kills=given.kills, texts=given.texts, seed=given.seed, at_webhook=given.webhook
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
