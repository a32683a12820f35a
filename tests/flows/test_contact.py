"""The dialog for contacts: what it accepts and refuses, and that a contact keeps its ids whatever changes."""

from collections.abc import Mapping
from http import HTTPStatus
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

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Phone, Simulator

from ..conftest import KEY, add_account, add_contact, settle
from ..package.reading import placeholders
from .dialogs import ENGLISH, suggested

ANNA = "+36301234567"
BELA = "+36209876543"
TEXTS = ENGLISH["config_subentries"]["contact"]


async def begin(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, contact_id: str | None = None
) -> SubentryFlowResult:
    """Open the dialog that adds a contact, or changes one."""
    context = SubentryFlowContext(source=SOURCE_USER)
    if contact_id:
        context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=contact_id)
    return await hass.config_entries.subentries.async_init((entry.entry_id, "contact"), context=context)


async def submit(
    hass: HomeAssistant, flow: SubentryFlowResult, name: str, number: Any, channel: str = "sms", **more: str
) -> SubentryFlowResult:
    """Send a form."""
    entered = {"name": name, "number": number, "channel": channel, **more}
    flow = await hass.config_entries.subentries.async_configure(flow["flow_id"], entered)
    await settle(hass)
    return flow


async def change(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, contact_id: str, *entered: str, **more: str
) -> None:
    """Change a contact as a user does."""
    flow = await submit(hass, await begin(hass, entry, contact_id), *entered, **more)
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")


def contacts(entry: SmsMobileApiConfigEntry) -> list[Mapping[str, Any]]:
    return [subentry.data for subentry in entry.subentries.values()]


def names(hass: HomeAssistant, entry: SmsMobileApiConfigEntry, contact_id: str) -> set[str]:
    """Return what the contact's device and entities are called in the user interface."""
    states = [hass.states.get(entity.entity_id) for entity in entities_of(hass, entry, contact_id)]
    return {str(device_of(hass, entry, contact_id).name)} | {state.name for state in states if state}


def device_of(hass: HomeAssistant, entry: SmsMobileApiConfigEntry, contact_id: str) -> dr.DeviceEntry:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, contact_id), entry.entry_id)
    assert device
    return device


def entities_of(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, contact_id: str
) -> list[er.RegistryEntry]:
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return [entity for entity in entities if entity.config_subentry_id == contact_id]


def ids(hass: HomeAssistant, entry: SmsMobileApiConfigEntry, contact_id: str) -> set[tuple[str, ...]]:
    """Return the ids of the contact's device and entities."""
    entities = entities_of(hass, entry, contact_id)
    found: set[tuple[str, ...]] = {(entity.unique_id, entity.entity_id) for entity in entities}
    return found | {(device_of(hass, entry, contact_id).id,)}


def assert_shown(flow: SubentryFlowResult, errors: dict[str, str], name: str = "") -> None:
    """Assert that a form shows these errors, and that each has its whole sentence."""
    assert flow["type"] is FlowResultType.FORM, name
    assert flow["errors"] == errors, name
    for code in errors.values():
        assert placeholders(TEXTS["error"][code]) <= set(flow["description_placeholders"] or {}), name


# Adding


