"""Where Home Assistant looks for the config flow, which is in `flows`."""

from .flows.account import SmsMobileApiConfigFlow

__all__ = ["SmsMobileApiConfigFlow"]
