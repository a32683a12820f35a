"""Clients of the simulator, and of a server that answers with any bytes where the simulator is not enough."""

from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
import logging
from typing import Any, Final

import aiohttp
import pytest

from custom_components.smsmobileapi import api
from simulator import Account, Simulator
from tests.conftest import KEY

from .methods import Method
from .secrecy import CLIENT_ID, CLIENT_SECRET, assert_no_secret
from .server import Server

API_KEY: Final = api.ApiKey(KEY)


@pytest.fixture(autouse=True)
def _surroundings(socket_enabled: None) -> None:
    """Let tests talk over 127.0.0.1; there is no Home Assistant here."""


class Bench:
    """The simulator, a server that answers with any bytes, and clients of both: with a key, and with tokens (OAuth2)."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        simulator: Simulator,
        account: Account,
        server: Server,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        self.session, self.simulator, self.account, self.server = session, simulator, account, server
        account.client_id, account.client_secret = CLIENT_ID, CLIENT_SECRET
        self.credentials = api.ClientCredentials(CLIENT_ID, CLIENT_SECRET)
        self.client = self.client_of(simulator.url)
        self.server_client = self.client_of(server.url)
        self.oauth_client = self.client_of(simulator.url, self.credentials)
        self._monkeypatch = monkeypatch
        self._caplog = caplog
        caplog.set_level(logging.DEBUG)

    def client_of(self, url: str, credentials: api.Credentials = API_KEY) -> api.SmsMobileApiClient:
        """Return a client of another address or with other credentials."""
        return api.SmsMobileApiClient(self.session, credentials, url)

    def new_oauth_client(self) -> api.SmsMobileApiClient:
        """Return a client of the server that has no token yet."""
        return self.client_of(self.server.url, api.ClientCredentials(CLIENT_ID, CLIENT_SECRET))

    async def error_of(self, request: Awaitable[object]) -> api.SmsMobileApiError:
        """Return the error of a request that has to fail, after a check that it and the logs show no secret."""
        with pytest.raises(api.SmsMobileApiError) as caught:
            await request
        assert_no_secret(caught.value, self._caplog.records)
        self._caplog.clear()
        return caught.value

    async def fails(
        self, outcome: type[api.SmsMobileApiError] | None, request: Awaitable[object], about: object = None
    ) -> None:
        """Check that a request raises exactly this error; `about` says which row of a table it is."""
        assert type(await self.error_of(request)) is outcome, about

    async def check(self, method: Method, *rows: tuple[Any, Any]) -> None:
        """Check what a method makes of each answer of the server: the result or the error beside it."""
        for answer, outcome in rows:
            self.server.answer(answer)
            if isinstance(outcome, type):
                await self.fails(outcome, method(self.server_client), answer)
            else:
                assert await method(self.server_client) == outcome, answer

    @contextmanager
    def short_timeout(self, connect: float | None = None) -> Iterator[None]:
        """Let requests time out at once within this context; on a busy machine all others have the usual time."""
        with self._monkeypatch.context() as patch:
            total = 0.2 if connect is None else 30
            patch.setattr(api.client, "TIMEOUT", aiohttp.ClientTimeout(total=total, connect=connect))
            yield


@pytest.fixture
async def bench(
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> AsyncIterator[Bench]:
    """What the tests of this package need."""
    async with aiohttp.ClientSession() as session, Server() as server:
        yield Bench(session, simulator, service_account, server, monkeypatch, caplog)
