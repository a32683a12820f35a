"""Sending, all of it: channels, phones, times, links, encryption, and what is answered."""

from datetime import datetime, timedelta
import time
from zoneinfo import ZoneInfo

from tests.e2e.configuration import TIME_ZONE
from tests.e2e.guide import REPORTED, Guide, Step
from tests.e2e.people import BOLDI, CSILLA, DESK, DORA, STRANGER
from tests.e2e.program import until
from tests.e2e.tell import check
from tests.e2e.websocket import Json

FAILING = "NO_ROUTE_TO_WHATSAPP"


async def _rows(guide: Guide, message: str) -> list[Json]:
    """What the service was given with this text, oldest first."""
    return [row for row in await guide.anna.customer.sent() if row["fields"]["message"] == message]


async def sms(guide: Guide) -> None:
    """An SMS in plain letters: the answer has its id and says one part in GSM-7."""
    [told] = await guide.send(guide.anna, "A plain walnut", recipients=[BOLDI], channel="sms")
    [row] = await _rows(guide, "A plain walnut")
    check((row["channel"], row["fields"]["recipients"]) == ("sms", BOLDI), f"the service got {row}")
    wanted = {
        "recipient": BOLDI,
        "contact": "Boldi",
        "channel": "sms",
        "message_id": row["guid"],
        "status": "accepted",
        "parts": 1,
        "alphabet": "GSM-7",
        "alphabet_forced_by": None,
    }
    check(told == wanted, f"it answers {told}")
    guide.tell.values(**told)


async def alphabets(guide: Guide) -> None:
    """Parts and alphabet: 161 plain letters are two parts, one “ő” makes it UCS-2 and is named, a euro sign counts twice."""
    for text, wanted in (
        ("walnut" + "s" * 155, (2, "GSM-7", None)),
        ("walnut" + "s" * 154, (1, "GSM-7", None)),
        ("walnut€" + "s" * 153, (2, "GSM-7", None)),
        ("walnut, dió, hordó, erdő", (1, "UCS-2", "ó")),
        ("walnut, erdő" + "s" * 59, (2, "UCS-2", "ő")),
        ("walnut 🌰", (1, "UCS-2", "🌰")),
    ):
        [told] = await guide.send(guide.anna, text, recipients=[BOLDI])
        seen = (told["parts"], told["alphabet"], told["alphabet_forced_by"])
        check(seen == wanted, f"{len(text)} characters of {text[:12]}… are {seen}, not {wanted}")


async def whatsapp(guide: Guide) -> None:
    """WhatsApp: the service gets the number without its plus sign; the answer counts one message and no alphabet."""
    text = "A walnut by WhatsApp ő"
    [told] = await guide.send(guide.anna, text, recipients=[STRANGER], channel="whatsapp")
    [row] = await _rows(guide, text)
    seen = (row["channel"], row["fields"]["recipients"], told["channel"], told["parts"], told["alphabet"])
    check(seen == ("whatsapp", STRANGER[1:], "whatsapp", 1, None), f"it is {seen}")


async def both(guide: Guide) -> None:
    """Both: an SMS and a WhatsApp message, each with an id and a status of its own."""
    text = "A walnut both ways"
    told = await guide.send(guide.anna, text, recipients=[STRANGER], channel="both")
    rows = await _rows(guide, text)
    check(sorted(row["channel"] for row in rows) == ["sms", "whatsapp"], f"the service got {rows}")
    check(
        {(one["message_id"], one["channel"]) for one in told}
        == {(row["guid"], row["channel"]) for row in rows},
        f"it answers {told}",
    )


async def none_has_it(guide: Guide) -> None:
    """“WhatsApp, else SMS” for a number that has no WhatsApp: an SMS at once; the service is asked about it once a day."""
    customer = guide.anna.customer
    await customer.set(whatsapp_numbers=[CSILLA[1:], BOLDI[1:]])
    asked = await customer.asked("/whatsapp/checknumber/")
    for text in ("A walnut for who has no WhatsApp", "A second walnut for them"):
        told = await guide.send(guide.anna, text, recipients=[DORA], channel="whatsapp_else_sms")
        check([one["channel"] for one in told] == ["sms"], f"it answers {told}")
        check([row["channel"] for row in await _rows(guide, text)] == ["sms"], "WhatsApp was tried")
    asked = await customer.asked("/whatsapp/checknumber/") - asked
    check(asked == 1, f"the service was asked {asked} times")
    sending = guide.send(guide.anna, "A walnut by WhatsApp only", recipients=[DORA], channel="whatsapp")
    guide.tell.values(whatsapp_alone_says=await guide.refused(sending, "refused", words="not on WhatsApp"))


