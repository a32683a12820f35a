"""Faults on demand: one place where an answer is spoilt, whichever endpoint it came from."""

import asyncio
from collections.abc import Awaitable, Callable
import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, get_args

from aiohttp import hdrs, web

type Kind = Literal[
    "status",
    "delay",
    "html",
    "empty",
    "cut",
    "drop_before",
    "drop_after",
    "hang_after",
    "nonsense",
    "big",
]
type Answer = Callable[[], Awaitable[web.StreamResponse]]

KINDS: tuple[str, ...] = get_args(Kind.__value__)
_ALWAYS_TAKEN = ("cut", "drop_after", "hang_after")
_PAGE = "<!DOCTYPE html><html><head><title>Site maintenance</title></head><body>Back soon.</body></html>"


@dataclass(slots=True, kw_only=True)
class Fault:
    """What spoils the next `count` answers of an endpoint ("*": any).

    `taken` tells whether the request is carried out before its answer is spoilt; "cut", "drop_after" and
    "hang_after" always are, "drop_before" never is. `seconds` is for "delay" and "hang_after", `mib` for "big",
    `body` for "nonsense", `retry_after` (seconds) and `error` for "status". `status` is 503 for "status", 200 for
    "html", "empty" and "nonsense", where it is not given.
    """

    endpoint: str
    kind: Kind
    count: int = 1
    status: int | None = None
    retry_after: int | None = None
    error: str | None = None
    seconds: float = 30
    mib: float = 16
    body: Any = ("nonsense",)
    taken: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never happen; raises ValueError."""
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.count < 1:
            raise ValueError("count must be at least 1")
        if self.status is not None and self.status not in HTTPStatus:
            raise ValueError(f"{self.status} is no HTTP status")
        if self.kind in _ALWAYS_TAKEN:
            self.taken = True
        elif self.kind == "drop_before" and self.taken:
            raise ValueError("drop_before is never taken: use drop_after")


class Faults:
    """The faults that wait for a request."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.stopping = asyncio.Event()

    def take(self, path: str) -> Fault | None:
        """Return the oldest fault for this path and count it down."""
        for fault in self.waiting:
            if fault.endpoint in ("*", path):
                fault.count -= 1
                if not fault.count:
                    self.waiting.remove(fault)
                return fault
        return None

    async def apply(self, fault: Fault, request: web.Request, answer: Answer) -> web.StreamResponse:
        """Spoil one answer; `answer` carries the request out."""
        good = await answer() if fault.taken else None
        match fault.kind:
            case "delay":
                await self._wait(fault.seconds)
                return good or await answer()
            case "status":
                return _status(fault)
            case "html":
                return web.Response(text=_PAGE, content_type="text/html", status=fault.status or 200)
            case "empty":
                return web.Response(content_type="application/json", status=fault.status or 200)
            case "nonsense":
                return web.json_response(fault.body, status=fault.status or 200)
            case "big":
                return await _big(request, fault.mib)
            case "hang_after":
                await self._wait(fault.seconds)
            case "cut" if good is not None:
                await _cut(request, good)
        return _hang_up(request)

    async def _wait(self, seconds: float) -> None:
        """Wait, but never longer than the simulator runs."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)


def _status(fault: Fault) -> web.Response:
    status = fault.status or 503
    word = "server_error" if status >= 500 else HTTPStatus(status).phrase.lower().replace(" ", "_")
    body = {"success": False, "error": fault.error or word}
    if status >= 500:
        body["detail"] = "simulated"
    headers = {} if fault.retry_after is None else {hdrs.RETRY_AFTER: str(fault.retry_after)}
    return web.json_response(body, status=status, headers=headers)


async def _cut(request: web.Request, good: web.StreamResponse) -> None:
    """Promise the whole body and send half of it."""
    assert isinstance(good, web.Response) and isinstance(good.body, bytes)
    body = good.body
    half = web.StreamResponse(status=good.status)
    half.content_type = good.content_type
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])


async def _big(request: web.Request, mib: float) -> web.StreamResponse:
    """Send valid JSON of this size."""
    answer = web.StreamResponse()
    answer.content_type = "application/json"
    await answer.prepare(request)
    await answer.write(b'{"success": true, "padding": "')
    left = int(mib * 1024 * 1024)
    while left > 0:
        await answer.write(b"x" * min(left, 65536))
        left -= 65536
    await answer.write(b'"}')
    return answer


def _hang_up(request: web.Request) -> web.Response:
    """Close the connection: what is still in the buffer goes out, an answer does not."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
