"""A contact with a channel, a phone and a SIM of its own: added, used and changed."""

from tests.e2e.configuration import DOMAIN
from tests.e2e.session import add_contact
from tests.e2e.steps import check
from tests.e2e.tour.context import Tour
from tests.e2e.tour.names import ANNA, CSILLA, DESK, HALL
from tests.e2e.websocket import Json

CONTACT: Json = {
    "name": "Csilla", "number": CSILLA, "channel": "whatsapp", "phone": DESK, "sim": "2",
    "retry_minutes": 10, "sms_minutes": 0,
}  # fmt: skip


async def add(tour: Tour) -> None:
    """A contact is added, after its number was refused as another's; no state of another entity is written."""
    flow = await tour.hass.subentry_flow(tour.first.entry_id, "contact")
    await flow.submit({**CONTACT, "number": "+36 30/111-2233"})
    check(flow.errors == {"number": "number_taken"}, f"it was not refused: {flow.step}")
    tour.steps.show(error=await tour.translate("config_subentries", "contact.error.number_taken"))
    before = await tour.hass.states_of(DOMAIN)
    await add_contact(tour.hass, tour.first.entry_id, CONTACT)
    after = await tour.hass.states_of(DOMAIN)
    written = [entity_id for entity_id in before if before[entity_id] != after.get(entity_id)]
    check(not written, f"the states of {written} were written")


async def defaults(tour: Tour) -> None:
    """A message to a contact has its channel, phone and SIM, also by its number; what the action sets comes first."""
    fields = {"waonly": "yes", "sIdentifiant": DESK, "port": "2", "recipients": CSILLA[1:]}
    for recipient in ("csilla", "0036 20 222 3344"):
        await tour.check_form(recipient, fields)
    message = {"entity_id": "notify.csilla", "title": "Title", "message": "Private text by entity"}
    await tour.hass.call_action("notify", "send_message", message)
    [sent] = tour.first.sent("Title\nPrivate text by entity")
    check(fields.items() <= sent.fields.items(), f"the form is {sent.fields}")
    fields = {"sendsms": "1", "sIdentifiant": HALL, "port": "1", "recipients": CSILLA}
    await tour.check_form("Csilla", fields, ("waonly",), channel="sms", phone="Hall phone", sim=1)


async def change(tour: Tour) -> None:
    """A contact is changed: the dialog shows the present values, another contact's number is refused, empty fields apply."""
    entry_id = tour.first.entry_id
    subentries = await tour.hass.command("config_entries/subentries/list", entry_id=entry_id)
    [csilla] = [one for one in subentries if one["title"] == "Csilla"]
    flow = await tour.hass.subentry_flow(entry_id, "contact", subentry_id=csilla["subentry_id"])
    check(flow.shown() == CONTACT, f"it shows {flow.shown()}")
    await flow.submit({**CONTACT, "number": ANNA})
    check(flow.errors == {"number": "number_taken"}, f"it was not refused: {flow.step}")
    step = await flow.submit({"name": "Csilla", "number": CSILLA, "channel": "whatsapp_else_sms"})
    check(step.get("reason") == "reconfigure_successful", f"it was not changed: {step}")
    await tour.check_form("Csilla", {}, without=("sIdentifiant", "port"))
