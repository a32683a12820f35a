"""The SMSMobileAPI cloud service on localhost, with the strictness and the irregularities of the real one."""

from .account import Account
from .events import (
    EVENT_TYPES,
    call_data,
    example_data,
    report_data,
    sms_data,
    typed_data,
    voice_data,
    whatsapp_data,
)
from .faults import Fault
from .records import (
    ApiRequest,
    Call,
    Notification,
    Phone,
    ReceivedSms,
    SentMessage,
    TypedSms,
    WebhookEvent,
    WhatsAppMessage,
)
from .simulator import Simulator

__all__ = [
    "EVENT_TYPES",
    "Account",
    "ApiRequest",
    "Call",
    "Fault",
    "Notification",
    "Phone",
    "ReceivedSms",
    "SentMessage",
    "Simulator",
    "TypedSms",
    "WebhookEvent",
    "WhatsAppMessage",
    "call_data",
    "example_data",
    "report_data",
    "sms_data",
    "typed_data",
    "voice_data",
    "whatsapp_data",
]
