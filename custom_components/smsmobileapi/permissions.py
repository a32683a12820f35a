"""Permissions: whether the user who calls an action may, by the policy that Home Assistant checks for actions of entities."""

from collections.abc import Iterable
from typing import Any, Final

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.const import Platform
from homeassistant.core import Event, HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import ServiceValidationError, Unauthorized, UnknownUser
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util.hass_dict import HassKey

from .account import Account
from .const import DOMAIN
from .contacts import Contact
from .outbound.media import entity_in
from .outbound.recipients import SendOptions

RUNS_REMEMBERED: Final = 1_000
# The ids of the contexts of scripts that users have started, the oldest first.
_RUNS: Final[HassKey[dict[str, None]]] = HassKey(f"{DOMAIN}_script_runs")


@callback
def async_remember_scripts(hass: HomeAssistant) -> None:
    """Remember which scripts users start from now on.

    Home Assistant runs every script for every user, and the actions in it have the context of that user. They are not checked:
    what a script does was decided by whoever wrote it.
    """
    runs = hass.data[_RUNS] = {}

    @callback
    def script_started(event: Event[Any]) -> None:
        if event.context.user_id:
            runs[event.context.id] = None
            if len(runs) > RUNS_REMEMBERED:
                del runs[next(iter(runs))]

    hass.bus.async_listen("script_started", script_started)


async def async_check_send(
    call: ServiceCall, account: Account, recipients: Iterable[str | int], options: SendOptions
) -> None:
    """Raise Unauthorized where the user may not send this message.

    The user needs control of the notify entity of each contact, control of the account's entities for other numbers and for
    an urgent message, and the permission to read the camera whose picture is sent. Raises ServiceValidationError for a
    recipient that can't be found, which may name contacts, only where the user controls the account's entities.
    """
    if (user := await _limited_user(call)) is None:
        return
    try:
        contacts = {found.contact for found in account.outbox.recipients.resolve(recipients, options)}
    except ServiceValidationError:
        _check(call, user, _entity_ids(call.hass, account), POLICY_CONTROL)
        raise
    for contact in contacts | ({None} if options.is_urgent else set()):
        _check(call, user, _entity_ids(call.hass, account, contact), POLICY_CONTROL)
    if options.media and (camera := entity_in(options.media)):
        _check(call, user, [camera], POLICY_READ)


async def async_check_control(call: ServiceCall, account: Account) -> None:
    """Raise Unauthorized where the user may not control the account's entities."""
    if user := await _limited_user(call):
        _check(call, user, _entity_ids(call.hass, account), POLICY_CONTROL)


async def async_check_read(call: ServiceCall, account: Account) -> None:
    """Raise Unauthorized where the user may not read the account's entities."""
    if user := await _limited_user(call):
        _check(call, user, _entity_ids(call.hass, account), POLICY_READ)


async def _limited_user(call: ServiceCall) -> User | None:
    """Return the user whose policy has to be checked; None for a call by no user, an administrator or a script."""
    context = call.context
    if context.user_id is None or context.id in call.hass.data[_RUNS]:
        return None
    if (user := await call.hass.auth.async_get_user(context.user_id)) is None:
        raise UnknownUser(context=context)
    return None if user.is_admin else user


def _check(call: ServiceCall, user: User, entity_ids: list[str], policy: str) -> None:
    """Raise Unauthorized where the user's policy does not cover each of the entities, or where there are none."""
    denied = [entity_id for entity_id in entity_ids if not user.permissions.check_entity(entity_id, policy)]
    if denied or not entity_ids:
        raise Unauthorized(context=call.context, entity_id=denied[0] if denied else None, permission=policy)


def _entity_ids(hass: HomeAssistant, account: Account, contact: Contact | None = None) -> list[str]:
    """Return the contact's notify entity, or the entities on the account's device; also those that are disabled."""
    entry_id = account.entry.entry_id
    identifier = (DOMAIN, contact.contact_id if contact else entry_id)
    device = dr.async_get(hass).async_get_device_by_identifier(identifier, entry_id)
    if device is None:
        return []
    entities = er.async_entries_for_device(er.async_get(hass), device.id, include_disabled_entities=True)
    return [entity.entity_id for entity in entities if contact is None or entity.domain == Platform.NOTIFY]
