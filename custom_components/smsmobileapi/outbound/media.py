"""Pictures and files for WhatsApp: what somebody wants to send, and links at which the service fetches it.

The service takes an address only. What stands in Home Assistant is read once and served by it, at a link for each
recipient that ends with the first whole answer, or after an hour.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
import logging
import mimetypes
from pathlib import Path
import re
import secrets
from typing import Any, Final

from aiohttp.web import HTTPNotFound, Request, Response, StreamResponse
from homeassistant.components import cloud
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback, valid_entity_id
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.http import HomeAssistantView
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.util.hass_dict import HassKey
from yarl import URL

from ..const import DOMAIN
from ..errors import invalid
from ..log_filter import async_redact

_LOGGER = logging.getLogger(__name__)

MEGABYTE: Final = 1024 * 1024
MAX_BYTES: Final = 16 * MEGABYTE  # WhatsApp takes no larger pictures and videos
MAX_HELD_BYTES: Final = 64 * MEGABYTE
LINK_LIFETIME: Final = timedelta(hours=1)
CHUNK_BYTES: Final = 128 * 1024  # more than aiohttp writes without waiting for the other side

_MEDIA_SOURCE: Final = "media-source://"
_PATH: Final = f"/api/{DOMAIN}/media"
# No host on the internet has a name that ends so, or one without a dot.
_AT_HOME: Final = (".local", ".localhost", ".lan", ".home", ".internal", ".home.arpa")
# Nothing that a browser would run, as it would what is in image/svg+xml. All else is served as plain bytes.
_PLAIN_TYPE: Final = re.compile(r"(image|video|audio)/[a-z0-9.-]+|application/pdf")

type WantedMedia = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A picture or file to send: at an https `url` already, or else the `content` that is to be served.

    `address` is where Home Assistant is reached from outside. No repr shows what is private.
    """

    url: str | None = field(default=None, repr=False)
    content: bytes = field(default=b"", repr=False)
    content_type: str = ""
    name: str = ""
    address: str = ""


async def async_read_media(hass: HomeAssistant, wanted: WantedMedia) -> Media:
    """Read what somebody wants to send: an https URL, a media item (also the media selector's), a camera or an image.

    Raises ServiceValidationError where it can't be had or can't be sent.
    """
    media_id = (wanted if isinstance(wanted, str) else str(wanted.get("media_content_id", ""))).strip()
    for domain in ("camera", "image"):
        entity_id = media_id.removeprefix(f"{_MEDIA_SOURCE}{domain}/")
        if entity_id.startswith(f"{domain}.") and valid_entity_id(entity_id):
            return await _take_snapshot(hass, media_id, domain, entity_id)
    if media_id.startswith(_MEDIA_SOURCE):
        return await _read_item(hass, media_id)
    if not _is_https(media_id):
        raise invalid("media_not_https")
    return Media(url=media_id)


async def _take_snapshot(hass: HomeAssistant, media_id: str, domain: str, entity_id: str) -> Media:
    if domain not in hass.config.components:
        raise _missing(media_id)
    try:
        # Only now, as their libraries are there only where they are set up; they are imported already then.
        if domain == "camera":
            from homeassistant.components import camera

            picture: Any = await camera.async_get_image(hass, entity_id)
        else:
            from homeassistant.components import image

            picture = await image.async_get_image(hass, entity_id)
    except Exception as err:  # noqa: BLE001 -- an integration raises whatever it likes, and its text may hold anything
        raise _missing(media_id, err) from None
    return _to_serve(hass, media_id, picture.content, picture.content_type)


async def _read_item(hass: HomeAssistant, media_id: str) -> Media:
    if "media_source" not in hass.config.components:
        raise _missing(media_id)
    from homeassistant.components import media_source

    try:
        item = await media_source.async_resolve_media(hass, media_id, None)
    except Exception as err:  # noqa: BLE001 -- as above
        raise _missing(media_id, err) from None
    if item.path is None:
        if _is_https(item.url):
            return Media(url=item.url)
        raise invalid("media_not_served", media=_shown(media_id))
    try:
        content = await hass.async_add_executor_job(_read_file, item.path)
    except OSError as err:
        raise _missing(media_id, err) from None
    return _to_serve(hass, media_id, content, item.mime_type)


def _read_file(path: Path) -> bytes:
    """Return what is in a file, nothing where it is none. Raises ServiceValidationError and OSError."""
    if not path.is_file():
        return b""
    if path.stat().st_size > MAX_BYTES:
        raise _too_large()
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)  # it may have grown


def _to_serve(hass: HomeAssistant, media_id: str, content: bytes, content_type: str) -> Media:
    if not content:
        raise _missing(media_id)
    if len(content) > MAX_BYTES:
        raise _too_large()
    content_type = content_type.partition(";")[0].strip().lower()
    if not _PLAIN_TYPE.fullmatch(content_type):
        content_type = "application/octet-stream"
    suffix = mimetypes.guess_extension(content_type, strict=False) or ".bin"
    return Media(
        content=content, content_type=content_type, name=f"media{suffix}", address=_address_from_outside(hass)
    )


def _address_from_outside(hass: HomeAssistant) -> str:
    """Return the https address at which the service reaches Home Assistant.

    Home Assistant Cloud comes first, as for the webhook, but only while it is connected, which its URL does not tell.
    """
    try:
        # With require_ssl, an IP address is refused too: no certificate fits it.
        address = get_url(
            hass,
            allow_internal=False,
            allow_cloud=cloud.async_is_connected(hass),
            prefer_cloud=True,
            require_ssl=True,
        )
    except NoURLAvailableError:
        raise invalid("media_no_address") from None
    host = (URL(address).host or "").rstrip(".")
    if "." not in host or host.endswith(_AT_HOME):
        raise invalid("media_no_address")
    return address


