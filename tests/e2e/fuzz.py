"""24,000 requests that nobody sane would send, to the addresses of a real Home Assistant.

`scripts/fuzz [--requests N] [--seed N]` posts them to an account with a signing secret and to one without: broken and
strange bodies, headers, encodings, methods and paths. It fails if one is answered with 5xx or not at all, if the log has a
traceback of ours, or if the memory grows; and a good text has to arrive afterwards.
"""

import argparse
import asyncio
from collections import Counter
import gzip
import json
from pathlib import Path
import random
import re
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from simulator import EVENT_TYPES, Account, Simulator, sms_data
from simulator.events import example_data
from simulator.webhooks import signature
from tests.e2e.configuration import DOMAIN
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.process import free_port
from tests.e2e.session import add_account, new_account, run_in_directories, set_options
from tests.e2e.steps import Steps, check

AT_ONCE = 8
SECRET = "whsec-fuzz-0123456789"
QUARTERS = 4
# From the second quarter to the last: before, Python and SQLite still take what they need.
GROWTH_MB = 8
# One traceback in the log, up to the next line of it.
TRACEBACK = re.compile(r"^Traceback .*?(?=^\d{4}-\d\d-\d\d )", re.DOTALL | re.MULTILINE)
ODD: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, "", " ", "\0", "\ud800", "0", "null", [], {}, [[]], {"a": 1}, "x" * 5000,
    "2026-09-23T12:00:00Z", "9999-99-99", "+36301234567", float("nan"), "🎈" * 99,
]  # fmt: skip


