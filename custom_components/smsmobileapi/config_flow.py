"""Home Assistant looks for the dialogs here; they are in `flows`."""

from .flows.account import SmsMobileApiConfigFlow

__all__ = ["SmsMobileApiConfigFlow"]
