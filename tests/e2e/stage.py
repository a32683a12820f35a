"""What the demo and the developer's environment share: a home beside the service, left in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
import fcntl
import json
from pathlib import Path
import shutil
import signal
import sys
from typing import Any

from homeassistant.const import RESTART_EXIT_CODE

from tests.e2e.home import Home
from tests.e2e.login import PASSWORD, USERNAME
from tests.e2e.program import ProgramError, free_port
from tests.e2e.service import Service


@asynccontextmanager
async def stage(
    directory: Path, key: str, *, home_port: int = 0, service_port: int = 0, **home_options: Any
) -> AsyncIterator[tuple[Home, Service]]:
    """The service running, and a home beside it that is not started yet; both are stopped at the end."""
    async with (
        Service(directory / "simulator.log", service_port or free_port(), key) as service,
        Home(directory, home_port or free_port(), **home_options) as home,
    ):
        yield home, service


def claim(directory: Path, *, afresh: bool = False) -> None:
    """Make the directory, empty if it is to be; refuse one on which a Home Assistant runs."""
    lock = directory / ".ha_run.lock"
    if lock.exists():
        with lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ProgramError(
                    f"a Home Assistant runs on {directory} already; stop that one first"
                ) from None
    if afresh:
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)


async def stay(home: Home, service: Service) -> None:
    """Stay up until Ctrl-C; a restart asked for in the frontend is done."""
    say = {"key": service.key, "number": "+36301234567", "message": "Hello", "deliver": True}
    print(f"""
Home Assistant   {home.url}   log in as {USERNAME} with the password {PASSWORD}
The simulator    {service.url}   key {service.key}
Logs             {home.log}, {home.log.with_name("simulator.log")}

Receive a text:  curl -d '{json.dumps(say)}' {service.url}/_control/receive
What was sent:   curl '{service.url}/_control/sent?key={service.key}'

Ctrl-C stops both.""")
    while (code := await home.ended()) == RESTART_EXIT_CODE:
        await home.start()
    raise ProgramError(f"Home Assistant ended by itself, with {code}; see {home.log}")


def run(main: Callable[[], Awaitable[None]]) -> int:
    """Run it to its end, to Ctrl-C or to SIGTERM, whichever comes first; gives the exit code."""

    async def until_told() -> None:
        task = asyncio.current_task()
        assert task
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await main()

    try:
        asyncio.run(until_told())
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:
        return 143
    except Exception as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0
