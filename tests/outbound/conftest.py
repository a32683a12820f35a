"""Fixtures of the tests of sending."""

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from simulator import Account

from .sending import Entry, Events


@pytest.fixture
def events(home: HomeAssistant) -> Events:
    """The bus events of reports, as they come."""
    events: Events = async_capture_events(home, "smsmobileapi_message_report")
    return events


@pytest.fixture
async def hooked(
    hass_client_no_auth: ClientSessionGenerator, account: Entry, service_account: Account
) -> Account:
    """The account at the service, with our webhook entered there."""
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(f"/api/webhook/{account.data['webhook_id']}"))
    return service_account
