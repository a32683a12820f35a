"""Messages of automations that are restarted, run in parallel or wait for each other, over a service that fails in many ways.

Home Assistant is killed twice meanwhile and the network is cut. Each message has to arrive once, or has to be reported.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
import random

from simulator import Account, Simulator
from tests.e2e.configuration import EVENT_WRITER
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.process import free_port, until
from tests.e2e.sends import AUTOMATIONS, SEND_EVENT, Kind, Mode, Planned, Tally, Verdict
from tests.e2e.session import SAVE_SECONDS, add_account, add_contact, new_account, set_options
from tests.e2e.steps import Steps, check
from tests.e2e.traffic import written_lines
from tests.e2e.websocket import HassError

PER_SECOND = 6
CUT_SECONDS = 60  # of a run with 1,000 messages; of fewer, a part of that
CONTACTS = [
    (name, f"+36702000{index:03}")
    for index, name in enumerate(("Anna", "Bela", "Csilla", "Dora", "Emil", "Flora", "Geza", "Hanna"))
]
# A restarted automation mostly stops a run that is under way, and a queued one waits for each.
MODES = dict(zip(Mode, (4, 4, 2), strict=True))
NO_CREDIT = {"result": {"error": 0, "sent": "0", "note": "no credit"}}
# Faults by how many of a hundred messages meet them; the slow ones only in the first half: a message that got no answer, and
# that the service's log does not show, is looked for in it for a minute.
FAULTS: dict[str, int] = {
    "short_delay": 10, "drop_after": 4, "cut": 4, "refused": 4, "busy": 2, "html": 1, "log_fails": 2,
}  # fmt: skip
SLOW_FAULTS: dict[str, int] = {"drop_before": 1, "late": 1}
SETTLES_WITHIN = 180
QUIET_SECONDS = 5


class SendChaos:
    """One run: Home Assistant, the service, the messages and the disturbances."""

    def __init__(self, hass: HomeAssistant, simulator: Simulator, *, sends: int, seed: int) -> None:
        self.hass = hass
        self.simulator = simulator
        self.account: Account = new_account(simulator, "chaos")
        self.account.report_by_webhook = True
        self.random = random.Random(seed)
        self.sends = sends
        self.planned: list[Planned] = []
        self._is_running = asyncio.Event()

    async def run(self, steps: Steps) -> Tally:
        steps.begin("A real Home Assistant with an account, contacts, and automations that send")
        await self.hass.start()
        entry_id = await add_account(self.hass, self.simulator, self.account)
        # A loop would stop at its limit.
        await set_options(self.hass, entry_id, messages_per_minute=100_000, messages_per_day=100_000)
        for name, number in CONTACTS:
            await add_contact(self.hass, entry_id, {"name": name, "number": number, "channel": "sms"})
        for identifier, config in AUTOMATIONS.items():
            await self.hass.write_automation(identifier, config)
        await asyncio.sleep(SAVE_SECONDS)
        self._is_running.set()
        steps.begin(f"They send {self.sends} messages during the disturbances")
        disturbances = asyncio.create_task(self.disturb(steps))
        await self.send()
        await disturbances
        steps.begin(
            f"All is sent after {steps.seconds:.0f} s; what waits and what is looked for comes to its end"
        )
        self.simulator.faults.waiting.clear()
        await self.settle()
        return self.tally()

    async def send(self) -> None:
        """Trigger the automations, and have the service fail now and then."""
        faults = self._draw_faults()
        for index in range(self.sends):
            await self._is_running.wait()
            for kind in faults.get(index, ()):
                self._add_fault(kind)
            mode, kind = self._draw(MODES), self.random.choice(list(Kind))
            if kind is Kind.NOTIFY or self.random.random() < 0.2:
                name, number = self.random.choice(CONTACTS)
            else:
                name = number = f"+36301{index:06}"
            message = Planned(
                text=f"Text {index} of this run", mode=mode, kind=kind, recipient=name, number=number
            )
            self.planned.append(message)
            data = {**message.as_event_data(), "urgent": self.random.random() < 0.1}
            # Where it is killed meanwhile, what the automation wrote shows whether it began.
            with suppress(HassError):
                await self.hass.post(f"/api/events/{SEND_EVENT}", data)
            await asyncio.sleep(self.random.expovariate(PER_SECOND))

    def _draw[T](self, weights: dict[T, int]) -> T:
        return self.random.choices(list(weights), list(weights.values()))[0]

    def _draw_faults(self) -> dict[int, list[str]]:
        """Return the faults by the messages before which they are added."""
        faults: dict[int, list[str]] = {}
        for kinds, until_index in ((FAULTS, self.sends), (SLOW_FAULTS, self.sends // 2)):
            for kind, per_hundred in kinds.items():
                for _ in range(max(1, per_hundred * self.sends // 100)):
                    faults.setdefault(self.random.randrange(until_index), []).append(kind)
        return faults

    def _add_fault(self, kind: str) -> None:
        add = partial(self.simulator.fault, "/sendsms/")
        match kind:
            case "short_delay":
                add("delay", seconds=self.random.uniform(0.2, 2))
            case "late":
                # Beyond the time-out of half a minute: the service takes the message when nobody waits for its answer.
                add("delay", seconds=self.random.uniform(33, 60))
            case "refused":
                add("nonsense", body=NO_CREDIT)
            case "busy":
                add("status", status=429, retry_after=self.random.choice((1, 60)))
            case "log_fails":
                self.simulator.fault("/log/sent/sms/", "status", status=503)
            case _:
                add(kind)

    async def disturb(self, steps: Steps) -> None:
        """Kill it twice and cut the network, in random order."""
        disturbances: list[Callable[[], Awaitable[None]]] = [self.kill, self.cut, self.kill]
        self.random.shuffle(disturbances)
        for number, disturbance in enumerate(disturbances, 1):
            at = self.sends * (number - self.random.uniform(0.2, 0.8)) / len(disturbances)

            async def is_due(at: float = at) -> bool:
                return len(self.planned) >= at

            await until("the next disturbance", is_due, 600)
            steps.show(**{disturbance.__name__: f"after {len(self.planned)} messages"})
            await disturbance()

    async def kill(self) -> None:
        await self.hass.kill()
        self._is_running.clear()
        await self.hass.start()
        self._is_running.set()

    async def cut(self) -> None:
        """Break all connections to the service, and accept none for a while; Home Assistant goes on sending."""
        port = int(self.simulator.url.rpartition(":")[2])
        await self.simulator.stop()
        await asyncio.sleep(min(CUT_SECONDS, CUT_SECONDS * self.sends / 1000))
        await self.simulator.start(port=port)

    async def settle(self) -> None:
        """Wait until nothing more is sent or written, and each message has an outcome or is not going to get one."""
        before = (-1, -1)

        async def is_settled() -> bool:
            nonlocal before
            await asyncio.sleep(QUIET_SECONDS)
            before, now = (len(written_lines()), len(self.account.sent)), before
            return before == now and not self.tally().of(Verdict.LOST)

        # The table shows which have none.
        with suppress(TimeoutError):
            await until("each message to have an outcome", is_settled, SETTLES_WITHIN)

    def tally(self) -> Tally:
        return Tally.of_run(self.planned, self.account.sent, written_lines())


async def send_chaos(directory: Path, *, sends: int, seed: int) -> None:
    steps = Steps()
    async with Simulator() as simulator:
        async with HomeAssistant(directory, free_port(), components=(EVENT_WRITER,)) as hass:
            tally = await SendChaos(hass, simulator, sends=sends, seed=seed).run(steps)
        steps.begin(f"Seed {seed}: what became of {sends} messages, after {steps.seconds:.0f} s")
        tally.print()
        listed = "\n".join(f"{verdict}: {message}" for message, verdict in tally.bad.items())
        check(not tally.bad, f"{len(tally.bad)} messages ended badly:\n{listed}")
        check(not tally.unmatched, f"reports of messages that nobody was to send: {tally.unmatched}")
