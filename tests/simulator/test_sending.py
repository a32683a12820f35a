"""Sending: what is taken, what is refused, and what becomes of it."""

from datetime import datetime
import re
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulator import Account, Phone

from .conftest import KEY, NUMBER, Answer, Api


def refused(answer: Answer) -> str:
    """Return why a message was refused, in the documented form."""
    assert answer.status == 200
    result = answer.json["result"]
    assert (result["error"], result["sent"]) == (0, "0") and set(result) == {"error", "sent", "note"}
    return str(result["note"])


async def test_the_receipt(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    answer = await api.send(message="több\nsor ☃" * 100)
    result = answer.json["result"]
    sent = account.sent[0]
    assert list(result) == [
        "error",
        "sent",
        "id",
        "note",
        "datetime",
        "datetimeLocal",
        "port",
        "send_with_whatsapp",
        "encrypted",
        "trial_account",
    ]
    assert result | {"datetime": 0, "datetimeLocal": 0} == {
        "error": 0,
        "sent": "1",
        "id": sent.guid,
        "note": "sent by mobile",
        "datetime": 0,
        "datetimeLocal": 0,
        "port": None,
        "send_with_whatsapp": "0",
        "encrypted": {"status": "0"},
        "trial_account": {"status": "0", "sms_sent": 0},
    }
    assert re.fullmatch(r"[0-9a-f]{12}", sent.guid)
    assert result["datetime"].endswith("Z") and result["datetimeLocal"][-6:] in ("+01:00", "+02:00")
    assert datetime.fromisoformat(result["datetime"]) == datetime.fromisoformat(result["datetimeLocal"])
    assert sent.fields == {"apikey": KEY, "recipients": NUMBER, "message": "több\nsor ☃" * 100}
    assert abs(sent.at - time.time()) < 5


@pytest.mark.parametrize(
    ("fields", "channel"),
    [
        ({}, "sms"),
        ({"sendsms": "1", "sendwa": "0"}, "sms"),
        ({"sendsms": "1", "sendwa": "1"}, "both"),
        ({"sendsms": "0", "sendwa": "1", "recipients": "36301234567"}, "whatsapp"),
        ({"waonly": "yes", "recipients": "36301234567"}, "whatsapp"),
        (
            {"waonly": "yes", "recipients": "36301234567", "url_media": "https://example.com/a.jpg"},
            "whatsapp",
        ),
    ],
)
async def test_channels(api: Api, account: Account, fields: dict[str, str], channel: str) -> None:
    result = (await api.send(**fields)).json["result"]
    assert result["sent"] == "1" and result["send_with_whatsapp"] == ("0" if channel == "sms" else "1")
    assert account.sent[0].channel == channel


@pytest.mark.parametrize("number", [NUMBER, "0036301234567", "36301234567", "123", "+123456789012345"])
async def test_numbers_that_are_taken(api: Api, account: Account, number: str) -> None:
    assert (await api.send(recipients=number)).json["result"]["sent"] == "1"


@pytest.mark.parametrize(
    "number",
    [
        "",
        "12",
        "+12",
        "1234567890123456",
        "+36 30 123",
        "anna",
        "+36301,+36302",
        "+36-30",
        "++3630",
        "٣٦٣٠١٢",
        "  ",
    ],
)
async def test_numbers_that_are_not(api: Api, account: Account, number: str) -> None:
    assert "international" in refused(await api.send(recipients=number))
    assert not account.sent


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"message": ""}, "empty"),
        ({"message": " \n"}, "empty"),
        ({"waonly": "yes"}, "without +"),
        ({"sendsms": "0", "sendwa": "1"}, "without +"),
        ({"waonly": "yes", "recipients": "0036301234567"}, "without 00"),
        ({"sendsms": "0"}, "neither"),
        ({"sendsms": "true"}, "sendsms"),
        ({"port": "3"}, "port"),
        ({"sIdentifiant": "elsewhere"}, "unknown phone"),
        ({"url_media": "https://example.com/a.jpg"}, "WhatsApp only"),
        ({"sendwa": "1", "url_media": "http://example.com/a.jpg"}, "https"),
        ({"sendwa": "1", "url_media": "https://"}, "https"),
        ({"waonly": "yes", "recipients": "36301", "url_media": "http://example.com/a.jpg"}, "https"),
        ({"schedule_timestamp": "tomorrow"}, "Unix seconds"),
        ({"schedule_timestamp": "1900000000000"}, "Unix seconds"),
        ({"schedule_timestamp": "9" * 5000}, "Unix seconds"),
        ({"schedule_timestamp": "-5"}, "past"),
        ({"schedule_timestamp": "1000000000"}, "past"),
    ],
)
async def test_forms_that_are_refused(api: Api, account: Account, fields: dict[str, str], note: str) -> None:
    assert note in refused(await api.send(**fields))
    assert not account.sent


