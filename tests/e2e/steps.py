"""Numbered steps, printed with the values that each of them brings."""

import time


class StepError(Exception):
    """A check failed."""


def check(condition: object, error: str) -> None:
    """Raise StepError with this text unless the condition is true."""
    if not condition:
        raise StepError(error)


class Steps:
    """Prints steps and values, and counts the steps."""

    def __init__(self) -> None:
        self.number = 0
        self.title = ""
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since the first step."""
        return time.monotonic() - self._started

    def begin(self, title: str) -> None:
        self.number += 1
        self.title = title
        print(f"\n{self.number:2}. {title}", flush=True)

    def show(self, **values: object) -> None:
        for name, value in values.items():
            label = name if "." in name else name.replace("_", " ")
            print(f"    {label:36} {'–' if value is None else value}", flush=True)
