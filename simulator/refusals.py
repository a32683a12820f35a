"""Who may come in, and how the service says no."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
import hmac
import math
import re
import time
from typing import Any

from aiohttp import hdrs

from .account import Account, Dialect
from .dresses import ErrorDress, Json, Problem, error_value
from .records import Fields

# No number of the service is longer, and Python reads no endless ones.
_WHOLE = re.compile(r"-?[0-9]{1,40}")
_WORDS: dict[Problem, str] = {"unauthorised": "invalid_apikey", "expired": "api_expired"}


class Refusal(Exception):
    """An answer that ends the request. `body` is JSON, `status` the HTTP status."""

    def __init__(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def no(status: int, error: str, headers: Mapping[str, str] | None = None, **extra: Any) -> Refusal:
    """Return a refusal in the documented form: `{"success": false, "error": …}`."""
    return Refusal(status, {"success": False, "error": error, **extra}, headers)


def required(fields: Fields, name: str) -> str:
    """Return a required parameter; 400 `missing_<name>` without it."""
    if name not in fields:
        raise no(400, f"missing_{name}")
    return fields[name]


def unwilling(error: str) -> Refusal:
    """Return a refusal with status 200, of parameters that are well-formed but of no use."""
    return no(200, error)


def whole(text: str) -> int | None:
    """Return the whole number that a text is, None where it is none."""
    return int(text) if _WHOLE.fullmatch(text) else None


def integer(fields: Fields, name: str, default: int, *, low: int | None = 0, high: int | None = None) -> int:
    """Return a whole number within its limits; 400 `invalid_<name>` otherwise."""
    text = fields.get(name)
    if not text:
        return default
    value = whole(text)
    if value is None or (low is not None and value < low) or (high is not None and value > high):
        raise no(400, f"invalid_{name}")
    return value


def moment(fields: Fields, name: str, zone: tzinfo, *, end: bool = False) -> float | None:
    """Return a date or date and time of the account's zone in Unix seconds; a bare end date counts whole.

    None without the parameter, 400 `invalid_<name>` for what is no date.
    """
    text = fields.get(name)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise no(400, f"invalid_{name}") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    whole_day = 86400 if end and len(text) == 10 else 0
    return found.timestamp() + whole_day


def refuse(dialect: Dialect, dress: ErrorDress, problem: Problem) -> Refusal:
    """Return the refusal of a known problem in an account's dialect."""
    if dialect == "status":
        return no(403, _WORDS[problem])
    return Refusal(200, {"result": {"error": error_value(dress, problem)}})


def bearer(headers: Mapping[str, str]) -> str | None:
    """Return the bearer token of a request, or None without an `Authorization` header."""
    value = headers.get(hdrs.AUTHORIZATION)
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    # Any other scheme is a token nobody has.
    return token.strip() if scheme.lower() == "bearer" else ""


def token_owner(accounts: Mapping[str, Account], token: str) -> Account | None:
    """Return the account whose living token this is."""
    now = time.time()
    for account in accounts.values():
        if account.state != "unknown" and account.tokens.get(token, 0) > now:
            return account
    return None


def client_owner(accounts: Mapping[str, Account], client_id: str, client_secret: str) -> Account | None:
    """Return the account that these OAuth2 client credentials belong to."""
    for account in accounts.values():
        if account.state == "unknown" or not account.client_id or not account.client_secret:
            continue
        if account.client_id == client_id and hmac.compare_digest(
            account.client_secret.encode(), client_secret.encode()
        ):
            return account
    return None


def check_pace(account: Account) -> None:
    """Let a request in, or refuse it with 429 and the seconds to wait."""
    if account.state == "limited":
        raise no(429, "too_many_requests", {hdrs.RETRY_AFTER: str(account.retry_after)})
    now = time.time()
    while account.admitted and account.admitted[0] <= now - 60:
        account.admitted.popleft()
    limit = account.requests_per_minute
    if limit is not None and len(account.admitted) >= limit:
        wait = max(1, math.ceil(account.admitted[0] + 60 - now)) if account.admitted else 60
        raise no(429, "too_many_requests", {hdrs.RETRY_AFTER: str(wait)})
    account.admitted.append(now)
