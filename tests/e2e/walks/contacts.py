"""Contacts: named numbers with a channel, a phone and a SIM of their own."""

from tests.e2e.guide import Guide, Step
from tests.e2e.people import BOLDI, CSILLA, DESK, DORA, HALL
from tests.e2e.tell import check
from tests.e2e.websocket import Json

BOLDIS: Json = {"name": "Boldi", "number": "06 30 111 2233", "channel": "sms"}
CSILLAS: Json = {"name": "Csilla", "number": CSILLA, "channel": "whatsapp", "phone": DESK, "sim": "2"}


async def add(guide: Guide) -> None:
    """Contacts are added, one by a national number, one with a phone, a SIM and WhatsApp; each has a notify entity."""
    account = guide.anna
    for told in (BOLDIS, CSILLAS):
        async with guide.reloading(account):
            flow = await guide.home.subentry_flow(account.entry_id, "contact")
            step = await flow.submit(told)
            check(step["type"] == "create_entry", f"the contact was not made: {step}")
        name = told["name"].lower()
        for entity_id in (f"notify.{name}", f"event.{name}_message"):
            await guide.home.wait_for_state(entity_id)


async def refused(guide: Guide) -> None:
    """What is wrong with a contact is said at its field: no name, a name or number of another, letters, a short number on
    WhatsApp.
    """
    wrong = (
        ({"name": " "}, {"name": "name_empty"}),
        ({"name": "BOLDI"}, {"name": "name_taken"}),
        ({"number": "+36 30/111-2233"}, {"number": "number_taken"}),
        ({"number": "call me"}, {"number": "number_letters"}),
        ({"number": "1749", "channel": "whatsapp"}, {"number": "number_short_code"}),
        ({"number": "+36 30 11"}, {"number": "number_too_short"}),
    )
    for change, errors in wrong:
        flow = await guide.home.subentry_flow(guide.anna.entry_id, "contact")
        told = {"name": "Dora", "number": DORA, "channel": "sms", **change}
        step = await flow.submit(told)
        check(flow.errors == errors, f"{change} was answered with {flow.errors or step['type']}")
        [error] = errors.values()
        guide.tell.values(**{error: await guide.say("config_subentries", f"contact.error.{error}")})


async def defaults(guide: Guide) -> None:
    """A message to a contact has its channel, phone and SIM; what an action says counts more."""
    account = guide.anna
    form = await guide.form_of(account, "A walnut for Csilla", recipients=["csilla"])
    wanted = {"waonly": "yes", "sIdentifiant": DESK, "port": "2", "recipients": CSILLA.removeprefix("+")}
    check(wanted.items() <= form.items(), f"the form is {form}")
    chosen = {"channel": "sms", "phone": "Hall phone", "sim": 1}
    form = await guide.form_of(account, "An SMS walnut", recipients=["Csilla"], **chosen)
    wanted = {"sendsms": "1", "sIdentifiant": HALL, "port": "1", "recipients": CSILLA}
    check(wanted.items() <= form.items() and "waonly" not in form, f"the form is {form}")


async def notify(guide: Guide) -> None:
    """The contact's notify entity sends the same way; a title is the first line."""
    told = {"entity_id": "notify.csilla", "title": "Door", "message": "A walnut at the door"}
    await guide.home.call_action("notify", "send_message", told)
    form = (await guide.anna.customer.sent())[-1]["fields"]
    wanted = {"message": "Door\nA walnut at the door", "waonly": "yes", "sIdentifiant": DESK, "port": "2"}
    check(wanted.items() <= form.items(), f"the form is {form}")


async def by_number(guide: Guide) -> None:
    """Whoever writes the contact's number in another form gets the contact's defaults, too."""
    told = await guide.send(guide.anna, "A walnut by number", recipients=["0036 20 222 3344"])
    check([one["contact"] for one in told] == ["Csilla"], f"it went to {told}")
    check([one["channel"] for one in told] == ["whatsapp"], f"it went to {told}")


async def change(guide: Guide) -> None:
    """A contact is changed: another's number is refused; the dialog shows what was chosen, and empty fields take it away."""
    account = guide.anna
    subentries = await guide.home.command("config_entries/subentries/list", entry_id=account.entry_id)
    [csilla] = [one for one in subentries if one["title"] == "Csilla"]
    flow = await guide.home.subentry_flow(account.entry_id, "contact", subentry_id=csilla["subentry_id"])
    check(flow.shown() == CSILLAS, f"it shows {flow.shown()}")
    await flow.submit({**CSILLAS, "number": BOLDI})
    check(flow.errors == {"number": "number_taken"}, f"it was not refused: {flow.step}")
    async with guide.reloading(account):
        step = await flow.submit({"name": "Csilla", "number": CSILLA, "channel": "whatsapp_else_sms"})
        check(step.get("reason") == "reconfigure_successful", f"it was not changed: {step}")
    form = await guide.form_of(account, "A walnut from any phone", recipients=["Csilla"])
    check(not {"sIdentifiant", "port"} & form.keys(), f"the form is {form}")


STEPS: tuple[Step, ...] = (add, refused, defaults, notify, by_number, change)
