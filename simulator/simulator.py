"""The simulator as Python sees it."""

from types import EllipsisType
from typing import Any, Self

from aiohttp import web

from . import webhooks
from .account import Account
from .control import add_control
from .faults import Fault
from .records import ReceivedSms
from .service import ENDPOINTS, TOKEN_PATH, Service


class Simulator(Service):
    """The SMSMobileAPI cloud service on this machine.

    `accounts` maps keys to accounts, `requests` holds every API request in order, refused and spoilt ones too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._runner: web.AppRunner | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end; raises RuntimeError unless started."""
        if self._url is None:
            raise RuntimeError("the simulator is not started")
        return self._url

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on a loopback address; port 0 takes a free one. Raises OSError where the port is taken."""
        if self._runner is not None:
            raise RuntimeError("the simulator is already started")
        if host not in webhooks.LOOPBACK:
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
        """Close every connection and stop listening; requests that hang are let go."""
        if self._runner is None:
            return
        self.faults.stopping.set()
        await self.reporter.stop()
        runner, self._runner, self._url = self._runner, None, None
        await runner.cleanup()

    async def __aenter__(self) -> Self:
        """Start on a free port."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def add_account(self, key: str, **settings: Any) -> Account:
        """Add an account, or replace the one with this key; `settings` are attributes of `Account`."""
        account = Account(key=key, **settings)
        self.accounts[key] = account
        return account

    def remove_account(self, key: str) -> None:
        """Forget an account: its key becomes an unknown one."""
        del self.accounts[key]

    def fault(self, endpoint: str, kind: str, count: int = 1, **options: Any) -> Fault:
        """Spoil the next `count` answers of an endpoint ("*": any); `options` are attributes of `Fault`.

        `before=False` says the same as `taken=True`. Raises ValueError for what does not exist.
        """
        if endpoint not in ("*", TOKEN_PATH, *ENDPOINTS):
            raise ValueError(f"no endpoint {endpoint!r}; there are *, {TOKEN_PATH}, {', '.join(ENDPOINTS)}")
        if "before" in options:
            options["taken"] = not options.pop("before")
        try:
            fault = Fault(endpoint=endpoint, kind=kind, count=count, **options)  # type: ignore[arg-type] # checked in Fault
        except TypeError as error:
            raise ValueError(str(error)) from None
        self.faults.waiting.append(fault)
        return fault

    def reset(self) -> None:
        """Drop all faults and everything that happened; the accounts, their settings and phones stay."""
        self.faults.waiting.clear()
        self.requests.clear()
        for account in self.accounts.values():
            account.forget()

    async def reported(self) -> None:
        """Wait until every report that is due by now has been posted (`report_by_webhook`)."""
        await self.reporter.reported()

    async def deliver(self, account: Account, row: ReceivedSms) -> int:
        """Post webhook V1; return the HTTP status, 0 where nobody answered within 10 s."""
        return await webhooks.deliver_v1(account, row)

    async def deliver_v2(
        self,
        account: Account,
        type: str,
        data: dict[str, Any],
        *,
        event_id: str | None = None,
        secret: str | EllipsisType | None = ...,
        timestamp: float | None = None,
    ) -> int:
        """Post webhook V2; return the HTTP status, 0 where nobody answered within 10 s.

        `secret` signs in place of `account.webhook_secret`, None leaves the signature out; `timestamp` (Unix
        seconds, default now) is the signed time of delivery. The same `event_id` again is a duplicate.
        """
        return await webhooks.deliver_v2(
            account, type, data, event_id=event_id, secret=secret, timestamp=timestamp
        )