async def falls_back(guide: Guide) -> None:
    """“WhatsApp, else SMS” that the service takes and that fails by its report: one SMS goes out in its stead, and both are
    reported.
    """
    customer = guide.anna.customer
    await customer.set(report_by_webhook=True, whatsapp_delivery_error=FAILING)
    text = "A walnut that falls back"
    [told] = await guide.send(guide.anna, text, recipients=["Csilla"])
    check(told["channel"] == "whatsapp", f"it answers {told}")

    async def both_there() -> bool:
        return len(await _rows(guide, text)) > 1

    await until("the SMS in its stead", both_there, 10)
    first, second = await _rows(guide, text)
    check((first["channel"], second["channel"]) == ("whatsapp", "sms"), "the SMS is none")
    failed = await guide.event(REPORTED, message_id=first["guid"])
    sent = await guide.event(REPORTED, message_id=second["guid"])
    check((failed["status"], sent["status"]) == ("failed", "sent"), f"they are {failed}, {sent}")
    check(failed["error"] == FAILING and sent["contact"] == "Csilla", f"they are {failed}, {sent}")
    guide.tell.values(whatsapp=f"{failed['status']}, {failed['error']}", sms=sent["status"])


async def waits(guide: Guide) -> None:
    """An action that waits for the report answers with the SMS that was sent in its stead; plain WhatsApp fails in words."""
    text = "A walnut that is waited for"
    [told] = await guide.send(guide.anna, text, recipients=["Csilla"], wait_for_report=10)
    first, second = await _rows(guide, text)
    seen = (told["channel"], told["status"], told["message_id"])
    check(seen == ("sms", "sent", second["guid"]), f"it answers {told}")
    check(first["channel"] == "whatsapp", "WhatsApp was not tried")
    text = "A walnut that fails"
    chosen = {"channel": "whatsapp", "wait_for_report": 10}
    sending = guide.send(guide.anna, text, recipients=["Csilla"], **chosen)
    said = await guide.refused(sending, "report_failed", words=FAILING)
    check(len(await _rows(guide, text)) == 1, "something was sent in its stead")
    await guide.anna.customer.set(whatsapp_delivery_error="")
    [told] = await guide.send(guide.anna, "A walnut that arrives", recipients=["Csilla"], **chosen)
    check(told["status"] == "sent", f"it answers {told}")
    guide.tell.values(fails_with=said)


async def phone_and_sim(guide: Guide) -> None:
    """The phone is chosen by its name, its device or its SID; SIM 1 and 2 are taken, SIM 3 and a phone that is none are not."""
    device = await guide.device(f"{guide.anna.entry_id}_{DESK}")
    assert device
    for phone in (device["name"], device["id"], DESK):
        for sim in (1, "2"):
            text = f"A walnut by SIM {sim} of {phone}"
            form = await guide.form_of(guide.anna, text, recipients=[BOLDI], phone=phone, sim=sim)
            check((form["sIdentifiant"], form["port"]) == (DESK, str(sim)), f"the form is {form}")
    sending = guide.send(guide.anna, "A walnut by SIM 3", recipients=[BOLDI], sim=3)
    guide.tell.values(sim_3=await guide.refused(sending, "sim_invalid"))
    sending = guide.send(guide.anna, "A walnut by nothing", recipients=[BOLDI], phone="Car phone")
    guide.tell.values(no_phone=await guide.refused(sending, "unknown_phone"))
    check(not await _rows(guide, "A walnut by SIM 3"), "SIM 3 sent something")


