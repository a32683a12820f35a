"""What comes of each fault of the service, wherever it strikes: the table of outcomes.

An outcome is short: what came of it, then how many messages the service has. `found` was looked for in the sent log and
found there, `again` was looked for, not found, and sent once more; `retried` is a request that was simply repeated.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator
from simulator.faults import KINDS

from .conftest import later, settle

ANNA = "+36301234567"

# fault                      | send      | send, log    | send, log | resend   | poll    | phones  | set-up  | set-up, | look-up
#                            |           | (taken)      | (not)     |          |         |         |         | calls   |
TABLE = """
delay 0.02                   | sent 1    | found 1      | again 1   | sent     | polled  | polled  | loaded  | loaded  | sent
status 400                   | refused 0 | maybe 1      | maybe 0   | refused  | failed  | polled  | loaded  | loaded  | later
status 401                   | reauth 0  | maybe 1      | maybe 0   | reauth   | reauth  | reauth  | reauth  | reauth  | later
status 403                   | reauth 0  | maybe 1      | maybe 0   | reauth   | reauth  | reauth  | reauth  | reauth  | later
status 403 api_expired       | expired 0 | maybe 1      | maybe 0   | expired  | expired | expired | expired | expired | later
status 404                   | refused 0 | maybe 1      | maybe 0   | refused  | failed  | polled  | loaded  | loaded  | later
status 429 0                 | retried 1 | maybe 1      | maybe 0   | retried  | failed  | polled  | loaded  | loaded  | later
status 429 3600              | limited 0 | maybe 1      | maybe 0   | limited  | failed  | polled  | loaded  | loaded  | later
status 500                   | again 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
status 500 taken             | found 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
status 502                   | again 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
status 503                   | retried 1 | maybe 1      | maybe 0   | retried  | failed  | polled  | loaded  | loaded  | later
status 504 taken             | found 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
html                         | again 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
html taken                   | found 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
html 403                     | again 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
html 503                     | retried 1 | maybe 1      | maybe 0   | retried  | failed  | polled  | loaded  | loaded  | later
empty                        | again 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
empty taken                  | found 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
nonsense                     | again 1   | maybe 1      | maybe 0   | maybe    | polled  | polled  | loaded  | loaded  | later
nonsense taken               | found 1   | maybe 1      | maybe 0   | maybe    | polled  | polled  | loaded  | loaded  | later
unauthorised                 | reauth 0  | maybe 1      | maybe 0   | reauth   | reauth  | reauth  | reauth  | reauth  | later
offline                      | offline 0 | maybe 1      | maybe 0   | offline  | failed  | polled  | loaded  | loaded  | later
expired                      | expired 0 | maybe 1      | maybe 0   | expired  | expired | expired | expired | expired | later
big 9                        | again 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
big 9 taken                  | found 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
cut                          | found 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
drop_before                  | again 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
drop_after                   | found 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
hang_after                   | found 1   | maybe 1      | maybe 0   | maybe    | failed  | polled  | loaded  | loaded  | later
"""

# What a word in the table stands for, where it is no kind of fault that the simulator has.
REFUSALS: dict[str, Any] = {
    "unauthorised": {"result": {"error": 1}},
    "offline": {"result": {"error": "2", "note": "mobile is not connected"}},
    "expired": {"result": {"error": "subscription_expire"}},
}
FAULTS = [row.partition("|")[0].strip() for row in TABLE.strip().splitlines()]
RAISED = {
    "invalid_auth": "reauth",
    "subscription_expired": "expired",
    "rate_limited": "limited",
    "may_have_been_sent": "maybe",
    "phone_offline": "offline",
    "refused": "refused",
}
LOG = "/log/sent/sms/"
PHONES = "/gateway/mobile/list/"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the faults strike."""

    home: HomeAssistant
    entry: SmsMobileApiConfigEntry
    simulator: Simulator
    service_account: Account
    fault: str

    def strike(self, endpoint: str, count: int = 1) -> None:
        """Let the next requests to an endpoint meet the fault."""
        kind, *words = self.fault.split()
        options: dict[str, Any] = {"count": count, **({"taken": True} if "taken" in words else {})}
        number = next((float(word) for word in words if word.replace(".", "").isdigit()), None)
        match kind:
            case "delay" | "hang_after":
                options["seconds"] = number or 30
            case "big":
                options["mib"] = number
            case "status" | "html" if number:
                options["status"] = int(number)
        if kind in REFUSALS:
            kind, options["body"] = "nonsense", REFUSALS[kind]
        if kind == "status" and words[0] == "429":
            options["retry_after"] = int(words[1])
        elif kind == "status" and words[1:] == ["api_expired"]:
            options["error"] = words[1]
        if kind.startswith("drop") and endpoint not in {"/sendsms/", "/resend/"}:
            # aiohttp by itself repeats a GET on a connection that was kept open.
            options["count"] = 2 * count
        self.simulator.fault(endpoint, kind, **options)

    def requests(self, path: str) -> int:
        """Return how many requests there were."""
        return sum(request.path == path for request in self.service_account.requests)

    def is_asked_for_key(self) -> bool:
        """Return whether the user is asked for another key."""
        return bool(list(self.entry.async_get_active_flows(self.home, {"reauth"})))

    def is_expired(self) -> bool:
        """Return whether an issue says that the subscription has ended."""
        issue = f"subscription_expired_{self.entry.entry_id}"
        return ir.async_get(self.home).async_get_issue("smsmobileapi", issue) is not None

    async def act(self, action: str, **data: Any) -> dict[str, Any] | str:
        """Return the answer of an action, or what it raised; what is raised is also shown."""
        try:
            answer: Any = await self.home.services.async_call(
                "smsmobileapi", action, data, blocking=True, return_response=True
            )
        except HomeAssistantError as err:
            word = RAISED[err.translation_key or ""]
            assert (word == "reauth") == self.is_asked_for_key()
            assert (word == "expired") == self.is_expired()
            return word
        assert not self.is_asked_for_key()
        return dict(answer)

    async def forget(self) -> None:
        """Begin again with a good service."""
        self.simulator.faults.waiting.clear()
        await look_up(self)
        self.simulator.reset()
        ir.async_delete_issue(self.home, "smsmobileapi", f"subscription_expired_{self.entry.entry_id}")
        for flow in self.entry.async_get_active_flows(self.home, {"reauth"}):
            self.home.config_entries.flow.async_abort(flow["flow_id"])
        if self.entry.state is not ConfigEntryState.LOADED:
            await self.home.config_entries.async_reload(self.entry.entry_id)
        await settle(self.home)
        assert self.entry.state is ConfigEntryState.LOADED
        self.simulator.reset()


