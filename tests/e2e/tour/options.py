"""Options: each is set in the dialog, and its effect is checked."""

from typing import Any

from tests.e2e.configuration import DOMAIN
from tests.e2e.process import until
from tests.e2e.steps import check
from tests.e2e.tour.context import Tour
from tests.e2e.tour.names import ANNA, DESK, GERMAN, HALL

FIELDS = [
    "signing_secret",
    "messages_per_minute",
    "messages_per_day",
    "urgent_reserve",
    "phone",
    "sim",
    "region",
    "offline_hours",
    "max_age_hours",
    "private_history",
]
MINUTE = 60


async def dialog(tour: Tour) -> None:
    """The dialog has a field for each option, each with a name and a description, and offers the phones by their names."""
    flow = await tour.hass.options_flow(tour.first.entry_id)
    check(set(flow.fields()) == set(FIELDS), f"it has {', '.join(flow.fields())}")
    for field in FIELDS:
        await tour.translate("options", f"step.init.data.{field}")
        await tour.translate("options", f"step.init.data_description.{field}")
    offered = await tour.phones_offered()
    check(offered == {HALL: "Hall phone", DESK: "Desk phone"}, f"it offers {offered}")


async def minute(tour: Tour) -> None:
    """The limit per minute: a message beyond it is refused, a repair issue says so, an urgent one is sent."""
    entry = tour.first
    await tour.send(entry, "Private text that counts", recipients=[ANNA])
    async with tour.temporary_options(entry, messages_per_minute=1):
        sending = tour.send(entry, "Private text beyond the minute", recipients=[ANNA])
        text = await tour.refused(sending, "limit_minute")
        check(await tour.issues(f"flood_{entry.entry_id}"), "there is no repair issue")
        await tour.send(entry, "Urgent private text", recipients=[ANNA], urgent=True)
    tour.steps.show(error=text)


async def day(tour: Tour) -> None:
    """Beyond the limit per day an urgent message uses the reserve; once the limit is raised, messages are sent and the repair issue ends."""
    entry = tour.first
    async with tour.temporary_options(entry, messages_per_day=1, urgent_reserve=2):
        await tour.send(entry, "Urgent private text of the reserve", recipients=[ANNA], urgent=True)
        sending = tour.send(entry, "Private text beyond the day", recipients=[ANNA])
        text = await tour.refused(sending, "limit_day")
    await tour.send(entry, "Private text again", recipients=[ANNA])
    await tour.until_issue(f"flood_{entry.entry_id}", exists=False)
    check(not entry.sent("Private text beyond the day"), "a message beyond the limit was sent")
    tour.steps.show(error=text)


async def polling(tour: Tour) -> None:
    """Once the webhook has brought a text, it polls each 15 minutes."""
    entry = tour.first
    _, status = await tour.receive(entry, ANNA, "Private text by the webhook")
    check(status == 200, f"the webhook answered {status}")

    async def is_longer() -> bool:
        return await tour.poll_seconds(entry.entry_id) == 15 * MINUTE

    await tour.poll(entry)
    await until("the longer interval", is_longer, 10)


async def region(tour: Tour) -> None:
    """Country of phone numbers: a national number is Hungarian as the home is, and German with the option."""
    await tour.check_form("06 30 111 2233", {"recipients": ANNA})
    async with tour.temporary_options(tour.first, region="DE"):
        await tour.check_form("0151 55566677", {"recipients": GERMAN})


async def restart(tour: Tour) -> None:
    """All options are kept over a restart of Home Assistant."""
    values: dict[str, Any] = {"messages_per_minute": 999, "messages_per_day": 4999, "urgent_reserve": 7}
    values |= {
        "phone": HALL,
        "sim": "1",
        "region": "AT",
        "offline_hours": 7,
        "max_age_hours": 25,
        "private_history": True,
        "signing_secret": tour.secret("signing"),
    }
    async with tour.temporary_options(tour.first, **values):
        await tour.hass.stop()
        seconds = await tour.hass.start()
        await tour.hass.wait_for_state(
            f"event.{DOMAIN}_message", lambda state: state["state"] != "unavailable"
        )
        shown = (await tour.hass.options_flow(tour.first.entry_id)).shown()
    check(shown == values, f"it shows {shown}")
    tour.steps.show(running_after=f"{seconds:.1f} s")
