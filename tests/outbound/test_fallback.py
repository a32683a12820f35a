"""WhatsApp, else SMS: who has WhatsApp is asked once a day, and a WhatsApp message that fails becomes one SMS, never two."""

import asyncio
from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from simulator import Account, Phone, Simulator, report_data

from ..conftest import add_contact, settle
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
    Clock,
    Entry,
    Events,
    Gate,
    Log,
    Patch,
    Row,
    act,
    assert_private,
    channels,
    do_not_wait,
    error_of,
    hide_whatsapp,
    kill,
    moments,
    other_message,
    our_lines,
    pass_time,
    refuse_whatsapp,
    reload,
    report,
    requests,
    resend,
    send,
    sent_in_a_day,
    set_options,
    set_whatsapp,
    statuses,
    until,
    warnings,
)

FAILED = ("whatsapp", "failed")
SENT = ("sms", "sent")


def checked(service_account: Account) -> list[str]:
    """Return the numbers of which the service was asked whether they have WhatsApp."""
    return [fields["recipients"] for fields in requests(service_account, CHECK)]


async def send_and_fail(home: HomeAssistant, simulator: Simulator, hooked: Account, **data: Any) -> str:
    """Have a WhatsApp message accepted and then failed; return its id."""
    (row,) = await send(home, **{**ELSE_SMS, **data})
    assert (row["channel"], row["status"]) == ("whatsapp", "accepted")
    await report(simulator, hooked, hooked.sent[-1], "failed", "NOT_ON_WHATSAPP")
    await settle(home)
    message_id: str = row["message_id"]
    return message_id


async def fail_unsent(
    home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account, **data: Any
) -> None:
    """Have a WhatsApp message fail whose SMS does not reach the service, and all of this in the database."""
    await send(home, **{**ELSE_SMS, **data})
    asked = len(requests(hooked))
    simulator.fault(SEND, "delay", seconds=LONG)
    await report(simulator, hooked, hooked.sent[-1], "failed", "NO_SERVICE")
    await until(lambda: len(requests(hooked)) > asked)
    await account.runtime_data.database.flush()


# Who has WhatsApp.


@pytest.mark.usefixtures("account")
async def test_each_number_gets_it_by_what_it_has(home: HomeAssistant, service_account: Account) -> None:
    for answer in ("contact", "result"):
        service_account.check_format = answer  # type: ignore[assignment]  # one of its values
        numbers = [f"+3630{answer == 'result':d}{number:06}" for number in range(4)]
        set_whatsapp(service_account, *numbers[::2])
        rows = await send(home, [*numbers, "1770"], **ELSE_SMS)
        assert [row["recipient"] for row in rows] == [*numbers, "1770"]
        assert [row["channel"] for row in rows] == ["whatsapp", "sms"] * 2 + ["sms"]
        assert [row["alphabet"] for row in rows] == [None, "GSM-7"] * 2 + ["GSM-7"]
    # A short code has none.
    assert len(checked(service_account)) == 8


async def test_a_number_is_checked_once_a_day_and_only_for_the_fallback(
    home: HomeAssistant, freezer: Clock, account: Entry, service_account: Account
) -> None:
    await add_contact(home, account, "Anna", ANNA, "whatsapp_else_sms")
    for channel in ("sms", "whatsapp", "both"):
        await send(home, channel=channel)
    assert checked(service_account) == []
    service_account.sent.clear()
    set_whatsapp(service_account)
    for recipient in ("Anna", ANNA, "06 30 123 4567", 36301234567):
        await send(home, recipient, **ELSE_SMS)
    await send(home, BELA, **ELSE_SMS)
    assert checked(service_account) == [ANNA[1:], BELA[1:]]
    # They got it since.
    set_whatsapp(service_account, ANNA, BELA)
    freezer.tick(timedelta(hours=24, seconds=-1))
    await send(home, ANNA, **ELSE_SMS)
    freezer.tick(timedelta(seconds=1))
    await send(home, ANNA, **ELSE_SMS)
    assert channels(service_account) == ["sms"] * 6 + ["whatsapp"]
    # What the user asks counts from then on.
    await act(home, "check_whatsapp", recipients=BELA)
    await send(home, BELA, **ELSE_SMS)
    assert channels(service_account)[-1] == "whatsapp"
    assert len(checked(service_account)) == 4


