"""Reports: what became of each sent message is told once, whichever way it is learnt, and in the end always."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
import logging
from typing import Any

import aiohttp
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.outbound.reports import Reports
from simulator import Account, SentMessage, Simulator, report_data

from ..conftest import KEY, add_contact, settle
from .sending import ANNA, BELA, LOG, LONG, TEXT, Gate, Told, kill, moments, pass_time, send

# When the sent log is looked into, in seconds after the message was accepted.
LOOK_UPS = [5, 20, 65, 185, 485, 1385, 3185]


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


async def deliver(simulator: Simulator, service_account: Account, kind: str, sent: SentMessage) -> None:
    status = await simulator.deliver_v2(service_account, kind, report_data(sent))
    assert status == HTTPStatus.ACCEPTED


def statuses(told: Told) -> list[str]:
    return [event.data["status"] for event in told]


def look_ups(service_account: Account, message_id: str | None = None) -> int:
    """Return how often the log was asked, for one message or at all."""
    return sum(
        request.path == LOG and (message_id is None or request.fields.get("guid_message") == message_id)
        for request in service_account.requests
    )


def state(home: HomeAssistant, entity_id: str) -> str:
    found = home.states.get(entity_id)
    assert found
    return found.state


# Learnt from the sent log.


@pytest.mark.parametrize(("error", "status"), [("", "sent"), ("NO_SERVICE", "failed")])
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_the_log_tells_and_it_is_told_with_all_that_is_known(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
    channel: str,
    error: str,
    status: str,
) -> None:
    await add_contact(home, account, "Anna", ANNA, channel)
    service_account.delivery_error = error
    (receipt,) = await send(home, "Anna")
    assert receipt["status"] == "accepted"
    assert told == []
    await pass_time(home, freezer, seconds=5)
    report = {
        "message_id": receipt["message_id"],
        "channel": channel,
        "recipient": ANNA,
        "contact": "Anna",
        "error": error or None,
    }
    assert [event.data for event in told] == [
        {"config_entry_id": account.entry_id, "status": status, **report}
    ]
    entity = home.states.get("event.smsmobileapi_report")
    assert entity
    assert entity.attributes["event_types"] == ["sent", "failed"]
    assert entity.attributes["event_type"] == status
    assert {name: entity.attributes[name] for name in report} == report
    assert state(home, "sensor.smsmobileapi_messages_sent") == "1"
    assert state(home, "sensor.smsmobileapi_messages_failed") == str(int(status == "failed"))
    await pass_time(home, freezer, hours=2)
    assert len(told) == 1
    assert look_ups(service_account) == 1


async def test_it_is_looked_up_less_and_less_often_and_given_up_in_the_end(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
) -> None:
    service_account.delivery_delay = LONG
    await send(home)
    passed = 0
    for number, second in enumerate(LOOK_UPS):
        await pass_time(home, freezer, seconds=second - 1 - passed)
        assert look_ups(service_account) == number
        await pass_time(home, freezer, seconds=1)
        assert look_ups(service_account) == number + 1
        passed = second
        assert statuses(told) == ["unknown"] * (second == LOOK_UPS[-1])
    assert account.runtime_data.reports.pending == 0
    assert state(home, "event.smsmobileapi_report") == "unknown"
    await pass_time(home, freezer, hours=3)
    assert look_ups(service_account) == len(LOOK_UPS)
    assert len(told) == 1


async def test_it_is_told_as_soon_as_the_log_says_so(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
) -> None:
    service_account.delivery_delay, service_account.delivery_error = 60, "GENERIC_FAILURE"
    await send(home)
    for second in (5, 15, 44):
        await pass_time(home, freezer, seconds=second)
        assert told == []
    await pass_time(home, freezer, seconds=1)
    assert [(event.data["status"], event.data["error"]) for event in told] == [("failed", "GENERIC_FAILURE")]


async def test_many_are_looked_up_with_one_request(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
) -> None:
    everybody = [f"+36301{number:06}" for number in range(30)]
    for number in everybody:
        await send(home, number, urgent=True)
    await pass_time(home, freezer, seconds=5)
    assert look_ups(service_account) == 1
    assert statuses(told) == ["sent"] * 30


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 500}),
        ("status", {"status": 503}),
        ("status", {"status": 403}),
        ("status", {"status": 429, "retry_after": 1}),
        ("html", {}),
        ("empty", {}),
        ("nonsense", {}),
        ("cut", {}),
        # aiohttp by itself repeats a GET on a connection that was kept open.
        ("drop_before", {"count": 2}),
    ],
)
async def test_a_log_that_can_not_be_read_is_looked_into_again(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    told: Told,
    kind: str,
    options: dict[str, Any],
) -> None:
    await send(home)
    simulator.fault(LOG, kind, **options)
    await pass_time(home, freezer, seconds=5)
    assert told == []
    simulator.faults.waiting.clear()
    await pass_time(home, freezer, seconds=15)
    assert statuses(told) == ["sent"]


async def test_what_was_given_up_is_told_when_it_is_learnt_after_all(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
) -> None:
    """The internet was gone for longer than anybody looks."""
    await send(home)
    simulator.fault(LOG, "status", status=500, count=1000)
    for _ in range(10):
        await pass_time(home, freezer, hours=1)
    assert statuses(told) == ["unknown"]
    await deliver(simulator, hooked, "sms.sent", hooked.sent[0])
    assert statuses(told) == ["unknown", "sent"]


async def test_messages_of_other_programs_are_not_reported(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
) -> None:
    form = {"recipients": ANNA, "message": "from the dashboard"}
    other = SentMessage(fields=form, guid="other", at=0, channel="sms", due=0, sid="phone-1")
    hooked.sent.append(other)
    await deliver(simulator, hooked, "sms.sent", other)
    await pass_time(home, freezer, hours=1)
    assert told == []


async def test_a_slow_log_is_asked_once_however_much_is_sent_meanwhile(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service_account.delivery_delay = LONG
    (first,) = await send(home)
    gate = Gate(simulator, monkeypatch, LOG)
    freezer.tick(timedelta(seconds=6))
    async_fire_time_changed(home)
    await gate.is_reached()
    for _ in range(3):
        await send(home, BELA)
        freezer.tick(timedelta(seconds=1))
        async_fire_time_changed(home)
        await moments()
    gate.open()
    await settle(home)
    assert look_ups(service_account, first["message_id"]) == 1
    message = account.runtime_data.reports.find(first["message_id"])
    assert message
    assert message.looked_up == 1


# Told by the service.


@pytest.mark.parametrize(
    ("kind", "channel", "status"),
    [
        ("sms.sent", "sms", "sent"),
        ("sms.mobile.sent", "sms", "sent"),
        ("sms.failed", "sms", "failed"),
        ("whatsapp.sent", "whatsapp", "sent"),
        ("whatsapp.failed", "whatsapp", "failed"),
    ],
)
async def test_the_service_tells_and_it_is_told_once(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
    kind: str,
    channel: str,
    status: str,
) -> None:
    if status == "failed":
        hooked.delivery_error = "NO_SERVICE"
    (receipt,) = await send(home, channel=channel)
    for _ in range(3):
        # Under another id each time: the second and the third are no repeats of an event.
        await deliver(simulator, hooked, kind, hooked.sent[0])
    await pass_time(home, freezer, hours=1)
    assert [event.data for event in told] == [
        {
            "config_entry_id": account.entry_id,
            "message_id": receipt["message_id"],
            "channel": channel,
            "recipient": ANNA,
            "contact": None,
            "status": status,
            "error": "NO_SERVICE" if status == "failed" else None,
        }
    ]
    assert look_ups(hooked) == 0


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("kind", ["sms.api.submitted", "whatsapp.submitted"])
async def test_submitted_is_not_sent(
    home: HomeAssistant, simulator: Simulator, hooked: Account, told: Told, kind: str
) -> None:
    await send(home)
    await deliver(simulator, hooked, kind, hooked.sent[0])
    assert told == []


async def test_what_the_log_told_is_not_told_again_by_the_service(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
) -> None:
    await send(home)
    await pass_time(home, freezer, seconds=5)
    await deliver(simulator, hooked, "sms.sent", hooked.sent[0])
    await deliver(simulator, hooked, "sms.mobile.sent", hooked.sent[0])
    assert statuses(told) == ["sent"]


async def test_each_change_is_told(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account, told: Told
) -> None:
    """The cloud itself tries again after an error of the carrier."""
    await send(home)
    for kind in ("sms.failed", "sms.failed", "sms.sent", "sms.sent"):
        await deliver(simulator, hooked, kind, hooked.sent[0])
    assert statuses(told) == ["failed", "sent"]
    assert told[-1].data["error"] is None


@pytest.mark.parametrize(("kind", "status"), [("sms.sent", "sent"), ("sms.failed", "failed")])
async def test_a_report_that_comes_before_the_answer_is_not_lost(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    status: str,
) -> None:
    """The phone may be faster than the answer."""
    gate = Gate(simulator, monkeypatch, "/sendsms/")
    sending = asyncio.create_task(send(home))
    await gate.is_reached()
    await deliver(simulator, hooked, kind, hooked.sent[0])
    gate.open()
    (receipt,) = await sending
    await settle(home)
    assert statuses(told) == [status]
    assert told[0].data["message_id"] == receipt["message_id"]


async def test_a_report_that_comes_before_the_message_was_found_is_not_lost(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half a minute passes before a request is given up: the phone has long sent it."""
    timeout = aiohttp.ClientTimeout(total=0.3, connect=0.1)
    monkeypatch.setattr("custom_components.smsmobileapi.api.client.TIMEOUT", timeout)
    simulator.fault("/sendsms/", "hang_after", seconds=1)
    sending = asyncio.create_task(send(home))
    while not hooked.sent:
        await asyncio.sleep(0.01)
    await deliver(simulator, hooked, "sms.sent", hooked.sent[0])
    await sending
    await settle(home)
    assert statuses(told) == ["sent"]


