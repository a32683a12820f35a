"""Sending: which messages are accepted, which are refused, and how the log shows them."""

from datetime import datetime
import re
from typing import Any
from zoneinfo import ZoneInfo

from simulator import Account, Phone

from .conftest import BARE, KEY, NUMBER, Answer, Api, Clock

MEDIA = {"url_media": "https://example.com/a.jpg"}
WHATSAPP = {"waonly": "yes", "recipients": BARE}
HTTP = {"url_media": "http://example.com/a.jpg"}
ACCEPTED: list[tuple[dict[str, str], str]] = [
    *(({}, "sms"), ({"sendsms": "1", "sendwa": "0"}, "sms"), ({"sendsms": "1", "sendwa": "1"}, "both")),
    ({"sendsms": "0", "sendwa": "1", "recipients": BARE}, "whatsapp"),
    *((WHATSAPP, "whatsapp"), ({**WHATSAPP, **MEDIA}, "whatsapp")),
    *(({"recipients": number}, "sms") for number in ("0036301234567", BARE, "123", "+123456789012345")),
]
NOT_INTERNATIONAL = ["", "12", "+12", "1234567890123456", "+36 30 123", "anna", "+36301,+36302"]
NOT_INTERNATIONAL += ["+36-30", "++3630", "٣٦٣٠١٢", "  "]
REFUSED: list[dict[str, str]] = [
    *({"recipients": number} for number in NOT_INTERNATIONAL),
    *({"message": message} for message in ("", " \n")),
    *({"waonly": "yes", "recipients": number} for number in (NUMBER, f"00{BARE}", "36302")),
    *({"sendsms": "0", "sendwa": "1"}, {"sendsms": "0"}, {"sendsms": "true"}, {"port": "3"}),
    *({"sIdentifiant": "elsewhere"}, MEDIA, {"sendwa": "1", **HTTP}, {**WHATSAPP, **HTTP}),
    {"sendwa": "1", "url_media": "https://"},
    *({"schedule_timestamp": at} for at in ("tomorrow", "1900000000000", "9" * 5000, "-5", "1000000000")),
]


def is_refused(answer: Answer) -> bool:
    """Return whether a message was refused in the documented form."""
    result = answer.json["result"]
    is_complete = set(result) == {"error", "sent", "note"} and bool(result["note"])
    return (answer.status, result["error"], result["sent"], is_complete) == (200, 0, "0", True)


async def test_the_receipt(api: Api, account: Account) -> None:
    account.time_zone = ZoneInfo("Europe/Budapest")
    result = (await api.send(message="több\nsor ☃")).json["result"]
    (sent,) = account.sent
    assert re.fullmatch(r"[0-9a-f]{12}", sent.guid)
    assert (result["error"], result["sent"], result["id"], result["port"]) == (0, "1", sent.guid, None)
    assert (result["encrypted"], result["trial_account"]) == ({"status": "0"}, {"status": "0", "sms_sent": 0})
    utc, local = result["datetime"], result["datetimeLocal"]
    assert utc.endswith("Z") and local[-6:] in ("+01:00", "+02:00")
    assert datetime.fromisoformat(utc) == datetime.fromisoformat(local)
    assert sent.fields == {"apikey": KEY, "recipients": NUMBER, "message": "több\nsor ☃"}
    account.trial = True
    result = (await api.send(encrypt_message="yes")).json["result"]
    assert (result["encrypted"], result["trial_account"]) == ({"status": "1"}, {"status": "1", "sms_sent": 2})


async def test_what_is_accepted_and_what_is_refused(api: Api, account: Account) -> None:
    account.whatsapp_numbers = {BARE}
    for fields, channel in ACCEPTED:
        result = (await api.send(**fields)).json["result"]
        assert (result["sent"], result["send_with_whatsapp"] == "0") == ("1", channel == "sms"), fields
        assert account.sent[-1].channel == channel, fields
    account.sent.clear()
    for fields in REFUSED:
        assert is_refused(await api.send(**fields)), fields
    for name, others in (("recipients", {"message": "x"}), ("message", {"recipients": NUMBER})):
        assert (await api.post("/sendsms/", **others)).error == (400, f"missing_{name}")
    assert not account.sent


async def test_how_a_refusal_is_written(api: Api, account: Account) -> None:
    account.refused_sent = "no"
    rows: list[tuple[Any, object, object]] = [("documented", 0, 2), ("string", "0", "2"), ("null", None, 2)]
    for account.error_format, none, offline in [*rows, ("word", "", "phone_offline")]:
        account.phones[0].online = True
        result = (await api.send(message="")).json["result"]
        assert result == {"error": none, "sent": "no", "note": "message is empty"}
        assert (await api.send()).json["result"]["error"] == none
        account.phones[0].online = False
        result = (await api.send()).json["result"]
        assert result == {"error": offline, "sent": "no", "note": "mobile is not connected"}


