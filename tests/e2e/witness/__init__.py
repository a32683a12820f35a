"""A custom integration for tests: automations have it write down what they saw, where no kill can undo it.

Each line of `witness.jsonl` is what the action `witness.write` was given, with the time; each line of `lateness.jsonl` how
many milliseconds late the event loop was, ten times a second.
"""

import json
import os
import time

from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers.typing import ConfigType

DOMAIN = "witness"
EVERY_SECONDS = 0.1


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Begin to write."""
    seen = os.open(hass.config.path("witness.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    lateness = os.open(hass.config.path("lateness.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @callback
    def write(call: ServiceCall) -> None:
        # In the event loop on purpose: it has to be on its way to the disk before anything else happens.
        os.write(seen, json.dumps({"at": time.time(), **call.data}).encode() + b"\n")

    @callback
    def tick(due: float) -> None:
        os.write(lateness, b"%.1f\n" % ((hass.loop.time() - due) * 1000))
        plan()

    @callback
    def plan() -> None:
        due = hass.loop.time() + EVERY_SECONDS
        hass.loop.call_at(due, tick, due)

    hass.services.async_register(DOMAIN, "write", write)
    plan()
    return True
