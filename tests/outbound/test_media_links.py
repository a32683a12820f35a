"""What Home Assistant has is served at a secret link for an hour, to nobody who does not know it."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
import logging
from typing import Any

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.outbound.media import Media
from custom_components.smsmobileapi.outbound.media_links import MAX_HELD_BYTES, MediaLinks, async_media_links

from ..conftest import EXTERNAL_URL, settle

PICTURE = b"\xff\xd8\xff\xe0 a picture"
LARGE = bytes(range(256)) * (16 * 1024 * 1024 // 256)
NOT_FOUND = HTTPStatus.NOT_FOUND

type Client = TestClient[Any, Any]


async def later(home: HomeAssistant, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(home)
    await settle(home)


@pytest.fixture
async def links(home: HomeAssistant) -> MediaLinks:
    assert await async_setup_component(home, "http", {})
    return async_media_links(home)


@pytest.fixture
async def client(links: MediaLinks, hass_client_no_auth: ClientSessionGenerator) -> Client:
    """An HTTP client on the internet, as the service is one."""
    client: Client = await hass_client_no_auth()
    return client


def picture(content: bytes = PICTURE) -> Media:
    return Media(content=content, content_type="image/jpeg", name="media.jpg", base_url=EXTERNAL_URL)


def path_of(link: str) -> str:
    assert link.startswith(f"{EXTERNAL_URL}/api/smsmobileapi/media/"), link
    return link.removeprefix(EXTERNAL_URL)


def token_of(link: str) -> str:
    return link.split("/")[-2]


async def fetch(client: Client, *links: str) -> list[bytes | int]:
    """Fetch links as the service does; return what is there, or the statuses."""
    answers: list[bytes | int] = []
    for link in links:
        async with client.get(path_of(link)) as response:
            answers.append(await response.read() if response.ok else response.status)
    return answers


async def test_a_link_is_answered_any_number_of_times(client: Client, links: MediaLinks) -> None:
    """Gateways fetch twice, and ask with HEAD before. No browser runs what is there, or keeps it."""
    link = links.make(picture())
    expected = {
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="media.jpg"',
        "Content-Length": str(len(PICTURE)),
        "Content-Type": "image/jpeg",
        "X-Content-Type-Options": "nosniff",
    }
    for method in ("HEAD", "GET", "GET", "HEAD", "GET"):
        async with client.request(method, path_of(link)) as response:
            assert response.status == HTTPStatus.OK, method
            assert await response.read() == (PICTURE if method == "GET" else b""), method
            assert dict(response.headers).items() >= expected.items(), method
            assert "Access-Control-Allow-Origin" not in response.headers, method
    async with client.post(path_of(link), data=b"x") as response:
        assert response.status == HTTPStatus.METHOD_NOT_ALLOWED


async def test_every_byte_arrives(client: Client, links: MediaLinks) -> None:
    """Also to several at the same time, and where a connection broke off before."""
    for size in (1, 65_535, 65_536, 65_537, len(LARGE)):
        assert await fetch(client, links.make(picture(LARGE[:size]))) == [LARGE[:size]], size
    link = links.make(picture(LARGE))
    async with client.get(path_of(link)) as broken:
        assert await broken.content.read(1024) == LARGE[:1024]
        broken.close()
    assert await asyncio.gather(*(fetch(client, link) for _ in range(3))) == [[LARGE]] * 3


async def test_a_wrong_link_is_not_found_and_nobody_is_banned(
    home: HomeAssistant, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """A ban would shut out the service, and others behind the same proxy."""
    config = {"http": {"ip_ban_enabled": True, "login_attempts_threshold": 1}}
    assert await async_setup_component(home, "http", config)
    links = async_media_links(home)
    client = await hass_client_no_auth()
    link = links.make(picture())
    token = token_of(link)
    tokens = [link.replace(token, wrong) for wrong in (f"x{token}", token.swapcase(), token[:-1], "")]
    for wrong in (*tokens, link.replace(".jpg", ".html"), link.removesuffix("/media.jpg"), f"{link}/"):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            async with client.get(path_of(wrong), headers=headers) as response:
                assert response.status == NOT_FOUND, wrong
    assert await fetch(client, link) == [PICTURE]


async def test_a_link_ends_after_an_hour(
    freezer: FrozenDateTimeFactory, home: HomeAssistant, client: Client, links: MediaLinks
) -> None:
    """Whether it was fetched or not; a younger one is served on."""
    older = links.make(picture()), async_media_links(home).make(picture(b"forgotten"))
    await later(home, freezer, minutes=59)
    younger = links.make(picture(b"younger"))
    assert await fetch(client, older[0], younger) == [PICTURE, b"younger"]
    await later(home, freezer, minutes=1, seconds=1)
    assert await fetch(client, *older, younger) == [NOT_FOUND, NOT_FOUND, b"younger"]
    assert links.held_bytes == len(b"younger")


async def test_a_link_of_a_refused_message_ends_at_once(
    freezer: FrozenDateTimeFactory, home: HomeAssistant, client: Client, links: MediaLinks
) -> None:
    """No other link does, and nothing follows an hour later."""
    other = "https://example.com/cat.jpg"
    refused, sent = links.make(picture()), links.make(picture())
    for url in (refused, refused, f"{sent}/", sent.removesuffix("/media.jpg"), other, ""):
        links.end(url)
        assert await fetch(client, refused, sent) == [NOT_FOUND, PICTURE], url
    links.end(sent)
    await later(home, freezer, hours=1, seconds=1)
    assert links.held_bytes == 0


async def test_each_recipient_has_a_secret_link_until_they_hold_too_much(
    client: Client, links: MediaLinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same content is held once; beyond the limit the oldest links end."""
    assert MAX_HELD_BYTES == 64 * 1024 * 1024
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.media_links.MAX_HELD_BYTES", 4_000)
    shared = picture(bytes(1_000))
    oldest = [links.make(shared) for _ in range(20)]
    tokens = {*map(token_of, oldest)}
    assert len(tokens) == 20 and {*map(len, tokens)} == {43}  # 256 bits
    younger = [links.make(picture(bytes([n]) * 1_000)) for n in (1, 2, 3)]
    assert links.held_bytes == 4_000
    assert await fetch(client, *oldest) == [bytes(1_000)] * 20
    younger.append(links.make(picture(b"\4" * 1_000)))
    assert links.held_bytes == 4_000
    assert await fetch(client, *oldest) == [NOT_FOUND] * 20
    assert await fetch(client, *younger) == [bytes([n]) * 1_000 for n in (1, 2, 3, 4)]


@pytest.mark.usefixtures("account")
async def test_the_token_of_a_link_is_in_no_log(
    client: Client, links: MediaLinks, caplog: pytest.LogCaptureFixture
) -> None:
    """In no line of Home Assistant, of its web server or of others; also once the link has ended."""
    caplog.set_level(logging.DEBUG)
    link = links.make(picture())
    assert await fetch(client, link) == [PICTURE]
    logging.getLogger("other").error("Could not send %s", link)
    links.end(link)
    assert await fetch(client, link) == [NOT_FOUND]
    assert "Could not send" in caplog.text and "Serving /api/smsmobileapi/media/" in caplog.text
    assert token_of(link) not in caplog.text
