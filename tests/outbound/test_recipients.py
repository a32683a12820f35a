"""Recipients: which phone and which SIM sends to them, by what the action, the contact and the account say."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
import voluptuous as vol

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.phones import devices_of
from simulator import Account, Phone, Simulator

from ..conftest import add_account, add_contact, settle
from .sending import ANNA, TEXT, in_vain, requests, send, send_in_vain, set_options


@pytest.fixture
def two_phones(service_account: Account) -> Account:
    """The account at the service, with two phones more; listed before the account, so that it knows them."""
    service_account.phones += [Phone(sid="sid-kitchen", label="Kitchen"), Phone(sid="sid-car", label="Car")]
    return service_account


async def reload(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    """Have the phones listed anew."""
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)


def device_id(home: HomeAssistant, account: SmsMobileApiConfigEntry, sid: str) -> str:
    return devices_of(home, account)[sid].id


def sent_by(service_account: Account) -> list[tuple[str | None, str | None]]:
    """Return which phone and which SIM was asked for, for each request."""
    return [(fields.get("sIdentifiant"), fields.get("port")) for fields in requests(service_account)]


# Which one counts.


@pytest.mark.parametrize(
    ("action", "contact", "options", "wanted"),
    [
        ({}, {}, {}, (None, None)),
        ({}, {}, {"phone": "sid-car", "sim": 1}, ("sid-car", "1")),
        ({}, {"phone": "sid-kitchen", "sim": "2"}, {}, ("sid-kitchen", "2")),
        (
            {},
            {"phone": "sid-kitchen", "sim": "2"},
            {"phone": "sid-car", "sim": 1},
            ("sid-kitchen", "2"),
        ),
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
    two_phones: Account,
    account: SmsMobileApiConfigEntry,
    action: dict[str, Any],
    contact: dict[str, Any],
    options: dict[str, Any],
    wanted: tuple[str | None, str | None],
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
    assert sent_by(two_phones) == [wanted] * (2 if action else 3)


async def test_whoever_is_no_contact_gets_it_from_the_accounts(
    home: HomeAssistant, two_phones: Account, account: SmsMobileApiConfigEntry
) -> None:
    await add_contact(home, account, "Anna", ANNA, phone="sid-kitchen", sim="2")
    await set_options(home, account, phone="sid-car", sim=1)
    await send(home, ["Anna", "+36207654321"])
    assert sorted(sent_by(two_phones)) == [("sid-car", "1"), ("sid-kitchen", "2")]


@pytest.mark.parametrize("channel", ["whatsapp", "both", "whatsapp_else_sms"])
async def test_by_every_channel(
    home: HomeAssistant, two_phones: Account, account: SmsMobileApiConfigEntry, channel: str
) -> None:
    two_phones.check_format = "vague"
    two_phones.whatsapp_numbers = set()
    if channel == "whatsapp_else_sms":
        await send(home, channel=channel, phone="Kitchen", sim=2)
    else:
        await in_vain(
            home, "send_message", recipients=ANNA, message=TEXT, channel=channel, phone="Kitchen", sim=2
        )
    assert set(sent_by(two_phones)) == {("sid-kitchen", "2")}


# Which phone is meant.


@pytest.mark.parametrize("wanted", ["sid-kitchen", "Kitchen", " KITCHEN ", "device"])
async def test_a_phone_by_its_sid_its_name_and_its_device(
    home: HomeAssistant, two_phones: Account, account: SmsMobileApiConfigEntry, wanted: str
) -> None:
    phone = device_id(home, account, "sid-kitchen") if wanted == "device" else wanted
    await send(home, phone=phone)
    assert sent_by(two_phones) == [("sid-kitchen", None)]
    assert two_phones.sent[0].sid == "sid-kitchen"


@pytest.mark.parametrize("wanted", ["Bathroom", "Kitch", "sid-kitche", "0123456789abcdef0123456789abcdef"])
async def test_an_unknown_phone_is_refused_and_those_that_there_are_are_named(
    home: HomeAssistant, two_phones: Account, account: SmsMobileApiConfigEntry, wanted: str
) -> None:
    del two_phones.phones[2]
    await reload(home, account)
    err = await in_vain(home, "send_message", recipients=ANNA, message=TEXT, phone=wanted)
    assert (err.translation_key, err.translation_placeholders) == (
        "unknown_phone",
        {"phones": "Phone, Kitchen"},
    )
    assert requests(two_phones) == []


async def test_a_phone_that_is_called_as_its_number_is_not_spelt_out(
    home: HomeAssistant, service_account: Account, account: SmsMobileApiConfigEntry
) -> None:
    service_account.phones[0].label = ANNA
    await reload(home, account)
    err = await in_vain(home, "send_message", recipients=ANNA, message=TEXT, phone="Bathroom")
    assert err.translation_placeholders == {"phones": "+36…67"}
    service_account.phones[0] = Phone(sid="other", label="Other")
    await reload(home, account)
    err = await in_vain(home, "send_message", recipients=ANNA, message=TEXT, phone=ANNA)
    assert (err.translation_key, err.translation_placeholders) == ("phone_gone", {"phone": "+36…67"})


async def test_the_device_of_another_accounts_phone_is_none_of_ours(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    simulator.add_account("another-key-0123456789", phones=[Phone(sid="phone-9", label="Other")])
    other = await add_account(home, simulator, "another-key-0123456789")
    for wanted in ("Other", "phone-9", device_id(home, other, "phone-9")):
        assert await send_in_vain(home, phone=wanted, account=account.entry_id) == "unknown_phone"
    (contact,) = [
        device.id
        for device in dr.async_entries_for_config_entry(dr.async_get(home), account.entry_id)
        if device.model == "Account"
    ]
    assert await send_in_vain(home, phone=contact, account=account.entry_id) == "unknown_phone"
    assert requests(service_account) == []


# A phone that is gone, or offline.


@pytest.mark.parametrize("chosen_by", ["name", "device", "contact", "account"])
async def test_a_phone_that_is_gone_is_named_and_nothing_is_sent_until_it_is_back(
    home: HomeAssistant, two_phones: Account, account: SmsMobileApiConfigEntry, chosen_by: str
) -> None:
    device = device_id(home, account, "sid-kitchen")
    action: dict[str, Any] = {"name": {"phone": "Kitchen"}, "device": {"phone": device}}.get(chosen_by, {})
    await add_contact(
        home, account, "Anna", ANNA, **({"phone": "sid-kitchen"} if chosen_by == "contact" else {})
    )
    await set_options(home, account, **({"phone": "sid-kitchen"} if chosen_by == "account" else {}))
    kitchen = two_phones.phones.pop(1)
    await reload(home, account)
    err = await in_vain(home, "send_message", recipients=["Anna"], message=TEXT, **action)
    assert (err.translation_key, err.translation_placeholders) == ("phone_gone", {"phone": "Kitchen"})
    assert requests(two_phones) == []
    two_phones.phones.append(kitchen)
    await reload(home, account)
    await send(home, "Anna", **action)
    assert sent_by(two_phones) == [("sid-kitchen", None)]


async def test_a_phone_of_which_nothing_is_left_is_an_unknown_one(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    """The user has deleted its device."""
    await set_options(home, account, phone="sid-kitchen")
    err = await in_vain(home, "send_message", recipients=ANNA, message=TEXT)
    assert (err.translation_key, err.translation_placeholders) == ("unknown_phone", {"phones": "Phone"})
    assert requests(service_account) == []


async def test_one_recipient_whose_phone_is_gone_stops_the_message_before_it_reaches_anybody(
    home: HomeAssistant, two_phones: Account, account: SmsMobileApiConfigEntry
) -> None:
    await add_contact(home, account, "Anna", ANNA, phone="sid-kitchen")
    del two_phones.phones[1]
    await reload(home, account)
    assert await send_in_vain(home, ["+36207654321", "Anna"]) == "phone_gone"
    assert requests(two_phones) == []
    await send(home, ["+36207654321", "Anna"], phone="Car")
    assert sent_by(two_phones) == [("sid-car", None)] * 2


async def test_where_the_phones_can_not_be_listed_none_is_taken_for_gone(
    home: HomeAssistant, two_phones: Account, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    simulator.fault("/gateway/mobile/list/", "nonsense", count=100)
    await reload(home, account)
    await send(home, phone="Kitchen")
    assert sent_by(two_phones) == [("sid-kitchen", None)]


async def test_a_phone_that_is_offline_is_not_replaced_by_another(
    home: HomeAssistant, two_phones: Account, account: SmsMobileApiConfigEntry
) -> None:
    two_phones.phones[1].online = False
    assert await send_in_vain(home, phone="Kitchen") == "phone_offline"
    assert two_phones.sent == []
    assert account.runtime_data.limits.sent_in_a_day == 0
    await send(home)
    assert two_phones.sent[0].sid == "phone-1"


# The SIM.


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("sim", "port"), [(1, "1"), (2, "2"), ("1", "1"), ("2", "2"), (2.0, "2")])
async def test_a_sim_as_number_and_as_text(
    home: HomeAssistant, service_account: Account, sim: Any, port: str
) -> None:
    await send(home, sim=sim)
    assert sent_by(service_account) == [(None, port)]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("sim", [3, "3", 0, -1, 99])
async def test_there_is_no_third_sim(home: HomeAssistant, service_account: Account, sim: Any) -> None:
    err = await in_vain(home, "send_message", recipients=ANNA, message=TEXT, sim=sim)
    assert (err.translation_key, err.translation_placeholders) == ("sim_invalid", {"sim": str(sim)})
    assert requests(service_account) == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("sim", ["x", "", None, [1], "1.5"])
async def test_what_is_no_number_is_no_sim(home: HomeAssistant, service_account: Account, sim: Any) -> None:
    with pytest.raises(vol.Invalid):
        await send(home, sim=sim)
    assert requests(service_account) == []
