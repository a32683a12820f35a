"""Contacts: found by name and by number, as they are at that moment."""

from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.contacts import Contact, Contacts, Route

from .conftest import add_contact

ANNA = "+36301234567"
BELA = "+36201234567"


def subentry(name: str, number: str, channel: str = "sms", kind: str = "contact") -> ConfigSubentry:
    data: dict[str, Any] = {"name": name, "number": number, "channel": channel}
    return ConfigSubentry(
        data=MappingProxyType(data),
        subentry_id=f"id of {name}",
        subentry_type=kind,
        title=name,
        unique_id=None,
    )


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """An entry with two contacts, and a subentry of another kind between them."""
    entry = MockConfigEntry(domain=DOMAIN)
    entry.add_to_hass(hass)
    for each in (
        subentry("Zoé", ANNA),
        subentry("Other", "+36701234567", kind="something else"),
        subentry("Straße 7", "1770", "sms"),
        subentry("Béla", BELA, "whatsapp"),
    ):
        hass.config_entries.async_add_subentry(entry, each)
    return entry


@pytest.fixture
def contacts(entry: MockConfigEntry) -> Contacts:
    return Contacts(entry)


def test_in_the_order_in_which_they_were_added(contacts: Contacts) -> None:
    assert [contact.name for contact in contacts] == ["Zoé", "Straße 7", "Béla"]


def test_all_that_is_known_of_one(contacts: Contacts) -> None:
    assert contacts.by_name("Béla") == Contact(
        contact_id="id of Béla", name="Béla", number=BELA, route=Route.WHATSAPP
    )


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (ANNA, "Zoé"),
        (BELA, "Béla"),
        ("1770", "Straße 7"),
        ("+36701234567", None),
        (ANNA[:-1], None),
        ("", None),
    ],
)
def test_by_number(contacts: Contacts, number: str, name: str | None) -> None:
    """Only whole numbers, and of contacts only."""
    contact = contacts.by_number(number)
    assert (contact.name if contact else None) == name


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Zoé", "Zoé"),
        ("zoé", "Zoé"),
        ("ZOÉ", "Zoé"),
        (" Zoé\n", "Zoé"),
        ("STRASSE 7", "Straße 7"),
        ("Zoe", None),
        ("Zo", None),
        ("Zoé Kovács", None),
        ("Other", None),
        ("", None),
        (" ", None),
        (ANNA, None),
    ],
)
def test_by_name(contacts: Contacts, wanted: str, name: str | None) -> None:
    """Whatever its case, and never a part of it: a message to nearly the right person goes to the wrong one."""
    contact = contacts.by_name(wanted)
    assert (contact.name if contact else None) == name


def test_by_name_however_its_accents_are_written(contacts: Contacts) -> None:
    """An e and its accent are one character or two, by keyboard; nobody sees which."""
    assert contacts.by_name("Zoe\N{COMBINING ACUTE ACCENT}") is not None


def test_changes_show_at_once(hass: HomeAssistant, entry: MockConfigEntry, contacts: Contacts) -> None:
    """A contact that was removed must not be written to any more."""
    anna = next(iter(entry.subentries.values()))
    hass.config_entries.async_update_subentry(entry, anna, title="Anna")
    assert contacts.by_name("Zoé") is None
    renamed = contacts.by_name("anna")
    assert renamed is not None and renamed.contact_id == anna.subentry_id
    hass.config_entries.async_remove_subentry(entry, anna.subentry_id)
    assert contacts.by_name("Anna") is None
    assert contacts.by_number(ANNA) is None


async def test_a_contact_that_a_user_adds(hass: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    """The flow stores the number in the form in which senders are looked up."""
    contact_id = await add_contact(hass, account, "Anna", "06 30 123-4567")
    anna = Contacts(account).by_number(ANNA)
    assert anna == Contact(contact_id=contact_id, name="Anna", number=ANNA, route=Route.SMS)
