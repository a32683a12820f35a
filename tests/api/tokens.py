"""A server that gives tokens, and a clock for their lifetime."""

from types import SimpleNamespace
from typing import Any, Final

from aiohttp import web
import pytest

from custom_components.smsmobileapi.api import auth
from simulator import Simulator

from .server import Server

TOKEN_PATH: Final = "/oauth2/token"
SENT: Final = {"result": {"error": 0, "sent": "1", "id": "c319d3b35e8f"}}
INVALID_TOKEN: Final = (401, {"success": False, "error": "invalid_token"})


def paths(simulator: Simulator) -> list[str]:
    """Return where the requests went, in their order."""
    return [request.path for request in simulator.requests]


class Clock:
    """The time as the credentials see it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(auth, "time", SimpleNamespace(monotonic=lambda: self.now))


class Tokens:
    """Gives the tokens `t-1`, `t-2`… and accepts those in `valid`, all of them by default."""

    def __init__(self, server: Server, **answer: Any) -> None:
        self.server = server
        self.answer = answer
        self.given = 0
        self.valid: set[str] | None = None
        self.refusal: tuple[int, Any] = INVALID_TOKEN
        server.seen.clear()
        server.handler = self.handle

    @property
    def used(self) -> list[str]:
        """The tokens of the requests, in their order."""
        return [
            seen.headers["Authorization"].removeprefix("Bearer ")
            for seen in self.server.seen
            if seen.path != TOKEN_PATH
        ]

    async def handle(self, request: web.Request) -> web.Response:
        """Give a token, or accept or refuse one."""
        if request.path == TOKEN_PATH:
            self.given += 1
            return web.json_response({"access_token": f"t-{self.given}", **self.answer})
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if self.valid is None or token in self.valid:
            return web.json_response(SENT)
        status, body = self.refusal
        return web.json_response(body, status=status)
