"""What came too late to act on, and what a restored backup does not know: kept, counted and shown, but not fired."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
import json
from pathlib import Path
import shutil
from types import SimpleNamespace
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.backup.const import EXCLUDE_FROM_BACKUP
from homeassistant.core import CoreState
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.const import DOMAIN

from ..conftest import settle
from .installation import Installation
from .service import ANNA, event, v1, whatsapp, whatsapp_event


def issue(ha: Installation) -> ir.IssueEntry | None:
    return ir.async_get(ha.hass).async_get_issue(DOMAIN, f"kept_messages_{ha.entry.entry_id}")


def receive(ha: Installation, text: str, **ago: float) -> None:
    """Let the service receive a text so long ago; its name is its text."""
    at = (dt_util.utcnow() - timedelta(**ago)).timestamp()
    ha.account.receive(ANNA, text, text, timestamp=at)


async def come_back(ha: Installation, freezer: FrozenDateTimeFactory, **passed: float) -> None:
    """Let Home Assistant be down for so long, and start again."""
    await ha.unload()
    freezer.tick(timedelta(**passed))
    for hours in (47, 30, 23, 1):
        receive(ha, f"{hours} hours ago", hours=hours)
    await ha.set_up(CoreState.starting)
    await ha.started()


async def fire_kept(ha: Installation) -> Any:
    return await ha.hass.services.async_call(
        DOMAIN, "fire_kept_messages", {}, blocking=True, return_response=True
    )


async def test_what_is_older_than_a_day_is_kept_and_can_be_fired_after_all(
    ha: Installation, freezer: FrozenDateTimeFactory
) -> None:
    ha.account.add_call("missed", ANNA, at=(dt_util.utcnow() + timedelta(hours=5)).timestamp())
    await come_back(ha, freezer, days=2)
    for _ in range(2):
        assert ha.texts == ["23 hours ago", "1 hours ago"]
        assert ha.calls == []
        assert len(ha.entry.runtime_data.kept) == 2
        shown = issue(ha)
        assert shown and shown.translation_placeholders
        assert shown.translation_placeholders["count"] == "2"
        await ha.second()
        await ha.kill()
        await ha.started()
        await ha.poll()
    answers = await asyncio.gather(*(fire_kept(ha) for _ in range(2)))
    assert sorted(answer["fired"] for answer in answers) == [0, 2]
    assert ha.texts[2:] == ["47 hours ago", "30 hours ago"]
    assert [each.data["age"] // 3600 for each in ha.received] == [23, 1, 47, 30]
    assert issue(ha) is None
    await ha.second()
    await ha.reload()
    await ha.poll()
    assert len(ha.texts) == 4
    assert issue(ha) is None


@pytest.mark.parametrize("again", [Installation.kill, Installation.start_up])
async def test_what_is_to_be_fired_outlives_the_start(
    ha: Installation, again: Callable[[Installation], Awaitable[None]]
) -> None:
    receive(ha, "old", hours=40)
    await ha.poll()
    await ha.start_up()
    assert (await fire_kept(ha))["fired"] == 1
    await ha.second()
    await again(ha)
    assert len(ha.entry.runtime_data.kept) == 1
    await fire_kept(ha)
    await ha.started()
    assert ha.texts == ["old"]
    await ha.second()
    await ha.reload()
    assert len(ha.entry.runtime_data.kept) == 0


@pytest.mark.parametrize(("choice", "fired"), [("fire", 2), ("drop", 0)])
async def test_the_repair_issue_offers_both(
    ha: Installation, hass_client: ClientSessionGenerator, choice: str, fired: int
) -> None:
    assert await async_setup_component(ha.hass, "repairs", {})
    ha.hass.config_entries.async_update_entry(ha.entry, options={"max_age_hours": 1})
    for hours in (0, 2, 3):
        receive(ha, f"{hours}", hours=hours)
    await ha.poll()
    ha.received.clear()
    client = await hass_client()
    path = "/api/repairs/issues/fix"
    start = {"handler": DOMAIN, "issue_id": f"kept_messages_{ha.entry.entry_id}"}
    form = await (await client.post(path, json=start)).json()
    assert form["menu_options"] == ["fire", "drop"]
    answer = await client.post(f"{path}/{form['flow_id']}", json={"next_step_id": choice})
    assert (await answer.json())["type"] == "create_entry"
    await settle(ha.hass)
    assert len(ha.received) == fired
    assert len(ha.entry.runtime_data.kept) == 0
    assert issue(ha) is None


async def test_the_age_is_an_option(ha: Installation, freezer: FrozenDateTimeFactory) -> None:
    ha.hass.config_entries.async_update_entry(ha.entry, options={"max_age_hours": 40})
    await come_back(ha, freezer, days=2)
    assert ha.texts == ["30 hours ago", "23 hours ago", "1 hours ago"]


async def test_what_the_webhook_brings_is_never_too_old(ha: Installation) -> None:
    """Whatever the phone's clock says."""
    at = (dt_util.utcnow() - timedelta(days=400)).timestamp()
    assert await ha.post(v1("by V1", at=at)) == HTTPStatus.OK
    body = event("whatsapp.received", whatsapp("by V2", received_at="2024-01-01T00:00:00Z"))
    assert await ha.post(body) == HTTPStatus.ACCEPTED
    assert ha.texts == ["by V1", "by V2"]


