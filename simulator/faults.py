"""Faults on demand: bad answers, delays and closed connections, for any endpoint."""

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
    """A fault in the next `count` answers of an endpoint, "*" for any endpoint.

    `taken` says whether the service carries the request out before the fault; it always does for "cut", "drop_after"
    and "hang_after", and never for "drop_before". Options of single kinds: `seconds` for "delay" and "hang_after",
    `mib` for "big", `body` for "nonsense", `retry_after` (seconds) and `error` for "status", and `status`, which is by
    default 503 for "status" and 200 for "html", "empty" and "nonsense".
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
        """Check the values; raises ValueError for a combination that is not possible."""
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
    """The faults for the next requests, in the order in which they were added."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.stopping = asyncio.Event()

    def pop(self, path: str) -> Fault | None:
        """Return the oldest fault for this path, None without one; remove it once it was used `count` times."""
        for fault in self.waiting:
            if fault.endpoint in ("*", path):
                fault.count -= 1
                if not fault.count:
                    self.waiting.remove(fault)
                return fault
        return None

    async def apply(self, fault: Fault, request: web.Request, answer: Answer) -> web.StreamResponse:
        """Return the answer with the fault; `answer` carries the request out."""
        good = await answer() if fault.taken else None
        match fault.kind:
            case "delay":
                await self._wait(fault.seconds)
                return good or await answer()
            case "status":
                return _error(fault)
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
        return _close(request)

    async def _wait(self, seconds: float) -> None:
        """Wait; end early when the simulator stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)


def _error(fault: Fault) -> web.Response:
    status = fault.status or 503
    word = "server_error" if status >= 500 else HTTPStatus(status).phrase.lower().replace(" ", "_")
    body = {"success": False, "error": fault.error or word}
    if status >= 500:
        body["detail"] = "simulated"
    headers = {} if fault.retry_after is None else {hdrs.RETRY_AFTER: str(fault.retry_after)}
    return web.json_response(body, status=status, headers=headers)


async def _cut(request: web.Request, good: web.StreamResponse) -> None:
    """Send the headers for the whole body, then half of the body."""
    assert isinstance(good, web.Response) and isinstance(good.body, bytes)
    body = good.body
    half = web.StreamResponse(status=good.status)
    half.content_type = good.content_type
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])


async def _big(request: web.Request, mib: float) -> web.StreamResponse:
    """Send valid JSON of this size in MiB."""
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


def _close(request: web.Request) -> web.Response:
    """Close the connection without an answer; data that was already written is still sent."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
