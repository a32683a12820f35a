"""The webhook of an account: its registration in Home Assistant, and the requests of the service."""

from collections import Counter
from http import HTTPStatus
import logging
from pathlib import Path
import traceback
from typing import Any, Final

from aiohttp.web import Request, Response
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_WEBHOOK_ID, EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.aiohttp import MockRequest

from ..api import (
    Call,
    InvalidPayload,
    InvalidSignature,
    ReceivedMessage,
    WebhookEvent,
    is_signed,
    parse_body,
    verify_signature,
)
from ..cloud import async_delete_cloudhook, async_on_connected
from ..options import Options
from ..repairs import Issue, Issues
from ..storage import Database, StorageError
from .addresses import Addresses, async_find_addresses, own_path
from .inbox import Inbox, InboxClosed, InboxState
from .journal import Journal
from .request_body import BodyIncomplete, BodyTooLarge, read_body
from .token_bucket import TokenBucket
from .view import async_remove_handler, async_set_handler, refuse_request
from .webhook_health import WebhookHealth

_LOGGER = logging.getLogger(__name__)

# New messages and events without a signature that are accepted at once, and per second from then on: what waited for a
# phone that was offline for days, but not what somebody forges without end.
UNSIGNED_AT_ONCE: Final = 2_000
UNSIGNED_PER_SECOND: Final = 1.0


async def async_delete_webhook(hass: HomeAssistant, webhook_id: str) -> None:
    """Delete the webhook of an account that is removed."""
    async_remove_handler(hass, webhook_id)
    await async_delete_cloudhook(hass, webhook_id)


class TooManyUnsigned(Exception):
    """More came without a signature than is accepted."""


