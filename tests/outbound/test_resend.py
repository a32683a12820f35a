"""The action `resend_message`: a failed message is sent again, once, and followed again."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest

from simulator import Account, SentMessage, Simulator

from ..conftest import add_contact
from .sending import (
    ANNA,
    Clock,
    Entry,
    Events,
    Gate,
    Patch,
    do_not_wait,
    error_of,
    other_message,
    outcome,
    pass_time,
    reload,
    report,
    requests,
    resend,
    send,
    sent_in_a_day,
    set_options,
    statuses,
    until,
)

RESEND = ("/resend/", "/resendwa/")


async def resend_error(home: HomeAssistant, message_id: str, **data: Any) -> str | None:
    return (await error_of(home, "resend_message", message_id=message_id, **data)).translation_key


async def fail(home: HomeAssistant, freezer: Clock, service_account: Account, **data: Any) -> SentMessage:
    """Send a message that fails, and learn of it."""
    service_account.delivery_error = "NO_SERVICE"
    await send(home, **data)
    await pass_time(home, freezer, seconds=5)
    service_account.delivery_error = ""
    return service_account.sent[-1]


@pytest.mark.parametrize(("channel", "path"), [("sms", "/resend/"), ("whatsapp", "/resendwa/")])
async def test_a_failed_message_is_sent_again_and_followed_again(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    service_account: Account,
    events: Events,
    channel: str,
    path: str,
) -> None:
    """Also after a restart."""
    await add_contact(home, account, "Anna", ANNA, channel)
    sent = await fail(home, freezer, service_account, recipients="Anna")
    await reload(home, account)
    assert await resend(home, sent.guid) == {
        "recipient": ANNA,
        "contact": "Anna",
        "channel": channel,
        "message_id": sent.guid,
        "status": "accepted",
    }
    assert len(requests(service_account, path)) == len(requests(service_account, *RESEND)) == 1
    await pass_time(home, freezer, seconds=5)
    assert statuses(events) == [(channel, "failed"), (channel, "sent")]
    assert {event.data["contact"] for event in events} == {"Anna"}


@pytest.mark.parametrize("by_webhook", [True, False])
async def test_each_failure_under_the_same_id_is_reported(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    hooked: Account,
    events: Events,
    by_webhook: bool,
) -> None:
    sent = await fail(home, freezer, hooked)
    hooked.delivery_error = "NO_SERVICE"
    for _ in range(2):
        await resend(home, sent.guid)
        if by_webhook:
            await report(simulator, hooked, sent, "failed", "NO_SERVICE")
        await pass_time(home, freezer, seconds=5)
    assert statuses(events) == [("sms", "failed")] * 3
    assert (len(hooked.sent), sent.attempts) == (1, 3)


async def test_a_report_that_comes_before_the_answer_is_reported_once(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    hooked: Account,
    events: Events,
    monkeypatch: Patch,
) -> None:
    sent = await fail(home, freezer, hooked)
    gate = Gate(simulator, monkeypatch, "/resend/")
    resending = asyncio.create_task(resend(home, sent.guid))
    await gate.is_reached()
    await report(simulator, hooked, sent, "sent")
    gate.open()
    assert (await resending)["status"] == "sent"
    await pass_time(home, freezer, hours=1)
    assert statuses(events) == [("sms", "failed"), ("sms", "sent")]


async def test_an_action_can_wait_for_it(
    freezer: Clock, home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account
) -> None:
    sent = await fail(home, freezer, hooked)
    waiting = asyncio.create_task(error_of(home, "resend_message", message_id=sent.guid, wait_for_report=60))
    await until(lambda: account.runtime_data.reports.pending)
    await report(simulator, hooked, sent, "failed", "NO_SERVICE")
    assert (await waiting).translation_key == "report_failed"


@pytest.mark.usefixtures("account")
async def test_a_message_from_elsewhere_can_be_sent_again_and_one_that_is_unknown_is_refused(
    freezer: Clock, home: HomeAssistant, service_account: Account, events: Events
) -> None:
    for data, path in (
        ({}, "/resend/"),
        ({"channel": "sms"}, "/resend/"),
        ({"channel": "whatsapp"}, "/resendwa/"),
    ):
        service_account.requests.clear()
        assert await resend_error(home, "0123456789ab", **data) == "refused"
        assert len(requests(service_account, path)) == len(requests(service_account, *RESEND)) == 1
    other_message(service_account, "from the dashboard", error="NO_SERVICE")
    assert (await resend(home, "other"))["message_id"] == "other"
    await pass_time(home, freezer, seconds=5)
    assert statuses(events) == [("sms", "sent")]


@pytest.mark.usefixtures("account")
async def test_a_message_that_has_not_failed_is_not_sent_again(
    freezer: Clock, home: HomeAssistant, service_account: Account
) -> None:
    await send(home)
    for _ in range(2):
        err = await error_of(home, "resend_message", message_id=service_account.sent[0].guid)
        assert isinstance(err, ServiceValidationError)
        await pass_time(home, freezer, seconds=5)
    assert requests(service_account, *RESEND) == []


async def test_twice_at_once_is_once_and_each_counts(
    freezer: Clock, home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    sent = await fail(home, freezer, service_account)
    results = await asyncio.gather(*(resend(home, sent.guid) for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(result, dict) for result in results) == 1
    assert (sent.attempts, sent_in_a_day(account)) == (2, 2)
    await set_options(home, account, messages_per_minute=2)
    await pass_time(home, freezer, seconds=61)
    sent = await fail(home, freezer, service_account)
    await resend(home, sent.guid)
    assert await outcome(home) == "limit_minute"
    await pass_time(home, freezer, seconds=61)
    sent = await fail(home, freezer, service_account)
    await send(home)
    service_account.requests.clear()
    assert await resend_error(home, sent.guid) == "limit_minute"
    assert requests(service_account, *RESEND) == []


async def test_a_request_that_was_not_accepted_is_repeated_and_one_that_may_have_been_is_not(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: Patch,
) -> None:
    do_not_wait(monkeypatch)
    table: list[tuple[str, dict[str, Any], int]] = [
        ("drop_before", {}, 1),
        ("drop_after", {}, 2),
        ("html", {}, 1),
        ("status", {"status": 500, "taken": True}, 2),
        ("nonsense", {"taken": True}, 2),
    ]
    for kind, options, attempts in table:
        simulator.reset()
        sent = await fail(home, freezer, service_account)
        before = sent_in_a_day(account)
        simulator.fault("/resend/", kind, **options)
        assert await resend_error(home, sent.guid) == "may_have_been_sent", kind
        assert len(requests(service_account, *RESEND)) == 1, kind
        assert (sent.attempts, sent_in_a_day(account)) == (attempts, before + 1), kind
    simulator.reset()
    sent = await fail(home, freezer, service_account)
    simulator.fault("/resend/", "status", status=503, count=2)
    await resend(home, sent.guid)
    assert (len(requests(service_account, *RESEND)), sent.attempts) == (3, 2)
    # One that was refused can be sent again later.
    sent = await fail(home, freezer, service_account)
    service_account.phones[0].online = False
    assert await resend_error(home, sent.guid) == "phone_offline"
    service_account.phones[0].online = True
    await resend(home, sent.guid)
    assert sent.attempts == 2
