"""What the tests of what arrives share."""

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator

from .installation import Installation, install


@pytest.fixture
async def ha(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client_no_auth: ClientSessionGenerator,
) -> Installation:
    """Home Assistant with an account that has no signing secret."""
    return await install(home, account, simulator, service_account, hass_client_no_auth)
