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
from .models import Channel, NotAMessage, ReceivedMessage, SentMessage, Source
from .webhook import parse_v1

__all__ = [
    "DEFAULT_URL",
    "ApiKey",
    "Channel",
    "InvalidCredentials",
    "NotAMessage",
    "NotReachable",
    "OutcomeUnknown",
    "RateLimited",
    "ReceivedMessage",
    "Refused",
    "SentMessage",
    "SmsMobileApiClient",
    "SmsMobileApiError",
    "Source",
    "SubscriptionExpired",
    "UnexpectedAnswer",
    "parse_v1",
]
