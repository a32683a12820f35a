"""The dialogs for an account: add it, ask for its credentials again, change it."""

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
from ..credentials import async_connect, credentials_in
from ..identity import async_history_of_other, async_new_history
from ..inbound.ledger import History
from ..inbound.webhook import async_delete_cloudhook, async_webhook_url
from .contact import ContactFlow, Rejected
from .options import SECRET_FIELD, SmsMobileApiOptionsFlow, signing_secret_in

URL_FIELD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.URL))
# The kinds of credentials, and for each field of one what is wrong where it is empty or its last one is not known.
KEY: Final = {CONF_API_KEY: SECRET_FIELD}
CLIENT: Final = {
    CONF_CLIENT_ID: TextSelector(TextSelectorConfig(autocomplete="off")),
    CONF_CLIENT_SECRET: SECRET_FIELD,
}
EMPTY: Final = {
    CONF_API_KEY: "api_key_empty",
    CONF_CLIENT_ID: "client_id_empty",
    CONF_CLIENT_SECRET: "client_secret_empty",
}
UNKNOWN: Final = {CONF_API_KEY: "invalid_auth", CONF_CLIENT_SECRET: "invalid_client"}

type Kind = Mapping[str, TextSelector]


def server_section(url: str) -> dict[vol.Marker, Any]:
    """Return the part of a form that only whoever uses another server has to see."""
    server = vol.Schema({vol.Required(CONF_URL, default=url): URL_FIELD})
    field = vol.Required(CONF_SERVER, default={CONF_URL: url})
    return {field: section(server, {"collapsed": url == DEFAULT_URL})}


