"""The outbound door: the action `send_message`, and that a send says honestly what came of it."""

import asyncio
import logging
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
import voluptuous as vol

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.outbound.routes import Routes
from simulator import Account, Simulator

from ..conftest import KEY, add_account, add_contact

ANNA = "+36301234567"
BELA = "+36207654321"
TEXT = "There is water on the kitchen floor."


async def send(home: HomeAssistant, **data: Any) -> list[dict[str, Any]]:
    answer: Any = await home.services.async_call(
        "smsmobileapi", "send_message", {"message": TEXT, **data}, blocking=True, return_response=True
    )
    recipients: list[dict[str, Any]] = answer["recipients"]
    return recipients


def numbers(service_account: Account) -> list[str]:
    return [message.fields["recipients"] for message in service_account.sent]


@pytest.fixture
async def anna(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> str:
    return await add_contact(home, account, "Anna", ANNA)


@pytest.fixture
async def bela(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> str:
    return await add_contact(home, account, "Béla", BELA, "whatsapp")


@pytest.mark.usefixtures("account")
async def test_a_number_gets_an_sms_and_a_receipt(home: HomeAssistant, service_account: Account) -> None:
    receipts = await send(home, recipients=ANNA)
    (sent,) = service_account.sent
    assert sent.fields == {
        "apikey": KEY,
        "recipients": ANNA,
        "message": TEXT,
        "sendsms": "1",
        "from": "Home Assistant",
    }
    assert receipts == [
        {
            "recipient": ANNA,
            "contact": None,
            "channel": "sms",
            "message_id": sent.guid,
            "status": "accepted",
            "parts": 1,
            "alphabet": "GSM-7",
            "alphabet_forced_by": None,
        }
    ]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("text", "parts", "alphabet", "forced_by"),
    [
        ("x" * 160, 1, "GSM-7", None),
        ("x" * 161, 2, "GSM-7", None),
        ("[" * 81, 2, "GSM-7", None),
        ("Der Zug ist da: 5 €, äöü", 1, "GSM-7", None),
        ("Kész, ő is itt van ☃", 1, "UCS-2", "ő"),
        ("x" * 70 + "☃", 2, "UCS-2", "☃"),
        ("x" * 4000, 27, "GSM-7", None),
    ],
)
async def test_the_answer_says_how_many_sms_the_text_takes_and_why(
    home: HomeAssistant, text: str, parts: int, alphabet: str, forced_by: str | None
) -> None:
    cost = {"parts": parts, "alphabet": alphabet, "alphabet_forced_by": forced_by}
    one, other = await send(home, recipients=[ANNA, BELA], message=text)
    assert {name: one[name] for name in cost} == {name: other[name] for name in cost} == cost
    (by_whatsapp,) = await send(home, recipients=ANNA, message=text, channel="whatsapp")
    assert {name: by_whatsapp[name] for name in cost} == {
        "parts": 1,
        "alphabet": None,
        "alphabet_forced_by": None,
    }


@pytest.mark.usefixtures("anna", "bela")
async def test_each_of_many_has_a_row_of_its_own_in_the_order_in_which_they_were_named(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    everybody = [f"+36301{number:06}" for number in range(15)]
    wanted = [*everybody[:7], "Béla", *everybody[7:], "Anna"]
    rows = await send(home, recipients=wanted)
    assert [row["contact"] or row["recipient"] for row in rows] == wanted
    assert [row["channel"] for row in rows] == ["sms"] * 7 + ["whatsapp"] + ["sms"] * 9
    ids = {message.guid: message.recipient.removeprefix("+") for message in service_account.sent}
    assert [ids[row["message_id"]] for row in rows] == [row["recipient"].removeprefix("+") for row in rows]
    assert {row["status"] for row in rows} == {"accepted"}


@pytest.mark.usefixtures("account")
async def test_who_wants_no_answer_gets_none(home: HomeAssistant, service_account: Account) -> None:
    data = {"recipients": ANNA, "message": TEXT}
    answer = await home.services.async_call("smsmobileapi", "send_message", data, blocking=True)
    assert (answer, len(service_account.sent)) == (None, 1)


@pytest.mark.usefixtures("anna", "bela")
async def test_contacts_are_sent_to_on_their_own_channel(
    home: HomeAssistant, service_account: Account
) -> None:
    receipts = await send(home, recipients=["anna", " BÉLA "])
    assert [(receipt["contact"], receipt["channel"]) for receipt in receipts] == [
        ("Anna", "sms"),
        ("Béla", "whatsapp"),
    ]
    assert numbers(service_account) == [ANNA, BELA.removeprefix("+")]
    assert service_account.sent[1].fields["waonly"] == "yes"


@pytest.mark.usefixtures("bela")
async def test_a_contact_is_found_by_number(home: HomeAssistant) -> None:
    """So that an answer to a WhatsApp contact goes by WhatsApp."""
    (receipt,) = await send(home, recipients=BELA)
    assert (receipt["contact"], receipt["channel"]) == ("Béla", "whatsapp")


@pytest.mark.usefixtures("bela")
async def test_the_channel_can_be_chosen(home: HomeAssistant, service_account: Account) -> None:
    await send(home, recipients=["Béla", ANNA], channel="sms")
    await send(home, recipients=ANNA, channel="whatsapp")
    assert [message.channel for message in service_account.sent] == ["sms", "sms", "whatsapp"]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "number", [36301234567, "36301234567", "06 30/123-45.67", "0036301234567", " (06) 301234567"]
)
async def test_numbers_in_any_form(home: HomeAssistant, service_account: Account, number: str | int) -> None:
    await send(home, recipients=number)
    assert numbers(service_account) == [ANNA]


@pytest.mark.usefixtures("account")
async def test_a_template_that_loses_the_plus_sign(home: HomeAssistant, service_account: Account) -> None:
    """`{{ trigger.event.data.sender }}` renders as an integer."""
    assert await home.config_entries.async_reload(
        home.config_entries.async_entries("smsmobileapi")[0].entry_id
    )
    await home.services.async_call(
        "smsmobileapi", "send_message", {"recipients": [36301234567], "message": 112}, blocking=True
    )
    assert [(m.fields["recipients"], m.fields["message"]) for m in service_account.sent] == [(ANNA, "112")]


@pytest.mark.usefixtures("anna")
async def test_nobody_gets_it_twice(home: HomeAssistant, service_account: Account) -> None:
    receipts = await send(home, recipients=["Anna", ANNA, "06301234567", 36301234567])
    assert numbers(service_account) == [ANNA]
    assert len(receipts) == 1


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"recipients": "Cecil"}, "unknown_contact"),
        ({"recipients": ""}, "number_empty"),
        ({"recipients": "+36 30 CALL 12"}, "number_letters"),
        ({"recipients": "1" * 40}, "number_too_long"),
        ({"recipients": "+3630123"}, "number_too_short"),
        ({"recipients": "12345", "channel": "whatsapp"}, "number_short_code"),
        ({"recipients": []}, "no_recipients"),
        ({"recipients": ANNA, "message": ""}, "message_empty"),
        ({"recipients": ANNA, "message": " \n "}, "message_empty"),
        ({"recipients": ANNA, "message": "x" * 20_000}, "message_too_long"),
    ],
)
async def test_bad_input_gets_a_clear_error_and_costs_nothing(
    home: HomeAssistant, service_account: Account, data: dict[str, Any], key: str
) -> None:
    recipients = data["recipients"]
    if isinstance(recipients, str):
        # One bad recipient among good ones stops the message before it reaches anybody.
        data["recipients"] = ["Anna", recipients]
    with pytest.raises(ServiceValidationError) as caught:
        await send(home, **data)
    assert caught.value.translation_key == key
    assert str(caught.value) not in {"", key}
    assert "{" not in str(caught.value)
    assert service_account.sent == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "data",
    [{"recipients": True}, {"recipients": 1.5}, {"recipients": {}}, {"recipients": ANNA, "channel": "fax"}],
)
async def test_what_is_no_recipient_is_refused(home: HomeAssistant, data: dict[str, Any]) -> None:
    with pytest.raises(vol.Invalid):
        await send(home, **data)


