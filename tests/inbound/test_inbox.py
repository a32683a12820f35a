"""The inbox: once, in order, not before automations listen, nothing of the past (promises 1 to 4)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from itertools import count, permutations
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.smsmobileapi.inbound.inbox import InboxState
from simulator import Account, Simulator, sms_data

from ..conftest import KEY, add_account, settle
from ..disk import rows_of
from .installation import Installation
from .service import ANNA, BEN, Events, event, sms, v1, whatsapp, whatsapp_event

JUMPS = [timedelta(days=400), timedelta(days=-400)]


# The past.


async def test_a_new_account_fires_nothing_of_the_past(
    home: HomeAssistant, simulator: Simulator, service_account: Account, received: Events
) -> None:
    """But what comes in the same second, and whatever a phone's clock says."""
    now = dt_util.utcnow().timestamp()
    for age in (9e6, 0, -1e8):
        service_account.receive(number=ANNA, message=f"received {age} s ago", timestamp=now - age)
    account = await add_account(home, simulator)
    for text in ("new", "newer"):
        service_account.receive(number=ANNA, message=text, timestamp=now)
        await account.runtime_data.coordinator.async_refresh()
        await settle(home)
    assert [message.data["message"] for message in received] == ["new", "newer"]
    # The history is in the database now, and no longer in the entry.
    assert "history" not in account.data
    assert rows_of(home, account, "handled", "key")


