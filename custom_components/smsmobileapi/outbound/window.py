"""What was sent in the last minute or day, and whether a limit lets one more message pass."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a message counts against."""

    NORMAL = "normal"  # the limits of a minute and of a day
    URGENT = "urgent"  # the limit of a day
    RESERVE = "reserve"  # the reserve for urgent messages, beyond the limit of a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message that counts: its time in seconds of the monotonic clock, its SMS, and who had it sent."""

    time: float
    parts: int
    source: str | None
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A limit that is reached: that of all sources, or the share of one; and when it lets the message pass.

    `source` has reached its share, or has sent most of all. `resumes` is in seconds of the monotonic clock.
    """

    name: str
    is_share: bool
    limit: int
    resumes: float
    source: str | None


class Window:
    """The messages of the last `seconds`. Unknown sources count together as one, None."""

    def __init__(self, name: str, seconds: float, limit: Callable[[], int]) -> None:
        self._name = name
        self._seconds = seconds
        self._limit = limit
        self.sends: dict[int, Send] = {}  # by id, in the order of their times
        self.used = 0
        self._used_by: Counter[str | None] = Counter()

    @property
    def share(self) -> int:
        """Return how many SMS each source may send: half of the limit, rounded up."""
        return (self._limit() + 1) // 2

    def add(self, send_id: int, send: Send) -> None:
        """Count a message."""
        self.sends[send_id] = send
        self.used += send.parts
        self._used_by[send.source] += send.parts

    def remove(self, send_id: int) -> None:
        """Count a message no longer, if it is counted."""
        if send := self.sends.pop(send_id, None):
            self.used -= send.parts
            self._used_by[send.source] -= send.parts
            if not self._used_by[send.source]:
                del self._used_by[send.source]

    def advance(self, now: float) -> list[int]:
        """Count no longer what is older than the window; return its ids."""
        old = []
        for send_id, send in self.sends.items():
            if send.time + self._seconds > now:
                break
            old.append(send_id)
        for send_id in old:
            self.remove(send_id)
        return old

    def check(self, parts: int, source: str | None) -> Reached | None:
        """Return the limit that a message of so many SMS would exceed, the one that holds longer; None where it fits.

        It must not be more than a share.
        """
        reached = []
        if (excess := self.used + parts - self._limit()) > 0:
            (most, _), *_ = self._used_by.most_common(1)
            resumes = self._resumes(excess, self.sends.values())
            reached.append(
                Reached(name=self._name, is_share=False, limit=self._limit(), resumes=resumes, source=most)
            )
        if (excess := self._used_by[source] + parts - self.share) > 0:
            resumes = self._resumes(excess, (send for send in self.sends.values() if send.source == source))
            reached.append(
                Reached(name=self._name, is_share=True, limit=self.share, resumes=resumes, source=source)
            )
        return max(reached, key=lambda each: each.resumes, default=None)

    def _resumes(self, excess: int, sends: Iterable[Send]) -> float:
        """Return when the oldest of these messages are no longer counted, and so many SMS with them."""
        for send in sends:
            excess -= send.parts
            if excess <= 0:
                break
        return send.time + self._seconds
