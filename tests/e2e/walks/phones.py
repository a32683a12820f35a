"""Phones: a device each, which says how the phone is, and goes and comes as the phone does."""

import time

from tests.e2e.guide import Guide, Step
from tests.e2e.people import DESK, HALL, SPARE
from tests.e2e.program import until
from tests.e2e.tell import check
from tests.e2e.websocket import Json

HOUR = 3600
KEYS = ("battery", "connected", "last_seen", "notify")


async def _state(guide: Guide, sid: str, key: str) -> Json:
    entity_id = await guide.entity(f"{guide.anna.entry_id}_{sid}_{key}")
    check(entity_id, f"the phone {sid} has no {key}")
    state = await guide.home.state(str(entity_id))
    check(state, f"{entity_id} has no state")
    assert state
    return state


async def _states(guide: Guide, sid: str) -> dict[str, str]:
    return {key: (await _state(guide, sid, key))["state"] for key in KEYS}


async def _device(guide: Guide, sid: str) -> Json | None:
    return await guide.device(f"{guide.anna.entry_id}_{sid}")


async def devices(guide: Guide) -> None:
    """Each phone is a device behind the account's, with its name and the app's version, and tells battery, connection, when it
    was seen last.
    """
    account = await guide.device(guide.anna.entry_id)
    assert account
    for sid, name, version, battery in (
        (HALL, "Hall phone", "9.2.0", "81"),
        (DESK, "Desk phone", "9.1.0", "35"),
    ):
        device = await _device(guide, sid)
        check(device, f"{name} has no device")
        assert device
        seen = (device["name"], device["sw_version"], device["via_device_id"])
        check(seen == (name, version, account["id"]), f"the device is {seen}")
        states = await _states(guide, sid)
        check((states["battery"], states["connected"]) == (battery, "on"), f"{name} is {states}")
        check(states["last_seen"] not in ("unknown", "unavailable"), f"{name} was last seen {states}")
        names = [(await _state(guide, sid, key))["attributes"]["friendly_name"] for key in KEYS]
        guide.tell.values(
            **{name: f"{states['battery']} %, {states['connected']}", "entities": ", ".join(names)}
        )


async def push(guide: Guide) -> None:
    """A notification is pushed to one phone, with a title and without."""
    customer = guide.anna.customer
    entity_id = (await _state(guide, DESK, "notify"))["entity_id"]
    for told in ({"title": "Garden", "message": "A walnut fell"}, {"message": "Another walnut fell"}):
        await guide.home.call_action("notify", "send_message", {"entity_id": entity_id, **told})
        form = (await customer.requests("/notification/send"))[-1]
        check({"sid": DESK, **told}.items() <= form.items(), f"the form is {form}")
    guide.tell.values(entity=entity_id, default_title=form["title"])


async def goes(guide: Guide) -> None:
    """A phone goes offline: it says so at once and pushes to it are refused in words, while the other goes on."""
    customer = guide.anna.customer
    await customer.phone(DESK, online=False, last_seen=time.time() - 2 * HOUR)
    await guide.reload(guide.anna)
    states = await _states(guide, DESK)
    check(states["connected"] == "off", f"it is {states}")
    check(states["battery"] == "35" and "un" not in states["last_seen"], f"it is {states}")
    issues = await guide.issues("phone_offline")
    check(not issues, "two hours are more than six")
    entity_id = (await _state(guide, DESK, "notify"))["entity_id"]
    told = {"entity_id": entity_id, "message": "A walnut for nobody"}
    said = await guide.refused(guide.home.call_action("notify", "send_message", told), "phone_offline")
    check("No phone of the account" not in said, f"it says “{said}”, but another phone is connected")
    guide.tell.values(**states, push_says=said)


async def offline_hours(guide: Guide) -> None:
    """Offline for longer than the option says, it has a repair issue whose words help; with 0 hours it never has one."""
    await guide.options(guide.anna, offline_hours=1)
    [issue] = await guide.issues("phone_offline")
    placeholders = issue["translation_placeholders"]
    check(placeholders["phone"] == "Desk phone", f"it is about {placeholders}")
    text = await guide.say("issues", "phone_offline.description")
    check("battery optimisation" in text, "it does not say what helps")
    title = (await guide.say("issues", "phone_offline.title")).format(**placeholders)
    guide.tell.values(issue=title, since=placeholders["since"])
    await guide.options(guide.anna, offline_hours=0)
    check(not await guide.issues("phone_offline"), "it is there with 0 hours, too")
    await guide.options(guide.anna, offline_hours=1)
    check(await guide.issues("phone_offline"), "it does not come again")


async def advice(guide: Guide) -> None:
    """What the repair issue advises for a phone that is not used any more can be done."""
    text = await guide.say("issues", "phone_offline.description")
    device = await _device(guide, DESK)
    assert device
    removing = guide.home.command("config/device_registry/remove", device_id=device["id"])
    # The service lists the phone still, and would bring the device back at once.
    said = await guide.refused(removing, words="rejected by integration")
    first = "dashboard" in text.lower()
    check(
        first,
        f"it says only to delete the device, which is refused while the service lists the phone: {said}",
    )