# Restored from a backup.


def back_up(ha: Installation) -> dict[Path, bytes]:
    """Return what Home Assistant's backup has of its configuration folder."""
    folder = Path(ha.hass.config.config_dir)
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and not any(
            Path("data", path.relative_to(folder)).full_match(f"data/{name}") for name in EXCLUDE_FROM_BACKUP
        )
    }


def restore(ha: Installation, files: dict[Path, bytes], *, is_overlaid: bool) -> None:
    """Put a backup back as Home Assistant does: into an empty folder; or else over what is there."""
    folder = Path(ha.hass.config.config_dir)
    if not is_overlaid:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def no_mark(ha: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody say that it was restored."""


def result_file(ha: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Home Assistant leaves until the integration backup is set up."""
    Path(ha.hass.config.path(".HA_RESTORE_RESULT")).write_text(json.dumps({"success": True}))


def backup_manager(ha: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What that says from then on."""
    last = SimpleNamespace(manager_state="restore_backup", state="completed")
    ha.hass.data["backup"] = SimpleNamespace(last_action_event=last)


def supervisor(ha: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISOR_RESTORE_JOB_ID", "0123")


type Mark = Callable[[Installation, pytest.MonkeyPatch], None]


@pytest.mark.parametrize(
    ("mark", "is_overlaid"),
    [(no_mark, False), (result_file, True), (backup_manager, True), (supervisor, True)],
)
async def test_nothing_from_before_a_restore_is_fired_however_young(
    ha: Installation,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    mark: Mark,
    is_overlaid: bool,
) -> None:
    await ha.start_up()
    assert await ha.post(whatsapp_event("in the journal")) == HTTPStatus.ACCEPTED
    backup = back_up(ha)
    await ha.started()
    assert ha.texts == ["in the journal"]
    for index in range(20):
        freezer.tick(timedelta(hours=2, minutes=24))
        receive(ha, f"{index}")
        await ha.poll()
    assert len(ha.texts) == 21
    ha.received.clear()
    await ha.unload()
    restore(ha, backup, is_overlaid=is_overlaid)
    ha.hass.data.pop(f"{DOMAIN}_restore_checked")
    mark(ha, monkeypatch)
    freezer.tick(timedelta(minutes=5))
    receive(ha, "while it was restored", minutes=1)
    await ha.set_up(CoreState.starting)
    await ha.started()
    await ha.poll()
    assert ha.texts == []
    assert len(ha.entry.runtime_data.kept) == 22
    # From then on all is as it was.
    for text in ("new", "newer"):
        freezer.tick(timedelta(minutes=5))
        receive(ha, text)
        await ha.reload()
        await ha.poll()
    assert ha.texts == ["new", "newer"]
    assert len(ha.entry.runtime_data.kept) == 22


async def test_a_kill_is_no_restore(ha: Installation, freezer: FrozenDateTimeFactory) -> None:
    await ha.second()
    files = ha.files()
    freezer.tick(timedelta(hours=2))
    receive(ha, "meanwhile", hours=1)
    await ha.kill(files)
    await ha.started()
    assert ha.texts == ["meanwhile"]
