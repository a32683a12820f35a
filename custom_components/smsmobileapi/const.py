"""Names that more than one room needs."""

from typing import Final

DOMAIN: Final = "smsmobileapi"
MANUFACTURER: Final = "SMSMobileAPI"

CONF_CHANNEL: Final = "channel"
CONF_HISTORY: Final = "history"
CONF_NUMBER: Final = "number"
CONF_SERVER: Final = "server"
SUBENTRY_CONTACT: Final = "contact"

EVENT_MESSAGE_RECEIVED: Final = f"{DOMAIN}_message_received"


def signal_message(entry_id: str) -> str:
    """Return the dispatcher signal of an account that carries each new InboundMessage."""
    return f"{DOMAIN}_message_{entry_id}"
