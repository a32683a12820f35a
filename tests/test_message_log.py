"""Looking through messages and tidying up: the actions `get_messages`, `delete_message` and `check_whatsapp`."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from simulator import Account, SentMessage, Simulator
from simulator.account import CHOICES

from .conftest import add_account
from .outbound.sending import ANNA, BELA, CECIL, CHECK, LOG, LONG, Case, Entry

RECEIVED = "/getsms/"
DELETE = "/deletesms/"
# 13:00 in Budapest.
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
ALL = ["Your bill", "THANK you", "Happy birthday", "At home.", "Where are you?"]

type Row = dict[str, Any]


@pytest.fixture
def case(home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account) -> Case:
    """A home with an account that is set up."""
    return Case(home=home, account=account, simulator=simulator, service=service_account)


async def get(case: Case, **data: Any) -> list[Row]:
    messages: list[Row] = (await case.act("get_messages", **data))["messages"]
    return messages


def texts(rows: list[Row]) -> list[str]:
    return [row["message"] for row in rows]


def at(minute: float) -> float:
    """Return the Unix seconds of a minute after noon."""
    return (NOON + timedelta(minutes=minute)).timestamp()


def add_sent(service_account: Account, number: str, text: str, minute: float, error: str = "") -> None:
    """Have another program send a message."""
    form = {"recipients": number, "message": text}
    second = at(minute)
    sent = SentMessage(
        fields=form, guid=f"guid of {text}", at=second, due=second, channel="sms", sid="phone-1", error=error
    )
    service_account.sent.append(sent)


@pytest.fixture
async def past(case: Case) -> Account:
    """Anna, a contact, and Béla, who is none, wrote and were written to."""
    await case.add_contact("Anna", ANNA)
    service_account = case.service
    service_account.receive(ANNA, "Where are you?", "r1", at(1))
    add_sent(service_account, ANNA, "At home.", 2)
    service_account.receive(BELA, "Happy birthday", "r2", at(3), sid="phone-7")
    add_sent(service_account, BELA, "THANK you", 4, error="NO_SERVICE")
    service_account.receive("VODAFONE", "Your bill", "r3", at(5))
    return service_account


# All of them.


async def test_received_and_sent_together_the_newest_first_with_all_that_is_known(
    case: Case, past: Account
) -> None:
    nothing = {"name": None, "contact": None, "status": None, "error": None, "phone": None, "channel": "sms"}
    received = {**nothing, "direction": "received", "phone": "phone-1"}
    sent = {**nothing, "direction": "sent", "status": "sent"}
    anna: Row = {"number": ANNA, "contact": "Anna"}
    failed = {"status": "failed", "error": "NO_SERVICE"}
    expected: list[Row] = [
        {**received, "message_id": "r3", "number": "VODAFONE"},
        {**sent, "message_id": "guid of THANK you", "number": BELA, **failed},
        {**received, "message_id": "r2", "number": BELA, "phone": "phone-7"},
        {**sent, "message_id": "guid of At home.", **anna},
        {**received, "message_id": "r1", **anna},
    ]
    for minute, row, text in zip((5, 4, 3, 2, 1), expected, ALL, strict=True):
        row |= {"message": text, "time": f"2026-01-15T12:0{minute}:00+00:00"}
    assert await get(case) == expected
    past.received.clear()
    past.sent.clear()
    assert await get(case) == []


async def test_however_the_service_writes_them(case: Case, past: Account) -> None:
    prefixes = ("list_", "time_", "number_", "error_")
    ways = [(name, value) for name in CHOICES if name.startswith(prefixes) for value in CHOICES[name]]
    assert len(ways) > 10
    for name, value in [*ways, ("newest_first", True)]:
        before = getattr(past, name)
        setattr(past, name, value)
        rows = await get(case)
        if value == "unreadable":
            # A time that can't be read hides no message.
            assert sorted(texts(rows)) == sorted(ALL)
        else:
            assert texts(rows) == ALL, (name, value)
            assert [row["number"] for row in rows] == ["VODAFONE", BELA, BELA, ANNA, ANNA], (name, value)
            assert [row["time"][14:16] for row in rows] == ["05", "04", "03", "02", "01"], (name, value)
        setattr(past, name, before)


@pytest.mark.usefixtures("past")
async def test_looking_is_no_new_message_and_costs_nothing(case: Case, received: list[Any]) -> None:
    """Nor does it keep the next poll from bringing them."""
    await case.set_options(max_age_hours=100_000)
    await get(case)
    await case.act("check_whatsapp", recipients=ANNA)
    assert received == []
    await case.account.runtime_data.coordinator.async_refresh()
    assert sorted(event.data["message_id"] for event in received) == ["r1", "r2", "r3"]
    await case.act("delete_message", message_id="r1")
    assert case.sent_in_a_day == 0


# Some of them.


@pytest.mark.usefixtures("past")
async def test_only_those_that_the_filters_let_through(case: Case) -> None:
    table: list[tuple[dict[str, Any], list[str]]] = [
        ({"from": "Anna"}, ["Where are you?"]),
        ({"from": " aNNA "}, ["Where are you?"]),
        ({"from": 36301234567}, ["Where are you?"]),
        ({"from": "06 30/123-4567"}, ["Where are you?"]),
        ({"from": BELA}, ["Happy birthday"]),
        ({"from": CECIL}, []),
        # A sender may be a name that is nobody's contact.
        ({"from": "Vodafone"}, ["Your bill"]),
        ({"from": "cecil"}, []),
        ({"to": "Anna"}, ["At home."]),
        ({"to": 36207654321}, ["THANK you"]),
        ({"to": CECIL}, []),
        ({"from": "Anna", "to": BELA}, ["THANK you", "Where are you?"]),
        ({"text": "thank YOU"}, ["THANK you"]),
        ({"text": "o"}, ["Your bill", "THANK you", "At home.", "Where are you?"]),
        ({"text": ".*"}, []),
        ({"failed_only": True}, ["THANK you"]),
        ({"failed_only": True, "to": "Anna"}, []),
        ({"failed_only": True, "from": "Anna"}, []),
        ({"failed_only": True, "from": "Anna", "to": BELA}, ["THANK you"]),
        ({"limit": 2}, ALL[:2]),
        ({"limit": 1000}, ALL),
        ({"limit": 1, "from": "Anna"}, ["Where are you?"]),
        ({"since": "2026-01-15 12:04:00+00:00"}, ALL[:2]),
        ({"since": "2026-01-15 12:03:00+00:00"}, ALL[:3]),
        ({"since": "2026-01-15 12:03:01+00:00"}, ALL[:2]),
        ({"since": "2026-01-15 13:04:00"}, ALL[:2]),
        ({"since": datetime(2026, 1, 15, 13, 5)}, ALL[:1]),
        ({"since": NOON + timedelta(minutes=4)}, ALL[:2]),
        ({"since": "2031-01-01 00:00:00"}, []),
        ({"since": "1955-01-01 00:00:00", "limit": 1}, ALL[:1]),
        ({"since": "2026-01-15 12:02:00+00:00", "to": "Anna"}, ["At home."]),
        ({"since": "2026-01-15 12:02:01+00:00", "to": "Anna"}, []),
        ({"since": "2026-01-15 12:02:00+00:00", "text": "E", "limit": 2}, ["At home."]),
    ]
    for filters, expected in table:
        assert texts(await get(case, **filters)) == expected, filters


async def test_at_most_fifty_unless_more_are_asked_for(case: Case) -> None:
    for number in range(60):
        case.service.receive(ANNA, f"{number}", timestamp=at(number))
    assert texts(await get(case)) == [f"{number}" for number in range(59, 9, -1)]
    assert len(await get(case, limit=55)) == 55


async def test_no_more_is_requested_than_is_needed_and_nothing_for_a_wrong_filter(
    case: Case, past: Account
) -> None:
    table: list[tuple[dict[str, Any], int, int]] = [
        ({}, 1, 1),
        ({"from": "Anna"}, 1, 0),
        ({"to": "Anna"}, 0, 1),
        ({"failed_only": True}, 0, 1),
        ({"failed_only": True, "from": "Anna"}, 0, 0),
    ]
    for filters, received, sent in table:
        past.requests.clear()
        await get(case, **filters)
        assert (len(case.requests(RECEIVED)), len(case.requests(LOG))) == (received, sent), filters
    past.requests.clear()
    invalid: list[dict[str, Any]] = [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "many"},
        {"since": "yesterday"},
        {"since": "0001-01-01 00:00:00"},
        {"from": True},
        {"from": [ANNA]},
    ]
    for filters in invalid:
        assert await case.error_of("get_messages", **filters)
    with pytest.raises(vol.Invalid):
        await get(case, unread=True)
    for name, key in (("Cecil", "unknown_contact"), ("+3630", "number_too_short")):
        assert (await case.error_of("get_messages", to=name)).translation_key == key
    assert past.requests == []


async def test_those_that_were_sent_from_here_have_their_channel_and_what_the_webhook_reported(
    hass_client_no_auth: ClientSessionGenerator,
    case: Case,
    service_account: Account,
) -> None:
    """The log is later than the webhook, and has no channel."""
    client = await hass_client_no_auth()
    case.service.webhook_url = str(client.make_url(f"/api/smsmobileapi/{case.account.data['webhook_id']}"))
    case.service.delivery_delay = LONG
    await case.set_options(signing_secret=case.service.webhook_secret)
    await case.send(message="one", channel="both")
    await case.send(message="two", channel="whatsapp")
    await case.send(message="three")
    one, _, two, _ = case.service.sent
    await case.report(two, "failed", "NO_SERVICE")
    await case.report(one, "sent")
    rows = await get(case)
    assert sorted((row["message"], row["channel"], row["status"], row["error"]) for row in rows) == [
        ("one", "sms", "sent", None),
        ("one", "whatsapp", "accepted", None),
        ("three", "sms", "accepted", None),
        ("two", "whatsapp", "failed", "NO_SERVICE"),
    ]
    assert texts(await get(case, failed_only=True)) == ["two"]


# Deleting.


async def test_a_received_and_a_sent_message_can_be_deleted_and_an_unknown_one_raises(
    case: Case, past: Account
) -> None:
    received, sent = list(past.received), list(past.sent)
    for answer in CHOICES["delete_format"]:
        past.delete_format = answer  # type: ignore[assignment]  # one of its values
        for row in received:
            row.deleted = False
        for message in sent:
            message.deleted = False
        past.requests.clear()
        for message_id in ("r1", "guid of THANK you"):
            assert await case.act("delete_message", message_id=message_id) == {"message_id": message_id}
        assert texts(await get(case)) == ["Your bill", "Happy birthday", "At home."], answer
        for message_id in ("r1", "no such id"):
            err = await case.error_of("delete_message", message_id=message_id)
            assert err.translation_key == "message_not_found", answer
            assert isinstance(err, ServiceValidationError)
        assert len(case.requests(DELETE)) == 4
    await case.home.services.async_call("smsmobileapi", "delete_message", {"message_id": "r2"}, blocking=True)
    assert received[1].deleted


@pytest.mark.usefixtures("past")
async def test_where_the_service_does_not_know_how_to_delete_nothing_is_claimed(case: Case) -> None:
    """Its path is a guess."""
    for kind, status in (("html", 404), ("empty", 404), ("html", 301), ("nonsense", None)):
        case.fault(DELETE, kind, status=status)
        err = await case.error_of("delete_message", message_id="r1")
        assert err.translation_key == "unexpected_answer", kind
    invalid: list[dict[str, Any]] = [{"message_id": None}, {"message_id": ["r1"]}]
    for data in invalid:
        assert (await case.error_of("delete_message", **data)).translation_key == "value_invalid"


# Who is on WhatsApp.


async def test_who_is_on_whatsapp_now(case: Case) -> None:
    await case.add_contact("Anna", ANNA)
    for numbers, expected in (([ANNA], (True, False)), ([BELA], (False, True)), (None, (None, None))):
        if numbers is None:
            case.hide_whatsapp()
        else:
            case.set_whatsapp(*numbers)
        answer = await case.act("check_whatsapp", recipients=["Anna", 36207654321])
        assert answer["recipients"] == [
            {"recipient": ANNA, "contact": "Anna", "has_whatsapp": expected[0]},
            {"recipient": BELA, "contact": None, "has_whatsapp": expected[1]},
        ]
    case.service.requests.clear()
    invalid: list[tuple[Any, str]] = [
        ([], "no_recipients"),
        ("Cecil", "unknown_contact"),
        ([ANNA, "12345"], "number_short_code"),
        ([ANNA, ""], "number_empty"),
    ]
    for recipients, key in invalid:
        assert (await case.error_of("check_whatsapp", recipients=recipients)).translation_key == key
    assert case.requests(CHECK) == []


# Where the service refuses, and whose account it is.

ACTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("get_messages", {}, LOG),
    ("get_messages", {"from": ANNA}, RECEIVED),
    ("delete_message", {"message_id": "r1"}, DELETE),
    ("check_whatsapp", {"recipients": ANNA}, CHECK),
]


@pytest.mark.parametrize(("action", "data", "path"), ACTIONS)
async def test_what_the_service_refuses_raises_and_another_key_is_asked_for(
    case: Case, action: str, data: dict[str, Any], path: str
) -> None:
    table: list[tuple[str, dict[str, Any], str]] = [
        ("status", {"status": 403, "error": "api_expired"}, "subscription_expired"),
        ("status", {"status": 429, "retry_after": 7}, "rate_limited"),
        ("status", {"status": 500}, "outcome_unknown"),
        ("status", {"status": 503}, "cannot_connect"),
        ("html", {}, "unexpected_answer"),
        ("nonsense", {"body": {"result": {"error": "no", "note": f"not for {ANNA}"}}}, "refused"),
        ("status", {"status": 403}, "invalid_auth"),
    ]
    for kind, options, key in table:
        case.fault(path, kind, **options)
        err = await case.error_of(action, **data)
        assert err.translation_key == key
        case.assert_private([], err)
        assert case.asks_for_key == (key == "invalid_auth")


async def test_of_several_accounts_one_has_to_be_named_and_it_has_to_be_loaded(case: Case) -> None:
    other_account = case.simulator.add_account("another-key-0123456789")
    other = await add_account(case.home, case.simulator, "another-key-0123456789")
    for action, data, _ in ACTIONS:
        other_account.receive(ANNA, "to the other", "r1")
        case.service.requests.clear()
        other_account.requests.clear()
        for wrong in ({}, {"account": "no such account"}):
            with pytest.raises(ServiceValidationError):
                await case.act(action, **data, **wrong)
        assert case.service.requests == other_account.requests == []
        await case.act(action, **data, account=other.entry_id)
        assert case.service.requests == []
        assert other_account.requests
    await case.home.config_entries.async_unload(case.account.entry_id)
    await case.home.config_entries.async_unload(other.entry_id)
    for action, data, _ in ACTIONS:
        for named in ({}, {"account": case.account.entry_id}):
            with pytest.raises(ServiceValidationError):
                await case.act(action, **data, **named)
