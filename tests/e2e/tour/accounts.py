"""Accounts are added: by API key, and by OAuth2 with tokens that live two seconds."""

import asyncio
import time

from simulator import Phone
from tests.e2e.configuration import DOMAIN
from tests.e2e.session import begin_api_key
from tests.e2e.steps import check
from tests.e2e.tour.context import Tour
from tests.e2e.tour.names import ANNA, SECOND

TOKEN_SECONDS = 2
# The tour sends more than the defaults allow.
SHORT_TOKEN_SECONDS = 14  # for how long short tokens are used
LIMITS = {"messages_per_minute": 1000, "messages_per_day": 5000}


async def no_address(tour: Tour) -> None:
    """Without an external URL, the dialog and a repair issue say that texts are polled, each minute; the issue ends with a URL."""
    account = tour.new_account("polled", Phone(sid="sid-polled"))
    await tour.hass.command("config/core/update", external_url=None)
    try:
        flow = await begin_api_key(tour.hass)
        step = await flow.submit({"api_key": account.key, **tour.server})
        check(step.get("step_id") == "polling", f"another step is shown: {step}")
        entry_id = (await flow.submit())["result"]["entry_id"]
        [issue] = await tour.until_issue(f"no_address_{entry_id}")
        tour.steps.show(issue=await tour.issue_title(issue, "no_address"))
        seconds = await tour.poll_seconds(entry_id)
        check(seconds == 60, f"it polls each {seconds} s")
    finally:
        await tour.hass.command("config/core/update", external_url=tour.external_url)
    await tour.until_issue("no_address", exists=False)
    flow = await tour.hass.reconfigure_flow(DOMAIN, entry_id)
    step = await flow.submit({"next_step_id": "address"})
    check(step.get("step_id") == "webhook", f"the address is not shown: {step}")
    await tour.hass.remove_entry(entry_id)


async def add_by_oauth2(tour: Tour) -> None:
    """A second account is added by OAuth2: a wrong client secret is refused, the right one creates the entry."""
    account = tour.new_account("second", Phone(sid=SECOND, label="Second phone"))
    account.client_id, account.client_secret = tour.secret("client"), tour.secret("client-secret")
    account.token_seconds = TOKEN_SECONDS
    flow = await tour.hass.flow(DOMAIN)
    await flow.submit({"next_step_id": "oauth2"})
    client = {"client_id": account.client_id, **tour.server}
    await flow.submit({**client, "client_secret": "wrong"})
    check(flow.errors == {"client_secret": "invalid_client"}, f"it was not refused: {flow.step}")
    tour.steps.show(error=await tour.translate("config", "error.invalid_client"))
    await flow.submit({**client, "client_secret": account.client_secret})
    await tour.finish(flow, "second", account)
    await tour.hass.wait_for_state(f"event.{DOMAIN}_2_message")
    for one in tour.entries.values():
        await tour.options(one, **LIMITS)


async def short_tokens(tour: Tour) -> None:
    """With tokens that live two seconds, it polls, sends and notifies; tokens are renewed and nothing fails."""
    entry = tour.second
    notify = await tour.entity(f"{entry.entry_id}_{SECOND}_notify")
    paths = ("/oauth2/token", "/getsms/", "/sendsms/", "/notification/send")
    before = [len(entry.requests(path)) for path in paths]
    polling = asyncio.create_task(tour.poll(entry))
    end = time.monotonic() + SHORT_TOKEN_SECONDS
    count = 0
    while time.monotonic() < end:
        await tour.send(entry, f"Private text number {count}", recipients=[ANNA])
        push = {"entity_id": notify, "message": f"Private text pushed {count}"}
        await tour.hass.call_action("notify", "send_message", push)
        count += 1
        await asyncio.sleep(0.7)
    await polling
    tokens, polls, sent, pushed = (
        len(entry.requests(path)) - number for path, number in zip(paths, before, strict=True)
    )
    check((sent, pushed) == (count, count), f"{count} of each were sent, the service got {sent}, {pushed}")
    check(polls >= 1, "it did not poll")
    # A token is used for at most a second and a half.
    check(SHORT_TOKEN_SECONDS / 2 - 1 <= tokens <= count, f"{tokens} tokens were requested")
    check(not await tour.hass.reauth_flows(entry.entry_id), "new credentials were requested")
    tour.steps.show(sent=sent, pushed=pushed, polls=polls, tokens=tokens)


async def revoked_token(tour: Tour) -> None:
    """A token is revoked during eight sends: one new token is requested, and eight messages are accepted."""
    entry, account = tour.second, tour.second.account
    account.token_seconds = 3600
    await tour.reload(entry)
    await tour.send(entry, "Private text before", recipients=[ANNA])
    account.revoke_tokens()
    tokens, sent = len(entry.requests("/oauth2/token")), len(account.sent)
    await asyncio.gather(
        *(tour.send(entry, f"Private text {number} of eight", recipients=[ANNA]) for number in range(8))
    )
    seen = (len(entry.requests("/oauth2/token")) - tokens, len(account.sent) - sent)
    check(seen == (1, 8), f"{seen[0]} tokens were requested and {seen[1]} messages accepted")
