"""The options of an account: the signing secret, the limits, what sends, and how often the service is asked."""

from datetime import timedelta
from http import HTTPStatus
import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components import smsmobileapi
from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.phones import devices_of
from simulator import Account, Phone, Simulator

from ..conftest import add_account, settle

SECRET = "whsec-0123456789"
LIMITS = {"messages_per_minute": 20, "messages_per_day": 200}
DEFAULTS = {**LIMITS, "poll_seconds": 60, "poll_minutes": 15, "offline_hours": 6}
ENTERED = {
    "messages_per_minute": 5,
    "messages_per_day": 50,
    "phone": "phone-1",
    "sim": "2",
    "region": "BE",
    "poll_seconds": 30,
    "poll_minutes": 5,
    "offline_hours": 0,
    "signing_secret": SECRET,
}
ENGLISH = json.loads(Path(smsmobileapi.__file__).with_name("translations").joinpath("en.json").read_text())


async def open_form(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> Any:
    form = await home.config_entries.options.async_init(account.entry_id)
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "init"
    return form


async def submit(home: HomeAssistant, account: SmsMobileApiConfigEntry, **values: Any) -> None:
    form = await open_form(home, account)
    result = await home.config_entries.options.async_configure(form["flow_id"], values)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)


def shown(form: Any) -> dict[str, Any]:
    """Return what stands in the form's fields."""
    values = {}
    for field in form["data_schema"].schema:
        if field.description and "suggested_value" in field.description:
            values[field.schema] = field.description["suggested_value"]
        elif callable(field.default):
            values[field.schema] = field.default()
    return values


def choices(form: Any, field: str = "phone") -> dict[str, str]:
    """Return the labels of what a field offers, by value."""
    offered = form["data_schema"].schema[field].config["options"]
    return {choice["value"]: choice["label"] for choice in offered}


