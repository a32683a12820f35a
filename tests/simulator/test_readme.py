"""The examples in the README work, and its tables are complete."""

import argparse
from pathlib import Path
import re
import shlex

from aiohttp import ClientSession
import pytest

from simulator import Account, Simulator
from simulator.control import COMMANDS

from .conftest import Receiver

README = (Path(__file__).parents[2] / "simulator" / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^curl .*$", README, re.MULTILINE)
ADDRESSES = (("http://127.0.0.1:8123/api/webhook/ID", "hook"), ("http://127.0.0.1:8099", "url"))


@pytest.fixture
def account(sim: Simulator) -> Account:
    return sim.add_account("demo-key")


async def curl(command: str, addresses: dict[str, str]) -> int:
    """Send the request of this curl command to other addresses and return the status."""
    for address, name in ADDRESSES:
        command = command.replace(address, addresses[name])
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", default="")
    parser.add_argument("-d", action="append", default=[])
    parser.add_argument("--data-urlencode", action="append", default=[])
    words = parser.parse_args(shlex.split(command)[1:])
    parts = [*words.d, *(part.replace("+", "%2B") for part in words.data_urlencode)]
    method = words.X or ("POST" if parts else "GET")
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if parts else {}
    async with (
        ClientSession() as session,
        session.request(method, words.url, data="&".join(parts) or None, headers=headers) as response,
    ):
        return response.status


async def test_every_curl_works(sim: Simulator, account: Account, receiver: Receiver) -> None:
    addresses = {"url": sim.url, "hook": receiver.url}
    account.webhook_url = None
    paths = set()
    for example in EXAMPLES:
        if "/_control/reset" in example:
            assert (len(account.sent), len(account.received)) == (1, 3)
        assert await curl(example, addresses) == 200, example
        paths.update(re.findall(r"/_control/\w+", example))
    assert len(EXAMPLES) > 15
    assert len(receiver.bodies) == 8
    assert paths == {control.path for control in COMMANDS}
    assert not account.sent and not account.phones[0].online


def test_the_tables_list_every_value() -> None:
    from simulator.account import CHOICES
    from simulator.faults import KINDS

    rows = {cells[1].strip(): line for line in README.splitlines() if len(cells := line.split("|")) > 3}
    assert all(f"`{kind}`" in rows for kind in KINDS)
    for name, values in CHOICES.items():
        assert all(f"`{value}`" in rows[f"`{name}`"] for value in values), name
