"""Each type of webhook V2, whole and with each field missing: it is always taken, so that the service goes on delivering."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smsmobileapi.const import DOMAIN, EVENT_MESSAGE_REPORT
from simulator import EVENT_TYPES, report_data
from simulator.events import example_data

from ..conftest import settle
from .installation import Installation
from .service import ANNA, SECRET, set_secret

FIRED = {
    "sms.received": "message", "whatsapp.received": "message", "whatsapp.voice.transcribed": "message",
    "call.missed": "call", "call.incoming": "call", "call.outgoing": "call",
}  # fmt: skip
ENVELOPE = ("id", "type", "api_version", "created_at", "occurred_at", "data")
# Without these, it is no event.
NEEDED = {"id", "type", "data"}
TIMES = {"received_at", "call_at"}


@pytest.fixture
async def secured(ha: Installation) -> Installation:
    """An account with a signing secret, which the service knows."""
    await set_secret(ha.hass, ha.entry, SECRET)
    ha.account.webhook_secret = SECRET
    return ha


def shown(fired: list[Any]) -> Iterator[str]:
    """Return what was fired, in a word or two for each."""
    for one in fired:
        data = one.data
        yield (
            f"message from {data['sender']}: {data['message'] or '(empty)'}"
            if "message" in data
            else (f"{data['direction']} call of {data['number'] or '(withheld)'}")
        )


@pytest.mark.parametrize("kind", EVENT_TYPES)
async def test_it_is_taken_whole_and_without_each_field(secured: Installation, kind: str) -> None:
    fields = (*ENVELOPE, *(f"data.{name}" for name in example_data(secured.account, kind)))
    for index, omitted in enumerate((None, *fields)):
        data = example_data(secured.account, kind)
        # Another second, so that it is another message.
        at = dt_util.utc_from_timestamp(1_790_000_000 + index * 3600).isoformat()
        data |= dict.fromkeys(TIMES & data.keys(), at)
        secured.received.clear()
        secured.calls.clear()
        status = await secured.simulator.deliver_v2(
            secured.account, kind, data, omit=[omitted] if omitted else []
        )
        await settle(secured.hass)
        fired = [*secured.received, *secured.calls]
        print(f"{kind:27}{omitted or '(whole)':23}{status}  {', '.join(shown(fired)) or '–'}")
        is_event = omitted not in NEEDED
        assert status == (HTTPStatus.ACCEPTED if is_event else HTTPStatus.BAD_REQUEST), omitted
        assert len(fired) == (kind in FIRED and is_event), omitted
        for message in secured.received:
            assert message.data["sender"] == ("unknown" if omitted == "data.from" else ANNA), omitted
            assert bool(message.data["message"]) is (omitted not in {"data.message", "data.transcript"}), (
                omitted
            )


async def test_without_any_data_a_message_is_empty_and_a_call_is_none(secured: Installation) -> None:
    for kind in EVENT_TYPES:
        secured.received.clear()
        counted = secured.entry.runtime_data.inbox.counts["ignored"]
        for status in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
            assert await secured.simulator.deliver_v2(secured.account, kind, {}, event_id=kind) == status
        fired = list(shown(secured.received))
        print(f"{kind:27}{'(all of data)':23}{HTTPStatus.ACCEPTED}  {', '.join(fired) or '–'}")
        assert fired == (["message from unknown: (empty)"] if FIRED.get(kind) == "message" else []), kind
        if FIRED.get(kind) == "call":
            assert secured.entry.runtime_data.inbox.counts["ignored"] == counted + 1, kind
    assert secured.calls == []


async def test_ids_and_durations_are_kept(secured: Installation) -> None:
    deliver = secured.simulator.deliver_v2
    data = example_data(secured.account, "whatsapp.voice.transcribed") | {"data_id": "d-1"}
    assert await deliver(secured.account, "whatsapp.voice.transcribed", data) == HTTPStatus.ACCEPTED
    # It has no time of its own: that of the event.
    occurred = secured.account.events[-1].body["occurred_at"]
    fired = secured.received[-1].data
    assert (fired["message_id"], fired["data_id"], fired["duration"]) == (data["guid"], "d-1", 3)
    assert fired["received_at"] == occurred.replace("Z", "+00:00")
    data = example_data(secured.account, "sms.received") | {"guid": None, "message_id": "m-1"}
    assert await deliver(secured.account, "sms.received", data) == HTTPStatus.ACCEPTED
    assert secured.received[-1].data["message_id"] == "m-1"


async def test_an_sms_that_was_typed_on_the_phone_is_no_report(
    secured: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of a message that gets the same id afterwards, either; of one of ours it is."""
    reports = async_capture_events(secured.hass, EVENT_MESSAGE_REPORT)
    monkeypatch.setattr("simulator.sending.new_guid", lambda: "typed")
    await secured.simulator.deliver_v2(secured.account, "sms.mobile.sent", {"guid": "typed"})
    await secured.hass.services.async_call(
        DOMAIN, "send_message", {"recipients": [ANNA], "message": "hi"}, blocking=True, return_response=True
    )
    await settle(secured.hass)
    assert reports == []
    await secured.simulator.deliver_v2(
        secured.account, "sms.mobile.sent", report_data(secured.account.sent[-1])
    )
    assert [report.data["status"] for report in reports] == ["sent"]
