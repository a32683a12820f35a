"""Sending: which messages are accepted, which are refused, and how the log shows them."""

from datetime import datetime
import re
import time
from typing import Any
from zoneinfo import ZoneInfo

from simulator import Account, Phone

from .conftest import BARE, KEY, NUMBER, Answer, Api, Clock

MEDIA = {"url_media": "https://example.com/a.jpg"}
WHATSAPP = {"waonly": "yes", "recipients": BARE}
NOT_INTERNATIONAL = ["", "12", "+12", "1234567890123456", "+36 30 123", "anna", "+36301,+36302"]
NOT_INTERNATIONAL += ["+36-30", "++3630", "٣٦٣٠١٢", "  "]
REFUSED: list[tuple[dict[str, str], str]] = [
    *(({"recipients": number}, "international") for number in NOT_INTERNATIONAL),
    ({"message": ""}, "empty"),
    ({"message": " \n"}, "empty"),
    ({"waonly": "yes"}, "without +"),
    ({"sendsms": "0", "sendwa": "1"}, "without +"),
    ({"waonly": "yes", "recipients": "0036301234567"}, "without 00"),
    ({"sendsms": "0"}, "neither"),
    ({"sendsms": "true"}, "sendsms"),
    ({"port": "3"}, "port"),
    ({"sIdentifiant": "elsewhere"}, "unknown phone"),
    (MEDIA, "WhatsApp only"),
    ({"sendwa": "1", "url_media": "http://example.com/a.jpg"}, "https"),
    ({"sendwa": "1", "url_media": "https://"}, "https"),
    ({**WHATSAPP, "url_media": "http://example.com/a.jpg"}, "https"),
    ({"schedule_timestamp": "tomorrow"}, "Unix seconds"),
    ({"schedule_timestamp": "1900000000000"}, "Unix seconds"),
    ({"schedule_timestamp": "9" * 5000}, "Unix seconds"),
    ({"schedule_timestamp": "-5"}, "past"),
    ({"schedule_timestamp": "1000000000"}, "past"),
]


def refused(answer: Answer) -> str:
    """Return the note of a message that was refused in the documented form."""
    assert answer.status == 200
    result = answer.json["result"]
    assert (result["error"], result["sent"]) == (0, "0") and set(result) == {"error", "sent", "note"}
    return str(result["note"])


