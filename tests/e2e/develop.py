"""A Home Assistant and the simulated service to develop with; the account that you add stays."""

import argparse
import json
import sys

from tests.e2e.configuration import DOMAIN, ROOT
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.session import claim, keep_running, run, simulator_on

DIRECTORY = ROOT / ".develop"
# The same at each start, so that the account goes on working.
KEY = "develop-key"


async def develop(hass_port: int, service_port: int) -> None:
    claim(DIRECTORY)
    async with (
        simulator_on(service_port) as simulator,
        HomeAssistant(DIRECTORY, hass_port, debug=True) as hass,
    ):
        account = simulator.add_account(KEY)
        print("Home Assistant is starting …", flush=True)
        await hass.start()
        if urls := webhook_urls(hass):
            # The simulator starts without it.
            account.webhook_url = urls[0]
        else:
            webhook = json.dumps({"key": KEY, "webhook_url": "PASTED-HERE"})
            print(f"""
Add the account: Settings > Devices & services > Add integration > SMSMobileAPI > An API key
  API key        {KEY}
  Server address {simulator.url}
and give the simulator the webhook address that is shown then:
  curl -d '{webhook}' {simulator.url}/_control/accounts""")
        await keep_running(hass, simulator, account)


def webhook_urls(hass: HomeAssistant) -> list[str]:
    """The webhook URLs of the accounts that were added with the simulator's key."""
    stored = hass.config_dir / ".storage" / "core.config_entries"
    entries = json.loads(stored.read_text())["data"]["entries"] if stored.exists() else []
    accounts = [entry["data"] for entry in entries if entry["domain"] == DOMAIN]
    return [
        f"{hass.url}/api/smsmobileapi/{data['webhook_id']}" for data in accounts if data.get("api_key") == KEY
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/develop", description=__doc__)
    parser.add_argument("--port", type=int, default=8123, help="Home Assistant's; default: 8123")
    parser.add_argument("--service-port", type=int, default=8099, help="the simulator's; default: 8099")
    arguments = parser.parse_args()
    return run(lambda: develop(arguments.port, arguments.service_port))


if __name__ == "__main__":
    sys.exit(main())