class Webhook:
    """The webhook of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        options: Options,
        database: Database,
        inbox: Inbox,
        issues: Issues,
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._options = options
        self._inbox = inbox
        self._issues = issues
        self._id: str = entry.data[CONF_WEBHOOK_ID]
        self._journal = Journal(database)
        self._unsigned = TokenBucket(UNSIGNED_AT_ONCE, UNSIGNED_PER_SECOND, hass.loop.time)
        self.health = WebhookHealth(hass, database, issues)
        self.addresses = Addresses()
        # For diagnostics: how many requests were refused, by the reason.
        self.refused: Counter[str] = Counter()

    @property
    def is_working(self) -> bool:
        """Return whether the service has called the webhook since it has the address that it has now."""
        return self.health.is_working(self.addresses.first)

    @property
    def brings_calls(self) -> bool:
        """Return whether the webhook brings phone calls, too."""
        return self.is_working and self.health.has_brought_call

    @callback
    def refuse(self) -> None:
        """Refuse all requests until `start`, and again once the account is not set up any more."""
        async_set_handler(self._hass, self._entry.title, self._id, refuse_request)
        self._entry.async_on_unload(self._stop)

    async def start(self, *, is_new: bool) -> None:
        """Pass the bodies in the journal to the inbox, and accept requests from now on."""
        await self.health.load(is_new=is_new)
        zone = dt_util.get_default_time_zone()
        for kept in await self._journal.load():
            try:
                arrival = parse_body(kept.body, zone=zone, arrived=kept.arrived)
                self._pass_on(arrival, is_verified=kept.is_signed)
            except Exception as err:  # noqa: BLE001 -- one body must not keep the account from being set up
                _LOGGER.warning(
                    "A message that was kept can't be handled: %s at %s", type(err).__name__, _place_of(err)
                )
        async_set_handler(self._hass, self._entry.title, self._id, self._handle)

    @callback
    def _stop(self) -> None:
        """Refuse all requests from now on, also those whose body is still being read."""
        if self._entry.disabled_by is None and self._entry.data[CONF_WEBHOOK_ID] == self._id:
            async_set_handler(self._hass, self._entry.title, self._id, refuse_request)
        else:
            async_remove_handler(self._hass, self._id)
        self._inbox.close()
        self.health.close()

    async def track_addresses(self) -> None:
        """Find the addresses at which the service reaches us, now and whenever they change."""
        for stop in (
            async_on_connected(self._hass, self._addresses_changed),
            self._hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._core_config_changed),
        ):
            self._entry.async_on_unload(stop)
        await self._find_addresses()

    @callback
    def inbox_opened(self) -> None:
        """Empty the journal: all that was in it has been fired."""
        self._journal.clear()

    # Requests.

    async def _handle(self, _hass: HomeAssistant, _webhook_id: str, request: Request) -> Response:
        """Answer a request of the service.

        Home Assistant would answer 200 for an exception, and the service would believe that we have the message: so
        nothing is raised.
        """
        reason = None
        try:
            status = await self._receive(request, await read_body(request))
        except BodyTooLarge:
            status, reason = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large"
        except BodyIncomplete:
            status, reason = HTTPStatus.BAD_REQUEST, "incomplete"
        except TimeoutError:
            status, reason = HTTPStatus.REQUEST_TIMEOUT, "too slow"
        except InvalidSignature as err:
            status, reason = HTTPStatus.UNAUTHORIZED, f"signature: {err.fault}"
        except InvalidPayload as err:
            status, reason = HTTPStatus.BAD_REQUEST, str(err)
        except TooManyUnsigned:
            status, reason = HTTPStatus.TOO_MANY_REQUESTS, "too many without a signature"
        except (InboxClosed, StorageError) as err:
            _LOGGER.debug("A message can't be kept now and is left to the poll: %s", type(err).__name__)
            status = HTTPStatus.SERVICE_UNAVAILABLE
        except Exception as err:  # noqa: BLE001 -- see above
            # Its text may hold the message, its place in the code does not.
            _LOGGER.warning(
                "A message could not be handled and is left to the poll: %s at %s",
                type(err).__name__,
                _place_of(err),
            )
            status = HTTPStatus.SERVICE_UNAVAILABLE
        response = Response(status=status)
        if reason:
            self._log_refusal(status, reason)
            # What is left of the body must not be taken for the next request.
            response.force_close()
        return response

    def _log_refusal(self, status: HTTPStatus, reason: str) -> None:
        """Count a request that was refused; one whose message is lost by that is in the log, the first of each kind."""
        self.refused[reason] += 1
        is_loss = status in {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.TOO_MANY_REQUESTS}
        level = logging.WARNING if is_loss and self.refused[reason] == 1 else logging.DEBUG
        _LOGGER.log(level, "A request to the webhook was refused: %s", reason)

    async def _receive(self, request: Request, body: bytes) -> HTTPStatus:
        """Check a request and pass its body to the inbox; return the status of the answer. Raises what `_handle` catches."""
        arrived = dt_util.utcnow()
        headers, secret = request.headers, self._options.signing_secret
        if secret:
            try:
                verify_signature(secret, headers, body, now=arrived)
            except InvalidSignature as err:
                self.health.refused(err.fault)
                raise
            self.health.verified()
        arrival = parse_body(body, zone=dt_util.get_default_time_zone(), arrived=arrived)
        is_held, is_verified = self._inbox.state is InboxState.HOLDING, secret is not None
        if (is_held or not is_verified) and not self._is_known(arrival, is_verified=is_verified):
            if not is_verified and not self._unsigned.take():
                raise TooManyUnsigned
            if is_held:
                if self._journal.is_full:
                    return HTTPStatus.SERVICE_UNAVAILABLE
                await self._journal.keep(body, arrived, is_signed=is_verified)
        status = self._pass_on(arrival, is_verified=is_verified)
        if not is_verified and is_signed(headers):
            self._issues.create(Issue.SECRET_MISSING)
        if isinstance(arrival, WebhookEvent):
            self._check_address(request)
        self.health.called(
            self.addresses.first, arrival.content if isinstance(arrival, WebhookEvent) else arrival
        )
        return status

    @callback
    def _check_address(self, request: Request | MockRequest) -> None:
        """Show our own address where events come to that of Home Assistant's webhook, until they come another way.

        Only events are delivered again: for webhook V1, one address is as good as the other.
        """
        # Through a cloudhook it is a MockRequest, which has no path.
        if isinstance(request, MockRequest) or request.path == own_path(self._id):
            self._issues.clear(Issue.OLD_ADDRESS)
        elif self.addresses.own:
            self._issues.create(Issue.OLD_ADDRESS)

    def _is_known(self, arrival: ReceivedMessage | WebhookEvent, *, is_verified: bool) -> bool:
        if isinstance(arrival, WebhookEvent):
            return self._inbox.knows_event(arrival.event_id)
        return self._inbox.knows(arrival, is_signed=is_verified)

    def _pass_on(self, arrival: ReceivedMessage | WebhookEvent, *, is_verified: bool) -> HTTPStatus:
        if isinstance(arrival, ReceivedMessage):
            self._inbox.receive(arrival, is_signed=is_verified)
            return HTTPStatus.OK
        if self._inbox.knows_event(arrival.event_id):
            return HTTPStatus.OK
        if arrival.content is None:
            self._inbox.ignore(arrival.event_id, is_signed=is_verified)
        else:
            self._inbox.receive(arrival.content, arrival.event_id, is_signed=is_verified)
        return HTTPStatus.ACCEPTED

    @callback
    def secret_changed(self) -> None:
        """Forget what was refused with the former signing secret, and the issue about a missing one."""
        self.health.verified()
        self._issues.clear(Issue.SECRET_MISSING)

    @callback
    def polled(self, arrival: ReceivedMessage | Call) -> None:
        """Record that a poll was first with a message or a call."""
        if self.addresses.first:
            self.health.polled(arrival)

    # The addresses.

    async def _find_addresses(self) -> None:
        self.addresses = await async_find_addresses(self._hass, self._id)
        if self.addresses.first:
            self._issues.clear(Issue.NO_ADDRESS)
        else:
            self._issues.create(Issue.NO_ADDRESS)

    @callback
    def _addresses_changed(self) -> None:
        self._entry.async_create_task(self._hass, self._find_addresses(), "find the webhook's addresses")

    @callback
    def _core_config_changed(self, event: Event[Any]) -> None:
        if "external_url" in event.data:
            self._addresses_changed()


def _place_of(err: Exception) -> str:
    """Return the traceback of an error as one line, without the error's text."""
    frames = traceback.extract_tb(err.__traceback__)
    return ", ".join(f"{Path(frame.filename).name}:{frame.lineno} ({frame.name})" for frame in frames)
