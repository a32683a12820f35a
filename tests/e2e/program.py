"""Programs run beside the tests: started, watched and ended here, and no others."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
import os
from pathlib import Path
import signal
import socket
import time


class ProgramError(Exception):
    """A program did not do what it was started for; the text says what to look at."""


class Program:
    """One program in a process group of its own, its output appended to a file."""

    def __init__(self, name: str, log: Path, *command: str | Path, directory: Path | None = None) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._directory = directory
        self._process: Process | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        if self.running:
            raise ProgramError(f"{self.name} runs already")
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                # Ctrl-C at the terminal reaches us alone, and we end it in order.
                start_new_session=True,
            )

    async def ended(self) -> int:
        """Wait until it has ended, whyever; gives its exit code."""
        if self._process is None:
            raise ProgramError(f"{self.name} was not started")
        return await self._process.wait()

    async def stop(self, patience: float = 60) -> None:
        """End it the polite way; one that does not go within patience seconds is killed and complained of."""
        if (process := self._process) is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), patience)
        except TimeoutError:
            await self.kill()
            raise self.error(f"did not stop within {patience:.0f} s") from None
        except asyncio.CancelledError:
            await self.kill()
            raise

    async def kill(self) -> None:
        """End it as a power cut would."""
        if (process := self._process) is None or process.returncode is not None:
            return
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    def error(self, complaint: str) -> ProgramError:
        """The complaint, with the end of what the program had to say."""
        lines = self.log.read_text(errors="replace").splitlines()[-25:] if self.log.exists() else []
        told = "\n".join(f"    {line}" for line in lines)
        return ProgramError(f"{self.name} {complaint}; the end of {self.log}:\n{told}")

    async def until[T](self, what: str, probe: Callable[[], Awaitable[T | None]], timeout: float) -> T:
        """Wait for what the program is to do; fail at once where it has ended."""

        async def watched() -> T | None:
            if not self.running:
                raise self.error(f"ended before {what}")
            return await probe()

        try:
            return await until(what, watched, timeout)
        except TimeoutError as error:
            raise self.error(str(error)) from None


async def until[T](what: str, probe: Callable[[], Awaitable[T | None]], timeout: float = 30) -> T:
    """Give what the probe gives, as soon as that is something."""
    deadline = time.monotonic() + timeout
    while not (found := await probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s in vain for {what}")
        await asyncio.sleep(0.1)
    return found


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
