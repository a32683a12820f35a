"""An account of the service: its settings, and what it has received and sent."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
import secrets
import time
from typing import Any, Literal, get_args

from .formats import (
    CheckFormat,
    DeleteFormat,
    ErrorFormat,
    GuidFormat,
    ListFormat,
    NumberFormat,
    PhoneFormat,
    RefusalFormat,
    TimeFormat,
    TokenFormat,
)
from .records import (
    ApiRequest,
    Call,
    Channel,
    Direction,
    Notification,
    Phone,
    ReceivedSms,
    SentMessage,
    TypedSms,
    WebhookEvent,
    WhatsAppMessage,
    new_guid,
)

type State = Literal["good", "expired", "limited", "unknown"]

CHOICES: dict[str, tuple[str, ...]] = {
    "state": get_args(State.__value__),
    "refusal_format": get_args(RefusalFormat.__value__),
    "time_format": get_args(TimeFormat.__value__),
    "number_format": get_args(NumberFormat.__value__),
    "list_format": get_args(ListFormat.__value__),
    "phone_format": get_args(PhoneFormat.__value__),
    "error_format": get_args(ErrorFormat.__value__),
    "check_format": get_args(CheckFormat.__value__),
    "delete_format": get_args(DeleteFormat.__value__),
    "token_format": get_args(TokenFormat.__value__),
    "guid_format": get_args(GuidFormat.__value__),
    "refused_sent": ("0", "no"),
}
"""The attributes of an account that have a fixed set of values."""


@dataclass(slots=True, kw_only=True)
class Account:
    """An account. Each attribute may be changed while the simulator runs; a value not in `CHOICES` is a ValueError.

    With `state` "unknown" the key is refused as if the account did not exist. Times are Unix seconds, durations
    seconds.
    """

    key: str
    state: State = "good"
    client_id: str | None = None
    client_secret: str | None = None
    token_seconds: float = 3600

    # Webhooks.
    webhook_url: str | None = None
    webhook_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    next_webhook_secret: str | None = None
    """While it is set, V2 is signed with both secrets, as during a rotation of the secret."""
    webhook_paused: bool = False
    """While it is set, V2 posts nothing."""
    pause_after_failures: int | None = None
    """How many failed V2 attempts in a row set `webhook_paused`; None: never."""
    redelivery_delay: float | None = None
    """How long after a failed attempt V2 posts an event again, until it is answered 2xx; None: never by itself."""
    report_by_webhook: bool = False
    """Whether V2 reports each message as sent or failed once it is due."""
    whatsapp_webhook_needs_activation: bool = False
    """Whether V2 posts received WhatsApp messages only while `whatsapp_active` is set."""

    # Format of the answers.
    refusal_format: RefusalFormat = "status"
    retry_after: int = 30
    requests_per_minute: int | None = None
    time_zone: tzinfo = UTC
    time_format: TimeFormat = "seconds"
    number_format: NumberFormat = "given"
    list_format: ListFormat = "result"
    phone_format: PhoneFormat = "sid"
    error_format: ErrorFormat = "documented"
    check_format: CheckFormat = "contact"
    delete_format: DeleteFormat = "count"
    token_format: TokenFormat = "documented"
    guid_format: GuidFormat = "random"
    refused_sent: Literal["0", "no"] = "0"
    empty_log_error: int | str | None = None
    """`result.error` of a sent log without rows; None: no such field."""
    newest_first: bool = False
    trial: bool = False
    connected_limit: int = 3
    whatsapp_numbers: set[str] | None = None
    """The numbers on WhatsApp, without `+`; None: every number."""
    notifications_distributed: bool = True
    """Whether phones show the notifications that are sent from now on."""

    # Outcome of the messages that are accepted from now on.
    delivery_delay: float = 0
    delivery_error: str = ""
    whatsapp_delivery_error: str = ""
    """The error of messages that go by WhatsApp only; where it is empty, `delivery_error` applies."""

    # History and state.
    phones: list[Phone] = field(default_factory=lambda: [Phone(sid="phone-1")])
    sent: list[SentMessage] = field(default_factory=list)
    typed: list[TypedSms] = field(default_factory=list)
    received: list[ReceivedSms] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    whatsapp: list[WhatsAppMessage] = field(default_factory=list)
    whatsapp_active: bool = False
    whatsapp_readable_until: float = 0
    notifications: list[Notification] = field(default_factory=list)
    events: list[WebhookEvent] = field(default_factory=list)
    """The V2 events with their delivery attempts."""
    failures_in_a_row: int = 0
    requests: list[ApiRequest] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    """Bearer tokens and when they expire."""
    unreported: list[SentMessage] = field(default_factory=list)
    """Accepted messages for which no report has been scheduled yet."""
    recent_requests: deque[float] = field(default_factory=deque)
    """When the requests of the last minute were accepted."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; raises ValueError for a value that is not in `CHOICES`."""
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(CHOICES[name])}, not {value!r}")
        object.__setattr__(self, name, value)

    def phone(self, sid: str) -> Phone | None:
        """Return the phone with this sid, or None."""
        return next((phone for phone in self.phones if phone.sid == sid), None)

    def phone_error(self, channel: Channel) -> str:
        """Return the phone's error for a message that is accepted now, "" for none."""
        error = self.whatsapp_delivery_error if channel == "whatsapp" else ""
        return error or self.delivery_error

    def revoke_tokens(self) -> None:
        """Make all bearer tokens expire now."""
        for token in self.tokens:
            self.tokens[token] = 0

    def receive(
        self,
        number: str,
        message: str,
        guid: str | None = None,
        timestamp: float | None = None,
        sid: str | None = None,
    ) -> ReceivedSms:
        """Add a received SMS; by default the first phone receives it now."""
        sid = sid or self._first_sid()
        row = ReceivedSms(
            guid=guid or self._next_guid(self.received, sid),
            number=number,
            message=message,
            timestamp=time.time() if timestamp is None else timestamp,
            row_id=len(self.received) + 1,
            sid=sid,
        )
        self.received.append(row)
        return row

    def type_sms(self, number: str, message: str, timestamp: float | None = None) -> TypedSms:
        """Add an SMS that a person typed on the first phone, by default now."""
        sid = self._first_sid()
        row = TypedSms(
            guid=self._next_guid(self.typed, sid),
            number=number,
            message=message,
            timestamp=time.time() if timestamp is None else timestamp,
            sid=sid,
        )
        self.typed.append(row)
        return row

    def receive_whatsapp(
        self,
        number: str,
        message: str,
        contact_name: str | None = None,
        guid: str | None = None,
        timestamp: float | None = None,
        *,
        voice_seconds: int | None = None,
    ) -> WhatsAppMessage:
        """Add a received WhatsApp message, by default now; `voice_seconds` makes it a voice message."""
        row = WhatsAppMessage(
            guid=guid or new_guid(),
            number=number,
            message=message,
            contact_name=contact_name,
            timestamp=time.time() if timestamp is None else timestamp,
            voice_seconds=voice_seconds,
            collected=self.whatsapp_active,
        )
        self.whatsapp.append(row)
        return row

    def add_call(
        self,
        direction: Direction,
        number: str,
        *,
        name: str | None = None,
        duration: int = 0,
        at: float | None = None,
        delay: float = 0,
        sid: str | None = None,
    ) -> Call:
        """Add a call, by default of the first phone and now; the API lists it `delay` seconds from now."""
        if direction not in get_args(Direction.__value__):
            raise ValueError(f"direction must be missed, incoming or outgoing, not {direction!r}")
        now = time.time()
        sid = sid or self._first_sid()
        call = Call(
            direction=direction,
            number=number,
            name=name,
            duration=duration,
            at=now if at is None else at,
            visible_at=now + delay,
            guid=self._next_guid(self.calls, sid),
            sid=sid,
        )
        self.calls.append(call)
        return call

    def clear_history(self) -> None:
        """Remove messages, calls, notifications, events, requests and tokens; keep settings, phones and credentials."""
        for history in (
            self.sent,
            self.typed,
            self.received,
            self.calls,
            self.whatsapp,
            self.notifications,
            self.events,
            self.requests,
            self.tokens,
            self.recent_requests,
        ):
            history.clear()
        self.whatsapp_active = False
        self.whatsapp_readable_until = 0
        self.failures_in_a_row = 0

    def _first_sid(self) -> str | None:
        return self.phones[0].sid if self.phones else None

    def _next_guid(self, rows: list[ReceivedSms] | list[TypedSms] | list[Call], sid: str | None) -> str:
        """Return a new guid; `counter` counts the rows of each phone from 1."""
        if self.guid_format == "random":
            return new_guid()
        return str(1 + sum(row.sid == sid for row in rows))
