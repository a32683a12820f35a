"""Our own address: what the service posts there goes to the account whose webhook id is in the path."""

from collections.abc import Awaitable, Callable
import hmac
from http import HTTPStatus
from typing import Final

from aiohttp.hdrs import METH_POST
from aiohttp.web import HTTPNotFound, Request, Response
from homeassistant.components import webhook
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import HomeAssistantView
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from .addresses import OWN_PATH

type Handler = Callable[[HomeAssistant, str, Request], Awaitable[Response]]

_HANDLERS: Final[HassKey[dict[str, Handler]]] = HassKey(f"{DOMAIN}_webhooks")


@callback
def async_register_view(hass: HomeAssistant) -> None:
    """Answer at the addresses of all accounts from now on; those that are not set up refuse what comes."""
    hass.data[_HANDLERS] = {}
    hass.http.register_view(_View(hass))
    for entry in hass.config_entries.async_entries(DOMAIN, include_disabled=False):
        async_set_handler(hass, entry.title, entry.data[CONF_WEBHOOK_ID], refuse_request)


@callback
def async_set_handler(hass: HomeAssistant, name: str, webhook_id: str, handler: Handler) -> None:
    """Have a handler answer at our own address and at Home Assistant's webhook."""
    async_remove_handler(hass, webhook_id)
    hass.data[_HANDLERS][webhook_id] = handler
    webhook.async_register(hass, DOMAIN, name, webhook_id, handler, allowed_methods=[METH_POST])


@callback
def async_remove_handler(hass: HomeAssistant, webhook_id: str) -> None:
    """Answer with 404 at our own address from now on; Home Assistant answers with 200 at the webhook."""
    hass.data[_HANDLERS].pop(webhook_id, None)
    webhook.async_unregister(hass, webhook_id)


async def refuse_request(_hass: HomeAssistant, _webhook_id: str, _request: Request) -> Response:
    """Answer 503 while the account is not set up, so that the service delivers again."""
    return Response(status=HTTPStatus.SERVICE_UNAVAILABLE)


class _View(HomeAssistantView):
    """Answers an unknown id as the server does an unknown path: 401 would count as a failed login."""

    url = OWN_PATH
    name = f"api:{DOMAIN}:webhook"
    requires_auth = False

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass

    async def post(self, request: Request, webhook_id: str) -> Response:
        """Pass a request on."""
        handler: Handler | None = None
        # All are compared, and each in constant time, so that the time of the answer says nothing about an id.
        for known, candidate in self._hass.data[_HANDLERS].items():
            if hmac.compare_digest(known.encode(), webhook_id.encode("utf-8", "surrogatepass")):
                handler = candidate
        if handler is None:
            raise HTTPNotFound
        if request.method != METH_POST:
            return Response(status=HTTPStatus.METHOD_NOT_ALLOWED)
        return await handler(self._hass, webhook_id, request)

    get = head = put = patch = delete = post
