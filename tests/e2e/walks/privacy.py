"""What nobody else may read: diagnostics and the whole log are searched for it."""

from collections import Counter
from collections.abc import Iterable
import json
import re

from tests.e2e.guide import MARK, Guide, Step
from tests.e2e.people import DESK, NUMBERS
from tests.e2e.story import DOMAIN
from tests.e2e.tell import check

OURS = f"[custom_components.{DOMAIN}"
# A token as the simulator makes it, in a header or an answer: no other one has that length.
TOKEN = re.compile(r"(?i)(bearer |access_token\W+)[\w-]{32}(?![\w-])")
# What Home Assistant itself says of an account that has to be signed in again.
EXPECTED = "Authentication failed while fetching"
LEGACY = re.compile(r"(?i)deprecat|detected that|will stop working|stops? working|breaks? in|report_usage")


async def diagnostics(guide: Guide) -> None:
    """Diagnostics of the accounts, a phone and a contact help, and hold no key, secret, address, number, name or text."""
    [contact] = [
        one
        for one in await guide.home.command("config/device_registry/list")
        if one["model"] == "Contact" and one["name"] == "Boldi"
    ]
    phone = await guide.device(f"{guide.anna.entry_id}_{DESK}")
    account = await guide.device(guide.anna.entry_id)
    assert phone and account
    found = {
        "account": await guide.diagnostics(guide.anna),
        "other_account": await guide.diagnostics(guide.accounts["bela"]),
        "account_device": await guide.diagnostics(guide.anna, account["id"]),
        "phone": await guide.diagnostics(guide.anna, phone["id"]),
        "contact": await guide.diagnostics(guide.anna, contact["id"]),
    }
    check(found["phone"]["data"]["phone"]["battery"] == 90, f"the phone's are {found['phone']['data']}")
    check(found["contact"]["data"]["contact"]["channel"] == "sms", f"they are {found['contact']['data']}")
    check(found["account"]["data"]["inbox"]["counts"], "nothing was counted")
    for name, one in found.items():
        text = json.dumps(one, ensure_ascii=False)
        private = _private_in(text, guide, {"Boldi", "Csilla", "phone 1"})
        check(not private, f"those of the {name} have {private}")
        guide.tell.values(**{name: f"{len(text)} characters, {', '.join(one['data'])}"})


async def removed(guide: Guide) -> None:
    """An account that is removed leaves nothing behind: no device, entity, repair issue or file."""
    account = guide.accounts["bela"]
    files = guide.home.config_dir / ".storage"
    before = [file.name for file in files.iterdir() if account.entry_id in file.name]
    check(before, "it has no file that could be left")
    await guide.home.delete(f"/api/config/config_entries/entry/{account.entry_id}")
    left = [file.name for file in files.iterdir() if account.entry_id in file.name]
    devices = await guide.home.command("config/device_registry/list")
    left += [one["name"] for one in devices if account.entry_id in one["config_entries"]]
    entities = await guide.home.command("config/entity_registry/list")
    left += [one["entity_id"] for one in entities if one["config_entry_id"] == account.entry_id]
    listed = await guide.home.command("repairs/list_issues")
    left += [one["issue_id"] for one in listed["issues"] if account.entry_id in one["issue_id"]]
    check(not left, f"these are left: {', '.join(left)}")
    guide.tell.values(files_before=", ".join(before))


async def secrets(guide: Guide) -> None:
    """The log, at debug level for everything, has no key, client secret, signing secret, token or live link."""
    lines = guide.home.log.read_text(errors="replace").splitlines()
    for line in lines:
        found = [secret for secret in guide.private if secret in line and not _is_cores(secret, line)]
        check(not found, f"it has {found}: {line[:400]}")
        check(not TOKEN.search(line), f"it has a token: {line[:400]}")
    guide.tell.values(lines=len(lines), searched_for=len(guide.private))


async def own_lines(guide: Guide) -> None:
    """What the integration logs has no number and no text, no error, and is not much."""
    records = list(_records(guide.home.log.read_text(errors="replace").splitlines()))
    own = [record for record in records if OURS in record.partition("\n")[0]]
    for record in own:
        private = [number for number in NUMBERS if number in record]
        check(not private and MARK not in record.lower(), f"it has a number or text: {record[:400]}")
        check(" ERROR " not in record or EXPECTED in record, f"it has an error: {record[:400]}")
        check("Traceback" not in record or " DEBUG " in record, f"it has a traceback: {record[:400]}")
    levels = Counter(record.split()[2] for record in own)
    guide.tell.values(**levels)


async def legacy(guide: Guide) -> None:
    """No line of the log says that the integration uses what is deprecated."""
    for record in _records(guide.home.log.read_text(errors="replace").splitlines()):
        is_about_us = DOMAIN in record and " DEBUG " not in record
        check(not (is_about_us and LEGACY.search(record)), f"it has: {record[:600]}")


async def unexpected(guide: Guide) -> None:
    """No error of anybody has the integration in its traceback, but for what actions answered with."""
    for record in _records(guide.home.log.read_text(errors="replace").splitlines()):
        is_error = " ERROR " in record.partition("\n")[0] or " CRITICAL " in record.partition("\n")[0]
        check(not (is_error and f"custom_components/{DOMAIN}/" in record), f"it has: {record[:800]}")


def _private_in(text: str, guide: Guide, names: Iterable[str]) -> list[str]:
    wanted = [*guide.private, *NUMBERS, MARK, *names, guide.service.url]
    return [one for one in wanted if one.lower() in text.lower()]


def _is_cores(secret: str, line: str) -> bool:
    """Tell whether Home Assistant itself wrote it, where nothing inside an integration can help.

    These are addresses that are called before the account is loaded and once it is not any more, and links that have ended.
    """
    is_address = len(secret) in (43, 64)
    return is_address and ("[homeassistant.components.webhook]" in line or "helpers.http]" in line)


def _records(lines: Iterable[str]) -> Iterable[str]:
    """Put the lines of a record together: a traceback belongs to the line before it."""
    record: list[str] = []
    for line in lines:
        if re.match(r"\d{4}-\d\d-\d\d ", line) and record:
            yield "\n".join(record)
            record = []
        record.append(line)
    yield "\n".join(record)


STEPS: tuple[Step, ...] = (diagnostics, removed, secrets, own_lines, legacy, unexpected)
