"""Diagnostics: what helps to find a fault, whatever went on before, and nothing private."""

from contextlib import suppress
from http import HTTPStatus
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.phones import devices_of
from simulator import Account, Phone, Simulator

from .conftest import EXTERNAL_URL, KEY, add_account, add_contact, later, settle
from .inbound.service import SECRET, call, event, post, set_secret, sms, whatsapp

ANNA = "+36301234567"
BEN = "+36207654321"
UNSAID = {
    KEY, SECRET, "Zp3", "0123456789", EXTERNAL_URL, "example.net", "127.0.0.1", "http", ANNA, ANNA[1:], "301234567",
    BEN, BEN[1:], "207654321", "Anna", "Ben", "a secret text", "secret text", "g-secret-id", "phone-1", "NO_SERVICE",
    "client-0123456789", "secret-0123456789abcdef",
}  # fmt: skip


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
        "credentials",
        "has_country",
        "has_signing_secret",
        "is_test_server",
        "inbox.counts",
        "inbox.kept",
        "inbox.last_received",
        "inbox.unsigned_size",
        "inbox.waiting",
        "inbox.ledger_size",
        "inbox.state",
        "outbox.counts",
        "outbox.last_sent",
        "outbox.limit_resumes_at",
        "outbox.pending_reports",
        "outbox.reserve_used",
        "outbox.sent_in_a_day",
        "outbox.waiting",
        "phones",
        "poll.interval_seconds",
        "poll.last_error",
        "poll.last_success",
        "poll.succeeded",
        "webhook.has_address",
        "webhook.has_brought_call",
        "webhook.is_working",
        "webhook.misses_today",
        "webhook.refused",
    }
    assert found["has_country"] is found["is_test_server"] is found["webhook"]["has_address"] is True
    assert found["has_signing_secret"] is found["webhook"]["is_working"] is False
    assert found["credentials"] == "api_key"
    assert found["poll"]["succeeded"] is True
    assert found["poll"]["interval_seconds"] == 60
    assert found["inbox"]["state"] == "open"


async def test_nothing_private_is_in_it_whatever_happened(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    await add_contact(home, account, "Anna", ANNA, "whatsapp_else_sms", phone="phone-1", sim="2")
    await add_contact(home, account, "Taxi", "1234")
    await set_secret(home, account, SECRET)
    service_account.phones[0].label = "Anna's phone"
    service_account.phones.append(Phone(sid="phone-1-b", label="Ben", online=False, last_seen=1_790_000_000))
    # Before the server is up, which takes no new pages then.
    assert await async_setup_component(home, "diagnostics", {})
    client = await hass_client_no_auth()
    path = f"/api/smsmobileapi/{account.data['webhook_id']}"
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
    service_account.add_call("incoming", BEN, name="Ben")
    # The phones and the calls are asked for again.
    with later(hours=1):
        await poll(home, account)
    service_account.phones.pop()
    with later(hours=2):
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
    counts = found["inbox"]["counts"]
    # How often a poll lists again what the webhook brought is of no account.
    counts.pop("known", None)
    assert counts == {
        "sms by webhook": 1,
        "whatsapp by webhook": 1,
        "call by webhook": 1,
        "ignored": 1,
        "sms by poll": 1,
        "call by poll": 1,
    }
    assert found["has_signing_secret"] is True
    assert found["contacts"] == [
        {"channel": "whatsapp_else_sms", "has_phone": True, "is_short_code": False, "sim": 2},
        {"channel": "sms", "has_phone": False, "is_short_code": True, "sim": None},
    ]
    online, gone = found["phones"]
    assert online.pop("last_seen")
    assert online == {"app_version": "9.1.0", "battery": 80, "is_listed": True, "is_online": True}
    assert gone == {
        "app_version": "9.1.0",
        "battery": None,
        "is_listed": False,
        "is_online": False,
        "last_seen": "2026-09-21T14:13:20+00:00",
    }
    assert found["outbox"]["counts"]["accepted"] >= 1
    assert found["outbox"]["counts"]["Refused"] >= 1
    assert found["poll"]["succeeded"] is False
    assert found["poll"]["last_error"] == "UpdateFailed"
    assert found["webhook"]["is_working"] is True
    # The poll had to bring one.
    assert found["webhook"]["has_brought_call"] is False
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
    """An account that the service refuses is one with a fault to find."""
    await home.config_entries.async_unload(account.entry_id)
    service_account.state = state
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    found = await diagnostics(home, hass_client, account)
    assert found["has_country"] is True
    assert KEY not in json.dumps(found)


async def test_a_home_without_an_address(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    await home.config.async_update(external_url=None, internal_url="http://192.168.1.2:8123")
    await settle(home)
    found = await diagnostics(home, hass_client, account)
    assert found["webhook"] == {
        "has_address": False,
        "has_brought_call": False,
        "is_working": False,
        "misses_today": 0,
        "refused": {},
    }
    assert "192.168" not in json.dumps(found)


async def test_a_device_tells_of_itself_alone(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    hass_client: ClientSessionGenerator,
) -> None:
    contact_id = await add_contact(home, account, "Anna", ANNA)
    assert await async_setup_component(home, "diagnostics", {})
    registry = dr.async_get(home)
    of_account = registry.async_get_device_by_identifier((DOMAIN, account.entry_id), account.entry_id)
    of_contact = registry.async_get_device_by_identifier((DOMAIN, contact_id), account.entry_id)
    assert of_account
    assert of_contact
    whole: Any = await get_diagnostics_for_device(home, hass_client, account, of_account)
    contact: Any = await get_diagnostics_for_device(home, hass_client, account, of_contact)
    phone: Any = await get_diagnostics_for_device(
        home, hass_client, account, devices_of(home, account)["phone-1"]
    )
    assert whole == await diagnostics(home, hass_client, account)
    assert contact == {"contact": whole["contacts"][0]}
    assert phone == {"phone": whole["phones"][0]}
    text = json.dumps([whole, contact, phone])
    assert not {unsaid for unsaid in UNSAID | {contact_id, account.entry_id} if unsaid in text}


async def test_of_client_credentials_only_the_kind_is_told(
    home: HomeAssistant, simulator: Simulator, hass_client: ClientSessionGenerator
) -> None:
    client = {"client_id": "client-0123456789", "client_secret": "secret-0123456789abcdef"}
    service_account = simulator.add_account(KEY, **client)
    account = await add_account(home, simulator, **client)
    found = await diagnostics(home, hass_client, account)
    assert found["credentials"] == "oauth2"
    text = json.dumps(found)
    unsaid = UNSAID | {account.data["webhook_id"]} | set(service_account.tokens)
    assert not {word for word in unsaid if word in text}
    assert service_account.tokens
