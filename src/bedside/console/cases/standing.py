"""A case does not stay with somebody who may no longer work on it: it goes back into the queue."""

from typing import Any

from django.db import transaction

from bedside.console.access.queries import refusals_to_serve
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import Acting
from bedside.console.accounts.standing import standing_changed
from bedside.console.cases.actions import release
from bedside.console.cases.models import Case
from bedside.console.journal.actions import now_ms

__all__ = ["connect"]


def connect() -> None:
    """Listen for changes of standing; called once, when the app is ready."""
    standing_changed.connect(_changed, dispatch_uid="bedside.cases")


def _changed(*, person: User | None, acting_user: Acting, **_: Any) -> None:
    moment = now_ms()
    with transaction.atomic():
        held = Case.objects.select_for_update(of=("self",)).exclude(taken_by=None)
        held = held.filter(closed_ms=None).select_related("taken_by__organisation", "device")
        if person is not None:
            held = held.filter(taken_by=person)
        for case in held:
            if case.taken_by is not None and refusals_to_serve(
                case.taken_by, case.device, at_ms=moment
            ):
                release(case, acting_user=acting_user)
