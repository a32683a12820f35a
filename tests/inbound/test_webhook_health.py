"""WebhookHealth: what the webhook brings and what a poll has to bring show whether it works, also after a restart."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smsmobileapi.api import Call, Direction, ReceivedMessage, Source
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.inbound.webhook_health import WebhookHealth
from custom_components.smsmobileapi.repairs import Issues
from custom_components.smsmobileapi.storage import Database, database_path

URL = "https://home.example.net/api/webhook/0123"
OTHER = "https://home.example.net/api/webhook/4567"

type Load = Callable[[bool], Awaitable[WebhookHealth]]


@pytest.fixture
async def load(hass: HomeAssistant) -> AsyncIterator[Load]:
    """Return what loads it, after what was loaded before has ended; for a new account, or not."""
    entry = MockConfigEntry(domain=DOMAIN, entry_id="account")
    entry.add_to_hass(hass)
    loaded: list[tuple[WebhookHealth, Database]] = []

    async def end() -> None:
        for health, database in loaded:
            health.close()
            await database.close()

    async def load_health(is_new: bool) -> WebhookHealth:
        await end()
        database = Database(hass, "account", on_fault=lambda _: None, on_recovery=lambda _: None)
        await database.open()
        health = WebhookHealth(hass, database, Issues(hass, entry))
        await health.load(is_new=is_new)
        loaded.append((health, database))
        return health

    yield load_health
    await end()


@pytest.fixture
async def health(load: Load) -> WebhookHealth:
    return await load(False)


def message(message_id: str | None, *, age: int = 0) -> ReceivedMessage:
    at = (dt_util.utcnow() - timedelta(seconds=age)).isoformat()
    row = {"guid": message_id, "number": "1234", "message": "hi", "time_received": at}
    return ReceivedMessage.from_api(row, source=Source.POLL, zone=UTC, arrived=dt_util.utcnow())


def call() -> Call:
    row = {"number": "1234"}
    return Call.from_api(row, direction=Direction.MISSED, zone=UTC, arrived=datetime.now(UTC))


async def pass_time(hass: HomeAssistant, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()


def test_it_works_at_the_address_at_which_it_was_called(health: WebhookHealth) -> None:
    assert not health.is_working(URL)
    health.called(URL, None)
    assert health.is_working(URL)
    assert not health.is_working(OTHER)
    assert not health.is_working(None)
    # Called at an address that nobody knows: what was known stays so.
    health.called(None, None)
    assert health.is_working(URL)
    health.called(OTHER, None)
    assert not health.is_working(URL)


async def test_what_is_known_outlives_a_restart_but_not_another_account(
    hass: HomeAssistant, health: WebhookHealth, load: Load
) -> None:
    health.called(URL, call())
    again = await load(False)
    assert (again.is_working(URL), again.has_brought_call) == (True, True)
    assert b"0123" not in database_path(hass, "account").read_bytes()
    for is_new in (True, False):
        other = await load(is_new)
        assert (other.is_working(URL), other.has_brought_call) == (False, False)


def test_only_a_call_shows_that_calls_are_brought(health: WebhookHealth) -> None:
    contents = (message("g"), None, call(), message("h"))
    for content, has_brought_call in zip(contents, (False, False, True, True), strict=True):
        health.called(URL, content)
        assert health.has_brought_call is has_brought_call
    health.polled(call())
    assert not health.has_brought_call
    # That calls have to be polled for says nothing of messages.
    assert health.is_working(URL)


async def test_after_a_miss_it_does_not_count_as_working_until_it_is_called(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, health: WebhookHealth
) -> None:
    health.called(URL, call())
    health.polled(message("g"))
    await pass_time(hass, freezer, seconds=100)
    assert health.is_working(URL)
    await pass_time(hass, freezer, seconds=60)
    assert not health.is_working(URL)
    assert health.misses_today == 1
    # Of calls it says nothing.
    assert health.has_brought_call
    await pass_time(hass, freezer, hours=24)
    assert health.misses_today == 0


async def test_what_it_brought_or_could_not_bring_is_no_miss(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, health: WebhookHealth
) -> None:
    polled: list[ReceivedMessage] = [message(None), message("from before", age=60), message("late")]
    for arrival in polled:
        health.polled(arrival)
    health.called(URL, message("late"))
    await pass_time(hass, freezer, minutes=5)
    assert (health.is_working(URL), health.misses_today) == (True, 0)
    # Nothing is waited for after the end.
    health.polled(message("g"))
    health.close()
    await pass_time(hass, freezer, minutes=5)
    assert health.misses_today == 0


async def test_three_misses_of_a_day_are_reported_until_it_has_been_called_as_often(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, health: WebhookHealth
) -> None:
    def is_reported() -> Any:
        return ir.async_get(hass).async_get_issue(DOMAIN, "webhook_misses_account")

    for index in range(3):
        assert not is_reported()
        health.called(URL, None)
        health.polled(message(f"g{index}"))
        await pass_time(hass, freezer, minutes=5)
    assert is_reported()
    for _ in range(2):
        health.called(URL, None)
    assert is_reported()
    health.called(URL, None)
    assert not is_reported()
    assert health.misses_today == 0
