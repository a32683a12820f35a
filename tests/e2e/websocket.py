"""Home Assistant's websocket: commands with their results, and bus events."""

import asyncio
import contextlib
from itertools import count
from typing import Any, Self

import aiohttp

type Json = dict[str, Any]

# Longer than any action takes that does not wait for a report.
RESULT_SECONDS = 120


class HassError(Exception):
    """Home Assistant refused a request, or the connection was closed."""


class WebSocket:
    """One authenticated connection."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connection = connection
        self._ids = count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[int, list[Json]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, session: aiohttp.ClientSession, url: str, token: str) -> Self:
        connection = await session.ws_connect(f"{url}/api/websocket", max_msg_size=0)
        await connection.receive_json()  # It requests the token.
        await connection.send_json({"type": "auth", "access_token": token})
        answer = await connection.receive_json()
        if answer["type"] != "auth_ok":
            await connection.close()
            raise HassError(f"the websocket refused the login: {answer}")
        return cls(connection)

    async def close(self) -> None:
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        with contextlib.suppress(aiohttp.ClientError, OSError):
            await self._connection.close()

    async def command(self, command: str, **fields: Any) -> Any:
        """Send a command; return its result."""
        return await self._command(next(self._ids), command, fields)

    async def subscribe(self, event_type: str, events: list[Json]) -> None:
        """Add the data of each bus event of that type to the list from now on."""
        number = next(self._ids)
        self._listeners[number] = events
        await self._command(number, "subscribe_events", {"event_type": event_type})

    async def _command(self, number: int, command: str, fields: Json) -> Any:
        if self._reader.done():
            raise HassError("the websocket is closed")
        result = self._results[number] = asyncio.get_running_loop().create_future()
        try:
            await self._connection.send_json({"id": number, "type": command, **fields})
            return await asyncio.wait_for(result, RESULT_SECONDS)
        except TimeoutError:
            raise HassError(f"no result of {command} within {RESULT_SECONDS} s") from None
        except OSError as error:
            raise HassError(f"the websocket was closed before {command} was sent") from error
        finally:
            del self._results[number]

    async def _read(self) -> None:
        try:
            async for message in self._connection:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                self._dispatch(message.json())
        finally:
            for result in self._results.values():
                if not result.done():
                    result.set_exception(HassError("the websocket was closed before the result"))

    def _dispatch(self, message: Json) -> None:
        if message["type"] == "event":
            self._listeners[message["id"]].append(message["event"]["data"])
        elif (result := self._results.get(message["id"])) is None or result.done():
            return
        elif message["success"]:
            result.set_result(message["result"])
        else:
            result.set_exception(HassError(f"{message['error']['code']}: {message['error']['message']}"))
