"""What is to be sent by WhatsApp is read once, and refused before anything is sent where it can't be had."""

from dataclasses import replace
import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.components.camera import Camera
from homeassistant.components.image import ImageEntity
from homeassistant.components.media_source import MediaSource, PlayMedia
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component import common

from custom_components.smsmobileapi.outbound.media import Media, async_read_media

from ..conftest import EXTERNAL_URL

PICTURE = b"\xff\xd8\xff\xe0 a picture"
LIMIT = 16 * 1024 * 1024
LOCAL = "media-source://media_source/local"
URL = "https://example.com/cat.jpg"


@pytest.fixture
async def camera(home: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Camera:
    """Set up cat.jpg in the media folder, image.drawing, and camera.front_door."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "cat.jpg").write_bytes(PICTURE)
    home.config.media_dirs = {"local": str(tmp_path / "media")}
    assert await async_setup_component(home, "media_source", {})
    camera, image = Camera(), ImageEntity(home)
    camera.entity_id, image.entity_id = "camera.front_door", "image.drawing"
    image._attr_content_type = "image/png"
    for domain, entity in (("camera", camera), ("image", image)):
        common.setup_test_component_platform(home, domain, [entity])
        assert await async_setup_component(home, domain, {domain: {"platform": "test"}})
    await home.async_block_till_done()
    monkeypatch.setattr(camera, "async_camera_image", AsyncMock(return_value=PICTURE))
    monkeypatch.setattr(image, "async_image", AsyncMock(return_value=PICTURE))
    return camera


def selected(media_id: str) -> dict[str, Any]:
    """Return what the media selector gives."""
    return {"media_content_id": media_id, "media_content_type": "text/html", "metadata": {}}


async def refusal(hass: HomeAssistant, source: Any) -> tuple[str | None, dict[str, str] | None]:
    """Return the translation key and the placeholders of the error with which media is refused."""
    with pytest.raises(ServiceValidationError) as caught:
        await async_read_media(hass, source)
    err = caught.value
    assert err.translation_domain == "smsmobileapi"
    assert err.__cause__ is None and (err.__context__ is None or err.__suppress_context__), source
    return err.translation_key, err.translation_placeholders


async def test_an_https_url_is_kept_as_it_is(home: HomeAssistant) -> None:
    for url in (URL, "https://a.example.com:8443/cat?size=1&key=%20a#x", "HTTPS://a.example.com/Bär.png"):
        for source in (url, f" {url}\n", selected(url)):
            assert await async_read_media(home, source) == Media(url=url), source


async def test_anything_else_is_refused_and_not_repeated(home: HomeAssistant) -> None:
    texts = """
        http://example.com/cat.jpg?key=geheim ftp://example.com/cat.jpg file:///etc/passwd /config/secrets.yaml
        example.com/cat.jpg camera.example.com/cat.jpg https:// https:///cat.jpg sensor.cat https://[::1"""
    spaced = ["", "https://exa mple.com/cat.jpg", f"{URL}\nhttps://example.com/dog.jpg"]
    for source in (*texts.split(), *spaced, {}, {"media_content_type": "image/jpeg"}):
        assert await refusal(home, source) == ("media_not_https", {}), source


@pytest.mark.usefixtures("camera")
async def test_what_home_assistant_has_is_read(home: HomeAssistant) -> None:
    """Under a name that says nothing of it, with the type that Home Assistant knows, not the selector's."""
    jpeg = Media(content=PICTURE, content_type="image/jpeg", name="media.jpg", base_url=EXTERNAL_URL)
    png = replace(jpeg, content_type="image/png", name="media.png")
    for media_id, media in {
        f"{LOCAL}/cat.jpg": jpeg,
        "camera.front_door": jpeg,
        "media-source://camera/camera.front_door": jpeg,
        "image.drawing": png,
        "media-source://image/image.drawing": png,
    }.items():
        for source in (media_id, selected(media_id)):
            assert await async_read_media(home, source) == media, source
    assert "picture" not in repr(jpeg) and "cat" not in repr(Media(url=URL))


@pytest.mark.usefixtures("camera")
async def test_what_is_not_there_is_missing(home: HomeAssistant, tmp_path: Path) -> None:
    """The error names what was asked for, no path; nothing outside of the media folder is read."""
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    folder = tmp_path / "media"
    (folder / "empty.jpg").touch()
    (folder / "no_suffix").write_bytes(PICTURE)
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    local = "dog.jpg empty.jpg folder.jpg pipe.jpg no_suffix ../secret.jpg %2e%2e/secret.jpg /etc/motd.jpg"
    others = """
        media-source://media_source/elsewhere/cat.jpg media-source://nowhere/cat.jpg
        media-source://camera/camera.back_door media-source://camera/ media-source:// camera.back_door image.photo"""
    for media_id in [f"{LOCAL}/{name}" for name in local.split()] + others.split():
        assert await refusal(home, media_id) == ("media_missing", {"media": media_id}), media_id


async def test_what_fails_is_missing(
    home: HomeAssistant, camera: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    """The text of an error may hold a secret, which is neither logged nor repeated."""
    caplog.set_level(logging.DEBUG)
    for picture in (None, b"", TimeoutError(), RuntimeError(f"{EXTERNAL_URL}/?password=geheim")):
        with patch.object(camera, "async_camera_image", side_effect=[picture]):
            expected = ("media_missing", {"media": "camera.front_door"})
            assert await refusal(home, "camera.front_door") == expected, picture
    with patch("pathlib.Path.open", side_effect=PermissionError("/geheim")):
        assert await refusal(home, f"{LOCAL}/cat.jpg") == ("media_missing", {"media": f"{LOCAL}/cat.jpg"})
    assert "geheim" not in caplog.text


async def test_what_is_not_set_up_is_not_asked(home: HomeAssistant) -> None:
    """The libraries of cameras and images may not be installed."""
    for media_id, function in {
        "camera.front_door": "camera.async_get_image",
        "image.drawing": "image.async_get_image",
        f"{LOCAL}/cat.jpg": "media_source.async_resolve_media",
    }.items():
        with patch(f"homeassistant.components.{function}") as asked:
            assert await refusal(home, media_id) == ("media_missing", {"media": media_id}), media_id
        assert not asked.called, media_id


async def test_more_than_16_mb_is_refused(home: HomeAssistant, tmp_path: Path, camera: Camera) -> None:
    with (tmp_path / "media" / "film.mp4").open("wb") as file:
        file.truncate(LIMIT)
        assert len((await async_read_media(home, f"{LOCAL}/film.mp4")).content) == LIMIT
        file.truncate(LIMIT + 1)
    with patch.object(camera, "async_camera_image", return_value=bytes(LIMIT + 1)):
        for media_id in (f"{LOCAL}/film.mp4", "camera.front_door"):
            assert await refusal(home, media_id) == ("media_too_large", {"limit": "16"}), media_id


@pytest.mark.usefixtures("camera")
async def test_media_of_another_integration_needs_a_public_url(home: HomeAssistant) -> None:
    """What stands behind the question mark may be private, so no error repeats it."""
    photos = MediaSource("photos")
    platform = SimpleNamespace(async_get_media_source=AsyncMock(return_value=photos))
    common.mock_integration(home, common.MockModule("photos"))
    common.mock_platform(home, "photos.media_source", platform)
    assert await async_setup_component(home, "photos", {})
    await home.async_block_till_done()
    media_id, refused = "media-source://photos/1?text=geheim", "media-source://photos/1"
    items = [PlayMedia(url, "image/jpeg") for url in (URL, "http://a.example.com/1.jpg", "/api/photos/1.jpg")]
    with patch.object(photos, "async_resolve_media", side_effect=items):
        assert await async_read_media(home, media_id) == Media(url=URL)
        for _ in items[1:]:
            assert await refusal(home, media_id) == ("media_not_served", {"media": refused})


@pytest.mark.usefixtures("camera")
async def test_the_service_must_reach_home_assistant_by_https(home: HomeAssistant) -> None:
    urls = (
        "http://a.example.net https://192.0.2.7 https://homeassistant https://ha.local:8123 https://home.lan"
    )
    for external_url in (None, *urls.split()):
        await home.config.async_update(external_url=external_url, internal_url="https://inside.example.net")
        assert await refusal(home, f"{LOCAL}/cat.jpg") == ("media_no_address", {}), external_url
        assert await async_read_media(home, URL) == Media(url=URL), external_url
    await home.config.async_update(external_url="https://home.example.net:8443")
    # Home Assistant Cloud comes first while it is connected; it keeps its URL while it is not.
    home.config.components.add("cloud")
    cloud, cloud_url = "homeassistant.components.cloud", "https://abc.ui.nabu.casa"
    for is_connected, base_url in ((True, cloud_url), (False, "https://home.example.net:8443")):
        with (
            patch(f"{cloud}.async_remote_ui_url", return_value=cloud_url),
            patch(f"{cloud}.async_is_connected", return_value=is_connected),
        ):
            assert (await async_read_media(home, f"{LOCAL}/cat.jpg")).base_url == base_url, is_connected


async def test_only_types_without_scripts_are_kept(
    home: HomeAssistant, tmp_path: Path, camera: Camera
) -> None:
    """Everything else is served as bytes: a link is on Home Assistant's own host."""
    plain = "application/octet-stream .bin"
    for source, expected in {
        "page.html": plain,
        "letter.pdf": "application/pdf .pdf",
        "film.mp4": "video/mp4 .mp4",
        "camera text/html": plain,
        "camera IMAGE/SVG+XML; charset=utf-8": plain,
        "camera image/png\r\nSet-Cookie: a=b": plain,
        "camera application/pdf+html": plain,
        "camera Image/JPEG; q=1": "image/jpeg .jpg",
    }.items():
        if source.startswith("camera "):
            camera.content_type = source.removeprefix("camera ")
            media = await async_read_media(home, "camera.front_door")
        else:
            (tmp_path / "media" / source).write_bytes(b"<script>alert(1)</script>")
            media = await async_read_media(home, f"{LOCAL}/{source}")
        assert f"{media.content_type} {media.name.removeprefix('media')}" == expected, source
