"""A browser that uses the frontend as a person does: Chromium, driven by playwright.

`scripts/demo --screenshots DIR` takes pictures of the pages. `scripts/browser` adds a contact to an account that has ten,
and checks in the history that no other state changed. Both need Chromium (on Debian: apt-get install chromium).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
import importlib
from pathlib import Path
import re
import shutil
import subprocess
import sys
import time
from typing import Any
from urllib.parse import quote, urlencode

from simulator import Phone, Simulator
from tests.e2e.configuration import DOMAIN
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.login import PASSWORD, USERNAME
from tests.e2e.process import ProcessError, free_port
from tests.e2e.session import add_account, add_contact, new_account, run_in_directories
from tests.e2e.steps import Steps, check
from tests.e2e.tour.context import Tour

OLD_PHONE = "Old phone"
WIDTH, HEIGHT = 1280, 1000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# They keep the browser from the internet, and let root start it in a container.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# The frontend still draws when the network is quiet: animations, icons, translations.
DRAWING_MILLISECONDS = 2000
CONTACTS = 10
# A reload would be over long before.
SETTLE_MILLISECONDS = 8000


class Browser:
    """A page in a browser that is logged in."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self._url = url
        self._count = 0

    async def log_in(self) -> None:
        await self.open("/")
        await self.fill("username", USERNAME)
        await self.fill("password", PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_url(re.compile("/(home|lovelace)/"))

    async def open(self, path: str) -> None:
        await self.page.goto(self._url + path)
        await self.page.wait_for_load_state("networkidle")

    async def fill(self, name: str, text: str) -> None:
        await self.page.locator(f"input[name={name}]").fill(text)

    async def press(self, text: str) -> None:
        await self.page.get_by_text(text, exact=True).locator("visible=true").last.click()

    async def press_icon(self, name: str) -> None:
        """Press a button of the account that has an icon and no text."""
        row = self.page.locator("ha-config-entry-row")
        await row.get_by_role("button", name=name, exact=True).first.click()

    async def save(self, directory: Path, name: str, height: int = HEIGHT) -> None:
        """Save a screenshot."""
        await self.page.set_viewport_size({"width": WIDTH, "height": height})
        await self.page.wait_for_timeout(DRAWING_MILLISECONDS)
        self._count += 1
        file = directory / f"{self._count}-{name}.png"
        await self.page.screenshot(path=file)
        print(f"    {file}", flush=True)


@asynccontextmanager
async def open_browser(url: str) -> AsyncIterator[Browser]:
    """Start a browser and log in. Raises ProcessError where there is none."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        raise ProcessError("this needs Chromium; on Debian: apt-get install chromium")
    async with _playwright().async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            browser = Browser(await chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}), url)
            await browser.log_in()
            yield browser
        finally:
            await chromium.close()


def _playwright() -> Any:
    """Import playwright; it is installed when it is used first, as nothing else needs it."""
    try:
        return importlib.import_module("playwright.async_api")
    except ModuleNotFoundError:
        subprocess.run([sys.executable, "-m", "uv", "pip", "install", "--quiet", "playwright"], check=True)
        return importlib.import_module("playwright.async_api")


# Screenshots.


async def take_screenshots(tour: Tour, directory: Path) -> None:
    """Save the dialogs for another account and contact, and the pages of all devices; one phone is offline."""
    account = tour.new_account("screenshots", Phone(sid="phone-1"))
    offline_since = time.time() - 2 * 86_400
    old_phone = Phone(sid="phone-2", label=OLD_PHONE, battery=4, online=False, last_seen=offline_since)
    tour.first.account.phones.append(old_phone)
    await tour.reload(tour.first)
    devices = await tour.hass.command("config/device_registry/list")
    async with open_browser(tour.hass.url) as browser:
        await _adding(browser, directory, tour.simulator.url, account.key)
        await _changing(browser, directory)
        for device in devices:
            if any(DOMAIN in identifier for identifier in device["identifiers"]):
                await browser.open(f"/config/devices/device/{device['id']}")
                await browser.save(directory, f"device-{device['name']}")
        await browser.open(f"/config/tools/action?service={DOMAIN}.send_message")
        await browser.save(directory, "send-message", height=2400)
        await browser.open("/config/repairs")
        await browser.save(directory, "repairs")
        await browser.press(f"SMSMobileAPI: {OLD_PHONE} is offline")
        await browser.save(directory, "phone-offline")


async def _adding(browser: Browser, directory: Path, server: str, key: str) -> None:
    for choice, name in (("A client ID and a client secret (OAuth2)", "oauth2"), ("An API key", "api-key")):
        await browser.open(f"/config/integrations/dashboard/add?domain={DOMAIN}")
        await browser.press("OK")
        await browser.save(directory, "menu")
        await browser.press(choice)
        await browser.save(directory, name)
    for attempt, name in (("mistyped", "wrong-key"), (key, "webhook")):
        await browser.fill("api_key", attempt)
        if attempt != key:
            await browser.press("Server")
            await browser.fill("url", server)
        await browser.press("Submit")
        await browser.save(directory, name)


async def _changing(browser: Browser, directory: Path) -> None:
    page = f"/config/integrations/integration/{DOMAIN}"
    await browser.open(page)
    await browser.save(directory, "integration")
    await browser.press("Add contact")
    await browser.save(directory, "add-contact")
    await browser.open(page)
    await browser.press_icon("Configure")
    await browser.save(directory, "options", height=1300)
    await browser.open(page)
    await browser.press_icon("Menu")
    await browser.press("Reconfigure")
    await browser.save(directory, "reconfigure")


# A contact is added without a reload.


async def add_in_browser(directory: Path) -> None:
    steps = Steps()
    async with Simulator() as simulator, HomeAssistant(directory, free_port()) as hass:
        steps.begin(f"A real Home Assistant with an account that has {CONTACTS} contacts")
        await hass.start()
        account = new_account(simulator, "browser")
        entry_id = await add_account(hass, simulator, account)
        for number in range(CONTACTS):
            contact = {"name": f"Contact{number}", "number": f"+3630111220{number}", "channel": "sms"}
            await add_contact(hass, entry_id, contact)
        await simulator.deliver(account, account.receive("+36301112203", "Hello"))
        await hass.wait_for_state("event.contact3_message", lambda state: state["state"] != "unknown")
        async with open_browser(hass.url) as browser:
            steps.begin("One more is added in the browser")
            before, started = await hass.states_of(DOMAIN), datetime.now(UTC)
            await browser.open(f"/config/integrations/integration/{DOMAIN}")
            await browser.press("Add contact")
            await browser.fill("name", "Dora")
            await browser.fill("number", "+36703334455")
            await browser.press("Submit")
            await hass.wait_for_state("notify.dora")
            await browser.page.wait_for_timeout(SETTLE_MILLISECONDS)
        steps.begin("No state of another entity was written meanwhile, by the states and by the history")
        after = await hass.states_of(DOMAIN)
        check({"notify.dora", "event.dora_message"} <= after.keys(), "the contact has no entities")
        written = [name for name, state in before.items() if after.get(name) != state]
        check(not written, f"the states of these were written: {', '.join(written)}")
        query = {
            # The new entity shows that the history has what was written.
            "filter_entity_id": ",".join((*before, "notify.dora")),
            "end_time": (datetime.now(UTC) + timedelta(minutes=1)).isoformat(),
            "significant_changes_only": "0",
        }
        path = f"/api/history/period/{quote(started.isoformat())}?{urlencode(query)}&skip_initial_state"
        rows = {row["entity_id"] for rows in await hass.get(path) for row in rows if "entity_id" in row}
        check(rows == {"notify.dora"}, f"the history has states of {rows}")
        await hass.call_action("notify", "send_message", {"entity_id": "notify.dora", "message": "Hello"})
        steps.show(
            entities_of_the_integration=len(before), written=len(written), messages_sent=len(account.sent)
        )


def main() -> int:
    if not any(map(shutil.which, BROWSERS)):
        print("Skipped: there is no Chromium here. On Debian: apt-get install chromium")
        return 0
    return run_in_directories("browser", add_in_browser)


if __name__ == "__main__":
    sys.exit(main())
