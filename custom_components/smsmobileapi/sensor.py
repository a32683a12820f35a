"""Sensors: the last message, counts of messages, and the state of the phones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.sensor import (
    RestoreSensor,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import PERCENTAGE, EntityCategory
from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.restore_state import RestoredExtraData, RestoreEntity
from homeassistant.helpers.update_coordinator import CoordinatorEntity
from homeassistant.util import dt as dt_util

from .account import SmsMobileApiConfigEntry
from .api import Phone, Status
from .const import signal_message, signal_report, signal_sent
from .coordinator import PollCoordinator
from .entity import AccountEntity, PhoneEntity, async_add_for_phones
from .inbound.models import InboundMessage
from .outbound.models import OutboundMessage

PARALLEL_UPDATES = 0

LAST_MESSAGE = SensorEntityDescription(key="last_message", translation_key="last_message")
PHONES_CONNECTED = SensorEntityDescription(
    key="phones_connected",
    translation_key="phones_connected",
    state_class=SensorStateClass.MEASUREMENT,
    entity_category=EntityCategory.DIAGNOSTIC,
    # Each phone has an entity that shows the same.
    entity_registry_enabled_default=False,
)
ATTRIBUTES: Final = ("message", "sender", "sender_name", "contact", "channel", "received_at", "message_id")
MAX_STATE_LENGTH: Final = 255


def _is_any(_message: InboundMessage | OutboundMessage) -> bool:
    return True


def _is_failed(message: OutboundMessage) -> bool:
    return message.status is Status.FAILED


@dataclass(frozen=True, kw_only=True)
class CounterDescription(SensorEntityDescription):
    """A count of messages that a dispatcher signal of the account carries.

    `signal` returns its name for the account's id, `is_counted` whether a message that it carries counts.
    """

    signal: Callable[[str], str]
    is_counted: Callable[[Any], bool]


COUNTERS: Final = tuple(
    CounterDescription(
        key=key,
        translation_key=key,
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        signal=signal,
        is_counted=is_counted,
    )
    for key, signal, is_counted in (
        ("messages_received", signal_message, _is_any),
        ("messages_sent", signal_sent, _is_any),
        ("messages_failed", signal_report, _is_failed),
    )
)


@dataclass(frozen=True, kw_only=True)
class PhoneSensorDescription(SensorEntityDescription):
    """A value of a phone. `is_kept`: it is still shown when the service no longer lists the phone."""

    value_fn: Callable[[Phone], int | datetime | None]
    is_kept: bool = False


PHONE_SENSORS: Final = (
    PhoneSensorDescription(
        key="battery",
        device_class=SensorDeviceClass.BATTERY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda phone: phone.battery,
    ),
    PhoneSensorDescription(
        key="last_seen",
        translation_key="last_seen",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda phone: phone.last_seen,
        is_kept=True,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmsMobileApiConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of the account and of its phones."""
    async_add_entities(
        [
            LastMessage(entry, LAST_MESSAGE),
            *(MessageCounter(entry, description) for description in COUNTERS),
            PhonesConnected(entry),
        ]
    )
    async_add_for_phones(
        entry,
        async_add_entities,
        lambda phone: [PhoneSensor(entry, phone, description) for description in PHONE_SENSORS],
    )


class LastMessage(AccountEntity, SensorEntity, RestoreEntity):
    """The text of the newest message. The complete text, the sender and the time are attributes.

    Where texts are kept out of the history, which has all states, the state is the message's time.
    """

    _unrecorded_attributes = frozenset({"message", "sender", "sender_name"})
    _newest: datetime | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Show the last message after a restart, and subscribe to new ones.

        While automations run, it is not shown again: they would take its text for new.
        """
        await super().async_added_to_hass()
        if last_state := await self.async_get_last_state():
            self._newest = dt_util.parse_datetime(last_state.attributes.get("received_at") or "")
            if self.hass.state is not CoreState.running:
                self._show(last_state.attributes)
        if (saved := await self.async_get_last_extra_data()) and (newest := saved.as_dict()["newest"]):
            self._newest = dt_util.parse_datetime(newest)
        signal = signal_message(self._entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._message_received))

    @property
    @override
    def extra_restore_state_data(self) -> RestoredExtraData:
        """Return the time of the newest message: after a reload the message is not shown, but still the newest."""
        return RestoredExtraData({"newest": self._newest and self._newest.isoformat()})

    @callback
    def _message_received(self, inbound: InboundMessage) -> None:
        # A phone whose clock is ahead must not keep later messages from being shown.
        time = min(inbound.message.received_at, dt_util.utcnow().replace(microsecond=0))
        if self._newest and time < self._newest:
            return
        self._newest = time
        self._show(inbound.as_attributes())
        self._write_state_of(inbound)

    def _show(self, attributes: Mapping[str, Any]) -> None:
        is_private = self._entry.runtime_data.options.is_history_private
        text = attributes.get("received_at" if is_private else "message")
        self._attr_native_value = None if text is None else text[:MAX_STATE_LENGTH]
        self._attr_extra_state_attributes = {name: attributes.get(name) for name in ATTRIBUTES}


class MessageCounter(AccountEntity, RestoreSensor):
    """Counts messages since the account was added."""

    entity_description: CounterDescription
    _attr_native_value: int = 0

    @override
    async def async_added_to_hass(self) -> None:
        """Continue from the last count, and subscribe to the signal."""
        await super().async_added_to_hass()
        if (last := await self.async_get_last_sensor_data()) and isinstance(last.native_value, int):
            self._attr_native_value = last.native_value
        signal = self.entity_description.signal(self._entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._count))

    @callback
    def _count(self, message: InboundMessage | OutboundMessage) -> None:
        if self.entity_description.is_counted(message):
            self._attr_native_value += 1
            self._write_state_of(message)


class PhonesConnected(AccountEntity, CoordinatorEntity[PollCoordinator], SensorEntity):
    """The number of phones that are connected to the service."""

    def __init__(self, entry: SmsMobileApiConfigEntry) -> None:
        AccountEntity.__init__(self, entry, PHONES_CONNECTED)
        CoordinatorEntity.__init__(self, entry.runtime_data.coordinator)

    @property
    @override
    def available(self) -> bool:
        """Return True, as for all entities of the account."""
        return True

    @property
    @override
    def native_value(self) -> int | None:
        """Return the number of phones, None while the service can't be reached."""
        return self._entry.runtime_data.phones.connected if self.coordinator.last_update_success else None


class PhoneSensor(PhoneEntity, SensorEntity):
    """A value that the service lists for a phone."""

    entity_description: PhoneSensorDescription

    @property
    @override
    def available(self) -> bool:
        """Return whether the value is known."""
        is_known = self.entity_description.is_kept or self._phones.is_listed(self._phone.sid)
        return is_known and super().available

    @property
    @override
    def native_value(self) -> int | datetime | None:
        """Return the value."""
        return self.entity_description.value_fn(self._phone)