class SmsMobileApiConfigFlow(ConfigFlow, domain=DOMAIN):
    """Add and change accounts."""

    def __init__(self) -> None:
        # What is new in the account's data. It has a history and a webhook of its own where the account is new here: one
        # that is added, or one that takes the place of another.
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
        """Ask what the service gave to the user."""
        return self.async_show_menu(
            step_id="user",
            menu_options=["api_key", "oauth2"],
            description_placeholders={"dashboard_url": DASHBOARD_URL},
        )

    async def async_step_api_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the key."""
        return await self._step("api_key", KEY, user_input)

    async def async_step_oauth2(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for client ID and secret."""
        return await self._step("oauth2", CLIENT, user_input)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin to ask for other credentials: the service refuses those that we have."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for other credentials of the kind that the account has."""
        kind = KEY if CONF_API_KEY in self._get_reauth_entry().data else CLIENT
        return await self._step("reauth_confirm", kind, user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to change."""
        return self.async_show_menu(
            step_id="reconfigure", menu_options=["change_api_key", "change_oauth2", "address"]
        )

    async def async_step_change_api_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change the key or the server, or take a key in place of client ID and secret."""
        return await self._step("change_api_key", KEY, user_input)

    async def async_step_change_oauth2(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change client ID, secret or server, or take client ID and secret in place of a key."""
        return await self._step("change_oauth2", CLIENT, user_input)

    async def async_step_address(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the webhook's address again."""
        return await self._show_address()

    async def _step(self, step_id: str, kind: Kind, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Ask for credentials and, but for reauthentication, for the server; go on with those that are proved."""
        entry, is_reauth = self._entry, self.source == SOURCE_REAUTH
        rejected, url = None, entry.data[CONF_URL] if entry else DEFAULT_URL
        if user_input is not None:
            url = url if is_reauth else user_input[CONF_SERVER][CONF_URL]
            try:
                self._new = await self._prove({name: user_input.get(name, "").strip() for name in kind}, url)
            except Rejected as err:
                rejected = err
            else:
                if entry and is_reauth:
                    return self._change(entry, self._options())
                return await self._show_address()
        fields = vol.Optional if self._can_keep(kind) else vol.Required
        schema = vol.Schema({fields(name): selector for name, selector in kind.items()})
        # Of what is stored, only the client ID is shown again.
        shown = {name: value for name, value in entry.data.items() if name == CONF_CLIENT_ID} if entry else {}
        if is_reauth:
            shown |= {name: value for name, value in (user_input or {}).items() if name == CONF_CLIENT_ID}
        else:
            schema = schema.extend(server_section(url))
            shown |= user_input or {}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=rejected.errors if rejected else None,
            description_placeholders={
                "dashboard_url": DASHBOARD_URL,
                **(rejected.placeholders if rejected else {}),
            },
        )

    async def _prove(self, entered: dict[str, str], url: str) -> dict[str, Any]:
        """Return what is new in the data of an account that the service knows."""
        entry, url, secret = self._entry, url.strip().rstrip("/"), next(reversed(entered))
        present = credentials_in(entry.data) if entry else {}
        # Whoever leaves the secret empty keeps it.
        is_kept = (
            self._can_keep(entered)
            and not entered[secret]
            and {name: value or present[name] for name, value in entered.items()} == present
        )
        data = {**(present if is_kept else entered), CONF_URL: url}
        for name in entered:
            if not data[name]:
                raise Rejected(name, EMPTY[name])
        if not _is_server(url):
            raise Rejected("base", "invalid_url")
        self._abort_if_in_use(data)
        with ExitStack() as stack:
            client, forget = async_connect(self.hass, data)
            stack.callback(forget)
            try:
                phones = await client.verify_credentials()
                history: History | None = None
                if entry is None:
                    history = await async_new_history(self.hass, client)
                elif not data.items() <= entry.data.items():
                    history = await async_history_of_other(self.hass, entry, client, phones)
            except InvalidCredentials:
                raise Rejected(secret, UNKNOWN[secret]) from None
            except SmsMobileApiError as err:
                raise Rejected("base", err.code, err.placeholders) from None
        # Of those that are kept, others may be entered elsewhere meanwhile.
        new = {CONF_URL: url} if is_kept else data
        if history is not None:
            new |= {CONF_HISTORY: history, CONF_WEBHOOK_ID: webhook.async_generate_id()}
        return new

    def _can_keep(self, kind: Iterable[str]) -> bool:
        """Tell whether the account has credentials of this kind, which a change may leave as they are."""
        entry = self._entry if self.source == SOURCE_RECONFIGURE else None
        return entry is not None and all(name in entry.data for name in kind)

    def _abort_if_in_use(self, data: Mapping[str, Any]) -> None:
        """End the dialog where another account has the same key or client."""
        for name in {CONF_API_KEY, CONF_CLIENT_ID} & data.keys():
            self._async_abort_entries_match({name: data[name]})

    async def _show_address(self) -> ConfigFlowResult:
        """Show where the service has to bring messages, or that they are polled for."""
        data = self._new if self._entry is None else {**self._entry.data, **self._new}
        if url := await async_webhook_url(self.hass, data[CONF_WEBHOOK_ID]):
            schema = vol.Schema({vol.Optional(CONF_SIGNING_SECRET): SECRET_FIELD})
            return self.async_show_form(
                step_id="webhook",
                data_schema=self.add_suggested_values_to_schema(schema, self._options()),
                description_placeholders={"webhook_url": url, "dashboard_url": DASHBOARD_URL},
            )
        return self.async_show_form(step_id="polling")

    async def async_step_webhook(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Make or change the account, now that the address was seen."""
        # Home Assistant asks without an input when a page is loaded again.
        return await self._show_address() if user_input is None else self._finish(user_input)

    async def async_step_polling(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Make or change the account, without an address to bring messages to."""
        return await self._show_address() if user_input is None else self._finish(self._options())

    def _finish(self, user_input: Mapping[str, Any]) -> ConfigFlowResult:
        """Make or change the account; `user_input` has the signing secret."""
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
        """Return the account that is being changed."""
        if self.source == SOURCE_REAUTH:
            return self._get_reauth_entry()
        return self._get_reconfigure_entry() if self.source == SOURCE_RECONFIGURE else None

    def _options(self) -> dict[str, Any]:
        """Return the account's options; of another account's secret and phones nothing is known."""
        former = {CONF_SIGNING_SECRET, CONF_PHONE} if CONF_HISTORY in self._new else set[str]()
        kept = self._entry.options if self._entry else {}
        return {name: value for name, value in kept.items() if name not in former}

    def _change(self, entry: ConfigEntry, options: dict[str, Any]) -> ConfigFlowResult:
        """Change the account and have it begin anew, which its listener sees to if it has one and something changed."""
        new, self._new = self._new, {}
        former = credentials_in(entry.data) if credentials_in(new) else {}
        data = {name: value for name, value in entry.data.items() if name not in former} | new
        if is_other := CONF_HISTORY in new:
            # At the former address, the former account's messages would go on coming in.
            self._delete_cloudhook(entry.data[CONF_WEBHOOK_ID])
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
        """Leave no address at Home Assistant Cloud behind where no account came of the flow."""
        if CONF_WEBHOOK_ID in self._new:
            self._delete_cloudhook(self._new[CONF_WEBHOOK_ID])

    def _delete_cloudhook(self, webhook_id: str) -> None:
        self.hass.async_create_task(async_delete_cloudhook(self.hass, webhook_id))

    def _title(self) -> str:
        """Return a name that no account has yet."""
        taken = {entry.title for entry in self._async_current_entries()}
        names = [MANUFACTURER, *(f"{MANUFACTURER} {number}" for number in range(2, len(taken) + 2))]
        return next(name for name in names if name not in taken)


def _is_server(url: str) -> bool:
    """Tell whether this is an address that requests can go to."""
    try:
        parsed = URL(url)
    except ValueError:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host) and not parsed.query_string
