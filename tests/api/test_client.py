"""The client when all is well: what it asks, and what it makes of the answers."""

from datetime import UTC, datetime, timedelta
import logging
import time
from typing import Any, get_args
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from custom_components.smsmobileapi.api import (
    DEFAULT_URL,
    ApiKey,
    Channel,
    SendRequest,
    SmsMobileApiClient,
    Source,
)
from simulator import Account, Simulator
from simulator.dresses import ListShape, NumberDress, TimeDress
from tests.conftest import KEY

from .secrecy import BARE, NUMBER, TEXT, logged, secrets_in
from .wire import Seen, Wire

BUDAPEST = ZoneInfo("Europe/Budapest")
SENT = {"result": {"error": 0, "sent": "1", "id": "c319d3b35e8f", "note": "sent by mobile"}}
PHONES = {"success": True, "connected_now": 1, "items": [{"sid": "phone-1"}]}


def row(guid: str = "g1", **fields: Any) -> dict[str, Any]:
    return {"guid": guid, "number": NUMBER, "message": "hi", "timestamp_unix": 1760000000, **fields}


class TestRequests:
    """The requests, to the letter. A field that is missing, doubled or in the wrong place shows here."""

    @pytest.mark.parametrize("recipient", [NUMBER, "1770"])
    async def test_an_sms(self, wire: Wire, wired: SmsMobileApiClient, recipient: str) -> None:
        wire.say(SENT)
        await wired.send_message(SendRequest(recipient=recipient, text=TEXT, channel=Channel.SMS))
        (seen,) = wire.seen
        assert (seen.method, seen.path) == ("POST", "/sendsms/")
        assert sorted(seen.form) == [
            ("apikey", KEY),
            ("from", "Home Assistant"),
            ("message", TEXT),
            ("recipients", recipient),
            ("sendsms", "1"),
        ]

    async def test_a_whatsapp_message_is_never_an_sms_too(
        self, wire: Wire, wired: SmsMobileApiClient
    ) -> None:
        wire.say(SENT)
        await wired.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=Channel.WHATSAPP))
        (seen,) = wire.seen
        assert (seen.method, seen.path) == ("POST", "/sendsms/")
        assert sorted(seen.form) == [
            ("apikey", KEY),
            ("from", "Home Assistant"),
            ("message", TEXT),
            ("recipients", BARE),
            ("sendsms", "0"),
            ("sendwa", "1"),
            ("waonly", "yes"),
        ]

    @pytest.mark.parametrize("channel", Channel)
    async def test_nothing_of_a_post_is_in_its_address(
        self, wire: Wire, wired: SmsMobileApiClient, channel: Channel
    ) -> None:
        wire.say(SENT)
        await wired.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=channel))
        (seen,) = wire.seen
        assert seen.query == []
        assert seen.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
        assert not secrets_in(str(dict(seen.headers)))

    @pytest.mark.parametrize(
        ("after", "field"),
        [
            (None, []),
            (0, [("after_timestamp_unix", "0")]),
            (1760000000, [("after_timestamp_unix", "1760000000")]),
        ],
    )
    async def test_a_poll(
        self, wire: Wire, wired: SmsMobileApiClient, after: int | None, field: list[tuple[str, str]]
    ) -> None:
        """`after` 0 is a time like any other."""
        wire.say([])
        await wired.received_messages(after=after, zone=UTC)
        assert wire.seen == [get("/getsms/", *field, headers=wire.seen[0].headers)]

    async def test_one_question_is_enough_to_prove_a_key(self, wire: Wire, wired: SmsMobileApiClient) -> None:
        wire.say(PHONES)
        await wired.verify_credentials()
        assert wire.seen == [get("/gateway/mobile/list/", headers=wire.seen[0].headers)]

    async def test_the_list_of_calls_is_asked_for_one_call(
        self, wire: Wire, wired: SmsMobileApiClient
    ) -> None:
        wire.say_in_turn({**PHONES, "items": []}, {"success": True, "rows": []})
        await wired.verify_credentials()
        assert wire.seen[1:] == [get("/call/incoming/list/", ("limit", "1"), headers=wire.seen[1].headers)]

    @pytest.mark.parametrize("ending", ["", "/", "//"])
    async def test_an_address_may_end_in_a_slash(
        self, wire: Wire, session: aiohttp.ClientSession, ending: str
    ) -> None:
        wire.say([])
        client = SmsMobileApiClient(session, ApiKey(KEY), wire.url + ending)
        await client.received_messages(after=None, zone=UTC)
        assert wire.seen[0].path == "/getsms/"

    @pytest.mark.parametrize("key", ["a&apikey=b", "+ %2B=", "ключ", "a#b?c"])
    async def test_any_key_arrives_as_it_is(
        self, wire: Wire, session: aiohttp.ClientSession, key: str
    ) -> None:
        client = SmsMobileApiClient(session, ApiKey(key), wire.url)
        wire.say(SENT)
        await client.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=Channel.SMS))
        wire.say([])
        await client.received_messages(after=None, zone=UTC)
        assert ("apikey", key) in wire.seen[0].form
        assert wire.seen[1].query == [("apikey", key)]

    def test_the_service_is_asked_over_tls(self) -> None:
        assert DEFAULT_URL == "https://api.smsmobileapi.com"


def get(path: str, *fields: tuple[str, str], headers: Any) -> Seen:
    """Return the GET request as it has to be: signed, and nothing beside."""
    return Seen(method="GET", path=path, query=[("apikey", KEY), *fields], form=[], headers=headers)


