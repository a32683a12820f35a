"""Whether a number is on WhatsApp: nobody knows how the answer looks (API.md, G)."""

import json
from typing import Any, get_args

from hypothesis import given, settings
import pytest

from custom_components.smsmobileapi.api import (
    InvalidCredentials,
    PhoneOffline,
    RateLimited,
    Refused,
    SmsMobileApiClient,
    SmsMobileApiError,
    UnexpectedAnswer,
)
from custom_components.smsmobileapi.api.whatsapp import on_whatsapp
from simulator import Account
from simulator.formats import CheckFormat

from .conftest import FailureOf
from .secrecy import BARE, NUMBER
from .test_client import get
from .test_webhook import JSON
from .wire import Wire

YES = [
    True,
    1,
    1.0,
    "1",
    "true",
    "True",
    "yes",
    "YES ",
    "valid",
    "exists",
    "registered",
    "available",
    "found",
]
NO = [
    *(False, 0, 0.0, "0", "false", "no", "invalid", "not_exists", "not exists", "Not-Exists", "not_found"),
    *("unregistered", "not registered", "does not exist", "not_on_whatsapp", "unavailable"),
]
SPEAKING = [
    *("on_whatsapp", "onWhatsApp", "is_on_whatsapp", "whatsapp", "is_whatsapp", "isWhatsapp", "has_whatsapp"),
    *("whatsapp_exists", "existsWhatsapp", "contact_found_on_whatsapp", "wa", "wa_exists", "is_wa"),
    *("exists", "exist", "numberExists", "number_exists", "registered", "is_registered", "found"),
    *("valid", "is_valid", "available", "status", "state", "result", "data", "response"),
]
SILENT: list[object] = [None, "", "perhaps", "ok", "success", 200, -1, 2, [], {}, [True, False], "2026-01-20"]


class TestRequest:
    async def test_to_the_letter(self, wire: Wire, wired: SmsMobileApiClient) -> None:
        wire.say({"on_whatsapp": True})
        assert await wired.is_on_whatsapp(NUMBER) is True
        assert wire.seen == [
            get("/whatsapp/checknumber/", ("recipients", BARE), headers=wire.seen[0].headers)
        ]

    @pytest.mark.parametrize("dress", get_args(CheckFormat.__value__))
    @pytest.mark.parametrize("is_on", [True, False])
    async def test_every_dress_of_the_simulator(
        self, client: SmsMobileApiClient, service_account: Account, dress: CheckFormat, is_on: bool
    ) -> None:
        service_account.check_format = dress
        service_account.whatsapp_numbers = {BARE} if is_on else set()
        assert await client.is_on_whatsapp(NUMBER) is (None if dress == "vague" else is_on)


