"""The client of the service: one method per endpoint, and one `_request` for all of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
import logging
from typing import Any, Final

import aiohttp

from .auth import Credentials
from .calls import Call
from .errors import InvalidCredentials, InvalidPayload, Refused, TokenRefused, UnexpectedAnswer
from .models import Channel, Direction, ReceivedMessage, Source, received_time
from .parsing import count_of, list_of, word_of, yes_or_no
from .phones import Phone, items_of, phones_of
from .sending import SendRequest, SentLogEntry, message_id_of
from .transport import make_request

_LOGGER = logging.getLogger(__name__)

DEFAULT_URL: Final = "https://api.smsmobileapi.com"
# `total` is for the whole exchange, the body included.
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
# How many calls each list gives at most in one answer (D).
_MAX_CALLS: Final = {Direction.MISSED: 500, Direction.INCOMING: 200, Direction.OUTGOING: 200}
# The reasons that say that a message does not exist (G).
_NO_SUCH_MESSAGE: Final = frozenset(
    {"not_found", "message_not_found", "unknown_message", "unknown_guid", "invalid_guid"}
)


class SmsMobileApiClient:
    """The service, for one account. All methods raise the children of SmsMobileApiError and nothing else."""

    def __init__(
        self, session: aiohttp.ClientSession, credentials: Credentials, url: str = DEFAULT_URL
    ) -> None:
        self._session = session
        self._credentials = credentials
        self._url = url.rstrip("/")

    async def verify_credentials(self, *, zone: tzinfo = UTC) -> list[Phone] | None:
        """Check that the service knows the account; return its phones, None where their list can't be read.

        `zone` is the zone of times that have none. Raises InvalidCredentials or SubscriptionExpired where the service does not
        know the account. An unknown key may get an empty list of phones, so where no phone is listed, or the list is refused
        or can't be read, the list of incoming calls is asked for, which is documented to refuse an unknown key.
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
            raise UnexpectedAnswer("neither the list of phones nor the list of calls can be read")
        return phones

    async def received_messages(
        self, *, after: int | None, zone: tzinfo, skip: Callable[[Mapping[str, Any]], bool] | None = None
    ) -> list[ReceivedMessage]:
        """Return the SMS that were received after `after` (Unix seconds; None for all), oldest first.

        Those of one second are in the order in which the service received them, whichever way it lists them.
        `zone` is the zone of times that have none. Rows for which `skip` returns True (the caller knows them already) are left
        out without being parsed, and so are rows that are no message. An unknown key gets no error but no messages (S).
        """
        fields = {} if after is None else {"after_timestamp_unix": str(after)}
        rows = list_of(await self._request("GET", "/getsms/", fields, list_name="sms"), "sms")
        if rows is None:
            raise UnexpectedAnswer("the answer has no list of messages")
        arrived = datetime.now(UTC)
        messages = []
        invalid = 0
        for row in rows:
            if skip and isinstance(row, Mapping) and skip(row):
                continue
            try:
                messages.append(ReceivedMessage.from_api(row, source=Source.POLL, zone=zone, arrived=arrived))
            except InvalidPayload:
                invalid += 1
        if invalid:
            _LOGGER.debug("%d of %d received rows are no messages", invalid, len(rows))
        if _is_newest_first(rows, zone):
            messages.reverse()
        return sorted(messages, key=lambda message: message.received_at)

    async def calls(
        self, direction: Direction, *, zone: tzinfo, offset: int = 0, limit: int = 100
    ) -> list[Call]:
        """Return the calls of one direction, newest first, without the `offset` newest ones.

        At most 500 missed calls or 200 others are returned, whatever `limit` says (D). `zone` is the zone of times that have
        none. Rows that are no call are left out.
        """
        fields = {"limit": str(max(1, min(limit, _MAX_CALLS[direction])))}
        if offset > 0:
            fields["offset"] = str(offset)
        if direction is not Direction.MISSED:
            fields["sort_dir"] = "desc"
        answer = await self._request("GET", f"/call/{direction}/list/", fields)
        arrived = datetime.now(UTC)
        rows = list_of(answer, "data" if direction is Direction.MISSED else "rows")
        calls = []
        for row in rows or []:
            try:
                calls.append(Call.from_api(row, direction=direction, zone=zone, arrived=arrived))
            except InvalidPayload:
                continue
        if rows is None or (rows and not calls):
            raise UnexpectedAnswer(f"the list of {direction} calls can't be read")
        return sorted(calls, key=lambda call: call.started_at, reverse=True)

    async def send_message(self, message: SendRequest) -> str:
        """Send one message; return its id.

        Raises Refused or RateLimited where the service did not accept it, NotReachable where the service can't have got it,
        OutcomeUnknown where it may have been accepted.
        """
        return message_id_of(await self._request("POST", "/sendsms/", message.fields()))

    async def resend_message(self, message_id: str, channel: Channel) -> str:
        """Have the service send a failed message again; return its id. Raises the same errors as `send_message`."""
        path = "/resendwa/" if channel is Channel.WHATSAPP else "/resend/"
        return message_id_of(await self._request("POST", path, {"guid": message_id}), message_id)

    async def sent_log(
        self, *, zone: tzinfo, message_id: str | None = None, keyword: str | None = None
    ) -> list[SentLogEntry]:
        """Return the log of sent messages: the row of one message, the rows with a number or text in them, or all rows.

        `zone` is the zone of times that have none.
        """
        fields = {"guid_message": message_id, "keyword": keyword}
        answer = await self._request(
            "GET", "/log/sent/sms/", {name: value for name, value in fields.items() if value}, list_name="sms"
        )
        rows = list_of(answer, "sms")
        entries = [entry for row in rows or [] if (entry := SentLogEntry.from_api(row, zone=zone))]
        if rows is None or (rows and not entries):
            # An unreadable log must not be taken for an empty one.
            raise UnexpectedAnswer("the log of sent messages can't be read")
        return entries

    async def delete_message(self, message_id: str) -> bool:
        """Remove an SMS from the account's log; return False where the service has no such message.

        The path and the answer are guesses (G). Raises UnexpectedAnswer where the answer does not say that it was removed.
        """
        try:
            answer = await self._request("POST", "/deletesms/", {"guid": message_id})
        except Refused as refusal:
            if isinstance(refusal, TokenRefused) or word_of(refusal.reason) not in _NO_SUCH_MESSAGE:
                raise
            return False
        if not _is_success(answer):
            raise UnexpectedAnswer("the answer does not say whether the message was removed")
        result = answer.get("result")
        return yes_or_no((result if isinstance(result, Mapping) else answer).get("deleted")) is not False

    async def is_on_whatsapp(self, number: str) -> bool | None:
        """Return whether an E.164 number is on WhatsApp (S); None where the answer does not say it."""
        answer = await self._request(
            "GET", "/whatsapp/checknumber/", {"recipients": number.removeprefix("+")}
        )
        match answer:
            case {"contact_found_on_whatsapp": found} | {"result": {"contact_found_on_whatsapp": found}}:
                return yes_or_no(found)
            case _:
                return None

    async def send_notification(self, sid: str, title: str, text: str) -> None:
        """Push a notification to a phone (D). Raises PhoneOffline where it is not connected, else as `send_message`."""
        answer = await self._request(
            "POST", "/notification/send", {"sid": sid, "title": title, "message": text}
        )
        if not _is_success(answer):
            raise UnexpectedAnswer("the answer does not say whether the notification was sent")

    async def _request(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str] | None = None,
        *,
        list_name: str | None = None,
    ) -> Any:
        """Make a request and return its JSON; raise what a refusal means.

        A request that was refused as not authorised is repeated once where another token can be fetched. `list_name` is as for
        `make_request`.
        """
        fields = fields or {}
        is_repeated = False
        while True:
            authorization = await self._credentials.authorize(self._post_unauthorized)
            try:
                return await make_request(
                    self._session,
                    method,
                    self._url + path,
                    {**authorization.fields, **fields},
                    headers=authorization.headers,
                    timeout=TIMEOUT,
                    secrets=authorization.secrets,
                    list_name=list_name,
                )
            except InvalidCredentials:
                if not self._credentials.invalidate(authorization) or is_repeated:
                    raise
            is_repeated = True

    async def _post_unauthorized(self, path: str, fields: Mapping[str, str]) -> Any:
        """Post a form without credentials: the request for a token."""
        return await make_request(
            self._session, "POST", self._url + path, fields, headers={}, timeout=TIMEOUT, secrets={}
        )


def _is_newest_first(rows: Sequence[Any], zone: tzinfo) -> bool:
    """Return whether a list begins with the newest message: by the numbers (`id`) of its ends, or else by their times."""
    if not rows or not (isinstance(rows[0], Mapping) and isinstance(rows[-1], Mapping)):
        return False
    ends: list[Mapping[str, Any]] = [rows[0], rows[-1]]
    first_id, last_id = (count_of(row.get("id")) for row in ends)
    if first_id is not None and last_id is not None:
        return first_id > last_id
    first, last = (received_time(row, zone)[0] for row in ends)
    return first is not None and last is not None and first > last


def _is_success(answer: Any) -> bool:
    """Return whether an answer that is no refusal says that the request succeeded: `success` is true, or there is no error."""
    match answer:
        case {"success": success} if yes_or_no(success):
            return True
        case {"error": _} | {"result": {"error": _}}:
            return True
        case _:
            return False
