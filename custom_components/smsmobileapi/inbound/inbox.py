"""The inbound door: every message, call and report that arrives, whichever way, passes here once."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
import logging
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util import dt as dt_util

from ..api import Call, ReceivedMessage, StatusReport
from ..const import EVENT_CALL, EVENT_MESSAGE_RECEIVED, signal_call, signal_message, signal_status
from ..contacts import Contacts
from ..numbers import mask, normalise_sender
from ..options import Options
from .ledger import Ledger, call_keys, event_key, message_keys, report_keys
from .models import InboundCall, InboundMessage

_LOGGER = logging.getLogger(__name__)

type Arrival = ReceivedMessage | Call | StatusReport


class InboxClosed(HomeAssistantError):
    """The account or Home Assistant is going down: nothing can be handled any more, so nothing is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """Something new that nobody listens for yet."""

    keys: tuple[str, ...]
    received_at: datetime
    fire: Callable[[], None]


class Inbox:
    """The inbound door of one account. Until it is open, it holds what arrives."""

    def __init__(
        self, hass: HomeAssistant, entry_id: str, *, ledger: Ledger, contacts: Contacts, options: Options
    ) -> None:
        self._hass = hass
        self._entry_id = entry_id
        self._ledger = ledger
        self._contacts = contacts
        self._options = options
        self._held: list[_Held] = []
        self._held_keys: set[str] = set()
        self.is_open = False
        self._was_closed = False
        self.last_received: datetime | None = None
        # For diagnostics: how much came which way, and how much of that was known or of no use.
        self.counts: Counter[str] = Counter()

    @callback
    def receive(self, arrival: Arrival, event_id: str | None = None) -> bool:
        """Take what arrived; return whether it is new. `event_id` is that of a V2 event. Raises InboxClosed."""
        self._check_open()
        held = self._read(arrival)
        if self._knows(held.keys) or self._ledger.is_history(arrival):
            self.counts["known"] += 1
            if event_id is not None:
                self._note_event(event_id)
            return False
        if event_id is not None:
            held = replace(held, keys=(event_key(event_id), *held.keys))
        if self.is_open:
            self._fire(held)
        else:
            # Not in the ledger yet: should we be killed now, it has to come in again.
            self._held.append(held)
            self._held_keys.update(held.keys)
        return True

    @callback
    def knows(self, arrival: Arrival) -> bool:
        """Tell whether this is not new, without taking it."""
        return self._knows(self._read(arrival).keys) or self._ledger.is_history(arrival)

    @callback
    def knows_event(self, event_id: str) -> bool:
        """Tell whether a V2 event was taken before."""
        return self._knows((event_key(event_id),))

    @callback
    def ignore(self, event_id: str) -> None:
        """Take a V2 event of a type that we have no use for."""
        self._check_open()
        self.counts["ignored"] += 1
        self._note_event(event_id)

    def _note_event(self, event_id: str) -> None:
        """Remember a V2 event that brings nothing new."""
        self._ledger.add((event_key(event_id),), dt_util.utcnow().timestamp())

    @callback
    def begin_after(self, messages: Sequence[ReceivedMessage]) -> None:
        """Take these messages as handled long ago, and those that come after them as the first: the ledger was lost."""
        for message in messages:
            self._ledger.add(self._read(message).keys, message.received_at.timestamp())
        self._ledger.advance(messages)
        self._ledger.begin_here()

    @callback
    def open(self) -> None:
        """Fire what was held, in the order in which it was received, and hold nothing from now on."""
        self.is_open = True
        waiting, self._held = self._held, []
        self._held_keys.clear()
        for held in sorted(waiting, key=lambda held: held.received_at):
            self._fire(held)

    @property
    def is_closed(self) -> bool:
        """Tell whether nothing is taken any more."""
        return self._was_closed or self._hass.is_stopping

    @callback
    def close(self) -> None:
        """Take nothing any more."""
        self._was_closed = True

    def _check_open(self) -> None:
        if self.is_closed:
            raise InboxClosed

    def _knows(self, keys: tuple[str, ...]) -> bool:
        return self._ledger.knows(keys) or not self._held_keys.isdisjoint(keys)

    def _read(self, arrival: Arrival) -> _Held:
        """Tell what makes an arrival itself, and what to do with it once somebody listens."""
        match arrival:
            case ReceivedMessage():
                return self._read_message(arrival)
            case Call():
                return self._read_call(arrival)
            case StatusReport():
                return _Held(
                    keys=report_keys(arrival),
                    received_at=dt_util.utcnow(),
                    fire=lambda: self._dispatch(signal_status(self._entry_id), arrival),
                )

    def _read_message(self, message: ReceivedMessage) -> _Held:
        sender = normalise_sender(message.sender, self._options.region)
        keys = message_keys(message, sender)

        def fire() -> None:
            inbound = InboundMessage(
                message_id=message.message_id or keys[0],
                message=message,
                sender=sender,
                contact=self._contacts.by_number(sender),
            )
            _LOGGER.debug("New %s from %s by %s", message.channel, mask(sender), message.source)
            self.counts[f"{message.channel} by {message.source}"] += 1
            self.last_received = dt_util.utcnow()
            self._tell(EVENT_MESSAGE_RECEIVED, inbound.as_event_data())
            self._dispatch(signal_message(self._entry_id), inbound)

        return _Held(keys=keys, received_at=message.received_at, fire=fire)

    def _read_call(self, call: Call) -> _Held:
        number = normalise_sender(call.number, self._options.region) if call.number else None

        def fire() -> None:
            contact = self._contacts.by_number(number) if number else None
            self.counts[f"call by {call.source}"] += 1
            inbound = InboundCall(call=call, number=number, contact=contact)
            self._tell(EVENT_CALL, inbound.as_event_data())
            self._dispatch(signal_call(self._entry_id), inbound)

        return _Held(keys=call_keys(call, number or ""), received_at=call.started_at, fire=fire)

    @callback
    def _fire(self, held: _Held) -> None:
        self._ledger.add(held.keys, held.received_at.timestamp())
        held.fire()

    def _tell(self, event: str, data: dict[str, Any]) -> None:
        self._hass.bus.async_fire(event, {"config_entry_id": self._entry_id, **data})

    def _dispatch(self, signal: str, news: object) -> None:
        async_dispatcher_send(self._hass, signal, news)
