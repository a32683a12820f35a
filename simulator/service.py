"""The service itself: its routes, and the door that every request passes."""

from collections.abc import Awaitable, Callable
import secrets
import time

from aiohttp import hdrs, web

from . import notifications, phones, receiving, sending, whatsapp
from .account import Account, Dialect
from .dresses import Json, shape_token
from .faults import Faults
from .records import ApiRequest, Fields
from .refusals import Refusal, bearer, check_pace, client_owner, no, refuse, required, token_owner, unwilling
from .reporting import Reporter

type Endpoint = Callable[[Account, Fields], Json]
type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _no_mailbox(_account: Account, _fields: Fields) -> Json:
    """`/sendemail/` and `/getemail/`: no account here has a mailbox."""
    raise unwilling("unknown_mailbox")


ENDPOINTS: dict[str, tuple[Endpoint, tuple[str, ...]]] = {
    "/sendsms/": (sending.send, ("GET", "POST")),
    "/resend/": (sending.resend, ("GET", "POST")),
    "/resendwa/": (sending.resend_whatsapp, ("GET", "POST")),
    "/log/sent/sms/": (sending.sent_log, ("GET",)),
    "/log/sent/frommobile/": (sending.sent_by_hand, ("GET",)),
    "/getsms/": (receiving.received_sms, ("GET",)),
    "/deletesms/": (receiving.delete_sms, ("GET", "POST")),
    "/gateway/mobile/list/": (phones.mobile_list, ("GET",)),
    "/call/missed/list/": (phones.missed_calls, ("GET",)),
    "/call/incoming/list/": (phones.incoming_calls, ("GET",)),
    "/call/outgoing/list/": (phones.outgoing_calls, ("GET",)),
    "/notification/send": (notifications.notify, ("POST",)),
    "/notification/list/": (notifications.history, ("GET",)),
    "/whatsapp/checknumber/": (whatsapp.check_number, ("GET",)),
    "/getwa/active/": (whatsapp.activate, ("GET",)),
    "/getwa/synchronisation/": (whatsapp.synchronise, ("GET",)),
    "/getwa/": (whatsapp.received, ("GET",)),
    "/sendemail/": (_no_mailbox, ("POST",)),
    "/getemail/": (_no_mailbox, ("GET",)),
}
TOKEN_PATH = "/oauth2/token"  # a path, not a token
CONTROL = "/_control/"

_FIELDS = web.RequestKey("fields", dict)


class Service:
    """The API over HTTP, on top of the accounts."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.requests: list[ApiRequest] = []
        self.faults = Faults()
        self.reporter = Reporter()
        self.dialect: Dialect = "status"
        """How a key that no account has is refused."""
        self.vague_phone_list = False
        """Whether an unknown key gets an empty phone list, which proves nothing, instead of a refusal."""

    def make_app(self) -> web.Application:
        """Return the web application, without the control side."""
        app = web.Application(middlewares=[self._door])
        for path, (endpoint, methods) in ENDPOINTS.items():
            handler = self._handler(path, endpoint)
            for method in methods:
                app.router.add_route(method, path, handler)
                if path.endswith("/"):
                    app.router.add_route(method, path.rstrip("/"), _add_slash)
        app.router.add_post(TOKEN_PATH, self._token)
        return app

    @web.middleware
    async def _door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note the request, then answer it, well or with a fault."""
        if request.path.startswith(CONTROL):
            return await handler(request)
        fields = request[_FIELDS] = await _read_fields(request)
        self._note(request, fields)

        async def answer() -> web.StreamResponse:
            try:
                return await handler(request)
            except Refusal as refusal:
                return web.json_response(refusal.body, status=refusal.status, headers=refusal.headers)
            except web.HTTPException as error:
                kept = {name: value for name, value in error.headers.items() if name == hdrs.ALLOW}
                body = {"success": False, "error": error.reason.lower().replace(" ", "_")}
                return web.json_response(body, status=error.status, headers=kept)

        fault = self.faults.take(request.path)
        return await (self.faults.apply(fault, request, answer) if fault else answer())

    def _handler(self, path: str, endpoint: Endpoint) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            account = self._admit(path, request, request[_FIELDS])
            body = endpoint(account, request[_FIELDS])
            self.reporter.watch(account)
            return web.json_response(body)

        return handle

    def _admit(self, path: str, request: web.Request, fields: Fields) -> Account:
        """Return the account that asks; raises Refusal where it may not."""
        token = bearer(request.headers)
        if token is not None:
            account = token_owner(self.accounts, token)
            if account is None:
                raise no(401, "invalid_token")
        else:
            account = self.accounts.get(required(fields, "apikey"))
            # A form has to have a key, but that of the query is as good.
            account = account or self.accounts.get(request.query.get("apikey", ""))
            if account is None or account.state == "unknown":
                raise self._stranger(path, account)
        if account.state == "expired":
            raise refuse(_dialect(path, account.dialect), account.error_dress, "expired")
        check_pace(account)
        return account

    def _stranger(self, path: str, account: Account | None) -> Refusal:
        """Return what a key gets that the service does not know, or no longer."""
        if path == "/getsms/":
            return Refusal(200, receiving.no_sms(account))
        if path == "/gateway/mobile/list/" and self.vague_phone_list:
            return Refusal(200, phones.no_phones())
        dialect, dress = (account.dialect, account.error_dress) if account else (self.dialect, "documented")
        return refuse(_dialect(path, dialect), dress, "unauthorised")

    async def _token(self, request: web.Request) -> web.Response:
        """`POST /oauth2/token`: a bearer token for client credentials."""
        fields = request[_FIELDS]
        if required(fields, "grant_type") != "client_credentials":
            raise no(400, "unsupported_grant_type")
        account = client_owner(
            self.accounts, required(fields, "client_id"), required(fields, "client_secret")
        )
        if account is None:
            raise no(401, "invalid_client")
        token = secrets.token_urlsafe(24)
        account.tokens[token] = time.time() + account.token_seconds
        return web.json_response(shape_token(account.token_dress, token, account.token_seconds))

    def _note(self, request: web.Request, fields: Fields) -> None:
        noted = ApiRequest(request.method, request.path, fields)
        self.requests.append(noted)
        token = bearer(request.headers)
        for account in self.accounts.values():
            if (
                (token is not None and token in account.tokens)
                or (token is None and fields.get("apikey") == account.key)
                or (account.client_id and fields.get("client_id") == account.client_id)
            ):
                account.requests.append(noted)


def _dialect(path: str, dialect: Dialect) -> Dialect:
    """Call lists are documented to refuse by status, whatever the rest of the service does."""
    return "status" if path.startswith("/call/") else dialect


async def _add_slash(request: web.Request) -> web.Response:
    """Send who forgot the slash there: a GET arrives whole, of a POST the form is lost."""
    query = request.rel_url.raw_query_string
    place = f"{request.rel_url.raw_path}/{f'?{query}' if query else ''}"
    return web.Response(status=301, headers={hdrs.LOCATION: place})


async def _read_fields(request: web.Request) -> Fields:
    """Return the query of a GET, the form of a POST; what is no form has no fields."""
    if request.method != "POST":
        return dict(request.query)
    try:
        form = await request.post()
    except ValueError, LookupError:
        return {}
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    # The one parameter that the service's own clients put beside a form.
    if "waonly" in request.query:
        fields.setdefault("waonly", request.query["waonly"])
    return fields
