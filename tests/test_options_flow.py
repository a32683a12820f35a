"""The options of an account: the signing secret and the limits."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
import pytest

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry

from .conftest import settle

SECRET = "whsec-0123456789"
DEFAULTS = {"messages_per_minute": 20, "messages_per_day": 200}


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


async def test_the_limits_are_shown_from_the_start(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    form = await open_form(home, account)
    assert shown(form) == DEFAULTS
    assert form["description_placeholders"]["dashboard_url"].startswith("https://")


async def test_what_is_entered_is_kept_used_and_shown(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    before = account.runtime_data
    entered = {"messages_per_minute": 5, "messages_per_day": 50, "signing_secret": f" {SECRET} "}
    await submit(home, account, **entered)
    kept = {**entered, "signing_secret": SECRET}
    assert dict(account.options) == kept
    assert all(type(account.options[limit]) is int for limit in DEFAULTS)
    assert account.state is ConfigEntryState.LOADED
    assert account.runtime_data is not before
    assert shown(await open_form(home, account)) == kept


async def test_a_form_that_is_sent_as_it_is_changes_nothing(
    home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    await submit(home, account, messages_per_minute=5, messages_per_day=50, signing_secret=SECRET)
    options, data, before = dict(account.options), dict(account.data), account.runtime_data
    await submit(home, account, **shown(await open_form(home, account)))
    assert (dict(account.options), dict(account.data)) == (options, data)
    assert account.runtime_data is before


@pytest.mark.parametrize("emptied", [{}, {"signing_secret": ""}, {"signing_secret": "  "}])
async def test_an_emptied_field_takes_the_secret_away(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, emptied: dict[str, str]
) -> None:
    await submit(home, account, **DEFAULTS, signing_secret=SECRET)
    assert account.options["signing_secret"] == SECRET
    await submit(home, account, **DEFAULTS, **emptied)
    assert dict(account.options) == DEFAULTS


@pytest.mark.parametrize("limit", list(DEFAULTS))
@pytest.mark.parametrize("value", [0, -1, 0.5, 100_001, "many", None])
async def test_what_is_no_limit_is_refused(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, limit: str, value: Any
) -> None:
    form = await open_form(home, account)
    with pytest.raises(InvalidData):
        await home.config_entries.options.async_configure(form["flow_id"], DEFAULTS | {limit: value})
    assert dict(account.options) == {}


async def test_the_ends_of_the_range_are_taken(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await submit(home, account, messages_per_minute=1, messages_per_day=100_000)
    assert dict(account.options) == {"messages_per_minute": 1, "messages_per_day": 100_000}
