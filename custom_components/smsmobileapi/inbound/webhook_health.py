"""Whether the webhook works: what it brings, and which messages only a poll brought."""

from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..api import Call, ReceivedMessage, SignatureFault, StatusReport
from ..database_file import Statement
from ..repairs import Issue, Issues
from ..storage import Database, read_state, state_statement

# How much later than a poll the webhook may bring a message.
DELIVERY_SLACK: Final = timedelta(minutes=2)
DAY: Final = timedelta(days=1)
MISSES_PER_DAY: Final = 3
# So many requests without a miss between them end the issue.
CALLS_TO_TRUST: Final = 3
# So many refused requests without a good one between them are reported.
REFUSED_TO_REPORT: Final = 3
FAULTS: Final = {
    SignatureFault.SECRET: Issue.WRONG_SECRET,
    SignatureFault.CLOCK: Issue.WRONG_CLOCK,
    SignatureFault.CHANGED: Issue.CHANGED_BODY,
}

_STATE_NAME: Final = "webhook"


class WebhookHealth:
    """What is known about the webhook of one account.

    It counts as working once the service has called it at the address that it has now: until then it is not known whether
    that address was pasted into the service's dashboard.
    """

    def __init__(self, hass: HomeAssistant, database: Database, issues: Issues) -> None:
        self._hass = hass
        self._database = database
        self._issues = issues
        self._called_at_address: str | None = None  # a digest of it
        self._has_brought_call = False
        # In whole seconds, as most times of the service are.
        self._started_at = dt_util.utcnow().replace(microsecond=0)
        self._awaited: dict[str, CALLBACK_TYPE] = {}
        self._misses: list[datetime] = []
        self._calls_since_miss = 0
        self._refused_since_good = 0
        database.add_snapshot(self._snapshot)

    async def load(self, *, is_new: bool) -> None:
        """Read what was saved; where the account is new, that is about another account's webhook and is dropped."""
        nothing: dict[str, Any] = {}
        state = (
            nothing if is_new else await self._database.load(partial(read_state, name=_STATE_NAME), nothing)
        )
        self._called_at_address = state.get("called_at_address")
        self._has_brought_call = bool(state.get("has_brought_call"))
        if is_new:
            self._write()

    @callback
    def close(self) -> None:
        """Stop waiting for messages."""
        while self._awaited:
            self._awaited.popitem()[1]()

    def is_working(self, url: str | None) -> bool:
        """Return whether the service has called the webhook at this address."""
        return url is not None and self._called_at_address == _digest(url)

    @property
    def has_brought_call(self) -> bool:
        """Return whether the webhook brings phone calls: only V2 does, and only those types that were chosen there."""
        return self._has_brought_call

    @property
    def misses_today(self) -> int:
        """Return how many messages of the last 24 hours a poll had to bring."""
        return sum(dt_util.utcnow() - miss < DAY for miss in self._misses)

    @callback
    def called(self, url: str | None, content: ReceivedMessage | Call | StatusReport | None) -> None:
        """Record that the service called the webhook at this address; `content` is None for an event that is not used."""
        if isinstance(content, ReceivedMessage) and (
            cancel := self._awaited.pop(content.message_id or "", None)
        ):
            cancel()
        self._set(
            _digest(url) if url else self._called_at_address,
            has_brought_call=self._has_brought_call or isinstance(content, Call),
        )
        self._calls_since_miss += 1
        if self._calls_since_miss == CALLS_TO_TRUST:
            self._misses = []
            self._issues.clear(Issue.WEBHOOK_MISSES)

    @callback
    def polled(self, arrival: ReceivedMessage | Call) -> None:
        """Record that a poll brought something before the webhook did.

        A call means that the webhook brings no calls. For a message, the webhook has two minutes to bring it, too.
        """
        if isinstance(arrival, Call):
            self._set(self._called_at_address, has_brought_call=False)
        elif arrival.message_id and arrival.received_at >= self._started_at:
            job = HassJob(partial(self._missed, arrival.message_id), cancel_on_shutdown=True)
            self._awaited[arrival.message_id] = async_call_later(self._hass, DELIVERY_SLACK, job)

    @callback
    def refused(self, fault: SignatureFault) -> None:
        """Record that a request was refused for its signature: an unsigned one is reported at once, others after a few."""
        if fault is SignatureFault.UNSIGNED:
            self._issues.create(Issue.UNSIGNED)
            return
        self._refused_since_good += 1
        if self._refused_since_good >= REFUSED_TO_REPORT:
            for other, issue in FAULTS.items():
                if other is not fault:
                    self._issues.clear(issue)
            self._issues.create(FAULTS[fault])

    @callback
    def verified(self) -> None:
        """Record that the signature of a request was right, or that the secret is another one now."""
        self._refused_since_good = 0
        for issue in (Issue.UNSIGNED, *FAULTS.values()):
            self._issues.clear(issue)

    @callback
    def _missed(self, message_id: str, _now: datetime) -> None:
        """Record that the webhook did not bring a message: until it is called again, it does not count as working."""
        self._awaited.pop(message_id, None)
        self._calls_since_miss = 0
        self._set(None, has_brought_call=self._has_brought_call)
        now = dt_util.utcnow()
        self._misses = [*(miss for miss in self._misses if now - miss < DAY), now]
        if len(self._misses) >= MISSES_PER_DAY:
            self._issues.create(Issue.WEBHOOK_MISSES)

    @callback
    def _set(self, called_at_address: str | None, *, has_brought_call: bool) -> None:
        if (called_at_address, has_brought_call) != (self._called_at_address, self._has_brought_call):
            self._called_at_address, self._has_brought_call = called_at_address, has_brought_call
            self._write()

    def _write(self) -> None:
        for statement in self._snapshot():
            self._database.write(statement)

    def _snapshot(self) -> list[Statement]:
        state = {
            "called_at_address": self._called_at_address,
            "has_brought_call": self._has_brought_call,
        }
        return [state_statement(_STATE_NAME, state)]


def _digest(url: str) -> str:
    return blake2b(url.encode(), digest_size=8).hexdigest()
