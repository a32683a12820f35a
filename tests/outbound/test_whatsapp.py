"""Who has WhatsApp: asked for once a day, and where nobody can tell WhatsApp is tried."""

import asyncio
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator
from simulator.account import CHOICES

from ..conftest import add_contact
from .sending import ANNA, BELA, CECIL, CHECK, act, is_on_whatsapp, requests, send, set_options, went_by

ELSE_SMS = {"channel": "whatsapp_else_sms"}
DRESSES = CHOICES["check_format"]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("dress", [dress for dress in DRESSES if dress != "vague"])
async def test_each_number_goes_where_it_is_however_the_service_says_so(
    home: HomeAssistant, service_account: Account, dress: Any
) -> None:
    service_account.check_format = dress
    is_on_whatsapp(service_account, ANNA)
    rows = await send(home, [ANNA, BELA], **ELSE_SMS)
    assert [(row["recipient"], row["channel"]) for row in rows] == [(ANNA, "whatsapp"), (BELA, "sms")]
    assert sorted(went_by(service_account)) == ["sms", "whatsapp"]
    assert sorted(fields["recipients"] for fields in requests(service_account, CHECK)) == [BELA[1:], ANNA[1:]]


@pytest.mark.usefixtures("account")
async def test_an_answer_that_tells_nothing_is_not_asked_for_again_and_again(
    home: HomeAssistant, service_account: Account
) -> None:
    service_account.check_format = "vague"
    for _ in range(3):
        await send(home, **ELSE_SMS)
    assert went_by(service_account) == ["whatsapp"] * 3
    assert len(requests(service_account, CHECK)) == 1


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 400}),
        ("status", {"status": 404}),
        ("status", {"status": 429, "retry_after": 3600}),
        ("status", {"status": 500}),
        ("status", {"status": 503}),
        ("html", {}),
        ("empty", {}),
        ("nonsense", {}),
        # aiohttp by itself repeats a GET on a connection that was kept open.
        ("drop_before", {"count": 2}),
    ],
)
async def test_where_it_can_not_be_asked_whatsapp_is_tried_and_it_is_asked_the_next_time(
    home: HomeAssistant, simulator: Simulator, service_account: Account, kind: str, options: dict[str, Any]
) -> None:
    is_on_whatsapp(service_account, ANNA)
    simulator.fault(CHECK, kind, **options)
    await send(home, **ELSE_SMS)
    assert went_by(service_account) == ["whatsapp"]
    simulator.faults.waiting.clear()
    asked = len(requests(service_account, CHECK))
    is_on_whatsapp(service_account)
    await send(home, **ELSE_SMS)
    assert len(requests(service_account, CHECK)) == asked + (kind != "nonsense")


async def test_it_is_asked_once_a_day_for_each_number(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
) -> None:
    await add_contact(home, account, "Anna", ANNA, "whatsapp_else_sms")
    is_on_whatsapp(service_account)
    for recipient in ("Anna", ANNA, "06 30 123 4567", 36301234567):
        await send(home, recipient, **ELSE_SMS)
    await send(home, BELA, **ELSE_SMS)
    assert [fields["recipients"] for fields in requests(service_account, CHECK)] == [ANNA[1:], BELA[1:]]
    # They got it since.
    is_on_whatsapp(service_account, ANNA, BELA)
    freezer.tick(timedelta(hours=24, seconds=-1))
    await send(home, ANNA, **ELSE_SMS)
    freezer.tick(timedelta(seconds=1))
    await send(home, ANNA, **ELSE_SMS)
    freezer.tick(timedelta(hours=1))
    await send(home, ANNA, **ELSE_SMS)
    assert went_by(service_account) == ["sms"] * 6 + ["whatsapp"] * 2
    assert len(requests(service_account, CHECK)) == 3


async def test_of_many_at_once_only_the_first_asks(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    await set_options(home, account, messages_per_minute=100)
    is_on_whatsapp(service_account)
    simulator.fault(CHECK, "delay", seconds=0.05, count=100)
    await asyncio.gather(*(send(home, message=f"Part {number}", **ELSE_SMS) for number in range(10)))
    assert went_by(service_account) == ["sms"] * 10
    assert len(requests(service_account, CHECK)) == 1


async def test_what_the_user_asks_counts_from_then_on(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    is_on_whatsapp(service_account)
    await send(home, **ELSE_SMS)
    is_on_whatsapp(service_account, ANNA)
    await act(home, "check_whatsapp", recipients=ANNA)
    await send(home, **ELSE_SMS)
    assert went_by(service_account) == ["sms", "whatsapp"]
    assert len(requests(service_account, CHECK)) == 2


@pytest.mark.usefixtures("account")
async def test_no_more_is_remembered_than_a_home_needs(
    home: HomeAssistant, monkeypatch: pytest.MonkeyPatch, service_account: Account
) -> None:
    monkeypatch.setattr("custom_components.smsmobileapi.outbound.whatsapp.REMEMBERED_AT_MOST", 2)
    for number in (ANNA, BELA, CECIL, CECIL, BELA, ANNA):
        await send(home, number, **ELSE_SMS)
    asked = [fields["recipients"] for fields in requests(service_account, CHECK)]
    assert asked == [ANNA[1:], BELA[1:], CECIL[1:], ANNA[1:]]


@pytest.mark.usefixtures("account")
async def test_the_other_channels_ask_nobody(home: HomeAssistant, service_account: Account) -> None:
    for channel in ("sms", "whatsapp", "both"):
        await send(home, channel=channel)
    assert requests(service_account, CHECK) == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("number", ["112", "12345"])
async def test_a_short_code_has_no_whatsapp_and_nobody_is_asked(
    home: HomeAssistant, service_account: Account, number: str
) -> None:
    (row,) = await send(home, number, **ELSE_SMS)
    assert (row["recipient"], row["channel"]) == (number, "sms")
    assert went_by(service_account) == ["sms"]
    assert requests(service_account, CHECK) == []


async def test_beyond_the_limit_nobody_is_asked(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    """A loop costs nothing beyond it, also where the service can't tell."""
    simulator.fault(CHECK, "status", status=500, count=1000)
    sends = (send(home, **ELSE_SMS) for _ in range(40))
    ended = await asyncio.gather(*sends, return_exceptions=True)
    assert sum(isinstance(end, list) for end in ended) == 20
    assert len(requests(service_account, CHECK)) == 20
