"""Routes: by one channel, by both, or by SMS where WhatsApp is refused; each message is paid for and counted as one."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
import voluptuous as vol

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from simulator import Account, Simulator

from ..conftest import KEY, add_contact
from .sending import (
    ANNA,
    BELA,
    LOG,
    SEND,
    TEXT,
    in_vain,
    is_on_whatsapp,
    requests,
    send,
    send_in_vain,
    set_options,
    went_by,
)

ELSE_SMS = {"channel": "whatsapp_else_sms"}
AS_SMS = {"apikey": KEY, "recipients": ANNA, "message": TEXT, "sendsms": "1", "from": "Home Assistant"}
BY_WHATSAPP = {
    **AS_SMS,
    "recipients": ANNA.removeprefix("+"),
    "sendwa": "1",
    "sendsms": "0",
    "waonly": "yes",
}


def refuse_whatsapp(service_account: Account) -> None:
    """Refuse to send by WhatsApp, without having said so when asked."""
    service_account.check_format = "vague"
    is_on_whatsapp(service_account)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("channel", "forms"),
    [
        ("sms", [AS_SMS]),
        ("whatsapp", [BY_WHATSAPP]),
        ("both", [AS_SMS, BY_WHATSAPP]),
        ("whatsapp_else_sms", [BY_WHATSAPP]),
    ],
)
@pytest.mark.parametrize("is_contacts", [False, True])
async def test_each_message_is_one_request_and_one_row(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    channel: str,
    forms: list[dict[str, str]],
    is_contacts: bool,
) -> None:
    if is_contacts:
        await add_contact(home, account, "Anna", ANNA, channel)
        rows = await send(home, "Anna")
    else:
        rows = await send(home, channel=channel)
    assert requests(service_account) == forms
    assert [(row["channel"], row["message_id"]) for row in rows] == [
        (message.channel, message.guid) for message in service_account.sent
    ]
    assert {(row["recipient"], row["contact"], row["status"]) for row in rows} == {
        (ANNA, "Anna" if is_contacts else None, "accepted")
    }
    assert account.runtime_data.limits.sent_in_a_day == len(forms)


async def test_the_channel_of_the_action_counts_more_than_the_contacts(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await add_contact(home, account, "Anna", ANNA, "both")
    for channel in ("sms", "whatsapp"):
        await send(home, "Anna", channel=channel)
    assert went_by(service_account) == ["sms", "whatsapp"]


async def test_by_notify_a_contact_is_sent_to_by_its_route(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await add_contact(home, account, "Anna", ANNA, "both")
    await home.services.async_call(
        "notify", "send_message", {"entity_id": "notify.anna", "message": TEXT}, blocking=True
    )
    assert sorted(went_by(service_account)) == ["sms", "whatsapp"]


@pytest.mark.usefixtures("account")
async def test_nobody_gets_both_twice(home: HomeAssistant, service_account: Account) -> None:
    rows = await send(home, [ANNA, BELA, "06301234567"], channel="both")
    assert [(row["recipient"], row["channel"]) for row in rows] == [
        (ANNA, "sms"),
        (ANNA, "whatsapp"),
        (BELA, "sms"),
        (BELA, "whatsapp"),
    ]
    assert len(service_account.sent) == 4


@pytest.mark.usefixtures("account")
async def test_where_one_of_both_is_refused_the_error_says_which(
    home: HomeAssistant, service_account: Account
) -> None:
    is_on_whatsapp(service_account, BELA)
    err = await in_vain(home, "send_message", recipients=[ANNA, BELA], message=TEXT, channel="both")
    assert err.translation_key == "some_not_sent"
    placeholders = err.translation_placeholders or {}
    assert placeholders["sent"] == "+36…67 (SMS), +36…21 (SMS), +36…21 (WhatsApp)"
    assert placeholders["not_sent"].startswith("+36…67 (WhatsApp): The service refused: ")
    assert sorted(went_by(service_account)) == ["sms", "sms", "whatsapp"]


async def test_both_count_as_two(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    await set_options(home, account, messages_per_minute=3)
    await send(home, channel="both")
    err = await in_vain(home, "send_message", recipients=ANNA, message=TEXT, channel="both")
    assert (err.translation_placeholders or {})["sent"] == "+36…67 (SMS)"
    assert "limit of 3" in str(err)
    assert went_by(service_account) == ["sms", "whatsapp", "sms"]


@pytest.mark.usefixtures("account")
async def test_both_of_a_short_code_are_refused_before_one_is_sent(
    home: HomeAssistant, service_account: Account
) -> None:
    assert await send_in_vain(home, [ANNA, "12345"], channel="both") == "number_short_code"
    assert requests(service_account) == []


# WhatsApp, else SMS: in the same action.


@pytest.mark.parametrize("is_contacts", [False, True])
async def test_what_whatsapp_refuses_is_an_sms_in_the_same_action(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account, is_contacts: bool
) -> None:
    refuse_whatsapp(service_account)
    await add_contact(home, account, "Anna", ANNA, "whatsapp_else_sms" if is_contacts else "sms")
    (row,) = await send(home, "Anna", **({} if is_contacts else ELSE_SMS))
    assert requests(service_account) == [BY_WHATSAPP, AS_SMS]
    (sent,) = service_account.sent
    assert (row["channel"], row["message_id"], row["contact"]) == ("sms", sent.guid, "Anna")
    assert row["parts"] == 1 and row["alphabet"] == "GSM-7"
    assert account.runtime_data.limits.sent_in_a_day == 1


async def test_what_both_refuse_raises_and_does_not_count(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    refuse_whatsapp(service_account)
    body = {"result": {"error": 0, "sent": "0", "note": "no credit"}}
    simulator.fault(SEND, "nonsense", body=body, count=2)
    err = await in_vain(home, "send_message", recipients=ANNA, message=TEXT, **ELSE_SMS)
    assert str(err) == "The service refused: no credit"
    assert len(requests(service_account)) == 2
    assert account.runtime_data.limits.sent_in_a_day == 0


@pytest.mark.parametrize(
    ("kind", "options", "key"),
    [
        ("status", {"status": 403}, "invalid_auth"),
        ("status", {"status": 403, "error": "api_expired"}, "subscription_expired"),
        ("status", {"status": 429, "retry_after": 3600}, "rate_limited"),
        ("status", {"status": 503, "count": 4}, "cannot_connect"),
    ],
)
async def test_what_is_not_whatsapps_fault_is_no_sms(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    kind: str,
    options: dict[str, Any],
    key: str,
) -> None:
    """No key, no subscription, no service: an SMS would not be sent either."""
    simulator.fault(SEND, kind, **options)
    assert await send_in_vain(home, **ELSE_SMS) == key
    assert {fields["sendsms"] for fields in requests(service_account)} == {"0"}
    assert account.runtime_data.limits.sent_in_a_day == 0


@pytest.mark.parametrize(
    "result",
    [
        {"error": 2},
        {"error": 0, "sent": "0", "note": "the mobile is not connected to WhatsApp"},
    ],
)
async def test_a_phone_that_is_connected_but_not_to_whatsapp_sends_an_sms(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    result: dict[str, Any],
) -> None:
    """What says that a phone is offline may mean WhatsApp: an alarm must not end there."""
    simulator.fault(SEND, "nonsense", body={"result": result})
    (row,) = await send(home, **ELSE_SMS)
    assert row["channel"] == "sms"
    assert [fields["sendsms"] for fields in requests(service_account)] == ["0", "1"]


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
async def test_where_nobody_knows_whether_whatsapp_has_it_there_is_no_sms(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    kind: str,
) -> None:
    simulator.fault(SEND, kind)
    simulator.fault(LOG, "status", status=500)
    assert await send_in_vain(home, **ELSE_SMS) == "may_have_been_sent"
    assert len(requests(service_account)) == 1
    assert account.runtime_data.limits.sent_in_a_day == 1


@pytest.mark.usefixtures("account")
async def test_a_whatsapp_message_without_an_answer_is_found_and_no_sms_follows(
    home: HomeAssistant, simulator: Simulator, service_account: Account
) -> None:
    simulator.fault(SEND, "drop_after")
    (row,) = await send(home, **ELSE_SMS)
    assert row["channel"] == "whatsapp"
    assert went_by(service_account) == ["whatsapp"]


@pytest.mark.usefixtures("account")
async def test_only_whatsapp_is_not_replaced(home: HomeAssistant, service_account: Account) -> None:
    refuse_whatsapp(service_account)
    assert await send_in_vain(home, channel="whatsapp") == "refused"
    assert service_account.sent == []


# Many at once.


async def test_many_recipients_each_by_what_they_have(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, service_account: Account
) -> None:
    everybody = [f"+36301{number:06}" for number in range(12)]
    await add_contact(home, account, "Short", "1770")
    await set_options(home, account, messages_per_minute=100)
    is_on_whatsapp(service_account, *everybody[::2])
    rows = await send(home, [*everybody, "Short"], **ELSE_SMS)
    assert [row["recipient"] for row in rows] == [*everybody, "1770"]
    assert [row["channel"] for row in rows] == ["whatsapp", "sms"] * 6 + ["sms"]
    ids = {message.guid: message.recipient.removeprefix("+") for message in service_account.sent}
    assert [ids[row["message_id"]] for row in rows] == [row["recipient"].removeprefix("+") for row in rows]
    assert [row["parts"] for row in rows] == [1] * 13
    assert [row["alphabet"] for row in rows] == [None, "GSM-7"] * 6 + ["GSM-7"]


async def test_the_same_text_by_both_twice_at_once_arrives_four_times(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, service_account: Account
) -> None:
    """Also where the first answers are lost, in the one case or the other."""
    for kinds in (("drop_after", "drop_after"), ("drop_before", "drop_after"), ("drop_after", "drop_before")):
        simulator.reset()
        for kind in kinds:
            simulator.fault(SEND, kind)
        rows = await asyncio.gather(*(send(home, channel="both", urgent=True) for _ in range(2)))
        assert sorted(went_by(service_account)) == ["sms", "sms", "whatsapp", "whatsapp"]
        assert len({row["message_id"] for answer in rows for row in answer}) == 4


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("channel", ["SMS", "whatsapp_or_sms", "", "fax", None])
async def test_no_route_has_another_name(home: HomeAssistant, channel: Any) -> None:
    with pytest.raises(vol.Invalid):
        await send(home, channel=channel)
