"""The actions on messages that the service has: they list, delete, check and resend."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.e2e.configuration import REPORTED, TIME_ZONE
from tests.e2e.steps import check
from tests.e2e.tour.context import Tour
from tests.e2e.tour.names import ANNA, CSILLA, DORA
from tests.e2e.websocket import Json

FIELDS = "direction message_id channel number name contact message time status error phone"


async def _messages(tour: Tour, **data: Any) -> list[Json]:
    messages: list[Json] = (await tour.action("get_messages", tour.first, **data))["messages"]
    return messages


async def everything(tour: Tour) -> None:
    """get_messages lists what was received and sent, newest first, up to the limit."""
    messages = await _messages(tour, limit=1000)
    times = [message["time"] for message in messages]
    check(times == sorted(times, reverse=True), "they are in another order")
    check({message["direction"] for message in messages} == {"received", "sent"}, "some are missing")
    check(set(messages[0]) == set(FIELDS.split()), f"each has {', '.join(messages[0])}")
    check(len(await _messages(tour, limit=3)) == 3, "there are more than the limit")
    tour.steps.show(messages=len(messages), **messages[0])


async def filters(tour: Tour) -> None:
    """Its filters, alone and together: from, to, since, text, failed only; by name or number."""
    received = await _messages(tour, **{"from": "Anna"})
    check(received and {(m["direction"], m["number"]) for m in received} == {("received", ANNA)}, "from")
    by_number = await _messages(tour, **{"from": "06 30 111 2233"})
    check(received == by_number, "the number finds others than the name")
    found = await _messages(tour, text="THAT FALLS BACK", to=CSILLA)
    check([m["channel"] for m in found] == ["sms", "whatsapp"], f"text and to find {found}")
    failed = await _messages(tour, failed_only=True)
    check(failed and all(m["status"] == "failed" and m["error"] for m in failed), "failed_only")
    later = datetime.now(ZoneInfo(TIME_ZONE)) + timedelta(minutes=1)
    check(not await _messages(tour, since=later.isoformat()), f"since {later} finds something")
    tour.steps.show(unknown_name=await tour.refused(_messages(tour, to="Zoli"), "unknown_contact"))


async def delete(tour: Tour) -> None:
    """delete_message deletes a received and a sent message; an unknown id is refused."""
    for text in ("An unsigned private text", "Private text: the washing machine is leaking."):
        [message] = await _messages(tour, text=text)
        message_id = message["message_id"]
        response = await tour.action("delete_message", tour.first, message_id=message_id)
        check(response == {"message_id": message_id}, f"the response is {response}")
        check(not await _messages(tour, text=text), f"“{text}” is still there")
        deleting = tour.action("delete_message", tour.first, message_id=message_id)
        error = await tour.refused(deleting, "message_not_found")
    tour.steps.show(error=error)


async def check_whatsapp(tour: Tour) -> None:
    """check_whatsapp answers true and false for contacts and numbers, and null where the service does not say."""
    account = tour.first.account
    account.whatsapp_numbers = {ANNA[1:]}
    response = await tour.action("check_whatsapp", tour.first, recipients=["Anna", DORA])
    seen = [(one["recipient"], one["contact"], one["has_whatsapp"]) for one in response["recipients"]]
    check(seen == [(ANNA, "Anna", True), (DORA, None, False)], f"the response is {response}")
    account.check_format, former = "vague", account.check_format
    response = await tour.action("check_whatsapp", tour.first, recipients=["+36205556677"])
    check([one["has_whatsapp"] for one in response["recipients"]] == [None], f"the response is {response}")
    account.check_format, account.whatsapp_numbers = former, None


async def resend(tour: Tour) -> None:
    """resend_message sends a failed message again; one that has not failed and an unknown id are refused."""
    account = tour.first.account
    account.delivery_error, account.report_by_webhook = "NO_SERVICE", True
    [response] = await tour.send(tour.first, "Private text to send again", recipients=["Anna"])
    message_id = response["message_id"]
    await tour.event(REPORTED, message_id=message_id, status="failed")
    account.delivery_error = ""
    response = await tour.action("resend_message", tour.first, message_id=message_id, wait_for_report=10)
    check((response["status"], response["contact"]) == ("sent", "Anna"), f"the response is {response}")
    [sent] = tour.first.sent("Private text to send again")
    check(sent.attempts == 2, f"the service has {sent}")
    for one, key, words in ((message_id, "not_failed", ""), ("no-such-id", "refused", "unknown message")):
        resending = tour.action("resend_message", tour.first, message_id=one)
        tour.steps.show(**{key: await tour.refused(resending, key, contains=words)})
