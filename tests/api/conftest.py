"""A client against the simulator, and a server that answers with whatever a test wants where that is not enough."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
import logging
from pathlib import Path

import aiohttp
import pytest

from custom_components.smsmobileapi.api import (
    ApiKey,
    ClientCredentials,
    SmsMobileApiClient,
    SmsMobileApiError,
    client as module,
)
from simulator import Account, Simulator
from tests.conftest import KEY

from .secrecy import CLIENT_ID, CLIENT_SECRET, assert_no_secret
from .wire import Wire

type Impatient = Callable[..., AbstractContextManager[None]]
type FailureOf = Callable[[Awaitable[object]], Awaitable[SmsMobileApiError]]


@pytest.fixture(autouse=True)
def _surroundings(socket_enabled: None) -> None:
    """Let tests talk over 127.0.0.1; there is no Home Assistant here."""


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def client(session: aiohttp.ClientSession, simulator: Simulator) -> SmsMobileApiClient:
    """A client of the simulator."""
    return SmsMobileApiClient(session, ApiKey(KEY), simulator.url)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as wire:
        yield wire


@pytest.fixture
def wired(session: aiohttp.ClientSession, wire: Wire) -> SmsMobileApiClient:
    """A client of the wire."""
    return SmsMobileApiClient(session, ApiKey(KEY), wire.url)


@pytest.fixture
def credentials() -> ClientCredentials:
    """An OAuth2 client."""
    return ClientCredentials(CLIENT_ID, CLIENT_SECRET)


@pytest.fixture
def oauth_client(
    session: aiohttp.ClientSession,
    simulator: Simulator,
    service_account: Account,
    credentials: ClientCredentials,
) -> SmsMobileApiClient:
    """A client of the simulator, with tokens."""
    service_account.client_id, service_account.client_secret = CLIENT_ID, CLIENT_SECRET
    return SmsMobileApiClient(session, credentials, simulator.url)


@pytest.fixture
def oauth_wired(
    session: aiohttp.ClientSession, wire: Wire, credentials: ClientCredentials
) -> SmsMobileApiClient:
    """A client of the wire, with tokens."""
    return SmsMobileApiClient(session, credentials, wire.url)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Impatient:
    """Let requests time out at once within its context; a busy machine still has all the time for the others."""

    @contextmanager
    def impatient(connect: float | None = None) -> Iterator[None]:
        with monkeypatch.context() as patch:
            total = 0.2 if connect is None else 30
            patch.setattr(module, "TIMEOUT", aiohttp.ClientTimeout(total=total, connect=connect))
            yield

    return impatient


@pytest.fixture
def failure_of(caplog: pytest.LogCaptureFixture) -> FailureOf:
    """Return the error of a request that has to fail, once it is clear that nothing secret is in it or in a log."""
    caplog.set_level(logging.DEBUG)

    async def failure_of(request: Awaitable[object]) -> SmsMobileApiError:
        with pytest.raises(SmsMobileApiError) as caught:
            await request
        assert_no_secret(caught.value, caplog.records)
        return caught.value

    return failure_of


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, and its key, in one file."""
    from .certificates import self_signed  # cryptography takes a while to import

    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(self_signed("127.0.0.1"))
    return path
