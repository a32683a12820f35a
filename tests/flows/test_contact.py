"""Contacts: added, changed, renamed and removed as a user does it."""

from collections.abc import Mapping
from http import HTTPStatus
import json
from pathlib import Path
import string
from typing import Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    SubentryFlowContext,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components import smsmobileapi
from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Phone, Simulator

from ..conftest import KEY, add_account, add_contact, settle

ANNA = "+36301234567"
BELA = "+36209876543"
ENGLISH = json.loads(Path(smsmobileapi.__file__).with_name("translations").joinpath("en.json").read_text())
TEXTS = ENGLISH["config_subentries"]["contact"]


async def begin(hass: HomeAssistant, entry: SmsMobileApiConfigEntry) -> SubentryFlowResult:
    """Open the dialog that adds a contact."""
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, "contact"), context=SubentryFlowContext(source=SOURCE_USER)
    )


async def begin_change(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, contact_id: str
) -> SubentryFlowResult:
    """Open the dialog that changes a contact."""
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, "contact"),
        context=SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=contact_id),
    )


async def submit(
    hass: HomeAssistant,
    flow: SubentryFlowResult,
    name: str,
    number: Any,
    channel: str | None = "sms",
    **more: str,
) -> SubentryFlowResult:
    """Send a form."""
    entered = {"name": name, "number": number, **({"channel": channel} if channel else {}), **more}
    return await hass.config_entries.subentries.async_configure(flow["flow_id"], entered)


async def change(
    hass: HomeAssistant,
    entry: SmsMobileApiConfigEntry,
    contact_id: str,
    name: str,
    number: str,
    channel: str = "sms",
    **more: str,
) -> None:
    """Change a contact as a user does."""
    flow = await begin_change(hass, entry, contact_id)
    flow = await submit(hass, flow, name, number, channel, **more)
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    await settle(hass)


def contacts(entry: SmsMobileApiConfigEntry) -> list[Mapping[str, Any]]:
    return [subentry.data for subentry in entry.subentries.values()]


def names(hass: HomeAssistant, contact_id: str) -> set[str]:
    """Return what the contact's device and entities are called in the user interface."""
    device = device_of(hass, contact_id)
    assert device is not None
    states = [hass.states.get(entity.entity_id) for entity in entities_of(hass, contact_id)]
    return {str(device.name)} | {state.name for state in states if state}


def device_of(hass: HomeAssistant, contact_id: str) -> dr.DeviceEntry | None:
    registry = dr.async_get(hass)
    for entry in hass.config_entries.async_entries(DOMAIN):
        if device := registry.async_get_device_by_identifier((DOMAIN, contact_id), entry.entry_id):
            return device
    return None


def entities_of(hass: HomeAssistant, contact_id: str) -> list[er.RegistryEntry]:
    return [
        entity
        for entry in hass.config_entries.async_entries(DOMAIN)
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if entity.config_subentry_id == contact_id
    ]


def assert_shown(flow: SubentryFlowResult, step: str, errors: dict[str, str]) -> None:
    """Assert that a form shows these errors, and that each has its whole sentence."""
    assert flow["type"] is FlowResultType.FORM
    assert flow["step_id"] == step
    assert flow["errors"] == errors
    for code in errors.values():
        wanted = {name for _, name, _, _ in string.Formatter().parse(TEXTS["error"][code]) if name}
        assert wanted <= set(flow["description_placeholders"] or {})


def test_each_result_has_its_sentence() -> None:
    assert {"reconfigure_successful", "already_configured"} <= set(TEXTS["abort"])
    assert set(TEXTS["step"]) == {"user", "reconfigure"} == set(TEXTS["initiate_flow"])


# Adding


