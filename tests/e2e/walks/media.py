"""Pictures and files by WhatsApp: a camera's picture at a link that works once, and what can't be sent."""

from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.configuration import MEDIA
from tests.e2e.guide import OUTSIDE, Guide, Step
from tests.e2e.people import BOLDI, DORA
from tests.e2e.tell import check
from tests.e2e.websocket import Json

CAMERA = "camera.front_door"
LOCAL = "media-source://media_source/local"
PICTURE = bytes.fromhex("ffd8ffe000104a464946") + bytes(range(256)) * 900 + bytes.fromhex("ffd9")
MEBIBYTE = 1024 * 1024


def _folder(guide: Guide) -> Path:
    return guide.home.config_dir / MEDIA


async def _sent(guide: Guide, message: str, **media: object) -> str:
    """Send a picture by WhatsApp; give the path of its link."""
    form = await guide.form_of(guide.anna, message, recipients=["Boldi"], channel="whatsapp", **media)
    url: str = form["url_media"]
    check(url.startswith(f"{OUTSIDE}/api/smsmobileapi/media/"), f"the link is {url}")
    guide.private.add(url.split("/")[-2])
    return urlsplit(url).path


async def _fetched_once(guide: Guide, path: str, content: bytes) -> None:
    """Fetch a link as the service does, from nobody's account; then it has ended."""
    status, got = await guide.home.visit(path)
    check(status == 200, f"the link answers {status}")
    check(got == content, f"it brings {len(got)} bytes, and not the {len(content)} of the picture")
    for _ in range(2):
        status, _ = await guide.home.visit(path)
        check(status == 404, f"once fetched, the link answers {status}")


async def camera(guide: Guide) -> None:
    """A camera's picture is sent by WhatsApp: the service gets a link, fetches the picture there once, and the link is dead."""
    (_folder(guide) / "front_door.jpg").write_bytes(PICTURE)
    flow = await guide.home.flow("local_file")
    told = {"name": "Front door", "file_path": str(_folder(guide) / "front_door.jpg")}
    step = await flow.submit(told)
    check(step["type"] == "create_entry", f"the camera was not made: {step}")
    await guide.home.wait_for_state(CAMERA)
    path = await _sent(guide, "A walnut at the door", camera=CAMERA)
    await _fetched_once(guide, path, PICTURE)
    guide.tell.values(link=f"{OUTSIDE}{path[:28]}…{path[-10:]}", bytes=len(PICTURE))


async def each_own(guide: Guide) -> None:
    """Two recipients get a link each, and one that is fetched leaves the other alive; a wrong one tells nothing."""
    customer = guide.anna.customer
    await customer.set(whatsapp_numbers=None)
    text = "A walnut for two"
    await guide.send(guide.anna, text, recipients=["Boldi", DORA], channel="whatsapp", camera=CAMERA)
    rows = [row for row in await customer.sent() if row["fields"]["message"] == text]
    paths = {urlsplit(row["fields"]["url_media"]).path for row in rows}
    check(len(paths) == 2, f"there are {len(paths)} links")
    guide.private |= {path.split("/")[-2] for path in paths}
    status, _ = await guide.home.visit("/api/smsmobileapi/media/guessed/media.jpg")
    check(status == 404, f"a guessed link answers {status}")
    for path in paths:
        await _fetched_once(guide, path, PICTURE)


async def items(guide: Guide) -> None:
    """A media item of Home Assistant is sent, named by its address or as the media selector does; and a camera's by both."""
    (_folder(guide) / "walnut.png").write_bytes(PICTURE[::-1])
    selected: Json = {"media_content_id": f"{LOCAL}/walnut.png", "media_content_type": "image/png"}
    for number, media in enumerate((f"{LOCAL}/walnut.png", selected)):
        path = await _sent(guide, f"A walnut in a picture {number}", media=media)
        check(path.endswith(".png"), f"the link ends with {path[-10:]}")
        await _fetched_once(guide, path, PICTURE[::-1])
    path = await _sent(guide, "A walnut of the camera's item", media=f"media-source://camera/{CAMERA}")
    await _fetched_once(guide, path, PICTURE)


async def https(guide: Guide) -> None:
    """A public https address is handed on as it is."""
    url = "https://example.net/walnut.jpg"
    wished = {"channel": "whatsapp", "media_url": url}
    form = await guide.form_of(guide.anna, "A walnut from elsewhere", recipients=[BOLDI], **wished)
    check(form["url_media"] == url, f"the form is {form}")


async def refused(guide: Guide) -> None:
    """Media that is http, missing, too large, for an SMS or for later is refused in words, and nothing is sent."""
    before = len(await guide.anna.customer.sent())
    with (_folder(guide) / "large.jpg").open("wb") as file:
        file.truncate(16 * MEBIBYTE + 1)
    by_whatsapp = {"recipients": ["Boldi"], "channel": "whatsapp"}
    for name, data, key in (
        ("http", {"media_url": "http://example.net/walnut.jpg"}, "media_not_https"),
        ("missing_file", {"media": f"{LOCAL}/nothing.jpg"}, "media_missing"),
        ("missing_camera", {"camera": "camera.back_door"}, "media_missing"),
        ("too_large", {"media": f"{LOCAL}/large.jpg"}, "media_too_large"),
        ("by_SMS", {"camera": CAMERA, "channel": "sms"}, "media_needs_whatsapp"),
        ("later", {"camera": CAMERA, "send_at": "2099-01-01 00:00:00"}, "media_scheduled"),
    ):
        sending = guide.send(guide.anna, "A walnut that stays", **{**by_whatsapp, **data})
        guide.tell.values(**{name: await guide.refused(sending, key)})
    check(len(await guide.anna.customer.sent()) == before, "something was sent")


async def refused_by_service(guide: Guide) -> None:
    """The link of a picture that the service refused to send is dead at once."""
    customer = guide.anna.customer
    await customer.set(whatsapp_numbers=[])
    told = {"recipients": [DORA], "channel": "whatsapp", "camera": CAMERA}
    await guide.refused(guide.send(guide.anna, "A walnut for nobody", **told), "refused")
    form = (await customer.requests("/sendsms/"))[-1]
    status, _ = await guide.home.visit(urlsplit(form["url_media"]).path)
    check(status == 404, f"the link answers {status}")
    guide.private.add(form["url_media"].split("/")[-2])
    await customer.set(whatsapp_numbers=None)


async def no_address(guide: Guide) -> None:
    """Without an https address from outside, a picture is refused with what to do; with one again, it is sent."""
    try:
        for url in ("http://home.example.net:8123", "https://192.168.1.5", None):
            await guide.home.command("config/core/update", external_url=url)
            told = {"recipients": ["Boldi"], "channel": "whatsapp", "camera": CAMERA}
            said = await guide.refused(
                guide.send(guide.anna, "A walnut without a way", **told), "media_no_address"
            )
    finally:
        await guide.home.command("config/core/update", external_url=OUTSIDE)
    path = await _sent(guide, "A walnut with a way again", camera=CAMERA)
    await _fetched_once(guide, path, PICTURE)
    guide.tell.values(says=said)


STEPS: tuple[Step, ...] = (
    camera,
    each_own,
    items,
    https,
    refused,
    refused_by_service,
    no_address,
)
