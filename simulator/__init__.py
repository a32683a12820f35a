"""The SMSMobileAPI cloud service on localhost, as strict and as odd as the real one."""

from .account import Account
from .faults import Fault
from .records import ApiRequest, Call, Notification, Phone, ReceivedSms, SentMessage, WhatsAppMessage
from .simulator import Simulator
from .webhooks import call_data, report_data, sms_data, whatsapp_data

__all__ = [
    "Account",
    "ApiRequest",
    "Call",
    "Fault",
    "Notification",
    "Phone",
    "ReceivedSms",
    "SentMessage",
    "Simulator",
    "WhatsAppMessage",
    "call_data",
    "report_data",
    "sms_data",
    "whatsapp_data",
]
