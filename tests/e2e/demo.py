"""A real Home Assistant sends and receives texts beside the simulated service, and loses none over a restart."""

import argparse
from pathlib import Path
import shutil
import sys
import tempfile

from simulator import Simulator
from tests.e2e.configuration import DOMAIN, ROOT
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.process import free_port
from tests.e2e.session import claim, keep_running, run
from tests.e2e.steps import Steps
from tests.e2e.tour import basics, privacy
from tests.e2e.tour.context import Tour, steps_of


async def demo(directory: Path, *, once: bool, screenshots: Path | None) -> None:
    steps = Steps()
    claim(directory, empty=True)
    async with Simulator() as simulator, HomeAssistant(directory, free_port()) as hass:
        tour = Tour(hass, simulator, steps, hass.url)
        await tour.start()
        log_steps = (privacy.log_has_no_secrets, privacy.log_of_integration, privacy.log_of_others)
        await tour.run((*steps_of(basics), *log_steps), go_on=False)
        if screenshots:
            # Needs a browser and playwright, which nothing else does.
            from tests.e2e.browser import take_screenshots

            print("\nScreenshots:")
            await take_screenshots(tour, screenshots)
        print(f"\nAll {steps.number} steps passed, after {steps.seconds:.0f} s.")
        if not once:
            await keep_running(hass, simulator, tour.first.account)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the last step")
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="save screenshots of the pages, too")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix=f"{DOMAIN}-demo-")) if arguments.once else ROOT / ".demo"
    code = run(lambda: demo(directory, once=arguments.once, screenshots=arguments.screenshots))
    if code == 1:
        print(f"The log is {directory}/console.log.", file=sys.stderr)
    elif arguments.once:
        shutil.rmtree(directory)
    return code


if __name__ == "__main__":
    sys.exit(main())
