"""One customer of the simulated service, as the service's people and the customer's phones see it."""

import time
from typing import Any

from tests.e2e.configuration import TIME_ZONE
from tests.e2e.program import until
from tests.e2e.service import Service
from tests.e2e.websocket import Json


class Customer:
    """An account at the service, told over HTTP what happens to it."""

    def __init__(self, service: Service, key: str) -> None:
        self.service = service
        self.key = key
        self._settings: Json = {"time_zone": TIME_ZONE}
        self._phones: dict[str, Json] = {}
        self._received: list[Json] = []

    @property
    def sids(self) -> list[str]:
        """The phones that were connected here."""
        return list(self._phones)

    @property
    def signing_secret(self) -> str:
        """What webhooks V2 are signed with."""
        secret: str = self._settings["webhook_secret"]
        return secret

    async def set(self, **settings: Any) -> None:
        """Make the account, or change how it answers."""
        self._settings |= settings
        await self.service.control("POST", "accounts", json={"key": self.key, **self._settings})

    async def change_key(self, key: str) -> None:
        """Give the account another key and make the former one unknown; phones and received texts stay."""
        await self.service.control("POST", "accounts", json={"key": self.key, "state": "unknown"})
        self.key = key
        await self.set()
        for phone in self._phones.values():
            await self.phone(**phone)
        if "phone-1" not in self._phones:
            await self.remove_phone("phone-1")
        for text in self._received:
            await self.service.control("POST", "receive", json={"key": key, **text})

    async def revoke_tokens(self) -> None:
        await self.service.control("DELETE", "tokens", params={"key": self.key})

    async def phone(self, sid: str, **settings: Any) -> None:
        """Connect a phone, or change how one is."""
        self._phones[sid] = {**self._phones.get(sid, {}), "sid": sid, **settings}
        await self.service.control("POST", "phones", json={"key": self.key, "sid": sid, **settings})

    async def remove_phone(self, sid: str) -> None:
        """Remove a phone for good; a new account has `phone-1`."""
        self._phones.pop(sid, None)
        await self.service.control("DELETE", "phones", params={"key": self.key, "sid": sid})

    async def receive(self, number: str, message: str, *, deliver: bool = True, **more: Any) -> Json:
        """Let a phone receive a text, by default told by webhook V1; gives guid and delivered_status."""
        text: Json = {"number": number, "message": message, "timestamp": time.time(), **more}
        told = {"key": self.key, "deliver": deliver, **text}
        received: Json = await self.service.control("POST", "receive", json=told)
        if text.get("channel") != "whatsapp":
            kept = {name: text[name] for name in ("number", "message", "timestamp")}
            self._received.append({**kept, "guid": received["guid"]})
        return received

    async def event(self, kind: str, data: Json, **more: Any) -> int:
        """Call the webhook with a V2 event; gives the status of its answer."""
        told = {"key": self.key, "type": kind, "data": data, **more}
        status: int = (await self.service.control("POST", "events", json=told))["delivered_status"]
        return status

    async def call(self, direction: str, number: str, **more: Any) -> Json:
        """Let a phone have a call; gives guid and delivered_status."""
        told = {"key": self.key, "direction": direction, "number": number, **more}
        called: Json = await self.service.control("POST", "calls", json=told)
        return called

    async def sent(self) -> list[Json]:
        """The messages that it was given to send, with the form of each under `fields`."""
        rows: list[Json] = await self.service.control("GET", "sent", params={"key": self.key})
        return rows

    async def fail(self, guid: str, error: str) -> None:
        """Have the phone fail to send a message."""
        told = {"key": self.key, "guid": guid, "error": error}
        await self.service.control("POST", "sent", json=told)

    async def requests(self, path: str) -> list[dict[str, str]]:
        """The fields of each request to an endpoint."""
        requests = await self.service.control("GET", "requests", params={"key": self.key})
        return [request["fields"] for request in requests if request["path"] == path]

    async def asked(self, path: str) -> int:
        """How often an endpoint was asked."""
        return len(await self.requests(path))

    async def until_asked(self, path: str, more_than: int) -> None:
        """Wait until an endpoint was asked more often than that."""

        async def probe() -> bool:
            return await self.asked(path) > more_than

        await until(f"the service to be asked for {path}", probe)
