"""How the demo tells its steps."""

import time


class StoryError(Exception):
    """What was to be shown is not so."""


def check(holds: object, complaint: str) -> None:
    """Go on if it holds."""
    if not holds:
        raise StoryError(complaint)


class Teller:
    """Prints numbered steps, and below each the values that it brought."""

    def __init__(self) -> None:
        self.number = 0
        self.title = ""
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def step(self, title: str) -> None:
        self.number += 1
        self.title = title
        print(f"\n{self.number:2}. {title}", flush=True)

    def values(self, **values: object) -> None:
        for name, value in values.items():
            label = name if "." in name else name.replace("_", " ")
            shown = "–" if value is None else str(value)
            print(f"    {label:36}{shown}")
