"""Routes: how one message gets to somebody: as SMS, by WhatsApp, or as SMS where WhatsApp does not work."""

from dataclasses import dataclass, replace
import logging

from homeassistant.core import HomeAssistant

from ..api import Channel, OutcomeUnknown, OutgoingMessage, Refused, SmsMobileApiClient, SmsMobileApiError
from ..contacts import Route
from .delivery import Delivery
from .media import Media
from .media_links import async_media_links
from .whatsapp import WhatsAppNumbers

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What the service took, and by which channel; `sms_instead` is what is to be sent should it fail on its way."""

    message_id: str
    channel: Channel
    sms_instead: OutgoingMessage | None = None


class Routes:
    """Sends single messages for one account."""

    def __init__(self, hass: HomeAssistant, client: SmsMobileApiClient, delivery: Delivery) -> None:
        self._hass = hass
        self._delivery = delivery
        self.whatsapp_numbers = WhatsAppNumbers(client)

    async def send(self, sms: OutgoingMessage, route: Route, media: Media | None) -> Accepted:
        """Send by its route what would be this SMS; what belongs to it goes by WhatsApp only. Raises SmsMobileApiError."""
        if route is Route.WHATSAPP:
            return Accepted(message_id=await self._send_whatsapp(sms, media), channel=Channel.WHATSAPP)
        if route is Route.WHATSAPP_ELSE_SMS and await self.whatsapp_numbers.may_have(sms.recipient):
            try:
                message_id = await self._send_whatsapp(sms, media)
            except Refused:
                _LOGGER.debug("WhatsApp was refused, so it is an SMS")
            else:
                return Accepted(message_id=message_id, channel=Channel.WHATSAPP, sms_instead=sms)
        return Accepted(message_id=await self._delivery.send(sms), channel=Channel.SMS)

    async def _send_whatsapp(self, sms: OutgoingMessage, media: Media | None) -> str:
        message = replace(sms, channel=Channel.WHATSAPP)
        if media is None or media.url:
            return await self._delivery.send(replace(message, media_url=media.url if media else None))
        links = async_media_links(self._hass)
        url = links.make(media)
        try:
            return await self._delivery.send(replace(message, media_url=url))
        except OutcomeUnknown:
            raise
        except SmsMobileApiError:
            # Nobody will fetch it.
            links.end(url)
            raise
