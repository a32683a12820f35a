"""The dialogs for an account: add it, ask for its key again, change it, and its options."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final, override

from homeassistant.components import webhook
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_WEBHOOK_ID
from homeassistant.core import callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.util import dt as dt_util
import voluptuous as vol
from yarl import URL

from .account import client_of
from .api import DEFAULT_URL, InvalidCredentials, SmsMobileApiError
from .const import (
    CONF_HISTORY,
    CONF_MESSAGES_PER_DAY,
    CONF_MESSAGES_PER_MINUTE,
    CONF_SERVER,
    CONF_SIGNING_SECRET,
    DASHBOARD_URL,
    DOMAIN,
    MANUFACTURER,
    SUBENTRY_CONTACT,
)
from .contact_flow import ContactFlow, Rejected
from .ledger import history_of
from .limits import DEFAULT_PER_DAY, DEFAULT_PER_MINUTE
from .log_filter import async_redact
from .numbers import normalise_sender
from .webhook import async_delete_cloudhook, async_webhook_url

COUNT_FIELD: Final = NumberSelector(
    NumberSelectorConfig(min=1, max=100_000, step=1, mode=NumberSelectorMode.BOX)
)
KEY_FIELD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
URL_FIELD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.URL))
SECRET_FIELDS: Final = {vol.Optional(CONF_SIGNING_SECRET): KEY_FIELD}
OPTIONS_SCHEMA: Final = vol.Schema(
    {
        **SECRET_FIELDS,
        vol.Required(CONF_MESSAGES_PER_MINUTE, default=DEFAULT_PER_MINUTE): COUNT_FIELD,
        vol.Required(CONF_MESSAGES_PER_DAY, default=DEFAULT_PER_DAY): COUNT_FIELD,
    }
)
REAUTH_SCHEMA: Final = vol.Schema({vol.Required(CONF_API_KEY): KEY_FIELD})


def _secret_of(user_input: Mapping[str, Any]) -> dict[str, str]:
    """Return the option for a signing secret, if there is one; an empty field takes it away."""
    secret = user_input.get(CONF_SIGNING_SECRET, "").strip()
    return {CONF_SIGNING_SECRET: secret} if secret else {}


def server_section(url: str) -> dict[vol.Marker, Any]:
    """Return the part of a form that only whoever uses another server has to see."""
    server = vol.Schema({vol.Required(CONF_URL, default=url): URL_FIELD})
    field = vol.Required(CONF_SERVER, default={CONF_URL: url})
    return {field: section(server, {"collapsed": url == DEFAULT_URL})}


class SmsMobileApiConfigFlow(ConfigFlow, domain=DOMAIN):
    """Add and change accounts."""

    def __init__(self) -> None:
        self._data: dict[str, Any] = {}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the dialog for an account's options."""
        return SmsMobileApiOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what an account can have: contacts."""
        return {SUBENTRY_CONTACT: ContactFlow}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the key."""
        rejected, url = None, DEFAULT_URL
        if user_input is not None:
            url = user_input[CONF_SERVER][CONF_URL]
            try:
                data = await self._prove(user_input[CONF_API_KEY], url)
                data[CONF_HISTORY] = await self._history(data)
            except Rejected as err:
                rejected = err
            else:
                self._data = {**data, CONF_WEBHOOK_ID: webhook.async_generate_id()}
                return await self._show_address()
        schema = vol.Schema({vol.Required(CONF_API_KEY): KEY_FIELD, **server_section(url)})
        return self._show_form("user", schema, user_input, rejected)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin to ask for another key: the service refuses the one that we have."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for another key."""
        entry = self._get_reauth_entry()
        rejected = None
        if user_input is not None:
            try:
                data = await self._prove(user_input[CONF_API_KEY], entry.data[CONF_URL])
            except Rejected as err:
                rejected = err
            else:
                return self._update(entry, data)
        return self._show_form("reauth_confirm", REAUTH_SCHEMA, None, rejected)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change the key or the server, and show the webhook's address again."""
        entry = self._get_reconfigure_entry()
        rejected, url = None, entry.data[CONF_URL]
        if user_input is not None:
            url = user_input[CONF_SERVER][CONF_URL]
            key = user_input.get(CONF_API_KEY, "").strip()
            try:
                data = await self._prove(key or entry.data[CONF_API_KEY], url)
            except Rejected as err:
                rejected = err
            else:
                if not key:
                    # Another one may have been entered elsewhere meanwhile.
                    del data[CONF_API_KEY]
                self._data = {**data, CONF_WEBHOOK_ID: entry.data[CONF_WEBHOOK_ID]}
                return await self._show_address()
        # A key is not shown again; whoever leaves the field empty keeps it.
        schema = vol.Schema({vol.Optional(CONF_API_KEY): KEY_FIELD, **server_section(url)})
        return self._show_form("reconfigure", schema, user_input, rejected)

    async def _show_address(self) -> ConfigFlowResult:
        """Show where the service has to bring messages, or that they are polled for."""
        if url := await async_webhook_url(self.hass, self._data[CONF_WEBHOOK_ID]):
            return self.async_show_form(
                step_id="webhook",
                data_schema=self.add_suggested_values_to_schema(
                    vol.Schema(SECRET_FIELDS), self._entry_options()
                ),
                description_placeholders={"webhook_url": url, "dashboard_url": DASHBOARD_URL},
            )
        return self.async_show_form(step_id="polling")

    async def async_step_webhook(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Make or change the account, now that the address was seen."""
        # The same key may have been added in another window meanwhile.
        if key := self._data.get(CONF_API_KEY):
            self._async_abort_entries_match({CONF_API_KEY: key})
        secret = _secret_of(user_input or {})
        if self.source == SOURCE_RECONFIGURE:
            return self._update(self._get_reconfigure_entry(), self._data, secret)
        data, self._data = self._data, {}
        return self.async_create_entry(title=self._title(), data=data, options=secret)

    async def async_step_polling(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Make or change the account, without an address to bring messages to."""
        return await self.async_step_webhook(self._entry_options())

    def _entry_options(self) -> dict[str, Any]:
        """Return the options of the account that is being changed."""
        return dict(self._get_reconfigure_entry().options) if self.source == SOURCE_RECONFIGURE else {}

    @callback
    @override
    def async_remove(self) -> None:
        """Leave no address at Home Assistant Cloud behind where no account came of the flow."""
        if self.source == SOURCE_USER and self._data:
            self.hass.async_create_task(async_delete_cloudhook(self.hass, self._data[CONF_WEBHOOK_ID]))

    async def _prove(self, key: str, url: str) -> dict[str, Any]:
        """Return the data of an account that the service knows."""
        key, url = key.strip(), url.strip().rstrip("/")
        if not key:
            raise Rejected(CONF_API_KEY, "api_key_empty")
        if not _is_server(url):
            raise Rejected("base", "invalid_url")
        self._async_abort_entries_match({CONF_API_KEY: key})
        data = {CONF_API_KEY: key, CONF_URL: url}
        with ExitStack() as stack:
            stack.callback(async_redact(key))
            try:
                await client_of(self.hass, data).prove_credentials()
            except InvalidCredentials as err:
                raise Rejected(CONF_API_KEY, err.code) from None
            except SmsMobileApiError as err:
                raise Rejected("base", err.code, err.placeholders) from None
        return data

    async def _history(self, data: dict[str, Any]) -> Mapping[str, Any]:
        """Return what the account has received so far, so that none of it is taken for new."""
        zone, region = dt_util.get_default_time_zone(), self.hass.config.country
        with ExitStack() as stack:
            stack.callback(async_redact(data[CONF_API_KEY]))
            try:
                messages = await client_of(self.hass, data).received_messages(after=None, zone=zone)
            except SmsMobileApiError as err:
                raise Rejected("base", err.code, err.placeholders) from None
        return history_of((message, normalise_sender(message.sender, region)) for message in messages)

    def _show_form(
        self,
        step_id: str,
        schema: vol.Schema,
        shown: Mapping[str, Any] | None,
        rejected: Rejected | None,
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=rejected.errors if rejected else None,
            description_placeholders={
                "dashboard_url": DASHBOARD_URL,
                **(rejected.placeholders if rejected else {}),
            },
        )

    def _update(
        self, entry: ConfigEntry, data: Mapping[str, Any], secret: Mapping[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change the account and have it begin anew, which its listener sees to if it has one and something changed."""
        options = dict(entry.options)
        if secret is not None:
            options.pop(CONF_SIGNING_SECRET, None)
            options |= secret
        is_changed = {**entry.data, **data} != entry.data or options != entry.options
        result = self.async_update_and_abort(entry, data_updates=data, options=options)
        if not (entry.update_listeners and is_changed):
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return result

    def _title(self) -> str:
        """Return a name that no account has yet."""
        taken = {entry.title for entry in self._async_current_entries()}
        names = [MANUFACTURER, *(f"{MANUFACTURER} {number}" for number in range(2, len(taken) + 2))]
        return next(name for name in names if name not in taken)


class SmsMobileApiOptionsFlow(OptionsFlow):
    """Change how an account works."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the signing secret and the limits."""
        if user_input is not None:
            limits = {
                limit: int(user_input[limit]) for limit in (CONF_MESSAGES_PER_MINUTE, CONF_MESSAGES_PER_DAY)
            }
            return self.async_create_entry(data=limits | _secret_of(user_input))
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(OPTIONS_SCHEMA, self.config_entry.options),
            description_placeholders={"dashboard_url": DASHBOARD_URL},
        )


def _is_server(url: str) -> bool:
    """Tell whether this is an address that requests can go to."""
    try:
        parsed = URL(url)
    except ValueError:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host) and not parsed.query_string
