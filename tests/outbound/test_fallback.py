"""WhatsApp, else SMS: who has WhatsApp is asked once a day, and a WhatsApp message that fails becomes one SMS, never two."""

import asyncio
from datetime import timedelta
from typing import Any

from homeassistant.util import dt as dt_util
import pytest

from simulator import Phone, report_data

from .sending import (
    ANNA,
    BELA,
    CECIL,
    CHECK,
    ELSE_SMS,
    HIGH_LIMITS,
    LOG,
    LONG,
    NOON,
    REFUSED,
    SEND,
    SIX,
    SIX_SECOND,
    TEXT,
    Case,
    Clock,
    Events,
    Log,
    Patch,
    Row,
    do_not_wait,
    moments,
    our_lines,
    statuses,
    until,
)

FAILED = ("whatsapp", "failed")
SENT = ("sms", "sent")


def checked(case: Case) -> list[str]:
    """Return the numbers of which the service was asked whether they have WhatsApp."""
    return [fields["recipients"] for fields in case.requests(CHECK)]


async def send_and_fail(case: Case, **data: Any) -> str:
    """Have a WhatsApp message accepted and then failed; return its id."""
    (row,) = await case.send(**{**ELSE_SMS, **data})
    assert (row["channel"], row["status"]) == ("whatsapp", "accepted")
    await case.report(case.sent[-1], "failed", "NOT_ON_WHATSAPP")
    await case.settle()
    message_id: str = row["message_id"]
    return message_id


async def fail_unsent(case: Case, **data: Any) -> None:
    """Have a WhatsApp message fail whose SMS does not reach the service, and all of this in the database."""
    await case.send(**{**ELSE_SMS, **data})
    asked = len(case.requests())
    case.fault(SEND, "delay", seconds=LONG)
    await case.report(case.sent[-1], "failed", "NO_SERVICE")
    await until(lambda: len(case.requests()) > asked)
    await case.account.runtime_data.database.flush()


# Who has WhatsApp.


async def test_each_number_gets_it_by_what_it_has(case: Case) -> None:
    for answer in ("contact", "result"):
        case.service.check_format = answer
        numbers = [f"+3630{answer == 'result':d}{number:06}" for number in range(4)]
        case.set_whatsapp(*numbers[::2])
        rows = await case.send([*numbers, "1770"], **ELSE_SMS)
        assert [row["recipient"] for row in rows] == [*numbers, "1770"]
        assert [row["channel"] for row in rows] == ["whatsapp", "sms"] * 2 + ["sms"]
        assert [row["alphabet"] for row in rows] == [None, "GSM-7"] * 2 + ["GSM-7"]
    # A short code has none.
    assert len(checked(case)) == 8


async def test_a_number_is_checked_once_a_day_and_only_for_the_fallback(case: Case, freezer: Clock) -> None:
    await case.add_contact("Anna", ANNA, "whatsapp_else_sms")
    for channel in ("sms", "whatsapp", "both"):
        await case.send(channel=channel)
    assert checked(case) == []
    case.sent.clear()
    case.set_whatsapp()
    for recipient in ("Anna", ANNA, "06 30 123 4567", 36301234567):
        await case.send(recipient, **ELSE_SMS)
    await case.send(BELA, **ELSE_SMS)
    assert checked(case) == [ANNA[1:], BELA[1:]]
    # They got it since.
    case.set_whatsapp(ANNA, BELA)
    freezer.tick(timedelta(hours=24, seconds=-1))
    await case.send(ANNA, **ELSE_SMS)
    freezer.tick(timedelta(seconds=1))
    await case.send(ANNA, **ELSE_SMS)
    assert case.channels == ["sms"] * 6 + ["whatsapp"]
    # What the user asks counts from then on.
    await case.act("check_whatsapp", recipients=BELA)
    await case.send(BELA, **ELSE_SMS)
    assert case.channels[-1] == "whatsapp"
    assert len(checked(case)) == 4


async def test_of_many_at_once_only_the_first_checks(case: Case) -> None:
    await case.set_options(**HIGH_LIMITS)
    case.set_whatsapp()
    case.fault(CHECK, "delay", seconds=0.05, count=100)
    await asyncio.gather(*(case.send(message=f"Part {number}", **ELSE_SMS) for number in range(10)))
    assert case.channels == ["sms"] * 10
    assert len(checked(case)) == 1


