"""Which cases a person may see: every guarded door of this app."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import has_permission
from bedside.console.cases.models import Case
from bedside.language import Language, gate_advice, gate_sentence
from bedside.policy.decide import Reason
from bedside.vocabulary import Permission

__all__ = ["access_case", "find_cases", "holds", "refusal_views", "visible_cases"]


def visible_cases(user: User) -> QuerySet[Case]:
    """Return the cases that `user` may see: a site's own people see their site's only."""
    cases = Case.objects.select_related("device__site", "taken_by").defer(
        "device__product__profile"
    )
    if not has_permission(user, Permission.CASES_CASE_READ):
        return cases.none()
    return cases.filter(device__site_id=user.site) if user.site else cases


def access_case(
    user: User, number: str, permission: Permission = Permission.CASES_CASE_READ
) -> Case:
    """Return a case on which `user` has `permission`; Http404 or PermissionDenied."""
    case = visible_cases(user).filter(number=number).first()
    if case is None:
        raise Http404
    if not has_permission(user, permission):
        raise PermissionDenied(permission)
    return case


def holds(user: User, case: Case) -> bool:
    """Whether `user` may give this case back and close it: who took it, or who manages cases."""
    if case.taken_by_id == user.pk and has_permission(user, Permission.CASES_CASE_TAKE):
        return True
    return has_permission(user, Permission.CASES_CASE_MANAGE)


def refusal_views(reasons: Iterable[Reason], language: Language) -> list[dict[str, Any]]:
    """Return the gates that refuse to let somebody take a case, in the reader's language."""
    return [
        {
            "gate": reason.gate.value,
            "sentence": gate_sentence(reason.gate, language),
            "advice": gate_advice(reason.gate, language),
            "facts": reason.fields,
        }
        for reason in reasons
    ]


def find_cases(user: User, *, state: str = "", device: str = "") -> QuerySet[Case]:
    """Return visible cases: `waiting` for somebody, `taken`, `closed`, or all of them."""
    cases = visible_cases(user)
    if device:
        cases = cases.filter(device_id=device)
    if state == "waiting":
        return cases.filter(taken_by=None, closed_ms=None)
    if state == "taken":
        return cases.filter(closed_ms=None).exclude(taken_by=None)
    return cases.filter(closed_ms__isnull=False) if state == "closed" else cases
