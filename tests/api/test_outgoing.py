"""What a message to send may carry: each field only where it is set, and written as the service wants it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.smsmobileapi.api import Channel, SendRequest, SentLogEntry, SmsMobileApiClient, Status
from simulator import Account

from .conftest import FailureOf
from .secrecy import NUMBER, SID, TEXT, secrets_in
from .wire import Wire

MOMENT = datetime(2026, 3, 20, 21, 7, 44, tzinfo=UTC)
MEDIA = "https://home.example.net/api/smsmobileapi/media/Zk3-9f_a1QvW77?size=small"


def message(channel: Channel = Channel.SMS, **fields: Any) -> SendRequest:
    return SendRequest(recipient=NUMBER, text=TEXT, channel=channel, **fields)


FINE: list[object] = [None, "", 0, "0", False, "none", [], {}]
# The field of a message → what is sent beside.
FIELDS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {}),
    ({"phone": SID}, {"sIdentifiant": SID}),
    ({"sim": 1}, {"port": "1"}),
    ({"sim": 2}, {"port": "2"}),
    ({"send_at": MOMENT}, {"schedule_timestamp": "1774040864"}),
    ({"send_at": MOMENT.astimezone(ZoneInfo("Asia/Kathmandu"))}, {"schedule_timestamp": "1774040864"}),
    ({"send_at": MOMENT.replace(microsecond=999_999)}, {"schedule_timestamp": "1774040864"}),
    (
        {"send_at": datetime(2026, 3, 20, 21, 7, 44, tzinfo=timezone(timedelta(hours=-5)))},
        {"schedule_timestamp": "1774058864"},
    ),
    ({"media_url": MEDIA}, {"url_media": MEDIA}),
    ({"short_links": True}, {"shorturl": "1"}),
    ({"encrypt": True}, {"encrypt_message": "yes"}),
    (
        {"phone": SID, "sim": 2, "send_at": MOMENT, "media_url": MEDIA, "short_links": True, "encrypt": True},
        {
            "sIdentifiant": SID,
            "port": "2",
            "schedule_timestamp": "1774040864",
            "url_media": MEDIA,
            "shorturl": "1",
            "encrypt_message": "yes",
        },
    ),
]


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize(("fields", "sent"), FIELDS, ids=str)
async def test_to_the_letter(
    wire: Wire, wired: SmsMobileApiClient, channel: Channel, fields: dict[str, Any], sent: dict[str, str]
) -> None:
    wire.say({"result": {"error": 0, "sent": "1", "id": "a"}})
    plain = message(channel)
    await wired.send_message(plain)
    await wired.send_message(message(channel, **fields))
    bare, full = (dict(seen.form) for seen in wire.seen)
    assert len(wire.seen[1].form) == len(full)
    assert full == bare | sent
    assert set(full) - set(bare) == set(sent)


@pytest.mark.parametrize("channel", Channel)
async def test_the_service_takes_all_of_it(
    client: SmsMobileApiClient, service_account: Account, channel: Channel
) -> None:
    sent = await client.send_message(
        message(
            channel,
            phone="phone-1",
            sim=2,
            send_at=datetime.now(UTC) + timedelta(hours=1),
            media_url=MEDIA if channel is Channel.WHATSAPP else None,
            short_links=True,
            encrypt=True,
        )
    )
    (taken,) = service_account.sent
    assert (taken.guid, taken.sid, taken.status) == (sent, "phone-1", "accepted")


def test_no_message_shows_what_is_in_it() -> None:
    shown = repr(message(media_url=MEDIA))
    assert not secrets_in(shown)
    assert "media" not in shown


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({}, Status.ACCEPTED, None),
        ({"send_from_mobile": "1"}, Status.SENT, None),
        ({"send_from_mobile": True}, Status.SENT, None),
        ({"send_from_mobile": "0"}, Status.ACCEPTED, None),
        *(({"send_from_mobile": 1, "error_api": fine}, Status.SENT, None) for fine in FINE),
        ({"error_api": "no credit"}, Status.FAILED, "no credit"),
        ({"send_from_mobile": "1", "send_from_mobile_erreur": "radio off"}, Status.FAILED, "radio off"),
        ({"send_from_mobile_erreur": 7}, Status.FAILED, "7"),
        ({"error_api": ["no credit"]}, Status.FAILED, "error"),
        ({"error_api": {"code": 7}}, Status.FAILED, "error"),
    ],
    ids=repr,
)
def test_what_became_of_it(fields: dict[str, Any], status: Status, error: str | None) -> None:
    entry = SentLogEntry.from_api({"guid": "a", "number": NUMBER, "message": TEXT, **fields}, zone=UTC)
    assert entry is not None
    assert (entry.status, entry.error) == (status, error)


@pytest.mark.parametrize(
    "words",
    [
        f"cannot load {MEDIA}",
        "cannot load home.example.net/api/smsmobileapi/media/Zk3-9f_a1QvW77?size=small",
        "cannot load /api/smsmobileapi/media/Zk3-9f_a1QvW77?size=small",
        "no file Zk3-9f_a1QvW77?size=small",
        "cannot reach home.example.net",
        f"no phone {SID}",
    ],
)
async def test_no_reason_repeats_the_picture_or_the_phone(
    wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, words: str
) -> None:
    """Whoever has the address has the picture."""
    wire.say({"result": {"error": 0, "sent": "0", "note": words}})
    error = await failure_of(wired.send_message(message(media_url=MEDIA, phone=SID)))
    assert not any(part in str(error) for part in ("Zk3", "home.example.net", SID))
    assert str(error).startswith(words[:7])