async def test_where_it_is_not_known_whatsapp_is_tried(case: Case) -> None:
    case.hide_whatsapp()
    for _ in range(2):
        await case.send(**ELSE_SMS)
    # An answer that does not say it is not asked for again and again; one that did not come is.
    assert len(checked(case)) == 1
    table: list[tuple[str, dict[str, Any]]] = [
        ("status", {"status": 404}),
        ("status", {"status": 429, "retry_after": 3600}),
        ("status", {"status": 500}),
        ("html", {}),
        ("empty", {}),
        # aiohttp by itself repeats a GET on a connection that was kept open.
        ("drop_before", {"count": 2}),
    ]
    for kind, options in table:
        case.simulator.reset()
        case.fault(CHECK, kind, **options)
        await case.send(BELA, **ELSE_SMS)
        assert case.channels == ["whatsapp"], kind
    case.simulator.reset()
    await case.send(BELA, **ELSE_SMS)
    assert len(checked(case)) == 1


async def test_no_more_answers_are_remembered_than_a_home_needs(case: Case, monkeypatch: Patch) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.fallback.REMEMBERED_AT_MOST", 2)
    for number in (ANNA, BELA, CECIL, CECIL, BELA, ANNA):
        await case.send(number, **ELSE_SMS)
    assert checked(case) == [ANNA[1:], BELA[1:], CECIL[1:], ANNA[1:]]


async def test_beyond_the_limit_nothing_is_checked(case: Case) -> None:
    """A loop costs nothing beyond it, also where the service can't tell."""
    case.fault(CHECK, "status", status=500, count=1000)
    sends = (case.send(**ELSE_SMS) for _ in range(40))
    outcomes = await asyncio.gather(*sends, return_exceptions=True)
    assert sum(isinstance(result, list) for result in outcomes) == 20
    assert len(checked(case)) == 1


# Refused by WhatsApp: an SMS in the same action.


async def test_a_message_that_whatsapp_refuses_is_an_sms_in_the_same_action(case: Case) -> None:
    await case.add_contact("Anna", ANNA, "whatsapp_else_sms")
    case.refuse_whatsapp()
    (row,) = await case.send("Anna")
    assert [fields["sendsms"] for fields in case.requests()] == ["0", "1"]
    (sent,) = case.sent
    assert (row["channel"], row["message_id"], row["contact"]) == ("sms", sent.guid, "Anna")
    assert (row["parts"], row["alphabet"]) == (1, "GSM-7")
    assert case.sent_in_a_day == 1
    # What says that the phone is offline may mean its WhatsApp: an alarm must not end there.
    case.service.whatsapp_numbers = None
    for result in (
        {"error": 2},
        {"error": 0, "sent": "0", "note": "the mobile is not connected to WhatsApp"},
    ):
        case.fault(SEND, "nonsense", body={"result": result})
        (row,) = await case.send("Anna")
        assert row["channel"] == "sms"
    # Where the SMS is refused too, nothing counts.
    case.fault(SEND, "nonsense", **REFUSED, count=2)
    err = await case.error_of(**ELSE_SMS)
    assert str(err) == "The service refused: no credit"
    assert case.sent_in_a_day == 3
    case.refuse_whatsapp()
    assert (await case.error_of(channel="whatsapp")).translation_key == "refused"


async def test_where_an_sms_would_not_be_sent_either_or_whatsapp_may_have_it_there_is_none(
    case: Case,
) -> None:
    table: list[tuple[str, dict[str, Any], str]] = [
        ("status", {"status": 403}, "invalid_auth"),
        ("status", {"status": 403, "error": "api_expired"}, "subscription_expired"),
        ("status", {"status": 429, "retry_after": 3600}, "rate_limited"),
        ("status", {"status": 503, "count": 4}, "cannot_connect"),
        ("drop_after", {}, "may_have_been_sent"),
        ("drop_before", {}, "may_have_been_sent"),
    ]
    for kind, options, key in table:
        case.simulator.reset()
        case.fault(SEND, kind, **options)
        case.fault(LOG, "status", status=500, count=5)
        assert (await case.error_of(**ELSE_SMS)).translation_key == key
        assert {fields["sendsms"] for fields in case.requests()} == {"0"}
    assert case.sent_in_a_day == 2
    case.simulator.reset()
    case.fault(SEND, "drop_after")
    (row,) = await case.send(**ELSE_SMS)
    assert row["channel"] == "whatsapp"
    assert case.channels == ["whatsapp"]


