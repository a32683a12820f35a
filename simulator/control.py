"""The control side, `/_control/`: the Python API over HTTP, JSON in and JSON out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from . import commands
from .arguments import (
    ANYTHING,
    FLAG,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    MAYBE_WHOLE,
    NUMBER,
    OBJECT,
    TEXT,
    WHOLE,
    Arguments,
    Kinds,
    check,
)

if TYPE_CHECKING:
    from .simulator import Simulator

type Run = Callable[[Simulator, Arguments], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Control:
    """One control call. A GET or DELETE takes its arguments from the query, a POST from a JSON object."""

    method: str
    path: str
    run: Run
    required: Mapping[str, Kinds] = field(default_factory=dict)
    optional: Mapping[str, Kinds] = field(default_factory=dict)


def add_control(app: web.Application, sim: Simulator) -> None:
    """Serve the control side of a simulator; each call is described by its command's docstring."""

    async def overview(_request: web.Request) -> web.Response:
        return web.json_response(
            [
                {
                    "method": control.method,
                    "path": control.path,
                    "does": control.run.__doc__,
                    "required": list(control.required),
                    "optional": list(control.optional),
                }
                for control in CONTROLS
            ]
        )

    app.router.add_get("/_control/", overview)
    for control in CONTROLS:
        app.router.add_route(control.method, control.path, _handler(sim, control))


def _handler(sim: Simulator, control: Control) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            given = await _json(request) if control.method == "POST" else dict(request.query)
            result = await control.run(sim, check(given, control.required, control.optional))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(result)

    return handle


async def _json(request: web.Request) -> Any:
    text = await request.text()
    try:
        return json.loads(text or "{}")
    except ValueError:
        raise ValueError("the body is not JSON") from None


_KEY: dict[str, Kinds] = {"key": TEXT}
_SID: dict[str, Kinds] = {"key": TEXT, "sid": TEXT}

CONTROLS = (
    Control("GET", "/_control/accounts", commands.list_accounts),
    Control("POST", "/_control/accounts", commands.set_account, required=_KEY, optional=commands.SETTINGS),
    Control("DELETE", "/_control/accounts", commands.remove_account, required=_KEY),
    Control("DELETE", "/_control/tokens", commands.revoke_tokens, required=_KEY),
    Control(
        "POST",
        "/_control/receive",
        commands.receive,
        required={**_KEY, "number": TEXT, "message": TEXT},
        optional={
            "guid": MAYBE_TEXT,
            "timestamp": MAYBE_NUMBER,
            "deliver": FLAG,
            "version": TEXT,
            "channel": TEXT,
        },
    ),
    Control("GET", "/_control/sent", commands.list_sent, required=_KEY),
    Control(
        "POST",
        "/_control/sent",
        commands.set_sent,
        required={**_KEY, "guid": TEXT},
        optional={"error": TEXT, "error_api": TEXT, "deliver": FLAG},
    ),
    Control("GET", "/_control/requests", commands.list_requests, optional=_KEY),
    Control("GET", "/_control/faults", commands.list_faults),
    Control(
        "POST",
        "/_control/faults",
        commands.add_fault,
        required={"endpoint": TEXT, "kind": TEXT},
        optional={
            "count": WHOLE,
            "status": MAYBE_WHOLE,
            "retry_after": MAYBE_WHOLE,
            "error": MAYBE_TEXT,
            "seconds": NUMBER,
            "mib": NUMBER,
            "body": ANYTHING,
            "taken": FLAG,
            "before": FLAG,
        },
    ),
    Control("DELETE", "/_control/faults", commands.remove_faults),
    Control(
        "POST",
        "/_control/phones",
        commands.set_phone,
        required=_SID,
        optional={
            "label": TEXT,
            "battery": MAYBE_WHOLE,
            "version": TEXT,
            "online": FLAG,
            "last_seen": NUMBER,
        },
    ),
    Control("DELETE", "/_control/phones", commands.remove_phone, required=_SID),
    Control(
        "POST",
        "/_control/calls",
        commands.call,
        required={**_KEY, "direction": TEXT, "number": TEXT},
        optional={
            "name": MAYBE_TEXT,
            "duration": WHOLE,
            "at": MAYBE_NUMBER,
            "delay": NUMBER,
            "deliver": FLAG,
        },
    ),
    Control(
        "POST",
        "/_control/events",
        commands.event,
        required={**_KEY, "type": TEXT, "data": OBJECT},
        optional={"event_id": MAYBE_TEXT, "timestamp": MAYBE_NUMBER, "secret": MAYBE_TEXT},
    ),
    Control("POST", "/_control/reset", commands.reset),
)
