"""The control API under `/_control/`: commands with JSON arguments and JSON results."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import json
from typing import Any

from aiohttp import web

from . import commands
from .arguments import (
    ANY,
    BOOLEAN,
    INTEGER,
    INTEGER_OR_NULL,
    LIST,
    NUMBER,
    NUMBER_OR_NULL,
    OBJECT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    Arguments,
    Types,
    check,
)
from .service import CONTROL_PATH, Service

type Run = Callable[[Service, Arguments], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command. A GET or DELETE has its arguments in the query, a POST in a JSON object."""

    method: str
    name: str
    run: Run
    required: Mapping[str, Types] = field(default_factory=dict)
    optional: Mapping[str, Types] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path of the command's URL."""
        return f"{CONTROL_PATH}{self.name}"


def add_control(app: web.Application, service: Service) -> None:
    """Add the control API of a service to a web application; `GET /_control/` describes the commands."""

    async def overview(_request: web.Request) -> web.Response:
        return web.json_response(
            [
                {
                    "method": command.method,
                    "path": command.path,
                    "does": command.run.__doc__,
                    "required": list(command.required),
                    "optional": list(command.optional),
                }
                for command in COMMANDS
            ]
        )

    app.router.add_get(CONTROL_PATH, overview)
    for command in COMMANDS:
        app.router.add_route(command.method, command.path, _handler(service, command))


def _handler(service: Service, command: Command) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            arguments = await _read_json(request) if command.method == "POST" else dict(request.query)
            result = await command.run(service, check(arguments, command.required, command.optional))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(result)

    return handle


async def _read_json(request: web.Request) -> Any:
    text = await request.text()
    try:
        return json.loads(text or "{}")
    except ValueError:
        raise ValueError("the body is not JSON") from None


_KEY: dict[str, Types] = {"key": TEXT}
_PHONE: dict[str, Types] = {"key": TEXT, "sid": TEXT}
_SMS: dict[str, Types] = {"key": TEXT, "number": TEXT, "message": TEXT}

COMMANDS = (
    Command("GET", "accounts", commands.list_accounts),
    Command("POST", "accounts", commands.set_account, required=_KEY, optional=commands.SETTINGS),
    Command("DELETE", "accounts", commands.remove_account, required=_KEY),
    Command("DELETE", "tokens", commands.revoke_tokens, required=_KEY),
    Command(
        "POST",
        "receive",
        commands.receive,
        required=_SMS,
        optional={
            "guid": TEXT_OR_NULL,
            "timestamp": NUMBER_OR_NULL,
            "sid": TEXT_OR_NULL,
            "deliver": BOOLEAN,
            "version": TEXT,
            "channel": TEXT,
        },
    ),
    Command(
        "POST",
        "typed",
        commands.type_sms,
        required=_SMS,
        optional={"timestamp": NUMBER_OR_NULL, "deliver": BOOLEAN},
    ),
    Command("GET", "sent", commands.list_sent, required=_KEY),
    Command(
        "POST",
        "sent",
        commands.set_sent,
        required={**_KEY, "guid": TEXT},
        optional={"error": TEXT, "error_api": TEXT, "deliver": BOOLEAN},
    ),
    Command("GET", "requests", commands.list_requests, optional=_KEY),
    Command("GET", "faults", commands.list_faults),
    Command(
        "POST",
        "faults",
        commands.add_fault,
        required={"endpoint": TEXT, "kind": TEXT},
        optional={
            "count": INTEGER,
            "status": INTEGER_OR_NULL,
            "retry_after": INTEGER_OR_NULL,
            "error": TEXT_OR_NULL,
            "seconds": NUMBER,
            "mib": NUMBER,
            "body": ANY,
            "taken": BOOLEAN,
        },
    ),
    Command("DELETE", "faults", commands.remove_faults),
    Command(
        "POST",
        "phones",
        commands.set_phone,
        required=_PHONE,
        optional={
            "label": TEXT,
            "battery": INTEGER_OR_NULL,
            "version": TEXT,
            "online": BOOLEAN,
            "last_seen": NUMBER,
        },
    ),
    Command("DELETE", "phones", commands.remove_phone, required=_PHONE),
    Command(
        "POST",
        "calls",
        commands.add_call,
        required={**_KEY, "direction": TEXT, "number": TEXT},
        optional={
            "name": TEXT_OR_NULL,
            "duration": INTEGER,
            "at": NUMBER_OR_NULL,
            "delay": NUMBER,
            "sid": TEXT_OR_NULL,
            "deliver": BOOLEAN,
        },
    ),
    Command("GET", "events", commands.list_events, required=_KEY),
    Command(
        "POST",
        "events",
        commands.post_event,
        required={**_KEY, "type": TEXT},
        optional={
            "data": OBJECT_OR_NULL,
            "event_id": TEXT_OR_NULL,
            "timestamp": NUMBER_OR_NULL,
            "secret": TEXT_OR_NULL,
            "omit": LIST,
        },
    ),
    Command("POST", "redeliver", commands.redeliver, required=_KEY, optional={"event_id": TEXT_OR_NULL}),
    Command("POST", "reset", commands.reset),
)
