"""What is one message, and what are two that look alike (promise 2), by real requests."""

import asyncio
from hashlib import blake2b
from http import HTTPStatus
import json
import sqlite3
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.util import dt as dt_util
import pytest

from custom_components.smsmobileapi.storage import database_path
from simulator import sms_data

from ..conftest import add_account, settle
from ..disk import rows_of
from .installation import Installation
from .service import ANNA, BEN, event, sms, transcript, v1, whatsapp


def posted(text: str, guid: str, phone: str = "phone-1") -> bytes:
    """Return the body of `sms.received`, as an event of its own."""
    received_at = dt_util.utc_from_timestamp(int(time.time())).isoformat()
    data = sms(text, guid, device_id=phone, received_at=received_at)
    return event("sms.received", data, f"e-{guid}-{phone}-{text}")


async def test_sixty_equal_deliveries_at_once_are_one(ha: Installation) -> None:
    ha.account.receive(ANNA, "hi", "g1")
    ways: list[bytes | dict[str, Any]] = [v1("hi", "g1"), posted("hi", "g1"), posted("hi", "g1")]
    await asyncio.gather(*(ha.post(ways[index % 3]) for index in range(60)), ha.poll())
    assert ha.texts == ["hi"]


async def test_a_second_phone_that_begins_its_ids_anew(ha: Installation) -> None:
    """With other texts, and with the same text to both phones, which the event tells apart."""
    for phone in ("A", "B"):
        for guid, text in (("1", "to both"), ("2", f"to {phone}")):
            assert await ha.post(posted(text, guid, phone)) == HTTPStatus.ACCEPTED
            assert await ha.post(posted(text, guid, phone)) == HTTPStatus.OK
    assert sorted((each.data["message"], each.data["phone"]) for each in ha.received) == [
        ("to A", "A"),
        ("to B", "B"),
        ("to both", "A"),
        ("to both", "B"),
    ]


@pytest.mark.parametrize("first", ["A", "B"])
async def test_a_text_to_a_group_is_one_for_each_phone(ha: Installation, first: str) -> None:
    """One comes by V1, which does not say to which phone, and a poll lists both."""
    now = time.time()
    rows = {phone: ha.account.receive(ANNA, "hi all", f"g{phone}", timestamp=now) for phone in "AB"}
    for phone, row in rows.items():
        row.sid = phone
    assert await ha.simulator.deliver(ha.account, rows[first]) == HTTPStatus.OK
    for _ in range(2):
        await ha.poll()
    assert len(ha.texts) == 2


async def test_webhook_and_poll_may_name_a_phone_differently(ha: Installation) -> None:
    row = ha.account.receive(ANNA, "hi", "g1")
    data = sms_data(row) | {"device_id": "another name"}
    assert await ha.post(event("sms.received", data, "e1")) == HTTPStatus.ACCEPTED
    await ha.poll()
    assert ha.texts == ["hi"]


@pytest.mark.parametrize("passed", [{"days": 90}, {"days": 3}])
async def test_an_id_that_is_used_again_much_later(
    ha: Installation, freezer: FrozenDateTimeFactory, passed: dict[str, float]
) -> None:
    """Also for the same text of the same sender."""
    for _ in range(2):
        for _ in range(2):
            assert await ha.post(v1("open", "1")) == HTTPStatus.OK
        await ha.pass_time(freezer, **passed)
    assert ha.texts == ["open"] * 2


