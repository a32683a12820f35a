"""Faults of an account's database, in a real Home Assistant: what the webhook answers, and what an automation gets.

`scripts/storage` damages the file before a start in several ways, and fills the disk or makes it read-only before a start and
while Home Assistant runs. With each fault, an SMS by V1, an SMS by V2 and a WhatsApp message by V2 arrive while Home
Assistant starts, while it runs, and after the fault has ended. It prints the answers and the repair issues, and fails unless
each message is fired exactly once: what is answered 503, the service delivers again (V2), or it is polled (V1). Home Assistant
is killed at the end of each fault, so that only what is on disk counts. What needs root or a certain file system is skipped
elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import sqlite3
import subprocess
import sys

from simulator import Account, Simulator, sms_data, whatsapp_data
from tests.e2e.configuration import DOMAIN, EVENT_WRITER
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.process import free_port, until
from tests.e2e.session import add_account, new_account, run_in_directories
from tests.e2e.steps import StepError, Steps, check
from tests.e2e.traffic import until_quiet, write_down, writer_dir, written

IS_ROOT = os.geteuid() == 0
# Without these capabilities, permissions of files hold for root, too.
PREFIX = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if IS_ROOT else ()
DISK_BYTES = 16 * 1024 * 1024
REDELIVERY_SECONDS = 2
# Longer than until a write is due, and than the time after which one that failed is tried again.
WRITE_SECONDS = 3
RECOVERY_SECONDS = 30


class Skipped(Exception):
    """The fault can't be made here."""


@dataclass(frozen=True, slots=True)
class Phase:
    """The webhook's answers by the messages' ids, and the repair issues."""

    name: str
    answers: dict[str, int]
    issues: list[str]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: `make` and `end` get the database's path. `needs_disk` puts the storage folder on a small disk of its own."""

    name: str
    make: Callable[[Path], None]
    end: Callable[[Path], None] = lambda path: None
    issue: str | None = "storage_kept_aside"
    needs_disk: bool = False
    while_running: bool = False


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version=1000")
    connection.close()


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _unreadable(path: Path) -> None:
    path.chmod(0)


