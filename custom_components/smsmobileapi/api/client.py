"""The client: one method per endpoint, one `_request`."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
import logging
import re
from typing import Any, Final

import aiohttp

from .auth import Credentials, Signature
from .calls import Call
from .errors import ClientRefused, InvalidCredentials, Refused, UnexpectedAnswer
from .exchange import exchange
from .models import Channel, Direction, NotAMessage, ReceivedMessage, Source
from .phones import Phone, items_of, phones_of
from .rows import rows_of, word_of, yes_or_no
from .sending import LogEntry, OutgoingMessage, SentMessage
from .whatsapp import denies_whatsapp, on_whatsapp

_LOGGER = logging.getLogger(__name__)

DEFAULT_URL: Final = "https://api.smsmobileapi.com"
# Of the whole exchange, the body included; connecting has to be done well before that.
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
# The most calls that each list gives at once (D).
_MOST_CALLS: Final = {Direction.MISSED: 500, Direction.INCOMING: 200, Direction.OUTGOING: 200}
_NO_SUCH_MESSAGE: Final = re.compile(
    r"(?<!path_)(?<!page_)(?<!route_)(?<!endpoint_)not_found|no_such_(?:message|sms|guid|id)|no_(?:message|sms)|n[o']?t_exist"
    r"|(?:unknown|invalid)_(?:message|sms|guid|id)"
)


class SmsMobileApiClient:
    """Talks to the service for one account. All methods raise SmsMobileApiError's children and nothing else."""

    def __init__(
        self, session: aiohttp.ClientSession, credentials: Credentials, url: str = DEFAULT_URL
    ) -> None:
        self._session = session
        self._credentials = credentials
        self._url = url.rstrip("/")

    async def prove_credentials(self, *, zone: tzinfo = UTC) -> list[Phone] | None:
        """Return the account's phones, once it is clear that the service knows the account; None where their list is unreadable.

        `zone` is that of times without one. Raises InvalidCredentials or SubscriptionExpired where the service does not know it.
        An empty list of phones proves nothing, no more than an unreadable answer or another refusal does: then the list of
        incoming calls decides, which is documented to refuse a wrong key.
        """
        try:
            answer = await self._request("GET", "/gateway/mobile/list/")
        except UnexpectedAnswer, Refused:
            answer = None
        phones = phones_of(answer, zone=zone)
        if items_of(answer) and answer.get("success") is True:
            return phones
        answer = await self._request("GET", "/call/incoming/list/", {"limit": "1"})
        if not (isinstance(answer, Mapping) and answer.get("success") is True):
            raise UnexpectedAnswer("neither the list of phones nor that of calls is readable")
        return phones

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
        rows = rows_of(answer, "sms")
        for row in rows:
            try:
                messages.append(ReceivedMessage.from_api(row, source=Source.POLL, zone=zone, arrived=arrived))
            except NotAMessage:
                continue
        if len(messages) < len(rows):
            _LOGGER.debug("%d of %d received rows are no messages", len(rows) - len(messages), len(rows))
        return sorted(messages, key=lambda message: message.received_at)

    async def calls(
        self, direction: Direction, *, zone: tzinfo, offset: int = 0, limit: int = 100
    ) -> list[Call]:
        """Return the calls of one direction, newest first; `offset` is how many of the newest to leave out.

        There are never more than the service lists at once: 500 missed ones, 200 others (D). `zone` is that of times without
        one. Rows that are no call are left out.
        """
        fields = {"limit": str(max(1, min(limit, _MOST_CALLS[direction])))}
        if offset > 0:
            fields["offset"] = str(offset)
        if direction is not Direction.MISSED:
            fields["sort_dir"] = "desc"
        answer = await self._request("GET", f"/call/{direction}/list/", fields)
        arrived = datetime.now(UTC)
        rows = rows_of(answer, *(("data", "rows") if direction is Direction.MISSED else ("rows", "data")))
        calls = []
        for row in rows:
            try:
                calls.append(Call.from_api(row, direction=direction, zone=zone, arrived=arrived))
            except NotAMessage:
                continue
        if rows and not calls:
            raise UnexpectedAnswer(f"the list of {direction} calls is unreadable")
        return sorted(calls, key=lambda call: call.started_at, reverse=True)

    async def send_message(self, message: OutgoingMessage) -> SentMessage:
        """Send one message.

        Raises Refused or RateLimited where it was not taken, NotReachable where it can't have been, OutcomeUnknown
        where it may have been.
        """
        return await self._send("/sendsms/", message.fields())

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
        rows = rows_of(answer, "sms")
        entries = [entry for row in rows if (entry := LogEntry.from_api(row, zone=zone))]
        if rows and not entries:
            # That nothing in it can be read must not look as if nothing was sent.
            raise UnexpectedAnswer("the log of sent messages is unreadable")
        return entries

    async def delete_message(self, message_id: str) -> bool:
        """Remove an SMS from the account's log; return False where the service has no such message.

        The path and the answer are guesses (G): UnexpectedAnswer where the service does not know them.
        """
        try:
            answer = await self._request("POST", "/deletesms/", {"guid": message_id})
        except Refused as refusal:
            if isinstance(refusal, ClientRefused) or not _NO_SUCH_MESSAGE.search(word_of(refusal.reason)):
                raise
            return False
        match answer:
            case {"deleted": deleted} | {"result": {"deleted": deleted}} if deleted is not None:
                return yes_or_no(len(deleted) if isinstance(deleted, list) else deleted) is not False
        if not _agrees(answer):
            raise UnexpectedAnswer("the answer does not say whether it was deleted")
        return True

    async def is_on_whatsapp(self, number: str) -> bool | None:
        """Return whether an E.164 number is on WhatsApp, None where the answer does not tell (shape G)."""
        bare = number.removeprefix("+")
        try:
            answer = await self._request("GET", "/whatsapp/checknumber/", {"recipients": bare})
        except Refused as refusal:
            if isinstance(refusal, ClientRefused) or not denies_whatsapp(refusal.reason):
                raise
            return False
        return on_whatsapp(answer, bare)

    async def send_notification(self, sid: str, title: str, text: str) -> None:
        """Push a notification to a phone (D). Raises PhoneOffline where it is not connected, else as `send_message` does."""
        answer = await self._request(
            "POST", "/notification/send", {"sid": sid, "title": title, "message": text}
        )
        if not _agrees(answer):
            raise UnexpectedAnswer("the answer does not say whether it was sent")

    async def _send(self, path: str, fields: dict[str, str], message_id: str = "") -> SentMessage:
        answer = await self._request("POST", path, fields)
        if not isinstance(answer, Mapping):
            raise UnexpectedAnswer("the answer is not an object")
        return SentMessage.from_api(answer, message_id)

    async def _request(self, method: str, path: str, fields: Mapping[str, str] | None = None) -> Any:
        """Make a request and return its JSON, once it is clear that the service did not refuse it.

        One that was refused as not authorised was not taken: it is repeated once where another signature can be had.
        """
        signature = await self._credentials.sign(self._post_unsigned)
        try:
            return await self._exchange(method, path, fields or {}, signature)
        except InvalidCredentials:
            if not self._credentials.renounce(signature):
                raise
        signature = await self._credentials.sign(self._post_unsigned)
        return await self._exchange(method, path, fields or {}, signature)

    async def _post_unsigned(self, path: str, fields: Mapping[str, str]) -> Any:
        return await self._exchange("POST", path, fields, Signature())

    async def _exchange(self, method: str, path: str, fields: Mapping[str, str], signature: Signature) -> Any:
        answer = await exchange(
            self._session,
            method,
            self._url + path,
            {**signature.fields, **fields},
            headers=signature.headers,
            timeout=TIMEOUT,
        )
        return answer.content(private={**fields, **signature.private})


def _agrees(answer: Any) -> bool:
    """Tell whether an answer that is no refusal is a yes: it speaks of success, or of no error."""
    match answer:
        case {"success": success} if yes_or_no(success):
            return True
        case {"error": _} | {"result": {"error": _} | {"success": True}}:
            return True
        case _:
            return False
