"""Signed webhooks: nobody else gets in, and every event of the service is taken once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from itertools import permutations
import json
import time
from typing import Any

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.webhook import async_handle_webhook
from homeassistant.core import Event, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.json import json_bytes
from homeassistant.util import dt as dt_util
from homeassistant.util.aiohttp import MockRequest
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import DOMAIN, EVENT_CALL, EVENT_MESSAGE_REPORT
from simulator import Account, Simulator, sms_data, whatsapp_data

from ..conftest import KEY, add_account, settle
from ..flows.dialogs import begin, begin_change, submit

ANNA = "+36301234567"
SECRET = "whsec-Zp3ö-0123456789"
LIMITS = {"messages_per_minute": 20, "messages_per_day": 200}

type Received = list[Event[dict[str, Any]]]
type Client = TestClient[Any, Any]

MESSAGE_FIELDS = {
    "config_entry_id", "message_id", "channel", "sender", "sender_name", "contact", "contact_id", "message",
    "received_at", "phone", "voice", "source",
}  # fmt: skip
CALL_FIELDS = {
    "config_entry_id", "direction", "number", "name", "contact", "duration", "started_at", "phone",
}  # fmt: skip


def sign(secret: str, stamp: str, body: bytes) -> str:
    """Sign as the service does, by the letter of RFC 2104."""
    key = secret.encode()
    key = (sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    message = stamp.encode("utf-8", "surrogateescape") + b"." + body
    inner = sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return "v1=" + sha256(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()


def event(kind: object, data: object, event_id: object = "8e9a1207-e3a4-4550-a4af-3dad6cff5108") -> bytes:
    return json.dumps(
        {
            "id": event_id,
            "type": kind,
            "api_version": "2026-09-22",
            "created_at": "2026-09-23T12:00:01Z",
            "occurred_at": "2026-09-23T12:00:00Z",
            "data": data,
        }
    ).encode()


def sms(text: str = "hi", guid: str = "g1", **changed: object) -> dict[str, Any]:
    return {
        "guid": guid,
        "from": ANNA,
        "message": text,
        "received_at": "2026-09-23T12:00:00Z",
        "alias": "Anna on the phone",
        "device_id": "phone-1",
        **changed,
    }


def whatsapp(text: object = "hi", guid: str = "w1", **changed: object) -> dict[str, Any]:
    return {
        "guid": guid,
        "data_id": "d-1",
        "from": "36301234567",
        "contact_name": "Anna",
        "message": text,
        "is_voice_message": False,
        "received_at": "2026-09-23T12:00:00Z",
        **changed,
    }


def transcript(text: object, guid: str = "w1", **changed: object) -> dict[str, Any]:
    data = whatsapp(guid=guid, transcript=text, duration_seconds=7, is_voice_message=True, **changed)
    del data["message"]
    return data


def call(guid: str | None = "c1", **changed: object) -> dict[str, Any]:
    return {
        "guid": guid,
        "number": ANNA,
        "name": "Anna",
        "duration_seconds": 65,
        "device_id": "phone-1",
        "call_at": "2026-09-23T12:00:00Z",
        **changed,
    }


def signed(body: bytes, secret: str = SECRET, stamp: str | None = None) -> dict[str, str]:
    stamp = str(int(time.time())) if stamp is None else stamp
    return {"X-SMSMobileAPI-Timestamp": stamp, "X-SMSMobileAPI-Signature": sign(secret, stamp, body)}


async def post(client: Client, path: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    headers = {"Content-Type": "application/json", **(signed(body) if headers is None else headers)}
    async with client.post(path, data=body, headers=headers) as response:
        return response.status


async def set_secret(home: HomeAssistant, account: SmsMobileApiConfigEntry, secret: str) -> None:
    """Set the signing secret as a user does; an empty one takes it away."""
    flow = await home.config_entries.options.async_init(account.entry_id)
    flow = await home.config_entries.options.async_configure(
        flow["flow_id"], LIMITS | ({"signing_secret": secret} if secret else {})
    )
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)


@pytest.fixture
async def open_account(account: SmsMobileApiConfigEntry) -> SmsMobileApiConfigEntry:
    """An account without a signing secret."""
    return account


@pytest.fixture
async def client(
    home: HomeAssistant, hass_client_no_auth: ClientSessionGenerator, account: SmsMobileApiConfigEntry
) -> Client:
    """Somebody on the internet; the account has a signing secret."""
    await set_secret(home, account, SECRET)
    somebody: Client = await hass_client_no_auth()
    return somebody


@pytest.fixture
async def open_client(
    hass_client_no_auth: ClientSessionGenerator, account: SmsMobileApiConfigEntry
) -> Client:
    """Somebody on the internet; the account has no signing secret."""
    somebody: Client = await hass_client_no_auth()
    return somebody


@pytest.fixture
def path(account: SmsMobileApiConfigEntry) -> str:
    return f"/api/webhook/{account.data['webhook_id']}"


@pytest.fixture
def calls(home: HomeAssistant) -> Received:
    events: Received = async_capture_events(home, EVENT_CALL)
    return events


def texts(received: Received) -> list[str]:
    return [message.data["message"] for message in received]


# Nobody else.


async def test_what_is_signed_is_taken_once(client: Client, path: str, received: Received) -> None:
    body = event("sms.received", sms())
    assert await post(client, path, body) == HTTPStatus.ACCEPTED
    assert await post(client, path, body) == HTTPStatus.OK
    assert texts(received) == ["hi"]


async def test_the_simulators_signature_is_taken(
    client: Client, path: str, simulator: Simulator, service_account: Account, received: Received
) -> None:
    service_account.webhook_url = str(client.make_url(path))
    service_account.webhook_secret = SECRET
    row = service_account.receive(number=ANNA, message="hi")
    for status in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
        assert (
            await simulator.deliver_v2(service_account, "sms.received", sms_data(row), event_id="e") == status
        )
    assert [message.data["message_id"] for message in received] == [row.guid]


def flip(text: str, position: int) -> str:
    """Return the text with the lowest bit of one character flipped."""
    return text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]


async def test_one_bit_of_the_signature_decides(client: Client, path: str, received: Received) -> None:
    body = event("sms.received", sms())
    for position in range(67):
        headers = signed(body)
        headers["X-SMSMobileAPI-Signature"] = flip(headers["X-SMSMobileAPI-Signature"], position)
        assert await post(client, path, body, headers) == HTTPStatus.UNAUTHORIZED, position
    assert received == []


async def test_one_bit_of_the_body_decides(client: Client, path: str, received: Received) -> None:
    body = event("sms.received", sms())
    for position in (0, 50, len(body) - 1):
        changed = bytearray(body)
        changed[position] ^= 1
        assert await post(client, path, bytes(changed), signed(body)) == HTTPStatus.UNAUTHORIZED, position
    assert received == []


async def test_one_bit_of_the_timestamp_decides(client: Client, path: str, received: Received) -> None:
    body = event("sms.received", sms())
    headers = signed(body)
    headers["X-SMSMobileAPI-Timestamp"] = flip(headers["X-SMSMobileAPI-Timestamp"], -2)
    assert await post(client, path, body, headers) == HTTPStatus.UNAUTHORIZED
    assert received == []


async def test_the_raw_bytes_are_signed_not_what_they_mean(
    client: Client, path: str, received: Received
) -> None:
    body = event("sms.received", sms())
    same = json.dumps(json.loads(body), separators=(",", ":")).encode()
    assert await post(client, path, same, signed(body)) == HTTPStatus.UNAUTHORIZED
    assert await post(client, path, body + b" ", signed(body)) == HTTPStatus.UNAUTHORIZED
    assert await post(client, path, same) == HTTPStatus.ACCEPTED
    assert len(received) == 1


async def test_another_secret_does_not_open(client: Client, path: str, received: Received) -> None:
    body = event("sms.received", sms())
    for secret in ("", "another", SECRET.upper(), SECRET + " ", SECRET[:-1]):
        assert await post(client, path, body, signed(body, secret)) == HTTPStatus.UNAUTHORIZED, secret
    assert received == []


async def test_one_accounts_secret_does_not_open_another(
    home: HomeAssistant, client: Client, path: str, simulator: Simulator, received: Received
) -> None:
    simulator.add_account("another-key-0123456789")
    other = await add_account(home, simulator, "another-key-0123456789")
    await set_secret(home, other, "the-others-secret")
    body = event("sms.received", sms())
    theirs = signed(body, "the-others-secret")
    assert await post(client, path, body, theirs) == HTTPStatus.UNAUTHORIZED
    assert await post(client, f"/api/webhook/{other.data['webhook_id']}", body) == HTTPStatus.UNAUTHORIZED
    assert await post(client, f"/api/webhook/{other.data['webhook_id']}", body, theirs) == HTTPStatus.ACCEPTED
    assert [message.data["config_entry_id"] for message in received] == [other.entry_id]


async def test_headers_that_are_not_right_do_not_open(client: Client, path: str, received: Received) -> None:
    body = event("sms.received", sms())
    good = signed(body)
    digits = good["X-SMSMobileAPI-Signature"].removeprefix("v1=")
    wrong: list[dict[str, str]] = [
        {},
        {"X-SMSMobileAPI-Timestamp": good["X-SMSMobileAPI-Timestamp"]},
        {"X-SMSMobileAPI-Signature": good["X-SMSMobileAPI-Signature"]},
        good | {"X-SMSMobileAPI-Timestamp": "1é"},
        *(
            good | {"X-SMSMobileAPI-Signature": value}
            for value in (
                "", "v1=", digits, f"v2={digits}", f"V1={digits}", f"v1={digits.upper()}", f"v1= {digits}",
                f"v1={digits[:-1]}", f"v1={digits}0", f"v1={digits},v1={digits}", "v1=" + "é" * 64,
            )
        ),
    ]  # fmt: skip
    for headers in wrong:
        assert await post(client, path, body, headers) == HTTPStatus.UNAUTHORIZED, headers
    assert received == []
    assert await post(client, path, body) == HTTPStatus.ACCEPTED


async def test_bytes_in_headers_do_not_open(client: Client, path: str, received: Received) -> None:
    body = event("sms.received", sms())
    url = client.make_url(path)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n".encode()
        + b"X-SMSMobileAPI-Timestamp: \xb2\xff\r\nX-SMSMobileAPI-Signature: v1=\xff\xfe\r\n\r\n"
        + body
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.split()[1] == b"401"
    assert received == []


async def handle(home: HomeAssistant, account: SmsMobileApiConfigEntry, body: bytes, headers: Any) -> int:
    """Call the handler as Home Assistant Cloud does: headers and body come as they were given."""
    request = MockRequest(content=body, mock_source="cloud", method="POST", headers=headers)
    return (await async_handle_webhook(home, account.data["webhook_id"], request)).status


@pytest.mark.parametrize("dress", ["{}", "0{}"])
async def test_a_signed_timestamp_of_digits_is_taken(
    home: HomeAssistant, client: Client, account: SmsMobileApiConfigEntry, received: Received, dress: str
) -> None:
    body = event("sms.received", sms())
    stamp = dress.format(int(time.time()))
    assert await handle(home, account, body, signed(body, stamp=stamp)) == HTTPStatus.ACCEPTED
    assert len(received) == 1


async def test_a_signed_timestamp_of_anything_else_is_not(
    home: HomeAssistant, client: Client, account: SmsMobileApiConfigEntry, received: Received
) -> None:
    """The signature holds for what is written, whatever that is."""
    body = event("sms.received", sms())
    for dress in (
        "+{}", " {}", "{} ", "{}\n", "{}.0", "{}e0", "-{}", "{}000", "1_{}", "0x{}", "now", "", "9" * 5000, "²{}",
        "\udcff{}",
    ):  # fmt: skip
        stamp = dress.format(int(time.time()))
        status = await handle(home, account, body, signed(body, stamp=stamp))
        assert status == HTTPStatus.UNAUTHORIZED, dress[:20]
    assert received == []


async def test_digits_of_another_script_are_none(
    home: HomeAssistant, client: Client, account: SmsMobileApiConfigEntry, received: Received
) -> None:
    body = event("sms.received", sms())
    stamp = str(int(time.time())).translate({ord("0") + digit: 0x660 + digit for digit in range(10)})
    assert stamp.isdigit()
    assert await handle(home, account, body, signed(body, stamp=stamp)) == HTTPStatus.UNAUTHORIZED
    assert received == []


async def test_headers_that_no_server_sends_do_not_open(
    home: HomeAssistant, client: Client, account: SmsMobileApiConfigEntry, received: Received
) -> None:
    """A cloudhook's headers come as JSON, which can hold halves of characters."""
    body = event("sms.received", sms())
    for header in ("X-SMSMobileAPI-Signature", "X-SMSMobileAPI-Timestamp"):
        for value in ("\0", "😀", "\ud800", "v1=\udfff"):
            status = await handle(home, account, body, signed(body) | {header: value})
            assert status == HTTPStatus.UNAUTHORIZED, (header, value)
    assert received == []


