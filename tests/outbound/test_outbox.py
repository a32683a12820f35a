"""The outbox: the action `send_message` by every channel, and that it says honestly what came of it."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
import voluptuous as vol

from custom_components.smsmobileapi.api import SmsMobileApiClient

from ..conftest import KEY, add_account
from .sending import (
    ANNA,
    BELA,
    HIGH_LIMITS,
    NOON,
    SEND,
    SIX,
    SIX_SECOND,
    TEXT,
    Case,
    Clock,
    Log,
    Patch,
    our_lines,
)

AS_SMS = {"apikey": KEY, "recipients": ANNA, "message": TEXT, "sendsms": "1", "from": "Home Assistant"}
BY_WHATSAPP = {**AS_SMS, "recipients": ANNA[1:], "sendwa": "1", "sendsms": "0", "waonly": "yes"}


def numbers(case: Case) -> list[str]:
    return [message.fields["recipients"] for message in case.sent]


@pytest.fixture
async def contacts(case: Case) -> None:
    """Anna by SMS, Béla by WhatsApp."""
    await case.add_contact("Anna", ANNA)
    await case.add_contact("Béla", BELA, "whatsapp")


# What is sent, and the answer.


@pytest.mark.parametrize("is_contact", [False, True])
async def test_each_message_is_one_request_and_one_row(case: Case, is_contact: bool) -> None:
    table = [
        ("sms", [AS_SMS]),
        ("whatsapp", [BY_WHATSAPP]),
        ("both", [AS_SMS, BY_WHATSAPP]),
        ("whatsapp_else_sms", [BY_WHATSAPP]),
    ]
    for channel, forms in table:
        case.sent.clear()
        case.service.requests.clear()
        before = case.sent_in_a_day
        if is_contact:
            number = f"+3630123456{len(channel) % 10}"
            await case.add_contact(channel, number, channel)
            rows = await case.send(channel)
            forms = [
                {**form, "recipients": number if form["recipients"] == ANNA else number[1:]} for form in forms
            ]
        else:
            number = ANNA
            rows = await case.send(channel=channel)
        assert case.requests() == forms
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
            for message in case.sent
        ]
        assert case.sent_in_a_day - before == len(forms)


async def test_the_answer_says_how_many_sms_the_text_takes_and_why(roomy: Case) -> None:
    table = [
        ("x" * 161, 2, "GSM-7", None),
        ("[" * 81, 2, "GSM-7", None),
        ("Kész, ő is itt van ☃", 1, "UCS-2", "ő"),
        ("x" * 4000, 27, "GSM-7", None),
    ]
    for text, *cost in table:
        for data, expected in (({}, cost), ({"channel": "whatsapp"}, [1, None, None])):
            (row,) = await roomy.send(message=text, **data)
            assert [row["parts"], row["alphabet"], row["alphabet_forced_by"]] == expected


@pytest.mark.usefixtures("contacts")
async def test_each_of_many_has_a_row_in_the_order_in_which_they_were_named(case: Case) -> None:
    everybody = [f"+36301{number:06}" for number in range(15)]
    named = [*everybody[:7], "Béla", *everybody[7:], "Anna"]
    rows = await case.send(named)
    assert [row["contact"] or row["recipient"] for row in rows] == named
    assert [row["channel"] for row in rows] == ["sms"] * 7 + ["whatsapp"] + ["sms"] * 9
    sent = {message.guid: message.recipient.removeprefix("+") for message in case.sent}
    assert [sent[row["message_id"]] for row in rows] == [row["recipient"][1:] for row in rows]
    # Without a request for an answer there is none.
    data = {"recipients": ANNA, "message": TEXT}
    assert await case.home.services.async_call("smsmobileapi", "send_message", data, blocking=True) is None
    assert len(case.sent) == 18


@pytest.mark.usefixtures("contacts")
async def test_a_contact_is_sent_to_by_its_channel_unless_the_action_has_another(case: Case) -> None:
    """Found by name, or by number: an answer to a WhatsApp contact goes by WhatsApp."""
    rows = await case.send(["anna", " BÉLA "])
    assert [(row["contact"], row["channel"]) for row in rows] == [("Anna", "sms"), ("Béla", "whatsapp")]
    (row,) = await case.send(BELA)
    assert (row["contact"], row["channel"]) == ("Béla", "whatsapp")
    await case.add_contact("Cecil", "+36701112233", "both")
    for channel in ("sms", "whatsapp"):
        rows = await case.send(["Béla", "Cecil", ANNA], channel=channel)
        assert [row["channel"] for row in rows] == [channel] * 3
    case.sent.clear()
    await case.home.services.async_call(
        "notify", "send_message", {"entity_id": "notify.cecil", "message": TEXT}, blocking=True
    )
    assert sorted(case.channels) == ["sms", "whatsapp"]


@pytest.mark.usefixtures("contacts")
async def test_numbers_in_any_form_and_each_recipient_once(case: Case) -> None:
    """A template renders a number, and a text of digits, as an integer."""
    for number in (36301234567, "36301234567", "06 30/123-45.67", "0036301234567", " (06) 301234567"):
        await case.send(number)
    assert numbers(case) == [ANNA] * 5
    await case.reload()
    await case.send([36301234567], message=112)
    assert case.sent[-1].fields["message"] == "112"
    assert len(await case.send(["Anna", ANNA, "06301234567", 36301234567])) == 1
    assert numbers(case) == [ANNA] * 7
    case.sent.clear()
    rows = await case.send([ANNA, BELA, "06301234567"], channel="both")
    assert [(row["recipient"], row["channel"]) for row in rows] == [
        (ANNA, "sms"),
        (ANNA, "whatsapp"),
        (BELA, "sms"),
        (BELA, "whatsapp"),
    ]
    assert len(case.sent) == 4


# How it is sent.


async def test_a_time_to_send_at_is_home_assistants_unless_it_has_a_zone(case: Case, freezer: Clock) -> None:
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
        await case.send(send_at=send_at)
        assert case.sent[-1].scheduled == datetime.fromisoformat(second).timestamp(), send_at
    for channel, count in (("whatsapp", 1), ("both", 2), ("whatsapp_else_sms", 1)):
        case.sent.clear()
        await case.send(send_at=SIX, channel=channel)
        assert [message.scheduled for message in case.sent] == [SIX_SECOND] * count
    # An SMS where WhatsApp refuses, too.
    case.sent.clear()
    case.service.check_format = "vague"
    case.set_whatsapp()
    await case.send(BELA, send_at=SIX, channel="whatsapp_else_sms")
    assert [(sent.channel, sent.scheduled) for sent in case.sent] == [("sms", SIX_SECOND)]


async def test_a_time_that_is_over_or_none_is_refused(case: Case, freezer: Clock) -> None:
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
        assert await case.outcome(send_at=time) == "send_at_past", time
    for timestamp in (SIX_SECOND - 86400, float(SIX_SECOND - 86400), str(SIX_SECOND - 86400)):
        assert await case.outcome(send_at=timestamp) == "send_at_past", timestamp
    wrong = ("tomorrow", "", "25:00", "2026-13-01 00:00:00", None, "0001-01-01 00:00:00", "unknown", True)
    for value in (*wrong, 10**30, float("nan"), float("inf")):
        assert await case.outcome(send_at=value) == "time_invalid", value
    assert case.requests() == []
    assert case.sent_in_a_day == 0


async def test_short_links_and_encryption_only_where_they_are_asked_for(case: Case) -> None:
    table: list[tuple[dict[str, bool], dict[str, str]]] = [
        ({"short_links": False, "encrypt": False}, {}),
        ({"short_links": True}, {"shorturl": "1"}),
        ({"encrypt": True}, {"encrypt_message": "yes"}),
        ({"short_links": True, "encrypt": True}, {"shorturl": "1", "encrypt_message": "yes"}),
    ]
    for how, fields in table:
        case.service.requests.clear()
        await case.send(channel="both", **how)
        assert case.requests() == [{**AS_SMS, **fields}, {**BY_WHATSAPP, **fields}]


async def test_everything_at_once(case: Case, freezer: Clock) -> None:
    freezer.move_to(NOON)
    noon = datetime(2026, 1, 15, 12, tzinfo=UTC)
    how = {"phone": "Phone", "sim": 2, "short_links": True, "encrypt": True, "urgent": True}
    url = "https://example.com/cat.jpg?size=1"
    await case.send([ANNA, BELA], channel="whatsapp", send_at=noon, media_url=url, **how)
    assert case.requests() == [
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


async def test_the_same_text_by_both_twice_at_once_arrives_four_times(case: Case) -> None:
    """Also where the first answers are lost."""
    await case.set_options(**HIGH_LIMITS)
    for kinds in (("drop_after", "drop_after"), ("drop_before", "drop_after"), ("drop_after", "drop_before")):
        case.simulator.reset()
        for kind in kinds:
            case.fault(SEND, kind)
        answers = await asyncio.gather(*(case.send(channel="both") for _ in range(2)))
        assert sorted(case.channels) == ["sms", "sms", "whatsapp", "whatsapp"]
        assert len({row["message_id"] for rows in answers for row in rows}) == 4


# What can't be sent.


@pytest.mark.usefixtures("contacts")
async def test_bad_input_gets_a_clear_error_before_anything_is_sent(case: Case) -> None:
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
        err = await case.error_of(**data)
        assert isinstance(err, ServiceValidationError)
        assert err.translation_key == key
    invalid: list[tuple[str, Any, str]] = [
        *(
            ("recipients", value, "recipient_invalid")
            for value in (True, 1.5, {"name": ANNA}, None, [[ANNA]])
        ),
        ("recipients", [ANNA, 36301234567.0], "recipient_invalid"),
        *(("channel", value, "value_invalid") for value in ("SMS", "whatsapp_or_sms", "", "fax", None)),
        *((name, "unknown", "value_invalid") for name in ("urgent", "wait_for_report", "sim", "camera")),
        ("message", {"text": TEXT}, "value_invalid"),
    ]
    for name, wrong, key in invalid:
        err = await case.error_of(**{"recipients": ANNA, name: wrong})
        assert isinstance(err, ServiceValidationError)
        assert err.translation_key == key, (name, wrong)
    # What does not come from a template is a fault of the configuration.
    for data in ({"recipient": ANNA, "message": TEXT}, {"recipients": ANNA}):
        with pytest.raises(vol.Invalid):
            await case.act("send_message", **data)
    assert case.requests() == []


@pytest.mark.parametrize("answer", ["status", "result"])
async def test_a_refused_message_raises_why(case: Case, answer: Any) -> None:
    case.service.refusal_format, case.service.retry_after = answer, 3600
    for state, key in (
        ("limited", "rate_limited"),
        ("expired", "subscription_expired"),
        ("unknown", "invalid_auth"),
    ):
        case.service.state = state  # type: ignore[assignment]  # one of its values
        assert await case.outcome() == key
        asked = list(case.account.async_get_active_flows(case.home, {"reauth"}))
        assert bool(asked) == (key == "invalid_auth")
    case.service.state = "good"
    case.service.phones[0].online = False
    assert await case.outcome() == "phone_offline"
    case.service.phones[0].online = True
    assert await case.send()
    await case.simulator.stop()
    # The client has to see that the connection is gone.
    await asyncio.sleep(0.05)
    assert await case.outcome() == "cannot_connect"


@pytest.mark.usefixtures("contacts")
async def test_one_failure_stops_none_of_the_others_and_all_are_named(case: Case) -> None:
    everybody = ["Anna", "Béla", "+36701112233"]
    case.service.phones[0].online = False
    err = await case.error_of(recipients=everybody)
    assert err.translation_key == "phone_offline"
    case.service.phones[0].online = True
    case.fault(SEND, "nonsense", body={"result": {"error": 0, "sent": "0", "note": "no credit"}})
    err = await case.error_of(recipients=everybody)
    assert sorted(numbers(case)) == ["+36701112233", BELA[1:]]
    assert "Sent to: Béla, +36…33. Not sent to: Anna: " in str(err) and "no credit" in str(err)
    # Where one gets it by two channels, the error says by which it did not.
    case.set_whatsapp(BELA)
    err = await case.error_of(recipients=["+36701112233", "Béla"], channel="both")
    placeholders = err.translation_placeholders or {}
    assert placeholders["sent"] == "+36…33 (SMS), Béla (SMS), Béla (WhatsApp)"
    assert placeholders["not_sent"].startswith("+36…33 (WhatsApp): The service refused: ")
    await case.set_options(messages_per_minute=2 * (case.sent_in_a_day + 1))
    err = await case.error_of(channel="both")
    assert (err.translation_placeholders or {})["sent"] == "Anna (SMS)"
    assert "limit of" in str(err)


async def test_a_fault_of_ours_is_not_taken_for_one_of_the_service(case: Case, monkeypatch: Patch) -> None:
    plain = SmsMobileApiClient.send_message

    async def send_or_break(client: SmsMobileApiClient, message: Any) -> str:
        if message.recipient == ANNA:
            raise ZeroDivisionError
        return await plain(client, message)

    monkeypatch.setattr(SmsMobileApiClient, "send_message", send_or_break)
    with pytest.raises(ZeroDivisionError):
        await case.send([ANNA, BELA])
    assert numbers(case) == [BELA]


async def test_of_several_accounts_one_has_to_be_named_and_it_has_to_be_loaded(case: Case) -> None:
    other_service_account = case.simulator.add_account("another-key-0123456789")
    other = await add_account(case.home, case.simulator, "another-key-0123456789")
    with pytest.raises(ServiceValidationError):
        await case.send()
    assert case.sent == other_service_account.sent == []
    await case.send(account=other.entry_id)
    assert (numbers(case), [sent.recipient for sent in other_service_account.sent]) == ([], [ANNA])
    await case.unload()
    with pytest.raises(ServiceValidationError):
        await case.send(account=case.account.entry_id)


@pytest.mark.usefixtures("contacts")
async def test_private_things_stay_out_of_logs_and_errors(case: Case, caplog: Log) -> None:
    for kind in ("status", "drop_after", "html"):
        for recipients in (["Anna", BELA], BELA, f"{BELA} x"):
            caplog.clear()
            case.simulator.reset()
            case.fault("*", kind, count=30)
            with pytest.raises(HomeAssistantError) as caught:
                await case.act("send_message", recipients=recipients, message=TEXT)
            case.assert_private(our_lines(caplog), caught.value)
