"""Whatever JSON comes, the client answers or raises its own errors, which say nothing that is private."""

from collections.abc import Awaitable
import json
from typing import Any, Final, cast
from unittest.mock import patch

import aiohttp
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smsmobileapi.api import (
    ApiKey,
    ClientCredentials,
    Credentials,
    SmsMobileApiClient,
    SmsMobileApiError,
    client as module,
)
from custom_components.smsmobileapi.api.exchange import Answer
from tests.conftest import KEY

from .methods import METHODS, OTHERS
from .secrecy import CLIENT_ID, CLIENT_SECRET, NUMBER, SID, TEXT, TOKEN, assert_no_secret
from .test_webhook import JSON

NAMES: Final = (
    *("result", "success", "error", "note", "message", "detail", "sent", "id", "guid", "deleted", "code"),
    *("sms", "items", "rows", "data", "connected_now", "access_token", "expires_in", "error_description"),
    *("on_whatsapp", "status", "exists", "number", "phone_number", "date", "call_date_ms", "sid"),
)
WORDS: Final = st.sampled_from(
    [KEY, CLIENT_SECRET, TOKEN, SID, NUMBER, TEXT, "0", "1", "no", "invalid_client", "offline", "not_found"]
)
ANSWERS: Final = st.recursive(
    JSON | WORDS,
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=5) | st.lists(inner, max_size=2),
    max_leaves=8,
)


def outcome(request: Awaitable[object]) -> SmsMobileApiError | None:
    """Run a request that waits for nobody; return the error that it raised."""
    coroutine = cast("Any", request)
    try:
        coroutine.send(None)
    except StopIteration:
        return None
    except SmsMobileApiError as error:
        return error
    raise AssertionError("it waits")


@pytest.mark.parametrize("has_token", [False, True])
@given(answer=ANSWERS, status=st.sampled_from([200, 200, 200, 400, 401, 403, 404, 429, 500, 503]))
@settings(deadline=None, max_examples=250, database=None, derandomize=True)
def test_any_answer(has_token: bool, answer: Any, status: int) -> None:
    body = json.dumps(answer).encode()

    async def exchange(*request: Any, **_: Any) -> Answer:
        if has_token and request[2].endswith("/oauth2/token") and status != 400:
            return Answer(status=200, headers={}, body=json.dumps({"access_token": TOKEN}).encode())
        return Answer(status=status, headers={}, body=body)

    with patch.object(module, "exchange", exchange):
        for method in (METHODS | OTHERS).values():
            credentials: Credentials = (
                ClientCredentials(CLIENT_ID, CLIENT_SECRET) if has_token else ApiKey(KEY)
            )
            client = SmsMobileApiClient(cast("aiohttp.ClientSession", None), credentials, "")
            if error := outcome(method(client)):
                assert_no_secret(error, [])