async def test_more_than_300_seconds_off_is_stale(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, account: SmsMobileApiConfigEntry, received: Received
) -> None:
    await set_secret(home, account, SECRET)
    freezer.move_to(dt_util.utcnow().replace(microsecond=0))
    for off in (-301, 301, -86_400, 86_400, -(10**9), 10**10):
        body = event("sms.received", sms())
        stamp = str(int(time.time()) + off)
        assert await handle(home, account, body, signed(body, stamp=stamp)) == HTTPStatus.UNAUTHORIZED, off
    assert received == []
    for off in (-300, -299, 0, 299, 300):
        body = event("sms.received", sms(guid=f"{off}", text=f"{off}"), f"{off}")
        stamp = str(int(time.time()) + off)
        assert await handle(home, account, body, signed(body, stamp=stamp)) == HTTPStatus.ACCEPTED, off
    assert len(received) == 5


async def test_a_part_of_a_second_more_is_stale_too(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, account: SmsMobileApiConfigEntry, received: Received
) -> None:
    await set_secret(home, account, SECRET)
    now = dt_util.utcnow().replace(microsecond=0)
    freezer.move_to(now + timedelta(milliseconds=500))
    body = event("sms.received", sms())
    stamp = str(int(now.timestamp()) - 300)
    assert await handle(home, account, body, signed(body, stamp=stamp)) == HTTPStatus.UNAUTHORIZED
    assert received == []


