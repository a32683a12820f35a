"""Pictures and files for WhatsApp: read once, served once, and then gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import logging
import os
from pathlib import Path
import socket
import ssl
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from aiohttp import ClientError, ClientPayloadError, ClientSession, TCPConnector
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import AppRunner, SockSite
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.camera import Camera
from homeassistant.components.image import ImageEntity
from homeassistant.components.media_source import MediaSource, MediaSourceItem, PlayMedia
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockModule,
    async_fire_time_changed,
    mock_integration,
    mock_platform,
    setup_test_component_platform,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.smsmobileapi.outbound import media as media_room
from custom_components.smsmobileapi.outbound.media import (
    Media,
    MediaLinks,
    async_media_links,
    async_read_media,
)

from ..conftest import EXTERNAL_URL

PICTURE = b"\xff\xd8\xff\xe0 a picture"
LARGE = bytes(range(256)) * (16 * 1024 * 1024 // 256)
LOCAL = "media-source://media_source/local"

type Client = TestClient[Any, Any]


class FrontDoor(Camera):
    """A camera, of which a test says what it gives."""

    _attr_name = "Front door"
    gives: bytes | Exception | None = PICTURE

    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


class Drawing(ImageEntity):
    """An image."""

    _attr_name = "Drawing"
    _attr_content_type = "image/png"
    gives: bytes | None = PICTURE

    async def async_image(self) -> bytes | None:
        return self.gives


def let_views_be_added_later(hass: HomeAssistant) -> None:
    """Do what Home Assistant does when it starts its web server, and the test client's does not."""
    hass.http.app._router.freeze = lambda: None  # type: ignore[method-assign]


@pytest.fixture
async def house(home: HomeAssistant, tmp_path: Path) -> HomeAssistant:
    """A home with a folder of media."""
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(PICTURE)
    home.config.media_dirs = {"local": str(folder)}
    assert await async_setup_component(home, "http", {})
    let_views_be_added_later(home)
    assert await async_setup_component(home, "media_source", {})
    return home


@pytest.fixture
def folder(house: HomeAssistant) -> Path:
    return Path(house.config.media_dirs["local"])


@pytest.fixture
async def camera(house: HomeAssistant) -> FrontDoor:
    """camera.front_door."""
    entity = FrontDoor()
    setup_test_component_platform(house, "camera", [entity])
    assert await async_setup_component(house, "camera", {"camera": {"platform": "test"}})
    await house.async_block_till_done()
    return entity


@pytest.fixture
async def image(house: HomeAssistant) -> Drawing:
    """image.drawing."""
    entity = Drawing(house)
    setup_test_component_platform(house, "image", [entity])
    assert await async_setup_component(house, "image", {"image": {"platform": "test"}})
    await house.async_block_till_done()
    return entity


@pytest.fixture
async def client(house: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> Client:
    """Somebody on the internet."""
    somebody: Client = await hass_client_no_auth()
    return somebody


@pytest.fixture
def links(house: HomeAssistant, client: Client) -> MediaLinks:
    """The links, made when the web server runs already."""
    return async_media_links(house)


def served(content: bytes = PICTURE, content_type: str = "image/jpeg", name: str = "media.jpg") -> Media:
    return Media(content=content, content_type=content_type, name=name, address=EXTERNAL_URL)


def path_of(link: str) -> str:
    assert link.startswith(f"{EXTERNAL_URL}/api/smsmobileapi/media/"), link
    return link.removeprefix(EXTERNAL_URL)


def token_of(link: str) -> str:
    return link.split("/")[-2]


async def fetch(client: Client, link: str) -> bytes | int:
    """Fetch a link as the service does; return what is there, or the status."""
    async with client.get(path_of(link)) as response:
        return await response.read() if response.status == HTTPStatus.OK else response.status


async def refusal(hass: HomeAssistant, wanted: Any) -> ServiceValidationError:
    """Return the error with which something is not read."""
    with pytest.raises(ServiceValidationError) as err:
        await async_read_media(hass, wanted)
    assert err.value.translation_domain == "smsmobileapi"
    return err.value


# What somebody may give.


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/cat.jpg",
        "https://example.com:8443/cat?size=1&key=%20a#x",
        "HTTPS://example.com/Bär.png",
        "https://192.0.2.7/cat.jpg",
    ],
)
async def test_an_https_url_is_passed_through_as_it_is(house: HomeAssistant, url: str) -> None:
    links = async_media_links(house)
    for wanted in (url, f" {url}\n", {"media_content_id": url, "media_content_type": "image/jpeg"}):
        link = links.make(await async_read_media(house, wanted))
        assert link == url
        links.end(link)
    assert links.held_bytes == 0


