"""The client: one method per endpoint, one `_request`."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from http import HTTPStatus
import json
import logging
from typing import Any

import aiohttp

from .auth import ApiKey
from .errors import NotReachable, OutcomeUnknown, Refused, SmsMobileApiError, UnexpectedAnswer
from .models import Channel, LogEntry, NotAMessage, ReceivedMessage, SentMessage, Source
from .reasons import without_private_things
from .refusals import check_refusal

_LOGGER = logging.getLogger(__name__)

DEFAULT_URL = "https://api.smsmobileapi.com"
# Of the whole exchange, the body included; connecting has to be done well before that.
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
MAX_ANSWER_BYTES = 8 * 1024 * 1024
_CHUNK = 64 * 1024
_CALLED_BY = "Home Assistant"


class SmsMobileApiClient:
    """Talks to the service for one account. All methods raise SmsMobileApiError's children and nothing else."""

    def __init__(self, session: aiohttp.ClientSession, auth: ApiKey, url: str = DEFAULT_URL) -> None:
        self._session = session
        self._auth = auth
        self._url = url.rstrip("/")

    async def prove_credentials(self) -> None:
        """Raise InvalidCredentials or SubscriptionExpired unless the service knows the account.

        An empty list of phones proves nothing, no more than an unreadable answer or another refusal does: then the list of incoming calls
        decides, which is documented to refuse a wrong key.
        """
        try:
            answer = await self._request("GET", "/gateway/mobile/list/")
        except UnexpectedAnswer, Refused:
            answer = None
        if isinstance(answer, Mapping) and answer.get("success") is True and answer.get("items"):
            return
        answer = await self._request("GET", "/call/incoming/list/", {"limit": "1"})
        if not (isinstance(answer, Mapping) and answer.get("success") is True):
            raise UnexpectedAnswer("neither the list of phones nor that of calls is readable")

    async def received_messages(self, *, after: int | None, zone: tzinfo) -> list[ReceivedMessage]:
        """Return the SMS received after `after` (Unix seconds; None for all), oldest first.

        `zone` is that of times without one. Rows that are no message are left out. An unknown key has no messages, and
        no error either (S).
        """
        answer = await self._request(
            "GET", "/getsms/", {} if after is None else {"after_timestamp_unix": str(after)}
        )
        arrived = datetime.now(UTC)
        messages = []
        rows = _rows(answer, "sms")
        for row in rows:
            try:
                messages.append(ReceivedMessage.from_api(row, source=Source.POLL, zone=zone, arrived=arrived))
            except NotAMessage:
                continue
        if len(messages) < len(rows):
            _LOGGER.debug("%d of %d received rows are no messages", len(rows) - len(messages), len(rows))
        return sorted(messages, key=lambda message: message.received_at)

    async def send_message(self, *, recipient: str, text: str, channel: Channel) -> SentMessage:
        """Send one message; `recipient` is an E.164 number or a short code.

        Raises Refused or RateLimited where it was not taken, NotReachable where it can't have been, OutcomeUnknown
        where it may have been.
        """
        fields = {"recipients": recipient, "message": text, "from": _CALLED_BY}
        if channel is Channel.WHATSAPP:
            # WhatsApp numbers go without the plus sign.
            fields |= {
                "recipients": recipient.removeprefix("+"),
                "sendwa": "1",
                "sendsms": "0",
                "waonly": "yes",
            }
        else:
            fields |= {"sendsms": "1"}
        return await self._send("/sendsms/", fields)

    async def resend_message(self, message_id: str, channel: Channel) -> SentMessage:
        """Have the service send a message again that has failed. Raises as `send_message` does."""
        path = "/resendwa/" if channel is Channel.WHATSAPP else "/resend/"
        return await self._send(path, {"guid": message_id}, message_id)

    async def sent_log(
        self, *, zone: tzinfo, message_id: str | None = None, keyword: str | None = None
    ) -> list[LogEntry]:
        """Return the log of sent messages: that of one message, those with a number or text in them, or all of it."""
        fields = {"guid_message": message_id, "keyword": keyword}
        answer = await self._request(
            "GET", "/log/sent/sms/", {name: value for name, value in fields.items() if value}
        )
        rows = _rows(answer, "sms")
        entries = [entry for row in rows if (entry := LogEntry.from_api(row, zone=zone))]
        if rows and not entries:
            # That nothing in it can be read must not look as if nothing was sent.
            raise UnexpectedAnswer("the log of sent messages is unreadable")
        return entries

    async def _send(self, path: str, fields: dict[str, str], message_id: str = "") -> SentMessage:
        answer = await self._request("POST", path, fields)
        if not isinstance(answer, Mapping):
            raise UnexpectedAnswer("the answer is not an object")
        try:
            return SentMessage.from_api(answer, message_id)
        except Refused as refusal:
            reason = without_private_things(refusal.reason, self._auth.sign(fields))
        raise Refused(reason)

    async def _request(self, method: str, path: str, fields: Mapping[str, str] | None = None) -> Any:
        """Make a request and return its JSON, once it is clear that the service did not refuse it."""
        signed = self._auth.sign(dict(fields or {}))
        is_post = method == "POST"
        try:
            async with self._session.request(
                method,
                self._url + path,
                timeout=TIMEOUT,
                # A redirect would take the key somewhere else.
                allow_redirects=False,
                data=signed if is_post else None,
                params=None if is_post else signed,
            ) as response:
                status, headers = response.status, response.headers
                body = await _read_all(response)
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as err:
            failure = _failure(err)
        else:
            answer = _json(body)
            try:
                check_refusal(status, headers, answer)
            except Refused as refusal:
                failure = type(refusal)(without_private_things(refusal.reason, signed))
            else:
                if status != HTTPStatus.OK or answer is None:
                    raise UnexpectedAnswer(f"HTTP {status}, {len(body)} bytes that are not the service's")
                return answer
        # Raised out here so that aiohttp's error, which shows the URL and the key in it, is not its context.
        raise failure


def _failure(err: Exception) -> SmsMobileApiError:
    """Tell from the error whether the service can have taken the request."""
    name = type(err).__name__
    match err:
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return NotReachable(name)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | UnicodeEncodeError():
            return NotReachable(name)
        case RuntimeError():
            # The session was closed: Home Assistant is going down.
            return NotReachable(name)
        case _:
            return OutcomeUnknown(name)


async def _read_all(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            response.close()
            break
    return bytes(body)


def _json(body: bytes) -> Any:
    """Return the body's JSON, or None: one bad byte in one text is no reason to lose the others."""
    if len(body) > MAX_ANSWER_BYTES:
        return None
    try:
        return json.loads(body.decode("utf-8-sig", errors="replace"))
    except ValueError, RecursionError:
        return None


def _rows(answer: Any, name: str) -> list[Any]:
    """Find the list of rows: at the top, under `name`, or under `result.name` (S)."""
    for _ in range(3):
        match answer:
            case list():
                return answer
            case {"result": inner} if inner is not None:
                answer = inner
            case {**keys} if name in keys:
                # An empty list is sometimes null, and a list with holes an object keyed by position.
                inner = keys[name]
                answer = list(inner.values()) if isinstance(inner, Mapping) else inner or []
            case {"error": _} | {"success": True}:
                return []
            case _:
                break
    raise UnexpectedAnswer(f"there is no list of {name} in the answer")
