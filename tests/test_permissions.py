"""Who may do what with an account."""

from typing import Any

from homeassistant.auth.permissions.models import PermissionLookup
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized, UnknownUser
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account

from .conftest import add_contact
from .outbound.sending import ANNA, BELA

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "contact": ("send_message", {"recipients": "Anna", "message": "hi"}),
    "its number": ("send_message", {"recipients": ANNA, "message": "hi"}),
    "urgent": ("send_message", {"recipients": "Anna", "message": "hi", "urgent": True}),
    "number": ("send_message", {"recipients": BELA, "message": "hi"}),
    "both": ("send_message", {"recipients": ["Anna", BELA], "message": "hi"}),
    "camera": (
        "send_message",
        {"recipients": "Anna", "message": "hi", "camera": "camera.door", "channel": "whatsapp"},
    ),
    "camera's media": (
        "send_message",
        {
            "recipients": "Anna",
            "message": "hi",
            "media": "media-source://camera/camera.door",
            "channel": "whatsapp",
        },
    ),
    "no contact": ("send_message", {"recipients": "Ana", "message": "hi"}),
    "get": ("get_messages", {}),
    "check": ("check_whatsapp", {"recipients": "Anna"}),
    "resend": ("resend_message", {"message_id": "1"}),
    "delete": ("delete_message", {"message_id": "1"}),
}
ALL = set(CALLS)
CAMERA = {"camera", "camera's media"}


@pytest.fixture
async def anna(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> str:
    return await add_contact(home, account, "Anna", ANNA)


async def act(home: HomeAssistant, name: str, context: Context) -> None:
    action, data = CALLS[name]
    await home.services.async_call(
        "smsmobileapi", action, data, blocking=True, return_response=True, context=context
    )


async def allowed(home: HomeAssistant, service: Account, user_id: str | None) -> set[str]:
    """Return what a user may do. Nothing is asked of the service for what is refused."""
    names = set[str]()
    for name in CALLS:
        service.requests.clear()
        try:
            await act(home, name, Context(user_id=user_id))
        except Unauthorized:
            assert service.requests == [], name
            continue
        except HomeAssistantError:
            # There is no such message or camera.
            pass
        names.add(name)
    return names


async def test_a_users_policy_says_what_the_user_may_do(
    home: HomeAssistant, service_account: Account, account: SmsMobileApiConfigEntry, anna: str
) -> None:
    device = dr.async_get(home).async_get_device_by_identifier(
        (account.domain, account.entry_id), account.entry_id
    )
    assert device
    of_account = {"device_ids": {device.id: True}}
    contact = {"notify.anna": {"control": True}}
    some = {"sensor.smsmobileapi_last_message": True}
    read: dict[str, Any] = {"all": {"read": True}}
    policies: list[tuple[Any, set[str]]] = [
        (True, ALL),
        ({}, set()),
        (read, {"get"}),
        ({"domains": {"notify": True}}, {"contact", "its number"}),
        ({"entity_ids": contact}, {"contact", "its number"}),
        (read | {"entity_ids": contact}, {"contact", "its number", "get", *CAMERA}),
        # Reading one of the account's entities is not reading its log.
        ({"entity_ids": some}, set()),
        # The error about an unknown name shows those of others.
        (of_account, {"number", "no contact", "get", "check", "resend", "delete"}),
        (of_account | {"entity_ids": contact}, ALL - CAMERA),
    ]
    for policy, names in policies:
        user = MockUser().add_to_hass(home)
        user.perm_lookup = PermissionLookup(er.async_get(home), dr.async_get(home))
        user.mock_policy({"entities": policy})
        assert await allowed(home, service_account, user.id) == names, policy


async def test_administrators_and_automations_may_do_everything(
    home: HomeAssistant, service_account: Account, anna: str, hass_admin_user: MockUser
) -> None:
    for user_id in (hass_admin_user.id, None):
        assert await allowed(home, service_account, user_id) == ALL
    with pytest.raises(UnknownUser):
        await act(home, "contact", Context(user_id="gone"))


@pytest.mark.parametrize("action", ["turn_on", "alarm", "outer"])
async def test_a_script_that_a_user_starts_may_do_what_it_was_written_to_do(
    home: HomeAssistant, service_account: Account, anna: str, hass_read_only_user: MockUser, action: str
) -> None:
    """Home Assistant lets each user run each script."""
    send = {
        "action": "smsmobileapi.send_message",
        "data": {"recipients": BELA, "message": "Fire", "urgent": True},
    }
    steps = [{"delay": {"milliseconds": 1}}, send]
    scripts = {
        "alarm": {"sequence": steps},
        "outer": {"sequence": [{"parallel": [{"action": "script.alarm"}]}]},
    }
    assert await async_setup_component(home, "script", {"script": scripts})
    data = {"entity_id": "script.alarm"} if action == "turn_on" else {}
    context = Context(user_id=hass_read_only_user.id)
    await home.services.async_call("script", action, data, blocking=True, context=context)
    await home.async_block_till_done()
    assert [sent.fields["recipients"] for sent in service_account.sent] == [BELA]
    # It gives the user nothing beyond the script.
    assert await allowed(home, service_account, hass_read_only_user.id) == {"get"}
