"""The dialogs for an account: add it, enter its credentials again, change it."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any, Final, override

from homeassistant.components import webhook
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_API_KEY, CONF_CLIENT_ID, CONF_CLIENT_SECRET, CONF_URL, CONF_WEBHOOK_ID
from homeassistant.core import callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType
from homeassistant.helpers.typing import UNDEFINED
import voluptuous as vol
from yarl import URL

from ..api import DEFAULT_URL, InvalidCredentials, SmsMobileApiError
from ..cloud import async_delete_cloudhook
from ..const import (
    CONF_HISTORY,
    CONF_PHONE,
    CONF_SERVER,
    CONF_SIGNING_SECRET,
    DASHBOARD_URL,
    DOMAIN,
    MANUFACTURER,
    SUBENTRY_CONTACT,
)
from ..credentials import async_connect, async_history, credentials_in, is_other_account
from ..inbound.addresses import async_find_addresses
from ..inbound.ledger import History
from ..options import Options
from ..phones import async_forget_phones
from .contact import ContactFlow, InvalidInput
from .options import SECRET_FIELD, SmsMobileApiOptionsFlow, signing_secret_in

URL_FIELD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.URL))
# The two kinds of credentials: their fields, the secret last.
KEY_FIELDS: Final = {CONF_API_KEY: SECRET_FIELD}
CLIENT_FIELDS: Final = {
    CONF_CLIENT_ID: TextSelector(TextSelectorConfig(autocomplete="off")),
    CONF_CLIENT_SECRET: SECRET_FIELD,
}
# The error for a field that is empty, and for a secret that the service does not know.
EMPTY: Final = {
    CONF_API_KEY: "api_key_empty",
    CONF_CLIENT_ID: "client_id_empty",
    CONF_CLIENT_SECRET: "client_secret_empty",
}
UNKNOWN: Final = {CONF_API_KEY: "invalid_auth", CONF_CLIENT_SECRET: "invalid_client"}

type CredentialFields = Mapping[str, TextSelector]


def server_section(url: str) -> dict[vol.Marker, Any]:
    """Return the section of a form for the server's address, collapsed unless it is another than the service's."""
    server = vol.Schema({vol.Required(CONF_URL, default=url): URL_FIELD})
    field = vol.Required(CONF_SERVER, default={CONF_URL: url})
    return {field: section(server, {"collapsed": url == DEFAULT_URL})}


class SmsMobileApiConfigFlow(ConfigFlow, domain=DOMAIN):
    """Add and change accounts."""

    VERSION = 1
    MINOR_VERSION = 2

    def __init__(self) -> None:
        # What changes in the entry's data. It includes a history and a webhook id where the account is new here: one that is
        # added, or another account that replaces the entry's.
        self._new: dict[str, Any] = {}

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
        """Ask which kind of credentials the user has."""
        return self.async_show_menu(
            step_id="user",
            menu_options=["api_key", "oauth2"],
            description_placeholders={"dashboard_url": DASHBOARD_URL},
        )

    async def async_step_api_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the key."""
        return await self._step("api_key", KEY_FIELDS, user_input)

    async def async_step_oauth2(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for client ID and secret."""
        return await self._step("oauth2", CLIENT_FIELDS, user_input)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Start the dialog after the service refused the credentials."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for credentials of the kind that the account has."""
        fields = KEY_FIELDS if CONF_API_KEY in self._get_reauth_entry().data else CLIENT_FIELDS
        return await self._step("reauth_confirm", fields, user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to change."""
        return self.async_show_menu(
            step_id="reconfigure", menu_options=["change_api_key", "change_oauth2", "address"]
        )

    async def async_step_change_api_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change the key or the server, or use a key instead of client ID and secret."""
        return await self._step("change_api_key", KEY_FIELDS, user_input)

    async def async_step_change_oauth2(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change client ID, secret or server, or use client ID and secret instead of a key."""
        return await self._step("change_oauth2", CLIENT_FIELDS, user_input)

    async def async_step_address(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the webhook's addresses again."""
        return await self._show_address()

    async def _step(
        self, step_id: str, fields: CredentialFields, user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        """Ask for credentials and, except in a reauthentication, for the server; continue once the service accepts them."""
        entry, is_reauth = self._entry, self.source == SOURCE_REAUTH
        invalid, url = None, entry.data[CONF_URL] if entry else DEFAULT_URL
        if user_input is not None:
            url = url if is_reauth else user_input[CONF_SERVER][CONF_URL]
            try:
                self._new = await self._verify(
                    {name: user_input.get(name, "").strip() for name in fields}, url
                )
            except InvalidInput as err:
                invalid = err
            else:
                if entry and is_reauth:
                    return self._change(entry, self._options())
                return await self._show_address()
        marker = vol.Optional if self._can_keep(fields) else vol.Required
        schema = vol.Schema({marker(name): selector for name, selector in fields.items()})
        # Of the stored credentials, only the client ID is shown.
        shown = {name: value for name, value in entry.data.items() if name == CONF_CLIENT_ID} if entry else {}
        if is_reauth:
            shown |= {name: value for name, value in (user_input or {}).items() if name == CONF_CLIENT_ID}
        else:
            schema = schema.extend(server_section(url))
            shown |= user_input or {}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=invalid.errors if invalid else None,
            description_placeholders={
                "dashboard_url": DASHBOARD_URL,
                **(invalid.placeholders if invalid else {}),
            },
        )

    async def _verify(self, entered: dict[str, str], url: str) -> dict[str, Any]:
        """Return what changes in the entry's data with these credentials. Raises InvalidInput where they can't be used."""
        entry, url, secret = self._entry, url.strip().rstrip("/"), next(reversed(entered))
        present = credentials_in(entry.data) if entry else {}
        # An empty secret keeps the present one.
        is_kept = (
            self._can_keep(entered)
            and not entered[secret]
            and {name: value or present[name] for name, value in entered.items()} == present
        )
        data = {**(present if is_kept else entered), CONF_URL: url}
        for name in entered:
            if not data[name]:
                raise InvalidInput(name, EMPTY[name])
        if not _is_server(url):
            raise InvalidInput("base", "invalid_url")
        self._abort_if_in_use(data)
        with ExitStack() as stack:
            client, forget = async_connect(self.hass, data)
            stack.callback(forget)
            try:
                phones = await client.verify_credentials()
                history: History | None = None
                if entry is None:
                    history = await async_history(client, self.hass.config.country)
                elif not data.items() <= entry.data.items() and is_other_account(self.hass, entry, phones):
                    history = await async_history(client, Options(self.hass, entry).region)
            except InvalidCredentials:
                raise InvalidInput(secret, UNKNOWN[secret]) from None
            except SmsMobileApiError as err:
                raise InvalidInput("base", err.code, err.placeholders) from None
        # Credentials that are kept are not written again: another dialog may have changed them by then.
        new = {CONF_URL: url} if is_kept else data
        if history is not None:
            new |= {CONF_HISTORY: history, CONF_WEBHOOK_ID: webhook.async_generate_id()}
        return new

    def _can_keep(self, fields: Iterable[str]) -> bool:
        """Return whether this is a reconfiguration of an account that has these credentials and may keep them."""
        entry = self._entry if self.source == SOURCE_RECONFIGURE else None
        return entry is not None and all(name in entry.data for name in fields)

    def _abort_if_in_use(self, data: Mapping[str, Any]) -> None:
        """Abort where another entry has the same key or client ID."""
        for name in {CONF_API_KEY, CONF_CLIENT_ID} & data.keys():
            self._async_abort_entries_match({name: data[name]})

    async def _show_address(self) -> ConfigFlowResult:
        """Show the webhook's addresses, or where there is none, that messages are polled for."""
        data = self._new if self._entry is None else {**self._entry.data, **self._new}
        addresses = await async_find_addresses(self.hass, data[CONF_WEBHOOK_ID])
        if addresses.first:
            schema = vol.Schema({vol.Optional(CONF_SIGNING_SECRET): SECRET_FIELD})
            return self.async_show_form(
                step_id="cloudhook" if addresses.is_cloudhook else "webhook",
                data_schema=self.add_suggested_values_to_schema(schema, self._options()),
                description_placeholders={"dashboard_url": DASHBOARD_URL, **addresses.as_placeholders()},
            )
        return self.async_show_form(step_id="polling")

    async def async_step_webhook(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Create or change the entry after the addresses were shown."""
        # There is no input when the user's browser loads the page again.
        return await self._show_address() if user_input is None else self._finish(user_input)

    async_step_cloudhook = async_step_webhook

    async def async_step_polling(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Create or change the entry without an address."""
        return await self._show_address() if user_input is None else self._finish(self._options())

    def _finish(self, user_input: Mapping[str, Any]) -> ConfigFlowResult:
        """Create or change the entry; `user_input` has the signing secret."""
        # The same credentials may have been entered in another window meanwhile.
        self._abort_if_in_use(self._new)
        options = self._options()
        options.pop(CONF_SIGNING_SECRET, None)
        options |= signing_secret_in(user_input)
        if entry := self._entry:
            return self._change(entry, options)
        data, self._new = self._new, {}
        return self.async_create_entry(title=self._title(), data=data, options=options)

    @property
    def _entry(self) -> ConfigEntry | None:
        """Return the entry that is being changed, None where one is being added."""
        if self.source == SOURCE_REAUTH:
            return self._get_reauth_entry()
        return self._get_reconfigure_entry() if self.source == SOURCE_RECONFIGURE else None

    def _options(self) -> dict[str, Any]:
        """Return the entry's options, without the former account's secret and phone where it is replaced by another."""
        former = {CONF_SIGNING_SECRET, CONF_PHONE} if CONF_HISTORY in self._new else set[str]()
        kept = self._entry.options if self._entry else {}
        return {name: value for name, value in kept.items() if name not in former}

    def _change(self, entry: ConfigEntry, options: dict[str, Any]) -> ConfigFlowResult:
        """Change the entry and have it reloaded, by its update listener where it has one and something changed."""
        new, self._new = self._new, {}
        former = credentials_in(entry.data) if credentials_in(new) else {}
        data = {name: value for name, value in entry.data.items() if name not in former} | new
        if is_other := CONF_HISTORY in new:
            # At the former address, the former account's messages would still arrive.
            self._delete_cloudhook(entry.data[CONF_WEBHOOK_ID])
            async_forget_phones(self.hass, entry)
        is_changed = data != entry.data or options != entry.options
        result = self.async_update_and_abort(
            entry, data=data, options=options, reason="switched_account" if is_other else UNDEFINED
        )
        if not (entry.update_listeners and is_changed):
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return result

    @callback
    @override
    def async_remove(self) -> None:
        """Delete the address at Home Assistant Cloud where the dialog ends without an entry for it."""
        if CONF_WEBHOOK_ID in self._new:
            self._delete_cloudhook(self._new[CONF_WEBHOOK_ID])

    def _delete_cloudhook(self, webhook_id: str) -> None:
        self.hass.async_create_task(async_delete_cloudhook(self.hass, webhook_id))

    def _title(self) -> str:
        """Return a title that no entry has yet."""
        taken = {entry.title for entry in self._async_current_entries()}
        names = [MANUFACTURER, *(f"{MANUFACTURER} {number}" for number in range(2, len(taken) + 2))]
        return next(name for name in names if name not in taken)


def _is_server(url: str) -> bool:
    """Return whether this is an address of a server: http or https, with a host and without a query."""
    try:
        parsed = URL(url)
    except ValueError:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host) and not parsed.query_string
