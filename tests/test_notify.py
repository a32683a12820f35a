"""Notify entities: a message to a contact, a notification on a phone."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Phone, Simulator

from .conftest import KEY, add_account, add_contact, settle
from .flows.dialogs import in_state, sentence

ANNA = "+36301234567"
BELA = "+36209876543"
PHONE = "notify.phone_notification"
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
    hass: HomeAssistant, entity_id: str | list[str], message: Any, title: str | None = None
) -> None:
    """Send as an automation does."""
    data = {"entity_id": entity_id, "message": message, **({} if title is None else {"title": title})}
    await hass.services.async_call("notify", "send_message", data, blocking=True)


async def refusal(
    hass: HomeAssistant, entity_id: str, message: str, title: str | None = None
) -> HomeAssistantError:
    """Return the error with which the action ends."""
    with pytest.raises(HomeAssistantError) as raised:
        await send(hass, entity_id, message, title)
    return raised.value


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    assert state
    return state.state


# A message to a contact


async def test_what_is_sent(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, anna: str, bela: str
) -> None:
    await add_contact(home, account, "Bank", "1234")
    # A text of 4,000 characters is 27 SMS.
    await limit(home, account, 100)
    by_sms = {"sendsms": "1"}
    by_whatsapp = {"sendwa": "1", "sendsms": "0", "waonly": "yes"}
    texts = ("The washing machine is done.", "több\nsor ☃ 👩‍👩‍👧", "a&b=c+d %20 \\n", "x" * 4000)
    for entity_id, number, text, channel in (
        *((anna, ANNA, text, by_sms) for text in texts),
        (bela, BELA.removeprefix("+"), texts[0], by_whatsapp),
        ("notify.bank", "1234", "BALANCE", by_sms),
        # A template may give a number.
        (anna, ANNA, 42, by_sms),
    ):
        service_account.sent.clear()
        await send(home, entity_id, text)
        (sent,) = service_account.sent
        fields = {"apikey": KEY, "recipients": number, "message": str(text), "from": "Home Assistant"}
        assert sent.fields == fields | channel
        assert dt_util.parse_datetime(state_of(home, entity_id))


async def test_the_title_is_the_first_line(home: HomeAssistant, service_account: Account, anna: str) -> None:
    state = home.states.get(anna)
    assert state and state.attributes["supported_features"] == TITLE
    for title, text in (("Door", "Door\nIt is open."), ("", "It is open."), (None, "It is open.")):
        await send(home, anna, "It is open.", title)
        assert service_account.sent[-1].fields["message"] == text, title


async def test_several_contacts_get_one_each(
    home: HomeAssistant, service_account: Account, anna: str, bela: str
) -> None:
    await send(home, [anna, bela], "hi")
    assert sorted((sent.fields["recipients"], sent.channel) for sent in service_account.sent) == [
        (ANNA, "sms"),
        (BELA.removeprefix("+"), "whatsapp"),
    ]


async def test_the_state_is_the_time_of_the_last_message(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    anna: str,
    bela: str,
    freezer: FrozenDateTimeFactory,
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
    await refusal(home, anna, "not sent")
    assert state_of(home, anna) == "2026-05-01T10:01:30+00:00"
    service_account.state = "good"
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    assert state_of(home, anna) == "2026-05-01T10:01:30+00:00"


def no_phone(simulator: Simulator, account: Account) -> None:
    account.phones[0].online = False


def not_on_whatsapp(simulator: Simulator, account: Account) -> None:
    account.whatsapp_numbers = set()


async def test_a_refusal_says_why_and_the_next_one_is_sent(
    home: HomeAssistant, simulator: Simulator, service_account: Account, bela: str
) -> None:
    for spoil, code, placeholders in (
        (in_state("unknown"), "invalid_auth", {}),
        (in_state("unknown", "result"), "invalid_auth", {}),
        (in_state("expired"), "subscription_expired", {}),
        (in_state("expired", "result"), "subscription_expired", {}),
        (no_phone, "phone_offline", {}),
        (not_on_whatsapp, "refused", {"reason": "number is not on WhatsApp"}),
    ):
        before = state_of(home, bela)
        spoil(simulator, service_account)
        err = await refusal(home, bela, "hi")
        assert not isinstance(err, ServiceValidationError)
        assert str(err) == sentence(code, **placeholders)
        assert (state_of(home, bela), service_account.sent) == (before, []), code

        service_account.state = "good"
        service_account.phones[0].online = True
        service_account.whatsapp_numbers = None
        await send(home, bela, "hi")
        assert len(service_account.sent) == 1, code
        service_account.sent.clear()


@pytest.mark.parametrize("status", [429, 503])
async def test_what_the_service_does_not_take_now_is_sent_within_ten_minutes(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    bela: str,
    status: int,
    freezer: FrozenDateTimeFactory,
) -> None:
    simulator.fault("/sendsms/", "status", status=status, retry_after=45)
    await send(home, bela, "hi")
    assert service_account.sent == []
    freezer.tick(timedelta(minutes=1))
    async_fire_time_changed(home)
    await settle(home)
    assert [sent.fields["message"] for sent in service_account.sent] == ["hi"]


async def test_a_text_that_cannot_be_sent_is_refused_here(
    home: HomeAssistant, simulator: Simulator, anna: str
) -> None:
    simulator.reset()
    for message, title, code, placeholders in (
        ("", None, "message_empty", {}),
        (" \n\t", None, "message_empty", {}),
        (" ", " ", "message_empty", {}),
        ("x" * 4001, None, "message_too_long", {"length": "4001", "limit": "4000"}),
        ("x" * 4000, "Door", "message_too_long", {"length": "4005", "limit": "4000"}),
    ):
        err = await refusal(home, anna, message, title)
        assert isinstance(err, ServiceValidationError)
        assert str(err) == sentence(code, **placeholders)
    assert simulator.requests == []
    assert state_of(home, anna) == "unknown"


async def test_a_contact_of_another_account_is_sent_to_from_there(
    home: HomeAssistant, simulator: Simulator, service_account: Account, anna: str
) -> None:
    other = simulator.add_account("k-2")
    await add_contact(home, await add_account(home, simulator, "k-2"), "Anna", ANNA)
    await send(home, "notify.anna_2", "hi")
    assert (len(service_account.sent), len(other.sent)) == (0, 1)


# A notification on a phone


def shown(service_account: Account) -> list[tuple[str, str, str]]:
    return [(each.sid, each.title, each.message) for each in service_account.notifications]


def requests(service_account: Account) -> int:
    return sum(request.path == "/notification/send" for request in service_account.requests)


async def limit(home: HomeAssistant, account: SmsMobileApiConfigEntry, per_minute: int) -> None:
    home.config_entries.async_update_entry(account, options={"messages_per_minute": per_minute})
    await settle(home)


async def test_a_notification_is_shown_and_is_no_sms(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    assert state_of(home, PHONE) == "unknown"
    for title, text, expected in (
        ("Door", "It is open.", ("phone-1", "Door", "It is open.")),
        (None, "It is open.", ("phone-1", "Home Assistant", "It is open.")),
        ("", "ő 🚰 &amp;\nab", ("phone-1", "Home Assistant", "ő 🚰 &amp;\nab")),
    ):
        await send(home, PHONE, text, title)
        assert shown(service_account)[-1] == expected
        sid, title, text = expected
        request = service_account.requests[-1]
        assert (request.method, request.path) == ("POST", "/notification/send")
        assert request.fields == {"apikey": KEY, "sid": sid, "title": title, "message": text}
    assert (len(shown(service_account)), service_account.sent) == (3, [])
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


async def test_a_phone_that_is_offline_or_gone_is_an_error_and_not_silence(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    """Home Assistant skips an unavailable entity without an error. What was not shown does not count."""
    await limit(home, account, 1)

    async def refused(expected: str) -> None:
        for is_polled in (False, True):
            if is_polled:
                await home.config_entries.async_reload(account.entry_id)
                await settle(home)
            err = await refusal(home, PHONE, "hi")
            assert err.translation_key == expected, (expected, is_polled)
            assert "phone-1" not in str(err)

    service_account.phones[0].online = False
    await refused("phone_offline")
    (phone,) = service_account.phones
    service_account.phones[0] = Phone(sid="another")
    await refused("refused")
    simulator.fault("*", "status", count=99)
    await account.runtime_data.coordinator.async_refresh()
    assert state_of(home, "sensor.phone_battery") == "unavailable"
    assert (await refusal(home, PHONE, "hi")).translation_key == "cannot_connect"
    assert shown(service_account) == []
    simulator.faults.waiting.clear()
    phone.online, service_account.phones = True, [phone]
    await send(home, PHONE, "hi")
    assert len(shown(service_account)) == 1


@pytest.mark.usefixtures("account")
async def test_what_may_have_been_shown_is_not_shown_twice(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    for number, kind in enumerate(("drop_after", "drop_before", "html", "empty", "nonsense"), 1):
        simulator.fault("/notification/send", kind)
        assert str(await refusal(home, PHONE, "hi")) == sentence("may_have_been_shown"), kind
        assert requests(service_account) == number, kind
    body = {"success": False, "error": "no", "note": "no place for It is open and Front door"}
    simulator.fault("/notification/send", "nonsense", body=body)
    error = str(await refusal(home, PHONE, "It is open", "Front door"))
    assert "It is open" not in error
    assert "Front door" not in error


async def test_what_was_not_taken_is_tried_again_or_says_why_and_does_not_count(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    await limit(home, account, 4)
    refusals: tuple[tuple[Mapping[str, Any], str], ...] = (
        ({"status": 400}, "refused"),
        ({"status": 403, "error": "api_expired"}, "subscription_expired"),
        ({"status": 429, "retry_after": 600}, "rate_limited"),
        ({"status": 503, "count": 4}, "cannot_connect"),
        ({"status": 403}, "invalid_auth"),
    )
    for options, key in refusals:
        simulator.fault("/notification/send", "status", **options)
        assert (await refusal(home, PHONE, "hi")).translation_key == key
        assert bool(list(account.async_get_active_flows(home, {"reauth"}))) == (key == "invalid_auth"), key
    before = requests(service_account)
    for text in ("", " \n"):
        assert (await refusal(home, PHONE, text, "Door")).translation_key == "message_empty"
    assert requests(service_account) == before
    assert (state_of(home, PHONE), shown(service_account)) == ("unknown", [])

    for options in ({"status": 503, "count": 3}, {"status": 429, "retry_after": 0, "count": 2}):
        simulator.fault("/notification/send", "status", **options)
        await send(home, PHONE, "hi")
    # A loop of notifications is stopped, too.
    assert (await refusal(home, PHONE, "hi")).translation_key == "limit_minute_share"
    assert len(shown(service_account)) == 2