# Over a restart.


@pytest.mark.parametrize("is_killed", [False, True])
async def test_what_is_pending_is_followed_after_a_restart(
    saved: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
    is_killed: bool,
) -> None:
    service_account.delivery_delay, service_account.delivery_error = 100, "NO_SERVICE"
    await add_contact(home, account, "Anna", ANNA)
    (receipt,) = await send(home, "Anna")
    await pass_time(home, freezer, seconds=5)
    await pass_time(home, freezer, seconds=1.1)
    if is_killed:
        await kill(home, account, saved)
    else:
        await home.config_entries.async_unload(account.entry_id)
        # It is down for ten minutes.
        freezer.tick(timedelta(minutes=10))
        await home.config_entries.async_setup(account.entry_id)
    await pass_time(home, freezer, minutes=10)
    (event,) = told
    assert (event.data["message_id"], event.data["status"]) == (receipt["message_id"], "failed")
    assert (event.data["contact"], event.data["recipient"]) == ("Anna", ANNA)


async def test_what_was_told_is_not_told_again_after_a_kill(
    saved: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    told: Told,
) -> None:
    await send(home)
    await pass_time(home, freezer, seconds=5)
    await pass_time(home, freezer, seconds=1.1)
    await kill(home, account, saved)
    await pass_time(home, freezer, hours=1)
    assert statuses(told) == ["sent"]


