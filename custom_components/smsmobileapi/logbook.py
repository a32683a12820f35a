"""The logbook: who wrote or called, also where that is why something else happened."""

from collections.abc import Callable
from typing import Any, Final

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback

from .const import DOMAIN, EVENT_CALL, EVENT_MESSAGE_RECEIVED

type Describe = Callable[[Event[dict[str, Any]]], dict[str, Any]]

_CALLS: Final = {"missed": "called, and was missed", "incoming": "called", "outgoing": "was called"}


@callback
def async_describe_events(
    hass: HomeAssistant, async_describe_event: Callable[[str, str, Describe], None]
) -> None:
    """Describe the bus events of messages and calls, without text and number of those who are no contacts."""

    @callback
    def describe_message(event: Event[dict[str, Any]]) -> dict[str, Any]:
        name = event.data["contact"] or event.data["sender_name"] or "Somebody"
        return {LOGBOOK_ENTRY_NAME: f"{name}'s text", LOGBOOK_ENTRY_MESSAGE: "was received"}

    @callback
    def describe_call(event: Event[dict[str, Any]]) -> dict[str, Any]:
        name = event.data["contact"] or event.data["name"] or "Somebody"
        return {LOGBOOK_ENTRY_NAME: name, LOGBOOK_ENTRY_MESSAGE: _CALLS[event.data["direction"]]}

    async_describe_event(DOMAIN, EVENT_MESSAGE_RECEIVED, describe_message)
    async_describe_event(DOMAIN, EVENT_CALL, describe_call)
