"""Every change to cases, each with its journal entry."""

import secrets

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.entry import Entry, Thing, short, time_ms
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import actor_of
from bedside.console.cases.models import Case
from bedside.console.journal.actions import device_actor, now_ms, record
from bedside.vocabulary import HelpTopic, JournalAction, Outcome

__all__ = ["do_apply_help", "do_close_case", "do_take_case"]

_FIRST_NUMBER = 100_000


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
    """Take a case; False where somebody had taken or closed it: the first one has it."""
    with transaction.atomic():
        free = Case.objects.filter(pk=case.pk, taken_by=None, closed_ms=None)
        if not free.update(taken_by=acting_user, taken_ms=now_ms()):
            return False
        _record(JournalAction.CASE_RECORD_TAKEN, case, acting_user, {})
    case.refresh_from_db()
    return True


def do_close_case(case: Case, *, finding: str, acting_user: User) -> bool:
    """Close a case with what was found; False where it was closed.

    Raises ValidationError without a finding.
    """
    text = short(" ".join(finding.split()), 1000)
    if not text:
        raise ValidationError(_("Say what you found."), code="finding")
    with transaction.atomic():
        open_ = Case.objects.filter(pk=case.pk, closed_ms=None)
        if not open_.update(finding=text, closed_by=acting_user, closed_ms=now_ms()):
            return False
        _record(JournalAction.CASE_RECORD_CLOSED, case, acting_user, {"finding": short(text, 500)})
    case.refresh_from_db()
    return True


def _state(entry: Entry) -> dict[str, str]:
    known = ("activity", "state")
    return {name: short(str(entry.detail[name]), 60) for name in known if name in entry.detail}


def _record(
    action: JournalAction, case: Case, user: User, detail: dict[str, str | int | bool]
) -> None:
    record(
        action,
        actor=actor_of(user),
        thing=Thing("case", case.number),
        device=case.device_id,
        case=case.number,
        detail=detail,
    )
