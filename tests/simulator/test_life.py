"""Starting and stopping, from Python and as a program; no circle of imports."""

import ast
import asyncio
from asyncio.subprocess import PIPE
from graphlib import TopologicalSorter
from pathlib import Path
import re
import signal
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_as_a_program(number: signal.Signals) -> None:
    arguments = ("--port", "0", "--apikey", "anna", "--apikey", "bela")
    command = (sys.executable, "-W", "error", "-m", "simulator", *arguments)
    running = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    try:
        assert running.stdout is not None
        line = (await asyncio.wait_for(running.stdout.readline(), 20)).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found
        async with ClientSession(found[0]) as session:
            anna = Api(session, "anna")
            assert (await anna.send()).status == (await Api(session, "bela").send()).status == 200
            assert (await Api(session, "demo-key").send()).status == 403
            # A request without an answer does not delay the end.
            await anna.control("POST", "faults", endpoint="/getsms/", kind="delay", seconds=30)
            hanging = asyncio.create_task(anna.get("/getsms/"))
            await asyncio.sleep(0.1)
            running.send_signal(number)
            out, err = await asyncio.wait_for(running.communicate(), 20)
            await asyncio.gather(hanging, return_exceptions=True)
        assert (running.returncode, out, err) == (0, b"", b"")
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


def test_no_module_imports_one_that_imports_it() -> None:
    """Also not in functions and under TYPE_CHECKING."""
    imports = {}
    for path in (ROOT / "simulator").glob("*.py"):
        nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
        ours = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level]
        imports[path.stem] = {node.module or alias.name for node in ours for alias in node.names}
        others = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
        assert not any(name.startswith("simulator") for name in others), path
    assert len(imports) > 20
    TopologicalSorter(imports).prepare()
