"""A simulator per test, a client that talks to it over HTTP, and a receiver for its webhooks."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, web
import pytest

from simulator import Account, Simulator

KEY = "key-of-anna"
NUMBER = "+36301234567"


@dataclass(slots=True)
class Answer:
    status: int
    text: str
    json: Any
    headers: dict[str, str]


class Api:
    """A client with a key that answers in plain values."""

    def __init__(self, session: ClientSession, key: str) -> None:
        self.session = session
        self.key = key

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, /, **fields: str
    ) -> Answer:
        """Ask with exactly these fields."""
        where = {"data": fields} if method == "POST" else {"params": fields}
        async with self.session.request(method, path, headers=headers, **where) as response:  # type: ignore[arg-type] # either is right
            text = await response.text()
            json = await response.json() if response.content_type == "application/json" and text else None
            return Answer(response.status, text, json, dict(response.headers))

    async def get(self, path: str, **fields: str) -> Answer:
        return await self.ask("GET", path, **{"apikey": self.key, **fields})

    async def post(self, path: str, **fields: str) -> Answer:
        return await self.ask("POST", path, **{"apikey": self.key, **fields})

    async def send(self, **fields: str) -> Answer:
        return await self.post("/sendsms/", **{"recipients": NUMBER, "message": "hello", **fields})

    async def control(self, method: str, path: str, **arguments: Any) -> Answer:
        where = {"json": arguments} if method == "POST" else {"params": arguments}
        async with self.session.request(method, f"/_control/{path}", **where) as response:  # type: ignore[arg-type] # either is right
            return Answer(
                response.status, await response.text(), await response.json(), dict(response.headers)
            )


@dataclass(slots=True)
class Receiver:
    """Whoever gets the webhooks: what came, and the status it answers with."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Let tests connect; the plugin still keeps them on 127.0.0.1."""


@pytest.fixture
async def sim() -> AsyncGenerator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
def account(sim: Simulator) -> Account:
    return sim.add_account(KEY)


@pytest.fixture
async def api(sim: Simulator) -> AsyncGenerator[Api]:
    async with ClientSession(sim.url) as session:
        yield Api(session, KEY)


@pytest.fixture
async def receiver(account: Account) -> AsyncGenerator[Receiver]:
    got = Receiver()

    async def handle(request: web.Request) -> web.Response:
        got.bodies.append(await request.read())
        got.headers.append(dict(request.headers))
        return web.Response(status=got.status, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_post("/hook", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    account.webhook_url = got.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield got
    await runner.cleanup()
