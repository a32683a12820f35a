"""How the service refuses a request: two formats of errors, and the reasons that can be shown to the user."""

from collections.abc import Iterator, Mapping
import html
from http import HTTPStatus
import re
from typing import Any, Final
from urllib.parse import quote, quote_plus

from .errors import (
    InvalidCredentials,
    NotReachable,
    OutcomeUnknown,
    PhoneOffline,
    RateLimited,
    Refused,
    SubscriptionExpired,
)
from .parsing import clean, text_of, word_of, yes_or_no

MAX_REASON_LENGTH: Final = 200  # characters
_DEFAULT_RETRY_AFTER: Final = 60.0  # seconds
_MAX_RETRY_AFTER: Final = 3600.0  # seconds
_NOT_AUTHORISED: Final = {
    *("1", "missing_apikey", "invalid_apikey"),
    # OAuth2's own words.
    *("invalid_token", "invalid_client", "unauthorized_client", "invalid_grant"),
}
_EXPIRED: Final = {"api_expired", "subscription_expire"}
_PHONE_OFFLINE: Final = {"2", "offline", "phone_offline"}
_NOTES: Final = ("note", "message", "detail", "error_description")
_NUMBER: Final = re.compile(r"\+?\d(?:[ ()./-]*\d){5,}")
_WORD: Final = re.compile(r"\w+")
_TEXTS: Final = ("message", "title")


def check_refusal(
    status: int, headers: Mapping[str, str], answer: Any, *, accepts_errors: bool = False
) -> None:
    """Raise the error that a status and a JSON answer (None where it is not JSON) mean, if they mean one.

    With `accepts_errors`, an error that is not known here is no refusal: the service also writes one beside a list (S).
    """
    word, note = _error_of(answer)
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
    if known in _PHONE_OFFLINE:
        raise PhoneOffline("phone offline")
    if word and not (accepts_errors and status == HTTPStatus.OK):
        raise Refused(note or word)


def _error_of(answer: Any) -> tuple[str, str]:
    """Return the word or number of the error, "" where there is none (0, "0", "", null), and the note that explains it.

    A message that was not sent is an error, too; its note says why (S).
    """
    if not isinstance(answer, Mapping):
        return "", ""
    result = answer.get("result")
    fields = result if isinstance(result, Mapping) else answer
    error = fields.get("error") or answer.get("error")
    word = str(error).strip() if isinstance(error, str | int | float) else "error" if error else ""
    if word in {"", "0"}:
        word = ""
        if yes_or_no(fields.get("sent")) is False:
            word = "no reason given"
        elif fields.get("success") is False:
            word = "error"
    return word, text_of(fields, *_NOTES) or ""


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of `Retry-After`, at most an hour; a minute where it is not a number of seconds."""
    value = headers.get("Retry-After", "")
    if not (value.isascii() and value.isdigit()):
        return _DEFAULT_RETRY_AFTER
    return min(float(value), _MAX_RETRY_AFTER)


def redact_reason(reason: str, sent: Mapping[str, str]) -> str:
    """Return a reason without what we sent: keys, secrets, ids, phone numbers, texts, addresses.

    `sent` are the fields of the request. The service may repeat them in its reasons, also in another form.
    """
    reason = clean(html.unescape(reason))
    forms = {form for value in sent.values() for form in _forms(value) if len(form) > 3}
    for form in sorted(forms, key=len, reverse=True):
        reason = re.sub(re.escape(form), "…", reason, flags=re.IGNORECASE)
    for name in _TEXTS:
        reason = _cut_at_text(reason, sent.get(name, ""))
    return _NUMBER.sub("…", reason)[:MAX_REASON_LENGTH]


def _forms(value: str) -> Iterator[str]:
    """Iterate over the forms in which a reason may repeat a value."""
    yield value
    yield value.removeprefix("+")
    encoded = value.encode("utf-8", "replace")
    yield quote(encoded)
    yield quote_plus(encoded)
    if "://" in value:
        # Of a URL, only the host or the last part may be repeated; the last part gives access to the file.
        rest = value.partition("://")[2]
        yield rest.partition("/")[0]
        yield rest.rpartition("/")[2]


def _cut_at_text(reason: str, text: str) -> str:
    """Return the reason up to the place where it repeats three words in a row of the text."""
    words = _WORD.findall(text.casefold())
    triples = set(zip(words, words[1:], words[2:], strict=False))
    found = list(_WORD.finditer(reason))
    for three in zip(found, found[1:], found[2:], strict=False):
        if tuple(word[0].casefold() for word in three) in triples:
            return reason[: three[0].start()] + "…"
    return reason