class TestSending:
    @pytest.mark.parametrize("channel", Channel)
    async def test_a_sent_message_has_the_id_of_the_service(
        self, client: SmsMobileApiClient, service_account: Account, channel: Channel
    ) -> None:
        sent = await client.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=channel))
        (taken,) = service_account.sent
        assert sent == taken.guid
        assert taken.channel == channel.value

    @pytest.mark.parametrize(
        "text", ["több\nsor\r\n ☃ 👩‍🚀", "a=b&c=d;e %20+ #?", " spaces ", "x" * 4000, "\0", '"quoted"', "0"]
    )
    async def test_a_text_arrives_as_it_was_written(
        self, client: SmsMobileApiClient, service_account: Account, text: str
    ) -> None:
        await client.send_message(SendRequest(recipient=NUMBER, text=text, channel=Channel.SMS))
        assert service_account.sent[0].fields["message"] == text

    @pytest.mark.parametrize("message_id", ["c319d3b35e8f", 17])
    async def test_an_id_may_be_a_number(
        self, wire: Wire, wired: SmsMobileApiClient, message_id: object
    ) -> None:
        wire.say({"result": {**SENT["result"], "id": message_id}})
        sent = await wired.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=Channel.SMS))
        assert sent == str(message_id)

    @pytest.mark.parametrize("error", [0, "0", "", None])
    async def test_no_error_in_any_dress(self, wire: Wire, wired: SmsMobileApiClient, error: object) -> None:
        wire.say({"result": {**SENT["result"], "error": error}})
        await wired.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=Channel.SMS))


class TestReceiving:
    @pytest.mark.parametrize("shape", get_args(ListShape.__value__))
    @pytest.mark.parametrize("count", [0, 1, 3])
    async def test_wherever_the_list_stands(
        self, client: SmsMobileApiClient, service_account: Account, shape: ListShape, count: int
    ) -> None:
        service_account.list_shape = shape
        for number in range(count):
            service_account.receive(NUMBER, f"text {number}", timestamp=1760000000 + number)
        messages = await client.received_messages(after=None, zone=UTC)
        assert [message.text for message in messages] == [f"text {number}" for number in range(count)]
        assert all(message.source is Source.POLL for message in messages)

    @pytest.mark.parametrize("newest_first", [False, True])
    async def test_oldest_first(
        self, client: SmsMobileApiClient, service_account: Account, newest_first: bool
    ) -> None:
        service_account.newest_first = newest_first
        for number in range(3):
            service_account.receive(NUMBER, str(number), timestamp=1760000000 + number)
        messages = await client.received_messages(after=None, zone=UTC)
        assert [message.text for message in messages] == ["0", "1", "2"]

    async def test_one_second_keeps_the_order_of_the_service(
        self, wire: Wire, wired: SmsMobileApiClient
    ) -> None:
        wire.say([row(str(number)) for number in range(20)])
        messages = await wired.received_messages(after=None, zone=UTC)
        assert [message.message_id for message in messages] == [str(number) for number in range(20)]

    async def test_only_what_came_after(self, client: SmsMobileApiClient, service_account: Account) -> None:
        for number in range(3):
            service_account.receive(NUMBER, str(number), timestamp=1760000000 + number)
        messages = await client.received_messages(after=1760000001, zone=UTC)
        assert [message.text for message in messages] == ["2"]

    @pytest.mark.parametrize("dress", get_args(TimeDress.__value__))
    @pytest.mark.parametrize("zone", [UTC, BUDAPEST, ZoneInfo("America/St_Johns")])
    @pytest.mark.parametrize(
        "day", [datetime(2026, 1, 20, 10, 15, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)]
    )
    async def test_times_in_every_dress(
        self,
        client: SmsMobileApiClient,
        service_account: Account,
        dress: TimeDress,
        zone: ZoneInfo,
        day: datetime,
    ) -> None:
        service_account.time_dress, service_account.time_zone = dress, zone
        service_account.receive(NUMBER, "hi", timestamp=day.timestamp())
        (message,) = await client.received_messages(after=None, zone=zone)
        if dress == "unreadable":
            assert abs(message.received_at.timestamp() - time.time()) < 5
            assert message.origin == "soon"
        else:
            assert message.received_at == day
            assert message.origin == str(int(day.timestamp()))
        assert message.received_at.utcoffset() == timedelta(0)

    @pytest.mark.parametrize("dress", get_args(NumberDress.__value__))
    async def test_numbers_in_every_dress(
        self, client: SmsMobileApiClient, service_account: Account, dress: NumberDress
    ) -> None:
        service_account.number_dress = dress
        service_account.receive(NUMBER, "hi")
        (message,) = await client.received_messages(after=None, zone=UTC)
        assert message.sender in {NUMBER, BARE, f"00{BARE}"}

    async def test_an_unknown_key_has_no_messages(
        self, session: aiohttp.ClientSession, simulator: Simulator, service_account: Account
    ) -> None:
        """The service says so: this is why `received_messages` proves no key."""
        service_account.receive(NUMBER, "hi")
        client = SmsMobileApiClient(session, ApiKey("another"), simulator.url)
        assert await client.received_messages(after=None, zone=UTC) == []


class TestSecrets:
    async def test_nothing_shows_the_key(self, client: SmsMobileApiClient) -> None:
        assert not secrets_in(f"{client!r} {client} {ApiKey(KEY)!r} {ApiKey(KEY)}")

    async def test_good_requests_log_nothing_secret(
        self, client: SmsMobileApiClient, service_account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        service_account.receive(NUMBER, TEXT)
        await client.verify_credentials()
        await client.received_messages(after=None, zone=UTC)
        for channel in Channel:
            await client.send_message(SendRequest(recipient=NUMBER, text=TEXT, channel=channel))
        assert not any(secrets_in(line) for line in logged(caplog.records))
