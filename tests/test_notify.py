"""Notify entities: a message to a contact, a notification on a phone."""

from datetime import timedelta
from typing import Any

import aiohttp
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import mock_restore_cache

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Phone, Simulator

from .conftest import KEY, add_account, add_contact, settle
from .flows.dialogs import Spoil, faulty, in_state, sentence

ANNA = "+36301234567"
BELA = "+36209876543"
# NotifyEntityFeature.TITLE, which Home Assistant 2026.8 and 2026.10 keep in different places.
TITLE = 1


@pytest.fixture
async def anna(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> str:
    """A contact who gets SMS."""
    await add_contact(home, account, "Anna", ANNA)
    return "notify.anna"


@pytest.fixture
async def bela(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> str:
    """A contact who gets WhatsApp messages."""
    await add_contact(home, account, "Béla", BELA, "whatsapp")
    return "notify.bela"


async def send(
    hass: HomeAssistant, entity_id: str | list[str], message: str, title: str | None = None
) -> None:
    """Send as an automation does."""
    data = {"entity_id": entity_id, "message": message, **({} if title is None else {"title": title})}
    await hass.services.async_call("notify", "send_message", data, blocking=True)


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    assert state
    return state.state


async def test_an_sms(home: HomeAssistant, service_account: Account, anna: str) -> None:
    await send(home, anna, "The washing machine is done.")
    (sent,) = service_account.sent
    assert sent.fields == {
        "apikey": KEY,
        "recipients": ANNA,
        "message": "The washing machine is done.",
        "sendsms": "1",
        "from": "Home Assistant",
    }


async def test_a_whatsapp_message(home: HomeAssistant, service_account: Account, bela: str) -> None:
    await send(home, bela, "The washing machine is done.")
    (sent,) = service_account.sent
    assert sent.fields == {
        "apikey": KEY,
        "recipients": BELA.removeprefix("+"),
        "message": "The washing machine is done.",
        "sendwa": "1",
        "sendsms": "0",
        "waonly": "yes",
        "from": "Home Assistant",
    }


async def test_a_short_code(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await add_contact(home, account, "Bank", "1234")
    await send(home, "notify.bank", "BALANCE")
    assert [sent.fields["recipients"] for sent in service_account.sent] == ["1234"]


@pytest.mark.parametrize("text", ["több\nsor ☃ 👩‍👩‍👧", "a&b=c+d %20 \\n", "x" * 4000])
async def test_the_text_arrives_as_it_is(
    home: HomeAssistant, service_account: Account, anna: str, text: str
) -> None:
    await send(home, anna, text)
    assert [sent.fields["message"] for sent in service_account.sent] == [text]


@pytest.mark.parametrize(
    ("title", "text"), [("Door", "Door\nIt is open."), ("", "It is open."), (None, "It is open.")]
)
async def test_the_title_is_the_first_line(
    home: HomeAssistant, service_account: Account, anna: str, title: str | None, text: str
) -> None:
    state = home.states.get(anna)
    assert state and state.attributes["supported_features"] == TITLE
    await send(home, anna, "It is open.", title)
    assert [sent.fields["message"] for sent in service_account.sent] == [text]


async def test_several_contacts_get_one_each(
    home: HomeAssistant, service_account: Account, anna: str, bela: str
) -> None:
    await send(home, [anna, bela], "hi")
    assert {(sent.fields["recipients"], sent.channel) for sent in service_account.sent} == {
        (ANNA, "sms"),
        (BELA.removeprefix("+"), "whatsapp"),
    }
    assert len(service_account.sent) == 2


async def test_the_state_is_when_it_was_sent(
    home: HomeAssistant, service_account: Account, anna: str, bela: str, freezer: FrozenDateTimeFactory
) -> None:
    assert state_of(home, anna) == "unknown"
    freezer.move_to("2026-05-01 10:00:00+00:00")
    await send(home, anna, "hi")
    assert state_of(home, anna) == "2026-05-01T10:00:00+00:00"
    freezer.tick(timedelta(seconds=90))
    await send(home, anna, "again")
    assert state_of(home, anna) == "2026-05-01T10:01:30+00:00"
    assert state_of(home, bela) == "unknown"

    service_account.state = "expired"
    freezer.tick(timedelta(seconds=90))
    with pytest.raises(HomeAssistantError):
        await send(home, anna, "not sent")
    assert state_of(home, anna) == "2026-05-01T10:01:30+00:00"


async def test_the_state_outlives_a_reload(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, anna: str
) -> None:
    await send(home, anna, "hi")
    before = state_of(home, anna)
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert state_of(home, anna) == before != "unknown"


async def test_the_state_outlives_a_restart(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    mock_restore_cache(home, [State("notify.anna", "2026-05-01T10:00:00+00:00")])
    await add_contact(home, await add_account(home, simulator), "Anna", ANNA)
    assert state_of(home, "notify.anna") == "2026-05-01T10:00:00+00:00"


def no_phone(simulator: Simulator, account: Account) -> dict[str, Any]:
    account.phones[0].online = False
    return {}


def too_fast(simulator: Simulator, account: Account) -> dict[str, Any]:
    """For longer than anybody waits."""
    account.state, account.retry_after = "limited", 600
    return {}


def not_on_whatsapp(simulator: Simulator, account: Account) -> dict[str, Any]:
    account.whatsapp_numbers = set()
    return {}


@pytest.mark.parametrize(
    ("spoil", "code", "placeholders"),
    [
        pytest.param(in_state("unknown"), "invalid_auth", {}, id="wrong key"),
        pytest.param(in_state("unknown", "result"), "invalid_auth", {}, id="wrong key, said with 200"),
        pytest.param(in_state("expired"), "subscription_expired", {}, id="expired"),
        pytest.param(in_state("expired", "result"), "subscription_expired", {}, id="expired, said with 200"),
        pytest.param(too_fast, "rate_limited", {"seconds": "600"}, id="too fast"),
        pytest.param(no_phone, "phone_offline", {}, id="phone offline"),
        pytest.param(
            not_on_whatsapp, "refused", {"reason": "number is not on WhatsApp"}, id="not on WhatsApp"
        ),
        pytest.param(faulty("/sendsms/", "status", count=4), "cannot_connect", {}, id="503"),
    ],
)
async def test_a_refusal_says_why_and_the_next_one_is_sent(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    bela: str,
    spoil: Spoil,
    code: str,
    placeholders: dict[str, str],
) -> None:
    spoil(simulator, service_account)
    with pytest.raises(HomeAssistantError) as raised:
        await send(home, bela, "hi")
    assert not isinstance(raised.value, ServiceValidationError)
    assert raised.value.translation_key == code
    assert str(raised.value) == sentence(code, **placeholders)
    assert state_of(home, bela) == "unknown"
    assert service_account.sent == []

    service_account.state = "good"
    service_account.phones[0].online = True
    service_account.whatsapp_numbers = None
    await send(home, bela, "hi")
    assert len(service_account.sent) == 1


async def test_nobody_there_is_said(home: HomeAssistant, simulator: Simulator, anna: str) -> None:
    await simulator.stop()
    await settle(home)
    with pytest.raises(HomeAssistantError) as raised:
        await send(home, anna, "hi")
    assert str(raised.value) == sentence("cannot_connect")


@pytest.mark.parametrize(
    ("message", "title", "code", "placeholders"),
    [
        ("", None, "message_empty", {}),
        (" \n\t", None, "message_empty", {}),
        (" ", " ", "message_empty", {}),
        ("x" * 4001, None, "message_too_long", {"length": "4001", "limit": "4000"}),
        ("x" * 4000, "Door", "message_too_long", {"length": "4005", "limit": "4000"}),
    ],
)
async def test_a_text_that_cannot_be_sent_is_refused_here(
    home: HomeAssistant,
    simulator: Simulator,
    anna: str,
    message: str,
    title: str | None,
    code: str,
    placeholders: dict[str, str],
) -> None:
    simulator.reset()
    with pytest.raises(ServiceValidationError) as raised:
        await send(home, anna, message, title)
    assert str(raised.value) == sentence(code, **placeholders)
    assert simulator.requests == []
    assert state_of(home, anna) == "unknown"


async def test_the_contact_of_another_account_is_sent_from_there(
    home: HomeAssistant, simulator: Simulator, service_account: Account, anna: str
) -> None:
    other = simulator.add_account("k-2")
    await add_contact(home, await add_account(home, simulator, "k-2"), "Anna", ANNA)
    await send(home, "notify.anna_2", "hi")
    assert (len(service_account.sent), len(other.sent)) == (0, 1)


async def test_a_template_that_looks_like_a_number_is_sent(
    home: HomeAssistant, service_account: Account, anna: str
) -> None:
    await home.services.async_call(
        "notify", "send_message", {"entity_id": anna, "message": 42}, blocking=True
    )
    assert service_account.sent[0].fields["message"] == "42"
    assert dt_util.parse_datetime(state_of(home, anna))


# A notification on a phone.

PHONE = "notify.phone_notification"


def shown(service_account: Account) -> list[tuple[str, str, str]]:
    return [(each.sid, each.title, each.message) for each in service_account.notifications]


def asked(service_account: Account) -> int:
    return sum(request.path == "/notification/send" for request in service_account.requests)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("title", "text", "as_shown"),
    [
        ("Door", "It is open.", ("phone-1", "Door", "It is open.")),
        (None, "It is open.", ("phone-1", "Home Assistant", "It is open.")),
        ("", "ő 🚰 &amp;\nab", ("phone-1", "Home Assistant", "ő 🚰 &amp;\nab")),
    ],
)
async def test_a_notification_is_shown_and_is_no_sms(
    home: HomeAssistant,
    service_account: Account,
    title: str | None,
    text: str,
    as_shown: tuple[str, str, str],
) -> None:
    assert state_of(home, PHONE) == "unknown"
    await send(home, PHONE, text, title)
    assert shown(service_account) == [as_shown]
    assert service_account.sent == []
    assert dt_util.parse_datetime(state_of(home, PHONE))


async def test_each_phone_shows_its_own(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones.append(Phone(sid="phone-2", label="Kitchen"))
    await add_account(home, simulator)
    await send(home, ["notify.kitchen_notification", PHONE], "hi")
    await send(home, "notify.kitchen_notification", "you")
    assert sorted(shown(service_account)) == [
        ("phone-1", "Home Assistant", "hi"),
        ("phone-2", "Home Assistant", "hi"),
        ("phone-2", "Home Assistant", "you"),
    ]


async def test_a_phone_that_is_offline_or_gone_can_be_sent_to_and_says_so(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    """An action on an entity that is unavailable does nothing, and says nothing."""
    service_account.phones[0].online = False
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    with pytest.raises(HomeAssistantError) as raised:
        await send(home, PHONE, "hi")
    assert raised.value.translation_key == "phone_offline"
    service_account.phones[0] = Phone(sid="another")
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    with pytest.raises(HomeAssistantError) as raised:
        await send(home, PHONE, "hi")
    assert raised.value.translation_key == "refused"
    assert (shown(service_account), account.runtime_data.limits.sent_in_a_day) == ([], 0)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "html", "empty", "nonsense", "hang_after"])
async def test_what_may_have_been_shown_is_not_shown_twice(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timeout = aiohttp.ClientTimeout(total=0.3, connect=0.3)
    monkeypatch.setattr("custom_components.smsmobileapi.api.client.TIMEOUT", timeout)
    simulator.fault("/notification/send", kind, seconds=1)
    with pytest.raises(HomeAssistantError) as raised:
        await send(home, PHONE, "hi")
    assert str(raised.value) == sentence("may_have_been_shown")
    assert asked(service_account) == 1


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("kind", "options"),
    [("status", {"status": 503, "count": 3}), ("status", {"status": 429, "retry_after": 0, "count": 2})],
)
async def test_what_was_not_taken_is_tried_again(
    home: HomeAssistant, simulator: Simulator, service_account: Account, kind: str, options: dict[str, Any]
) -> None:
    simulator.fault("/notification/send", kind, **options)
    await send(home, PHONE, "hi")
    assert len(shown(service_account)) == 1


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"status": 400}, "refused"),
        ({"status": 403}, "invalid_auth"),
        ({"status": 403, "error": "api_expired"}, "subscription_expired"),
        ({"status": 429, "retry_after": 600}, "rate_limited"),
        ({"status": 503, "count": 4}, "cannot_connect"),
    ],
)
async def test_a_refused_notification_says_why_and_does_not_count(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    options: dict[str, Any],
    key: str,
) -> None:
    simulator.fault("/notification/send", "status", **options)
    with pytest.raises(HomeAssistantError) as raised:
        await send(home, PHONE, "hi")
    assert raised.value.translation_key == key
    assert account.runtime_data.limits.sent_in_a_day == 0
    assert bool(list(account.async_get_active_flows(home, {"reauth"}))) == (key == "invalid_auth")
    assert state_of(home, PHONE) == "unknown"


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("text", ["", " \n"])
async def test_an_empty_notification_is_refused_here(
    home: HomeAssistant, service_account: Account, text: str
) -> None:
    with pytest.raises(ServiceValidationError) as raised:
        await send(home, PHONE, text, "Door")
    assert raised.value.translation_key == "message_empty"
    assert asked(service_account) == 0


async def test_a_loop_of_notifications_stops_too(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    home.config_entries.async_update_entry(account, options={"messages_per_minute": 2})
    await settle(home)
    for _ in range(2):
        await send(home, PHONE, "hi")
    with pytest.raises(HomeAssistantError) as raised:
        await send(home, PHONE, "hi")
    assert raised.value.translation_key == "limit_minute"
    assert asked(service_account) == 2


@pytest.mark.usefixtures("account")
async def test_a_refusal_does_not_repeat_what_was_to_be_shown(
    home: HomeAssistant, simulator: Simulator
) -> None:
    body = {"success": False, "error": "no", "note": "no place for It is open and Front door"}
    simulator.fault("/notification/send", "nonsense", body=body)
    with pytest.raises(HomeAssistantError) as raised:
        await send(home, PHONE, "It is open", "Front door")
    assert "It is open" not in str(raised.value)
    assert "Front door" not in str(raised.value)