async def test_a_history_counts_once(
    ha: Installation, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the database could not be written, so that it stayed in the entry, and months have passed since."""
    ha.act_on_old_texts()
    history = {"id": "1", "until": int(time.time()), "keys": [], "noted_at": int(time.time())}
    data = ha.entry.data | {"history": history}
    await ha.unload()
    ha.hass.config_entries.async_update_entry(ha.entry, data=data)
    with monkeypatch.context() as disk:
        disk.setattr("custom_components.smsmobileapi.storage.write_rows", no_space)
        await ha.set_up()
        assert "history" in ha.entry.data
    ha.account.receive(ANNA, "once")
    await ha.pass_time(freezer, seconds=70)
    await ha.second()
    assert rows_of(ha.hass, ha.entry, "handled", "key")
    for days in range(0, 120, 10):
        ha.account.receive(ANNA, f"{days}")
        await ha.pass_time(freezer, days=10)
    await ha.reload()
    assert "history" not in ha.entry.data
    await ha.poll()
    assert ha.texts == ["once", *(f"{days}" for days in range(0, 120, 10))]


def no_space(*_: Any, **__: Any) -> None:
    """Write rows to a disk that is full."""
    raise OSError("no space left")


async def test_a_lost_ledger_fires_nothing_of_the_past(ha: Installation) -> None:
    ha.account.receive(ANNA, "one")
    await ha.poll()
    await ha.unload()
    for path in ha.files():
        path.unlink()
    await ha.set_up()
    ha.account.receive(ANNA, "two")
    for _ in range(2):
        await ha.poll()
    assert ha.texts == ["one", "two"]


async def test_a_text_that_is_refused_while_the_ledger_is_lost_is_fired_later(
    ha: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is neither read nor written, and a poll lists the text before it is delivered again."""
    ha.account.receive(ANNA, "one")
    await ha.poll()
    await ha.unload()
    for path in ha.files():
        path.write_bytes(b"no database")
    later = time.time() + 2
    text = v1("two", at=later)
    with monkeypatch.context() as patched:
        for name in ("connect", "keep_aside"):
            patched.setattr(f"custom_components.smsmobileapi.storage.{name}", no_space)
        ha.simulator.fault("/getsms/", "status", count=10)
        await ha.set_up(CoreState.starting)
        assert await ha.post(text) == HTTPStatus.SERVICE_UNAVAILABLE
        ha.simulator.faults.waiting.clear()
        ha.account.receive(ANNA, "two", text["guid"], later)
        await ha.poll()
        await ha.started()
        assert await ha.post(text) == HTTPStatus.OK
        await ha.poll()
        assert ha.texts == ["one", "two"]


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("is_held", [False, True])
async def test_a_clock_that_jumps_loses_and_doubles_nothing(
    ha: Installation, freezer: FrozenDateTimeFactory, jump: timedelta, is_held: bool
) -> None:
    """A Raspberry Pi without a battery comes up in the past and gets the time later."""
    ha.act_on_old_texts()
    right = dt_util.utcnow()
    if is_held:
        await ha.start_up()
    freezer.move_to(right + jump)
    first = event("whatsapp.received", whatsapp("one", received_at=right.isoformat()), "e1")
    assert await ha.post(first) == HTTPStatus.ACCEPTED
    ha.account.receive(ANNA, "two", timestamp=right.timestamp() + 1)
    await ha.poll()
    await ha.second()
    await ha.kill()
    freezer.move_to(right + timedelta(minutes=1))
    ha.account.receive(ANNA, "three", timestamp=right.timestamp() + 2)
    for _ in range(2):
        await ha.started()
        await ha.poll()
        assert await ha.post(first) == HTTPStatus.OK
        assert ha.texts == ["one", "two", "three"]
        await ha.second()
        await ha.kill()


async def test_nothing_is_fired_again_after_months_of_silence(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    """The service still lists the newest message: the ledger must not have forgotten it."""
    ha.account.receive(ANNA, "once")
    await ha.poll()
    await ha.pass_time(freezer, days=90)
    await ha.reload()
    await ha.poll()
    assert ha.texts == ["once"]


# Once.


@pytest.mark.parametrize("time_format", ["seconds", "milliseconds", "compact", "naive", "iso"])
async def test_webhook_and_poll_bring_one_message(ha: Installation, time_format: Any) -> None:
    ha.account.time_format = time_format
    row = ha.account.receive(ANNA, "hi")
    await ha.poll()
    assert await ha.simulator.deliver(ha.account, row) == HTTPStatus.OK
    await ha.poll()
    assert [message.data["source"] for message in ha.received] == ["poll"]


async def test_v1_v2_and_poll_bring_one_message_in_any_order(ha: Installation) -> None:
    """Also where V1 gives it another id."""
    numbers = count()
    for order in permutations(["v1", "v2", "poll"]):
        for has_same_guid in (True, False):
            number = next(numbers)
            ha.received.clear()
            row = ha.account.receive(ANNA, f"hi  {number}")
            again = v1(row.message, row.guid if has_same_guid else f"other {number}", at=row.timestamp)
            for way in (*order, *order):
                if way == "v1":
                    assert await ha.post(again) == HTTPStatus.OK
                elif way == "v2":
                    status = await ha.simulator.deliver_v2(
                        ha.account, "sms.received", sms_data(row), event_id=f"{number}"
                    )
                    assert status in {HTTPStatus.ACCEPTED, HTTPStatus.OK}
                else:
                    await ha.poll()
            sources = [message.data["source"] for message in ha.received]
            expected = ["poll" if order[0] == "poll" else "webhook"]
            if not has_same_guid and order[0] == "v1":
                # Anybody may have sent V1: what the service has under another id is fired all the same.
                expected.append("poll")
            assert sources == expected, (order, has_same_guid)


async def test_rows_without_an_id_or_a_time_are_fired_once(ha: Installation) -> None:
    rows: list[Any] = [
        {"number": ANNA, "message": "no guid", "timestamp_unix": 1900000000},
        {"number": ANNA, "message": "neither"},
        {"number": ANNA, "message": "odd time", "time_received": "yesterday"},
        {"number": ANNA, "message": "no text", "guid": {"a": [1]}, "extra": [1]},
        {"message": "no number"},
        "no row",
        None,
    ]
    for index in range(4):
        ha.simulator.fault("/getsms/", "nonsense", body=rows)
        await (ha.reload() if index == 2 else ha.poll())
    assert sorted(ha.texts) == ["neither", "no guid", "no number", "no text", "odd time"]
    assert all(message.data["message_id"] for message in ha.received)


async def test_accounts_do_not_see_each_others_messages(ha: Installation) -> None:
    theirs = ha.simulator.add_account("another-key-0123456789")
    other = await add_account(ha.hass, ha.simulator, "another-key-0123456789")
    now = dt_util.utcnow().timestamp()
    for account in (ha.simulator.accounts[KEY], theirs):
        account.receive(ANNA, "the same", guid="the-same", timestamp=now)
    await ha.poll()
    await other.runtime_data.coordinator.async_refresh()
    await settle(ha.hass)
    accounts = [message.data["config_entry_id"] for message in ha.received]
    assert accounts == [ha.entry.entry_id, other.entry_id]
    one, two = (ha.hass.states.get(f"event.{name}_message") for name in ("smsmobileapi", "smsmobileapi_2"))
    assert one and two and one.state != two.state


# Not before automations listen, and in order.


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_poll_fires_in_the_order_of_reception(ha: Installation, newest_first: bool) -> None:
    ha.account.newest_first = newest_first
    for index in range(5):
        ha.account.receive(ANNA, f"{index}", timestamp=dt_util.utcnow().timestamp() - 10 + index)
    await ha.poll()
    assert ha.texts == ["0", "1", "2", "3", "4"]


async def test_messages_are_held_until_home_assistant_has_started(ha: Installation) -> None:
    now = dt_util.utcnow().timestamp()
    ha.account.receive(ANNA, "one", timestamp=now - 20)
    await ha.start_up()
    three = ha.account.receive(ANNA, "three", timestamp=now)
    two = ha.account.receive(ANNA, "two", timestamp=now - 10)
    for row in (three, two, three):
        assert await ha.simulator.deliver(ha.account, row) == HTTPStatus.OK
    await ha.poll()
    assert ha.received == []
    assert ha.entry.runtime_data.inbox.state is InboxState.HOLDING
    await ha.started()
    assert ha.texts == ["one", "two", "three"]
    assert ha.entry.runtime_data.inbox.state is InboxState.OPEN
    await ha.poll()
    assert len(ha.received) == 3


async def test_each_senders_messages_are_in_order_whichever_way_they_came(ha: Installation) -> None:
    """Also over a kill in between."""
    await ha.start_up()
    now = int(time.time()) - 100
    expected: dict[str, list[str]] = {ANNA: [], BEN: []}
    bodies: list[bytes | dict[str, Any]] = []
    for index in range(24):
        sender, text, guid = (ANNA, BEN)[index % 2], f"{index}", f"g{index}"
        expected[sender].append(text)
        # Some come by poll, some by V1, some by V2, some by several.
        if index % 3 == 0 or index % 8 == 0:
            ha.account.receive(sender, text, guid, timestamp=now + index)
        if index % 3 == 1:
            bodies.append(v1(text, guid, sender, now + index))
        if index % 3 == 2 or index % 8 == 0:
            at = dt_util.utc_from_timestamp(now + index).isoformat()
            data = sms(text, guid, **{"from": sender, "received_at": at})
            bodies.append(event("sms.received", data, f"e{index}"))
    half = len(bodies) // 2
    for body in reversed(bodies[:half]):
        await ha.post(body)
    await ha.poll()
    await ha.kill()
    for body in reversed(bodies[half:]):
        await ha.post(body)
    await ha.started()
    fired = {
        sender: [message.data["message"] for message in ha.received if message.data["sender"] == sender]
        for sender in expected
    }
    assert fired == expected


async def test_a_poll_that_hangs_delays_held_messages_only_a_little(
    ha: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.account.FIRST_POLL_SECONDS", 0.1)
    await ha.unload()
    ha.simulator.fault("/getsms/", "hang_after")
    assert await ha.hass.config_entries.async_setup(ha.entry.entry_id)
    assert await ha.post(v1("by webhook")) == HTTPStatus.OK
    async with asyncio.timeout(20):
        while not ha.received:
            await asyncio.sleep(0.01)
    assert ha.texts == ["by webhook"]
    assert ha.requests[-1] == "/getsms/"


type Step = Callable[[Installation], Awaitable[None]]


async def stopped(ha: Installation) -> None:
    """Home Assistant stops."""
    ha.hass.set_state(CoreState.stopping)


async def unloaded(ha: Installation) -> None:
    """The account is unloaded; its first poll ends while what is being sent is waited for."""
    ha.entry.runtime_data.inbox.close()


@pytest.mark.parametrize("closed", [stopped, unloaded])
async def test_an_inbox_that_was_closed_is_not_opened(ha: Installation, closed: Step) -> None:
    """What it would fire then could not be recorded, or would reach no automation."""
    await ha.start_up()
    assert await ha.post(whatsapp_event("held")) == HTTPStatus.ACCEPTED
    await closed(ha)
    state = ha.hass.state
    ha.hass.set_state(CoreState.running if closed is unloaded else state)
    assert not await ha.entry.runtime_data.inbox.open()
    assert ha.received == []
    assert ha.entry.runtime_data.inbox.state is InboxState.CLOSED
    await ha.start_up()
    await ha.started()
    assert ha.texts == ["held"]


async def test_nothing_is_fired_while_home_assistant_stops(ha: Installation) -> None:
    """Automations don't run any more: it waits for the next start."""
    ha.account.receive(ANNA, "by poll")
    ha.hass.set_state(CoreState.stopping)
    await ha.poll()
    assert await ha.post(v1("by webhook")) == HTTPStatus.SERVICE_UNAVAILABLE
    body = event("fax.received", {}, "e")
    assert await ha.post(body) == HTTPStatus.SERVICE_UNAVAILABLE
    assert ha.received == []
    await ha.start_up()
    await ha.started()
    assert ha.texts == ["by poll"]


async def test_a_message_that_could_not_be_handled_is_polled_again(
    ha: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ha.account.receive(ANNA, "hi")
    with monkeypatch.context() as fault:

        def fail(*_: object) -> str:
            raise RuntimeError

        fault.setattr("custom_components.smsmobileapi.inbound.arrival.normalise_sender", fail)
        await ha.poll()
    assert not ha.coordinator.last_update_success
    assert ha.received == []
    await ha.poll()
    assert ha.texts == ["hi"]


async def test_what_is_known_is_not_kept_for_long_while_it_is_held(ha: Installation) -> None:
    """After the start, a poll begins at the newest message that was held."""
    now = int(dt_util.utcnow().timestamp())
    await ha.start_up()
    ha.account.receive(ANNA, "held", timestamp=now)
    await ha.poll()
    await ha.started()
    await ha.poll()
    assert ha.texts == ["held"]
    assert ha.account.requests[-1].fields["after_timestamp_unix"] == str(now - 600)
