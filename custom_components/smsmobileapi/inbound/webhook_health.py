"""WebhookHealth: whether the webhook works, told from what it brings and from what a poll has to bring in its stead."""

from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Final, NotRequired, TypedDict

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..api import Call, ReceivedMessage, StatusReport
from ..repairs import Issue, Issues
from ..storage import AccountStore, File

# How long the webhook may be on its way with a message that a poll has found already.
DELIVERY_SLACK: Final = timedelta(minutes=2)
DAY: Final = timedelta(days=1)
MISSES_PER_DAY: Final = 3
# A webhook that brings only some of the messages is not one that works.
CALLS_TO_TRUST: Final = 3


class _Saved(TypedDict):
    proved: str | None
    brings_calls: NotRequired[bool]


class WebhookHealth:
    """What is known of one account's webhook.

    It is proved once the service has called it at the address that it has now: until then nobody knows whether that
    address was pasted into the service's dashboard.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str, issues: Issues) -> None:
        self._hass = hass
        self._issues = issues
        self._store = AccountStore[_Saved](hass, entry_id, File.WEBHOOK)
        self._proved: str | None = None
        self._has_brought_call = False
        # In whole seconds, as most times of the service are.
        self._opened_at = dt_util.utcnow().replace(microsecond=0)
        self._awaited: dict[str, CALLBACK_TYPE] = {}
        self._misses: list[datetime] = []
        self._calls_since_miss = 0

    async def load(self, *, is_new: bool) -> None:
        """Read what is known. What another account's webhook proved says nothing of a new one's."""
        await self._store.load(self._read_saved)
        if is_new:
            self._note(None, has_brought_call=False)

    async def close(self) -> None:
        """Wait for no message any more and save what is known."""
        while self._awaited:
            self._awaited.popitem()[1]()
        await self._store.close(self._as_saved())

    def proves(self, url: str | None) -> bool:
        """Tell whether the service has called the webhook at this address."""
        return url is not None and self._proved == _digest(url)

    @property
    def has_brought_call(self) -> bool:
        """Tell whether the webhook brings phone calls, too: only V2 does, and only those that were chosen there."""
        return self._has_brought_call

    @property
    def misses_today(self) -> int:
        """Return how many messages of the last 24 hours a poll had to bring."""
        return sum(dt_util.utcnow() - miss < DAY for miss in self._misses)

    @callback
    def was_called(self, url: str | None, content: ReceivedMessage | Call | StatusReport | None) -> None:
        """Note that the webhook works."""
        if isinstance(content, ReceivedMessage) and (
            cancel := self._awaited.pop(content.message_id or "", None)
        ):
            cancel()
        self._note(
            _digest(url) if url else self._proved,
            has_brought_call=self._has_brought_call or isinstance(content, Call),
        )
        self._calls_since_miss += 1
        if self._calls_since_miss == CALLS_TO_TRUST:
            self._misses = []
            self._issues.clear(Issue.WEBHOOK_MISSES)

    @callback
    def polled(self, arrival: ReceivedMessage | Call) -> None:
        """Note that a poll was first: with a call, these have to be polled for; a message the webhook should bring too."""
        if isinstance(arrival, Call):
            self._note(self._proved, has_brought_call=False)
        elif arrival.message_id and arrival.received_at >= self._opened_at:
            job = HassJob(partial(self._missed, arrival.message_id), cancel_on_shutdown=True)
            self._awaited[arrival.message_id] = async_call_later(self._hass, DELIVERY_SLACK, job)

    @callback
    def _missed(self, message_id: str, _now: datetime) -> None:
        """Note that the webhook did not bring a message: it has to prove itself again."""
        self._awaited.pop(message_id, None)
        self._calls_since_miss = 0
        self._note(None, has_brought_call=self._has_brought_call)
        now = dt_util.utcnow()
        self._misses = [*(miss for miss in self._misses if now - miss < DAY), now]
        if len(self._misses) >= MISSES_PER_DAY:
            self._issues.create(Issue.WEBHOOK_MISSES)

    @callback
    def _note(self, proved: str | None, *, has_brought_call: bool) -> None:
        if (proved, has_brought_call) != (self._proved, self._has_brought_call):
            self._proved, self._has_brought_call = proved, has_brought_call
            self._store.save_soon(self._as_saved)

    def _read_saved(self, saved: _Saved) -> None:
        self._proved = saved["proved"]
        self._has_brought_call = bool(saved.get("brings_calls"))

    def _as_saved(self) -> _Saved:
        return {"proved": self._proved, "brings_calls": self._has_brought_call}


def _digest(url: str) -> str:
    return blake2b(url.encode(), digest_size=8).hexdigest()
