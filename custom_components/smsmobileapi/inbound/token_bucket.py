"""A limit that lets many through at once, and few for long."""

import time


class TokenBucket:
    """Lets `burst` through at once, and `per_second` from then on."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._filled_at = time.monotonic()

    def take(self) -> bool:
        """Return whether one more may pass, and count it."""
        now = time.monotonic()
        self._left = min(self._left + (now - self._filled_at) * self._per_second, self._burst)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