async def test_a_contact_is_added(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    flow = await begin(home, account)
    assert (flow["type"], flow["step_id"], flow["errors"]) == (FlowResultType.FORM, "user", None)
    flow = await submit(home, flow, " Anna ", ANNA, None)
    assert (flow["type"], flow["title"]) == (FlowResultType.CREATE_ENTRY, "Anna")
    await settle(home)
    assert contacts(account) == [{"name": "Anna", "number": ANNA, "channel": "sms"}]
    (contact_id,) = account.subentries
    assert {entity.entity_id for entity in entities_of(home, contact_id)} == {
        "event.anna_message",
        "notify.anna",
    }
    assert names(home, contact_id) == {"Anna", "Anna Message"}


async def test_contacts_can_be_many(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    for number in range(5):
        await add_contact(home, account, f"Contact {number}", f"+3630123456{number}")
    assert {f"notify.contact_{number}" for number in range(5)} <= set(home.states.async_entity_ids("notify"))
    devices = [device_of(home, contact_id) for contact_id in account.subentries]
    assert len({device.id for device in devices if device}) == 5


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("+36301234567", ANNA),
        ("+36 30 123 4567", ANNA),
        ("+36 (30) 123-4567", ANNA),
        ("+36/30/123.45.67", ANNA),
        ("+36\u201130\u2013123\u00a04567", ANNA),
        ("  +36301234567\n", ANNA),
        ("0036301234567", ANNA),
        ("00 36 30 123 4567", ANNA),
        ("06301234567", ANNA),
        ("06 30 123 4567", ANNA),
        ("(06-30) 123 4567", ANNA),
        ("30 123 4567", ANNA),
        ("36301234567", ANNA),
        ("+44 20 7946 0958", "+442079460958"),
        ("+1 (212) 555-0123", "+12125550123"),
        ("447911123456", "+447911123456"),
        ("1234", "1234"),
        ("112", "112"),
        ("123456", "123456"),
    ],
)
async def test_any_usual_form_of_a_number_is_taken(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, number: str, kept: str
) -> None:
    flow = await submit(home, await begin(home, account), "Anna", number)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)
    assert contacts(account) == [{"name": "Anna", "number": kept, "channel": "sms"}]


@pytest.mark.parametrize("number", ["+36301234567", "0036 30 123 4567", "06 30 123 4567", "36301234567"])
async def test_whatsapp_takes_the_same_forms(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, number: str
) -> None:
    await add_contact(home, account, "Anna", number, "whatsapp")
    assert contacts(account) == [{"name": "Anna", "number": ANNA, "channel": "whatsapp"}]


WRONG = [
    pytest.param("Anna", "", "sms", {"number": "number_empty"}, id="no number"),
    pytest.param("Anna", "  ", "sms", {"number": "number_empty"}, id="blank number"),
    pytest.param("Anna", "call me", "sms", {"number": "number_letters"}, id="words"),
    pytest.param("Anna", "+3630CALLME", "sms", {"number": "number_letters"}, id="letters"),
    pytest.param("Anna", "+36301234567,+36209876543", "sms", {"number": "number_letters"}, id="two numbers"),
    pytest.param("Anna", "+", "sms", {"number": "number_invalid"}, id="a sign"),
    pytest.param("Anna", "-", "sms", {"number": "number_invalid"}, id="a dash"),
    pytest.param("Anna", "+999 123 456 789", "sms", {"number": "number_invalid"}, id="no such country"),
    pytest.param("Anna", "+3630", "sms", {"number": "number_too_short"}, id="too short"),
    pytest.param("Anna", "+3630123456789012345", "sms", {"number": "number_too_long"}, id="too long"),
    *(
        pytest.param("Anna", "1234", channel, {"number": "number_short_code"}, id=f"short code, {channel}")
        for channel in ("whatsapp", "both", "whatsapp_else_sms")
    ),
    pytest.param("", ANNA, "sms", {"name": "name_empty"}, id="no name"),
    pytest.param("   ", ANNA, "sms", {"name": "name_empty"}, id="blank name"),
    pytest.param("Béla", ANNA, "sms", {"name": "name_taken"}, id="name taken"),
    pytest.param(" bÉLA ", ANNA, "sms", {"name": "name_taken"}, id="name taken in another case"),
    pytest.param("Anna", BELA, "sms", {"number": "number_taken"}, id="number taken"),
    pytest.param(
        "Anna", "06 20 987 6543", "whatsapp", {"number": "number_taken"}, id="number taken in another form"
    ),
]


@pytest.mark.parametrize(("name", "number", "channel", "errors"), WRONG)
async def test_a_refusal_says_why_and_can_be_corrected(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    name: str,
    number: str,
    channel: str,
    errors: dict[str, str],
) -> None:
    await add_contact(home, account, "Béla", BELA)
    flow = await submit(home, await begin(home, account), name, number, channel)
    assert_shown(flow, "user", errors)
    assert suggested(flow) == {"name": name, "number": number, "channel": channel}
    flow = await submit(home, flow, "Anna", ANNA)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)
    assert [contact["name"] for contact in contacts(account)] == ["Béla", "Anna"]