async def test_the_defaults_are_shown_from_the_start(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    form = await open_form(home, account)
    assert shown(form) == DEFAULTS
    assert form["description_placeholders"]["dashboard_url"].startswith("https://")


async def test_every_field_is_there_and_has_its_texts(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    form = await open_form(home, account)
    fields = [field.schema for field in form["data_schema"].schema]
    texts = ENGLISH["options"]["step"]["init"]
    assert fields == list(ENTERED) == list(texts["data"]) == list(texts["data_description"])
    assert not any(field.description for field in form["data_schema"].schema)


async def test_what_is_entered_is_kept_used_and_shown(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    before = account.runtime_data
    await submit(home, account, **ENTERED | {"signing_secret": f" {SECRET} "})
    assert dict(account.options) == ENTERED | {"sim": 2}
    assert all(type(account.options[name]) is int for name in (*DEFAULTS, "sim"))
    assert account.state is ConfigEntryState.LOADED
    assert account.runtime_data is not before
    assert shown(await open_form(home, account)) == ENTERED
    options = account.runtime_data.options
    assert (options.signing_secret, options.phone, options.sim, options.region) == (
        SECRET,
        "phone-1",
        2,
        "BE",
    )
    assert options.poll_alone == timedelta(seconds=30)
    assert options.poll_beside_webhook == timedelta(minutes=5)
    assert options.offline_after is None


async def test_whole_numbers_may_come_with_a_point(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    """The frontend's number fields send 30.0, or a text."""
    await submit(home, account, poll_seconds=30.0, messages_per_day="50")
    assert dict(account.options) == DEFAULTS | {"poll_seconds": 30, "messages_per_day": 50}
    assert all(type(account.options[name]) is int for name in DEFAULTS)


async def test_a_form_that_is_sent_as_it_is_changes_nothing(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    await submit(home, account, **ENTERED)
    options, data, before = dict(account.options), dict(account.data), account.runtime_data
    await submit(home, account, **shown(await open_form(home, account)))
    assert (dict(account.options), dict(account.data)) == (options, data)
    assert account.runtime_data is before


@pytest.mark.parametrize("entered", [{}, LIMITS, {**LIMITS, "signing_secret": ""}, {"signing_secret": "  "}])
async def test_what_is_left_out_is_emptied_or_has_its_default(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, entered: dict[str, Any]
) -> None:
    await submit(home, account, **ENTERED)
    await submit(home, account, **entered)
    assert dict(account.options) == DEFAULTS
    options = account.runtime_data.options
    assert (options.signing_secret, options.phone, options.sim, options.region) == (None, None, None, "HU")


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("messages_per_minute", 1, 100_000),
        ("messages_per_day", 1, 100_000),
        ("poll_seconds", 15, 3600),
        ("poll_minutes", 1, 240),
        ("offline_hours", 0, 720),
    ],
)
async def test_numbers_have_their_range(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, name: str, lowest: int, highest: int
) -> None:
    form = await open_form(home, account)
    for value in (lowest - 1, lowest - 0.5, highest + 1, -1, "many", None):
        with pytest.raises(InvalidData):
            await home.config_entries.options.async_configure(form["flow_id"], {name: value})
    assert dict(account.options) == {}
    for value in (lowest, highest):
        await submit(home, account, **{name: value})
        assert dict(account.options) == DEFAULTS | {name: value}
    assert account.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    "wrong",
    [
        {"sim": "3"},
        {"sim": "0"},
        {"sim": 1},
        {"phone": "phone-9"},
        {"region": "XX"},
        {"region": "AQ"},
        {"region": "hu"},
        {"nonsense": 1},
    ],
)
async def test_what_cannot_be_is_refused(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, wrong: dict[str, Any]
) -> None:
    form = await open_form(home, account)
    with pytest.raises(InvalidData):
        await home.config_entries.options.async_configure(form["flow_id"], wrong)
    await home.config_entries.options.async_configure(form["flow_id"], LIMITS)
    await settle(home)
    assert dict(account.options) == DEFAULTS


# The phone that sends


async def test_phones_are_offered_by_name(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones[:] = [
        Phone(sid="phone-1", label="Kitchen"),
        Phone(sid="phone-2", label="Pixel", online=False),
        Phone(sid="phone-3", label="Pixel"),
        Phone(sid="phone-4", label="Cellar"),
    ]
    account = await add_account(home, simulator)
    registry = dr.async_get(home)
    registry.async_update_device(devices_of(home, account)["phone-4"].id, name_by_user="Workshop")
    assert choices(await open_form(home, account)) == {
        "phone-1": "Kitchen",
        "phone-2": "Pixel (ne-2)",
        "phone-3": "Pixel (ne-3)",
        "phone-4": "Workshop",
    }


async def test_a_new_phone_is_offered_at_once(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.phones.append(Phone(sid="phone-2", label="Cellar"))
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert choices(await open_form(home, account))["phone-2"] == "Cellar"
    await submit(home, account, phone="phone-2")
    assert account.options["phone"] == "phone-2"


async def test_a_phone_that_is_gone_is_offered_only_where_it_is_chosen(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await submit(home, account, phone="phone-1")
    service_account.phones[:] = [Phone(sid="phone-2", label="Cellar")]
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    form = await open_form(home, account)
    assert choices(form) == {"phone-2": "Cellar", "phone-1": "Phone (gone)"}
    assert shown(form)["phone"] == "phone-1"
    # It may stay, and can be left.
    await submit(home, account, **shown(form))
    assert account.options["phone"] == "phone-1"
    await submit(home, account, phone="phone-2")
    assert choices(await open_form(home, account)) == {"phone-2": "Cellar"}


async def test_a_phone_whose_device_was_deleted_is_still_shown(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.clear()
    account = await add_account(home, simulator)
    home.config_entries.async_update_entry(account, options={"phone": "phone-7"})
    await settle(home)
    assert choices(await open_form(home, account)) == {"phone-7": "phone-7 (gone)"}


async def test_that_a_phone_is_gone_is_said_in_the_homes_language(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    await home.config.async_update(language="hu")
    home.config_entries.async_update_entry(account, options={"phone": "phone-7"})
    await settle(home)
    label = choices(await open_form(home, account))["phone-7"]
    assert label.startswith("phone-7 (")


async def test_without_phones_there_is_nothing_to_choose(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.clear()
    account = await add_account(home, simulator)
    form = await open_form(home, account)
    assert "phone" not in form["data_schema"].schema
    entered = {name: value for name, value in ENTERED.items() if name != "phone"}
    await submit(home, account, **entered)
    assert dict(account.options) == entered | {"sim": 2}


async def test_options_can_be_changed_while_the_service_is_away(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    simulator.fault("*", "status", 9)
    await home.config_entries.async_reload(account.entry_id)
    assert account.state is ConfigEntryState.SETUP_RETRY
    assert choices(await open_form(home, account)) == {"phone-1": "Phone"}
    await submit(home, account, **ENTERED)
    assert dict(account.options) == ENTERED | {"sim": 2}
    simulator.faults.waiting.clear()
    await home.config_entries.async_reload(account.entry_id)
    assert account.state is ConfigEntryState.LOADED
    assert account.runtime_data.options.poll_alone == timedelta(seconds=30)
    await settle(home)


async def test_the_form_can_be_shown_in_a_browser(
    home: HomeAssistant, hass_client: ClientSessionGenerator, account: SmsMobileApiConfigEntry
) -> None:
    assert await async_setup_component(home, "config", {})
    client = await hass_client()
    path = "/api/config/config_entries/options/flow"
    async with client.post(path, json={"handler": account.entry_id}) as response:
        assert response.status == HTTPStatus.OK
        flow = await response.json()
    fields = {field["name"]: field for field in flow["data_schema"]}
    assert list(fields) == list(ENTERED)
    assert not any(field.get("required") for field in fields.values())
    units = {
        name: field["selector"]["number"].get("unit_of_measurement")
        for name, field in fields.items()
        if "number" in field["selector"]
    }
    assert units == {
        "messages_per_minute": None,
        "messages_per_day": None,
        "poll_seconds": "s",
        "poll_minutes": "min",
        "offline_hours": "h",
    }
    sims = fields["sim"]["selector"]["select"]
    assert set(sims["options"]) == set(ENGLISH["selector"][sims["translation_key"]]["options"]) == {"1", "2"}
    assert {"HU", "BE", "US"} <= set(fields["region"]["selector"]["country"]["countries"])
    async with client.post(f"{path}/{flow['flow_id']}", json=ENTERED) as response:
        flow = await response.json()
    assert flow["type"] == "create_entry"
    await settle(home)
    assert dict(account.options) == ENTERED | {"sim": 2}
