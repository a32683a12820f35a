"""A custom integration for the end-to-end scripts: writes events to files, measures the event loop, holds up the start.

The files are in the folder EVENT_WRITER_DIR, which should be in memory, as the event loop must not wait for the disk.
Each line of `events.jsonl` is what the action `event_writer.write` was called with, or an error that an automation logged,
with the time and the automation's run. Each line of `lateness.jsonl` has by how many milliseconds a timer of 0.1 s was late,
and how many milliseconds Python's garbage collection took since the last line. Home Assistant's start waits while there is a
file `hold_start`.
"""

import asyncio
import gc
import json
import logging
import os
from pathlib import Path
import time
from typing import override

from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers.trace import trace_id_get
from homeassistant.helpers.typing import ConfigType

DOMAIN = "event_writer"
TICK_SECONDS = 0.1


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up the actions and the timer."""
    folder = Path(os.environ["EVENT_WRITER_DIR"])
    events, lateness = (
        os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for name in ("events.jsonl", "lateness.jsonl")
    )

    def append(**data: object) -> None:
        # In the event loop, so that it is written before the process can be killed.
        _, run = trace_id_get() or (None, None)
        os.write(events, json.dumps({"at": time.time(), "run": run, **data}).encode() + b"\n")

    @callback
    def write(call: ServiceCall) -> None:
        append(**call.data)

    class ErrorWriter(logging.Handler):
        @override
        def emit(self, record: logging.LogRecord) -> None:
            if trace_id_get():
                append(error=record.getMessage())

    async def poll(call: ServiceCall) -> None:
        """Poll the only account at once."""
        [entry] = hass.config_entries.async_loaded_entries("smsmobileapi")
        await entry.runtime_data.coordinator.async_refresh()

    collected_seconds = started = 0.0

    def collected(phase: str, info: dict[str, int]) -> None:
        nonlocal collected_seconds, started
        if phase == "start":
            started = time.perf_counter()
        else:
            collected_seconds += time.perf_counter() - started

    @callback
    def tick(due: float) -> None:
        nonlocal collected_seconds
        late = hass.loop.time() - due
        os.write(lateness, b"[%.1f, %.1f]\n" % (late * 1000, collected_seconds * 1000))
        collected_seconds = 0.0
        schedule()

    @callback
    def schedule() -> None:
        due = hass.loop.time() + TICK_SECONDS
        hass.loop.call_at(due, tick, due)

    gc.callbacks.append(collected)
    logging.getLogger("homeassistant.components.automation").addHandler(ErrorWriter(logging.ERROR))
    hass.services.async_register(DOMAIN, "write", write)
    hass.services.async_register(DOMAIN, "poll", poll)
    schedule()
    while (folder / "hold_start").exists():
        await asyncio.sleep(0.05)
    return True
