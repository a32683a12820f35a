"""Signed webhooks: nothing else is accepted where a secret is set (promise 7), and every event counts once (promise 2)."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
import json
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.json import json_bytes
from homeassistant.util import dt as dt_util
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smsmobileapi.const import DOMAIN, EVENT_MESSAGE_REPORT
from custom_components.smsmobileapi.inbound.request_body import MAX_BODY_BYTES
from simulator import report_data, sms_data, whatsapp_data

from ..conftest import add_account, settle
from .installation import Installation
from .service import (
    ANNA,
    CALL_FIELDS,
    MESSAGE_FIELDS,
    SECRET,
    call,
    event,
    set_secret,
    signed,
    sms,
    transcript,
    whatsapp,
)

STAMP, SIGNATURE = "X-SMSMobileAPI-Timestamp", "X-SMSMobileAPI-Signature"


@pytest.fixture
async def secured(ha: Installation) -> Installation:
    """An account with a signing secret."""
    await set_secret(ha.hass, ha.entry, SECRET)
    return ha


async def post(ha: Installation, body: bytes, headers: dict[str, str] | None = None) -> int:
    """Post a body, signed unless other headers are given."""
    return await ha.post(body, signed(body) if headers is None else headers)


# Signatures.


async def test_what_is_signed_is_accepted_once(secured: Installation) -> None:
    body = event("sms.received", sms())
    assert await post(secured, body) == HTTPStatus.ACCEPTED
    assert await post(secured, body) == HTTPStatus.OK
    v1 = json.dumps({"number": ANNA, "message": "by V1", "guid": "v1", "date": "2026-09-23"}).encode()
    assert await post(secured, v1) == HTTPStatus.OK
    assert secured.texts == ["hi", "by V1"]


async def test_the_simulators_requests_count_where_they_are_signed(secured: Installation) -> None:
    row = secured.account.receive(ANNA, "hi")
    deliver_v2 = secured.simulator.deliver_v2
    assert await secured.simulator.deliver(secured.account, row) == HTTPStatus.UNAUTHORIZED
    assert await deliver_v2(secured.account, "sms.received", sms_data(row)) == HTTPStatus.UNAUTHORIZED
    issue = (DOMAIN, f"unsigned_{secured.entry.entry_id}")
    assert ir.async_get(secured.hass).async_get_issue(*issue)
    assert secured.received == []
    secured.account.webhook_secret = SECRET
    for status in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
        assert await deliver_v2(secured.account, "sms.received", sms_data(row), event_id="e") == status
    # The first request that is signed shows that the secret is set in the dashboard.
    assert not ir.async_get(secured.hass).async_get_issue(*issue)
    whatsapp_row = secured.account.receive_whatsapp("36301234567", "hi", contact_name="Anna")
    for _ in range(3):
        await deliver_v2(secured.account, "whatsapp.received", whatsapp_data(whatsapp_row))
    fired = [(message.data["channel"], message.data["sender"]) for message in secured.received]
    assert fired == [("sms", ANNA), ("whatsapp", ANNA)]


def flip(text: str, position: int) -> str:
    """Return the text with the lowest bit of one character flipped."""
    return text[:position] + chr(ord(text[position]) ^ 1) + text[position:][1:]


async def test_each_bit_of_a_request_is_signed(secured: Installation) -> None:
    """The raw bytes of the body, not what they mean."""
    body = event("sms.received", sms())
    good = signed(body)
    wrong: list[tuple[bytes, dict[str, str]]] = [
        *((body, good | {SIGNATURE: flip(good[SIGNATURE], position)}) for position in range(67)),
        (body, good | {STAMP: flip(good[STAMP], len(good[STAMP]) - 2)}),
        *((bytes([*body[:at], body[at] ^ 1, *body[at + 1 :]]), good) for at in (0, 50, len(body) - 1)),
        (json.dumps(json.loads(body), separators=(",", ":")).encode(), good),
        (body + b" ", good),
        *(
            (body, signed(body, secret))
            for secret in ("", "another", SECRET.upper(), SECRET + " ", SECRET[:-1])
        ),
    ]
    for changed, headers in wrong:
        assert await post(secured, changed, headers) == HTTPStatus.UNAUTHORIZED, (changed[:60], headers)
    assert secured.received == []
    assert await post(secured, body) == HTTPStatus.ACCEPTED


async def test_one_accounts_secret_does_not_count_for_another(secured: Installation) -> None:
    secured.simulator.add_account("another-key-0123456789")
    other = await add_account(secured.hass, secured.simulator, "another-key-0123456789")
    await set_secret(secured.hass, other, "the-others-secret")
    body = event("sms.received", sms())
    theirs = signed(body, "the-others-secret")
    assert await post(secured, body, theirs) == HTTPStatus.UNAUTHORIZED
    for headers, status in ((signed(body), HTTPStatus.UNAUTHORIZED), (theirs, HTTPStatus.ACCEPTED)):
        path = f"/api/smsmobileapi/{other.data['webhook_id']}"
        async with secured.client.post(path, data=body, headers=headers) as response:
            assert response.status == status
    assert [message.data["config_entry_id"] for message in secured.received] == [other.entry_id]


async def test_headers_that_are_not_right_are_refused(secured: Installation) -> None:
    body = event("sms.received", sms())
    good = signed(body)
    digits = good[SIGNATURE].removeprefix("v1=")
    wrong: list[dict[str, str]] = [
        {},
        {STAMP: good[STAMP]},
        {SIGNATURE: good[SIGNATURE]},
        good | {STAMP: "1é"},
        *(
            good | {SIGNATURE: value}
            for value in (
                "", "v1=", digits, f"v2={digits}", f"V1={digits}", f"v1={digits.upper()}", f"v1= {digits}",
                f"v1={digits[:-1]}", f"v1={digits}0", f"v1={digits},v1={digits}", "v1=" + "é" * 64,
            )
        ),
    ]  # fmt: skip
    for headers in wrong:
        assert await secured.post(body, headers) == HTTPStatus.UNAUTHORIZED, headers
    # A cloudhook's headers come as JSON, which can hold halves of characters.
    for header in (SIGNATURE, STAMP):
        for value in ("\0", "😀", "\ud800", "v1=\udfff"):
            status = await secured.handle(body, good | {header: value})
            assert status == HTTPStatus.UNAUTHORIZED, (header, value)
    # Bytes that are no text.
    url = secured.client.make_url(secured.path)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        f"POST {secured.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n".encode()
        + b"X-SMSMobileAPI-Timestamp: \xb2\xff\r\nX-SMSMobileAPI-Signature: v1=\xff\xfe\r\n\r\n"
        + body
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.split()[1] == b"401"
    assert secured.received == []


async def test_a_signed_timestamp_has_to_be_of_ascii_digits(secured: Installation) -> None:
    """The signature holds for what is written, whatever that is."""
    body = event("sms.received", sms())
    now = str(int(time.time()))
    other_script = now.translate({ord("0") + digit: 0x660 + digit for digit in range(10)})
    assert other_script.isdigit()
    for written in (
        "+{}", " {}", "{} ", "{}\n", "{}.0", "{}e0", "-{}", "{}000", "1_{}", "0x{}", "now", "", "9" * 5000, "²{}",
        "\udcff{}", other_script,
    ):  # fmt: skip
        status = await secured.handle(body, signed(body, stamp=written.format(now)))
        assert status == HTTPStatus.UNAUTHORIZED, written[:20]
    assert secured.received == []
    for index, written in enumerate(("{}", "0{}")):
        body = event("sms.received", sms(guid=f"{index}", text=f"{index}"), f"{index}")
        assert await secured.handle(body, signed(body, stamp=written.format(now))) == HTTPStatus.ACCEPTED


async def test_more_than_300_seconds_off_is_stale(
    secured: Installation, freezer: FrozenDateTimeFactory
) -> None:
    now = dt_util.utcnow().replace(microsecond=0)
    body = event("sms.received", sms())
    for off in (-301, 301, -86_400, 86_400, -(10**9), 10**10, -300):
        # A part of a second more is stale, too.
        freezer.move_to(now + timedelta(milliseconds=500 if off == -300 else 0))
        stamp = str(int(now.timestamp()) + off)
        assert await secured.handle(body, signed(body, stamp=stamp)) == HTTPStatus.UNAUTHORIZED, off
    assert secured.received == []
    freezer.move_to(now)
    for off in (-300, -299, 0, 299, 300):
        body = event("sms.received", sms(guid=f"{off}", text=f"{off}"), f"{off}")
        stamp = str(int(now.timestamp()) + off)
        assert await secured.handle(body, signed(body, stamp=stamp)) == HTTPStatus.ACCEPTED, off
    assert len(secured.received) == 5


async def test_the_signature_is_checked_before_the_body(secured: Installation) -> None:
    for body in (b"", b"garbage", b"[" * 60_000, b"\xff\xfe", event("sms.received", [])):
        assert await post(secured, body, {}) == HTTPStatus.UNAUTHORIZED, body[:20]
        assert await post(secured, body, signed(body, "wrong")) == HTTPStatus.UNAUTHORIZED, body[:20]
        assert await post(secured, body) == HTTPStatus.BAD_REQUEST, body[:20]
    assert secured.received == []


async def test_nothing_of_the_secret_is_in_the_log(
    secured: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    body = event("sms.received", sms("the text"))
    await post(secured, body)
    await post(secured, body, signed(body, "wrong"))
    await post(secured, body, {})
    for secret in (SECRET, signed(body)[SIGNATURE]):
        assert secret not in caplog.text
    ours = " ".join(record.getMessage() for record in caplog.records if DOMAIN in record.name)
    assert ANNA not in ours and "the text" not in ours


# The secret is set and removed.


async def test_the_options_set_and_remove_the_secret(ha: Installation) -> None:
    issue = (DOMAIN, f"secret_missing_{ha.entry.entry_id}")
    zeroth, first, second, third = (event("sms.received", sms(guid=guid, text=guid), guid) for guid in "zabc")
    assert await post(ha, zeroth) == HTTPStatus.ACCEPTED
    # It is signed, but nobody has entered the secret here.
    assert ir.async_get(ha.hass).async_get_issue(*issue)
    await set_secret(ha.hass, ha.entry, f"  {SECRET} ")
    assert not ir.async_get(ha.hass).async_get_issue(*issue)
    assert ha.entry.options["signing_secret"] == SECRET
    assert await post(ha, first, {}) == HTTPStatus.UNAUTHORIZED
    assert await post(ha, first) == HTTPStatus.ACCEPTED
    await set_secret(ha.hass, ha.entry, "another")
    assert await post(ha, second) == HTTPStatus.UNAUTHORIZED
    assert await post(ha, second, signed(second, "another")) == HTTPStatus.ACCEPTED
    await set_secret(ha.hass, ha.entry, "")
    assert "signing_secret" not in ha.entry.options
    assert await post(ha, third, {}) == HTTPStatus.ACCEPTED
    assert ha.texts == ["z", "a", "b", "c"]


# Every event, once.


async def test_messages_are_fired(ha: Installation) -> None:
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
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
        ("whatsapp.received", whatsapp("no guid", guid=""), {"message_id": "d-1"}),
        ("whatsapp.received", whatsapp("", "w3", is_voice_message=True), {"message": "", "voice": True}),
        (
            "whatsapp.received",
            whatsapp(None, "w4", is_voice_message=1, received_at="2026-09-23T13:00:00Z"),
            {"message": "", "voice": True},
        ),
        (
            "whatsapp.voice.transcribed",
            transcript("Open the gate", "w5"),
            {"message": "Open the gate", "voice": True, "channel": "whatsapp", "sender": ANNA},
        ),
    ]
    for index, (kind, data, shown) in enumerate(cases):
        ha.received.clear()
        body = event(kind, data, f"{index}")
        assert await ha.post(body) == HTTPStatus.ACCEPTED
        assert await ha.post(body) == HTTPStatus.OK
        # Another event of a known message is accepted, once.
        for status in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
            assert await ha.post(event(kind, data, f"another {index}")) == status
        assert len(ha.received) == 1, data
        fired = ha.received[0].data
        assert fired.keys() == MESSAGE_FIELDS
        assert (fired["config_entry_id"], fired["source"]) == (ha.entry.entry_id, "webhook")
        assert {key: fired[key] for key in shown} == shown


async def test_reports_on_what_others_sent_are_accepted_and_not_fired(ha: Installation) -> None:
    reports = async_capture_events(ha.hass, EVENT_MESSAGE_REPORT)
    for kind in ("sms.sent", "sms.failed", "sms.mobile.sent", "whatsapp.sent", "whatsapp.failed"):
        body = event(kind, {"guid": "not-ours"}, kind)
        assert await ha.post(body) == HTTPStatus.ACCEPTED
        assert await ha.post(body) == HTTPStatus.OK
    assert reports == []


async def test_a_resend_that_fails_again_is_reported_again(ha: Installation) -> None:
    """Under the same id, by another event; also over a restart."""
    reports = async_capture_events(ha.hass, EVENT_MESSAGE_REPORT)

    async def act(action: str, **data: Any) -> None:
        await ha.hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)

    await act("send_message", recipients=[ANNA], message="hi")
    (sent,) = ha.account.sent
    for index in range(3):
        if index:
            await act("resend_message", message_id=sent.guid)
        sent.error = "NO_SERVICE"
        for status in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
            answer = await ha.simulator.deliver_v2(
                ha.account, "sms.failed", report_data(sent), event_id=f"{index}"
            )
            assert answer == status
        await settle(ha.hass)
        assert [report.data["status"] for report in reports] == ["failed"] * (index + 1)
        if index == 1:
            await ha.start_up()
            await ha.started()


async def test_types_that_are_not_used_are_accepted_and_counted(ha: Installation) -> None:
    kinds: list[object] = [
        "sms.api.submitted", "whatsapp.submitted", "email.sent", "email.received", "fax.received", "sms.received2", 7,
    ]  # fmt: skip
    for kind in kinds:
        body = event(kind, {"guid": "g1", "from": ANNA, "message": "hi"}, f"{kind}")
        assert await ha.post(body) == HTTPStatus.ACCEPTED, kind
        assert await ha.post(body) == HTTPStatus.OK, kind
    assert ha.entry.runtime_data.inbox.counts["ignored"] == len(kinds)
    assert ha.received == ha.calls == []


ALL_TYPES = [
    "sms.api.submitted", "sms.sent", "sms.failed", "sms.received", "sms.mobile.sent", "call.missed",
    "call.incoming", "call.outgoing", "whatsapp.submitted", "whatsapp.sent", "whatsapp.failed",
    "whatsapp.received", "whatsapp.voice.transcribed", "email.sent", "email.received", "fax.received",
]  # fmt: skip


def without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in names}


async def test_a_body_that_is_no_event_is_refused_and_not_remembered(ha: Installation) -> None:
    no_objects: list[object] = [None, [], "data", 7]
    for kind in ALL_TYPES:
        for body in (
            *(event(kind, no_object, kind) for no_object in no_objects),
            *(event(kind, sms(), event_id) for event_id in (None, "", " ", [1], {"id": 1}, True, 1.5)),
            b'{"type": "%s", "id": "e1"}' % kind.encode(),
        ):
            assert await ha.post(body) == HTTPStatus.BAD_REQUEST, body
    kinds: list[object] = [None, "", " ", [], {}, True, 1.5]
    for odd in kinds:
        assert await ha.post(event(odd, sms())) == HTTPStatus.BAD_REQUEST, odd
    assert ha.received == ha.calls == []
    for kind in ALL_TYPES:
        whole = event(kind, {**sms(), **call(), "transcript": "hi"}, kind)
        assert await ha.post(whole) == HTTPStatus.ACCEPTED, kind


async def test_an_event_whose_data_lack_something_is_accepted(ha: Installation) -> None:
    """The service would deliver it again for ever, and pause the webhook."""
    incomplete: list[tuple[str, dict[str, Any]]] = [
        ("sms.received", {}),
        ("sms.received", without(sms(), "from")),
        ("sms.received", without(sms(), "message")),
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
    for index, (kind, data) in enumerate(incomplete):
        assert await ha.post(event(kind, data, f"e{index}")) == HTTPStatus.ACCEPTED, data
    fired = [(message.data["sender"], message.data["message"]) for message in ha.received]
    assert ("unknown", "") in fired and (ANNA, "") in fired


async def test_odd_data_is_accepted_and_can_be_shown(ha: Installation) -> None:
    changes: list[dict[str, Any]] = [
        *({"received_at": time} for time in (None, "soon", "\0", {"s": 1}, 10**400, -1)),
        *({"guid": guid} for guid in (None, "\ud800", ["g"])),
        {"from": "\ud83d\ude00 \ud83d"},
        {"from": "9" * 5000},
        {"alias": {"a": 1}},
        {"device_id": 7},
        {"message": "a\0b\ud800"},
        {"message": 10**100},
    ]
    for index, change in enumerate(changes):
        data = sms(**({"text": f"{index}", "guid": f"g{index}"} | change)) | change
        assert await ha.post(event("sms.received", data, f"{index}")) == HTTPStatus.ACCEPTED, change
        assert len(ha.received) == index + 1, change
        assert ha.received[-1].data.keys() == MESSAGE_FIELDS
        json_bytes(ha.received[-1].data)


async def test_a_voice_message_and_its_transcript_are_two_in_either_order(ha: Installation) -> None:
    texts: list[object] = ["", None, " ", "\U0001f3a4 Voice message (0:07)"]
    for index, text in enumerate(texts * 2):
        ha.received.clear()
        at = f"2026-09-23T12:0{index}:00Z"
        voice = event(
            "whatsapp.received",
            whatsapp(text, f"w{index}", is_voice_message=True, received_at=at),
            f"e{index}",
        )
        words = event(
            "whatsapp.voice.transcribed",
            transcript("Open the gate", f"w{index}", received_at=at),
            f"x{index}",
        )
        bodies = [words, voice] if index >= len(texts) else [voice, words]
        for status in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
            for body in bodies:
                assert await ha.post(body) == status
        assert len(ha.received) == 2, text
        assert ha.texts[0 if index >= len(texts) else 1] == "Open the gate"
        assert {message.data["message_id"] for message in ha.received} == {f"w{index}"}
        assert all(message.data["voice"] for message in ha.received)


async def test_one_text_on_two_channels_is_two(ha: Installation) -> None:
    """An alarm may be sent on both in the same second; an automation may listen to one of them."""
    await ha.post(event("sms.received", sms("Alarm"), "e1"))
    await ha.post(event("whatsapp.received", whatsapp("Alarm"), "e2"))
    assert sorted(message.data["channel"] for message in ha.received) == ["sms", "whatsapp"]


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
    st.binary(max_size=50).map(lambda end: b" " * (MAX_BODY_BYTES - 36) + end),
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
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}


def has_an_identity(body: bytes) -> bool:
    """Return whether a repeat can be known: that of a V1 text without an id and a time can't."""
    try:
        row = json.loads(body.decode("utf-8-sig"))
    except ValueError:
        return False
    return isinstance(row, dict) and (
        {"type", "data"} <= row.keys() or isinstance(row.get("guid"), int | str)
    )


