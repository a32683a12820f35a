"""Credentials that change: asked for again when the service refuses them, and changed by the user."""

import time

from tests.e2e.guide import Account, Guide, Step
from tests.e2e.people import BOLDI, CILIS, CSILLA, DESK, DORA
from tests.e2e.program import until
from tests.e2e.story import DOMAIN, RECEIVED
from tests.e2e.tell import check
from tests.e2e.websocket import Json


async def _enter(guide: Guide, account: Account, wrong: Json, right: Json, error: Json) -> None:
    """Go through the dialog that asks for other credentials, at first with wrong ones."""
    flow = await guide.home.reauth_flow(account.entry_id)
    check(flow.step.get("step_id") == "reauth_confirm", f"it shows another step: {flow.step}")
    await flow.submit(wrong)
    check(flow.errors == error, f"wrong credentials were not refused as such: {flow.step}")
    async with guide.reloading(account):
        step = await flow.submit(right)
        check(step.get("reason") == "reauth_successful", f"the right ones were not taken: {step}")
    left = await guide.home.reauth_flows(account.entry_id)
    check(not left, f"it still asks for credentials: {left}")


async def reauth_by_poll(guide: Guide) -> None:
    """The client secret was changed at the service: a poll finds out, Home Assistant asks for the new one, and what came
    meanwhile fires.
    """
    account = guide.accounts["bela"]
    bela = account.customer
    client_secret = guide.secret("client-secret")
    await bela.set(client_secret=client_secret)
    await bela.revoke_tokens()
    text = await bela.receive(CSILLA, "A walnut while the secret was wrong", deliver=False)
    # Polls come every 15 s; whoever asks for an update gets one now.
    battery = await guide.entity(f"{account.entry_id}_{_sid(account)}_battery")
    await guide.home.call_action("homeassistant", "update_entity", {"entity_id": battery})
    client_id = (await guide.home.reauth_flow(account.entry_id)).shown().get("client_id")
    check(client_id, "the client ID is not shown again")
    check(not guide.count(RECEIVED, message_id=text["guid"]), "it fired without credentials")
    wrong = {"client_id": client_id, "client_secret": "wrong"}
    right = {"client_id": client_id, "client_secret": client_secret}
    await _enter(guide, account, wrong, right, {"client_secret": "invalid_client"})
    event = await guide.event(RECEIVED, message_id=text["guid"])
    guide.tell.values(came_meanwhile=event["message_id"], source=event["source"])


def _sid(account: Account) -> str:
    [sid] = account.customer.sids
    return sid


async def reauth_by_send(guide: Guide) -> None:
    """The API key was changed at the service: a send is refused in words, Home Assistant asks for the new key, and what came
    meanwhile fires.
    """
    account = guide.anna
    key = guide.secret("anna")
    await account.customer.change_key(key)
    text = await account.customer.receive(CSILLA, "A walnut while the key was wrong", deliver=False)
    sending = guide.send(account, "A walnut with the old key", recipients=[BOLDI])
    guide.tell.values(says=await guide.refused(sending, "invalid_auth"))
    await _enter(guide, account, {"api_key": "wrong"}, {"api_key": key}, {"api_key": "invalid_auth"})
    event = await guide.event(RECEIVED, message_id=text["guid"])
    await guide.form_of(account, "A walnut with the new key", recipients=[BOLDI])
    sent = [row["fields"]["message"] for row in await account.customer.sent()]
    check(sent == ["A walnut with the new key"], f"the service was given {sent}")
    guide.tell.values(came_meanwhile=event["message_id"], source=event["source"])


