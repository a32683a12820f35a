"""When something between us and the service breaks: which error says so, and that none shows a secret.

The error decides what follows (API.md, DESIGN.md's promise 5): NotReachable may be repeated, OutcomeUnknown may not before
the sent log was looked at. An error in the wrong column is a message lost or a message sent twice.
"""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC
import gzip
import json
from pathlib import Path
import socket
import ssl
from typing import Any, Final, Self, override

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smsmobileapi.api import (
    ApiKey,
    Channel,
    ClientCredentials,
    InvalidCredentials,
    NotReachable,
    OutcomeUnknown,
    RateLimited,
    Refused,
    SendRequest,
    SmsMobileApiClient,
    SmsMobileApiError,
    SubscriptionExpired,
    UnexpectedAnswer,
    transport as module,
)
from simulator.faults import KINDS
from tests.conftest import KEY

from .conftest import Bench
from .methods import METHODS, POSTS, poll, send
from .secrecy import CLIENT_ID, CLIENT_SECRET, NUMBER, SID, TEXT, TOKEN, assert_no_secret
from .server import Server
from .test_payload import JSON

type Outcome = type[SmsMobileApiError] | None

LATE: Final = {"seconds": 20}
WRONG_KEY: Final = {"status": 403, "error": "invalid_apikey"}
NO_KEY: Final = {"status": 400, "error": "missing_apikey"}
EXPIRED: Final = {"status": 403, "error": "api_expired"}

