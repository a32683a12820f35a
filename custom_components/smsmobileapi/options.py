"""Options: what the user chose for an account, and the defaults. Each one is read from the config entry when it is used."""

from datetime import timedelta
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import (
    CONF_MAX_AGE_HOURS,
    CONF_MESSAGES_PER_DAY,
    CONF_MESSAGES_PER_MINUTE,
    CONF_OFFLINE_HOURS,
    CONF_PHONE,
    CONF_PRIVATE_HISTORY,
    CONF_REGION,
    CONF_SIGNING_SECRET,
    CONF_SIM,
    CONF_URGENT_RESERVE,
)

DEFAULTS: Final = {
    CONF_MESSAGES_PER_MINUTE: 20,
    CONF_MESSAGES_PER_DAY: 200,
    CONF_URGENT_RESERVE: 20,
    CONF_OFFLINE_HOURS: 6,
    CONF_MAX_AGE_HOURS: 24,
}


class Options:
    """The options of one account."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._hass = hass
        self._entry = entry

    @property
    def signing_secret(self) -> str | None:
        """Return the secret that the service signs webhooks V2 with; None: signatures are not checked."""
        return self._entry.options.get(CONF_SIGNING_SECRET)

    @property
    def messages_per_minute(self) -> int:
        """Return how many SMS may be sent in a minute."""
        return self._number(CONF_MESSAGES_PER_MINUTE)

    @property
    def messages_per_day(self) -> int:
        """Return how many SMS may be sent in 24 hours."""
        return self._number(CONF_MESSAGES_PER_DAY)

    @property
    def urgent_reserve(self) -> int:
        """Return how many SMS of urgent messages may be sent in 24 hours beyond that."""
        return self._number(CONF_URGENT_RESERVE)

    @property
    def phone(self) -> str | None:
        """Return the SID of the phone that sends; None: the service chooses."""
        return self._entry.options.get(CONF_PHONE)

    @property
    def sim(self) -> int | None:
        """Return the SIM that sends, 1 or 2; None: the phone chooses."""
        sim = self._entry.options.get(CONF_SIM)
        return None if sim is None else int(sim)

    @property
    def region(self) -> str | None:
        """Return the country (ISO 3166) of numbers without a country code: the chosen one, else Home Assistant's."""
        region: str | None = self._entry.options.get(CONF_REGION)
        return region or self._hass.config.country

    @property
    def offline_after(self) -> timedelta | None:
        """Return how long a phone may be offline before a repair issue is created; None: none is ever created."""
        hours = self._number(CONF_OFFLINE_HOURS)
        return timedelta(hours=hours) if hours else None

    @property
    def max_age(self) -> timedelta:
        """Return how old a text or a call may be that is fired, when a poll first lists it."""
        return timedelta(hours=self._number(CONF_MAX_AGE_HOURS))

    @property
    def is_history_private(self) -> bool:
        """Return whether texts and numbers are kept out of bus events and states, which the recorder saves."""
        return bool(self._entry.options.get(CONF_PRIVATE_HISTORY))

    def _number(self, name: str) -> int:
        chosen: Any = self._entry.options.get(name, DEFAULTS[name])
        return int(chosen)
