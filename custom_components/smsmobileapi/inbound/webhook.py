"""The webhook of an account: its address, its registration in Home Assistant, and the requests of the service."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
import logging
from pathlib import Path
import traceback
from typing import Any, Final

from aiohttp.hdrs import METH_POST
from aiohttp.web import Request, Response
from hass_nabucasa import CloudError
from homeassistant.components import cloud, webhook
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_WEBHOOK_ID, EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.util import dt as dt_util

from ..api import (
    SIGNATURE_HEADER,
    Call,
    InvalidPayload,
    InvalidSignature,
    ReceivedMessage,
    WebhookEvent,
    parse_body,
    verify_signature,
)
from ..const import DOMAIN
from ..options import Options
from ..repairs import Issue, Issues
from ..storage import Database, StorageError
from .inbox import Inbox, InboxClosed, InboxState
from .journal import Journal
from .webhook_health import WebhookHealth

_LOGGER = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024

type Handler = Callable[[HomeAssistant, str, Request], Awaitable[Response]]


class BodyTooLarge(Exception):
    """The body is longer than any message of the service."""


async def async_webhook_url(hass: HomeAssistant, webhook_id: str) -> str | None:
    """Return the address at which the service reaches the webhook, None where there is none.

    Home Assistant Cloud comes first, then the external URL of the settings.
    """
    if cloud.async_active_subscription(hass):
        try:
            return await cloud.async_get_or_create_cloudhook(hass, webhook_id)
        except (cloud.CloudNotAvailable, CloudError, TimeoutError, ValueError) as err:
            _LOGGER.debug("Home Assistant Cloud gives no address now: %s", type(err).__name__)
    try:
        return webhook.async_generate_url(hass, webhook_id, allow_internal=False)
    except NoURLAvailableError:
        return None


async def async_delete_webhook(hass: HomeAssistant, webhook_id: str) -> None:
    """Delete the webhook of an account that is removed."""
    webhook.async_unregister(hass, webhook_id)
    await async_delete_cloudhook(hass, webhook_id)


async def async_delete_cloudhook(hass: HomeAssistant, webhook_id: str) -> None:
    """Delete the webhook's address at Home Assistant Cloud, if there is one."""
    # A ValueError says that there is none.
    with suppress(cloud.CloudNotAvailable, CloudError, TimeoutError, ValueError):
        await cloud.async_delete_cloudhook(hass, webhook_id)


async def _refuse(_hass: HomeAssistant, _webhook_id: str, _request: Request) -> Response:
    """Answer 503 while the account is not set up: Home Assistant would answer 200, and the message would be lost."""
    return Response(status=HTTPStatus.SERVICE_UNAVAILABLE)