async def test_the_service_can_tell_after_a_restart(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account, told: Told
) -> None:
    await send(home)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    await deliver(simulator, hooked, "sms.failed", hooked.sent[0])
    assert statuses(told) == ["failed"]


async def test_a_reload_while_the_log_is_asked_tells_nothing_twice(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when a contact is added, or an option changed."""
    await send(home)
    gate = Gate(simulator, monkeypatch, LOG)
    freezer.tick(timedelta(seconds=6))
    async_fire_time_changed(home)
    await gate.is_reached()
    await home.config_entries.async_reload(account.entry_id)
    gate.open()
    await settle(home)
    await pass_time(home, freezer, hours=1)
    assert statuses(told) == ["sent"]


async def test_what_is_under_way_during_a_reload_is_followed(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate(simulator, monkeypatch, "/sendsms/")
    sending = asyncio.create_task(send(home))
    await gate.is_reached()
    await home.config_entries.async_reload(account.entry_id)
    gate.open()
    await sending
    await settle(home)
    for _ in range(10):
        await pass_time(home, freezer, hours=1)
    assert statuses(told) == ["sent"]
    assert account.runtime_data.limits.sent_in_a_day == 1


# Waiting for it.


async def test_an_action_can_wait_for_it(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account
) -> None:
    sending = asyncio.create_task(send(home, [ANNA, BELA], wait_for_report=10))
    while account.runtime_data.reports.pending < 2:
        await asyncio.sleep(0.01)
    await deliver(simulator, hooked, "sms.sent", hooked.sent[0])
    await asyncio.sleep(0.05)
    assert not sending.done()
    await deliver(simulator, hooked, "sms.mobile.sent", hooked.sent[1])
    assert [receipt["status"] for receipt in await sending] == ["sent", "sent"]


async def test_an_action_that_waits_raises_what_the_phone_could_not_send(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account
) -> None:
    hooked.delivery_error = "NO_SERVICE"
    sending = asyncio.create_task(send(home, [ANNA, BELA], wait_for_report=10))
    while account.runtime_data.reports.pending < 2:
        await asyncio.sleep(0.01)
    of_anna, of_bela = sorted(hooked.sent, key=lambda sent: sent.fields["recipients"] == BELA)
    await deliver(simulator, hooked, "sms.failed", of_anna)
    await deliver(simulator, hooked, "sms.sent", of_bela)
    with pytest.raises(HomeAssistantError) as caught:
        await sending
    assert "Sent to: +36…21. Not sent to: +36…67: The phone could not send the message: NO_SERVICE" in str(
        caught.value
    )


@pytest.mark.usefixtures("account")
async def test_an_action_does_not_wait_for_longer_than_it_says(
    home: HomeAssistant, service_account: Account
) -> None:
    service_account.delivery_delay = LONG
    async with asyncio.timeout(2):
        (receipt,) = await send(home, wait_for_report=1)
    assert receipt["status"] == "accepted"


@pytest.mark.usefixtures("account")
async def test_those_who_wait_hold_up_nobody(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    service_account.delivery_delay = LONG
    waiting = [asyncio.create_task(send(home, number, wait_for_report=1)) for number in [ANNA] * 8]
    while account.runtime_data.reports.pending < 8:
        await asyncio.sleep(0.01)
    async with asyncio.timeout(0.5):
        await send(home)
    assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)
    assert not any(account.runtime_data.reports._waiting.values())


async def test_those_who_wait_go_on_waiting_while_the_account_is_reloaded(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, hooked: Account
) -> None:
    """As when a contact is added."""
    sending = asyncio.create_task(send(home, [ANNA, BELA], wait_for_report=10))
    while account.runtime_data.reports.pending < 2:
        await asyncio.sleep(0.01)
    await home.config_entries.async_reload(account.entry_id)
    await deliver(simulator, hooked, "sms.sent", hooked.sent[0])
    await home.config_entries.async_reload(account.entry_id)
    assert not sending.done()
    await deliver(simulator, hooked, "sms.sent", hooked.sent[1])
    assert [receipt["status"] for receipt in await sending] == ["sent", "sent"]


async def test_an_action_hears_of_a_report_that_came_before_the_answer(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate(simulator, monkeypatch, "/sendsms/")
    sending = asyncio.create_task(send(home, wait_for_report=10))
    await gate.is_reached()
    await deliver(simulator, hooked, "sms.sent", hooked.sent[0])
    gate.open()
    (receipt,) = await sending
    assert receipt["status"] == "sent"


async def test_what_is_accepted_while_the_reports_are_read_is_followed(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer comes in the middle of a reload."""
    await send(home, BELA)
    gate = Gate(simulator, monkeypatch, "/sendsms/")
    sending = asyncio.create_task(send(home))
    await gate.is_reached()
    plain = Reports.load

    async def load(reports: Reports) -> None:
        gate.open()
        await sending
        await plain(reports)

    monkeypatch.setattr(Reports, "load", load)
    await home.config_entries.async_reload(account.entry_id)
    await pass_time(home, freezer, seconds=5)
    assert sorted(event.data["recipient"] for event in told) == [BELA, ANNA]


# Private things.


async def test_private_things_stay_where_they_are(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    hooked: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where the error repeats what was sent: then it is in the report and nowhere else."""
    logging.getLogger("custom_components.smsmobileapi").setLevel(logging.DEBUG)
    caplog.clear()
    await send(home)
    simulator.fault(LOG, "status", status=500, error=f"{KEY} {ANNA}")
    await pass_time(home, freezer, seconds=5)
    hooked.delivery_error = f"NO_SERVICE for {BELA}: {TEXT}"
    sending = asyncio.create_task(send(home, BELA, wait_for_report=10))
    while len(hooked.sent) < 2 or account.runtime_data.reports.pending < 2:
        await asyncio.sleep(0)
    await deliver(simulator, hooked, "sms.failed", hooked.sent[1])
    with pytest.raises(HomeAssistantError) as caught:
        await sending
    assert "NO_SERVICE" in str(caught.value)
    seen = [record.getMessage() for record in caplog.records if "smsmobileapi" in record.name]
    assert seen
    seen += [str(caught.value), repr(caught.value), str(caught.value.translation_placeholders)]
    private = [KEY, ANNA[1:], BELA[1:], TEXT, account.data["webhook_id"]]
    assert [secret for secret in private if secret in " ".join(seen)] == []
