"""Adding accounts: by API key, and by OAuth2 with tokens that live two seconds."""

import asyncio
import time

from tests.e2e.guide import CALLED, OUTSIDE, Guide, Step
from tests.e2e.people import BELAS, BOLDI, CSILLA, DESK, HALL
from tests.e2e.program import until
from tests.e2e.story import DOMAIN, RECEIVED
from tests.e2e.tell import check
from tests.e2e.websocket import Json

PAST = "This walnut was received long before"
TOKEN_SECONDS = 2
# Polls come every 15 s, so that there is one by itself.
LIVED_SECONDS = 17


async def menu(guide: Guide) -> None:
    """Adding an account begins with a menu: API key, or OAuth2 client ID and secret."""
    anna = await guide.customer("anna")
    await anna.phone(HALL, label="Hall phone", battery=81, version="9.2.0")
    await anna.phone(DESK, label="Desk phone", battery=35, version="9.1.0")
    await anna.remove_phone("phone-1")
    await anna.receive(BOLDI, PAST, deliver=False)
    await anna.receive(CSILLA, f"{PAST}, too", deliver=False, timestamp=time.time() - 86_400)
    await anna.call("missed", BOLDI, at=time.time() - 600)
    flow = await guide.home.flow(DOMAIN)
    check(flow.step["type"] == "menu", f"there is no menu: {flow.step}")
    options = list(flow.step["menu_options"])
    check(options == ["api_key", "oauth2"], f"the menu has {options}")
    said = [await guide.say("config", f"step.user.menu_options.{option}") for option in options]
    guide.tell.values(menu=", ".join(said))


async def api_key(guide: Guide) -> None:
    """An empty and a wrong key are refused as such; the right one shows the webhook's address and makes the account."""
    anna = guide.customers["anna"]
    flow = await guide.home.flow(DOMAIN)
    await flow.submit({"next_step_id": "api_key"})
    for key, error in ((" ", "api_key_empty"), ("mistyped", "invalid_auth")):
        await flow.submit({"api_key": key, **guide.server})
        check(flow.errors == {"api_key": error}, f"the key {key!r} was not refused as such: {flow.step}")
        guide.tell.values(error=await guide.say("config", f"error.{error}"))
    step = await flow.submit({"api_key": anna.key, **guide.server})
    check(step.get("step_id") == "webhook", f"the webhook's address was not shown: {step}")
    url: str = step["description_placeholders"]["webhook_url"]
    check(url.startswith(f"{OUTSIDE}/api/webhook/"), f"{url} is not an address from outside")
    account = await guide.finish(flow, "anna", anna)
    await guide.home.wait_for_state(f"event.{DOMAIN}_message")
    guide.tell.values(account=flow.step["title"], entry=account.entry_id)


async def no_history(guide: Guide) -> None:
    """Nothing fires of what the account had received before."""
    await guide.reload(guide.anna)
    fired = [*guide.fired(RECEIVED), *guide.fired(CALLED)]
    check(not fired, f"the past was fired: {fired}")


async def high_limits(guide: Guide) -> None:
    """In the options, the limits are raised, for the tour sends much, and the account polls each 15 s instead of 60."""
    before = await guide.polls_each(guide.anna)
    await guide.options(guide.anna, messages_per_minute=1000, messages_per_day=5000, poll_seconds=15)
    after = await guide.polls_each(guide.anna)
    check((before, after) == (60, 15), f"it polled each {before} s, and now each {after} s")


async def same_key(guide: Guide) -> None:
    """The same key can't be added twice."""
    flow = await guide.home.flow(DOMAIN)
    await flow.submit({"next_step_id": "api_key"})
    step = await flow.submit({"api_key": guide.anna.customer.key, **guide.server})
    check(step.get("reason") == "already_configured", f"it was not refused: {step}")
    guide.tell.values(says=await guide.say("config", "abort.already_configured"))


async def page_reloaded(guide: Guide) -> None:
    """A page that is opened once more in the middle of adding shows the same step, and adds nothing."""
    dora = await guide.customer("dora")
    flow = await guide.home.flow(DOMAIN)
    await flow.submit({"next_step_id": "api_key"})
    step = await flow.look_again()
    check(step.get("step_id") == "api_key", f"the page for the key became {step}")
    await flow.submit({"api_key": dora.key, **guide.server})
    step = await flow.look_again()
    if step["type"] == "create_entry":
        await guide.home.delete(f"/api/config/config_entries/entry/{step['result']['entry_id']}")
    else:
        await guide.home.delete(f"{flow.path}/{step['flow_id']}")
    check(step.get("step_id") == "webhook", f"the page with the address became {step['type']}")


async def no_address(guide: Guide) -> None:
    """Where Home Assistant has no address from outside, adding says that texts are fetched, and a repair issue how to change
    that; both are over with an address.
    """
    dora = guide.customers["dora"]
    await guide.home.command("config/core/update", external_url=None)
    try:
        flow = await guide.home.flow(DOMAIN)
        await flow.submit({"next_step_id": "api_key"})
        step = await flow.submit({"api_key": dora.key, **guide.server})
        check(step.get("step_id") == "polling", f"another step is shown: {step}")
        step = await flow.submit()
        check(step["type"] == "create_entry", f"the account was not made: {step}")
        entry_id = step["result"]["entry_id"]

        async def says_so() -> list[Json]:
            return await guide.issues(f"no_address_{entry_id}")

        [issue] = await until("a repair issue", says_so, 10)
        title = await guide.say("issues", "no_address.title")
        guide.tell.values(issue=title.format(**issue["translation_placeholders"]))
    finally:
        await guide.home.command("config/core/update", external_url=OUTSIDE)

    async def is_over() -> bool:
        return not await guide.issues("no_address")

    await until("the repair issue to be gone", is_over, 10)
    flow = await guide.home.reconfigure_flow(DOMAIN, entry_id)
    step = await flow.submit({"next_step_id": "address"})
    check(step.get("step_id") == "webhook", f"the address is not shown: {step}")
    await guide.home.delete(f"/api/config/config_entries/entry/{entry_id}")


