"""How far each reader is cleared, and whose devices' entries a reader sees."""

from collections.abc import Iterable
from dataclasses import replace

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission, has_permission, role_of
from bedside.console.devices.models import Device
from bedside.console.devices.queries import access_device, visible_devices
from bedside.console.journal.proofs import MAX_PROOFS
from bedside.console.journal.queries import Filters, JournalPage, ShownEntry, page
from bedside.console.journal.told import latest_told, newest_told
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.queries import with_its_joins
from bedside.vocabulary import FieldClass, Permission, Role

__all__ = ["acts_of", "clearance_of", "journal_page", "told_lately", "visible_entries"]

_MOST = 2**53
_SECRET = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})


def clearance_of(user: User) -> FieldClass:
    """Return how far `user` may see into an entry: secret fields are for the auditor (STYLE 21)."""
    return FieldClass.SECRET if role_of(user) in _SECRET else FieldClass.SENSITIVE


def journal_page(
    user: User, filters: Filters, *, before: int | None = None, limit: int = 50
) -> JournalPage:
    """Return a page of the entries that `user` may read, newest first.

    A site's own people see the entries of their site's devices and nothing else.

    Raises:
        PermissionDenied: `user` may read no journal.
        Http404: the device that is filtered by is not one `user` may see.
    """
    check_permission(user, Permission.JOURNAL_ENTRY_READ)
    if filters.device:
        access_device(user, filters.device)
    elif user.site:
        devices = frozenset(visible_devices(user).values_list("pk", flat=True))
        filters = replace(filters, devices=devices)
    return page(filters, before=before, limit=limit, clearance=clearance_of(user))


def visible_entries(user: User, rows: Iterable[int]) -> dict[int, ShownEntry]:
    """Return those of these rows (at most 200) that `user` may read, by their keys."""
    # No database takes a key of any size.
    keys = frozenset(row for row in rows if 0 < row < _MOST)
    found = journal_page(user, Filters(rows=keys), limit=MAX_PROOFS)
    return {shown.id: shown for shown in found.entries}


def told_lately(user: User, device: Device, *, limit: int) -> tuple[ShownEntry, ...]:
    """Return what a device told last, newest first; nothing to whoever may read no journal.

    The caller has come by the door of the device, or of a case of it.
    """
    if not has_permission(user, Permission.JOURNAL_ENTRY_READ):
        return ()
    return latest_told(device.pk, limit=limit, clearance=clearance_of(user))


def acts_of(
    user: User, session: ServiceSession, *, before: int | None = None, limit: int
) -> JournalPage:
    """Return what the device told of a session and of all who joined it, newest first (R18).

    `before` is a place in the device's journal, as are the entries' ids. The caller has come by the
    session's door.

    Raises PermissionDenied where `user` may read no journal.
    """
    check_permission(user, Permission.JOURNAL_ENTRY_READ)
    return newest_told(
        session.device_id,
        with_its_joins(session),
        before=before,
        limit=limit,
        clearance=clearance_of(user),
    )
