"""What runs for one config entry: its doors, its ways in, and how they open and close."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_API_KEY, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.start import async_at_started

from .api import ApiKey, SmsMobileApiClient
from .const import CONF_HISTORY
from .contacts import Contacts
from .coordinator import PollCoordinator
from .inbox import Inbox
from .ledger import Ledger
from .outbox import Outbox
from .webhook import Webhook

# How long held messages wait for the first poll, so that older ones which it brings are fired before them.
FIRST_POLL_SECONDS: Final = 10

type SmsMobileApiConfigEntry = ConfigEntry[Account]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The runtime data of a config entry."""

    entry: SmsMobileApiConfigEntry
    contacts: Contacts
    ledger: Ledger
    inbox: Inbox
    outbox: Outbox
    webhook: Webhook
    coordinator: PollCoordinator

    @classmethod
    def build(cls, hass: HomeAssistant, entry: SmsMobileApiConfigEntry, client: SmsMobileApiClient) -> Self:
        """Put the account's rooms together."""
        contacts = Contacts(entry)
        ledger = Ledger(hass, entry.entry_id)
        inbox = Inbox(hass, entry.entry_id, ledger, contacts)
        webhook = Webhook(hass, entry, inbox)
        return cls(
            entry=entry,
            contacts=contacts,
            ledger=ledger,
            inbox=inbox,
            outbox=Outbox(hass, entry, client, contacts),
            webhook=webhook,
            coordinator=PollCoordinator(
                hass, entry, client=client, ledger=ledger, inbox=inbox, webhook=webhook
            ),
        )

    async def load(self, hass: HomeAssistant) -> None:
        """Read what was handled before; a new account takes its history from the config entry."""
        await self.ledger.load(self.entry.data.get(CONF_HISTORY))
        if CONF_HISTORY in self.entry.data:
            data = {key: value for key, value in self.entry.data.items() if key != CONF_HISTORY}
            hass.config_entries.async_update_entry(self.entry, data=data)

    async def open(self, hass: HomeAssistant) -> None:
        """Let messages in; what comes before Home Assistant has started is held."""
        await self.webhook.open()
        # The coordinator polls for as long as somebody listens; its news goes to the inbox.
        self.entry.async_on_unload(self.coordinator.async_add_listener(lambda: None))
        first_poll = self.entry.async_create_background_task(
            hass, self.coordinator.async_refresh(), f"{self.entry.title} first poll"
        )

        async def open_inbox() -> None:
            await asyncio.wait([first_poll], timeout=FIRST_POLL_SECONDS)
            self.inbox.open()

        async def started(hass: HomeAssistant) -> None:
            self.entry.async_create_background_task(hass, open_inbox(), f"{self.entry.title} opens")

        self.entry.async_on_unload(async_at_started(hass, started))

    async def close(self) -> None:
        """Let nothing in any more and save what was handled."""
        await self.webhook.close()
        await self.ledger.save()


def client_of(hass: HomeAssistant, data: Mapping[str, Any]) -> SmsMobileApiClient:
    """Return the client for a config entry's data."""
    return SmsMobileApiClient(async_get_clientsession(hass), ApiKey(data[CONF_API_KEY]), data[CONF_URL])
