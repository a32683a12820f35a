"""A message goes through few of our own calls. `scripts/calls` shows them."""

from http import HTTPStatus
from types import FrameType

from homeassistant.core import EventBus, HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.api.transport import make_request
from custom_components.smsmobileapi.const import EVENT_MESSAGE_RECEIVED

from ..conftest import add_contact
from .call_depth import CallRecorder, Chain

CALLS_OUT = 7  # from notify.send_message to the HTTP request
CALLS_IN = 6  # from the body of a webhook to the event on the bus


def show(title: str, chain: Chain) -> None:
    print(f"\n{title}: {len(chain)} calls")
    for depth, name in enumerate(chain, 1):
        print(f"  {depth} {name}")


def is_send_request(frame: FrameType) -> bool:
    """Return whether this call asks the service to send a message."""
    return frame.f_code is make_request.__code__ and frame.f_locals["url"].endswith("/sendsms/")


def is_message_event(frame: FrameType) -> bool:
    """Return whether this call fires the event of a new message."""
    code = EventBus.async_fire.__code__
    return frame.f_code is code and frame.f_locals["event_type"] == EVENT_MESSAGE_RECEIVED


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "whatsapp_else_sms"])
async def test_calls_out(home: HomeAssistant, account: SmsMobileApiConfigEntry, channel: str) -> None:
    """From `notify.send_message` to the request there are at most seven of our own calls."""
    await add_contact(home, account, "Anna", "+36301234567", channel)
    data = {"entity_id": "notify.anna", "message": "Hello"}
    with CallRecorder(is_send_request) as recorder:
        await home.services.async_call("notify", "send_message", data, blocking=True)
    (chain,) = recorder.found
    show(f"notify.send_message ({channel}) to the request", chain)
    assert chain[0].startswith("ContactNotify.async_send_message")
    assert chain[-1].startswith("make_request")
    assert len(chain) <= CALLS_OUT, chain


async def test_calls_in(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """From the body of a webhook to the event on the bus there are at most six of our own calls."""
    client = await hass_client_no_auth()
    now = f"{dt_util.now():%Y-%m-%d %H:%M:%S}"
    sms = {"number": "+36301234567", "message": "Hello", "guid": "g1", "time_received": now}
    with CallRecorder(is_message_event) as recorder:
        answer = await client.post(f"/api/smsmobileapi/{account.data['webhook_id']}", json=sms)
    assert answer.status == HTTPStatus.OK
    (chain,) = recorder.found
    show("The body of a webhook to the event", chain)
    assert chain[0].startswith("_View.post")
    assert len(chain) <= CALLS_IN, chain