@pytest.mark.parametrize(
    "wanted",
    [
        "http://example.com/cat.jpg?key=geheim",
        "ftp://example.com/cat.jpg",
        "file:///etc/passwd",
        "/media/local/cat.jpg",
        "/config/secrets.yaml",
        "example.com/cat.jpg",
        "camera.example.com/cat.jpg",
        "https://",
        "https:///cat.jpg",
        "https:cat.jpg",
        "https://[::1",
        "https://exa mple.com/cat.jpg",
        "https://example.com/cat.jpg\nhttps://example.com/dog.jpg",
        "sensor.front_door",
        "cat",
        "",
        {},
        {"media_content_type": "image/jpeg"},
    ],
)
async def test_what_is_no_https_url_is_refused_and_not_repeated(house: HomeAssistant, wanted: Any) -> None:
    err = await refusal(house, wanted)
    assert (err.translation_key, err.translation_placeholders) == ("media_not_https", {})


@pytest.mark.parametrize(
    "wanted",
    [f"{LOCAL}/cat.jpg", {"media_content_id": f"{LOCAL}/cat.jpg", "media_content_type": "text/html"}],
)
async def test_a_file_of_the_media_folder(house: HomeAssistant, wanted: Any) -> None:
    assert await async_read_media(house, wanted) == served()


@pytest.mark.parametrize("wanted", ["camera.front_door", "media-source://camera/camera.front_door"])
async def test_a_snapshot_of_a_camera(house: HomeAssistant, camera: FrontDoor, wanted: str) -> None:
    assert await async_read_media(house, wanted) == served()


@pytest.mark.parametrize("wanted", ["image.drawing", "media-source://image/image.drawing"])
async def test_an_image(house: HomeAssistant, image: Drawing, wanted: str) -> None:
    media = await async_read_media(house, {"media_content_id": wanted, "media_content_type": "image/png"})
    assert media == served(content_type="image/png", name="media.png")


@pytest.mark.parametrize(
    "media_id",
    [
        f"{LOCAL}/dog.jpg",
        f"{LOCAL}/empty.jpg",
        f"{LOCAL}/folder.jpg",
        f"{LOCAL}/pipe.jpg",
        f"{LOCAL}/no_suffix",
        f"{LOCAL}/../secret.jpg",
        f"{LOCAL}/%2e%2e/secret.jpg",
        f"{LOCAL}//etc/motd.jpg",
        "media-source://media_source/elsewhere/cat.jpg",
        "media-source://media_source",
        "media-source://nowhere/cat.jpg",
        "media-source://camera/camera.back_door",
        "media-source://camera/",
        "media-source://",
        "camera.back_door",
        "image.photo",
    ],
)
async def test_what_is_not_there_is_missing(
    house: HomeAssistant, folder: Path, camera: FrontDoor, image: Drawing, media_id: str
) -> None:
    (folder.parent / "secret.jpg").write_bytes(b"secret")
    (folder / "empty.jpg").touch()
    (folder / "no_suffix").write_bytes(PICTURE)
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    err = await refusal(house, media_id)
    # Nothing but what was asked for: no path.
    assert (err.translation_key, err.translation_placeholders) == ("media_missing", {"media": media_id})


