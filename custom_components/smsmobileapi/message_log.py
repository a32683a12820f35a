"""Messages: what the service has of those that were received and sent, looked through."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from homeassistant.util import dt as dt_util

from .account import Account
from .api import Channel, ReceivedMessage, SentLogEntry, Status
from .numbers import normalise_sender

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages to return: `sender` and `recipient` are normalised numbers, `since` is an aware time."""

    sender: str | None = None
    recipient: str | None = None
    since: datetime | None = None
    text: str | None = None
    is_failed: bool = False
    limit: int

    @property
    def are_received(self) -> bool:
        """Tell whether received messages can be among them."""
        return not self.is_failed and (self.sender is not None or self.recipient is None)

    @property
    def are_sent(self) -> bool:
        """Tell whether sent messages can be among them."""
        return self.recipient is not None or self.sender is None


async def async_messages(account: Account, wanted: MessageFilter) -> list[dict[str, Any]]:
    """Return an account's messages, newest first. Raises SmsMobileApiError."""
    rows: list[tuple[datetime, dict[str, Any]]] = []
    if wanted.are_received:
        rows += await _received(account, wanted)
    if wanted.are_sent:
        rows += await _sent(account, wanted)
    # Of two in the same second, the later one comes first, too.
    rows.sort(key=lambda row: row[0], reverse=True)
    return [message for _, message in rows[: wanted.limit]]


async def _received(account: Account, wanted: MessageFilter) -> Iterable[tuple[datetime, dict[str, Any]]]:
    # The service leaves the asked-for second itself out.
    after = None if wanted.since is None else max(int(wanted.since.timestamp()) - 1, 0)
    messages = await account.client.received_messages(after=after, zone=dt_util.get_default_time_zone())
    return [
        (message.received_at, _as_received(account, message, sender))
        for message in reversed(messages)
        if _is_wanted(message.text, message.received_at, wanted)
        and (sender := normalise_sender(message.sender, account.options.region))
        and (wanted.sender is None or wanted.sender.casefold() == sender.casefold())
    ]


async def _sent(account: Account, wanted: MessageFilter) -> Iterable[tuple[datetime, dict[str, Any]]]:
    # What its filters compare, and how, is not documented: all is asked for and looked through here.
    entries = await account.client.sent_log(zone=dt_util.get_default_time_zone())
    return [
        (entry.sent_at or _LONG_AGO, _as_sent(account, entry, recipient))
        for entry in map(partial(_with_report, account), entries)
        if _is_wanted(entry.text, entry.sent_at, wanted)
        and (recipient := normalise_sender(entry.recipient, account.options.region))
        and wanted.recipient in (None, recipient)
        and not (wanted.is_failed and entry.status is not Status.FAILED)
    ]


def _with_report(account: Account, entry: SentLogEntry) -> SentLogEntry:
    """Return the row with what the webhook told of it, where that is more."""
    known = account.reports.find(entry.message_id)
    if entry.status is Status.ACCEPTED and known and known.status in {Status.SENT, Status.FAILED}:
        return replace(entry, status=known.status, error=known.error)
    return entry


def _is_wanted(text: str, time: datetime | None, wanted: MessageFilter) -> bool:
    is_text = wanted.text is None or wanted.text.casefold() in text.casefold()
    return is_text and (wanted.since is None or (time is not None and time >= wanted.since))


def _as_received(account: Account, message: ReceivedMessage, sender: str) -> dict[str, Any]:
    contact = account.contacts.by_number(sender)
    return {
        "direction": "received",
        "message_id": message.message_id,
        "channel": message.channel.value,
        "number": sender,
        "name": message.sender_name,
        "contact": contact.name if contact else None,
        "message": message.text,
        "time": message.received_at.isoformat(),
        "status": None,
        "error": None,
        "phone": message.phone,
    }


def _as_sent(account: Account, entry: SentLogEntry, recipient: str) -> dict[str, Any]:
    contact = account.contacts.by_number(recipient)
    known = account.reports.find(entry.message_id)
    return {
        "direction": "sent",
        "message_id": entry.message_id,
        # The log of what was sent does not tell.
        "channel": (known.channel if known else Channel.SMS).value,
        "number": recipient,
        "name": None,
        "contact": contact.name if contact else None,
        "message": entry.text,
        "time": entry.sent_at.isoformat() if entry.sent_at else None,
        "status": entry.status.value,
        "error": entry.error,
        "phone": None,
    }
