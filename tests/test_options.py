"""Options: the defaults, and what is read of what the user chose."""

from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.options import DEFAULTS, Options
from simulator import Account, Simulator

from .conftest import KEY, settle

NAMES = (
    "signing_secret",
    "messages_per_minute",
    "messages_per_day",
    "urgent_reserve",
    "phone",
    "sim",
    "region",
    "offline_after",
)


def read(hass: HomeAssistant, **chosen: Any) -> tuple[Any, ...]:
    options = Options(hass, MockConfigEntry(domain=DOMAIN, options=chosen))
    return tuple(getattr(options, name) for name in NAMES)


def test_what_was_chosen_counts_and_else_the_default(hass: HomeAssistant) -> None:
    hass.config.country = None
    assert read(hass) == read(hass, **DEFAULTS) == (None, 20, 200, 20, None, None, None, timedelta(hours=6))
    chosen = {"signing_secret": "whsec", "phone": "phone-1", "region": "AT", "messages_per_day": 2}
    # A selector's numbers are fractions, its choices texts.
    chosen |= {"messages_per_minute": 7.0, "sim": "1", "offline_hours": 5.0}
    assert read(hass, **chosen) == ("whsec", 7, 2, 20, "phone-1", 1, "AT", timedelta(hours=5))
    assert read(hass, offline_hours=0)[-1] is read(hass, offline_hours=0.0)[-1] is None


def test_the_country_is_home_assistants_unless_one_is_chosen(hass: HomeAssistant) -> None:
    """It is read each time: the home may move."""
    options = Options(hass, MockConfigEntry(domain=DOMAIN, options={"region": ""}))
    for country in ("HU", "BE"):
        hass.config.country = country
        assert options.region == country


@pytest.mark.parametrize(
    ("version", "minor_version", "is_usable"), [(1, 1, True), (1, 2, True), (1, 3, True), (2, 1, False)]
)
async def test_an_account_of_another_version_is_migrated_or_refused(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    version: int,
    minor_version: int,
    is_usable: bool,
) -> None:
    """How often to poll is no option since 1.2. What a later version saved is left as it is."""
    data = {"api_key": KEY, "url": simulator.url, "webhook_id": "0" * 64}
    kept = {"messages_per_day": 7, "region": "BE", "signing_secret": "whsec"}
    former = {"poll_seconds": 20, "poll_minutes": 5} if minor_version == 1 else {}
    entry = MockConfigEntry(
        domain=DOMAIN, version=version, minor_version=minor_version, data=data, options=kept | former
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id) is is_usable
    await settle(home)
    if is_usable:
        assert entry.state is ConfigEntryState.LOADED
        assert (entry.data, entry.options) == (data, kept)
        assert (entry.version, entry.minor_version) == (1, max(minor_version, 2))
        interval = entry.runtime_data.coordinator.update_interval
        assert interval == timedelta(minutes=1)
    else:
        assert entry.state is ConfigEntryState.MIGRATION_ERROR
        assert (entry.data, entry.options, entry.version) == (data, kept | former, version)
        assert not er.async_entries_for_config_entry(er.async_get(home), entry.entry_id)
