"""A server that answers with any bytes at all and remembers the requests as they came."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
import json
import ssl
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request: its query and its form, field by field in the order in which they came."""

    method: str
    path: str
    query: list[tuple[str, str]]
    form: list[tuple[str, str]]
    headers: Mapping[str, str]


class Server:
    """Answers every request with `handler`."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.url = ""
        self.stopping = asyncio.Event()
        self.handler: Handler
        self.answer({})
        self._runner: web.AppRunner | None = None

    @property
    def paths(self) -> list[str]:
        """Where the requests went, in their order."""
        return [seen.path for seen in self.seen]

    def answer(self, body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Answer everything with this: bytes as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def handler(request: web.Request) -> web.Response:
            return web.Response(body=raw, status=status, headers=headers)

        self.handler = handler

    def answer_in_turn(self, *bodies: Any) -> None:
        """Answer one after the other; a bare number is a status with an HTML page."""
        left = list(bodies)
        self.seen.clear()

        async def handler(request: web.Request) -> web.Response:
            body = left.pop(0)
            if isinstance(body, int):
                return web.Response(text="<html></html>", content_type="text/html", status=body)
            return web.json_response(body)

        self.handler = handler

    async def start(self, certificate: ssl.SSLContext | None = None) -> None:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=certificate).start()
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aenter__(self) -> Self:
        if self._runner is None:
            await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(
            Seen(
                method=request.method,
                path=request.path,
                query=parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True),
                form=parse_qsl(await request.text(), keep_blank_values=True),
                headers=request.headers.copy(),
            )
        )
        return await self.handler(request)
