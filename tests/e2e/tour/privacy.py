"""Private data: diagnostics and the whole log are searched for it."""

from collections import Counter
from collections.abc import Iterator
import json
import re

from tests.e2e.configuration import DOMAIN
from tests.e2e.steps import check
from tests.e2e.tour.context import MARK, Tour
from tests.e2e.tour.names import DESK, NUMBERS

LOGGER = f"[custom_components.{DOMAIN}"
# A token of the simulator, in a header or an answer; nothing else has that length.
TOKEN = re.compile(r"(?i)(bearer |access_token\W+)[\w-]{32}(?![\w-])")
# The lines of Home Assistant for an account whose credentials are refused, and for one whose service is down.
EXPECTED = re.compile(r"Authentication failed while fetching|Error fetching .*The service can't be reached")
DEPRECATED = re.compile(
    r"(?i)deprecat|detected that|will stop working|stops? working|breaks? in|report_usage"
)


async def diagnostics(tour: Tour) -> None:
    """Diagnostics of accounts, a phone and a contact have no key, secret, address, number, name or text."""
    registry = await tour.hass.command("config/device_registry/list")
    [contact] = [one for one in registry if one["model"] == "Contact" and one["name"] == "Anna"]
    phone = await tour.device(f"{tour.first.entry_id}_{DESK}")
    account = await tour.device(tour.first.entry_id)
    assert phone and account
    found = {
        "account": await tour.diagnostics(tour.first.entry_id),
        "second account": await tour.diagnostics(tour.second.entry_id),
        "account's device": await tour.diagnostics(tour.first.entry_id, account["id"]),
        "phone": await tour.diagnostics(tour.first.entry_id, phone["id"]),
        "contact": await tour.diagnostics(tour.first.entry_id, contact["id"]),
    }
    check(found["phone"]["data"]["phone"]["battery"] == 90, f"the phone's are {found['phone']['data']}")
    check(found["contact"]["data"]["contact"]["channel"] == "sms", f"they are {found['contact']['data']}")
    check(found["account"]["data"]["inbox"]["counts"], "nothing was counted")
    names = ("Anna", "Csilla", "Study phone", "Hall phone")
    for name, one in found.items():
        text = json.dumps(one, ensure_ascii=False).lower()
        searched = [*tour.private, *NUMBERS, MARK, *names, tour.simulator.url]
        private = [part for part in searched if part.lower() in text]
        check(not private, f"those of the {name} have {private}")
        tour.steps.show(**{name: f"{len(text)} characters, {', '.join(one['data'])}"})


async def account_removed(tour: Tour) -> None:
    """An account that is removed leaves nothing: no device, entity, repair issue or file."""
    entry_id = tour.second.entry_id
    files = tour.hass.config_dir / ".storage"
    before = [file.name for file in files.iterdir() if entry_id in file.name]
    check(before, "it has no file")
    await tour.hass.remove_entry(entry_id)
    left = [file.name for file in files.iterdir() if entry_id in file.name]
    devices = await tour.hass.command("config/device_registry/list")
    left += [one["name"] for one in devices if entry_id in one["config_entries"]]
    entities = await tour.hass.command("config/entity_registry/list")
    left += [one["entity_id"] for one in entities if one["config_entry_id"] == entry_id]
    left += [one["issue_id"] for one in await tour.issues("") if entry_id in one["issue_id"]]
    check(not left, f"these are left: {', '.join(left)}")
    tour.steps.show(files_before=", ".join(before))


async def log_has_no_secrets(tour: Tour) -> None:
    """All of the log has no key, secret, token or link."""
    lines = tour.hass.log.read_text(errors="replace").splitlines()
    for line in lines:
        found = [secret for secret in tour.private if secret in line and not _is_of_core(secret, line)]
        check(not found, f"it has {found}: {line[:400]}")
        check(not TOKEN.search(line), f"it has a token: {line[:400]}")
    tour.steps.show(lines=len(lines), searched_for=len(tour.private))


async def log_of_integration(tour: Tour) -> None:
    """The integration's log lines have no number, no text and no error."""
    own = [record for record in _records(tour) if LOGGER in record.partition("\n")[0]]
    for record in own:
        private = [number for number in NUMBERS if number in record]
        check(not private and MARK not in record.lower(), f"it has a number or text: {record[:400]}")
        check(" ERROR " not in record or EXPECTED.search(record), f"it has an error: {record[:400]}")
        check("Traceback" not in record or " DEBUG " in record, f"it has a traceback: {record[:400]}")
    tour.steps.show(**Counter(record.split()[2] for record in own))


async def log_of_others(tour: Tour) -> None:
    """No log line says that the integration uses something deprecated, and no error has it in its traceback."""
    for record in _records(tour):
        first = record.partition("\n")[0]
        is_about_us = DOMAIN in record and " DEBUG " not in record
        check(not (is_about_us and DEPRECATED.search(record)), f"it has: {record[:600]}")
        is_error = " ERROR " in first or " CRITICAL " in first
        check(not (is_error and f"custom_components/{DOMAIN}/" in record), f"it has: {record[:800]}")


def _is_of_core(secret: str, line: str) -> bool:
    """Return whether Home Assistant itself logged a webhook's address or a link.

    It does that for addresses that are requested while the account is not loaded, and for links that have ended.
    """
    is_address = len(secret) in (43, 64)
    return is_address and ("[homeassistant.components.webhook]" in line or "helpers.http]" in line)


def _records(tour: Tour) -> Iterator[str]:
    """The records of the log; a traceback belongs to the line before it."""
    record: list[str] = []
    for line in tour.hass.log.read_text(errors="replace").splitlines():
        if re.match(r"\d{4}-\d\d-\d\d ", line) and record:
            yield "\n".join(record)
            record = []
        record.append(line)
    yield "\n".join(record)
