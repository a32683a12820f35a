"""Looking and tidying: what the service has, asked for with actions that answer."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.e2e.configuration import TIME_ZONE
from tests.e2e.guide import Guide, Step
from tests.e2e.people import BOLDI, CSILLA, DORA
from tests.e2e.story import DOMAIN
from tests.e2e.tell import check
from tests.e2e.websocket import Json

FIELDS = {
    "direction",
    "message_id",
    "channel",
    "number",
    "name",
    "contact",
    "message",
    "time",
    "status",
    "error",
    "phone",
}


async def _call(guide: Guide, action: str, **data: Any) -> Json:
    told = {"account": guide.anna.entry_id, **data}
    response = await guide.home.call_action(DOMAIN, action, told, return_response=True)
    assert response is not None
    return response


async def _messages(guide: Guide, **data: Any) -> list[Json]:
    messages: list[Json] = (await _call(guide, "get_messages", **data))["messages"]
    return messages


async def everything(guide: Guide) -> None:
    """get_messages answers with what was received and sent, newest first, and no more than the limit."""
    messages = await _messages(guide, limit=1000)
    times = [message["time"] for message in messages]
    check(times == sorted(times, reverse=True), "they are in another order")
    check({message["direction"] for message in messages} == {"received", "sent"}, "some are not there")
    check(set(messages[0]) == FIELDS, f"each has {', '.join(messages[0])}")
    check(len(await _messages(guide)) == 50, "without a limit it answers with more or less than 50")
    check(len(await _messages(guide, limit=3)) == 3, "three were asked for")
    guide.tell.values(messages=len(messages), **messages[0])


async def filters(guide: Guide) -> None:
    """Its filters: from, to, since, text and failed only, by name or number, alone and together."""
    received = await _messages(guide, **{"from": "Boldi"})
    check(received and {(m["direction"], m["number"]) for m in received} == {("received", BOLDI)}, "from")
    again = await _messages(guide, **{"from": "06 30 111 2233"})
    check(received == again, "the number finds others than the name")
    sent = await _messages(guide, to=CSILLA)
    check(sent and {(m["direction"], m["contact"]) for m in sent} == {("sent", "Csilla")}, "to")
    found = await _messages(guide, text="THAT FALLS BACK", limit=10)
    check([m["channel"] for m in found] == ["sms", "whatsapp"], f"text finds {found}")
    failed = await _messages(guide, failed_only=True)
    check(failed and {(m["direction"], m["status"]) for m in failed} == {("sent", "failed")}, "failed_only")
    check(all(m["error"] for m in failed), "a failed one has no reason")
    later = datetime.now(ZoneInfo(TIME_ZONE)) + timedelta(minutes=1)
    for since in (later.isoformat(), later.strftime("%Y-%m-%d %H:%M:%S")):
        check(not await _messages(guide, since=since), f"since {since} finds something")
    earlier = (later - timedelta(hours=2)).isoformat()
    both = await _messages(guide, since=earlier, text="signed walnut", **{"from": "boldi"})
    # They came within a second, and the service tells no more than that of times.
    check({m["message"] for m in both} == {"An unsigned walnut", "A signed walnut"}, f"together: {both}")
    nobody = _messages(guide, to="Zoli")
    guide.tell.values(unknown_name=await guide.refused(nobody, "unknown_contact"))


async def delete(guide: Guide) -> None:
    """delete_message takes a received and a sent one out of the service's log, and says that an id does not exist."""
    for text in ("An unsigned walnut", "A plain walnut"):
        [message] = await _messages(guide, text=text)
        answer = await _call(guide, "delete_message", message_id=message["message_id"])
        check(answer == {"message_id": message["message_id"]}, f"it answers {answer}")
        check(not await _messages(guide, text=text), f"“{text}” is still there")
        deleting = _call(guide, "delete_message", message_id=message["message_id"])
        said = await guide.refused(deleting, "message_not_found")
    guide.tell.values(gone=said)


async def check_whatsapp(guide: Guide) -> None:
    """check_whatsapp answers for numbers and contacts, also where the service does not tell."""
    customer = guide.anna.customer
    await customer.set(whatsapp_numbers=[BOLDI[1:]])
    wanted = {"Boldi": True, DORA: False}
    answer = (await _call(guide, "check_whatsapp", recipients=list(wanted)))["recipients"]
    seen = [(one["recipient"], one["contact"], one["has_whatsapp"]) for one in answer]
    check(seen == [(BOLDI, "Boldi", True), (DORA, None, False)], f"it answers {answer}")
    await customer.set(check_dress="vague")
    answer = (await _call(guide, "check_whatsapp", recipients=["+36205556677"]))["recipients"]
    check([one["has_whatsapp"] for one in answer] == [None], f"it answers {answer}")
    await customer.set(check_dress="contact", whatsapp_numbers=None)
    guide.tell.values(**{one: has for one, _, has in seen})


async def resend(guide: Guide) -> None:
    """resend_message sends a failed one again and answers; one that has not failed, and an id that is none, are refused."""
    customer = guide.anna.customer
    await customer.set(delivery_error="NO_SERVICE", report_by_webhook=True)
    [told] = await guide.send(guide.anna, "A walnut to send again", recipients=["Boldi"])
    await guide.event("smsmobileapi_message_report", message_id=told["message_id"], status="failed")
    await customer.set(delivery_error="")
    answer = await _call(guide, "resend_message", message_id=told["message_id"], wait_for_report=10)
    check((answer["status"], answer["contact"]) == ("sent", "Boldi"), f"it answers {answer}")
    sent = [row for row in await customer.sent() if row["guid"] == told["message_id"]]
    check([row["attempts"] for row in sent] == [2], f"the service has {sent}")
    again = _call(guide, "resend_message", message_id=told["message_id"])
    guide.tell.values(sent_already=await guide.refused(again, "not_failed"))
    none = _call(guide, "resend_message", message_id="no-such-id")
    guide.tell.values(no_such_id=await guide.refused(none, "refused", words="unknown message"))


STEPS: tuple[Step, ...] = (everything, filters, delete, check_whatsapp, resend)
