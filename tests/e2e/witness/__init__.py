"""A custom integration for tests: automations have it write down what they saw, where no kill can undo it.

The files are in the folder WITNESS_DIR, which should be in memory, for the event loop must not wait for the disk. Each line of
`witness.jsonl` is what the action `witness.write` was given, with the time; each line of `lateness.jsonl` how
many milliseconds late the event loop was, ten times a second, and how many Python's garbage collection took since the last time.
"""

import gc
import json
import os
from pathlib import Path
import time

from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers.typing import ConfigType

DOMAIN = "witness"
EVERY_SECONDS = 0.1


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Begin to write."""
    seen, lateness = (
        os.open(Path(os.environ["WITNESS_DIR"], name), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for name in ("witness.jsonl", "lateness.jsonl")
    )

    @callback
    def write(call: ServiceCall) -> None:
        # In the event loop on purpose: it has to be on its way to the disk before anything else happens.
        os.write(seen, json.dumps({"at": time.time(), **call.data}).encode() + b"\n")

    collected_for = began = 0.0

    def collected(phase: str, info: dict[str, int]) -> None:
        nonlocal collected_for, began
        if phase == "start":
            began = time.perf_counter()
        else:
            collected_for += time.perf_counter() - began

    @callback
    def tick(due: float) -> None:
        nonlocal collected_for
        late = hass.loop.time() - due
        os.write(lateness, b"[%.1f, %.1f]\n" % (late * 1000, collected_for * 1000))
        collected_for = 0.0
        plan()

    @callback
    def plan() -> None:
        due = hass.loop.time() + EVERY_SECONDS
        hass.loop.call_at(due, tick, due)

    gc.callbacks.append(collected)
    hass.services.async_register(DOMAIN, "write", write)
    plan()
    return True