async def test_an_id_that_is_used_again_by_a_message_without_a_time(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    """A transcript never has one."""
    for index in range(2):
        times = dict.fromkeys(("created_at", "occurred_at"), dt_util.utcnow().isoformat())
        data = transcript("open", "1", received_at=None)
        body = json.loads(event("whatsapp.voice.transcribed", data, f"e{index}")) | times
        assert await ha.post(body) == HTTPStatus.ACCEPTED
        assert await ha.post(body | {"id": f"again {index}"}) == HTTPStatus.ACCEPTED
        await ha.pass_time(freezer, days=90)
    assert ha.texts == ["open"] * 2


async def test_equal_texts_of_a_minute_are_two_where_the_time_has_no_seconds(ha: Installation) -> None:
    for time_received in (
        "2026-11-02 10:15",
        "2026-11-02",
        "2026-11-02T10:15+01:00",
        "20261102T1015",
        "noon",
    ):
        ha.received.clear()
        body = {"number": ANNA, "message": "TACHO 0", "time_received": time_received}
        for guid in ("1", "2", "2", "1"):
            assert await ha.post(body | {"guid": f"{guid} {time_received}"}) == HTTPStatus.OK
        assert len(ha.texts) == 2, time_received


@pytest.mark.parametrize("no_id", ["0", "null", "undefined", "None", ""])
async def test_what_is_no_id_is_shared_by_all(ha: Installation, no_id: str) -> None:
    now = time.time()
    for index in range(3):
        body = v1(f"text {index}", at=now + index) | {"guid": no_id}
        for _ in range(2):
            assert await ha.post(body) == HTTPStatus.OK
        data = sms("by V2", no_id, received_at=f"2026-09-23T12:00:0{index}Z")
        assert await ha.post(event("sms.received", data, f"e{index}")) == HTTPStatus.ACCEPTED
    assert sorted(ha.texts) == ["by V2"] * 3 + ["text 0", "text 1", "text 2"]


@pytest.mark.parametrize("no_id", ["0", 0, "null", "undefined", "None"])
async def test_an_event_without_an_id_of_its_own_is_known_by_its_body(
    ha: Installation, no_id: object
) -> None:
    bodies = [
        event("sms.received", sms("TACHO 0", "0", received_at=f"2026-09-23T12:00:0{second}Z"), no_id)
        for second in range(2)
    ]
    for body in bodies:
        assert await ha.post(body) == HTTPStatus.ACCEPTED
        assert await ha.post(body) == HTTPStatus.OK
    assert ha.texts == ["TACHO 0"] * 2


async def test_a_text_by_v1_and_poll_that_has_no_id(ha: Installation) -> None:
    row = ha.account.receive(ANNA, "hi", "0")
    assert await ha.simulator.deliver(ha.account, row) == HTTPStatus.OK
    await ha.poll()
    assert ha.texts == ["hi"]


async def test_a_text_that_was_completed_under_its_id(ha: Installation) -> None:
    """The second part of a long text comes later."""
    row = ha.account.receive(ANNA, "part one", "g1")
    await ha.poll()
    row.message = "part one, part two"
    for _ in range(2):
        await ha.poll()
        assert ha.texts == ["part one", "part one, part two"]


async def test_an_id_with_another_sender_is_another_text(ha: Installation) -> None:
    for sender in (ANNA, BEN):
        assert await ha.post(v1("hi", "1", sender)) == HTTPStatus.OK
    assert [each.data["sender"] for each in ha.received] == [ANNA, BEN]


async def test_rows_that_come_back_changed_are_known_and_learned(ha: Installation) -> None:
    """With a new id, then a second later under that one, and so on."""
    row = ha.account.receive(ANNA, "hi", "0001")
    await ha.poll()
    for index in range(5):
        if index % 2:
            row.timestamp += 1
        else:
            row.guid = f"g{index}"
        await ha.poll()
        assert await ha.simulator.deliver(ha.account, row) == HTTPStatus.OK
    await ha.second()
    await ha.kill()
    await ha.started()
    row.guid = "another"
    await ha.poll()
    assert ha.texts == ["hi"]


async def test_an_equal_text_on_another_channel_is_another(ha: Installation) -> None:
    assert await ha.post(event("sms.received", sms("hi", "g1"), "e1")) == HTTPStatus.ACCEPTED
    assert await ha.post(event("whatsapp.received", whatsapp("hi", "g1"), "e2")) == HTTPStatus.ACCEPTED
    assert [each.data["channel"] for each in ha.received] == ["sms", "whatsapp"]


@pytest.mark.parametrize(
    ("written", "sender"),
    [
        *((f"36301234567{end}", ANNA) for end in ("", "@c.us", "@s.whatsapp.net", ":12@s.whatsapp.net")),
        # A number of Singapore that has as many digits as a national one elsewhere.
        (f"{ANNA}@c.us", ANNA),
        ("6591234567@c.us", "+6591234567"),
        ("123456789012345@lid", "123456789012345@lid"),
    ],
)
async def test_the_forms_of_whatsapp_senders(ha: Installation, written: str, sender: str) -> None:
    data = whatsapp("hi", **{"from": written})
    assert await ha.post(event("whatsapp.received", data)) == HTTPStatus.ACCEPTED
    (message,) = ha.received
    assert (message.data["sender"], message.data["sender_raw"]) == (sender, written)


@pytest.mark.parametrize("written", ["1234567", "12345678", "13701", "VODAFONE"])
async def test_short_senders_stay_as_they_are(ha: Installation, written: str) -> None:
    assert await ha.post(v1("hi", number=written)) == HTTPStatus.OK
    assert [each.data["sender"] for each in ha.received] == [written]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_rows_of_one_second_keep_the_services_order(ha: Installation, newest_first: bool) -> None:
    ha.account.newest_first = newest_first
    now = int(time.time()) - 100
    for index in range(6):
        ha.account.receive(ANNA, f"{index}", timestamp=now + index // 3)
    await ha.poll()
    assert ha.texts == ["0", "1", "2", "3", "4", "5"]
    for index in range(3):
        ha.account.receive(ANNA, f"of one second {index}", timestamp=now + 50)
    await ha.poll()
    assert ha.texts[6:] == [f"of one second {index}" for index in range(3)]


async def test_a_service_that_lists_all_it_has_replays_nothing(
    ha: Installation, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ignores from when on it was asked; the ledger has forgotten the first texts by then."""
    ha.act_on_old_texts()
    monkeypatch.setattr("simulator.receiving.integer", lambda *_, **__: -1)
    for day in range(50):
        ha.account.receive(ANNA, f"{day}")
        await ha.poll()
        freezer.tick(86_400)
    await ha.reload()
    await ha.poll()
    assert ha.texts == [f"{day}" for day in range(50)]


async def test_a_phone_whose_clock_is_behind_is_heard_from_its_first_text_on(
    home: Any, simulator: Any, service_account: Any, received: Any
) -> None:
    """In an account that is only polled, after texts of another phone whose clock is right."""
    now = time.time()
    service_account.receive(ANNA, "the past", timestamp=now - 60)
    service_account.receive(BEN, "the past of the phone", timestamp=now - 6 * 3600 - 60)
    account = await add_account(home, simulator)
    for index in range(2):
        service_account.receive(BEN, f"{index}", timestamp=now - 6 * 3600 + index)
        await account.runtime_data.coordinator.async_refresh()
        await settle(home)
        await home.config_entries.async_reload(account.entry_id)
        await settle(home)
    assert [each.data["message"] for each in received] == ["0", "1"]


async def test_what_version_0_2_handled_is_not_fired_again(ha: Installation) -> None:
    """It had no phones, other keys of ids, and the same of sender, text and second."""
    row = ha.account.receive(ANNA, "hi")
    await ha.poll()
    await ha.unload()
    content = "\0".join(("content", "sms", ANNA, "hi", str(int(row.timestamp))))
    with sqlite3.connect(database_path(ha.hass, ha.entry.entry_id)) as connection:
        connection.executescript(
            "drop table unsigned; drop table kept; delete from handled; pragma user_version=2;"
            "alter table handled drop column phone; alter table journal drop column trust"
        )
        key = blake2b(content.encode(), digest_size=12).digest()
        connection.execute("insert into handled (key, time) values (?, ?)", (key, int(row.timestamp)))
    connection.close()
    await ha.set_up()
    await ha.poll()
    assert ha.texts == ["hi"]
    assert rows_of(ha.hass, ha.entry, "handled", "key") != []
