"""What runs for one config entry: its doors, its ways in, and how they open and close."""

import asyncio
from dataclasses import dataclass
from typing import Final, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant
from homeassistant.helpers.start import async_at_started

from .api import SmsMobileApiClient
from .const import CONF_HISTORY
from .contacts import Contacts
from .coordinator import PollCoordinator
from .inbound.inbox import Inbox
from .inbound.ledger import Ledger
from .inbound.webhook import Webhook, async_delete_webhook
from .numbers import normalise_sender
from .options import Options
from .outbound.culprits import Culprits
from .outbound.delivery import Delivery
from .outbound.flood import FloodGuard
from .outbound.limits import Limits
from .outbound.outbox import Outbox
from .outbound.reports import Reports
from .phones import Phones
from .repairs import Issues
from .storage import async_remove_files

# How long held messages wait for the first poll, so that older ones which it brings are fired before them.
FIRST_POLL_SECONDS: Final = 10

type SmsMobileApiConfigEntry = ConfigEntry[Account]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The runtime data of a config entry."""

    entry: SmsMobileApiConfigEntry
    client: SmsMobileApiClient
    options: Options
    contacts: Contacts
    phones: Phones
    ledger: Ledger
    limits: Limits
    reports: Reports
    culprits: Culprits
    flood_guard: FloodGuard
    inbox: Inbox
    outbox: Outbox
    webhook: Webhook
    coordinator: PollCoordinator
    issues: Issues

    @classmethod
    def build(cls, hass: HomeAssistant, entry: SmsMobileApiConfigEntry, client: SmsMobileApiClient) -> Self:
        """Put the account's rooms together."""
        issues = Issues(hass, entry)
        options = Options(hass, entry)
        contacts = Contacts(entry)
        phones = Phones(hass, entry, options, issues)
        ledger = Ledger(hass, entry.entry_id)
        inbox = Inbox(hass, entry.entry_id, ledger=ledger, contacts=contacts, options=options)
        webhook = Webhook(hass, entry, options=options, inbox=inbox, issues=issues)
        limits = Limits(
            hass,
            entry.entry_id,
            per_minute=options.messages_per_minute,
            per_day=options.messages_per_day,
        )
        culprits = Culprits()
        flood_guard = FloodGuard(hass, limits, culprits, issues)
        reports = Reports(hass, entry, client)
        outbox = Outbox(
            hass,
            entry,
            options=options,
            contacts=contacts,
            phones=phones,
            client=client,
            delivery=Delivery(
                client,
                normalise=lambda number: normalise_sender(number, options.region),
                is_known=lambda message_id: reports.find(message_id) is not None,
            ),
            flood_guard=flood_guard,
            reports=reports,
            issues=issues,
        )
        coordinator = PollCoordinator(
            hass,
            entry,
            client=client,
            phones=phones,
            ledger=ledger,
            inbox=inbox,
            webhook=webhook,
            issues=issues,
        )
        return cls(
            entry=entry,
            client=client,
            options=options,
            contacts=contacts,
            phones=phones,
            ledger=ledger,
            limits=limits,
            reports=reports,
            culprits=culprits,
            flood_guard=flood_guard,
            inbox=inbox,
            outbox=outbox,
            webhook=webhook,
            coordinator=coordinator,
            issues=issues,
        )

    async def load(self, hass: HomeAssistant) -> None:
        """Read what was handled and sent before, and let the webhook take what comes, for the inbox to hold.

        An account that is new here takes its history from the config entry.
        """
        is_new = CONF_HISTORY in self.entry.data
        await self.ledger.load(self.entry.data.get(CONF_HISTORY))
        if is_new:
            data = {key: value for key, value in self.entry.data.items() if key != CONF_HISTORY}
            hass.config_entries.async_update_entry(self.entry, data=data)
        await self.limits.load()
        await self.reports.load()
        self.phones.load()
        # Home Assistant answers 200 for a webhook that is not there yet, so it has to be there as early as can be.
        await self.webhook.open(is_new=is_new)

    async def open(self, hass: HomeAssistant) -> None:
        """Let messages through; what comes before Home Assistant has started is held."""
        self.culprits.open(hass, self.entry)
        self.reports.open()
        self.outbox.open()
        await self.webhook.track_url()
        # The coordinator polls for as long as somebody listens; its news goes to the inbox.
        self.entry.async_on_unload(self.coordinator.async_add_listener(lambda: None))
        first_poll = self.entry.async_create_background_task(
            hass, self.coordinator.async_refresh(), f"{self.entry.title} first poll"
        )

        async def open_inbox() -> None:
            await asyncio.wait([first_poll], timeout=FIRST_POLL_SECONDS)
            self.inbox.open()
            await self.ledger.save()
            await self.webhook.inbox_opened()

        async def started(hass: HomeAssistant) -> None:
            self.entry.async_create_background_task(hass, open_inbox(), f"{self.entry.title} opens")

        self.entry.async_on_unload(async_at_started(hass, started))

    async def close(self) -> None:
        """Let nothing in any more and save what was handled."""
        await self.webhook.close()
        self.flood_guard.close()
        await self.ledger.close()
        await self.limits.close()
        await self.reports.close()
        self.issues.clear_all(but_ignored=True)


async def async_remove_account(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    """Leave nothing of an account behind."""
    await async_remove_files(hass, entry.entry_id)
    await async_delete_webhook(hass, entry.data[CONF_WEBHOOK_ID])
    Issues(hass, entry).clear_all(but_ignored=False)