# Failed on its way: an SMS in its place.


async def test_a_message_that_is_reported_as_failed_becomes_an_sms(hooked: Case, events: Events) -> None:
    await hooked.add_contact("Anna", ANNA, "whatsapp_else_sms")
    failed = await send_and_fail(hooked, recipients="Anna")
    _, sms = hooked.sent
    assert (sms.channel, sms.recipient, sms.fields["message"]) == ("sms", ANNA, TEXT)
    assert statuses(events) == [FAILED]
    await hooked.report(sms, "sent")
    assert statuses(events) == [FAILED, SENT]
    assert [event.data["message_id"] for event in events] == [failed, sms.guid]
    assert {(event.data["contact"], event.data["recipient"]) for event in events} == {("Anna", ANNA)}
    assert [event.data["error"] for event in events] == ["NOT_ON_WHATSAPP", None]
    assert hooked.sent_in_a_day == 2


async def test_a_message_that_the_log_has_as_failed_becomes_an_sms(
    case: Case, freezer: Clock, events: Events
) -> None:
    case.service.whatsapp_delivery_error = "NOT_ON_WHATSAPP"
    await case.send(**ELSE_SMS)
    for _ in range(3):
        await case.pass_time(freezer, seconds=5)
    await case.pass_time(freezer, hours=2)
    assert case.channels == ["whatsapp", "sms"]
    assert statuses(events) == [FAILED, SENT]


async def test_it_is_one_sms_however_often_it_is_reported_and_none_where_it_was_sent(
    hooked: Case, freezer: Clock, monkeypatch: Patch
) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.fallback.REMEMBERED_AT_MOST", 1)
    for _ in range(2):
        await send_and_fail(hooked)
    for status in ("failed", "sent", "failed"):
        await hooked.report(hooked.sent[0], status, "NO_SERVICE")
        await hooked.settle()
    await hooked.reload()
    for sent in hooked.sent[::2]:
        await hooked.report(sent, "failed", "NO_SERVICE")
    await hooked.pass_time(freezer, hours=2)
    assert hooked.channels == ["whatsapp", "sms"] * 2
    # The service may change its mind afterwards; and by WhatsApp alone there is no SMS.
    for data in (ELSE_SMS, {"channel": "whatsapp"}, {"channel": "both"}):
        hooked.sent.clear()
        await hooked.send(**data)
        before = hooked.channels
        if data is ELSE_SMS:
            await hooked.report(hooked.sent[-1], "sent")
        await hooked.report(hooked.sent[-1], "failed", "NO_SERVICE")
        await hooked.settle()
        assert hooked.channels == before


async def test_a_report_long_after_or_before_the_answer_is_followed_by_an_sms_too(
    hooked: Case, freezer: Clock, events: Events, monkeypatch: Patch
) -> None:
    """Its phone was off for an hour, or faster than the answer."""
    hooked.service.delivery_delay = LONG
    await hooked.send(**ELSE_SMS)
    for _ in range(10):
        await hooked.pass_time(freezer, hours=1)
    assert statuses(events) == [("whatsapp", "unknown")]
    assert hooked.channels == ["whatsapp"]
    await hooked.report(hooked.sent[0], "failed", "NO_SERVICE")
    await hooked.settle()
    assert hooked.channels == ["whatsapp", "sms"]
    gate = hooked.gate(monkeypatch)
    sending = asyncio.create_task(hooked.send(**ELSE_SMS))
    await gate.is_reached()
    await hooked.report(hooked.sent[2], "failed", "NO_SERVICE")
    gate.open()
    (row,) = await sending
    await hooked.settle()
    assert row["message_id"] == hooked.sent[2].guid
    assert hooked.channels == ["whatsapp", "sms"] * 2


