"""The last message as a sensor."""

from datetime import timedelta

from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed, mock_restore_cache

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator

from .conftest import add_account, add_contact, settle

ANNA = "+36301234567"
BELA = "+36209876543"
SENSOR = "sensor.smsmobileapi_last_message"
ATTRIBUTES = {"message", "sender", "sender_name", "contact", "channel", "received_at", "message_id"}


async def poll(hass: HomeAssistant) -> None:
    """Let a minute pass."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=65))
    await settle(hass)


def last_message(hass: HomeAssistant) -> State:
    state = hass.states.get(SENSOR)
    assert state
    return state


def shown(state: State) -> dict[str, object]:
    return {name: state.attributes.get(name) for name in ATTRIBUTES}


async def test_it_belongs_to_the_account(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    entity = er.async_get(home).async_get(SENSOR)
    assert entity and entity.unique_id == f"{account.entry_id}_last_message"
    assert last_message(home).name == "SMSMobileAPI Last message"
    assert last_message(home).state == "unknown"


async def test_the_last_message_is_shown(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    service_account.receive(BELA, "first", guid="g-1")
    await poll(home)
    assert last_message(home).state == "first"
    row = service_account.receive(ANNA, "second\nline", guid="g-2")
    await poll(home)
    state = last_message(home)
    assert state.state == "second\nline"
    assert shown(state) == {
        "message": "second\nline",
        "sender": ANNA,
        "sender_name": None,
        "contact": "Anna",
        "channel": "sms",
        "received_at": dt_util.utc_from_timestamp(int(row.timestamp)).isoformat(),
        "message_id": "g-2",
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x" * 255, id="255"),
        pytest.param("x" * 254 + "ÿz", id="256"),
        pytest.param("árvíztűrő ☃ 👩‍👩‍👧 " * 60, id="long"),
        pytest.param("👍" * 300, id="wide"),
    ],
)
async def test_a_long_text_is_cut_and_whole_in_the_attribute(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, text: str
) -> None:
    service_account.receive(ANNA, text)
    await poll(home)
    state = last_message(home)
    assert state.state == text[:255]
    assert state.attributes["message"] == text


@pytest.mark.parametrize("text", ["", "unknown", "unavailable", "123", "None", "0"])
async def test_any_text_is_shown(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, text: str
) -> None:
    service_account.receive(ANNA, text)
    await poll(home)
    state = last_message(home)
    assert (state.state, state.attributes["message"], state.attributes["sender"]) == (text, text, ANNA)


async def test_it_outlives_a_reload(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.receive(ANNA, "x" * 300)
    await poll(home)
    before = last_message(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert last_message(home).state == before.state
    assert shown(last_message(home)) == shown(before)


async def test_it_outlives_a_time_without_the_service(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.receive(ANNA, "hi")
    await poll(home)
    service_account.state = "expired"
    await home.config_entries.async_reload(account.entry_id)
    assert last_message(home).state == "unavailable"
    service_account.state = "good"
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert last_message(home).state == "hi"


async def test_it_outlives_a_restart(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    attributes = {
        "message": "y" * 300,
        "sender": ANNA,
        "sender_name": "Anna N.",
        "contact": "Anna",
        "channel": "whatsapp",
        "received_at": "2026-05-01T10:00:00+00:00",
        "message_id": "g-1",
    }
    mock_restore_cache(home, [State(SENSOR, "y" * 255, attributes)])
    await add_account(home, simulator)
    state = last_message(home)
    assert (state.state, shown(state)) == ("y" * 255, attributes)
    service_account.receive(BELA, "new")
    await poll(home)
    assert (last_message(home).state, last_message(home).attributes["sender"]) == ("new", BELA)


@pytest.mark.parametrize("was", ["unknown", "unavailable"])
async def test_a_restart_before_the_first_message(
    home: HomeAssistant, simulator: Simulator, service_account: Account, was: str
) -> None:
    mock_restore_cache(home, [State(SENSOR, was)])
    await add_account(home, simulator)
    assert last_message(home).state == "unknown"


async def test_the_whole_text_is_not_recorded(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.receive(ANNA, "hi")
    await poll(home)
    info = last_message(home).state_info
    assert info and "message" in info["unrecorded_attributes"]


async def test_each_account_shows_its_own(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    other = simulator.add_account("k-2")
    await add_account(home, simulator, "k-2")
    service_account.receive(ANNA, "to the first")
    other.receive(ANNA, "to the second")
    await poll(home)
    second = home.states.get("sensor.smsmobileapi_2_last_message")
    assert last_message(home).state == "to the first"
    assert second and second.state == "to the second"
