"""The webhook of an account: its URL's life, and what the service brings to it."""

from contextlib import suppress
from datetime import timedelta
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
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .api import NotAMessage, ReceivedMessage, parse_v1
from .const import DOMAIN
from .inbox import Inbox

_LOGGER = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024
# The webhook may be on its way while a poll already finds the message.
DELIVERY_SLACK: Final = timedelta(minutes=2)
_STORAGE_VERSION: Final = 1


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


async def async_remove_webhook(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Leave nothing of an account's webhook behind."""
    await _store(hass, entry).async_remove()
    await async_delete_cloudhook(hass, entry.data[CONF_WEBHOOK_ID])


def _store(hass: HomeAssistant, entry: ConfigEntry) -> Store[_Saved]:
    return Store(hass, _STORAGE_VERSION, f"{DOMAIN}.{entry.entry_id}.webhook", private=True)


class Webhook:
    """The webhook of one account.

    It is proved once the service has called it at the address that it has now: until then nobody knows whether that
    address was pasted into the service's dashboard.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, inbox: Inbox) -> None:
        self._hass = hass
        self._entry = entry
        self._inbox = inbox
        self._id: str = entry.data[CONF_WEBHOOK_ID]
        self._store = _store(hass, entry)
        self._proved: str | None = None
        self.url: str | None = None

    @property
    def is_proved(self) -> bool:
        """Tell whether the service has called the webhook at the address that it has now."""
        return self.url is not None and self._proved == _digest(self.url)

    async def open(self) -> None:
        """Find the address and take what comes."""
        if saved := await self._store.async_load():
            self._proved = saved["proved"]
        webhook.async_register(
            self._hass, DOMAIN, self._entry.title, self._id, self._handle, allowed_methods=[METH_POST]
        )
        for stop in (
            cloud.async_listen_connection_change(self._hass, self._cloud_changed),
            self._hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._core_config_changed),
        ):
            self._entry.async_on_unload(stop)
        await self._find_url()

    async def close(self) -> None:
        """Take nothing any more and save what is known."""
        webhook.async_unregister(self._hass, self._id)
        await self._store.async_save({"proved": self._proved})

    @callback
    def missed(self, message: ReceivedMessage) -> None:
        """Note that a poll found what the webhook should have brought: it has to prove itself again."""
        if self.is_proved and dt_util.utcnow() - message.received_at > DELIVERY_SLACK:
            self._note_proof(None)

    @callback
    def _note_proof(self, proved: str | None) -> None:
        if proved != self._proved:
            self._proved = proved
            self._store.async_delay_save(lambda: {"proved": self._proved}, 1)

    async def _find_url(self) -> None:
        self.url = await async_webhook_url(self._hass, self._id)

    @callback
    def _cloud_changed(self, state: cloud.CloudConnectionState) -> None:
        if state is cloud.CloudConnectionState.CLOUD_CONNECTED:
            self._entry.async_create_task(self._hass, self._find_url(), "find the webhook's address")

    @callback
    def _core_config_changed(self, event: Event[Any]) -> None:
        if "external_url" in event.data:
            self._entry.async_create_task(self._hass, self._find_url(), "find the webhook's address")

    async def _handle(self, _hass: HomeAssistant, _webhook_id: str, request: Request) -> Response:
        """Answer the service.

        What is raised here would become a 200, and the service would believe that we have the message: so nothing is.
        """
        try:
            body = await _read(request)
            message = parse_v1(body, zone=dt_util.get_default_time_zone(), arrived=dt_util.utcnow())
            self._inbox.receive(message)
        except BodyTooLarge:
            return Response(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except NotAMessage as err:
            _LOGGER.debug("The webhook was called with what is no message: %s", err)
            return Response(status=HTTPStatus.BAD_REQUEST, text=str(err))
        except Exception as err:  # noqa: BLE001 -- see above
            # Its text may hold the message.
            _LOGGER.warning("A message could not be taken and is left to the poll: %s", type(err).__name__)
            return Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        if self.url:
            self._note_proof(_digest(self.url))
        return Response(status=HTTPStatus.OK)


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
