"""Culprits: which automation or script a message comes from."""

from collections import OrderedDict
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, Event, HomeAssistant, callback

# Fired by Home Assistant's automations and scripts for each run.
RUNS: Final = ("automation_triggered", "script_started")
REMEMBERED: Final = 1_000  # runs


class Culprits:
    """Remembers the last runs of automations and scripts by their contexts."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, str] = OrderedDict()

    @callback
    def open(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Listen until the entry is unloaded."""
        for event_type in RUNS:
            entry.async_on_unload(hass.bus.async_listen(event_type, self._ran))

    def find(self, context: Context | None) -> str | None:
        """Return the entity id of the automation or script in whose run the context was made, where that is known."""
        if context is None:
            return None
        return self._runs.get(context.id) or self._runs.get(context.parent_id or "")

    @callback
    def _ran(self, event: Event[Any]) -> None:
        # A script that an automation calls shares its context: the automation comes first, and it is what loops.
        self._runs.setdefault(event.context.id, event.data[ATTR_ENTITY_ID])
        if len(self._runs) > REMEMBERED:
            self._runs.popitem(last=False)
