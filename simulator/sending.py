"""Sending: the form of `/sendsms/`, sending again, and the log of what was sent."""

import re
import time
from typing import Any
from urllib.parse import urlsplit

from .account import Account
from .dresses import Json, bare_number, dress_number, error_value, local_iso, naive, utc_z
from .records import Channel, Fields, Phone, SentMessage, new_guid
from .refusals import Refusal, integer, required, whole

_NUMBER = re.compile(r"(\+|00)?[0-9]{3,15}")
_ALLOWED = {
    "sendsms": ("0", "1"),
    "sendwa": ("0", "1"),
    "shorturl": ("0", "1"),
    "port": ("1", "2"),
    "waonly": ("yes", "no"),
    "encrypt_message": ("yes", "no"),
    "pdf_with_image": ("yes", "no"),
    "url_media_shorted": ("yes", "no"),
}
_FLAGS = {"1": True, "yes": True, "0": False, "no": False}
# Above this a "Unix seconds" value is milliseconds.
_LATEST = 10_000_000_000


def send(account: Account, fields: Fields) -> Json:
    """`/sendsms/`: take a message, or say in a note why not."""
    # Whoever does not encode its + sends a space.
    recipient = required(fields, "recipients").strip()
    message = required(fields, "message")
    if not message.strip():
        raise _not_sent(account, "message is empty")
    for name, allowed in _ALLOWED.items():
        if fields.get(name) and fields[name] not in allowed:
            raise _not_sent(account, f"{name} must be {' or '.join(allowed)}")
    channel = _channel(account, fields)
    _check_recipient(account, recipient, channel)
    _check_media(account, fields, channel)
    now = time.time()
    scheduled = _schedule(account, fields, now)
    phone = _phone(account, fields.get("sIdentifiant"))
    sent = SentMessage(
        fields=fields,
        guid=new_guid(),
        at=now,
        channel=channel,
        due=max(scheduled or 0, now + account.delivery_delay),
        scheduled=scheduled,
        sid=phone.sid,
        error=account.phone_error(channel),
    )
    account.sent.append(sent)
    _have_reported(account, sent)
    return _receipt(account, sent, "scheduled" if scheduled else "sent by mobile")


def resend(account: Account, fields: Fields) -> Json:
    """`/resend/`: send an SMS again that has an error status."""
    return _again(account, fields, "sms")


def resend_whatsapp(account: Account, fields: Fields) -> Json:
    """`/resendwa/`: send a WhatsApp message again that has an error status."""
    return _again(account, fields, "whatsapp")


def sent_log(account: Account, fields: Fields) -> Json:
    """`GET /log/sent/sms/`: what was sent, newest first."""
    rows = [message for message in reversed(account.sent) if not message.deleted]
    if guid := fields.get("guid_message"):
        rows = [message for message in rows if message.guid == guid]
    if keyword := fields.get("keyword"):
        rows = [message for message in rows if _matches(message, keyword)]
    if before := integer(fields, "before", 0):
        rows = [message for message in rows if message.at < before]
    if (wanted := _FLAGS.get(fields.get("error_api", ""))) is not None:
        rows = [message for message in rows if bool(message.error_api) is wanted]
    if (wanted := _FLAGS.get(fields.get("error_mobile", ""))) is not None:
        rows = [message for message in rows if (message.status == "failed" and bool(message.error)) is wanted]
    return {"result": {"sms": [_row(account, message) for message in rows]}}


def sent_by_hand(_account: Account, _fields: Fields) -> Json:
    """`GET /log/sent/frommobile/`: what was sent on a phone by hand, which here is nothing."""
    return {"result": {"error": "0", "sms": []}}


def _have_reported(account: Account, sent: SentMessage) -> None:
    if account.report_by_webhook:
        account.to_report.append(sent)


def _not_sent(account: Account, note: str) -> Refusal:
    error = error_value(account.error_dress, "none")
    return Refusal(200, {"result": {"error": error, "sent": account.refused_sent, "note": note}})


def _channel(account: Account, fields: Fields) -> Channel:
    if fields.get("waonly") == "yes":
        return "whatsapp"
    sms, whatsapp = fields.get("sendsms") or "1", fields.get("sendwa") or "0"
    match sms, whatsapp:
        case "1", "1":
            return "both"
        case "1", _:
            return "sms"
        case _, "1":
            return "whatsapp"
        case _:
            raise _not_sent(account, "neither SMS nor WhatsApp was asked for")


