"""Access to an account: its API key, OAuth2 tokens, and how many requests it may make."""

from collections.abc import Mapping
import hmac
import math
import secrets
import time

from aiohttp import hdrs

from .account import Account
from .formats import ErrorFormat, Json, Problem, RefusalFormat, error_value, format_token
from .parameters import Refusal, refuse, required
from .records import Fields

type Accounts = Mapping[str, Account]

_WORDS: dict[Problem, str] = {"unauthorised": "invalid_apikey", "expired": "api_expired"}


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """Return the bearer token of a request; None without an `Authorization` header, "" for another scheme."""
    value = headers.get(hdrs.AUTHORIZATION)
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def account_of_token(accounts: Accounts, token: str) -> Account:
    """Return the account that a valid bearer token belongs to; refuse any other token with 401."""
    now = time.time()
    for account in accounts.values():
        if account.state != "unknown" and account.tokens.get(token, 0) > now:
            return account
    raise refuse("invalid_token", 401)


def account_of_key(accounts: Accounts, query: Mapping[str, str], fields: Fields) -> Account | None:
    """Return the account with the API key of a request, or None; refuse a request without a key with 400."""
    account = accounts.get(required(fields, "apikey"))
    # A form needs a key, but the service also accepts a right key in the query beside a wrong one in the form.
    return account or accounts.get(query.get("apikey", ""))


def issue_token(accounts: Accounts, fields: Fields) -> Json:
    """`POST /oauth2/token`: issue a bearer token for client credentials."""
    if required(fields, "grant_type") != "client_credentials":
        raise refuse("unsupported_grant_type", 400)
    client_id, client_secret = required(fields, "client_id"), required(fields, "client_secret")
    for account in accounts.values():
        if (
            account.state != "unknown"
            and account.client_id
            and account.client_secret
            and account.client_id == client_id
            and hmac.compare_digest(account.client_secret.encode(), client_secret.encode())
        ):
            token = secrets.token_urlsafe(24)
            account.tokens[token] = time.time() + account.token_seconds
            return format_token(account.token_format, token, account.token_seconds)
    raise refuse("invalid_client", 401)


def refuse_access(
    path: str, refusal_format: RefusalFormat, error_format: ErrorFormat, problem: Problem
) -> Refusal:
    """Return the refusal of an unknown key or an expired account; `/call/…` always answers with an HTTP status."""
    if refusal_format == "status" or path.startswith("/call/"):
        return refuse(_WORDS[problem], 403)
    return Refusal(200, {"result": {"error": error_value(error_format, problem)}})


def check_rate(account: Account) -> None:
    """Count a request; refuse it with 429 and `Retry-After` where the account made too many."""
    if account.state == "limited":
        raise refuse("too_many_requests", 429, {hdrs.RETRY_AFTER: str(account.retry_after)})
    now = time.time()
    recent = account.recent_requests
    while recent and recent[0] <= now - 60:
        recent.popleft()
    limit = account.requests_per_minute
    if limit is not None and len(recent) >= limit:
        wait = max(1, math.ceil(recent[0] + 60 - now)) if recent else 60
        raise refuse("too_many_requests", 429, {hdrs.RETRY_AFTER: str(wait)})
    recent.append(now)
