"""Fixtures of the tests of sending."""

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from simulator import Account, Simulator

from .sending import HIGH_LIMITS, LIMITS, Case, Entry, Events


@pytest.fixture
async def case(home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account) -> Case:
    """A home with an account that is set up."""
    case = Case(home=home, account=account, simulator=simulator, service=service_account)
    await case.set_options(**LIMITS)
    return case


@pytest.fixture
async def hooked(case: Case, hass_client_no_auth: ClientSessionGenerator) -> Case:
    """The same, with our webhook entered at the service, and its signing secret here."""
    await case.set_options(signing_secret=case.service.webhook_secret)
    client = await hass_client_no_auth()
    case.service.webhook_url = str(client.make_url(f"/api/smsmobileapi/{case.account.data['webhook_id']}"))
    return case


@pytest.fixture
async def roomy(case: Case) -> Case:
    """The same, with high limits."""
    await case.set_options(**HIGH_LIMITS)
    return case


@pytest.fixture
def events(home: HomeAssistant) -> Events:
    """The bus events of reports, as they come."""
    events: Events = async_capture_events(home, "smsmobileapi_message_report")
    return events
