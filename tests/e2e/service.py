"""The simulated service as a program of its own, told over HTTP what happens to it."""

from pathlib import Path
import sys
from typing import Any, Self

import aiohttp

from tests.e2e.configuration import ROOT, TIME_ZONE
from tests.e2e.program import Program, ProgramError
from tests.e2e.websocket import Json


class Service:
    """The simulator with one account; `async with` starts and ends it."""

    def __init__(self, log: Path, port: int, key: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.key = key
        command = (sys.executable, "-m", "simulator", "--port", str(port), "--apikey", key)
        self._program = Program("The simulator", log, *command, directory=ROOT)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        try:
            await self._program.start()
            await self._program.until("it answered", self._answers, 20)
            # The user's phone and home are in one place; webhook V1 tells local times.
            await self._set(time_zone=TIME_ZONE)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._program.stop(patience=10)
        finally:
            await self._session.close()

    async def send_webhooks_to(self, url: str) -> None:
        """Do what the user does in the service's dashboard."""
        await self._set(webhook_url=url)

    async def add_account(self, key: str) -> None:
        """Add another account beside the one that everything else here is about."""
        await self.control("POST", "accounts", json={"key": key})

    async def receive(self, number: str, message: str, **more: Any) -> Json:
        """Let the phone receive a text and the service call the webhook; gives guid and delivered_status."""
        told = {"key": self.key, "number": number, "message": message, "deliver": True, **more}
        received: Json = await self.control("POST", "receive", json=told)
        return received

    async def sent(self) -> list[dict[str, str]]:
        """The form fields of each message that it was given to send."""
        rows = await self.control("GET", "sent", params={"key": self.key})
        return [row["fields"] for row in rows]

    async def asked(self, path: str) -> int:
        """How often an endpoint was asked."""
        requests = await self.control("GET", "requests", params={"key": self.key})
        return sum(request["path"] == path for request in requests)

    async def control(self, method: str, what: str, **options: Any) -> Any:
        """Tell the simulator what happens; `what` is listed at its /_control/."""
        async with self._session.request(method, f"{self.url}/_control/{what}", **options) as answer:
            if not answer.ok:
                raise ProgramError(f"the simulator refused {what}: {answer.status} {await answer.text()}")
            return await answer.json()

    async def _set(self, **settings: str) -> None:
        await self.control("POST", "accounts", json={"key": self.key, **settings})

    async def _answers(self) -> bool:
        try:
            await self.control("GET", "accounts")
        except aiohttp.ClientError:
            return False
        return True
