"""Processes beside the tests: started, watched and ended here, and no others."""

import asyncio
from asyncio.subprocess import Process as Subprocess
from collections.abc import Awaitable, Callable
import os
from pathlib import Path
import signal
import socket
import time


class ProcessError(Exception):
    """A process did not do what it was started for."""


class Process:
    """One process in a process group of its own; its output is appended to a file."""

    def __init__(self, name: str, log: Path, *command: str | Path, directory: Path) -> None:
        self.name = name
        self.log = log
        self.command = command
        self._directory = directory
        self._process: Subprocess | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    async def start(self) -> None:
        if self.running:
            raise ProcessError(f"{self.name} runs already")
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                cwd=self._directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                # Ctrl-C at the terminal reaches only this program, which then stops the process in order.
                start_new_session=True,
            )

    async def wait(self) -> int:
        """Wait until the process has ended; return its exit code."""
        assert self._process
        return await self._process.wait()

    async def stop(self, timeout: float = 60) -> None:
        """Terminate the process. Kills it and raises ProcessError if it still runs after `timeout` seconds."""
        if (process := self._process) is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), timeout)
        except TimeoutError:
            await self.kill()
            raise self.error(f"did not stop within {timeout:.0f} s") from None
        except asyncio.CancelledError:
            await self.kill()
            raise

    async def kill(self) -> None:
        """Kill the process with SIGKILL, as at a power cut."""
        if (process := self._process) is None or process.returncode is not None:
            return
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    def error(self, text: str) -> ProcessError:
        """Return an error with this text and the last lines of the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-25:] if self.log.exists() else []
        output = "\n".join(f"    {line}" for line in lines)
        return ProcessError(f"{self.name} {text}; the end of {self.log}:\n{output}")

    async def until[T](self, what: str, probe: Callable[[], Awaitable[T | None]], timeout: float) -> T:
        """Like `until`; raises ProcessError at once if the process has ended."""

        async def probe_running() -> T | None:
            if not self.running:
                raise self.error(f"ended before {what}")
            return await probe()

        try:
            return await until(what, probe_running, timeout)
        except TimeoutError as error:
            raise self.error(str(error)) from None


async def until[T](what: str, probe: Callable[[], Awaitable[T | None]], timeout: float = 30) -> T:
    """Call `probe` until it returns something true; return that. Raises TimeoutError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := await probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s for {what}")
        await asyncio.sleep(0.1)
    return found


def free_port() -> int:
    """Return a port of this machine that is not in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
