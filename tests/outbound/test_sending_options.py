"""Sending, all of it: later, with short links, encrypted, with a picture."""

import asyncio
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.camera import Camera
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, setup_test_component_platform
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.outbound.media import MAX_BYTES
from custom_components.smsmobileapi.outbound.media_links import async_media_links
from simulator import Account, Simulator

from ..conftest import EXTERNAL_URL, add_contact
from .sending import (
    ANNA,
    BELA,
    LOG,
    SEND,
    TEXT,
    Told,
    in_vain,
    is_on_whatsapp,
    pass_time,
    requests,
    send,
    send_in_vain,
    set_options,
    went_by,
)

# In Budapest.
NOON = "2026-01-15 12:00:00+01:00"
PICTURE = b"\xff\xd8\xff\xe0 a picture"
ITEM = "media-source://media_source/local/cat.jpg"
URL = "https://example.com/cat.jpg?size=1"

type Client = TestClient[Any, Any]


def scheduled(service_account: Account) -> list[int | None]:
    return [message.scheduled for message in service_account.sent]


# Later.


@pytest.mark.parametrize(
    ("send_at", "second"),
    [
        ("2026-01-15 12:00:01", "2026-01-15T11:00:01+00:00"),
        ("2026-01-15 18:00:00", "2026-01-15T17:00:00+00:00"),
        ("2026-01-15T18:00:00", "2026-01-15T17:00:00+00:00"),
        ("2026-01-15T18:00:00Z", "2026-01-15T18:00:00+00:00"),
        ("2026-01-15 18:00:00-05:00", "2026-01-15T23:00:00+00:00"),
        ("2026-07-15 08:00:00", "2026-07-15T06:00:00+00:00"),
        ("2027-01-01 00:00:00", "2026-12-31T23:00:00+00:00"),
        (datetime(2026, 1, 15, 18), "2026-01-15T17:00:00+00:00"),
        (datetime(2026, 1, 15, 18, tzinfo=UTC), "2026-01-15T18:00:00+00:00"),
        (datetime(2026, 1, 15, 18, tzinfo=ZoneInfo("Asia/Tokyo")), None),
        (datetime(2026, 1, 15, 21, tzinfo=ZoneInfo("Asia/Tokyo")), "2026-01-15T12:00:00+00:00"),
    ],
)
async def test_a_time_to_send_at_is_home_assistants_unless_it_has_a_zone(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    send_at: str | datetime,
    second: str | None,
) -> None:
    freezer.move_to(NOON)
    if second is None:
        assert await send_in_vain(home, send_at=send_at) == "send_at_past"
        return
    (row,) = await send(home, send_at=send_at)
    assert scheduled(service_account) == [int(datetime.fromisoformat(second).timestamp())]
    assert row["status"] == "accepted"


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "both", "whatsapp_else_sms"])
async def test_by_every_channel_later(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    channel: str,
) -> None:
    freezer.move_to(NOON)
    await send(home, send_at="2026-01-15 18:00:00", channel=channel)
    assert scheduled(service_account) == [1768496400] * (2 if channel == "both" else 1)


async def test_an_sms_in_the_place_of_a_refused_whatsapp_message_is_sent_later_too(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    freezer.move_to(NOON)
    service_account.check_format = "vague"
    is_on_whatsapp(service_account)
    await send(home, send_at="2026-01-15 18:00:00", channel="whatsapp_else_sms")
    assert went_by(service_account) == ["sms"]
    assert scheduled(service_account) == [1768496400]


@pytest.mark.parametrize(
    "send_at",
    [
        "2026-01-15 12:00:00",
        "2026-01-15 11:59:59",
        "2026-01-15T11:00:00Z",
        "2026-01-15 12:30:00+02:00",
        "1999-12-31 23:59:59",
        "1969-01-01 00:00:00",
        datetime(2026, 1, 15, 12),
    ],
)
async def test_a_time_that_is_over_is_refused(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    send_at: str | datetime,
) -> None:
    freezer.move_to(NOON)
    assert await send_in_vain(home, send_at=send_at) == "send_at_past"
    assert requests(service_account) == []
    assert account.runtime_data.limits.sent_in_a_day == 0


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "send_at", ["tomorrow", "", "25:00", "2026-13-01 00:00:00", None, 1768500000, "0001-01-01 00:00:00"]
)
async def test_what_is_no_time_is_refused(
    home: HomeAssistant, service_account: Account, send_at: Any
) -> None:
    with pytest.raises(vol.Invalid):
        await send(home, send_at=send_at)
    assert requests(service_account) == []


