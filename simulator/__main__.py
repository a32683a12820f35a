"""Run the simulator as a process: `python -m simulator --port 8099`."""

import argparse
import asyncio
from collections.abc import Sequence
import signal
import sys

from .simulator import Simulator
from .webhooks import LOOPBACK

DEFAULT_KEY = "demo-key"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="Run the SMSMobileAPI service on this machine."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", choices=LOOPBACK, help="address to listen on; default: 127.0.0.1"
    )
    parser.add_argument("--port", type=int, default=8099, help="0 chooses a free port; default: 8099")
    parser.add_argument(
        "--apikey",
        action="append",
        metavar="KEY",
        help=f"API key of an account; may be repeated; default: {DEFAULT_KEY}",
    )
    return parser.parse_args(argv)


async def _run(host: str, port: int, keys: Sequence[str]) -> None:
    sim = Simulator()
    for key in keys:
        sim.add_account(key)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await sim.start(host, port)
    print(f"SMSMobileAPI simulator: {sim.url}", flush=True)
    await stop.wait()
    await sim.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit status."""
    arguments = _arguments(argv)
    try:
        asyncio.run(_run(arguments.host, arguments.port, arguments.apikey or [DEFAULT_KEY]))
    except OSError as error:
        print(f"cannot listen on {arguments.host}:{arguments.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
