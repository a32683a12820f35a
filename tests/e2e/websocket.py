"""Home Assistant's websocket: commands with their answers, and events as they come."""

import asyncio
from collections.abc import AsyncIterator, Callable
import contextlib
from itertools import count
from typing import Any, Self

import aiohttp

type Json = dict[str, Any]

# Longer than any action takes that does not wait for people.
ANSWER_SECONDS = 120


class HomeError(Exception):
    """Home Assistant refused, or went away."""


class Events:
    """The bus events of one type, in their order; restarts of Home Assistant don't interrupt the list."""

    def __init__(self, event_type: str) -> None:
        self.event_type = event_type
        self.seen: list[Json] = []
        self._new: asyncio.Queue[Json] = asyncio.Queue()

    def add(self, event: Json) -> None:
        self.seen.append(event["data"])
        self._new.put_nowait(event["data"])

    async def next(self, timeout: float = 30) -> Json:
        """The data of the first event that was not taken yet."""
        try:
            return await asyncio.wait_for(self._new.get(), timeout)
        except TimeoutError:
            raise HomeError(f"no event {self.event_type} within {timeout:.0f} s") from None

    async def __aiter__(self) -> AsyncIterator[Json]:
        while True:
            yield await self._new.get()


class WebSocket:
    """One authenticated connection; `async with` closes it."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connection = connection
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[int, Callable[[Json], None]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, session: aiohttp.ClientSession, url: str, token: str) -> Self:
        connection = await session.ws_connect(f"{url}/api/websocket", max_msg_size=0)
        await connection.receive_json()  # It asks for the token.
        await connection.send_json({"type": "auth", "access_token": token})
        answer = await connection.receive_json()
        if answer["type"] != "auth_ok":
            await connection.close()
            raise HomeError(f"the websocket refused the login: {answer}")
        return cls(connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        with contextlib.suppress(aiohttp.ClientError, OSError):
            await self._connection.close()

    async def command(self, command: str, **fields: Any) -> Any:
        """Send a command and give its result."""
        return await self._command(next(self._ids), command, fields)

    async def listen(self, events: Events) -> None:
        """Add every event of that type to the list from now on."""
        number = next(self._ids)
        self._listeners[number] = events.add
        await self._command(number, "subscribe_events", {"event_type": events.event_type})

    async def _command(self, number: int, command: str, fields: Json) -> Any:
        if self._reader.done():
            raise HomeError("the websocket is closed")
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            await self._connection.send_json({"id": number, "type": command, **fields})
            return await asyncio.wait_for(answer, ANSWER_SECONDS)
        except TimeoutError:
            raise HomeError(f"no answer to {command} within {ANSWER_SECONDS} s") from None
        except OSError as error:
            raise HomeError(f"the websocket closed before it took {command}") from error
        finally:
            del self._answers[number]

    async def _read(self) -> None:
        try:
            async for message in self._connection:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break  # It broke off.
                self._sort(message.json())
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(HomeError("the websocket closed before it answered"))

    def _sort(self, message: Json) -> None:
        if message["type"] == "event":
            self._listeners[message["id"]](message["event"])
        elif (answer := self._answers.get(message["id"])) is None or answer.done():
            return
        elif message["success"]:
            answer.set_result(message["result"])
        else:
            answer.set_exception(HomeError(f"{message['error']['code']}: {message['error']['message']}"))
