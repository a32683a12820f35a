"""The dialog for a contact, a config subentry of an account."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigSubentry, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME, UnitOfTime
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from ..api import Channel
from ..const import CONF_CHANNEL, CONF_NUMBER, CONF_RETRY_MINUTES, CONF_SMS_MINUTES
from ..contacts import DEFAULT_RETRY_MINUTES, Contacts, Route, is_other_number
from ..numbers import InvalidNumber, parse_number
from ..options import Options
from ..texts import is_blank, join_halves
from .options import as_shown, async_phone_and_sim_fields, phone_and_sim_in

MINUTES_FIELD: Final = NumberSelector(
    NumberSelectorConfig(
        min=0, max=24 * 60, mode=NumberSelectorMode.BOX, unit_of_measurement=UnitOfTime.MINUTES
    )
)
CONTACT_FIELDS: Final = {
    vol.Required(CONF_NAME): TextSelector(),
    vol.Required(CONF_NUMBER): TextSelector(TextSelectorConfig(type=TextSelectorType.TEL)),
    vol.Required(CONF_CHANNEL, default=Route.SMS.value): SelectSelector(
        SelectSelectorConfig(
            options=[route.value for route in Route],
            mode=SelectSelectorMode.LIST,
            translation_key=CONF_CHANNEL,
        )
    ),
    vol.Optional(CONF_RETRY_MINUTES, default=DEFAULT_RETRY_MINUTES): MINUTES_FIELD,
    vol.Optional(CONF_SMS_MINUTES, default=0): MINUTES_FIELD,
}


class InvalidInput(Exception):
    """What was entered can't be used. Holds the form's errors and their placeholders."""

    def __init__(self, field: str, error: str, placeholders: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.errors = {field: error}
        self.placeholders = placeholders or {}


class ContactFlow(ConfigSubentryFlow):
    """Add and change contacts."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add a contact."""
        return await self._step("user", user_input, None)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a contact."""
        return await self._step("reconfigure", user_input, self._get_reconfigure_subentry())

    async def _step(
        self, step_id: str, user_input: dict[str, Any] | None, subentry: ConfigSubentry | None
    ) -> SubentryFlowResult:
        """Ask for a contact, and save it as a new subentry or in place of `subentry`."""
        invalid = None
        if user_input is not None:
            try:
                data = self._read(user_input, subentry.subentry_id if subentry else None)
            except InvalidInput as err:
                invalid = err
            else:
                if subentry is None:
                    return self.async_create_entry(title=data[CONF_NAME], data=data)
                return self.async_update_and_abort(
                    self._get_entry(), subentry, title=data[CONF_NAME], data=data
                )
        kept = as_shown({**subentry.data, CONF_NAME: subentry.title}) if subentry else {}
        fields = CONTACT_FIELDS | await async_phone_and_sim_fields(self.hass, self._get_entry(), kept)
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(fields), kept if user_input is None else user_input
            ),
            errors=invalid.errors if invalid else None,
            description_placeholders=invalid.placeholders if invalid else None,
        )

    def _read(self, user_input: dict[str, Any], own_id: str | None) -> dict[str, Any]:
        """Return a contact's data, its number normalised. Raises InvalidInput."""
        entry = self._get_entry()
        name, route = join_halves(user_input[CONF_NAME]).strip(), Route(user_input[CONF_CHANNEL])
        if is_blank(name):
            raise InvalidInput(CONF_NAME, "name_empty")
        # WhatsApp has no short numbers.
        channel = Channel.SMS if route is Route.SMS else Channel.WHATSAPP
        region = Options(self.hass, entry).region
        try:
            number = parse_number(user_input[CONF_NUMBER], region, channel)
        except InvalidNumber as err:
            raise InvalidInput(CONF_NUMBER, err.code) from None
        contacts = Contacts(self.hass, entry)
        if any(other.contact_id != own_id for other in contacts.named(name)):
            raise InvalidInput(CONF_NAME, "name_taken")
        if is_other_number(name, number, region):
            raise InvalidInput(CONF_NAME, "name_is_number")
        if (other := contacts.by_number(number)) and other.contact_id != own_id:
            raise InvalidInput(CONF_NUMBER, "number_taken", {"contact": other.name})
        data = {CONF_NAME: name, CONF_NUMBER: number, CONF_CHANNEL: route.value}
        minutes = {CONF_RETRY_MINUTES: DEFAULT_RETRY_MINUTES, CONF_SMS_MINUTES: 0}
        chosen = {key: int(user_input.get(key, default)) for key, default in minutes.items()}
        return (
            data
            | {key: value for key, value in chosen.items() if value != minutes[key]}
            | phone_and_sim_in(user_input)
        )
