"""Reading the body of a webhook request."""

import asyncio
from typing import Final

from aiohttp import ClientPayloadError
from aiohttp.http import HttpProcessingError
from aiohttp.web import Request, RequestPayloadError

# A WhatsApp message has up to 65,536 characters, each of which JSON may write in six or twelve bytes.
MAX_BODY_BYTES: Final = 512 * 1024
READ_SECONDS: Final = 30


class BodyTooLarge(Exception):
    """The body is longer than any message of the service."""


class BodyIncomplete(Exception):
    """The body can't be decoded, or the connection ended before it did."""


async def read_body(request: Request) -> bytes:
    """Return the body. Raises BodyTooLarge, BodyIncomplete, and TimeoutError for one that takes longer than 30 s.

    Through a cloudhook the request is a MockRequest with only a part of the interface.
    """
    # Read once: each access to `content` of a MockRequest makes a new stream.
    stream = request.content
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            while chunk := await stream.read(MAX_BODY_BYTES + 1 - len(body)):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise BodyTooLarge
    except (RequestPayloadError, ClientPayloadError, HttpProcessingError, ConnectionError) as err:
        # Otherwise the server reads on after the answer, and logs the error with its traceback.
        stream.feed_eof()
        raise BodyIncomplete(type(err).__name__) from None
    return bytes(body)
