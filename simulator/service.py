"""The service: its accounts, its API over HTTP, and its webhooks."""

from collections.abc import Awaitable, Callable, Collection
from types import EllipsisType
from typing import Any

from aiohttp import hdrs, web

from .access import account_of_key, account_of_token, bearer_token, check_rate, issue_token, refuse_access
from .account import Account
from .calls import incoming_calls, missed_calls, outgoing_calls
from .dispatcher import Dispatcher
from .faults import Fault, Faults
from .formats import ErrorFormat, Json, RefusalFormat
from .notifications import notification_list, send_notification
from .parameters import Refusal, refuse
from .phones import no_phones, phone_list
from .receiving import delete_sms, no_sms, received_sms
from .records import ApiRequest, Fields, ReceivedSms
from .sending import resend, resend_whatsapp, send
from .sent_log import sent_log, typed_log
from .webhooks import post_v1
from .whatsapp import activate, check_number, received_whatsapp, synchronise

type Endpoint = Callable[[Account, Fields], Json]
type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _no_mailbox(_account: Account, _fields: Fields) -> Json:
    """`/sendemail/` and `/getemail/`: accounts of the simulator have no mailbox."""
    raise refuse("unknown_mailbox")


ENDPOINTS: dict[str, tuple[Endpoint, tuple[str, ...]]] = {
    "/sendsms/": (send, ("GET", "POST")),
    "/resend/": (resend, ("GET", "POST")),
    "/resendwa/": (resend_whatsapp, ("GET", "POST")),
    "/log/sent/sms/": (sent_log, ("GET",)),
    "/log/sent/frommobile/": (typed_log, ("GET",)),
    "/getsms/": (received_sms, ("GET",)),
    "/deletesms/": (delete_sms, ("GET", "POST")),
    "/gateway/mobile/list/": (phone_list, ("GET",)),
    "/call/missed/list/": (missed_calls, ("GET",)),
    "/call/incoming/list/": (incoming_calls, ("GET",)),
    "/call/outgoing/list/": (outgoing_calls, ("GET",)),
    "/notification/send": (send_notification, ("POST",)),
    "/notification/list/": (notification_list, ("GET",)),
    "/whatsapp/checknumber/": (check_number, ("GET",)),
    "/getwa/active/": (activate, ("GET",)),
    "/getwa/synchronisation/": (synchronise, ("GET",)),
    "/getwa/": (received_whatsapp, ("GET",)),
    "/sendemail/": (_no_mailbox, ("POST",)),
    "/getemail/": (_no_mailbox, ("GET",)),
}
"""The function and the HTTP methods of each path."""
TOKEN_PATH = "/oauth2/token"
CONTROL_PATH = "/_control/"

_FIELDS = web.RequestKey("fields", dict)


