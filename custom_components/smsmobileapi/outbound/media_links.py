"""Serve the pictures and files of Home Assistant to the service, each recipient's at a secret link.

A link works for an hour, however often it is fetched: gateways of WhatsApp fetch twice.
"""

from datetime import datetime, timedelta
from functools import partial
import io
import logging
import secrets
from typing import Final

from aiohttp.web import HTTPNotFound, Request, Response
from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.http import HomeAssistantView
from homeassistant.util.hass_dict import HassKey
from yarl import URL

from ..const import DOMAIN
from ..log_filter import MEDIA_PATH
from .media import MEGABYTE, Media

_LOGGER = logging.getLogger(__name__)

MAX_HELD_BYTES: Final = 64 * MEGABYTE
LINK_LIFETIME: Final = timedelta(hours=1)

_PATH: Final = MEDIA_PATH.rstrip("/")  # log_filter.py redacts what follows


class MediaLinks:
    """The links that work, held in memory only. Links to the same media share its content."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        # By the path of the link, the oldest first. How long a look-up takes says nothing about a token, as
        # Python salts the hashes of strings.
        self._media: dict[str, Media] = {}
        hass.http.register_view(_MediaView(self))

    @property
    def held_bytes(self) -> int:
        """Return how many bytes of content are held."""
        contents = {id(media.content): media.content for media in self._media.values()}
        return sum(map(len, contents.values()))

    @callback
    def make(self, media: Media) -> str:
        """Return a new link to the media.

        Where all links hold more than MAX_HELD_BYTES, the oldest end.
        """
        path = f"{_PATH}/{secrets.token_urlsafe(32)}/{media.name}"
        self._media[path] = media
        expire = HassJob(partial(self._expire, path), "End a media link", cancel_on_shutdown=True)
        async_call_later(self._hass, LINK_LIFETIME, expire)
        while self.held_bytes > MAX_HELD_BYTES:
            _LOGGER.debug("The oldest link to media ends, as all together hold too much")
            del self._media[next(iter(self._media))]
        return f"{media.base_url}{path}"

    @callback
    def end(self, url: str) -> None:
        """End a link before its time; any other URL changes nothing."""
        self._media.pop(URL(url).path, None)

    @callback
    def find(self, path: str) -> Media | None:
        """Return the media of the link with this path, None where no link has it."""
        return self._media.get(path)

    @callback
    def _expire(self, path: str, _now: datetime) -> None:
        self._media.pop(path, None)


_LINKS: Final[HassKey[MediaLinks]] = HassKey(f"{DOMAIN}_media_links")


@callback
def async_media_links(hass: HomeAssistant) -> MediaLinks:
    """Return the links of this Home Assistant, which all accounts share; the first call creates them."""
    if _LINKS not in hass.data:
        hass.data[_LINKS] = MediaLinks(hass)
    return hass.data[_LINKS]


class _MediaView(HomeAssistantView):
    """Answers requests for links. A wrong token is answered with 404: 401 would count as a failed login."""

    url = f"{_PATH}/{{token}}/{{name}}"
    name = f"api:{DOMAIN}:media"
    requires_auth = False

    def __init__(self, links: MediaLinks) -> None:
        self._links = links

    async def get(self, request: Request, token: str, name: str) -> Response:
        """Return the content of a link; to HEAD the headers only."""
        media = self._links.find(request.path)
        if media is None:
            raise HTTPNotFound
        return Response(
            body=io.BytesIO(media.content),  # aiohttp writes it in pieces; bytes it would write at once
            content_type=media.content_type,
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": f'attachment; filename="{media.name}"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    head = get