@pytest.mark.parametrize(
    ("state", "dialect", "key"),
    [
        ("unknown", "status", "invalid_auth"),
        ("unknown", "result", "invalid_auth"),
        ("expired", "status", "subscription_expired"),
        ("expired", "result", "subscription_expired"),
        ("limited", "status", "rate_limited"),
    ],
)
@pytest.mark.usefixtures("anna")
async def test_a_refused_send_raises(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    state: Any,
    dialect: Any,
    key: str,
) -> None:
    service_account.state, service_account.refusal_format = state, dialect
    service_account.retry_after = 3600
    with pytest.raises(HomeAssistantError) as caught:
        await send(home, recipients="Anna")
    assert caught.value.translation_key == key
    asked = list(account.async_get_active_flows(home, {"reauth"}))
    assert bool(asked) == (key == "invalid_auth")
    service_account.state = "good"
    assert await send(home, recipients="Anna")


@pytest.mark.usefixtures("account")
async def test_an_offline_phone_is_named(home: HomeAssistant, service_account: Account) -> None:
    service_account.phones[0].online = False
    with pytest.raises(HomeAssistantError) as caught:
        await send(home, recipients=ANNA)
    assert caught.value.translation_key == "phone_offline"


@pytest.mark.usefixtures("account")
async def test_a_service_that_is_not_there(home: HomeAssistant, simulator: Simulator) -> None:
    await simulator.stop()
    # Let the client see that the connection is gone.
    await asyncio.sleep(0.05)
    with pytest.raises(HomeAssistantError) as caught:
        await send(home, recipients=ANNA)
    assert caught.value.translation_key == "cannot_connect"


