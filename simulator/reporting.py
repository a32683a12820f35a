"""Reports that the service posts by itself: what became of a message, once it is due."""

import asyncio
import contextlib
import time

from . import webhooks
from .account import Account
from .records import SentMessage

# Short, since a test may move the clock meanwhile.
_LOOK_AGAIN = 0.02


class Reporter:
    """Waits for messages to be due and posts their V2 reports."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Task[None], SentMessage] = {}

    def watch(self, account: Account) -> None:
        """Report on the messages that the account has noted for it."""
        for sent in account.to_report:
            task = asyncio.create_task(_report(account, sent, sent.attempts))
            self._waiting[task] = sent
            task.add_done_callback(self._waiting.pop)
        account.to_report.clear()

    async def reported(self) -> None:
        """Wait until every report that is due by now has been posted."""
        now = time.time()
        if due := [task for task, sent in self._waiting.items() if sent.due <= now]:
            await asyncio.wait(due)

    async def stop(self) -> None:
        """Post nothing more."""
        tasks = list(self._waiting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _report(account: Account, sent: SentMessage, attempt: int) -> None:
    """Post what this attempt came to; nothing where it was overtaken by another, or forgotten, or has nowhere to go."""
    while (wait := sent.due - time.time()) > 0:
        await asyncio.sleep(min(wait, _LOOK_AGAIN))
    if sent.attempts != attempt or not any(known is sent for known in account.sent):
        return
    channels = ("sms", "whatsapp") if sent.channel == "both" else (sent.channel,)
    for channel in channels:
        # An address that is not of this machine has nobody to tell.
        with contextlib.suppress(ValueError):
            await webhooks.deliver_v2(account, f"{channel}.{sent.status}", webhooks.report_data(sent))
