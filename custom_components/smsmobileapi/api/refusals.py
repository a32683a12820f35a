"""How the service says no: two dialects, one place that understands both (API.md)."""

from collections.abc import Mapping
from http import HTTPStatus
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

_DEFAULT_RETRY_AFTER = 60.0
_LONGEST_RETRY_AFTER = 3600.0
_NOT_AUTHORISED = {"1", "missing_apikey", "invalid_apikey"}
_EXPIRED = {"api_expired", "subscription_expire", "subscription_expired"}
_PHONE_OFFLINE = {"2", "phone_offline", "offline"}


def check_refusal(status: int, headers: Mapping[str, str], answer: Any) -> None:
    """Raise the error that a status and a JSON answer (None where it is not JSON) mean, if they mean one."""
    word, note = _complaint(answer)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(_retry_after(headers))
    known = word.lower()
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
    if known in _PHONE_OFFLINE:
        raise PhoneOffline("phone offline")
    if word:
        raise Refused(note or word)


def _complaint(answer: Any) -> tuple[str, str]:
    """Return the error word and the note; no error is "" in all its dresses: 0, "0", "", null."""
    if not isinstance(answer, Mapping):
        return "", ""
    result = answer.get("result")
    inner = result if isinstance(result, Mapping) else answer
    word = inner.get("error") or answer.get("error")
    note = inner.get("note") or inner.get("message") or inner.get("detail")
    text = str(word).strip() if word else ""
    if inner.get("success") is False and text in {"", "0"}:
        text = "error"
    return ("" if text == "0" else text), note if isinstance(note, str) else ""


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of `Retry-After`; a date or nonsense there counts as a minute, a year as an hour."""
    value = headers.get("Retry-After", "")
    if not (value.isascii() and value.isdigit()):
        return _DEFAULT_RETRY_AFTER
    return min(float(value), _LONGEST_RETRY_AFTER)
