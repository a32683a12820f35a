"""How deep the integration's own calls stand above a place in the code, counted while Home Assistant runs."""

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
import sys
from types import FrameType
from typing import Any, Self

import custom_components.smsmobileapi

OURS = str(Path(custom_components.smsmobileapi.__file__).parent)

type Chain = tuple[str, ...]

# Tasks and callbacks run in a copy of the context that they are made in, so they continue the chain of their maker.
_chain: ContextVar[Chain] = ContextVar("chain", default=())


class CallRecorder:
    """Records the chains of our own calls to each frame for which `is_target` is true; use it as a context manager."""

    def __init__(self, is_target: Callable[[FrameType], bool]) -> None:
        self._is_target = is_target
        # A frame of a coroutine is entered again after each wait.
        self._chains: dict[FrameType, Chain] = {}
        self._targets: dict[FrameType, Chain] = {}

    @property
    def found(self) -> list[Chain]:
        """Return the chain of each target, the first call first."""
        return list(self._targets.values())

    def __enter__(self) -> Self:
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _arg: Any) -> None:
        if event not in {"call", "return"}:
            return
        is_ours = frame.f_code.co_filename.startswith(OURS)
        if is_ours and event == "call":
            if frame not in self._chains:
                self._chains[frame] = (*self._parent(frame), _name(frame))
            _chain.set(self._chains[frame])
        elif is_ours:
            _chain.set(self._chains.get(frame, ())[:-1])
        if event == "call" and frame not in self._targets and self._is_target(frame):
            self._targets[frame] = self._chains.get(frame) or self._parent(frame)

    def _parent(self, frame: FrameType) -> Chain:
        """Return the chain of the nearest of our calls that is above the frame, in its task or in the task's maker."""
        above = frame.f_back
        while above and above not in self._chains:
            above = above.f_back
        return self._chains[above] if above else _chain.get()


def _name(frame: FrameType) -> str:
    return f"{frame.f_code.co_qualname} ({Path(frame.f_code.co_filename).name})"
