"""The addresses at which the service reaches an account: what each answers, and when (promise 1)."""

from http import HTTPStatus
from pathlib import Path
import subprocess
import sys
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.const import DOMAIN
from custom_components.smsmobileapi.inbound.addresses import async_find_addresses, own_path

from ..conftest import EXTERNAL_URL
from ..flows.dialogs import begin_change, cloudhooks  # noqa: F401 -- a fixture
from ..test_repairs import assert_translated, fix, ignore, issues
from .installation import Installation
from .service import event, sms, whatsapp_event

UNKNOWN = "0" * 64


def webhook_path(ha: Installation) -> str:
    """Return the path of Home Assistant's webhook, which is in dashboards already."""
    return f"/api/webhook/{ha.entry.data['webhook_id']}"


async def post_at(ha: Installation, path: str, body: bytes) -> int:
    async with ha.client.post(path, data=body) as answer:
        return answer.status


async def test_both_addresses_take_a_message_and_it_is_fired_once(ha: Installation) -> None:
    body = event("sms.received", sms())
    statuses = [await post_at(ha, path, body) for path in (ha.path, webhook_path(ha), ha.path)]
    assert statuses == [HTTPStatus.ACCEPTED, HTTPStatus.OK, HTTPStatus.OK]
    assert await ha.handle(whatsapp_event("by the cloud")) == HTTPStatus.ACCEPTED
    assert ha.texts == ["hi", "by the cloud"]


async def test_an_unknown_id_is_answered_as_an_unknown_path(ha: Installation) -> None:
    for method in ("POST", "GET", "PUT", "DELETE", "PATCH", "HEAD"):
        answers: list[Any] = []
        for path in (
            "/api/nothing/at-all",
            own_path(UNKNOWN),
            own_path(f"{ha.path[-64:-1]}x"),
            own_path("%F0%9F"),
        ):
            async with ha.client.request(method, path, data=b"x" * 1000) as answer:
                answers.append((answer.status, await answer.text(), answer.content_type))
        assert answers[0][0] == HTTPStatus.NOT_FOUND, method
        assert answers == answers[:1] * 4, method
    # Home Assistant counts a 401 from an unknown path as a failed login.
    assert await ha.post(b"x") == HTTPStatus.BAD_REQUEST


async def test_nothing_is_accepted_before_an_account_is_set_up(
    hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """From the first moment on, also where its set-up fails; Home Assistant's webhook would answer 200."""
    ids = {name: f"{name:0>64}" for name in ("a", "disabled")}
    MockConfigEntry(domain=DOMAIN, data={"webhook_id": ids["a"]}, version=99).add_to_hass(hass)
    MockConfigEntry(
        domain=DOMAIN, data={"webhook_id": ids["disabled"]}, disabled_by=ConfigEntryDisabler.USER
    ).add_to_hass(hass)
    await async_setup_component(hass, DOMAIN, {})
    client = await hass_client_no_auth()

    async def statuses(webhook_id: str) -> list[int]:
        found = []
        for path in (own_path(webhook_id), f"/api/webhook/{webhook_id}"):
            async with client.post(path, data=whatsapp_event("hi")) as answer:
                found.append(answer.status)
        return found

    assert await statuses(ids["a"]) == [HTTPStatus.SERVICE_UNAVAILABLE] * 2
    assert (await statuses(ids["disabled"]))[0] == HTTPStatus.NOT_FOUND


async def test_an_account_refuses_while_it_is_unloaded_and_takes_again(ha: Installation) -> None:
    await ha.unload()
    body = whatsapp_event("hi")
    for path in (ha.path, webhook_path(ha)):
        assert await post_at(ha, path, body) == HTTPStatus.SERVICE_UNAVAILABLE
    await ha.set_up()
    assert await post_at(ha, ha.path, body) == HTTPStatus.ACCEPTED
    await ha.hass.config_entries.async_remove(ha.entry.entry_id)
    assert await post_at(ha, ha.path, body) == HTTPStatus.NOT_FOUND
    assert ha.texts == ["hi"]


# Which one is offered.


async def test_the_old_address_goes_on_and_the_better_one_is_offered(
    ha: Installation, hass_client: ClientSessionGenerator
) -> None:
    user = await hass_client()
    await post_at(ha, webhook_path(ha), b'{"number": "1", "message": "V1 is not delivered again anywhere"}')
    assert issues(ha.hass) == {}
    assert await post_at(ha, webhook_path(ha), whatsapp_event("1")) == HTTPStatus.ACCEPTED
    issue = issues(ha.hass)["old_address"]
    assert ha.entry.data["webhook_id"] not in str(issue)
    step = await fix(user, issue)
    await assert_translated(ha.hass, "old_address", step)
    assert step["description_placeholders"]["own_url"] == EXTERNAL_URL + ha.path
    # Who ignores it is not asked again, not after a reload either.
    ignore(ha.hass, "old_address")
    await ha.reload()
    assert await post_at(ha, webhook_path(ha), whatsapp_event("2")) == HTTPStatus.ACCEPTED
    ignored = ir.async_get(ha.hass).async_get_issue(DOMAIN, issue.issue_id)
    assert ignored and ignored.dismissed_version
    # It ends where the address is used.
    assert await post_at(ha, ha.path, whatsapp_event("3")) == HTTPStatus.ACCEPTED
    assert issues(ha.hass) == {}
    # A cloudhook leads to the webhook, too, and is all right.
    assert await ha.handle(whatsapp_event("4")) == HTTPStatus.ACCEPTED
    assert issues(ha.hass) == {}


async def test_both_addresses_are_shown(ha: Installation) -> None:
    flow = await begin_change(ha.hass, ha.entry, "address")
    shown = flow["description_placeholders"] or {}
    assert (flow["step_id"], shown["webhook_url"], shown["other_url"]) == (
        "webhook", EXTERNAL_URL + ha.path, EXTERNAL_URL + webhook_path(ha),
    )  # fmt: skip


@pytest.mark.parametrize("external_url", [EXTERNAL_URL, None])
async def test_with_home_assistant_cloud_its_address_is_first(
    ha: Installation,
    cloudhooks: dict[str, str],  # noqa: F811 -- a fixture
    external_url: str | None,
) -> None:
    """And our own is second, where Home Assistant can be reached from outside."""
    await ha.hass.config.async_update(external_url=external_url, internal_url="http://192.168.1.2:8123")
    flow = await begin_change(ha.hass, ha.entry, "address")
    (cloudhook,) = cloudhooks.values()
    shown = flow["description_placeholders"] or {}
    own = external_url + ha.path if external_url else "–"
    assert (flow["step_id"], shown["webhook_url"], shown["other_url"]) == ("cloudhook", cloudhook, own)


async def test_the_clouds_remote_access_leads_to_our_own_address(hass: HomeAssistant) -> None:
    hass.config.components.add("cloud")
    with patch("homeassistant.components.cloud.async_remote_ui_url", return_value="https://x.ui.nabu.casa"):
        addresses = await async_find_addresses(hass, UNKNOWN)
    assert addresses.first == f"https://x.ui.nabu.casa{own_path(UNKNOWN)}"


# What is loaded for it.


def test_what_is_not_set_up_is_not_imported() -> None:
    """In a home without Home Assistant Cloud, importing it would cost 0.8 s of CPU time and 10 MB."""
    script = """
import importlib, pkgutil, sys
import custom_components.smsmobileapi as ours
for module in pkgutil.walk_packages(ours.__path__, ours.__name__ + "."):
    importlib.import_module(module.name)
print(*(name for name in ("cloud", "camera", "image", "media_source") if f"homeassistant.components.{name}" in sys.modules))
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
