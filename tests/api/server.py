"""A server that answers with any bytes at all and remembers the requests as they came."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
import json
import ssl
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl

from aiohttp import web

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Seen(NamedTuple):
    """One request: its query and its form, field by field in the order in which they came."""

    method: str
    path: str
    query: list[tuple[str, str]]
    form: list[tuple[str, str]]
    headers: Mapping[str, str]


def response_of(answer: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a response: bytes as they are, else JSON; a tuple is a status and a body, a bare number a status with HTML."""
    if isinstance(answer, int):
        return web.Response(text="<html></html>", content_type="text/html", status=answer)
    status, body = answer if isinstance(answer, tuple) else (200, answer)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return web.Response(body=raw, status=status, headers=headers)


class Server:
    """Answers every request with `handler`."""

    def __init__(self, certificate: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.url = ""
        self.stopping = asyncio.Event()
        self.handler: Handler
        self._certificate = certificate
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    @property
    def paths(self) -> list[str]:
        """Where the requests went, in their order."""
        return [seen.path for seen in self.seen]

    def answer(self, answer: Any, *, headers: Mapping[str, str] | None = None) -> None:
        """Answer everything with this, as `response_of` reads it."""

        async def handler(_request: web.Request) -> web.Response:
            return response_of(answer, headers)

        self.handler = handler

    def answer_in_turn(self, *answers: Any) -> None:
        """Answer one after the other, and forget the requests before."""
        left = list(answers)
        self.seen.clear()

        async def handler(_request: web.Request) -> web.Response:
            return response_of(left.pop(0))

        self.handler = handler

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._certificate).start()
        self.url = f"http{'s' if self._certificate else ''}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stopping.set()
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        query = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        form = parse_qsl(await request.text(), keep_blank_values=True)
        self.seen.append(Seen(request.method, request.path, query, form, request.headers.copy()))
        return await self.handler(request)
