"""Clients of the simulator, and of a server that answers with any bytes where the simulator is not enough."""

from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
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
from .server import Server


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
        self.client = SmsMobileApiClient(session, ApiKey(KEY), simulator.url)
        self.server_client = SmsMobileApiClient(session, ApiKey(KEY), server.url)
        account.client_id, account.client_secret = CLIENT_ID, CLIENT_SECRET
        self.credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET)
        self.oauth_client = SmsMobileApiClient(session, self.credentials, simulator.url)
        self.oauth_server_client = self.new_oauth_client()
        self._monkeypatch = monkeypatch
        self._caplog = caplog
        caplog.set_level(logging.DEBUG)

    def new_oauth_client(self) -> SmsMobileApiClient:
        """Return a client of the server that has no token yet."""
        return SmsMobileApiClient(self.session, ClientCredentials(CLIENT_ID, CLIENT_SECRET), self.server.url)

    async def error_of(self, request: Awaitable[object]) -> SmsMobileApiError:
        """Return the error of a request that has to fail, after a check that it and the logs show no secret."""
        with pytest.raises(SmsMobileApiError) as caught:
            await request
        assert_no_secret(caught.value, self._caplog.records)
        self._caplog.clear()
        return caught.value

    async def fails(
        self, outcome: type[SmsMobileApiError] | None, request: Awaitable[object], about: object = None
    ) -> None:
        """Check that a request raises exactly this error; `about` says which row of a table it is."""
        assert type(await self.error_of(request)) is outcome, about

    @contextmanager
    def short_timeout(self, connect: float | None = None) -> Iterator[None]:
        """Let requests time out at once within this context; on a busy machine all others have the usual time."""
        with self._monkeypatch.context() as patch:
            total = 0.2 if connect is None else 30
            patch.setattr(module, "TIMEOUT", aiohttp.ClientTimeout(total=total, connect=connect))
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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one file."""
    # cryptography takes a while to import.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path
