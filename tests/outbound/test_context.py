"""The events and states that a call makes carry its context, so that the logbook says who sent a message."""

from homeassistant.core import Context

from .sending import ANNA, Case, Events


async def test_events_and_states_carry_the_context_of_the_call(hooked: Case, events: Events) -> None:
    """Also those of the SMS that is sent in place of a WhatsApp message, and those of a message that is sent again."""
    hooked.hide_whatsapp()
    context = Context()
    data = {"recipients": ANNA, "message": "hi", "channel": "whatsapp_else_sms"}
    await hooked.home.services.async_call(
        "smsmobileapi", "send_message", data, blocking=True, context=context
    )
    await hooked.report(hooked.sent[0], "failed", "no such number")
    await hooked.settle()
    await hooked.report(hooked.sent[1], "sent")
    names = (
        "sensor.smsmobileapi_messages_sent",
        "sensor.smsmobileapi_messages_failed",
        "event.smsmobileapi_report",
    )
    states = [state for name in names if (state := hooked.home.states.get(name))]
    assert [event.context.id for event in events] == [context.id] * 2
    assert [state.context.id for state in states] == [context.id] * 3

    again = Context()
    data = {"message_id": hooked.sent[0].guid, "channel": "whatsapp"}
    await hooked.home.services.async_call(
        "smsmobileapi", "resend_message", data, blocking=True, context=again
    )
    await hooked.report(hooked.sent[0], "sent")
    assert events[-1].context.id == again.id

    # It is in memory only. What nobody called for here has none of these.
    (sent,) = await hooked.send()
    await hooked.reload()
    await hooked.report(hooked.sent[-1], "failed", "x")
    report = hooked.home.states.get("event.smsmobileapi_report")
    assert report and report.attributes["message_id"] == sent["message_id"]
    assert report.context.id not in {context.id, again.id}
