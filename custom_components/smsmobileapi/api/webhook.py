"""The service calls us: tell whether it really is the service, and read what it brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
import hashlib
import hmac
import json
from typing import Any, Final

from .calls import Call
from .models import NotAMessage, ReceivedMessage, Source
from .rows import text_of
from .sending import StatusReport
from .times import parse_time

SIGNATURE_HEADER: Final = "X-SMSMobileAPI-Signature"
TIMESTAMP_HEADER: Final = "X-SMSMobileAPI-Timestamp"
MAX_CLOCK_DIFFERENCE: Final = timedelta(seconds=300)

_MESSAGES: Final = {"sms.received", "whatsapp.received", "whatsapp.voice.transcribed"}
_CALLS: Final = {"call.missed", "call.incoming", "call.outgoing"}
_REPORTS: Final = {"sms.sent", "sms.mobile.sent", "sms.failed", "whatsapp.sent", "whatsapp.failed"}


class NotSigned(Exception):
    """The signature is missing, wrong or stale: this may be anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """A V2 event; `content` is None for a type that we don't use."""

    event_id: str
    content: ReceivedMessage | Call | StatusReport | None


def verify_signature(secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
    """Raise NotSigned unless the service signed exactly this body, less than 300 s ago (API.md, D)."""
    stamp = headers.get(TIMESTAMP_HEADER, "")
    signature = headers.get(SIGNATURE_HEADER, "")
    signed = stamp.encode("utf-8", "surrogatepass") + b"." + body
    expected = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), expected.encode()):
        raise NotSigned("signature")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise NotSigned("timestamp")
    if abs(int(stamp) - now.timestamp()) > MAX_CLOCK_DIFFERENCE.total_seconds():
        raise NotSigned("stale")


def parse_body(body: bytes, *, zone: tzinfo, arrived: datetime) -> ReceivedMessage | WebhookEvent:
    """Read what the webhook was called with: a V1 message, or a V2 event, which has a type and data (API.md, D).

    A body that is not UTF-8 is read as Windows-1252, which is what Latin-1 senders mean. Raises NotAMessage.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("cp1252", errors="replace")
    try:
        row = json.loads(text)
    except ValueError, RecursionError:
        raise NotAMessage("not JSON") from None
    if isinstance(row, Mapping) and "type" in row and "data" in row:
        return _event(row, zone=zone, arrived=arrived)
    return ReceivedMessage.from_api(row, source=Source.WEBHOOK, zone=zone, arrived=arrived)


def _event(row: Mapping[str, Any], *, zone: tzinfo, arrived: datetime) -> WebhookEvent:
    kind, data, event_id = text_of(row, "type"), row["data"], text_of(row, "id")
    if not kind or not event_id or not isinstance(data, Mapping):
        raise NotAMessage("no event")
    zone = _zone_of(row, data, zone)
    content: ReceivedMessage | Call | StatusReport | None = None
    if kind in _MESSAGES:
        content = ReceivedMessage.from_event(kind, data, zone=zone, arrived=arrived)
    elif kind in _CALLS:
        content = Call.from_event(kind, data, zone=zone, arrived=arrived)
    elif kind in _REPORTS:
        content = StatusReport.from_event(kind, data)
    return WebhookEvent(event_id=event_id, content=content)


def _zone_of(row: Mapping[str, Any], data: Mapping[str, Any], zone: tzinfo) -> tzinfo:
    """Return the zone of the data's times that have none.

    They were seen to be UTC (S) and may be local (G): whichever is nearer to when the event occurred, which has a zone (D).
    """
    occurred = parse_time(row.get("occurred_at"), UTC)
    for name in ("received_at", "call_at"):
        local, utc = parse_time(data.get(name), zone), parse_time(data.get(name), UTC)
        if occurred and local and utc and abs(utc - occurred) < abs(local - occurred):
            return UTC
    return zone
