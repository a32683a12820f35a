"""What each action does first: it checks its data and finds the account."""

from collections.abc import Iterable
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall
import voluptuous as vol

from .account import SmsMobileApiConfigEntry
from .const import DOMAIN
from .errors import invalid
from .numbers import mask
from .texts import join_halves


def fields_only(schema: vol.Schema) -> vol.Schema:
    """Return a schema that refuses unknown and missing fields, and takes any value.

    A value comes from a template, and fails when nobody looks. Home Assistant's own check would raise vol.Invalid, which
    `continue_on_error` does not pass over; `with_valid_data` raises an error of the action.
    """
    return vol.Schema(
        {
            (vol.Required if isinstance(key, vol.Required) else vol.Optional)(key.schema): object
            for key in schema.schema
        }
    )


def with_valid_data(call: ServiceCall, schema: vol.Schema) -> ServiceCall:
    """Return the call with its data as the schema returns them. Raises ServiceValidationError.

    Texts in them can be encoded: with half of a character, Home Assistant's reader of times ends the process.
    """
    given = {name: _encodable(value) for name, value in call.data.items()}
    try:
        data: dict[str, Any] = schema(given)
    except vol.MultipleInvalid as err:
        first = err.errors[0]
        if isinstance(first, vol.ExclusiveInvalid):
            raise invalid("fields_exclusive") from None
        field = str(first.path[0])
        raise invalid("value_invalid", field=field, value=shown_value(given[field])) from None
    return ServiceCall(
        call.hass, call.domain, call.service, data, call.context, return_response=call.return_response
    )


def _encodable(value: Any) -> Any:
    """Return a value with all characters in it whole."""
    match value:
        case str():
            return join_halves(value)
        case list() | tuple():
            return type(value)(_encodable(item) for item in value)
        case dict():
            return {key: _encodable(item) for key, item in value.items()}
    return value


def shown_value(value: object) -> str:
    """Return a value as errors show it: its type where it is no single value, and no whole number."""
    return mask(str(value).strip()) if isinstance(value, str | int | float) else type(value).__name__


def find_entry(
    hass: HomeAssistant, account: str | None, recipients: Iterable[str | int]
) -> SmsMobileApiConfigEntry:
    """Return the account with this id or title; without it, the only one that is loaded, or that has the contacts.

    Raises ServiceValidationError, which names the accounts to choose from.
    """
    entries: list[SmsMobileApiConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )
    loaded = [entry for entry in entries if entry.state is ConfigEntryState.LOADED]
    if account is not None:
        name = account.strip().casefold()
        found = [entry for entry in entries if entry.entry_id == account] or [
            entry for entry in entries if entry.title.strip().casefold() == name
        ]
        if not found:
            raise invalid("unknown_account", accounts=_names(entries) or "–")
    elif not entries:
        raise invalid("no_account")
    elif len(loaded) > 1:
        found = _with_contacts(loaded, recipients) or loaded
    else:
        found = loaded or entries
    if not any(entry in loaded for entry in found):
        raise invalid("account_not_loaded", account=_names(found))
    if len(found) > 1:
        raise invalid("account_unclear", accounts=_names(found))
    return found[0]


def _with_contacts(
    entries: list[SmsMobileApiConfigEntry], recipients: Iterable[str | int]
) -> list[SmsMobileApiConfigEntry]:
    """Return the accounts that have all those of the recipients who are contacts of any of them."""
    among = [entry.runtime_data.outbox.recipients.contacts_among(recipients) for entry in entries]
    everybody = set[object]().union(*among)
    return [entry for entry, contacts in zip(entries, among, strict=True) if contacts == everybody]


def _names(entries: list[SmsMobileApiConfigEntry]) -> str:
    """Return the titles of accounts, with the id of those whose title another one has, too."""
    titles = [entry.title for entry in entries]
    return ", ".join(
        entry.title if titles.count(entry.title) == 1 else f"{entry.title} ({entry.entry_id})"
        for entry in entries
    )
