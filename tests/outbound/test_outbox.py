"""The outbox: the action `send_message` by every channel, and that it says honestly what came of it."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
import voluptuous as vol

from custom_components.smsmobileapi.api import SmsMobileApiClient
from simulator import Account, Simulator

from ..conftest import KEY, add_account, add_contact
from .sending import (
    ANNA,
    BELA,
    HIGH_LIMITS,
    NOON,
    SEND,
    SIX,
    SIX_SECOND,
    TEXT,
    Clock,
    Entry,
    Log,
    Patch,
    act,
    assert_private,
    channels,
    error_of,
    our_lines,
    outcome,
    reload,
    requests,
    send,
    sent_in_a_day,
    set_options,
    set_whatsapp,
)

AS_SMS = {"apikey": KEY, "recipients": ANNA, "message": TEXT, "sendsms": "1", "from": "Home Assistant"}
BY_WHATSAPP = {**AS_SMS, "recipients": ANNA[1:], "sendwa": "1", "sendsms": "0", "waonly": "yes"}


def numbers(service_account: Account) -> list[str]:
    return [message.fields["recipients"] for message in service_account.sent]


@pytest.fixture
async def contacts(home: HomeAssistant, account: Entry) -> None:
    """Anna by SMS, Béla by WhatsApp."""
    await add_contact(home, account, "Anna", ANNA)
    await add_contact(home, account, "Béla", BELA, "whatsapp")


# What is sent, and the answer.


@pytest.mark.parametrize("is_contact", [False, True])
async def test_each_message_is_one_request_and_one_row(
    home: HomeAssistant, account: Entry, service_account: Account, is_contact: bool
) -> None:
    table = [
        ("sms", [AS_SMS]),
        ("whatsapp", [BY_WHATSAPP]),
        ("both", [AS_SMS, BY_WHATSAPP]),
        ("whatsapp_else_sms", [BY_WHATSAPP]),
    ]
    for channel, forms in table:
        service_account.sent.clear()
        service_account.requests.clear()
        before = sent_in_a_day(account)
        if is_contact:
            number = f"+3630123456{len(channel) % 10}"
            await add_contact(home, account, channel, number, channel)
            rows = await send(home, channel)
            forms = [
                {**form, "recipients": number if form["recipients"] == ANNA else number[1:]} for form in forms
            ]
        else:
            number = ANNA
            rows = await send(home, channel=channel)
        assert requests(service_account) == forms
        assert rows == [
            {
                "recipient": number,
                "contact": channel if is_contact else None,
                "channel": message.channel,
                "message_id": message.guid,
                "status": "accepted",
                "parts": 1,
                "alphabet": "GSM-7" if message.channel == "sms" else None,
                "alphabet_forced_by": None,
            }
            for message in service_account.sent
        ]
        assert sent_in_a_day(account) - before == len(forms)


@pytest.mark.usefixtures("account")
async def test_the_answer_says_how_many_sms_the_text_takes_and_why(home: HomeAssistant) -> None:
    table = [
        ("x" * 161, 2, "GSM-7", None),
        ("[" * 81, 2, "GSM-7", None),
        ("Kész, ő is itt van ☃", 1, "UCS-2", "ő"),
        ("x" * 4000, 27, "GSM-7", None),
    ]
    for text, *cost in table:
        for data, expected in (({}, cost), ({"channel": "whatsapp"}, [1, None, None])):
            (row,) = await send(home, message=text, **data)
            assert [row["parts"], row["alphabet"], row["alphabet_forced_by"]] == expected


@pytest.mark.usefixtures("contacts")
async def test_each_of_many_has_a_row_in_the_order_in_which_they_were_named(
    home: HomeAssistant, service_account: Account
) -> None:
    everybody = [f"+36301{number:06}" for number in range(15)]
    named = [*everybody[:7], "Béla", *everybody[7:], "Anna"]
    rows = await send(home, named)
    assert [row["contact"] or row["recipient"] for row in rows] == named
    assert [row["channel"] for row in rows] == ["sms"] * 7 + ["whatsapp"] + ["sms"] * 9
    sent = {message.guid: message.recipient.removeprefix("+") for message in service_account.sent}
    assert [sent[row["message_id"]] for row in rows] == [row["recipient"][1:] for row in rows]
    # Without a request for an answer there is none.
    data = {"recipients": ANNA, "message": TEXT}
    assert await home.services.async_call("smsmobileapi", "send_message", data, blocking=True) is None
    assert len(service_account.sent) == 18


@pytest.mark.usefixtures("contacts")
async def test_a_contact_is_sent_to_by_its_channel_unless_the_action_has_another(
    home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    """Found by name, or by number: an answer to a WhatsApp contact goes by WhatsApp."""
    rows = await send(home, ["anna", " BÉLA "])
    assert [(row["contact"], row["channel"]) for row in rows] == [("Anna", "sms"), ("Béla", "whatsapp")]
    (row,) = await send(home, BELA)
    assert (row["contact"], row["channel"]) == ("Béla", "whatsapp")
    await add_contact(home, account, "Cecil", "+36701112233", "both")
    for channel in ("sms", "whatsapp"):
        rows = await send(home, ["Béla", "Cecil", ANNA], channel=channel)
        assert [row["channel"] for row in rows] == [channel] * 3
    service_account.sent.clear()
    await home.services.async_call(
        "notify", "send_message", {"entity_id": "notify.cecil", "message": TEXT}, blocking=True
    )
    assert sorted(channels(service_account)) == ["sms", "whatsapp"]


@pytest.mark.usefixtures("contacts")
async def test_numbers_in_any_form_and_each_recipient_once(
    home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    """A template renders a number, and a text of digits, as an integer."""
    for number in (36301234567, "36301234567", "06 30/123-45.67", "0036301234567", " (06) 301234567"):
        await send(home, number)
    assert numbers(service_account) == [ANNA] * 5
    await reload(home, account)
    await send(home, [36301234567], message=112)
    assert service_account.sent[-1].fields["message"] == "112"
    assert len(await send(home, ["Anna", ANNA, "06301234567", 36301234567])) == 1
    assert numbers(service_account) == [ANNA] * 7
    service_account.sent.clear()
    rows = await send(home, [ANNA, BELA, "06301234567"], channel="both")
    assert [(row["recipient"], row["channel"]) for row in rows] == [
        (ANNA, "sms"),
        (ANNA, "whatsapp"),
        (BELA, "sms"),
        (BELA, "whatsapp"),
    ]
    assert len(service_account.sent) == 4


# How it is sent.


@pytest.mark.usefixtures("account")
async def test_a_time_to_send_at_is_home_assistants_unless_it_has_a_zone(
    freezer: Clock, home: HomeAssistant, service_account: Account
) -> None:
    freezer.move_to(NOON)
    table: list[tuple[str | datetime, str]] = [
        ("2026-01-15 12:00:01", "2026-01-15T11:00:01+00:00"),
        ("2026-01-15T18:00:00Z", "2026-01-15T18:00:00+00:00"),
        ("2026-01-15 18:00:00-05:00", "2026-01-15T23:00:00+00:00"),
        ("2026-07-15 08:00:00", "2026-07-15T06:00:00+00:00"),
        (datetime(2026, 1, 15, 18), "2026-01-15T17:00:00+00:00"),
        (datetime(2026, 1, 15, 21, tzinfo=ZoneInfo("Asia/Tokyo")), "2026-01-15T12:00:00+00:00"),
    ]
    for send_at, second in table:
        await send(home, send_at=send_at)
        assert service_account.sent[-1].scheduled == datetime.fromisoformat(second).timestamp(), send_at
    for channel, count in (("whatsapp", 1), ("both", 2), ("whatsapp_else_sms", 1)):
        service_account.sent.clear()
        await send(home, send_at=SIX, channel=channel)
        assert [message.scheduled for message in service_account.sent] == [SIX_SECOND] * count
    # An SMS where WhatsApp refuses, too.
    service_account.sent.clear()
    service_account.check_format = "vague"
    set_whatsapp(service_account)
    await send(home, BELA, send_at=SIX, channel="whatsapp_else_sms")
    assert [(sent.channel, sent.scheduled) for sent in service_account.sent] == [("sms", SIX_SECOND)]


async def test_a_time_that_is_over_or_none_is_refused(
    freezer: Clock, home: HomeAssistant, account: Entry, service_account: Account
) -> None:
    freezer.move_to(NOON)
    over: list[str | datetime] = [
        "2026-01-15 12:00:00",
        "2026-01-15T11:00:00Z",
        "2026-01-15 12:30:00+02:00",
        "1969-01-01 00:00:00",
        datetime(2026, 1, 15, 12),
        datetime(2026, 1, 15, 18, tzinfo=ZoneInfo("Asia/Tokyo")),
    ]
    for time in over:
        assert await outcome(home, send_at=time) == "send_at_past", time
    for value in ("tomorrow", "", "25:00", "2026-13-01 00:00:00", None, 1768500000, "0001-01-01 00:00:00"):
        with pytest.raises(vol.Invalid):
            await send(home, send_at=value)
    assert requests(service_account) == []
    assert sent_in_a_day(account) == 0


@pytest.mark.usefixtures("account")
async def test_short_links_and_encryption_only_where_they_are_asked_for(
    home: HomeAssistant, service_account: Account
) -> None:
    table: list[tuple[dict[str, bool], dict[str, str]]] = [
        ({"short_links": False, "encrypt": False}, {}),
        ({"short_links": True}, {"shorturl": "1"}),
        ({"encrypt": True}, {"encrypt_message": "yes"}),
        ({"short_links": True, "encrypt": True}, {"shorturl": "1", "encrypt_message": "yes"}),
    ]
    for how, fields in table:
        service_account.requests.clear()
        await send(home, channel="both", **how)
        assert requests(service_account) == [{**AS_SMS, **fields}, {**BY_WHATSAPP, **fields}]


@pytest.mark.usefixtures("account")
async def test_everything_at_once(freezer: Clock, home: HomeAssistant, service_account: Account) -> None:
    freezer.move_to(NOON)
    noon = datetime(2026, 1, 15, 12, tzinfo=UTC)
    how = {"phone": "Phone", "sim": 2, "short_links": True, "encrypt": True, "urgent": True}
    url = "https://example.com/cat.jpg?size=1"
    await send(home, [ANNA, BELA], channel="whatsapp", send_at=noon, media_url=url, **how)
    assert requests(service_account) == [
        {
            **BY_WHATSAPP,
            "recipients": number[1:],
            "sIdentifiant": "phone-1",
            "port": "2",
            "schedule_timestamp": str(int(noon.timestamp())),
            "url_media": url,
            "shorturl": "1",
            "encrypt_message": "yes",
        }
        for number in (ANNA, BELA)
    ]


async def test_the_same_text_by_both_twice_at_once_arrives_four_times(
    home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account
) -> None:
    """Also where the first answers are lost."""
    await set_options(home, account, **HIGH_LIMITS)
    for kinds in (("drop_after", "drop_after"), ("drop_before", "drop_after"), ("drop_after", "drop_before")):
        simulator.reset()
        for kind in kinds:
            simulator.fault(SEND, kind)
        answers = await asyncio.gather(*(send(home, channel="both") for _ in range(2)))
        assert sorted(channels(service_account)) == ["sms", "sms", "whatsapp", "whatsapp"]
        assert len({row["message_id"] for rows in answers for row in rows}) == 4


# What can't be sent.


@pytest.mark.usefixtures("contacts")
async def test_bad_input_gets_a_clear_error_before_anything_is_sent(
    home: HomeAssistant, service_account: Account
) -> None:
    """One bad recipient among good ones stops the message before it reaches anybody."""
    table: list[tuple[dict[str, Any], str]] = [
        ({"recipients": ["Anna", "Cecil"]}, "unknown_contact"),
        ({"recipients": ["Anna", ""]}, "number_empty"),
        ({"recipients": ["Anna", "+36 30 CALL 12"]}, "number_letters"),
        ({"recipients": ["Anna", "1" * 40]}, "number_too_long"),
        ({"recipients": ["Anna", "+3630123"]}, "number_too_short"),
        ({"recipients": ["Anna", "12345"], "channel": "whatsapp"}, "number_short_code"),
        ({"recipients": [ANNA, "12345"], "channel": "both"}, "number_short_code"),
        ({"recipients": []}, "no_recipients"),
        ({"message": ""}, "message_empty"),
        ({"message": " \n "}, "message_empty"),
        ({"message": "x" * 20_000}, "message_too_long"),
    ]
    for data, key in table:
        err = await error_of(home, **data)
        assert isinstance(err, ServiceValidationError)
        assert err.translation_key == key
    for data in (
        *({"recipients": value} for value in (True, 1.5, {})),
        *({"channel": value} for value in ("SMS", "whatsapp_or_sms", "", "fax", None)),
    ):
        with pytest.raises(vol.Invalid):
            await send(home, **{"recipients": ANNA, **data})
    assert requests(service_account) == []


@pytest.mark.parametrize("answer", ["status", "result"])
async def test_a_refused_message_raises_why(
    home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account, answer: Any
) -> None:
    service_account.refusal_format, service_account.retry_after = answer, 3600
    for state, key in (
        ("limited", "rate_limited"),
        ("expired", "subscription_expired"),
        ("unknown", "invalid_auth"),
    ):
        service_account.state = state  # type: ignore[assignment]  # one of its values
        assert await outcome(home) == key
        asked = list(account.async_get_active_flows(home, {"reauth"}))
        assert bool(asked) == (key == "invalid_auth")
    service_account.state = "good"
    service_account.phones[0].online = False
    assert await outcome(home) == "phone_offline"
    service_account.phones[0].online = True
    assert await send(home)
    await simulator.stop()
    # The client has to see that the connection is gone.
    await asyncio.sleep(0.05)
    assert await outcome(home) == "cannot_connect"


@pytest.mark.usefixtures("contacts")
async def test_one_failure_stops_none_of_the_others_and_all_are_named(
    home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account
) -> None:
    everybody = ["Anna", "Béla", "+36701112233"]
    service_account.phones[0].online = False
    err = await error_of(home, recipients=everybody)
    assert err.translation_key == "some_not_sent"
    assert "Sent to: –. Not sent to: Anna: No phone" in str(err)
    service_account.phones[0].online = True
    simulator.fault(SEND, "nonsense", body={"result": {"error": 0, "sent": "0", "note": "no credit"}})
    err = await error_of(home, recipients=everybody)
    assert sorted(numbers(service_account)) == ["+36701112233", BELA[1:]]
    assert "Sent to: Béla, +36…33. Not sent to: Anna: " in str(err) and "no credit" in str(err)
    # Where one gets it by two channels, the error says by which it did not.
    set_whatsapp(service_account, BELA)
    err = await error_of(home, recipients=["+36701112233", "Béla"], channel="both")
    placeholders = err.translation_placeholders or {}
    assert placeholders["sent"] == "+36…33 (SMS), Béla (SMS), Béla (WhatsApp)"
    assert placeholders["not_sent"].startswith("+36…33 (WhatsApp): The service refused: ")
    await set_options(home, account, messages_per_minute=sent_in_a_day(account) + 1)
    err = await error_of(home, channel="both")
    assert (err.translation_placeholders or {})["sent"] == "Anna (SMS)"
    assert "limit of" in str(err)


@pytest.mark.usefixtures("account")
async def test_a_fault_of_ours_is_not_taken_for_one_of_the_service(
    home: HomeAssistant, service_account: Account, monkeypatch: Patch
) -> None:
    plain = SmsMobileApiClient.send_message

    async def send_or_break(client: SmsMobileApiClient, message: Any) -> str:
        if message.recipient == ANNA:
            raise ZeroDivisionError
        return await plain(client, message)

    monkeypatch.setattr(SmsMobileApiClient, "send_message", send_or_break)
    with pytest.raises(ZeroDivisionError):
        await send(home, [ANNA, BELA])
    assert numbers(service_account) == [BELA]


async def test_of_several_accounts_one_has_to_be_named_and_it_has_to_be_loaded(
    home: HomeAssistant, account: Entry, simulator: Simulator, service_account: Account
) -> None:
    other_service_account = simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    with pytest.raises(ServiceValidationError):
        await send(home)
    assert service_account.sent == other_service_account.sent == []
    await send(home, account=other.entry_id)
    assert (numbers(service_account), numbers(other_service_account)) == ([], [ANNA])
    await home.config_entries.async_unload(account.entry_id)
    with pytest.raises(ServiceValidationError):
        await send(home, account=account.entry_id)


@pytest.mark.usefixtures("contacts")
async def test_private_things_stay_out_of_logs_and_errors(
    home: HomeAssistant, account: Entry, simulator: Simulator, caplog: Log
) -> None:
    for kind in ("status", "drop_after", "html"):
        for recipients in (["Anna", BELA], BELA, f"{BELA} x"):
            caplog.clear()
            simulator.reset()
            simulator.fault("*", kind, count=30)
            with pytest.raises(HomeAssistantError) as caught:
                await act(home, "send_message", recipients=recipients, message=TEXT)
            assert_private(account, our_lines(caplog), caught.value)
