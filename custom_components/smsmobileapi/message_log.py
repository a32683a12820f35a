"""The message log: what the service has of the messages that were received and sent."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from homeassistant.util import dt as dt_util

from .account import Account
from .api import Channel, ReceivedMessage, SentLogEntry, Status
from .numbers import normalise_sender

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

# A message as the action answers with it, and the time by which messages are sorted.
type _Row = tuple[datetime, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages to return: `sender` and `recipient` are normalised, `since` is an aware time; None matches all."""

    sender: str | None = None
    recipient: str | None = None
    since: datetime | None = None
    text: str | None = None
    is_failed: bool = False
    limit: int

    @property
    def may_be_received(self) -> bool:
        """Return whether received messages can match."""
        return not self.is_failed and (self.sender is not None or self.recipient is None)

    @property
    def may_be_sent(self) -> bool:
        """Return whether sent messages can match."""
        return self.recipient is not None or self.sender is None

    def matches(self, text: str, time: datetime | None) -> bool:
        """Return whether a message with this text and time fits `text` and `since`."""
        has_text = self.text is None or self.text.casefold() in text.casefold()
        return has_text and (self.since is None or (time is not None and time >= self.since))


async def async_find_messages(account: Account, message_filter: MessageFilter) -> list[dict[str, Any]]:
    """Return an account's messages, newest first. Raises SmsMobileApiError."""
    rows: list[_Row] = []
    if message_filter.may_be_received:
        rows += await _received(account, message_filter)
    if message_filter.may_be_sent:
        rows += await _sent(account, message_filter)
    # Sorting is stable: of two messages of the same second, the later one comes first, too.
    rows.sort(key=lambda row: row[0], reverse=True)
    return [message for _, message in rows[: message_filter.limit]]


async def _received(account: Account, message_filter: MessageFilter) -> list[_Row]:
    # The service leaves out what is of the second `after` itself.
    since = message_filter.since
    after = None if since is None else max(int(since.timestamp()) - 1, 0)
    messages = await account.client.received_messages(after=after, zone=dt_util.get_default_time_zone())
    rows = []
    for message in reversed(messages):
        if not message_filter.matches(message.text, message.received_at):
            continue
        sender = normalise_sender(message.sender, account.options.region)
        if message_filter.sender is None or message_filter.sender.casefold() == sender.casefold():
            rows.append((message.received_at, _received_row(account, message, sender)))
    return rows


async def _sent(account: Account, message_filter: MessageFilter) -> list[_Row]:
    # What the log's own filters compare, and how, is not documented, so the whole log is filtered here.
    entries = await account.client.sent_log(zone=dt_util.get_default_time_zone())
    rows = []
    for entry in entries:
        if not message_filter.matches(entry.text, entry.sent_at):
            continue
        recipient = normalise_sender(entry.recipient, account.options.region)
        if message_filter.recipient not in (None, recipient):
            continue
        row = _sent_row(account, entry, recipient)
        if row["status"] == Status.FAILED or not message_filter.is_failed:
            rows.append((entry.sent_at or _LONG_AGO, row))
    return rows


def _received_row(account: Account, message: ReceivedMessage, sender: str) -> dict[str, Any]:
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


def _sent_row(account: Account, entry: SentLogEntry, recipient: str) -> dict[str, Any]:
    contact = account.contacts.by_number(recipient)
    status, error = entry.status, entry.error
    known = account.messages.find(entry.message_id)
    if status is Status.ACCEPTED and known and known.status in {Status.SENT, Status.FAILED}:
        # The webhook has reported what the log does not show yet.
        status, error = known.status, known.error
    return {
        "direction": "sent",
        "message_id": entry.message_id,
        # The log does not have the channel.
        "channel": (known.channel if known else Channel.SMS).value,
        "number": recipient,
        "name": None,
        "contact": contact.name if contact else None,
        "message": entry.text,
        "time": entry.sent_at.isoformat() if entry.sent_at else None,
        "status": status.value,
        "error": error,
        "phone": None,
    }
