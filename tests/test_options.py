"""Options: what counts where the user chose nothing, and what is read of what was chosen."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.options import DEFAULTS, Options

NAMES = (
    "signing_secret",
    "messages_per_minute",
    "messages_per_day",
    "poll_alone",
    "poll_beside_webhook",
    "phone",
    "sim",
    "region",
    "offline_after",
)


def read(hass: HomeAssistant, **chosen: Any) -> dict[str, Any]:
    options = Options(hass, MockConfigEntry(domain=DOMAIN, options=chosen))
    return {name: getattr(options, name) for name in NAMES}


def test_nothing_chosen_is_the_default(hass: HomeAssistant) -> None:
    hass.config.country = None
    assert read(hass) == {
        "signing_secret": None,
        "messages_per_minute": 20,
        "messages_per_day": 200,
        "poll_alone": timedelta(minutes=1),
        "poll_beside_webhook": timedelta(minutes=15),
        "phone": None,
        "sim": None,
        "region": None,
        "offline_after": timedelta(hours=6),
    }
    assert read(hass) == read(hass, **DEFAULTS)


def test_what_was_chosen_counts(hass: HomeAssistant) -> None:
    hass.config.country = "HU"
    chosen = {
        "signing_secret": "whsec",
        "messages_per_minute": 1,
        "messages_per_day": 2,
        "poll_seconds": 30,
        "poll_minutes": 4,
        "phone": "phone-1",
        "sim": 2,
        "region": "AT",
        "offline_hours": 5,
    }
    assert read(hass, **chosen) == {
        "signing_secret": "whsec",
        "messages_per_minute": 1,
        "messages_per_day": 2,
        "poll_alone": timedelta(seconds=30),
        "poll_beside_webhook": timedelta(minutes=4),
        "phone": "phone-1",
        "sim": 2,
        "region": "AT",
        "offline_after": timedelta(hours=5),
    }


@pytest.mark.parametrize("hours", [0, 0.0])
def test_no_hours_are_for_ever(hass: HomeAssistant, hours: float) -> None:
    assert read(hass, offline_hours=hours)["offline_after"] is None


def test_a_form_gives_texts_and_fractions(hass: HomeAssistant) -> None:
    """A selector's numbers are fractions, its choices texts."""
    found = read(hass, sim="1", poll_seconds=45.0, messages_per_day=7.0)
    assert (found["sim"], found["poll_alone"], found["messages_per_day"]) == (1, timedelta(seconds=45), 7)


def test_the_home_is_where_the_phones_are_unless_said_otherwise(hass: HomeAssistant) -> None:
    """And it is looked at when it matters: the home may move."""
    options = Options(hass, MockConfigEntry(domain=DOMAIN, options={"region": ""}))
    hass.config.country = "HU"
    assert options.region == "HU"
    hass.config.country = "BE"
    assert options.region == "BE"
