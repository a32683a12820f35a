"""Reports that come by themselves once a message is due."""

import asyncio
import json
from typing import Any

import pytest

from simulator import Account, Simulator, report_data

from .conftest import KEY, NUMBER, Api, Receiver


def told(receiver: Receiver) -> list[tuple[str, str, str | None]]:
    """Return what was told: type, recipient, error."""
    events = [json.loads(body) for body in receiver.bodies]
    return [(event["type"], event["data"]["recipient"], event["data"]["error"]) for event in events]


@pytest.fixture
def account(sim: Simulator) -> Account:
    return sim.add_account(KEY, report_by_webhook=True)


async def test_off_by_default(api: Api, sim: Simulator, account: Account, receiver: Receiver) -> None:
    assert not sim.add_account("another").report_by_webhook
    account.report_by_webhook = False
    await api.send()
    account.report_by_webhook = True
    await sim.wait_for_reports()
    assert receiver.bodies == []


@pytest.mark.parametrize(
    ("fields", "settings", "reports"),
    [
        ({}, {}, [("sms.sent", NUMBER, None)]),
        ({}, {"delivery_error": "NO_SERVICE"}, [("sms.failed", NUMBER, "NO_SERVICE")]),
        ({}, {"whatsapp_delivery_error": "NO_WHATSAPP"}, [("sms.sent", NUMBER, None)]),
        ({"waonly": "yes", "recipients": "36301"}, {}, [("whatsapp.sent", "36301", None)]),
        (
            {"waonly": "yes", "recipients": "36301"},
            {"whatsapp_delivery_error": "NO_WHATSAPP"},
            [("whatsapp.failed", "36301", "NO_WHATSAPP")],
        ),
        ({"sendwa": "1"}, {}, [("sms.sent", NUMBER, None), ("whatsapp.sent", NUMBER, None)]),
    ],
)
async def test_what_became_of_it(
    api: Api,
    sim: Simulator,
    account: Account,
    receiver: Receiver,
    fields: dict[str, str],
    settings: dict[str, str],
    reports: list[Any],
) -> None:
    for name, value in settings.items():
        setattr(account, name, value)
    await api.send(**fields)
    await sim.wait_for_reports()
    assert told(receiver) == reports
    assert json.loads(receiver.bodies[0])["data"] == report_data(account.sent[0])
    assert receiver.headers[0]["X-SMSMobileAPI-Signature"].startswith("v1=")


async def test_not_before_it_is_due(
    api: Api, sim: Simulator, account: Account, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_800_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    await api.send(schedule_timestamp=str(int(now) + 60))
    now += 59
    await sim.wait_for_reports()
    await asyncio.sleep(0.1)
    assert receiver.bodies == []
    now += 1
    await sim.wait_for_reports()
    assert told(receiver) == [("sms.sent", NUMBER, None)]


async def test_each_attempt_has_its_report(
    api: Api, sim: Simulator, account: Account, receiver: Receiver
) -> None:
    account.delivery_error = "NO_SERVICE"
    guid = (await api.send()).json["result"]["id"]
    await sim.wait_for_reports()
    account.delivery_error = ""
    await api.post("/resend/", guid=guid)
    await sim.wait_for_reports()
    assert told(receiver) == [("sms.failed", NUMBER, "NO_SERVICE"), ("sms.sent", NUMBER, None)]
    assert len({json.loads(body)["id"] for body in receiver.bodies}) == 2


async def test_an_attempt_that_was_overtaken_has_none(
    api: Api, sim: Simulator, account: Account, receiver: Receiver
) -> None:
    account.delivery_delay = 3600
    guid = (await api.send()).json["result"]["id"]
    account.sent[0].error_api, account.delivery_delay = "refused", 0
    assert (await api.post("/resend/", guid=guid)).json["result"]["sent"] == "1"
    await sim.wait_for_reports()
    assert told(receiver) == [("sms.sent", NUMBER, None)]


async def test_what_is_forgotten_is_not_reported(
    api: Api, sim: Simulator, account: Account, receiver: Receiver
) -> None:
    account.delivery_delay = 3600
    await api.send()
    sent = account.sent[0]
    sim.reset()
    sent.due = 0
    await sim.wait_for_reports()
    assert waiting() == 0 and receiver.bodies == []


@pytest.mark.parametrize("url", [None, "http://example.com/hook"])
async def test_nowhere_to_go(api: Api, sim: Simulator, account: Account, url: str | None) -> None:
    account.webhook_url = url
    assert (await api.send()).json["result"]["sent"] == "1"
    await sim.wait_for_reports()
    assert account.sent[0].status == "sent"


def waiting() -> int:
    """Return how many reports wait."""
    return sum("simulator/dispatcher.py" in repr(task) for task in asyncio.all_tasks())


async def test_nothing_waits_after_the_end(
    api: Api, sim: Simulator, account: Account, receiver: Receiver
) -> None:
    account.delivery_delay = 3600
    await api.send()
    assert waiting() == 1
    await sim.stop()
    assert waiting() == 0 and receiver.bodies == []


async def test_over_http(api: Api, sim: Simulator, receiver: Receiver) -> None:
    answer = await api.control(
        "POST", "accounts", key="bela", webhook_url=receiver.url, report_by_webhook=True, delivery_error="x"
    )
    assert answer.json["report_by_webhook"] is True
    await api.ask("POST", "/sendsms/", apikey="bela", recipients=NUMBER, message="hi")
    await sim.wait_for_reports()
    assert told(receiver) == [("sms.failed", NUMBER, "x")]
