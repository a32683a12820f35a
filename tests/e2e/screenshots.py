"""Pictures of what a user sees in the frontend; `scripts/demo --screenshots DIR` takes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import importlib
from pathlib import Path
import re
import shutil
import subprocess
import sys
import time
from typing import Any

from tests.e2e.configuration import INTEGRATION
from tests.e2e.home import Home
from tests.e2e.login import PASSWORD, USERNAME
from tests.e2e.program import ProgramError
from tests.e2e.service import Service

MANUFACTURER = "SMSMobileAPI"
OLD_PHONE = "Old phone"
WIDTH, HEIGHT = 1280, 1000
TALL = 2400
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# It stays at home, and runs as root in a container.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# The frontend draws on after the network is quiet: animations, icons, translations.
DRAWING_MILLISECONDS = 2000


class Camera:
    """A page of a browser that is logged in, and the directory that its pictures go to."""

    def __init__(self, page: Any, home: Home, directory: Path) -> None:
        self.page = page
        self._url = home.url
        self._directory = directory
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

    async def press_button(self, name: str) -> None:
        """Press a button of the account, which has a sign and no text."""
        await (
            self.page.locator("ha-config-entry-row")
            .get_by_role("button", name=name, exact=True)
            .first.click()
        )

    async def take(self, name: str, *, height: int = HEIGHT) -> None:
        await self.page.set_viewport_size({"width": WIDTH, "height": height})
        await self.page.wait_for_timeout(DRAWING_MILLISECONDS)
        self._count += 1
        file = self._directory / f"{self._count}-{name}.png"
        await self.page.screenshot(path=file)
        print(f"    {file}", flush=True)


async def take_screenshots(home: Home, service: Service, directory: Path) -> None:
    """Take the dialogs of another account and contact, and the pages of what is there, among it a phone that is offline."""
    other_key = f"{service.key}-2"
    await service.add_account(other_key)
    await _lose_a_phone(home, service)
    devices = await home.command("config/device_registry/list")
    async with _page() as page:
        camera = Camera(page, home, directory)
        await camera.log_in()
        await _take_adding(camera, service, other_key)
        await _take_changing(camera)
        for device in devices:
            if any(INTEGRATION.name in identifier for identifier in device["identifiers"]):
                await camera.open(f"/config/devices/device/{device['id']}")
                await camera.take(f"device-{device['name']}")
        await camera.open(f"/config/tools/action?service={INTEGRATION.name}.send_message")
        await camera.take("send-message", height=TALL)
        await camera.open("/config/repairs")
        await camera.take("repairs")
        await camera.press(f"{MANUFACTURER}: {OLD_PHONE} is offline")
        await camera.take("phone-offline")


async def _lose_a_phone(home: Home, service: Service) -> None:
    told = {"key": service.key, "sid": "phone-2", "label": OLD_PHONE, "battery": 4, "online": False}
    await service.control("POST", "phones", json={**told, "last_seen": time.time() - 2 * 86_400})
    [entry] = await home.command("config_entries/get", domain=INTEGRATION.name)
    await home.post(f"/api/config/config_entries/entry/{entry['entry_id']}/reload")


async def _take_adding(camera: Camera, service: Service, key: str) -> None:
    await camera.open(f"/config/integrations/dashboard/add?domain={INTEGRATION.name}")
    await camera.press("OK")
    await camera.take("menu")
    await camera.press("A client ID and a client secret (OAuth2)")
    await camera.take("oauth2")
    await camera.open(f"/config/integrations/dashboard/add?domain={INTEGRATION.name}")
    await camera.press("OK")
    await camera.press("An API key")
    await camera.take("api-key")
    for attempt, name in (("mistyped", "wrong-key"), (key, "webhook")):
        await camera.fill("api_key", attempt)
        if attempt != key:
            await camera.press("Server")
            await camera.fill("url", service.url)
        await camera.press("Submit")
        await camera.take(name)


async def _take_changing(camera: Camera) -> None:
    page = f"/config/integrations/integration/{INTEGRATION.name}"
    await camera.open(page)
    await camera.take("integration")
    await camera.press("Add contact")
    await camera.take("add-contact")
    await camera.open(page)
    await camera.press_button("Configure")
    await camera.take("options", height=1300)
    await camera.open(page)
    await camera.press_button("Menu")
    await camera.press("Reconfigure")
    await camera.take("reconfigure")


@asynccontextmanager
async def _page() -> AsyncIterator[Any]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise ProgramError("pictures need Chromium; on Debian: apt-get install chromium")
    async with _playwright().async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        finally:
            await browser.close()


def _playwright() -> Any:
    """What drives the browser; fetched where it is wanted, as the tests do without."""
    try:
        return importlib.import_module("playwright.async_api")
    except ModuleNotFoundError:
        subprocess.run([sys.executable, "-m", "uv", "pip", "install", "--quiet", "playwright"], check=True)
        return importlib.import_module("playwright.async_api")
