"""Every change to cases, each with its journal entry."""

import secrets

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.entry import Entry, Thing, short, time_ms
from bedside.console.access.queries import refusals_to_serve
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import Acting, actor_of
from bedside.console.cases.models import Case
from bedside.console.cases.queries import holds
from bedside.console.journal.actions import device_actor, now_ms, record
from bedside.policy.decide import Reason
from bedside.vocabulary import HelpTopic, JournalAction, Outcome

__all__ = [
    "CannotServeError",
    "NotYoursError",
    "do_apply_help",
    "do_close_case",
    "do_release_case",
    "do_take_case",
    "release",
]

_FIRST_NUMBER = 100_000


class CannotServeError(Exception):
    """Somebody who may not ask for access to the device cannot work on its case: `reasons` say why."""

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__(" ".join(reason.gate for reason in reasons))
        self.reasons = reasons


class NotYoursError(Exception):
    """Neither did this person take the case, nor do they manage cases."""


def do_apply_help(device_id: str, entry: Entry, *, now: int) -> Case | None:
    """Open the case that an entry of a device's journal asks for; None where it asks for none.

    The same entry again opens no second one. What the device says is foreign: a topic that we do not
    know is `other`, and texts are cut to what a page shows.
    """
    if entry.action is not JournalAction.DEVICE_HELP_ASKED or entry.outcome is not Outcome.SUCCESS:
        return None
    try:
        topic = HelpTopic(str(entry.detail.get("topic", "")))
    except ValueError:
        topic = HelpTopic.OTHER
    name = "" if entry.actor.name == "-" else short(entry.actor.name, 120)
    with transaction.atomic():
        case, created = Case.objects.get_or_create(
            device_id=device_id,
            entry_seq=entry.seq,
            defaults={
                # For a moment only: a number that people say grows with the row's own.
                "number": secrets.token_hex(8),
                "topic": topic.value,
                "asked_by": name,
                "state": _state(entry),
                "opened_ms": min(time_ms(entry.time), now),
            },
        )
        if not created:
            return None
        case.number = f"C-{_FIRST_NUMBER + case.pk}"
        case.save(update_fields=["number"])
        record(
            JournalAction.CASE_RECORD_OPENED,
            actor=device_actor(device_id),
            thing=Thing("case", case.number),
            device=device_id,
            case=case.number,
            detail={"topic": topic.value, "name": name},
        )
    return case


def do_take_case(case: Case, *, acting_user: User) -> bool:
    """Take a case; False where somebody had taken or closed it: the first one has it.

    Raises CannotServeError where this person may not ask for access to devices of this product.
    """
    moment = now_ms()
    with transaction.atomic():
        free = Case.objects.select_for_update().filter(pk=case.pk, taken_by=None, closed_ms=None)
        if not free.exists():
            return False
        if reasons := refusals_to_serve(acting_user, case.device, at_ms=moment):
            raise CannotServeError(reasons)
        if not free.update(taken_by=acting_user, taken_ms=moment):
            return False
        _record(JournalAction.CASE_RECORD_TAKEN, case, acting_user, {})
    case.refresh_from_db()
    return True


def do_release_case(case: Case, *, acting_user: User) -> bool:
    """Give a case back, so that somebody else can take it; False where nobody has it, or it is closed.

    Raises NotYoursError.
    """
    with transaction.atomic():
        held = Case.objects.select_for_update().filter(pk=case.pk, closed_ms=None)
        locked = held.exclude(taken_by=None).first()
        if locked is None or locked.taken_by is None:
            return False
        _check_holds(locked, acting_user)
        release(locked, acting_user=acting_user)
    case.refresh_from_db()
    return True


def release(case: Case, *, acting_user: Acting) -> None:
    """Put a case that somebody has, and that is locked, back into the queue."""
    name = case.taken_by.name if case.taken_by is not None else ""
    case.taken_by, case.taken_ms = None, None
    case.save(update_fields=["taken_by", "taken_ms"])
    _record(JournalAction.CASE_RECORD_RELEASED, case, acting_user, {"name": name})


def do_close_case(case: Case, *, finding: str, acting_user: User) -> bool:
    """Close a case with what was found; False where it was closed.

    Raises ValidationError without a finding, NotYoursError.
    """
    text = short(" ".join(finding.split()), 1000)
    if not text:
        raise ValidationError(_("Say what you found."), code="finding")
    with transaction.atomic():
        open_ = Case.objects.select_for_update().filter(pk=case.pk, closed_ms=None)
        locked = open_.first()
        if locked is None:
            return False
        _check_holds(locked, acting_user)
        if not open_.update(finding=text, closed_by=acting_user, closed_ms=now_ms()):
            return False
        _record(JournalAction.CASE_RECORD_CLOSED, case, acting_user, {"finding": short(text, 500)})
    case.refresh_from_db()
    return True


def _check_holds(case: Case, user: User) -> None:
    if not holds(user, case):
        raise NotYoursError


def _state(entry: Entry) -> dict[str, str]:
    known = ("activity", "state")
    return {name: short(str(entry.detail[name]), 60) for name in known if name in entry.detail}


def _record(
    action: JournalAction, case: Case, user: Acting, detail: dict[str, str | int | bool]
) -> None:
    record(
        action,
        actor=actor_of(user),
        thing=Thing("case", case.number),
        device=case.device_id,
        case=case.number,
        detail=detail,
    )
