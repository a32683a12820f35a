"""What runs for one config entry: its doors, its ways in, and how they open and close."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.start import async_at_started

from .api import ApiKey, SmsMobileApiClient
from .const import CONF_HISTORY, CONF_MESSAGES_PER_DAY, CONF_MESSAGES_PER_MINUTE
from .contacts import Contacts
from .coordinator import PollCoordinator
from .culprits import Culprits
from .delivery import Delivery
from .flood import FloodGuard
from .inbox import Inbox
from .ledger import Ledger
from .limits import DEFAULT_PER_DAY, DEFAULT_PER_MINUTE, Limits
from .numbers import normalise_sender
from .outbox import Outbox
from .repairs import Issues
from .reports import Reports
from .storage import async_remove_files
from .webhook import Webhook, async_delete_cloudhook

# How long held messages wait for the first poll, so that older ones which it brings are fired before them.
FIRST_POLL_SECONDS: Final = 10

type SmsMobileApiConfigEntry = ConfigEntry[Account]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The runtime data of a config entry."""

    entry: SmsMobileApiConfigEntry
    contacts: Contacts
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
        contacts = Contacts(entry)
        ledger = Ledger(hass, entry.entry_id)
        inbox = Inbox(hass, entry.entry_id, ledger, contacts)
        webhook = Webhook(hass, entry, inbox, issues)
        limits = Limits(
            hass,
            entry.entry_id,
            per_minute=entry.options.get(CONF_MESSAGES_PER_MINUTE, DEFAULT_PER_MINUTE),
            per_day=entry.options.get(CONF_MESSAGES_PER_DAY, DEFAULT_PER_DAY),
        )
        culprits = Culprits()
        flood_guard = FloodGuard(hass, limits, culprits, issues)
        reports = Reports(hass, entry, client)
        outbox = Outbox(
            hass,
            entry,
            contacts=contacts,
            delivery=Delivery(
                client,
                normalise=lambda number: normalise_sender(number, hass.config.country),
                is_known=lambda message_id: reports.find(message_id) is not None,
            ),
            flood_guard=flood_guard,
            reports=reports,
            issues=issues,
        )
        coordinator = PollCoordinator(
            hass, entry, client=client, ledger=ledger, inbox=inbox, webhook=webhook, issues=issues
        )
        return cls(
            entry=entry,
            contacts=contacts,
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

        A new account takes its history from the config entry.
        """
        await self.ledger.load(self.entry.data.get(CONF_HISTORY))
        if CONF_HISTORY in self.entry.data:
            data = {key: value for key, value in self.entry.data.items() if key != CONF_HISTORY}
            hass.config_entries.async_update_entry(self.entry, data=data)
        await self.limits.load()
        await self.reports.load()
        # Home Assistant answers 200 for a webhook that is not there yet, so it has to be there as early as can be.
        await self.webhook.open()

    async def open(self, hass: HomeAssistant) -> None:
        """Let messages through; what comes before Home Assistant has started is held."""
        self.culprits.open(hass, self.entry)
        self.reports.open()
        await self.webhook.follow_address()
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
        self.issues.clear_shown()


def client_of(hass: HomeAssistant, data: Mapping[str, Any]) -> SmsMobileApiClient:
    """Return the client for a config entry's data."""
    return SmsMobileApiClient(async_get_clientsession(hass), ApiKey(data[CONF_API_KEY]), data[CONF_URL])


async def async_remove_account(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> None:
    """Leave nothing of an account behind."""
    await async_remove_files(hass, entry.entry_id)
    await async_delete_cloudhook(hass, entry.data[CONF_WEBHOOK_ID])
    Issues(hass, entry).clear()
