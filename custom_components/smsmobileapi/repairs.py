"""Repairs: what the user has to know about an account or can put right, and the dialogs for it."""

from enum import StrEnum
from typing import Any, Final, cast

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType
import voluptuous as vol

from .api import SmsMobileApiError, SubscriptionExpired
from .const import CONF_SIGNING_SECRET, DASHBOARD_URL, DOMAIN


class Issue(StrEnum):
    """What can be wrong with an account."""

    FLOOD = "flood"
    NO_ADDRESS = "no_address"
    PHONE_OFFLINE = "phone_offline"
    SECRET_MISSING = "secret_missing"
    STORAGE_KEPT_ASIDE = "storage_kept_aside"
    STORAGE_NOT_WRITTEN = "storage_not_written"
    SUBSCRIPTION_EXPIRED = "subscription_expired"
    UNSIGNED = "unsigned"
    WEBHOOK_MISSES = "webhook_misses"


_FIXABLE: Final = {Issue.SECRET_MISSING, Issue.WEBHOOK_MISSES}
_SECRET_SCHEMA: Final = vol.Schema(
    {
        vol.Required(CONF_SIGNING_SECRET): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
        )
    }
)


class Issues:
    """The repair issues of one account. Each is there once, and gone when what it says is.

    `about` tells apart those of which there may be several: it is a phone's SID.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._hass = hass
        self._entry = entry

    @callback
    def create(self, issue: Issue, key: str | None = None, *, about: str = "", **placeholders: str) -> None:
        """Show an issue; `key` is that of its text where there is more than one."""
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            self._id(issue, about),
            data={"entry_id": self._entry.entry_id},
            is_fixable=issue in _FIXABLE,
            severity=ir.IssueSeverity.WARNING,
            translation_key=key or issue.value,
            translation_placeholders={
                "account": self._entry.title,
                "dashboard_url": DASHBOARD_URL,
                **placeholders,
            },
        )

    @callback
    def clear(self, issue: Issue, about: str = "") -> None:
        """Take an issue away."""
        ir.async_delete_issue(self._hass, DOMAIN, self._id(issue, about))

    @callback
    def clear_all(self, *, but_ignored: bool) -> None:
        """Take all issues away, but perhaps those that the user ignores: these would come back."""
        prefixes = tuple(self._id(issue) for issue in Issue)
        for (domain, issue_id), issue in list(ir.async_get(self._hass).issues.items()):
            is_ours = domain == DOMAIN and issue_id.startswith(prefixes)
            if is_ours and not (but_ignored and issue.dismissed_version):
                ir.async_delete_issue(self._hass, DOMAIN, issue_id)

    @callback
    def note(self, err: SmsMobileApiError | None) -> None:
        """Tell from how a request ended whether the subscription is over."""
        if isinstance(err, SubscriptionExpired):
            self.create(Issue.SUBSCRIPTION_EXPIRED)
        elif err is None:
            self.clear(Issue.SUBSCRIPTION_EXPIRED)

    def _id(self, issue: Issue, about: str = "") -> str:
        return f"{issue}_{self._entry.entry_id}{about and '_'}{about}"


class _AddressFlow(RepairsFlow):
    """Shows the address that the service's dashboard should have."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin; what comes in here is not the user's."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Show it."""
        if user_input is not None:
            return self.async_create_entry(data={})
        entry = _entry_of(self.hass, self.data)
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            description_placeholders={
                "account": entry.title,
                "dashboard_url": DASHBOARD_URL,
                "webhook_url": entry.runtime_data.webhook.url or "–",
            },
        )


class _SecretFlow(RepairsFlow):
    """Asks for the signing secret."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin; what comes in here is not the user's."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Take the secret up into the account's options."""
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


def _entry_of(hass: HomeAssistant, data: dict[str, Any] | None) -> ConfigEntry:
    return hass.config_entries.async_get_known_entry(cast(dict[str, str], data)["entry_id"])


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the dialog for an issue."""
    if issue_id.startswith(Issue.WEBHOOK_MISSES):
        return _AddressFlow()
    return _SecretFlow()