async def test_a_report_days_later_is_not_followed_by_an_sms(
    hooked: Case, freezer: Clock, events: Events
) -> None:
    hooked.service.delivery_delay = LONG
    await hooked.send(**ELSE_SMS)
    await hooked.pass_time(freezer, days=1, minutes=1)
    await hooked.report(hooked.sent[0], "failed", "NO_SERVICE")
    await hooked.settle()
    await hooked.pass_time(freezer, seconds=1)
    assert hooked.channels == ["whatsapp"]
    assert [event.data["error"] for event in events] == ["NO_SERVICE", "expired"]
    assert hooked.sent_in_a_day == 0


@pytest.mark.parametrize("sms_after", ["24:00:00", "00:05:00"])
async def test_an_sms_that_is_due_while_home_assistant_is_down_is_sent_for_a_day(
    hooked: Case, freezer: Clock, sms_after: str
) -> None:
    hooked.service.delivery_delay = LONG
    await hooked.send(sms_after=sms_after, **ELSE_SMS)
    await hooked.unload()
    freezer.tick(timedelta(hours=24, minutes=4))
    await hooked.set_up()
    await hooked.pass_time(freezer, seconds=1)
    assert hooked.channels == ["whatsapp", "sms"]


async def test_the_sms_is_sent_as_the_action_asked_but_for_what_an_sms_does_not_have(hooked: Case) -> None:
    hooked.service.phones.append(Phone(sid="phone-2", label="Kitchen"))
    phones = await hooked.account.runtime_data.client.verify_credentials(zone=dt_util.get_default_time_zone())
    hooked.account.runtime_data.phones.update(phones)
    how = {"phone": "Kitchen", "sim": 2, "short_links": True, "encrypt": True}
    await send_and_fail(hooked, **how, media_url="https://example.com/cat.jpg")
    by_whatsapp, by_sms = hooked.requests()
    assert by_whatsapp["url_media"] == "https://example.com/cat.jpg"
    kept = {"sIdentifiant": "phone-2", "port": "2", "shorturl": "1", "encrypt_message": "yes"}
    assert {name: by_sms.get(name) for name in kept} == kept
    assert by_sms["recipients"] == ANNA and by_sms["message"] == TEXT
    assert not {"url_media", "sendwa", "waonly", "schedule_timestamp"} & by_sms.keys()


@pytest.mark.parametrize("fails_at_once", [True, False])
async def test_the_sms_does_not_go_before_its_time(
    hooked: Case, freezer: Clock, events: Events, fails_at_once: bool
) -> None:
    freezer.move_to(NOON)
    if fails_at_once:
        await send_and_fail(hooked, send_at=SIX)
    else:
        hooked.service.whatsapp_delivery_error = "NO_SERVICE"
        await hooked.send(**ELSE_SMS, send_at=SIX)
    await hooked.pass_time(freezer, hours=6, seconds=5)
    assert [message.scheduled for message in hooked.sent] == [
        SIX_SECOND,
        SIX_SECOND if fails_at_once else None,
    ]
    await hooked.pass_time(freezer, seconds=5)
    assert statuses(events) == [FAILED, SENT]


# The limits.


async def test_an_sms_beyond_a_limit_waits_until_it_may_be_sent(hooked: Case, freezer: Clock) -> None:
    await hooked.set_options(messages_per_minute=1)
    await send_and_fail(hooked)
    await hooked.pass_time(freezer, seconds=40)
    assert hooked.channels == ["whatsapp"]
    await hooked.pass_time(freezer, seconds=25)
    await until(lambda: len(hooked.sent) == 2)
    assert hooked.channels == ["whatsapp", "sms"]
    await hooked.set_options(messages_per_day=2 * (hooked.sent_in_a_day + 1))
    await send_and_fail(hooked)
    await hooked.pass_time(freezer, minutes=10)
    assert hooked.channels == ["whatsapp", "sms", "whatsapp"]
    await hooked.set_options(messages_per_day=100)
    await hooked.pass_time(freezer, minutes=2)
    assert hooked.channels == ["whatsapp", "sms", "whatsapp", "sms"]


