"""Pictures and files by WhatsApp: served by links that live an hour, and what can't be sent."""

from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.configuration import MEDIA
from tests.e2e.steps import check
from tests.e2e.tour.context import Tour
from tests.e2e.tour.names import ANNA, DORA
from tests.e2e.websocket import Json

CAMERA = "camera.front"
LOCAL = "media-source://media_source/local"
PICTURE = bytes.fromhex("ffd8ffe000104a464946") + bytes(range(256)) * 900 + bytes.fromhex("ffd9")
MEBIBYTE = 1024 * 1024


def _folder(tour: Tour) -> Path:
    return tour.hass.config_dir / MEDIA


def _path(tour: Tour, form: dict[str, str]) -> str:
    """The path of the link in a form."""
    url = form["url_media"]
    check(url.startswith(f"{tour.external_url}/api/smsmobileapi/media/"), f"the link is {url}")
    tour.private.add(url.split("/")[-2])
    return urlsplit(url).path


async def _send(tour: Tour, message: str, **media: object) -> str:
    """Send a picture by WhatsApp; return the path of its link."""
    return _path(
        tour, await tour.send_one(tour.first, message, recipients=["Anna"], channel="whatsapp", **media)
    )


async def _fetch(tour: Tour, path: str, content: bytes) -> None:
    """Fetch a link twice, as gateways do, without a login."""
    for _ in range(2):
        status, got = await tour.hass.fetch(path)
        check(status == 200, f"the link answers {status}")
        check(got == content, f"it has {len(got)} bytes, not the {len(content)} of the picture")


async def camera(tour: Tour) -> None:
    """A camera's picture is sent: each recipient gets a link of their own, which serves the picture without a login."""
    (_folder(tour) / "front.jpg").write_bytes(PICTURE)
    flow = await tour.hass.flow("local_file")
    step = await flow.submit({"name": "Front", "file_path": str(_folder(tour) / "front.jpg")})
    check(step["type"] == "create_entry", f"the camera was not created: {step}")
    await tour.hass.wait_for_state(CAMERA)
    tour.first.account.whatsapp_numbers = None
    text = "Private text with a picture"
    await tour.send(tour.first, text, recipients=["Anna", DORA], channel="whatsapp", camera=CAMERA)
    paths = {_path(tour, sent.fields) for sent in tour.first.sent(text)}
    check(len(paths) == 2, f"there are {len(paths)} links")
    for path in paths:
        await _fetch(tour, path, PICTURE)
    status, _ = await tour.hass.fetch("/api/smsmobileapi/media/guessed/media.jpg")
    check(status == 404, f"a guessed link answers {status}")


async def media_items(tour: Tour) -> None:
    """A media item is sent, by its address or as the media selector gives it, also a camera's; an https URL goes unchanged."""
    (_folder(tour) / "picture.png").write_bytes(PICTURE[::-1])
    selected: Json = {"media_content_id": f"{LOCAL}/picture.png", "media_content_type": "image/png"}
    for number, media in enumerate((f"{LOCAL}/picture.png", selected)):
        path = await _send(tour, f"Private text with an item {number}", media=media)
        check(path.endswith(".png"), f"the link ends with {path[-10:]}")
        await _fetch(tour, path, PICTURE[::-1])
    path = await _send(tour, "Private text with a camera's item", media=f"media-source://camera/{CAMERA}")
    await _fetch(tour, path, PICTURE)
    url = "https://example.net/picture.jpg"
    await tour.check_form(ANNA, {"url_media": url}, channel="whatsapp", media_url=url)


async def refused(tour: Tour) -> None:
    """Media that is http, missing, too large, for an SMS or for later is refused, and nothing is sent."""
    before = len(tour.first.account.sent)
    with (_folder(tour) / "large.jpg").open("wb") as file:
        file.truncate(16 * MEBIBYTE + 1)
    whatsapp = {"recipients": ["Anna"], "channel": "whatsapp"}
    for name, data, key in (
        ("http", {"media_url": "http://example.net/picture.jpg"}, "media_not_https"),
        ("missing_file", {"media": f"{LOCAL}/nothing.jpg"}, "media_missing"),
        ("missing_camera", {"camera": "camera.back"}, "media_missing"),
        ("too_large", {"media": f"{LOCAL}/large.jpg"}, "media_too_large"),
        ("by_SMS", {"camera": CAMERA, "channel": "sms"}, "media_needs_whatsapp"),
        ("later", {"camera": CAMERA, "send_at": "2099-01-01 00:00:00"}, "media_scheduled"),
    ):
        sending = tour.send(tour.first, "Private text that is refused", **{**whatsapp, **data})
        tour.steps.show(**{name: await tour.refused(sending, key)})
    check(len(tour.first.account.sent) == before, "something was sent")


async def no_address(tour: Tour) -> None:
    """Without an external https URL, a picture is refused with a hint; with one again, it is sent."""
    data = {"recipients": ["Anna"], "channel": "whatsapp", "camera": CAMERA}
    try:
        for url in ("http://home.example.net:8123", "https://192.168.1.5", None):
            await tour.hass.command("config/core/update", external_url=url)
            sending = tour.send(tour.first, "Private text without a URL", **data)
            text = await tour.refused(sending, "media_no_address")
    finally:
        await tour.hass.command("config/core/update", external_url=tour.external_url)
    await _fetch(tour, await _send(tour, "Private text with a URL again", camera=CAMERA), PICTURE)
    tour.steps.show(error=text)
