"""REST: locks over a person, a device, a site, a product or everything (R8)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema, Status

from bedside.console.access.actions import LockTarget
from bedside.console.access.models import Lock
from bedside.console.access.queries import access_lock, people_named, target_named, visible_locks
from bedside.console.accounts.bearer import caller
from bedside.console.accounts.queries import check_permission
from bedside.console.rest.bodies import Body, Empty, PageQuery, Plain
from bedside.console.rest.cursors import page_after
from bedside.console.service_sessions.actions import do_clear_lock, do_set_lock
from bedside.policy.facts import LockScope
from bedside.vocabulary import Permission

router = Router(tags=["locks"])


class LocksQuery(PageQuery):
    """Locks of one scope, or over one thing."""

    scope: LockScope | None = None
    target: str = Field("", max_length=254)


class ScopedLockBody(Body):
    """What is locked, and why: whoever is refused because of it reads this."""

    scope: LockScope = Field(strict=False)
    target: str = Field(
        "",
        max_length=254,
        description="its id, or a person's e-mail address; empty for everything",
    )
    reason: Plain = Field(min_length=1, max_length=200)


class LockAnswer(Schema):
    """A lock that holds."""

    id: int
    scope: LockScope
    target: str
    reason: str
    set_by: str
    organisation: str = Field(description="whose lock it is: only its own people clear it")
    start_ms: int


class LocksPage(Schema):
    """Some locks, newest first; `next` is the cursor of the older ones, null at the end."""

    items: list[LockAnswer]
    next: str | None


@router.get("/locks", response=LocksPage, operation_id="listLocks")
def list_locks(request: HttpRequest, query: Query[LocksQuery]) -> dict[str, Any]:
    """Return the locks that hold, as far as the caller may see them."""
    user = caller(request)
    check_permission(user, Permission.DEVICES_DEVICE_READ)
    found = visible_locks(user)
    if query.scope is not None:
        found = found.filter(scope=query.scope.value)
    if query.target:
        people = people_named(user, query.target).values("pk")
        found = found.filter(Q(target=query.target) | Q(scope=LockScope.PERSON, target__in=people))
    page = page_after(found, query.cursor, limit=query.limit, newest_first=True)
    return {"items": [_view(lock) for lock in page.rows], "next": page.next}


@router.post("/locks", response={201: LockAnswer}, operation_id="setLock")
def set_lock(request: HttpRequest, body: ScopedLockBody) -> Status[dict[str, Any]]:
    """Lock something: what is open under it ends, and nothing opens until the lock is cleared."""
    user = caller(request)
    check_permission(user, Permission.DEVICES_DEVICE_LOCK)
    if (body.scope is LockScope.EVERYTHING) != (not body.target):
        wrong = ValidationError(_("Name the one thing; everything has no name."), code="target")
        raise ValidationError({"target": [wrong]})
    lock = LockTarget(body.scope, target_named(user, body.scope, body.target))
    return Status(201, _view(do_set_lock(lock, reason=body.reason, acting_user=user)))


@router.post("/locks/{lock_id}/clear", response={204: None}, operation_id="clearLock")
def clear_lock(request: HttpRequest, body: Empty, lock_id: int) -> Status[None]:
    """Clear a lock of one's own organisation; sessions that it ended stay ended."""
    del body
    user = caller(request)
    lock = access_lock(user, lock_id)
    do_clear_lock(LockTarget(LockScope(lock.scope), lock.target), acting_user=user)
    return Status(204, None)


def _view(lock: Lock) -> dict[str, Any]:
    return {
        "id": lock.pk,
        "scope": lock.scope,
        "target": lock.target,
        "reason": lock.reason,
        "set_by": lock.set_by.name,
        "organisation": lock.organisation.name,
        "start_ms": lock.start_ms,
    }