async def reauth_by_setup(guide: Guide) -> None:
    """The API key was changed while the account was not loaded: its set-up asks for the new one, and what came meanwhile
    fires. The webhook takes nothing until then, so that the service brings it again: WhatsApp is not polled for.
    """
    account = guide.anna
    key = guide.secret("anna")
    await account.customer.change_key(key)
    await guide.home.post(f"/api/config/config_entries/entry/{account.entry_id}/reload")
    entry = await guide.entry(account)
    check(entry["state"] == "setup_error", f"the account is {entry['state']}")
    text = await account.customer.receive(CSILLA, "A walnut while nobody was in")
    whatsapp = {
        "guid": "while-nobody-was-in",
        "from": CSILLA[1:],
        "message": "A walnut by WhatsApp meanwhile",
    }
    delivery = ("whatsapp.received", {**whatsapp, "received_at": "2026-11-01T12:00:00Z"})
    answered = await account.customer.event(*delivery, event_id="meanwhile")
    await _enter(guide, account, {"api_key": "wrong"}, {"api_key": key}, {"api_key": "invalid_auth"})
    event = await guide.event(RECEIVED, message_id=text["guid"])
    check(answered >= 500, f"the webhook answered {answered} for what it could not keep")
    check(await account.customer.event(*delivery, event_id="meanwhile") == 202, "it was not taken now")
    await guide.event(RECEIVED, message_id=whatsapp["guid"])
    said = {"reason": entry["reason"], "webhook_answered": answered}
    guide.tell.values(**said, came_meanwhile=event["message_id"], source=event["source"])


async def _change(guide: Guide, account: Account, step_id: str, told: Json) -> Json:
    """Choose in the menu of the dialog for changes and fill in the form; give the step after it."""
    flow = await guide.home.reconfigure_flow(DOMAIN, account.entry_id)
    check(flow.step["type"] == "menu", f"there is no menu: {flow.step}")
    await flow.submit({"next_step_id": step_id})
    if step_id != "address":
        await flow.submit({**told, **({} if "server" in told else guide.server)})
    if flow.step.get("step_id") != "webhook":
        return flow.step
    url: str = flow.step["description_placeholders"]["webhook_url"]
    if step_id == "address":
        return await flow.submit(flow.shown()) | {"url": url}
    async with guide.reloading(account):
        step = await flow.submit(flow.shown())
    return {**step, "url": url}


async def key_to_oauth2(guide: Guide) -> None:
    """Reconfigured from API key to OAuth2: the webhook's address stays, and no request carries a key any more."""
    account = guide.anna
    client = {"client_id": guide.secret("client"), "client_secret": guide.secret("client-secret")}
    await account.customer.set(**client)
    step = await _change(guide, account, "change_oauth2", client)
    check(step.get("reason") == "reconfigure_successful", f"it was not changed: {step}")
    check(step["url"] == account.webhook_url, "the webhook has another address")
    form = await guide.form_of(account, "A walnut by OAuth2", recipients=[BOLDI])
    check("apikey" not in form, "the form has the key")
    data = (await guide.diagnostics(account))["data"]
    check(data["credentials"] == "oauth2", f"diagnostics say {data['credentials']}")
    guide.tell.values(says=await guide.say("config", "abort.reconfigure_successful"))


async def oauth2_to_key(guide: Guide) -> None:
    """And back from OAuth2 to the API key."""
    account = guide.anna
    step = await _change(guide, account, "change_api_key", {"api_key": account.customer.key})
    check(step.get("reason") == "reconfigure_successful", f"it was not changed: {step}")
    form = await guide.form_of(account, "A walnut by key", recipients=[BOLDI])
    check(form.get("apikey") == account.customer.key, "the form has no key")


async def server(guide: Guide) -> None:
    """Another server: one where nobody answers is refused, another name of the same machine is taken, the key is kept."""
    account = guide.anna
    nobody = {"server": {"url": "http://127.0.0.1:9"}}
    step = await _change(guide, account, "change_api_key", nobody)
    check(step.get("errors") == {"base": "cannot_connect"}, f"it was not refused as such: {step}")
    guide.tell.values(error=await guide.say("config", "error.cannot_connect"))
    for url in (guide.service.url.replace("127.0.0.1", "localhost"), guide.service.url):
        step = await _change(guide, account, "change_api_key", {"server": {"url": url}})
        check(step.get("reason") == "reconfigure_successful", f"it was not changed: {step}")
        await guide.form_of(account, f"A walnut by {url}", recipients=[BOLDI])


