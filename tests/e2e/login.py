"""Login: the owner is created at the first start, and logged in later."""

from http import HTTPStatus

import aiohttp

from tests.e2e.websocket import HassError, Json

USERNAME = "demo"
PASSWORD = "demo"


async def sign_in(session: aiohttp.ClientSession, url: str) -> str:
    """Create the owner if there is none, else log in; return a token, which is valid for 30 minutes, also over restarts."""
    client = {"client_id": f"{url}/"}
    code = await _onboard(session, url, client) or await _log_in(session, url, client)
    grant = {**client, "grant_type": "authorization_code", "code": code}
    async with session.post(f"{url}/auth/token", data=grant) as answer:
        token: str = (await _json(answer))["access_token"]
        return token


async def _onboard(session: aiohttp.ClientSession, url: str, client: Json) -> str | None:
    async with session.get(f"{url}/api/onboarding") as answer:
        # From the second start on there is no such page any more.
        steps = [] if answer.status == HTTPStatus.NOT_FOUND else await answer.json()
    if not any(step["step"] == "user" and not step["done"] for step in steps):
        return None
    owner = {"name": "Demo", "username": USERNAME, "password": PASSWORD, "language": "en", **client}
    async with session.post(f"{url}/api/onboarding/users", json=owner) as answer:
        code: str = (await _json(answer))["auth_code"]
        return code


async def _log_in(session: aiohttp.ClientSession, url: str, client: Json) -> str:
    login = {**client, "handler": ["homeassistant", None], "redirect_uri": f"{url}/"}
    async with session.post(f"{url}/auth/login_flow", json=login) as answer:
        flow = (await _json(answer))["flow_id"]
    credentials = {**client, "username": USERNAME, "password": PASSWORD}
    async with session.post(f"{url}/auth/login_flow/{flow}", json=credentials) as answer:
        step = await _json(answer)
    if step["type"] != "create_entry":
        raise HassError(f"the login as {USERNAME} was refused: {step.get('errors')}")
    code: str = step["result"]
    return code


async def _json(answer: aiohttp.ClientResponse) -> Json:
    if not answer.ok:
        raise HassError(f"{answer.url.path}: {answer.status} {await answer.text()}")
    content: Json = await answer.json()
    return content