def check_events(ha: Installation) -> None:
    """Check that whatever was fired has all its fields, and that Home Assistant can show and keep it."""
    for events, fields in ((ha.received, MESSAGE_FIELDS), (ha.calls, CALL_FIELDS)):
        for fired in events:
            assert fired.data.keys() == fields
            json_bytes(fired.data)
    assert all(message.data["message_id"] and message.data["sender"] for message in ha.received)


@ANYTHING
@given(body=BODIES)
async def test_any_body_is_accepted_or_refused(ha: Installation, body: bytes) -> None:
    """Never an exception, never 2xx for what is not handled, never an event that lacks something."""
    ha.received.clear()
    ha.calls.clear()
    counts = ha.entry.runtime_data.inbox.counts
    counts.clear()
    status = await ha.handle(body)
    await ha.hass.async_block_till_done()
    check_events(ha)
    assert status in {HTTPStatus.OK, HTTPStatus.ACCEPTED} | REFUSED
    fired = len(ha.received) + len(ha.calls)
    if status in REFUSED:
        assert fired == 0
        return
    assert fired <= 1
    if status == HTTPStatus.OK:
        # A text of V1, new or known, or an event that was there before.
        assert fired + counts["known"] == 1 or b'"type"' in body
    if has_an_identity(body):
        assert await ha.handle(body) == HTTPStatus.OK
        await ha.hass.async_block_till_done()
        assert len(ha.received) + len(ha.calls) == fired
    for state in ha.hass.states.async_all():
        json_bytes(state.as_dict())


@ANYTHING
@given(body=BODIES, headers=HEADERS)
async def test_nothing_that_is_not_signed_is_accepted(
    secured: Installation, body: bytes, headers: dict[str, str]
) -> None:
    status = await secured.handle(body, headers)
    is_too_large = len(body) > MAX_BODY_BYTES
    assert status == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_too_large else HTTPStatus.UNAUTHORIZED)
    assert secured.received == secured.calls == []
    assert not secured.entry.runtime_data.inbox.counts


@ANYTHING
@given(body=BODIES)
async def test_anything_that_is_signed_is_accepted_or_refused(secured: Installation, body: bytes) -> None:
    secured.received.clear()
    secured.calls.clear()
    status = await secured.handle(body, signed(body))
    await secured.hass.async_block_till_done()
    assert status in {HTTPStatus.OK, HTTPStatus.ACCEPTED} | REFUSED
    check_events(secured)
    assert len(secured.received) + len(secured.calls) <= (status not in REFUSED)