async def address(guide: Guide) -> None:
    """The webhook's address is shown again, and looking at it changes nothing."""
    account = guide.anna
    before = await guide.entry(account)
    step = await _change(guide, account, "address", {})
    check(step["url"] == account.webhook_url, "it is another address")
    after = await guide.entry(account)
    check(before["modified_at"] == after["modified_at"], "the account was changed")


async def page_reloaded(guide: Guide) -> None:
    """The page with the address, opened once more, keeps the signing secret."""
    account, secret = guide.anna, guide.secret("kept")
    async with guide.for_now(account, signing_secret=secret):
        flow = await guide.home.reconfigure_flow(DOMAIN, account.entry_id)
        await flow.submit({"next_step_id": "address"})
        step = await flow.look_again()
        if step["type"] == "form":
            await guide.home.delete(f"{flow.path}/{step['flow_id']}")
        shown = (await guide.home.options_flow(account.entry_id)).shown().get("signing_secret")
    check(shown == secret, "the signing secret is gone from the options")


async def other_person(guide: Guide) -> None:
    """The account is switched to another person's key: that is said, nothing of their past fires, and all that is new does."""
    account = guide.accounts["bela"]
    bela, former = account.customer, account.webhook_url
    cili = await guide.customer("cili")
    await cili.phone(CILIS, label="Cili's phone")
    await cili.remove_phone("phone-1")
    past = [
        await cili.receive(DORA, "A walnut of Cili's past", deliver=False, timestamp=time.time() - age)
        for age in (90_000, 3_700, 5)
    ]
    await cili.call("missed", DORA, at=time.time() - 60)
    account.customer = cili
    step = await _change(guide, account, "change_api_key", {"api_key": cili.key})
    check(step.get("reason") == "switched_account", f"it is not said: {step}")
    check(step["url"] != former, "the webhook kept the address that the other person's service knows")
    late = await bela.receive(DORA, "A walnut to the former address")
    await guide.paste(account, step["url"])
    new = await cili.receive(DORA, "A walnut of Cili's present")
    await guide.event(RECEIVED, message_id=new["guid"])
    polled = await cili.receive(DORA, "A walnut of Cili's that is polled", deliver=False)
    await guide.reload(account)
    await guide.event(RECEIVED, message_id=polled["guid"])
    fired = [text["guid"] for text in (*past, late) if guide.count(RECEIVED, message_id=text["guid"])]
    check(not fired, f"{len(fired)} of the past or of the former account were fired")
    check(not guide.events["smsmobileapi_call"].seen, "a call of the past was fired")

    async def renewed() -> bool:
        return await guide.device(f"{account.entry_id}_{CILIS}") is not None

    await until("Cili's phone to have a device", renewed)
    said = (await guide.say("config", "abort.switched_account")).partition("\n")[0]
    guide.tell.values(says=said)


async def gone_key(guide: Guide) -> None:
    """A key of another account here is refused also when an account is changed."""
    step = await _change(guide, guide.anna, "change_api_key", {"api_key": guide.customers["cili"].key})
    check(step.get("reason") == "already_configured", f"it was not refused: {step}")
    check((await guide.entry(guide.anna))["state"] == "loaded", "the account is not loaded any more")
    form = await guide.form_of(guide.anna, "A walnut as before", recipients=[BOLDI], phone="Desk phone")
    check(form.get("sIdentifiant") == DESK, f"another phone was asked for: {form}")


STEPS: tuple[Step, ...] = (
    reauth_by_poll,
    reauth_by_send,
    reauth_by_setup,
    key_to_oauth2,
    oauth2_to_key,
    server,
    address,
    page_reloaded,
    other_person,
    gone_key,
)
