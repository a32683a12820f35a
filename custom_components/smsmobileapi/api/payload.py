"""What the service sends to the webhook: the messages and events in the body of a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from hashlib import blake2b
import json
from typing import Any, Final

from .calls import Call
from .errors import InvalidPayload
from .models import ReceivedMessage, Source
from .parsing import id_of, parse_time, text_of
from .sending import StatusReport

_MESSAGES: Final = {"sms.received", "whatsapp.received", "whatsapp.voice.transcribed"}
_CALLS: Final = {"call.missed", "call.incoming", "call.outgoing"}
_REPORTS: Final = {"sms.sent", "sms.mobile.sent", "sms.failed", "whatsapp.sent", "whatsapp.failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """A V2 event; `content` is None for a type that we don't use, and for a call of which nothing is known."""

    event_id: str
    content: ReceivedMessage | Call | StatusReport | None


def parse_body(body: bytes, *, zone: tzinfo, arrived: datetime) -> ReceivedMessage | WebhookEvent:
    """Read the body of a webhook request: a V1 message, or a V2 event, which has `type` and `data` (D).

    A body that is not UTF-8 is read as Windows-1252. `zone` is the zone of V1's times, which have none; `arrived` (UTC) is used
    where no time can be read. Raises InvalidPayload.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("cp1252", errors="replace")
    try:
        row = json.loads(text)
    except ValueError, RecursionError:
        raise InvalidPayload("not JSON") from None
    if isinstance(row, Mapping) and "type" in row and "data" in row:
        return _event(row, body, arrived=arrived)
    return ReceivedMessage.from_api(row, source=Source.WEBHOOK, zone=zone, arrived=arrived)


def _event(row: Mapping[str, Any], body: bytes, *, arrived: datetime) -> WebhookEvent:
    """Read a V2 event. What is missing in its data is empty; a missing time or id is replaced by that of the event (D)."""
    kind, data = text_of(row, "type"), row["data"]
    if not kind or not text_of(row, "id") or not isinstance(data, Mapping):
        raise InvalidPayload("no event")
    # 0 or null, which many may share, is none: then a redelivery is known by its body.
    event_id = id_of(row, "id") or blake2b(body, digest_size=16).hexdigest()
    occurred = parse_time(row.get("occurred_at"), UTC) or arrived
    posted_at = parse_time(row.get("created_at"), UTC) or arrived
    content: ReceivedMessage | Call | StatusReport | None = None
    if kind in _MESSAGES:
        content = ReceivedMessage.from_event(
            kind, data, event_id=event_id, occurred=occurred, posted_at=posted_at
        )
    elif kind in _CALLS and text_of(data, "guid", "number", "name", "call_at"):
        content = Call.from_event(kind, data, event_id=event_id, occurred=occurred)
    elif kind in _REPORTS:
        content = StatusReport.from_event(kind, data, event_id=event_id)
    return WebhookEvent(event_id=event_id, content=content)
