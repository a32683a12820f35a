"""A limit that lets many through at once, and few for long."""

from collections.abc import Callable


class TokenBucket:
    """Lets `burst` through at once, and `per_second` from then on; `clock` returns seconds."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float]) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._left = float(burst)
        self._filled_at = clock()

    def take(self) -> bool:
        """Return whether one more may pass, and count it."""
        now = self._clock()
        passed = max(now - self._filled_at, 0)
        self._left = min(self._left + passed * self._per_second, self._burst)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
