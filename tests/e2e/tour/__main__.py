"""All that the integration can do, in a real Home Assistant beside the simulated service, step by step.

A step that fails is printed as such, and the next one is taken. The exit code is 0 if all steps pass.
"""

import argparse
from pathlib import Path
import shutil
import sys
import tempfile

from simulator import Simulator
from tests.e2e.configuration import DOMAIN
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.process import free_port
from tests.e2e.session import run
from tests.e2e.steps import StepError, Steps
from tests.e2e.tour import (
    accounts,
    basics,
    contacts,
    credentials,
    media,
    message_log,
    options,
    phones,
    privacy,
    receiving,
    sending,
)
from tests.e2e.tour.context import Tour, steps_of

EXTERNAL_URL = "https://home.example.net"
CHAPTERS = (
    basics, accounts, credentials, options, contacts, phones, sending, media, receiving, message_log, privacy,
)  # fmt: skip


async def tour(directory: Path) -> None:
    steps = Steps()
    hass = HomeAssistant(directory, free_port(), external_url=EXTERNAL_URL, debug=True, yaml="media_source:")
    async with Simulator() as simulator, hass:
        state = Tour(hass, simulator, steps, EXTERNAL_URL)
        await state.start()
        for chapter in CHAPTERS:
            print(f"\n== {chapter.__name__.rpartition('.')[2]} ({steps.seconds:.0f} s)")
            await state.run(steps_of(chapter), go_on=True)
    if state.failures:
        listed = "\n".join(f"  {failure}" for failure in state.failures)
        raise StepError(f"{len(state.failures)} of {steps.number} steps failed:\n{listed}")
    print(f"\nAll {steps.number} steps passed, after {steps.seconds:.0f} s.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/tour", description=__doc__)
    parser.add_argument("--logs", type=Path, metavar="DIR", help="copy the log there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=f"{DOMAIN}-tour-") as made:
        directory = Path(made)
        code = run(lambda: tour(directory))
        if arguments.logs:
            arguments.logs.mkdir(parents=True, exist_ok=True)
            shutil.copy(directory / "console.log", arguments.logs)
    return code


if __name__ == "__main__":
    sys.exit(main())
