"""Pictures and files with a message: by WhatsApp only, at a link for each recipient, and checked before anything is sent."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.components.camera import Camera
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import setup_test_component_platform
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.smsmobileapi.outbound.media import MAX_BYTES
from simulator import Account, Simulator

from ..conftest import EXTERNAL_URL, add_contact
from .sending import (
    ANNA,
    BELA,
    LOG,
    NOON,
    REFUSED,
    SEND,
    SIX,
    TEXT,
    Clock,
    Entry,
    channels,
    error_of,
    outcome,
    refuse_whatsapp,
    requests,
    send,
    sent_in_a_day,
    set_options,
    set_whatsapp,
)

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
async def camera(home: HomeAssistant, tmp_path: Path) -> FrontDoor:
    """camera.front_door, in a home that also has a folder of media."""
    (tmp_path / "cat.jpg").write_bytes(PICTURE)
    home.config.media_dirs = {"local": str(tmp_path)}
    assert await async_setup_component(home, "http", {})
    # Home Assistant lets views be added while its web server runs; that of the tests does not.
    home.http.app._router.freeze = lambda: None  # type: ignore[method-assign]
    assert await async_setup_component(home, "media_source", {})
    entity = FrontDoor()
    setup_test_component_platform(home, "camera", [entity])
    assert await async_setup_component(home, "camera", {"camera": {"platform": "test"}})
    await home.async_block_till_done()
    return entity


@pytest.fixture
async def internet(camera: FrontDoor, hass_client_no_auth: ClientSessionGenerator) -> Client:
    """A client on the internet, as the service is."""
    client: Client = await hass_client_no_auth()
    return client


def links(service_account: Account) -> list[str]:
    return [fields["url_media"] for fields in requests(service_account) if "url_media" in fields]


async def fetch(internet: Client, link: str) -> bytes | int:
    """Fetch a link as the service does; return what is there, or the status."""
    assert link.startswith(f"{EXTERNAL_URL}/"), link
    async with internet.get(link.removeprefix(EXTERNAL_URL)) as response:
        return await response.read() if response.status == HTTPStatus.OK else response.status


@pytest.mark.usefixtures("account")
async def test_an_address_on_the_internet_is_passed_on(home: HomeAssistant, service_account: Account) -> None:
    for media in ({"media_url": URL}, {"media": URL}, {"media": {"media_content_id": URL}}):
        (row,) = await send(home, channel="whatsapp", **media)
        assert links(service_account)[-1] == URL
        assert service_account.sent[-1].fields["message"] == TEXT
        assert (row["parts"], row["alphabet"]) == (1, None)


@pytest.mark.usefixtures("account")
async def test_each_recipient_has_a_link_to_what_home_assistant_has(
    home: HomeAssistant, internet: Client, camera: FrontDoor, service_account: Account
) -> None:
    for media in SERVED:
        service_account.sent.clear()
        service_account.requests.clear()
        camera.taken = 0
        await send(home, [ANNA, BELA], channel="both", **media)
        assert sorted(channels(service_account)) == ["sms", "sms", "whatsapp", "whatsapp"]
        assert {form["sendsms"] for form in requests(service_account) if "url_media" in form} == {"0"}
        assert len({*links(service_account)}) == 2
        assert [await fetch(internet, link) for link in links(service_account)] == [PICTURE, PICTURE]
        # One picture is taken for all.
        assert camera.taken == ("camera.front_door" in media.values())
    await asyncio.gather(*(send(home, number, **CAMERA) for number in (ANNA, BELA, ANNA)))
    assert len({*links(service_account)}) == 5


@pytest.mark.usefixtures("account")
async def test_a_link_ends_where_the_message_was_refused_and_not_where_it_may_have_been_accepted(
    home: HomeAssistant, internet: Client, simulator: Simulator, service_account: Account
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
        simulator.reset()
        simulator.fault(SEND, kind, **options)
        if key:
            simulator.fault(LOG, "status", status=500)
        assert await outcome(home, **CAMERA) == key, kind
        is_ended = kind != "drop_after"
        expected = {HTTPStatus.NOT_FOUND if is_ended else PICTURE}
        assert {await fetch(internet, link) for link in links(service_account)} == expected, kind
    # Where WhatsApp refuses, the SMS goes without.
    simulator.reset()
    refuse_whatsapp(service_account)
    (row,) = await send(home, channel="whatsapp_else_sms", camera="camera.front_door")
    assert (row["channel"], "url_media" in service_account.sent[0].fields) == ("sms", False)
    (link,) = links(service_account)
    assert await fetch(internet, link) == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("account", "camera")
async def test_a_recipient_without_whatsapp_gets_the_sms_and_no_link_is_made(
    home: HomeAssistant, service_account: Account
) -> None:
    set_whatsapp(service_account, BELA)
    rows = await send(home, [ANNA, BELA], channel="whatsapp_else_sms", camera="camera.front_door")
    assert [row["channel"] for row in rows] == ["sms", "whatsapp"]
    assert len(links(service_account)) == 1


@pytest.mark.usefixtures("camera")
async def test_those_who_would_get_an_sms_are_named_before_anything_is_sent(
    home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    await add_contact(home, account, "Béla", BELA, "whatsapp")
    for media in [*SERVED, {"media_url": URL}]:
        for channel, names in (({"channel": "sms"}, "Béla, Anna, +36…33"), ({}, "Anna, +36…33")):
            err = await error_of(home, recipients=["Béla", "Anna", "+36701112233"], **media, **channel)
            assert err.translation_key == "media_needs_whatsapp"
            assert err.translation_placeholders == {"recipients": names}
    assert requests(service_account) == []


async def test_a_picture_that_can_not_be_sent_stops_the_message(
    freezer: Clock,
    home: HomeAssistant,
    camera: FrontDoor,
    tmp_path: Path,
    account: Entry,
    service_account: Account,
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
        err = await error_of(home, channel="whatsapp", **media)
        assert (err.translation_key, err.translation_placeholders) == (key, placeholders)
    camera.picture = None
    assert await outcome(home, **CAMERA) == "media_missing"
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
        with pytest.raises(vol.Invalid):
            await send(home, channel="whatsapp", **media)
    # A link would have ended by then.
    freezer.move_to(NOON)
    for media in SERVED:
        assert await outcome(home, channel="whatsapp", send_at=SIX, **media) == "media_scheduled"
    assert requests(service_account) == []
    assert sent_in_a_day(account) == 0


@pytest.mark.usefixtures("camera")
async def test_without_an_address_from_outside_or_beyond_the_limit_nothing_is_served(
    home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    for address in (None, "http://home.example.net", "https://192.168.1.2", "https://ha.local"):
        await home.config.async_update(external_url=address)
        for channel in ("whatsapp", "both", "whatsapp_else_sms"):
            assert await outcome(home, channel=channel, camera="camera.front_door") == "media_no_address"
    assert requests(service_account) == []
    # What is on the internet needs none.
    await send(home, channel="whatsapp", media_url=URL)
    assert links(service_account) == [URL]
    await home.config.async_update(external_url=EXTERNAL_URL)
    await set_options(home, account, messages_per_minute=1)
    assert await outcome(home, **CAMERA) == "limit_minute"
    assert links(service_account) == [URL]
