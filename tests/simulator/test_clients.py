"""Requests as existing clients make them get a good answer, and the same one in each way in which they ask."""

import json

from simulator import Account, Simulator
from simulator.service import ENDPOINTS

from .conftest import BARE, KEY, NUMBER, Answer, Api

TEXT = "Köszönöm & viszlát\n☃ 100%"
SMS = {"recipients": NUMBER, "message": TEXT}
WHATSAPP = {"recipients": BARE, "message": TEXT}
YEARS = {"date_start": "0001-01-01", "date_end": "9999-12-31"}
BOTH = {"from": "crm", "sendwa": "1", "sendsms": "1", "schedule_timestamp": ""}
LOG = {"guid_message": "failed-sms", "keyword": TEXT, "error_api": "0", "error_mobile": "1"}
UNREAD = {"onlyunread": "yes", "sIdentifiantPhone": "phone-1", "after_timestamp_unix": "-1"}

# Method, path, parameters, and an entry of the answer that shows whether it is the right one.
REQUESTS: list[tuple[str, str, dict[str, str], tuple[str, object]]] = [
    ("POST", "/sendsms/", SMS, ("sent", "1")),
    ("POST", "/sendsms/", {**SMS, "sIdentifiant": "phone-1", "port": "2"}, ("port", "2")),
    ("POST", "/sendsms/", {**SMS, **BOTH}, ("send_with_whatsapp", "1")),
    ("POST", "/sendsms/", {**WHATSAPP, "waonly": "yes", "shorturl": "1"}, ("send_with_whatsapp", "1")),
    ("POST", "/sendsms/", {**WHATSAPP, "sendwa": "1", "sendsms": "0"}, ("send_with_whatsapp", "1")),
    ("GET", "/sendsms/", {**SMS, "sendwa": "0", "sendsms": "1"}, ("send_with_whatsapp", "0")),
    ("POST", "/resend/", {"guid": "failed-sms"}, ("id", "failed-sms")),
    ("GET", "/resend/", {"guid": "failed-sms"}, ("id", "failed-sms")),
    ("POST", "/resendwa/", {"guid": "failed-wa"}, ("id", "failed-wa")),
    ("GET", "/resendwa/", {"guid": "failed-wa"}, ("id", "failed-wa")),
    ("GET", "/getsms/", UNREAD, ("guid", "received")),
    ("GET", "/log/sent/sms/", LOG, ("guid", "failed-sms")),
    ("GET", "/log/sent/frommobile/", {"period": "last_7days", "limit": "200"}, ("message", "typed")),
    ("POST", "/deletesms/", {"guid": "received"}, ("deleted", 1)),
    ("GET", "/deletesms/", {"guid": "received"}, ("deleted", 1)),
    ("GET", "/gateway/mobile/list/", {"sid": "phone-1", "search": "phone"}, ("sid", "phone-1")),
    ("GET", "/call/missed/list/", {"offset": "0", "limit": "100", "search": "", **YEARS}, ("number", NUMBER)),
    ("GET", "/call/incoming/list/", {"limit": "50", "sort_dir": "desc"}, ("phone_number", NUMBER)),
    ("GET", "/call/outgoing/list/", {"q": BARE, "sort_dir": "asc"}, ("phone_number", NUMBER)),
    ("POST", "/notification/send", {"sid": "phone-1", "message": TEXT, "type": "notification"}, ("id", 1)),
    ("GET", "/notification/list/", {"sidentifiant": "", "distribued": "1", **YEARS}, ("success", True)),
    ("GET", "/whatsapp/checknumber/", {"recipients": BARE}, ("contact_found_on_whatsapp", "yes")),
    ("GET", "/getwa/active/", {"statut": "x"}, ("read_message_active", 1)),
    ("GET", "/getwa/synchronisation/", {}, ("error", "whatsapp_not_active")),
    ("GET", "/getwa/", {"before": "-5", "date": "2026-01-20", "message_type": "audio"}, ("messages", [])),
    ("POST", "/sendemail/", {"apikeybox": "", "mail_subject": "x"}, ("error", "unknown_mailbox")),
    ("GET", "/getemail/", {"apikeybox": "", "mbox": "INBOX"}, ("error", "unknown_mailbox")),
]


async def prepare(sim: Simulator, api: Api) -> None:
    """Replace the account by one with messages and calls, of which one SMS and one WhatsApp message failed."""
    account = sim.add_account(KEY, client_id="anna", client_secret="sesame")
    account.receive(NUMBER, TEXT, guid="received")
    account.type_sms(NUMBER, "typed")
    for direction in ("missed", "incoming", "outgoing"):
        account.add_call(direction, NUMBER)
    for fields, guid in ((SMS, "failed-sms"), ({**WHATSAPP, "waonly": "yes"}, "failed-wa")):
        await api.send(**fields)
        account.sent[-1].guid, account.sent[-1].error = guid, "NO_SERVICE"


def check(answer: Answer, entry: tuple[str, object], row: object) -> None:
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("application/json"), row
    assert json.dumps(dict([entry]))[1:-1] in json.dumps(answer.json), (row, answer.text)


def test_no_endpoint_is_left_out() -> None:
    assert {(path, method) for method, path, *_ in REQUESTS} == {
        (path, method) for path, (_, methods) in ENDPOINTS.items() for method in methods
    }


async def test_by_key_and_by_token(sim: Simulator, api: Api) -> None:
    for method, path, fields, entry in REQUESTS:
        await prepare(sim, api)
        check(await api.ask(method, path, **{"apikey": KEY, **fields}), entry, (path, fields))
        await prepare(sim, api)
        headers = {**await api.bearer(), "Accept": "application/json"}
        check(await api.ask(method, path, headers, **fields), entry, (path, fields))


async def test_a_key_in_the_query_beside_that_of_the_form(sim: Simulator, api: Api) -> None:
    """Tools that follow the OpenAPI description send so: it has the key in both places."""
    for method, path, fields, entry in REQUESTS:
        for in_form in ("", "null", KEY) if method == "POST" else ():
            await prepare(sim, api)
            form = {"apikey": in_form, **fields}
            check(await api.request("POST", path, params={"apikey": KEY}, data=form), entry, (path, form))


async def test_a_plus_that_is_not_encoded(api: Api, account: Account) -> None:
    """The command line tool sends so, by SMS and by WhatsApp."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for channel in ("sendsms=1&sendwa=0", "sendsms=0&sendwa=1"):
        form = f"recipients={NUMBER}&message=hi&apikey={KEY}&{channel}&from=ssh"
        check(await api.request("POST", "/sendsms/", data=form, headers=headers), ("sent", "1"), channel)
        sent = account.sent[-1]
        assert (sent.fields["recipients"], sent.recipient) == (f" {BARE}", BARE)
        (row,) = (await api.get("/log/sent/sms/", guid_message=sent.guid)).json["result"]["sms"]
        assert row["number"] == BARE
