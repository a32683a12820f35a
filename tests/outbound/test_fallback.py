"""Fallback: a WhatsApp message that was taken and then failed becomes one SMS, never two."""

import asyncio
from datetime import timedelta
import logging
import time
from typing import Any
from unittest.mock import AsyncMock

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Phone, SentMessage, Simulator, report_data

from ..conftest import add_contact, settle
from .sending import (
    ANNA,
    LOG,
    LONG,
    SEND,
    TEXT,
    Gate,
    Told,
    act,
    do_not_wait,
    happens,
    in_vain,
    kill,
    moments,
    pass_time,
    report,
    requests,
    send,
    set_options,
    statuses,
    went_by,
)

ELSE_SMS = {"channel": "whatsapp_else_sms"}
NOON = "2026-01-15 12:00:00+01:00"
FAILED = ("whatsapp", "failed")


@pytest.fixture
def saved(hass_storage: dict[str, Any]) -> dict[str, Any]:
    """What is on the disk; listed before the account, it is all of it."""
    return hass_storage


@pytest.fixture
def told(home: HomeAssistant) -> Told:
    """The bus events of reports, as they come."""
    events: Told = async_capture_events(home, "smsmobileapi_message_report")
    return events


@pytest.fixture
async def hooked(
    hass_client_no_auth: ClientSessionGenerator, account: SmsMobileApiConfigEntry, service_account: Account
) -> Account:
    """The account at the service, with our webhook entered there."""
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(f"/api/webhook/{account.data['webhook_id']}"))
    return service_account


async def send_and_fail(home: HomeAssistant, simulator: Simulator, hooked: Account, **data: Any) -> str:
    """Have a WhatsApp message taken and then failed; return its id."""
    (row,) = await send(home, **{**ELSE_SMS, **data})
    assert (row["channel"], row["status"]) == ("whatsapp", "accepted")
    await report(simulator, hooked, hooked.sent[-1], "failed", "NOT_ON_WHATSAPP")
    await settle(home)
    message_id: str = row["message_id"]
    return message_id


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("custom_components.smsmobileapi")
    ]


def report_entity(home: HomeAssistant) -> tuple[str, str]:
    state = home.states.get("event.smsmobileapi_report")
    assert state
    return state.attributes["channel"], state.attributes["event_type"]


# Told by the service, or learnt from its log.


async def test_the_service_tells_and_an_sms_goes_in_its_place(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account, told: Told
) -> None:
    await add_contact(home, account, "Anna", ANNA, "whatsapp_else_sms")
    failed = await send_and_fail(home, simulator, hooked, recipients="Anna")
    _, sms = hooked.sent
    assert (sms.channel, sms.recipient, sms.fields["message"]) == ("sms", ANNA, TEXT)
    assert statuses(told) == [FAILED]
    assert report_entity(home) == FAILED
    await report(simulator, hooked, sms, "sent")
    assert statuses(told) == [FAILED, ("sms", "sent")]
    assert report_entity(home) == ("sms", "sent")
    assert [event.data["message_id"] for event in told] == [failed, sms.guid]
    assert {(event.data["contact"], event.data["recipient"]) for event in told} == {("Anna", ANNA)}
    assert [event.data["error"] for event in told] == ["NOT_ON_WHATSAPP", None]
    assert account.runtime_data.limits.sent_in_a_day == 2


async def test_the_log_tells_and_an_sms_goes_in_its_place(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
) -> None:
    service_account.whatsapp_delivery_error = "NOT_ON_WHATSAPP"
    await send(home, **ELSE_SMS)
    for _ in range(3):
        await pass_time(home, freezer, seconds=5)
    await pass_time(home, freezer, hours=2)
    assert went_by(service_account) == ["whatsapp", "sms"]
    assert statuses(told) == [FAILED, ("sms", "sent")]


async def test_what_was_sent_is_not_sent_again(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
) -> None:
    """Nor where the service changes its mind afterwards."""
    await send(home, **ELSE_SMS)
    await report(simulator, hooked, hooked.sent[0], "sent")
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    await pass_time(home, freezer, hours=2)
    assert went_by(hooked) == ["whatsapp"]