async def test_an_sms_that_is_refused_does_not_count_is_reported_and_not_tried_again(
    hooked: Case, caplog: Log, events: Events
) -> None:
    await hooked.send(**ELSE_SMS)
    body = {"result": {"error": 0, "sent": "0", "note": f"no credit for {ANNA}: {TEXT}"}}
    hooked.fault(SEND, "nonsense", body=body)
    caplog.clear()
    await hooked.report(hooked.sent[0], "failed", "NO_SERVICE")
    await hooked.settle()
    assert len(hooked.requests()) == 2
    assert hooked.sent_in_a_day == 1
    assert statuses(events) == [FAILED, ("sms", "failed")]
    assert "no credit" in events[1].data["error"]
    hooked.assert_private([*our_lines(caplog), events[1].data["error"]])
    await hooked.reload()
    assert len(hooked.requests()) == 2


async def test_an_sms_that_is_too_long_for_any_limit_is_reported(hooked: Case, events: Events) -> None:
    await hooked.set_options(messages_per_minute=2)
    await send_and_fail(hooked, message="ő" * 200)
    assert hooked.channels == ["whatsapp"]
    assert [(event.data["channel"], event.data["error"]) for event in events] == [
        ("whatsapp", "NOT_ON_WHATSAPP"),
        ("sms", "limit"),
    ]


# Not sent in time.


@pytest.mark.parametrize("what", ["nothing comes", "report", "log", "reload"])
async def test_what_was_not_sent_in_time_goes_by_sms(hooked: Case, freezer: Clock, what: str) -> None:
    hooked.service.delivery_delay = 250 if what == "log" else LONG
    await hooked.send(sms_after="00:05:00", **ELSE_SMS)
    await hooked.pass_time(freezer, minutes=4)
    if what == "reload":
        await hooked.reload()
    if what == "report":
        await hooked.report(hooked.sent[0], "sent")
    await hooked.pass_time(freezer, seconds=59)
    assert hooked.channels == ["whatsapp"]
    await hooked.pass_time(freezer, seconds=2)
    is_late = what in {"nothing comes", "reload"}
    assert hooked.channels == ["whatsapp"] + ["sms"] * is_late
    # A failure now brings no second one.
    if is_late:
        await hooked.report(hooked.sent[0], "failed", "NO_SERVICE")
        await hooked.pass_time(freezer, minutes=10)
        assert hooked.channels == ["whatsapp", "sms"]


async def test_the_time_may_be_longer_than_that_of_the_look_ups(hooked: Case, freezer: Clock) -> None:
    hooked.service.delivery_delay = LONG
    await hooked.send(sms_after="03:00:00", **ELSE_SMS)
    for _ in range(17):
        await hooked.pass_time(freezer, minutes=10)
    assert hooked.channels == ["whatsapp"]
    await hooked.reload()
    await hooked.pass_time(freezer, minutes=11)
    assert hooked.channels == ["whatsapp", "sms"]


async def test_where_the_service_can_not_say_who_has_whatsapp_only_one_waits_for_it(roomy: Case) -> None:
    roomy.fault(CHECK, "status", status=500, count=1)
    rows = await asyncio.gather(*(roomy.send(message=f"{number}", **ELSE_SMS) for number in range(6)))
    assert {row["channel"] for (row,) in rows} == {"whatsapp"}
    assert len(checked(roomy)) == 1


# Over a reload, a restart, a kill.


async def test_a_reload_or_a_stop_in_the_middle_waits_for_the_sms(
    hooked: Case, events: Events, monkeypatch: Patch
) -> None:
    for stop in (
        hooked.home.config_entries.async_reload(hooked.account.entry_id),
        hooked.home.async_stop(force=True),
    ):
        hooked.sent.clear()
        events.clear()
        await hooked.send(**ELSE_SMS)
        with monkeypatch.context() as patched:
            gate = hooked.gate(patched)
            await hooked.report(hooked.sent[0], "failed", "NO_SERVICE")
            await gate.is_reached()
            stopping = asyncio.create_task(stop)
            await moments()
            assert not stopping.done()
            gate.open()
            await stopping
        assert hooked.channels == ["whatsapp", "sms"]
        if hooked.home.is_running:
            await hooked.settle()
            await hooked.report(hooked.sent[1], "sent")
            assert statuses(events) == [FAILED, SENT]


