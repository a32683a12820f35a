"""Recipients: which phone and which SIM sends to them, by what the action, the contact and the account have chosen."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
import voluptuous as vol

from custom_components.smsmobileapi.phones import devices_of
from simulator import Account, Phone, Simulator

from ..conftest import add_account, add_contact
from .sending import (
    ANNA,
    BELA,
    TEXT,
    Entry,
    error_of,
    hide_whatsapp,
    outcome,
    refuse_whatsapp,
    reload,
    requests,
    send,
    sent_in_a_day,
    set_options,
)


@pytest.fixture
def phones(service_account: Account) -> Account:
    """The account at the service, with two phones more; listed before the account, so that it knows them."""
    service_account.phones += [Phone(sid="sid-kitchen", label="Kitchen"), Phone(sid="sid-car", label="Car")]
    return service_account


def device_id(home: HomeAssistant, account: Entry, sid: str) -> str:
    return devices_of(home, account)[sid].id


def senders(service_account: Account) -> list[tuple[str | None, str | None]]:
    """Return which phone and which SIM was asked for, for each request."""
    return [(fields.get("sIdentifiant"), fields.get("port")) for fields in requests(service_account)]


@pytest.mark.parametrize(
    ("action", "contact", "options", "expected"),
    [
        ({}, {}, {}, (None, None)),
        ({}, {}, {"phone": "sid-car", "sim": 1}, ("sid-car", "1")),
        ({}, {"phone": "sid-kitchen", "sim": "2"}, {"phone": "sid-car", "sim": 1}, ("sid-kitchen", "2")),
        (
            {"phone": "Phone", "sim": 1},
            {"phone": "sid-kitchen", "sim": "2"},
            {"phone": "sid-car", "sim": 2},
            ("phone-1", "1"),
        ),
        ({"sim": 1}, {"phone": "sid-kitchen"}, {"phone": "sid-car", "sim": 2}, ("sid-kitchen", "1")),
        ({"phone": "Car"}, {"sim": "2"}, {"sim": 1}, ("sid-car", "2")),
    ],
)
async def test_the_action_counts_more_than_the_contact_and_the_contact_more_than_the_account(
    home: HomeAssistant,
    phones: Account,
    account: Entry,
    action: dict[str, Any],
    contact: dict[str, Any],
    options: dict[str, Any],
    expected: tuple[str | None, str | None],
) -> None:
    await add_contact(home, account, "Anna", ANNA, **contact)
    await set_options(home, account, **options)
    # By name, by number, by its entity: the contact is the same.
    await send(home, "Anna", **action)
    await send(home, ANNA, **action)
    if not action:
        await home.services.async_call(
            "notify", "send_message", {"entity_id": "notify.anna", "message": TEXT}, blocking=True
        )
    assert senders(phones) == [expected] * (2 if action else 3)
    if not action:
        phones.requests.clear()
        await send(home, BELA)
        assert senders(phones) == [(options.get("phone"), "1" if options else None)]


async def test_by_every_channel_and_by_sid_name_and_device(
    home: HomeAssistant, phones: Account, account: Entry
) -> None:
    names = ("sid-kitchen", "Kitchen", " KITCHEN ", device_id(home, account, "sid-kitchen"))
    for name in names:
        await send(home, phone=name)
    assert senders(phones) == [("sid-kitchen", None)] * 4
    assert {message.sid for message in phones.sent} == {"sid-kitchen"}
    hide_whatsapp(phones)
    refuse_whatsapp(phones)
    phones.requests.clear()
    for channel in ("whatsapp", "both", "whatsapp_else_sms"):
        await outcome(home, channel=channel, phone="Kitchen", sim=2)
    assert senders(phones) == [("sid-kitchen", "2")] * 5


async def test_an_unknown_phone_is_refused_and_those_that_there_are_are_named(
    home: HomeAssistant, phones: Account, account: Entry
) -> None:
    del phones.phones[2]
    await reload(home, account)
    for name in ("Bathroom", "Kitch", "sid-kitche", "0123456789abcdef0123456789abcdef"):
        err = await error_of(home, phone=name)
        assert (err.translation_key, err.translation_placeholders) == (
            "unknown_phone",
            {"phones": "Phone, Kitchen"},
        )
    # A name that is a number is not shown, also where the phone is gone.
    phones.phones[0].label = ANNA
    await reload(home, account)
    assert (await error_of(home, phone="Bathroom")).translation_placeholders == {"phones": "+36…67, Kitchen"}
    del phones.phones[0]
    await reload(home, account)
    err = await error_of(home, phone=ANNA)
    assert (err.translation_key, err.translation_placeholders) == ("phone_gone", {"phone": "+36…67"})
    # The user has deleted the device of the account's phone, so nothing is known of it.
    await set_options(home, account, phone="sid-bathroom")
    err = await error_of(home)
    assert (err.translation_key, err.translation_placeholders) == ("unknown_phone", {"phones": "Kitchen"})
    assert requests(phones) == []


async def test_the_device_of_another_accounts_phone_is_none_of_ours(
    home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account
) -> None:
    simulator.add_account("another-key-0123456789", phones=[Phone(sid="phone-9", label="Other")])
    other = await add_account(home, simulator, "another-key-0123456789")
    (own,) = [
        device.id
        for device in dr.async_entries_for_config_entry(dr.async_get(home), account.entry_id)
        if device.model == "Account"
    ]
    for name in ("Other", "phone-9", device_id(home, other, "phone-9"), own):
        assert await outcome(home, phone=name, account=account.entry_id) == "unknown_phone"
    assert requests(service_account) == []


@pytest.mark.parametrize("chosen_by", ["name", "device", "contact", "account"])
async def test_a_phone_that_is_gone_is_named_and_nothing_is_sent_until_it_is_back(
    home: HomeAssistant, phones: Account, account: Entry, chosen_by: str
) -> None:
    """One recipient whose phone is gone stops the message before it reaches anybody."""
    device = device_id(home, account, "sid-kitchen")
    action: dict[str, Any] = {"name": {"phone": "Kitchen"}, "device": {"phone": device}}.get(chosen_by, {})
    chosen = {"phone": "sid-kitchen"}
    await add_contact(home, account, "Anna", ANNA, **(chosen if chosen_by == "contact" else {}))
    await set_options(home, account, **(chosen if chosen_by == "account" else {}))
    kitchen = phones.phones.pop(1)
    await reload(home, account)
    err = await error_of(home, recipients=[BELA, "Anna"], **action)
    assert (err.translation_key, err.translation_placeholders) == ("phone_gone", {"phone": "Kitchen"})
    assert requests(phones) == []
    await send(home, "Anna", phone="Car")
    phones.phones.append(kitchen)
    await reload(home, account)
    await send(home, "Anna", **action)
    assert senders(phones) == [("sid-car", None), ("sid-kitchen", None)]


async def test_where_the_phones_can_not_be_listed_none_is_gone_and_an_offline_one_is_not_replaced(
    home: HomeAssistant, phones: Account, account: Entry, simulator: Simulator
) -> None:
    phones.phones[1].online = False
    assert await outcome(home, phone="Kitchen") == "phone_offline"
    assert (phones.sent, sent_in_a_day(account)) == ([], 0)
    await send(home)
    assert phones.sent[0].sid == "phone-1"
    phones.phones[1].online = True
    phones.requests.clear()
    simulator.fault("/gateway/mobile/list/", "nonsense", count=100)
    await reload(home, account)
    await send(home, phone="Kitchen")
    assert senders(phones) == [("sid-kitchen", None)]


@pytest.mark.usefixtures("account")
async def test_a_sim_is_the_first_or_the_second(home: HomeAssistant, service_account: Account) -> None:
    for sim, port in ((1, "1"), (2, "2"), ("1", "1"), ("2", "2"), (2.0, "2")):
        service_account.requests.clear()
        await send(home, sim=sim)
        assert senders(service_account) == [(None, port)]
    service_account.requests.clear()
    for sim in (3, "3", 0, -1, 99):
        err = await error_of(home, sim=sim)
        assert (err.translation_key, err.translation_placeholders) == ("sim_invalid", {"sim": str(sim)})
    for sim in ("x", "", None, [1], "1.5"):
        with pytest.raises(vol.Invalid):
            await send(home, sim=sim)
    assert requests(service_account) == []
