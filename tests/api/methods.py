"""What the client can do, each with a message that is full of secrets."""

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Final

from custom_components.smsmobileapi.api import Channel, SmsMobileApiClient

from .secrecy import NUMBER, TEXT

type Call = Callable[[SmsMobileApiClient], Awaitable[object]]

METHODS: Final[dict[str, Call]] = {
    "prove": lambda client: client.prove_credentials(),
    "poll": lambda client: client.received_messages(after=None, zone=UTC),
    "sms": lambda client: client.send_message(recipient=NUMBER, text=TEXT, channel=Channel.SMS),
    "whatsapp": lambda client: client.send_message(recipient=NUMBER, text=TEXT, channel=Channel.WHATSAPP),
}
