"""One customer of the service: how it answers, and what happened to it."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
import secrets
import time
from typing import Any, Literal, get_args

from .dresses import (
    CheckDress,
    DeleteDress,
    ErrorDress,
    ListShape,
    NumberDress,
    PhoneDress,
    TimeDress,
    TokenDress,
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
    WhatsAppMessage,
    new_guid,
)

type State = Literal["good", "expired", "limited", "unknown"]
type Dialect = Literal["status", "result"]

CHOICES: dict[str, tuple[str, ...]] = {
    "state": get_args(State.__value__),
    "dialect": get_args(Dialect.__value__),
    "time_dress": get_args(TimeDress.__value__),
    "number_dress": get_args(NumberDress.__value__),
    "list_shape": get_args(ListShape.__value__),
    "phone_dress": get_args(PhoneDress.__value__),
    "error_dress": get_args(ErrorDress.__value__),
    "check_dress": get_args(CheckDress.__value__),
    "delete_dress": get_args(DeleteDress.__value__),
    "token_dress": get_args(TokenDress.__value__),
    "refused_sent": ("0", "no"),
}


@dataclass(slots=True, kw_only=True)
class Account:
    """An account. Every attribute may be changed while the simulator runs; a value outside `CHOICES` is a ValueError.

    `state` "unknown" refuses the key like one that never was. Times are Unix seconds, durations seconds.
    """

    key: str
    state: State = "good"
    dialect: Dialect = "status"
    webhook_url: str | None = None
    webhook_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    client_id: str | None = None
    client_secret: str | None = None
    token_seconds: float = 3600

    # How it answers.
    retry_after: int = 30
    requests_per_minute: int | None = None
    time_zone: tzinfo = UTC
    time_dress: TimeDress = "seconds"
    number_dress: NumberDress = "given"
    list_shape: ListShape = "result"
    phone_dress: PhoneDress = "sid"
    error_dress: ErrorDress = "documented"
    check_dress: CheckDress = "contact"
    delete_dress: DeleteDress = "count"
    token_dress: TokenDress = "documented"
    refused_sent: Literal["0", "no"] = "0"
    newest_first: bool = False
    trial: bool = False
    connected_limit: int = 3
    whatsapp_numbers: set[str] | None = None
    """Bare numbers that are on WhatsApp; None: all are."""

    # What becomes of a message that it took.
    delivery_delay: float = 0
    delivery_error: str = ""
    whatsapp_delivery_error: str = ""
    """What WhatsApp messages fail with; they fail with `delivery_error` too."""
    report_by_webhook: bool = False
    """Whether V2 tells what became of a message, once it is due."""

    # What happened.
    phones: list[Phone] = field(default_factory=lambda: [Phone(sid="phone-1")])
    sent: list[SentMessage] = field(default_factory=list)
    received: list[ReceivedSms] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    whatsapp: list[WhatsAppMessage] = field(default_factory=list)
    whatsapp_active: bool = False
    whatsapp_open_until: float = 0
    notifications: list[Notification] = field(default_factory=list)
    requests: list[ApiRequest] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    """Bearer tokens and when they end."""
    to_report: list[SentMessage] = field(default_factory=list)
    """Taken messages whose report nobody waits for yet."""
    admitted: deque[float] = field(default_factory=deque)
    """When the requests of the last minute were let in."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse a misspelt state or dress at once, rather than as a strange answer later."""
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(CHOICES[name])}, not {value!r}")
        object.__setattr__(self, name, value)

    def phone(self, sid: str) -> Phone | None:
        """Return the phone with this sid, or None."""
        return next((phone for phone in self.phones if phone.sid == sid), None)

    def phone_error(self, channel: Channel) -> str:
        """Return what a message taken now fails with on the phone, "" where it does not."""
        error = self.whatsapp_delivery_error if channel == "whatsapp" else ""
        return error or self.delivery_error

    def revoke_tokens(self) -> None:
        """End all living tokens; whoever comes with one gets a 401."""
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
        """Store an SMS that a phone received, by default the first phone and now."""
        row = ReceivedSms(
            guid=guid or new_guid(),
            number=number,
            message=message,
            timestamp=time.time() if timestamp is None else timestamp,
            row_id=len(self.received) + 1,
            sid=sid or (self.phones[0].sid if self.phones else None),
        )
        self.received.append(row)
        return row

    def receive_whatsapp(
        self,
        number: str,
        message: str,
        contact_name: str | None = None,
        guid: str | None = None,
        timestamp: float | None = None,
    ) -> WhatsAppMessage:
        """Store a WhatsApp message that a phone received, by default now."""
        row = WhatsAppMessage(
            guid=guid or new_guid(),
            number=number,
            message=message,
            contact_name=contact_name,
            timestamp=time.time() if timestamp is None else timestamp,
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
    ) -> Call:
        """Store a call, by default now; the cloud lists it `delay` seconds from now."""
        if direction not in get_args(Direction.__value__):
            raise ValueError(f"direction must be missed, incoming or outgoing, not {direction!r}")
        now = time.time()
        call = Call(
            direction=direction,
            number=number,
            name=name,
            duration=duration,
            at=now if at is None else at,
            visible_at=now + delay,
            guid=new_guid(),
            sid=self.phones[0].sid if self.phones else None,
        )
        self.calls.append(call)
        return call

    def forget(self) -> None:
        """Empty what happened; settings, phones and credentials stay."""
        for happened in (
            self.sent,
            self.received,
            self.calls,
            self.whatsapp,
            self.notifications,
            self.requests,
            self.tokens,
            self.admitted,
        ):
            happened.clear()
        self.whatsapp_active = False
        self.whatsapp_open_until = 0
