"""What can go wrong with the service, by what the caller should do about it.

`code` is a stable name (translations use it), `placeholders` what its sentence needs.
No error holds a key, a number or a text: not in its message, its arguments or its context.
"""


class SmsMobileApiError(Exception):
    """Something went wrong between us and the service."""

    code: str

    @property
    def placeholders(self) -> dict[str, str]:
        """Return the values that the sentence for `code` needs."""
        return {}


class InvalidCredentials(SmsMobileApiError):
    """The key, client or token is missing, unknown or no longer good: ask the user for another one."""

    code = "invalid_auth"


class SubscriptionExpired(SmsMobileApiError):
    """The subscription or trial has ended: the user has to renew it."""

    code = "subscription_expired"


class RateLimited(SmsMobileApiError):
    """Too fast, nothing was taken: wait `retry_after` seconds."""

    code = "rate_limited"

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many requests, retry in {retry_after:g} s")
        self.retry_after = retry_after

    @property
    def placeholders(self) -> dict[str, str]:
        """Return the seconds to wait."""
        return {"seconds": f"{self.retry_after:g}"}


class Refused(SmsMobileApiError):
    """The service said no to this request: `reason` says why, repeating it does not help."""

    code = "refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def placeholders(self) -> dict[str, str]:
        """Return the service's reason."""
        return {"reason": self.reason}


class PhoneOffline(Refused):
    """No phone of the account is connected to the service."""

    code = "phone_offline"


class ClientRefused(Refused):
    """The service gives the OAuth2 client no token: what was to be signed was never sent."""


class NotReachable(SmsMobileApiError):
    """The request was not taken: it can be repeated without harm."""

    code = "cannot_connect"


class NoToken(NotReachable):
    """Something answered, but gave no token to sign with: what was to be signed was never sent."""

    code = "no_token"


class OutcomeUnknown(SmsMobileApiError):
    """The request left, no usable answer came: it may or may not have been taken."""

    code = "outcome_unknown"


class UnexpectedAnswer(OutcomeUnknown):
    """Something answered, but not as the service does (HTML, another shape, too large)."""

    code = "unexpected_answer"