@pytest.mark.usefixtures("anna", "bela")
async def test_one_failure_stops_none_of_the_others_and_all_are_named(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    service_account.phones[0].online = False
    with pytest.raises(HomeAssistantError) as caught:
        await send(home, recipients=["Anna", "Béla", "+36701112233"])
    assert caught.value.translation_key == "some_not_sent"
    assert "Sent to: –. Not sent to: Anna: No phone" in str(caught.value)
    service_account.phones[0].online = True
    simulator.fault("/sendsms/", "nonsense", body={"result": {"error": 0, "sent": "0", "note": "no credit"}})
    with pytest.raises(HomeAssistantError) as caught:
        await send(home, recipients=["Anna", "Béla", "+36701112233"])
    assert sorted(numbers(service_account)) == ["+36701112233", BELA.removeprefix("+")]
    assert "Sent to: Béla, +36…33. Not sent to: Anna: " in str(caught.value)
    assert "no credit" in str(caught.value)


@pytest.mark.usefixtures("account")
async def test_a_fault_of_ours_is_not_told_as_one_of_the_service(
    home: HomeAssistant, service_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Routes.send

    async def send_or_break(routes: Routes, message: Any, *args: Any) -> Any:
        if message.recipient == ANNA:
            raise ZeroDivisionError
        return await plain(routes, message, *args)

    monkeypatch.setattr(Routes, "send", send_or_break)
    with pytest.raises(ZeroDivisionError):
        await send(home, recipients=[ANNA, BELA])
    assert numbers(service_account) == [BELA]


async def test_several_accounts(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    other_service_account = simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    with pytest.raises(ServiceValidationError):
        await send(home, recipients=ANNA)
    assert service_account.sent == other_service_account.sent == []
    await send(home, recipients=ANNA, account=other.entry_id)
    assert (numbers(service_account), numbers(other_service_account)) == ([], [ANNA])


async def test_no_account_is_loaded(home: HomeAssistant, account: SmsMobileApiConfigEntry) -> None:
    await home.config_entries.async_unload(account.entry_id)
    with pytest.raises(ServiceValidationError):
        await send(home, recipients=ANNA)


@pytest.mark.parametrize("kind", ["status", "drop_after", "html"])
@pytest.mark.usefixtures("anna")
async def test_private_things_stay_out_of_logs_and_errors(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
    kind: Any,
) -> None:
    logging.getLogger("custom_components.smsmobileapi").setLevel(logging.DEBUG)
    errors = []
    for data in ({"recipients": ["Anna", BELA]}, {"recipients": BELA}, {"recipients": f"{BELA} x"}):
        simulator.fault("*", kind, count=30)
        try:
            await send(home, **data)
        except HomeAssistantError as err:
            errors.append(f"{err} {err!r} {err.args} {err.__cause__!r} {err.__context__!r}")
        simulator.faults.waiting.clear()
    assert len(errors) == 3
    ours = "".join(record.getMessage() for record in caplog.records if "smsmobileapi" in record.name)
    assert "Not sent" in ours
    private = [KEY, TEXT, ANNA, BELA, ANNA[1:], BELA[1:], account.data["webhook_id"]]
    assert not [secret for secret in private if secret in ours or secret in "".join(errors)]
