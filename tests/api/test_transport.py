"""When something between us and the service breaks: which error says so, and that none shows a secret.

The error decides what follows (API.md, DESIGN.md's promise 5): NotReachable may be repeated, OutcomeUnknown may not before
the sent log was looked at. The wrong one of the two is a message lost or a message sent twice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import socket
import ssl
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import AsyncMock

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smsmobileapi import api
from simulator.faults import KINDS
from tests.conftest import KEY

from .conftest import API_KEY, Bench
from .methods import METHODS, POSTS, SMS, poll, send
from .secrecy import CLIENT_ID, CLIENT_SECRET, NUMBER, SID, TEXT, TOKEN, assert_no_secret
from .server import Server
from .test_payload import JSON

LATE: Final = {"seconds": 20}
# Error (None for none), fault, and the options with which it means that.
_FAULTS: Final[list[tuple[Any, str, tuple[dict[str, Any], ...]]]] = [
    # The service refuses.
    (api.Refused, "status", ({"status": 400}, {"status": 404})),
    (api.InvalidCredentials, "status", ({"status": 401}, {"status": 403})),
    (api.InvalidCredentials, "status", ({"status": 400, "error": "missing_apikey"},)),
    (api.SubscriptionExpired, "status", ({"status": 403, "error": "api_expired"},)),
    (api.RateLimited, "status", ({"status": 429}, {"status": 429, "retry_after": 7})),
    (api.RateLimited, "html", ({"status": 429},)),
    # The service is broken. Only 503 says that nothing was done.
    *((api.NotReachable, kind, ({"status": 503},)) for kind in ("status", "html", "empty")),
    (api.OutcomeUnknown, "html", ({"status": 500}, {"status": 502, "taken": True})),
    (api.OutcomeUnknown, "status", ({"status": 500}, {"status": 502}, {"status": 504})),
    # Something answers, but not the service.
    (api.UnexpectedAnswer, "html", ({}, {"taken": True}, {"status": 403}, {"status": 404})),
    (api.UnexpectedAnswer, "empty", ({}, {"status": 404})),
    (api.UnexpectedAnswer, "nonsense", ({"body": None}, {"body": "soon"}, {"body": {}, "status": 201})),
    (api.UnexpectedAnswer, "big", ({"mib": 9},)),
    # The connection breaks; it is not known when.
    *((api.OutcomeUnknown, kind, ({},)) for kind in ("cut", "drop_before", "drop_after")),
    *((api.OutcomeUnknown, kind, (LATE,)) for kind in ("hang_after", "delay")),
    (None, "delay", ({"seconds": 0.01},)),
]
TABLE: Final = [(kind, options, outcome) for outcome, kind, several in _FAULTS for options in several]


class TestFaults:
    def test_every_fault_of_the_simulator_is_in_the_table(self) -> None:
        assert {kind for kind, *_ in TABLE} == set(KINDS)

    @pytest.mark.parametrize("method", METHODS)
    async def test_each_fault_has_its_error(self, bench: Bench, method: str) -> None:
        # For the methods that do nothing of their own with an error, the last one of each kind is enough.
        is_special = method in ("verify", "poll", "sms")
        for kind, options, outcome in TABLE if is_special else {row[0]: row for row in TABLE}.values():
            row = kind, options
            bench.account.sent.clear()
            bench.simulator.requests.clear()
            bench.simulator.faults.waiting.clear()
            bench.simulator.fault("*", kind, count=9, **options)
            if outcome is None:
                await METHODS[method](bench.client) if is_special else None
                continue
            with bench.short_timeout() if options is LATE else nullcontext():
                error = await bench.error_of(METHODS[method](bench.client))
            assert type(error) is outcome, row
            if isinstance(error, api.RateLimited):
                assert error.retry_after == options.get("retry_after", 60), row
            # What is reported as not sent will be sent again.
            if not isinstance(error, api.OutcomeUnknown):
                assert not bench.account.sent, row
            # aiohttp repeats a GET whose connection broke, but a POST must never be repeated.
            if method in POSTS:
                assert len(bench.simulator.requests) == 1, row

    async def test_a_used_connection(self, bench: Bench) -> None:
        """A send over it is not repeated either, with a key or a token, and none is left in a state that breaks the next."""
        for client in (bench.client, bench.oauth_client):
            for kind in KINDS:
                assert await send(client)
                bench.account.sent.clear()
                bench.simulator.requests.clear()
                bench.simulator.fault("/sendsms/", kind)
                with bench.short_timeout() if kind in ("delay", "hang_after") else nullcontext():
                    await bench.error_of(send(client))
                assert len(bench.simulator.requests) == 1, kind
                assert len(bench.account.sent) == (kind in ("cut", "drop_after", "hang_after")), kind

    async def test_a_redirect_is_not_followed(self, bench: Bench) -> None:
        """The key goes to the service and to no other address."""
        for status in (301, 302, 303, 307, 308):
            bench.server.answer((status, b""), headers={"Location": "/elsewhere/"})
            for method in METHODS.values():
                await bench.fails(api.UnexpectedAnswer, method(bench.server_client), status)
        assert "/elsewhere/" not in bench.server.paths

    async def test_a_cancelled_request_stays_cancelled(self, bench: Bench) -> None:
        """Otherwise Home Assistant would wait for it while it stops."""
        for method in (poll, send):
            bench.simulator.fault("*", "hang_after")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await method(bench.client)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody trusts and its key, in one file."""
    # cryptography takes a while to import.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    day = timedelta(days=1)
    signed = builder.not_valid_before(now - day).not_valid_after(now + day).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = form.PrivateFormat.PKCS8, form.NoEncryption()
    path.write_bytes(signed.public_bytes(form.Encoding.PEM) + key.private_bytes(form.Encoding.PEM, *plain))
    return path


