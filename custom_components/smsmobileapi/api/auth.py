"""The two ways to authorise a request: an API key, or OAuth2 client credentials."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import re
import time
from typing import Any, Final

from .errors import NoToken, OutcomeUnknown, Refused, SmsMobileApiError, TokenRefused

TOKEN_PATH: Final = "/oauth2/token"
DEFAULT_LIFETIME: Final = 3600.0  # seconds
_MAX_LIFETIME: Final = 365 * 24 * 3600.0
_MAX_MARGIN: Final = 30.0
# The characters that a header can carry.
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")

# Posts a form without credentials and returns the JSON of the answer.
type Post = Callable[[str, Mapping[str, str]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The fields and headers that authorise one request; `secrets` are the values that no error may show."""

    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The account's key, which is sent as the parameter `apikey` (D)."""

    key: str = field(repr=False)

    async def authorize(self, _post: Post) -> Authorization:
        """Return the authorization of a request."""
        return Authorization(fields={"apikey": self.key}, secrets={"apikey": self.key})

    def invalidate(self, _authorization: Authorization) -> bool:
        """Return False: there is no other authorization than the one that was refused."""
        return False


class ClientCredentials:
    """OAuth2 client credentials (D): the token is fetched when it is needed, and kept in memory only.

    `on_token` is called with each new token before it is used, so that it can be kept out of logs. Many requests at once can
    use one instance: the token is fetched once for all of them.
    """

    def __init__(
        self, client_id: str, client_secret: str, *, on_token: Callable[[str], None] | None = None
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._on_token = on_token
        self._authorization: Authorization | None = None
        self._renew_at = 0.0
        self._lock = asyncio.Lock()
        self._renewals = 0
        self._failure: SmsMobileApiError | None = None

    async def authorize(self, post: Post) -> Authorization:
        """Return the authorization of a request, with a token that is still valid for some time.

        Raises InvalidCredentials, SubscriptionExpired, RateLimited or TokenRefused where the service refuses to give a token,
        NotReachable or NoToken where none came. Never raises OutcomeUnknown: the request itself was not made.
        """
        return self._valid() or await self._renew(post)

    def invalidate(self, authorization: Authorization) -> bool:
        """Stop using the token of an authorization that was refused; return True, as another one can be fetched."""
        if self._authorization is authorization:
            self._authorization = None
        return True

    def _valid(self) -> Authorization | None:
        return self._authorization if time.monotonic() < self._renew_at else None

    async def _renew(self, post: Post) -> Authorization:
        renewals = self._renewals
        async with self._lock:
            if authorization := self._valid():
                return authorization
            if self._renewals != renewals and self._failure:
                # It failed while this request waited. Each waiting request gets that error and does not try for itself:
                # otherwise the last of twenty would wait for twenty timeouts.
                raise self._failure.with_traceback(None)
            self._failure = None
            try:
                return await self._fetch(post)
            except SmsMobileApiError as err:
                self._failure = err
                raise
            finally:
                self._renewals += 1

    async def _fetch(self, post: Post) -> Authorization:
        failure: SmsMobileApiError
        started = time.monotonic()
        client = {"client_id": self._client_id, "client_secret": self._client_secret}
        try:
            answer = await post(TOKEN_PATH, {"grant_type": "client_credentials", **client})
        except OutcomeUnknown as err:
            failure = NoToken(str(err))
        except Refused as refusal:
            failure = TokenRefused(refusal.reason)
        else:
            if token := _token_of(answer):
                if self._on_token:
                    self._on_token(token)
                lifetime = _lifetime_of(answer)
                self._renew_at = started + lifetime - min(_MAX_MARGIN, lifetime / 4)
                self._authorization = Authorization(
                    headers={"Authorization": f"Bearer {token}"}, secrets={**client, "token": token}
                )
                return self._authorization
            failure = NoToken("there is no token in the answer")
        # Raised outside of the handlers, so that no OutcomeUnknown is its context.
        raise failure


type Credentials = ApiKey | ClientCredentials


def _token_of(answer: Any) -> str | None:
    token = answer.get("access_token") if isinstance(answer, Mapping) else None
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else None


def _lifetime_of(answer: Mapping[str, Any]) -> float:
    """Return for how many seconds a token is valid; an hour where `expires_in` is missing or can't be read (G)."""
    value = answer.get("expires_in")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return DEFAULT_LIFETIME
    try:
        lifetime = float(value)
    except ValueError, OverflowError:
        return DEFAULT_LIFETIME
    return lifetime if 0 < lifetime <= _MAX_LIFETIME else DEFAULT_LIFETIME
