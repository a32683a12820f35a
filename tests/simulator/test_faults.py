"""Each kind of fault: what the client gets, and whether the request was carried out."""

import asyncio
from collections.abc import Sized
from typing import Any

from aiohttp import ClientPayloadError, ServerDisconnectedError
import pytest

from simulator import Account, Simulator

from .conftest import Answer, Api


def describe(answer: Answer) -> tuple[object, ...]:
    """Return the status, the type of the content, its beginning, and how many MiB it has."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    return answer.status, kind.partition("/")[2], answer.text[:14], len(answer.text) // 2**20


BAD_ANSWERS: list[tuple[str, dict[str, Any], tuple[object, ...]]] = [
    ("status", {}, (503, "json", '{"success": fa', 0)),
    ("status", {"status": 403, "error": "invalid_apikey"}, (403, "json", '{"success": fa', 0)),
    ("html", {}, (200, "html", "<!DOCTYPE html", 0)),
    ("html", {"status": 502}, (502, "html", "<!DOCTYPE html", 0)),
    ("empty", {}, (200, "json", "", 0)),
    ("nonsense", {}, (200, "json", '["nonsense"]', 0)),
    ("nonsense", {"body": "busy"}, (200, "json", '"busy"', 0)),
    ("big", {"mib": 2}, (200, "json", '{"success": tr', 2)),
]


async def test_bad_answers(api: Api, sim: Simulator, account: Account) -> None:
    for kind, options, described in BAD_ANSWERS:
        for taken in (False, True):
            account.sent.clear()
            sim.fault("/sendsms/", kind, taken=taken, **options)
            assert describe(await api.send()) == described
            assert len(account.sent) == taken, kind
            assert (await api.send()).json["result"]["sent"] == "1", kind
            assert len(account.sent) == 1 + taken, kind
    sim.fault("/sendsms/", "status", status=429, retry_after=3)
    answer = await api.send()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")


async def test_closed_connections(api: Api, sim: Simulator, account: Account) -> None:
    for kind, error, sent in (
        *(("cut", ClientPayloadError, 1), ("drop_before", ServerDisconnectedError, 0)),
        ("drop_after", ServerDisconnectedError, 1),
    ):
        account.sent.clear()
        sim.fault("/sendsms/", kind)
        with pytest.raises(error):
            await api.send()
        assert len(account.sent) == sent, kind
    assert len(sim.requests) == 3 and (await api.send()).status == 200


async def until(arrived: Sized) -> None:
    async with asyncio.timeout(20):
        while not arrived:
            await asyncio.sleep(0.005)


async def test_hang_after_and_delay(api: Api, sim: Simulator, account: Account) -> None:
    for kind, taken in (("hang_after", True), ("delay", False), ("delay", True)):
        account.sent.clear()
        sim.requests.clear()
        sim.fault("/sendsms/", kind, seconds=600, taken=taken)
        request = asyncio.create_task(api.send())
        await until(account.sent if taken else sim.requests)
        await asyncio.sleep(0.02)
        assert len(account.sent) == taken and not request.done(), kind
        request.cancel()
    sim.fault("/sendsms/", "hang_after", seconds=0.01)
    with pytest.raises(ServerDisconnectedError):
        await api.send()
    sim.fault("/sendsms/", "delay", seconds=0.01)
    assert (await api.send()).json["result"]["sent"] == "1"


async def test_which_request_has_the_fault(api: Api, sim: Simulator, account: Account) -> None:
    """They are counted and used in order, and a refusal stays one."""
    sim.fault("/sendsms/", "status", count=2)
    sim.fault("/sendsms/", "html")
    sim.fault("*", "status", status=502)
    assert (await api.get("/getsms/")).status == 502
    assert [(await api.send()).status for _ in range(4)] == [503, 503, 200, 200]
    assert len(account.sent) == 1 and not sim.faults.waiting
    sim.fault("/oauth2/token", "status")
    assert (await api.token()).status == 503
    sim.fault("*", "delay", count=2, seconds=0)
    assert (await api.ask("GET", "/gateway/mobile/list/", apikey="another")).status == 403
    assert (await api.ask("GET", "/nowhere/")).status == 404


async def test_impossible_faults(sim: Simulator) -> None:
    wrong: list[dict[str, Any]] = [
        *({"endpoint": "/sendsms"}, {"kind": "explode"}, {"count": 0}, {"colour": 1}, {"status": 99}),
        {"kind": "drop_before", "taken": True},
    ]
    for fields in wrong:
        with pytest.raises(ValueError):
            sim.fault(**{"endpoint": "/sendsms/", "kind": "status", **fields})
    assert not sim.faults.waiting
