"""What runs for one config entry: its parts, and how they start and stop."""

import asyncio
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.start import async_at_started

from .api import SmsMobileApiClient
from .const import CONF_HISTORY
from .contacts import Contacts
from .coordinator import PollCoordinator
from .inbound.inbox import Inbox
from .inbound.kept import KeptMessages
from .inbound.ledger import Ledger
from .inbound.restore import async_was_restored
from .inbound.webhook import Webhook, async_delete_webhook
from .legacy_files import async_import_files
from .options import Options
from .outbound.delivery import Delivery
from .outbound.messages import Messages
from .outbound.outbox import Outbox
from .outbound.rate_limit import RateLimiter
from .outbound.recipients import RecipientResolver
from .outbound.reports import Reports
from .phones import Phones
from .repairs import Issue, Issues
from .senders import Senders
from .storage import Database, StorageError, async_remove_files

# How long held messages wait for the first poll, so that older ones which it brings are fired before them.
FIRST_POLL_SECONDS: Final = 10

type SmsMobileApiConfigEntry = ConfigEntry[Account]


class Account:
    """The runtime data of a config entry."""

    def __init__(
        self, hass: HomeAssistant, entry: SmsMobileApiConfigEntry, client: SmsMobileApiClient
    ) -> None:
        self.entry = entry
        self.client = client
        self.options = options = Options(hass, entry)
        self.contacts = contacts = Contacts(hass, entry)
        self.issues = issues = Issues(hass, entry)
        self.database = database = Database(
            hass,
            entry.entry_id,
            on_fault=lambda fault: issues.create(Issue(fault)),
            on_recovery=lambda fault: issues.clear(Issue(fault)),
        )
        self.phones = phones = Phones(hass, entry, options, issues)
        self.ledger = ledger = Ledger(database)
        self.kept = kept = KeptMessages(database, issues)
        self.senders = senders = Senders(database)
        self.inbox = inbox = Inbox(
            hass,
            entry.entry_id,
            ledger=ledger,
            kept=kept,
            contacts=contacts,
            senders=senders,
            options=options,
        )
        self.webhook = webhook = Webhook(
            hass, entry, options=options, database=database, inbox=inbox, issues=issues
        )
        inbox.on_open = webhook.inbox_opened
        self.rate_limiter = RateLimiter(hass, entry, options=options, database=database, issues=issues)
        self.messages = messages = Messages(database)
        self.reports = Reports(hass, entry, client=client, messages=messages)
        self.delivery = Delivery(
            hass,
            entry,
            client=client,
            options=options,
            rate_limiter=self.rate_limiter,
            messages=messages,
            reports=self.reports,
            issues=issues,
        )
        self.outbox = Outbox(
            hass,
            entry,
            recipients=RecipientResolver(options, contacts, phones, senders),
            messages=messages,
            reports=self.reports,
            delivery=self.delivery,
        )
        self.coordinator = PollCoordinator(
            hass,
            entry,
            client=client,
            phones=phones,
            ledger=ledger,
            inbox=inbox,
            webhook=webhook,
            issues=issues,
        )

    async def load(self, hass: HomeAssistant) -> None:
        """Read what was handled and sent before, and let the webhook accept requests; the inbox holds what they bring.

        An account that is new here takes its history from the config entry.
        """
        # Closed also where the rest of the set-up fails. It is added first, so it is called last.
        self.entry.async_on_unload(self.database.close)
        # Home Assistant answers 200 for a webhook that is not there, so it has to be there before all else.
        self.webhook.refuse()
        await self.database.open()
        await async_import_files(hass, self.entry.entry_id, self.database)
        is_new = await self.ledger.load(self.entry.data.get(CONF_HISTORY))
        await self.senders.load()
        was_restored = await async_was_restored(hass, self.entry.entry_id, self.database)
        if was_restored:
            self.ledger.restored()
        await self.kept.load()
        await self.rate_limiter.load()
        await self.messages.load()
        if was_restored:
            self.messages.restored()
        self.phones.load()
        await self.webhook.start(is_new=is_new)
        self.database.loaded()
        if CONF_HISTORY in self.entry.data:
            await self._remove_history(hass)

    async def _remove_history(self, hass: HomeAssistant) -> None:
        """Remove the history from the config entry, if the database has it on disk."""
        try:
            await self.database.flush()
        except StorageError:
            return
        data = {key: value for key, value in self.entry.data.items() if key != CONF_HISTORY}
        hass.config_entries.async_update_entry(self.entry, data=data)

    async def start(self, hass: HomeAssistant) -> None:
        """Start to send, receive and poll; what arrives before Home Assistant has started is held until then."""
        self.rate_limiter.start()
        self.outbox.start()
        await self.webhook.track_addresses()
        # The coordinator polls for as long as it has a listener.
        self.entry.async_on_unload(self.coordinator.async_add_listener(self._polled))
        first_poll = self.entry.async_create_background_task(
            hass, self.coordinator.async_refresh(), f"{self.entry.title} first poll"
        )

        async def open_inbox() -> None:
            await asyncio.wait([first_poll], timeout=FIRST_POLL_SECONDS)
            await self.inbox.open()

        async def started(hass: HomeAssistant) -> None:
            # Not earlier: no automation would get the reports, and the start would wait for the service.
            self.reports.start()
            self.outbox.resume()
            self.entry.async_create_background_task(hass, open_inbox(), f"{self.entry.title} opens its inbox")

        self.entry.async_on_unload(async_at_started(hass, started))

    @callback
    def _polled(self) -> None:
        if self.coordinator.last_update_success:
            self.outbox.retry_now()

    async def stop(self) -> None:
        """Stop all timers and close the database. The outbox has to be stopped before."""
        self.rate_limiter.stop()
        self.reports.stop()
        await self.database.close()
        self.issues.clear_all(keep_ignored=True)


async def async_remove_account(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    """Remove the files, the webhook and the issues of an account that is removed."""
    await async_remove_files(hass, entry.entry_id)
    await async_delete_webhook(hass, entry.data[CONF_WEBHOOK_ID])
    Issues(hass, entry).clear_all(keep_ignored=False)