def suggested(flow: SubentryFlowResult) -> dict[str, Any]:
    """Return what stands in the form's fields."""
    assert flow["data_schema"] is not None
    return {
        field.schema: field.description["suggested_value"]
        for field in flow["data_schema"].schema
        if field.description and "suggested_value" in field.description
    }


# How messages travel to a contact


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "both", "whatsapp_else_sms"])
async def test_a_contact_has_one_of_four_channels(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, channel: str
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA, channel)
    assert contacts(account) == [{"name": "Anna", "number": ANNA, "channel": channel}]
    (contact,) = account.runtime_data.contacts
    assert contact.route == channel
    assert suggested(await begin_change(home, account, contact_id))["channel"] == channel


async def test_a_contact_has_a_phone_and_a_sim(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA, phone="phone-1", sim="2")
    data = {"name": "Anna", "number": ANNA, "channel": "sms"}
    assert contacts(account) == [data | {"phone": "phone-1", "sim": 2}]
    assert suggested(await begin_change(home, account, contact_id)) == data | {"phone": "phone-1", "sim": "2"}
    await home.services.async_call(
        "notify", "send_message", {"entity_id": "notify.anna", "message": "hi"}, blocking=True
    )
    (sent,) = service_account.sent
    assert (sent.fields["sIdentifiant"], sent.fields["port"]) == ("phone-1", "2")

    await change(home, account, contact_id, "Anna", ANNA, sim="1")
    assert contacts(account) == [data | {"sim": 1}]
    await change(home, account, contact_id, "Anna", ANNA)
    assert contacts(account) == [data]


@pytest.mark.parametrize("wrong", [{"sim": "3"}, {"sim": "0"}, {"phone": "phone-9"}, {"channel": "email"}])
async def test_what_cannot_be_chosen_is_refused_by_the_form(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, wrong: dict[str, str]
) -> None:
    flow = await begin(home, account)
    with pytest.raises(InvalidData):
        await submit(home, flow, "Anna", ANNA, **wrong)
    flow = await submit(home, flow, "Anna", ANNA)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)


async def test_what_was_chosen_stays_in_a_refused_form(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    chosen = {"phone": "phone-1", "sim": "1"}
    flow = await submit(home, await begin(home, account), "Anna", "1234", "both", **chosen)
    assert_shown(flow, "user", {"number": "number_short_code"})
    assert suggested(flow) == {"name": "Anna", "number": "1234", "channel": "both", **chosen}
    flow = await submit(home, flow, "Anna", "1234", "sms", **chosen)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)


async def test_a_phone_that_is_gone_stays_until_another_is_chosen(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA, phone="phone-1")
    service_account.phones[:] = [Phone(sid="phone-2", label="Cellar")]
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    flow = await begin_change(home, account, contact_id)
    assert flow["data_schema"] is not None
    offered = flow["data_schema"].schema["phone"].config["options"]
    assert [(phone["value"], phone["label"]) for phone in offered] == [
        ("phone-2", "Cellar"),
        ("phone-1", "Phone (gone)"),
    ]
    flow = await submit(home, flow, "Anna Nagy", ANNA, phone="phone-1")
    assert flow["reason"] == "reconfigure_successful"
    await settle(home)
    assert account.subentries[contact_id].data["phone"] == "phone-1"
    await change(home, account, contact_id, "Anna", ANNA, phone="phone-2")
    flow = await begin(home, account)
    assert flow["data_schema"] is not None
    assert len(flow["data_schema"].schema["phone"].config["options"]) == 1


async def test_without_phones_there_is_none_to_choose(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.clear()
    account = await add_account(home, simulator)
    flow = await begin(home, account)
    assert flow["data_schema"] is not None
    assert "phone" not in flow["data_schema"].schema
    flow = await submit(home, flow, "Anna", ANNA, sim="1")
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)


