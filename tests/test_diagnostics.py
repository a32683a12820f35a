"""Diagnostics: what helps to find a fault, whatever has happened, and nothing that is nobody's business."""

from contextlib import suppress
from http import HTTPStatus
import json
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from simulator import Account, Simulator

from .conftest import EXTERNAL_URL, KEY, add_contact, settle
from .test_webhook_v2 import SECRET, call, event, post, set_secret, sms, whatsapp

ANNA = "+36301234567"
BEN = "+36207654321"
UNSAID = {
    KEY, SECRET, "Zp3", "0123456789", EXTERNAL_URL, "example.net", "127.0.0.1", "http", ANNA, ANNA[1:], "301234567",
    BEN, BEN[1:], "207654321", "Anna", "Ben", "a secret text", "secret text", "g-secret-id", "phone-1", "NO_SERVICE",
}  # fmt: skip

type Client = TestClient[Any, Any]


async def diagnostics(
    home: HomeAssistant, hass_client: ClientSessionGenerator, account: SmsMobileApiConfigEntry
) -> dict[str, Any]:
    found: dict[str, Any] = await get_diagnostics_for_config_entry(home, hass_client, account)
    return found


async def send(home: HomeAssistant, text: str = "a secret text") -> None:
    await home.services.async_call(
        DOMAIN, "send_message", {"recipients": [BEN], "message": text}, blocking=True, return_response=True
    )


async def poll(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await account.runtime_data.coordinator.async_refresh()
    await settle(home)


def names(value: object, above: str = "") -> set[str]:
    """Return the path of every value that is named."""
    if isinstance(value, dict) and value:
        return {
            name for key, inner in value.items() for name in names(inner, f"{above}.{key}" if above else key)
        }
    return {above}


async def test_a_new_account(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    found = await diagnostics(home, hass_client, account)
    assert names(found) == {
        "contacts",
        "has_country",
        "has_signing_secret",
        "is_test_server",
        "inbox.counts",
        "inbox.is_open",
        "inbox.last_received",
        "inbox.ledger_size",
        "outbox.counts",
        "outbox.last_sent",
        "outbox.limit_resumes_at",
        "outbox.pending_reports",
        "outbox.sent_in_a_day",
        "poll.interval_seconds",
        "poll.last_error",
        "poll.last_success",
        "poll.succeeded",
        "webhook.has_address",
        "webhook.is_proved",
        "webhook.misses_today",
    }
    assert found["has_country"] is found["is_test_server"] is found["webhook"]["has_address"] is True
    assert found["has_signing_secret"] is found["webhook"]["is_proved"] is False
    assert found["poll"]["succeeded"] is True
    assert found["poll"]["interval_seconds"] == 60
    assert found["inbox"]["is_open"] is True


async def test_nothing_private_is_in_it_whatever_happened(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    await set_secret(home, account, SECRET)
    # Before the server is up, which takes no new pages then.
    assert await async_setup_component(home, "diagnostics", {})
    client = await hass_client_no_auth()
    path = f"/api/webhook/{account.data['webhook_id']}"
    # It comes in, by every way.
    for index, (kind, data) in enumerate(
        [
            ("sms.received", sms("a secret text", "g-secret-id-1")),
            ("whatsapp.received", whatsapp("another secret text", "g-secret-id-2")),
            ("call.missed", call("g-secret-id-3")),
            ("a secret text", {"guid": "g-secret-id-4"}),
            ("sms.failed", {"guid": "g-secret-id-5", "error": "NO_SERVICE", "recipient": BEN}),
        ]
    ):
        assert await post(client, path, event(kind, data, f"g-secret-id-{index}")) == HTTPStatus.ACCEPTED
    assert await post(client, path, b"a secret text") == HTTPStatus.BAD_REQUEST
    assert (
        await post(client, path, event("sms.received", sms("a secret text")), {}) == HTTPStatus.UNAUTHORIZED
    )
    service_account.receive(number=ANNA, message="a secret text by poll", guid="g-secret-id-6")
    await poll(home, account)
    # It goes out, and does not.
    await send(home)
    for kind, options in (
        ("status", {"status": 400, "error": f"{BEN}: a secret text"}),
        ("nonsense", {"body": {"result": {"error": 0, "sent": "0", "note": f"{BEN} a secret text {KEY}"}}}),
        ("html", {}),
        ("status", {"status": 429, "retry_after": 0}),
    ):
        simulator.fault("/sendsms/", kind, **options)
        # Some of it works out in the end.
        with suppress(HomeAssistantError):
            await send(home)
    # The poll goes wrong.
    simulator.fault("/getsms/", "nonsense", body={"success": False, "error": f"a secret text {KEY} {ANNA}"})
    await poll(home, account)
    found = await diagnostics(home, hass_client, account)
    assert found["inbox"]["counts"] == {
        "sms by webhook": 1,
        "whatsapp by webhook": 1,
        "call by webhook": 1,
        "ignored": 1,
        "sms by poll": 1,
    }
    assert found["has_signing_secret"] is True
    assert found["contacts"] == 1
    assert found["outbox"]["counts"]["accepted"] >= 1
    assert found["outbox"]["counts"]["Refused"] >= 1
    assert found["poll"]["succeeded"] is False
    assert found["poll"]["last_error"] == "UpdateFailed"
    assert found["webhook"]["is_proved"] is True
    text = json.dumps(found, ensure_ascii=False)
    assert not {unsaid for unsaid in UNSAID | {account.data["webhook_id"]} if unsaid in text}
    assert account.entry_id not in text


@pytest.mark.parametrize("state", ["expired", "unknown"])
async def test_it_is_there_when_it_is_needed_most(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    hass_client: ClientSessionGenerator,
    state: Any,
) -> None:
    """An account that could not be set up is one with a fault to find."""
    await home.config_entries.async_unload(account.entry_id)
    service_account.state = state
    await home.config_entries.async_setup(account.entry_id)
    assert account.state in {ConfigEntryState.SETUP_RETRY, ConfigEntryState.SETUP_ERROR}
    found = await diagnostics(home, hass_client, account)
    assert found["has_country"] is True
    assert KEY not in json.dumps(found)


async def test_a_home_without_an_address(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    await home.config.async_update(external_url=None, internal_url="http://192.168.1.2:8123")
    await settle(home)
    found = await diagnostics(home, hass_client, account)
    assert found["webhook"] == {"has_address": False, "is_proved": False, "misses_today": 0}
    assert "192.168" not in json.dumps(found)