async def test_who_it_is_is_asked_before_what_it_is(client: Client, path: str, received: Received) -> None:
    for body in (b"", b"garbage", b"[" * 60_000, b"\xff\xfe", event("sms.received", None)):
        assert await post(client, path, body, {}) == HTTPStatus.UNAUTHORIZED, body[:20]
        assert await post(client, path, body, signed(body, "wrong")) == HTTPStatus.UNAUTHORIZED, body[:20]
        assert await post(client, path, body) == HTTPStatus.BAD_REQUEST, body[:20]
    assert received == []


async def test_an_unsigned_text_is_refused_where_there_is_a_secret(
    client: Client,
    path: str,
    simulator: Simulator,
    service_account: Account,
    received: Received,
) -> None:
    service_account.webhook_url = str(client.make_url(path))
    row = service_account.receive(number=ANNA, message="hi")
    assert await simulator.deliver(service_account, row) == HTTPStatus.UNAUTHORIZED
    assert (
        await simulator.deliver_v2(service_account, "sms.received", sms_data(row), secret=None)
        == HTTPStatus.UNAUTHORIZED
    )
    assert received == []


async def test_a_signed_v1_body_is_taken(client: Client, path: str, received: Received) -> None:
    body = json.dumps({"number": ANNA, "message": "hi", "guid": "g1", "date": "2026-09-23"}).encode()
    assert await post(client, path, body) == HTTPStatus.OK
    assert texts(received) == ["hi"]


