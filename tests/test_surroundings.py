"""What is held for every test can fail."""

from collections.abc import Callable

from homeassistant.core import HomeAssistant
from homeassistant.helpers.deprecation import deprecated_function
from homeassistant.helpers.frame import report_usage
import pytest

from custom_components.smsmobileapi.const import DOMAIN

from .conftest import MisuseCollector


def wrong() -> None:
    report_usage("calls what it should not")


def wrong_soon() -> None:
    report_usage("calls what it may not call for long", breaks_in_ha_version="2099.1")


@deprecated_function("something new")
def old() -> None:
    pass


@pytest.mark.parametrize("call", [wrong, wrong_soon, old])
async def test_a_complaint_of_home_assistant_is_seen(
    hass: HomeAssistant, misuse: MisuseCollector, call: Callable[[], None]
) -> None:
    source = compile("call()", f"/config/custom_components/{DOMAIN}/sensor.py", "exec")
    exec(source, {"call": call, "__name__": f"custom_components.{DOMAIN}.sensor"})
    (said,) = misuse.said
    assert DOMAIN in said
    misuse.said.clear()
