"""The body of an answer counts as much as its headers do."""

import asyncio
from datetime import UTC
import gzip

import aiohttp
from aiohttp import web
import pytest

from custom_components.smsmobileapi.api import (
    ApiKey,
    OutcomeUnknown,
    SmsMobileApiClient,
    UnexpectedAnswer,
    transport as module,
)
from tests.conftest import KEY

from .conftest import FailureOf, Impatient
from .methods import METHODS
from .wire import Wire


class TestBodies:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("dripping", [False, True])
    async def test_a_slow_body_times_out(
        self,
        wire: Wire,
        wired: SmsMobileApiClient,
        failure_of: FailureOf,
        impatient: Impatient,
        method: str,
        dripping: bool,
    ) -> None:
        """Also one that is never silent for long: the time limit is that of the whole exchange."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b'{"success": true')
            while dripping:
                await response.write(b" ")
                await asyncio.sleep(0.02)
            await wire.stopping.wait()
            return response

        wire.handler = answer
        async with asyncio.timeout(10):
            with impatient():
                assert type(await failure_of(METHODS[method](wired))) is OutcomeUnknown

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("compressed", [False, True])
    async def test_a_body_without_an_end_is_not_read_to_its_end(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, method: str, compressed: bool
    ) -> None:
        """Compressed, 64 MiB are 64 KiB on the wire: it is the memory that counts."""
        written = 0
        block = bytes(64 * 1024 * 1024)
        chunks = [gzip.compress(block, 1)] if compressed else [bytes(65536)] * 1600

        async def answer(request: web.Request) -> web.StreamResponse:
            nonlocal written
            written = 0
            response = web.StreamResponse(headers={"Content-Encoding": "gzip"} if compressed else None)
            await response.prepare(request)
            for chunk in chunks:
                await response.write(chunk)
                written += len(chunk)
            return response

        wire.handler = answer
        assert type(await failure_of(METHODS[method](wired))) is UnexpectedAnswer
        assert written < 64 * 1024 * 1024

    async def test_a_body_may_be_as_large_as_the_limit(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf
    ) -> None:
        assert module.MAX_ANSWER_BYTES == 8 * 1024 * 1024
        largest = b"[]".ljust(module.MAX_ANSWER_BYTES)
        wire.say(largest)
        assert await wired.received_messages(after=None, zone=UTC) == []
        wire.say(largest + b" ")
        assert type(await failure_of(METHODS["poll"](wired))) is UnexpectedAnswer

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(
        "raw",
        [
            b"[" * 200_000,
            b'{"a":' * 200_000,
            b'{"result": {"error": 0, "id": ' + b"9" * 5000 + b"}}",
            b"{'success': true}",
            b'{"success": true}}',
            b'{"success": tr',
            b"\x00",
            b"\xff\xfe{\x00}\x00",
            b"<br />\n<b>Warning</b>: mysqli_connect()\n{}",
        ],
        ids=lambda raw: repr(raw[:24]),
    )
    async def test_what_is_not_json(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, method: str, raw: bytes
    ) -> None:
        """Deep nesting and huge numbers make Python's parser raise more than it says."""
        wire.say(raw)
        assert type(await failure_of(METHODS[method](wired))) is UnexpectedAnswer

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
    async def test_a_compression_that_is_none(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, method: str, encoding: str
    ) -> None:
        wire.say(b'{"success": true}', headers={"Content-Encoding": encoding})
        assert isinstance(await failure_of(METHODS[method](wired)), OutcomeUnknown)

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(
        "raw", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n\x00: \r\n\r\n", b"\x00" * 20000]
    )
    async def test_another_protocol(
        self, session: aiohttp.ClientSession, failure_of: FailureOf, method: str, raw: bytes
    ) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(raw)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            client = SmsMobileApiClient(session, ApiKey(KEY), f"http://127.0.0.1:{port}")
            assert isinstance(await failure_of(METHODS[method](client)), OutcomeUnknown)
