"""The webhook of an account: its URL's life, and what the service brings to it."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
import logging
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
    NotAMessage,
    NotSigned,
    ReceivedMessage,
    WebhookEvent,
    parse_body,
    verify_signature,
)
from ..const import DOMAIN
from ..options import Options
from ..repairs import Issue, Issues
from .inbox import Inbox, InboxClosed
from .journal import Journal
from .webhook_health import WebhookHealth

_LOGGER = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024


type Handler = Callable[[HomeAssistant, str, Request], Awaitable[Response]]


class BodyTooLarge(Exception):
    """More was sent than a message can have."""


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
    """Let nobody call the webhook of an account that is removed."""
    webhook.async_unregister(hass, webhook_id)
    await async_delete_cloudhook(hass, webhook_id)


async def async_delete_cloudhook(hass: HomeAssistant, webhook_id: str) -> None:
    """Delete the webhook's address at Home Assistant Cloud, if there is one."""
    # A ValueError says that there is none.
    with suppress(cloud.CloudNotAvailable, CloudError, TimeoutError, ValueError):
        await cloud.async_delete_cloudhook(hass, webhook_id)


async def _refuse(_hass: HomeAssistant, _webhook_id: str, _request: Request) -> Response:
    """Answer while the account is not set up: Home Assistant would say 200 for it, and what came would be lost."""
    return Response(status=HTTPStatus.SERVICE_UNAVAILABLE)


class Webhook:
    """The webhook of one account."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, *, options: Options, inbox: Inbox, issues: Issues
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._inbox = inbox
        self._issues = issues
        self._id: str = entry.data[CONF_WEBHOOK_ID]
        self._options = options
        self._journal = Journal(hass, entry.entry_id)
        self.health = WebhookHealth(hass, entry.entry_id, issues)
        self.url: str | None = None

    @property
    def is_proved(self) -> bool:
        """Tell whether the service has called the webhook at the address that it has now."""
        return self.health.proves(self.url)

    @property
    def brings_calls(self) -> bool:
        """Tell whether the webhook brings phone calls, too."""
        return self.is_proved and self.health.has_brought_call

    async def open(self, *, is_new: bool) -> None:
        """Take what comes, for the inbox to hold."""
        await self.health.load(is_new=is_new)
        await self._journal.load()
        for body, arrived in self._journal:
            with suppress(NotAMessage):
                self._pass_on(parse_body(body, zone=dt_util.get_default_time_zone(), arrived=arrived))
        self._register(self._handle)
        # Also where the rest of the set-up fails.
        self._entry.async_on_unload(self._stop)

    @callback
    def _stop(self) -> None:
        """Take nothing any more; what is still being read is refused."""
        is_needed = self._entry.disabled_by is None and self._entry.data[CONF_WEBHOOK_ID] == self._id
        self._register(_refuse if is_needed else None)
        self._inbox.close()
        self._journal.close()

    @callback
    def _register(self, handler: Handler | None) -> None:
        """Have the handler called from now on in place of the one before, or nobody."""
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

    async def close(self) -> None:
        """Save what is known."""
        await self.health.close()

    async def inbox_opened(self) -> None:
        """Forget what was kept for the inbox: it has been handled."""
        await self._journal.clear()

    # What comes in.

    async def _handle(self, _hass: HomeAssistant, _webhook_id: str, request: Request) -> Response:
        """Answer the service.

        What is raised here would become a 200, and the service would believe that we have the message: so nothing is.
        """
        try:
            status = await self._take(request.headers, await _read(request))
        except BodyTooLarge:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        except NotSigned as err:
            _LOGGER.debug("The webhook was called by somebody unknown: %s", err)
            status = HTTPStatus.UNAUTHORIZED
        except NotAMessage as err:
            _LOGGER.debug("The webhook was called with what is no message: %s", err)
            status = HTTPStatus.BAD_REQUEST
        except Exception as err:  # noqa: BLE001 -- see above
            # Its text may hold the message.
            _LOGGER.warning("A message could not be taken and is left to the poll: %s", type(err).__name__)
            status = HTTPStatus.SERVICE_UNAVAILABLE
        return Response(status=status)

    async def _take(self, headers: Mapping[str, str], body: bytes) -> HTTPStatus:
        """Pass on what the service brings; return what to answer."""
        arrived = dt_util.utcnow()
        secret, is_signed = self._options.signing_secret, SIGNATURE_HEADER in headers
        if secret:
            try:
                verify_signature(secret, headers, body, now=arrived)
            except NotSigned:
                if not is_signed:
                    self._issues.create(Issue.UNSIGNED)
                raise
        if self._journal.is_full:
            return HTTPStatus.SERVICE_UNAVAILABLE
        arrival = parse_body(body, zone=dt_util.get_default_time_zone(), arrived=arrived)
        status = self._pass_on(arrival)
        if not self._inbox.is_open:
            await self._journal.keep(body, arrived)
            if self._inbox.is_closed:
                raise InboxClosed
        if is_signed and not secret:
            self._issues.create(Issue.SECRET_MISSING)
        self.health.was_called(self.url, arrival.content if isinstance(arrival, WebhookEvent) else arrival)
        return status

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
        """Note that a poll was first with a message or a call."""
        if self.url:
            self.health.polled(arrival)

    # Its address.

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
    # A MockRequest makes a new stream each time it is asked for it.
    stream = request.content
    body = b""
    while chunk := await stream.read(MAX_BODY_BYTES + 1 - len(body)):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
    return body
