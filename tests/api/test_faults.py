"""When something between us and the service breaks: which error says so, and that none says too much.

The error decides what happens next (API.md, DESIGN.md's promise 5): NotReachable may be repeated, OutcomeUnknown must
not before the sent log was asked. A fault in the wrong column is a message lost or a message sent twice.
"""

import asyncio
from contextlib import nullcontext
from typing import Any, Final

import pytest

from custom_components.smsmobileapi.api import (
    InvalidCredentials,
    NotReachable,
    OutcomeUnknown,
    RateLimited,
    Refused,
    SmsMobileApiClient,
    SmsMobileApiError,
    SubscriptionExpired,
    UnexpectedAnswer,
)
from simulator import Account, Simulator
from simulator.faults import KINDS

from .conftest import FailureOf, Impatient
from .methods import METHODS, OTHERS
from .wire import Wire

type Outcome = type[SmsMobileApiError] | None

LATE: Final = {"seconds": 20}
WRONG_KEY: Final = {"status": 403, "error": "invalid_apikey"}
NO_KEY: Final = {"status": 400, "error": "missing_apikey"}
EXPIRED: Final = {"status": 403, "error": "api_expired"}

# fault, its options → what each method raises; None: it has nothing to complain about.
#        kind           options                           prove                poll                 send
TABLE: Final[list[tuple[str, dict[str, Any], Outcome, Outcome, Outcome]]] = [
    # The service says no.
    ("status",      {"status": 400},                  Refused,             Refused,             Refused),
    ("status",      NO_KEY,                           InvalidCredentials,  InvalidCredentials,  InvalidCredentials),
    ("status",      {"status": 401},                  InvalidCredentials,  InvalidCredentials,  InvalidCredentials),
    ("status",      {"status": 403},                  InvalidCredentials,  InvalidCredentials,  InvalidCredentials),
    ("status",      WRONG_KEY,                        InvalidCredentials,  InvalidCredentials,  InvalidCredentials),
    ("status",      EXPIRED,                          SubscriptionExpired, SubscriptionExpired, SubscriptionExpired),
    ("status",      {"status": 404},                  Refused,             Refused,             Refused),
    ("status",      {"status": 429},                  RateLimited,         RateLimited,         RateLimited),
    ("status",      {"status": 429, "retry_after": 7}, RateLimited,        RateLimited,         RateLimited),
    # The service is broken. Only 503 says that nothing was done.
    ("status",      {"status": 500},                  OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("status",      {"status": 502},                  OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("status",      {"status": 503},                  NotReachable,        NotReachable,        NotReachable),
    ("status",      {"status": 503, "retry_after": 7}, NotReachable,       NotReachable,        NotReachable),
    ("status",      {"status": 504},                  OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("html",        {"status": 500},                  OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("html",        {"status": 502, "taken": True},   OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("html",        {"status": 503},                  NotReachable,        NotReachable,        NotReachable),
    ("empty",       {"status": 503},                  NotReachable,        NotReachable,        NotReachable),
    ("html",        {"status": 429},                  RateLimited,         RateLimited,         RateLimited),
    # Something answers, but not the service.
    ("html",        {},                               UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("html",        {"taken": True},                  UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("html",        {"status": 403},                  UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("html",        {"status": 404},                  UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("empty",       {},                               UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("empty",       {"status": 404},                  UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("nonsense",    {"body": {}},                     UnexpectedAnswer,    UnexpectedAnswer,    OutcomeUnknown),
    ("nonsense",    {"body": None},                   UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("nonsense",    {"body": "soon"},                 UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("nonsense",    {"body": 7},                      UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    ("nonsense",    {"body": {}, "status": 201},      UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    # A list, though one without a message in it.
    ("nonsense",    {},                               UnexpectedAnswer,    None,                UnexpectedAnswer),
    ("big",         {"mib": 9},                       UnexpectedAnswer,    UnexpectedAnswer,    UnexpectedAnswer),
    # An object without a list, and `success` is true.
    ("big",         {"mib": 1},                       None,                UnexpectedAnswer,    OutcomeUnknown),
    # The connection breaks; nobody knows when.
    ("cut",         {},                               OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("drop_before", {},                               OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("drop_after",  {},                               OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("hang_after",  LATE,                             OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("delay",       LATE,                             OutcomeUnknown,      OutcomeUnknown,      OutcomeUnknown),
    ("delay",       {"seconds": 0.01},                None,                None,                None),
]  # fmt: skip # a table

MATRIX = [
    pytest.param(kind, options, method, outcome, id=f"{kind}-{options}-{method}")
    for kind, options, prove, poll, send in TABLE
    for method, outcome in zip(METHODS, (prove, poll, send, send), strict=True)
]


def test_every_fault_of_the_simulator_is_in_the_table() -> None:
    assert {kind for kind, *_ in TABLE} == set(KINDS)


@pytest.mark.parametrize(("kind", "options", "method", "outcome"), MATRIX)
async def test_fault(
    client: SmsMobileApiClient,
    simulator: Simulator,
    service_account: Account,
    failure_of: FailureOf,
    impatient: Impatient,
    kind: str,
    options: dict[str, Any],
    method: str,
    outcome: Outcome,
) -> None:
    simulator.fault("*", kind, count=9, **options)
    if outcome is None:
        await METHODS[method](client)
        return
    with impatient() if options is LATE else nullcontext():
        error = await failure_of(METHODS[method](client))
    assert type(error) is outcome
    if isinstance(error, RateLimited):
        assert error.retry_after == options.get("retry_after", 60)
    # Whoever is told that nothing was sent will send again.
    if not isinstance(error, OutcomeUnknown):
        assert not service_account.sent
    if method in ("sms", "whatsapp"):
        assert len(simulator.requests) == 1


@pytest.mark.parametrize("method", OTHERS)
@pytest.mark.parametrize(
    ("kind", "options", "outcome"),
    [
        pytest.param(kind, options, outcome, id=f"{kind}-{options}")
        for kind, options, _, _, outcome in TABLE
        # What is no answer to a send may be one to another question.
        if outcome and kind not in ("nonsense", "big") and options != {"status": 404}
    ],
)
async def test_fault_of_the_others(
    client: SmsMobileApiClient,
    simulator: Simulator,
    service_account: Account,
    failure_of: FailureOf,
    impatient: Impatient,
    kind: str,
    options: dict[str, Any],
    outcome: type[SmsMobileApiError],
    method: str,
) -> None:
    simulator.fault("*", kind, count=9, **options)
    with impatient() if options is LATE else nullcontext():
        assert type(await failure_of(OTHERS[method](client))) is outcome
    # aiohttp repeats a GET whose connection broke, and never a POST.
    if method in ("resend", "delete", "push"):
        assert len(simulator.requests) == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "cut", "hang_after"])
async def test_a_send_is_never_repeated_behind_our_back(
    client: SmsMobileApiClient,
    simulator: Simulator,
    service_account: Account,
    failure_of: FailureOf,
    impatient: Impatient,
    kind: str,
) -> None:
    """A connection that is used again is one that libraries like to try again on."""
    await METHODS["sms"](client)
    simulator.fault("/sendsms/", kind)
    with impatient() if kind == "hang_after" else nullcontext():
        await failure_of(METHODS["sms"](client))
    assert len(simulator.requests) == 2
    assert len(service_account.sent) == (1 if kind == "drop_before" else 2)


async def test_the_client_works_on_after_every_fault(
    client: SmsMobileApiClient,
    simulator: Simulator,
    service_account: Account,
    failure_of: FailureOf,
    impatient: Impatient,
) -> None:
    """No connection is left in a state that spoils the next request."""
    for kind in KINDS:
        simulator.fault("/sendsms/", kind)
        with impatient() if kind in ("delay", "hang_after") else nullcontext():
            await failure_of(METHODS["sms"](client))
        assert await METHODS["sms"](client)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    wire: Wire, wired: SmsMobileApiClient, failure_of: FailureOf, method: str, status: int
) -> None:
    """The key goes to the service and to nobody to whom something on the way points."""
    wire.say(b"", status=status, headers={"Location": "/elsewhere/"})
    assert type(await failure_of(METHODS[method](wired))) is UnexpectedAnswer
    assert "/elsewhere/" not in [seen.path for seen in wire.seen]


@pytest.mark.parametrize("method", METHODS)
async def test_giving_up_is_no_error_of_the_service(
    client: SmsMobileApiClient, simulator: Simulator, service_account: Account, method: str
) -> None:
    """A task that is cancelled stays cancelled: otherwise Home Assistant waits for it while it goes down."""
    simulator.fault("*", "hang_after")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await METHODS[method](client)
