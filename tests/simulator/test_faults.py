"""Each kind of fault: what the client gets, and whether the request was carried out."""

import asyncio
from collections.abc import Callable

from aiohttp import ClientError, ClientPayloadError, ClientSession, ServerDisconnectedError
import pytest

from simulator import Account, Simulator
from simulator.faults import KINDS

from .conftest import KEY, NUMBER, Answer, Api


def describe(answer: Answer) -> tuple[object, ...]:
    """Return the status, the type of the content, its beginning, and how many MiB it has."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    return answer.status, kind.partition("/")[2], answer.text[:14], len(answer.text) // 2**20


BAD_ANSWERS = {
    "status": (503, "json", '{"success": fa', 0),
    "html": (200, "html", "<!DOCTYPE html", 0),
    "empty": (200, "json", "", 0),
    "nonsense": (200, "json", '["nonsense"]', 0),
    "big": (200, "json", '{"success": tr', 2),
}


async def test_bad_answers(api: Api, sim: Simulator, account: Account) -> None:
    for kind, described in BAD_ANSWERS.items():
        for taken in (False, True):
            account.sent.clear()
            sim.fault("/sendsms/", kind, taken=taken, mib=2)
            assert describe(await api.send()) == described
            assert len(account.sent) == taken, kind
            assert (await api.send()).json["result"]["sent"] == "1", kind
            assert len(account.sent) == 1 + taken, kind


async def test_options(api: Api, sim: Simulator, account: Account) -> None:
    sim.fault("/sendsms/", "status", status=429, retry_after=3)
    answer = await api.send()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    sim.fault("/sendsms/", "status", status=403, error="invalid_apikey")
    assert (await api.send()).error == (403, "invalid_apikey")
    sim.fault("/sendsms/", "html", status=502)
    assert (await api.send()).status == 502
    sim.fault("/sendsms/", "nonsense", body="busy")
    assert (await api.send()).json == "busy"


async def test_closed_connections(api: Api, sim: Simulator, account: Account) -> None:
    sim.fault("/sendsms/", "cut")
    form = {"apikey": KEY, "recipients": NUMBER, "message": "x"}
    async with api.session.post("/sendsms/", data=form) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        with pytest.raises(ClientPayloadError):
            await response.read()
    assert len(account.sent) == 1
    for kind, sent in (("drop_before", 1), ("drop_after", 2)):
        sim.fault("/sendsms/", kind)
        with pytest.raises(ServerDisconnectedError):
            await api.send()
        assert len(account.sent) == sent, kind
    assert len(sim.requests) == 3 and (await api.send()).status == 200


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_hang_after_and_delay(api: Api, sim: Simulator, account: Account) -> None:
    for kind, taken in (("hang_after", True), ("delay", False), ("delay", True)):
        account.sent.clear()
        sim.requests.clear()
        sim.fault("/sendsms/", kind, seconds=600, taken=taken)
        request = asyncio.create_task(api.send())
        await until(lambda taken=taken: account.sent if taken else sim.requests)
        await asyncio.sleep(0.02)
        assert len(account.sent) == taken and not request.done(), kind
        request.cancel()
    sim.fault("/sendsms/", "hang_after", seconds=0.01)
    with pytest.raises(ServerDisconnectedError):
        await api.send()
    sim.fault("/sendsms/", "delay", seconds=0.01)
    assert (await api.send()).json["result"]["sent"] == "1"


async def test_a_fault_does_not_replace_a_refusal(api: Api, sim: Simulator, account: Account) -> None:
    sim.fault("*", "delay", count=2, seconds=0)
    assert (await api.ask("GET", "/gateway/mobile/list/", apikey="another")).status == 403
    assert (await api.ask("GET", "/nowhere/")).status == 404
    sim.fault("*", "cut")
    with pytest.raises(ClientPayloadError):
        await api.ask("GET", "/gateway/mobile/list/", apikey="another")


async def test_faults_are_counted_and_used_in_order(api: Api, sim: Simulator, account: Account) -> None:
    sim.fault("/sendsms/", "status", count=2)
    sim.fault("/sendsms/", "html")
    sim.fault("*", "status", status=502)
    assert (await api.get("/getsms/")).status == 502
    assert [(await api.send()).status for _ in range(4)] == [503, 503, 200, 200]
    assert len(account.sent) == 1 and not sim.faults.waiting
    sim.fault("/oauth2/token", "status")
    assert (await api.ask("POST", "/oauth2/token")).status == 503


async def test_impossible_faults(sim: Simulator) -> None:
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


async def test_stopping_waits_for_no_fault(sim: Simulator, account: Account) -> None:
    for kind in KINDS:
        sim.fault("/sendsms/", kind, seconds=600)
        async with ClientSession(sim.url) as session:
            request = asyncio.create_task(Api(session, KEY).send())
            await until(lambda: sim.requests)
            async with asyncio.timeout(20):
                await sim.stop()
                await asyncio.gather(request, return_exceptions=True)
            with pytest.raises(ClientError):
                await session.get("/getsms/")
        sim.requests.clear()
        await sim.start()
