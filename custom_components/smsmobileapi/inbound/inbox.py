"""The inbox: every message, call and report that arrives, by webhook or poll, passes `Inbox.receive` once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
import logging
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util import dt as dt_util

from ..api import Call, ReceivedMessage, Source, StatusReport
from ..const import EVENT_CALL, EVENT_MESSAGE_RECEIVED, signal_call, signal_message, signal_status
from ..contacts import Contacts
from ..numbers import mask, normalise_sender
from ..options import Options
from ..senders import Senders
from .ledger import Ledger, call_keys, event_key, message_keys
from .models import InboundCall, InboundMessage

_LOGGER = logging.getLogger(__name__)

# Of a message whose sender the service does not give.
UNKNOWN_SENDER: Final = "unknown"

type Arrival = ReceivedMessage | Call | StatusReport


class InboxState(Enum):
    """How what arrives is handled."""

    HOLDING = auto()  # automations do not listen yet: it is kept until they do
    OPEN = auto()  # it is fired at once
    CLOSED = auto()  # the account or Home Assistant stops: it is refused


class InboxClosed(HomeAssistantError):
    """Nothing can be handled any more, so nothing is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """Something that arrived; `number` is its normalised sender or caller, "" where there is none."""

    arrival: Arrival
    keys: tuple[bytes, ...]
    number: str
    received_at: datetime


class Inbox:
    """The inbox of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        *,
        ledger: Ledger,
        contacts: Contacts,
        senders: Senders,
        options: Options,
    ) -> None:
        self._hass = hass
        self._entry_id = entry_id
        self._ledger = ledger
        self._contacts = contacts
        self._senders = senders
        self._options = options
        self._state = InboxState.HOLDING
        self._set_up_at = dt_util.utcnow()
        self._held: list[_Item] = []
        self._held_keys: set[bytes] = set()
        self.last_received: datetime | None = None
        # For diagnostics: how many items arrived, by channel and source, and how many were known or ignored.
        self.counts: Counter[str] = Counter()

    @property
    def state(self) -> InboxState:
        """Return how what arrives now is handled."""
        return InboxState.CLOSED if self._hass.is_stopping else self._state

    @callback
    def receive(self, arrival: Arrival, event_id: str | None = None) -> bool:
        """Handle what arrived; return whether it is new. `event_id` is that of a V2 event. Raises InboxClosed."""
        self._raise_if_closed()
        item = self._item(arrival, event_id)
        if self._is_known(item):
            self.counts["known"] += 1
            if event_id is not None:
                self._remember_event(event_id)
            return False
        if self._state is InboxState.OPEN:
            self._fire(item)
        else:
            # Not in the ledger yet: if Home Assistant is killed now, it has to come in again.
            self._held.append(item)
            self._held_keys.update(item.keys)
        return True

    @callback
    def knows(self, arrival: Arrival) -> bool:
        """Return whether this was received before."""
        return self._is_known(self._item(arrival, None))

    @callback
    def knows_event(self, event_id: str) -> bool:
        """Return whether a V2 event was received before."""
        return self._has_one_of((event_key(event_id),))

    @callback
    def ignore(self, event_id: str) -> None:
        """Record a V2 event of a type that is not used. Raises InboxClosed."""
        self._raise_if_closed()
        self.counts["ignored"] += 1
        self._ledger.add((event_key(event_id),), dt_util.utcnow().timestamp())

    @callback
    def begin_after(self, messages: Iterable[ReceivedMessage]) -> None:
        """Record these messages as handled, so that only later ones are fired, where the ledger was lost.

        Those that came since the account was set up are left to the next poll, as the webhook may have refused them.
        """
        messages = [message for message in messages if message.received_at < self._set_up_at]
        for message in messages:
            self._ledger.add(self._item(message, None).keys, message.received_at.timestamp())
        self._ledger.advance(messages)
        self._ledger.begin_here()

    @callback
    def open(self) -> bool:
        """Fire what was held, in the order in which it was received, and from now on at once.

        Returns False, and does nothing, where the inbox was closed before.
        """
        if self.state is not InboxState.HOLDING:
            return False
        self._state = InboxState.OPEN
        held, self._held = self._held, []
        self._held_keys.clear()
        for item in sorted(held, key=lambda item: item.received_at):
            self._fire(item)
        self._ledger.advance(
            item.arrival
            for item in held
            if isinstance(item.arrival, ReceivedMessage) and item.arrival.source is Source.POLL
        )
        return True

    @callback
    def close(self) -> None:
        """Refuse all that arrives from now on."""
        self._state = InboxState.CLOSED

    def _remember_event(self, event_id: str) -> None:
        """Record a V2 event whose content is known.

        While messages are held, it is kept in memory only, as they are: after a kill both have to arrive again.
        """
        if self._state is InboxState.OPEN:
            self._ledger.add((event_key(event_id),), dt_util.utcnow().timestamp())
        else:
            self._held_keys.add(event_key(event_id))

    def _raise_if_closed(self) -> None:
        if self.state is InboxState.CLOSED:
            raise InboxClosed

    def _has_one_of(self, keys: tuple[bytes, ...]) -> bool:
        return self._ledger.knows(keys) or not self._held_keys.isdisjoint(keys)

    def _is_known(self, item: _Item) -> bool:
        return self._has_one_of(item.keys) or self._ledger.is_history(item.arrival)

    def _item(self, arrival: Arrival, event_id: str | None) -> _Item:
        """Return what arrived with the keys that a repeat of it would have."""
        number, received_at = "", dt_util.utcnow()
        keys: tuple[bytes, ...] = ()
        match arrival:
            case ReceivedMessage():
                number, received_at = self._normalise(arrival.sender), arrival.received_at
                keys = message_keys(arrival, number)
            case Call():
                number, received_at = self._normalise(arrival.number or ""), arrival.started_at
                keys = call_keys(arrival, number)
        # A report has no other key: the same message may fail, be sent again, and fail again.
        event_keys = () if event_id is None else (event_key(event_id),)
        return _Item(arrival=arrival, keys=(*keys, *event_keys), number=number, received_at=received_at)

    def _normalise(self, number: str) -> str:
        return normalise_sender(number, self._options.region) if number else ""

    @callback
    def _fire(self, item: _Item) -> None:
        """Record an item as handled, and send it to automations and entities."""
        self._ledger.add(item.keys, item.received_at.timestamp())
        if item.number:
            self._senders.add(item.number)
        arrival, contact = item.arrival, self._contacts.by_number(item.number) if item.number else None
        account = {"config_entry_id": self._entry_id}
        match arrival:
            case ReceivedMessage():
                message = InboundMessage(
                    message_id=arrival.message_id or item.keys[0].hex(),
                    message=arrival,
                    sender=item.number or UNKNOWN_SENDER,
                    contact=contact,
                )
                _LOGGER.debug("New %s from %s by %s", arrival.channel, mask(item.number), arrival.source)
                self.counts[f"{arrival.channel} by {arrival.source}"] += 1
                self.last_received = dt_util.utcnow()
                self._hass.bus.async_fire(EVENT_MESSAGE_RECEIVED, account | message.as_event_data())
                async_dispatcher_send(self._hass, signal_message(self._entry_id), message)
            case Call():
                call = InboundCall(call=arrival, number=item.number or None, contact=contact)
                self.counts[f"call by {arrival.source}"] += 1
                self._hass.bus.async_fire(EVENT_CALL, account | call.as_event_data())
                async_dispatcher_send(self._hass, signal_call(self._entry_id), call)
            case StatusReport():
                async_dispatcher_send(self._hass, signal_status(self._entry_id), arrival)
