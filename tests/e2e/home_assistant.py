"""A real Home Assistant process: started, used as a browser or an app uses it, stopped or killed, started again."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
import sys
import time
from typing import Any, Self

import aiohttp

from tests.e2e.configuration import INTEGRATION, write_configuration
from tests.e2e.flow import Flow
from tests.e2e.login import sign_in
from tests.e2e.process import Process, until
from tests.e2e.websocket import HassError, Json, WebSocket

FLOWS = "/api/config/config_entries/flow"


class HomeAssistant:
    """One Home Assistant on 127.0.0.1; `async with` leaves no process behind.

    `integration` is the tree that it loads; it may be replaced while Home Assistant is stopped.
    """

    def __init__(
        self,
        config_dir: Path,
        port: int,
        *,
        external_url: bool | str = True,
        debug: bool = False,
        components: Sequence[Path] = (),
        yaml: str = "",
        prefix: Sequence[str] = (),
    ) -> None:
        """`external_url` True is the same as the internal URL, False is none.

        `components` are further custom integrations, `debug` sets all of the log to debug level, `prefix` is put
        before the command line.
        """
        self.config_dir = config_dir = config_dir.absolute()
        self.url = f"http://127.0.0.1:{port}"
        self.log = config_dir / "console.log"
        self.integration = INTEGRATION
        self._port = port
        self._external_url = external_url
        self._debug = debug
        self._components = components
        self._yaml = yaml
        # scripts/setup has installed what Home Assistant needs, so that it starts fast and without the network.
        command = [*prefix, sys.executable, "-m", "homeassistant", "--config", str(config_dir)]
        self.process = Process(
            "Home Assistant", self.log, *command, "--skip-pip", "--log-no-color", directory=config_dir
        )
        self._session: aiohttp.ClientSession | None = None
        self._socket: WebSocket | None = None
        self._token: str | None = None
        self._events: dict[str, list[Json]] = {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.stop()
        finally:
            await self._http.close()

    # The process.

    async def start(self) -> float:
        """Start it and wait until it runs; return the seconds that this took. The first start creates the owner."""
        started = time.monotonic()
        self.write_configuration()
        await self.launch()
        await self.until_running()
        return time.monotonic() - started

    def write_configuration(self) -> None:
        write_configuration(
            self.config_dir,
            self._port,
            external_url=self._external_url,
            debug=self._debug,
            integrations=(self.integration, *self._components),
            yaml=self._yaml,
        )

    async def launch(self) -> None:
        """Start the process and log in, while integrations are still being set up."""
        await self.process.start()
        await self.process.until("it served its frontend", self._serves, 120)
        if not await self._accepts_token():
            self._token = await sign_in(self._http, self.url)
        assert self._token
        self._socket = await WebSocket.open(self._http, self.url, self._token)
        for event_type, events in self._events.items():
            await self._socket.subscribe(event_type, events)

    async def until_running(self) -> None:
        async def probe() -> bool:
            config = await self.get("/api/config")
            return bool(config["state"] == "RUNNING")

        await self.process.until("it was running", probe, 120)

    async def stop(self) -> None:
        """Stop it in order, so that everything is saved."""
        await self._disconnect()
        await self.process.stop()

    async def kill(self) -> None:
        """Kill it, so that nothing more is saved."""
        await self.process.kill()
        await self._disconnect()

    async def wait(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        code = await self.process.wait()
        await self._disconnect()
        return code

    # HTTP and websocket.

    async def get(self, path: str) -> Any:
        return await self._request("GET", path)

    async def post(self, path: str, data: object = None) -> Any:
        return await self._request("POST", path, json=data)

    async def delete(self, path: str) -> Any:
        return await self._request("DELETE", path)

    async def fetch(self, path: str) -> tuple[int, bytes]:
        """Get a path without the token; return status and body."""
        async with self._http.get(self.url + path) as answer:
            return answer.status, await answer.read()

    async def download(self, path: str) -> bytes:
        """Get a path with the token; return the body."""
        async with self._http.get(self.url + path, headers=self._headers) as answer:
            answer.raise_for_status()
            return await answer.read()

    async def command(self, command: str, **fields: Any) -> Any:
        """Send a websocket command; return its result."""
        if self._socket is None:
            raise HassError("Home Assistant is not running")
        return await self._socket.command(command, **fields)

    async def listen(self, event_type: str) -> list[Json]:
        """Return a list to which the bus events of a type are added, from now on and over restarts."""
        events = self._events[event_type] = []
        if self._socket:
            await self._socket.subscribe(event_type, events)
        return events

    async def call_action(self, domain: str, action: str, data: Json, *, response: bool = False) -> Json:
        """Call an action and wait for its end; return its response, {} without one. Raises HassError."""
        result = await self.command(
            "call_service", domain=domain, service=action, service_data=data, return_response=response
        )
        return result.get("response") or {}

    # States, dialogs, automations.

    async def states(self) -> dict[str, Json]:
        """All states by entity id."""
        return {state["entity_id"]: state for state in await self.command("get_states")}

    async def states_of(self, domain: str) -> dict[str, Json]:
        """The states of an integration's entities, with the times at which they were written."""
        registry = await self.command("config/entity_registry/list")
        own = {one["entity_id"] for one in registry if one["platform"] == domain}
        return {name: state for name, state in (await self.states()).items() if name in own}

    async def wait_for_state(
        self, entity_id: str, matches: Callable[[Json], object] = bool, timeout: float = 30
    ) -> Json:
        """Wait until the entity has a state that matches; return it."""

        async def probe() -> Json | None:
            state = (await self.states()).get(entity_id)
            return state if state and matches(state) else None

        return await until(f"{entity_id} in the expected state", probe, timeout)

    async def entry(self, entry_id: str) -> Json:
        entry: Json = (await self.command("config_entries/get_single", entry_id=entry_id))["config_entry"]
        return entry

    async def reload_entry(self, entry_id: str) -> None:
        await self.post(f"/api/config/config_entries/entry/{entry_id}/reload")

    async def remove_entry(self, entry_id: str) -> None:
        await self.delete(f"/api/config/config_entries/entry/{entry_id}")

    async def issues(self, domain: str, prefix: str = "") -> list[Json]:
        """The repair issues of a domain whose id begins with the prefix."""
        listed = (await self.command("repairs/list_issues"))["issues"]
        return [one for one in listed if one["domain"] == domain and one["issue_id"].startswith(prefix)]

    async def flow(self, domain: str) -> Flow:
        """Begin to add an integration."""
        return await Flow.begin(self, FLOWS, handler=domain)

    async def reconfigure_flow(self, domain: str, entry_id: str) -> Flow:
        """Begin to reconfigure an entry."""
        return await Flow.begin(self, FLOWS, handler=domain, entry_id=entry_id)

    async def reauth_flow(self, entry_id: str) -> Flow:
        """Wait until Home Assistant requests new credentials; open that dialog."""

        async def probe() -> str | None:
            return next(iter(await self.reauth_flows(entry_id)), None)

        flow_id = await until("the request for new credentials", probe)
        return Flow(self, FLOWS, await self.get(f"{FLOWS}/{flow_id}"))

    async def reauth_flows(self, entry_id: str) -> list[str]:
        """The ids of the dialogs that request new credentials of an entry."""
        return [
            flow["flow_id"]
            for flow in await self.command("config_entries/flow/progress")
            if flow["context"]["source"] == "reauth" and flow["context"].get("entry_id") == entry_id
        ]

    async def options_flow(self, entry_id: str) -> Flow:
        return await Flow.begin(self, "/api/config/config_entries/options/flow", handler=entry_id)

    async def subentry_flow(self, entry_id: str, subentry_type: str, **more: str) -> Flow:
        """Begin to add a subentry, or to change the one whose `subentry_id` is given."""
        handler = [entry_id, subentry_type]
        return await Flow.begin(self, "/api/config/config_entries/subentries/flow", handler=handler, **more)

    async def repair_flow(self, domain: str, issue_id: str) -> Flow:
        return await Flow.begin(self, "/api/repairs/issues/fix", handler=domain, issue_id=issue_id)

    async def write_automation(self, identifier: str, config: Json) -> str:
        """Save an automation as the editor does; return its entity id once it is on."""
        await self.post(f"/api/config/automation/config/{identifier}", config)

        async def probe() -> str | None:
            for entity_id, state in (await self.states()).items():
                if entity_id.startswith("automation.") and state["attributes"].get("id") == identifier:
                    return entity_id if state["state"] == "on" else None
            return None

        return await until(f"the automation {identifier} to be on", probe)

    async def translation(self, domain: str, category: str, key: str) -> str:
        """The English text of a key of an integration's translations; the key itself where there is none."""
        found = await self.command(
            "frontend/get_translations",
            language="en",
            category=category,
            integration=[domain],
            config_flow=True,
        )
        text: str = found["resources"].get(f"component.{domain}.{category}.{key}", key)
        return text

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise HassError("HomeAssistant is used with `async with`")
        return self._session

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    async def _disconnect(self) -> None:
        if self._socket:
            await self._socket.close()
            self._socket = None

    async def _serves(self) -> bool:
        try:
            async with self._http.get(f"{self.url}/manifest.json") as answer:
                return answer.ok
        except aiohttp.ClientError:
            return False

    async def _accepts_token(self) -> bool:
        # A token that is younger than a second is not saved yet when Home Assistant is killed.
        if not self._token:
            return False
        async with self._http.get(f"{self.url}/api/", headers=self._headers) as answer:
            return answer.status != HTTPStatus.UNAUTHORIZED

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        try:
            async with self._http.request(
                method, self.url + path, headers=self._headers, **options
            ) as answer:
                if not answer.ok:
                    raise HassError(f"{method} {path}: {answer.status} {await answer.text()}")
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HassError(f"{method} {path}: {error!r}") from error
