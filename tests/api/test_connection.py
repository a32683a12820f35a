"""When there is no connection, or none that could carry the request."""

import asyncio
from pathlib import Path
import socket
import ssl
from typing import override

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
import pytest

from custom_components.smsmobileapi.api import (
    ApiKey,
    Channel,
    NotReachable,
    OutcomeUnknown,
    SendRequest,
    SmsMobileApiClient,
)
from simulator import Simulator
from tests.conftest import KEY

from .conftest import FailureOf, Impatient
from .methods import METHODS
from .secrecy import NUMBER, TEXT
from .wire import Wire


class TestNoConnection:
    """The request can't have been taken: NotReachable, so that it may be repeated."""

    @pytest.mark.parametrize("method", METHODS)
    async def test_refused(self, session: aiohttp.ClientSession, failure_of: FailureOf, method: str) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        client = SmsMobileApiClient(session, ApiKey(KEY), f"http://127.0.0.1:{port}")
        assert type(await failure_of(METHODS[method](client))) is NotReachable

    @pytest.mark.parametrize("method", METHODS)
    async def test_a_host_that_does_not_exist(self, failure_of: FailureOf, method: str) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=NoSuchHost())) as session:
            client = SmsMobileApiClient(session, ApiKey(KEY), "https://sms.invalid")
            assert type(await failure_of(METHODS[method](client))) is NotReachable

    @pytest.mark.parametrize("method", METHODS)
    async def test_a_host_that_is_not_found_in_time(
        self, failure_of: FailureOf, impatient: Impatient, method: str
    ) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=SlowHost())) as session:
            client = SmsMobileApiClient(session, ApiKey(KEY), "https://sms.invalid")
            with impatient(connect=0.1):
                assert type(await failure_of(METHODS[method](client))) is NotReachable

    @pytest.mark.parametrize("method", METHODS)
    async def test_tls_that_is_none(
        self, session: aiohttp.ClientSession, simulator: Simulator, failure_of: FailureOf, method: str
    ) -> None:
        client = SmsMobileApiClient(session, ApiKey(KEY), simulator.url.replace("http:", "https:"))
        assert type(await failure_of(METHODS[method](client))) is NotReachable
        assert not simulator.requests

    @pytest.mark.parametrize("method", METHODS)
    async def test_a_certificate_that_nobody_vouches_for(
        self, session: aiohttp.ClientSession, certificate: Path, failure_of: FailureOf, method: str
    ) -> None:
        """Whoever stands between us and the service does not get the key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        wire = Wire()
        await wire.start(context)
        client = SmsMobileApiClient(session, ApiKey(KEY), wire.url)
        assert type(await failure_of(METHODS[method](client))) is NotReachable
        assert not wire.seen
        await wire.stop()

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "nonsense",
            "http://",
            "http://[::1",
            "http://127.0.0.1:99999",
            f"http://127.0.0.1{'\r\n'}Host: x",
            "http:// example",
            "ftp://127.0.0.1:1",
            "file:///etc",
        ],
    )
    async def test_an_address_that_is_none(
        self, session: aiohttp.ClientSession, failure_of: FailureOf, method: str, url: str
    ) -> None:
        client = SmsMobileApiClient(session, ApiKey(KEY), url)
        assert type(await failure_of(METHODS[method](client))) is NotReachable

    @pytest.mark.parametrize("text", ["\ud83d", f"{TEXT}\udc00"], ids=["alone", "at the end"])
    async def test_a_text_that_cannot_be_written(
        self, client: SmsMobileApiClient, simulator: Simulator, failure_of: FailureOf, text: str
    ) -> None:
        """Half an emoji, as a template that cuts a text leaves it: it never left, so its outcome is known."""
        error = await failure_of(
            client.send_message(SendRequest(recipient=NUMBER, text=text, channel=Channel.SMS))
        )
        assert not simulator.requests
        assert not isinstance(error, OutcomeUnknown)

    async def test_a_session_that_is_closed(
        self, session: aiohttp.ClientSession, simulator: Simulator, failure_of: FailureOf
    ) -> None:
        """Home Assistant closes its session while it goes down; the client raises its own errors and nothing else."""
        client = SmsMobileApiClient(session, ApiKey(KEY), simulator.url)
        await session.close()
        assert type(await failure_of(METHODS["sms"](client))) is NotReachable


class NoSuchHost(AbstractResolver):
    """A resolver for which no host exists."""

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(None, "DNS lookup failed")

    @override
    async def close(self) -> None:
        """Nothing to close."""


class SlowHost(NoSuchHost):
    """A resolver that takes its time."""

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        await asyncio.Event().wait()
        raise AssertionError