@pytest.mark.parametrize("name", ["recipients", "message"])
async def test_missing(api: Api, account: Account, name: str) -> None:
    fields = {"recipients": NUMBER, "message": "x"}
    del fields[name]
    answer = await api.post("/sendsms/", **fields)
    assert (answer.status, answer.json) == (400, {"success": False, "error": f"missing_{name}"})


async def test_dresses_of_a_refusal(api: Api, account: Account) -> None:
    account.refused_sent, account.error_format = "no", "null"
    result = (await api.send(message="")).json["result"]
    assert (result["error"], result["sent"]) == (None, "no")
    account.error_format = "word"
    assert (await api.send()).json["result"]["error"] == ""


@pytest.mark.parametrize(("dress", "error"), [("documented", 2), ("string", "2"), ("word", "phone_offline")])
async def test_phone_offline(api: Api, account: Account, dress: Any, error: object) -> None:
    account.error_format = dress
    account.phones[0].online = False
    answer = await api.send()
    assert answer.status == 200 and answer.json["result"]["error"] == error
    assert not account.sent
    account.phones.append(Phone(sid="second"))
    assert (await api.send()).json["result"]["sent"] == "1"
    assert account.sent[0].sid == "second"
    assert (await api.send(sIdentifiant="phone-1")).json["result"]["error"] == error
    assert (await api.send(sIdentifiant="second", port="2")).json["result"]["port"] == "2"


async def test_not_on_whatsapp(api: Api, account: Account) -> None:
    account.whatsapp_numbers = {"36301"}
    assert "not on WhatsApp" in refused(await api.send(waonly="yes", recipients="36302"))
    assert (await api.send(waonly="yes", recipients="36301")).json["result"]["sent"] == "1"


async def test_trial_and_encryption(api: Api, account: Account) -> None:
    account.trial = True
    await api.send()
    result = (await api.send(encrypt_message="yes")).json["result"]
    assert result["trial_account"] == {"status": "1", "sms_sent": 2}
    assert result["encrypted"] == {"status": "1"}


