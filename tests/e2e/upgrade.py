"""Home Assistant is upgraded from version 0.1 of the integration during traffic, and backed up during traffic.

`scripts/upgrade` starts Home Assistant with the integration as it was before it had a database, with texts by V1, V2 and poll,
messages that are sent, and one by WhatsApp whose report is still expected. It stops Home Assistant, or kills it while it runs
or while it starts, replaces the integration by this one, and goes on. Nothing may be lost or doubled, and the limits and the
followed message have to be known. At the end a backup of Home Assistant is made during traffic: the database in it has to be
whole, and to have what was fired before.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
import io
import json
from pathlib import Path
import sqlite3
import subprocess
import sys
import tarfile
import time

from simulator import Account, Simulator
from tests.e2e.configuration import DOMAIN, EVENT_WRITER, REPORTED, ROOT
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.process import free_port, until
from tests.e2e.session import add_account, add_contact, new_account, run_in_directories, set_options
from tests.e2e.steps import StepError, Steps, check
from tests.e2e.traffic import LONGEST_DELAY, Traffic, until_quiet, write_down, writer_dir, written
from tests.e2e.websocket import HassError, Json

# The last commit before the database.
OLD_COMMIT = "9052da974e342471fc7f2f5af67fe927cf1e58b2"
OLD_FILES = ("ledger", "journal", "limits", "reports", "webhook")
TEXTS = 150
# Half of the limit, which is what one caller may send.
PER_DAY = 5
SENT_BEFORE = 3
CONTACT = {"name": "Anna", "number": "+36301112233", "channel": "whatsapp_else_sms"}
# Home Assistant saves a new account, like any config entry, with a delay.
SAVE_SECONDS = 4


def old_integration(directory: Path) -> Path:
    """Return the integration of the old commit, unpacked below `directory`."""
    path = "custom_components/smsmobileapi"
    archive = subprocess.run(["git", "archive", OLD_COMMIT, path], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(directory, filter="data")
    return directory / path


class Upgrade:
    """One upgrade: Home Assistant, an account and its traffic."""

    def __init__(self, hass: HomeAssistant, simulator: Simulator, account: Account, seed: int) -> None:
        self.hass = hass
        self.simulator = simulator
        self.account = account
        self.traffic = Traffic(simulator, account, seed)
        self.entry_id = ""

    def files(self) -> list[str]:
        """The names of the account's files, without what is common to all."""
        prefix = f"{DOMAIN}.{self.entry_id}."
        folder = self.hass.config_dir / ".storage"
        return sorted(file.name.removeprefix(prefix) for file in folder.glob(f"{prefix}*"))

    async def run(self, end: Callable[[Upgrade], Awaitable[None]], old: Path, new: Path) -> None:
        """Upgrade from `old` to `new`; `end` ends Home Assistant in its own way."""
        self.hass.integration = old
        await self.hass.start()
        self.entry_id = await add_account(self.hass, self.simulator, self.account)
        await add_contact(self.hass, self.entry_id, CONTACT)
        await set_options(self.hass, self.entry_id, messages_per_day=2 * PER_DAY)
        await write_down(self.hass)
        await asyncio.sleep(SAVE_SECONDS)
        for number in range(SENT_BEFORE - 1):
            await self.send(f"Before {number}", "sms")
        self.account.whatsapp_delivery_error = ""
        self.account.delivery_delay = 3600
        followed = await self.send("Followed", "whatsapp_else_sms")
        texts = asyncio.create_task(self.traffic.send(TEXTS))
        await asyncio.sleep(TEXTS / 25 / 3)
        await end(self)
        check(set(self.files()) >= {"ledger", "limits", "reports"}, f"the old files are {self.files()}")
        self.hass.integration = new
        reports = await self.hass.listen(REPORTED)
        await self.hass.start()
        await texts
        await self.hass.call_action("event_writer", "poll", {})
        await until_quiet()
        self.traffic.tally().check()
        await self.check_files()
        await self.check_followed(followed, reports)
        await self.check_limit()

    async def send(self, text: str, channel: str) -> str:
        """Send a message; return its id."""
        data: Json = {"recipients": ["Anna"], "message": text, "channel": channel}
        response = await self.hass.call_action(DOMAIN, "send_message", data, response=True)
        message_id: str = response["recipients"][0]["message_id"]
        return message_id

    async def check_files(self) -> None:
        left = set(self.files()) & set(OLD_FILES)
        check(not left, f"these old files are left: {left}")
        database = self.hass.config_dir / ".storage" / f"{DOMAIN}.{self.entry_id}.db"
        mode = database.stat().st_mode & 0o777
        check(mode == 0o600, f"the database has the mode {mode:o}")

    async def check_followed(self, message_id: str, reports: list[Json]) -> None:
        """Have the phone report the followed WhatsApp message as failed: an SMS follows."""
        self.account.delivery_delay = 0
        [message] = [sent for sent in self.account.sent if sent.guid == message_id]
        message.error, message.due = "NO_ROUTE_TO_WHATSAPP", time.time()
        data = {"guid": message_id, "recipient": message.recipient, "error": message.error}
        await self.simulator.deliver_v2(self.account, "whatsapp.failed", data)

        async def is_reported() -> bool:
            return (message_id, "failed") in [(one["message_id"], one["status"]) for one in reports]

        async def has_sms() -> bool:
            texts = [(sent.channel, sent.fields["message"]) for sent in self.account.sent]
            return texts[-1] == ("sms", "Followed")

        await until("the report of the failed message", is_reported)
        await until("the SMS in its place", has_sms)

    async def check_limit(self) -> None:
        """The messages from before the upgrade and the SMS count: one more is sent, the next one is refused."""
        await self.send("The last one", "sms")
        try:
            await self.send("One too many", "sms")
        except HassError as error:
            check("a day" in str(error), f"the error is {error}")
        else:
            raise StepError("the messages that were sent before the upgrade are not counted")
        check(len(self.account.sent) == PER_DAY, f"{len(self.account.sent)} messages were sent")


