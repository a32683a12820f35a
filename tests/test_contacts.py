"""Contacts: found by id, number and name, always as the config entry has them now."""

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
    """An entry with three contacts, and a subentry of another type between them."""
    entry = MockConfigEntry(domain=DOMAIN)
    entry.add_to_hass(hass)
    for each in (
        subentry("Zoé", ANNA),
        subentry("Other", "+36701234567", kind="something else"),
        subentry("Straße 7", "1770"),
        subentry("Béla", BELA, "whatsapp"),
    ):
        hass.config_entries.async_add_subentry(entry, each)
    return entry


@pytest.fixture
def contacts(hass: HomeAssistant, entry: MockConfigEntry) -> Contacts:
    return Contacts(hass, entry)


def name_of(contact: Contact | None) -> str | None:
    return contact.name if contact else None


def test_found_by_whole_number_whole_name_and_id(contacts: Contacts) -> None:
    """Never by a part: a message to nearly the right person goes to the wrong one."""
    assert [contact.name for contact in contacts] == ["Zoé", "Straße 7", "Béla"]
    bela = Contact(contact_id="id of Béla", name="Béla", number=BELA, route=Route.WHATSAPP)
    assert contacts.by_number(BELA) == contacts.by_id("id of Béla") == bela
    assert contacts.named("Béla") == [bela]
    for number, name in (
        (ANNA, "Zoé"),
        ("1770", "Straße 7"),
        ("+36701234567", None),
        (ANNA[:-1], None),
        ("", None),
    ):
        assert name_of(contacts.by_number(number)) == name, number
    for text, name in (
        ("zoé", "Zoé"),
        (" ZOÉ\n", "Zoé"),
        # An e and its accent are one character or two, depending on the keyboard.
        ("Zoe\N{COMBINING ACUTE ACCENT}", "Zoé"),
        ("STRASSE 7", "Straße 7"),
        ("\N{LEFT-TO-RIGHT MARK}Zoé\N{ZERO WIDTH SPACE}", "Zoé"),
        *((text, None) for text in ("Zoe", "Zo", "Zoé Kovács", "Other", "", " ", ANNA)),
    ):
        assert [contact.name for contact in contacts.named(text)] == ([name] if name else []), text
    for contact_id in ("id of Other", ""):
        with pytest.raises(KeyError):
            contacts.by_id(contact_id)


def test_a_blank_name_is_none_and_of_two_with_one_name_both_are_found(
    hass: HomeAssistant, entry: MockConfigEntry, contacts: Contacts
) -> None:
    """Who sends to a name that several have is told so."""
    for name, number in (
        ("ZOÉ", "+36209999999"),
        (" ", "+36208888888"),
        ("\N{HANGUL FILLER}", "+36207777777"),
    ):
        hass.config_entries.async_add_subentry(entry, subentry(name, number))
    assert [contact.number for contact in contacts.named("zoé")] == [ANNA, "+36209999999"]
    assert contacts.named("") == contacts.named(" ") == contacts.named("\N{HANGUL FILLER}") == []


def test_a_change_shows_at_once_and_only_then_they_are_read_again(
    hass: HomeAssistant, entry: MockConfigEntry, contacts: Contacts
) -> None:
    """A contact that was removed must not be sent to any more."""
    assert contacts.by_number(ANNA) is next(iter(contacts))
    anna = next(iter(entry.subentries.values()))
    hass.config_entries.async_update_subentry(entry, anna, title="Anna", data={**anna.data, "number": "1771"})
    assert (contacts.named("Zoé"), contacts.by_number(ANNA)) == ([], None)
    (renamed,) = contacts.named("anna")
    assert (renamed.contact_id, renamed.number) == (anna.subentry_id, "1771")
    hass.config_entries.async_remove_subentry(entry, anna.subentry_id)
    assert (contacts.named("Anna"), contacts.by_number("1771")) == ([], None)


async def test_a_contact_that_a_user_adds(hass: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    """The dialog stores the number in the form in which senders are looked up."""
    contact_id = await add_contact(hass, account, "Anna", "06 30 123-4567")
    anna = account.runtime_data.contacts.by_number(ANNA)
    assert anna == Contact(contact_id=contact_id, name="Anna", number=ANNA, route=Route.SMS)