async def never(*_args: object, **_more: object) -> None:
    await asyncio.Event().wait()


class TestNoConnection:
    """The service can't have got the request: NotReachable, so that it may be repeated."""

    async def test_no_connection(self, bench: Bench) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        refused = bench.client_of(f"http://127.0.0.1:{port}")
        no_tls = bench.client_of(bench.simulator.url.replace("http:", "https:"))
        lost, slow = AsyncMock(AbstractResolver), AsyncMock(AbstractResolver)
        lost.resolve.side_effect = OSError(None, "DNS lookup failed")
        slow.resolve.side_effect = never
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=lost)) as one,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=slow)) as two,
        ):
            unknown = api.SmsMobileApiClient(one, API_KEY, "https://sms.invalid")
            late = api.SmsMobileApiClient(two, API_KEY, "https://sms.invalid")
            for name, method in METHODS.items():
                for client in (refused, no_tls, unknown):
                    await bench.fails(api.NotReachable, method(client), name)
                with bench.short_timeout(connect=0.01):
                    await bench.fails(api.NotReachable, method(late), name)
        assert not bench.simulator.requests

    async def test_an_untrusted_certificate(self, bench: Bench, certificate: Path) -> None:
        """A man in the middle does not get the key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        async with Server(context) as server:
            for method in METHODS.values():
                await bench.fails(api.NotReachable, method(bench.client_of(server.url)))
        assert not server.seen

    async def test_an_invalid_address_and_a_closed_session(self, bench: Bench) -> None:
        """Home Assistant closes its session while it stops."""
        for url in (
            *("", "nonsense", "http://", "http://[::1", "http://127.0.0.1:99999", "http:// example"),
            *("ftp://127.0.0.1:1", "file:///etc", "http://127.0.0.1\r\nHost: x"),
        ):
            for method in ("verify", "sms"):
                await bench.fails(api.NotReachable, METHODS[method](bench.client_of(url)), url)
        await bench.session.close()
        for other in METHODS.values():
            await bench.fails(api.NotReachable, other(bench.client))

    async def test_text_that_cannot_be_encoded_is_refused(self, bench: Bench) -> None:
        """Half an emoji, as a template that cuts a text leaves it: nothing was sent, and repeating it does not help."""
        for text in ("\ud83d", f"{TEXT}\udc00"):
            error = await bench.error_of(bench.client.send_message(replace(SMS, text=text)))
            assert type(error) is api.NotEncodable
        assert not bench.simulator.requests


class TestBodies:
    """The body of an answer counts as much as its headers do."""

    @pytest.mark.parametrize("is_dripping", [False, True])
    async def test_a_slow_body_times_out(self, bench: Bench, is_dripping: bool) -> None:
        """Also one that is never silent for long: the timeout is for the whole exchange."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b'{"success": true')
            while is_dripping:
                await response.write(b" ")
                await asyncio.sleep(0.02)
            await bench.server.stopping.wait()
            return response

        bench.server.handler = answer
        async with asyncio.timeout(10):
            with bench.short_timeout():
                await bench.fails(api.OutcomeUnknown, send(bench.server_client))

    async def test_a_body_without_an_end_is_not_read_to_its_end(self, bench: Bench) -> None:
        written = 0

        async def answer(request: web.Request) -> web.StreamResponse:
            nonlocal written
            response = web.StreamResponse()
            await response.prepare(request)
            while written < 2**26:
                await response.write(bytes(2**16))
                written += 2**16
            return response

        bench.server.handler = answer
        await bench.fails(api.UnexpectedAnswer, send(bench.server_client))
        assert written < 2**26

    async def test_a_body_may_be_as_large_as_the_limit(self, bench: Bench) -> None:
        assert api.transport.MAX_ANSWER_BYTES == 8 * 1024 * 1024
        largest = b"[]".ljust(api.transport.MAX_ANSWER_BYTES)
        await bench.check(poll, (largest, []), (largest + b" ", api.UnexpectedAnswer))

    async def test_a_body_that_is_not_json_or_in_another_compression(self, bench: Bench) -> None:
        """Deep nesting and huge numbers make Python's parser raise more than it documents."""
        for raw in (
            *(b"[" * 200_000, b'{"result": {"error": 0, "id": ' + b"9" * 5000 + b"}}", b"\x00"),
            *(b"{'success': true}", b'{"success": true}}', b'{"success": tr', b"\xff\xfe{\x00}\x00"),
        ):
            for method in ("verify", "poll", "sms"):
                await bench.check(METHODS[method], (raw, api.UnexpectedAnswer))
        for encoding in ("gzip", "deflate", "br", "zstd"):
            bench.server.answer(b'{"success": true}', headers={"Content-Encoding": encoding})
            assert isinstance(await bench.error_of(send(bench.server_client)), api.OutcomeUnknown), encoding

    async def test_another_protocol(self, bench: Bench) -> None:
        raw = b""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(raw)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
            client = bench.client_of(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
            for raw in (b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n\x00: \r\n\r\n", b"\x00" * 20000):
                assert isinstance(await bench.error_of(send(client)), api.OutcomeUnknown), raw[:20]

    async def test_deep_nesting_in_a_field(self, bench: Bench) -> None:
        """As deep as the parser goes: the code that reads the fields must not fail either."""
        for frame, method in (
            *((b'{"error": %b}', "sms"), (b'{"result": %b}', "delete"), (b'{"result": %b}', "poll")),
            (b'{"connected_now": %b, "items": [{"sid": 1}]}', "verify"),
            (b'{"success": true, "rows": [{"phone_number": 1, "duration_sec": %b}]}', "outgoing"),
        ):
            for nested in (b"[" * 60_000 + b"]" * 60_000, b'{"a":' * 60_000 + b"1" + b"}" * 60_000):
                bench.server.answer(frame % nested)
                with suppress(api.SmsMobileApiError):
                    await METHODS[method](bench.server_client)


NAMES: Final = (
    *("result", "success", "error", "note", "message", "detail", "sent", "id", "guid", "deleted"),
    *("sms", "items", "rows", "data", "connected_now", "access_token", "expires_in", "error_description"),
    *("contact_found_on_whatsapp", "status", "number", "phone_number", "date", "call_date_ms", "sid"),
    *("timestamp_unix", "battery", "version", "online", "send_from_mobile", "error_api", "duration_sec"),
)
WORDS: Final = st.sampled_from(
    [KEY, CLIENT_SECRET, TOKEN, SID, NUMBER, TEXT, "0", "1", "no", "invalid_client", "offline", "not_found"]
)
ANSWERS: Final = st.recursive(
    JSON | WORDS,
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=5) | st.lists(inner, max_size=2),
    max_leaves=8,
)


def fake_session(status: int, answer: Any) -> Any:
    """Return a session that answers without a network: for many answers in a short time."""

    @asynccontextmanager
    async def request(_method: str, url: str, **_: Any) -> AsyncIterator[SimpleNamespace]:
        gives_token = url.endswith("/oauth2/token") and status != 400
        body = json.dumps({"access_token": TOKEN} if gives_token else answer).encode()

        async def chunks(_size: int) -> AsyncIterator[bytes]:
            yield body

        content = SimpleNamespace(iter_chunked=chunks)
        yield SimpleNamespace(status=200 if gives_token else status, headers={}, content=content)

    return SimpleNamespace(request=request)


@given(answer=ANSWERS, status=st.sampled_from([200, 200, 200, 400, 401, 403, 404, 429, 500, 503]))
@settings(deadline=None, max_examples=60, database=None, derandomize=True)
def test_any_json_is_an_answer_or_an_error_that_shows_no_secret(answer: Any, status: int) -> None:
    async def call_all() -> None:
        for has_token in (False, True):
            session = fake_session(status, answer)
            for method in METHODS.values():
                credentials = api.ClientCredentials(CLIENT_ID, CLIENT_SECRET) if has_token else API_KEY
                try:
                    await method(api.SmsMobileApiClient(session, credentials, ""))
                except api.SmsMobileApiError as error:
                    assert_no_secret(error, [])

    asyncio.run(call_all())
