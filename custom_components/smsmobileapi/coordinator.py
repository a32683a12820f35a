"""The poll: the truth about what was received, whatever the webhook brought or missed."""

from datetime import datetime, timedelta
import logging
from typing import Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .api import RateLimited, SmsMobileApiClient, SmsMobileApiError
from .errors import for_entry
from .inbox import Inbox
from .ledger import Ledger
from .repairs import Issues
from .webhook import Webhook

_LOGGER = logging.getLogger(__name__)

# While nothing else brings messages, and once the webhook does.
POLL_ALONE: Final = timedelta(seconds=60)
POLL_BESIDE_WEBHOOK: Final = timedelta(minutes=15)
# An unknown key is answered with an empty list, so from time to time the key has to be proved.
PROVE_EVERY: Final = timedelta(minutes=15)


class PollCoordinator(DataUpdateCoordinator[None]):
    """Polls for one account."""

    config_entry: ConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        client: SmsMobileApiClient,
        ledger: Ledger,
        inbox: Inbox,
        webhook: Webhook,
        issues: Issues,
    ) -> None:
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=POLL_ALONE,
        )
        self._client = client
        self._ledger = ledger
        self._inbox = inbox
        self._webhook = webhook
        self._issues = issues
        self._proved_at = dt_util.utcnow()
        self.last_success: datetime | None = None

    @override
    async def _async_update_data(self) -> None:
        """Pass what was received to the inbox."""
        self.update_interval = POLL_BESIDE_WEBHOOK if self._webhook.is_proved else POLL_ALONE
        try:
            if dt_util.utcnow() - self._proved_at >= PROVE_EVERY:
                await self._client.prove_credentials()
                self._proved_at = dt_util.utcnow()
            messages = await self._client.received_messages(
                after=self._ledger.poll_after, zone=dt_util.get_default_time_zone()
            )
        except SmsMobileApiError as err:
            self._issues.note(err)
            failure = for_entry(err, UpdateFailed)
            if isinstance(failure, UpdateFailed) and isinstance(err, RateLimited):
                failure.retry_after = err.retry_after
            raise failure from None
        self._issues.note(None)
        self.last_success = dt_util.utcnow()
        if self._inbox.is_closed:
            return
        if self._ledger.is_lost:
            self._inbox.begin_after(messages)
            return
        new = [message for message in messages if self._inbox.receive(message)]
        for message in new:
            self._webhook.polled(message)
        if not self._inbox.is_open:
            # They are only held: should we be killed now, they have to be listed again.
            return
        self._ledger.advance(messages)
        if new:
            # There may be many: should we be killed now, none of them is to be fired again.
            await self._ledger.save()
