"""The files of an account, in Home Assistant's storage."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
import logging
from pathlib import Path
from typing import Any, Final, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError

from .const import DOMAIN

_LOGGER = logging.getLogger(__name__)

SAVED_WITHIN: Final = 0.7  # seconds; with the writing itself it is less than one
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
        self._failure: WriteError | None = None

    async def load[ReadT](self, read: Callable[[DataT], ReadT]) -> ReadT | None:
        """Return what `read` makes of the file, None where there is none.

        A file that can't be read is kept aside and counts for none.
        """
        try:
            saved = await self.async_load()
            return None if saved is None else read(saved)
        except (LookupError, TypeError, ValueError, AttributeError) as err:
            # Home Assistant itself sees to a file that is no JSON at all.
            await self.hass.async_add_executor_job(_keep_aside, Path(self.path))
            _LOGGER.error("A saved file is unreadable (%s) and was kept aside", type(err).__name__)
            return None

    @override
    async def async_save(self, data: DataT) -> None:
        """Write now, which is also what was due."""
        self._is_due = False
        await super().async_save(data)

    async def save_or_raise(self, data: DataT) -> None:
        """Write now. Raises WriteError where that fails, which `async_save` only logs."""
        self._failure = None
        await self.async_save(data)
        if self._failure:
            raise self._failure

    @override
    async def _async_write_data(self, data: dict[str, Any]) -> None:
        try:
            await super()._async_write_data(data)
        except WriteError as err:
            self._failure = err
            raise

    async def close(self, last: DataT) -> None:
        """Write for the last time: what is still under way must not undo what comes after us."""
        await self.async_save(last)
        self.make_read_only()

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


def _keep_aside(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}.corrupt.{dt_util.utcnow().isoformat()}"))


async def async_remove_files(hass: HomeAssistant, entry_id: str) -> None:
    """Delete all that an account kept."""
    for file in File:
        await AccountStore[Any](hass, entry_id, file).async_remove()