async def test_a_contact_is_added(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    flow = await begin(home, account)
    assert (flow["type"], flow["step_id"], flow["errors"]) == (FlowResultType.FORM, "user", None)
    assert flow["data_schema"] is not None
    # SMS is the default.
    assert flow["data_schema"]({"name": "Anna", "number": ANNA})["channel"] == "sms"
    flow = await submit(home, flow, " Anna ", ANNA)
    assert (flow["type"], flow["title"]) == (FlowResultType.CREATE_ENTRY, "Anna")
    assert contacts(account) == [{"name": "Anna", "number": ANNA, "channel": "sms"}]
    (contact_id,) = account.subentries
    assert ids(home, account, contact_id) > {
        (f"{contact_id}_message", "event.anna_message"),
        (f"{contact_id}_notify", "notify.anna"),
    }
    assert names(home, account, contact_id) == {"Anna", "Anna Message"}
    # No id holds a number or the key.
    entities = er.async_entries_for_config_entry(er.async_get(home), account.entry_id)
    for unique_id in {entity.unique_id for entity in entities}:
        assert unique_id.startswith((contact_id, account.entry_id))
        assert not any(private in unique_id for private in (KEY, ANNA.lstrip("+")))


async def test_any_usual_form_of_a_number_is_accepted(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    contact_id = await add_contact(home, account, "Anna", BELA)
    for number, kept in (
        ("+36 (30) 123-4567", ANNA),
        ("+36\u201130\u2013123\u00a04567", ANNA),
        ("  0036301234567\n", ANNA),
        ("06 30 123 4567", ANNA),
        ("36301234567", ANNA),
        ("+1 (212) 555-0123", "+12125550123"),
        ("1234", "1234"),
    ):
        await change(home, account, contact_id, "Anna", number)
        assert contacts(account)[0]["number"] == kept, number
    # Numbers without a country code are those of the account's country.
    home.config_entries.async_update_entry(account, options={"region": "BE"})
    await settle(home)
    await change(home, account, contact_id, "Anna", "0470 12 34 56")
    assert contacts(account)[0]["number"] == "+32470123456"


async def test_without_a_country_the_country_code_is_asked_for(
    hass: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    assert hass.config.country is None
    entry = await add_account(hass, simulator)
    flow = await submit(hass, await begin(hass, entry), "Anna", "06 30 123 4567")
    assert_shown(flow, {"number": "number_no_country"})
    await submit(hass, flow, "Anna", "+36 30 123 4567")
    assert contacts(entry)[0]["number"] == ANNA


WRONG = [
    ("Anna", "", "sms", {"number": "number_empty"}),
    ("Anna", "  ", "sms", {"number": "number_empty"}),
    ("Anna", "call me", "sms", {"number": "number_letters"}),
    ("Anna", "+3630CALLME", "sms", {"number": "number_letters"}),
    ("Anna", "+36301234567,+36209876543", "sms", {"number": "number_letters"}),
    ("Anna", "+", "sms", {"number": "number_invalid"}),
    ("Anna", "+999 123 456 789", "sms", {"number": "number_invalid"}),
    ("Anna", "+3630", "sms", {"number": "number_too_short"}),
    ("Anna", "+3630123456789012345", "sms", {"number": "number_too_long"}),
    ("Anna", "1234", "whatsapp", {"number": "number_short_code"}),
    ("Anna", "1234", "both", {"number": "number_short_code"}),
    ("Anna", "1234", "whatsapp_else_sms", {"number": "number_short_code"}),
    ("", ANNA, "sms", {"name": "name_empty"}),
    ("   ", ANNA, "sms", {"name": "name_empty"}),
    ("\N{ZERO WIDTH SPACE}\N{HANGUL FILLER}", ANNA, "sms", {"name": "name_empty"}),
    ("1770", ANNA, "sms", {"name": "name_is_number"}),
    ("06 20 987 6543", ANNA, "sms", {"name": "name_is_number"}),
    ("notify.bela", ANNA, "sms", {"name": "name_taken"}),
    ("Béla", ANNA, "sms", {"name": "name_taken"}),
    (" bÉLA ", ANNA, "sms", {"name": "name_taken"}),
    ("Anna", BELA, "sms", {"number": "number_taken"}),
    ("Anna", "06 20 987 6543", "whatsapp", {"number": "number_taken"}),
]


@pytest.mark.parametrize("is_change", [False, True], ids=["add", "change"])
async def test_a_refusal_says_why_and_can_be_corrected(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, is_change: bool
) -> None:
    await add_contact(home, account, "Béla", BELA)
    contact_id = await add_contact(home, account, "Anna", ANNA, phone="phone-1") if is_change else None
    flow, before = await begin(home, account, contact_id), contacts(account)
    assert flow["step_id"] == ("reconfigure" if is_change else "user")
    chosen = {"phone": "phone-1", "sim": "1"}
    for name, number, channel, errors in WRONG:
        flow = await submit(home, flow, name, number, channel, **chosen)
        assert_shown(flow, errors, f"{name} {number} {channel}")
        entered = {"name": name, "number": number, "channel": channel, **chosen}
        assert entered.items() <= suggested(flow).items()
        if "number_taken" in errors.values():
            assert flow["description_placeholders"] == {"contact": "Béla"}
    for wrong in (
        {"sim": "3"},
        {"sim": "0"},
        {"phone": "phone-9"},
        {"channel": "email"},
        {"number": 36301234567},
    ):
        with pytest.raises(InvalidData):
            await submit(home, flow, **{"name": "Anna", "number": ANNA} | wrong)
    assert contacts(account) == before
    await submit(home, flow, "Anna", "+36301234568", "whatsapp", **chosen)
    assert [(contact["name"], contact["number"]) for contact in contacts(account)] == [
        ("Béla", BELA),
        ("Anna", "+36301234568"),
    ]


async def test_two_dialogs_cannot_use_the_same_number_but_two_accounts_can(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    first, second = await begin(home, account), await begin(home, account)
    await submit(home, first, "Anna", ANNA)
    assert_shown(await submit(home, second, "Anna", ANNA), {"name": "name_taken"})
    assert_shown(await submit(home, second, "Anne", ANNA), {"number": "number_taken"})
    assert len(account.subentries) == 1

    simulator.add_account("k-2")
    other = await add_account(home, simulator, "k-2")
    await add_contact(home, other, "Anna", ANNA)
    assert {"notify.anna", "notify.anna_2"} <= set(home.states.async_entity_ids("notify"))


async def test_the_form_can_be_shown_in_a_browser(
    home: HomeAssistant, hass_client: ClientSessionGenerator, account: SmsMobileApiConfigEntry
) -> None:
    assert {"reconfigure_successful", "already_configured"} <= set(TEXTS["abort"])
    assert set(TEXTS["step"]) == {"user", "reconfigure"} == set(TEXTS["initiate_flow"])
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


# How messages reach a contact


async def test_a_contact_has_one_of_four_channels(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    for channel in ENGLISH["selector"]["channel"]["options"]:
        await change(home, account, contact_id, "Anna", ANNA, channel)
        assert contacts(account) == [{"name": "Anna", "number": ANNA, "channel": channel}]
        assert suggested(await begin(home, account, contact_id))["channel"] == channel


async def test_a_contact_has_a_phone_and_a_sim(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA, phone="phone-1", sim="2")
    data = {"name": "Anna", "number": ANNA, "channel": "sms"}
    assert contacts(account) == [data | {"phone": "phone-1", "sim": 2}]
    assert suggested(await begin(home, account, contact_id)) == data | {"phone": "phone-1", "sim": "2"}
    await send(home)
    (sent,) = service_account.sent
    assert (sent.fields["sIdentifiant"], sent.fields["port"]) == ("phone-1", "2")

    await change(home, account, contact_id, "Anna", ANNA, sim="1")
    assert contacts(account) == [data | {"sim": 1}]
    await change(home, account, contact_id, "Anna", ANNA)
    assert contacts(account) == [data]


async def send(home: HomeAssistant) -> None:
    await home.services.async_call(
        "notify", "send_message", {"entity_id": "notify.anna", "message": "hi"}, blocking=True
    )


async def test_a_phone_that_is_gone_stays_until_another_is_chosen(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA, phone="phone-1")
    service_account.phones[:] = [Phone(sid="phone-2", label="Cellar")]
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert await offered(home, account, contact_id) == {"phone-2": "Cellar", "phone-1": "Phone (gone)"}
    await change(home, account, contact_id, "Anna Nagy", ANNA, phone="phone-1")
    assert account.subentries[contact_id].data["phone"] == "phone-1"
    await change(home, account, contact_id, "Anna", ANNA, phone="phone-2")
    assert await offered(home, account) == {"phone-2": "Cellar"}


async def offered(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, contact_id: str | None = None
) -> dict[str, str]:
    """Return the labels of the phones that can be chosen, by SID."""
    flow = await begin(home, account, contact_id)
    assert flow["data_schema"] is not None
    phones = flow["data_schema"].schema["phone"].config["options"]
    return {phone["value"]: phone["label"] for phone in phones}


async def test_without_phones_there_is_none_to_choose(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.clear()
    account = await add_account(home, simulator)
    flow = await begin(home, account)
    assert flow["data_schema"] is not None
    assert "phone" not in flow["data_schema"].schema
    await submit(home, flow, "Anna", ANNA, sim="1")
    assert contacts(account)[0]["sim"] == 1


# Changing


async def test_a_contact_is_not_in_its_own_way_and_keeps_its_ids(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    before = ids(home, account, contact_id)
    device = device_of(home, account, contact_id)
    for name, number, channel in (
        ("Anna", ANNA, "sms"),
        ("ANNA", "06301234567", "sms"),
        ("Anna", ANNA, "whatsapp"),
        ("Anna Nagy", BELA, "sms"),
    ):
        await change(home, account, contact_id, name, number, channel)
        assert account.subentries[contact_id].title == contacts(account)[0]["name"] == name
        assert names(home, account, contact_id) == {name, f"{name} Message"}
        assert ids(home, account, contact_id) == before
    await send(home)
    assert [sent.fields["recipients"] for sent in service_account.sent] == [BELA]
    # The name that the user gave to the device is kept.
    dr.async_get(home).async_update_device(device.id, name_by_user="Mum")
    await change(home, account, contact_id, "Anna", BELA)
    device = device_of(home, account, contact_id)
    assert (device.name, device.name_by_user) == ("Anna", "Mum")


async def test_a_new_name_in_the_contacts_menu_is_shown(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    """The frontend's "Rename" sets the subentry's title and nothing else."""
    contact_id = await add_contact(home, account, "Anna", ANNA)
    before = ids(home, account, contact_id)
    assert await async_setup_component(home, "config", {})
    client = await hass_ws_client(home)
    update = {"entry_id": account.entry_id, "subentry_id": contact_id, "title": "Anna Nagy"}
    await client.send_json_auto_id({"type": "config_entries/subentries/update", **update})
    assert (await client.receive_json())["success"]
    await settle(home)
    assert names(home, account, contact_id) == {"Anna Nagy", "Anna Nagy Message"}
    assert ids(home, account, contact_id) == before
    assert suggested(await begin(home, account, contact_id))["name"] == "Anna Nagy"


async def test_a_removed_contact_leaves_nothing_behind(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    anna = await add_contact(home, account, "Anna", ANNA)
    bela = await add_contact(home, account, "Béla", BELA)
    assert home.config_entries.async_remove_subentry(account, anna)
    await settle(home)
    assert dr.async_get(home).async_get_device_by_identifier((DOMAIN, anna), account.entry_id) is None
    assert entities_of(home, account, anna) == []
    assert home.states.get("notify.anna") is home.states.get("event.anna_message") is None
    assert device_of(home, account, bela)
    assert home.states.get("notify.bela") is not None
    # Name and number are free again.
    assert await add_contact(home, account, "Anna", ANNA) != anna
    assert home.states.get("notify.anna") is not None


async def test_a_contact_changes_while_the_service_is_away(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    simulator.fault("*", "status", 9)
    await home.config_entries.async_reload(account.entry_id)
    await change(home, account, contact_id, "Anna", BELA)
    simulator.faults.waiting.clear()
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await send(home)
    assert service_account.sent[0].fields["recipients"] == BELA
