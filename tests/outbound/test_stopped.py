"""A script that is stopped: what has not left never does and costs nothing, what has left is finished (promise 5)."""

import asyncio
from functools import partial
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest

from .sending import ANNA, ELSE_SMS, SEND, Case, Events, Patch, moments, statuses, until

CROWD = [f"+3630100{number:04}" for number in range(12)]


async def make_script(home: HomeAssistant, **data: Any) -> None:
    step = {"action": "smsmobileapi.send_message", "data": {"message": "Fire", **data}}
    assert await async_setup_component(
        home, "script", {"script": {"s": {"mode": "restart", "sequence": [step]}}}
    )


async def run(case: Case) -> None:
    await case.home.services.async_call("script", "turn_on", {"entity_id": "script.s"})
    await moments()


async def stop(case: Case) -> None:
    await case.home.services.async_call("script", "turn_off", {"entity_id": "script.s"}, blocking=True)


async def test_runs_that_are_stopped_count_what_was_sent_and_nothing_else(
    roomy: Case, monkeypatch: Patch, events: Events
) -> None:
    await make_script(roomy.home, recipients=CROWD)
    gate = roomy.gate(monkeypatch)
    for earlier in (0, 4, 4, 4):
        await run(roomy)
        await gate.is_reached(4)
        assert roomy.sent_in_a_day == earlier + 12
    await stop(roomy)
    gate.open()
    await until(lambda: roomy.pending == 4)
    await roomy.settle()
    assert len(roomy.sent) == roomy.sent_in_a_day == 4
    # Each of the others is reported, as nobody waits for an answer any more.
    assert [event.data["error"] for event in events] == ["cancelled"] * 44


async def test_a_stopped_script_leaves_whatsapp_its_sms(
    hooked: Case, monkeypatch: Patch, events: Events
) -> None:
    await make_script(hooked.home, recipients=ANNA, **ELSE_SMS)
    gate = hooked.gate(monkeypatch)
    await run(hooked)
    await gate.is_reached()
    await stop(hooked)
    gate.open()
    await until(lambda: hooked.pending)
    await hooked.report(hooked.sent[0], "failed", "NOT_ON_WHATSAPP")
    await until(lambda: len(hooked.sent) == 2)
    assert hooked.channels == ["whatsapp", "sms"]
    await hooked.settle()
    assert hooked.sent_in_a_day == 2


@pytest.mark.parametrize("data", [{}, ELSE_SMS])
async def test_nothing_is_tried_again_for_a_stopped_script(
    roomy: Case, events: Events, data: dict[str, str]
) -> None:
    roomy.fault(SEND, "status", status=503, count=9)
    sending = asyncio.create_task(roomy.send(**data))
    await until(roomy.requests)
    sending.cancel()
    await asyncio.wait([sending])
    await roomy.settle()
    assert len(roomy.requests()) == 1
    assert roomy.sent_in_a_day == 0
    assert statuses(events) == [("whatsapp" if data else "sms", "failed")]


async def test_a_reload_gives_back_what_waits_for_its_turn(roomy: Case, monkeypatch: Patch) -> None:
    gate = roomy.gate(monkeypatch)
    sending = asyncio.create_task(roomy.error_of(recipients=CROWD))
    await gate.is_reached(4)
    reloading = asyncio.create_task(roomy.home.config_entries.async_reload(roomy.account.entry_id))
    await moments()
    gate.open()
    await reloading
    err = await sending
    assert "stopped or reloaded" in str(err)
    assert len(roomy.sent) == roomy.sent_in_a_day == 4


async def test_a_run_that_is_stopped_at_once_sends_nothing_more(roomy: Case) -> None:
    """Its tasks have not begun when they are cancelled."""
    crowd = asyncio.create_task(roomy.outcome(CROWD))
    await asyncio.sleep(0)
    crowd.cancel()
    await asyncio.wait([crowd])
    await roomy.settle()
    assert len(roomy.sent) == roomy.sent_in_a_day <= 4


async def test_a_notification_and_a_resend_are_not_tried_again_for_a_stopped_script(hooked: Case) -> None:
    (row,) = await hooked.send()
    await hooked.report(hooked.sent[0], "failed", "NO_SERVICE")
    for path, action in (
        ("/notification/send", hooked.notify("notify.phone_notification")),
        ("/resend/", hooked.resend(row["message_id"])),
    ):
        hooked.fault(path, "status", status=503, count=9)
        task = asyncio.create_task(action)
        await until(partial(hooked.requests, path))
        task.cancel()
        await asyncio.wait([task])
        await hooked.settle()
        assert len(hooked.requests(path)) == 1
        assert hooked.sent_in_a_day == 1


async def test_where_home_assistant_stops_what_has_not_left_never_does(
    roomy: Case, monkeypatch: Patch
) -> None:
    gate = roomy.gate(monkeypatch)
    sending = asyncio.create_task(roomy.error_of(recipients=CROWD))
    await gate.is_reached(4)
    stopping = asyncio.create_task(roomy.home.async_stop(force=True))
    await moments()
    gate.open()
    await stopping
    assert "stopped or reloaded" in str(await sending)
    assert len(roomy.sent) == 4


async def test_what_sends_while_the_account_is_unloaded_fails(roomy: Case, monkeypatch: Patch) -> None:
    await roomy.add_contact("Anna", ANNA)
    gate = roomy.gate(monkeypatch)
    sending = asyncio.create_task(roomy.send("+36301000000"))
    await gate.is_reached()
    reloading = asyncio.create_task(roomy.home.config_entries.async_reload(roomy.account.entry_id))
    await moments()
    with pytest.raises(HomeAssistantError) as caught:
        await roomy.notify("notify.anna")
    assert caught.value.translation_key == "interrupted"
    gate.open()
    await asyncio.gather(sending, reloading)


async def test_urgent_messages_do_not_wait_for_others(roomy: Case, monkeypatch: Patch) -> None:
    gate = roomy.gate(monkeypatch)
    crowd = asyncio.create_task(roomy.send(CROWD))
    await gate.is_reached(4)
    alarm = asyncio.create_task(roomy.send(urgent=True))
    await gate.is_reached(5)
    assert roomy.sent[-1].recipient == ANNA
    gate.open()
    await asyncio.gather(crowd, alarm)
    assert len(roomy.sent) == 13
