"""Credentials change: Home Assistant requests new ones when the service refuses them, and the user changes them."""

import time

from simulator import Phone
from tests.e2e.configuration import CALLED, DOMAIN, RECEIVED
from tests.e2e.process import until
from tests.e2e.steps import check
from tests.e2e.tour.context import Entry, Tour
from tests.e2e.tour.names import ANNA, CSILLA, DESK, DORA, OTHER, SECOND
from tests.e2e.websocket import Json


async def _enter(tour: Tour, entry: Entry, wrong: Json, right: Json, error: Json) -> None:
    """Go through the dialog that requests new credentials, first with wrong ones."""
    flow = await tour.hass.reauth_flow(entry.entry_id)
    check(flow.step.get("step_id") == "reauth_confirm", f"it shows another step: {flow.step}")
    await flow.submit(wrong)
    check(flow.errors == error, f"wrong credentials were not refused: {flow.step}")
    async with tour.reloading(entry):
        step = await flow.submit(right)
        check(step.get("reason") == "reauth_successful", f"the right ones were refused: {step}")
    left = await tour.hass.reauth_flows(entry.entry_id)
    check(not left, f"credentials are still requested: {left}")


async def _enter_key(tour: Tour, key: str) -> None:
    await _enter(tour, tour.first, {"api_key": "wrong"}, {"api_key": key}, {"api_key": "invalid_auth"})


async def refused_at_poll(tour: Tour) -> None:
    """The client secret is changed at the service: a poll finds out; what came meanwhile fires after the new one."""
    entry, account = tour.second, tour.second.account
    account.client_secret = tour.secret("client-secret")
    account.revoke_tokens()
    text = account.receive(CSILLA, "Private text while the secret was wrong")
    await tour.hass.call_action(
        "homeassistant",
        "update_entity",
        {"entity_id": await tour.entity(f"{entry.entry_id}_{SECOND}_battery")},
    )
    client_id = (await tour.hass.reauth_flow(entry.entry_id)).shown().get("client_id")
    check(client_id == account.client_id, "the client ID is not shown again")
    check(not tour.fired(RECEIVED, message_id=text.guid), "it was fired without credentials")
    wrong, right = (
        {"client_id": client_id, "client_secret": secret} for secret in ("wrong", account.client_secret)
    )
    await _enter(tour, entry, wrong, right, {"client_secret": "invalid_client"})
    await tour.event(RECEIVED, message_id=text.guid)


async def refused_at_send(tour: Tour) -> None:
    """The API key is changed at the service: a send is refused; what came meanwhile fires after the new key."""
    entry = tour.first
    key = tour.change_key(entry)
    text, _ = await tour.receive(entry, CSILLA, "Private text while the key was wrong", None)
    sending = tour.send(entry, "Private text with the old key", recipients=[ANNA])
    tour.steps.show(error=await tour.refused(sending, "invalid_auth"))
    await _enter_key(tour, key)
    await tour.event(RECEIVED, message_id=text.guid)
    await tour.check_form(ANNA, {"apikey": key})
    check(not entry.sent("Private text with the old key"), "the refused message was sent")


async def refused_at_setup(tour: Tour) -> None:
    """The API key is changed before the set-up: the new one is requested, a message is refused and not skipped, and what the
    webhook brings is fired.
    """
    entry = tour.first
    key = tour.change_key(entry)
    await tour.hass.reload_entry(entry.entry_id)
    state = await tour.hass.entry(entry.entry_id)
    check(state["state"] == "loaded", f"the account is {state['state']}")
    message = {"entity_id": "notify.anna", "message": "Private text with the old key"}
    error = await tour.refused(tour.hass.call_action("notify", "send_message", message), "invalid_auth")
    text, status = await tour.receive(entry, CSILLA, "Private text while the key was wrong at set-up")
    check(status == 200, f"the webhook answered {status}")
    await tour.event(RECEIVED, message_id=text.guid)
    await _enter_key(tour, key)
    tour.steps.show(error=error)


async def _change(tour: Tour, entry: Entry, step_id: str, data: Json) -> Json:
    """Choose in the menu of the dialog for changes and submit the form; return the last step and the webhook's URL."""
    flow = await tour.hass.reconfigure_flow(DOMAIN, entry.entry_id)
    check(flow.step["type"] == "menu", f"there is no menu: {flow.step}")
    await flow.submit({"next_step_id": step_id})
    if step_id != "address":
        await flow.submit({**tour.server, **data})
    if flow.step.get("step_id") != "webhook":
        return flow.step
    url: str = flow.step["description_placeholders"]["webhook_url"]
    if step_id == "address":
        return await flow.submit(flow.shown()) | {"url": url}
    async with tour.reloading(entry):
        step = await flow.submit(flow.shown())
    return {**step, "url": url}


