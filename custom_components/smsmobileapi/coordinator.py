"""The poll: phones, and the messages and calls that the webhook did not bring."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
import logging
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .api import (
    Call,
    Direction,
    InvalidCredentials,
    Phone,
    ReceivedMessage,
    SmsMobileApiClient,
    SmsMobileApiError,
    SubscriptionExpired,
)
from .errors import for_poll
from .inbound.identity import is_timed
from .inbound.inbox import Inbox, InboxState
from .inbound.ledger import LONG_OVERLAP, SHORT_OVERLAP, Ledger
from .inbound.webhook import Webhook
from .phones import Phones
from .repairs import Issues

_LOGGER = logging.getLogger(__name__)

POLL_ALONE: Final = timedelta(minutes=1)
POLL_BESIDE_WEBHOOK: Final = timedelta(minutes=15)
# How often a poll asks for all messages that a phone may bring late.
LATE_MESSAGES_EVERY: Final = timedelta(hours=1)
# The list of phones also proves the key: an unknown one is answered with an empty list of messages.
PHONES_EVERY: Final = timedelta(minutes=15)
# Calls reach the service with up to ten minutes' delay (D).
CALLS_ALONE: Final = timedelta(minutes=10)
CALLS_BESIDE_WEBHOOK: Final = timedelta(hours=1)
# The time between two polls varies a little: what is due within this time is done at once.
EARLY: Final = timedelta(seconds=5)
CALLS_AT_ONCE: Final = 50
MOST_PAGES: Final = 20


class PollCoordinator(DataUpdateCoordinator[None]):
    """Polls for one account."""

    config_entry: ConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        client: SmsMobileApiClient,
        phones: Phones,
        ledger: Ledger,
        inbox: Inbox,
        webhook: Webhook,
        issues: Issues,
    ) -> None:
        super().__init__(hass, _LOGGER, config_entry=entry, name=entry.title, update_interval=POLL_ALONE)
        self._client = client
        self._phones = phones
        self._ledger = ledger
        self._inbox = inbox
        self._webhook = webhook
        self._issues = issues
        self._late_messages_at: datetime | None = None
        self._phones_at: datetime | None = None
        self._calls_at: datetime | None = None
        # Of the rows that the last polls listed: the same row again is no news, and need not be parsed.
        self._seen_rows: set[int] = set()
        self.last_success: datetime | None = None

    @override
    async def _async_update_data(self) -> None:
        """Pass what was received to the inbox."""
        self.update_interval = POLL_BESIDE_WEBHOOK if self._webhook.is_working else POLL_ALONE
        zone = dt_util.get_default_time_zone()
        now = dt_util.utcnow()
        try:
            if _is_due(self._phones_at, PHONES_EVERY, now):
                self._phones.update(await self._list_phones(zone))
                self._phones_at = now
            is_long = _is_due(self._late_messages_at, LATE_MESSAGES_EVERY, now)
            messages, listed = await self._new_messages(zone, LONG_OVERLAP if is_long else SHORT_OVERLAP)
        except SmsMobileApiError as err:
            self._issues.check_subscription(err)
            # The webhook does not tell when the service is back. The phones may have changed by then.
            self.update_interval, self._phones_at = POLL_ALONE, None
            raise for_poll(err) from None
        self._issues.check_subscription(None)
        self.last_success = dt_util.utcnow()
        if self._inbox.state is InboxState.CLOSED:
            return
        if self._ledger.is_lost:
            self._inbox.begin_after(messages)
            return
        for message in await self._inbox.receive_all(messages):
            self._webhook.polled(message)
        if is_long:
            self._late_messages_at, self._seen_rows = now, listed
        else:
            self._seen_rows |= listed
        if self._inbox.state is InboxState.OPEN:
            # What is only held has to be listed again if Home Assistant is killed now.
            self._ledger.advance(messages)
        if _is_due(self._calls_at, CALLS_BESIDE_WEBHOOK if self._webhook.brings_calls else CALLS_ALONE, now):
            self._calls_at = now
            await self._poll_calls(zone)

    async def _new_messages(self, zone: tzinfo, overlap: timedelta) -> tuple[list[ReceivedMessage], set[int]]:
        """Return the messages that the polls before did not list, oldest first, and the hashes of all rows listed now.

        Raises SmsMobileApiError.
        """
        after = self._ledger.poll_after(overlap)
        listed: set[int] = set()

        def is_seen(row: Mapping[str, Any]) -> bool:
            try:
                fingerprint = hash(tuple(row.values()))
            except TypeError:
                return False
            listed.add(fingerprint)
            return fingerprint in self._seen_rows

        messages = await self._client.received_messages(after=after, zone=zone, skip=is_seen)
        return messages, listed

    async def _list_phones(self, zone: tzinfo) -> list[Phone] | None:
        """Return the phones, None where they can't be listed. Raises an error only where the credentials are refused."""
        try:
            return await self._client.verify_credentials(zone=zone)
        except InvalidCredentials, SubscriptionExpired:
            raise
        except SmsMobileApiError as err:
            _LOGGER.debug("The phones can't be listed: %s", type(err).__name__)
            return None

    async def _poll_calls(self, zone: tzinfo) -> None:
        """Pass the calls that the webhook did not bring to the inbox. A list that can't be read does not make the poll fail."""
        calls: list[Call] = []
        for direction in Direction:
            try:
                calls += await self._new_calls(direction, zone)
            except SmsMobileApiError as err:
                _LOGGER.debug("The %s calls can't be listed: %s", direction, type(err).__name__)
        if self._inbox.state is InboxState.CLOSED:
            return
        for call in await self._inbox.receive_all(sorted(calls, key=lambda call: call.started_at)):
            self._webhook.polled(call)

    async def _new_calls(self, direction: Direction, zone: tzinfo) -> list[Call]:
        """Return the calls down to the first that is known, page by page."""
        new: list[Call] = []
        for page in range(MOST_PAGES):
            calls = await self._client.calls(
                direction, zone=zone, offset=page * CALLS_AT_ONCE, limit=CALLS_AT_ONCE
            )
            if page == 0:
                untimed = self._ledger.newly_listed(direction, calls)
                # Where the webhook brings calls, it has brought these, too, and without a time they match none of its calls.
                new += [] if self._webhook.brings_calls else untimed
            unknown = [call for call in calls if is_timed(call) and not self._inbox.knows(call)]
            new += unknown
            if len(unknown) < CALLS_AT_ONCE:
                break
        return new


def _is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    # abs(): where the clock was put back, it is due, too.
    return last is None or abs(now - last) >= every - EARLY