async def test_what_became_of_it_is_asked_for_after_its_time_and_not_before(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    told: Told = async_capture_events(home, "smsmobileapi_message_report")
    freezer.move_to(NOON)
    await send(home, send_at="2026-02-15 12:00:00")
    for _ in range(3):
        await pass_time(home, freezer, days=10)
    await home.config_entries.async_reload(account.entry_id)
    await pass_time(home, freezer, days=1, seconds=-1)
    # Whoever sends something else meanwhile does not make it forgotten.
    await send(home, BELA)
    await pass_time(home, freezer, seconds=5)
    assert [event.data["recipient"] for event in told] == [BELA]
    assert len(requests(service_account, LOG)) == 1
    await pass_time(home, freezer, seconds=1)
    assert [(event.data["recipient"], event.data["status"]) for event in told] == [
        (BELA, "sent"),
        (ANNA, "sent"),
    ]
    assert len(requests(service_account, LOG)) == 2


# Short links, encryption.


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("channel", ["sms", "whatsapp", "both"])
@pytest.mark.parametrize(
    ("wish", "fields"),
    [
        ({}, {}),
        ({"short_links": False, "encrypt": False}, {}),
        ({"short_links": True}, {"shorturl": "1"}),
        ({"encrypt": True}, {"encrypt_message": "yes"}),
        ({"short_links": True, "encrypt": True}, {"shorturl": "1", "encrypt_message": "yes"}),
    ],
)
async def test_short_links_and_encryption_only_where_they_are_wished(
    home: HomeAssistant,
    service_account: Account,
    channel: str,
    wish: dict[str, Any],
    fields: dict[str, str],
) -> None:
    await send(home, channel=channel, **wish)
    names = {"shorturl", "encrypt_message"}
    for form in requests(service_account):
        assert {name: value for name, value in form.items() if name in names} == fields
        assert form["message"] == TEXT


# With a picture.


class FrontDoor(Camera):
    """A camera that has a picture, or none."""

    _attr_name = "Front door"
    gives: bytes | None = PICTURE

    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        return self.gives


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
async def somebody(camera: FrontDoor, hass_client_no_auth: ClientSessionGenerator) -> Client:
    """Somebody on the internet, the service for one."""
    client: Client = await hass_client_no_auth()
    return client


def links_of(service_account: Account) -> list[str]:
    return [fields["url_media"] for fields in requests(service_account) if "url_media" in fields]


async def fetch(somebody: Client, link: str) -> bytes | int:
    """Fetch a link as the service does; return what is there, or the status."""
    assert link.startswith(f"{EXTERNAL_URL}/"), link
    async with somebody.get(link.removeprefix(EXTERNAL_URL)) as response:
        return await response.read() if response.status == HTTPStatus.OK else response.status


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "media",
    [
        {"media_url": URL},
        {"media": URL},
        {"media": {"media_content_id": URL, "media_content_type": "image/jpeg"}},
    ],
)
async def test_an_address_on_the_internet_is_passed_on(
    home: HomeAssistant, service_account: Account, media: dict[str, Any]
) -> None:
    (row,) = await send(home, channel="whatsapp", **media)
    assert links_of(service_account) == [URL]
    assert row["parts"] == 1 and row["alphabet"] is None
    assert service_account.sent[0].fields["message"] == TEXT


MEDIA: list[dict[str, Any]] = [
    {"camera": "camera.front_door"},
    {"media": "camera.front_door"},
    {"media": ITEM},
    {"media": {"media_content_id": ITEM, "media_content_type": "image/jpeg", "metadata": {}}},
]


@pytest.mark.parametrize("media", MEDIA)
async def test_what_home_assistant_has_is_fetched_by_its_link(
    home: HomeAssistant,
    somebody: Client,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    media: dict[str, Any],
) -> None:
    await send(home, channel="whatsapp", **media)
    (link,) = links_of(service_account)
    assert [await fetch(somebody, link) for _ in range(2)] == [PICTURE, PICTURE]


