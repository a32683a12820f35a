"""Starting and stopping, from Python and as a program; the order of imports."""

import ast
import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
import contextlib
from pathlib import Path
import re
import signal
import socket
import sys

from aiohttp import ClientSession
import pytest

from simulator import Simulator

from .conftest import Api

ROOT = Path(__file__).parents[2]


async def test_start_and_stop() -> None:
    sim = Simulator()
    sim.add_account("k")
    with pytest.raises(RuntimeError, match="not started"):
        _ = sim.url
    with pytest.raises(ValueError, match="this machine only"):
        await sim.start(host="0.0.0.0")
    await sim.start()
    url = sim.url
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
    port = int(url.rpartition(":")[2])
    with pytest.raises(RuntimeError, match="already"):
        await sim.start()
    with pytest.raises(OSError, match="in use"):
        await Simulator().start(port=port)
    await sim.stop()
    await sim.stop()
    await sim.start(port=port)
    async with ClientSession(url) as session:
        assert (await Api(session, "k").get("/getsms/")).status == 200
    await sim.stop()


@contextlib.asynccontextmanager
async def process(*arguments: str) -> AsyncGenerator[Process]:
    """Run the simulator; it does not outlive the test."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "simulator", *arguments, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_as_a_program(number: signal.Signals) -> None:
    async with process("--port", "0", "--apikey", "anna", "--apikey", "bela") as running:
        assert running.stdout is not None and running.stderr is not None
        line = (await asyncio.wait_for(running.stdout.readline(), 10)).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found
        async with ClientSession(found[0]) as session:
            for key in ("anna", "bela"):
                assert (await Api(session, key).send()).json["result"]["sent"] == "1"
            assert (await Api(session, "demo-key").send()).status == 403
            # A request without an answer does not delay the end.
            anna = Api(session, "anna")
            await anna.control("POST", "faults", endpoint="/getsms/", kind="delay", seconds=30)
            hanging = asyncio.create_task(anna.get("/getsms/"))
            await asyncio.sleep(0.1)
            running.send_signal(number)
            out, err = await asyncio.wait_for(running.communicate(), 5)
            await asyncio.gather(hanging, return_exceptions=True)
        assert (running.returncode, out, err) == (0, b"", b"")


async def test_a_program_explains_why_it_does_not_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with process("--port", str(taken.getsockname()[1])) as running:
            out, err = await asyncio.wait_for(running.communicate(), 10)
    assert (running.returncode, out) == (1, b"")
    assert err.startswith(b"cannot listen on 127.0.0.1:") and err.count(b"\n") == 1


# From the command line down to the plain records; modules of one row do not import each other.
LAYERS = (
    {"__main__", "__init__"},
    {"simulator"},
    {"control"},
    {"commands"},
    {"service", "arguments"},
    {"dispatcher", "faults", "access"},
    {"sending", "sent_log", "receiving", "phones", "calls", "notifications", "whatsapp"},
    {"parameters", "webhooks", "events"},
    {"account"},
    {"formats"},
    {"records"},
)


def test_imports_go_down_only() -> None:
    """Also those in functions and under TYPE_CHECKING."""
    modules = {path.stem: path for path in (ROOT / "simulator").glob("*.py")}
    assert {module for layer in LAYERS for module in layer} == {*modules}
    for position, layer in enumerate(LAYERS):
        below = {module for lower in LAYERS[position + 1 :] for module in lower}
        for module in layer:
            for node in ast.walk(ast.parse(modules[module].read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.level:
                    names = {node.module} if node.module else {alias.name for alias in node.names}
                    assert names <= below, (module, names)
                elif isinstance(node, ast.Import):
                    assert not any(alias.name.startswith("simulator") for alias in node.names), module
                elif isinstance(node, ast.ImportFrom):
                    assert not (node.module or "").startswith("simulator"), module
