"""What the service posts: bodies of webhook requests and their signatures, as API.md has them."""

from hashlib import sha256
import json
import time
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.core import Event, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry

from ..conftest import settle

ANNA = "+36301234567"
BEN = "+36207654321"
SECRET = "whsec-Zp3ö-0123456789"
LIMITS = {"messages_per_minute": 20, "messages_per_day": 200}

type Events = list[Event[dict[str, Any]]]
type Client = TestClient[Any, Any]

MESSAGE_FIELDS = {
    "config_entry_id", "message_id", "channel", "sender", "sender_name", "contact", "contact_id", "message",
    "received_at", "phone", "voice", "source", "data_id", "duration", "trust", "sender_raw", "age",
}  # fmt: skip
CALL_FIELDS = {
    "config_entry_id", "direction", "number", "name", "contact", "duration", "started_at", "phone", "trust",
}  # fmt: skip


def v1(text: str, guid: str | None = None, number: str = ANNA, at: float | None = None) -> dict[str, Any]:
    """Return the body of a V1 request; `at` is in Unix seconds."""
    at = time.time() if at is None else at
    return {"number": number, "message": text, "guid": guid or text, "time_received": str(int(at))}


def event(kind: object, data: object, event_id: object = "8e9a1207-e3a4-4550-a4af-3dad6cff5108") -> bytes:
    """Return the body of a V2 request."""
    return json.dumps(
        {
            "id": event_id,
            "type": kind,
            "api_version": "2026-09-22",
            "created_at": "2026-09-23T12:00:01Z",
            "occurred_at": "2026-09-23T12:00:00Z",
            "data": data,
        }
    ).encode()


def sms(text: str = "hi", guid: str = "g1", **changed: object) -> dict[str, Any]:
    """Return the data of `sms.received`."""
    return {
        "guid": guid,
        "from": ANNA,
        "message": text,
        "received_at": "2026-09-23T12:00:00Z",
        "alias": "Anna on the phone",
        "device_id": "phone-1",
        **changed,
    }


def whatsapp(text: object = "hi", guid: str = "w1", **changed: object) -> dict[str, Any]:
    """Return the data of `whatsapp.received`."""
    return {
        "guid": guid,
        "data_id": "d-1",
        "from": "36301234567",
        "contact_name": "Anna",
        "message": text,
        "is_voice_message": False,
        "received_at": "2026-09-23T12:00:00Z",
        **changed,
    }


def whatsapp_event(text: str) -> bytes:
    """Return the body of a WhatsApp message that has its text as id: no poll brings it."""
    return event("whatsapp.received", whatsapp(text, f"w{text}", received_at=""), f"e{text}")


def transcript(text: object, guid: str = "w1", **changed: object) -> dict[str, Any]:
    """Return the data of `whatsapp.voice.transcribed`."""
    data = whatsapp(guid=guid, transcript=text, duration_seconds=7, is_voice_message=True, **changed)
    del data["message"]
    return data


def call(guid: str | None = "c1", **changed: object) -> dict[str, Any]:
    """Return the data of `call.missed`, `call.incoming` or `call.outgoing`."""
    return {
        "guid": guid,
        "number": ANNA,
        "name": "Anna",
        "duration_seconds": 65,
        "device_id": "phone-1",
        "call_at": "2026-09-23T12:00:00Z",
        **changed,
    }


def sign(secret: str, stamp: str, body: bytes) -> str:
    """Return the signature, by the letter of RFC 2104."""
    key = secret.encode()
    key = (sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    message = stamp.encode("utf-8", "surrogateescape") + b"." + body
    inner = sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return "v1=" + sha256(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()


def signed(body: bytes, secret: str = SECRET, stamp: str | None = None) -> dict[str, str]:
    """Return the headers of a signed request."""
    stamp = str(int(time.time())) if stamp is None else stamp
    return {"X-SMSMobileAPI-Timestamp": stamp, "X-SMSMobileAPI-Signature": sign(secret, stamp, body)}


async def post(client: Client, path: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    """Post a body, signed unless other headers are given; return the status of the answer."""
    headers = {"Content-Type": "application/json", **(signed(body) if headers is None else headers)}
    async with client.post(path, data=body, headers=headers) as response:
        return response.status


async def set_secret(home: HomeAssistant, account: SmsMobileApiConfigEntry, secret: str) -> None:
    """Set the signing secret as a user does; an empty one removes it."""
    flow = await home.config_entries.options.async_init(account.entry_id)
    flow = await home.config_entries.options.async_configure(
        flow["flow_id"], LIMITS | ({"signing_secret": secret} if secret else {})
    )
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)