async def send_at(guide: Guide) -> None:
    """Send at: the service gets the time, one without a zone is home's; one that is over is refused."""
    due = datetime.now(ZoneInfo(TIME_ZONE)).replace(microsecond=0) + timedelta(hours=3)
    for number, told in enumerate((due.isoformat(), due.replace(tzinfo=None).isoformat(sep=" "))):
        text = f"A walnut for later {number}"
        form = await guide.form_of(guide.anna, text, recipients=[BOLDI], send_at=told)
        check(form["schedule_timestamp"] == str(int(due.timestamp())), f"{told} became {form}")
        [row] = await _rows(guide, text)
        check(row["status"] == "accepted" and row["due"] == due.timestamp(), "it was sent already")
    past = (datetime.now(ZoneInfo(TIME_ZONE)) - timedelta(minutes=1)).isoformat()
    sending = guide.send(guide.anna, "A walnut for earlier", recipients=[BOLDI], send_at=past)
    guide.tell.values(past=await guide.refused(sending, "send_at_past"))


async def links_and_encryption(guide: Guide) -> None:
    """Short links and encryption are asked for where they are wished, and not else."""
    wished = {"short_links": True, "encrypt": True}
    form = await guide.form_of(guide.anna, "A walnut at https://example.net/w", recipients=[BOLDI], **wished)
    check((form.get("shorturl"), form.get("encrypt_message")) == ("1", "yes"), f"the form is {form}")
    form = await guide.form_of(guide.anna, "A walnut as it is", recipients=[BOLDI])
    check(not {"shorturl", "encrypt_message", "schedule_timestamp"} & form.keys(), f"the form is {form}")


async def many(guide: Guide) -> None:
    """Several recipients, one of them in two forms and one that is refused: each is told of, and nobody gets it twice."""
    text = "A walnut for all"
    told = await guide.send(guide.anna, text, recipients=["Boldi", "06301112233", 36304445566])
    check([one["recipient"] for one in told] == [BOLDI, STRANGER], f"it went to {told}")
    check(len(await _rows(guide, text)) == 2, "somebody got it twice")
    sending = guide.send(guide.anna, "A walnut for some", recipients=["Boldi", DORA], channel="whatsapp")
    said = await guide.refused(sending, "some_not_sent")
    check("Boldi" in said and DORA not in said, f"it says {said}")
    guide.tell.values(says=said)


async def wrong(guide: Guide) -> None:
    """What can't be sent is refused in words before anything is: no text, no recipient, nobody's name, too few digits."""
    before = len(await guide.anna.customer.sent())
    for message, recipients, key in (
        (" ", [BOLDI], "message_empty"),
        ("A walnut", [], "no_recipients"),
        ("A walnut", ["Zoli"], "unknown_contact"),
        ("A walnut", ["+36 30 11"], "number_too_short"),
        ("walnut" * 700, [BOLDI], "message_too_long"),
    ):
        sending = guide.send(guide.anna, message, recipients=recipients)
        guide.tell.values(**{key: await guide.refused(sending, key)})
    check(len(await guide.anna.customer.sent()) == before, "something was sent")


async def looked_up(guide: Guide) -> None:
    """Where no webhook tells what became of a message, the sent log does: sent, or failed with the phone's reason."""
    customer = guide.anna.customer
    await customer.set(report_by_webhook=False)
    began = time.monotonic()
    [good] = await guide.send(guide.anna, "A walnut that is looked up", recipients=[BOLDI])
    [bad] = await guide.send(guide.anna, "A walnut that is looked up in vain", recipients=[BOLDI])
    await customer.fail(bad["message_id"], "NO_SERVICE")
    sent = await guide.event(REPORTED, message_id=good["message_id"])
    failed = await guide.event(REPORTED, message_id=bad["message_id"])
    check((sent["status"], failed["status"]) == ("sent", "failed"), f"they are {sent}, {failed}")
    check(failed["error"] == "NO_SERVICE", f"it failed with {failed['error']}")
    guide.tell.values(known_after=f"{time.monotonic() - began:.1f} s")


STEPS: tuple[Step, ...] = (
    sms,
    alphabets,
    whatsapp,
    both,
    none_has_it,
    falls_back,
    waits,
    phone_and_sim,
    send_at,
    links_and_encryption,
    many,
    wrong,
    looked_up,
)
