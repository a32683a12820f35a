"""A Home Assistant and the simulated service to develop with; the account is yours to add, and stays."""

import argparse
import json
import sys

from tests.e2e.configuration import INTEGRATION, ROOT
from tests.e2e.home import Home
from tests.e2e.stage import claim, run, stage, stay

DIRECTORY = ROOT / ".develop"
# The same each time, so that yesterday's account and browser tab go on working.
KEY = "develop-key"


async def develop(home_port: int, service_port: int) -> None:
    claim(DIRECTORY)
    ports = {"home_port": home_port, "service_port": service_port}
    async with stage(DIRECTORY, KEY, **ports, debug=True) as (home, service):
        print("Home Assistant is starting …", flush=True)
        await home.start()
        if urls := webhook_urls(home):
            # The simulator forgets it when it ends.
            await service.send_webhooks_to(urls[0])
        else:
            told = json.dumps({"key": KEY, "webhook_url": "PASTED-HERE"})
            print(f"""
Add the account: Settings > Devices & services > Add integration > SMSMobileAPI > An API key
  API key        {KEY}
  Server address {service.url}
and give the simulator the webhook address that is shown then:
  curl -d '{told}' {service.url}/_control/accounts""")
        await stay(home, service)


def webhook_urls(home: Home) -> list[str]:
    """The webhook addresses of the accounts that were added with the simulator's key."""
    stored = home.config_dir / ".storage" / "core.config_entries"
    entries = json.loads(stored.read_text())["data"]["entries"] if stored.exists() else []
    accounts = [entry["data"] for entry in entries if entry["domain"] == INTEGRATION.name]
    return [f"{home.url}/api/webhook/{data['webhook_id']}" for data in accounts if data.get("api_key") == KEY]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/develop", description=__doc__)
    parser.add_argument("--port", type=int, default=8123, help="Home Assistant's; default: 8123")
    parser.add_argument("--service-port", type=int, default=8099, help="the simulator's; default: 8099")
    arguments = parser.parse_args()
    return run(lambda: develop(arguments.port, arguments.service_port))


if __name__ == "__main__":
    sys.exit(main())