class TestLog:
    async def log(self, api: Api, **fields: str) -> list[dict[str, Any]]:
        answer = await api.get("/log/sent/sms/", **fields)
        assert answer.status == 200
        rows: list[dict[str, Any]] = answer.json["result"]["sms"]
        return rows

    async def test_sent_at_once(self, api: Api, account: Account) -> None:
        guid = (await api.send()).json["result"]["id"]
        (row,) = await self.log(api)
        assert row["guid"] == guid and row["number"] == NUMBER and row["message"] == "hello"
        assert (row["send_from_mobile"], row["send_from_mobile_erreur"], row["error_api"]) == ("1", "", "")

    async def test_sent_later(self, api: Api, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 1_800_000_000.0
        monkeypatch.setattr("time.time", lambda: now)
        account.delivery_delay = 10
        await api.send()
        result = (await api.send(schedule_timestamp=str(int(now) + 100))).json["result"]
        assert (result["sent"], result["note"]) == ("1", "scheduled")
        assert [row["schedule_timestamp"] for row in await self.log(api)] == [int(now) + 100, None]
        for passed, states in ((9, ["0", "0"]), (1, ["0", "1"]), (89, ["0", "1"]), (1, ["1", "1"])):
            now += passed
            assert [row["send_from_mobile"] for row in await self.log(api)] == states

    async def test_scheduled_and_failed(
        self, api: Api, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 1_800_000_000.0
        monkeypatch.setattr("time.time", lambda: now)
        account.delivery_error = "NO_SERVICE"
        guid = (await api.send(schedule_timestamp=str(int(now) + 100))).json["result"]["id"]
        (row,) = await self.log(api)
        assert (row["send_from_mobile"], row["send_from_mobile_erreur"]) == ("0", "")
        assert "no error" in refused(await api.post("/resend/", guid=guid))
        now += 100
        (row,) = await self.log(api)
        assert (row["send_from_mobile"], row["send_from_mobile_erreur"]) == ("0", "NO_SERVICE")

    async def test_only_whatsapp_fails(self, api: Api, account: Account) -> None:
        account.whatsapp_delivery_error = "NO_WHATSAPP"
        await api.send()
        await api.send(sendwa="1")
        await api.send(waonly="yes", recipients="36301")
        assert [sent.status for sent in account.sent] == ["sent", "sent", "failed"]
        assert account.sent[2].error == "NO_WHATSAPP"
        assert (await api.post("/resendwa/", guid=account.sent[2].guid)).json["result"]["sent"] == "1"
        assert account.sent[2].error == "NO_WHATSAPP"
        account.whatsapp_delivery_error, account.delivery_error = "", "NO_SERVICE"
        await api.post("/resendwa/", guid=account.sent[2].guid)
        assert account.sent[2].error == "NO_SERVICE"

    async def test_failed_and_sent_again(self, api: Api, account: Account) -> None:
        account.delivery_error = "NO_SERVICE"
        guid = (await api.send()).json["result"]["id"]
        (row,) = await self.log(api)
        assert (row["send_from_mobile"], row["send_from_mobile_erreur"]) == ("0", "NO_SERVICE")
        assert "unknown" in refused(await api.post("/resendwa/", guid=guid))
        account.delivery_error = ""
        result = (await api.get("/resend/", guid=guid)).json["result"]
        assert (result["sent"], result["id"]) == ("1", guid)
        (row,) = await self.log(api)
        assert (row["send_from_mobile"], row["send_from_mobile_erreur"]) == ("1", "")
        assert (len(account.sent), account.sent[0].attempts) == (1, 2)
        assert "no error" in refused(await api.post("/resend/", guid=guid))
        assert "unknown" in refused(await api.post("/resend/", guid="nothing"))
        assert (await api.post("/resend/")).json["error"] == "missing_guid"

    async def test_whatsapp_sent_again(self, api: Api, account: Account) -> None:
        guid = (await api.send(waonly="yes", recipients="36301")).json["result"]["id"]
        account.sent[0].error_api = "refused"
        assert "unknown" in refused(await api.post("/resend/", guid=guid))
        assert (await api.post("/resendwa/", guid=guid)).json["result"]["sent"] == "1"
        assert account.sent[0].status == "sent"

    async def test_filters(self, api: Api, account: Account) -> None:
        for number, text in (("+36301", "Apple"), ("+36302", "pear"), ("+36303", "apple pie")):
            await api.send(recipients=number, message=text)
        first, second, third = account.sent
        second.error, third.error_api, first.at = "NO_SERVICE", "refused", first.at - 100
        assert [row["number"] for row in await self.log(api)] == ["+36303", "+36302", "+36301"]
        assert [row["number"] for row in await self.log(api, keyword="apple")] == ["+36303", "+36301"]
        assert [row["number"] for row in await self.log(api, keyword="+36302")] == ["+36302"]
        assert [row["number"] for row in await self.log(api, guid_message=first.guid)] == ["+36301"]
        assert [row["number"] for row in await self.log(api, error_mobile="1")] == ["+36302"]
        assert [row["number"] for row in await self.log(api, error_mobile="0")] == ["+36303", "+36301"]
        assert [row["number"] for row in await self.log(api, error_api="1")] == ["+36303"]
        assert [row["number"] for row in await self.log(api, error_api="0")] == ["+36302", "+36301"]
        assert [row["number"] for row in await self.log(api, error_api="0", error_mobile="0")] == ["+36301"]
        assert [row["number"] for row in await self.log(api, before=str(int(second.at) - 1))] == ["+36301"]
        await api.post("/deletesms/", guid=third.guid)
        assert len(await self.log(api)) == 2 and len(account.sent) == 3
