"""Webhook requests V1 (unsigned) and V2 (signed): building and posting one."""

from collections.abc import Collection
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
from .formats import format_number, time_fields, utc_z
from .records import ReceivedSms, WebhookEvent

TIMEOUT = aiohttp.ClientTimeout(total=10)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the V2 signature: HMAC-SHA256 of the timestamp as written, a dot and the raw body."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"v1={digest}"


def webhook_url(account: Account) -> str:
    """Return the account's webhook URL; raises ValueError where it is missing or not on this machine."""
    if not account.webhook_url:
        raise ValueError("the account has no webhook_url")
    if urlsplit(account.webhook_url).hostname not in LOOPBACK:
        raise ValueError("webhook_url must be on this machine: use 127.0.0.1")
    return account.webhook_url


def v1_body(account: Account, row: ReceivedSms) -> dict[str, Any]:
    """Return the JSON object of V1 for a received SMS."""
    times = time_fields(account.time_format, row.timestamp, account.time_zone)
    times.pop("timestamp_unix", None)
    return {
        **times,
        "message": row.message,
        "number": format_number(account.number_format, row.number),
        "guid": row.guid,
    }


def v2_event(
    event_type: str, data: dict[str, Any], event_id: str | None = None, omit: Collection[str] = ()
) -> WebhookEvent:
    """Return a V2 event that occurs now.

    `omit` names the fields to leave out: `occurred_at` is one of the event, `data.from` one of its data.
    """
    now = utc_z(time.time())
    event_id = event_id or str(uuid4())
    body = {
        "id": event_id,
        "type": event_type,
        "api_version": "2026-09-22",
        "created_at": now,
        "occurred_at": now,
        "data": {name: value for name, value in data.items() if f"data.{name}" not in omit},
    }
    return WebhookEvent(
        event_id=event_id,
        type=event_type,
        body={name: value for name, value in body.items() if name not in omit},
    )


async def post_v1(account: Account, row: ReceivedSms) -> int:
    """Post V1; return the HTTP status, 0 for no answer within 10 s."""
    return await _post(account, json.dumps(v1_body(account, row)).encode(), {})


async def post_v2(
    account: Account,
    event: WebhookEvent,
    secret: str | EllipsisType | None = ...,
    timestamp: float | None = None,
) -> int:
    """Post V2; return the HTTP status, 0 for no answer within 10 s.

    `secret` replaces the account's secret, None leaves the signature out. `timestamp` (Unix seconds) is the signed
    time, by default now.
    """
    body = json.dumps(event.body).encode()
    stamp = str(int(time.time() if timestamp is None else timestamp))
    headers = {
        "X-SMSMobileAPI-Event": event.type,
        "X-SMSMobileAPI-Event-ID": event.event_id,
        "X-SMSMobileAPI-Delivery": str(uuid4()),
        "X-SMSMobileAPI-Timestamp": stamp,
        "Idempotency-Key": event.event_id,
    }
    key = account.webhook_secret if isinstance(secret, EllipsisType) else secret
    if key is not None:
        headers["X-SMSMobileAPI-Signature"] = signature(key, stamp, body)
        if account.next_webhook_secret is not None:
            headers["X-SMSMobileAPI-Signature-Next"] = signature(account.next_webhook_secret, stamp, body)
    return await _post(account, body, headers)


async def _post(account: Account, body: bytes, headers: dict[str, str]) -> int:
    url = webhook_url(account)
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
