"""System health: whether the service can be reached, and when messages came and went."""

from http import HTTPStatus
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Simulator

from .conftest import KEY, add_account, settle

ANNA = "+36301234567"
NOTHING = {"webhooks_working": 0, "last_received": None, "last_sent": None, "limit_reached": False}


@pytest.fixture(autouse=True)
async def system_health(home: HomeAssistant) -> None:
    assert await async_setup_component(home, "system_health", {})


async def info(home: HomeAssistant) -> dict[str, Any]:
    """Return the information, with what takes a moment waited for."""
    found: dict[str, Any] = await get_system_health_info(home, DOMAIN)
    found["can_reach_service"] = await found["can_reach_service"]
    return found


async def send(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    data = {"recipients": [ANNA], "message": "hi", "account": account.entry_id}
    await home.services.async_call(DOMAIN, "send_message", data, blocking=True, return_response=True)


async def test_it_counts_accounts_and_knows_whether_the_service_can_be_reached(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator
) -> None:
    assert await info(home) == {"can_reach_service": "ok", "accounts": 1, **NOTHING}
    await simulator.stop()
    assert (await info(home))["can_reach_service"] == {"type": "failed", "error": "unreachable"}
    # Without an account the address of the real service is asked, which the tests must not reach.
    await home.config_entries.async_unload(account.entry_id)
    found: dict[str, Any] = await get_system_health_info(home, DOMAIN)
    found.pop("can_reach_service").close()
    assert found == {"accounts": 0, **NOTHING}


async def test_it_shows_what_came_and_went_in_all_accounts(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    simulator: Simulator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    service_account.webhook_url = str(
        (await hass_client_no_auth()).make_url(f"/api/smsmobileapi/{account.data['webhook_id']}")
    )
    row = service_account.receive(number=ANNA, message="hi")
    assert await simulator.deliver(service_account, row) == HTTPStatus.OK
    simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    home.config_entries.async_update_entry(other, options={"messages_per_minute": 1})
    await settle(home)
    await send(home, other)
    found = await info(home)
    assert (found["accounts"], found["webhooks_working"], found["limit_reached"]) == (2, 1, False)
    assert found["last_received"] == account.runtime_data.inbox.last_received is not None
    assert found["last_sent"] == other.runtime_data.delivery.last_sent is not None
    with pytest.raises(HomeAssistantError, match="limit"):
        await send(home, other)
    assert (await info(home))["limit_reached"] is True


async def test_the_page_shows_it_and_nothing_else(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    hass_ws_client: WebSocketGenerator,
) -> None:
    service_account.receive(number=ANNA, message="the secret text")
    await account.runtime_data.coordinator.async_refresh()
    client = await hass_ws_client(home)
    await client.send_json({"id": 1, "type": "system_health/info"})
    shown: list[str] = []
    while not shown or '"finish"' not in shown[-1]:
        shown.append(json.dumps(await client.receive_json()))
    page = "".join(shown)
    assert '"smsmobileapi"' in page
    for unsaid in (KEY, account.data["webhook_id"], ANNA, "the secret text"):
        assert unsaid not in page