async def test_nothing_is_said_of_the_secret_in_the_log(
    client: Client, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = event("sms.received", sms("the text"))
    good = signed(body)["X-SMSMobileAPI-Signature"]
    await post(client, path, body)
    await post(client, path, body, signed(body, "wrong"))
    await post(client, path, body, {})
    for unsaid in (SECRET, good):
        assert unsaid not in caplog.text
    ours = [record.getMessage() for record in caplog.records if "smsmobileapi" in record.name]
    for unsaid in (ANNA, "the text"):
        assert unsaid not in " ".join(ours)


# The secret is set and taken away.


async def test_the_options_set_and_take_away_the_secret(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, open_client: Client, path: str, received: Received
) -> None:
    await set_secret(home, account, f"  {SECRET} ")
    assert account.options["signing_secret"] == SECRET
    first, second, third = (event("sms.received", sms(guid=guid, text=guid), guid) for guid in "abc")
    assert await post(open_client, path, first, {}) == HTTPStatus.UNAUTHORIZED
    assert await post(open_client, path, first) == HTTPStatus.ACCEPTED
    await set_secret(home, account, "another")
    assert await post(open_client, path, second) == HTTPStatus.UNAUTHORIZED
    assert await post(open_client, path, second, signed(second, "another")) == HTTPStatus.ACCEPTED
    await set_secret(home, account, "")
    assert "signing_secret" not in account.options
    assert await post(open_client, path, third, {}) == HTTPStatus.ACCEPTED
    assert texts(received) == ["a", "b", "c"]


async def test_the_dialog_that_adds_an_account_sets_the_secret(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    received: Received,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    flow = await begin(home)
    flow = await submit(home, flow, api_key=KEY, server={"url": simulator.url})
    assert flow["step_id"] == "webhook"
    flow = await submit(home, flow, signing_secret=f" {SECRET}\n")
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(home)
    account: SmsMobileApiConfigEntry = flow["result"]
    assert account.options == {"signing_secret": SECRET}
    client = await hass_client_no_auth()
    path = f"/api/webhook/{account.data['webhook_id']}"
    body = event("sms.received", sms())
    assert await post(client, path, body, {}) == HTTPStatus.UNAUTHORIZED
    assert await post(client, path, body) == HTTPStatus.ACCEPTED


@pytest.mark.parametrize(
    ("given_secret", "kept"),
    [({"signing_secret": "new"}, "new"), ({"signing_secret": SECRET}, SECRET), ({}, None)],
)
async def test_the_dialog_that_changes_an_account_changes_the_secret(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    client: Client,
    path: str,
    given_secret: dict[str, str],
    kept: str | None,
) -> None:
    flow = await submit(home, await begin_change(home, account), server={"url": simulator.url})
    assert flow["step_id"] == "webhook"
    await submit(home, flow, **given_secret)
    await settle(home)
    assert account.options.get("signing_secret") == kept
    assert account.options["messages_per_day"] == 200
    body = event("sms.received", sms())
    headers = signed(body, kept) if kept else {}
    assert await post(client, path, body, headers) == HTTPStatus.ACCEPTED
    if kept:
        assert await post(client, path, body, {}) == HTTPStatus.UNAUTHORIZED


async def test_a_secret_outlives_a_dialog_without_an_address(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, simulator: Simulator, client: Client, path: str
) -> None:
    await home.config.async_update(external_url=None, internal_url="http://192.168.1.2:8123")
    flow = await submit(home, await begin_change(home, account), server={"url": simulator.url})
    assert flow["step_id"] == "polling"
    await submit(home, flow)
    await settle(home)
    assert account.options["signing_secret"] == SECRET


# Every event, once.


@pytest.mark.parametrize(
    ("kind", "data", "shown"),
    [
        (
            "sms.received",
            sms("Grüße 🎈"),
            {
                "message_id": "g1",
                "channel": "sms",
                "sender": ANNA,
                "sender_name": "Anna on the phone",
                "message": "Grüße 🎈",
                "received_at": "2026-09-23T12:00:00+00:00",
                "phone": "phone-1",
                "voice": False,
            },
        ),
        (
            "whatsapp.received",
            whatsapp(),
            {
                "message_id": "w1",
                "channel": "whatsapp",
                "sender": ANNA,
                "sender_name": "Anna",
                "voice": False,
            },
        ),
        ("whatsapp.received", whatsapp(guid=""), {"message_id": "d-1"}),
        ("whatsapp.received", whatsapp("", is_voice_message=True), {"message": "", "voice": True}),
        ("whatsapp.received", whatsapp(None, is_voice_message=1), {"message": "", "voice": True}),
        (
            "whatsapp.voice.transcribed",
            transcript("Open the gate"),
            {"message": "Open the gate", "voice": True, "channel": "whatsapp", "sender": ANNA},
        ),
    ],
)
async def test_messages_are_fired(
    client: Client,
    path: str,
    account: SmsMobileApiConfigEntry,
    received: Received,
    kind: str,
    data: dict[str, Any],
    shown: dict[str, Any],
) -> None:
    assert await post(client, path, event(kind, data)) == HTTPStatus.ACCEPTED
    assert await post(client, path, event(kind, data)) == HTTPStatus.OK
    assert await post(client, path, event(kind, data, "another id")) == HTTPStatus.ACCEPTED
    (fired,) = received
    assert fired.data.keys() == MESSAGE_FIELDS
    assert fired.data["config_entry_id"] == account.entry_id
    assert fired.data["source"] == "webhook"
    assert {key: fired.data[key] for key in shown} == shown


@pytest.mark.parametrize(
    ("kind", "status"), [("sms.sent", "sent"), ("sms.mobile.sent", "sent"), ("sms.failed", "failed")]
)
async def test_reports_are_fired(
    home: HomeAssistant,
    client: Client,
    path: str,
    account: SmsMobileApiConfigEntry,
    service_account: Account,
    kind: str,
    status: str,
) -> None:
    reports = async_capture_events(home, EVENT_MESSAGE_REPORT)
    sent = await home.services.async_call(
        DOMAIN, "send_message", {"recipients": [ANNA], "message": "hi"}, blocking=True, return_response=True
    )
    assert sent
    guid = service_account.sent[0].guid
    body = event(
        kind, {"guid": guid, "recipient": ANNA, "error": "NO_SERVICE" if status == "failed" else None}
    )
    assert await post(client, path, body) == HTTPStatus.ACCEPTED
    assert await post(client, path, body) == HTTPStatus.OK
    assert await post(client, path, event(kind, {"guid": guid}, "e2")) == HTTPStatus.ACCEPTED
    assert [
        (report.data["message_id"], report.data["status"], report.data["error"]) for report in reports
    ] == [(guid, status, "NO_SERVICE" if status == "failed" else None)]


async def test_a_report_on_what_others_sent_is_taken_and_fires_nothing(
    home: HomeAssistant, client: Client, path: str
) -> None:
    reports = async_capture_events(home, EVENT_MESSAGE_REPORT)
    for kind in ("sms.sent", "sms.failed", "sms.mobile.sent", "whatsapp.sent", "whatsapp.failed"):
        body = event(kind, {"guid": "not-ours"}, kind)
        assert await post(client, path, body) == HTTPStatus.ACCEPTED
        assert await post(client, path, body) == HTTPStatus.OK
    assert reports == []


async def test_types_that_nobody_uses_are_accepted_and_counted(
    client: Client, path: str, account: SmsMobileApiConfigEntry, received: Received, calls: Received
) -> None:
    kinds: list[object] = [
        "sms.api.submitted", "whatsapp.submitted", "email.sent", "email.received", "fax.received", "sms.received2", 7,
    ]  # fmt: skip
    for kind in kinds:
        body = event(kind, {"guid": "g1", "from": ANNA, "message": "hi"}, f"{kind}")
        assert await post(client, path, body) == HTTPStatus.ACCEPTED, kind
        assert await post(client, path, body) == HTTPStatus.OK, kind
    assert account.runtime_data.inbox.counts["ignored"] == len(kinds)
    assert received == calls == []


ALL_TYPES = [
    "sms.api.submitted", "sms.sent", "sms.failed", "sms.received", "sms.mobile.sent", "call.missed",
    "call.incoming", "call.outgoing", "whatsapp.submitted", "whatsapp.sent", "whatsapp.failed",
    "whatsapp.received", "whatsapp.voice.transcribed", "email.sent", "email.received", "fax.received",
]  # fmt: skip


async def test_a_body_that_is_no_event_is_refused_and_not_remembered(
    client: Client, path: str, received: Received, calls: Received
) -> None:
    for kind in ALL_TYPES:
        for body in (
            event(kind, None, kind),
            event(kind, [], kind),
            event(kind, "data", kind),
            event(kind, 7, kind),
            *(event(kind, sms(), event_id) for event_id in (None, "", " ", [1], {"id": 1}, True, 1.5)),
            b'{"type": "%s", "id": "e1"}' % kind.encode(),
        ):
            assert await post(client, path, body) == HTTPStatus.BAD_REQUEST, body
    assert received == calls == []
    for kind in ALL_TYPES:
        whole = event(kind, {**sms(), **call(), "transcript": "hi"}, kind)
        assert await post(client, path, whole) == HTTPStatus.ACCEPTED, kind


async def test_a_type_that_is_none_is_refused(client: Client, path: str, received: Received) -> None:
    kinds: list[object] = [None, "", " ", [], {}, True, 1.5]
    for kind in kinds:
        assert await post(client, path, event(kind, sms())) == HTTPStatus.BAD_REQUEST, kind
    assert received == []


def without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in names}


async def test_an_event_whose_data_lack_something_is_accepted_as_it_is(
    client: Client, path: str, received: Received
) -> None:
    incomplete: list[tuple[str, dict[str, Any]]] = [
        ("sms.received", {}),
        ("sms.received", without(sms(), "from")),
        ("sms.received", without(sms(guid="g2"), "message")),
        ("sms.received", {"from": None, "message": "hi"}),
        ("sms.received", {"from": [ANNA], "message": "hi"}),
        ("sms.received", {"from": ANNA, "message": {"text": "hi"}}),
        ("sms.received", {"from": ANNA, "message": ["hi"]}),
        ("whatsapp.received", without(whatsapp(), "from")),
        ("whatsapp.received", {"from": True, "message": "hi"}),
        ("whatsapp.received", {"from": "36301234567", "message": {}}),
        ("whatsapp.voice.transcribed", without(transcript("hi"), "transcript")),
        ("whatsapp.voice.transcribed", {"from": ANNA, "transcript": ["hi"]}),
        ("sms.sent", {}),
        ("sms.failed", {"guid": None, "error": "x"}),
        ("whatsapp.sent", {"guid": {}}),
    ]
    for number, (kind, data) in enumerate(incomplete):
        body = event(kind, data, f"e{number}")
        assert await post(client, path, body) == HTTPStatus.ACCEPTED, data
        assert await post(client, path, body) == HTTPStatus.OK, data
    assert [message.data["message_id"] for message in received[:3]] == ["e0", "g1", "g2"]
    assert (received[1].data["sender"], received[1].data["message"]) == ("", "hi")
    assert (received[2].data["sender"], received[2].data["message"]) == (ANNA, "")
    for message in received:
        assert message.data.keys() == MESSAGE_FIELDS
        json_bytes(message.data)


async def test_odd_data_is_taken_and_can_be_shown(client: Client, path: str, received: Received) -> None:
    changes: list[dict[str, Any]] = [
        {"received_at": None},
        {"received_at": "soon"},
        {"received_at": "\0"},
        {"received_at": {"s": 1}},
        {"received_at": 10**400},
        {"received_at": -1},
        {"guid": None},
        {"guid": "\ud800"},
        {"guid": ["g"]},
        {"from": "\ud83d\ude00 \ud83d"},
        {"from": "9" * 5000},
        {"alias": {"a": 1}},
        {"device_id": 7},
        {"message": "a\0b\ud800"},
        {"message": 10**100},
    ]
    for index, change in enumerate(changes):
        data = sms(**({"text": f"{index}", "guid": f"g{index}"} | change)) | change
        assert await post(client, path, event("sms.received", data, f"{index}")) == HTTPStatus.ACCEPTED, (
            change
        )
        assert len(received) == index + 1, change
        assert received[-1].data.keys() == MESSAGE_FIELDS
        json_bytes(received[-1].data)


@pytest.mark.parametrize("way", ["webhook", "poll"])
async def test_an_unreadable_time_stops_no_message(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    open_client: Client,
    path: str,
    simulator: Simulator,
    received: Received,
    way: str,
) -> None:
    """Half a character is valid JSON; what comes after it must not wait for it for ever."""
    odd = {"number": ANNA, "message": "odd", "guid": "g1", "time_received": "\ud800"}
    later = {"number": ANNA, "message": "later", "guid": "g2", "timestamp_unix": int(time.time()) + 60}
    if way == "webhook":
        assert await post(open_client, path, json.dumps(odd).encode(), {}) == HTTPStatus.OK
    else:
        simulator.fault("/getsms/", "nonsense", body=[odd, later])
        await account.runtime_data.coordinator.async_refresh()
        await settle(home)
        assert account.runtime_data.coordinator.last_update_success
    assert texts(received) == ["odd"] if way == "webhook" else ["odd", "later"]


@pytest.mark.parametrize("order", permutations(["v1", "v2", "poll"]), ids="-".join)
@pytest.mark.parametrize("same_guid", [True, False])
async def test_v1_v2_and_poll_bring_one_message(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    open_client: Client,
    path: str,
    simulator: Simulator,
    service_account: Account,
    received: Received,
    order: tuple[str, ...],
    same_guid: bool,
) -> None:
    service_account.webhook_url = str(open_client.make_url(path))
    row = service_account.receive(number=ANNA, message="hi  there")
    other = row if same_guid else replace(row, guid="other")
    for way in (*order, *order):
        if way == "v1":
            assert await simulator.deliver(service_account, other) == HTTPStatus.OK
        elif way == "v2":
            status = await simulator.deliver_v2(service_account, "sms.received", sms_data(row), event_id="e")
            assert status in {HTTPStatus.ACCEPTED, HTTPStatus.OK}
        else:
            await account.runtime_data.coordinator.async_refresh()
            await settle(home)
    assert len(received) == 1
    source = "poll" if order[0] == "poll" else "webhook"
    assert received[0].data["source"] == source


async def test_another_event_of_a_known_message_is_accepted_once(
    client: Client, path: str, received: Received
) -> None:
    await post(client, path, event("sms.received", sms(), "e1"))
    assert await post(client, path, event("sms.received", sms(), "e2")) == HTTPStatus.ACCEPTED
    assert await post(client, path, event("sms.received", sms(), "e2")) == HTTPStatus.OK
    assert len(received) == 1


async def test_concurrent_deliveries_of_one_event_are_one(
    client: Client, path: str, received: Received
) -> None:
    body = event("sms.received", sms())
    statuses = await asyncio.gather(*(post(client, path, body) for _ in range(20)))
    assert sorted(statuses) == [HTTPStatus.OK] * 19 + [HTTPStatus.ACCEPTED]
    assert len(received) == 1


@pytest.mark.parametrize("text", ["", None, " ", "\U0001f3a4 Voice message (0:07)"])
@pytest.mark.parametrize("transcript_first", [False, True])
async def test_a_voice_message_and_its_transcript_are_two(
    client: Client, path: str, received: Received, text: object, transcript_first: bool
) -> None:
    voice = event("whatsapp.received", whatsapp(text, is_voice_message=True), "e1")
    words = event("whatsapp.voice.transcribed", transcript("Open the gate"), "e2")
    bodies = [words, voice] if transcript_first else [voice, words]
    for status in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
        for body in bodies:
            assert await post(client, path, body) == status
    for body in bodies:
        await post(client, path, body.replace(b'"e', b'"other-e'))
    assert len(received) == 2
    assert texts(received)[0 if transcript_first else 1] == "Open the gate"
    assert {message.data["message_id"] for message in received} == {"w1"}
    assert all(message.data["voice"] for message in received)


async def test_whatsapp_is_taken_once(
    client: Client, path: str, simulator: Simulator, service_account: Account, received: Received
) -> None:
    service_account.webhook_url = str(client.make_url(path))
    service_account.webhook_secret = SECRET
    row = service_account.receive_whatsapp("36301234567", "hi", contact_name="Anna")
    for _ in range(3):
        await simulator.deliver_v2(service_account, "whatsapp.received", whatsapp_data(row))
    assert [(message.data["channel"], message.data["sender"]) for message in received] == [("whatsapp", ANNA)]


async def test_one_text_on_two_channels_is_two(client: Client, path: str, received: Received) -> None:
    """Who sends an alarm both ways does so in the same second; an automation may listen to one of them."""
    await post(client, path, event("sms.received", sms("Alarm"), "e1"))
    await post(client, path, event("whatsapp.received", whatsapp("Alarm"), "e2"))
    assert sorted(message.data["channel"] for message in received) == ["sms", "whatsapp"]


# Anything at all.

ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [None, "", " ", "0", 0, -1, 1.5, 10**30, True, [], {}, "\ud800", "\0", "²", float("nan")]
    ),
    st.sampled_from(
        ["2026-09-23T12:00:00Z", ANNA, 1_790_000_000_000, "20260923120000", "2026-09-23 12:00:00"]
    ),
    st.integers(),
    st.text(st.sampled_from("\ud800\0é😀9+ ") | st.characters(), max_size=20),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
