"""Names that several modules use."""

from typing import Final

DOMAIN: Final = "smsmobileapi"
MANUFACTURER: Final = "SMSMobileAPI"
DASHBOARD_URL: Final = "https://smsmobileapi.com"

CONF_CHANNEL: Final = "channel"
CONF_HISTORY: Final = "history"
CONF_NUMBER: Final = "number"
CONF_SERVER: Final = "server"
SUBENTRY_CONTACT: Final = "contact"

CONF_MAX_AGE_HOURS: Final = "max_age_hours"
CONF_MESSAGES_PER_DAY: Final = "messages_per_day"
CONF_MESSAGES_PER_MINUTE: Final = "messages_per_minute"
CONF_OFFLINE_HOURS: Final = "offline_hours"
CONF_PHONE: Final = "phone"
CONF_PRIVATE_HISTORY: Final = "private_history"
CONF_REGION: Final = "region"
CONF_RETRY_MINUTES: Final = "retry_minutes"
CONF_SIGNING_SECRET: Final = "signing_secret"
CONF_SIM: Final = "sim"
CONF_SMS_MINUTES: Final = "sms_minutes"
CONF_URGENT_RESERVE: Final = "urgent_reserve"

EVENT_CALL: Final = f"{DOMAIN}_call"
EVENT_MESSAGE_RECEIVED: Final = f"{DOMAIN}_message_received"
EVENT_MESSAGE_REPORT: Final = f"{DOMAIN}_message_report"


def signal_message(entry_id: str) -> str:
    """Return the dispatcher signal of an account that carries each new InboundMessage."""
    return f"{DOMAIN}_message_{entry_id}"


def signal_contacts(entry_id: str) -> str:
    """Return the dispatcher signal of an account that is sent when contacts may have been added, changed or removed."""
    return f"{DOMAIN}_contacts_{entry_id}"


def signal_call(entry_id: str) -> str:
    """Return the dispatcher signal of an account that carries each new InboundCall."""
    return f"{DOMAIN}_call_{entry_id}"


def signal_status(entry_id: str) -> str:
    """Return the dispatcher signal of an account that carries each new StatusReport."""
    return f"{DOMAIN}_status_{entry_id}"


def signal_unsigned_status(entry_id: str) -> str:
    """Return the dispatcher signal of an account that carries each StatusReport that may not come from the service."""
    return f"{DOMAIN}_unsigned_status_{entry_id}"


def signal_sent(entry_id: str) -> str:
    """Return the dispatcher signal of an account that carries each OutboundMessage that was accepted."""
    return f"{DOMAIN}_sent_{entry_id}"


def signal_report(entry_id: str) -> str:
    """Return the dispatcher signal of an account that carries each change of a sent message's status."""
    return f"{DOMAIN}_report_{entry_id}"
