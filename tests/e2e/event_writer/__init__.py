"""A custom integration for the end-to-end scripts: writes events to files, measures the event loop, holds up the start.

The files are in the folder EVENT_WRITER_DIR, which should be in memory, as the event loop must not wait for the disk.
Each line of `events.jsonl` is what the action `event_writer.write` was called with, and the time. Each line of
`lateness.jsonl` has the time, by how many milliseconds a timer of the event loop was late, and how many milliseconds
Python's garbage collection took since the last line; the timer runs every EVENT_WRITER_TICK seconds (default 0.1), and
where that is shorter than 0.1, only what was 1 ms late is written. Home Assistant's start waits while there is a file
`hold_start`.
"""

import asyncio
import gc
import json
import os
from pathlib import Path
import time
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.helpers.typing import ConfigType

DOMAIN = "event_writer"


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up the actions and the timer."""
    folder = Path(os.environ["EVENT_WRITER_DIR"])
    tick_seconds = float(os.environ.get("EVENT_WRITER_TICK", "0.1"))
    events, lateness = (
        os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for name in ("events.jsonl", "lateness.jsonl")
    )

    @callback
    def write(call: ServiceCall) -> None:
        # In the event loop, so that it is written before the process can be killed.
        os.write(events, json.dumps({"at": time.time(), **call.data}).encode() + b"\n")

    async def poll(call: ServiceCall) -> dict[str, Any]:
        """Poll an account; return the CPU time of the event loop's thread meanwhile."""
        [entry] = hass.config_entries.async_loaded_entries("smsmobileapi")
        started = time.thread_time()
        await entry.runtime_data.coordinator.async_refresh()
        return {"cpu_ms": (time.thread_time() - started) * 1000}

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
        if tick_seconds >= 0.1 or late > 0.001:
            line = b"[%.3f, %.1f, %.1f]\n" % (time.time(), late * 1000, collected_seconds * 1000)
            os.write(lateness, line)
        collected_seconds = 0.0
        schedule()

    @callback
    def schedule() -> None:
        due = hass.loop.time() + tick_seconds
        hass.loop.call_at(due, tick, due)

    gc.callbacks.append(collected)
    hass.services.async_register(DOMAIN, "write", write)
    hass.services.async_register(DOMAIN, "poll", poll, supports_response=SupportsResponse.ONLY)
    schedule()
    while (folder / "hold_start").exists():
        await asyncio.sleep(0.05)
    return True
