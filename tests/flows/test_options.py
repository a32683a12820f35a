"""The dialog for an account's options: the signing secret, the limits, the phone and SIM that send, the country."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.phones import phone_identifier
from simulator import Account, Phone, Simulator

from ..conftest import add_account, settle
from .dialogs import ENGLISH

SECRET = "whsec-0123456789"
DEFAULTS = {
    "messages_per_minute": 20,
    "messages_per_day": 200,
    "urgent_reserve": 20,
    "offline_hours": 6,
    "max_age_hours": 24,
    "private_history": False,
}
ENTERED = {
    "messages_per_minute": 5,
    "messages_per_day": 50,
    "urgent_reserve": 0,
    "phone": "phone-1",
    "sim": "2",
    "region": "BE",
    "offline_hours": 0,
    "max_age_hours": 48,
    "private_history": True,
    "signing_secret": SECRET,
}


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


async def test_every_field_is_there_with_its_texts_and_default(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    form = await open_form(home, account)
    assert shown(form) == DEFAULTS
    assert form["description_placeholders"]["dashboard_url"].startswith("https://")
    fields = [field.schema for field in form["data_schema"].schema]
    texts = ENGLISH["options"]["step"]["init"]
    assert fields == list(ENTERED) == list(texts["data"]) == list(texts["data_description"])


async def test_what_is_entered_is_kept_used_and_shown(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    await submit(home, account, **ENTERED | {"signing_secret": f" {SECRET} "})
    assert dict(account.options) == ENTERED | {"sim": 2}
    assert account.state is ConfigEntryState.LOADED
    assert shown(await open_form(home, account)) == ENTERED
    options = account.runtime_data.options
    assert (options.signing_secret, options.phone, options.sim, options.region) == (
        SECRET,
        "phone-1",
        2,
        "BE",
    )
    assert options.offline_after is None
    assert (options.max_age, options.is_history_private) == (timedelta(hours=48), True)

    # Sent as it is, it changes nothing.
    kept, data, before = dict(account.options), dict(account.data), account.runtime_data
    await submit(home, account, **shown(await open_form(home, account)))
    assert (dict(account.options), dict(account.data)) == (kept, data)
    assert account.runtime_data is before


async def test_what_is_left_empty_is_removed_or_has_its_default(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    for entered in ({}, {"messages_per_day": 200, "signing_secret": ""}, {"signing_secret": "  "}):
        await submit(home, account, **ENTERED)
        await submit(home, account, **entered)
        assert dict(account.options) == DEFAULTS, entered
        options = account.runtime_data.options
        assert (options.signing_secret, options.phone, options.sim, options.region) == (
            None,
            None,
            None,
            "HU",
        )


async def test_numbers_have_their_range(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    form = await open_form(home, account)
    ranges = {
        "messages_per_minute": (1, 100_000),
        "messages_per_day": (1, 100_000),
        "urgent_reserve": (0, 100_000),
        "offline_hours": (0, 720),
        "max_age_hours": (1, 720),
    }
    for name, (lowest, highest) in ranges.items():
        for value in (lowest - 1, lowest - 0.5, highest + 1, -1, "many", None):
            with pytest.raises(InvalidData):
                await home.config_entries.options.async_configure(form["flow_id"], {name: value})
    assert dict(account.options) == {}
    for which in (0, 1):
        await submit(home, account, **{name: limits[which] for name, limits in ranges.items()})
        entered = {name: limits[which] for name, limits in ranges.items()}
        assert dict(account.options) == entered | {"private_history": False}
    # The frontend's number fields send fractions, or a text.
    await submit(home, account, messages_per_minute=30.0, messages_per_day="50")
    assert dict(account.options) == DEFAULTS | {"messages_per_minute": 30, "messages_per_day": 50}
    assert all(type(account.options[name]) is int for name in ranges)


async def test_what_cannot_be_chosen_is_refused(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    form = await open_form(home, account)
    for wrong in (
        {"sim": "3"},
        {"sim": "0"},
        {"sim": 1},
        {"phone": "phone-9"},
        {"region": "XX"},
        {"region": "AQ"},
        {"region": "hu"},
        {"poll_seconds": 60},
    ):
        with pytest.raises(InvalidData):
            await home.config_entries.options.async_configure(form["flow_id"], wrong)
    await home.config_entries.options.async_configure(form["flow_id"], {})
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
    device = registry.async_get_device_by_identifier(phone_identifier(account, "phone-4"), account.entry_id)
    assert device
    registry.async_update_device(device.id, name_by_user="Workshop")
    assert choices(await open_form(home, account)) == {
        "phone-1": "Kitchen",
        "phone-2": "Pixel (ne-2)",
        "phone-3": "Pixel (ne-3)",
        "phone-4": "Workshop",
    }


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
    # It may stay, and can be replaced.
    await submit(home, account, **shown(form))
    assert account.options["phone"] == "phone-1"
    await submit(home, account, phone="phone-2")
    assert choices(await open_form(home, account)) == {"phone-2": "Cellar"}


async def test_a_phone_without_a_device_is_shown_as_gone_in_the_homes_language(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.clear()
    account = await add_account(home, simulator)
    home.config_entries.async_update_entry(account, options={"phone": "phone-7"})
    await settle(home)
    labels = []
    for language in ("en", "hu"):
        await home.config.async_update(language=language)
        labels.append(choices(await open_form(home, account))["phone-7"])
    assert labels[0] == "phone-7 (gone)"
    assert labels[1].startswith("phone-7 (") and labels[1] != labels[0]


async def test_without_phones_there_is_none_to_choose(
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
    assert not account.runtime_data.phones.is_read
    assert choices(await open_form(home, account)) == {"phone-1": "Phone"}
    await submit(home, account, **ENTERED | {"offline_hours": 5})
    assert dict(account.options) == ENTERED | {"sim": 2, "offline_hours": 5}
    simulator.faults.waiting.clear()
    await home.config_entries.async_reload(account.entry_id)
    assert account.state is ConfigEntryState.LOADED
    assert account.runtime_data.options.offline_after == timedelta(hours=5)
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
    assert fields["offline_hours"]["selector"]["number"]["unit_of_measurement"] == "h"
    sims = fields["sim"]["selector"]["select"]
    assert set(sims["options"]) == set(ENGLISH["selector"][sims["translation_key"]]["options"]) == {"1", "2"}
    assert {"HU", "BE", "US"} <= set(fields["region"]["selector"]["country"]["countries"])
    async with client.post(f"{path}/{flow['flow_id']}", json=ENTERED) as response:
        flow = await response.json()
    assert flow["type"] == "create_entry"
    await settle(home)
    assert dict(account.options) == ENTERED | {"sim": 2}
