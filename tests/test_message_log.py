"""Looking and tidying: the actions `get_messages`, `delete_message` and `check_whatsapp`."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, SentMessage, Simulator
from simulator.account import CHOICES

from .conftest import add_account, add_contact
from .outbound.sending import (
    ANNA,
    BELA,
    CECIL,
    CHECK,
    LOG,
    LONG,
    TEXT,
    act,
    in_vain,
    is_on_whatsapp,
    report,
    requests,
    send,
    set_options,
)

RECEIVED = "/getsms/"
DELETE = "/deletesms/"
# 13:00 in Budapest.
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)

type Row = dict[str, Any]


async def get(home: HomeAssistant, **data: Any) -> list[Row]:
    messages: list[Row] = (await act(home, "get_messages", **data))["messages"]
    return messages


def texts(rows: list[Row]) -> list[str]:
    return [row["message"] for row in rows]


def at(minute: float) -> float:
    """Return the Unix seconds of a minute after noon."""
    return (NOON + timedelta(minutes=minute)).timestamp()


def was_sent(
    service_account: Account, number: str, text: str, minute: float, error: str = "", channel: Any = "sms"
) -> SentMessage:
    """Have something been sent by somebody."""
    form = {"recipients": number, "message": text}
    sent = SentMessage(
        fields=form,
        guid=f"guid of {text}",
        at=at(minute),
        channel=channel,
        due=at(minute),
        sid="phone-1",
        error=error,
    )
    service_account.sent.append(sent)
    return sent


@pytest.fixture
async def past(home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account) -> Account:
    """Anna, a contact, and Béla, who is none, wrote and were written to."""
    await add_contact(home, account, "Anna", ANNA)
    service_account.receive(ANNA, "Where are you?", "r1", at(1))
    was_sent(service_account, ANNA, "At home.", 2)
    service_account.receive(BELA, "Happy birthday", "r2", at(3), sid="phone-7")
    was_sent(service_account, BELA, "THANK you", 4, error="NO_SERVICE")
    service_account.receive("VODAFONE", "Your bill", "r3", at(5))
    return service_account


# All of them.


@pytest.mark.usefixtures("past")
async def test_received_and_sent_together_the_newest_first_with_all_that_is_known(
    home: HomeAssistant,
) -> None:
    nothing = {"name": None, "contact": None, "status": None, "error": None, "phone": None, "channel": "sms"}
    received = {**nothing, "direction": "received", "phone": "phone-1"}
    sent = {**nothing, "direction": "sent", "status": "sent"}
    assert await get(home) == [
        {
            **received,
            "message_id": "r3",
            "number": "VODAFONE",
            "message": "Your bill",
            "time": "2026-01-15T12:05:00+00:00",
        },
        {
            **sent,
            "message_id": "guid of THANK you",
            "number": BELA,
            "message": "THANK you",
            "time": "2026-01-15T12:04:00+00:00",
            "status": "failed",
            "error": "NO_SERVICE",
        },
        {
            **received,
            "message_id": "r2",
            "number": BELA,
            "message": "Happy birthday",
            "time": "2026-01-15T12:03:00+00:00",
            "phone": "phone-7",
        },
        {
            **sent,
            "message_id": "guid of At home.",
            "number": ANNA,
            "contact": "Anna",
            "message": "At home.",
            "time": "2026-01-15T12:02:00+00:00",
        },
        {
            **received,
            "message_id": "r1",
            "number": ANNA,
            "contact": "Anna",
            "message": "Where are you?",
            "time": "2026-01-15T12:01:00+00:00",
        },
    ]


@pytest.mark.usefixtures("account")
async def test_nothing_at_all_is_an_empty_list(home: HomeAssistant) -> None:
    assert await get(home) == []


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        *(("list_format", shape) for shape in CHOICES["list_format"]),
        *(("time_format", dress) for dress in CHOICES["time_format"] if dress != "unreadable"),
        *(("number_format", dress) for dress in CHOICES["number_format"]),
        *(("error_format", dress) for dress in CHOICES["error_format"]),
        ("newest_first", True),
    ],
)
async def test_however_the_service_writes_them(
    home: HomeAssistant, past: Account, attribute: str, value: Any
) -> None:
    setattr(past, attribute, value)
    rows = await get(home)
    assert texts(rows) == ["Your bill", "THANK you", "Happy birthday", "At home.", "Where are you?"]
    assert [row["number"] for row in rows] == ["VODAFONE", BELA, BELA, ANNA, ANNA]
    assert [row["time"][11:16] for row in rows] == ["12:05", "12:04", "12:03", "12:02", "12:01"]


async def test_a_time_that_can_not_be_read_hides_no_message(home: HomeAssistant, past: Account) -> None:
    past.time_format = "unreadable"
    assert sorted(texts(await get(home))) == sorted(
        ["Your bill", "THANK you", "Happy birthday", "At home.", "Where are you?"]
    )


async def test_looking_is_no_new_message(
    home: HomeAssistant, past: Account, received: list[Any], account: SmsMobileApiConfigEntry
) -> None:
    """Nor does it keep the next poll from bringing them."""
    await get(home)
    assert received == []
    await account.runtime_data.coordinator.async_refresh()
    assert sorted(event.data["message_id"] for event in received) == ["r1", "r2", "r3"]


# Some of them.


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"from": "Anna"}, ["Where are you?"]),
        ({"from": " aNNA "}, ["Where are you?"]),
        ({"from": ANNA}, ["Where are you?"]),
        ({"from": 36301234567}, ["Where are you?"]),
        ({"from": "06 30/123-4567"}, ["Where are you?"]),
        ({"from": BELA}, ["Happy birthday"]),
        ({"from": CECIL}, []),
        # A sender may be a name, of whom nobody knows beforehand.
        ({"from": "Vodafone"}, ["Your bill"]),
        ({"from": "cecil"}, []),
        ({"to": "Anna"}, ["At home."]),
        ({"to": 36207654321}, ["THANK you"]),
        ({"to": CECIL}, []),
        ({"from": "Anna", "to": BELA}, ["THANK you", "Where are you?"]),
        ({"text": "thank YOU"}, ["THANK you"]),
        ({"text": "o"}, ["Your bill", "THANK you", "At home.", "Where are you?"]),
        ({"text": "no such text"}, []),
        ({"text": ".*"}, []),
        ({"failed_only": True}, ["THANK you"]),
        ({"failed_only": True, "to": "Anna"}, []),
        ({"failed_only": True, "from": "Anna"}, []),
        ({"failed_only": True, "from": "Anna", "to": BELA}, ["THANK you"]),
        ({"limit": 1}, ["Your bill"]),
        ({"limit": 2}, ["Your bill", "THANK you"]),
        ({"limit": 1000}, ["Your bill", "THANK you", "Happy birthday", "At home.", "Where are you?"]),
        ({"limit": 1, "from": "Anna"}, ["Where are you?"]),
        ({"since": "2026-01-15 12:04:00+00:00"}, ["Your bill", "THANK you"]),
        ({"since": "2026-01-15 12:03:00+00:00"}, ["Your bill", "THANK you", "Happy birthday"]),
        ({"since": "2026-01-15 12:03:01+00:00"}, ["Your bill", "THANK you"]),
        ({"since": "2026-01-15 13:04:00"}, ["Your bill", "THANK you"]),
        ({"since": "2026-01-15T14:04:00+02:00"}, ["Your bill", "THANK you"]),
        ({"since": datetime(2026, 1, 15, 13, 5)}, ["Your bill"]),
        ({"since": NOON + timedelta(minutes=4)}, ["Your bill", "THANK you"]),
        ({"since": "2031-01-01 00:00:00"}, []),
        ({"since": "1955-01-01 00:00:00", "limit": 1}, ["Your bill"]),
        ({"since": "2026-01-15 12:02:00+00:00", "to": "Anna"}, ["At home."]),
        ({"since": "2026-01-15 12:02:01+00:00", "to": "Anna"}, []),
        ({"since": "2026-01-15 12:02:00+00:00", "text": "E", "limit": 2}, ["At home."]),
    ],
)
async def test_only_what_is_wanted(home: HomeAssistant, wanted: dict[str, Any], found: list[str]) -> None:
    assert texts(await get(home, **wanted)) == found


async def test_at_most_fifty_unless_more_are_wanted(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    for number in range(60):
        service_account.receive(ANNA, f"{number}", timestamp=at(number))
    assert texts(await get(home)) == [f"{number}" for number in range(59, 9, -1)]
    assert len(await get(home, limit=55)) == 55


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "data",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "many"},
        {"since": "yesterday"},
        {"since": "0001-01-01 00:00:00"},
        {"from": True},
        {"from": [ANNA]},
        {"unread": True},
    ],
)
async def test_what_is_no_filter_is_refused(home: HomeAssistant, data: dict[str, Any]) -> None:
    with pytest.raises(vol.Invalid):
        await get(home, **data)


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(("wanted", "key"), [("Cecil", "unknown_contact"), ("+3630", "number_too_short")])
async def test_an_unknown_person_is_said_and_nothing_is_asked(
    home: HomeAssistant, service_account: Account, wanted: str, key: str
) -> None:
    asked = len(service_account.requests)
    assert (await in_vain(home, "get_messages", to=wanted)).translation_key == key
    assert len(service_account.requests) == asked


@pytest.mark.parametrize(
    ("wanted", "received", "sent"),
    [
        ({}, 1, 1),
        ({"from": "Anna"}, 1, 0),
        ({"to": "Anna"}, 0, 1),
        ({"failed_only": True}, 0, 1),
        ({"failed_only": True, "from": "Anna"}, 0, 0),
    ],
)
async def test_no_more_is_asked_for_than_is_needed(
    home: HomeAssistant, past: Account, wanted: dict[str, Any], received: int, sent: int
) -> None:
    past.requests.clear()
    await get(home, **wanted)
    assert (len(requests(past, RECEIVED)), len(requests(past, LOG))) == (received, sent)


async def test_those_that_were_sent_from_here_have_their_channel_and_what_the_webhook_told(
    hass_client_no_auth: ClientSessionGenerator,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
) -> None:
    """The log is later than the webhook, and has no channel."""
    client = await hass_client_no_auth()
    service_account.webhook_url = str(client.make_url(f"/api/webhook/{account.data['webhook_id']}"))
    service_account.delivery_delay = LONG
    await send(home, message="one", channel="both")
    await send(home, message="two", channel="whatsapp")
    await send(home, message="three")
    one, _, two, _ = service_account.sent
    await report(simulator, service_account, two, "failed", "NO_SERVICE")
    await report(simulator, service_account, one, "sent")
    rows = await get(home)
    assert sorted((row["message"], row["channel"], row["status"], row["error"]) for row in rows) == [
        ("one", "sms", "sent", None),
        ("one", "whatsapp", "accepted", None),
        ("three", "sms", "accepted", None),
        ("two", "whatsapp", "failed", "NO_SERVICE"),
    ]
    assert texts(await get(home, failed_only=True)) == ["two"]


# A message that is not wanted any more.


@pytest.mark.parametrize("dress", CHOICES["delete_format"])
async def test_a_received_and_a_sent_one_can_be_deleted_and_an_unknown_one_is_said(
    home: HomeAssistant, past: Account, dress: Any
) -> None:
    past.delete_format = dress
    for message_id in ("r1", "guid of THANK you"):
        assert await act(home, "delete_message", message_id=message_id) == {"message_id": message_id}
    assert texts(await get(home)) == ["Your bill", "Happy birthday", "At home."]
    for message_id in ("r1", "no such id"):
        err = await in_vain(home, "delete_message", message_id=message_id)
        assert err.translation_key == "message_not_found"
        assert isinstance(err, ServiceValidationError)
    assert len(requests(past, DELETE)) == 4


@pytest.mark.usefixtures("past")
async def test_deleting_needs_no_answer(home: HomeAssistant, service_account: Account) -> None:
    await home.services.async_call("smsmobileapi", "delete_message", {"message_id": "r1"}, blocking=True)
    assert service_account.received[0].deleted


async def test_what_was_deleted_is_not_followed_for_ever(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    (row,) = await send(home)
    await act(home, "delete_message", message_id=row["message_id"])
    assert await get(home) == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("data", [{}, {"message_id": None}, {"message_id": ["r1"]}])
async def test_deleting_needs_one_id(home: HomeAssistant, data: dict[str, Any]) -> None:
    with pytest.raises(vol.Invalid):
        await act(home, "delete_message", **data)


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("kind", "options"),
    [("html", {"status": 404}), ("empty", {"status": 404}), ("html", {"status": 301}), ("nonsense", {})],
)
async def test_where_the_service_does_not_know_how_to_delete_nothing_is_claimed(
    home: HomeAssistant, simulator: Simulator, kind: str, options: dict[str, Any]
) -> None:
    """Its path is a guess."""
    simulator.fault(DELETE, kind, **options)
    err = await in_vain(home, "delete_message", message_id="r1")
    assert err.translation_key == "unexpected_answer"


# Who is on WhatsApp.


@pytest.mark.parametrize("dress", CHOICES["check_format"])
async def test_who_is_on_whatsapp(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, dress: Any
) -> None:
    await add_contact(home, account, "Anna", ANNA)
    service_account.check_format = dress
    is_on_whatsapp(service_account, ANNA)
    answer = await act(home, "check_whatsapp", recipients=["Anna", 36207654321])
    yes, no = (None, None) if dress == "vague" else (True, False)
    assert answer["recipients"] == [
        {"recipient": ANNA, "contact": "Anna", "has_whatsapp": yes},
        {"recipient": BELA, "contact": None, "has_whatsapp": no},
    ]


@pytest.mark.usefixtures("account")
async def test_each_time_it_is_asked(home: HomeAssistant, service_account: Account) -> None:
    """Whoever asks wants to know how it is now."""
    answers = []
    for numbers in ([], [ANNA]):
        is_on_whatsapp(service_account, *numbers)
        answer = await act(home, "check_whatsapp", recipients=ANNA)
        answers.append(answer["recipients"][0]["has_whatsapp"])
    assert answers == [False, True]
    assert len(requests(service_account, CHECK)) == 2


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("recipients", "key"),
    [
        ([], "no_recipients"),
        ("Cecil", "unknown_contact"),
        ([ANNA, "12345"], "number_short_code"),
        ([ANNA, ""], "number_empty"),
    ],
)
async def test_who_can_not_be_on_whatsapp_is_said_before_anybody_is_asked_for(
    home: HomeAssistant, service_account: Account, recipients: Any, key: str
) -> None:
    assert (await in_vain(home, "check_whatsapp", recipients=recipients)).translation_key == key
    assert requests(service_account, CHECK) == []


# Where the service refuses, and whose account it is.

ACTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("get_messages", {}, LOG),
    ("get_messages", {"from": ANNA}, RECEIVED),
    ("delete_message", {"message_id": "r1"}, DELETE),
    ("check_whatsapp", {"recipients": ANNA}, CHECK),
]


@pytest.mark.parametrize(("action", "data", "path"), ACTIONS)
@pytest.mark.parametrize(
    ("kind", "options", "key"),
    [
        ("status", {"status": 403}, "invalid_auth"),
        ("status", {"status": 403, "error": "api_expired"}, "subscription_expired"),
        ("status", {"status": 429, "retry_after": 7}, "rate_limited"),
        ("status", {"status": 500}, "outcome_unknown"),
        ("status", {"status": 503}, "cannot_connect"),
        ("html", {}, "unexpected_answer"),
        ("nonsense", {"body": {"result": {"error": "no", "note": f"{TEXT} {ANNA}"}}}, "refused"),
    ],
)
async def test_what_the_service_refuses_is_said_and_a_wrong_key_asked_for(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    action: str,
    data: dict[str, Any],
    path: str,
    kind: str,
    options: dict[str, Any],
    key: str,
) -> None:
    simulator.fault(path, kind, **options)
    err = await in_vain(home, action, **data)
    assert err.translation_key == key
    assert ANNA[1:] not in str(err)
    assert bool(list(account.async_get_active_flows(home, {"reauth"}))) == (key == "invalid_auth")


@pytest.mark.parametrize(("action", "data"), [(action, data) for action, data, _ in ACTIONS])
async def test_of_several_accounts_one_has_to_be_named(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    action: str,
    data: dict[str, Any],
) -> None:
    other_account = simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    other_account.receive(ANNA, "to the other", "r1")
    service_account.requests.clear()
    other_account.requests.clear()
    for wrong in ({}, {"account": "no such account"}):
        with pytest.raises(ServiceValidationError):
            await act(home, action, **data, **wrong)
    assert service_account.requests == other_account.requests == []
    await act(home, action, **data, account=other.entry_id)
    assert service_account.requests == []
    assert other_account.requests


@pytest.mark.parametrize(("action", "data"), [(action, data) for action, data, _ in ACTIONS])
async def test_an_account_that_is_not_loaded_answers_nothing(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, action: str, data: dict[str, Any]
) -> None:
    await home.config_entries.async_unload(account.entry_id)
    for named in ({}, {"account": account.entry_id}):
        with pytest.raises(ServiceValidationError):
            await act(home, action, **data, **named)


async def test_looking_and_tidying_are_no_messages(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, past: Account
) -> None:
    """They cost nothing, so no limit stops them."""
    await set_options(home, account, messages_per_minute=1, messages_per_day=1)
    await send(home)
    await get(home)
    await act(home, "delete_message", message_id="r1")
    await act(home, "check_whatsapp", recipients=ANNA)
    assert account.runtime_data.limits.sent_in_a_day == 1
