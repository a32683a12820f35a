"""Deleting a message from the service's log, and pushing a notification to a phone."""

from typing import Any, get_args

import pytest

from custom_components.smsmobileapi.api import (
    InvalidCredentials,
    OutcomeUnknown,
    PhoneOffline,
    RateLimited,
    Refused,
    SmsMobileApiClient,
    SmsMobileApiError,
    UnexpectedAnswer,
)
from simulator import Account
from simulator.dresses import DeleteDress, ErrorDress

from .conftest import FailureOf
from .secrecy import NUMBER, SID, TEXT
from .wire import Wire

GUID = "c319d3b35e8f"
TITLE = "Somebody rang the bell"


class TestDeletion:
    async def test_to_the_letter(self, wire: Wire, wired: SmsMobileApiClient) -> None:
        wire.say({"success": True, "deleted": 1})
        assert await wired.delete_message(GUID) is True
        (seen,) = wire.seen
        assert (seen.method, seen.path, seen.query) == ("POST", "/deletesms/", [])
        assert sorted(seen.form)[1:] == [("guid", GUID)]

    @pytest.mark.parametrize("error_dress", get_args(ErrorDress.__value__))
    @pytest.mark.parametrize("dress", get_args(DeleteDress.__value__))
    async def test_every_dress(
        self,
        client: SmsMobileApiClient,
        service_account: Account,
        dress: DeleteDress,
        error_dress: ErrorDress,
    ) -> None:
        service_account.delete_dress, service_account.error_dress = dress, error_dress
        row = service_account.receive(NUMBER, TEXT)
        assert await client.delete_message("another") is False
        assert row.deleted is False
        assert await client.delete_message(row.guid) is True
        assert row.deleted is True
        assert await client.delete_message(row.guid) is False

    @pytest.mark.parametrize(
        ("status", "answer", "expected"),
        [
            # The path is a guess.
            (404, b"<html></html>", UnexpectedAnswer),
            (405, b"", UnexpectedAnswer),
            (404, {"error": "path_not_found"}, Refused),
            (404, {"error": "Endpoint not found"}, Refused),
            (200, {}, UnexpectedAnswer),
            (200, {"deleted": None}, UnexpectedAnswer),
            (200, [], UnexpectedAnswer),
            (200, "ok", UnexpectedAnswer),
            (200, {"success": False}, Refused),
            (200, {"success": False, "error": "not_allowed"}, Refused),
            (400, {"success": False, "error": "missing_guid"}, Refused),
            (403, {"success": False, "error": "invalid_apikey"}, InvalidCredentials),
            (200, {"result": {"error": 2}}, PhoneOffline),
            (500, {"success": False, "error": "not_found"}, OutcomeUnknown),
            (429, {}, RateLimited),
        ],
        ids=repr,
    )
    async def test_refusals(
        self,
        wire: Wire,
        wired: SmsMobileApiClient,
        failure_of: FailureOf,
        status: int,
        answer: Any,
        expected: type[SmsMobileApiError],
    ) -> None:
        wire.say(answer, status=status)
        assert type(await failure_of(wired.delete_message(GUID))) is expected

    async def test_a_token_that_is_refused_is_no_missing_message(
        self, wire: Wire, oauth_wired: SmsMobileApiClient, failure_of: FailureOf
    ) -> None:
        wire.say({"success": False, "error": "number_not_found"}, status=404)
        for request in (oauth_wired.delete_message(GUID), oauth_wired.is_on_whatsapp(NUMBER)):
            assert isinstance(await failure_of(request), Refused)


class TestNotifications:
    async def test_to_the_letter(self, wire: Wire, wired: SmsMobileApiClient) -> None:
        wire.say({"success": True, "id": 7})
        await wired.send_notification(SID, TITLE, TEXT)
        (seen,) = wire.seen
        # No slash at the end.
        assert (seen.method, seen.path, seen.query) == ("POST", "/notification/send", [])
        assert sorted(seen.form)[1:] == [("message", TEXT), ("sid", SID), ("title", TITLE)]

    async def test_it_arrives(self, client: SmsMobileApiClient, service_account: Account) -> None:
        await client.send_notification("phone-1", TITLE, TEXT)
        (pushed,) = service_account.notifications
        assert (pushed.sid, pushed.title, pushed.message) == ("phone-1", TITLE, TEXT)

    async def test_a_phone_that_is_off(
        self, client: SmsMobileApiClient, service_account: Account, failure_of: FailureOf
    ) -> None:
        service_account.phones[0].online = False
        error = await failure_of(client.send_notification("phone-1", TITLE, TEXT))
        assert type(error) is PhoneOffline
        assert not service_account.notifications

    async def test_a_phone_that_is_not_there(
        self, client: SmsMobileApiClient, service_account: Account, failure_of: FailureOf
    ) -> None:
        error = await failure_of(client.send_notification(SID, TITLE, TEXT))
        assert type(error) is Refused
        assert error.reason == "unknown_sid"

    @pytest.mark.parametrize(
        "answer", [{"success": True}, {"success": 1, "id": 7}, {"result": {"error": "0"}}]
    )
    async def test_yes(self, wire: Wire, wired: SmsMobileApiClient, answer: Any) -> None:
        wire.say(answer)
        await wired.send_notification(SID, TITLE, TEXT)

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            ({}, UnexpectedAnswer),
            ([], UnexpectedAnswer),
            ("ok", UnexpectedAnswer),
            (200, UnexpectedAnswer),
            (404, UnexpectedAnswer),
            ({"result": {}}, UnexpectedAnswer),
            ({"success": False}, Refused),
            ({"success": False, "error": "number is not connected to WhatsApp"}, Refused),
            ({"success": False, "error": "mobile_not_connected_to_whatsapp"}, Refused),
            ({"error": "invalid_apikey"}, InvalidCredentials),
        ],
        ids=repr,
    )
    async def test_no(
        self,
        wire: Wire,
        wired: SmsMobileApiClient,
        failure_of: FailureOf,
        answer: Any,
        expected: type[SmsMobileApiError],
    ) -> None:
        wire.say_in_turn(answer)
        assert type(await failure_of(wired.send_notification(SID, TITLE, TEXT))) is expected

    @pytest.mark.parametrize(
        "words",
        [f"no phone {SID}", f"no phone {SID.upper()}", f"not allowed: {TITLE}", f"bad title {TITLE[:20]}…"],
    )
    async def test_no_reason_repeats_what_was_pushed(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, words: str
    ) -> None:
        wire.say({"success": False, "error": words})
        error = await failure_of(wired.send_notification(SID, TITLE, TEXT))
        assert "rang" not in str(error) and "7f31" not in str(error)