async def chosen_offline(guide: Guide) -> None:
    """Sending from a phone that is offline is refused in words that fit, and nothing goes out by another one."""
    before = len(await guide.anna.customer.sent())
    sending = guide.send(guide.anna, "A walnut from the desk", recipients=["Boldi"], phone="Desk phone")
    said = await guide.refused(sending, "phone_offline")
    check(len(await guide.anna.customer.sent()) == before, "it was sent")
    check("No phone of the account" not in said, f"it says “{said}”, but another phone is connected")
    guide.tell.values(says=said)


async def comes_back(guide: Guide) -> None:
    """It comes back with a new name and version of its app: connected, and the repair issue is gone."""
    await guide.anna.customer.phone(DESK, online=True, battery=90, label="Study phone", version="9.3.0")
    await guide.reload(guide.anna)
    states = await _states(guide, DESK)
    check((states["connected"], states["battery"]) == ("on", "90"), f"it is {states}")
    check(not await guide.issues("phone_offline"), "the repair issue is still there")
    device = await _device(guide, DESK)
    assert device
    seen = (device["name"], device["sw_version"])
    check(seen == ("Study phone", "9.3.0"), f"the device is {seen}")


async def appears(guide: Guide) -> None:
    """A new phone appears with its device and entities, without a restart; the battery that it does not tell is unknown."""
    await guide.anna.customer.phone(SPARE, label="Spare phone", battery=None, version="8.0")
    await guide.reload(guide.anna)
    states = await _states(guide, SPARE)
    check((states["connected"], states["battery"]) == ("on", "unknown"), f"it is {states}")


async def stays(guide: Guide) -> None:
    """The device of a phone that is connected can't be deleted, nor that of the account."""
    for identifier in (guide.anna.entry_id, f"{guide.anna.entry_id}_{SPARE}"):
        device = await guide.device(identifier)
        assert device
        removing = guide.home.command("config/device_registry/remove", device_id=device["id"])
        guide.tell.values(says=await guide.refused(removing, words="rejected by integration"))


async def _offered(guide: Guide) -> dict[str, str]:
    """The phones that the options offer, by SID."""
    flow = await guide.home.options_flow(guide.anna.entry_id)
    return {one["value"]: one["label"] for one in flow.fields()["phone"]["selector"]["select"]["options"]}


async def gone(guide: Guide) -> None:
    """A phone that is gone for good: shown as not connected; where it was chosen to send, that is refused in words, and the
    options say that it is gone.
    """
    account = guide.anna
    async with guide.for_now(account, phone=SPARE):
        await account.customer.remove_phone(SPARE)
        await guide.reload(account)
        states = await _states(guide, SPARE)
        check((states["connected"], states["battery"]) == ("off", "unavailable"), f"it is {states}")
        for chosen in ({}, {"phone": "Spare phone"}):
            sending = guide.send(account, "A walnut from nowhere", recipients=["Boldi"], **chosen)
            said = await guide.refused(sending, "phone_gone")
            check("Spare phone" in said, f"it does not say which: {said}")
        offered = await _offered(guide)
        check(offered[SPARE] == "Spare phone (gone)", f"the options offer {offered}")
    offered = await _offered(guide)
    check(SPARE not in offered, f"the options still offer {offered}")
    guide.tell.values(says=said)


async def deleted(guide: Guide) -> None:
    """The device of a phone that is gone can be deleted, and stays away."""
    account = guide.anna
    device = await _device(guide, SPARE)
    assert device
    await guide.home.command("config/device_registry/remove", device_id=device["id"])

    async def is_gone() -> bool:
        left = [name for name in await guide.home.states() if "spare_phone" in name]
        return await _device(guide, SPARE) is None and not left

    await until("the device and its entities to be gone", is_gone, 10)
    await guide.reload(account)
    check(await _device(guide, SPARE) is None, "it is there again after a reload")
    sending = guide.send(account, "A walnut from nowhere", recipients=["Boldi"], phone="Spare phone")
    guide.tell.values(says=await guide.refused(sending, "unknown_phone"))


async def all_offline(guide: Guide) -> None:
    """With no phone connected, sending says so and what to do; the count of connected phones can be switched on."""
    customer = guide.anna.customer
    entity_id = await guide.entity(f"{guide.anna.entry_id}_phones_connected")
    async with guide.reloading(guide.anna):
        await guide.home.command("config/entity_registry/update", entity_id=entity_id, disabled_by=None)
        await guide.home.post(f"/api/config/config_entries/entry/{guide.anna.entry_id}/reload")
    state = await guide.home.wait_for_state(str(entity_id))
    check(state["state"] == "2", f"{state['state']} phones are connected")
    for sid in (HALL, DESK):
        await customer.phone(sid, online=False)
    sending = guide.send(guide.anna, "A walnut from no phone", recipients=["Boldi"])
    guide.tell.values(says=await guide.refused(sending, "phone_offline"))
    for sid in (HALL, DESK):
        await customer.phone(sid, online=True)
    await guide.send(guide.anna, "A walnut from a phone again", recipients=["Boldi"])


STEPS: tuple[Step, ...] = (
    devices,
    push,
    goes,
    offline_hours,
    advice,
    chosen_offline,
    comes_back,
    appears,
    stays,
    gone,
    deleted,
    all_offline,
)
