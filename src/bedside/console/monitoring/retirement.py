"""A relay is retired: what names it, waits at it or tells of it ends in the same transaction."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bedside.audit.entry import short
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import Acting, actor_of, check_permission
from bedside.console.devices.actions import do_note_relay_retired
from bedside.console.devices.models import RelayPin
from bedside.console.journal.actions import now_ms
from bedside.console.monitoring.actions import do_clear_alarm
from bedside.console.relays import actions as relays
from bedside.console.relays.queries import devices_polling, relays_heard
from bedside.console.service_sessions.actions import do_end_sessions_of_lost_devices
from bedside.vocabulary import AlarmScope, Permission

__all__ = ["Retirement", "access_relay", "do_retire_relay"]


@dataclass(frozen=True, slots=True)
class Retirement:
    """What taking a relay away would do."""

    devices: int
    """How many poll it now, as far as they are counted."""
    pins: int
    """How many pins name it."""
    last: bool
    """Whether no other relay is left, so that it stays."""


def access_relay(user: User, name: str) -> Retirement:
    """Return what it would do to retire a relay in service, for whoever may.

    Raises:
        Http404: there is none of this name, or `user` is a site's: relays are not theirs.
        PermissionDenied: `user` may not do this.
    """
    known = {relay.name for relay in relays_heard()}
    if user.site or name not in known:
        raise Http404
    check_permission(user, Permission.RELAYS_RELAY_MANAGE)
    pins = sum(name in pin.relays for pin in RelayPin.objects.all())
    return Retirement(devices_polling(name), pins, len(known) == 1)


def do_retire_relay(
    name: str, *, reason: str, despite_devices: bool = False, acting_user: Acting
) -> int:
    """Take a relay out of service for good; return how many devices polled it.

    Its certificates are revoked; pins, alarms and every device's next list are without it; what waits
    for a device that polled it ends. A session that is live is left to its signed expiry.

    Args:
        name: the relay's.
        reason: why, for the journal.
        despite_devices: whether it goes although devices poll it.
        acting_user: who decides it.

    Raises:
        LookupError: no relay of this name is in service.
        ValidationError: no reason; it is the only relay; or devices poll it (`last_relay`, `devices`).
    """
    text = short(" ".join(reason.split()), 200)
    if not text:
        raise ValidationError({"reason": _("Say why.")})
    moment = now_ms()
    try:
        with transaction.atomic():
            devices = relays.do_retire_relay(
                name,
                reason=text,
                despite_devices=despite_devices,
                actor=actor_of(acting_user),
                now=moment,
            )
            do_note_relay_retired(name, acting_user=acting_user)
            do_end_sessions_of_lost_devices(devices, now=moment)
            do_clear_alarm((AlarmScope.RELAY, name), now=moment)
    except relays.RelayKeptError as error:
        raise _refusal(error.devices) from None
    return len(devices)


def _refusal(devices: int) -> ValidationError:
    if not devices:
        only = _("It is the only relay: make another one known first.")
        return ValidationError({"relay": [ValidationError(only, code="last_relay")]})
    there = ngettext(
        "%(count)s device polls it: stop it first, so that the device goes to another one, or say "
        "that it goes all the same.",
        "%(count)s devices poll it: stop it first, so that they go to another one, or say that it "
        "goes all the same.",
        devices,
    ) % {"count": devices}
    return ValidationError({"despite_devices": [ValidationError(there, code="devices")]})