async def test_a_kill_between_report_and_sms_loses_nothing(
    hooked: Case, freezer: Clock, events: Events, monkeypatch: Patch
) -> None:
    do_not_wait(monkeypatch)
    await hooked.add_contact("Anna", ANNA, "whatsapp_else_sms")
    await fail_unsent(hooked, recipients="Anna")
    assert hooked.channels == ["whatsapp"]
    for _ in range(3):
        await hooked.kill()
        await hooked.pass_time(freezer, seconds=2)
    assert hooked.channels == ["whatsapp", "sms"]
    assert (hooked.sent[1].recipient, hooked.sent[1].fields["message"]) == (ANNA, TEXT)
    await hooked.pass_time(freezer, seconds=15)
    assert statuses(events) == [FAILED, SENT]
    assert events[1].data["contact"] == "Anna"


async def test_a_kill_while_the_sms_is_sent_sends_one_where_the_log_has_it(
    hooked: Case, freezer: Clock, events: Events, monkeypatch: Patch
) -> None:
    do_not_wait(monkeypatch)
    # Another SMS with the same text, which is none in its place.
    (before,) = await hooked.send(channel="sms")
    await fail_unsent(hooked)
    hooked.other_message()
    await hooked.kill()
    await hooked.pass_time(freezer, seconds=1)
    assert hooked.channels == ["sms", "whatsapp", "sms"]
    await hooked.report(hooked.sent[2], "sent")
    assert statuses(events) == [FAILED, SENT]
    assert events[1].data["message_id"] == "other" != before["message_id"]


@pytest.mark.parametrize("how", ["log is unreadable", "text is encrypted", "a day has passed"])
async def test_after_a_kill_no_sms_is_sent_that_may_have_been_sent_or_is_too_late(
    hooked: Case, freezer: Clock, events: Events, monkeypatch: Patch, how: str
) -> None:
    do_not_wait(monkeypatch)
    await fail_unsent(hooked, encrypt=how == "text is encrypted")
    if how == "log is unreadable":
        hooked.fault(LOG, "status", status=500, count=9_000)
    if how == "a day has passed":
        freezer.tick(timedelta(days=1, minutes=1))
    await hooked.kill()
    await hooked.pass_time(freezer, minutes=11)
    await hooked.pass_time(freezer, days=1)
    assert hooked.channels == ["whatsapp"]
    assert statuses(events) == [FAILED, ("sms", "unknown")]
    assert events[1].data["error"] == "may_have_been_sent"


async def test_a_message_that_failed_while_home_assistant_was_down_becomes_an_sms(
    case: Case, freezer: Clock, events: Events
) -> None:
    case.service.delivery_delay, case.service.whatsapp_delivery_error = 60, "NO_SERVICE"
    await case.send(**ELSE_SMS)
    await case.unload()
    freezer.tick(timedelta(minutes=10))
    case.service.delivery_delay = 0
    await case.set_up()
    for _ in range(2):
        await case.pass_time(freezer, seconds=5)
    assert statuses(events) == [FAILED, SENT]
    assert case.channels == ["whatsapp", "sms"]


async def test_the_text_is_not_kept_for_longer_than_it_is_needed(hooked: Case) -> None:
    async def rows() -> list[str]:
        database = hooked.account.runtime_data.database
        await database.flush()
        return await database.load(
            lambda connection: [data for (data,) in connection.execute("select data from messages")], ["?"]
        )

    await send_and_fail(hooked)
    await hooked.send(**ELSE_SMS)
    assert [TEXT in row for row in await rows()] == [False, False, True]
    await hooked.report(hooked.sent[-1], "sent")
    assert [TEXT in row for row in await rows()] == [False] * 3


# Waiting for it.


def wait_for_report(case: Case, seconds: float = 60) -> asyncio.Task[list[Row]]:
    return asyncio.create_task(case.send(wait_for_report=seconds, **ELSE_SMS))


async def test_an_action_that_waits_gets_the_sms(hooked: Case) -> None:
    waiting = wait_for_report(hooked)
    await until(lambda: hooked.pending)
    await hooked.report(hooked.sent[0], "failed", "NOT_ON_WHATSAPP")
    await until(lambda: hooked.pending)
    assert not waiting.done()
    await hooked.report(hooked.sent[1], "sent")
    (row,) = await waiting
    assert row["message_id"] == hooked.sent[1].guid
    assert (row["channel"], row["status"], row["parts"], row["alphabet"]) == ("sms", "sent", 1, "GSM-7")