async def stopped(upgrade: Upgrade) -> None:
    """it is stopped"""
    await upgrade.hass.stop()


async def killed(upgrade: Upgrade) -> None:
    """it is killed"""
    await upgrade.hass.kill()
    upgrade.traffic.kills.append(time.time())


async def killed_at_start(upgrade: Upgrade) -> None:
    """it is restarted, and killed while it starts"""
    await upgrade.hass.stop()
    hold = writer_dir() / "hold_start"
    hold.touch()
    await upgrade.hass.launch()

    async def is_loaded() -> bool:
        return bool((await upgrade.hass.entry(upgrade.entry_id))["state"] == "loaded")

    # Before that, Home Assistant itself answers the webhook.
    await until("the account to be set up", is_loaded, 60)
    await upgrade.traffic.send(20)
    check("journal" in upgrade.files(), f"the old files are {upgrade.files()}")
    await upgrade.hass.kill()
    upgrade.traffic.kills.append(time.time())
    hold.unlink()


async def back_up(upgrade: Upgrade, steps: Steps) -> None:
    """Make a backup with Home Assistant during traffic, and look into it."""
    texts = asyncio.create_task(upgrade.traffic.send(TEXTS))
    await asyncio.sleep(LONGEST_DELAY)
    known = _handled(upgrade.hass.config_dir / ".storage" / f"{DOMAIN}.{upgrade.entry_id}.db")
    [agent] = [
        one["agent_id"]
        for one in (await upgrade.hass.command("backup/agents/info"))["agents"]
        if one["agent_id"].endswith(".local")
    ]
    started = time.time()
    await upgrade.hass.command("backup/generate", agent_ids=[agent], name="test", include_database=False)

    async def made() -> Json | None:
        info = await upgrade.hass.command("backup/info")
        return next(iter(info["backups"]), None) if info["state"] == "idle" else None

    backup = await until("the backup", made, 120)
    ended = time.time()
    path = f"/api/backup/download/{backup['backup_id']}?agent_id={agent}"
    content = await upgrade.hass.download(path)
    await texts
    folder = upgrade.hass.config_dir / "restored"
    with tarfile.open(fileobj=io.BytesIO(content)) as outer:
        [inner] = [name for name in outer.getnames() if name.startswith("homeassistant.tar")]
        file = outer.extractfile(inner)
        assert file
        with tarfile.open(fileobj=io.BytesIO(file.read())) as tar:
            members = [one for one in tar.getmembers() if f"{DOMAIN}.{upgrade.entry_id}.db" in one.name]
            tar.extractall(folder, members=members, filter="data")
    [database] = list(folder.rglob("*.db"))
    with sqlite3.connect(database) as connection:
        (result,) = connection.execute("pragma integrity_check").fetchone()
    check(result == "ok", f"the integrity check says {result}")
    copied = _handled(database)
    check(known <= copied, f"{len(known - copied)} of {len(known)} keys are not in the backup")
    await upgrade.hass.call_action("event_writer", "poll", {})
    await until_quiet()
    upgrade.traffic.tally().check()
    fired = sum(started < at < ended for times in written().values() for at in times)
    check(fired, "no text came in during the backup")
    steps.show(
        texts_fired_during_the_backup=fired,
        files_in_backup=", ".join(sorted(Path(one.name).name for one in members)),
        keys_before=len(known),
        keys_in_backup=len(copied),
    )


def _handled(database: Path) -> set[bytes]:
    with sqlite3.connect(database) as connection:
        keys = {key for (key,) in connection.execute("select key from handled")}
    connection.close()
    return keys


async def upgrade(directory: Path, seed: int) -> None:
    steps = Steps()
    old = old_integration(directory / "old")
    for number, end in enumerate((stopped, killed, killed_at_start)):
        config = directory / str(number)
        config.mkdir()
        (writer_dir() / "events.jsonl").unlink(missing_ok=True)
        hass = HomeAssistant(config, free_port(), components=(EVENT_WRITER,))
        new = hass.integration
        async with Simulator() as simulator, hass:
            one = Upgrade(hass, simulator, new_account(simulator, "upgrade"), seed)
            steps.begin(f"The integration is upgraded during traffic after {(end.__doc__ or '').strip()}")
            await one.run(end, old, new)
            tally = one.traffic.tally()
            steps.show(
                texts=len(one.traffic.sent),
                lost=len(tally.lost),
                doubled=len(tally.doubled),
                doubled_in_the_second_before_a_kill=len(tally.doubled_before_kill),
                files=", ".join(one.files()),
                webhook_answers=json.dumps(dict(sorted(one.traffic.answers.items()))),
            )
            if end is killed_at_start:
                steps.begin("Home Assistant makes a backup during traffic")
                await back_up(one, steps)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/upgrade", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    seed = parser.parse_args().seed
    return run_in_directories("upgrade", lambda directory: upgrade(directory, seed))


if __name__ == "__main__":
    sys.exit(main())