def _fill(path: Path) -> None:
    # Never any other disk than the small one in memory.
    if not path.parent.is_mount() or shutil.disk_usage(path.parent).total > DISK_BYTES:
        raise StepError(f"{path.parent} is not the small disk")
    with (path.parent / "filler").open("ab", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            with suppress(OSError):
                while file.tell() < DISK_BYTES:
                    file.write(bytes(size))


def _make_room(path: Path) -> None:
    (path.parent / "filler").unlink()


def _mount(option: str) -> Callable[[Path], None]:
    return lambda path: _run("mount", "-o", f"remount,{option}", str(path.parent))


def _immutable(sign: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        # As the folder's: no write reaches the database or its log, and no file can be made.
        _run("chattr", f"{sign}i", str(path), f"{path}-wal", str(path.parent))

    return change


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Skipped(f"{' '.join(command[:2])}: {getattr(error, 'stderr', error)}".strip()) from None


NOT_WRITTEN = "storage_not_written"
FAULTS = (
    Fault("garbage", _garbage),
    Fault("truncated", _truncate),
    Fault("newer version", _newer),
    Fault("directory", _directory),
    Fault("unreadable", _unreadable),
    Fault("read-only, running", _immutable("+"), _immutable("-"), NOT_WRITTEN, while_running=True),
    Fault("disk full at start", _fill, _make_room, NOT_WRITTEN, needs_disk=True),
    Fault("read-only at start", _mount("ro"), _mount("rw"), NOT_WRITTEN, needs_disk=True),
    Fault("disk full, running", _fill, _make_room, NOT_WRITTEN, needs_disk=True, while_running=True),
)


class StorageFaults:
    """Home Assistant with an account whose messages an automation writes down."""

    def __init__(self, hass: HomeAssistant, simulator: Simulator, account: Account) -> None:
        self.hass = hass
        self.simulator = simulator
        self.account = account
        self.entry_id = ""
        self.count = 0

    @property
    def storage(self) -> Path:
        return self.hass.config_dir / ".storage"

    @property
    def database(self) -> Path:
        return self.storage / f"{DOMAIN}.{self.entry_id}.db"

    async def set_up(self) -> None:
        await self.hass.start()
        self.entry_id = await add_account(self.hass, self.simulator, self.account)
        await write_down(self.hass)
        await self.deliver()
        await until_quiet()
        await self.hass.stop()

    async def deliver(self) -> dict[str, int]:
        """Deliver an SMS by V1, one by V2 and a WhatsApp message; return the webhook's answers by the messages' ids."""
        self.count += 1
        v1, v2 = (
            self.account.receive("+36301112233", f"By {way} {self.count}", f"{way}-{self.count}")
            for way in ("V1", "V2")
        )
        whatsapp = self.account.receive_whatsapp(
            "36301112233", f"WhatsApp {self.count}", guid=f"WA-{self.count}"
        )
        events = (("sms.received", sms_data(v2)), ("whatsapp.received", whatsapp_data(whatsapp)))
        return {v1.guid: await self.simulator.deliver(self.account, v1)} | {
            data["guid"]: await self.simulator.deliver_v2(self.account, kind, data) for kind, data in events
        }

    async def issues(self) -> list[str]:
        """The issues of the storage, without the entry's id."""
        found = await self.hass.issues(DOMAIN, "storage_")
        return [one["issue_id"].removesuffix(f"_{self.entry_id}") for one in found]

    async def try_fault(self, fault: Fault) -> list[Phase]:
        """Try a fault; return its phases."""
        hold = writer_dir() / "hold_start"
        hold.touch()
        self.hass.write_configuration()
        phases = []
        async with self._made(fault) if not fault.while_running else nullcontext():
            await self.hass.launch()
            await until("the account to be set up", self._is_loaded, 60)
            check((await self.hass.get("/api/config"))["state"] != "RUNNING", "Home Assistant has started")
            # The service's times have whole seconds: where the rows are lost, a text of the second of the set-up is of the past.
            await asyncio.sleep(1)
            if not fault.while_running:
                phases.append(await self._phase("starting"))
            hold.unlink()
            await self.hass.until_running()
            await until_quiet()
            async with self._made(fault) if fault.while_running else nullcontext():
                phases.append(await self._phase("running"))
                check(fault.issue in phases[-1].issues, f"the repair issues are {phases[-1].issues}")
        if fault.issue == NOT_WRITTEN:
            await until("the repair issue to end", self._is_over, RECOVERY_SECONDS)
        phases.append(await self._phase("afterwards"))
        # What was answered 503 by V1 is polled.
        await self.hass.call_action("event_writer", "poll", {})
        await asyncio.sleep(REDELIVERY_SECONDS)
        await until_quiet()
        await self.hass.kill()
        return phases

    async def _phase(self, name: str) -> Phase:
        answers = await self.deliver()
        await asyncio.sleep(WRITE_SECONDS)
        return Phase(name, answers, await self.issues())

    @asynccontextmanager
    async def _made(self, fault: Fault) -> AsyncIterator[None]:
        """Make the fault, and end it. One on a disk is made again and again, as deleted files make room."""
        fault.make(self.database)
        repeating = asyncio.create_task(self._repeat(fault))
        try:
            yield
        finally:
            repeating.cancel()
            fault.end(self.database)

    async def _repeat(self, fault: Fault) -> None:
        while fault.make is _fill:
            await asyncio.sleep(0.05)
            fault.make(self.database)

    async def _is_loaded(self) -> bool:
        return bool((await self.hass.entry(self.entry_id))["state"] == "loaded")

    async def _is_over(self) -> bool:
        return NOT_WRITTEN not in await self.issues()

    def move_to_disk(self) -> None:
        """Put the storage folder on a disk of its own, which is in memory."""
        if not IS_ROOT:
            raise Skipped("only root can mount a disk")
        copy = self.storage.with_name("storage_copy")
        if not self.storage.is_mount():
            shutil.copytree(self.storage, copy)
            _run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0755", "tmpfs", str(self.storage))
            shutil.copytree(copy, self.storage, dirs_exist_ok=True)


async def storage(directory: Path) -> None:
    steps = Steps()
    hass = HomeAssistant(directory, free_port(), components=(EVENT_WRITER,), prefix=PREFIX)
    async with Simulator() as simulator, hass:
        faults = StorageFaults(hass, simulator, new_account(simulator, "storage"))
        faults.account.redelivery_delay = REDELIVERY_SECONDS
        try:
            steps.begin("A real Home Assistant with an account")
            await faults.set_up()
            for fault in FAULTS:
                steps.begin(f"The database's fault: {fault.name}")
                try:
                    if fault.needs_disk:
                        faults.move_to_disk()
                    phases = await faults.try_fault(fault)
                except Skipped as reason:
                    steps.show(SKIPPED=reason)
                    continue
                _show(steps, phases)
            steps.begin("After a start without a fault, nothing is fired again")
            await hass.start()
            await until_quiet()
            _check_once(faults.count)
            await hass.stop()
        finally:
            await hass.kill()
            if faults.storage.is_mount():
                await asyncio.to_thread(_run, "umount", str(faults.storage))


def _show(steps: Steps, phases: list[Phase]) -> None:
    fired = written()
    for phase in phases:
        cells = [
            f"{guid.partition('-')[0]} {status} fired {len(fired[guid])}x"
            for guid, status in phase.answers.items()
        ]
        steps.show(**{phase.name: " | ".join([*cells, ", ".join(phase.issues) or "no repair issue"])})
    wrong = [guid for phase in phases for guid in phase.answers if len(fired[guid]) != 1]
    check(not wrong, f"these were not fired once: {', '.join(wrong)}")


def _check_once(count: int) -> None:
    fired = written()
    wrong = {guid: len(times) for guid, times in fired.items() if len(times) != 1}
    check(
        not wrong and len(fired) == 3 * count, f"of {3 * count} messages these were not fired once: {wrong}"
    )


def main() -> int:
    return run_in_directories("storage", storage)


if __name__ == "__main__":
    sys.exit(main())
