"""How the service says no: two dialects, one place that understands both (API.md)."""

from collections.abc import Mapping
from http import HTTPStatus
import re
from typing import Any

from .errors import (
    InvalidCredentials,
    NotReachable,
    OutcomeUnknown,
    PhoneOffline,
    RateLimited,
    Refused,
    SubscriptionExpired,
)
from .rows import text_of, word_of, yes_or_no

_DEFAULT_RETRY_AFTER = 60.0
_LONGEST_RETRY_AFTER = 3600.0
_NOT_AUTHORISED = {
    *("1", "missing_apikey", "invalid_apikey", "unauthorized", "unauthorised", "invalid_credentials"),
    *("invalid_token", "expired_token", "token_expired", "missing_token"),
    *("invalid_client", "unauthorized_client", "unauthorised_client", "invalid_grant", "unknown_client"),
    *("invalid_client_id", "invalid_client_secret", "invalid_client_credentials"),
}
_EXPIRED = {"api_expired", "subscription_expire", "subscription_expired"}
_PHONE_OFFLINE = {"2", "offline", "not_connected", "disconnected"}
_SAYS_OFFLINE = re.compile(
    r"(?<![a-z])(?:phone|mobile|device|gateway|app)_(?:(?:is|was|seems|currently|now)_)*"
    r"(?:offline|not_online|not_connected|disconnected)(?![a-z]|_to_)"
)
_NOTES = ("note", "message", "detail", "error_description")


def check_refusal(status: int, headers: Mapping[str, str], answer: Any) -> None:
    """Raise the error that a status and a JSON answer (None where it is not JSON) mean, if they mean one."""
    word, note = _complaint(answer)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(_retry_after(headers))
    known = word_of(word)
    if known in _EXPIRED:
        raise SubscriptionExpired(known)
    if known in _NOT_AUTHORISED or status == HTTPStatus.UNAUTHORIZED:
        raise InvalidCredentials(f"HTTP {status}")
    if status == HTTPStatus.FORBIDDEN and answer is not None:
        raise InvalidCredentials("HTTP 403")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise NotReachable("HTTP 503")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise OutcomeUnknown(f"HTTP {status}")
    if known in _PHONE_OFFLINE or (word and _SAYS_OFFLINE.search(f"{known} {word_of(note)}")):
        raise PhoneOffline("phone offline")
    if word:
        raise Refused(note or word)


def _complaint(answer: Any) -> tuple[str, str]:
    """Return the error word and the note; no error is "" in all its dresses: 0, "0", "", null.

    Not sent is an error, too, whose note says why (S).
    """
    if not isinstance(answer, Mapping):
        return "", ""
    result = answer.get("result")
    inner = result if isinstance(result, Mapping) else answer
    word: Any = inner.get("error") or answer.get("error")
    noted: Mapping[str, Any] = inner
    if isinstance(word, Mapping):
        word, noted = text_of(word, "code", "type", "error") or "error", word
    text = str(word).strip() if isinstance(word, str | int | float) else "error" if word else ""
    if text in {"", "0"}:
        text = ""
        if yes_or_no(inner.get("sent")) is False:
            text = "no reason given"
        elif inner.get("success") is False:
            text = "error"
    return text, text_of(noted, *_NOTES) or ""


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of `Retry-After`; a date or nonsense there counts as a minute, a year as an hour."""
    value = headers.get("Retry-After", "")
    if not (value.isascii() and value.isdigit()):
        return _DEFAULT_RETRY_AFTER
    return min(float(value), _LONGEST_RETRY_AFTER)
