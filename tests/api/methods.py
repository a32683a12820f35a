"""All methods of the client, called with values that are secret, and helpers to write tables."""

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Any, Final

from custom_components.smsmobileapi.api import Channel, Direction, SendRequest, SmsMobileApiClient

from .secrecy import NUMBER, SID, TEXT

type Method = Callable[[SmsMobileApiClient], Awaitable[object]]

GUID: Final = "c319d3b35e8f"
SENT: Final = {"result": {"error": 0, "sent": "1", "id": GUID}}
SMS: Final = SendRequest(recipient=NUMBER, text=TEXT, channel=Channel.SMS)
WHATSAPP: Final = SendRequest(recipient=NUMBER, text=TEXT, channel=Channel.WHATSAPP)


async def send(client: SmsMobileApiClient) -> str:
    """Send the SMS."""
    return await client.send_message(SMS)


async def poll(client: SmsMobileApiClient) -> object:
    """Ask for the received messages."""
    return await client.received_messages(after=None, zone=UTC)


METHODS: Final[dict[str, Method]] = {
    "verify": lambda client: client.verify_credentials(),
    "poll": poll,
    "sms": send,
    "whatsapp": lambda client: client.send_message(WHATSAPP),
    "missed": lambda client: client.calls(Direction.MISSED, zone=UTC),
    "outgoing": lambda client: client.calls(Direction.OUTGOING, zone=UTC),
    "resend": lambda client: client.resend_message(GUID, Channel.SMS),
    "log": lambda client: client.sent_log(zone=UTC, keyword=NUMBER),
    "delete": lambda client: client.delete_message(GUID),
    "check": lambda client: client.is_on_whatsapp(NUMBER),
    "notify": lambda client: client.send_notification(SID, TEXT, TEXT),
}
# The methods that post, which must never be repeated by a library.
POSTS: Final = {"sms", "whatsapp", "resend", "delete", "notify"}


def each(*values: Any) -> tuple[Any, ...]:
    """Return values of all types to iterate over."""
    return values


def to(outcome: Any, *values: Any) -> list[tuple[Any, Any]]:
    """Return rows of a table: each value with what it leads to."""
    return [(value, outcome) for value in values]


def field(name: str, *values: Any) -> list[dict[str, Any]]:
    """Return objects with one field, one for each of its values."""
    return [{name: value} for value in values]