async def test_the_receipt(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    text = "több\nsor ☃" * 100
    result = (await api.send(message=text)).json["result"]
    utc, local = result.pop("datetime"), result.pop("datetimeLocal")
    sent = account.sent[0]
    assert result == {
        "error": 0,
        "sent": "1",
        "id": sent.guid,
        "note": "sent by mobile",
        "port": None,
        "send_with_whatsapp": "0",
        "encrypted": {"status": "0"},
        "trial_account": {"status": "0", "sms_sent": 0},
    }
    assert re.fullmatch(r"[0-9a-f]{12}", sent.guid)
    assert utc.endswith("Z") and local[-6:] in ("+01:00", "+02:00")
    assert datetime.fromisoformat(utc) == datetime.fromisoformat(local)
    assert sent.fields == {"apikey": KEY, "recipients": NUMBER, "message": text}
    assert abs(sent.at - time.time()) < 60
    account.trial = True
    result = (await api.send(encrypt_message="yes")).json["result"]
    assert result["trial_account"] == {"status": "1", "sms_sent": 2}
    assert result["encrypted"] == {"status": "1"}


async def test_what_is_accepted(api: Api, account: Account) -> None:
    rows: list[tuple[dict[str, str], str]] = [
        ({}, "sms"),
        ({"sendsms": "1", "sendwa": "0"}, "sms"),
        ({"sendsms": "1", "sendwa": "1"}, "both"),
        ({"sendsms": "0", "sendwa": "1", "recipients": BARE}, "whatsapp"),
        (WHATSAPP, "whatsapp"),
        ({**WHATSAPP, **MEDIA}, "whatsapp"),
        *(({"recipients": number}, "sms") for number in ("0036301234567", BARE, "123", "+123456789012345")),
    ]
    for fields, channel in rows:
        result = (await api.send(**fields)).json["result"]
        assert result["sent"] == "1", fields
        assert result["send_with_whatsapp"] == ("0" if channel == "sms" else "1"), fields
        assert account.sent[-1].channel == channel, fields


async def test_what_is_refused(api: Api, account: Account) -> None:
    for fields, note in REFUSED:
        assert note in refused(await api.send(**fields)), fields
    for name, others in (("recipients", {"message": "x"}), ("message", {"recipients": NUMBER})):
        assert (await api.post("/sendsms/", **others)).error == (400, f"missing_{name}")
    account.whatsapp_numbers = {"36301"}
    assert "not on WhatsApp" in refused(await api.send(waonly="yes", recipients="36302"))
    assert not account.sent
    assert (await api.send(waonly="yes", recipients="36301")).json["result"]["sent"] == "1"


async def test_how_a_refusal_is_written(api: Api, account: Account) -> None:
    account.refused_sent = "no"
    errors: dict[Any, tuple[object, object]] = {
        "documented": (0, 2),
        "number": (0, 2),
        "string": ("0", "2"),
        "word": ("", "phone_offline"),
        "null": (None, 2),
    }
    for error_format, (none, offline) in errors.items():
        account.error_format, account.phones[0].online = error_format, True
        result = (await api.send(message="")).json["result"]
        assert result == {"error": none, "sent": "no", "note": "message is empty"}, error_format
        assert (await api.send()).json["result"]["error"] == none, error_format
        account.phones[0].online = False
        result = (await api.send()).json["result"]
        assert result == {"error": offline, "sent": "no", "note": "mobile is not connected"}, error_format


async def test_which_phone_sends(api: Api, account: Account) -> None:
    account.phones = [Phone(sid="phone-1", online=False), Phone(sid="second")]
    assert (await api.send()).json["result"]["sent"] == "1" and account.sent[0].sid == "second"
    assert (await api.send(sIdentifiant="phone-1")).json["result"]["error"] == 2
    assert (await api.send(sIdentifiant="second", port="2")).json["result"]["port"] == "2"
    account.phones = []
    assert (await api.send()).json["result"]["error"] == 2


class TestLog:
    async def log(self, api: Api, **fields: str) -> list[dict[str, Any]]:
        answer = await api.get("/log/sent/sms/", **fields)
        assert answer.status == 200
        rows: list[dict[str, Any]] = answer.json["result"]["sms"]
        return rows

    async def states(self, api: Api) -> list[tuple[str, str, str]]:
        names = ("send_from_mobile", "send_from_mobile_erreur", "error_api")
        return [(row[names[0]], row[names[1]], row[names[2]]) for row in await self.log(api)]

    async def test_sent_at_once_and_later(self, api: Api, account: Account, clock: Clock) -> None:
        guid = (await api.send()).json["result"]["id"]
        (row,) = await self.log(api)
        assert (row["guid"], row["number"], row["message"]) == (guid, NUMBER, "hello")
        account.delivery_delay = 10
        await api.send()
        result = (await api.send(schedule_timestamp=str(int(clock.now) + 100))).json["result"]
        assert (result["sent"], result["note"]) == ("1", "scheduled")
        assert [row["schedule_timestamp"] for row in await self.log(api)] == [
            int(clock.now) + 100,
            None,
            None,
        ]
        for passed, states in ((9, "001"), (1, "011"), (89, "011"), (1, "111")):
            clock.now += passed
            assert "".join(state for state, *_ in await self.states(api)) == states, passed

    async def test_scheduled_and_failed(self, api: Api, account: Account, clock: Clock) -> None:
        account.delivery_error = "NO_SERVICE"
        guid = (await api.send(schedule_timestamp=str(int(clock.now) + 100))).json["result"]["id"]
        assert await self.states(api) == [("0", "", "")]
        assert "no error" in refused(await api.post("/resend/", guid=guid))
        clock.now += 100
        assert await self.states(api) == [("0", "NO_SERVICE", "")]

    async def test_only_whatsapp_fails(self, api: Api, account: Account) -> None:
        account.whatsapp_delivery_error = "NO_WHATSAPP"
        for fields in ({}, {"sendwa": "1"}, WHATSAPP):
            await api.send(**fields)
        assert [sent.status for sent in account.sent] == ["sent", "sent", "failed"]
        sent = account.sent[2]
        assert (await api.post("/resendwa/", guid=sent.guid)).json["result"]["sent"] == "1"
        assert sent.error == "NO_WHATSAPP"
        account.whatsapp_delivery_error, account.delivery_error = "", "NO_SERVICE"
        await api.post("/resendwa/", guid=sent.guid)
        assert sent.error == "NO_SERVICE"

    async def test_failed_and_sent_again(self, api: Api, account: Account) -> None:
        account.delivery_error = "NO_SERVICE"
        guid = (await api.send()).json["result"]["id"]
        assert await self.states(api) == [("0", "NO_SERVICE", "")]
        assert "unknown" in refused(await api.post("/resendwa/", guid=guid))
        account.delivery_error = ""
        result = (await api.get("/resend/", guid=guid)).json["result"]
        assert (result["sent"], result["id"]) == ("1", guid)
        assert await self.states(api) == [("1", "", "")]
        assert (len(account.sent), account.sent[0].attempts) == (1, 2)
        assert "no error" in refused(await api.post("/resend/", guid=guid))
        assert "unknown" in refused(await api.post("/resend/", guid="nothing"))
        assert (await api.post("/resend/")).error == (400, "missing_guid")
        guid = (await api.send(**WHATSAPP)).json["result"]["id"]
        account.sent[1].error_api = "refused"
        assert "unknown" in refused(await api.post("/resend/", guid=guid))
        assert (await api.post("/resendwa/", guid=guid)).json["result"]["sent"] == "1"
        assert account.sent[1].status == "sent"

    async def test_filters(self, api: Api, account: Account) -> None:
        for number, text in (("+36301", "Apple"), ("+36302", "pear"), ("+36303", "apple pie")):
            await api.send(recipients=number, message=text)
        first, second, third = account.sent
        second.error, third.error_api, first.at = "NO_SERVICE", "refused", first.at - 100
        found: list[tuple[dict[str, str], str]] = [
            ({}, "321"),
            ({"keyword": "apple"}, "31"),
            ({"keyword": "+36302"}, "2"),
            ({"guid_message": first.guid}, "1"),
            ({"error_mobile": "1"}, "2"),
            ({"error_mobile": "0"}, "31"),
            ({"error_api": "1"}, "3"),
            ({"error_api": "0"}, "21"),
            ({"error_api": "0", "error_mobile": "0"}, "1"),
            ({"before": str(int(second.at) - 1)}, "1"),
        ]
        for fields, last_digits in found:
            rows = await self.log(api, **fields)
            assert "".join(row["number"][-1] for row in rows) == last_digits, fields
        await api.post("/deletesms/", guid=third.guid)
        assert len(await self.log(api)) == 2 and len(account.sent) == 3

    async def test_nothing_found(self, api: Api, account: Account) -> None:
        assert (await api.get("/log/sent/sms/")).json == {"result": {"sms": []}}
        account.empty_log_error = "no_result"
        assert (await api.get("/log/sent/sms/")).json == {"result": {"sms": [], "error": "no_result"}}
        await api.send()
        assert "error" not in (await api.get("/log/sent/sms/")).json["result"]

    async def test_typed_on_the_phone(self, api: Api, account: Account, clock: Clock) -> None:
        account.type_sms(NUMBER, "old", timestamp=clock.now - 8 * 86400)
        row = account.type_sms(NUMBER, "earlier", timestamp=clock.now - 86400)
        account.type_sms(NUMBER, "newest")
        answer = (await api.get("/log/sent/frommobile/", period="last_7days")).json["result"]
        assert answer["error"] == "0" and [row["message"] for row in answer["sms"]] == ["newest", "earlier"]
        assert answer["sms"][1]["guid"] == row.guid and answer["sms"][1]["number"] == NUMBER
        assert len((await api.get("/log/sent/frommobile/", limit="1")).json["result"]["sms"]) == 1
        assert (await api.get("/log/sent/frommobile/", period="ever")).error == (400, "invalid_period")
        assert not account.sent
