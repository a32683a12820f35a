"""What an account holds: phones, messages, calls. Plain, and open to live changes."""

from dataclasses import dataclass, field
import time
from typing import Literal, NamedTuple
from uuid import uuid4

type Fields = dict[str, str]
type Channel = Literal["sms", "whatsapp", "both"]
type Direction = Literal["missed", "incoming", "outgoing"]


def new_guid() -> str:
    """Return an id of the service's kind: 12 hex digits."""
    return uuid4().hex[:12]


class ApiRequest(NamedTuple):
    """One request as it came in: `fields` is the query of a GET, the form of a POST."""

    method: str
    path: str
    fields: Fields


@dataclass(slots=True, kw_only=True)
class Phone:
    """A phone that runs the app.

    `battery` is in percent, None where the phone does not tell; `last_seen` is in Unix seconds and used while offline.
    """

    sid: str
    label: str = "Phone"
    battery: int | None = 80
    version: str = "9.1.0"
    online: bool = True
    last_seen: float = field(default_factory=time.time)


@dataclass(slots=True, kw_only=True)
class ReceivedSms:
    """An SMS that a phone received. `timestamp` is in Unix seconds."""

    guid: str
    number: str
    message: str
    timestamp: float
    row_id: int
    sid: str | None
    listed: bool = False
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class SentMessage:
    """A message that the service took. `fields` is the form exactly as it came, all times are Unix seconds.

    `scheduled` is when it was asked to go out, None for at once. From `due` on the phone has sent it, or failed when
    `error` is set; `error_api` is the cloud's own error.
    """

    fields: Fields
    guid: str
    at: float
    channel: Channel
    due: float
    sid: str
    error: str = ""
    error_api: str = ""
    attempts: int = 1
    scheduled: int | None = None
    deleted: bool = False

    @property
    def recipient(self) -> str:
        """The number it goes to: a `+` that was not encoded arrived as a space."""
        return self.fields["recipients"].strip()

    @property
    def status(self) -> Literal["accepted", "sent", "failed"]:
        """What became of the message so far."""
        if self.error_api:
            return "failed"
        if time.time() < self.due:
            return "accepted"
        return "failed" if self.error else "sent"


@dataclass(slots=True, kw_only=True)
class Call:
    """A call of a phone. `at` is its start, `visible_at` when the cloud lists it, both in Unix seconds."""

    direction: Direction
    number: str
    name: str | None
    at: float
    duration: int
    visible_at: float
    guid: str
    sid: str | None


@dataclass(slots=True, kw_only=True)
class WhatsAppMessage:
    """A WhatsApp message that a phone received. `timestamp` is in Unix seconds."""

    guid: str
    number: str
    message: str
    timestamp: float
    contact_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A push notification that went to a phone."""

    sid: str
    title: str
    message: str
    at: float
    type: str = "notification"
