"""The action `resend_message`: a failed message is sent again, once, and followed again."""

import asyncio
from typing import Any

from homeassistant.exceptions import ServiceValidationError
import pytest

from simulator import SentMessage

from .sending import ANNA, Case, Clock, Events, Patch, do_not_wait, statuses, until

RESEND = ("/resend/", "/resendwa/")


async def resend_error(case: Case, message_id: str, **data: Any) -> str | None:
    return (await case.error_of("resend_message", message_id=message_id, **data)).translation_key


async def fail(case: Case, freezer: Clock, **data: Any) -> SentMessage:
    """Send a message that fails, and learn of it."""
    case.service.delivery_error = "NO_SERVICE"
    await case.send(**data)
    await case.pass_time(freezer, seconds=5)
    case.service.delivery_error = ""
    return case.sent[-1]


@pytest.mark.parametrize(("channel", "path"), [("sms", "/resend/"), ("whatsapp", "/resendwa/")])
async def test_a_failed_message_is_sent_again_and_followed_again(
    case: Case, freezer: Clock, events: Events, channel: str, path: str
) -> None:
    """Also after a restart."""
    await case.add_contact("Anna", ANNA, channel)
    sent = await fail(case, freezer, recipients="Anna")
    await case.reload()
    assert await case.resend(sent.guid) == {
        "recipient": ANNA,
        "contact": "Anna",
        "channel": channel,
        "message_id": sent.guid,
        "status": "accepted",
    }
    assert len(case.requests(path)) == len(case.requests(*RESEND)) == 1
    await case.pass_time(freezer, seconds=5)
    assert statuses(events) == [(channel, "failed"), (channel, "sent")]
    assert {event.data["contact"] for event in events} == {"Anna"}


@pytest.mark.parametrize("by_webhook", [True, False])
async def test_each_failure_under_the_same_id_is_reported(
    hooked: Case, freezer: Clock, events: Events, by_webhook: bool
) -> None:
    sent = await fail(hooked, freezer)
    hooked.service.delivery_error = "NO_SERVICE"
    for _ in range(2):
        await hooked.resend(sent.guid)
        if by_webhook:
            await hooked.report(sent, "failed", "NO_SERVICE")
        await hooked.pass_time(freezer, seconds=5)
    assert statuses(events) == [("sms", "failed")] * 3
    assert (len(hooked.sent), sent.attempts) == (1, 3)


async def test_a_report_that_comes_before_the_answer_is_reported_once(
    hooked: Case, freezer: Clock, events: Events, monkeypatch: Patch
) -> None:
    sent = await fail(hooked, freezer)
    gate = hooked.gate(monkeypatch, "/resend/")
    resending = asyncio.create_task(hooked.resend(sent.guid))
    await gate.is_reached()
    await hooked.report(sent, "sent")
    gate.open()
    assert (await resending)["status"] == "sent"
    await hooked.pass_time(freezer, hours=1)
    assert statuses(events) == [("sms", "failed"), ("sms", "sent")]


async def test_an_action_can_wait_for_it(hooked: Case, freezer: Clock) -> None:
    sent = await fail(hooked, freezer)
    waiting = asyncio.create_task(hooked.error_of("resend_message", message_id=sent.guid, wait_for_report=60))
    await until(lambda: hooked.pending)
    await hooked.report(sent, "failed", "NO_SERVICE")
    assert (await waiting).translation_key == "report_failed"


async def test_a_message_from_elsewhere_can_be_sent_again_and_one_that_is_unknown_is_refused(
    case: Case, freezer: Clock, events: Events
) -> None:
    for data, path in (
        ({}, "/resend/"),
        ({"channel": "sms"}, "/resend/"),
        ({"channel": "whatsapp"}, "/resendwa/"),
    ):
        case.service.requests.clear()
        assert await resend_error(case, "0123456789ab", **data) == "refused"
        assert len(case.requests(path)) == len(case.requests(*RESEND)) == 1
    case.other_message("from the dashboard", error="NO_SERVICE")
    assert (await case.resend("other"))["message_id"] == "other"
    await case.pass_time(freezer, seconds=5)
    assert statuses(events) == [("sms", "sent")]


async def test_a_message_that_has_not_failed_is_not_sent_again(case: Case, freezer: Clock) -> None:
    await case.send()
    for _ in range(2):
        err = await case.error_of("resend_message", message_id=case.sent[0].guid)
        assert isinstance(err, ServiceValidationError)
        await case.pass_time(freezer, seconds=5)
    assert case.requests(*RESEND) == []


async def test_twice_at_once_is_once_and_each_counts(case: Case, freezer: Clock) -> None:
    sent = await fail(case, freezer)
    results = await asyncio.gather(*(case.resend(sent.guid) for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(result, dict) for result in results) == 1
    assert (sent.attempts, case.sent_in_a_day) == (2, 2)
    await case.set_options(messages_per_minute=4)
    await case.pass_time(freezer, seconds=61)
    sent = await fail(case, freezer)
    await case.resend(sent.guid)
    assert await case.outcome() == "limit_minute_share"
    await case.pass_time(freezer, seconds=61)
    sent = await fail(case, freezer)
    await case.send()
    case.service.requests.clear()
    assert await resend_error(case, sent.guid) == "limit_minute_share"
    assert case.requests(*RESEND) == []


async def test_a_request_that_was_not_accepted_is_repeated_and_one_that_may_have_been_is_not(
    case: Case, freezer: Clock, monkeypatch: Patch
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
        case.simulator.reset()
        sent = await fail(case, freezer)
        before = case.sent_in_a_day
        case.fault("/resend/", kind, **options)
        assert await resend_error(case, sent.guid) == "may_have_been_sent", kind
        assert len(case.requests(*RESEND)) == 1, kind
        assert (sent.attempts, case.sent_in_a_day) == (attempts, before + 1), kind
    case.simulator.reset()
    sent = await fail(case, freezer)
    case.fault("/resend/", "status", status=503, count=2)
    await case.resend(sent.guid)
    assert (len(case.requests(*RESEND)), sent.attempts) == (3, 2)
    # One that was refused can be sent again later.
    sent = await fail(case, freezer)
    case.service.phones[0].online = False
    assert await resend_error(case, sent.guid) == "phone_offline"
    case.service.phones[0].online = True
    await case.resend(sent.guid)
    assert sent.attempts == 2
