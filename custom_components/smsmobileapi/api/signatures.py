"""The signature of a webhook request: whether the service signed it, and what is wrong where it did not."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
import hashlib
import hmac
import json
from typing import Final

from .errors import InvalidSignature, SignatureFault
from .parsing import text_of

SIGNATURE_HEADER: Final = "X-SMSMobileAPI-Signature"
# Made with the next secret, while a secret is being rotated.
NEXT_SIGNATURE_HEADER: Final = "X-SMSMobileAPI-Signature-Next"
TIMESTAMP_HEADER: Final = "X-SMSMobileAPI-Timestamp"
EVENT_HEADER: Final = "X-SMSMobileAPI-Event"
EVENT_ID_HEADER: Final = "X-SMSMobileAPI-Event-ID"
MAX_CLOCK_DIFFERENCE: Final = timedelta(seconds=300)

# Writing a longer body in other ways takes too long in the event loop.
_REWRITTEN_AT_MOST: Final = 16 * 1024


def is_signed(headers: Mapping[str, str]) -> bool:
    """Return whether a request has a signature, right or wrong."""
    return SIGNATURE_HEADER in headers or NEXT_SIGNATURE_HEADER in headers


def verify_signature(secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
    """Raise InvalidSignature unless the service signed exactly this body, less than 300 s before or after `now` (D).

    Of the two signatures that a request may have, either proves it (D).
    """
    if not is_signed(headers):
        raise InvalidSignature(SignatureFault.UNSIGNED)
    if not _fits(secret, headers, body):
        raise InvalidSignature(_fault(secret, headers, body))
    stamp = headers[TIMESTAMP_HEADER]
    is_time = stamp.isascii() and stamp.isdigit() and len(stamp) < 12
    if not is_time or abs(int(stamp) - now.timestamp()) > MAX_CLOCK_DIFFERENCE.total_seconds():
        raise InvalidSignature(SignatureFault.CLOCK)


def _fits(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether one of the signatures holds for this body."""
    if TIMESTAMP_HEADER not in headers:
        return False
    signed = _bytes(headers[TIMESTAMP_HEADER]) + b"." + body
    expected = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    signatures = (headers.get(name, "") for name in (SIGNATURE_HEADER, NEXT_SIGNATURE_HEADER))
    return any(hmac.compare_digest(_bytes(signature), expected.encode()) for signature in signatures)


def _fault(secret: str, headers: Mapping[str, str], body: bytes) -> SignatureFault:
    """Return why the signatures do not hold: a proxy changed the request where there is a trace of that, else the secret."""
    try:
        row = json.loads(body)
    except ValueError, RecursionError:
        return SignatureFault.CHANGED
    if TIMESTAMP_HEADER not in headers or not isinstance(row, Mapping):
        return SignatureFault.CHANGED
    # The headers repeat the event's id and type.
    for header, name in ((EVENT_ID_HEADER, "id"), (EVENT_HEADER, "type")):
        if header in headers and headers[header] != text_of(row, name):
            return SignatureFault.CHANGED
    if len(body) <= _REWRITTEN_AT_MOST and any(_fits(secret, headers, other) for other in _rewritten(row)):
        return SignatureFault.CHANGED
    return SignatureFault.SECRET


def _rewritten(row: object) -> Iterator[bytes]:
    """Return the bodies that mean the same: a proxy that parses JSON and writes it again changes only its form."""
    for separators in ((",", ":"), (", ", ": ")):
        for ensure_ascii in (True, False):
            text = json.dumps(row, separators=separators, ensure_ascii=ensure_ascii)
            for written in (text, text.replace("/", "\\/")):
                yield _bytes(written)
                yield _bytes(written + "\n")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
