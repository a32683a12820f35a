"""The service calls us: read what it brings."""

from datetime import datetime, tzinfo
import json

from .models import NotAMessage, ReceivedMessage, Source


def parse_v1(body: bytes, *, zone: tzinfo, arrived: datetime) -> ReceivedMessage:
    """Read the body of a V1 webhook (API.md, D): unsigned JSON, one received SMS.

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
    return ReceivedMessage.from_api(row, source=Source.WEBHOOK, zone=zone, arrived=arrived)
