"""Plain records of what an account holds: phones, messages, calls, notifications, webhook events.

Times are Unix seconds. All records but `ApiRequest` may be changed while the simulator runs.
"""

from dataclasses import dataclass, field
import time
from typing import Any, Literal, NamedTuple
from uuid import uuid4

type Fields = dict[str, str]
type Channel = Literal["sms", "whatsapp", "both"]
type Direction = Literal["missed", "incoming", "outgoing"]


def new_guid() -> str:
    """Return a random message id as the service makes them: 12 hexadecimal digits."""
    return uuid4().hex[:12]


class ApiRequest(NamedTuple):
    """A request that the API received: `fields` is the query of a GET, the form of a POST."""

    method: str
    path: str
    fields: Fields


@dataclass(slots=True, kw_only=True)
class Phone:
    """A phone with the app.

    `battery` is a percentage, None where it is unknown. `last_seen` is used only while the phone is offline.
    """

    sid: str
    label: str = "Phone"
    battery: int | None = 80
    version: str = "9.1.0"
    online: bool = True
    last_seen: float = field(default_factory=time.time)


@dataclass(slots=True, kw_only=True)
class ReceivedSms:
    """An SMS that a phone received. `listed` is set once `/getsms/` has returned it."""

    guid: str
    number: str
    message: str
    timestamp: float
    row_id: int
    sid: str | None
    listed: bool = False
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class TypedSms:
    """An SMS that a person typed and sent on the phone, without the API."""

    guid: str
    number: str
    message: str
    timestamp: float
    sid: str | None


@dataclass(slots=True, kw_only=True)
class SentMessage:
    """A message that the service accepted. `fields` holds the parameters of the request unchanged.

    `scheduled` is the requested time, None for immediate sending. At the time `due` the phone sends the message, or
    fails to where `error` is not empty. `error_api` is an error of the cloud itself.
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
        """The recipient's number; a `+` that the client did not encode was decoded as a space and is left out."""
        return self.fields["recipients"].strip()

    @property
    def status(self) -> Literal["accepted", "sent", "failed"]:
        """The message's present status."""
        if self.error_api:
            return "failed"
        if time.time() < self.due:
            return "accepted"
        return "failed" if self.error else "sent"


@dataclass(slots=True, kw_only=True)
class Call:
    """A call of a phone. It started at `at`; the API lists it from `visible_at` on. `duration` is in seconds."""

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
    """A WhatsApp message that a phone received.

    `voice_seconds` is the length of a voice message, whose transcript is `message`; None for a text. `collected`
    says whether `/getwa/` may list the message.
    """

    guid: str
    number: str
    message: str
    timestamp: float
    contact_name: str | None = None
    voice_seconds: int | None = None
    collected: bool = True


@dataclass(slots=True, kw_only=True)
class Notification:
    """A push notification. `distributed` says whether the phone has shown it."""

    sid: str
    title: str
    message: str
    at: float
    type: str = "notification"
    distributed: bool = True


@dataclass(slots=True, kw_only=True)
class WebhookEvent:
    """An event of webhook V2. `body` is the JSON object; `statuses` has the HTTP status of each attempt, 0 for no answer."""

    event_id: str
    type: str
    body: dict[str, Any]
    statuses: list[int] = field(default_factory=list)

    @property
    def delivered(self) -> bool:
        """Whether an attempt was answered with a 2xx status."""
        return any(200 <= status < 300 for status in self.statuses)