async def send(bench: Bench) -> str:
    """Send a message; the sending, or what was made to come before it, has met the fault."""
    answer = await bench.act("send_message", recipients=ANNA, message="hi", urgent=True)
    count = len(bench.service_account.sent)
    if isinstance(answer, str):
        return f"{answer} {count}"
    assert answer["recipients"][0]["message_id"] == bench.service_account.sent[-1].guid
    match bench.requests("/sendsms/"), bench.requests(LOG):
        case 1, 0:
            return f"sent {count}"
        case 1, _:
            return f"found {count}"
        case _, 0:
            return f"retried {count}"
        case _:
            return f"again {count}"


async def struck_sending(bench: Bench) -> str:
    bench.strike("/sendsms/")
    return await send(bench)


async def struck_log_taken(bench: Bench) -> str:
    bench.simulator.fault("/sendsms/", "drop_after")
    bench.strike(LOG, count=5)  # at each look
    return await send(bench)


async def struck_log_not_taken(bench: Bench) -> str:
    bench.simulator.fault("/sendsms/", "drop_before")
    bench.strike(LOG, count=5)  # at each look
    return await send(bench)


async def struck_resending(bench: Bench) -> str:
    await bench.act("send_message", recipients=ANNA, message="hi", urgent=True)
    (sent,) = bench.service_account.sent
    sent.error = "NO_SERVICE"
    await look_up(bench)
    bench.strike("/resend/")
    answer = await bench.act("resend_message", message_id=sent.guid)
    assert sent.attempts <= 2
    if isinstance(answer, str):
        return answer
    assert (answer["message_id"], sent.attempts) == (sent.guid, 2)
    return "sent" if bench.requests("/resend/") == 1 else "retried"


