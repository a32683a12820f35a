"""The client when nothing goes wrong: what it requests, and what it makes of the answers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
import json
import time
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from custom_components.smsmobileapi import api
from simulator.account import CHOICES
from simulator.records import Phone
from tests.conftest import KEY

from .conftest import Bench
from .methods import GUID, METHODS, SENT, SMS, WHATSAPP, each, field, poll, to
from .secrecy import BARE, NUMBER, SID, TEXT, logged, secrets_in
from .test_payload import BUDAPEST

FORMATS: Final[dict[str, Any]] = dict(CHOICES)
MOMENT: Final = datetime(2026, 3, 20, 21, 7, 44, tzinfo=UTC)
MEDIA: Final = "https://home.example.net/api/smsmobileapi/media/Zk3-9f_a1QvW77?size=small"
PHONES: Final = {"success": True, "connected_now": 1, "items": [{"sid": "phone-1"}]}
NO_PHONES: Final = {"success": True, "items": []}
NO_CALLS: Final[Any] = {"success": True, "rows": [], "data": []}
WRONG_KEY: Final = {"success": False, "error": "invalid_apikey"}
EXPIRED: Final = {"success": False, "error": "api_expired"}
TITLE: Final = "The door bell rang"


def row(guid: str = "g1", **fields: Any) -> dict[str, Any]:
    return {"guid": guid, "number": NUMBER, "message": "hi", "timestamp_unix": 1760000000, **fields}


def request(channel: api.Channel = api.Channel.SMS, **fields: Any) -> api.SendRequest:
    return api.SendRequest(recipient=NUMBER, text=TEXT, channel=channel, **fields)


class TestRequests:
    """The requests, to the letter: a field that is missing, doubled or in the wrong place shows here."""

    async def test_a_message(self, bench: Bench) -> None:
        """An SMS, one to a short code, and a WhatsApp message, which is never an SMS too."""
        bench.server.answer(SENT)
        common = [("apikey", KEY), ("from", "Home Assistant"), ("message", TEXT)]
        for message, own in (
            (SMS, [("recipients", NUMBER), ("sendsms", "1")]),
            (replace(SMS, recipient="1770"), [("recipients", "1770"), ("sendsms", "1")]),
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
        at = {"schedule_timestamp": "1774040864"}
        fields: dict[str, Any]
        for fields, form in (
            ({}, {}),
            *(({"phone": SID}, {"sIdentifiant": SID}), ({"sim": 1}, {"port": "1"})),
            ({"send_at": MOMENT.astimezone(ZoneInfo("Asia/Kathmandu"))}, at),
            ({"send_at": MOMENT.replace(microsecond=999_999)}, at),
            ({"media_url": MEDIA}, {"url_media": MEDIA}),
            ({"short_links": True}, {"shorturl": "1"}),
            ({"encrypt": True}, {"encrypt_message": "yes"}),
            ({"phone": SID, "sim": 2, "send_at": MOMENT}, {"sIdentifiant": SID, "port": "2", **at}),
        ):
            for channel in api.Channel:
                bench.server.seen.clear()
                await bench.server_client.send_message(request(channel))
                await bench.server_client.send_message(request(channel, **fields))
                bare, full = (sorted(seen.form) for seen in bench.server.seen)
                assert full == sorted([*bare, *form.items()]), (channel, fields)

    async def test_all_others(self, bench: Bench) -> None:
        client = bench.server_client
        limit, newest, guid = ("limit", "100"), ("sort_dir", "desc"), ("guid", GUID)
        push = [("sid", SID), ("title", TITLE), ("message", TEXT)]
        log = [("guid_message", GUID), ("keyword", BARE)]
        for method, path, fields, answer, made in (
            ("GET", "/getsms/", [], [], client.received_messages(after=None, zone=UTC)),
            # 0 is a time like any other.
            (
                "GET",
                "/getsms/",
                [("after_timestamp_unix", "0")],
                [],
                client.received_messages(after=0, zone=UTC),
            ),
            ("GET", "/gateway/mobile/list/", [], PHONES, client.verify_credentials()),
            ("GET", "/log/sent/sms/", [], [], client.sent_log(zone=UTC)),
            ("GET", "/log/sent/sms/", log, [], client.sent_log(zone=UTC, message_id=GUID, keyword=BARE)),
            *(
                ("GET", f"/call/{way}/list/", [limit, newest][: 1 + (way != "missed")], NO_CALLS, listed)
                for way in api.Direction
                for listed in (client.calls(way, zone=UTC),)
            ),
            ("POST", "/resend/", [guid], SENT, client.resend_message(GUID, api.Channel.SMS)),
            ("POST", "/resendwa/", [guid], SENT, client.resend_message(GUID, api.Channel.WHATSAPP)),
            ("POST", "/deletesms/", [guid], {"success": True}, client.delete_message(GUID)),
            ("GET", "/whatsapp/checknumber/", [("recipients", BARE)], {}, client.is_on_whatsapp(NUMBER)),
            # No slash at the end.
            ("POST", "/notification/send", push, {"error": 0}, client.send_notification(SID, TITLE, TEXT)),
        ):
            bench.server.answer(answer)
            await made
            seen = bench.server.seen.pop()
            signed = [("apikey", KEY), *fields]
            query, form = (signed, []) if method == "GET" else ([], signed)
            assert (seen.method, seen.path, seen.query, seen.form) == (method, path, query, form), path
            assert not bench.server.seen, path

    async def test_a_list_of_calls_is_limited_to_what_the_service_gives(self, bench: Bench) -> None:
        """A higher limit would be refused, and no call would ever be found."""
        bench.server.answer({"data": [], "rows": []})
        for direction, maximum in zip(api.Direction, ("500", "200", "200"), strict=True):
            for limit, asked in ((0, "1"), (1, "1"), (int(maximum), maximum), (501, maximum)):
                await bench.server_client.calls(direction, zone=UTC, offset=7, limit=limit)
                query = bench.server.seen.pop().query
                assert ("limit", asked) in query and ("offset", "7") in query, (direction, limit)

    async def test_addresses_and_keys(self, bench: Bench) -> None:
        assert api.DEFAULT_URL == "https://api.smsmobileapi.com"
        for key, ending in (("a&apikey=b", ""), ("+ %2B=", "/"), ("ключ", "//"), ("a#b?c", "/")):
            client = bench.client_of(bench.server.url + ending, api.ApiKey(key))
            bench.server.answer_in_turn(SENT, [])
            await client.send_message(SMS)
            await poll(client)
            assert bench.server.paths == ["/sendsms/", "/getsms/"]
            assert ("apikey", key) in bench.server.seen[0].form
            assert bench.server.seen[1].query == [("apikey", key)]

    async def test_nothing_shows_the_key_or_the_message(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench.account.receive(NUMBER, TEXT)
        for method in ("verify", "poll", "sms", "whatsapp", "log", "check"):
            await METHODS[method](bench.client)
        message = repr(request(media_url=MEDIA))
        shown = f"{bench.client!r} {bench.client} {api.ApiKey(KEY)!r} {api.ApiKey(KEY)}"
        assert not any(secrets_in(line) for line in (message, shown, *logged(caplog.records)))
        assert "media" not in message


class TestCredentials:
    """`verify_credentials`: the phones first, and the calls where they are not conclusive (API.md)."""

    async def test_a_phone_is_enough(self, bench: Bench) -> None:
        bench.server.answer_in_turn(PHONES)
        assert await bench.server_client.verify_credentials() == [api.Phone(sid="phone-1", is_online=True)]
        for items in ([{"id": 1}], [None], ["phone-2"]):
            # The phones can't be read, but the account is known.
            bench.server.answer_in_turn({"success": True, "items": items})
            assert await bench.server_client.verify_credentials() is None, items
        # A refused key is not asked about again.
        for answer in (WRONG_KEY, {"result": {"error": 1}}):
            bench.server.answer_in_turn(answer)
            await bench.fails(api.InvalidCredentials, bench.server_client.verify_credentials())

    async def test_the_calls_decide(self, bench: Bench) -> None:
        offline = {"result": {"error": 2, "note": "mobile is not connected"}}
        phones: Any
        for phones, listed in (
            *to([], NO_PHONES, {"success": True, "items": None}),
            ({"items": [{"sid": "a"}]}, [api.Phone(sid="a")]),
            *to(None, {"success": True}, {"success": True, "items": "x"}, {"success": True, "items": {}}),
            *to(None, {}, [], None, "ok", [{"sid": "a"}], 200, 403, 404, 302),
            # A refused list of phones does not mean that the key is refused: an account can be added while its phone is off.
            *to(None, offline, {"success": False, "error": "not_found"}),
        ):
            bench.server.answer_in_turn(phones, NO_CALLS)
            assert await bench.server_client.verify_credentials() == listed, phones
            assert bench.server.paths == ["/gateway/mobile/list/", "/call/incoming/list/"], phones
            assert bench.server.seen[1].query == [("apikey", KEY), ("limit", "1")]
            for answer, outcome in ((WRONG_KEY, api.InvalidCredentials), (EXPIRED, api.SubscriptionExpired)):
                bench.server.answer_in_turn(phones, answer)
                await bench.fails(outcome, bench.server_client.verify_credentials(), phones)

    async def test_unreadable_answers_verify_nothing(self, bench: Bench) -> None:
        """A captive portal or a wrong address must not pass for a valid key."""
        for phones in each(200, 404, {}, NO_PHONES):
            for calls in each(200, 404, {}, [], {"rows": []}, {"success": None}, "ok", 7.5):
                bench.server.answer_in_turn(phones, calls)
                await bench.fails(api.UnexpectedAnswer, METHODS["verify"](bench.server_client), calls)

    async def test_each_format_of_the_phones(self, bench: Bench) -> None:
        bench.account.phones = [Phone(sid="a", label="Kitchen"), Phone(sid="b", label="Garage", online=False)]
        for bench.account.phone_format in FORMATS["phone_format"]:
            phones = await bench.client.verify_credentials()
            read = [(phone.sid, phone.name, phone.is_online) for phone in phones or []]
            # In `bare`, one of two is connected, and it is not known which.
            online = {"bare": (None, None)}.get(bench.account.phone_format, (True, False))
            expected = [("a", "Kitchen", online[0]), ("b", "Garage", online[1])]
            assert read == expected


class TestSending:
    async def test_a_text_arrives_as_it_was_written(self, bench: Bench) -> None:
        for text in (
            *("több\nsor\r\n ☃ 👩‍🚀", "a=b&c=d;e %20+ #?", " spaces ", "x" * 4000, "\0", '"quoted"', "0"),
        ):
            await bench.client.send_message(replace(SMS, text=text))
            assert bench.account.sent.pop().fields["message"] == text

    async def test_the_id_of_an_accepted_message(self, bench: Bench) -> None:
        # The note does not make it a refusal: it will be sent when the phone is back.
        accepted: dict[str, Any] = {"sent": "1", "note": "mobile is offline, will be sent later"}
        for given, message_id in ((GUID, GUID), (17, "17")):
            for error in (0, "0", "", None):
                answer = {"result": {**accepted, "error": error, "id": given}}
                await bench.check(METHODS["sms"], (answer, message_id))
        # A message that is sent again has an id already.
        without_id = {"result": accepted}
        await bench.check(METHODS["resend"], (without_id, GUID), ({"result": {"id": "another"}}, "another"))
        await bench.check(METHODS["sms"], (without_id, api.OutcomeUnknown))


class TestReceiving:
    @pytest.mark.parametrize("shape", FORMATS["list_format"])
    async def test_each_shape_and_order_of_the_list(self, bench: Bench, shape: Any) -> None:
        """More than one chunk of the body, oldest first."""
        bench.account.list_format = shape
        assert await bench.client.received_messages(after=None, zone=UTC) == []
        for number in range(1000):
            bench.account.receive(NUMBER, f"{number} {TEXT}", timestamp=1760000000 + number)
        for bench.account.newest_first in (False, True):
            for after, first in ((None, 0), (1760000997, 998)):
                messages = await bench.client.received_messages(after=after, zone=UTC)
                assert [message.text for message in messages] == [f"{n} {TEXT}" for n in range(first, 1000)]

    async def test_each_format_of_the_time_and_the_number(self, bench: Bench) -> None:
        """Of messages and of calls."""
        moment = datetime(2026, 7, 1, 10, 15, tzinfo=UTC)
        for zone in (UTC, BUDAPEST, ZoneInfo("America/St_Johns")):
            bench.account.received.clear()
            bench.account.calls.clear()
            bench.account.time_zone = zone
            bench.account.receive(NUMBER, "hi", timestamp=moment.timestamp())
            for direction in api.Direction:
                bench.account.add_call(direction.value, NUMBER, at=moment.timestamp())
            for bench.account.time_format in FORMATS["time_format"]:
                (message,) = await bench.client.received_messages(after=None, zone=zone)
                times = [(message.received_at, message.origin)]
                for direction in api.Direction:
                    (call,) = await bench.client.calls(direction, zone=zone)
                    assert (call.direction, call.number) == (direction, NUMBER)
                    times.append((call.started_at, call.origin))
                if bench.account.time_format == "unreadable":
                    assert all(abs(at.timestamp() - time.time()) < 60 and o == "soon" for at, o in times)
                else:
                    origin = str(int(moment.timestamp()))
                    assert times == [(moment, origin)] * 4, (bench.account.time_format, zone)
        for bench.account.number_format in FORMATS["number_format"]:
            (message,) = await bench.client.received_messages(after=None, zone=UTC)
            (call,) = await bench.client.calls(api.Direction.MISSED, zone=UTC)
            assert {message.sender, call.number} < {NUMBER, BARE, f"00{BARE}"}

    async def test_rows_that_the_caller_knows_are_not_parsed(
        self, bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where they could not be; `skip` gets nothing that is not an object. This makes a thousand known rows cheap."""
        asked: list[Mapping[str, Any]] = []

        def skip(known: Mapping[str, Any]) -> bool:
            asked.append(known)
            return known.get("guid") in {"a", "c"}

        rows = [row("a"), row("b"), None, "x", row("c", number=None), {"id": 4}]
        bench.server.answer(rows)
        messages = await bench.server_client.received_messages(after=None, zone=UTC, skip=skip)
        assert [message.message_id for message in messages] == ["b"]
        assert asked == [row for row in rows if isinstance(row, dict)]
        assert any("3 of 6 received rows" in line for line in logged(caplog.records))
        # No time and no text of a known row is read.
        monkeypatch.setattr(api.ReceivedMessage, "from_api", None)
        bench.server.answer([row(str(number)) for number in range(1000)])
        assert await bench.server_client.received_messages(after=None, zone=UTC, skip=lambda _: True) == []

    async def test_bad_rows_and_bytes_cost_no_good_row(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        for bad in each(
            *(None, 7, "text", [], {}, {"id": 1}, {"number": True, "message": ["a"], "guid": " "}),
        ):
            # Messages of one second keep the order of the service.
            bench.server.answer([row("b"), bad, row("a")])
            messages = await bench.server_client.received_messages(after=None, zone=UTC)
            assert [message.message_id for message in messages] == ["b", "a"], bad
        lines = list(logged(caplog.records))
        assert any("1 of 3 received rows" in line for line in lines)
        assert not any(secrets_in(line) for line in lines)
        raw = json.dumps([row("a", message="caf?!"), row("b", message="hi")]).encode()
        for written in (raw, b"\xef\xbb\xbf" + raw, b"\r\n\t " + raw, raw.replace(b"hi", b"\\u0068\\u0069")):
            bench.server.answer(written.replace(b"?", b"\xe9"))
            first, second = await bench.server_client.received_messages(after=None, zone=UTC)
            assert (first.text, second.text) == ("caf\N{REPLACEMENT CHARACTER}!", "hi")


class TestLists:
    """API.md: a list that is there is an answer; an answer without one must not look like a quiet day."""

    async def test_a_list_beside_an_error(self, bench: Bench) -> None:
        for rows in each([], [{"guid": "a", "number": NUMBER, "message": TEXT}]):
            for error in ("no_result", "not found", 7, "server busy", {"code": 7}):
                for answer in (
                    {"result": {"error": error, "sms": rows, "note": "nothing found"}},
                    {"error": error, "success": False, "result": None, "sms": rows},
                ):
                    bench.server.answer(answer)
                    entries = await bench.server_client.sent_log(zone=UTC)
                    messages = await bench.server_client.received_messages(after=None, zone=UTC)
                    assert len(entries) == len(messages) == len(rows), answer
            for method in ("poll", "log"):
                await bench.check(
                    METHODS[method],
                    *to(
                        api.InvalidCredentials,
                        *({"error": word, "sms": rows} for word in (1, "invalid_apikey")),
                    ),
                    *to(api.PhoneOffline, {"result": {"error": 2, "sms": rows}}),
                    *to(api.SubscriptionExpired, {"result": {"error": "subscription_expire", "sms": rows}}),
                    # Without a list, or with another status, the same error is a refusal.
                    *to(api.Refused, {"result": {"error": "x"}}, (400, {"error": "x", "sms": rows})),
                )

    async def test_answers_without_a_readable_list(self, bench: Bench) -> None:
        for method in ("poll", "log", "missed", "outgoing"):
            await bench.check(
                METHODS[method],
                *to(api.UnexpectedAnswer, {}, *field("result", None, {}, "x", {"error": 0}), 7.5, "x"),
                *to(api.UnexpectedAnswer, {"sms": {"0": row()}}, {"result": {"result": {"sms": [row()]}}}),
                *to(api.UnexpectedAnswer, {"sms": "x"}, {"rows": 7}, {"data": {}}, {"messages": [row()]}),
            )
        # A list in which nothing can be read is no empty one either.
        for method, name in (("log", "sms"), ("missed", "data"), ("outgoing", "rows")):
            unread = field(name, [{}], [None], [{"a": 1}])
            empty = field(name, [], None)
            await bench.check(METHODS[method], *to(api.UnexpectedAnswer, *unread), *to([], *empty))

    async def test_calls_newest_first(self, bench: Bench) -> None:
        times = ["2026-01-20 10:15:00", "2026-01-20 10:17:00", "2026-01-20 10:16:00"]
        rows: list[Any] = [None, *({"number": str(n), "date": time} for n, time in enumerate(times)), {}]
        bench.server.answer({"success": True, "data": rows})
        calls = await bench.server_client.calls(api.Direction.MISSED, zone=UTC)
        assert [call.number for call in calls] == ["1", "2", "0"]


class TestOthers:
    """Deletion, notifications, and whether a number is on WhatsApp."""

    async def test_each_format_of_a_deletion(self, bench: Bench) -> None:
        for bench.account.delete_format in FORMATS["delete_format"]:
            for bench.account.error_format in FORMATS["error_format"]:
                message = bench.account.receive(NUMBER, TEXT)
                for guid, is_deleted in (("another", False), (message.guid, True), (message.guid, False)):
                    assert await bench.client.delete_message(guid) is is_deleted
                    assert message.deleted is (guid != "another")

    async def test_answers_to_a_deletion(self, bench: Bench) -> None:
        deleted, kept = (1, "1", 3, True, "yes", None, GUID), (0, "0", False, "no")
        await bench.check(
            METHODS["delete"],
            *to(True, *field("success", True, 1, "true"), {"error": 0}, {"result": {"error": "0"}}),
            *to(True, *({"success": True, "deleted": value} for value in deleted)),
            *to(False, *({"success": True, "deleted": value} for value in kept)),
            *to(True, {"result": {"error": 0, "deleted": 1}}),
            *to(False, {"result": {"error": 0, "deleted": 0}}),
            *to(False, *field("error", "not_found", "unknown_guid", "Message not found")),
            ({"result": {"error": 3, "note": "unknown message"}}, False),
            # The path is a guess.
            *to(api.UnexpectedAnswer, 404, (405, b""), {}, {"deleted": 1}, [], "ok", {"result": {}}),
            *to(api.Refused, *((404, {"error": word}) for word in ("path_not_found", "Endpoint not found"))),
            *to(api.Refused, {"success": False}, {"error": "not_allowed"}),
            ({"result": {"error": 2}}, api.PhoneOffline),
            ((500, {"success": False, "error": "not_found"}), api.OutcomeUnknown),
        )
        # A refused token does not mean that the message is missing.
        bench.server.answer((404, {"success": False, "error": "not_found"}))
        await bench.fails(api.TokenRefused, bench.new_oauth_client().delete_message(GUID))

    async def test_a_notification(self, bench: Bench) -> None:
        await bench.client.send_notification("phone-1", TITLE, TEXT)
        pushed = bench.account.notifications.pop()
        assert (pushed.sid, pushed.title, pushed.message) == ("phone-1", TITLE, TEXT)
        error = await bench.error_of(bench.client.send_notification(SID, TITLE, TEXT))
        assert error.args == ("unknown_sid",)
        bench.account.phones[0].online = False
        await bench.fails(api.PhoneOffline, bench.client.send_notification("phone-1", TITLE, TEXT))
        assert not bench.account.notifications
        await bench.check(
            METHODS["notify"],
            *to(None, {"success": True}, {"success": 1, "id": 7}, {"result": {"error": "0"}}),
            *to(api.UnexpectedAnswer, {}, [], "ok", b"<html></html>", {"result": {}}),
            *to(api.Refused, {"success": False}, {"success": False, "error": "not connected to WhatsApp"}),
            *(({"error": "Offline"}, api.PhoneOffline), (WRONG_KEY, api.InvalidCredentials)),
        )
        for words in (SID, SID.upper(), f"not allowed: {TITLE}", f"bad {TITLE[:16]}…"):
            bench.server.answer({"success": False, "error": words})
            reason = str(await bench.error_of(bench.server_client.send_notification(SID, TITLE, TEXT)))
            assert "door bell" not in reason and "7f31" not in reason.lower()

    async def test_whether_a_number_is_on_whatsapp(self, bench: Bench) -> None:
        """API.md: only `contact_found_on_whatsapp` says it. No error is no yes: a message by WhatsApp would be lost."""
        for bench.account.check_format in FORMATS["check_format"]:
            for is_on in (True, False):
                bench.account.whatsapp_numbers = {BARE} if is_on else set()
                expected = None if bench.account.check_format == "vague" else is_on
                assert await bench.client.is_on_whatsapp(NUMBER) is expected
        name = "contact_found_on_whatsapp"
        await bench.check(
            METHODS["check"],
            *to(True, *field(name, "yes", "YES", True, 1), {"result": {"error": 0, name: "yes"}}),
            *to(False, *field(name, "no", "No ", False, "0"), {"result": {"error": 0, name: "no"}}),
            *to(None, *field(name, None, "", "perhaps", [], {"a": 1}, 2), {}, [], "yes", {"success": True}),
            *to(api.Refused, {"success": False, "error": "not_on_whatsapp"}, {"success": False, name: "no"}),
            *to(api.PhoneOffline, {"result": {"error": 2}}),
            *to(api.InvalidCredentials, {"result": {"error": 1}}),
            *(((429, {}), api.RateLimited), (404, api.UnexpectedAnswer), (b"", api.UnexpectedAnswer)),
        )
