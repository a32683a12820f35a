"""The files of an account, in Home Assistant's storage."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN

SAVED_WITHIN: Final = 1.0  # seconds
_VERSION: Final = 1


class File(StrEnum):
    """What an account keeps."""

    JOURNAL = "journal"
    LEDGER = "ledger"
    LIMITS = "limits"
    REPORTS = "reports"
    WEBHOOK = "webhook"


class AccountStore[DataT: Mapping[str, Any] | Sequence[Any]](Store[DataT]):
    """One file of an account, whole or not there, readable by nobody else.

    It is serialised outside of the event loop: what it is given must not change any more.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str, file: File) -> None:
        super().__init__(
            hass,
            _VERSION,
            f"{DOMAIN}.{entry_id}.{file}",
            private=True,
            atomic_writes=True,
            serialize_in_event_loop=False,
        )
        self._is_due = False

    @callback
    def save_soon(self, snapshot: Callable[[], DataT]) -> None:
        """Write what `snapshot` returns within a second of the first call, however many follow.

        The delay of `Store` starts anew with each call, so under load it would never write.
        """

        def take() -> DataT:
            # First, so that what changes while the snapshot is taken is written the next time.
            self._is_due = False
            return snapshot()

        if not self._is_due:
            self._is_due = True
            self.async_delay_save(take, SAVED_WITHIN)


async def async_remove_files(hass: HomeAssistant, entry_id: str) -> None:
    """Delete all that an account kept."""
    for file in File:
        await AccountStore[Any](hass, entry_id, file).async_remove()