async def struck_poll(bench: Bench) -> str:
    bench.strike("/getsms/")
    return await poll(bench)


async def poll(bench: Bench) -> str:
    coordinator = bench.entry.runtime_data.coordinator
    await coordinator.async_refresh()
    await settle(bench.home)
    if bench.is_asked_for_key():
        return "reauth"
    if bench.is_expired():
        return "expired"
    return "polled" if coordinator.last_update_success else "failed"


async def struck_phones(bench: Bench) -> str:
    """Poll when the phones have to be listed again, which also verifies the key."""
    bench.strike(PHONES)
    with later(minutes=16):
        outcome = await poll(bench)
    assert bench.requests(PHONES)
    return outcome


async def set_up(bench: Bench) -> str:
    await bench.home.config_entries.async_reload(bench.entry.entry_id)
    await settle(bench.home)
    assert bench.entry.state is ConfigEntryState.LOADED
    if bench.is_asked_for_key():
        return "reauth"
    return "expired" if bench.is_expired() else "loaded"


async def struck_set_up(bench: Bench) -> str:
    bench.strike(PHONES)
    return await set_up(bench)


async def struck_set_up_calls(bench: Bench) -> str:
    """The list of phones says nothing of the key, so that of calls has to."""
    bench.simulator.fault(PHONES, "nonsense", body={"success": True, "items": []})
    bench.strike("/call/incoming/list/")
    return await set_up(bench)


async def look_up(bench: Bench) -> None:
    """Look up what is pending, each message three times at most."""
    for _ in range(3):
        if bench.entry.state is ConfigEntryState.LOADED and bench.entry.runtime_data.reports.pending:
            async_fire_time_changed(bench.home, dt_util.utcnow() + timedelta(seconds=60))
            await settle(bench.home)


async def struck_look_up(bench: Bench) -> str:
    """Look up what became of a message."""
    await bench.act("send_message", recipients=ANNA, message="hi", urgent=True)
    bench.strike(LOG)
    await look_up(bench)
    message = bench.entry.runtime_data.messages.find(bench.service_account.sent[0].guid)
    assert message
    assert message.status == "sent"
    return "later" if message.looked_up else "sent"


COLUMNS: list[Callable[[Bench], Awaitable[str]]] = [
    struck_sending,
    struck_log_taken,
    struck_log_not_taken,
    struck_resending,
    struck_poll,
    struck_phones,
    struck_set_up,
    struck_set_up_calls,
    struck_look_up,
]


@pytest.mark.parametrize("row", TABLE.strip().splitlines(), ids=FAULTS)
async def test_each_fault_ends_as_the_table_says(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    row: str,
) -> None:
    fault, *expected = (cell.strip() for cell in row.split("|"))
    if fault.startswith("hang"):
        # Such a request is given up while the fault still lasts; all others are answered long before, on any machine.
        timeout = aiohttp.ClientTimeout(total=2)
        monkeypatch.setattr("custom_components.smsmobileapi.api.client.TIMEOUT", timeout)
    bench = Bench(
        home=home,
        entry=account,
        simulator=simulator,
        service_account=service_account,
        fault=fault,
    )
    outcomes = {}
    for column in COLUMNS:
        outcomes[column.__name__] = await column(bench)
        await bench.forget()
    assert outcomes == {column.__name__: word for column, word in zip(COLUMNS, expected, strict=True)}


def test_every_kind_of_fault_is_in_the_table() -> None:
    kinds = {fault.split()[0] for fault in FAULTS}
    assert kinds >= set(KINDS)
