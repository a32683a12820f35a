"""Phones: those that the service lists for an account, and those that it listed before and that still have a device."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util

from .api import Phone
from .const import DOMAIN
from .options import Options
from .repairs import Issue, Issues


def phone_identifier(entry: ConfigEntry, sid: str) -> tuple[str, str]:
    """Return the identifier of a phone's device. It names the account, as two accounts may list the same phone."""
    return DOMAIN, f"{entry.entry_id}_{sid}"


def sid_of(entry: ConfigEntry, device: dr.DeviceEntry) -> str | None:
    """Return the SID of the phone whose device this is, None if it is the device of something else."""
    _, prefix = phone_identifier(entry, "")
    for domain, identifier in device.identifiers:
        if domain == DOMAIN and identifier.startswith(prefix):
            return identifier.removeprefix(prefix)
    return None


def devices_of(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, dr.DeviceEntry]:
    """Return the devices of the account's phones by SID."""
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return {sid: device for device in devices if (sid := sid_of(entry, device))}


def names_of(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, str]:
    """Return the names of the account's phones by SID: the user's name for the device, else the service's."""
    devices = devices_of(hass, entry)
    return {sid: device.name_by_user or device.name or sid for sid, device in devices.items()}


def device_name(phone: Phone) -> str:
    """Return the name of a phone's device, as long as the user gives it no other."""
    return phone.name or f"Phone {phone.sid[-4:]}"


@callback
def async_forget_phones(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove the devices and the issues of all phones of an entry whose credentials are now those of another account.

    If the entry is loaded, it has to be reloaded.
    """
    registry, issues = dr.async_get(hass), Issues(hass, entry)
    for sid, device in devices_of(hass, entry).items():
        registry.async_remove_device(device.id)
        issues.clear(Issue.PHONE_OFFLINE, sid)


class Phones:
    """The phones of one account.

    A phone that the service no longer lists stays here as offline until the user deletes its device.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, options: Options, issues: Issues) -> None:
        self._hass = hass
        self._entry = entry
        self._options = options
        self._issues = issues
        self._phones: dict[str, Phone] = {}
        self._listed: set[str] | None = None  # None: the list has not been read yet
        self._offline_since: dict[str, datetime] = {}
        self._reported: set[str] = set()

    def __iter__(self) -> Iterator[Phone]:
        """Iterate over the phones; those that the service lists come first."""
        return iter(self._phones.values())

    def get(self, sid: str) -> Phone | None:
        """Return the phone with the SID."""
        return self._phones.get(sid)

    @property
    def is_read(self) -> bool:
        """Return whether the service's list has been read since the set-up."""
        return self._listed is not None

    def is_listed(self, sid: str) -> bool:
        """Return whether the service lists the phone; True as long as its list has not been read."""
        return self._listed is None or sid in self._listed

    @property
    def connected(self) -> int | None:
        """Return how many phones are connected, None if that is unknown for at least one of them."""
        states = [phone.is_online for phone in self]
        return None if self._listed is None or None in states else states.count(True)

    def find(self, text: str) -> Phone | None:
        """Return the phone with this device id, SID or name (the user's or the service's)."""
        sids = {device.id: sid for sid, device in devices_of(self._hass, self._entry).items()}
        if phone := self._phones.get(sids.get(text, text)):
            return phone
        name = text.strip().casefold()
        return next(
            (
                phone
                for phone in self
                if name in {self.name_of(phone).casefold(), device_name(phone).casefold()}
            ),
            None,
        )

    def name_of(self, phone: Phone) -> str:
        """Return the name of a phone: the user's name for its device, else the service's."""
        return names_of(self._hass, self._entry).get(phone.sid) or device_name(phone)

    @callback
    def load(self) -> None:
        """Read the phones that have a device. Their state is unknown until the service has listed them."""
        for sid, device in devices_of(self._hass, self._entry).items():
            self._phones[sid] = Phone(sid=sid, name=device.name, app_version=device.sw_version)

    @callback
    def update(self, listed: Iterable[Phone] | None) -> None:
        """Apply the service's list of phones; None if it could not be read."""
        if listed is not None:
            phones = {phone.sid: phone for phone in listed}
            gone = {
                sid: replace(phone, is_online=False, battery=None)
                for sid, phone in self._phones.items()
                if sid not in phones
            }
            self._phones = phones | gone
            self._listed = set(phones)
            self._update_devices()
        self.update_issues()

    @callback
    def forget(self, sid: str) -> None:
        """Forget a phone whose device the user deletes."""
        self._phones.pop(sid, None)
        self._clear_offline(sid)

    @callback
    def update_issues(self) -> None:
        """Report each phone that has been offline for longer than the option allows, until it is back."""
        if self._listed is None:
            # Nothing is known yet. An issue from before the set-up stays: the user may have ignored it.
            return
        now, longest = dt_util.utcnow(), self._options.offline_after
        for phone in self:
            if phone.is_online is not False:
                self._clear_offline(phone.sid)
                continue
            since = self._offline_since.setdefault(phone.sid, min(phone.last_seen or now, now))
            if longest is not None and now - since >= longest:
                self._reported.add(phone.sid)
                self._issues.create(
                    Issue.PHONE_OFFLINE,
                    about=phone.sid,
                    phone=self.name_of(phone),
                    since=dt_util.as_local(since).strftime("%Y-%m-%d %H:%M"),
                )
            # The option has changed. An issue from before the set-up stays: the user may have ignored it.
            elif phone.sid in self._reported:
                self._clear_issue(phone.sid)

    def _clear_offline(self, sid: str) -> None:
        self._offline_since.pop(sid, None)
        self._clear_issue(sid)

    def _clear_issue(self, sid: str) -> None:
        self._reported.discard(sid)
        self._issues.clear(Issue.PHONE_OFFLINE, sid)

    def _update_devices(self) -> None:
        """Give the phones' devices the names and app versions that the service lists now."""
        registry = dr.async_get(self._hass)
        for sid, device in devices_of(self._hass, self._entry).items():
            if phone := self._phones.get(sid):
                name, version = device_name(phone), phone.app_version or device.sw_version
                if (device.name, device.sw_version) != (name, version):
                    registry.async_update_device(device.id, name=name, sw_version=version)
