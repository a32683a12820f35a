"""What the client can do, each with a message that is full of secrets."""

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Final

from custom_components.smsmobileapi.api import Channel, Direction, SendRequest, SmsMobileApiClient

from .secrecy import NUMBER, SID, TEXT

type Call = Callable[[SmsMobileApiClient], Awaitable[object]]

METHODS: Final[dict[str, Call]] = {
    "prove": lambda client: client.verify_credentials(),
    "poll": lambda client: client.received_messages(after=None, zone=UTC),
    "sms": lambda client: client.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=Channel.SMS)),
    "whatsapp": lambda client: client.send_message(
        SendRequest(recipient=NUMBER, text=TEXT, channel=Channel.WHATSAPP)
    ),
}

# What goes wrong with these as it does with those.
OTHERS: Final[dict[str, Call]] = {
    "missed": lambda client: client.calls(Direction.MISSED, zone=UTC),
    "outgoing": lambda client: client.calls(Direction.OUTGOING, zone=UTC),
    "resend": lambda client: client.resend_message("c319d3b35e8f", Channel.SMS),
    "log": lambda client: client.sent_log(zone=UTC, keyword=NUMBER),
    "delete": lambda client: client.delete_message("c319d3b35e8f"),
    "check": lambda client: client.is_on_whatsapp(NUMBER),
    "push": lambda client: client.send_notification(SID, TEXT, TEXT),
}