async def test_of_many_at_once_only_the_first_checks(
    home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account
) -> None:
    await set_options(home, account, **HIGH_LIMITS)
    set_whatsapp(service_account)
    simulator.fault(CHECK, "delay", seconds=0.05, count=100)
    await asyncio.gather(*(send(home, message=f"Part {number}", **ELSE_SMS) for number in range(10)))
    assert channels(service_account) == ["sms"] * 10
    assert len(checked(service_account)) == 1


@pytest.mark.usefixtures("account")
async def test_where_it_is_not_known_whatsapp_is_tried(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    hide_whatsapp(service_account)
    for _ in range(2):
        await send(home, **ELSE_SMS)
    # An answer that does not say it is not asked for again and again; one that did not come is.
    assert len(checked(service_account)) == 1
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
        simulator.reset()
        simulator.fault(CHECK, kind, **options)
        await send(home, BELA, **ELSE_SMS)
        assert channels(service_account) == ["whatsapp"], kind
    simulator.reset()
    await send(home, BELA, **ELSE_SMS)
    assert len(checked(service_account)) == 1


@pytest.mark.usefixtures("account")
async def test_no_more_answers_are_remembered_than_a_home_needs(
    home: HomeAssistant, monkeypatch: Patch, service_account: Account
) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.fallback.REMEMBERED_AT_MOST", 2)
    for number in (ANNA, BELA, CECIL, CECIL, BELA, ANNA):
        await send(home, number, **ELSE_SMS)
    assert checked(service_account) == [ANNA[1:], BELA[1:], CECIL[1:], ANNA[1:]]


@pytest.mark.usefixtures("account")
async def test_beyond_the_limit_nothing_is_checked(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    """A loop costs nothing beyond it, also where the service can't tell."""
    simulator.fault(CHECK, "status", status=500, count=1000)
    sends = (send(home, **ELSE_SMS) for _ in range(40))
    outcomes = await asyncio.gather(*sends, return_exceptions=True)
    assert sum(isinstance(result, list) for result in outcomes) == 20
    assert len(checked(service_account)) == 20


# Refused by WhatsApp: an SMS in the same action.


async def test_a_message_that_whatsapp_refuses_is_an_sms_in_the_same_action(
    home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account
) -> None:
    await add_contact(home, account, "Anna", ANNA, "whatsapp_else_sms")
    refuse_whatsapp(service_account)
    (row,) = await send(home, "Anna")
    assert [fields["sendsms"] for fields in requests(service_account)] == ["0", "1"]
    (sent,) = service_account.sent
    assert (row["channel"], row["message_id"], row["contact"]) == ("sms", sent.guid, "Anna")
    assert (row["parts"], row["alphabet"]) == (1, "GSM-7")
    assert sent_in_a_day(account) == 1
    # What says that the phone is offline may mean its WhatsApp: an alarm must not end there.
    service_account.whatsapp_numbers = None
    for result in (
        {"error": 2},
        {"error": 0, "sent": "0", "note": "the mobile is not connected to WhatsApp"},
    ):
        simulator.fault(SEND, "nonsense", body={"result": result})
        (row,) = await send(home, "Anna")
        assert row["channel"] == "sms"
    # Where the SMS is refused too, nothing counts.
    simulator.fault(SEND, "nonsense", **REFUSED, count=2)
    err = await error_of(home, **ELSE_SMS)
    assert str(err) == "The service refused: no credit"
    assert sent_in_a_day(account) == 3
    refuse_whatsapp(service_account)
    assert (await error_of(home, channel="whatsapp")).translation_key == "refused"


async def test_where_an_sms_would_not_be_sent_either_or_whatsapp_may_have_it_there_is_none(
    home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account
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
        simulator.reset()
        simulator.fault(SEND, kind, **options)
        simulator.fault(LOG, "status", status=500)
        assert (await error_of(home, **ELSE_SMS)).translation_key == key
        assert {fields["sendsms"] for fields in requests(service_account)} == {"0"}
    assert sent_in_a_day(account) == 2
    simulator.reset()
    simulator.fault(SEND, "drop_after")
    (row,) = await send(home, **ELSE_SMS)
    assert row["channel"] == "whatsapp"
    assert channels(service_account) == ["whatsapp"]


# Failed on its way: an SMS in its place.


async def test_a_message_that_is_reported_as_failed_becomes_an_sms(
    home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account, events: Events
) -> None:
    await add_contact(home, account, "Anna", ANNA, "whatsapp_else_sms")
    failed = await send_and_fail(home, simulator, hooked, recipients="Anna")
    _, sms = hooked.sent
    assert (sms.channel, sms.recipient, sms.fields["message"]) == ("sms", ANNA, TEXT)
    assert statuses(events) == [FAILED]
    await report(simulator, hooked, sms, "sent")
    assert statuses(events) == [FAILED, SENT]
    assert [event.data["message_id"] for event in events] == [failed, sms.guid]
    assert {(event.data["contact"], event.data["recipient"]) for event in events} == {("Anna", ANNA)}
    assert [event.data["error"] for event in events] == ["NOT_ON_WHATSAPP", None]
    assert sent_in_a_day(account) == 2


@pytest.mark.usefixtures("account")
async def test_a_message_that_the_log_has_as_failed_becomes_an_sms(
    freezer: Clock, home: HomeAssistant, service_account: Account, events: Events
) -> None:
    service_account.whatsapp_delivery_error = "NOT_ON_WHATSAPP"
    await send(home, **ELSE_SMS)
    for _ in range(3):
        await pass_time(home, freezer, seconds=5)
    await pass_time(home, freezer, hours=2)
    assert channels(service_account) == ["whatsapp", "sms"]
    assert statuses(events) == [FAILED, SENT]


async def test_it_is_one_sms_however_often_it_is_reported_and_none_where_it_was_sent(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    hooked: Account,
    monkeypatch: Patch,
) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.fallback.REMEMBERED_AT_MOST", 1)
    for _ in range(2):
        await send_and_fail(home, simulator, hooked)
    for status in ("failed", "sent", "failed"):
        await report(simulator, hooked, hooked.sent[0], status, "NO_SERVICE")
        await settle(home)
    await reload(home, account)
    for sent in hooked.sent[::2]:
        await report(simulator, hooked, sent, "failed", "NO_SERVICE")
    await pass_time(home, freezer, hours=2)
    assert channels(hooked) == ["whatsapp", "sms"] * 2
    # The service may change its mind afterwards; and by WhatsApp alone there is no SMS.
    for data in (ELSE_SMS, {"channel": "whatsapp"}, {"channel": "both"}):
        hooked.sent.clear()
        await send(home, **data)
        before = channels(hooked)
        if data is ELSE_SMS:
            await report(simulator, hooked, hooked.sent[-1], "sent")
        await report(simulator, hooked, hooked.sent[-1], "failed", "NO_SERVICE")
        await settle(home)
        assert channels(hooked) == before


async def test_a_report_long_after_or_before_the_answer_is_followed_by_an_sms_too(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    hooked: Account,
    events: Events,
    monkeypatch: Patch,
) -> None:
    """Its phone was off for an hour, or faster than the answer."""
    hooked.delivery_delay = LONG
    await send(home, **ELSE_SMS)
    for _ in range(10):
        await pass_time(home, freezer, hours=1)
    assert statuses(events) == [("whatsapp", "unknown")]
    assert channels(hooked) == ["whatsapp"]
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    await settle(home)
    assert channels(hooked) == ["whatsapp", "sms"]
    gate = Gate(simulator, monkeypatch, SEND)
    sending = asyncio.create_task(send(home, **ELSE_SMS))
    await gate.is_reached()
    await report(simulator, hooked, hooked.sent[2], "failed", "NO_SERVICE")
    gate.open()
    (row,) = await sending
    await settle(home)
    assert row["message_id"] == hooked.sent[2].guid
    assert channels(hooked) == ["whatsapp", "sms"] * 2


async def test_the_sms_is_sent_as_the_action_asked_but_for_what_an_sms_does_not_have(
    home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account
) -> None:
    hooked.phones.append(Phone(sid="phone-2", label="Kitchen"))
    phones = await account.runtime_data.client.verify_credentials(zone=dt_util.get_default_time_zone())
    account.runtime_data.coordinator.update_phones(phones, dt_util.utcnow())
    how = {"phone": "Kitchen", "sim": 2, "short_links": True, "encrypt": True}
    await send_and_fail(home, simulator, hooked, **how, media_url="https://example.com/cat.jpg")
    by_whatsapp, by_sms = requests(hooked)
    assert by_whatsapp["url_media"] == "https://example.com/cat.jpg"
    kept = {"sIdentifiant": "phone-2", "port": "2", "shorturl": "1", "encrypt_message": "yes"}
    assert {name: by_sms.get(name) for name in kept} == kept
    assert by_sms["recipients"] == ANNA and by_sms["message"] == TEXT
    assert not {"url_media", "sendwa", "waonly", "schedule_timestamp"} & by_sms.keys()


@pytest.mark.parametrize("fails_at_once", [True, False])
async def test_the_sms_does_not_go_before_its_time(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    hooked: Account,
    events: Events,
    fails_at_once: bool,
) -> None:
    freezer.move_to(NOON)
    if fails_at_once:
        await send_and_fail(home, simulator, hooked, send_at=SIX)
    else:
        hooked.whatsapp_delivery_error = "NO_SERVICE"
        await send(home, **ELSE_SMS, send_at=SIX)
    await pass_time(home, freezer, hours=6, seconds=5)
    assert [message.scheduled for message in hooked.sent] == [
        SIX_SECOND,
        SIX_SECOND if fails_at_once else None,
    ]
    await pass_time(home, freezer, seconds=5)
    assert statuses(events) == [FAILED, SENT]


# The limits.


async def test_the_limit_of_a_minute_lets_the_sms_pass_and_that_of_a_day_does_not(
    home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account, caplog: Log
) -> None:
    await set_options(home, account, messages_per_minute=1, messages_per_day=2)
    await send_and_fail(home, simulator, hooked)
    assert channels(hooked) == ["whatsapp", "sms"]
    await set_options(home, account, messages_per_minute=3, messages_per_day=3)
    caplog.clear()
    await send_and_fail(home, simulator, hooked)
    assert channels(hooked) == ["whatsapp", "sms", "whatsapp"]
    about_limit, about_fallback = warnings(caplog)
    assert "limit of 3 messages a day" in about_limit
    assert "limit_day" in about_fallback


async def test_an_sms_that_is_refused_does_not_count_is_logged_and_not_tried_again(
    home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account, caplog: Log
) -> None:
    await send(home, **ELSE_SMS)
    body = {"result": {"error": 0, "sent": "0", "note": f"no credit for {ANNA}: {TEXT}"}}
    simulator.fault(SEND, "nonsense", body=body)
    caplog.clear()
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    await settle(home)
    assert len(requests(hooked)) == 2
    assert sent_in_a_day(account) == 1
    (warning,) = warnings(caplog)
    assert "refused" in warning
    assert "credit" not in warning
    assert_private(account, our_lines(caplog))
    await reload(home, account)
    assert len(requests(hooked)) == 2


# Over a reload, a restart, a kill.


async def test_a_reload_or_a_stop_in_the_middle_waits_for_the_sms(
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    hooked: Account,
    events: Events,
    monkeypatch: Patch,
) -> None:
    for stop in (home.config_entries.async_reload(account.entry_id), home.async_stop(force=True)):
        hooked.sent.clear()
        events.clear()
        await send(home, **ELSE_SMS)
        with monkeypatch.context() as patched:
            gate = Gate(simulator, patched, SEND)
            await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
            await gate.is_reached()
            stopping = asyncio.create_task(stop)
            await moments()
            assert not stopping.done()
            gate.open()
            await stopping
        assert channels(hooked) == ["whatsapp", "sms"]
        if home.is_running:
            await report(simulator, hooked, hooked.sent[1], "sent")
            assert statuses(events) == [FAILED, SENT]
        assert account.runtime_data.reports.without_sms == []


async def test_a_kill_between_report_and_sms_loses_nothing(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    hooked: Account,
    events: Events,
    monkeypatch: Patch,
) -> None:
    do_not_wait(monkeypatch)
    await add_contact(home, account, "Anna", ANNA, "whatsapp_else_sms")
    await fail_unsent(home, account, simulator, hooked, recipients="Anna")
    assert channels(hooked) == ["whatsapp"]
    for _ in range(3):
        await kill(home, account)
        await pass_time(home, freezer, seconds=2)
    assert channels(hooked) == ["whatsapp", "sms"]
    assert (hooked.sent[1].recipient, hooked.sent[1].fields["message"]) == (ANNA, TEXT)
    await pass_time(home, freezer, seconds=15)
    assert statuses(events) == [FAILED, SENT]
    assert events[1].data["contact"] == "Anna"


async def test_a_kill_while_the_sms_is_sent_sends_one_where_the_log_has_it(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    hooked: Account,
    events: Events,
    monkeypatch: Patch,
) -> None:
    do_not_wait(monkeypatch)
    # Another SMS with the same text, which is none in its place.
    (before,) = await send(home, channel="sms")
    await fail_unsent(home, account, simulator, hooked)
    other_message(hooked)
    await kill(home, account)
    assert channels(hooked) == ["sms", "whatsapp", "sms"]
    await report(simulator, hooked, hooked.sent[2], "sent")
    assert statuses(events) == [FAILED, SENT]
    assert events[1].data["message_id"] == "other" != before["message_id"]


@pytest.mark.parametrize("how", ["log is unreadable", "text is encrypted", "a day has passed"])
async def test_after_a_kill_no_sms_is_sent_that_may_have_been_sent_or_is_too_late(
    freezer: Clock,
    home: HomeAssistant,
    account: Entry,
    simulator: Simulator,
    hooked: Account,
    caplog: Log,
    monkeypatch: Patch,
    how: str,
) -> None:
    do_not_wait(monkeypatch)
    await fail_unsent(home, account, simulator, hooked, encrypt=how == "text is encrypted")
    if how == "log is unreadable":
        simulator.fault(LOG, "status", status=500, count=9)
    if how == "a day has passed":
        freezer.tick(timedelta(days=1, minutes=1))
    caplog.clear()
    await kill(home, account)
    await pass_time(home, freezer, seconds=2)
    assert channels(hooked) == ["whatsapp"]
    expected = 0 if how == "a day has passed" else 1
    assert len([line for line in warnings(caplog) if "may_have_been_sent" in line]) == expected


async def test_a_message_that_failed_while_home_assistant_was_down_becomes_an_sms(
    freezer: Clock, home: HomeAssistant, account: Entry, service_account: Account, events: Events
) -> None:
    service_account.delivery_delay, service_account.whatsapp_delivery_error = 60, "NO_SERVICE"
    await send(home, **ELSE_SMS)
    await home.config_entries.async_unload(account.entry_id)
    freezer.tick(timedelta(minutes=10))
    service_account.delivery_delay = 0
    await home.config_entries.async_setup(account.entry_id)
    for _ in range(2):
        await pass_time(home, freezer, seconds=5)
    assert statuses(events) == [FAILED, SENT]
    assert channels(service_account) == ["whatsapp", "sms"]


async def test_the_text_is_not_kept_for_longer_than_it_is_needed(
    home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account
) -> None:
    async def rows() -> list[str]:
        database = account.runtime_data.database
        await database.flush()
        return await database.load(
            lambda connection: [data for (data,) in connection.execute("select data from messages")], ["?"]
        )

    await send_and_fail(home, simulator, hooked)
    await send(home, **ELSE_SMS)
    assert [TEXT in row for row in await rows()] == [False, False, True]
    await report(simulator, hooked, hooked.sent[-1], "sent")
    assert [TEXT in row for row in await rows()] == [False] * 3


# Waiting for it.


def wait_for_report(home: HomeAssistant, seconds: float = 60) -> asyncio.Task[list[Row]]:
    return asyncio.create_task(send(home, wait_for_report=seconds, **ELSE_SMS))


async def test_an_action_that_waits_gets_the_sms(
    home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account
) -> None:
    waiting = wait_for_report(home)
    await until(lambda: account.runtime_data.reports.pending)
    await report(simulator, hooked, hooked.sent[0], "failed", "NOT_ON_WHATSAPP")
    await until(lambda: account.runtime_data.reports.pending)
    assert not waiting.done()
    await report(simulator, hooked, hooked.sent[1], "sent")
    (row,) = await waiting
    assert row["message_id"] == hooked.sent[1].guid
    assert (row["channel"], row["status"], row["parts"], row["alphabet"]) == ("sms", "sent", 1, "GSM-7")


async def test_an_action_that_waits_raises_why_there_is_no_sms_or_why_it_failed(
    home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account
) -> None:
    table: list[tuple[str, dict[str, Any], str]] = [
        ("nonsense", REFUSED, "refused"),
        ("nonsense", {"body": {"result": {"error": 2}}}, "phone_offline"),
        ("status", {"status": 403}, "invalid_auth"),
        ("drop_before", {"count": 2}, "may_have_been_sent"),
        ("delay", {"seconds": 0}, "report_failed"),
        ("", {}, "limit_day"),
    ]
    for kind, options, key in table:
        simulator.reset()
        if key == "limit_day":
            await set_options(home, account, messages_per_day=sent_in_a_day(account) + 1)
        waiting = asyncio.create_task(error_of(home, wait_for_report=60, **ELSE_SMS))
        await until(lambda: account.runtime_data.reports.pending)
        if key != "limit_day":
            simulator.fault(SEND, kind, **options)
        await report(simulator, hooked, hooked.sent[0], "failed", "NOT_ON_WHATSAPP")
        if key == "report_failed":
            await until(lambda: account.runtime_data.reports.pending)
            await report(simulator, hooked, hooked.sent[1], "failed", f"NO_SERVICE for {ANNA}: {TEXT}")
        err = await waiting
        assert err.translation_key == key
        assert_private(account, [], err)


async def test_an_action_does_not_wait_for_longer_than_it_says_and_never_answers_failed(
    home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account, monkeypatch: Patch
) -> None:
    """The row is the SMS where it was accepted by then, else the WhatsApp message, whose SMS is on its way."""
    waiting = wait_for_report(home, 1)
    await until(lambda: account.runtime_data.reports.pending)
    await report(simulator, hooked, hooked.sent[0], "failed", "NOT_ON_WHATSAPP")
    (row,) = await waiting
    assert (row["channel"], row["status"]) == ("sms", "accepted")
    waiting = wait_for_report(home, 1)
    await until(lambda: len(hooked.sent) == 3 and account.runtime_data.reports.pending == 2)
    gate = Gate(simulator, monkeypatch, SEND)
    await report(simulator, hooked, hooked.sent[2], "failed", "NO_SERVICE")
    (row,) = await waiting
    assert (row["channel"], row["status"]) == ("whatsapp", "accepted")
    gate.open()


# Many, and again.


async def test_a_message_that_is_sent_again_and_fails_again_is_no_second_sms(
    home: HomeAssistant, account: Entry, simulator: Simulator, hooked: Account
) -> None:
    failed = await send_and_fail(home, simulator, hooked)
    await resend(home, failed)
    hooked.sent[0].error = "NO_SERVICE"
    await simulator.deliver_v2(hooked, "whatsapp.failed", {**report_data(hooked.sent[0]), "attempt": 2})
    await settle(home)
    assert channels(hooked) == ["whatsapp", "sms"]


async def test_many_fall_back_each_once(
    home: HomeAssistant, account: Entry, hooked: Account, events: Events
) -> None:
    """The service reports by itself, and before some of its answers."""
    await set_options(home, account, **HIGH_LIMITS)
    hooked.report_by_webhook, hooked.whatsapp_delivery_error = True, "NOT_ON_WHATSAPP"
    everybody = [f"+36301{number:06}" for number in range(15)]
    await send(home, everybody, **ELSE_SMS)
    await until(lambda: len(events) == 30)
    await settle(home)
    assert sorted(statuses(events)) == [SENT] * 15 + [FAILED] * 15
    assert sorted(sent.recipient for sent in hooked.sent if sent.channel == "sms") == everybody