def _check_recipient(account: Account, recipient: str, channel: Channel) -> None:
    if not _NUMBER.fullmatch(recipient):
        raise _not_sent(account, "recipient is not one international number")
    if channel == "whatsapp":
        if recipient.startswith(("+", "00")):
            raise _not_sent(account, "a WhatsApp number goes without + and without 00")
        if account.whatsapp_numbers is not None and recipient not in account.whatsapp_numbers:
            raise _not_sent(account, "number is not on WhatsApp")


def _check_media(account: Account, fields: Fields, channel: Channel) -> None:
    media = fields.get("url_media")
    if not media:
        return
    if channel == "sms":
        raise _not_sent(account, "url_media is for WhatsApp only")
    url = urlsplit(media)
    if url.scheme != "https" or not url.hostname:
        raise _not_sent(account, "url_media must be a public https address")


def _schedule(account: Account, fields: Fields, now: float) -> int | None:
    """Return the asked time in Unix seconds, None for at once."""
    text = fields.get("schedule_timestamp")
    if not text:
        return None
    moment = whole(text)
    if moment is None or moment > _LATEST:
        raise _not_sent(account, "schedule_timestamp must be Unix seconds")
    if moment < now - 60:
        raise _not_sent(account, "schedule_timestamp is in the past")
    return moment


def _phone(account: Account, sid: str | None) -> Phone:
    """Return the phone that will send: the asked one, else the first that is online."""
    if sid:
        candidates = [phone for phone in account.phones if phone.sid == sid]
        if not candidates:
            raise _not_sent(account, "unknown phone")
    else:
        candidates = account.phones
    for phone in candidates:
        if phone.online:
            return phone
    error = error_value(account.error_dress, "offline")
    raise Refusal(
        200, {"result": {"error": error, "sent": account.refused_sent, "note": "mobile is not connected"}}
    )


def _receipt(account: Account, sent: SentMessage, note: str) -> Json:
    fields = sent.fields
    return {
        "result": {
            "error": error_value(account.error_dress, "none"),
            "sent": "1",
            "id": sent.guid,
            "note": note,
            "datetime": utc_z(sent.at),
            "datetimeLocal": local_iso(sent.at, account.time_zone),
            "port": fields.get("port") or None,
            "send_with_whatsapp": "0" if sent.channel == "sms" else "1",
            "encrypted": {"status": "1" if fields.get("encrypt_message") == "yes" else "0"},
            "trial_account": {
                "status": "1" if account.trial else "0",
                "sms_sent": len(account.sent) if account.trial else 0,
            },
        }
    }


def _again(account: Account, fields: Fields, channel: Channel) -> Json:
    guid = required(fields, "guid")
    sent = next((message for message in account.sent if message.guid == guid and not message.deleted), None)
    if sent is None or sent.channel not in (channel, "both"):
        raise _not_sent(account, "unknown message")
    if sent.status != "failed":
        raise _not_sent(account, "message has no error status")
    sent.sid = _phone(account, fields.get("sIdentifiant")).sid
    sent.error, sent.error_api = account.phone_error(sent.channel), ""
    sent.attempts += 1
    sent.due = time.time() + account.delivery_delay
    _have_reported(account, sent)
    return _receipt(account, sent, "sent by mobile")


def _matches(message: SentMessage, keyword: str) -> bool:
    text = message.fields["message"]
    return bare_number(keyword) in message.recipient or keyword.lower() in text.lower()


def _row(account: Account, message: SentMessage) -> dict[str, Any]:
    text = naive(message.at, account.time_zone)
    done = message.status
    return {
        "id": account.sent.index(message) + 1,
        "guid": message.guid,
        "number": dress_number(account.number_dress, message.recipient),
        "message": message.fields["message"],
        "timestamp_unix": int(message.at),
        "date": text[:10],
        "hour": text[11:],
        "schedule_timestamp": message.scheduled,
        "sIdentifiantPhone": message.sid,
        "send_from_mobile": "1" if done == "sent" else "0",
        "send_from_mobile_erreur": message.error if done == "failed" else "",
        "error_api": message.error_api,
    }
