"""An installation that messages and calls arrive at: Home Assistant, one account, and the service on the other side."""

from dataclasses import dataclass
from datetime import timedelta
import json
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.webhook import async_handle_webhook
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.aiohttp import MockRequest
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.const import EVENT_CALL, EVENT_MESSAGE_RECEIVED
from custom_components.smsmobileapi.coordinator import PollCoordinator
from custom_components.smsmobileapi.inbound.addresses import own_path
from simulator import Account, Simulator

from ..conftest import settle
from ..disk import Files, files_of, kill
from .service import Client, Events, post


@dataclass
class Installation:
    """What a test does with it, in few words."""

    hass: HomeAssistant
    entry: SmsMobileApiConfigEntry
    simulator: Simulator
    account: Account
    client: Client
    received: Events
    calls: Events

    @property
    def path(self) -> str:
        """Return the path of the account's own address."""
        return own_path(self.entry.data["webhook_id"])

    @property
    def texts(self) -> list[str]:
        """Return the texts of the messages that were fired."""
        return [message.data["message"] for message in self.received]

    @property
    def numbers(self) -> list[str]:
        """Return the numbers of the calls that were fired."""
        return [call.data["number"] for call in self.calls]

    @property
    def coordinator(self) -> PollCoordinator:
        """Return what polls for the account, as it is set up now."""
        return self.entry.runtime_data.coordinator

    @property
    def requests(self) -> list[str]:
        """Return the paths that the service was asked for."""
        return [request.path for request in self.simulator.requests]

    async def post(self, body: bytes | dict[str, Any], headers: dict[str, str] | None = None) -> int:
        """Post to the webhook, unsigned unless headers are given; return the status of the answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await post(self.client, self.path, data, headers or {})

    async def handle(self, body: bytes, headers: Any = None) -> int:
        """Call the webhook as Home Assistant Cloud does: headers and body come as they are given."""
        request = MockRequest(content=body, mock_source="cloud", method="POST", headers=headers or {})
        return (await async_handle_webhook(self.hass, self.entry.data["webhook_id"], request)).status

    async def poll(self) -> None:
        """Poll now."""
        await self.coordinator.async_refresh()
        await settle(self.hass)

    async def pass_time(self, freezer: FrozenDateTimeFactory, **passed: float) -> None:
        """Let time pass, and what is due then."""
        freezer.tick(timedelta(**passed))
        async_fire_time_changed(self.hass)
        await settle(self.hass)

    async def second(self) -> None:
        """Let the second pass within which everything is saved."""
        # All timers, as those of a clock that jumped are years away: it is the event loop's clock here, too.
        async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(seconds=1.1), fire_all=True)
        await settle(self.hass)

    def act_on_old_texts(self) -> None:
        """Have texts fired however old they are."""
        options = {**self.entry.options, "max_age_hours": 100_000}
        self.hass.config_entries.async_update_entry(self.entry, options=options)

    async def reload(self) -> None:
        """Reload the account."""
        assert await self.hass.config_entries.async_reload(self.entry.entry_id)
        await settle(self.hass)

    async def unload(self) -> None:
        """Unload the account."""
        assert await self.hass.config_entries.async_unload(self.entry.entry_id)

    async def set_up(self, state: CoreState = CoreState.running) -> None:
        """Set the account up again; while Home Assistant is `starting`, what arrives is held."""
        self.hass.set_state(state)
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await settle(self.hass)

    async def start_up(self) -> None:
        """Restart Home Assistant, so far that it has not started yet."""
        await self.unload()
        await self.set_up(CoreState.starting)

    async def started(self) -> None:
        """Let Home Assistant have started."""
        self.hass.set_state(CoreState.running)
        self.hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
        await settle(self.hass)

    def files(self) -> Files:
        """Return what a kill leaves now."""
        return files_of(self.hass)

    async def kill(self, files: Files | None = None) -> None:
        """Take Home Assistant through a kill, now or when it left these files, and up again, so far as `start_up`."""
        await kill(self.hass, self.files() if files is None else files, self.entry)


async def install(
    hass: HomeAssistant,
    entry: SmsMobileApiConfigEntry,
    simulator: Simulator,
    account: Account,
    clients: ClientSessionGenerator,
) -> Installation:
    """Let the service know the webhook's address."""
    client: Client = await clients()
    installation = Installation(
        hass=hass,
        entry=entry,
        simulator=simulator,
        account=account,
        client=client,
        received=async_capture_events(hass, EVENT_MESSAGE_RECEIVED),
        calls=async_capture_events(hass, EVENT_CALL),
    )
    account.webhook_url = str(client.make_url(installation.path))
    return installation
