"""The errors of the client, sorted by what the caller should do about each.

`code` is a stable name (translations use it) and `placeholders` are the values for its sentence.
No error holds a key, a phone number or a message text: not in its message, its arguments or its context.
"""

from enum import StrEnum


class SmsMobileApiError(Exception):
    """A request to the service failed. All errors of the client are children of this one."""

    code: str

    @property
    def placeholders(self) -> dict[str, str]:
        """Return the values that the sentence for `code` needs."""
        return {}


class InvalidCredentials(SmsMobileApiError):
    """The key, client or token is missing, unknown or no longer valid: ask the user for another one."""

    code = "invalid_auth"


class SubscriptionExpired(SmsMobileApiError):
    """The subscription or trial has ended: the user has to renew it."""

    code = "subscription_expired"


class RateLimited(SmsMobileApiError):
    """Too many requests; this one was not accepted: wait `retry_after` seconds."""

    code = "rate_limited"

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many requests, retry in {retry_after:g} s")
        self.retry_after = retry_after

    @property
    def placeholders(self) -> dict[str, str]:
        """Return the seconds to wait."""
        return {"seconds": f"{self.retry_after:g}"}


class Refused(SmsMobileApiError):
    """The request was refused: `reason` says why. Repeating it does not help."""

    code = "refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def placeholders(self) -> dict[str, str]:
        """Return the reason of the refusal."""
        return {"reason": self.reason}


class PhoneOffline(Refused):
    """The phone that is to carry out the request is not connected to the service."""

    code = "phone_offline"


class NotEncodable(Refused):
    """The request has characters that can't be sent, so it was never made."""

    code = "not_encodable"

    def __init__(self) -> None:
        super().__init__("the request has characters that can't be encoded")


class TokenRefused(Refused):
    """The service refused to give the OAuth2 client a token: the request itself was never made."""


class NotReachable(SmsMobileApiError):
    """The service did not get the request or did not accept it: it can be repeated without harm."""

    code = "cannot_connect"


class NoToken(NotReachable):
    """The answer to the request for a token has no token in it: the request itself was never made."""

    code = "no_token"


class OutcomeUnknown(SmsMobileApiError):
    """The request was made, but no usable answer came: the service may or may not have accepted it."""

    code = "outcome_unknown"


class UnexpectedAnswer(OutcomeUnknown):
    """The answer is not one of the service (HTML, another shape, too large)."""

    code = "unexpected_answer"


class InvalidPayload(ValueError):
    """A row or a webhook body is not a message, call, report or event; the text says what is missing."""


class SignatureFault(StrEnum):
    """What is most likely wrong with the signature of a webhook request."""

    UNSIGNED = "unsigned"  # there is none
    SECRET = "secret"  # it was made with another secret
    CLOCK = "clock"  # it is right, but for another time
    CHANGED = "changed"  # the body or the headers are not those that were signed


class InvalidSignature(Exception):
    """The signature of a webhook request is missing, wrong or too old: anybody may have sent it."""

    def __init__(self, fault: SignatureFault) -> None:
        super().__init__(fault.value)
        self.fault = fault