async def test_which_phone_sends(api: Api, account: Account) -> None:
    account.phones = [Phone(sid="phone-1", online=False), Phone(sid="second")]
    assert (await api.send()).json["result"]["sent"] == "1" and account.sent[0].sid == "second"
    assert (await api.send(sIdentifiant="phone-1")).json["result"]["error"] == 2
    assert (await api.send(sIdentifiant="second", port="2")).json["result"]["port"] == "2"
    account.phones = []
    assert (await api.send()).json["result"]["error"] == 2


class TestLog:
    async def log(self, api: Api, **fields: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await api.get("/log/sent/sms/", **fields)).json["result"]["sms"]
        return rows

    async def states(self, api: Api) -> list[str]:
        """Return for each row whether it was sent, or its errors."""
        rows = await self.log(api)
        names = "send_from_mobile_erreur", "error_api", "send_from_mobile"
        return [next(row[name] for name in names if row[name]) for row in rows]

    async def test_sent_at_once_and_later(self, api: Api, account: Account, clock: Clock) -> None:
        guid = (await api.send()).json["result"]["id"]
        (row,) = await self.log(api)
        assert (row["guid"], row["number"], row["message"]) == (guid, NUMBER, "hello")
        account.delivery_delay = 10
        await api.send()
        at = int(clock.now) + 100
        account.delivery_error = "NO_SERVICE"
        result = (await api.send(schedule_timestamp=str(at))).json["result"]
        assert (result["sent"], result["note"]) == ("1", "scheduled")
        assert [row["schedule_timestamp"] for row in await self.log(api)] == [at, None, None]
        for passed, states in ((9, "0 0 1"), (1, "0 1 1"), (89, "0 1 1"), (1, "NO_SERVICE 1 1")):
            clock.now += passed
            assert await self.states(api) == states.split(), passed

    async def test_failed_and_sent_again(self, api: Api, account: Account) -> None:
        account.whatsapp_delivery_error = "NO_WHATSAPP"
        for fields in ({}, {"sendwa": "1"}, WHATSAPP):
            await api.send(**fields)
        assert await self.states(api) == ["NO_WHATSAPP", "1", "1"]
        whatsapp = account.sent[2].guid
        assert (await api.post("/resendwa/", guid=whatsapp)).json["result"]["sent"] == "1"
        account.whatsapp_delivery_error, account.delivery_error = "", "NO_SERVICE"
        await api.post("/resendwa/", guid=whatsapp)
        guid = (await api.send()).json["result"]["id"]
        assert (await self.states(api))[:2] == ["NO_SERVICE", "NO_SERVICE"]
        account.delivery_error = ""
        for path, other in (("/resend/", whatsapp), ("/resendwa/", guid), ("/resend/", "nothing")):
            assert is_refused(await api.post(path, guid=other)), path
        result = (await api.get("/resend/", guid=guid)).json["result"]
        assert (result["sent"], result["id"]) == ("1", guid)
        assert (len(account.sent), account.sent[3].attempts, account.sent[3].status) == (4, 2, "sent")
        # It has no error any more.
        assert is_refused(await api.post("/resend/", guid=guid))
        account.sent[3].error_api = "refused"
        assert (await self.states(api))[0] == "refused"
        assert (await api.post("/resend/", guid=guid)).json["result"]["sent"] == "1"
        assert (await api.post("/resend/")).error == (400, "missing_guid")

    async def test_filters(self, api: Api, account: Account) -> None:
        assert (await api.get("/log/sent/sms/")).json == {"result": {"sms": []}}
        account.empty_log_error = "no_result"
        assert (await api.get("/log/sent/sms/")).json == {"result": {"sms": [], "error": "no_result"}}
        for number, text in (("+36301", "Apple"), ("+36302", "pear"), ("+36303", "apple pie")):
            await api.send(recipients=number, message=text)
        assert "error" not in (await api.get("/log/sent/sms/")).json["result"]
        first, second, third = account.sent
        second.error, third.error_api, first.at = "NO_SERVICE", "refused", first.at - 100
        found: list[tuple[dict[str, str], str]] = [
            *(({}, "321"), ({"keyword": "apple"}, "31"), ({"keyword": "+36302"}, "2")),
            *(({"error_mobile": "1"}, "2"), ({"error_api": "1"}, "3"), ({"error_api": "0"}, "21")),
            *(({"before": str(int(second.at) - 1)}, "1"), ({"guid_message": first.guid}, "1")),
        ]
        for fields, last_digits in found:
            rows = await self.log(api, **fields)
            assert "".join(row["number"][-1] for row in rows) == last_digits, fields
