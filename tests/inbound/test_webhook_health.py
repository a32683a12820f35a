"""WebhookHealth: what the webhook brings and what a poll has to bring tell whether it works, also after a restart."""

from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smsmobileapi.api import Call, Direction, ReceivedMessage, Source
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.inbound.webhook_health import WebhookHealth
from custom_components.smsmobileapi.repairs import Issues

URL = "https://home.example.net/api/webhook/0123"
OTHER = "https://home.example.net/api/webhook/4567"
FILE = f"{DOMAIN}.account.webhook"


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    entry = MockConfigEntry(domain=DOMAIN, entry_id="account")
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def proof(hass: HomeAssistant, entry: MockConfigEntry) -> WebhookHealth:
    return await loaded(hass, entry)


async def loaded(hass: HomeAssistant, entry: MockConfigEntry, *, is_new: bool = False) -> WebhookHealth:
    proof = WebhookHealth(hass, entry.entry_id, Issues(hass, entry))
    await proof.load(is_new=is_new)
    return proof


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


async def test_it_is_proved_at_the_address_at_which_it_was_called(proof: WebhookHealth) -> None:
    assert not proof.proves(URL)
    proof.was_called(URL, None)
    assert proof.proves(URL)
    assert not proof.proves(OTHER)
    assert not proof.proves(None)
    # Called at an address that nobody knows: what was known stays so.
    proof.was_called(None, None)
    assert proof.proves(URL)
    proof.was_called(OTHER, None)
    assert not proof.proves(URL)


async def test_what_is_known_outlives_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry, proof: WebhookHealth
) -> None:
    proof.was_called(URL, call())
    await proof.close()
    again = await loaded(hass, entry)
    assert again.proves(URL)
    assert again.has_brought_call


async def test_it_is_saved_soon_and_says_no_address(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, proof: WebhookHealth, hass_storage: dict[str, Any]
) -> None:
    proof.was_called(URL, call())
    await pass_time(hass, freezer, seconds=1)
    assert hass_storage[FILE]["data"]["brings_calls"] is True
    assert "0123" not in str(hass_storage[FILE]["data"])


@pytest.mark.parametrize(
    ("saved", "is_proved", "brings_calls"),
    [
        pytest.param({"brings_calls": None}, True, False, id="null"),
        pytest.param({}, True, False, id="of the former version"),
        pytest.param({"brings_calls": True}, True, True, id="of this version"),
    ],
)
async def test_a_saved_file_is_read(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proof: WebhookHealth,
    hass_storage: dict[str, Any],
    saved: dict[str, Any],
    is_proved: bool,
    brings_calls: bool,
) -> None:
    proof.was_called(URL, None)
    await proof.close()
    kept = hass_storage[FILE]["data"]
    del kept["brings_calls"]
    kept.update(saved)
    again = await loaded(hass, entry)
    assert (again.proves(URL), again.has_brought_call) == (is_proved, brings_calls)


async def test_of_another_account_nothing_is_known(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry, proof: WebhookHealth
) -> None:
    proof.was_called(URL, call())
    await proof.close()
    other = await loaded(hass, entry, is_new=True)
    assert not other.proves(URL)
    assert not other.has_brought_call
    # Also where the rest of its set-up fails.
    await pass_time(hass, freezer, seconds=1)
    again = await loaded(hass, entry)
    assert not again.proves(URL)


async def test_only_a_call_tells_that_calls_are_brought(proof: WebhookHealth) -> None:
    proof.was_called(URL, message("g"))
    proof.was_called(URL, None)
    assert not proof.has_brought_call
    proof.was_called(URL, call())
    assert proof.has_brought_call
    proof.was_called(URL, message("h"))
    assert proof.has_brought_call
    proof.polled_call()
    assert not proof.has_brought_call
    # That calls have to be polled for says nothing of messages.
    assert proof.proves(URL)


async def test_a_miss_has_it_prove_itself_again(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, proof: WebhookHealth
) -> None:
    proof.was_called(URL, call())
    proof.polled(message("g"))
    await pass_time(hass, freezer, seconds=100)
    assert proof.proves(URL)
    await pass_time(hass, freezer, seconds=60)
    assert not proof.proves(URL)
    assert proof.misses_today == 1
    # Of calls it says nothing.
    assert proof.has_brought_call
    await pass_time(hass, freezer, hours=24)
    assert proof.misses_today == 0


@pytest.mark.parametrize(
    "polled",
    [
        pytest.param(lambda: message(None), id="without an id"),
        pytest.param(lambda: message("g", age=60), id="from before"),
    ],
)
async def test_what_it_could_not_bring_is_no_miss(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, proof: WebhookHealth, polled: Any
) -> None:
    proof.was_called(URL, None)
    proof.polled(polled())
    await pass_time(hass, freezer, minutes=5)
    assert proof.proves(URL)
    assert proof.misses_today == 0


async def test_nothing_is_waited_for_after_the_end(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, proof: WebhookHealth
) -> None:
    proof.was_called(URL, None)
    proof.polled(message("g"))
    await proof.close()
    await pass_time(hass, freezer, minutes=5)
    assert proof.misses_today == 0
