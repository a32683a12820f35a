"""Clients that others made get the status and the shape that they know, in whichever way they ask."""

import json

import pytest

from simulator import Account, Simulator
from simulator.service import ENDPOINTS

from .asked import ASKED, BARE, REFUSED, TAKEN, TEXT, Ask, Shape, fits
from .conftest import KEY, NUMBER, Answer, Api


@pytest.fixture
async def account(sim: Simulator, api: Api) -> Account:
    """An account with a little of everything, one SMS and one WhatsApp message that failed among it."""
    account = sim.add_account(KEY, client_id="anna", client_secret="sesame")
    account.receive(NUMBER, TEXT, guid="received")
    account.receive_whatsapp(BARE, TEXT)
    account.add_call("missed", NUMBER)
    account.add_call("incoming", NUMBER, name="Anna", duration=5)
    account.add_call("outgoing", NUMBER)
    for number, guid, options in ((NUMBER, "failed-sms", {}), (BARE, "failed-wa", {"waonly": "yes"})):
        await api.send(recipients=number, message=TEXT, **options)
        account.sent[-1].guid, account.sent[-1].error = guid, "NO_SERVICE"
    return account


def meets(answer: Answer, shape: Shape) -> None:
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert fits(json.loads(answer.text), shape), answer.text


def test_no_endpoint_is_left_out() -> None:
    assert {(ask.path, ask.method) for ask in ASKED} == {
        (path, method) for path, (_, methods) in ENDPOINTS.items() for method in methods
    }


@pytest.mark.parametrize("ask", ASKED, ids=lambda ask: f"{ask.method} {ask.path}")
async def test_with_a_key(api: Api, account: Account, ask: Ask) -> None:
    meets(await api.ask(ask.method, ask.path, **{"apikey": KEY, **ask.fields}), ask.shape)


@pytest.mark.parametrize("ask", ASKED, ids=lambda ask: f"{ask.method} {ask.path}")
async def test_with_a_token(api: Api, account: Account, ask: Ask) -> None:
    credentials = {"grant_type": "client_credentials", "client_id": "anna", "client_secret": "sesame"}
    token = (await api.ask("POST", "/oauth2/token", **credentials)).json["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    meets(await api.ask(ask.method, ask.path, headers, **ask.fields), ask.shape)


@pytest.mark.parametrize("ask", ASKED, ids=lambda ask: f"{ask.method} {ask.path}")
async def test_without_credentials(api: Api, account: Account, ask: Ask) -> None:
    answer = await api.ask(ask.method, ask.path, **ask.fields)
    assert (answer.status, answer.json) == (400, {"success": False, "error": "missing_apikey"})
    answer = await api.ask(ask.method, ask.path, apikey="nobody's", **ask.fields)
    if ask.path == "/getsms/":
        assert (answer.status, answer.json) == (200, {"result": {"error": "0", "sms": []}})
    else:
        assert (answer.status, answer.json) == (403, {"success": False, "error": "invalid_apikey"})


@pytest.mark.parametrize(
    "ask", [ask for ask in ASKED if ask.path.endswith("/") and ask.method == "GET"], ids=lambda ask: ask.path
)
async def test_a_query_without_the_last_slash(api: Api, account: Account, ask: Ask) -> None:
    """As the Python package asks, which follows where it is sent."""
    meets(await api.ask("GET", ask.path.rstrip("/"), **{"apikey": KEY, **ask.fields}), ask.shape)
    if ask.path == "/sendsms/":
        assert (account.sent[-1].recipient, account.sent[-1].fields["message"]) == (NUMBER, TEXT)


async def test_a_switch_in_the_query_beside_a_form(api: Api, account: Account) -> None:
    """As the request collection sends by WhatsApp; nothing else counts there."""
    form = {"apikey": KEY, "recipients": BARE, "message": TEXT}
    query = {"waonly": "yes", "message": "another", "port": "9"}
    async with api.session.post("/sendsms/", params=query, data=form) as response:
        body = await response.json()
    assert fits(body, TAKEN) and body["result"]["send_with_whatsapp"] == "1"
    assert (account.sent[-1].channel, account.sent[-1].fields["message"]) == ("whatsapp", TEXT)


@pytest.mark.parametrize("in_form", ["", "null", KEY])
@pytest.mark.parametrize(
    "ask", [ask for ask in ASKED if ask.method == "POST"], ids=lambda ask: f"{ask.method} {ask.path}"
)
async def test_a_key_in_the_query_beside_that_of_the_form(
    api: Api, account: Account, ask: Ask, in_form: str
) -> None:
    """As tools do that are driven by the OpenAPI description, which has the key in both places."""
    async with api.session.post(
        ask.path, params={"apikey": KEY}, data={"apikey": in_form, **ask.fields}
    ) as response:
        assert response.status == 200
        assert fits(await response.json(), ask.shape)


@pytest.mark.parametrize("channel", [{"sendsms": "1", "sendwa": "0"}, {"sendsms": "0", "sendwa": "1"}])
async def test_a_plus_that_is_not_encoded(api: Api, account: Account, channel: dict[str, str]) -> None:
    """As the command line tool sends, by SMS and by WhatsApp."""
    form = "&".join(f"{name}={value}" for name, value in channel.items())
    async with api.session.post(
        "/sendsms/",
        data=f"recipients={NUMBER}&message=hi&apikey={KEY}&{form}&from=ssh",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ) as response:
        assert fits(await response.json(), TAKEN)
    assert account.sent[-1].fields["recipients"] == f" {BARE}"
    assert account.sent[-1].recipient == BARE
    (row,) = (await api.get("/log/sent/sms/", guid_message=account.sent[-1].guid)).json["result"]["sms"]
    assert row["number"] == BARE


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded; charset=klingon", "multipart/form-data", "x"]
)
async def test_a_form_that_can_not_be_read(api: Api, account: Account, kind: str) -> None:
    async with api.session.post(
        "/sendsms/", data=b"\xff\x00apikey", headers={"Content-Type": kind}
    ) as response:
        assert (response.status, await response.json()) == (
            400,
            {"success": False, "error": "missing_apikey"},
        )


async def test_too_fast(api: Api, account: Account) -> None:
    account.state = "limited"
    answer = await api.send()
    assert answer.status == 429 and int(answer.headers["Retry-After"]) > 0
    assert fits(answer.json, REFUSED)