class Service:
    """The SMSMobileAPI service, without a web server.

    `accounts` maps API keys to accounts. `requests` lists all API requests, also those that were refused or had a
    fault.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.requests: list[ApiRequest] = []
        self.faults = Faults()
        self.dispatcher = Dispatcher()
        self.refusal_format: RefusalFormat = "status"
        """The format in which an unknown key is refused."""
        self.empty_phone_list = False
        """Whether an unknown key gets a phone list without phones instead of a refusal."""

    def add_account(self, key: str, **settings: Any) -> Account:
        """Add an account, or replace the one with this key; `settings` are attributes of `Account`."""
        account = Account(key=key, **settings)
        self.accounts[key] = account
        return account

    def remove_account(self, key: str) -> None:
        """Remove an account, so that its key is unknown."""
        del self.accounts[key]

    def fault(self, endpoint: str, kind: str, count: int = 1, **options: Any) -> Fault:
        """Add a fault to the next `count` answers of an endpoint, "*" for any; `options` are attributes of `Fault`.

        Raises ValueError for an endpoint, kind or option that does not exist.
        """
        if endpoint not in ("*", TOKEN_PATH, *ENDPOINTS):
            raise ValueError(f"no endpoint {endpoint!r}; there are *, {TOKEN_PATH}, {', '.join(ENDPOINTS)}")
        try:
            fault = Fault(endpoint=endpoint, kind=kind, count=count, **options)  # type: ignore[arg-type] # checked in Fault
        except TypeError as error:
            raise ValueError(str(error)) from None
        self.faults.waiting.append(fault)
        return fault

    def reset(self) -> None:
        """Remove all faults, requests and history; keep the accounts, their settings and phones."""
        self.faults.waiting.clear()
        self.requests.clear()
        for account in self.accounts.values():
            account.clear_history()

    async def deliver(self, account: Account, row: ReceivedSms) -> int:
        """Post webhook V1; return the HTTP status, 0 for no answer within 10 s."""
        return await post_v1(account, row)

    async def deliver_v2(
        self,
        account: Account,
        type: str,
        data: dict[str, Any] | None = None,
        *,
        event_id: str | None = None,
        secret: str | EllipsisType | None = ...,
        timestamp: float | None = None,
        omit: Collection[str] = (),
    ) -> int:
        """Post webhook V2; return the HTTP status, 0 for no answer within 10 s or while the webhook is paused.

        Without `data` the event has example values. `omit` leaves fields out, for example `occurred_at` or
        `data.from`. The same `event_id` again makes a duplicate. `secret` replaces the account's secret, None leaves
        the signature out. `timestamp` (Unix seconds, by default now) is the signed time.
        """
        return await self.dispatcher.deliver(
            account, type, data, event_id=event_id, secret=secret, timestamp=timestamp, omit=omit
        )

    async def redeliver(self, account: Account, event_id: str | None = None) -> list[int]:
        """Post all V2 events again that were not answered 2xx, or all with this id; return the HTTP statuses."""
        return await self.dispatcher.redeliver(account, event_id)

    async def wait_for_reports(self) -> None:
        """Wait until each report that is due now has been posted (`Account.report_by_webhook`)."""
        await self.dispatcher.wait_for_reports()

    def make_app(self) -> web.Application:
        """Return the web application with the API."""
        app = web.Application(middlewares=[self._answer])
        for path, (endpoint, methods) in ENDPOINTS.items():
            handler = self._handler(path, endpoint)
            for method in methods:
                app.router.add_route(method, path, handler)
                if path.endswith("/"):
                    app.router.add_route(method, path.rstrip("/"), _redirect_to_slash)
        app.router.add_post(TOKEN_PATH, self._token)
        return app

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record an API request and answer it, with a fault where one is set."""
        if request.path.startswith(CONTROL_PATH):
            return await handler(request)
        fields = request[_FIELDS] = await _read_fields(request)
        self._record(request, fields)

        async def answer() -> web.StreamResponse:
            try:
                return await handler(request)
            except Refusal as refusal:
                return web.json_response(refusal.body, status=refusal.status, headers=refusal.headers)
            except web.HTTPException as error:
                headers = {name: value for name, value in error.headers.items() if name == hdrs.ALLOW}
                body = {"success": False, "error": error.reason.lower().replace(" ", "_")}
                return web.json_response(body, status=error.status, headers=headers)

        fault = self.faults.pop(request.path)
        return await (self.faults.apply(fault, request, answer) if fault else answer())

    def _handler(self, path: str, endpoint: Endpoint) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            account = self._authenticate(path, request, request[_FIELDS])
            body = endpoint(account, request[_FIELDS])
            self.dispatcher.schedule_reports(account)
            return web.json_response(body)

        return handle

    async def _token(self, request: web.Request) -> web.Response:
        return web.json_response(issue_token(self.accounts, request[_FIELDS]))

    def _authenticate(self, path: str, request: web.Request, fields: Fields) -> Account:
        """Return the account of a request; raises Refusal where there is none or it may not make the request."""
        token = bearer_token(request.headers)
        if token is not None:
            account = account_of_token(self.accounts, token)
        else:
            found = account_of_key(self.accounts, request.query, fields)
            if found is None or found.state == "unknown":
                raise self._refuse_key(path, found)
            account = found
        if account.state == "expired":
            raise refuse_access(path, account.refusal_format, account.error_format, "expired")
        check_rate(account)
        return account

    def _refuse_key(self, path: str, account: Account | None) -> Refusal:
        """Return the answer for an unknown key, and for the key of an account whose state is "unknown"."""
        if path == "/getsms/":
            return Refusal(200, no_sms(account))
        if path == "/gateway/mobile/list/" and self.empty_phone_list:
            return Refusal(200, no_phones())
        refusal_format = account.refusal_format if account else self.refusal_format
        error_format: ErrorFormat = account.error_format if account else "documented"
        return refuse_access(path, refusal_format, error_format, "unauthorised")

    def _record(self, request: web.Request, fields: Fields) -> None:
        """Add a request to `requests`, and to those of the account whose credentials it has."""
        record = ApiRequest(request.method, request.path, fields)
        self.requests.append(record)
        token = bearer_token(request.headers)
        for account in self.accounts.values():
            if (
                (token is not None and token in account.tokens)
                or (token is None and fields.get("apikey") == account.key)
                or (account.client_id and fields.get("client_id") == account.client_id)
            ):
                account.requests.append(record)


async def _redirect_to_slash(request: web.Request) -> web.Response:
    """Redirect a path without its last slash with 301; a client then repeats a POST as a GET without the form."""
    query = request.rel_url.raw_query_string
    location = f"{request.rel_url.raw_path}/{f'?{query}' if query else ''}"
    return web.Response(status=301, headers={hdrs.LOCATION: location})


async def _read_fields(request: web.Request) -> Fields:
    """Return the query of a GET or the form of a POST; {} for a form that can't be read."""
    if request.method != "POST":
        return dict(request.query)
    try:
        form = await request.post()
    except ValueError, LookupError:
        return {}
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    # The service's request collection puts this one parameter into the query of a POST.
    if "waonly" in request.query:
        fields.setdefault("waonly", request.query["waonly"])
    return fields
