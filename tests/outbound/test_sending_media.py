"""Pictures and files with a message: by WhatsApp only, at a link for each recipient, and checked before anything is sent."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.components.camera import Camera
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import setup_test_component_platform
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.outbound.media import MAX_BYTES

from ..conftest import EXTERNAL_URL
from .sending import ANNA, BELA, LOG, NOON, REFUSED, SEND, SIX, TEXT, Case, Clock

PICTURE = b"\xff\xd8\xff\xe0 a picture"
ITEM = "media-source://media_source/local/cat.jpg"
URL = "https://example.com/cat.jpg?size=1"
CAMERA = {"channel": "whatsapp", "camera": "camera.front_door"}
# What has to be served by Home Assistant.
SERVED: list[dict[str, Any]] = [
    {"camera": "camera.front_door"},
    {"media": "camera.front_door"},
    {"media": ITEM},
    {"media": {"media_content_id": ITEM, "media_content_type": "image/jpeg", "metadata": {}}},
]

type Client = TestClient[Any, Any]


class FrontDoor(Camera):
    """A camera that has a picture, or none."""

    _attr_name = "Front door"
    picture: bytes | None = PICTURE
    taken = 0

    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        self.taken += 1
        return self.picture


@pytest.fixture
async def camera(case: Case, tmp_path: Path) -> FrontDoor:
    """camera.front_door, in a home that also has a folder of media."""
    (tmp_path / "cat.jpg").write_bytes(PICTURE)
    case.home.config.media_dirs = {"local": str(tmp_path)}
    assert await async_setup_component(case.home, "http", {})
    # Home Assistant lets views be added while its web server runs; that of the tests does not.
    case.home.http.app._router.freeze = lambda: None  # type: ignore[method-assign]
    assert await async_setup_component(case.home, "media_source", {})
    entity = FrontDoor()
    setup_test_component_platform(case.home, "camera", [entity])
    assert await async_setup_component(case.home, "camera", {"camera": {"platform": "test"}})
    await case.home.async_block_till_done()
    return entity


@pytest.fixture
async def internet(camera: FrontDoor, hass_client_no_auth: ClientSessionGenerator) -> Client:
    """A client on the internet, as the service is."""
    client: Client = await hass_client_no_auth()
    return client


def links(case: Case) -> list[str]:
    return [fields["url_media"] for fields in case.requests() if "url_media" in fields]


async def fetch(internet: Client, link: str) -> bytes | int:
    """Fetch a link as the service does; return what is there, or the status."""
    assert link.startswith(f"{EXTERNAL_URL}/"), link
    async with internet.get(link.removeprefix(EXTERNAL_URL)) as response:
        return await response.read() if response.status == HTTPStatus.OK else response.status


async def test_an_address_on_the_internet_is_passed_on(case: Case) -> None:
    for media in ({"media_url": URL}, {"media": URL}, {"media": {"media_content_id": URL}}):
        (row,) = await case.send(channel="whatsapp", **media)
        assert links(case)[-1] == URL
        assert case.sent[-1].fields["message"] == TEXT
        assert (row["parts"], row["alphabet"]) == (1, None)


async def test_each_recipient_has_a_link_to_what_home_assistant_has(
    internet: Client, camera: FrontDoor, case: Case
) -> None:
    for media in SERVED:
        case.sent.clear()
        case.service.requests.clear()
        camera.taken = 0
        await case.send([ANNA, BELA], channel="both", **media)
        assert sorted(case.channels) == ["sms", "sms", "whatsapp", "whatsapp"]
        assert {form["sendsms"] for form in case.requests() if "url_media" in form} == {"0"}
        assert len({*links(case)}) == 2
        assert [await fetch(internet, link) for link in links(case)] == [PICTURE, PICTURE]
        # One picture is taken for all.
        assert camera.taken == ("camera.front_door" in media.values())
    await asyncio.gather(*(case.send(number, **CAMERA) for number in (ANNA, BELA, ANNA)))
    assert len({*links(case)}) == 5


async def test_a_link_ends_where_the_message_was_refused_and_not_where_it_may_have_been_accepted(
    internet: Client, case: Case
) -> None:
    table: list[tuple[str, dict[str, Any], str | None]] = [
        ("status", {"status": 400}, "refused"),
        ("status", {"status": 403}, "invalid_auth"),
        ("status", {"status": 429, "retry_after": 3600}, "rate_limited"),
        ("status", {"status": 503, "count": 4}, "cannot_connect"),
        ("nonsense", {"body": {"result": {"error": 2}}}, "phone_offline"),
        ("nonsense", REFUSED, "refused"),
        ("drop_after", {}, "may_have_been_sent"),
        ("drop_after", {}, None),
    ]
    for kind, options, key in table:
        case.simulator.reset()
        case.fault(SEND, kind, **options)
        if key:
            case.fault(LOG, "status", status=500, count=5)
        assert await case.outcome(**CAMERA) == key, kind
        is_ended = kind != "drop_after"
        expected = {HTTPStatus.NOT_FOUND if is_ended else PICTURE}
        assert {await fetch(internet, link) for link in links(case)} == expected, kind
    # Where WhatsApp refuses, the SMS goes without.
    case.simulator.reset()
    case.refuse_whatsapp()
    (row,) = await case.send(channel="whatsapp_else_sms", camera="camera.front_door")
    assert (row["channel"], "url_media" in case.sent[0].fields) == ("sms", False)
    (link,) = links(case)
    assert await fetch(internet, link) == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("camera")
async def test_a_recipient_without_whatsapp_gets_the_sms_and_no_link_is_made(case: Case) -> None:
    case.set_whatsapp(BELA)
    rows = await case.send([ANNA, BELA], channel="whatsapp_else_sms", camera="camera.front_door")
    assert [row["channel"] for row in rows] == ["sms", "whatsapp"]
    assert len(links(case)) == 1


@pytest.mark.usefixtures("camera")
async def test_those_who_would_get_an_sms_are_named_before_anything_is_sent(case: Case) -> None:
    await case.add_contact("Anna", ANNA)
    await case.add_contact("Béla", BELA, "whatsapp")
    for media in [*SERVED, {"media_url": URL}]:
        for channel, names in (({"channel": "sms"}, "Béla, Anna, +36…33"), ({}, "Anna, +36…33")):
            err = await case.error_of(recipients=["Béla", "Anna", "+36701112233"], **media, **channel)
            assert err.translation_key == "media_needs_whatsapp"
            assert err.translation_placeholders == {"recipients": names}
    assert case.requests() == []


async def test_a_picture_that_can_not_be_sent_stops_the_message(
    camera: FrontDoor, case: Case, freezer: Clock, tmp_path: Path
) -> None:
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    large, missing = (f"media-source://media_source/local/{name}.jpg" for name in ("large", "dog"))
    table: list[tuple[dict[str, Any], str, dict[str, str]]] = [
        ({"media_url": "http://example.com/cat.jpg?key=geheim"}, "media_not_https", {}),
        ({"camera": "light.kitchen"}, "media_not_https", {}),
        ({"media": "/config/secrets.yaml"}, "media_not_https", {}),
        ({"camera": "camera.back_door"}, "media_missing", {"media": "camera.back_door"}),
        ({"camera": "image.cat"}, "media_missing", {"media": "image.cat"}),
        ({"media": missing}, "media_missing", {"media": missing}),
        ({"media": large}, "media_too_large", {"limit": str(MAX_BYTES // 1024 // 1024)}),
    ]
    for media, key, placeholders in table:
        err = await case.error_of(channel="whatsapp", **media)
        assert (err.translation_key, err.translation_placeholders) == (key, placeholders)
    camera.picture = None
    assert await case.outcome(**CAMERA) == "media_missing"
    camera.picture = PICTURE
    invalid: list[dict[str, Any]] = [
        {"camera": "camera.front_door", "media_url": URL},
        {"camera": "camera.front_door", "media": ITEM},
        {"media": ITEM, "media_url": URL},
        {"camera": "front door"},
        {"media": None},
        {"media_url": [URL]},
    ]
    for media in invalid:
        assert await case.outcome(channel="whatsapp", **media) in {"fields_exclusive", "value_invalid"}, media
    # A link would have ended by then.
    freezer.move_to(NOON)
    for media in SERVED:
        assert await case.outcome(channel="whatsapp", send_at=SIX, **media) == "media_scheduled"
    assert case.requests() == []
    assert case.sent_in_a_day == 0


@pytest.mark.usefixtures("camera")
async def test_without_an_address_from_outside_or_beyond_the_limit_nothing_is_served(case: Case) -> None:
    for address in (None, "http://home.example.net", "https://192.168.1.2", "https://ha.local"):
        await case.home.config.async_update(external_url=address)
        for channel in ("whatsapp", "both", "whatsapp_else_sms"):
            assert await case.outcome(channel=channel, camera="camera.front_door") == "media_no_address"
    assert case.requests() == []
    # What is on the internet needs none.
    await case.send(channel="whatsapp", media_url=URL)
    assert links(case) == [URL]
    await case.home.config.async_update(external_url=EXTERNAL_URL)
    await case.set_options(messages_per_minute=1)
    assert await case.outcome(**CAMERA) == "limit_minute"
    assert links(case) == [URL]