async def oauth2(guide: Guide) -> None:
    """A second account by OAuth2: a wrong client secret is refused as such, the right one makes the account."""
    client_id, client_secret = guide.secret("client"), guide.secret("client-secret")
    bela = await guide.customer(
        "bela", client_id=client_id, client_secret=client_secret, token_seconds=TOKEN_SECONDS
    )
    await bela.phone(BELAS, label="Bela's phone")
    await bela.remove_phone("phone-1")
    flow = await guide.home.flow(DOMAIN)
    await flow.submit({"next_step_id": "oauth2"})
    await flow.submit({"client_id": client_id, "client_secret": "wrong", **guide.server})
    check(flow.errors == {"client_secret": "invalid_client"}, f"it was not refused as such: {flow.step}")
    guide.tell.values(error=await guide.say("config", "error.invalid_client"))
    await flow.submit({"client_id": client_id, "client_secret": client_secret, **guide.server})
    account = await guide.finish(flow, "bela", bela)
    await guide.home.wait_for_state(f"event.{DOMAIN}_2_message")
    await guide.options(account, messages_per_minute=1000, messages_per_day=5000, poll_seconds=15)
    guide.tell.values(account=flow.step["title"])


async def short_tokens(guide: Guide) -> None:
    """With tokens that live two seconds it polls, sends and notifies for 17 s; tokens are renewed, nothing fails."""
    account = guide.accounts["bela"]
    bela = account.customer
    push = await guide.entity(f"{account.entry_id}_{BELAS}_notify")
    before = {path: await bela.asked(path) for path in ("/oauth2/token", "/getsms/", "/notification/send")}
    sent_before = len(await bela.sent())
    sent = pushed = 0
    end = time.monotonic() + LIVED_SECONDS
    while time.monotonic() < end:
        await guide.send(account, f"Walnut number {sent}", recipients=[BOLDI])
        told = {"entity_id": push, "message": f"Push of walnut {pushed}"}
        await guide.home.call_action("notify", "send_message", told)
        sent, pushed = sent + 1, pushed + 1
        await asyncio.sleep(0.7)
    now = {path: await bela.asked(path) - count for path, count in before.items()}
    took = len(await bela.sent()) - sent_before
    check(took == sent, f"{sent} messages were sent, the service took {took}")
    check(now["/notification/send"] == pushed, f"{pushed} pushes were {now['/notification/send']} requests")
    check(now["/getsms/"] >= 1, "it did not poll")
    tokens = now["/oauth2/token"]
    # One may be used for a second and a half at most, and each is used for as long as that.
    check(LIVED_SECONDS / 2 - 1 <= tokens <= sent, f"{tokens} tokens were asked for in {LIVED_SECONDS} s")
    check(not await guide.home.reauth_flows(account.entry_id), "other credentials were asked for")
    guide.tell.values(sent=sent, pushed=pushed, polls=now["/getsms/"], tokens=tokens)


async def revoked(guide: Guide) -> None:
    """A token that ends too early, in the middle of eight sends: one more is asked for, eight messages are taken."""
    account = guide.accounts["bela"]
    bela = account.customer
    await bela.set(token_seconds=3600)
    await guide.reload(account)
    await guide.send(account, "The walnut before", recipients=[BOLDI])
    await bela.revoke_tokens()
    tokens, sent = await bela.asked("/oauth2/token"), len(await bela.sent())
    await asyncio.gather(
        *(guide.send(account, f"Walnut {number} of eight", recipients=[BOLDI]) for number in range(8))
    )
    tokens, sent = await bela.asked("/oauth2/token") - tokens, len(await bela.sent()) - sent
    check((tokens, sent) == (1, 8), f"{tokens} tokens were asked for and {sent} messages taken")


async def token_page(guide: Guide) -> None:
    """A token endpoint that answers with a web page: that is said in words, no credentials are asked for, all works again."""
    account = guide.accounts["bela"]
    await account.customer.revoke_tokens()
    fault: Json = {"endpoint": "/oauth2/token", "kind": "html", "count": 100}
    await guide.service.control("POST", "faults", json=fault)
    told = {"account": account.entry_id, "recipients": [BOLDI]}
    checking = guide.home.call_action(DOMAIN, "check_whatsapp", told, return_response=True)
    said = await guide.refused(checking, "no_token")
    await guide.service.control("DELETE", "faults")
    check(not await guide.home.reauth_flows(account.entry_id), "other credentials were asked for")
    await guide.send(account, "The walnut that goes", recipients=[BOLDI])
    guide.tell.values(says=said)


async def side_by_side(guide: Guide) -> None:
    """With two accounts, an action that names none is refused in words."""
    told = {"recipients": [BOLDI], "message": "Whose walnut?"}
    calling = guide.home.call_action(DOMAIN, "send_message", told)
    guide.tell.values(says=await guide.refused(calling, words="multiple config entries"))


STEPS: tuple[Step, ...] = (
    menu,
    api_key,
    no_history,
    high_limits,
    same_key,
    page_reloaded,
    no_address,
    oauth2,
    short_tokens,
    revoked,
    token_page,
    side_by_side,
)