def _is_https(text: str) -> bool:
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme == "https" and bool(url.host) and not re.search(r"\s", text)


def _missing(media_id: str, err: Exception | None = None) -> ServiceValidationError:
    _LOGGER.debug("There is no such media: %s", type(err).__name__ if err else "not set up or empty")
    return invalid("media_missing", media=_shown(media_id))


def _too_large() -> ServiceValidationError:
    return invalid("media_too_large", limit=str(MAX_BYTES // MEGABYTE))


def _shown(media_id: str) -> str:
    """Return what of a media item may be shown: behind the question mark may be a text or a key."""
    return media_id.partition("?")[0]


@dataclass(slots=True, kw_only=True, eq=False)
class _Link:
    media: Media
    when_ended: tuple[CALLBACK_TYPE, ...]
    transport: asyncio.Transport | None = None  # of the GET that is being answered

    @callback
    def cut(self) -> None:
        """Break off the answer that is under way."""
        if self.transport:
            self.transport.abort()
            self.transport = None


class MediaLinks:
    """The links that live, in memory only. What several of them share is held once."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        # By token, the oldest first. A token has 256 random bits, and dict's hashes are salted: how long a look-up
        # takes tells nobody how near a guess was.
        self._links: dict[str, _Link] = {}
        hass.http.register_view(_MediaView(self))
        hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self._stop)

    @property
    def held_bytes(self) -> int:
        """Return how much is held in memory."""
        contents = {id(link.media.content): link.media.content for link in self._links.values()}
        return sum(map(len, contents.values()))

    @callback
    def make(self, media: Media) -> str:
        """Return a link to a picture or file for one recipient; where it has a URL, that."""
        if media.url:
            return media.url
        token = secrets.token_urlsafe(32)
        stop_timer = async_call_later(self._hass, LINK_LIFETIME, partial(self._expire, token))
        self._links[token] = _Link(media=media, when_ended=(stop_timer, async_redact(token)))
        while self.held_bytes > MAX_HELD_BYTES:
            _LOGGER.debug("Too much waits to be fetched: the oldest link ends")
            self._end(next(iter(self._links)))
        return f"{media.address}{_PATH}/{token}/{media.name}"

    @callback
    def end(self, url: str) -> None:
        """End a link that is not needed any more; any other URL is left alone."""
        for part in url.split("/"):
            self._end(part)

    @callback
    def find(self, token: str, name: str | None) -> _Link | None:
        """Return a link that lives; its name may be left out, but not be another."""
        link = self._links.get(token)
        return link if link and name in (None, link.media.name) else None

    @callback
    def _end(self, token: str) -> None:
        if link := self._links.pop(token, None):
            link.cut()
            for ended in link.when_ended:
                ended()

    @callback
    def _expire(self, token: str, _now: datetime) -> None:
        self._end(token)

    @callback
    def _stop(self, _event: Event) -> None:
        for token in list(self._links):
            self._end(token)


_LINKS: Final[HassKey[MediaLinks]] = HassKey(f"{DOMAIN}_media_links")


@callback
def async_media_links(hass: HomeAssistant) -> MediaLinks:
    """Return the links of Home Assistant, made when they are needed first."""
    if _LINKS not in hass.data:
        hass.data[_LINKS] = MediaLinks(hass)
    return hass.data[_LINKS]


class _MediaView(HomeAssistantView):
    """Serves what the links stand for. A wrong token is not found rather than refused, which would ban the asker."""

    url = f"{_PATH}/{{token}}"
    extra_urls = [f"{_PATH}/{{token}}/{{name}}"]  # gateways look at the suffix
    name = f"api:{DOMAIN}:media"
    requires_auth = False

    def __init__(self, links: MediaLinks) -> None:
        self._links = links

    async def head(self, request: Request, token: str, name: str | None = None) -> Response:
        """Tell what a GET would bring; the link lives on."""
        link = self._find(token, name)
        length = {"Content-Length": str(len(link.media.content))}
        return Response(headers=_headers(link.media) | length)

    async def get(self, request: Request, token: str, name: str | None = None) -> StreamResponse:
        """Serve the whole once.

        What broke off may be asked for again. Of several at the same time the newest is answered and the one before
        cut: it may be one whose connection is gone, which is not known for minutes.
        """
        link = self._find(token, name)
        if (transport := request.transport) is None:
            raise HTTPNotFound
        link.cut()
        link.transport = transport
        # Every write waits until the system has taken all, so that the last one tells that it was all sent. No zero:
        # with that, asyncio's TLS would wait for ever.
        transport.set_write_buffer_limits(high=1, low=0)
        content = link.media.content
        last = (len(content) - 1) // CHUNK_BYTES * CHUNK_BYTES
        response = StreamResponse(headers=_headers(link.media))
        response.content_length = len(content)
        response.force_close()
        try:
            await response.prepare(request)
            for start in range(0, last, CHUNK_BYTES):
                await response.write(content[start : start + CHUNK_BYTES])
            await response.write_eof(content[last:])
            # Waiting also ends where the connection does.
            if request.transport is transport:
                link.transport = None
                self._links.end(token)
        except ConnectionError:
            _LOGGER.debug("A picture or file was fetched in part only")
        finally:
            if link.transport is transport:
                link.transport = None
        return response

    def _find(self, token: str, name: str | None) -> _Link:
        if link := self._links.find(token, name):
            return link
        raise HTTPNotFound


def _headers(media: Media) -> dict[str, str]:
    return {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{media.name}"',
        "Content-Type": media.content_type,
        "X-Content-Type-Options": "nosniff",
    }
