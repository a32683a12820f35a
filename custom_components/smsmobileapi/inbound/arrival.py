"""What arrives, with all that the inbox has to know of it: its identity, its number, and how sure it is to be the service's."""

from dataclasses import dataclass
from datetime import datetime

from homeassistant.util import dt as dt_util

from ..api import Call, ReceivedMessage, Source, StatusReport
from ..numbers import normalise_sender
from .identity import Identity, event_key, identity_of
from .models import Trust

type Arrival = ReceivedMessage | Call | StatusReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedItem:
    """Something that arrived; `number` is its normalised sender or caller, "" where there is none."""

    arrival: Arrival
    identity: Identity
    trust: Trust
    number: str
    received_at: datetime


def item_of(arrival: Arrival, event_id: str | None, *, region: str | None, is_signed: bool) -> ArrivedItem:
    """Return the item of what arrived.

    `event_id` is that of a V2 event, `is_signed` whether the webhook's signature was verified; `region` is the country of
    numbers without a country code.
    """
    trust = Trust.SIGNED if is_signed else Trust.UNSIGNED
    number, received_at = "", dt_util.utcnow()
    match arrival:
        case ReceivedMessage():
            number = normalise_sender(arrival.sender, region, arrival.channel)
            received_at = arrival.received_at
            identity = identity_of(arrival, number, event_id)
        case Call():
            number = normalise_sender(arrival.number, region) if arrival.number else ""
            received_at = arrival.started_at
            identity = identity_of(arrival, number, event_id)
        case StatusReport():
            # It has no other key: the same message may fail, be sent again, and fail again.
            identity = Identity(event=event_key(event_id))
    if not isinstance(arrival, StatusReport) and arrival.source is Source.POLL:
        trust = Trust.POLLED
    return ArrivedItem(
        arrival=arrival, identity=identity, trust=trust, number=number, received_at=received_at
    )
