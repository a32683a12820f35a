"""The dialog for an account's options, and the fields for a phone and a SIM, which contacts have, too."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigFlowResult, OptionsFlow
from homeassistant.const import UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.generated.countries import COUNTRIES
from homeassistant.helpers.selector import (
    BooleanSelector,
    CountrySelector,
    CountrySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.translation import async_get_translations
from phonenumbers import SUPPORTED_REGIONS
import voluptuous as vol

from ..const import (
    CONF_MAX_AGE_HOURS,
    CONF_MESSAGES_PER_DAY,
    CONF_MESSAGES_PER_MINUTE,
    CONF_OFFLINE_HOURS,
    CONF_PHONE,
    CONF_PRIVATE_HISTORY,
    CONF_REGION,
    CONF_SIGNING_SECRET,
    CONF_SIM,
    CONF_URGENT_RESERVE,
    DASHBOARD_URL,
    DOMAIN,
)
from ..options import DEFAULTS
from ..phones import Phones, device_name, names_of

type Fields = dict[vol.Marker, Any]

SECRET_FIELD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
SIM_FIELD: Final = SelectSelector(
    SelectSelectorConfig(options=["1", "2"], mode=SelectSelectorMode.DROPDOWN, translation_key=CONF_SIM)
)
# The countries whose numbers the library can parse.
REGION_FIELD: Final = CountrySelector(CountrySelectorConfig(countries=sorted(COUNTRIES & SUPPORTED_REGIONS)))
# Minimum, maximum, unit.
NUMBERS: Final = {
    CONF_MESSAGES_PER_MINUTE: (1, 100_000, ""),
    CONF_MESSAGES_PER_DAY: (1, 100_000, ""),
    CONF_URGENT_RESERVE: (0, 100_000, ""),
    CONF_OFFLINE_HOURS: (0, 720, UnitOfTime.HOURS),
    CONF_MAX_AGE_HOURS: (1, 720, UnitOfTime.HOURS),
}


class SmsMobileApiOptionsFlow(OptionsFlow):
    """Change how an account works."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for all options at once. An empty field removes its option, or sets the default."""
        if user_input is not None:
            options = signing_secret_in(user_input) | phone_and_sim_in(user_input)
            options |= {name: int(user_input[name]) for name in NUMBERS}
            options[CONF_PRIVATE_HISTORY] = user_input[CONF_PRIVATE_HISTORY]
            if region := user_input.get(CONF_REGION):
                options[CONF_REGION] = region
            return self.async_create_entry(data=options)
        options = as_shown(self.config_entry.options)
        schema = vol.Schema(
            {
                **_number_field(CONF_MESSAGES_PER_MINUTE),
                **_number_field(CONF_MESSAGES_PER_DAY),
                **_number_field(CONF_URGENT_RESERVE),
                **await async_phone_and_sim_fields(self.hass, self.config_entry, options),
                vol.Optional(CONF_REGION): REGION_FIELD,
                **_number_field(CONF_OFFLINE_HOURS),
                **_number_field(CONF_MAX_AGE_HOURS),
                vol.Optional(CONF_PRIVATE_HISTORY, default=False): BooleanSelector(),
                vol.Optional(CONF_SIGNING_SECRET): SECRET_FIELD,
            }
        )
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(schema, options),
            description_placeholders={"dashboard_url": DASHBOARD_URL},
        )


def _number_field(name: str) -> Fields:
    low, high, unit = NUMBERS[name]
    config = NumberSelectorConfig(min=low, max=high, step=1, mode=NumberSelectorMode.BOX)
    if unit:
        config["unit_of_measurement"] = unit
    return {vol.Optional(name, default=DEFAULTS[name]): NumberSelector(config)}


def signing_secret_in(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the option for the signing secret that was entered, {} where none was."""
    secret = user_input.get(CONF_SIGNING_SECRET, "").strip()
    return {CONF_SIGNING_SECRET: secret} if secret else {}


def phone_and_sim_in(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options for the phone and the SIM that were chosen, {} where none was."""
    chosen = {CONF_PHONE: user_input.get(CONF_PHONE), CONF_SIM: int(user_input.get(CONF_SIM, 0))}
    return {name: value for name, value in chosen.items() if value}


def as_shown(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored options as the form's fields have them: the values of a selector are texts."""
    return {**kept, CONF_SIM: str(kept[CONF_SIM])} if CONF_SIM in kept else dict(kept)


async def async_phone_and_sim_fields(
    hass: HomeAssistant, entry: ConfigEntry, chosen: Mapping[str, Any]
) -> Fields:
    """Return the fields for the phone and the SIM that send; without phones there is no field for them."""
    labels = _phones_of(hass, entry)
    counted = Counter(labels.values())
    labels = {sid: f"{name} ({sid[-4:]})" if counted[name] > 1 else name for sid, name in labels.items()}
    if (sid := chosen.get(CONF_PHONE)) and sid not in labels:
        labels[sid] = await _gone_label(hass, names_of(hass, entry).get(sid, sid))
    fields: Fields = {}
    if labels:
        options = [SelectOptionDict(value=sid, label=label) for sid, label in labels.items()]
        config = SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN)
        fields[vol.Optional(CONF_PHONE)] = SelectSelector(config)
    fields[vol.Optional(CONF_SIM)] = SIM_FIELD
    return fields


def _phones_of(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, str]:
    """Return the names of the phones that can send, by SID: those that the service lists, as far as that is known."""
    names = names_of(hass, entry)
    if entry.state is not ConfigEntryState.LOADED:
        return names
    phones: Phones = entry.runtime_data.phones
    return {
        phone.sid: names.get(phone.sid) or device_name(phone)
        for phone in phones
        if phones.is_listed(phone.sid)
    }


async def _gone_label(hass: HomeAssistant, phone: str) -> str:
    """Return the label of a phone that was chosen and is no longer listed, in Home Assistant's language."""
    texts = await async_get_translations(hass, hass.config.language, "selector", [DOMAIN])
    return texts[f"component.{DOMAIN}.selector.phone.options.gone"].format(phone=phone)
