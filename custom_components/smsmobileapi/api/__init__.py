"""The SMSMobileAPI service: aiohttp and nothing of Home Assistant."""

from .auth import ApiKey
from .client import DEFAULT_URL, SmsMobileApiClient
from .errors import (
    InvalidCredentials,
    NotReachable,
    OutcomeUnknown,
    RateLimited,
    Refused,
    SmsMobileApiError,
    SubscriptionExpired,
    UnexpectedAnswer,
)
from .models import (
    Call,
    Channel,
    Direction,
    LogEntry,
    NotAMessage,
    ReceivedMessage,
    SentMessage,
    Source,
    Status,
    StatusReport,
)
from .reasons import without_private_things
from .webhook import SIGNATURE_HEADER, NotSigned, WebhookEvent, parse_body, verify_signature

__all__ = [
    "DEFAULT_URL",
    "SIGNATURE_HEADER",
    "ApiKey",
    "Call",
    "Channel",
    "Direction",
    "InvalidCredentials",
    "LogEntry",
    "NotAMessage",
    "NotReachable",
    "NotSigned",
    "OutcomeUnknown",
    "RateLimited",
    "ReceivedMessage",
    "Refused",
    "SentMessage",
    "SmsMobileApiClient",
    "SmsMobileApiError",
    "Source",
    "Status",
    "StatusReport",
    "SubscriptionExpired",
    "UnexpectedAnswer",
    "WebhookEvent",
    "parse_body",
    "verify_signature",
    "without_private_things",
]