async def key_to_oauth2_and_back(tour: Tour) -> None:
    """Changed from API key to OAuth2 and back: the webhook's address stays, and requests have the new credentials."""
    entry, account = tour.first, tour.first.account
    account.client_id, account.client_secret = tour.secret("client"), tour.secret("client-secret")
    client = {"client_id": account.client_id, "client_secret": account.client_secret}
    for step_id, data in (("change_oauth2", client), ("change_api_key", {"api_key": account.key})):
        step = await _change(tour, entry, step_id, data)
        check(step.get("reason") == "reconfigure_successful", f"it was not changed: {step}")
        check(step["url"] == entry.webhook_url, "the webhook has another address")
        if step_id == "change_oauth2":
            await tour.check_form(ANNA, {}, without=("apikey",))
        else:
            await tour.check_form(ANNA, {"apikey": account.key})


async def address(tour: Tour) -> None:
    """The webhook's address is shown again, also when the page is loaded again; that changes nothing."""
    entry, secret = tour.first, tour.secret("kept")
    async with tour.temporary_options(entry, signing_secret=secret):
        before = await tour.hass.entry(entry.entry_id)
        step = await _change(tour, entry, "address", {})
        check(step["url"] == entry.webhook_url, "it is another address")
        flow = await tour.hass.reconfigure_flow(DOMAIN, entry.entry_id)
        await flow.submit({"next_step_id": "address"})
        step = await flow.reload()
        check(step.get("step_id") == "webhook", f"the page became {step}")
        await tour.hass.delete(f"{flow.path}/{step['flow_id']}")
        shown = (await tour.hass.options_flow(entry.entry_id)).shown().get("signing_secret")
        after = await tour.hass.entry(entry.entry_id)
    check(before["modified_at"] == after["modified_at"], "the account was changed")
    check(shown == secret, "the signing secret is no longer in the options")


async def other_account(tour: Tour) -> None:
    """The key of another account is entered, twice: each time that is said, the webhook's address is new, nothing of the
    other account's past is fired, and all that is new is.
    """
    entry, former = tour.second, tour.second.account
    for number, sid in enumerate((OTHER, f"{OTHER}-2")):
        former_url, former_account = entry.webhook_url, entry.account
        account = entry.account = tour.new_account(f"other-{number}", Phone(sid=sid, label="Other phone"))
        past = [
            account.receive(DORA, f"Private text of the past {number}", timestamp=time.time() - age)
            for age in (90_000, 3_700, 5)
        ]
        account.add_call("missed", DORA, at=time.time() - 60)
        step = await _change(tour, entry, "change_api_key", {"api_key": account.key})
        check(step.get("reason") == "switched_account", f"it is not said: {step}")
        check(step["url"] != former_url, "the webhook kept the address that the former account has")
        late = former_account.receive(DORA, f"Private text to the former address {number}")
        await tour.simulator.deliver(former_account, late)
        tour.set_webhook(entry, step["url"])
        new, _ = await tour.receive(entry, DORA, f"Private text of the other account {number}")
        await tour.event(RECEIVED, message_id=new.guid)
        polled = account.receive(DORA, f"Private text of the other account by poll {number}")
        await tour.reload(entry)
        await tour.event(RECEIVED, message_id=polled.guid)
        fired = [text.guid for text in (*past, late) if tour.fired(RECEIVED, message_id=text.guid)]
        check(not fired, f"{len(fired)} texts of the past or of the former account were fired")
        check(not tour.events[CALLED], "a call of the past was fired")

        async def has_device(sid: str = sid) -> bool:
            return await tour.device(f"{entry.entry_id}_{sid}") is not None

        await until("the device of the other account's phone", has_device)
    former.webhook_url = None
    check(await tour.device(f"{entry.entry_id}_{OTHER}") is None, "a former account's phone has a device")


async def key_in_use(tour: Tour) -> None:
    """The key of another entry is refused also when an account is changed, and the account stays as it was."""
    step = await _change(tour, tour.first, "change_api_key", {"api_key": tour.second.account.key})
    check(step.get("reason") == "already_configured", f"it was not refused: {step}")
    check((await tour.hass.entry(tour.first.entry_id))["state"] == "loaded", "the account is not loaded")
    await tour.check_form(ANNA, {"sIdentifiant": DESK}, phone="Desk phone")
