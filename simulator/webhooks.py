"""The service calls its user: webhooks V1 (plain) and V2 (signed)."""

import hashlib
import hmac
import json
import time
from types import EllipsisType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp

from .account import Account
from .dresses import dress_number, time_fields, utc_z
from .records import Call, ReceivedSms, SentMessage, WhatsAppMessage

TIMEOUT = aiohttp.ClientTimeout(total=10)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the V2 signature: HMAC-SHA256 over the timestamp as written, a dot and the raw body."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"v1={digest}"


def v1_body(account: Account, row: ReceivedSms) -> dict[str, Any]:
    """Return the body of V1 for a received SMS."""
    times = time_fields(account.time_dress, row.timestamp, account.time_zone)
    times.pop("timestamp_unix", None)
    return {
        **times,
        "message": row.message,
        "number": dress_number(account.number_dress, row.number),
        "guid": row.guid,
    }


def sms_data(row: ReceivedSms) -> dict[str, Any]:
    """Return the data of V2's `sms.received`."""
    return {
        "guid": row.guid,
        "from": row.number,
        "message": row.message,
        "received_at": utc_z(row.timestamp),
        "alias": None,
        "device_id": row.sid,
    }


def call_data(call: Call) -> dict[str, Any]:
    """Return the data of V2's `call.*`."""
    return {
        "guid": call.guid,
        "number": call.number,
        "name": call.name,
        "duration_seconds": call.duration,
        "device_id": call.sid,
        "call_at": utc_z(call.at),
    }


def whatsapp_data(row: WhatsAppMessage) -> dict[str, Any]:
    """Return the data of V2's `whatsapp.received`."""
    return {
        "guid": row.guid,
        "data_id": row.guid,
        "from": row.number,
        "contact_name": row.contact_name,
        "message": row.message,
        "is_voice_message": False,
        "received_at": utc_z(row.timestamp),
    }


def report_data(sent: SentMessage) -> dict[str, Any]:
    """Return the data of V2's status types, as `sms.sent`, `sms.failed` and WhatsApp's."""
    return {
        "guid": sent.guid,
        "recipient": sent.recipient,
        "error": sent.error or sent.error_api or None,
    }


def target(account: Account) -> str:
    """Return where webhooks go; raises ValueError unless that is an address of this machine."""
    if not account.webhook_url:
        raise ValueError("the account has no webhook_url")
    if urlsplit(account.webhook_url).hostname not in LOOPBACK:
        raise ValueError("webhooks go to this machine only: use 127.0.0.1")
    return account.webhook_url


async def deliver_v1(account: Account, row: ReceivedSms) -> int:
    """Post V1; return the HTTP status, 0 where nobody answered within 10 s."""
    return await _post(account, json.dumps(v1_body(account, row)).encode(), {})


async def deliver_v2(
    account: Account,
    event_type: str,
    data: dict[str, Any],
    *,
    event_id: str | None = None,
    secret: str | EllipsisType | None = ...,
    timestamp: float | None = None,
) -> int:
    """Post V2; return the HTTP status, 0 where nobody answered within 10 s.

    `secret` signs in place of the account's, None leaves the signature out; `timestamp` (Unix seconds) is the
    time of delivery that is signed.
    """
    now = utc_z(time.time())
    event_id = event_id or str(uuid4())
    event = {
        "id": event_id,
        "type": event_type,
        "api_version": "2026-09-22",
        "created_at": now,
        "occurred_at": now,
        "data": data,
    }
    body = json.dumps(event).encode()
    stamp = str(int(time.time() if timestamp is None else timestamp))
    headers = {
        "X-SMSMobileAPI-Event": event_type,
        "X-SMSMobileAPI-Event-ID": event_id,
        "X-SMSMobileAPI-Timestamp": stamp,
        "Idempotency-Key": event_id,
    }
    key = account.webhook_secret if isinstance(secret, EllipsisType) else secret
    if key is not None:
        headers["X-SMSMobileAPI-Signature"] = signature(key, stamp, body)
    return await _post(account, body, headers)


async def _post(account: Account, body: bytes, headers: dict[str, str]) -> int:
    url = target(account)
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.post(
                url,
                data=body,
                headers={"Content-Type": "application/json", **headers},
                allow_redirects=False,
            ) as answer,
        ):
            return answer.status
    except aiohttp.ClientError, TimeoutError:
        return 0