async def test_a_number_is_read_in_the_accounts_region(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    home.config_entries.async_update_entry(account, options={"region": "BE"})
    await settle(home)
    await add_contact(home, account, "Anna", "0470 12 34 56")
    assert contacts(account)[0]["number"] == "+32470123456"
    flow = await submit(home, await begin(home, account), "Béla", "0032 470 12 34 56")
    assert_shown(flow, "user", {"number": "number_taken"})


async def test_a_number_that_is_no_text_is_refused_by_the_form(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    flow = await begin(home, account)
    with pytest.raises(InvalidData):
        await submit(home, flow, "Anna", 36301234567)
    flow = await submit(home, flow, "Anna", ANNA)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)


async def test_a_taken_number_names_its_contact(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    await add_contact(home, account, "Béla", BELA)
    flow = await submit(home, await begin(home, account), "Anna", BELA)
    assert flow["description_placeholders"] == {"contact": "Béla"}


async def test_two_dialogs_cannot_take_the_same_number(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    first, second = await begin(home, account), await begin(home, account)
    await submit(home, first, "Anna", ANNA)
    assert_shown(await submit(home, second, "Anna", ANNA), "user", {"name": "name_taken"})
    assert_shown(await submit(home, second, "Anne", ANNA), "user", {"number": "number_taken"})
    await settle(home)
    assert len(account.subentries) == 1


async def test_another_account_may_have_the_same_contact(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    simulator.add_account("k-2")
    other = await add_account(home, simulator, "k-2")
    ids = [await add_contact(home, entry, "Anna", ANNA) for entry in (account, other)]
    devices = [device_of(home, contact_id) for contact_id in ids]
    assert devices[0] and devices[1] and devices[0].id != devices[1].id
    assert {"notify.anna", "notify.anna_2"} <= set(home.states.async_entity_ids("notify"))


async def test_without_a_country_the_country_code_is_asked_for(
    hass: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    assert hass.config.country is None
    entry = await add_account(hass, simulator)
    flow = await submit(hass, await begin(hass, entry), "Anna", "06 30 123 4567")
    assert_shown(flow, "user", {"number": "number_no_country"})
    flow = await submit(hass, flow, "Anna", "+36 30 123 4567")
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)
    assert contacts(entry)[0]["number"] == ANNA


async def test_the_form_can_be_shown_in_a_browser(
    home: HomeAssistant, hass_client: ClientSessionGenerator, account: SmsMobileApiConfigEntry
) -> None:
    assert await async_setup_component(home, "config", {})
    client = await hass_client()
    path = "/api/config/config_entries/subentries/flow"
    async with client.post(path, json={"handler": [account.entry_id, "contact"]}) as response:
        assert response.status == HTTPStatus.OK
        flow = await response.json()
    assert [field["name"] for field in flow["data_schema"]] == list(TEXTS["step"]["user"]["data"])
    entered = {"name": "Anna", "number": "06 30 123 4567", "channel": "sms"}
    async with client.post(f"{path}/{flow['flow_id']}", json=entered) as response:
        flow = await response.json()
    assert flow["type"] == "create_entry"
    await settle(home)
    assert contacts(account)[0]["number"] == ANNA


# Changing


async def test_the_form_shows_the_contact(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA, "whatsapp")
    flow = await begin_change(home, account, contact_id)
    assert (flow["step_id"], flow["errors"]) == ("reconfigure", None)
    assert suggested(flow) == {"name": "Anna", "number": ANNA, "channel": "whatsapp"}


@pytest.mark.parametrize(("name", "number", "channel", "errors"), WRONG)
async def test_a_refused_change_says_why_and_can_be_corrected(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    name: str,
    number: str,
    channel: str,
    errors: dict[str, str],
) -> None:
    await add_contact(home, account, "Béla", BELA)
    contact_id = await add_contact(home, account, "Anna", ANNA)
    flow = await submit(home, await begin_change(home, account, contact_id), name, number, channel)
    assert_shown(flow, "reconfigure", errors)
    assert account.subentries[contact_id].data == {"name": "Anna", "number": ANNA, "channel": "sms"}
    flow = await submit(home, flow, "Anna", "+36301234568", "whatsapp")
    assert flow["reason"] == "reconfigure_successful"
    await settle(home)
    assert account.subentries[contact_id].data["number"] == "+36301234568"


@pytest.mark.parametrize(
    ("name", "number", "channel"),
    [
        ("Anna", ANNA, "sms"),
        ("ANNA", ANNA, "sms"),
        ("Anna", "06301234567", "sms"),
        ("Anna", ANNA, "whatsapp"),
    ],
)
async def test_a_contact_is_not_in_its_own_way(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, name: str, number: str, channel: str
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    await change(home, account, contact_id, name, number, channel)
    assert account.subentries[contact_id].data == {"name": name, "number": ANNA, "channel": channel}


async def test_a_new_name_is_shown_and_keeps_the_ids(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    device, before = device_of(home, contact_id), ids(home, contact_id)
    await change(home, account, contact_id, "Anna Nagy", ANNA)
    assert account.subentries[contact_id].title == "Anna Nagy"
    assert names(home, contact_id) == {"Anna Nagy", "Anna Nagy Message"}
    after = device_of(home, contact_id)
    assert device and after and device.id == after.id
    assert ids(home, contact_id) == before


async def test_a_new_name_in_the_contacts_menu_is_shown(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    """The frontend's "Rename" sets the subentry's title and nothing else."""
    contact_id = await add_contact(home, account, "Anna", ANNA)
    before = ids(home, contact_id)
    assert await async_setup_component(home, "config", {})
    client = await hass_ws_client(home)
    await client.send_json_auto_id(
        {
            "type": "config_entries/subentries/update",
            "entry_id": account.entry_id,
            "subentry_id": contact_id,
            "title": "Anna Nagy",
        }
    )
    assert (await client.receive_json())["success"]
    await settle(home)
    assert names(home, contact_id) == {"Anna Nagy", "Anna Nagy Message"}
    assert ids(home, contact_id) == before


async def test_a_new_number_keeps_the_ids(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    device, before = device_of(home, contact_id), ids(home, contact_id)
    await change(home, account, contact_id, "Anna", BELA)
    after = device_of(home, contact_id)
    assert device and after and device.id == after.id
    assert ids(home, contact_id) == before
    await home.services.async_call(
        "notify", "send_message", {"entity_id": "notify.anna", "message": "hi"}, blocking=True
    )
    assert [sent.fields["recipients"] for sent in service_account.sent] == [BELA]


def ids(hass: HomeAssistant, contact_id: str) -> set[tuple[str, str]]:
    return {(entity.unique_id, entity.entity_id) for entity in entities_of(hass, contact_id)}


async def test_ids_hold_no_number_and_no_key(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    assert {unique_id for unique_id, _ in ids(home, contact_id)} == {
        f"{contact_id}_message",
        f"{contact_id}_notify",
    }
    of_account = er.async_entries_for_config_entry(er.async_get(home), account.entry_id)
    for unique_id in {entity.unique_id for entity in of_account}:
        assert unique_id.startswith((contact_id, account.entry_id))
        assert not any(private in unique_id for private in (KEY, ANNA.lstrip("+")))


async def test_a_user_given_name_is_kept(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    device = device_of(home, contact_id)
    assert device
    dr.async_get(home).async_update_device(device.id, name_by_user="Mum")
    await change(home, account, contact_id, "Anna Nagy", ANNA)
    device = device_of(home, contact_id)
    assert device and (device.name, device.name_by_user) == ("Anna Nagy", "Mum")


# Removing


async def test_a_removed_contact_leaves_nothing_behind(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    anna = await add_contact(home, account, "Anna", ANNA)
    bela = await add_contact(home, account, "Béla", BELA)
    assert home.config_entries.async_remove_subentry(account, anna)
    await settle(home)
    assert device_of(home, anna) is None
    assert entities_of(home, anna) == []
    assert home.states.get("notify.anna") is home.states.get("event.anna_message") is None
    assert device_of(home, bela) is not None
    assert home.states.get("notify.bela") is not None

    # Name and number are free again.
    again = await add_contact(home, account, "Anna", ANNA)
    assert again != anna
    assert home.states.get("notify.anna") is not None


async def test_a_contact_changes_while_the_service_is_away(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    simulator.fault("*", "status", 9)
    await home.config_entries.async_reload(account.entry_id)
    flow = await submit(home, await begin_change(home, account, contact_id), "Anna", BELA)
    assert flow["reason"] == "reconfigure_successful"
    simulator.faults.waiting.clear()
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await home.services.async_call(
        "notify", "send_message", {"entity_id": "notify.anna", "message": "hi"}, blocking=True
    )
    assert service_account.sent[0].fields["recipients"] == BELA
