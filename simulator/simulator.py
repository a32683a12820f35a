"""The simulator: the service on a web server of this machine, with its control API."""

from typing import Self

from aiohttp import web

from .control import add_control
from .service import Service
from .webhooks import LOOPBACK


class Simulator(Service):
    """The SMSMobileAPI service on localhost. Use `start` and `stop`, or `async with`."""

    def __init__(self) -> None:
        super().__init__()
        self._runner: web.AppRunner | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """The base URL without a slash at the end; raises RuntimeError unless the simulator is started."""
        if self._url is None:
            raise RuntimeError("the simulator is not started")
        return self._url

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on a loopback address; port 0 chooses a free one. Raises OSError if the port is in use."""
        if self._runner is not None:
            raise RuntimeError("the simulator is already started")
        if host not in LOOPBACK:
            raise ValueError(f"the simulator listens on this machine only, not on {host!r}")
        self.faults.stopping.clear()
        app = self.make_app()
        add_control(app, self)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        port = runner.addresses[0][1]
        self._url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def stop(self) -> None:
        """End delays and background tasks, close all connections and stop listening."""
        if self._runner is None:
            return
        self.faults.stopping.set()
        await self.dispatcher.stop()
        runner, self._runner, self._url = self._runner, None, None
        await runner.cleanup()

    async def __aenter__(self) -> Self:
        """Start on a free port."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()
