"""OAuth2: what is asked for with a token, what goes wrong with one, and that nothing shows it."""

from contextlib import nullcontext
from datetime import UTC
from typing import Any, get_args

import aiohttp
import pytest

from custom_components.smsmobileapi.api import (
    ClientCredentials,
    InvalidCredentials,
    SmsMobileApiClient,
    SmsMobileApiError,
)
from simulator import Account, Simulator
from simulator.dresses import TokenDress

from .conftest import FailureOf, Impatient
from .methods import METHODS
from .secrecy import CLIENT_ID, CLIENT_SECRET, NUMBER, TOKEN, logged, secrets_in
from .test_faults import LATE, TABLE
from .tokens import TOKEN_PATH, Tokens, paths
from .wire import Wire


class TestRequests:
    async def test_to_the_letter(self, wire: Wire, oauth_wired: SmsMobileApiClient) -> None:
        Tokens(wire)
        await METHODS["sms"](oauth_wired)
        asked, sent = wire.seen
        assert (asked.method, asked.path, asked.query) == ("POST", TOKEN_PATH, [])
        assert sorted(asked.form) == [
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("grant_type", "client_credentials"),
        ]
        assert "Authorization" not in asked.headers
        assert sent.headers["Authorization"] == "Bearer t-1"
        assert sorted(name for name, _ in sent.form) == ["from", "message", "recipients", "sendsms"]

    async def test_a_get_has_the_token_in_its_header_alone(
        self, wire: Wire, oauth_wired: SmsMobileApiClient
    ) -> None:
        wire.say_in_turn({"access_token": TOKEN}, [])
        await oauth_wired.received_messages(after=None, zone=UTC)
        assert wire.seen[1].headers["Authorization"] == f"Bearer {TOKEN}"
        assert wire.seen[1].query == []

    @pytest.mark.parametrize("dress", get_args(TokenDress.__value__))
    @pytest.mark.parametrize("method", METHODS)
    async def test_all_that_a_key_can_do(
        self, oauth_client: SmsMobileApiClient, service_account: Account, method: str, dress: TokenDress
    ) -> None:
        service_account.token_dress = dress
        await METHODS[method](oauth_client)

    async def test_set_up_asks_for_the_token_and_the_phones_alone(
        self, oauth_client: SmsMobileApiClient, simulator: Simulator
    ) -> None:
        await oauth_client.verify_credentials()
        assert paths(simulator) == [TOKEN_PATH, "/gateway/mobile/list/"]

    async def test_each_token_is_told_before_it_is_used(
        self, session: aiohttp.ClientSession, wire: Wire
    ) -> None:
        """So that whoever keeps it out of the logs is there before it can be in one."""
        tokens = Tokens(wire)
        tokens.good = {"t-2"}
        told: list[tuple[str, list[str]]] = []
        credentials = ClientCredentials(
            CLIENT_ID, CLIENT_SECRET, on_token=lambda token: told.append((token, tokens.used))
        )
        await METHODS["sms"](SmsMobileApiClient(session, credentials, wire.url))
        assert told == [("t-1", []), ("t-2", ["t-1"])]


class TestFaults:
    """What goes wrong with a request goes wrong alike with a key and with a token."""

    @pytest.mark.parametrize(
        ("kind", "options", "outcome"),
        [
            pytest.param(kind, options, outcome, id=f"{kind}-{options}")
            for kind, options, _, _, outcome in TABLE
        ],
    )
    async def test_fault(
        self,
        oauth_client: SmsMobileApiClient,
        simulator: Simulator,
        failure_of: FailureOf,
        impatient: Impatient,
        kind: str,
        options: dict[str, Any],
        outcome: type[SmsMobileApiError] | None,
    ) -> None:
        await METHODS["sms"](oauth_client)
        simulator.requests.clear()
        simulator.fault("/sendsms/", kind, count=9, **options)
        if outcome is None:
            await METHODS["sms"](oauth_client)
            return
        with impatient() if options is LATE else nullcontext():
            assert type(await failure_of(METHODS["sms"](oauth_client))) is outcome
        # Nothing but a refusal of the token may be repeated.
        assert paths(simulator).count("/sendsms/") == (2 if outcome is InvalidCredentials else 1)


class TestSecrets:
    async def test_good_requests_log_nothing_secret(
        self, oauth_client: SmsMobileApiClient, service_account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        for method in METHODS.values():
            await method(oauth_client)
            service_account.revoke_tokens()
        assert len(service_account.tokens) == len(METHODS)
        for line in logged(caplog.records):
            assert not secrets_in(line)
            assert not any(token in line for token in service_account.tokens)

    @pytest.mark.parametrize(
        "words",
        [
            f"bad client {CLIENT_ID}",
            f"{CLIENT_SECRET} is not the secret",
            "s3cr3t%2F5e%2B41%3Df0 is not the secret",
            f"client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}",
            f"{'x' * 195}{CLIENT_SECRET}",
        ],
    )
    @pytest.mark.parametrize("name", ["error", "error_description", "message", "note", "detail"])
    async def test_no_reason_of_the_token_endpoint_repeats_the_client(
        self, wire: Wire, oauth_wired: SmsMobileApiClient, failure_of: FailureOf, words: str, name: str
    ) -> None:
        wire.say({"error": "bad_request", name: words}, status=400)
        error = await failure_of(METHODS["sms"](oauth_wired))
        assert "…" in str(error)

    @pytest.mark.parametrize(
        "words", [f"token {TOKEN} may not", f"Bearer {TOKEN.upper()}", f"{'x' * 195}{TOKEN}", CLIENT_SECRET]
    )
    async def test_no_reason_of_a_request_repeats_the_token(
        self, wire: Wire, oauth_wired: SmsMobileApiClient, failure_of: FailureOf, words: str
    ) -> None:
        refused = {"result": {"error": 0, "sent": "0", "note": words}}
        wire.say_in_turn({"access_token": TOKEN}, refused)
        error = await failure_of(METHODS["sms"](oauth_wired))
        assert "…" in str(error) and TOKEN[:6].lower() not in str(error).lower()

    async def test_a_number_is_no_less_secret_with_a_token(
        self, wire: Wire, oauth_wired: SmsMobileApiClient, failure_of: FailureOf
    ) -> None:
        wire.say_in_turn({"access_token": TOKEN}, {"success": False, "error": f"{NUMBER}?"})
        await failure_of(METHODS["sms"](oauth_wired))
