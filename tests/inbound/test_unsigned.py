"""What somebody can do who knows the webhook's address only, where no signing secret is set (promise 7)."""

from http import HTTPStatus
import json
import time

from freezegun.api import FrozenDateTimeFactory
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smsmobileapi.api import parse_body
from simulator import Account, sms_data

from ..conftest import settle
from ..outbound.sending import Case
from .installation import Installation
from .service import ANNA, Events, call, event, set_secret, v1


async def test_how_a_text_came_is_said(ha: Installation) -> None:
    await ha.post(v1("by V1"))
    await ha.post(event("call.missed", call(), "c1"))
    ha.account.receive(ANNA, "by poll")
    await ha.poll()
    await set_secret(ha.hass, ha.entry, ha.account.webhook_secret)
    data = sms_data(ha.account.receive(ANNA, "signed"))
    assert await ha.simulator.deliver_v2(ha.account, "sms.received", data) == HTTPStatus.ACCEPTED
    assert [each.data["trust"] for each in ha.received] == ["unsigned", "polled", "signed"]
    assert [each.data["trust"] for each in ha.calls] == ["unsigned"]


async def test_it_is_said_of_what_was_held_over_a_kill_too(ha: Installation) -> None:
    await ha.start_up()
    await ha.post(v1("by V1"))
    await set_secret(ha.hass, ha.entry, ha.account.webhook_secret)
    data = sms_data(ha.account.receive(ANNA, "signed"))
    assert await ha.simulator.deliver_v2(ha.account, "sms.received", data) == HTTPStatus.ACCEPTED
    await ha.kill()
    await ha.started()
    assert {each.data["message"]: each.data["trust"] for each in ha.received} == {
        "by V1": "unsigned",
        "signed": "signed",
    }


@pytest.mark.parametrize("is_signed", [True, False])
async def test_a_forged_text_does_not_suppress_the_real_one(ha: Installation, is_signed: bool) -> None:
    """Whoever forges it knows sender, text and second, but not the service's id."""
    row = ha.account.receive(ANNA, "open")
    assert await ha.post(v1("open", "forged", at=row.timestamp)) == HTTPStatus.OK
    # The real one comes by V1, too, and is known by sender, text and second: that must not mark its id.
    assert await ha.simulator.deliver(ha.account, row) == HTTPStatus.OK
    if is_signed:
        await set_secret(ha.hass, ha.entry, ha.account.webhook_secret)
        answer = await ha.simulator.deliver_v2(ha.account, "sms.received", sms_data(row))
        assert answer == HTTPStatus.ACCEPTED
    await ha.poll()
    assert [each.data["trust"] for each in ha.received] == ["unsigned", "signed" if is_signed else "polled"]


async def test_a_real_text_by_v1_is_fired_once(ha: Installation, freezer: FrozenDateTimeFactory) -> None:
    """Also after a restart, and when its unsigned keys are forgotten."""
    row = ha.account.receive(ANNA, "hi")
    assert await ha.simulator.deliver(ha.account, row) == HTTPStatus.OK
    await ha.second()
    await ha.kill()
    await ha.started()
    # As many as are accepted until the next poll.
    forge(ha, 2_900)
    await ha.poll()
    forge(ha, 7_000)
    assert await ha.simulator.deliver(ha.account, row) == HTTPStatus.OK
    await ha.reload()
    assert ha.texts.count("hi") == 1


def forge(ha: Installation, count: int, at: str | None = None) -> None:
    """Receive forged texts as the webhook passes them on, without the requests."""
    for index in range(count):
        body = v1(f"forged {index}", f"forged {index}") | ({"time_received": at} if at else {})
        raw = json.dumps(body).encode()
        arrival = parse_body(raw, zone=dt_util.get_default_time_zone(), arrived=dt_util.utcnow())
        ha.entry.runtime_data.inbox.receive(arrival)  # type: ignore[arg-type]  # it is V1


@pytest.mark.parametrize("at", [None, "2100-01-01 00:00:00"])
async def test_many_forged_texts_cost_little_and_hide_nothing(ha: Installation, at: str | None) -> None:
    before = ha.account.receive(ANNA, "before")
    await ha.poll()
    forge(ha, 15_000, at)
    ledger = ha.entry.runtime_data.ledger
    assert ledger.unsigned_size <= 10_000
    assert ledger.size < 10
    ha.received.clear()
    began = time.process_time()
    forge(ha, 500, at)
    assert (time.process_time() - began) / 500 < 0.005
    ha.received.clear()
    ha.account.receive(ANNA, "late", timestamp=before.timestamp - 3600)
    ha.account.receive(ANNA, "polled")
    await set_secret(ha.hass, ha.entry, ha.account.webhook_secret)
    data = sms_data(ha.account.receive(ANNA, "signed"))
    assert await ha.simulator.deliver_v2(ha.account, "sms.received", data) == HTTPStatus.ACCEPTED
    await ha.reload()
    assert sorted(ha.texts) == ["late", "polled", "signed"]


# Reports.


@pytest.fixture
def case(ha: Installation, service_account: Account) -> Case:
    return Case(home=ha.hass, account=ha.entry, simulator=ha.simulator, service=service_account)


@pytest.fixture
def reports(ha: Installation) -> Events:
    """The bus events of reports, as they come."""
    events: Events = async_capture_events(ha.hass, "smsmobileapi_message_report")
    return events


async def test_a_forged_report_settles_nothing_and_sends_no_sms(
    case: Case, ha: Installation, reports: Events
) -> None:
    """It makes us look into the log, which says nothing of the kind."""
    case.service.delivery_delay = 1_000_000
    (row,) = await case.send(channel="whatsapp_else_sms")
    looked_up = ha.requests.count("/log/sent/sms/")
    for kind in ("failed", "sent"):
        body = event(f"whatsapp.{kind}", {"guid": row["message_id"], "error": "forged"}, kind)
        assert await ha.post(body) == HTTPStatus.ACCEPTED
        await settle(ha.hass)
    assert reports == []
    assert len(case.service.sent) == 1
    assert ha.requests.count("/log/sent/sms/") > looked_up


async def test_an_unsigned_report_of_the_service_has_the_log_read_at_once(
    case: Case, ha: Installation, reports: Events
) -> None:
    case.service.delivery_delay = 1_000_000
    (row,) = await case.send()
    (sent,) = case.service.sent
    sent.error = "NO_SERVICE"
    sent.due = 0
    assert await ha.post(event("sms.failed", {"guid": row["message_id"]}, "e1")) == HTTPStatus.ACCEPTED
    await settle(ha.hass)
    assert [(each.data["status"], each.data["error"]) for each in reports] == [("failed", "NO_SERVICE")]
