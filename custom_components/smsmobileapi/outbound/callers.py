"""Who has a message sent: the automation or script in whose run the context of a call was made."""

from collections import OrderedDict
from typing import Any, Final

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN

RUNS_REMEMBERED: Final = 10_000  # 1.3 MB; a run may wait for hours before it sends
# Home Assistant's automations and scripts fire these for each run.
_RUN_EVENTS: Final = ("automation_triggered", "script_started")


class Callers:
    """Remembers the last runs of automations and scripts by their contexts; one that goes on sending stays known."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._runs: OrderedDict[str, str] = OrderedDict()
        for event_type in _RUN_EVENTS:
            hass.bus.async_listen(event_type, self._remember_run)

    @callback
    def source_of(self, context: Context | None) -> str | None:
        """Return the entity id of the automation or script in whose run the context was made, None where it is not known."""
        if context is None:
            return None
        for context_id in (context.id, context.parent_id or ""):
            if source := self._runs.get(context_id):
                self._runs.move_to_end(context_id)
                return source
        return None

    @callback
    def _remember_run(self, event: Event[Any]) -> None:
        # A script that an automation calls has the same context. The automation comes first, and it is what loops.
        self._runs.setdefault(event.context.id, event.data[ATTR_ENTITY_ID])
        if len(self._runs) > RUNS_REMEMBERED:
            self._runs.popitem(last=False)


_CALLERS: Final[HassKey[Callers]] = HassKey(f"{DOMAIN}_callers")


@callback
def async_callers(hass: HomeAssistant) -> Callers:
    """Return what all accounts share: a run that is under way while an account is reloaded stays known."""
    if _CALLERS not in hass.data:
        hass.data[_CALLERS] = Callers(hass)
    return hass.data[_CALLERS]
