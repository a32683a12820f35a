"""One request and its answer over HTTP: the only place that sees aiohttp's errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
import json
from typing import Any, Final

import aiohttp

from .errors import NotReachable, OutcomeUnknown, Refused, SmsMobileApiError, UnexpectedAnswer
from .reasons import without_private_things
from .refusals import check_refusal

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer whose body was read, as far as that is bearable."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def content(self, private: Mapping[str, str]) -> Any:
        """Return the JSON, once it is clear that the service did not refuse the request.

        Raises what the refusal means, without the private things of the request in its reason, or UnexpectedAnswer.
        """
        content = _json(self.body)
        try:
            check_refusal(self.status, self.headers, content)
        except Refused as refusal:
            failure = type(refusal)(without_private_things(refusal.reason, private))
        else:
            if self.status == HTTPStatus.OK and content is not None:
                return content
            raise UnexpectedAnswer(f"HTTP {self.status}, {len(self.body)} bytes that are not the service's")
        raise failure


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    fields: Mapping[str, str],
    *,
    headers: Mapping[str, str],
    timeout: aiohttp.ClientTimeout,
) -> Answer:
    """Make a request. Raises NotReachable where it was not taken, OutcomeUnknown where it may have been."""
    is_post = method == "POST"
    try:
        async with session.request(
            method,
            url,
            timeout=timeout,
            # A redirect would take the key somewhere else.
            allow_redirects=False,
            headers=headers,
            data=fields if is_post else None,
            params=None if is_post else fields,
        ) as response:
            body = await _read_all(response)
            return Answer(status=response.status, headers=response.headers, body=body)
    except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as err:
        failure = _failure(err)
    # Raised out here so that aiohttp's error, which shows the URL and the key in it, is not its context.
    raise failure


def _failure(err: Exception) -> SmsMobileApiError:
    """Tell from the error whether the service can have taken the request."""
    name = type(err).__name__
    match err:
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return NotReachable(name)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | UnicodeEncodeError():
            return NotReachable(name)
        case RuntimeError():
            # The session was closed: Home Assistant is going down.
            return NotReachable(name)
        case _:
            return OutcomeUnknown(name)


async def _read_all(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            response.close()
            break
    return bytes(body)


def _json(body: bytes) -> Any:
    """Return the body's JSON, or None: one bad byte in one text is no reason to lose the others."""
    if len(body) > MAX_ANSWER_BYTES:
        return None
    try:
        return json.loads(body.decode("utf-8-sig", errors="replace"))
    except ValueError, RecursionError:
        return None
