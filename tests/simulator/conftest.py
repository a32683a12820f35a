"""A simulator for each test, a client for its API, and a server that receives its webhooks."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
import json
from typing import Any

from aiohttp import ClientSession, web
import pytest

from simulator import Account, Simulator

KEY = "key-of-anna"
NUMBER = "+36301234567"
BARE = NUMBER.removeprefix("+")
# 2026-01-20 09:15:00.250 UTC, 10:15 in Budapest.
AT = 1768900500.25


@dataclass(slots=True)
class Answer:
    status: int
    text: str
    json: Any
    headers: dict[str, str]

    @property
    def error(self) -> tuple[int, str]:
        """The status and the error of a documented refusal."""
        assert self.json.get("success") is False and set(self.json) <= {"success", "error", "detail"}
        return self.status, self.json["error"]


class Api:
    """A client that returns answers as plain values."""

    def __init__(self, session: ClientSession, key: str) -> None:
        self.session = session
        self.key = key

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        async with self.session.request(method, path, **options) as response:
            text = await response.text()
            body = json.loads(text) if response.content_type == "application/json" and text else None
            return Answer(response.status, text, body, dict(response.headers))

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, /, **fields: str
    ) -> Answer:
        """Request with exactly these fields."""
        where = "data" if method == "POST" else "params"
        return await self.request(method, path, headers=headers, **{where: fields})

    async def get(self, path: str, **fields: str) -> Answer:
        return await self.ask("GET", path, **{"apikey": self.key, **fields})

    async def post(self, path: str, **fields: str) -> Answer:
        return await self.ask("POST", path, **{"apikey": self.key, **fields})

    async def send(self, **fields: str) -> Answer:
        return await self.post("/sendsms/", **{"recipients": NUMBER, "message": "hello", **fields})

    async def token(self, **changed: str) -> Answer:
        """Ask for a token for the account's client credentials, or for others."""
        fields = {"grant_type": "client_credentials", "client_id": "anna", "client_secret": "sesame"}
        return await self.ask("POST", "/oauth2/token", **{**fields, **changed})

    async def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(await self.token()).json['access_token']}"}

    async def control(self, method: str, path: str, **arguments: Any) -> Answer:
        where = "json" if method == "POST" else "params"
        return await self.request(method, f"/_control/{path}", **{where: arguments})


@dataclass(slots=True)
class Receiver:
    """A server for webhooks: what it received, and the status that it answers."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def events(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies]

    async def handle(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


class Clock:
    now = 1_800_000_000.0


@pytest.fixture(autouse=True)
def _surroundings(socket_enabled: None) -> None:
    """Let tests connect; the plugin still keeps them on 127.0.0.1. There is no Home Assistant here."""


@pytest.fixture
async def sim() -> AsyncGenerator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
def account(sim: Simulator) -> Account:
    return sim.add_account(KEY, client_id="anna", client_secret="sesame")


@pytest.fixture
async def api(sim: Simulator) -> AsyncGenerator[Api]:
    async with ClientSession(sim.url) as session:
        yield Api(session, KEY)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that only the test moves."""
    clock = Clock()
    monkeypatch.setattr("time.time", lambda: clock.now)
    return clock


@pytest.fixture
async def receiver(account: Account) -> AsyncGenerator[Receiver]:
    received, app = Receiver(), web.Application()
    app.router.add_post("/hook", received.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    account.webhook_url = received.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield received
    await runner.cleanup()
