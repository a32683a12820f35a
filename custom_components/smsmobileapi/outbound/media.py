"""Read the pictures and files that are to be sent by WhatsApp.

The service takes no content, only an https URL. What is in Home Assistant (an item of the media folders, the
picture of a camera or an image entity) is read here into memory; media_links.py serves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
import logging
import mimetypes
from pathlib import Path
import re
from typing import Any, Final

from homeassistant.core import HomeAssistant, valid_entity_id
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.network import NoURLAvailableError, get_url
from yarl import URL

from ..cloud import is_connected
from ..errors import invalid

_LOGGER = logging.getLogger(__name__)

MEGABYTE: Final = 1024 * 1024
MAX_BYTES: Final = 16 * MEGABYTE  # WhatsApp takes no larger pictures and videos

_MEDIA_SOURCE: Final = "media-source://"
# Top-level domains that exist only in local networks.
_LOCAL_DOMAINS: Final = (".local", ".localhost", ".lan", ".home", ".internal", ".home.arpa")
# Types in which a browser runs no scripts; image/svg+xml is none of them.
_SAFE_TYPE: Final = re.compile(r"(image|video|audio)/[a-z0-9.-]+|application/pdf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A picture or file to send: the https `url` of one on the internet, or the `content` of one to serve.

    `name` is the file name in the link, `base_url` the https URL of Home Assistant on the internet. The repr
    shows neither `url` nor `content`, which may be private.
    """

    url: str | None = field(default=None, repr=False)
    content: bytes = field(default=b"", repr=False)
    content_type: str = ""
    name: str = ""
    base_url: str = ""


def entity_in(source: str | Mapping[str, Any]) -> str | None:
    """Return the id of the camera or image entity that `async_read_media` reads for this source; None where it reads none."""
    for domain in ("camera", "image"):
        entity_id = _media_id(source).removeprefix(f"{_MEDIA_SOURCE}{domain}/")
        if entity_id.startswith(f"{domain}.") and valid_entity_id(entity_id):
            return entity_id
    return None


def _media_id(source: str | Mapping[str, Any]) -> str:
    return (source if isinstance(source, str) else str(source.get("media_content_id", ""))).strip()


async def async_read_media(hass: HomeAssistant, source: str | Mapping[str, Any]) -> Media:
    """Return the media for an https URL, or for the id of a media item, a camera or an image entity.

    The media selector gives a mapping with the id as `media_content_id`. The content at an https URL is not fetched. Raises
    ServiceValidationError where there is no such media, or it can't be sent.
    """
    media_id = _media_id(source)
    if entity_id := entity_in(source):
        return await _read_entity(hass, media_id, entity_id.partition(".")[0], entity_id)
    if media_id.startswith(_MEDIA_SOURCE):
        return await _read_media_item(hass, media_id)
    if not _is_https(media_id):
        raise invalid("media_not_https")
    return Media(url=media_id)


async def _read_entity(hass: HomeAssistant, media_id: str, domain: str, entity_id: str) -> Media:
    """Return the present picture of a camera or an image entity."""
    if domain not in hass.config.components:
        raise _missing(media_id)
    try:
        # Imported here, as the libraries of a component are installed only where it is set up.
        if domain == "camera":
            from homeassistant.components import camera

            picture: Any = await camera.async_get_image(hass, entity_id)
        else:
            from homeassistant.components import image

            picture = await image.async_get_image(hass, entity_id)
    except Exception as err:  # noqa: BLE001 -- integrations raise anything, with secrets in the text
        raise _missing(media_id, err) from None
    return _with_content(hass, media_id, picture.content, picture.content_type)


async def _read_media_item(hass: HomeAssistant, media_id: str) -> Media:
    """Return the media of a `media-source://` id."""
    if "media_source" not in hass.config.components:
        raise _missing(media_id)
    from homeassistant.components import media_source

    try:
        item = await media_source.async_resolve_media(hass, media_id, None)
    except Exception as err:  # noqa: BLE001 -- media sources raise anything, with secrets in the text
        raise _missing(media_id, err) from None
    if item.path is None:
        if _is_https(item.url):
            return Media(url=item.url)
        raise invalid("media_not_served", media=_without_query(media_id))
    try:
        content = await hass.async_add_executor_job(_read_file, item.path)
    except OSError as err:
        raise _missing(media_id, err) from None
    return _with_content(hass, media_id, content, item.mime_type)


def _read_file(path: Path) -> bytes:
    """Return the content of a file, at most one byte more than may be sent. Raises OSError."""
    if not path.is_file():  # reading a pipe would wait
        return b""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _with_content(hass: HomeAssistant, media_id: str, content: bytes, content_type: str) -> Media:
    """Return the media with this content. Raises ServiceValidationError where it can't be served."""
    if not content:
        raise _missing(media_id)
    if len(content) > MAX_BYTES:
        raise invalid("media_too_large", limit=str(MAX_BYTES // MEGABYTE))
    content_type = content_type.partition(";")[0].strip().lower()
    if not _SAFE_TYPE.fullmatch(content_type):
        content_type = "application/octet-stream"
    suffix = mimetypes.guess_extension(content_type, strict=False) or ".bin"
    return Media(content=content, content_type=content_type, name=f"media{suffix}", base_url=_base_url(hass))


def _base_url(hass: HomeAssistant) -> str:
    """Return the https URL of Home Assistant on the internet.

    That of Home Assistant Cloud comes first, as for the webhook, but only while it is connected. Raises
    ServiceValidationError where there is none.
    """
    try:
        # With require_ssl, get_url refuses an IP address, too: its certificate would not be valid.
        base_url = get_url(
            hass,
            allow_internal=False,
            allow_cloud=is_connected(hass),
            prefer_cloud=True,
            require_ssl=True,
        )
    except NoURLAvailableError:
        raise invalid("media_no_address") from None
    host = (URL(base_url).host or "").rstrip(".")
    if "." not in host or host.endswith(_LOCAL_DOMAINS):
        raise invalid("media_no_address")
    return base_url


def _is_https(text: str) -> bool:
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme == "https" and bool(url.host) and not re.search(r"\s", text)


def _missing(media_id: str, err: Exception | None = None) -> ServiceValidationError:
    """Return the error for media that is not there; of its cause only the type is logged."""
    _LOGGER.debug("Media can't be read: %s", type(err).__name__ if err else "not set up, or empty")
    return invalid("media_missing", media=_without_query(media_id))


def _without_query(media_id: str) -> str:
    """Return a media id without its query, which may hold a text or a key."""
    return media_id.partition("?")[0]