async def test_an_action_that_waits_raises_why_there_is_no_sms_or_why_it_failed(hooked: Case) -> None:
    table: list[tuple[str, dict[str, Any], str]] = [
        ("nonsense", REFUSED, "refused"),
        ("nonsense", {"body": {"result": {"error": 2}}}, "phone_offline"),
        ("status", {"status": 403}, "invalid_auth"),
        ("drop_before", {"count": 2}, "may_have_been_sent"),
        ("delay", {"seconds": 0}, "report_failed"),
    ]
    for kind, options, key in table:
        hooked.simulator.reset()
        waiting = asyncio.create_task(hooked.error_of(wait_for_report=60, **ELSE_SMS))
        await until(lambda: hooked.pending)
        hooked.fault(SEND, kind, **options)
        await hooked.report(hooked.sent[0], "failed", "NOT_ON_WHATSAPP")
        if key == "report_failed":
            await until(lambda: hooked.pending)
            await hooked.report(hooked.sent[1], "failed", f"NO_SERVICE for {ANNA}: {TEXT}")
        err = await waiting
        assert err.translation_key == key
        hooked.assert_private([], err)


async def test_an_action_that_waits_is_told_that_its_sms_was_interrupted(
    hooked: Case, monkeypatch: Patch
) -> None:
    """An error, and not a cancellation, which would end the automation in silence."""
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.jobs.STOPS_WITHIN", 0.1)
    sending = asyncio.create_task(hooked.outcome(wait_for_report=60, **ELSE_SMS))
    await until(lambda: hooked.pending)
    gate = hooked.gate(monkeypatch)
    await hooked.report(hooked.sent[0], "failed", "NO_SERVICE")
    await gate.is_reached()
    await hooked.home.config_entries.async_reload(hooked.account.entry_id)
    assert await sending == "may_have_been_sent"
    gate.open()


async def test_an_action_does_not_wait_for_longer_than_it_says_and_never_answers_failed(
    hooked: Case, monkeypatch: Patch
) -> None:
    """The row is the SMS where it was accepted by then, else the WhatsApp message, whose SMS is on its way."""
    waiting = wait_for_report(hooked, 1)
    await until(lambda: hooked.pending)
    await hooked.report(hooked.sent[0], "failed", "NOT_ON_WHATSAPP")
    (row,) = await waiting
    assert (row["channel"], row["status"]) == ("sms", "accepted")
    waiting = wait_for_report(hooked, 1)
    await until(lambda: len(hooked.sent) == 3 and hooked.pending == 2)
    gate = hooked.gate(monkeypatch)
    await hooked.report(hooked.sent[2], "failed", "NO_SERVICE")
    (row,) = await waiting
    assert (row["channel"], row["status"]) == ("whatsapp", "accepted")
    gate.open()


# Many, and again.


async def test_a_message_that_is_sent_again_and_fails_again_is_no_second_sms(hooked: Case) -> None:
    failed = await send_and_fail(hooked)
    await hooked.resend(failed)
    hooked.sent[0].error = "NO_SERVICE"
    await hooked.simulator.deliver_v2(
        hooked.service, "whatsapp.failed", {**report_data(hooked.sent[0]), "attempt": 2}
    )
    await hooked.settle()
    assert hooked.channels == ["whatsapp", "sms"]


async def test_many_fall_back_each_once(hooked: Case, events: Events) -> None:
    """The service reports by itself, and before some of its answers."""
    await hooked.set_options(**HIGH_LIMITS)
    hooked.service.report_by_webhook, hooked.service.whatsapp_delivery_error = True, "NOT_ON_WHATSAPP"
    everybody = [f"+36301{number:06}" for number in range(15)]
    await hooked.send(everybody, **ELSE_SMS)
    await until(lambda: len(events) == 30)
    await hooked.settle()
    assert sorted(statuses(events)) == [SENT] * 15 + [FAILED] * 15
    assert sorted(sent.recipient for sent in hooked.sent if sent.channel == "sms") == everybody
