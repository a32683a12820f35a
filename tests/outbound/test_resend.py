"""The action `resend_message`: what has failed is sent again, once, and followed again."""

import asyncio
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, SentMessage, Simulator

from ..conftest import add_contact, settle

ANNA = "+36301234567"

type Told = list[Event[dict[str, Any]]]


@pytest.fixture
def told(home: HomeAssistant) -> Told:
    """The bus events of reports, as they come."""
    events: Told = async_capture_events(home, "smsmobileapi_message_report")
    return events


async def act(home: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    answer: Any = await home.services.async_call(
        "smsmobileapi", action, data, blocking=True, return_response=True
    )
    return dict(answer)


async def resend_in_vain(home: HomeAssistant, message_id: str, **data: Any) -> str | None:
    with pytest.raises(HomeAssistantError) as caught:
        await act(home, "resend_message", message_id=message_id, **data)
    return caught.value.translation_key


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    freezer.tick(timedelta(**passed))
    async_fire_time_changed(home)
    await settle(home)


def requests(service_account: Account) -> list[str]:
    return [
        request.path for request in service_account.requests if request.path in {"/resend/", "/resendwa/"}
    ]


async def fail(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, service_account: Account, **data: Any
) -> SentMessage:
    """Send a message that fails, and learn of it."""
    service_account.delivery_error = "NO_SERVICE"
    await act(home, "send_message", **{"recipients": ANNA, "message": "hi", **data})
    await pass_time(home, freezer, seconds=5)
    service_account.delivery_error = ""
    return service_account.sent[-1]


@pytest.mark.parametrize(("channel", "path"), [("sms", "/resend/"), ("whatsapp", "/resendwa/")])
async def test_what_has_failed_is_sent_again_and_followed_again(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
    channel: str,
    path: str,
) -> None:
    await add_contact(home, account, "Anna", ANNA, channel)
    sent = await fail(home, freezer, service_account, recipients="Anna")
    answer = await act(home, "resend_message", message_id=sent.guid)
    assert answer == {
        "recipient": ANNA,
        "contact": "Anna",
        "channel": channel,
        "message_id": sent.guid,
        "status": "accepted",
    }
    assert requests(service_account) == [path]
    assert sent.attempts == 2
    await pass_time(home, freezer, seconds=5)
    assert [event.data["status"] for event in told] == ["failed", "sent"]
    assert {event.data["contact"] for event in told} == {"Anna"}


async def test_it_can_fail_and_be_sent_again_and_again(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
) -> None:
    sent = await fail(home, freezer, service_account)
    service_account.delivery_error = "NO_SERVICE"
    for _ in range(2):
        await act(home, "resend_message", message_id=sent.guid)
        await pass_time(home, freezer, seconds=5)
    assert [event.data["status"] for event in told] == ["failed"] * 3
    assert len(service_account.sent) == 1
    assert sent.attempts == 3


async def test_it_can_be_sent_again_after_a_restart(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    sent = await fail(home, freezer, service_account, channel="whatsapp")
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert (await act(home, "resend_message", message_id=sent.guid))["recipient"] == ANNA
    assert requests(service_account) == ["/resendwa/"]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("channel", [None, "sms", "whatsapp"])
async def test_an_unknown_message_is_refused_by_the_service(
    home: HomeAssistant, service_account: Account, channel: str | None
) -> None:
    data = {"channel": channel} if channel else {}
    assert await resend_in_vain(home, "0123456789ab", **data) == "refused"
    assert requests(service_account) == ["/resendwa/" if channel == "whatsapp" else "/resend/"]


async def test_a_message_from_elsewhere_can_be_sent_again(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    told: Told,
) -> None:
    form = {"recipients": ANNA, "message": "from the dashboard"}
    sent = SentMessage(fields=form, guid="other", at=0, channel="sms", due=0, sid="phone-1", error="NO")
    service_account.sent.append(sent)
    assert (await act(home, "resend_message", message_id="other"))["message_id"] == "other"
    await pass_time(home, freezer, seconds=5)
    assert [event.data["status"] for event in told] == ["sent"]


@pytest.mark.parametrize("seconds", [0, 5])
async def test_what_has_not_failed_is_not_sent_again(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    seconds: int,
) -> None:
    await act(home, "send_message", recipients=ANNA, message="hi")
    await pass_time(home, freezer, seconds=seconds)
    with pytest.raises(ServiceValidationError):
        await act(home, "resend_message", message_id=service_account.sent[0].guid)
    assert requests(service_account) == []


async def test_twice_at_once_is_once(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    sent = await fail(home, freezer, service_account)
    ended = await asyncio.gather(
        *(act(home, "resend_message", message_id=sent.guid) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(end, dict) for end in ended) == 1
    assert sent.attempts == 2


async def test_it_counts(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    home.config_entries.async_update_entry(
        account, options={"messages_per_minute": 2, "messages_per_day": 200}
    )
    await settle(home)
    sent = await fail(home, freezer, service_account)
    await act(home, "send_message", recipients=ANNA, message="hi")
    assert await resend_in_vain(home, sent.guid) == "limit_minute"
    assert requests(service_account) == []
    await pass_time(home, freezer, seconds=61)
    await act(home, "resend_message", message_id=sent.guid)
    await act(home, "send_message", recipients=ANNA, message="hi")
    with pytest.raises(HomeAssistantError):
        await act(home, "send_message", recipients=ANNA, message="hi")


@pytest.mark.parametrize(
    ("kind", "options", "attempts"),
    [
        ("drop_before", {}, 1),
        ("drop_after", {}, 2),
        ("cut", {}, 2),
        ("html", {}, 1),
        ("html", {"taken": True}, 2),
        ("status", {"status": 500, "taken": True}, 2),
        ("nonsense", {"taken": True}, 2),
    ],
)
async def test_where_nobody_knows_it_is_not_tried_twice(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    kind: str,
    options: dict[str, Any],
    attempts: int,
) -> None:
    sent = await fail(home, freezer, service_account)
    simulator.fault("/resend/", kind, **options)
    assert await resend_in_vain(home, sent.guid) == "may_have_been_sent"
    assert len(requests(service_account)) == 1
    assert sent.attempts == attempts
    assert account.runtime_data.limits.sent_in_a_day == 2


async def test_what_was_not_taken_is_tried_again(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A frozen clock would make the shortest wait an endless one.
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.delivery._wait", lambda _: 0)
    sent = await fail(home, freezer, service_account)
    simulator.fault("/resend/", "status", status=503, count=2)
    await act(home, "resend_message", message_id=sent.guid)
    assert len(requests(service_account)) == 3
    assert sent.attempts == 2


async def test_a_refused_one_can_be_sent_again_later(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    sent = await fail(home, freezer, service_account)
    service_account.phones[0].online = False
    assert await resend_in_vain(home, sent.guid) == "phone_offline"
    service_account.phones[0].online = True
    await act(home, "resend_message", message_id=sent.guid)
    assert sent.attempts == 2