KINDS: dict[str, dict[str, Any]] = {
    "sms.received": sms(),
    "whatsapp.received": whatsapp(),
    "whatsapp.voice.transcribed": transcript("hi"),
    "call.missed": call(),
    "call.outgoing": call(),
    "sms.failed": {"guid": "g1", "recipient": ANNA, "error": "x"},
    "email.received": {"guid": "g1"},
}
V1 = {
    "date": "2025-01-20", "hour": "10:15:00", "time_received": "2025-01-20 10:14:50", "message": "hi",
    "number": ANNA, "guid": "g1", "timestamp_unix": 1_790_000_000, "alias": "Anna",
}  # fmt: skip


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A body of V1 or V2, with something odd in it."""

    def spoilt(row: dict[str, Any]) -> dict[str, Any]:
        changes = draw(st.dictionaries(st.sampled_from([*row, "extra"]), ODD, max_size=3))
        gone = draw(st.lists(st.sampled_from([*row]), max_size=1))
        return without(row | changes, *gone)

    if draw(st.booleans()):
        return spoilt(V1)
    kind = draw(st.sampled_from([*KINDS]))
    row = {"id": draw(st.uuids().map(str)), "type": kind, "data": spoilt(KINDS[kind])}
    return row if draw(st.integers(0, 3)) else spoilt(row)


BODIES: st.SearchStrategy[bytes] = st.one_of(
    rows().map(lambda row: json.dumps(row).encode()),
    rows().map(lambda row: json.dumps(row).encode()),
    rows().map(lambda row: json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    ODD.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=200),
    st.binary(max_size=50).map(lambda end: b" " * 65_500 + end),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "X-SMSMobileAPI-Signature",
            "X-SMSMobileAPI-Timestamp",
            "X-SMSMobileAPI-Event",
            "Content-Type",
            "Host",
        ]
    )
    | st.text("abc-", min_size=1, max_size=5),
    st.text(st.characters(), max_size=20) | st.just("v1=" + "0" * 64) | st.just(str(int(time.time()))),
    max_size=4,
)
ANYTHING = settings(
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}


def is_told_again(body: bytes) -> bool:
    """Tell whether a repeat can be known: a V1 text without an id and a time can't."""
    try:
        row = json.loads(body.decode("utf-8-sig"))
    except ValueError:
        return False
    return isinstance(row, dict) and (
        {"type", "data"} <= row.keys() or isinstance(row.get("guid"), int | str)
    )


