"""The inbound door: once, in order, not before anybody listens, nothing from the past; and the poll that feeds it."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator

from ..conftest import KEY, add_account, add_contact, settle

ANNA = "+36301234567"

type Received = list[Event[dict[str, Any]]]


def texts(received: Received) -> list[str]:
    return [event.data["message"] for event in received]


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(home)
    await settle(home)


async def restart(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    """Take the account through what a restart of Home Assistant is for it."""
    assert await home.config_entries.async_unload(account.entry_id)
    home.set_state(CoreState.starting)
    assert await home.config_entries.async_setup(account.entry_id)
    await settle(home)


async def started(home: HomeAssistant) -> None:
    home.set_state(CoreState.running)
    home.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await settle(home)


# The past.


async def test_a_new_account_fires_nothing_of_the_past(
    home: HomeAssistant, simulator: Simulator, service_account: Account, received: Received
) -> None:
    service_account.receive(number=ANNA, message="long ago", timestamp=dt_util.utcnow().timestamp() - 9e6)
    service_account.receive(number=ANNA, message="just now")
    account = await add_account(home, simulator)
    await poll(home, account)
    assert received == []


async def test_what_comes_in_the_same_second_as_the_account_is_fired(
    home: HomeAssistant, simulator: Simulator, service_account: Account, received: Received
) -> None:
    now = dt_util.utcnow().timestamp()
    service_account.receive(number=ANNA, message="before", timestamp=now)
    account = await add_account(home, simulator)
    service_account.receive(number=ANNA, message="after", timestamp=now)
    await poll(home, account)
    assert texts(received) == ["after"]


async def test_a_phone_whose_clock_is_ahead_hides_nothing(
    home: HomeAssistant, simulator: Simulator, service_account: Account, received: Received
) -> None:
    service_account.receive(number=ANNA, message="from 2030", timestamp=dt_util.utcnow().timestamp() + 1e8)
    account = await add_account(home, simulator)
    service_account.receive(number=ANNA, message="new")
    await poll(home, account)
    service_account.receive(number=ANNA, message="newer")
    await poll(home, account)
    assert texts(received) == ["new", "newer"]


async def test_a_phone_that_was_offline_brings_its_messages_late(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, received: Received
) -> None:
    """Their times are older than those of messages that were polled already."""
    now = dt_util.utcnow().timestamp()
    service_account.receive(number=ANNA, message="new", timestamp=now)
    await poll(home, account)
    service_account.receive(number=ANNA, message="late", timestamp=now - 2 * 86400)
    await poll(home, account)
    assert texts(received) == ["new", "late"]


async def test_the_past_that_is_polled_is_bounded(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    now = int(dt_util.utcnow().timestamp())
    service_account.receive(number=ANNA, message="new", timestamp=now)
    await poll(home, account)
    await poll(home, account)
    assert service_account.requests[-1].fields["after_timestamp_unix"] == str(now - 7 * 86400)


# Once.


@pytest.mark.parametrize("time_format", ["seconds", "milliseconds", "compact", "naive", "iso"])
async def test_webhook_and_poll_bring_one_message(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    received: Received,
    hass_client_no_auth: ClientSessionGenerator,
    time_format: Any,
) -> None:
    service_account.time_format = time_format
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(f"/api/webhook/{account.data['webhook_id']}"))
    row = service_account.receive(number=ANNA, message="hi")
    await poll(home, account)
    assert await simulator.deliver(service_account, row) == HTTPStatus.OK
    await poll(home, account)
    assert [event.data["source"] for event in received] == ["poll"]


async def test_one_number_in_all_its_forms_is_one_sender(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, received: Received
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    now = dt_util.utcnow().timestamp()
    for number in (ANNA, "36301234567", "0036301234567", "06301234567"):
        service_account.receive(number=number, message="hi", timestamp=now)
    await poll(home, account)
    assert [(event.data["sender"], event.data["contact"]) for event in received] == [(ANNA, "Anna")]


async def test_rows_without_an_id_or_a_time_are_taken_once(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    received: Received,
) -> None:
    rows: list[Any] = [
        {"number": ANNA, "message": "no guid", "timestamp_unix": 1900000000},
        {"number": ANNA, "message": "neither"},
        {"number": ANNA, "message": "odd time", "time_received": "yesterday"},
        {"message": "no number"},
        "no row",
        None,
    ]
    for _ in range(3):
        simulator.fault("/getsms/", "nonsense", body=rows)
        await poll(home, account)
    assert sorted(texts(received)) == ["neither", "no guid", "odd time"]
    assert all(event.data["message_id"] for event in received)


async def test_nothing_is_fired_again_after_a_restart(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, received: Received
) -> None:
    service_account.receive(number=ANNA, message="before")
    await poll(home, account)
    await restart(home, account)
    service_account.receive(number=ANNA, message="meanwhile")
    await started(home)
    await poll(home, account)
    assert texts(received) == ["before", "meanwhile"]


async def test_nothing_is_fired_again_after_months_of_silence(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    simulator: Simulator,
    service_account: Account,
    received: Received,
) -> None:
    """The poll still lists the newest message: the ledger must not have forgotten it."""
    account = await add_account(home, simulator)
    service_account.receive(number=ANNA, message="once")
    await poll(home, account)
    await pass_time(home, freezer, days=90)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await poll(home, account)
    assert texts(received) == ["once"]


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)])
async def test_a_clock_that_jumps_loses_and_doubles_nothing(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: Received,
    jump: timedelta,
) -> None:
    now = dt_util.utcnow().timestamp()
    service_account.receive(number=ANNA, message="before", timestamp=now)
    await poll(home, account)
    freezer.move_to(dt_util.utcnow() + jump)
    service_account.receive(number=ANNA, message="during", timestamp=now + 60)
    await poll(home, account)
    freezer.move_to(dt_util.utcnow() - jump)
    service_account.receive(number=ANNA, message="after", timestamp=now + 120)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await poll(home, account)
    assert texts(received) == ["before", "during", "after"]


async def test_accounts_do_not_see_each_others_messages(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, received: Received
) -> None:
    other_service_account = simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    now = dt_util.utcnow().timestamp()
    for service_account in (simulator.accounts[KEY], other_service_account):
        service_account.receive(number=ANNA, message="the same", guid="the-same", timestamp=now)
    await poll(home, account)
    await poll(home, other)
    assert [event.data["config_entry_id"] for event in received] == [account.entry_id, other.entry_id]
    one, two = (home.states.get(f"event.{name}_message") for name in ("smsmobileapi", "smsmobileapi_2"))
    assert one and two and one.state != two.state


# Not before they listen, and in order.


async def test_messages_are_held_until_home_assistant_has_started(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    simulator: Simulator,
    received: Received,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(f"/api/webhook/{account.data['webhook_id']}"))
    now = dt_util.utcnow().timestamp()
    service_account.receive(number=ANNA, message="one", timestamp=now - 20)
    await restart(home, account)
    three = service_account.receive(number=ANNA, message="three", timestamp=now)
    two = service_account.receive(number=ANNA, message="two", timestamp=now - 10)
    for row in (three, two, three):
        assert await simulator.deliver(service_account, row) == HTTPStatus.OK
    await poll(home, account)
    assert received == []
    await started(home)
    assert texts(received) == ["one", "two", "three"]
    await poll(home, account)
    assert len(received) == 3


async def test_what_was_held_when_home_assistant_went_down_is_fired_next_time(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, received: Received
) -> None:
    await restart(home, account)
    service_account.receive(number=ANNA, message="held")
    await poll(home, account)
    await restart(home, account)
    await started(home)
    assert texts(received) == ["held"]


async def test_a_poll_that_hangs_delays_held_messages_only_a_little(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    received: Received,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.account.FIRST_POLL_SECONDS", 0.1)
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(f"/api/webhook/{account.data['webhook_id']}"))
    await home.config_entries.async_unload(account.entry_id)
    simulator.fault("/getsms/", "delay", seconds=1)
    assert await home.config_entries.async_setup(account.entry_id)
    row = service_account.receive(number=ANNA, message="by webhook")
    await simulator.deliver(service_account, row)
    for _ in range(100):
        if received:
            break
        await home.async_block_till_done()
        await asyncio.sleep(0.01)
    assert texts(received) == ["by webhook"]
    assert simulator.requests[-1].path == "/getsms/"
    await settle(home)
    assert len(received) == 1


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_poll_fires_in_the_order_of_reception(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: Received,
    newest_first: bool,
) -> None:
    service_account.newest_first = newest_first
    now = dt_util.utcnow().timestamp()
    for index in range(5):
        service_account.receive(number=ANNA, message=f"{index}", timestamp=now - 10 + index)
    await poll(home, account)
    assert texts(received) == ["0", "1", "2", "3", "4"]


# The poll.


async def test_it_polls_every_minute(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: Received,
) -> None:
    service_account.receive(number=ANNA, message="hi")
    await pass_time(home, freezer, seconds=50)
    assert received == []
    await pass_time(home, freezer, seconds=12)
    assert texts(received) == ["hi"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("html", {}),
        ("empty", {}),
        ("cut", {}),
        ("nonsense", {"body": "later"}),
        ("nonsense", {"body": {"sms": "later"}}),
        # A connection that was kept open is tried once more by aiohttp.
        ("drop_before", {"count": 2}),
        ("drop_after", {"count": 2}),
        ("status", {"status": 500}),
        ("status", {"status": 503}),
        ("status", {"status": 404}),
        ("status", {"status": 429, "retry_after": 5}),
    ],
)
async def test_a_poll_that_fails_loses_nothing(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    received: Received,
    caplog: pytest.LogCaptureFixture,
    kind: Any,
    options: dict[str, Any],
) -> None:
    service_account.receive(number=ANNA, message="hi")
    simulator.fault("/getsms/", kind, **options)
    await poll(home, account)
    assert received == []
    assert not account.runtime_data.coordinator.last_update_success
    assert caplog.text.count("Error fetching") == 1
    await poll(home, account)
    assert texts(received) == ["hi"]
    assert account.runtime_data.coordinator.last_update_success


async def test_it_waits_as_long_as_the_service_asks(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    received: Received,
) -> None:
    service_account.receive(number=ANNA, message="hi")
    simulator.fault("/getsms/", "status", status=429, retry_after=600)
    await pass_time(home, freezer, seconds=62)
    await pass_time(home, freezer, seconds=500)
    assert received == []
    await pass_time(home, freezer, seconds=102)
    assert texts(received) == ["hi"]


async def test_a_revoked_key_is_noticed(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    """An unknown key has an empty list of messages and no error, so polling alone would never notice."""
    service_account.state = "unknown"
    await pass_time(home, freezer, minutes=5)
    assert not list(account.async_get_active_flows(home, {"reauth"}))
    await pass_time(home, freezer, minutes=11)
    assert len(list(account.async_get_active_flows(home, {"reauth"}))) == 1


async def test_a_lost_ledger_fires_nothing_of_the_past(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    received: Received,
    hass_storage: dict[str, Any],
) -> None:
    service_account.receive(number=ANNA, message="one")
    await poll(home, account)
    await home.config_entries.async_unload(account.entry_id)
    del hass_storage[f"smsmobileapi.{account.entry_id}.ledger"]
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert account.state is ConfigEntryState.LOADED
    service_account.receive(number=ANNA, message="two")
    await poll(home, account)
    await poll(home, account)
    assert texts(received) == ["one", "two"]


async def test_nothing_is_fired_while_home_assistant_stops(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, received: Received
) -> None:
    """Automations don't run any more: it has to wait for the next start."""
    service_account.receive(number=ANNA, message="hi")
    home.set_state(CoreState.stopping)
    await poll(home, account)
    assert received == []
    home.set_state(CoreState.running)
    await poll(home, account)
    assert texts(received) == ["hi"]
