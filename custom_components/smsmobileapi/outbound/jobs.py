"""Jobs: the tasks that send. Where the caller is cancelled, what has not left never does; what has left is finished."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN
from ..errors import failed
from .models import OutboundMessage
from .rate_limit import LimitReached
from .recipients import Recipient, names_of

STOPS_WITHIN: Final = 15  # seconds; Home Assistant waits for twenty
TASK_NAME: Final = f"{DOMAIN} sends a message"


class Job[ResultT]:
    """A task that sends, and whether its caller still wants that.

    `has_caller` is False where nobody waits for the result, `is_wanted` where the caller was cancelled. `is_interrupted` is True
    where the account or Home Assistant stops.
    """

    task: asyncio.Task[ResultT]

    def __init__(self, *, has_caller: bool = True) -> None:
        self.has_caller = has_caller
        self.is_wanted = True
        self.is_interrupted = False
        self._has_left = False

    def leaves(self, has_left: bool) -> bool:
        """Record that a request is about to be made, or that the service has certainly not accepted it; return `is_wanted`."""
        self._has_left = has_left
        return self.is_wanted

    async def result(self) -> ResultT:
        """Wait for the task; return its result. Raises HomeAssistantError."""
        try:
            await asyncio.wait([self.task])
        except asyncio.CancelledError:
            self.has_caller = self.is_wanted = False
            self.cancel_unless_left()
            raise
        if self.task.cancelled():
            raise failed("may_have_been_sent" if self._has_left else "interrupted")
        return self.task.result()

    def cancel_unless_left(self) -> None:
        """Cancel the task where no request was made."""
        if not self._has_left:
            self.task.cancel()


class Jobs:
    """The jobs of one account that are not done."""

    def __init__(self) -> None:
        self._jobs: set[Job[Any]] = set()
        self.is_stopped = False

    def check(self) -> None:
        """Raise HomeAssistantError where nothing is sent any more, as the account is being unloaded."""
        if self.is_stopped:
            raise failed("interrupted")

    def add[ResultT](self, job: Job[ResultT], task: asyncio.Task[ResultT]) -> Job[ResultT]:
        """Keep a job, which the task carries out, until it is done; return it."""
        job.task = task
        self._jobs.add(job)

        def is_done(task: asyncio.Task[ResultT]) -> None:
            self._jobs.discard(job)
            if not task.cancelled():
                # Without this, asyncio would log the error where nobody waits for the task.
                task.exception()

        task.add_done_callback(is_done)
        return job

    async def interrupt(self) -> None:
        """Stop what has not left, and wait for the rest, for 15 seconds at most. What is sent from now on is not stopped."""
        for job in list(self._jobs):
            job.is_interrupted = True
            job.cancel_unless_left()
        if tasks := [job.task for job in self._jobs]:
            await asyncio.wait(tasks, timeout=STOPS_WITHIN)

    async def stop(self) -> None:
        """Stop what has not left, wait for the rest, for 15 seconds at most, and stop that."""
        self.is_stopped = True
        await self.interrupt()
        jobs = list(self._jobs)
        for job in jobs:
            job.is_interrupted = True
            job.task.cancel()
        await asyncio.gather(*(job.task for job in jobs), return_exceptions=True)


def _reason(err: BaseException) -> str:
    return (err.translation_key or "") if isinstance(err, LimitReached) else str(err)


def all_or_raise(
    recipients: Sequence[Recipient], outcomes: Sequence[OutboundMessage | BaseException]
) -> list[OutboundMessage]:
    """Return what was sent; raise where something was not, and say to whom."""
    sent = [outcome for outcome in outcomes if isinstance(outcome, OutboundMessage)]
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if not errors:
        return sent
    if unexpected := next((err for err in errors if not isinstance(err, HomeAssistantError)), None):
        raise unexpected
    # Of a limit, one sentence is enough: that with the last time, at which sending resumes.
    reasons = {_reason(err): err for err in errors}
    if not sent and len(reasons) == 1:
        raise errors[-1]
    reached = []
    missed: dict[str, list[str]] = {}
    for name, outcome in zip(names_of(recipients), outcomes, strict=True):
        if isinstance(outcome, OutboundMessage):
            reached.append(name)
        else:
            missed.setdefault(str(reasons[_reason(outcome)]), []).append(name)
    raise failed(
        "some_not_sent",
        sent=", ".join(reached) or "–",
        not_sent="; ".join(f"{', '.join(names)}: {reason}" for reason, names in missed.items()),
    )
