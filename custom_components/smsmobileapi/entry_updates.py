"""Changes of an account's config entry while it runs: applied at once where possible, else by a reload."""

import asyncio
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_send

from .account import Account, SmsMobileApiConfigEntry
from .const import DOMAIN, signal_contacts
from .log_filter import async_redact
from .repairs import Issue

RELOAD_AFTER: Final = 1.0  # seconds without another change


class EntryUpdates:
    """Applies the changes of one account's config entry, from its set-up to its unloading.

    The title, the options and the contacts are applied at once. Other data (credentials, server, webhook id) need a
    reload. It waits until the entry has not changed for a second, so that several changes cause one reload.
    """

    def __init__(self, hass: HomeAssistant, entry: SmsMobileApiConfigEntry, account: Account) -> None:
        self._hass = hass
        self._entry = entry
        self._account = account
        self._data = entry.data
        self._names = self._device_names()
        self._secret: str | None = None
        self._reload: asyncio.Task[None] | None = None
        self._update_secret()
        self._check_names()
        entry.async_on_unload(entry.add_update_listener(self._entry_changed))
        for event_type in (dr.EVENT_DEVICE_REGISTRY_UPDATED, EVENT_CORE_CONFIG_UPDATE):
            entry.async_on_unload(hass.bus.async_listen(event_type, self._name_or_country_changed))

    async def _entry_changed(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._update_secret()
        self._rename_devices()
        self._check_names()
        self._account.phones.update_issues()
        self._account.rate_limiter.options_changed()
        async_dispatcher_send(hass, signal_contacts(entry.entry_id))
        if self._reload:
            self._reload.cancel()
        if entry.data != self._data:
            # Home Assistant cancels it when the entry is unloaded.
            self._reload = entry.async_create_background_task(
                hass, self._reload_later(), f"{entry.title} reload after a change"
            )

    async def _reload_later(self) -> None:
        await asyncio.sleep(RELOAD_AFTER)
        # The task is cancelled only when the unloading is over, and a reload would then load the account again.
        if self._entry.state is not ConfigEntryState.UNLOAD_IN_PROGRESS:
            self._hass.config_entries.async_schedule_reload(self._entry.entry_id)

    @callback
    def _update_secret(self) -> None:
        """Keep a new signing secret out of the log, and remove the issues about the one before."""
        secret = self._account.options.signing_secret
        if secret == self._secret:
            return
        self._secret = secret
        if secret:
            # The one before is redacted, too, until the account is unloaded.
            self._entry.async_on_unload(async_redact(secret))
        self._account.webhook.secret_changed()

    @callback
    def _name_or_country_changed(self, event: Event[Any]) -> None:
        """Check the names after the user has renamed a device, or the country of national numbers is another."""
        if event.event_type == EVENT_CORE_CONFIG_UPDATE or "name_by_user" in event.data.get("changes", ()):
            self._check_names()

    @callback
    def _check_names(self) -> None:
        """Create or remove the issue about contacts whose name is not enough to send to them."""
        account = self._account
        if unclear := account.contacts.with_unclear_name(account.options.region):
            names = ", ".join(contact.name_and_number for contact in unclear)
            account.issues.create(Issue.UNCLEAR_NAMES, contacts=names)
        else:
            account.issues.clear(Issue.UNCLEAR_NAMES)

    @callback
    def _rename_devices(self) -> None:
        """Give the devices of the account and its contacts their new names; each writes the states of its own entities."""
        registry, names = dr.async_get(self._hass), self._device_names()
        for identifier, name in names.items() - self._names.items():
            device = registry.async_get_device_by_identifier((DOMAIN, identifier), self._entry.entry_id)
            if device:
                registry.async_update_device(device.id, name=name)
        self._names = names

    def _device_names(self) -> dict[str, str]:
        names = {contact.contact_id: contact.name for contact in self._account.contacts}
        return {self._entry.entry_id: self._entry.title, **names}