@pytest.mark.parametrize("channel", ["whatsapp", "both"])
async def test_what_was_to_go_by_whatsapp_only_is_not_replaced(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account, channel: str
) -> None:
    await send(home, channel=channel)
    before = went_by(hooked)
    await report(simulator, hooked, hooked.sent[-1], "failed", "NO_SERVICE")
    await settle(home)
    assert went_by(hooked) == before


async def test_however_often_it_is_told_it_is_one_sms(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
) -> None:
    await send_and_fail(home, simulator, hooked)
    for status in ("failed", "failed", "sent", "failed"):
        await report(simulator, hooked, hooked.sent[0], status, "NO_SERVICE")
        await settle(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    await pass_time(home, freezer, hours=2)
    assert went_by(hooked) == ["whatsapp", "sms"]


async def test_what_is_remembered_of_them_is_bounded(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.fallback.REMEMBERED_AT_MOST", 1)
    for _ in range(3):
        await send_and_fail(home, simulator, hooked)
    assert len(home.data["smsmobileapi_fallbacks"]) == 1
    for sent in hooked.sent[::2]:
        await report(simulator, hooked, sent, "failed", "NO_SERVICE")
    await settle(home)
    assert went_by(hooked) == ["whatsapp", "sms"] * 3


async def test_what_was_given_up_and_fails_after_all_is_replaced(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
) -> None:
    """Its phone was off: nobody could tell for an hour."""
    hooked.delivery_delay = LONG
    await send(home, **ELSE_SMS)
    for _ in range(10):
        await pass_time(home, freezer, hours=1)
    assert statuses(told) == [("whatsapp", "unknown")]
    assert went_by(hooked) == ["whatsapp"]
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    await settle(home)
    assert went_by(hooked) == ["whatsapp", "sms"]


async def test_a_report_before_the_answer_falls_back_too(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate(simulator, monkeypatch, SEND)
    sending = asyncio.create_task(send(home, **ELSE_SMS))
    await gate.is_reached()
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    gate.open()
    (row,) = await sending
    await settle(home)
    assert row["message_id"] == hooked.sent[0].guid
    assert went_by(hooked) == ["whatsapp", "sms"]


# What the SMS is like.


async def test_it_is_sent_as_was_wished_but_for_what_sms_does_not_have(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account
) -> None:
    hooked.phones.append(Phone(sid="phone-2", label="Kitchen"))
    await account.runtime_data.coordinator.async_refresh()
    account.runtime_data.coordinator.take_phones(
        await account.runtime_data.client.verify_credentials(zone=dt_util.get_default_time_zone())
    )
    await send_and_fail(
        home,
        simulator,
        hooked,
        phone="Kitchen",
        sim="2",
        short_links=True,
        encrypt=True,
        media_url="https://example.com/cat.jpg",
    )
    by_whatsapp, by_sms = requests(hooked)
    assert by_whatsapp["url_media"] == "https://example.com/cat.jpg"
    kept = {"sIdentifiant": "phone-2", "port": "2", "shorturl": "1", "encrypt_message": "yes"}
    assert {name: by_sms.get(name) for name in kept} == kept
    assert by_sms["recipients"] == ANNA and by_sms["message"] == TEXT
    assert not {"url_media", "sendwa", "waonly", "schedule_timestamp"} & by_sms.keys()


async def test_it_does_not_go_before_its_time(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
) -> None:
    freezer.move_to(NOON)
    await send_and_fail(home, simulator, hooked, send_at="2026-01-15 18:00:00")
    assert [message.scheduled for message in hooked.sent] == [1768496400, 1768496400]
    await pass_time(home, freezer, hours=6, seconds=5)
    assert statuses(told) == [FAILED, ("sms", "sent")]


async def test_after_its_time_it_goes_at_once(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
) -> None:
    freezer.move_to(NOON)
    service_account.whatsapp_delivery_error = "NO_SERVICE"
    await send(home, **ELSE_SMS, send_at="2026-01-15 18:00:00")
    await pass_time(home, freezer, hours=6, seconds=5)
    assert [message.scheduled for message in service_account.sent] == [1768496400, None]
    await pass_time(home, freezer, seconds=5)
    assert statuses(told) == [FAILED, ("sms", "sent")]


# The limits.


async def test_the_limit_of_a_minute_lets_it_pass(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account
) -> None:
    await set_options(home, account, messages_per_minute=1, messages_per_day=2)
    await send_and_fail(home, simulator, hooked)
    assert went_by(hooked) == ["whatsapp", "sms"]


async def test_the_limit_of_a_day_does_not(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await set_options(home, account, messages_per_minute=1, messages_per_day=1)
    caplog.clear()
    await send_and_fail(home, simulator, hooked)
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    await settle(home)
    assert went_by(hooked) == ["whatsapp"]
    about_limit, about_fallback = warnings(caplog)
    assert "limit of 1 messages a day" in about_limit
    assert "limit_day" in about_fallback


async def test_who_waits_hears_of_the_limit(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account
) -> None:
    await set_options(home, account, messages_per_day=1)
    waiting = asyncio.create_task(
        in_vain(home, "send_message", recipients=ANNA, message=TEXT, wait_for_report=10, **ELSE_SMS)
    )
    await happens(lambda: account.runtime_data.reports.pending)
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    assert (await waiting).translation_key == "limit_day"


async def test_an_sms_that_is_refused_does_not_count_and_is_said(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await send(home, **ELSE_SMS)
    body = {"result": {"error": 0, "sent": "0", "note": f"no credit for {ANNA}: {TEXT}"}}
    simulator.fault(SEND, "nonsense", body=body)
    caplog.clear()
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    await settle(home)
    assert len(requests(hooked)) == 2
    assert account.runtime_data.limits.sent_in_a_day == 1
    (warning,) = warnings(caplog)
    assert "refused" in warning
    assert "credit" not in warning
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert len(requests(hooked)) == 2


# Over a reload, a restart, a kill.


async def test_a_reload_in_the_middle_sends_one_and_follows_it(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await send(home, **ELSE_SMS)
    gate = Gate(simulator, monkeypatch, SEND)
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    await gate.is_reached()
    for _ in range(2):
        await home.config_entries.async_reload(account.entry_id)
    gate.open()
    await settle(home)
    assert went_by(hooked) == ["whatsapp", "sms"]
    await report(simulator, hooked, hooked.sent[1], "sent")
    assert statuses(told) == [FAILED, ("sms", "sent")]
    assert account.runtime_data.reports.unreplaced == []


@pytest.mark.parametrize("moment", ["close", "load"])
async def test_an_answer_that_comes_while_the_account_reloads_is_no_second_sms_ever(
    saved: dict[str, Any],
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """Just after the old reports were written, or just before the new ones were read."""
    await send(home, **ELSE_SMS)
    gate = Gate(simulator, monkeypatch, SEND)
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    await gate.is_reached()
    reports = type(account.runtime_data.reports)
    plain = getattr(reports, moment)

    async def meanwhile(self: Any) -> None:
        if moment == "close":
            await plain(self)
        if not told_late:
            told_late.append(True)
            sms = next(iter(home.data["smsmobileapi_fallbacks"].values()))
            gate.open()
            await happens(sms.done)
        if moment == "load":
            await plain(self)

    told_late: list[bool] = []
    monkeypatch.setattr(reports, moment, meanwhile)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert told_late
    assert account.runtime_data.reports.unreplaced == []
    await home.config_entries.async_unload(account.entry_id)
    home.data.pop("smsmobileapi_fallbacks")
    await home.config_entries.async_setup(account.entry_id)
    await settle(home)
    assert went_by(hooked) == ["whatsapp", "sms"]
    if moment == "load":
        await report(simulator, hooked, hooked.sent[1], "sent")
        assert statuses(told) == [FAILED, ("sms", "sent")]


async def test_a_restart_between_report_and_sms_loses_nothing(
    saved: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is on the disk is that it failed, not yet that an SMS was sent."""
    await add_contact(home, account, "Anna", ANNA, "whatsapp_else_sms")
    await send(home, "Anna", short_links=True)
    do_not_wait(monkeypatch)
    with monkeypatch.context() as patched:
        never = AsyncMock(return_value=HomeAssistantError())
        patched.setattr("custom_components.smsmobileapi.outbound.fallback.Fallback._fall_back", never)
        await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
        await pass_time(home, freezer, seconds=2)
    assert went_by(hooked) == ["whatsapp"]
    for _ in range(3):
        await kill(home, account, saved)
        await pass_time(home, freezer, seconds=2)
    assert went_by(hooked) == ["whatsapp", "sms"]
    sms = hooked.sent[1]
    assert (sms.recipient, sms.fields["message"], sms.fields["shorturl"]) == (ANNA, TEXT, "1")
    await pass_time(home, freezer, seconds=15)
    assert statuses(told) == [FAILED, ("sms", "sent")]
    assert told[1].data["contact"] == "Anna"


async def test_after_more_than_a_day_nobody_waits_for_the_sms(
    saved: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await send(home, **ELSE_SMS)
    do_not_wait(monkeypatch)
    with monkeypatch.context() as patched:
        never = AsyncMock(return_value=HomeAssistantError())
        patched.setattr("custom_components.smsmobileapi.outbound.fallback.Fallback._fall_back", never)
        await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
        await pass_time(home, freezer, seconds=2)
    freezer.tick(timedelta(days=1, minutes=1))
    await kill(home, account, saved)
    await pass_time(home, freezer, seconds=2)
    assert went_by(hooked) == ["whatsapp"]


@pytest.mark.parametrize("is_taken", [False, True])
async def test_a_kill_while_the_sms_is_sent_sends_one(
    saved: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    is_taken: bool,
) -> None:
    """Whether the service had it by then is in its log."""
    await send(home, **ELSE_SMS)
    (before,) = await send(home, channel="sms")
    do_not_wait(monkeypatch)
    with monkeypatch.context() as patched:
        never = AsyncMock(return_value=HomeAssistantError())
        patched.setattr("custom_components.smsmobileapi.outbound.fallback.Fallback._fall_back", never)
        await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
        await pass_time(home, freezer, seconds=2)
    if is_taken:
        now = time.time()
        form = {"recipients": ANNA, "message": TEXT}
        sms = SentMessage(fields=form, guid="taken", at=now, channel="sms", due=now, sid="phone-1")
        hooked.sent.append(sms)
    await kill(home, account, saved)
    assert went_by(hooked) == ["whatsapp", "sms", "sms"]
    assert len(requests(hooked)) == 2 + (not is_taken)
    await report(simulator, hooked, hooked.sent[2], "sent")
    assert [event.data["message_id"] for event in told] == [hooked.sent[0].guid, hooked.sent[2].guid]
    assert before["message_id"] == hooked.sent[1].guid


async def test_where_nobody_can_tell_after_a_kill_there_is_no_second_sms(
    saved: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await send(home, **ELSE_SMS)
    do_not_wait(monkeypatch)
    with monkeypatch.context() as patched:
        never = AsyncMock(return_value=HomeAssistantError())
        patched.setattr("custom_components.smsmobileapi.outbound.fallback.Fallback._fall_back", never)
        await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
        await pass_time(home, freezer, seconds=2)
    simulator.fault(LOG, "status", status=500, count=9)
    caplog.clear()
    await kill(home, account, saved)
    assert went_by(hooked) == ["whatsapp"]
    (warning,) = warnings(caplog)
    assert "may_have_been_sent" in warning


async def test_what_failed_while_home_assistant_was_down_is_replaced(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
) -> None:
    service_account.delivery_delay, service_account.whatsapp_delivery_error = 60, "NO_SERVICE"
    await send(home, **ELSE_SMS)
    await home.config_entries.async_unload(account.entry_id)
    freezer.tick(timedelta(minutes=10))
    service_account.delivery_delay = 0
    await home.config_entries.async_setup(account.entry_id)
    await pass_time(home, freezer, seconds=5)
    await pass_time(home, freezer, seconds=5)
    assert statuses(told) == [FAILED, ("sms", "sent")]
    assert went_by(service_account) == ["whatsapp", "sms"]


async def test_home_assistant_that_stops_in_the_middle_sends_one(
    saved: dict[str, Any],
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await send(home, **ELSE_SMS)
    gate = Gate(simulator, monkeypatch, SEND)
    await report(simulator, hooked, hooked.sent[0], "failed", "NO_SERVICE")
    await gate.is_reached()
    stopping = asyncio.create_task(home.async_stop(force=True))
    await moments()
    assert not stopping.done()
    gate.open()
    await stopping
    assert went_by(hooked) == ["whatsapp", "sms"]
    on_disk = saved[f"smsmobileapi.{account.entry_id}.reports"]["data"]
    assert [(message["status"], message["sms_instead"]) for message in on_disk] == [
        ("failed", None),
        ("accepted", None),
    ]


async def test_the_text_is_not_kept_for_longer_than_it_is_needed(
    saved: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
) -> None:
    await send_and_fail(home, simulator, hooked)
    await send(home, **ELSE_SMS)
    await pass_time(home, freezer, seconds=2)
    assert TEXT in str(saved[f"smsmobileapi.{account.entry_id}.reports"])
    await report(simulator, hooked, hooked.sent[-1], "sent")
    await pass_time(home, freezer, seconds=2)
    assert TEXT not in str(saved[f"smsmobileapi.{account.entry_id}.reports"])


# Waiting for it.


async def wait_and_fail(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account, **data: Any
) -> asyncio.Task[list[dict[str, Any]]]:
    """Wait in an action until WhatsApp has failed and the SMS has been taken."""
    waiting = asyncio.create_task(send(home, **{"wait_for_report": 10, **ELSE_SMS, **data}))
    await happens(lambda: account.runtime_data.reports.pending)
    await report(simulator, hooked, hooked.sent[0], "failed", "NOT_ON_WHATSAPP")
    await happens(lambda: account.runtime_data.reports.pending)
    assert not waiting.done()
    return waiting


async def test_who_waits_hears_of_the_sms(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account
) -> None:
    waiting = await wait_and_fail(home, account, simulator, hooked)
    await report(simulator, hooked, hooked.sent[1], "sent")
    (row,) = await waiting
    assert row["message_id"] == hooked.sent[1].guid
    assert (row["channel"], row["status"], row["parts"], row["alphabet"]) == ("sms", "sent", 1, "GSM-7")


async def test_who_waits_hears_of_the_sms_also_over_reloads(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account
) -> None:
    waiting = asyncio.create_task(send(home, wait_for_report=10, **ELSE_SMS))
    await happens(lambda: account.runtime_data.reports.pending)
    for message, status in ((0, "failed"), (1, "sent")):
        await home.config_entries.async_reload(account.entry_id)
        assert not waiting.done()
        await report(simulator, hooked, hooked.sent[message], status, "NO_SERVICE" if not message else "")
        await settle_but(home, waiting)
    (row,) = await waiting
    assert (row["channel"], row["status"]) == ("sms", "sent")


async def settle_but(home: HomeAssistant, waiting: asyncio.Task[Any]) -> None:
    """Wait until nothing is going on any more but this."""
    await happens(lambda: waiting.done() or home.config_entries.async_entries("smsmobileapi")[0].runtime_data)
    await moments()


async def test_who_waits_hears_that_the_sms_failed_too(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account
) -> None:
    waiting = asyncio.create_task(
        in_vain(home, "send_message", recipients=ANNA, message=TEXT, wait_for_report=10, **ELSE_SMS)
    )
    await happens(lambda: account.runtime_data.reports.pending)
    await report(simulator, hooked, hooked.sent[0], "failed", "NOT_ON_WHATSAPP")
    await happens(lambda: account.runtime_data.reports.pending)
    await report(simulator, hooked, hooked.sent[1], "failed", f"NO_SERVICE for {ANNA}: {TEXT}")
    err = await waiting
    assert err.translation_key == "report_failed"
    assert "NO_SERVICE" in str(err)
    assert ANNA not in str(err) and TEXT not in str(err)


@pytest.mark.parametrize(
    ("kind", "options", "key"),
    [
        ("nonsense", {"body": {"result": {"error": 0, "sent": "0", "note": "no credit"}}}, "refused"),
        ("nonsense", {"body": {"result": {"error": 2}}}, "phone_offline"),
        ("status", {"status": 403}, "invalid_auth"),
        ("drop_before", {"count": 2}, "may_have_been_sent"),
    ],
)
async def test_who_waits_hears_why_there_is_no_sms(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    kind: str,
    options: dict[str, Any],
    key: str,
) -> None:
    waiting = asyncio.create_task(
        in_vain(home, "send_message", recipients=ANNA, message=TEXT, wait_for_report=10, **ELSE_SMS)
    )
    await happens(lambda: account.runtime_data.reports.pending)
    simulator.fault(SEND, kind, **options)
    await report(simulator, hooked, hooked.sent[0], "failed", "NOT_ON_WHATSAPP")
    assert (await waiting).translation_key == key


async def test_nobody_waits_for_longer_than_they_say(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The row says what is known by then: that WhatsApp failed, or that the SMS was taken."""
    waiting = await wait_and_fail(home, account, simulator, hooked, wait_for_report=1)
    (row,) = await waiting
    assert (row["channel"], row["status"]) == ("sms", "accepted")
    waiting = asyncio.create_task(send(home, wait_for_report=1, **ELSE_SMS))
    await happens(lambda: len(hooked.sent) == 3 and account.runtime_data.reports.pending == 2)
    gate = Gate(simulator, monkeypatch, SEND)
    await report(simulator, hooked, hooked.sent[2], "failed", "NO_SERVICE")
    (row,) = await waiting
    assert (row["channel"], row["status"]) == ("whatsapp", "failed")
    gate.open()


# Sent again.


async def test_what_is_sent_again_and_fails_again_is_no_second_sms(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account, told: Told
) -> None:
    failed = await send_and_fail(home, simulator, hooked)
    await act(home, "resend_message", message_id=failed)
    hooked.sent[0].error = "NO_SERVICE"
    data = {**report_data(hooked.sent[0]), "attempt": 2}
    await simulator.deliver_v2(hooked, "whatsapp.failed", data)
    await settle(home)
    assert went_by(hooked) == ["whatsapp", "sms"]


# With reports that come by themselves.


async def test_many_fall_back_each_once(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account, told: Told
) -> None:
    """The service reports by itself, and before some of its answers."""
    await set_options(home, account, messages_per_minute=100)
    hooked.report_by_webhook, hooked.whatsapp_delivery_error = True, "NOT_ON_WHATSAPP"
    everybody = [f"+36301{number:06}" for number in range(15)]

    @callback
    def is_told() -> bool:
        return len(told) == 30

    await send(home, everybody, **ELSE_SMS)
    await happens(is_told)
    await simulator.wait_for_reports()
    await settle(home)
    assert sorted(statuses(told)) == [("sms", "sent")] * 15 + [FAILED] * 15
    sms = [sent for sent in hooked.sent if sent.channel == "sms"]
    assert sorted(sent.recipient for sent in sms) == everybody


async def test_private_things_stay_out_of_the_log(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.clear()
    await send_and_fail(home, simulator, hooked)
    simulator.fault(SEND, "nonsense", body={"result": {"error": f"{ANNA} {TEXT}", "note": TEXT}})
    (other,) = await send_other(home, simulator, hooked)
    assert other
    seen = " ".join(record.getMessage() for record in caplog.records if "smsmobileapi" in record.name)
    assert "WhatsApp failed" in seen
    assert TEXT not in seen and ANNA[1:] not in seen


async def send_other(home: HomeAssistant, simulator: Simulator, hooked: Account) -> list[SentMessage]:
    """Have a message fail whose SMS is refused, too."""
    simulator.faults.waiting, kept = [], simulator.faults.waiting
    await send(home, **ELSE_SMS)
    simulator.faults.waiting = kept
    await report(simulator, hooked, hooked.sent[-1], "failed", "NO_SERVICE")
    await settle(home)
    return hooked.sent[-1:]
