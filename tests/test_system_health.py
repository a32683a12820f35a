"""System health: is the service there, and do texts come and go."""

from http import HTTPStatus
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Simulator

from .conftest import KEY, add_account, settle

ANNA = "+36301234567"


@pytest.fixture
async def system_health(home: HomeAssistant) -> None:
    assert await async_setup_component(home, "system_health", {})


async def info(home: HomeAssistant) -> dict[str, Any]:
    """Return the information, with what takes a moment waited for."""
    found: dict[str, Any] = await get_system_health_info(home, DOMAIN)
    found["can_reach_service"] = await found["can_reach_service"]
    return found


async def send(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await home.services.async_call(
        DOMAIN,
        "send_message",
        {"recipients": [ANNA], "message": "hi", "account": account.entry_id},
        blocking=True,
        return_response=True,
    )


async def test_a_new_account(
    system_health: None, home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    assert await info(home) == {
        "can_reach_service": "ok",
        "accounts": 1,
        "webhooks_working": 0,
        "last_received": None,
        "last_sent": None,
        "limit_reached": False,
    }


async def test_it_tells_what_comes_and_goes_in_all_accounts(
    system_health: None,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    simulator: Simulator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    service_account.webhook_url = str(
        (await hass_client_no_auth()).make_url(f"/api/webhook/{account.data['webhook_id']}")
    )
    row = service_account.receive(number=ANNA, message="hi")
    assert await simulator.deliver(service_account, row) == HTTPStatus.OK
    simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    await send(home, other)
    found = await info(home)
    assert (found["accounts"], found["webhooks_working"]) == (2, 1)
    assert found["last_received"] == account.runtime_data.inbox.last_received is not None
    assert found["last_sent"] == other.runtime_data.outbox.last_sent is not None


async def test_it_tells_of_a_limit(
    system_health: None, home: HomeAssistant, account: SmsMobileApiConfigEntry
) -> None:
    home.config_entries.async_update_entry(
        account, options={"messages_per_minute": 1, "messages_per_day": 200}
    )
    await settle(home)
    await send(home, account)
    with pytest.raises(Exception, match="limit"):
        await send(home, account)
    assert (await info(home))["limit_reached"] is True


async def test_a_service_that_is_away(
    system_health: None, home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    await simulator.stop()
    assert (await info(home))["can_reach_service"] == {"type": "failed", "error": "unreachable"}


async def test_no_account(system_health: None, home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    """The address of the real service is asked then, which these machines can't reach."""
    await home.config_entries.async_unload(account.entry_id)
    found: dict[str, Any] = await get_system_health_info(home, DOMAIN)
    found.pop("can_reach_service").close()
    assert found == {
        "accounts": 0,
        "webhooks_working": 0,
        "last_received": None,
        "last_sent": None,
        "limit_reached": False,
    }


async def test_the_page_shows_it_and_nothing_else(
    system_health: None,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    hass_ws_client: WebSocketGenerator,
) -> None:
    service_account.receive(number=ANNA, message="the secret text")
    await account.runtime_data.coordinator.async_refresh()
    client = await hass_ws_client(home)
    await client.send_json({"id": 1, "type": "system_health/info"})
    told: list[str] = []
    while not told or '"finish"' not in told[-1]:
        told.append(json.dumps(await client.receive_json()))
    page = "".join(told)
    assert '"smsmobileapi"' in page
    for unsaid in (KEY, account.data["webhook_id"], ANNA, "the secret text"):
        assert unsaid not in page
