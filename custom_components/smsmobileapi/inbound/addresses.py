"""The addresses at which the service reaches an account: one of our own, and that of Home Assistant's webhook.

While Home Assistant starts, its server answers 404 at our own address until it is registered, and the service delivers
again. At the webhook's it answers 200, and what came is lost. So that is second, except through Home Assistant Cloud, which
needs no access from outside.
"""

from dataclasses import dataclass
from typing import Final

from homeassistant.components import webhook
from homeassistant.core import HomeAssistant
from homeassistant.helpers.network import NoURLAvailableError, get_url

from ..cloud import async_cloudhook
from ..const import DOMAIN

OWN_PATH: Final = f"/api/{DOMAIN}/{{webhook_id}}"


def own_path(webhook_id: str) -> str:
    """Return the path of the account with this webhook id."""
    return OWN_PATH.format(webhook_id=webhook_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The addresses of an account; None where there is none. Both have the webhook's id as their secret."""

    own: str | None = None
    webhook: str | None = None
    is_cloudhook: bool = False  # `webhook` is one of Home Assistant Cloud

    @property
    def first(self) -> str | None:
        """Return the address that is best pasted into the service's dashboard."""
        return self.webhook if self.is_cloudhook else self.own

    def as_placeholders(self) -> dict[str, str]:
        """Return them for a text: the one to paste and the other one, and our own."""
        other = self.own if self.is_cloudhook else self.webhook
        return {"webhook_url": self.first or "–", "other_url": other or "–", "own_url": self.own or "–"}


async def async_find_addresses(hass: HomeAssistant, webhook_id: str) -> Addresses:
    """Return the addresses for a webhook's id, as Home Assistant can be reached now."""
    external = _external_url(hass, allow_cloud=False)
    # Without an external URL, that of the cloud's remote access leads to our own address, too.
    base = external or _external_url(hass, allow_cloud=True)
    own = base and base + own_path(webhook_id)
    if cloudhook := await async_cloudhook(hass, webhook_id):
        return Addresses(own=own, webhook=cloudhook, is_cloudhook=True)
    return Addresses(own=own, webhook=base and base + webhook.async_generate_path(webhook_id))


def _external_url(hass: HomeAssistant, *, allow_cloud: bool) -> str | None:
    try:
        return get_url(hass, allow_internal=False, allow_cloud=allow_cloud)
    except NoURLAvailableError:
        return None