class TestShapes:
    @pytest.mark.parametrize(
        ("value", "is_on"), [*((v, True) for v in YES), *((v, False) for v in NO)], ids=repr
    )
    @pytest.mark.parametrize("name", ["on_whatsapp", "exists", "status", "result"])
    def test_every_value(self, name: str, value: object, is_on: bool) -> None:
        assert on_whatsapp({"success": True, name: value}, BARE) is is_on

    @pytest.mark.parametrize("name", SPEAKING)
    @pytest.mark.parametrize("is_on", [True, False])
    def test_every_name(self, name: str, is_on: bool) -> None:
        assert on_whatsapp({"success": True, "error": 0, "number": BARE, name: is_on}, BARE) is is_on

    @pytest.mark.parametrize(
        "around",
        [
            lambda row: row,
            lambda row: [row],
            lambda row: {"success": True, "result": row},
            lambda row: {"success": True, "data": row},
            lambda row: {"success": True, "data": [row]},
            lambda row: {"success": True, "rows": [row]},
            lambda row: {"result": {"error": 0, "data": [row]}},
            lambda row: {"success": True, "data": {"0": row}},
            lambda row: {"success": True, BARE: row},
            lambda row: {"status": "success", "status_code": 200, "contact": row},
            # What the request came to is not what the number is.
            lambda row: {"status": True, "valid": True, "result": row},
            lambda row: {"exists": "1", "result": row},
        ],
        ids=range(12),
    )
    @pytest.mark.parametrize("is_on", [True, False])
    @pytest.mark.parametrize("name", ["whatsapp", "exists"])
    def test_wherever_it_stands(self, around: Any, name: str, is_on: bool) -> None:
        assert on_whatsapp(around({"number": BARE, name: is_on}), BARE) is is_on

    @pytest.mark.parametrize("key", [BARE, NUMBER])
    @pytest.mark.parametrize("is_on", [True, False])
    def test_under_the_number_itself(self, key: str, is_on: bool) -> None:
        assert on_whatsapp({"success": True, "data": {key: is_on}}, BARE) is is_on

    @pytest.mark.parametrize(("answer", "is_on"), [(True, True), ("no", False), ([False], False), (7, None)])
    def test_nothing_around_it(self, answer: object, is_on: bool | None) -> None:
        assert on_whatsapp(answer, BARE) is is_on

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            [],
            {"success": True},
            {"success": True, "error": 0},
            {"result": {"error": 0}},
            {"result": {"error": "0", "sent": "1", "note": "checked"}},
            {"success": True, "number": BARE},
            {"success": True, "send_with_whatsapp": "1"},
            {"success": True, "not_on_whatsapp": True},
            {"success": True, "note": "yes", "id": 1, "count": 0},
            [{"exists": True}, {"exists": False}],
            {"data": [{"exists": True}, {"exists": True}]},
            # It cannot be both.
            {"a": {"exists": True}, "b": {"exists": False}},
            {"on_whatsapp": True, "is_whatsapp": False},
            *({"success": True, "on_whatsapp": value} for value in SILENT),
        ],
        ids=repr,
    )
    def test_what_tells_nothing(self, answer: object) -> None:
        """That there was no error is no yes, for a message by WhatsApp would be lost on it."""
        assert on_whatsapp(answer, BARE) is None

    @pytest.mark.parametrize(
        ("answer", "is_on"),
        [
            ({"valid": True, "whatsapp": False}, False),
            ({"available": True, "exists": False}, False),
            ({"status": "valid", "exists": "no"}, False),
            ({"whatsapp": None, "exists": True}, True),
            ({"whatsapp": {"number": BARE, "status": "invalid"}, "status": "ok"}, False),
            ({"status": 1, "result": {"status": "not_exists"}}, False),
        ],
    )
    def test_what_can_only_mean_whatsapp_comes_first(self, answer: object, is_on: bool) -> None:
        """A number may be valid, and an account active, without WhatsApp."""
        assert on_whatsapp(answer, BARE) is is_on

    @given(JSON)
    @settings(deadline=None, max_examples=300, database=None, derandomize=True)
    def test_any_json_tells_or_does_not(self, value: Any) -> None:
        value = json.loads(json.dumps(value))
        for answer in (value, {"result": value}, {"on_whatsapp": value, "status": {BARE: value}}):
            assert on_whatsapp(answer, BARE) in (True, False, None)


class TestRefusals:
    @pytest.mark.parametrize(
        "words",
        [
            "not_on_whatsapp",
            "number not on WhatsApp",
            f"{NUMBER} is not on WhatsApp",
            "This number is not registered on WhatsApp.",
            "No WhatsApp account",
            "not_exists",
            "number_not_exists",
            "does not exist",
            "not registered",
            "number_not_found",
        ],
    )
    @pytest.mark.parametrize("name", ["error", "note"])
    async def test_a_no_to_the_number_is_an_answer(
        self, wire: Wire, wired: SmsMobileApiClient, words: str, name: str
    ) -> None:
        wire.say({"success": False, "error": "refused", name: words}, status=400)
        assert await wired.is_on_whatsapp(NUMBER) is False

    @pytest.mark.parametrize(
        ("status", "answer", "expected"),
        [
            (200, {"success": False, "error": "invalid_recipients"}, Refused),
            (400, {"success": False, "error": "missing_recipients"}, Refused),
            (404, {"success": False, "error": "not_found"}, Refused),
            (200, {"success": False, "note": "cannot check WhatsApp now"}, Refused),
            (200, {"success": False, "note": "could not reach WhatsApp"}, Refused),
            (200, {"success": False, "note": "WhatsApp is not connected"}, Refused),
            (200, {"success": False, "note": "the mobile is not connected to WhatsApp"}, Refused),
            (200, {"success": False, "error": "whatsapp_not_active"}, Refused),
            (200, {"success": False, "on_whatsapp": False}, Refused),
            (200, {"result": {"error": 2}}, PhoneOffline),
            (200, {"result": {"error": 1}}, InvalidCredentials),
            (429, {}, RateLimited),
            (404, b"<html></html>", UnexpectedAnswer),
            (200, b"", UnexpectedAnswer),
            (200, b"null", UnexpectedAnswer),
        ],
    )
    async def test_that_it_could_not_be_checked_is_none(
        self,
        wire: Wire,
        wired: SmsMobileApiClient,
        failure_of: FailureOf,
        status: int,
        answer: Any,
        expected: type[SmsMobileApiError],
    ) -> None:
        wire.say(answer, status=status)
        assert type(await failure_of(wired.is_on_whatsapp(NUMBER))) is expected
