"""Phones: the mobiles of an account, as the service lists them, and those that it listed once and that have a device."""

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
    """Return what identifies a phone's device: two accounts may list the same phone."""
    return DOMAIN, f"{entry.entry_id}_{sid}"


def sid_of(entry: ConfigEntry, device: dr.DeviceEntry) -> str | None:
    """Return the SID of the phone whose device this is, None where it is no phone's."""
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
    """Return what the account's phones are called here, by SID: as the user calls their devices, else as the service does."""
    devices = devices_of(hass, entry)
    return {sid: device.name_by_user or device.name or sid for sid, device in devices.items()}


def device_name(phone: Phone) -> str:
    """Return what a phone's device is called."""
    return phone.name or f"Phone {phone.sid[-4:]}"


class Phones:
    """The phones of one account.

    A phone that is no longer listed stays here as offline, until the user deletes its device.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, options: Options, issues: Issues) -> None:
        self._hass = hass
        self._entry = entry
        self._options = options
        self._issues = issues
        self._phones: dict[str, Phone] = {}
        self._listed: set[str] | None = None
        self._offline_since: dict[str, datetime] = {}

    def __iter__(self) -> Iterator[Phone]:
        """Iterate over the phones, whether they are listed or not."""
        return iter(self._phones.values())

    def get(self, sid: str) -> Phone | None:
        """Return the phone with the SID."""
        return self._phones.get(sid)

    def is_listed(self, sid: str) -> bool:
        """Tell whether the service lists the phone, as far as its list could be read."""
        return self._listed is None or sid in self._listed

    @property
    def connected(self) -> int | None:
        """Return how many phones are connected, None where that is not known of each."""
        states = [phone.is_online for phone in self]
        return None if self._listed is None or None in states else states.count(True)

    def find(self, wanted: str) -> Phone | None:
        """Return the phone that a device id, a name (the user's or the service's) or a SID means."""
        sids = {device.id: sid for sid, device in devices_of(self._hass, self._entry).items()}
        name = wanted.strip().casefold()
        named = (
            phone for phone in self if name in {self.name_of(phone).casefold(), device_name(phone).casefold()}
        )
        return self._phones.get(sids.get(wanted, wanted)) or next(named, None)

    def name_of(self, phone: Phone) -> str:
        """Return what a phone is called here."""
        return names_of(self._hass, self._entry).get(phone.sid) or device_name(phone)

    @callback
    def load(self) -> None:
        """Remember the phones that have a device; how they are the service has to tell."""
        for sid, device in devices_of(self._hass, self._entry).items():
            self._phones[sid] = Phone(sid=sid, name=device.name, app_version=device.sw_version)

    @callback
    def take(self, listed: Iterable[Phone] | None) -> None:
        """Take up what the service lists; None where its list could not be read."""
        if listed is not None:
            phones = {phone.sid: phone for phone in listed}
            gone = {sid: _gone(phone) for sid, phone in self._phones.items() if sid not in phones}
            # Those that are there come first, also where a name is looked for.
            self._phones = phones | gone
            self._listed = set(phones)
            self._rename_devices()
        self._tell_offline()

    @callback
    def forget(self, sid: str) -> None:
        """Forget a phone whose device the user deletes."""
        self._phones.pop(sid, None)
        self._offline_since.pop(sid, None)
        self._issues.clear(Issue.PHONE_OFFLINE, sid)

    def _rename_devices(self) -> None:
        """Show the name and the app's version that the phones have now."""
        registry = dr.async_get(self._hass)
        for sid, device in devices_of(self._hass, self._entry).items():
            if phone := self._phones.get(sid):
                version = phone.app_version or device.sw_version
                if (device.name, device.sw_version) != (device_name(phone), version):
                    registry.async_update_device(device.id, name=device_name(phone), sw_version=version)

    def _tell_offline(self) -> None:
        """Tell the user of phones that have been offline for too long, until they are back."""
        now = dt_util.utcnow()
        for phone in self:
            if phone.is_online is not False:
                self._offline_since.pop(phone.sid, None)
                self._issues.clear(Issue.PHONE_OFFLINE, phone.sid)
                continue
            since = self._offline_since.setdefault(phone.sid, min(phone.last_seen or now, now))
            patience = self._options.offline_after
            if patience is not None and now - since >= patience:
                self._issues.create(
                    Issue.PHONE_OFFLINE,
                    about=phone.sid,
                    phone=self.name_of(phone),
                    since=dt_util.as_local(since).strftime("%Y-%m-%d %H:%M"),
                )


def _gone(phone: Phone) -> Phone:
    """Return a phone that is no longer listed: what it was like then is not known any more."""
    return replace(phone, is_online=False, battery=None)


@callback
def async_forget_phones(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove the devices of all of the account's phones, for credentials that are another account's."""
    for device in devices_of(hass, entry).values():
        dr.async_get(hass).async_remove_device(device.id)
