"""What the scripts share: their directories, the account that most of them use, their end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
import fcntl
import json
import os
from pathlib import Path
import secrets
import shutil
import signal
import sys
import tempfile
from zoneinfo import ZoneInfo

from homeassistant.const import RESTART_EXIT_CODE

from simulator import Account, Simulator
from tests.e2e.configuration import DOMAIN, TIME_ZONE
from tests.e2e.flow import Flow
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.login import PASSWORD, USERNAME
from tests.e2e.process import ProcessError
from tests.e2e.steps import check
from tests.e2e.websocket import Json

# Home Assistant saves a new account, like any config entry, with a delay.
SAVE_SECONDS = 4


def claim(directory: Path, *, empty: bool = False) -> None:
    """Make the directory, empty on request. Raises ProcessError where a Home Assistant runs on it."""
    lock = directory / ".ha_run.lock"
    if lock.exists():
        with lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ProcessError(f"a Home Assistant runs on {directory} already; stop it first") from None
    if empty:
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)


@asynccontextmanager
async def simulator_on(port: int) -> AsyncIterator[Simulator]:
    """A simulator on a fixed port."""
    simulator = Simulator()
    await simulator.start(port=port)
    try:
        yield simulator
    finally:
        await simulator.stop()


def new_account(simulator: Simulator, name: str) -> Account:
    """Make an account of the service. The phone is in the same time zone: webhook V1 has local times."""
    return simulator.add_account(f"{name}-{secrets.token_hex(12)}", time_zone=ZoneInfo(TIME_ZONE))


async def begin_api_key(hass: HomeAssistant) -> Flow:
    """Begin to add an account and choose the API key."""
    flow = await hass.flow(DOMAIN)
    await flow.submit({"next_step_id": "api_key"})
    return flow


async def add_account(hass: HomeAssistant, simulator: Simulator, account: Account) -> str:
    """Add an account by its API key and give the service the webhook's URL; return the entry's id."""
    flow = await begin_api_key(hass)
    step = await flow.submit({"api_key": account.key, "server": {"url": simulator.url}})
    check(step.get("step_id") == "webhook", f"the account was refused: {step}")
    account.webhook_url = step["description_placeholders"]["webhook_url"]
    entry_id: str = (await flow.submit())["result"]["entry_id"]
    await hass.wait_for_state(f"event.{DOMAIN}_message")
    return entry_id


async def set_options(hass: HomeAssistant, entry_id: str, **options: object) -> None:
    """Set options in their dialog; None empties a field, the others stay as the dialog shows them."""
    flow = await hass.options_flow(entry_id)
    values = flow.shown() | options
    step = await flow.submit({name: value for name, value in values.items() if value is not None})
    check(step["type"] == "create_entry", f"the options were refused: {step}")


async def add_contact(hass: HomeAssistant, entry_id: str, contact: Json) -> None:
    """Add a contact (name, number, channel, ...) and wait for its entities."""
    flow = await hass.subentry_flow(entry_id, "contact")
    step = await flow.submit(contact)
    check(step["type"] == "create_entry", f"the contact was refused: {step}")
    name = contact["name"].lower()
    for entity_id in (f"notify.{name}", f"event.{name}_message"):
        await hass.wait_for_state(entity_id)


async def keep_running(hass: HomeAssistant, simulator: Simulator, account: Account) -> None:
    """Run until Ctrl-C; Home Assistant is started again when it is restarted in the frontend."""
    text = {"key": account.key, "number": "+36301234567", "message": "Hello", "deliver": True}
    print(f"""
Home Assistant   {hass.url}   log in as {USERNAME} with the password {PASSWORD}
The simulator    {simulator.url}   key {account.key}
Log              {hass.log}

Receive a text:  curl -d '{json.dumps(text)}' {simulator.url}/_control/receive
Sent messages:   curl '{simulator.url}/_control/sent?key={account.key}'

Ctrl-C stops both.""")
    while (code := await hass.wait()) == RESTART_EXIT_CODE:
        await hass.start()
    raise ProcessError(f"Home Assistant ended by itself, with {code}; see {hass.log}")


def run(main: Callable[[], Awaitable[None]]) -> int:
    """Run `main` to its end, Ctrl-C or SIGTERM, whichever is first; return the exit code."""

    async def until_terminated() -> None:
        task = asyncio.current_task()
        assert task
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await main()

    try:
        asyncio.run(until_terminated())
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:
        return 143
    except Exception as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def run_in_directories(name: str, main: Callable[[Path], Awaitable[None]]) -> int:
    """Run `main` with a new directory for Home Assistant, and one in memory for the event writer; return the exit code.

    Both directories are deleted unless something fails.
    """
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    os.environ["EVENT_WRITER_DIR"] = written = tempfile.mkdtemp(prefix=f"{DOMAIN}-{name}-", dir=in_memory)
    directory = Path(tempfile.mkdtemp(prefix=f"{DOMAIN}-{name}-"))
    print(f"The log is {directory}/console.log, the events are written to {written}.", flush=True)
    code = run(lambda: main(directory))
    if code == 0:
        shutil.rmtree(directory)
        shutil.rmtree(written)
    return code
