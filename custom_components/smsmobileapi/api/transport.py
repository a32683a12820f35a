"""One HTTP request and its answer: the only module that sees aiohttp's errors."""

from collections.abc import Mapping
from http import HTTPStatus
import json
from typing import Any, Final

import aiohttp

from .errors import NotEncodable, NotReachable, OutcomeUnknown, Refused, SmsMobileApiError, UnexpectedAnswer
from .parsing import list_of
from .refusals import check_refusal, redact_reason

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024


async def make_request(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    fields: Mapping[str, str],
    *,
    headers: Mapping[str, str],
    timeout: aiohttp.ClientTimeout,
    secrets: Mapping[str, str],
    list_name: str | None = None,
) -> Any:
    """Make a request with its fields in the form (POST) or the query (GET); return the JSON of an answer that is no refusal.

    `secrets` are further values that no error may show. With `list_name`, an answer that has this list is no refusal,
    unless its error is one that `check_refusal` knows (S). Raises the children of SmsMobileApiError.
    """
    is_post = method == "POST"
    try:
        async with session.request(
            method,
            url,
            timeout=timeout,
            # Following a redirect would send the key to another server.
            allow_redirects=False,
            headers=headers,
            data=fields if is_post else None,
            params=None if is_post else fields,
        ) as response:
            body = await _read(response)
    except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as err:
        failure = _error_for(err)
    else:
        return _content(response, body, {**fields, **secrets}, list_name)
    # Raised outside of the handler: aiohttp's error, whose URL has the key in it, must not become its context.
    raise failure


def _content(
    response: aiohttp.ClientResponse, body: bytes, sent: Mapping[str, str], list_name: str | None
) -> Any:
    answer = _parse(body)
    has_list = list_name is not None and list_of(answer, list_name) is not None
    failure: SmsMobileApiError
    try:
        check_refusal(response.status, response.headers, answer, accepts_errors=has_list)
    except Refused as refusal:
        failure = type(refusal)(redact_reason(refusal.reason, sent))
    else:
        if response.status == HTTPStatus.OK and answer is not None:
            return answer
        failure = UnexpectedAnswer(f"HTTP {response.status}, {len(body)} bytes that are not the service's")
    # Raised outside of the handler, too: the reason before it was redacted must not become its context.
    raise failure


def _error_for(err: Exception) -> SmsMobileApiError:
    """Return our error for one of aiohttp or Python: it says whether the service can have accepted the request."""
    name = type(err).__name__
    match err:
        case UnicodeError() if not isinstance(err, UnicodeDecodeError):
            return NotEncodable()
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return NotReachable(name)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return NotReachable(name)
        case RuntimeError():
            # The session was closed: Home Assistant is stopping.
            return NotReachable(name)
        case _:
            return OutcomeUnknown(name)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read the body; of one that is too large, only the beginning."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            response.close()
            break
    return bytes(body)


def _parse(body: bytes) -> Any:
    """Return the body's JSON, None where it is not JSON or too large. Bytes that are not UTF-8 are replaced."""
    if len(body) > MAX_ANSWER_BYTES:
        return None
    try:
        return json.loads(body.decode("utf-8-sig", errors="replace"))
    except ValueError, RecursionError:
        return None