@pytest.mark.parametrize(
    "gives", [None, b"", TimeoutError(), RuntimeError(f"{EXTERNAL_URL}/?password=geheim")], ids=repr
)
async def test_a_camera_that_gives_no_picture(
    house: HomeAssistant, camera: FrontDoor, caplog: pytest.LogCaptureFixture, gives: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    camera.gives = gives
    err = await refusal(house, "camera.front_door")
    assert err.translation_placeholders == {"media": "camera.front_door"}
    assert err.translation_key == "media_missing"
    assert err.__cause__ is None and err.__suppress_context__
    assert "geheim" not in caplog.text


async def test_an_image_without_a_picture(house: HomeAssistant, image: Drawing) -> None:
    image.gives = None
    assert (await refusal(house, "image.drawing")).translation_key == "media_missing"


async def test_a_file_that_can_not_be_read(house: HomeAssistant) -> None:
    with patch("pathlib.Path.open", side_effect=PermissionError("/private/path")):
        err = await refusal(house, f"{LOCAL}/cat.jpg")
    assert (err.translation_key, str(err.translation_placeholders)) == (
        "media_missing",
        str({"media": f"{LOCAL}/cat.jpg"}),
    )


@pytest.mark.parametrize("media_id", ["camera.front_door", "image.drawing", f"{LOCAL}/cat.jpg"])
async def test_where_none_of_it_is_set_up(home: HomeAssistant, media_id: str) -> None:
    components = "homeassistant.components"
    with (
        patch(f"{components}.camera.async_get_image") as camera,
        patch(f"{components}.image.async_get_image") as image,
        patch(f"{components}.media_source.async_resolve_media") as item,
    ):
        assert (await refusal(home, media_id)).translation_key == "media_missing"
    # Their libraries may not even be there.
    assert not camera.called and not image.called and not item.called


async def test_too_large(
    house: HomeAssistant, folder: Path, camera: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "large.mp4").write_bytes(LARGE)
    assert len((await async_read_media(house, f"{LOCAL}/large.mp4")).content) == 16 * 1024 * 1024
    with (folder / "large.mp4").open("ab") as file:
        file.write(b"!")
    camera.gives = LARGE + b"!"
    for media_id in (f"{LOCAL}/large.mp4", "camera.front_door"):
        err = await refusal(house, media_id)
        assert (err.translation_key, err.translation_placeholders) == ("media_too_large", {"limit": "16"})


async def test_a_file_that_grows_while_it_is_read(house: HomeAssistant, folder: Path) -> None:
    (folder / "cat.jpg").write_bytes(LARGE + b"!")
    with patch.object(media_room, "_too_large", wraps=media_room._too_large) as too_large:
        real_stat = Path.stat

        class Small:
            """What the file was a moment ago."""

            def __init__(self, path: Path) -> None:
                self.st_mode = real_stat(path).st_mode
                self.st_size = 1

        with patch.object(Path, "stat", lambda path, **_: Small(path)):
            assert (await refusal(house, f"{LOCAL}/cat.jpg")).translation_key == "media_too_large"
    assert too_large.call_count == 1


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("https://photos.example.com/1.jpg", "passed on"),
        ("http://photos.example.com/1.jpg", "media_not_served"),
        ("/api/fake/1.jpg", "media_not_served"),
    ],
)
async def test_media_of_another_integration(house: HomeAssistant, url: str, outcome: str) -> None:
    class Photos(MediaSource):
        name = "Photos"

        async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
            return PlayMedia(url, "image/jpeg")

    async def async_get_media_source(_hass: HomeAssistant) -> MediaSource:
        return Photos("fake")

    mock_integration(house, MockModule("fake"))
    mock_platform(house, "fake.media_source", SimpleNamespace(async_get_media_source=async_get_media_source))
    assert await async_setup_component(house, "fake", {})
    await house.async_block_till_done()
    media_id = "media-source://fake/1?text=geheim"
    if outcome == "passed on":
        assert async_media_links(house).make(await async_read_media(house, media_id)) == url
    else:
        err = await refusal(house, media_id)
        assert (err.translation_key, err.translation_placeholders) == (
            outcome,
            {"media": "media-source://fake/1"},
        )


# Where the service reaches us.


@pytest.mark.parametrize(
    "external_url",
    [
        None,
        "http://home.example.net",
        "https://192.0.2.7",
        "https://192.0.2.7:8123",
        "https://homeassistant",
        "https://homeassistant.local:8123",
        "https://home.lan",
        "https://localhost:8123",
    ],
)
async def test_no_address_from_outside(house: HomeAssistant, external_url: str | None) -> None:
    await house.config.async_update(external_url=external_url, internal_url="https://inside.example.net")
    assert (await refusal(house, f"{LOCAL}/cat.jpg")).translation_key == "media_no_address"
    # What is on the internet already needs none.
    assert await async_read_media(house, "https://example.com/cat.jpg")


