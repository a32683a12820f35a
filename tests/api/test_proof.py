"""Whether the service knows the key: what proves it, and what does not."""

from typing import Any, get_args

import aiohttp
import pytest

from custom_components.smsmobileapi.api import (
    ApiKey,
    InvalidCredentials,
    SmsMobileApiClient,
    SubscriptionExpired,
    UnexpectedAnswer,
)
from simulator import Account, Simulator
from simulator.account import Dialect

from .conftest import FailureOf
from .wire import Wire

DIALECTS = get_args(Dialect.__value__)


class TestProof:
    """`verify_credentials`: the phones first, and the calls where those prove nothing (API.md)."""

    CALLS = {"success": True, "rows": []}
    NO_PHONES = {"success": True, "items": []}
    REFUSED = {"success": False, "error": "invalid_apikey"}

    @pytest.mark.parametrize(
        "phones",
        [
            pytest.param(NO_PHONES, id="no phones"),
            pytest.param({"success": True, "items": None}, id="null"),
            pytest.param({"success": True, "items": {}}, id="PHP's empty list"),
            pytest.param({"success": True}, id="no items"),
            pytest.param({"items": [{"sid": "a"}]}, id="no success"),
            pytest.param({}, id="nothing"),
            pytest.param([], id="list"),
            pytest.param(None, id="null body"),
            pytest.param("ok", id="text"),
            pytest.param(200, id="HTML"),
            pytest.param(403, id="HTML 403"),
            pytest.param(404, id="HTML 404"),
            pytest.param(302, id="HTML 302"),
        ],
    )
    async def test_the_calls_decide(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, phones: Any
    ) -> None:
        wire.say_in_turn(phones, self.CALLS)
        await wired.verify_credentials()
        assert [seen.path for seen in wire.seen] == ["/gateway/mobile/list/", "/call/incoming/list/"]
        wire.say_in_turn(phones, self.REFUSED)
        assert type(await failure_of(wired.verify_credentials())) is InvalidCredentials
        wire.say_in_turn(phones, {"success": False, "error": "api_expired"})
        assert type(await failure_of(wired.verify_credentials())) is SubscriptionExpired

    @pytest.mark.parametrize(
        "phones",
        [
            pytest.param({"result": {"error": 2, "note": "mobile is not connected"}}, id="phone offline"),
            pytest.param({"success": False, "error": "not_found"}, id="not found"),
            pytest.param({"success": False, "error": "no_phone", "message": "no phone yet"}, id="no phone"),
        ],
    )
    async def test_the_calls_decide_where_the_phones_are_refused(
        self, wire: Wire, wired: SmsMobileApiClient, phones: Any
    ) -> None:
        """No to the list of phones is not no to the key: an account can be added while its phone is off."""
        wire.say_in_turn(phones, self.CALLS)
        await wired.verify_credentials()

    async def test_a_missing_endpoint_proves_nothing(
        self, client: SmsMobileApiClient, simulator: Simulator, service_account: Account
    ) -> None:
        simulator.fault("/gateway/mobile/list/", "status", status=404)
        await client.verify_credentials()

    @pytest.mark.parametrize("phones", [200, 404, {}, NO_PHONES])
    @pytest.mark.parametrize("calls", [200, 404, {}, [], {"rows": []}, {"success": None}, "ok", 7.5])
    async def test_what_nobody_can_read_proves_nothing(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, phones: Any, calls: Any
    ) -> None:
        """A captive portal or a wrong address must not pass for a good key."""
        wire.say_in_turn(phones, calls)
        assert type(await failure_of(wired.verify_credentials())) is UnexpectedAnswer

    @pytest.mark.parametrize("phones", [REFUSED, {"result": {"error": 1}}, {"result": {"error": "1"}}])
    async def test_a_refused_key_is_not_asked_about_again(
        self, wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, phones: Any
    ) -> None:
        wire.say_in_turn(phones)
        assert type(await failure_of(wired.verify_credentials())) is InvalidCredentials
        assert len(wire.seen) == 1

    @pytest.mark.parametrize("dialect", DIALECTS)
    async def test_a_vague_list_of_phones(
        self,
        session: aiohttp.ClientSession,
        client: SmsMobileApiClient,
        simulator: Simulator,
        service_account: Account,
        failure_of: FailureOf,
        dialect: Dialect,
    ) -> None:
        """An unknown key and a new account look the same there."""
        simulator.vague_phone_list, simulator.dialect = True, dialect
        service_account.phones.clear()
        await client.verify_credentials()
        stranger = SmsMobileApiClient(session, ApiKey("another"), simulator.url)
        assert type(await failure_of(stranger.verify_credentials())) is InvalidCredentials

    async def test_an_account_whose_phone_is_off(
        self, client: SmsMobileApiClient, service_account: Account
    ) -> None:
        service_account.phones[0].online = False
        await client.verify_credentials()