def check_events(received: Received, calls: Received) -> None:
    """Whatever came of it has all its fields, and Home Assistant can show and keep it."""
    for fired, fields in [
        *((message, MESSAGE_FIELDS) for message in received),
        *((call, CALL_FIELDS) for call in calls),
    ]:
        assert fired.data.keys() == fields
        json_bytes(fired.data)
    assert all(message.data["message_id"] for message in received)


@ANYTHING
@given(body=BODIES)
async def test_any_body_is_taken_or_refused(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, received: Received, calls: Received, body: bytes
) -> None:
    """Never an exception, never a yes to what was not taken, never an event that lacks something."""
    received.clear()
    calls.clear()
    counts = account.runtime_data.inbox.counts
    counts.clear()
    status = await handle(home, account, body, {})
    await home.async_block_till_done()
    check_events(received, calls)
    assert status in {HTTPStatus.OK, HTTPStatus.ACCEPTED} | REFUSED
    fired = len(received) + len(calls)
    if status in REFUSED:
        assert fired == 0
        return
    assert fired <= 1
    is_v2 = status is not HTTPStatus.OK and status == HTTPStatus.ACCEPTED
    if not is_v2:
        # A text of V1, new or known, or an event that was there before.
        assert fired + counts["known"] == 1 or b'"type"' in body
    if is_told_again(body):
        assert await handle(home, account, body, {}) == HTTPStatus.OK
        await home.async_block_till_done()
        assert len(received) + len(calls) == fired
    for state in home.states.async_all():
        json_bytes(state.as_dict())


@ANYTHING
@given(body=BODIES, headers=HEADERS)
async def test_nothing_that_is_not_signed_gets_in(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    received: Received,
    calls: Received,
    body: bytes,
    headers: dict[str, str],
) -> None:
    if "signing_secret" not in account.options:
        await set_secret(home, account, SECRET)
    counts = account.runtime_data.inbox.counts
    status = await handle(home, account, body, headers)
    assert status == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE if len(body) > 65_536 else HTTPStatus.UNAUTHORIZED)
    assert received == calls == []
    assert not counts


@settings(ANYTHING, max_examples=100)
@given(body=BODIES)
async def test_anything_that_is_signed_is_taken_or_refused(
    home: HomeAssistant, account: SmsMobileApiConfigEntry, received: Received, calls: Received, body: bytes
) -> None:
    if "signing_secret" not in account.options:
        await set_secret(home, account, SECRET)
    received.clear()
    calls.clear()
    status = await handle(home, account, body, signed(body))
    await home.async_block_till_done()
    assert status in {HTTPStatus.OK, HTTPStatus.ACCEPTED} | REFUSED
    check_events(received, calls)
    assert len(received) + len(calls) <= (status not in REFUSED)
