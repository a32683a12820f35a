"""Recipients: which phone and which SIM sends to them, by what the action, the contact and the account have chosen."""

from typing import Any

from homeassistant.helpers import device_registry as dr
import pytest

from custom_components.smsmobileapi.phones import devices_of
from simulator import Account, Phone

from ..conftest import add_account
from .sending import ANNA, BELA, TEXT, Case, Entry


@pytest.fixture
def phones(service_account: Account) -> Account:
    """The account at the service, with two phones more; listed before the account, so that it knows them."""
    service_account.phones += [Phone(sid="sid-kitchen", label="Kitchen"), Phone(sid="sid-car", label="Car")]
    return service_account


def device_id(case: Case, sid: str, account: Entry | None = None) -> str:
    return devices_of(case.home, account or case.account)[sid].id


def senders(case: Case) -> list[tuple[str | None, str | None]]:
    """Return which phone and which SIM was asked for, for each request."""
    return [(fields.get("sIdentifiant"), fields.get("port")) for fields in case.requests()]


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
    phones: Account,
    case: Case,
    action: dict[str, Any],
    contact: dict[str, Any],
    options: dict[str, Any],
    expected: tuple[str | None, str | None],
) -> None:
    await case.add_contact("Anna", ANNA, **contact)
    await case.set_options(**options)
    # By name, by number, by its entity: the contact is the same.
    await case.send("Anna", **action)
    await case.send(ANNA, **action)
    if not action:
        await case.home.services.async_call(
            "notify", "send_message", {"entity_id": "notify.anna", "message": TEXT}, blocking=True
        )
    assert senders(case) == [expected] * (2 if action else 3)
    if not action:
        phones.requests.clear()
        await case.send(BELA)
        assert senders(case) == [(options.get("phone"), "1" if options else None)]


async def test_by_every_channel_and_by_sid_name_and_device(phones: Account, case: Case) -> None:
    names = ("sid-kitchen", "Kitchen", " KITCHEN ", device_id(case, "sid-kitchen"))
    for name in names:
        await case.send(phone=name)
    assert senders(case) == [("sid-kitchen", None)] * 4
    assert {message.sid for message in phones.sent} == {"sid-kitchen"}
    case.refuse_whatsapp()
    phones.requests.clear()
    for channel in ("whatsapp", "both", "whatsapp_else_sms"):
        await case.outcome(channel=channel, phone="Kitchen", sim=2)
    assert senders(case) == [("sid-kitchen", "2")] * 5


async def test_an_unknown_phone_is_refused_and_those_that_there_are_are_named(
    phones: Account, case: Case
) -> None:
    del phones.phones[2]
    await case.reload()
    for name in ("Bathroom", "Kitch", "sid-kitche", "0123456789abcdef0123456789abcdef"):
        err = await case.error_of(phone=name)
        assert (err.translation_key, err.translation_placeholders) == (
            "unknown_phone",
            {"phones": "Phone, Kitchen"},
        )
    # A name that is a number is not shown, also where the phone is gone.
    phones.phones[0].label = ANNA
    await case.reload()
    assert (await case.error_of(phone="Bathroom")).translation_placeholders == {"phones": "+36…67, Kitchen"}
    del phones.phones[0]
    await case.reload()
    err = await case.error_of(phone=ANNA)
    assert (err.translation_key, err.translation_placeholders) == ("phone_gone", {"phone": "+36…67"})
    # The user has deleted the device of the account's phone, so nothing is known of it.
    await case.set_options(phone="sid-bathroom")
    err = await case.error_of()
    assert (err.translation_key, err.translation_placeholders) == ("unknown_phone", {"phones": "Kitchen"})
    assert case.requests() == []


async def test_the_device_of_another_accounts_phone_is_none_of_ours(case: Case) -> None:
    case.simulator.add_account("another-key-0123456789", phones=[Phone(sid="phone-9", label="Other")])
    other = await add_account(case.home, case.simulator, "another-key-0123456789")
    (own,) = [
        device.id
        for device in dr.async_entries_for_config_entry(dr.async_get(case.home), case.account.entry_id)
        if device.model == "Account"
    ]
    for name in ("Other", "phone-9", device_id(case, "phone-9", other), own):
        assert await case.outcome(phone=name, account=case.account.entry_id) == "unknown_phone"
    assert case.requests() == []


@pytest.mark.parametrize("chosen_by", ["name", "device", "contact", "account"])
async def test_a_phone_that_is_gone_is_named_and_nothing_is_sent_until_it_is_back(
    phones: Account, case: Case, chosen_by: str
) -> None:
    """One recipient whose phone is gone stops the message before it reaches anybody."""
    device = device_id(case, "sid-kitchen")
    action: dict[str, Any] = {"name": {"phone": "Kitchen"}, "device": {"phone": device}}.get(chosen_by, {})
    chosen = {"phone": "sid-kitchen"}
    await case.add_contact("Anna", ANNA, **(chosen if chosen_by == "contact" else {}))
    await case.set_options(**(chosen if chosen_by == "account" else {}))
    kitchen = phones.phones.pop(1)
    await case.reload()
    err = await case.error_of(recipients=[BELA, "Anna"], **action)
    assert (err.translation_key, err.translation_placeholders) == ("phone_gone", {"phone": "Kitchen"})
    assert case.requests() == []
    await case.send("Anna", phone="Car")
    phones.phones.append(kitchen)
    await case.reload()
    await case.send("Anna", **action)
    assert senders(case) == [("sid-car", None), ("sid-kitchen", None)]


async def test_where_the_phones_can_not_be_listed_none_is_gone_and_an_offline_one_is_not_replaced(
    phones: Account, case: Case
) -> None:
    phones.phones[1].online = False
    assert await case.outcome(phone="Kitchen") == "phone_offline"
    assert (phones.sent, case.sent_in_a_day) == ([], 0)
    await case.send()
    assert phones.sent[0].sid == "phone-1"
    phones.phones[1].online = True
    phones.requests.clear()
    case.fault("/gateway/mobile/list/", "nonsense", count=100)
    await case.reload()
    await case.send(phone="Kitchen")
    assert senders(case) == [("sid-kitchen", None)]


async def test_a_sim_is_the_first_or_the_second(case: Case) -> None:
    for sim, port in ((1, "1"), (2, "2"), ("1", "1"), ("2", "2"), (2.0, "2")):
        case.service.requests.clear()
        await case.send(sim=sim)
        assert senders(case) == [(None, port)]
    case.service.requests.clear()
    for sim in (3, "3", 0, -1, 99):
        err = await case.error_of(sim=sim)
        assert (err.translation_key, err.translation_placeholders) == ("sim_invalid", {"sim": str(sim)})
    for value in ("x", "", None, [1], "1.5"):
        assert await case.outcome(sim=value) == "value_invalid", value
    assert case.requests() == []
