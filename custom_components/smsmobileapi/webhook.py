"""The webhook of an account: its URL's life, and what the service brings to it."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from http import HTTPStatus
import logging
from typing import Any, Final, TypedDict

from aiohttp.hdrs import METH_POST
from aiohttp.web import Request, Response
from hass_nabucasa import CloudError
from homeassistant.components import cloud, webhook
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_WEBHOOK_ID, EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import CALLBACK_TYPE, Event, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.util import dt as dt_util

from .api import (
    SIGNATURE_HEADER,
    NotAMessage,
    NotSigned,
    ReceivedMessage,
    WebhookEvent,
    parse_body,
    verify_signature,
)
from .const import CONF_SIGNING_SECRET, DOMAIN
from .inbox import Inbox, InboxClosed
from .journal import Journal
from .repairs import Issue, Issues
from .storage import AccountStore, File

_LOGGER = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024
# How long the webhook may be on its way with a message that a poll has found already.
DELIVERY_SLACK: Final = timedelta(minutes=2)
MISSES_PER_DAY: Final = 3
# A webhook that brings only some of the messages is not one that works.
CALLS_TO_TRUST: Final = 3


class _Saved(TypedDict):
    proved: str | None


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


async def async_delete_cloudhook(hass: HomeAssistant, webhook_id: str) -> None:
    """Delete the webhook's address at Home Assistant Cloud, if there is one."""
    # A ValueError says that there is none.
    with suppress(cloud.CloudNotAvailable, CloudError, TimeoutError, ValueError):
        await cloud.async_delete_cloudhook(hass, webhook_id)


class Webhook:
    """The webhook of one account.

    It is proved once the service has called it at the address that it has now: until then nobody knows whether that
    address was pasted into the service's dashboard.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, inbox: Inbox, issues: Issues) -> None:
        self._hass = hass
        self._entry = entry
        self._inbox = inbox
        self._issues = issues
        self._id: str = entry.data[CONF_WEBHOOK_ID]
        self._secret: str | None = entry.options.get(CONF_SIGNING_SECRET)
        self._store = AccountStore[_Saved](hass, entry.entry_id, File.WEBHOOK)
        self._proved: str | None = None
        self._journal = Journal(hass, entry.entry_id)
        # In whole seconds, as most times of the service are.
        self._opened_at = dt_util.utcnow().replace(microsecond=0)
        self._awaited: dict[str, CALLBACK_TYPE] = {}
        self._misses: list[datetime] = []
        self._calls_since_miss = 0
        self.url: str | None = None

    @property
    def is_proved(self) -> bool:
        """Tell whether the service has called the webhook at the address that it has now."""
        return self.url is not None and self._proved == _digest(self.url)

    @property
    def misses_today(self) -> int:
        """Return how many messages of the last 24 hours a poll had to bring."""
        return sum(dt_util.utcnow() - miss < timedelta(days=1) for miss in self._misses)

    async def open(self) -> None:
        """Take what comes, for the inbox to hold."""
        await self._load()
        webhook.async_register(
            self._hass, DOMAIN, self._entry.title, self._id, self._handle, allowed_methods=[METH_POST]
        )
        # Also where the rest of the set-up fails.
        self._entry.async_on_unload(self._stop)

    @callback
    def _stop(self) -> None:
        """Take nothing any more; what is still being read is refused."""
        webhook.async_unregister(self._hass, self._id)
        self._inbox.close()
        self._journal.close()

    async def follow_address(self) -> None:
        """Find the address at which the service reaches us, now and whenever it changes."""
        for stop in (
            cloud.async_listen_connection_change(self._hass, self._cloud_changed),
            self._hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._core_config_changed),
        ):
            self._entry.async_on_unload(stop)
        await self._find_url()

    async def close(self) -> None:
        """Wait for no message any more and save what is known."""
        while self._awaited:
            self._awaited.popitem()[1]()
        await self._store.close(self._as_saved())

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
        is_signed = SIGNATURE_HEADER in headers
        if self._secret:
            try:
                verify_signature(self._secret, headers, body, now=arrived)
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
        if is_signed and not self._secret:
            self._issues.create(Issue.SECRET_MISSING)
        self._was_called(arrival)
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

    async def _load(self) -> None:
        """Read whether it was proved, and take again what was kept when Home Assistant went down."""
        self._proved = await self._store.load(lambda saved: saved["proved"])
        await self._journal.load()
        for body, arrived in self._journal:
            with suppress(NotAMessage):
                self._pass_on(parse_body(body, zone=dt_util.get_default_time_zone(), arrived=arrived))

    def _as_saved(self) -> _Saved:
        return {"proved": self._proved}

    # Whether it works.

    @callback
    def polled(self, message: ReceivedMessage) -> None:
        """Note that a poll was first with a message: the webhook should bring it too."""
        if self.url and message.message_id and message.received_at >= self._opened_at:
            job = HassJob(partial(self._missed, message.message_id), cancel_on_shutdown=True)
            self._awaited[message.message_id] = async_call_later(self._hass, DELIVERY_SLACK, job)

    @callback
    def _missed(self, message_id: str, _now: datetime) -> None:
        """Note that the webhook did not bring a message: it has to prove itself again."""
        self._awaited.pop(message_id, None)
        self._calls_since_miss = 0
        self._note_proof(None)
        now = dt_util.utcnow()
        self._misses = [*(miss for miss in self._misses if now - miss < timedelta(days=1)), now]
        if len(self._misses) >= MISSES_PER_DAY:
            self._issues.create(Issue.WEBHOOK_MISSES)

    @callback
    def _was_called(self, arrival: ReceivedMessage | WebhookEvent) -> None:
        """Note that the webhook works."""
        content = arrival.content if isinstance(arrival, WebhookEvent) else arrival
        if isinstance(content, ReceivedMessage) and (
            cancel := self._awaited.pop(content.message_id or "", None)
        ):
            cancel()
        if self.url:
            self._note_proof(_digest(self.url))
        self._calls_since_miss += 1
        if self._calls_since_miss == CALLS_TO_TRUST:
            self._misses = []
            self._issues.clear(Issue.WEBHOOK_MISSES)

    @callback
    def _note_proof(self, proved: str | None) -> None:
        if proved != self._proved:
            self._proved = proved
            self._store.save_soon(self._as_saved)

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


def _digest(url: str) -> str:
    return blake2b(url.encode(), digest_size=8).hexdigest()
