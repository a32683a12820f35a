"""The endpoints that send messages: `/sendsms/`, `/resend/` and `/resendwa/`."""

import re
import time
from urllib.parse import urlsplit

from .account import Account
from .formats import Json, error_value, local_iso, utc_z
from .parameters import Refusal, parse_integer, required
from .records import Channel, Fields, Phone, SentMessage, new_guid

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
# A larger number of Unix seconds is in fact milliseconds.
_LATEST = 10_000_000_000


def send(account: Account, fields: Fields) -> Json:
    """`/sendsms/`: accept a message, or refuse it with a note that says why."""
    # A client that does not encode the + sends a space.
    recipient = required(fields, "recipients").strip()
    message = required(fields, "message")
    if not message.strip():
        raise _refuse_message(account, "message is empty")
    for name, allowed in _ALLOWED.items():
        if fields.get(name) and fields[name] not in allowed:
            raise _refuse_message(account, f"{name} must be {' or '.join(allowed)}")
    channel = _channel(account, fields)
    _check_recipient(account, recipient, channel)
    _check_media(account, fields, channel)
    now = time.time()
    scheduled = _schedule(account, fields, now)
    phone = _sending_phone(account, fields.get("sIdentifiant"))
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
    _schedule_report(account, sent)
    return _receipt(account, sent, "scheduled" if scheduled else "sent by mobile")


def resend(account: Account, fields: Fields) -> Json:
    """`/resend/`: send a failed SMS again."""
    return _resend(account, fields, "sms")


def resend_whatsapp(account: Account, fields: Fields) -> Json:
    """`/resendwa/`: send a failed WhatsApp message again."""
    return _resend(account, fields, "whatsapp")


def _resend(account: Account, fields: Fields, channel: Channel) -> Json:
    guid = required(fields, "guid")
    sent = next((message for message in account.sent if message.guid == guid and not message.deleted), None)
    if sent is None or sent.channel not in (channel, "both"):
        raise _refuse_message(account, "unknown message")
    if sent.status != "failed":
        raise _refuse_message(account, "message has no error status")
    sent.sid = _sending_phone(account, fields.get("sIdentifiant")).sid
    sent.error, sent.error_api = account.phone_error(sent.channel), ""
    sent.attempts += 1
    sent.due = time.time() + account.delivery_delay
    _schedule_report(account, sent)
    return _receipt(account, sent, "sent by mobile")


def _schedule_report(account: Account, sent: SentMessage) -> None:
    if account.report_by_webhook:
        account.unreported.append(sent)


def _refuse_message(account: Account, note: str) -> Refusal:
    error = error_value(account.error_format, "none")
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
            raise _refuse_message(account, "neither SMS nor WhatsApp is switched on")


def _check_recipient(account: Account, recipient: str, channel: Channel) -> None:
    if not _NUMBER.fullmatch(recipient):
        raise _refuse_message(account, "recipient is not one international number")
    if channel == "whatsapp":
        if recipient.startswith(("+", "00")):
            raise _refuse_message(account, "a WhatsApp number goes without + and without 00")
        if account.whatsapp_numbers is not None and recipient not in account.whatsapp_numbers:
            raise _refuse_message(account, "number is not on WhatsApp")


def _check_media(account: Account, fields: Fields, channel: Channel) -> None:
    media = fields.get("url_media")
    if not media:
        return
    if channel == "sms":
        raise _refuse_message(account, "url_media is for WhatsApp only")
    url = urlsplit(media)
    if url.scheme != "https" or not url.hostname:
        raise _refuse_message(account, "url_media must be a public https address")


def _schedule(account: Account, fields: Fields, now: float) -> int | None:
    """Return the requested time in Unix seconds, None for immediate sending."""
    text = fields.get("schedule_timestamp")
    if not text:
        return None
    moment = parse_integer(text)
    if moment is None or moment > _LATEST:
        raise _refuse_message(account, "schedule_timestamp must be Unix seconds")
    if moment < now - 60:
        raise _refuse_message(account, "schedule_timestamp is in the past")
    return moment


def _sending_phone(account: Account, sid: str | None) -> Phone:
    """Return the requested phone, or without a request the first one, that is online."""
    if sid:
        candidates = [phone for phone in account.phones if phone.sid == sid]
        if not candidates:
            raise _refuse_message(account, "unknown phone")
    else:
        candidates = account.phones
    for phone in candidates:
        if phone.online:
            return phone
    error = error_value(account.error_format, "offline")
    raise Refusal(
        200, {"result": {"error": error, "sent": account.refused_sent, "note": "mobile is not connected"}}
    )


def _receipt(account: Account, sent: SentMessage, note: str) -> Json:
    fields = sent.fields
    return {
        "result": {
            "error": error_value(account.error_format, "none"),
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
