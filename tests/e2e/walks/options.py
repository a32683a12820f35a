"""Options: each is set in the dialog, and its effect seen."""

from tests.e2e.guide import Guide, Step
from tests.e2e.people import BOLDI, DESK, GERMAN, HALL
from tests.e2e.program import until
from tests.e2e.story import DOMAIN
from tests.e2e.tell import check
from tests.e2e.websocket import HomeError

FIELDS = (
    "signing_secret",
    "messages_per_minute",
    "messages_per_day",
    "phone",
    "sim",
    "region",
    "poll_seconds",
    "poll_minutes",
    "offline_hours",
)


async def dialog(guide: Guide) -> None:
    """The dialog has a field for each option, each with its words, and offers the phones by their names."""
    flow = await guide.home.options_flow(guide.anna.entry_id)
    check(set(flow.fields()) == set(FIELDS), f"it has {', '.join(flow.fields())}")
    for field in FIELDS:
        await guide.say("options", f"step.init.data.{field}")
        await guide.say("options", f"step.init.data_description.{field}")
    phones = flow.fields()["phone"]["selector"]["select"]["options"]
    names = {phone["value"]: phone["label"] for phone in phones}
    check(names == {HALL: "Hall phone", DESK: "Desk phone"}, f"it offers {names}")
    guide.tell.values(fields=", ".join(flow.fields()), phones=", ".join(names.values()))


async def impossible(guide: Guide) -> None:
    """What can't be is refused: SIM 3, polling each 5 s, a limit of 0, a country that is none."""
    for name, value in (("sim", "3"), ("poll_seconds", 5), ("messages_per_day", 0), ("region", "XX")):
        flow = await guide.home.options_flow(guide.anna.entry_id)
        try:
            step = await flow.submit({**flow.shown(), name: value})
        except HomeError as error:
            check("400" in str(error) and name in str(error), f"{name} {value}: {error}")
        else:
            check(flow.errors, f"{name} {value} was taken: {step}")


async def minute(guide: Guide) -> None:
    """The limit per minute: the message beyond it is refused in words, a repair issue says so, an urgent one passes."""
    account = guide.anna
    await guide.send(account, "A walnut for the count", recipients=[BOLDI])
    async with guide.for_now(account, messages_per_minute=1):
        sending = guide.send(account, "A walnut too many", recipients=[BOLDI])
        said = await guide.refused(sending, "limit_minute")
        check(await guide.issues(f"flood_{account.entry_id}"), "no repair issue says so")
        await guide.send(account, "An urgent walnut", recipients=[BOLDI], urgent=True)
    guide.tell.values(says=said)


async def day(guide: Guide) -> None:
    """The limit per day holds for urgent messages, too; raised again, messages leave and the repair issue is gone."""
    account = guide.anna
    async with guide.for_now(account, messages_per_day=1):
        sending = guide.send(account, "A walnut too many", recipients=[BOLDI], urgent=True)
        said = await guide.refused(sending, "limit_day")
    check(not await guide.issues(f"flood_{account.entry_id}"), "the repair issue is still there")
    await guide.send(account, "A walnut again", recipients=[BOLDI])
    sent = [row["fields"]["message"] for row in await account.customer.sent()]
    check("A walnut too many" not in sent, "a message beyond the limit was sent")
    guide.tell.values(says=said)


async def polling(guide: Guide) -> None:
    """Polling once the webhook has brought a text: each 3 minutes; that it is each 15 s before was seen when adding."""
    account = guide.anna
    text = await account.customer.receive(BOLDI, "A walnut that proves the webhook")
    check(text["delivered_status"] == 200, f"the webhook answered {text['delivered_status']}")

    async def is_longer() -> bool:
        return await guide.polls_each(account) == 180

    async with guide.for_now(account, poll_minutes=3):
        await until("the longer interval", is_longer, 10)


async def phone_and_sim(guide: Guide) -> None:
    """Phone and SIM: the next form has them, one that names others has these, and without the options it has none."""
    account = guide.anna
    async with guide.for_now(account, phone=DESK, sim="2"):
        form = await guide.form_of(account, "A walnut from the desk", recipients=[BOLDI])
        check((form.get("sIdentifiant"), form.get("port")) == (DESK, "2"), f"the form is {form}")
        chosen = {"phone": "Hall phone", "sim": 1}
        form = await guide.form_of(account, "A walnut from the hall", recipients=[BOLDI], **chosen)
        check((form.get("sIdentifiant"), form.get("port")) == (HALL, "1"), f"the form is {form}")
    form = await guide.form_of(account, "A walnut from anywhere", recipients=[BOLDI])
    check(not {"sIdentifiant", "port"} & form.keys(), f"the form is {form}")


async def region(guide: Guide) -> None:
    """Country of phone numbers: a national number is Hungarian as the home is, and German once the option says so."""
    account = guide.anna
    form = await guide.form_of(account, "A walnut for Hungary", recipients=["06 30 111 2233"])
    check(form["recipients"] == BOLDI, "the number is not read as Hungarian")
    async with guide.for_now(account, region="DE"):
        form = await guide.form_of(account, "A walnut for Germany", recipients=["0151 55566677"])
    check(form["recipients"] == GERMAN, f"the number is read as {form['recipients'][:3]}…")


async def restart(guide: Guide) -> None:
    """All options outlive a restart of Home Assistant."""
    account = guide.anna
    chosen = {"messages_per_minute": 999, "messages_per_day": 4999, "phone": HALL, "sim": "1", "region": "AT"}
    chosen |= {"poll_seconds": 33, "poll_minutes": 4, "offline_hours": 7, "signing_secret": guide.secret("s")}
    async with guide.for_now(account, **chosen):
        await guide.home.stop()
        seconds = await guide.home.start()
        await guide.home.wait_for_state(
            f"event.{DOMAIN}_message", lambda state: state["state"] != "unavailable"
        )
        shown = (await guide.home.options_flow(account.entry_id)).shown()
    check(shown == chosen, f"it shows {shown}")
    guide.tell.values(running_after=f"{seconds:.1f} s")


STEPS: tuple[Step, ...] = (
    dialog,
    impossible,
    minute,
    day,
    polling,
    phone_and_sim,
    region,
    restart,
)
