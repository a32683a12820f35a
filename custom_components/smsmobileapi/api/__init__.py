"""The SMSMobileAPI service: aiohttp and nothing of Home Assistant."""

from .auth import ApiKey, ClientCredentials, Credentials
from .calls import Call
from .client import DEFAULT_URL, SmsMobileApiClient
from .errors import (
    ClientRefused,
    InvalidCredentials,
    NoToken,
    NotReachable,
    OutcomeUnknown,
    PhoneOffline,
    RateLimited,
    Refused,
    SmsMobileApiError,
    SubscriptionExpired,
    UnexpectedAnswer,
)
from .models import Channel, Direction, NotAMessage, ReceivedMessage, Source, Status
from .phones import Phone
from .reasons import without_private_things
from .sending import LogEntry, OutgoingMessage, SentMessage, StatusReport
from .webhook import SIGNATURE_HEADER, NotSigned, WebhookEvent, parse_body, verify_signature

__all__ = [
    "DEFAULT_URL",
    "SIGNATURE_HEADER",
    "ApiKey",
    "Call",
    "Channel",
    "ClientCredentials",
    "ClientRefused",
    "Credentials",
    "Direction",
    "InvalidCredentials",
    "LogEntry",
    "NoToken",
    "NotAMessage",
    "NotReachable",
    "NotSigned",
    "OutcomeUnknown",
    "OutgoingMessage",
    "Phone",
    "PhoneOffline",
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