async def test_a_port_of_its_own(house: HomeAssistant) -> None:
    await house.config.async_update(external_url="https://home.example.net:8443")
    link = async_media_links(house).make(await async_read_media(house, f"{LOCAL}/cat.jpg"))
    assert link.startswith("https://home.example.net:8443/api/smsmobileapi/media/")


@pytest.mark.parametrize(
    ("is_connected", "address"), [(True, "https://abc.ui.nabu.casa"), (False, EXTERNAL_URL)]
)
async def test_home_assistant_cloud_comes_first_while_it_is_connected(
    house: HomeAssistant, is_connected: bool, address: str
) -> None:
    house.config.components.add("cloud")
    with (
        patch("homeassistant.components.cloud.async_remote_ui_url", return_value="https://abc.ui.nabu.casa"),
        patch("homeassistant.components.cloud.async_is_connected", return_value=is_connected),
    ):
        assert (await async_read_media(house, f"{LOCAL}/cat.jpg")).address == address


# Links.


async def test_a_link_is_served_once(house: HomeAssistant, client: Client, links: MediaLinks) -> None:
    link = links.make(await async_read_media(house, f"{LOCAL}/cat.jpg"))
    assert link.endswith("/media.jpg") and "cat" not in link
    async with client.get(path_of(link)) as response:
        assert (response.status, await response.read()) == (HTTPStatus.OK, PICTURE)
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Disposition"] == 'attachment; filename="media.jpg"'
        assert response.headers["Content-Length"] == str(len(PICTURE))
        assert response.headers["Content-Type"] == "image/jpeg"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in response.headers
    async with (
        client.get(path_of(link)) as dead,
        client.get(path_of(link).replace("media/", "media/x")) as no,
    ):
        assert dead.status == no.status == HTTPStatus.NOT_FOUND
        assert await dead.read() == await no.read()
    assert links.held_bytes == 0


@pytest.mark.parametrize("size", [1, 131_071, 131_072, 131_073, 262_144, len(LARGE)])
async def test_every_byte_arrives(client: Client, links: MediaLinks, size: int) -> None:
    link = links.make(served(LARGE[:size]))
    assert await fetch(client, link) == LARGE[:size]
    assert await fetch(client, link) == HTTPStatus.NOT_FOUND


async def test_everybody_gets_a_link(client: Client, links: MediaLinks) -> None:
    media = served()
    anna, bela = links.make(media), links.make(media)
    assert token_of(anna) != token_of(bela)
    assert len(token_of(anna)) == 43  # 256 bits
    assert await fetch(client, anna) == PICTURE
    assert await fetch(client, anna) == HTTPStatus.NOT_FOUND
    assert await fetch(client, bela) == PICTURE


async def test_the_name_may_be_left_out_but_not_be_another(client: Client, links: MediaLinks) -> None:
    link = links.make(served())
    for name in ("/media.html", "/cat.jpg", "/media.jpg/"):
        assert await fetch(client, link.replace("/media.jpg", name)) == HTTPStatus.NOT_FOUND
    assert await fetch(client, link.removesuffix("/media.jpg")) == PICTURE
    assert await fetch(client, link) == HTTPStatus.NOT_FOUND


async def test_asking_about_it_does_not_use_it_up(client: Client, links: MediaLinks) -> None:
    link = links.make(served())
    for _ in range(3):
        async with client.head(path_of(link)) as response:
            assert (response.status, await response.read()) == (HTTPStatus.OK, b"")
            assert response.headers["Content-Length"] == str(len(PICTURE))
            assert response.headers["Content-Type"] == "image/jpeg"
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert await fetch(client, link) == PICTURE
    async with client.head(path_of(link)) as response:
        assert response.status == HTTPStatus.NOT_FOUND


async def test_nothing_can_be_put_there(client: Client, links: MediaLinks) -> None:
    link = links.make(served())
    async with client.post(path_of(link), data=b"x") as response:
        assert response.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert await fetch(client, link) == PICTURE


async def test_a_link_ends_after_an_hour(
    freezer: FrozenDateTimeFactory, house: HomeAssistant, client: Client, links: MediaLinks
) -> None:
    media = served()
    forgotten, fetched = links.make(media), links.make(media)
    freezer.tick(timedelta(minutes=59))
    async_fire_time_changed(house)
    assert await fetch(client, fetched) == PICTURE
    assert links.held_bytes == len(PICTURE)
    freezer.tick(timedelta(minutes=1, seconds=1))
    async_fire_time_changed(house)
    await house.async_block_till_done()
    assert links.held_bytes == 0
    assert await fetch(client, forgotten) == HTTPStatus.NOT_FOUND


