"""A real Home Assistant sends and receives texts beside the simulated service, and loses none over a restart."""

import argparse
from pathlib import Path
import secrets
import shutil
import sys
import tempfile

from tests.e2e.configuration import ROOT
from tests.e2e.stage import claim, run, stage, stay
from tests.e2e.story import Story
from tests.e2e.tell import StoryError, Teller


async def demonstrate(directory: Path, *, once: bool, pictures: Path | None) -> None:
    tell = Teller()
    claim(directory, afresh=True)
    async with stage(directory, f"demo-{secrets.token_hex(8)}") as (home, service):
        try:
            await Story(home, service, tell).play()
        except Exception as error:
            raise StoryError(f"Step {tell.number} failed, “{tell.title}”: {error}") from error
        if pictures:
            # Only those who want pictures have a browser and what drives it.
            from tests.e2e.screenshots import take_screenshots

            print("\nPictures:")
            await take_screenshots(home, service, pictures)
        print(f"\nAll {tell.number} steps hold, after {tell.seconds:.0f} s.")
        if not once:
            await stay(home, service)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="leave when all was shown")
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="take pictures of the pages, too")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="smsmobileapi-demo-")) if arguments.once else ROOT / ".demo"
    code = run(lambda: demonstrate(directory, once=arguments.once, pictures=arguments.screenshots))
    if code == 1:
        print(f"The logs are {directory}/console.log and {directory}/simulator.log.", file=sys.stderr)
    elif arguments.once:
        shutil.rmtree(directory)
    return code


if __name__ == "__main__":
    sys.exit(main())