# fault, its options → what each method raises, None for nothing.
#        kind           options                           verify               poll                 send
TABLE: Final[list[tuple[str, dict[str, Any], Outcome, Outcome, Outcome]]] = [
    # The service refuses.
    ("status",      {"status": 400},                  Refused,             Refused,             Refused),
    ("status",      NO_KEY,                           InvalidCredentials,  InvalidCredentials,  InvalidCredentials),
    ("status",      {"status": 401},                  InvalidCredentials,  InvalidCredentials,  InvalidCredentials),
    ("status",      {"status": 403},                  InvalidCredentials,  InvalidCredentials,  InvalidCredentials),
    ("status",      WRONG_KEY,                        InvalidCredentials,  InvalidCredentials,  InvalidCredentials),
    ("status",      EXPIRED,                          SubscriptionExpired, SubscriptionExpired, SubscriptionExpired),
    ("status",      {"status": 404},                  Refused,             Refused,             Refused),
    ("status",      {"status": 429},                  RateLimited,         RateLimited,         RateLimited),
    ("status",      {"status": 429, "retry_after": 7}, RateLimited,        RateLimited,         RateLimited),
    # The service is broken. Only 503 says that nothing was done.
    ("status",      {"status": 500},                  OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("status",      {"status": 502},                  OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("status",      {"status": 503},                  NotReachable,        NotReachable,        NotReachable),
    ("status",      {"status": 503, "retry_after": 7}, NotReachable,       NotReachable,        NotReachable),
    ("status",      {"status": 504},                  OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("html",        {"status": 500},                  OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("html",        {"status": 502, "taken": True},   OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("html",        {"status": 503},                  NotReachable,        NotReachable,        NotReachable),
    ("empty",       {"status": 503},                  NotReachable,        NotReachable,        NotReachable),
    ("html",        {"status": 429},                  RateLimited,         RateLimited,         RateLimited),
    # Something answers, but not the service.
    ("html",        {},                               UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("html",        {"taken": True},                  UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("html",        {"status": 403},                  UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("html",        {"status": 404},                  UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("empty",       {},                               UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("empty",       {"status": 404},                  UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("nonsense",    {"body": {}},                     UnexpectedAnswer,    UnexpectedAnswer,    OutcomeUnknown),
    ("nonsense",    {"body": None},                   UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("nonsense",    {"body": "soon"},                 UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("nonsense",    {"body": 7},                      UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("nonsense",    {"body": {}, "status": 201},      UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    # A list, but without a message in it.
    ("nonsense",    {},                               UnexpectedAnswer,    None,                UnexpectedAnswer),
    ("big",         {"mib": 9},                       UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    # An object without a list, whose `success` is true.
    ("big",         {"mib": 1},                       None,                UnexpectedAnswer,    OutcomeUnknown),
    # The connection breaks; it is not known when.
    ("cut",         {},                               OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("drop_before", {},                               OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("drop_after",  {},                               OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("hang_after",  LATE,                             OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("delay",       LATE,                             OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("delay",       {"seconds": 0.01},                None,                None,                None),
]  # fmt: skip # a table
COLUMNS: Final = {"verify": 2, "poll": 3, "sms": 4, "whatsapp": 4}


class TestFaults:
    def test_every_fault_of_the_simulator_is_in_the_table(self) -> None:
        assert {kind for kind, *_ in TABLE} == set(KINDS)

    @pytest.mark.parametrize("method", METHODS)
    async def test_each_fault_has_its_error(self, bench: Bench, method: str) -> None:
        for row in TABLE:
            kind, options, *_ = row
            outcome: Any = row[COLUMNS.get(method, 4)]
            # What is no answer to a send may be one to another request.
            if method not in COLUMNS and (
                kind in ("nonsense", "big") or options == {"status": 404} or not outcome
            ):
                continue
            bench.account.sent.clear()
            bench.simulator.requests.clear()
            bench.simulator.faults.waiting.clear()
            bench.simulator.fault("*", kind, count=9, **options)
            if outcome is None:
                await METHODS[method](bench.client)
                continue
            context: AbstractContextManager[None] = (
                bench.short_timeout() if options is LATE else nullcontext()
            )
            with context:
                error = await bench.error_of(METHODS[method](bench.client))
            assert type(error) is outcome, row
            if isinstance(error, RateLimited):
                assert error.retry_after == options.get("retry_after", 60), row
            # What is reported as not sent will be sent again.
            if not isinstance(error, OutcomeUnknown):
                assert not bench.account.sent, row
            # aiohttp repeats a GET whose connection broke, but a POST must never be repeated.
            if method in POSTS:
                assert len(bench.simulator.requests) == 1, row

    @pytest.mark.parametrize("kind", ["drop_before", "drop_after", "cut", "hang_after"])
    async def test_a_send_over_a_used_connection_is_not_repeated_either(
        self, bench: Bench, kind: str
    ) -> None:
        await send(bench.client)
        bench.simulator.fault("/sendsms/", kind)
        with bench.short_timeout() if kind == "hang_after" else nullcontext():
            await bench.error_of(send(bench.client))
        assert len(bench.simulator.requests) == 2
        assert len(bench.account.sent) == (1 if kind == "drop_before" else 2)

    async def test_the_client_works_after_each_fault(self, bench: Bench) -> None:
        """No connection is left in a state that breaks the next request."""
        for kind in KINDS:
            bench.simulator.fault("/sendsms/", kind)
            with bench.short_timeout() if kind in ("delay", "hang_after") else nullcontext():
                await bench.error_of(send(bench.client))
            assert await send(bench.client)

    async def test_a_redirect_is_not_followed(self, bench: Bench) -> None:
        """The key goes to the service and to no other address."""
        for status in (301, 302, 303, 307, 308):
            bench.server.answer(b"", status=status, headers={"Location": "/elsewhere/"})
            for method in METHODS.values():
                await bench.fails(UnexpectedAnswer, method(bench.server_client), status)
        assert "/elsewhere/" not in bench.server.paths

    async def test_a_cancelled_request_stays_cancelled(self, bench: Bench) -> None:
        """Otherwise Home Assistant would wait for it while it stops."""
        for method in METHODS.values():
            bench.simulator.fault("*", "hang_after")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await method(bench.client)


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
    """A resolver that does not answer."""

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        await asyncio.Event().wait()
        raise AssertionError


class TestNoConnection:
    """The service can't have got the request: NotReachable, so that it may be repeated."""

    async def test_no_connection(self, bench: Bench) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        refused = SmsMobileApiClient(bench.session, ApiKey(KEY), f"http://127.0.0.1:{port}")
        no_tls = SmsMobileApiClient(
            bench.session, ApiKey(KEY), bench.simulator.url.replace("http:", "https:")
        )
        connectors = [aiohttp.TCPConnector(resolver=resolver()) for resolver in (NoSuchHost, SlowHost)]
        async with (
            aiohttp.ClientSession(connector=connectors[0]) as lost,
            aiohttp.ClientSession(connector=connectors[1]) as slow,
        ):
            unknown, late = (
                SmsMobileApiClient(other, ApiKey(KEY), "https://sms.invalid") for other in (lost, slow)
            )
            for name, method in METHODS.items():
                for client in (refused, no_tls, unknown):
                    await bench.fails(NotReachable, method(client), name)
                with bench.short_timeout(connect=0.05):
                    await bench.fails(NotReachable, method(late), name)
        assert not bench.simulator.requests

    async def test_an_untrusted_certificate(self, bench: Bench, certificate: Path) -> None:
        """A man in the middle does not get the key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = Server()
        await server.start(context)
        async with server:
            client = SmsMobileApiClient(bench.session, ApiKey(KEY), server.url)
            for method in METHODS.values():
                await bench.fails(NotReachable, method(client))
        assert not server.seen

    async def test_an_invalid_address(self, bench: Bench) -> None:
        for url in (
            *("", "nonsense", "http://", "http://[::1", "http://127.0.0.1:99999", "http:// example"),
            *("ftp://127.0.0.1:1", "file:///etc", "http://127.0.0.1\r\nHost: x"),
        ):
            client = SmsMobileApiClient(bench.session, ApiKey(KEY), url)
            for method in ("verify", "sms"):
                await bench.fails(NotReachable, METHODS[method](client), url)

    async def test_a_closed_session(self, bench: Bench) -> None:
        """Home Assistant closes its session while it stops."""
        await bench.session.close()
        for method in METHODS.values():
            await bench.fails(NotReachable, method(bench.client))

    async def test_text_that_cannot_be_encoded_is_refused(self, bench: Bench) -> None:
        """Half an emoji, as a template that cuts a text leaves it: nothing was sent, and repeating it does not help."""
        for text in ("\ud83d", f"{TEXT}\udc00"):
            error = await bench.error_of(
                bench.client.send_message(SendRequest(recipient=NUMBER, text=text, channel=Channel.SMS))
            )
            assert type(error) is Refused and "encode" in error.reason
        assert not bench.simulator.requests


class TestBodies:
    """The body of an answer counts as much as its headers do."""

    async def test_a_slow_body_times_out(self, bench: Bench) -> None:
        """Also one that is never silent for long: the timeout is for the whole exchange."""
        is_dripping = False

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
        for is_dripping in (False, True):
            for method in ("poll", "sms"):
                async with asyncio.timeout(10):
                    with bench.short_timeout():
                        error = await bench.error_of(METHODS[method](bench.server_client))
                assert type(error) is OutcomeUnknown, (method, is_dripping)

    @pytest.mark.parametrize("is_compressed", [False, True])
    async def test_a_body_without_an_end_is_not_read_to_its_end(
        self, bench: Bench, is_compressed: bool
    ) -> None:
        """Compressed, 64 MiB are 64 KiB on the network: it is the memory that counts."""
        written = 0
        block = bytes(64 * 1024 * 1024)
        chunks = [gzip.compress(block, 1)] if is_compressed else [bytes(65536)] * 1600

        async def answer(request: web.Request) -> web.StreamResponse:
            nonlocal written
            response = web.StreamResponse(headers={"Content-Encoding": "gzip"} if is_compressed else None)
            await response.prepare(request)
            for chunk in chunks:
                await response.write(chunk)
                written += len(chunk)
            return response

        bench.server.handler = answer
        for method in (poll, send):
            written = 0
            await bench.fails(UnexpectedAnswer, method(bench.server_client))
            assert written < 64 * 1024 * 1024

    async def test_a_body_may_be_as_large_as_the_limit(self, bench: Bench) -> None:
        assert module.MAX_ANSWER_BYTES == 8 * 1024 * 1024
        largest = b"[]".ljust(module.MAX_ANSWER_BYTES)
        bench.server.answer(largest)
        assert await bench.server_client.received_messages(after=None, zone=UTC) == []
        bench.server.answer(largest + b" ")
        await bench.fails(UnexpectedAnswer, poll(bench.server_client))

    async def test_a_body_that_is_not_json(self, bench: Bench) -> None:
        """Deep nesting and huge numbers make Python's parser raise more than it documents."""
        for raw in (
            b"[" * 200_000,
            b'{"a":' * 200_000,
            b'{"result": {"error": 0, "id": ' + b"9" * 5000 + b"}}",
            *(b"{'success': true}", b'{"success": true}}', b'{"success": tr', b"\x00", b"\xff\xfe{\x00}\x00"),
            b"<br />\n<b>Warning</b>: mysqli_connect()\n{}",
        ):
            bench.server.answer(raw)
            for method in ("verify", "poll", "sms"):
                await bench.fails(UnexpectedAnswer, METHODS[method](bench.server_client), (raw[:20], method))

    async def test_a_wrong_compression(self, bench: Bench) -> None:
        for encoding in ("gzip", "deflate", "br", "zstd"):
            bench.server.answer(b'{"success": true}', headers={"Content-Encoding": encoding})
            for method in (poll, send):
                assert isinstance(await bench.error_of(method(bench.server_client)), OutcomeUnknown), encoding

    async def test_another_protocol(self, bench: Bench) -> None:
        raw = b""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(raw)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            client = SmsMobileApiClient(bench.session, ApiKey(KEY), f"http://127.0.0.1:{port}")
            for raw in (b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n\x00: \r\n\r\n", b"\x00" * 20000):
                for method in (poll, send):
                    assert isinstance(await bench.error_of(method(client)), OutcomeUnknown), raw[:20]

    @pytest.mark.parametrize(
        "frame",
        [
            b'{"error": %b}',
            b'{"result": %b}',
            b'{"success": true, "items": %b}',
            b'{"connected_now": %b, "items": [{"sid": 1}]}',
            b'{"success": true, "rows": [{"number": 1, "duration_sec": %b}]}',
        ],
    )
    async def test_deep_nesting_in_a_field(self, bench: Bench, frame: bytes) -> None:
        """As deep as the parser goes: the code that reads the fields must not fail either."""
        for nested in (b"[" * 60_000 + b"]" * 60_000, b'{"a":' * 60_000 + b"1" + b"}" * 60_000):
            bench.server.answer(frame % nested)
            for method in METHODS.values():
                try:
                    await method(bench.server_client)
                except SmsMobileApiError:
                    continue


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


class FakeSession:
    """A session that answers without a network: for many answers in a short time."""

    def __init__(self, status: int, body: bytes, *, token: str | None) -> None:
        self.headers: dict[str, str] = {}
        self._answer = status, body
        self._token = token
        self.status = 0
        self._body = b""

    def request(self, _method: str, url: str, **_: Any) -> FakeSession:
        """Return the response."""
        self.status, self._body = self._answer
        if self._token and url.endswith("/oauth2/token"):
            self.status, self._body = 200, json.dumps({"access_token": self._token}).encode()
        return self

    @property
    def content(self) -> FakeSession:
        """The body."""
        return self

    async def iter_chunked(self, _size: int) -> Any:
        """Iterate over the body."""
        yield self._body

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close nothing."""


@pytest.mark.parametrize("has_token", [False, True])
@given(answer=ANSWERS, status=st.sampled_from([200, 200, 200, 400, 401, 403, 404, 429, 500, 503]))
@settings(deadline=None, max_examples=200, database=None, derandomize=True)
def test_any_json_is_an_answer_or_an_error_that_shows_no_secret(
    has_token: bool, answer: Any, status: int
) -> None:
    session: Any = FakeSession(
        status, json.dumps(answer).encode(), token=TOKEN if has_token and status != 400 else None
    )

    async def call_all() -> None:
        for method in METHODS.values():
            credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET) if has_token else ApiKey(KEY)
            try:
                await method(SmsMobileApiClient(session, credentials, ""))
            except SmsMobileApiError as error:
                assert_no_secret(error, [])

    asyncio.run(call_all())
