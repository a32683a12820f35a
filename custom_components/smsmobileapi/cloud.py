"""Home Assistant Cloud. It is imported only where it is set up: that costs 0.8 s and 10 MB."""

from collections.abc import Callable
import logging

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

_LOGGER = logging.getLogger(__name__)


def _is_set_up(hass: HomeAssistant) -> bool:
    return "cloud" in hass.config.components


def is_connected(hass: HomeAssistant) -> bool:
    """Return whether Home Assistant is connected to the cloud."""
    if not _is_set_up(hass):
        return False
    from homeassistant.components import cloud

    return cloud.async_is_connected(hass)


async def async_cloudhook(hass: HomeAssistant, webhook_id: str) -> str | None:
    """Return the address of a webhook at the cloud; None where there is no subscription, or no connection now."""
    if not _is_set_up(hass):
        return None
    from hass_nabucasa import CloudError
    from homeassistant.components import cloud

    if cloud.async_active_subscription(hass):
        try:
            return await cloud.async_get_or_create_cloudhook(hass, webhook_id)
        except (cloud.CloudNotAvailable, CloudError, TimeoutError, ValueError) as err:
            _LOGGER.debug("Home Assistant Cloud gives no address now: %s", type(err).__name__)
    return None


async def async_delete_cloudhook(hass: HomeAssistant, webhook_id: str) -> None:
    """Delete the address of a webhook at the cloud, if there is one."""
    if not _is_set_up(hass):
        return
    from hass_nabucasa import CloudError
    from homeassistant.components import cloud

    try:
        # A ValueError says that there is none.
        await cloud.async_delete_cloudhook(hass, webhook_id)
    except (cloud.CloudNotAvailable, CloudError, TimeoutError, ValueError) as err:
        _LOGGER.debug("There is no address at Home Assistant Cloud to delete: %s", type(err).__name__)


@callback
def async_on_connected(hass: HomeAssistant, connected: Callable[[], None]) -> CALLBACK_TYPE:
    """Call `connected` each time Home Assistant has connected to the cloud; return the function that ends this."""
    if not _is_set_up(hass):
        return lambda: None
    from homeassistant.components import cloud

    @callback
    def changed(state: cloud.CloudConnectionState) -> None:
        if state is cloud.CloudConnectionState.CLOUD_CONNECTED:
            connected()

    return cloud.async_listen_connection_change(hass, changed)
