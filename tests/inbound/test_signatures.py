"""Signed requests that are refused: which are, what the user is told of the reason, and when that ends (promise 7)."""

from http import HTTPStatus
import json
import time

from homeassistant.helpers.translation import async_get_translations
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.const import DOMAIN
from simulator import sms_data

from ..conftest import settle
from ..test_repairs import assert_translated, fix, issues
from .installation import Installation
from .service import ANNA, SECRET, event, set_secret, signed, sms, whatsapp

type Request = tuple[bytes, dict[str, str]]


@pytest.fixture
async def secured(ha: Installation) -> Installation:
    """An account with a signing secret."""
    await set_secret(ha.hass, ha.entry, SECRET)
    return ha


async def test_a_signature_with_the_next_secret_counts(secured: Installation) -> None:
    """While the secret is being rotated, either one may be entered here."""
    row = secured.account.receive(ANNA, "hi")
    for secret, next_secret, status in (
        ("another", "a third", HTTPStatus.UNAUTHORIZED),
        ("another", SECRET, HTTPStatus.ACCEPTED),
        (SECRET, "another", HTTPStatus.ACCEPTED),
    ):
        secured.account.webhook_secret, secured.account.next_webhook_secret = secret, next_secret
        assert await secured.simulator.deliver_v2(secured.account, "sms.received", sms_data(row)) == status
    body = event("sms.received", sms("only that one", "g2"), "e2")
    headers = {name.replace("Signature", "Signature-Next"): value for name, value in signed(body).items()}
    assert await secured.post(body, headers) == HTTPStatus.ACCEPTED
    assert secured.texts == ["hi", "only that one"]


def rewritten(body: bytes, *, ascii_only: bool = True) -> bytes:
    """Return a body as a proxy writes it that parses JSON."""
    return json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=ascii_only).encode()


def refused_requests(body: bytes) -> dict[str, list[Request]]:
    """Return signed requests that are refused, by the issue that tells why."""
    now, good = int(time.time()), signed(body)
    php = body.replace(b"/", b"\\/")
    return {
        "wrong_secret": [(body, signed(body, "another"))],
        "wrong_clock": [(body, signed(body, stamp=str(now + off))) for off in (-400, 400, -86_400)],
        "changed_body": [
            (rewritten(body), good),
            (rewritten(body, ascii_only=False), good),
            (rewritten(php), signed(php)),
            (body.rstrip(), signed(body.rstrip() + b"\n")),
            (body[:-1], good),
            (b"<html>blocked</html>", good),
            (body, {name: value for name, value in good.items() if "Timestamp" not in name}),
            (body, signed(body, "another") | {"X-SMSMobileAPI-Event-ID": "of another event"}),
            (body, signed(body, "another") | {"X-SMSMobileAPI-Event": "of another type"}),
        ],
    }


@pytest.mark.parametrize("key", ["wrong_secret", "wrong_clock", "changed_body"])
async def test_the_reason_is_said_after_a_few_and_gone_with_a_good_one(
    secured: Installation, key: str
) -> None:
    for kind, data in (("sms.received", sms("a/ü")), ("whatsapp.received", whatsapp("a/ü"))):
        body = event(kind, data)
        for number, (changed, headers) in enumerate(refused_requests(body)[key]):
            for is_said in (False, False, True, True):
                assert await secured.post(changed, headers) == HTTPStatus.UNAUTHORIZED, changed
                assert issues(secured.hass).keys() == ({key} if is_said else set()), (changed, headers)
            good = event(kind, data, f"{kind} {number}")
            assert await secured.post(good, signed(good)) == HTTPStatus.ACCEPTED
            assert issues(secured.hass) == {}


async def test_the_issue_is_that_of_the_last_reason(secured: Installation) -> None:
    body = event("sms.received", sms())
    requests = refused_requests(body)
    for key in ("wrong_secret", "wrong_secret", "wrong_clock", "changed_body", "wrong_secret"):
        assert await secured.post(*requests[key][0]) == HTTPStatus.UNAUTHORIZED
    assert issues(secured.hass).keys() == {"wrong_secret"}
    assert secured.received == []


async def test_the_secret_can_be_entered_where_it_is_said(
    secured: Installation, hass_client: ClientSessionGenerator
) -> None:
    body = event("sms.received", sms())
    for key in ("changed_body", "wrong_secret"):
        for _ in range(3):
            assert await secured.post(*refused_requests(body)[key][0]) == HTTPStatus.UNAUTHORIZED
        user = await hass_client()
        await assert_translated(secured.hass, key, await fix(user, issues(secured.hass)[key]))
        await fix(user, issues(secured.hass)[key], {"signing_secret": "another"})
        await settle(secured.hass)
        assert issues(secured.hass) == {}
        # Those before count no more.
        assert await secured.post(body, signed(body)) == HTTPStatus.UNAUTHORIZED
        assert issues(secured.hass) == {}
        await set_secret(secured.hass, secured.entry, SECRET)
    texts = await async_get_translations(secured.hass, "en", "issues", {DOMAIN})
    for key in ("wrong_secret", "changed_body"):
        assert "paused" in texts[f"component.{DOMAIN}.issues.{key}.fix_flow.step.confirm.description"]
    assert "paused" in texts[f"component.{DOMAIN}.issues.wrong_clock.description"]