async def test_a_link_that_is_not_needed_ends(client: Client, links: MediaLinks) -> None:
    refused, sent = links.make(served()), links.make(served())
    links.end(refused)
    links.end(refused)
    links.end("https://example.com/cat.jpg")
    links.end("")
    assert await fetch(client, refused) == HTTPStatus.NOT_FOUND
    assert await fetch(client, sent) == PICTURE


async def test_links_end_with_home_assistant(house: HomeAssistant, client: Client, links: MediaLinks) -> None:
    link = links.make(served())
    await house.async_stop(force=True)
    assert links.held_bytes == 0
    assert await fetch(client, link) == HTTPStatus.NOT_FOUND


async def test_a_house_has_its_links_once(house: HomeAssistant, links: MediaLinks) -> None:
    assert async_media_links(house) is links


async def test_memory_is_limited_and_the_oldest_goes(
    client: Client, links: MediaLinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert media_room.MAX_HELD_BYTES == 64 * 1024 * 1024
    monkeypatch.setattr(media_room, "MAX_HELD_BYTES", 4_000)
    shared = served(bytes(1_000))
    many = [links.make(shared) for _ in range(20)]
    assert links.held_bytes == 1_000
    others = [links.make(served(bytes([n]) * 1_000)) for n in (1, 2, 3)]
    assert links.held_bytes == 4_000
    assert await fetch(client, many[0]) == bytes(1_000)
    newest = links.make(served(b"!" * 1_000))
    assert links.held_bytes == 4_000
    for link in many:
        assert await fetch(client, link) == HTTPStatus.NOT_FOUND
    for link, content in zip((*others, newest), (b"\1", b"\2", b"\3", b"!"), strict=True):
        assert await fetch(client, link) == content * 1_000
    assert links.held_bytes == 0


# Connections that break.


def port_of(client: Client) -> int:
    assert client.port
    return client.port


async def ask(port: int, link: str) -> socket.socket:
    """Ask for a link, and read no more than the beginning; the rest waits before a small buffer."""
    slow, loop = socket.socket(), asyncio.get_running_loop()
    slow.setblocking(False)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await loop.sock_connect(slow, ("127.0.0.1", port))
    await loop.sock_sendall(slow, f"GET {path_of(link)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert (await loop.sock_recv(slow, 1024)).startswith(b"HTTP/1.1 200 ")
    return slow


async def read_on(slow: socket.socket) -> int:
    """Read to the end, however that comes; return how much there was."""
    loop, read = asyncio.get_running_loop(), 0
    try:
        while chunk := await loop.sock_recv(slow, 1024 * 1024):
            read += len(chunk)
    except ConnectionError:
        pass
    finally:
        slow.close()
    return read


async def test_what_broke_off_may_be_asked_for_again(client: Client, links: MediaLinks) -> None:
    link = links.make(served(LARGE))
    for _ in range(2):
        (await ask(port_of(client), link)).close()
        await asyncio.sleep(0.05)
    assert await fetch(client, link) == LARGE
    assert await fetch(client, link) == HTTPStatus.NOT_FOUND


async def test_of_several_at_the_same_time_the_newest_is_answered(client: Client, links: MediaLinks) -> None:
    link = links.make(served(LARGE))
    stuck = [await ask(port_of(client), link) for _ in range(3)]
    assert await fetch(client, link) == LARGE
    for one in stuck:
        assert await read_on(one) < len(LARGE) - 1024  # the first bytes were read before
    assert await fetch(client, link) == HTTPStatus.NOT_FOUND


async def test_of_many_at_the_same_time_one_is_answered(client: Client, links: MediaLinks) -> None:
    link = links.make(served(LARGE))

    async def try_it() -> bool:
        try:
            return await fetch(client, link) == LARGE
        except ClientPayloadError, ConnectionError:
            return False

    async with ClientSession(connector=TCPConnector(limit=0)):
        assert sum(await asyncio.gather(*(try_it() for _ in range(10)))) == 1
    assert await fetch(client, link) == HTTPStatus.NOT_FOUND


async def test_an_answer_does_not_outlive_its_link(
    freezer: FrozenDateTimeFactory, house: HomeAssistant, client: Client, links: MediaLinks
) -> None:
    link = links.make(served(LARGE))
    stuck = await ask(port_of(client), link)
    freezer.tick(timedelta(hours=1, seconds=1))
    async_fire_time_changed(house)
    await house.async_block_till_done()
    assert await read_on(stuck) < len(LARGE) - 1024  # the first bytes were read before
    assert await fetch(client, link) == HTTPStatus.NOT_FOUND


async def test_an_answer_that_is_being_read_is_not_whole_yet(client: Client, links: MediaLinks) -> None:
    link = links.make(served(LARGE))
    reader = await ask(port_of(client), link)
    await asyncio.sleep(0.05)
    assert links.held_bytes == len(LARGE)
    assert await read_on(reader) > len(LARGE) - 1024  # the first bytes were read before
    assert links.held_bytes == 0


@pytest.mark.parametrize("method", ["prepare", "write", "write_eof"])
async def test_a_connection_that_is_reset_leaves_the_link(
    client: Client, links: MediaLinks, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    link = links.make(served(LARGE))
    with (
        patch(f"aiohttp.web.StreamResponse.{method}", side_effect=ConnectionResetError),
        pytest.raises(ClientError),
    ):
        await fetch(client, link)
    assert "Error handling request" not in caplog.text
    assert await fetch(client, link) == LARGE


async def test_a_connection_that_is_gone_before_it_is_answered(client: Client, links: MediaLinks) -> None:
    link = links.make(served())
    with patch("aiohttp.web.Request.transport", None):
        assert await fetch(client, link) == HTTPStatus.NOT_FOUND
    assert await fetch(client, link) == PICTURE


@asynccontextmanager
async def serving(hass: HomeAssistant, **options: Any) -> AsyncIterator[int]:
    """Serve Home Assistant's web application as it does, but for the options, behind small buffers; give the port."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    listening.bind(("127.0.0.1", 0))
    runner = AppRunner(hass.http.app, **{"handler_cancellation": True} | options)
    await runner.setup()
    await SockSite(runner, listening).start()
    yield listening.getsockname()[1]
    await runner.cleanup()


async def fetch_from(port: int, link: str) -> bytes:
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path_of(link)}") as response:
        return await response.read()


async def test_a_small_one_that_broke_off_is_not_whole_either(house: HomeAssistant) -> None:
    links = async_media_links(house)
    content = LARGE[:60_000]  # as much as waits in a program without it being told
    link = links.make(served(content))
    async with serving(house) as port:
        (await ask(port, link)).close()
        await asyncio.sleep(0.05)
        assert links.held_bytes == len(content)
        assert await fetch_from(port, link) == content
        assert links.held_bytes == 0


async def test_where_the_server_lets_a_cut_answer_run_on(
    house: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant's cancels it. Where a server does not, what is cut while it waits is not whole either."""
    monkeypatch.setattr(media_room, "CHUNK_BYTES", len(LARGE))
    links = async_media_links(house)
    link = links.make(served(LARGE))
    async with serving(house, handler_cancellation=False) as port:
        stuck = [await ask(port, link) for _ in range(2)]
        assert await fetch_from(port, link) == LARGE
        assert links.held_bytes == 0
        for one in stuck:
            one.close()


@pytest.fixture
async def tls_server(house: HomeAssistant, tmp_path: Path) -> AsyncIterator[TestServer]:
    """Home Assistant with a certificate, without a proxy before it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "localhost.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    async_media_links(house)
    server = TestServer(house.http.app)
    await server.start_server(ssl=context)
    yield server
    await server.close()


@pytest.mark.parametrize("size", [1, 131_072, len(LARGE)])
async def test_it_is_the_same_over_tls(house: HomeAssistant, tls_server: TestServer, size: int) -> None:
    links = async_media_links(house)
    link = links.make(served(LARGE[:size]))
    async with ClientSession() as session:
        url = URL(f"https://127.0.0.1:{tls_server.port}").with_path(path_of(link))
        async with session.get(url, ssl=False) as broken:
            assert broken.status == HTTPStatus.OK
            if size == len(LARGE):
                broken.close()
                await asyncio.sleep(0.05)
            else:
                assert await broken.read() == LARGE[:size]
        if size == len(LARGE):
            async with session.get(url, ssl=False) as response:
                assert await response.read() == LARGE
        async with session.get(url, ssl=False) as dead:
            assert dead.status == HTTPStatus.NOT_FOUND


# Nothing else.


@pytest.mark.parametrize(
    ("file", "content_type", "suffix"),
    [
        ("page.html", "application/octet-stream", ".bin"),
        ("drawing.svg", "application/octet-stream", ".bin"),
        ("script.js", "application/octet-stream", ".bin"),
        ("feed.xml", "application/octet-stream", ".bin"),
        ("letter.pdf", "application/pdf", ".pdf"),
        ("film.mp4", "video/mp4", ".mp4"),
        ("song.mp3", "audio/mpeg", ".mp3"),
        ("cat.png", "image/png", ".png"),
    ],
)
async def test_only_plain_types_are_served_as_what_they_are(
    house: HomeAssistant, folder: Path, client: Client, file: str, content_type: str, suffix: str
) -> None:
    (folder / file).write_bytes(b"<script>alert(1)</script>")
    link = async_media_links(house).make(await async_read_media(house, f"{LOCAL}/{file}"))
    assert link.endswith(f"/media{suffix}")
    async with client.get(path_of(link)) as response:
        assert response.headers["Content-Type"] == content_type


@pytest.mark.parametrize(
    ("claimed", "content_type"),
    [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("IMAGE/SVG+XML; charset=utf-8", "application/octet-stream"),
        ("image/", "application/octet-stream"),
        ("image/png\r\nSet-Cookie: a=b", "application/octet-stream"),
        ("application/pdf+html", "application/octet-stream"),
        ("Image/JPEG; q=1", "image/jpeg"),
        ("image/jpg", "image/jpg"),
    ],
)
async def test_a_camera_may_not_claim_anything(
    house: HomeAssistant, camera: FrontDoor, client: Client, claimed: str, content_type: str
) -> None:
    camera.content_type = claimed
    link = async_media_links(house).make(await async_read_media(house, "camera.front_door"))
    async with client.get(path_of(link)) as response:
        assert (response.status, response.headers["Content-Type"]) == (HTTPStatus.OK, content_type)
        assert "Set-Cookie" not in response.headers


async def test_a_wrong_token_bans_nobody(
    home: HomeAssistant, hass_client_no_auth: ClientSessionGenerator, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"http": {"ip_ban_enabled": True, "login_attempts_threshold": 1}}
    assert await async_setup_component(home, "http", config)
    let_views_be_added_later(home)
    links = async_media_links(home)
    client = await hass_client_no_auth()
    link = links.make(served())
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        async with client.get(path_of(link).replace("media/", "media/x"), headers=headers) as response:
            assert response.status == HTTPStatus.NOT_FOUND
    assert await fetch(client, link) == PICTURE
    assert "Login attempt" not in caplog.text and "Banned IP" not in caplog.text


async def test_a_token_that_lives_is_in_no_log(
    client: Client, links: MediaLinks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    other, link = links.make(served()), links.make(served(LARGE))
    async with client.head(path_of(link)) as response:
        assert response.status == HTTPStatus.OK
    (await ask(port_of(client), link)).close()
    await asyncio.sleep(0.05)
    assert caplog.text.count("Serving /api/smsmobileapi/media/**REDACTED**/media.jpg to 127.0.0.1") == 2
    assert '"HEAD /api/smsmobileapi/media/**REDACTED**/media.jpg HTTP/1.1" 200' in caplog.text
    assert token_of(link) not in caplog.text
    assert await fetch(client, link) == LARGE
    # The access log has its line only now that the link is dead; nothing else has.
    lines = [record for record in caplog.records if token_of(link) in record.getMessage()]
    assert {record.name for record in lines} <= {"aiohttp.access"}
    # The other one lives.
    logging.getLogger("somebody").error("%s", other)
    links.end(other)
    assert token_of(other) not in caplog.text
    logging.getLogger("somebody").error("%s", other)
    assert token_of(other) in caplog.text


def test_a_repr_shows_nothing_private() -> None:
    shown = repr(served()) + repr(Media(url="https://example.com/?key=geheim"))
    assert "picture" not in shown and "geheim" not in shown
