"""Each kind of fault, over real HTTP: what the client sees, and whether the request was carried out."""

import asyncio
import json
import time

from aiohttp import ClientError, ClientPayloadError, ClientSession, ClientTimeout, ServerDisconnectedError
import pytest

from simulator import Account, Simulator
from simulator.faults import KINDS

from .conftest import KEY, NUMBER, Api


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("kind", ["status", "html", "empty", "nonsense", "big"])
async def test_bad_answers(api: Api, sim: Simulator, account: Account, kind: str, taken: bool) -> None:
    sim.fault("/sendsms/", kind, taken=taken, mib=2)
    answer = await api.send()
    assert len(account.sent) == taken
    match kind:
        case "status":
            assert (answer.status, answer.json["error"]) == (503, "server_error")
            assert "Retry-After" not in answer.headers
        case "html":
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
            assert answer.text.startswith("<!DOCTYPE html>")
        case "empty":
            assert (answer.status, answer.text) == (200, "")
        case "nonsense":
            assert (answer.status, answer.json) == (200, ["nonsense"])
        case "big":
            assert answer.status == 200 and 2 * 2**20 < len(answer.text) < 2.1 * 2**20
            json.loads(answer.text)
    assert (await api.send()).json["result"]["sent"] == "1"
    assert len(account.sent) == 1 + taken


async def test_statuses(api: Api, sim: Simulator, account: Account) -> None:
    sim.fault("/sendsms/", "status", status=429, retry_after=3)
    answer = await api.send()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    sim.fault("/sendsms/", "status", status=403, error="invalid_apikey")
    assert (await api.send()).json == {"success": False, "error": "invalid_apikey"}
    sim.fault("/sendsms/", "status", status=500, taken=True)
    assert (await api.send()).status == 500
    assert len(account.sent) == 1
    sim.fault("/sendsms/", "html", status=502)
    assert (await api.send()).status == 502
    sim.fault("/sendsms/", "nonsense", body="busy")
    assert (await api.send()).json == "busy"


async def test_cut(api: Api, sim: Simulator, account: Account) -> None:
    sim.fault("/sendsms/", "cut")
    async with api.session.post(
        "/sendsms/", data={"apikey": KEY, "recipients": NUMBER, "message": "x"}
    ) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        with pytest.raises(ClientPayloadError):
            await response.read()
    assert len(account.sent) == 1


@pytest.mark.parametrize(("kind", "taken"), [("drop_before", 0), ("drop_after", 1)])
async def test_drop(api: Api, sim: Simulator, account: Account, kind: str, taken: int) -> None:
    sim.fault("/sendsms/", kind)
    with pytest.raises(ServerDisconnectedError):
        await api.send()
    assert len(account.sent) == taken
    assert len(sim.requests) == 1
    assert (await api.send()).status == 200


async def test_hang_after(api: Api, sim: Simulator, account: Account) -> None:
    sim.fault("/sendsms/", "hang_after", seconds=0.1)
    asked = time.monotonic()
    with pytest.raises(ServerDisconnectedError):
        await api.send()
    assert 0.09 < time.monotonic() - asked < 2
    assert len(account.sent) == 1
    sim.fault("/sendsms/", "hang_after", seconds=30)
    async with ClientSession(sim.url, timeout=ClientTimeout(total=0.05)) as impatient:
        with pytest.raises(TimeoutError):
            await Api(impatient, KEY).send()
    assert len(account.sent) == 2


@pytest.mark.parametrize("taken", [False, True])
async def test_delay(api: Api, sim: Simulator, account: Account, taken: bool) -> None:
    sim.fault("/sendsms/", "delay", seconds=0.1, taken=taken)
    asked = asyncio.create_task(api.send())
    await asyncio.sleep(0.05)
    assert len(account.sent) == taken and not asked.done()
    assert (await asked).json["result"]["sent"] == "1"
    assert len(account.sent) == 1


async def test_a_fault_does_not_let_a_stranger_in(api: Api, sim: Simulator, account: Account) -> None:
    sim.fault("*", "delay", count=2, seconds=0)
    assert (await api.ask("GET", "/gateway/mobile/list/", apikey="another")).status == 403
    assert (await api.ask("GET", "/nowhere/")).status == 404
    sim.fault("*", "cut")
    with pytest.raises(ClientPayloadError):
        await api.ask("GET", "/gateway/mobile/list/", apikey="another")


async def test_faults_are_counted_and_queue_up(api: Api, sim: Simulator, account: Account) -> None:
    sim.fault("/sendsms/", "status", count=2)
    sim.fault("/sendsms/", "html")
    sim.fault("*", "status", status=502)
    assert (await api.get("/getsms/")).status == 502
    assert [(await api.send()).status for _ in range(4)] == [503, 503, 200, 200]
    assert len(account.sent) == 1 and not sim.faults.waiting
    sim.fault("/oauth2/token", "status")
    assert (await api.ask("POST", "/oauth2/token")).status == 503


async def test_what_never_happens_is_refused(sim: Simulator) -> None:
    for endpoint, kind, options in (
        ("/sendsms", "status", {}),
        ("/sendsms/", "explode", {}),
        ("/sendsms/", "status", {"count": 0}),
        ("/sendsms/", "status", {"colour": 1}),
        ("/sendsms/", "status", {"status": 99}),
        ("/sendsms/", "drop_before", {"taken": True}),
    ):
        with pytest.raises(ValueError):
            sim.fault(endpoint, kind, **options)
    assert not sim.faults.waiting


@pytest.mark.parametrize("kind", KINDS)
async def test_stopping_waits_for_no_fault(sim: Simulator, account: Account, kind: str) -> None:
    sim.fault("/sendsms/", kind, seconds=30)
    async with ClientSession(sim.url) as session:
        asked = asyncio.create_task(Api(session, KEY).send())
        async with asyncio.timeout(2):
            while not sim.requests:
                await asyncio.sleep(0.005)
        begun = time.monotonic()
        await sim.stop()
        assert time.monotonic() - begun < 2
        await asyncio.gather(asked, return_exceptions=True)
        with pytest.raises(ClientError):
            await session.get("/getsms/")
