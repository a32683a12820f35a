"""All that the integration can do, in a real Home Assistant beside the simulated service, step by step.

Every step is told and checked; one that does not hold is told, too, and the tour goes on. It ends with 0 if all of them hold.
"""

import argparse
from pathlib import Path
import secrets
import shutil
import sys
import tempfile

from tests.e2e.guide import OUTSIDE, Guide
from tests.e2e.stage import run, stage
from tests.e2e.tell import StoryError, Teller
from tests.e2e.walks import (
    accounts,
    contacts,
    credentials,
    looking,
    media,
    options,
    phones,
    privacy,
    receiving,
    sending,
)

WALKS = {
    "Accounts": accounts.STEPS,
    "Credentials": credentials.STEPS,
    "Options": options.STEPS,
    "Contacts": contacts.STEPS,
    "Phones": phones.STEPS,
    "Sending": sending.STEPS,
    "Media": media.STEPS,
    "Receiving": receiving.STEPS,
    "Looking": looking.STEPS,
    "Privacy": privacy.STEPS,
}


async def tour(directory: Path) -> None:
    tell = Teller()
    key = f"nobody-{secrets.token_hex(8)}"
    async with stage(directory, key, external=OUTSIDE, debug=True, more="media_source:") as (home, service):
        guide = Guide(home, service, tell)
        await guide.start()
        for name, steps in WALKS.items():
            print(f"\n== {name} ({tell.seconds:.0f} s)")
            await guide.lead(steps)
    if guide.complaints:
        told = "\n".join(f"  {complaint}" for complaint in guide.complaints)
        raise StoryError(f"{len(guide.complaints)} of {tell.number} steps do not hold:\n{told}")
    print(f"\nAll {tell.number} steps hold, after {tell.seconds:.0f} s.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/tour", description=__doc__)
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep the logs there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smsmobileapi-tour-") as made:
        directory = Path(made)
        code = run(lambda: tour(directory))
        if arguments.logs:
            arguments.logs.mkdir(parents=True, exist_ok=True)
            for log in directory.glob("*.log"):
                shutil.copy(log, arguments.logs)
    return code


if __name__ == "__main__":
    sys.exit(main())
