"""The client of the SMSMobileAPI service: aiohttp, and nothing of Home Assistant.

Docstrings say where a fact about the service comes from: (D) the vendor's documentation, (S) public code that talks to
the service, (G) our guess, which may be wrong.
"""

from .auth import ApiKey, ClientCredentials, Credentials
from .calls import Call
from .client import DEFAULT_URL, SmsMobileApiClient
from .errors import (
    InvalidCredentials,
    InvalidPayload,
    InvalidSignature,
    NotEncodable,
    NoToken,
    NotReachable,
    OutcomeUnknown,
    PhoneOffline,
    RateLimited,
    Refused,
    SignatureFault,
    SmsMobileApiError,
    SubscriptionExpired,
    TokenRefused,
    UnexpectedAnswer,
)
from .models import Channel, Direction, ReceivedMessage, Source, Status
from .payload import WebhookEvent, parse_body
from .phones import Phone
from .refusals import redact_reason
from .sending import SendRequest, SentLogEntry, StatusReport
from .signatures import is_signed, verify_signature

__all__ = [
    "DEFAULT_URL",
    "ApiKey",
    "Call",
    "Channel",
    "ClientCredentials",
    "Credentials",
    "Direction",
    "InvalidCredentials",
    "InvalidPayload",
    "InvalidSignature",
    "NoToken",
    "NotEncodable",
    "NotReachable",
    "OutcomeUnknown",
    "Phone",
    "PhoneOffline",
    "RateLimited",
    "ReceivedMessage",
    "Refused",
    "SendRequest",
    "SentLogEntry",
    "SignatureFault",
    "SmsMobileApiClient",
    "SmsMobileApiError",
    "Source",
    "Status",
    "StatusReport",
    "SubscriptionExpired",
    "TokenRefused",
    "UnexpectedAnswer",
    "WebhookEvent",
    "is_signed",
    "parse_body",
    "redact_reason",
    "verify_signature",
]
