"""From nobody to a token that outlives restarts: the ways of a first visitor and of a browser."""

from http import HTTPStatus
import time

import aiohttp

from tests.e2e.websocket import HomeError, Json, WebSocket

USERNAME = "demo"
PASSWORD = "demo"


async def sign_in(session: aiohttp.ClientSession, url: str) -> str:
    """Make the owner where there is none yet, else log in as the owner; give a long-lived token."""
    client = {"client_id": f"{url}/"}
    code = await _onboard(session, url, client) or await _log_in(session, url, client)
    grant = {**client, "grant_type": "authorization_code", "code": code}
    async with session.post(f"{url}/auth/token", data=grant) as answer:
        token = (await _json(answer))["access_token"]
    async with await WebSocket.open(session, url, token) as socket:
        name = f"End to end, {time.time():.3f}"  # It must be a new one each time.
        lasting: str = await socket.command("auth/long_lived_access_token", client_name=name, lifespan=365)
        return lasting


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
    ask = {**client, "handler": ["homeassistant", None], "redirect_uri": f"{url}/"}
    async with session.post(f"{url}/auth/login_flow", json=ask) as answer:
        flow = (await _json(answer))["flow_id"]
    told = {**client, "username": USERNAME, "password": PASSWORD}
    async with session.post(f"{url}/auth/login_flow/{flow}", json=told) as answer:
        step = await _json(answer)
    if step["type"] != "create_entry":
        raise HomeError(f"the login as {USERNAME} was refused: {step.get('errors')}")
    code: str = step["result"]
    return code


async def _json(answer: aiohttp.ClientResponse) -> Json:
    if not answer.ok:
        raise HomeError(f"{answer.url.path}: {answer.status} {await answer.text()}")
    content: Json = await answer.json()
    return content
