"""Notify: a message to a contact, a notification on a phone."""

from typing import override

from homeassistant.components.notify import NotifyEntity, NotifyEntityDescription, NotifyEntityFeature  # type: ignore[attr-defined]  # NotifyEntityFeature, from 2026.10 on
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import SmsMobileApiConfigEntry
from .entity import ContactEntity, PhoneEntity, async_add_for_contacts, async_add_for_phones
from .outbound.recipients import SendOptions

PARALLEL_UPDATES = 0

# The device's main entity: it has the contact's name.
CONTACT = NotifyEntityDescription(key="notify", translation_key="contact", name=None)
PHONE = NotifyEntityDescription(key="notify", translation_key="phone")


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add an entity for each contact and each phone."""
    async_add_for_contacts(
        hass, entry, async_add_entities, lambda contact_id: ContactNotify(entry, contact_id, CONTACT)
    )
    async_add_for_phones(entry, async_add_entities, lambda phone: [PhoneNotify(entry, phone, PHONE)])


class ContactNotify(ContactEntity, NotifyEntity):
    """Sends messages to a contact, on the channel that the contact has."""

    _attr_supported_features = NotifyEntityFeature.TITLE

    @override
    async def async_send_message(self, message: str, title: str | None = None) -> None:
        """Send a message. The title becomes its first line."""
        text = f"{title}\n{message}".strip() if title else message
        contact = self._contact
        options = SendOptions(context=self._context, retry_for=contact.retry_for, sms_after=contact.sms_after)
        await self._entry.runtime_data.outbox.send([contact], text, options)


class PhoneNotify(PhoneEntity, NotifyEntity):
    """Shows notifications on a phone of the account. They cost no SMS."""

    _attr_supported_features = NotifyEntityFeature.TITLE

    @property
    @override
    def available(self) -> bool:
        """Return True: Home Assistant skips an unavailable entity without an error, and a notification would be lost."""
        return True

    @override
    async def async_send_message(self, message: str, title: str | None = None) -> None:
        """Show a notification."""
        await self._entry.runtime_data.outbox.notify(
            self._phone, message, title, SendOptions(context=self._context)
        )
