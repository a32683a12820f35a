"""Repairs: the issues of an account that the user is shown, and the dialogs that fix them."""

from enum import StrEnum
from typing import Any, Final, cast

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType
import voluptuous as vol

from .api import SmsMobileApiError, SubscriptionExpired
from .const import CONF_SIGNING_SECRET, DASHBOARD_URL, DOMAIN


class Issue(StrEnum):
    """What can be wrong with an account."""

    CHANGED_BODY = "changed_body"
    FLOOD = "flood"
    KEPT_MESSAGES = "kept_messages"
    NO_ADDRESS = "no_address"
    OLD_ADDRESS = "old_address"
    PHONE_OFFLINE = "phone_offline"
    SECRET_MISSING = "secret_missing"
    STORAGE_KEPT_ASIDE = "storage_kept_aside"
    STORAGE_NOT_WRITTEN = "storage_not_written"
    SUBSCRIPTION_EXPIRED = "subscription_expired"
    UNCLEAR_NAMES = "unclear_names"
    UNSIGNED = "unsigned"
    WEBHOOK_MISSES = "webhook_misses"
    WRONG_CLOCK = "wrong_clock"
    WRONG_SECRET = "wrong_secret"


# What the dialog of an issue shows or asks for.
_WITH_ADDRESS: Final = (Issue.OLD_ADDRESS, Issue.WEBHOOK_MISSES)
_WITH_SECRET: Final = (Issue.CHANGED_BODY, Issue.SECRET_MISSING, Issue.WRONG_SECRET)
_FIXABLE: Final = {*_WITH_ADDRESS, *_WITH_SECRET, Issue.KEPT_MESSAGES, Issue.STORAGE_KEPT_ASIDE}
_ERRORS: Final = {Issue.STORAGE_NOT_WRITTEN}
# Nothing creates it a second time, so it stays until the user has read it.
_PERSISTENT: Final = {Issue.STORAGE_KEPT_ASIDE}
_SECRET_SCHEMA: Final = vol.Schema(
    {
        vol.Required(CONF_SIGNING_SECRET): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
        )
    }
)


class Issues:
    """The repair issues of one account.

    Of each there is one at a time; of one with `about`, a phone's SID, there is one for each phone.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._hass = hass
        self._entry = entry

    @callback
    def create(self, issue: Issue, key: str | None = None, *, about: str = "", **placeholders: str) -> None:
        """Show an issue; `key` is the translation key of one that has several texts."""
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            self._id(issue, about),
            data={"entry_id": self._entry.entry_id},
            is_fixable=issue in _FIXABLE,
            is_persistent=issue in _PERSISTENT,
            severity=ir.IssueSeverity.ERROR if issue in _ERRORS else ir.IssueSeverity.WARNING,
            translation_key=key or issue.value,
            translation_placeholders={
                "account": self._entry.title,
                "dashboard_url": DASHBOARD_URL,
                **placeholders,
            },
        )

    @callback
    def clear(self, issue: Issue, about: str = "") -> None:
        """Remove an issue."""
        ir.async_delete_issue(self._hass, DOMAIN, self._id(issue, about))

    @callback
    def clear_all(self, *, keep_ignored: bool) -> None:
        """Remove all issues, with `keep_ignored` except those that the user ignores or has yet to read.

        If an ignored issue was removed, it would be shown again when it is created the next time.
        """
        prefixes = tuple(self._id(issue) for issue in Issue)
        for (domain, issue_id), issue in list(ir.async_get(self._hass).issues.items()):
            is_ours = domain == DOMAIN and issue_id.startswith(prefixes)
            if is_ours and not (keep_ignored and (issue.dismissed_version or issue.is_persistent)):
                ir.async_delete_issue(self._hass, DOMAIN, issue_id)

    @callback
    def check_subscription(self, err: SmsMobileApiError | None) -> None:
        """Show or remove the issue of an expired subscription, after a request that failed with `err` or succeeded."""
        if isinstance(err, SubscriptionExpired):
            self.create(Issue.SUBSCRIPTION_EXPIRED)
        elif err is None:
            self.clear(Issue.SUBSCRIPTION_EXPIRED)

    def _id(self, issue: Issue, about: str = "") -> str:
        return f"{issue}_{self._entry.entry_id}{about and '_'}{about}"


class _AddressFlow(RepairsFlow):
    """Shows the webhook's addresses, one of which should be in the service's dashboard."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Start; this input does not come from the user."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Show the addresses."""
        if user_input is not None:
            return self.async_create_entry(data={})
        entry = _entry_of(self.hass, self.data)
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded", description_placeholders={"account": entry.title})
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            description_placeholders={
                "account": entry.title,
                "dashboard_url": DASHBOARD_URL,
                **entry.runtime_data.webhook.addresses.as_placeholders(),
            },
        )


class _SecretFlow(RepairsFlow):
    """Asks for the signing secret."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Start; this input does not come from the user."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask for the secret and save it in the account's options."""
        entry = _entry_of(self.hass, self.data)
        errors = {}
        if user_input is not None:
            if secret := user_input[CONF_SIGNING_SECRET].strip():
                options = {**entry.options, CONF_SIGNING_SECRET: secret}
                self.hass.config_entries.async_update_entry(entry, options=options)
                return self.async_create_entry(data={})
            errors[CONF_SIGNING_SECRET] = "secret_empty"
        return self.async_show_form(
            step_id="confirm",
            data_schema=_SECRET_SCHEMA,
            errors=errors,
            description_placeholders={"account": entry.title, "dashboard_url": DASHBOARD_URL},
        )


class _KeptMessagesFlow(RepairsFlow):
    """Asks what to do with messages that came too late to act on."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask whether to fire them or to drop them."""
        entry = _entry_of(self.hass, self.data)
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded", description_placeholders={"account": entry.title})
        return self.async_show_menu(
            menu_options=["fire", "drop"],
            description_placeholders={
                "account": entry.title,
                "count": str(len(entry.runtime_data.kept)),
            },
        )

    async def async_step_fire(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Fire them."""
        await _entry_of(self.hass, self.data).runtime_data.inbox.fire_kept()
        return self.async_create_entry(data={})

    async def async_step_drop(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Drop them."""
        kept = _entry_of(self.hass, self.data).runtime_data.kept
        kept.take()
        kept.forget_taken()
        return self.async_create_entry(data={})


def _entry_of(hass: HomeAssistant, data: dict[str, Any] | None) -> ConfigEntry:
    return hass.config_entries.async_get_known_entry(cast(dict[str, str], data)["entry_id"])


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the dialog for an issue."""
    if issue_id.startswith(_WITH_ADDRESS):
        return _AddressFlow()
    if issue_id.startswith(Issue.KEPT_MESSAGES):
        return _KeptMessagesFlow()
    if issue_id.startswith(_WITH_SECRET):
        return _SecretFlow()
    return ConfirmRepairFlow()
