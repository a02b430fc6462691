"""Taking the journal out: an export is itself an act in the journal, written before it leaves."""

from typing import IO

from django.core.exceptions import PermissionDenied
from django.db import transaction

from bedside.audit.entry import Thing
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import actor_of, check_permission
from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms, record
from bedside.console.journal.export import export_device, export_log
from bedside.vocabulary import JournalAction, Permission

__all__ = ["do_export_device_journal", "do_export_journal"]


def do_export_journal(out: IO[bytes], *, acting_user: User) -> None:
    """Write the whole sealed journal with its proofs to `out`; for the manufacturer's people only."""
    check_permission(acting_user, Permission.JOURNAL_ENTRY_EXPORT)
    if acting_user.site:
        raise PermissionDenied(Permission.JOURNAL_ENTRY_EXPORT)
    _tell(acting_user, Thing("journal", "console"))
    export_log(out, keys={}, now=now_ms())


def do_export_device_journal(out: IO[bytes], device: Device, *, acting_user: User) -> None:
    """Write a device's journal, as received, to `out`."""
    check_permission(acting_user, Permission.JOURNAL_ENTRY_EXPORT)
    _tell(acting_user, Thing("device", device.pk))
    export_device(out, device.pk, now=now_ms())


def _tell(user: User, thing: Thing) -> None:
    with transaction.atomic():
        record(JournalAction.JOURNAL_EXPORT_MADE, actor=actor_of(user), thing=thing)