async def test_each_recipient_has_a_link_and_only_the_whatsapp_message_has_it(
    home: HomeAssistant, somebody: Client, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await send(home, [ANNA, BELA], channel="both", camera="camera.front_door")
    assert sorted(went_by(service_account)) == ["sms", "sms", "whatsapp", "whatsapp"]
    by_sms = [fields for fields in requests(service_account) if fields["sendsms"] == "1"]
    assert not [fields for fields in by_sms if "url_media" in fields]
    links = links_of(service_account)
    assert len({*links}) == 2
    assert [await fetch(somebody, link) for link in links] == [PICTURE, PICTURE]


async def test_one_picture_is_taken_for_all(
    home: HomeAssistant,
    camera: FrontDoor,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = []
    plain = FrontDoor.async_camera_image

    async def take(self: FrontDoor, width: int | None = None, height: int | None = None) -> bytes | None:
        taken.append(self)
        return await plain(self)

    monkeypatch.setattr(FrontDoor, "async_camera_image", take)
    await send(home, [ANNA, BELA, "+36701112233"], channel="whatsapp", camera="camera.front_door")
    assert len(taken) == 1
    assert len({*links_of(service_account)}) == 3


@pytest.mark.parametrize(
    ("kind", "options", "key"),
    [
        ("status", {"status": 400}, "refused"),
        ("status", {"status": 403}, "invalid_auth"),
        ("status", {"status": 403, "error": "api_expired"}, "subscription_expired"),
        ("status", {"status": 429, "retry_after": 3600}, "rate_limited"),
        ("status", {"status": 503, "count": 4}, "cannot_connect"),
        ("nonsense", {"body": {"result": {"error": 2}}}, "phone_offline"),
        ("nonsense", {"body": {"result": {"error": 0, "sent": "0", "note": "no"}}}, "refused"),
    ],
)
async def test_what_was_not_taken_leaves_no_link(
    home: HomeAssistant,
    somebody: Client,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    kind: str,
    options: dict[str, Any],
    key: str,
) -> None:
    simulator.fault(SEND, kind, **options)
    assert await send_in_vain(home, channel="whatsapp", camera="camera.front_door") == key
    assert async_media_links(home).held_bytes == 0
    assert {await fetch(somebody, link) for link in links_of(service_account)} == {HTTPStatus.NOT_FOUND}


@pytest.mark.parametrize("is_found", [True, False])
async def test_what_may_have_been_taken_keeps_its_link(
    home: HomeAssistant,
    somebody: Client,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    is_found: bool,
) -> None:
    """The service may be about to fetch it."""
    simulator.fault(SEND, "drop_after")
    if is_found:
        await send(home, channel="whatsapp", camera="camera.front_door")
    else:
        simulator.fault(LOG, "status", status=500)
        assert (
            await send_in_vain(home, channel="whatsapp", camera="camera.front_door") == "may_have_been_sent"
        )
    (link,) = links_of(service_account)
    assert await fetch(somebody, link) == PICTURE


async def test_where_whatsapp_refuses_the_sms_goes_without_and_the_link_is_dead(
    home: HomeAssistant, somebody: Client, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.check_format = "vague"
    is_on_whatsapp(service_account)
    (row,) = await send(home, channel="whatsapp_else_sms", camera="camera.front_door")
    assert (row["channel"], "url_media" in service_account.sent[0].fields) == ("sms", False)
    (link,) = links_of(service_account)
    assert await fetch(somebody, link) == HTTPStatus.NOT_FOUND


async def test_who_has_no_whatsapp_gets_the_sms_and_no_link_is_made(
    home: HomeAssistant, camera: FrontDoor, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    is_on_whatsapp(service_account, BELA)
    rows = await send(home, [ANNA, BELA], channel="whatsapp_else_sms", camera="camera.front_door")
    assert [row["channel"] for row in rows] == ["sms", "whatsapp"]
    assert len(links_of(service_account)) == 1


@pytest.mark.parametrize("media", [*MEDIA, {"media_url": URL}])
@pytest.mark.parametrize("channel", ["sms", None])
async def test_whoever_would_get_an_sms_is_named_before_anybody_gets_anything(
    home: HomeAssistant,
    camera: FrontDoor,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    media: dict[str, Any],
    channel: str | None,
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    await add_contact(home, account, "Béla", BELA, "whatsapp")
    chosen = {} if channel is None else {"channel": channel}
    err = await in_vain(
        home, "send_message", recipients=["Béla", "Anna", "+36701112233"], message=TEXT, **media, **chosen
    )
    assert err.translation_key == "media_needs_whatsapp"
    named = "Béla, Anna, +36…33" if channel else "Anna, +36…33"
    assert err.translation_placeholders == {"recipients": named}
    assert requests(service_account) == []


@pytest.mark.parametrize(
    ("media", "key", "shown"),
    [
        ({"media_url": "http://example.com/cat.jpg?key=geheim"}, "media_not_https", {}),
        ({"camera": "light.kitchen"}, "media_not_https", {}),
        ({"media": "/config/secrets.yaml"}, "media_not_https", {}),
        ({"camera": "camera.back_door"}, "media_missing", {"media": "camera.back_door"}),
        ({"camera": "image.cat"}, "media_missing", {"media": "image.cat"}),
        (
            {"media": "media-source://media_source/local/dog.jpg"},
            "media_missing",
            {"media": "media-source://media_source/local/dog.jpg"},
        ),
        (
            {"media": "media-source://media_source/local/large.jpg"},
            "media_too_large",
            {"limit": str(MAX_BYTES // 1024 // 1024)},
        ),
    ],
)
async def test_a_picture_that_can_not_be_sent_stops_the_message(
    home: HomeAssistant,
    camera: FrontDoor,
    tmp_path: Path,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    media: dict[str, Any],
    key: str,
    shown: dict[str, str],
) -> None:
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    err = await in_vain(home, "send_message", recipients=ANNA, message=TEXT, channel="whatsapp", **media)
    assert (err.translation_key, err.translation_placeholders) == (key, shown)
    assert requests(service_account) == []
    assert account.runtime_data.limits.sent_in_a_day == 0


async def test_a_camera_without_a_picture_stops_the_message(
    home: HomeAssistant, camera: FrontDoor, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    camera.gives = None
    assert await send_in_vain(home, channel="whatsapp", camera="camera.front_door") == "media_missing"
    assert requests(service_account) == []


@pytest.mark.parametrize(
    "address", [None, "http://home.example.net", "https://192.168.1.2", "https://ha.local"]
)
@pytest.mark.parametrize("channel", ["whatsapp", "both", "whatsapp_else_sms"])
async def test_without_an_address_from_outside_nothing_of_home_assistants_is_sent(
    home: HomeAssistant,
    camera: FrontDoor,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    address: str | None,
    channel: str,
) -> None:
    await home.config.async_update(external_url=address)
    assert await send_in_vain(home, channel=channel, camera="camera.front_door") == "media_no_address"
    assert requests(service_account) == []
    # What is on the internet needs none.
    await send(home, channel=channel, media_url=URL)
    assert links_of(service_account) == [URL]


@pytest.mark.parametrize("media", MEDIA)
async def test_what_home_assistant_has_can_not_be_sent_later(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    camera: FrontDoor,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    media: dict[str, Any],
) -> None:
    """Its link would have ended by then."""
    freezer.move_to(NOON)
    later = {"channel": "whatsapp", "send_at": "2026-01-15 18:00:00"}
    assert await send_in_vain(home, **later, **media) == "media_scheduled"
    assert requests(service_account) == []
    await send(home, **later, media_url=URL)
    assert links_of(service_account) == [URL]


async def test_beyond_the_limit_there_is_no_link(
    home: HomeAssistant, camera: FrontDoor, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await set_options(home, account, messages_per_minute=1)
    await send(home)
    assert await send_in_vain(home, channel="whatsapp", camera="camera.front_door") == "limit_minute"
    assert async_media_links(home).held_bytes == 0


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "media",
    [
        {"camera": "camera.front_door", "media_url": URL},
        {"camera": "camera.front_door", "media": ITEM},
        {"media": ITEM, "media_url": URL},
        {"camera": "front door"},
        {"media": None},
        {"media_url": [URL]},
    ],
)
async def test_at_most_one_picture_and_one_that_can_be_one(
    home: HomeAssistant, service_account: Account, media: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await send(home, channel="whatsapp", **media)
    assert requests(service_account) == []


async def test_a_picture_and_everything_else_at_once(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    freezer.move_to(NOON)
    await send(
        home,
        [ANNA, BELA],
        channel="whatsapp",
        phone="Phone",
        sim=2,
        send_at=datetime(2026, 1, 15, 12, tzinfo=UTC),
        media_url=URL,
        short_links=True,
        encrypt=True,
        urgent=True,
    )
    for form, number in zip(requests(service_account), (ANNA, BELA), strict=True):
        assert {name: value for name, value in form.items() if name != "apikey"} == {
            "recipients": number.removeprefix("+"),
            "message": TEXT,
            "sendsms": "0",
            "sendwa": "1",
            "waonly": "yes",
            "sIdentifiant": "phone-1",
            "port": "2",
            "schedule_timestamp": str(
                int((datetime(2026, 1, 15, tzinfo=UTC) + timedelta(hours=12)).timestamp())
            ),
            "url_media": URL,
            "shorturl": "1",
            "encrypt_message": "yes",
            "from": "Home Assistant",
        }


async def test_two_that_send_pictures_at_once_do_not_disturb_each_other(
    home: HomeAssistant, somebody: Client, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await asyncio.gather(
        send(home, ANNA, channel="whatsapp", camera="camera.front_door"),
        send(home, BELA, channel="whatsapp", media=ITEM),
        send(home, ANNA, channel="whatsapp", camera="camera.front_door"),
    )
    links = links_of(service_account)
    assert len({*links}) == 3
    assert [await fetch(somebody, link) for link in links] == [PICTURE] * 3