class Webhook:
    """The webhook of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        options: Options,
        database: Database,
        inbox: Inbox,
        issues: Issues,
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._options = options
        self._inbox = inbox
        self._issues = issues
        self._id: str = entry.data[CONF_WEBHOOK_ID]
        self._journal = Journal(database)
        self.health = WebhookHealth(hass, database, issues)
        self.url: str | None = None

    @property
    def is_working(self) -> bool:
        """Return whether the service has called the webhook at the address that it has now."""
        return self.health.is_working(self.url)

    @property
    def brings_calls(self) -> bool:
        """Return whether the webhook brings phone calls, too."""
        return self.is_working and self.health.has_brought_call

    @callback
    def refuse(self) -> None:
        """Refuse all requests until `start`, and again once the account is not set up any more."""
        self._register(_refuse)
        self._entry.async_on_unload(self._stop)

    async def start(self, *, is_new: bool) -> None:
        """Pass the bodies in the journal to the inbox, and accept requests from now on."""
        await self.health.load(is_new=is_new)
        zone = dt_util.get_default_time_zone()
        for body, arrived in await self._journal.load():
            try:
                self._pass_on(parse_body(body, zone=zone, arrived=arrived))
            except Exception as err:  # noqa: BLE001 -- one body must not keep the account from being set up
                _LOGGER.warning(
                    "A message that was kept can't be handled: %s at %s", type(err).__name__, _place_of(err)
                )
        self._register(self._handle)

    @callback
    def _stop(self) -> None:
        """Refuse all requests from now on, also those whose body is still being read."""
        is_needed = self._entry.disabled_by is None and self._entry.data[CONF_WEBHOOK_ID] == self._id
        self._register(_refuse if is_needed else None)
        self._inbox.close()
        self.health.close()

    @callback
    def _register(self, handler: Handler | None) -> None:
        """Replace the handler; None removes the webhook."""
        webhook.async_unregister(self._hass, self._id)
        if handler:
            webhook.async_register(
                self._hass, DOMAIN, self._entry.title, self._id, handler, allowed_methods=[METH_POST]
            )

    async def track_url(self) -> None:
        """Find the address at which the service reaches us, now and whenever it changes."""
        for stop in (
            cloud.async_listen_connection_change(self._hass, self._cloud_changed),
            self._hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._core_config_changed),
        ):
            self._entry.async_on_unload(stop)
        await self._find_url()

    @callback
    def inbox_opened(self) -> None:
        """Empty the journal: all that was in it has been fired."""
        self._journal.clear()

    # Requests.

    async def _handle(self, _hass: HomeAssistant, _webhook_id: str, request: Request) -> Response:
        """Answer a request of the service.

        Home Assistant would answer 200 for an exception, and the service would believe that we have the message: so
        nothing is raised.
        """
        try:
            status = await self._receive(request.headers, await _read(request))
        except BodyTooLarge:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        except InvalidSignature as err:
            _LOGGER.debug("A request to the webhook is not signed as it should be: %s", err)
            status = HTTPStatus.UNAUTHORIZED
        except InvalidPayload as err:
            _LOGGER.debug("A request to the webhook holds no message: %s", err)
            status = HTTPStatus.BAD_REQUEST
        except (InboxClosed, StorageError) as err:
            _LOGGER.debug("A message can't be kept now and is left to the poll: %s", type(err).__name__)
            status = HTTPStatus.SERVICE_UNAVAILABLE
        except Exception as err:  # noqa: BLE001 -- see above
            # Its text may hold the message, its place in the code does not.
            _LOGGER.warning(
                "A message could not be handled and is left to the poll: %s at %s",
                type(err).__name__,
                _place_of(err),
            )
            status = HTTPStatus.SERVICE_UNAVAILABLE
        return Response(status=status)

    async def _receive(self, headers: Mapping[str, str], body: bytes) -> HTTPStatus:
        """Check a request and pass its body to the inbox; return the status of the answer. Raises what `_handle` catches."""
        arrived = dt_util.utcnow()
        secret, is_signed = self._options.signing_secret, SIGNATURE_HEADER in headers
        if secret:
            try:
                verify_signature(secret, headers, body, now=arrived)
            except InvalidSignature:
                if not is_signed:
                    self._issues.create(Issue.UNSIGNED)
                raise
            self._issues.clear(Issue.UNSIGNED)
        arrival = parse_body(body, zone=dt_util.get_default_time_zone(), arrived=arrived)
        if self._inbox.state is InboxState.HOLDING and not self._is_known(arrival):
            if self._journal.is_full:
                return HTTPStatus.SERVICE_UNAVAILABLE
            await self._journal.keep(body, arrived)
        status = self._pass_on(arrival)
        if is_signed and not secret:
            self._issues.create(Issue.SECRET_MISSING)
        self.health.called(self.url, arrival.content if isinstance(arrival, WebhookEvent) else arrival)
        return status

    def _is_known(self, arrival: ReceivedMessage | WebhookEvent) -> bool:
        if isinstance(arrival, WebhookEvent):
            return self._inbox.knows_event(arrival.event_id)
        return self._inbox.knows(arrival)

    def _pass_on(self, arrival: ReceivedMessage | WebhookEvent) -> HTTPStatus:
        if isinstance(arrival, ReceivedMessage):
            self._inbox.receive(arrival)
            return HTTPStatus.OK
        if self._inbox.knows_event(arrival.event_id):
            return HTTPStatus.OK
        if arrival.content is None:
            self._inbox.ignore(arrival.event_id)
        else:
            self._inbox.receive(arrival.content, arrival.event_id)
        return HTTPStatus.ACCEPTED

    @callback
    def polled(self, arrival: ReceivedMessage | Call) -> None:
        """Record that a poll was first with a message or a call."""
        if self.url:
            self.health.polled(arrival)

    # The address.

    async def _find_url(self) -> None:
        self.url = await async_webhook_url(self._hass, self._id)
        if self.url:
            self._issues.clear(Issue.NO_ADDRESS)
        else:
            self._issues.create(Issue.NO_ADDRESS)

    @callback
    def _cloud_changed(self, state: cloud.CloudConnectionState) -> None:
        if state is cloud.CloudConnectionState.CLOUD_CONNECTED:
            self._entry.async_create_task(self._hass, self._find_url(), "find the webhook's address")

    @callback
    def _core_config_changed(self, event: Event[Any]) -> None:
        if "external_url" in event.data:
            self._entry.async_create_task(self._hass, self._find_url(), "find the webhook's address")


async def _read(request: Request) -> bytes:
    """Read the body; through a cloudhook the request is a MockRequest with only a part of the interface."""
    # Read once: each access to `content` of a MockRequest makes a new stream.
    stream = request.content
    body = b""
    while chunk := await stream.read(MAX_BODY_BYTES + 1 - len(body)):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
    return body


def _place_of(err: Exception) -> str:
    """Return the traceback of an error as one line, without the error's text."""
    frames = traceback.extract_tb(err.__traceback__)
    return ", ".join(f"{Path(frame.filename).name}:{frame.lineno} ({frame.name})" for frame in frames)
