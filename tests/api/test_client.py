"""The client when nothing goes wrong: what it requests, and what it makes of the answers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
import json
import logging
import time
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from custom_components.smsmobileapi.api import (
    DEFAULT_URL,
    ApiKey,
    Channel,
    Direction,
    InvalidCredentials,
    OutcomeUnknown,
    Phone,
    PhoneOffline,
    RateLimited,
    Refused,
    SendRequest,
    SmsMobileApiClient,
    Source,
    SubscriptionExpired,
    TokenRefused,
    UnexpectedAnswer,
)
from simulator.account import CHOICES
from simulator.records import Phone as SimulatedPhone
from tests.conftest import KEY

from .conftest import Bench
from .methods import METHODS, SMS, WHATSAPP, each, field, to
from .secrecy import BARE, NUMBER, SID, TEXT, logged, secrets_in
from .tokens import SENT

FORMATS: Final[dict[str, Any]] = dict(CHOICES)
BUDAPEST: Final = ZoneInfo("Europe/Budapest")
MOMENT: Final = datetime(2026, 3, 20, 21, 7, 44, tzinfo=UTC)
MEDIA: Final = "https://home.example.net/api/smsmobileapi/media/Zk3-9f_a1QvW77?size=small"
PHONES: Final = {"success": True, "connected_now": 1, "items": [{"sid": "phone-1"}]}
NO_PHONES: Final = {"success": True, "items": []}
NO_CALLS: Final = {"success": True, "rows": []}
GUID: Final = "c319d3b35e8f"
TITLE: Final = "The door bell rang"


def row(guid: str = "g1", **fields: Any) -> dict[str, Any]:
    return {"guid": guid, "number": NUMBER, "message": "hi", "timestamp_unix": 1760000000, **fields}


def request(channel: Channel = Channel.SMS, **fields: Any) -> SendRequest:
    return SendRequest(recipient=NUMBER, text=TEXT, channel=channel, **fields)


class TestRequests:
    """The requests, to the letter: a field that is missing, doubled or in the wrong place shows here."""

    async def test_a_message(self, bench: Bench) -> None:
        """An SMS, and a WhatsApp message, which is never an SMS too."""
        bench.server.answer(SENT)
        common = [("apikey", KEY), ("from", "Home Assistant"), ("message", TEXT)]
        for message, own in (
            (SMS, [("recipients", NUMBER), ("sendsms", "1")]),
            (
                SendRequest(recipient="1770", text=TEXT, channel=Channel.SMS),
                [("recipients", "1770"), ("sendsms", "1")],
            ),
            (WHATSAPP, [("recipients", BARE), ("sendsms", "0"), ("sendwa", "1"), ("waonly", "yes")]),
        ):
            await bench.server_client.send_message(message)
            seen = bench.server.seen.pop()
            assert (seen.method, seen.path, seen.query) == ("POST", "/sendsms/", [])
            assert sorted(seen.form) == common + own
            assert seen.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
            assert not secrets_in(str(dict(seen.headers)))

    async def test_the_options_of_a_message(self, bench: Bench) -> None:
        bench.server.answer(SENT)
        every: dict[str, Any] = {"phone": SID, "sim": 2, "send_at": MOMENT, "media_url": MEDIA}
        fields: dict[str, Any]
        for fields, form in (
            ({}, {}),
            ({"phone": SID}, {"sIdentifiant": SID}),
            *(({"sim": sim}, {"port": str(sim)}) for sim in (1, 2)),
            *to(
                {"schedule_timestamp": "1774040864"},
                *field(
                    "send_at",
                    MOMENT,
                    MOMENT.astimezone(ZoneInfo("Asia/Kathmandu")),
                    MOMENT.astimezone(timezone(timedelta(hours=-5))),
                    MOMENT.replace(microsecond=999_999),
                ),
            ),
            ({"media_url": MEDIA}, {"url_media": MEDIA}),
            ({"short_links": True}, {"shorturl": "1"}),
            ({"encrypt": True}, {"encrypt_message": "yes"}),
            (
                every,
                {"sIdentifiant": SID, "port": "2", "schedule_timestamp": "1774040864", "url_media": MEDIA},
            ),
        ):
            for channel in Channel:
                bench.server.seen.clear()
                await bench.server_client.send_message(request(channel))
                await bench.server_client.send_message(request(channel, **fields))
                bare, full = (sorted(seen.form) for seen in bench.server.seen)
                assert full == sorted([*bare, *form.items()]), (channel, fields)

    async def test_all_others(self, bench: Bench) -> None:
        client = bench.server_client
        limit, newest = ("limit", "100"), ("sort_dir", "desc")
        deleted = {"success": True, "deleted": 1}
        for method, path, fields, answer, made in (
            ("GET", "/getsms/", [], [], client.received_messages(after=None, zone=UTC)),
            # 0 is a time like any other.
            *(
                ("GET", "/getsms/", [("after_timestamp_unix", str(after))], [], poll)
                for after in (0, 1760000000)
                for poll in (client.received_messages(after=after, zone=UTC),)
            ),
            ("GET", "/gateway/mobile/list/", [], PHONES, client.verify_credentials()),
            ("GET", "/log/sent/sms/", [], [], client.sent_log(zone=UTC)),
            (
                *("GET", "/log/sent/sms/", [("guid_message", GUID), ("keyword", BARE)], []),
                client.sent_log(zone=UTC, message_id=GUID, keyword=BARE),
            ),
            ("GET", "/call/missed/list/", [limit], {"data": []}, client.calls(Direction.MISSED, zone=UTC)),
            *(
                (
                    *("GET", f"/call/{direction}/list/", [limit, newest], NO_CALLS),
                    client.calls(direction, zone=UTC),
                )
                for direction in (Direction.INCOMING, Direction.OUTGOING)
            ),
            ("POST", "/resend/", [("guid", GUID)], SENT, client.resend_message(GUID, Channel.SMS)),
            ("POST", "/resendwa/", [("guid", GUID)], SENT, client.resend_message(GUID, Channel.WHATSAPP)),
            ("POST", "/deletesms/", [("guid", GUID)], deleted, client.delete_message(GUID)),
            ("GET", "/whatsapp/checknumber/", [("recipients", BARE)], {}, client.is_on_whatsapp(NUMBER)),
            (
                # No slash at the end.
                *("POST", "/notification/send", [("sid", SID), ("title", TITLE), ("message", TEXT)]),
                *({"success": True, "id": 7}, client.send_notification(SID, TITLE, TEXT)),
            ),
        ):
            bench.server.answer(answer)
            await made
            (seen,) = bench.server.seen
            signed = [("apikey", KEY), *fields]
            query, form = (signed, []) if method == "GET" else ([], signed)
            assert (seen.method, seen.path, seen.query, seen.form) == (method, path, query, form), path
            bench.server.seen.clear()

    async def test_a_list_of_calls_is_limited_to_what_the_service_gives(self, bench: Bench) -> None:
        """A higher limit would be refused, and no call would ever be found."""
        for direction, limit, asked in (
            *((Direction.MISSED, 1, "1"), (Direction.MISSED, 500, "500"), (Direction.MISSED, 501, "500")),
            *((Direction.INCOMING, 200, "200"), (Direction.INCOMING, 500, "200")),
            *((Direction.OUTGOING, 500, "200"), (Direction.OUTGOING, 0, "1")),
        ):
            bench.server.answer({"data": [], "rows": []})
            await bench.server_client.calls(direction, zone=UTC, offset=7, limit=limit)
            query = bench.server.seen.pop().query
            assert ("limit", asked) in query and ("offset", "7") in query, (direction, limit)

    async def test_addresses_and_keys(self, bench: Bench) -> None:
        assert DEFAULT_URL == "https://api.smsmobileapi.com"
        for key, ending in (("a&apikey=b", ""), ("+ %2B=", "/"), ("ключ", "//"), ("a#b?c", "/")):
            bench.server.seen.clear()
            client = SmsMobileApiClient(bench.session, ApiKey(key), bench.server.url + ending)
            bench.server.answer(SENT)
            await client.send_message(SMS)
            bench.server.answer([])
            await client.received_messages(after=None, zone=UTC)
            assert bench.server.paths == ["/sendsms/", "/getsms/"]
            assert ("apikey", key) in bench.server.seen[0].form
            assert bench.server.seen[1].query == [("apikey", key)]

    async def test_nothing_shows_the_key_or_the_message(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        bench.account.receive(NUMBER, TEXT)
        for method in ("verify", "poll", "sms", "whatsapp", "log", "check"):
            await METHODS[method](bench.client)
        message = repr(request(media_url=MEDIA))
        assert not any(secrets_in(line) for line in (message, *logged(caplog.records)))
        assert (
            not secrets_in(f"{bench.client!r} {bench.client} {ApiKey(KEY)!r} {ApiKey(KEY)}")
            and "media" not in message
        )


class TestCredentials:
    """`verify_credentials`: the phones first, and the calls where they are not conclusive (API.md)."""

    async def test_a_phone_is_enough(self, bench: Bench) -> None:
        bench.server.answer_in_turn(PHONES)
        assert await bench.server_client.verify_credentials() == [Phone(sid="phone-1", is_online=True)]
        for items in ([{"id": 1}], [None], ["phone-2"]):
            # The phones can't be read, but the account is known.
            bench.server.answer_in_turn({"success": True, "items": items})
            assert await bench.server_client.verify_credentials() is None, items

    async def test_the_calls_decide(self, bench: Bench) -> None:
        offline = {"result": {"error": 2, "note": "mobile is not connected"}}
        phones: Any
        for phones, listed in (
            *((NO_PHONES, []), ({"success": True, "items": None}, []), ({"success": True}, None)),
            ({"items": [{"sid": "a"}]}, [Phone(sid="a")]),
            *to(None, {"success": True, "items": "x"}, {"success": True, "items": {}}),
            *to(None, {}, [], None, "ok", [{"sid": "a"}], 200, 403, 404, 302),
            # A refused list of phones does not mean that the key is refused: an account can be added while its phone is off.
            *to(None, offline, {"success": False, "error": "not_found"}),
        ):
            bench.server.answer_in_turn(phones, NO_CALLS)
            assert await bench.server_client.verify_credentials() == listed, phones
            assert bench.server.paths == ["/gateway/mobile/list/", "/call/incoming/list/"], phones
            assert bench.server.seen[1].query == [("apikey", KEY), ("limit", "1")]
            bench.server.answer_in_turn(phones, {"success": False, "error": "invalid_apikey"})
            await bench.fails(InvalidCredentials, bench.server_client.verify_credentials(), phones)
            bench.server.answer_in_turn(phones, {"success": False, "error": "api_expired"})
            await bench.fails(SubscriptionExpired, bench.server_client.verify_credentials(), phones)

    async def test_unreadable_answers_verify_nothing(self, bench: Bench) -> None:
        """A captive portal or a wrong address must not pass for a valid key."""
        phones: Any
        calls: Any
        for phones in each(200, 404, {}, NO_PHONES):
            for calls in each(200, 404, {}, [], {"rows": []}, {"success": None}, "ok", 7.5):
                bench.server.answer_in_turn(phones, calls)
                await bench.fails(UnexpectedAnswer, bench.server_client.verify_credentials(), (phones, calls))

    async def test_a_refused_key_is_not_asked_about_again(self, bench: Bench) -> None:
        for answer in ({"success": False, "error": "invalid_apikey"}, {"result": {"error": 1}}):
            bench.server.answer_in_turn(answer)
            await bench.fails(InvalidCredentials, bench.server_client.verify_credentials())
            assert len(bench.server.seen) == 1

    @pytest.mark.parametrize("dialect", FORMATS["refusal_format"])
    async def test_an_empty_list_of_phones_of_an_unknown_key(self, bench: Bench, dialect: Any) -> None:
        """An unknown key and a new account get the same list of phones."""
        bench.simulator.empty_phone_list, bench.simulator.refusal_format = True, dialect
        bench.account.phones.clear()
        await bench.client.verify_credentials()
        unknown = SmsMobileApiClient(bench.session, ApiKey("another"), bench.simulator.url)
        await bench.fails(InvalidCredentials, unknown.verify_credentials())

    @pytest.mark.parametrize("phone_format", FORMATS["phone_format"])
    async def test_each_format_of_the_phones(self, bench: Bench, phone_format: Any) -> None:
        seen = datetime(2026, 1, 20, 9, 15, tzinfo=UTC)
        bench.account.phone_format = phone_format
        bench.account.phones = [
            SimulatedPhone(sid="a", label="Kitchen", battery=7, version="9.1.0", online=True),
            SimulatedPhone(sid="b", label="Garage", battery=100, online=False, last_seen=seen.timestamp()),
        ]
        phones = await bench.client.verify_credentials(zone=BUDAPEST)
        assert phones is not None and len(bench.simulator.requests) == 1
        kitchen, garage = phones
        assert (kitchen.sid, kitchen.name, garage.sid, garage.name) == ("a", "Kitchen", "b", "Garage")
        if phone_format == "bare":
            # One of two is connected, and it is not known which.
            assert kitchen == Phone(sid="a", name="Kitchen")
            return
        assert (kitchen.battery, kitchen.app_version, kitchen.is_online) == (7, "9.1.0", True)
        assert (garage.battery, garage.is_online, garage.last_seen) == (100, False, seen)


class TestSending:
    @pytest.mark.parametrize("channel", Channel)
    async def test_a_message_is_accepted_with_all_its_options(self, bench: Bench, channel: Channel) -> None:
        message_id = await bench.client.send_message(
            request(
                channel,
                phone="phone-1",
                sim=2,
                send_at=datetime.now(UTC) + timedelta(hours=1),
                media_url=MEDIA if channel is Channel.WHATSAPP else None,
                short_links=True,
                encrypt=True,
            )
        )
        (sent,) = bench.account.sent
        assert (sent.guid, sent.channel, sent.sid) == (message_id, channel.value, "phone-1")
        assert sent.status == "accepted"

    async def test_a_text_arrives_as_it_was_written(self, bench: Bench) -> None:
        for text in (
            *("több\nsor\r\n ☃ 👩‍🚀", "a=b&c=d;e %20+ #?", " spaces ", "x" * 4000, "\0", '"quoted"', "0"),
        ):
            await bench.client.send_message(SendRequest(recipient=NUMBER, text=text, channel=Channel.SMS))
            assert bench.account.sent.pop().fields["message"] == text

    async def test_the_id_of_an_accepted_message(self, bench: Bench) -> None:
        for given, message_id in ((GUID, GUID), (17, "17")):
            for error in (0, "0", "", None):
                # The note does not make it a refusal: it will be sent when the phone is back.
                note = "mobile is offline, will be sent later"
                bench.server.answer({"result": {"error": error, "sent": "1", "id": given, "note": note}})
                assert await bench.server_client.send_message(SMS) == message_id
        accepted: Any = {"result": {"error": 0, "sent": "1"}}
        bench.server.answer(accepted)
        assert await bench.server_client.resend_message(GUID, Channel.SMS) == GUID
        await bench.fails(OutcomeUnknown, bench.server_client.send_message(SMS))
        bench.server.answer({"result": {**accepted["result"], "id": "another"}})
        assert await bench.server_client.resend_message(GUID, Channel.WHATSAPP) == "another"


class TestReceiving:
    @pytest.mark.parametrize("shape", FORMATS["list_format"])
    async def test_each_shape_and_order_of_the_list(self, bench: Bench, shape: Any) -> None:
        """More than one chunk of the body, oldest first."""
        bench.account.list_format = shape
        assert await bench.client.received_messages(after=None, zone=UTC) == []
        for number in range(1000):
            bench.account.receive(NUMBER, f"{number} {TEXT}", timestamp=1760000000 + number)
        for bench.account.newest_first in (False, True):
            messages = await bench.client.received_messages(after=None, zone=UTC)
            assert [message.text for message in messages] == [f"{number} {TEXT}" for number in range(1000)]
            assert all(message.source is Source.POLL for message in messages)
            messages = await bench.client.received_messages(after=1760000997, zone=UTC)
            assert [message.text for message in messages] == [f"998 {TEXT}", f"999 {TEXT}"]

    async def test_messages_of_one_second_keep_the_order_of_the_service(self, bench: Bench) -> None:
        bench.server.answer([row(str(number)) for number in range(20)])
        messages = await bench.server_client.received_messages(after=None, zone=UTC)
        assert [message.message_id for message in messages] == [str(number) for number in range(20)]

    async def test_each_format_of_the_time_and_the_number(self, bench: Bench) -> None:
        for time_format in FORMATS["time_format"]:
            for zone in (UTC, BUDAPEST, ZoneInfo("America/St_Johns")):
                for day in (datetime(2026, 1, 20, 10, 15, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)):
                    bench.account.received.clear()
                    bench.account.time_format, bench.account.time_zone = time_format, zone
                    bench.account.receive(NUMBER, "hi", timestamp=day.timestamp())
                    (message,) = await bench.client.received_messages(after=None, zone=zone)
                    if time_format == "unreadable":
                        assert abs(message.received_at.timestamp() - time.time()) < 60
                        assert message.origin == "soon"
                    else:
                        assert message.received_at == day, (time_format, zone)
                        assert message.origin == str(int(day.timestamp())), (time_format, zone)
                    assert message.received_at.utcoffset() == timedelta(0)
        for bench.account.number_format in FORMATS["number_format"]:
            (message,) = await bench.client.received_messages(after=None, zone=UTC)
            assert message.sender in {NUMBER, BARE, f"00{BARE}"}

    async def test_rows_that_the_caller_knows_are_not_parsed(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Also where they could not be; `skip` gets nothing that is not an object."""
        caplog.set_level(logging.DEBUG)
        asked: list[Mapping[str, Any]] = []

        def skip(known: Mapping[str, Any]) -> bool:
            asked.append(known)
            return known.get("guid") in {"a", "c"}

        rows = [row("a"), row("b"), None, "x", row("c", number=None), {"guid": "d"}]
        bench.server.answer(rows)
        messages = await bench.server_client.received_messages(after=None, zone=UTC, skip=skip)
        assert [message.message_id for message in messages] == ["b"]
        assert asked == [row for row in rows if isinstance(row, dict)]
        assert any("3 of 6 received rows" in line for line in logged(caplog.records))

    async def test_a_thousand_known_rows_cost_little_beside_their_json(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each row is looked at once, by `skip`, and no time or text of it is read."""
        read: list[object] = []
        monkeypatch.setattr(
            "custom_components.smsmobileapi.api.models.first_time", lambda *values: read.append(values)
        )
        bench.server.answer([row(str(number)) for number in range(1000)])
        assert await bench.server_client.received_messages(after=None, zone=UTC, skip=lambda _: True) == []
        assert read == []

    async def test_bad_rows_and_bytes_cost_no_good_row(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        bad: Any
        for bad in (
            *(None, 7, "text", [], {}, row(number=None), row(number=" \0 "), row(number=[NUMBER])),
            *(row(number=True), row(message=["a"]), {"message": TEXT}, {"number": NUMBER}),
        ):
            bench.server.answer([row("a"), bad, row("b")])
            messages = await bench.server_client.received_messages(after=None, zone=UTC)
            assert [message.message_id for message in messages] == ["a", "b"], bad
        lines = list(logged(caplog.records))
        assert any("1 of 3 received rows" in line for line in lines)
        assert not any(secrets_in(line) for line in lines)
        raw = json.dumps([row("a", message="caf?!"), row("b", message="hi")]).encode()
        for written in (raw, b"\xef\xbb\xbf" + raw, b"\r\n\t " + raw, raw.replace(b"hi", b"\\u0068\\u0069")):
            bench.server.answer(written.replace(b"?", b"\xe9"))
            first, second = await bench.server_client.received_messages(after=None, zone=UTC)
            assert (first.text, second.text) == ("caf\N{REPLACEMENT CHARACTER}!", "hi")

    async def test_an_unknown_key_has_no_messages(self, bench: Bench) -> None:
        """API.md, S: this is why `received_messages` can't verify a key."""
        bench.account.receive(NUMBER, "hi")
        client = SmsMobileApiClient(bench.session, ApiKey("another"), bench.simulator.url)
        assert await client.received_messages(after=None, zone=UTC) == []


class TestLists:
    """API.md: a list that is there is an answer; an answer without one must not look like a quiet day."""

    LOGGED: Final = {"guid": "a", "number": NUMBER, "message": TEXT}

    async def test_a_list_beside_an_error(self, bench: Bench) -> None:
        for rows in each([], [self.LOGGED]):
            for error in ("no_result", "not found", 7, "server busy", {"code": 7}):
                for answer in (
                    {"result": {"error": error, "sms": rows, "note": "nothing found"}},
                    {"error": error, "success": False, "sms": rows},
                ):
                    bench.server.answer(answer)
                    entries = await bench.server_client.sent_log(zone=UTC)
                    messages = await bench.server_client.received_messages(after=None, zone=UTC)
                    assert len(entries) == len(messages) == len(rows), answer
            for known, outcome in (
                *((1, InvalidCredentials), ("1", InvalidCredentials), ("invalid_apikey", InvalidCredentials)),
                *((2, PhoneOffline), ("subscription_expire", SubscriptionExpired)),
                ("api_expired", SubscriptionExpired),
            ):
                bench.server.answer({"result": {"error": known, "sms": rows}})
                for method in ("poll", "log"):
                    await bench.fails(outcome, METHODS[method](bench.server_client), known)
        # Without a list, or with another status, the same error is a refusal.
        for status, answer in (
            (200, {"result": {"error": "no_result"}}),
            (400, {"error": "no_result", "sms": []}),
        ):
            bench.server.answer(answer, status=status)
            for method in ("poll", "log"):
                await bench.fails(Refused, METHODS[method](bench.server_client), answer)

    async def test_answers_without_a_readable_list(self, bench: Bench) -> None:
        answer: Any
        for answer in (
            *({}, {"result": None}, {"result": {}}, {"result": "x"}, {"sms": "x"}, {"rows": 7}, {"data": {}}),
            *({"messages": [row()]}, {"success": True}, {"result": {"error": 0}}, 7, "x"),
        ):
            bench.server.answer(answer)
            for method in ("poll", "log", "missed", "outgoing"):
                await bench.fails(UnexpectedAnswer, METHODS[method](bench.server_client), (answer, method))
        # A list in which nothing can be read is no empty one either.
        for method, name in (("log", "sms"), ("missed", "data"), ("outgoing", "rows")):
            for rows in each([{}], [None], [{"a": 1}]):
                bench.server.answer({"success": True, name: rows})
                await bench.fails(UnexpectedAnswer, METHODS[method](bench.server_client), method)
            for rows in each([], None):
                bench.server.answer({"success": True, name: rows})
                assert await METHODS[method](bench.server_client) == []

    @pytest.mark.parametrize("direction", Direction)
    async def test_calls(self, bench: Bench, direction: Direction) -> None:
        began = datetime(2026, 1, 20, 9, 15, tzinfo=UTC)
        for time_format in FORMATS["time_format"]:
            for zone in (UTC, BUDAPEST, ZoneInfo("America/St_Johns")):
                bench.account.calls.clear()
                bench.account.time_zone, bench.account.time_format = zone, time_format
                bench.account.add_call(direction.value, NUMBER, name="Zoé", duration=61, at=began.timestamp())
                (call,) = await bench.client.calls(direction, zone=zone)
                assert (call.direction, call.number, call.name) == (direction, NUMBER, "Zoé")
                assert call.duration == (None if direction is Direction.MISSED else 61)
                if time_format == "unreadable":
                    assert abs(call.started_at - datetime.now(UTC)) < timedelta(seconds=60)
                    assert call.origin == "soon"
                else:
                    assert call.started_at == began, (time_format, zone)
                    assert call.origin == str(int(began.timestamp()))
        for bench.account.number_format in FORMATS["number_format"]:
            (call,) = await bench.client.calls(direction, zone=UTC)
            assert call.number in {NUMBER, BARE, f"00{BARE}"}

    async def test_calls_newest_first(self, bench: Bench) -> None:
        for direction in Direction:
            for minute in range(10):
                bench.account.add_call(direction.value, str(minute), at=1768900500 + 60 * minute)
        for direction in Direction:
            first = await bench.client.calls(direction, zone=UTC, limit=4)
            second = await bench.client.calls(direction, zone=UTC, offset=4, limit=4)
            assert [call.number for call in first + second] == list("98765432")
        times = ["2026-01-20 10:15:00", "2026-01-20 10:17:00", "2026-01-20 10:16:00"]
        rows = [None, *({"number": str(n), "date": time} for n, time in enumerate(times)), {}]
        bench.server.answer({"success": True, "data": rows})
        calls = await bench.server_client.calls(Direction.MISSED, zone=UTC)
        assert [call.number for call in calls] == ["1", "2", "0"]


class TestDeletion:
    @pytest.mark.parametrize("delete_format", FORMATS["delete_format"])
    async def test_each_format(self, bench: Bench, delete_format: Any) -> None:
        bench.account.delete_format = delete_format
        for bench.account.error_format in FORMATS["error_format"]:
            message = bench.account.receive(NUMBER, TEXT)
            assert await bench.client.delete_message("another") is False
            assert message.deleted is False
            assert await bench.client.delete_message(message.guid) is True
            assert message.deleted is True
            assert await bench.client.delete_message(message.guid) is False

    async def test_answers(self, bench: Bench) -> None:
        answer: Any
        for answer, is_deleted in (
            *to(True, *field("success", True, 1, "true")),
            *(({"success": True, "deleted": deleted}, True) for deleted in ("1", 3, True, "yes", None, GUID)),
            *(({"success": True, "deleted": deleted}, False) for deleted in (0, "0", False, "no")),
            *(({"error": 0}, True), ({"result": {"error": "0"}}, True)),
            *(
                ({"result": {"error": 0, "deleted": 1}}, True),
                ({"result": {"error": 0, "deleted": 0}}, False),
            ),
            *to(False, *field("error", "not_found", "unknown_guid", "Message not found")),
            ({"result": {"error": 3, "note": "unknown message"}}, False),
        ):
            bench.server.answer(answer)
            assert await bench.server_client.delete_message(GUID) is is_deleted, answer
        for status, answer, outcome in (
            # The path is a guess.
            *((404, b"<html></html>", UnexpectedAnswer), (405, b"", UnexpectedAnswer)),
            *((404, {"error": error}, Refused) for error in ("path_not_found", "Endpoint not found")),
            *(
                (200, answer, UnexpectedAnswer)
                for answer in each({}, {"deleted": 1}, [], "ok", {"result": {}})
            ),
            *((200, answer, Refused) for answer in ({"success": False}, {"error": "not_allowed"})),
            (200, {"result": {"error": 2}}, PhoneOffline),
            (500, {"success": False, "error": "not_found"}, OutcomeUnknown),
            (429, {}, RateLimited),
        ):
            bench.server.answer(answer, status=status)
            await bench.fails(outcome, bench.server_client.delete_message(GUID), (status, answer))

    async def test_a_refused_token_does_not_mean_that_the_message_is_missing(self, bench: Bench) -> None:
        bench.server.answer({"success": False, "error": "not_found"}, status=404)
        await bench.fails(TokenRefused, bench.oauth_server_client.delete_message(GUID))


class TestNotifications:
    async def test_a_notification(self, bench: Bench) -> None:
        await bench.client.send_notification("phone-1", TITLE, TEXT)
        pushed = bench.account.notifications.pop()
        assert (pushed.sid, pushed.title, pushed.message) == ("phone-1", TITLE, TEXT)
        error = await bench.error_of(bench.client.send_notification(SID, TITLE, TEXT))
        assert type(error) is Refused and error.reason == "unknown_sid"
        bench.account.phones[0].online = False
        await bench.fails(PhoneOffline, bench.client.send_notification("phone-1", TITLE, TEXT))
        assert not bench.account.notifications

    async def test_answers(self, bench: Bench) -> None:
        answer: Any
        for answer in ({"success": True}, {"success": 1, "id": 7}, {"result": {"error": "0"}}):
            bench.server.answer(answer)
            await bench.server_client.send_notification(SID, TITLE, TEXT)
        for answer, outcome in (
            *to(UnexpectedAnswer, {}, [], "ok", b"<html></html>", {"result": {}}),
            ({"success": False}, Refused),
            ({"success": False, "error": "number is not connected to WhatsApp"}, Refused),
            ({"error": "Offline"}, PhoneOffline),
            ({"error": "invalid_apikey"}, InvalidCredentials),
        ):
            bench.server.answer(answer)
            await bench.fails(outcome, bench.server_client.send_notification(SID, TITLE, TEXT), answer)
        for words in (
            *(f"no phone {SID}", f"no phone {SID.upper()}", f"not allowed: {TITLE}", f"bad {TITLE[:16]}…"),
        ):
            bench.server.answer({"success": False, "error": words})
            reason = str(await bench.error_of(bench.server_client.send_notification(SID, TITLE, TEXT)))
            assert "door bell" not in reason and "7f31" not in reason


class TestWhatsApp:
    async def test_whether_a_number_is_on_whatsapp(self, bench: Bench) -> None:
        for bench.account.check_format in FORMATS["check_format"]:
            for is_on in (True, False):
                bench.account.whatsapp_numbers = {BARE} if is_on else set()
                expected = None if bench.account.check_format == "vague" else is_on
                assert await bench.client.is_on_whatsapp(NUMBER) is expected

    async def test_answers(self, bench: Bench) -> None:
        """API.md: only `contact_found_on_whatsapp` says it. No error is no yes: a message by WhatsApp would be lost."""
        name = "contact_found_on_whatsapp"
        answer: Any
        for answer, is_on in (
            *to(True, *field(name, "yes", "YES", True, 1)),
            *to(False, *field(name, "no", "No ", False, "0")),
            *to(None, *field(name, None, "", "perhaps", [], {"a": 1}, 2)),
            *(({"result": {"error": 0, name: word}}, word == "yes") for word in ("yes", "no")),
            *to(None, {}, [], "yes", 7, {"success": True}, {"result": {"error": 0}}),
            *to(None, {"success": True, "exists": True}, {"data": {name: "yes"}}),
        ):
            bench.server.answer(answer)
            assert await bench.server_client.is_on_whatsapp(NUMBER) is is_on, answer
        for status, answer, outcome in (
            (200, {"success": False, "error": "not_on_whatsapp"}, Refused),
            (200, {"success": False, name: "no"}, Refused),
            *(
                (200, {"result": {"error": 2}}, PhoneOffline),
                (200, {"result": {"error": 1}}, InvalidCredentials),
            ),
            *(
                (429, {}, RateLimited),
                (404, b"<html></html>", UnexpectedAnswer),
                (200, b"", UnexpectedAnswer),
            ),
        ):
            bench.server.answer(answer, status=status)
            await bench.fails(outcome, bench.server_client.is_on_whatsapp(NUMBER), answer)
