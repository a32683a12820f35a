"""Delivery of V2 events: each attempt, the pause after failures, redelivery, and reports once they are due."""

import asyncio
from collections.abc import Collection, Coroutine
import contextlib
import time
from types import EllipsisType
from typing import Any

from .account import Account
from .events import example_data, report_data
from .records import SentMessage, WebhookEvent
from .webhooks import post_v2, v2_event, webhook_url

# Short, because a test may move the clock while a report waits for its time.
_CLOCK_CHECK_SECONDS = 0.02


class Dispatcher:
    """Posts V2 events, and runs the background tasks that post reports and redeliver events."""

    def __init__(self) -> None:
        self._reports: dict[asyncio.Task[None], SentMessage] = {}
        self._redeliveries: set[asyncio.Task[None]] = set()

    async def deliver(
        self,
        account: Account,
        event_type: str,
        data: dict[str, Any] | None = None,
        *,
        event_id: str | None = None,
        secret: str | EllipsisType | None = ...,
        timestamp: float | None = None,
        omit: Collection[str] = (),
    ) -> int:
        """Post a new event; see `Service.deliver_v2`."""
        webhook_url(account)
        needs_activation = account.whatsapp_webhook_needs_activation and not account.whatsapp_active
        if needs_activation and event_type in ("whatsapp.received", "whatsapp.voice.transcribed"):
            return 0
        if data is None:
            data = example_data(account, event_type)
        event = v2_event(event_type, data, event_id, omit)
        account.events.append(event)
        status = await _attempt(account, event, secret, timestamp)
        if account.redelivery_delay is not None and not event.delivered:
            task = self._start(_redeliver_until_delivered(account, event))
            self._redeliveries.add(task)
            task.add_done_callback(self._redeliveries.discard)
        return status

    async def redeliver(self, account: Account, event_id: str | None = None) -> list[int]:
        """Post the undelivered events again in their order, or all events with this id; return the statuses."""
        webhook_url(account)
        events = [
            event
            for event in account.events
            if (event.event_id == event_id if event_id else not event.delivered)
        ]
        return [await _attempt(account, event) for event in events]

    def schedule_reports(self, account: Account) -> None:
        """Start to wait for the messages in `account.unreported`, to report each once it is due."""
        for sent in account.unreported:
            task = self._start(self._report(account, sent, sent.attempts))
            self._reports[task] = sent
            task.add_done_callback(self._reports.pop)
        account.unreported.clear()

    async def wait_for_reports(self) -> None:
        """Wait until each report that is due now has been posted."""
        now = time.time()
        if due := [task for task, sent in self._reports.items() if sent.due <= now]:
            await asyncio.wait(due)

    async def stop(self) -> None:
        """Cancel the background tasks."""
        tasks = [*self._reports, *self._redeliveries]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    def _start(background: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(background, name="simulator webhook")

    async def _report(self, account: Account, sent: SentMessage, attempt: int) -> None:
        """Report this attempt once it is due, unless the message was sent again or removed meanwhile."""
        while (wait := sent.due - time.time()) > 0:
            await asyncio.sleep(min(wait, _CLOCK_CHECK_SECONDS))
        if sent.attempts != attempt or not any(known is sent for known in account.sent):
            return
        for channel in ("sms", "whatsapp") if sent.channel == "both" else (sent.channel,):
            # Without a webhook URL there is no one to report to.
            with contextlib.suppress(ValueError):
                await self.deliver(account, f"{channel}.{sent.status}", report_data(sent))


async def _attempt(
    account: Account,
    event: WebhookEvent,
    secret: str | EllipsisType | None = ...,
    timestamp: float | None = None,
) -> int:
    """Post an event once unless the account's webhook is paused; return the HTTP status, 0 for none."""
    if account.webhook_paused:
        return 0
    status = await post_v2(account, event, secret, timestamp)
    event.statuses.append(status)
    if 200 <= status < 300:
        account.failures_in_a_row = 0
        return status
    account.failures_in_a_row += 1
    limit = account.pause_after_failures
    if limit is not None and account.failures_in_a_row >= limit:
        # The count starts again once the webhook is switched on.
        account.webhook_paused, account.failures_in_a_row = True, 0
    return status


async def _redeliver_until_delivered(account: Account, event: WebhookEvent) -> None:
    """Post an event again and again until it is delivered, removed, or redelivery is switched off."""
    while (delay := account.redelivery_delay) is not None:
        await asyncio.sleep(delay)
        if event.delivered or not any(known is event for known in account.events):
            return
        with contextlib.suppress(ValueError):
            await _attempt(account, event)
