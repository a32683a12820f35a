"""Phones: each is a device that shows the phone's state, and appears and goes as the phone does."""

import time

from simulator import Phone
from tests.e2e.process import until
from tests.e2e.steps import check
from tests.e2e.tour.context import Tour
from tests.e2e.tour.names import DESK, HALL, SPARE
from tests.e2e.websocket import Json

HOUR = 3600
KEYS = ("battery", "connected", "last_seen", "notify")


async def _state(tour: Tour, sid: str, key: str) -> Json:
    entity_id = await tour.entity(f"{tour.first.entry_id}_{sid}_{key}")
    return (await tour.hass.states())[entity_id]


async def _states(tour: Tour, sid: str) -> dict[str, str]:
    return {key: (await _state(tour, sid, key))["state"] for key in KEYS}


async def _device(tour: Tour, sid: str) -> Json:
    device = await tour.device(f"{tour.first.entry_id}_{sid}")
    check(device, f"the phone {sid} has no device")
    assert device
    return device


def _phone(tour: Tour, sid: str) -> Phone:
    phone = tour.first.account.phone(sid)
    assert phone
    return phone


async def devices(tour: Tour) -> None:
    """Each phone is a device behind the account's, with its name, its app's version, battery, connection, last seen."""
    account = await tour.device(tour.first.entry_id)
    assert account
    for sid, name, version, battery in (
        (HALL, "Hall phone", "9.2.0", "81"),
        (DESK, "Desk phone", "9.1.0", "35"),
    ):
        device = await _device(tour, sid)
        seen = (device["name"], device["sw_version"], device["via_device_id"])
        check(seen == (name, version, account["id"]), f"the device is {seen}")
        states = await _states(tour, sid)
        check((states["battery"], states["connected"]) == (battery, "on"), f"{name} is {states}")
        check(states["last_seen"] not in ("unknown", "unavailable"), f"{name} is {states}")
        tour.steps.show(**{name: f"{states['battery']} %, {states['connected']}"})


async def notification(tour: Tour) -> None:
    """A notification is pushed to one phone, with a title and without."""
    entity_id = (await _state(tour, DESK, "notify"))["entity_id"]
    for content in ({"title": "Garden", "message": "Private text pushed"}, {"message": "Private text again"}):
        await tour.hass.call_action("notify", "send_message", {"entity_id": entity_id, **content})
        form = tour.first.requests("/notification/send")[-1]
        check({"sid": DESK, **content}.items() <= form.items(), f"the form is {form}")


async def offline(tour: Tour) -> None:
    """A phone goes offline: its device shows that; a push to it and a message from it are refused and not sent otherwise."""
    phone = _phone(tour, DESK)
    phone.online, phone.last_seen = False, time.time() - 2 * HOUR
    await tour.reload(tour.first)
    states = await _states(tour, DESK)
    check((states["connected"], states["battery"]) == ("off", "35"), f"it is {states}")
    check(not await tour.issues("phone_offline"), "there is a repair issue before six hours")
    sent = len(tour.first.account.sent)
    message = {"entity_id": (await _state(tour, DESK, "notify"))["entity_id"], "message": "Private text"}
    for attempt in (
        tour.hass.call_action("notify", "send_message", message),
        tour.send(tour.first, "Private text from the desk", recipients=["Anna"], phone="Desk phone"),
    ):
        text = await tour.refused(attempt, "phone_offline")
        check("No phone of the account" not in text, f"the error is “{text}”, but a phone is connected")
    check(len(tour.first.account.sent) == sent, "it was sent")
    tour.steps.show(**states, error=text)


async def offline_hours(tour: Tour) -> None:
    """Offline for longer than the option's hours, a phone has a repair issue; with 0 hours it has none."""
    await tour.options(tour.first, offline_hours=1)
    [issue] = await tour.until_issue("phone_offline")
    placeholders = issue["translation_placeholders"]
    check(placeholders["phone"] == "Desk phone", f"it is about {placeholders}")
    text = await tour.translate("issues", "phone_offline.description")
    check("battery optimisation" in text, "the description does not name battery optimisation")
    tour.steps.show(issue=await tour.issue_title(issue, "phone_offline"), since=placeholders["since"])
    await tour.options(tour.first, offline_hours=0)
    await tour.until_issue("phone_offline", exists=False)
    await tour.options(tour.first, offline_hours=1)
    await tour.until_issue("phone_offline")


async def removal_refused(tour: Tour) -> None:
    """The device of a listed phone and that of the account can't be deleted; the issue says what to do first."""
    text = await tour.translate("issues", "phone_offline.description")
    check("dashboard" in text.lower(), "the description does not name the dashboard")
    for identifier in (tour.first.entry_id, f"{tour.first.entry_id}_{DESK}"):
        device = await tour.device(identifier)
        assert device
        removing = tour.hass.command("config/device_registry/remove", device_id=device["id"])
        await tour.refused(removing, contains="rejected by integration")


async def back_online(tour: Tour) -> None:
    """The phone is back with a new name and version: its device shows them, and the repair issue ends."""
    phone = _phone(tour, DESK)
    phone.online, phone.battery, phone.label, phone.version = True, 90, "Study phone", "9.3.0"
    await tour.reload(tour.first)
    states = await _states(tour, DESK)
    check((states["connected"], states["battery"]) == ("on", "90"), f"it is {states}")
    await tour.until_issue("phone_offline", exists=False)
    device = await _device(tour, DESK)
    seen = (device["name"], device["sw_version"])
    check(seen == ("Study phone", "9.3.0"), f"the device is {seen}")


async def phone_gone(tour: Tour) -> None:
    """A new phone appears with its entities, and goes: sending by it is refused, and the options say that it is gone."""
    entry = tour.first
    entry.account.phones.append(Phone(sid=SPARE, label="Spare phone", battery=None))
    await tour.reload(entry)
    states = await _states(tour, SPARE)
    check((states["connected"], states["battery"]) == ("on", "unknown"), f"it is {states}")
    async with tour.temporary_options(entry, phone=SPARE):
        entry.account.phones.remove(_phone(tour, SPARE))
        await tour.reload(entry)
        states = await _states(tour, SPARE)
        check((states["connected"], states["battery"]) == ("off", "unavailable"), f"it is {states}")
        for chosen in ({}, {"phone": "Spare phone"}):
            sending = tour.send(entry, "Private text from nowhere", recipients=["Anna"], **chosen)
            text = await tour.refused(sending, "phone_gone", contains="Spare phone")
        offered = await tour.phones_offered()
        check(offered[SPARE] == "Spare phone (gone)", f"the options offer {offered}")
    check(SPARE not in await tour.phones_offered(), "the options still offer the phone")
    tour.steps.show(error=text)


async def phone_deleted(tour: Tour) -> None:
    """The device of a phone that is gone can be deleted, and does not come back."""
    identifier = f"{tour.first.entry_id}_{SPARE}"
    device = await _device(tour, SPARE)
    await tour.hass.command("config/device_registry/remove", device_id=device["id"])

    async def is_gone() -> bool:
        left = [name for name in await tour.hass.states() if "spare_phone" in name]
        return not left and await tour.device(identifier) is None

    await until("the device and its entities to be gone", is_gone, 10)
    await tour.reload(tour.first)
    check(await tour.device(identifier) is None, "it is there again after a reload")
    sending = tour.send(tour.first, "Private text from nowhere", recipients=["Anna"], phone="Spare phone")
    tour.steps.show(error=await tour.refused(sending, "unknown_phone"))
