"""Ways to sign a request."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import re
import time
from typing import Any, Final

from .errors import ClientRefused, NoToken, OutcomeUnknown, Refused, SmsMobileApiError

TOKEN_PATH: Final = "/oauth2/token"  # a path, not a token
DEFAULT_LIFE: Final = 3600.0  # seconds
_LONGEST_LIFE: Final = 365 * 24 * 3600.0
_LONGEST_MARGIN: Final = 30.0
# What a header can carry.
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")

# Posts a form, unsigned, and returns the JSON of an answer that is no refusal.
type Post = Callable[[str, Mapping[str, str]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What makes a request the account's. `private` is what no reason and no log may repeat."""

    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    private: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The account's key, sent as the parameter `apikey` (API.md, D)."""

    key: str = field(repr=False)

    async def sign(self, _post: Post) -> Signature:
        """Return the signature of a request."""
        return Signature(fields={"apikey": self.key}, private={"apikey": self.key})

    def renounce(self, _signature: Signature) -> bool:
        """Return whether there may be another signature than this one, which was refused."""
        return False


class ClientCredentials:
    """OAuth2 client credentials (API.md, D): a token that is fetched when it is needed, and kept in memory alone.

    `on_token` is called with each new token before it is used, so that it can be kept out of logs. One instance may sign for
    many requests at once: the token is fetched once for all of them.
    """

    def __init__(
        self, client_id: str, client_secret: str, *, on_token: Callable[[str], None] | None = None
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._on_token = on_token
        self._signature: Signature | None = None
        self._renew_at = 0.0
        self._lock = asyncio.Lock()
        self._renewals = 0
        self._failure: SmsMobileApiError | None = None

    async def sign(self, post: Post) -> Signature:
        """Return the signature of a request, with a token that is good for a while.

        Raises InvalidCredentials, SubscriptionExpired, RateLimited or Refused (as ClientRefused) where the service gives no
        token, NotReachable (as NoToken where something answered) where none came. It is never OutcomeUnknown: the request
        was not made.
        """
        return self._fresh() or await self._renew(post)

    def renounce(self, signature: Signature) -> bool:
        """Use the token no more, which was refused; return whether there may be another one."""
        if self._signature is signature:
            self._signature = None
        return True

    def _fresh(self) -> Signature | None:
        return self._signature if time.monotonic() < self._renew_at else None

    async def _renew(self, post: Post) -> Signature:
        renewals = self._renewals
        async with self._lock:
            if signature := self._fresh():
                return signature
            if self._renewals != renewals and self._failure:
                # It failed while we waited: all who waited are told, else each would wait for a failure of its own.
                raise self._failure.with_traceback(None)
            self._failure = None
            try:
                return await self._fetch(post)
            except SmsMobileApiError as err:
                self._failure = err
                raise
            finally:
                self._renewals += 1

    async def _fetch(self, post: Post) -> Signature:
        failure: SmsMobileApiError
        asked_at = time.monotonic()
        client = {"client_id": self._client_id, "client_secret": self._client_secret}
        try:
            answer = await post(TOKEN_PATH, {"grant_type": "client_credentials", **client})
        except OutcomeUnknown as err:
            failure = NoToken(str(err))
        except Refused as refusal:
            failure = ClientRefused(refusal.reason)
        else:
            if token := _token_of(answer):
                if self._on_token:
                    self._on_token(token)
                life = _life_of(answer)
                self._renew_at = asked_at + life - min(_LONGEST_MARGIN, life / 4)
                self._signature = Signature(
                    headers={"Authorization": f"Bearer {token}"}, private={**client, "token": token}
                )
                return self._signature
            failure = NoToken("there is no token in the answer")
        # Raised out here so that nothing in its context says that the outcome is unknown.
        raise failure


type Credentials = ApiKey | ClientCredentials


def _token_of(answer: Any) -> str | None:
    token = answer.get("access_token") if isinstance(answer, Mapping) else None
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else None


def _life_of(answer: Mapping[str, Any]) -> float:
    """Return for how many seconds a token is good; an hour where the answer does not say it readably (G)."""
    written = answer.get("expires_in")
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        return DEFAULT_LIFE
    try:
        life = float(written)
    except ValueError, OverflowError:
        return DEFAULT_LIFE
    return life if 0 < life <= _LONGEST_LIFE else DEFAULT_LIFE
