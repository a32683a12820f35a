"""The inbox: every message, call and report that arrives, by webhook or poll, passes `Inbox.receive` once."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import Enum, auto
import logging
import time
from typing import Final

from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util import dt as dt_util

from ..api import Call, ReceivedMessage, Source, StatusReport
from ..const import (
    EVENT_CALL,
    EVENT_MESSAGE_RECEIVED,
    signal_call,
    signal_message,
    signal_status,
    signal_unsigned_status,
)
from ..contacts import Contacts
from ..numbers import mask
from ..options import Options
from ..senders import Senders
from .arrival import Arrival, ArrivedItem, item_of
from .identity import Identity, Memory, event_key
from .kept import KeptMessages
from .ledger import Ledger
from .models import InboundCall, InboundMessage, Trust

_LOGGER = logging.getLogger(__name__)

# Of a message whose sender the service does not give.
UNKNOWN_SENDER: Final = "unknown"
# What was held is fired in slices of at most so many, or of so many seconds, with a pause after each: automations begin, and the
# event loop is never late for long.
SLICE_ITEMS: Final = 5
SLICE_SECONDS: Final = 0.01
PAUSE_SECONDS: Final = 0.01
# After so many items of a long list, others get their turn.
READ_AT_ONCE: Final = 50


class InboxState(Enum):
    """How what arrives is handled."""

    HOLDING = auto()  # automations do not listen yet, or older ones are being fired: it is kept until then
    OPEN = auto()  # it is fired at once
    CLOSED = auto()  # the account or Home Assistant stops: it is refused


class InboxClosed(HomeAssistantError):
    """Nothing can be handled any more, so nothing is accepted."""


class Inbox:
    """The inbox of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        *,
        ledger: Ledger,
        kept: KeptMessages,
        contacts: Contacts,
        senders: Senders,
        options: Options,
    ) -> None:
        self._hass = hass
        self._entry_id = entry_id
        self._ledger = ledger
        self._kept = kept
        self._contacts = contacts
        self._senders = senders
        self._options = options
        # Called when all that was held has been fired.
        self.on_open: Callable[[], None] = lambda: None
        self._state = InboxState.HOLDING
        self._set_up_at = dt_util.utcnow()
        self._held: deque[ArrivedItem] = deque()
        self._held_memory = Memory()
        self._is_firing = False
        self.last_received: datetime | None = None
        # For diagnostics: how many items arrived, by channel and source, and how many were known or ignored.
        self.counts: Counter[str] = Counter()

    @property
    def state(self) -> InboxState:
        """Return how what arrives now is handled."""
        return InboxState.CLOSED if self._hass.is_stopping else self._state

    @property
    def waiting(self) -> int:
        """Return how many items are held."""
        return len(self._held)

    @callback
    def receive(self, arrival: Arrival, event_id: str | None = None, *, is_signed: bool = False) -> bool:
        """Handle what arrived; return whether it is new.

        `event_id` is that of a V2 event, `is_signed` whether its signature was verified. Raises InboxClosed.
        """
        item = self._new(arrival, event_id, is_signed=is_signed)
        if item is None:
            return False
        if self._state is InboxState.OPEN:
            self._fire(item)
        else:
            self._hold(item)
        return True

    async def receive_all[ArrivalT: (ReceivedMessage, Call)](
        self, arrivals: Iterable[ArrivalT]
    ) -> list[ArrivalT]:
        """Handle what a poll lists, in its order; return what is new. What comes by webhook meanwhile waits for its turn."""
        new: list[ArrivalT] = []
        for index, arrival in enumerate(arrivals, 1):
            if self.state is InboxState.CLOSED:
                return new
            if item := self._new(arrival):
                self._hold(item)
                new.append(arrival)
            if index % READ_AT_ONCE == 0:
                await asyncio.sleep(0)
        if self._held and self._state is InboxState.OPEN:
            await self._fire_held()
        return new

    async def fire_kept(self) -> int:
        """Fire the messages that were too old to act on, at the latest with what is held; return how many there are.

        Raises InboxClosed.
        """
        self._raise_if_closed()
        messages = self._kept.take()
        for message, trust in messages:
            self._hold(self._item(message, is_signed=trust is Trust.SIGNED))
        if self._state is InboxState.OPEN:
            await self._fire_held()
        return len(messages)

    @callback
    def knows(self, arrival: ReceivedMessage | Call, *, is_signed: bool = False) -> bool:
        """Return whether this was received before, or is too old to be fired."""
        item = self._item(arrival, is_signed=is_signed)
        return self._is_known(item) or self._ledger.is_history(arrival) or self._is_too_old(arrival)

    @callback
    def knows_event(self, event_id: str) -> bool:
        """Return whether a V2 event was received before."""
        return self._ledger.knows_event(event_id) or self._held_memory.knows_event(event_key(event_id))

    @callback
    def ignore(self, event_id: str, *, is_signed: bool = False) -> None:
        """Record a V2 event of a type that is not used. Raises InboxClosed."""
        self._raise_if_closed()
        self.counts["ignored"] += 1
        trust = Trust.SIGNED if is_signed else Trust.UNSIGNED
        self._ledger.add(Identity(event=event_key(event_id)), trust, dt_util.utcnow().timestamp())

    @callback
    def begin_after(self, messages: Iterable[ReceivedMessage]) -> None:
        """Record these messages as handled, so that only later ones are fired, where the ledger was lost.

        Those that came since the account was set up are left to the next poll, as the webhook may have refused them.
        """
        messages = [message for message in messages if message.received_at < self._set_up_at]
        for message in messages:
            identity = self._item(message).identity
            self._ledger.add(identity, Trust.POLLED, message.received_at.timestamp(), is_fired=False)
        self._ledger.advance(messages)
        self._ledger.begin_here()

    async def open(self) -> bool:
        """Fire what was held, in the order in which it was received, and from then on at once.

        Returns False where the inbox was closed before all was fired.
        """
        if self.state is InboxState.HOLDING:
            await self._fire_held()
        return self.state is InboxState.OPEN

    @callback
    def close(self) -> None:
        """Refuse all that arrives from now on."""
        self._state = InboxState.CLOSED

    # What is new.

    def _raise_if_closed(self) -> None:
        if self.state is InboxState.CLOSED:
            raise InboxClosed

    def _new(
        self, arrival: Arrival, event_id: str | None = None, *, is_signed: bool = False
    ) -> ArrivedItem | None:
        """Return what arrived where it has to be fired. Raises InboxClosed."""
        self._raise_if_closed()
        item = self._item(arrival, event_id, is_signed=is_signed)
        if self._is_known(item):
            self.counts["known"] += 1
            self._learn(item)
        elif self._ledger.is_history(arrival):
            self.counts["history"] += 1
        elif not isinstance(arrival, StatusReport) and self._is_too_old(arrival):
            self._keep(item)
        else:
            return item
        return None

    def _is_known(self, item: ArrivedItem) -> bool:
        return any(memory.knows(item.identity, item.trust) for memory in (self._ledger, self._held_memory))

    def _learn(self, item: ArrivedItem) -> None:
        """Record the keys in which a repeat differs from what was handled.

        Of an unsigned one only the event's: its id must not keep the message from being fired that the service has under it.
        While items are held, that is kept in memory only, as they are: after a kill both have to arrive again.
        """
        is_unsigned = item.trust is Trust.UNSIGNED
        identity = Identity(event=item.identity.event) if is_unsigned else item.identity
        if self._held_memory.knows(item.identity, item.trust):
            self._held_memory.add(identity, item.trust, 0)
        else:
            self._ledger.add(identity, item.trust, item.received_at.timestamp())

    def _is_too_old(self, arrival: ReceivedMessage | Call) -> bool:
        """Return whether it is too late to act on this. What the webhook brings as it comes is never too old."""
        if self._ledger.is_from_before_restore(arrival):
            return True
        time = arrival.received_at if isinstance(arrival, ReceivedMessage) else arrival.started_at
        return arrival.source is Source.POLL and dt_util.utcnow() - time > self._options.max_age

    def _keep(self, item: ArrivedItem) -> None:
        self.counts["too old"] += 1
        self._ledger.add(item.identity, item.trust, item.received_at.timestamp(), is_fired=False)
        if isinstance(item.arrival, ReceivedMessage):
            self._kept.add(item.arrival, item.trust)

    def _item(self, arrival: Arrival, event_id: str | None = None, *, is_signed: bool = False) -> ArrivedItem:
        return item_of(arrival, event_id, region=self._options.region, is_signed=is_signed)

    # Firing.

    def _hold(self, item: ArrivedItem) -> None:
        """Keep what is to be fired later. It is not in the ledger: if Home Assistant is killed, it has to come in again."""
        self._held.append(item)
        self._held_memory.add(item.identity, item.trust, 0)

    async def _fire_held(self) -> None:
        """Fire what is held, and what arrives meanwhile, and be open then."""
        if self._is_firing:
            return
        self._is_firing, self._state = True, InboxState.HOLDING
        polled, fired = [], 0
        self._held = deque(sorted(self._held, key=lambda item: item.received_at))
        try:
            while self._held and self.state is InboxState.HOLDING:
                slice_ends = time.monotonic() + SLICE_SECONDS
                for _ in range(min(SLICE_ITEMS, len(self._held))):
                    item = self._held.popleft()
                    self._fire(item)
                    fired += 1
                    if isinstance(item.arrival, ReceivedMessage) and item.trust is Trust.POLLED:
                        polled.append(item.arrival)
                    if time.monotonic() > slice_ends:
                        break
                if self._held:
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            self._is_firing = False
            if self._state is InboxState.HOLDING and not self._hass.is_stopping:
                self._state = InboxState.OPEN
        if self.state is InboxState.OPEN:
            self._held_memory = Memory()
            self._ledger.advance(polled)
            self._kept.forget_taken()
            self.on_open()
            if fired > SLICE_ITEMS:
                self.counts["caught up"] += fired
                _LOGGER.debug("%d items that had waited were fired", fired)

    @callback
    def _fire(self, item: ArrivedItem) -> None:
        """Record an item as handled, and send it to automations and entities."""
        self._ledger.add(item.identity, item.trust, item.received_at.timestamp())
        if item.number:
            self._senders.add(item.number)
        arrival, contact = item.arrival, self._contacts.by_number(item.number) if item.number else None
        account, context = {"config_entry_id": self._entry_id}, Context()
        is_private = self._options.is_history_private
        match arrival:
            case ReceivedMessage():
                message = InboundMessage(
                    message_id=arrival.message_id or item.identity.name,
                    message=arrival,
                    sender=item.number or UNKNOWN_SENDER,
                    contact=contact,
                    trust=item.trust,
                    context=context,
                )
                _LOGGER.debug("New %s from %s by %s", arrival.channel, mask(item.number), arrival.source)
                self.counts[f"{arrival.channel} by {arrival.source}"] += 1
                self.last_received = dt_util.utcnow()
                data = account | message.as_event_data(is_private=is_private)
                self._hass.bus.async_fire(EVENT_MESSAGE_RECEIVED, data, context=context)
                async_dispatcher_send(self._hass, signal_message(self._entry_id), message)
            case Call():
                call = InboundCall(
                    call=arrival,
                    number=item.number or None,
                    contact=contact,
                    trust=item.trust,
                    context=context,
                )
                self.counts[f"call by {arrival.source}"] += 1
                data = account | call.as_event_data(is_private=is_private)
                self._hass.bus.async_fire(EVENT_CALL, data, context=context)
                async_dispatcher_send(self._hass, signal_call(self._entry_id), call)
            case StatusReport():
                is_sure = item.trust is not Trust.UNSIGNED
                signal = signal_status if is_sure else signal_unsigned_status
                async_dispatcher_send(self._hass, signal(self._entry_id), arrival)
