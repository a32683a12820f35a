"""A real Home Assistant: started, talked to as a browser or an app would, stopped or killed, started again."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
import sys
import time
from typing import Any, Self

import aiohttp

from tests.e2e.configuration import write_configuration
from tests.e2e.flow import Flow
from tests.e2e.login import sign_in
from tests.e2e.program import Program, until
from tests.e2e.websocket import Events, HomeError, Json, WebSocket

FLOWS = "/api/config/config_entries/flow"


class Home:
    """One Home Assistant on 127.0.0.1; `async with` leaves no process behind."""

    def __init__(
        self,
        config_dir: Path,
        port: int,
        *,
        external: bool | str = True,
        debug: bool = False,
        also: Sequence[Path] = (),
        more: str = "",
    ) -> None:
        """`external` is the address from outside, or whether there is one, which then is the same as at home.

        `also` are further custom integrations to load, `debug` has all of the log at debug level, `more` is YAML.
        """
        self.config_dir = config_dir = config_dir.absolute()
        self.url = f"http://127.0.0.1:{port}"
        self.log = config_dir / "console.log"
        self._port = port
        self._external = external
        self._debug = debug
        self._also = also
        self._more = more
        # scripts/setup has installed what it needs, so that it starts quickly and without the network.
        command = (sys.executable, "-m", "homeassistant", "--config", config_dir)
        self._program = Program(
            "Home Assistant", self.log, *command, "--skip-pip", "--log-no-color", directory=config_dir
        )
        self._session: aiohttp.ClientSession | None = None
        self._socket: WebSocket | None = None
        self._token: str | None = None
        self._events: list[Events] = []

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.stop()
        finally:
            await self._web.close()

    @property
    def running(self) -> bool:
        return self._program.running

    async def start(self, timeout: float = 120) -> float:
        """Start it, the first time with an owner; gives the seconds until it runs."""
        began = time.monotonic()
        write_configuration(
            self.config_dir,
            self._port,
            external=self._external,
            debug=self._debug,
            also=self._also,
            more=self._more,
        )
        await self._program.start()
        await self._program.until("it served its frontend", self._serves, timeout)
        if not await self._knows_us():
            self._token = await sign_in(self._web, self.url)
        assert self._token
        self._socket = await WebSocket.open(self._web, self.url, self._token)
        # Before it is up, so that nothing of what it does at its start is missed.
        for events in self._events:
            await self._socket.listen(events)
        await self._program.until("it was up", self._runs, timeout)
        return time.monotonic() - began

    async def stop(self) -> None:
        """Stop it as a restart of the machine would, everything saved."""
        await self._hang_up()
        await self._program.stop()

    async def kill(self) -> None:
        """End it as a power cut would, nothing saved."""
        await self._program.kill()
        await self._hang_up()

    async def ended(self) -> int:
        """Wait until it ends by itself; gives its exit code."""
        code = await self._program.ended()
        await self._hang_up()
        return code

    async def get(self, path: str) -> Any:
        return await self._request("GET", path)

    async def post(self, path: str, data: object = None) -> Any:
        return await self._request("POST", path, json=data)

    async def delete(self, path: str) -> Any:
        return await self._request("DELETE", path)

    async def visit(self, path: str) -> tuple[int, bytes]:
        """Fetch something as anybody on the internet would; gives status and content."""
        async with self._web.get(self.url + path) as answer:
            return answer.status, await answer.read()

    async def command(self, command: str, **fields: Any) -> Any:
        """Send a websocket command and give its result."""
        if self._socket is None:
            raise HomeError("Home Assistant is not running")
        return await self._socket.command(command, **fields)

    async def listen(self, event_type: str) -> Events:
        """Collect the bus events of a type, from now on and over restarts."""
        events = Events(event_type)
        if self._socket:
            await self._socket.listen(events)
        self._events.append(events)
        return events

    async def call_action(
        self, domain: str, action: str, data: Json | None = None, *, return_response: bool = False
    ) -> Json | None:
        """Call an action and wait for its end; what it raises comes as HomeError in its own words."""
        called = {"domain": domain, "service": action, "service_data": data or {}}
        result = await self.command("call_service", **called, return_response=return_response)
        response: Json | None = result.get("response")
        return response

    async def states(self) -> dict[str, Json]:
        """Every entity's state and attributes by its id."""
        return {state["entity_id"]: state for state in await self.command("get_states")}

    async def state(self, entity_id: str) -> Json | None:
        return (await self.states()).get(entity_id)

    async def wait_for_state(
        self, entity_id: str, fits: Callable[[Json], object] = bool, timeout: float = 30
    ) -> Json:
        """Wait until the entity is there, in a state that fits."""

        async def probe() -> Json | None:
            state = await self.state(entity_id)
            return state if state and fits(state) else None

        return await until(f"{entity_id} in the expected state", probe, timeout)

    async def flow(self, domain: str) -> Flow:
        """Begin to add an integration."""
        return await Flow.begin(self, FLOWS, handler=domain)

    async def reconfigure_flow(self, domain: str, entry_id: str) -> Flow:
        """Begin to change an entry."""
        return await Flow.begin(self, FLOWS, handler=domain, entry_id=entry_id)

    async def reauth_flow(self, entry_id: str, timeout: float = 30) -> Flow:
        """Wait for the dialog that asks for other credentials, and open it."""

        async def probe() -> str | None:
            return next(iter(await self.reauth_flows(entry_id)), None)

        flow_id = await until("Home Assistant to ask for other credentials", probe, timeout)
        return Flow(self, FLOWS, await self.get(f"{FLOWS}/{flow_id}"))

    async def reauth_flows(self, entry_id: str) -> list[str]:
        """The ids of the dialogs that ask for other credentials of an entry."""
        return [
            flow["flow_id"]
            for flow in await self.command("config_entries/flow/progress")
            if flow["context"]["source"] == "reauth" and flow["context"].get("entry_id") == entry_id
        ]

    async def options_flow(self, entry_id: str) -> Flow:
        """Begin to change an entry's options."""
        return await Flow.begin(self, "/api/config/config_entries/options/flow", handler=entry_id)

    async def subentry_flow(self, entry_id: str, subentry_type: str, **more: str) -> Flow:
        """Begin to add a subentry, such as a contact, to an entry, or to change one, whose subentry_id is given."""
        handler = [entry_id, subentry_type]
        return await Flow.begin(self, "/api/config/config_entries/subentries/flow", handler=handler, **more)

    async def fix_flow(self, domain: str, issue_id: str) -> Flow:
        """Begin to repair what an issue says."""
        return await Flow.begin(self, "/api/repairs/issues/fix", handler=domain, issue_id=issue_id)

    async def write_automation(self, identifier: str, config: Json) -> str:
        """Write an automation as the editor does; gives its entity id once it is armed."""
        await self.post(f"/api/config/automation/config/{identifier}", config)

        async def probe() -> str | None:
            for entity_id, state in (await self.states()).items():
                if entity_id.startswith("automation.") and state["attributes"].get("id") == identifier:
                    return entity_id if state["state"] == "on" else None
            return None

        return await until(f"the automation {identifier} to be on", probe)

    async def translation(self, domain: str, category: str, key: str) -> str:
        """What the frontend shows for a key of an integration's translations; the key where it has none."""
        asked = {"language": "en", "category": category, "integration": [domain], "config_flow": True}
        found = await self.command("frontend/get_translations", **asked)
        text: str = found["resources"].get(f"component.{domain}.{category}.{key}", key)
        return text

    @property
    def _web(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise HomeError("a Home is used with `async with`")
        return self._session

    async def _hang_up(self) -> None:
        if self._socket:
            await self._socket.close()
            self._socket = None

    async def _serves(self) -> bool:
        try:
            async with self._web.get(f"{self.url}/manifest.json") as answer:
                return answer.ok
        except aiohttp.ClientError:
            return False

    async def _knows_us(self) -> bool:
        # A token that is younger than a second does not survive a kill.
        if not self._token:
            return False
        async with self._web.get(f"{self.url}/api/", headers=self._headers) as answer:
            return answer.status != HTTPStatus.UNAUTHORIZED

    async def _runs(self) -> bool:
        config = await self.get("/api/config")
        return bool(config["state"] == "RUNNING")

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        try:
            async with self._web.request(method, self.url + path, headers=self._headers, **options) as answer:
                if not answer.ok:
                    raise HomeError(f"{method} {path}: {answer.status} {await answer.text()}")
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HomeError(f"{method} {path}: {error!r}") from error