class Fuzzer:
    """Makes requests at random, and posts them as they are."""

    def __init__(self, seed: int, accounts: list[Account]) -> None:
        self.chance = random.Random(seed)
        self.accounts = accounts
        self.answers: Counter[int] = Counter()

    async def post(self, requests: int) -> None:
        """Post that many, a few at once."""
        todo = iter(range(requests))

        async def work() -> None:
            for _ in todo:
                self.answers[await self._post_one()] += 1

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    async def _post_one(self) -> int:
        """Return the status of the answer, 0 for none within 40 s."""
        account = self.chance.choice(self.accounts)
        request = self._request(account)
        url = urlsplit(str(account.webhook_url))
        try:
            async with asyncio.timeout(40):
                reader, writer = await asyncio.open_connection(url.hostname, url.port)
                writer.write(request)
                line = await reader.readline()
                writer.close()
                return int(line.split()[1])
        except OSError, IndexError, ValueError, TimeoutError:
            return 0

    def _request(self, account: Account) -> bytes:
        chance = self.chance
        body = self._body(account)
        path = urlsplit(str(account.webhook_url)).path
        if chance.random() < 0.1:
            path = chance.choice(
                [path.replace(DOMAIN, "webhook"), path[:-1], path + "/", path + "%00", path + "?a=b"]
            )
        method = (
            "POST" if chance.random() < 0.95 else chance.choice(["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
        )
        stamp = str(int(time.time()) + chance.choice([0, 0, 0, 0, 400, -(10**6)]))
        secret = chance.choice([SECRET, SECRET, "another"])
        headers = {
            "Host": "home",
            "Content-Type": chance.choice(["application/json", "text/plain", "multipart/form-data", "x"]),
            "X-SMSMobileAPI-Timestamp": stamp,
            "X-SMSMobileAPI-Signature": signature(secret, stamp, body),
            "X-SMSMobileAPI-Event-ID": chance.choice(["e", "", "🎈"]),
        }
        for name in list(headers)[1:]:
            if chance.random() < 0.1:
                del headers[name]
            elif chance.random() < 0.1:
                headers[name] = chance.choice(["", "v1=", "²", "x" * 2000, "\xff", "-1"])
        if chance.random() < 0.1:
            headers["Content-Encoding"] = chance.choice(["gzip", "deflate", "identity", "gzip, gzip", "x"])
            body = chance.choice([body, gzip.compress(body), gzip.compress(body)[:-5]])
        headers["Content-Length"] = str(len(body))
        head = f"{method} {path} HTTP/1.1\r\nConnection: close\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return head.encode("utf-8", "surrogateescape") + b"\r\n" + body

    def _body(self, account: Account) -> bytes:
        chance = self.chance
        kind = chance.choice(EVENT_TYPES)
        v1 = {
            "number": "+36301234567",
            "message": "hi",
            "guid": "g",
            "date": "2026-01-20",
            "hour": "10:15:00",
        }
        row: dict[str, Any] = dict(v1)
        if chance.random() < 0.7:
            row = {"id": f"e{chance.random()}", "type": kind, "data": example_data(account, kind)}
            self._spoil(row["data"])
        self._spoil(row)
        text = json.dumps(row, ensure_ascii=chance.random() < 0.5)
        body = text.encode("utf-8", "surrogatepass")
        match chance.randrange(12):
            case 0:
                return body[: chance.randrange(len(body))]
            case 1:
                return chance.randbytes(chance.randrange(300))
            case 2:
                return b"[" * chance.randrange(60_000)
            case 3:
                return body + b" " * chance.choice([10, 70_000, 524_288, 700_000])
            case 4:
                return json.dumps(chance.choice(ODD)).encode()
        return body

    def _spoil(self, row: dict[str, Any]) -> None:
        for name in list(row):
            if self.chance.random() < 0.1:
                row[name] = self.chance.choice(ODD)
            elif self.chance.random() < 0.05:
                del row[name]


def memory_of(hass: HomeAssistant) -> float:
    """Return what the process has in memory, in MB."""
    for line in Path(f"/proc/{hass.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


async def fuzz(directory: Path, *, requests: int, seed: int) -> None:
    steps = Steps()
    async with Simulator() as simulator, HomeAssistant(directory, free_port()) as hass:
        await hass.start()
        accounts = [new_account(simulator, name) for name in ("signed", "unsigned")]
        for account in accounts:
            entry_id = await add_account(hass, simulator, account)
            if account is accounts[0]:
                await set_options(hass, entry_id, signing_secret=SECRET)
                account.webhook_secret = SECRET
        fuzzer = Fuzzer(seed, accounts)
        steps.begin(f"{requests} requests, seed {seed}")
        memory = []
        for _ in range(QUARTERS):
            await fuzzer.post(requests // QUARTERS)
            memory.append(memory_of(hass))
        events = await hass.listen(f"{DOMAIN}_message_received")
        row = accounts[0].receive("+36301234567", "after all of it")
        status = await simulator.deliver_v2(accounts[0], "sms.received", sms_data(row))
        await asyncio.sleep(1)
        log = hass.log.read_text(errors="replace")
        tracebacks = [one for one in TRACEBACK.findall(log) if f"/{DOMAIN}/" in one]
        steps.begin(f"Results, after {steps.seconds:.0f} s")
        steps.show(
            answers=dict(sorted(fuzzer.answers.items())),
            memory_after_each_quarter=", ".join(f"{one:.0f} MB" for one in memory),
            tracebacks_of_ours=len(tracebacks),
            tracebacks_of_others=len(TRACEBACK.findall(log)) - len(tracebacks),
            answer_to_a_good_text=status,
        )
        check(not [status for status in fuzzer.answers if status >= 500 or not status], "5xx, or no answer")
        check(not tracebacks, f"the log has a traceback: {tracebacks[:1]}")
        check(memory[-1] - memory[1] < GROWTH_MB, "the memory grows")
        check([event["message"] for event in events] == ["after all of it"], "the text was not fired")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=24_000, metavar="N")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), metavar="N")
    given = parser.parse_args()
    return run_in_directories(
        "fuzz", lambda directory: fuzz(directory, requests=given.requests, seed=given.seed)
    )


if __name__ == "__main__":
    sys.exit(main())
