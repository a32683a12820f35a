"""The events of webhook V2: their types, and the `data` object of each."""

import time
from typing import Any

from .account import Account
from .formats import utc_z
from .records import Call, Direction, ReceivedSms, SentMessage, TypedSms, WhatsAppMessage, new_guid

type Data = dict[str, Any]

EVENT_TYPES = (
    "sms.api.submitted",
    "sms.sent",
    "sms.failed",
    "sms.received",
    "sms.mobile.sent",
    "call.missed",
    "call.incoming",
    "call.outgoing",
    "whatsapp.submitted",
    "whatsapp.sent",
    "whatsapp.failed",
    "whatsapp.received",
    "whatsapp.voice.transcribed",
    "email.sent",
    "email.received",
)

_EXAMPLE_NUMBER = "+36301234567"


def sms_data(row: ReceivedSms) -> Data:
    """Return the data of `sms.received`."""
    return {
        "guid": row.guid,
        "from": row.number,
        "message": row.message,
        "received_at": utc_z(row.timestamp),
        "alias": None,
        "device_id": row.sid,
    }


def typed_data(row: TypedSms) -> Data:
    """Return the data of `sms.mobile.sent`, an SMS that a person typed on the phone."""
    return {
        "guid": row.guid,
        "recipient": row.number,
        "message": row.message,
        "sent_at": utc_z(row.timestamp),
        "device_id": row.sid,
    }


def call_data(call: Call) -> Data:
    """Return the data of `call.missed`, `call.incoming` and `call.outgoing`."""
    return {
        "guid": call.guid,
        "number": call.number,
        "name": call.name,
        "duration_seconds": call.duration,
        "device_id": call.sid,
        "call_at": utc_z(call.at),
    }


def whatsapp_data(row: WhatsAppMessage) -> Data:
    """Return the data of `whatsapp.received`; a voice message has an empty text."""
    is_voice = row.voice_seconds is not None
    return {
        "guid": row.guid,
        "data_id": row.guid,
        "from": row.number,
        "contact_name": row.contact_name,
        "message": "" if is_voice else row.message,
        "is_voice_message": is_voice,
        "received_at": utc_z(row.timestamp),
    }


def voice_data(row: WhatsAppMessage) -> Data:
    """Return the data of `whatsapp.voice.transcribed`, which has no time of its own."""
    return {
        "guid": row.guid,
        "data_id": row.guid,
        "from": row.number,
        "contact_name": row.contact_name,
        "transcript": row.message,
        "duration_seconds": row.voice_seconds,
        "is_voice_message": True,
    }


def report_data(sent: SentMessage) -> Data:
    """Return the data of the types that end in `.submitted`, `.sent` and `.failed`."""
    return {"guid": sent.guid, "recipient": sent.recipient, "error": sent.error or sent.error_api or None}


def example_data(account: Account, event_type: str) -> Data:
    """Return data with example values for an event type; {} for a type that is not in `EVENT_TYPES`."""
    guid, number, now = new_guid(), _EXAMPLE_NUMBER, time.time()
    sid = account.phones[0].sid if account.phones else None
    directions: dict[str, Direction] = {
        "call.missed": "missed",
        "call.incoming": "incoming",
        "call.outgoing": "outgoing",
    }
    match event_type:
        case "sms.received":
            return sms_data(
                ReceivedSms(guid=guid, number=number, message="Hello", timestamp=now, row_id=1, sid=sid)
            )
        case "sms.mobile.sent":
            return typed_data(TypedSms(guid=guid, number=number, message="Hello", timestamp=now, sid=sid))
        case "whatsapp.received":
            return whatsapp_data(
                WhatsAppMessage(guid=guid, number=number[1:], message="Hello", timestamp=now)
            )
        case "whatsapp.voice.transcribed":
            return voice_data(
                WhatsAppMessage(guid=guid, number=number[1:], message="Hello", timestamp=now, voice_seconds=3)
            )
        case "email.sent" | "email.received":
            return {"guid": guid, "from": "anna@example.com", "to": "bela@example.com", "subject": "Hello"}
        case _ if event_type in directions:
            return call_data(
                Call(
                    direction=directions[event_type],
                    number=number,
                    name="Anna",
                    at=now,
                    duration=0 if event_type == "call.missed" else 61,
                    visible_at=now,
                    guid=guid,
                    sid=sid,
                )
            )
        case _ if event_type in EVENT_TYPES:
            error = "NO_SERVICE" if event_type.endswith(".failed") else None
            return {"guid": guid, "recipient": number, "error": error}
        case _:
            return {}
