"""REST: the queue of cases, taking one, closing one."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema

from bedside.console.accounts.bearer import caller
from bedside.console.accounts.queries import check_permission
from bedside.console.cases import actions
from bedside.console.cases.models import Case
from bedside.console.cases.queries import access_case, find_cases, refusal_views
from bedside.console.rest.bodies import Body, Empty
from bedside.console.rest.cursors import MAX_LIMIT, page_after
from bedside.console.rest.problems import ProblemError
from bedside.language import help_name, parse_language
from bedside.vocabulary import HelpTopic, Permission

router = Router(tags=["cases"])


class CaseAnswer(Schema):
    """A case, as the reader's language words it."""

    number: str
    device: str
    site: str
    topic: HelpTopic
    topic_words: str
    asked_by: str
    state: dict[str, str]
    opened_ms: int
    taken_by: str | None
    taken_ms: int | None
    finding: str
    closed_ms: int | None


class CasesPage(Schema):
    """Some cases, newest first; `next` is null at the end."""

    items: list[CaseAnswer]
    next: str | None


class CasesQuery(Schema):
    """What is looked for."""

    state: str = Field("", pattern="^(waiting|taken|closed)?$")
    device: str = Field("", max_length=30)
    cursor: str | None = Field(None, max_length=200)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


class FindingBody(Body):
    """What was found."""

    finding: str = Field(min_length=1, max_length=1000, examples=["Loose pressure transducer"])


@router.get("/cases", response=CasesPage, operation_id="listCases")
def list_cases(request: HttpRequest, query: Query[CasesQuery]) -> dict[str, Any]:
    """Return the cases that the caller may see, newest first."""
    user = caller(request)
    check_permission(user, Permission.CASES_CASE_READ)
    found = find_cases(user, state=query.state, device=query.device)
    page = page_after(found, query.cursor, limit=query.limit, newest_first=True)
    return {"items": [_view(case) for case in page.rows], "next": page.next}


@router.get("/cases/{number}", response=CaseAnswer, operation_id="getCase")
def get_case(request: HttpRequest, number: str) -> dict[str, Any]:
    """Return one case."""
    return _view(access_case(caller(request), number))


@router.post("/cases/{number}/take", response=CaseAnswer, operation_id="takeCase")
def take_case(request: HttpRequest, number: str, body: Empty) -> dict[str, Any]:
    """Take a case; 409 where somebody has it, 403 for whoever may not ask for access to the device."""
    del body
    user = caller(request)
    case = access_case(user, number, Permission.CASES_CASE_TAKE)
    try:
        taken = actions.do_take_case(case, acting_user=user)
    except actions.CannotServeError as error:
        title = _("You may not ask for access to this device, so you cannot take its case.")
        reasons = refusal_views(error.reasons, parse_language(get_language() or "en"))
        raise ProblemError(403, "refused", title, reasons=reasons) from error
    if not taken:
        raise ProblemError(409, "taken", _("Somebody has taken this case already."))
    return _view(case)


@router.post("/cases/{number}/release", response=CaseAnswer, operation_id="releaseCase")
def release_case(request: HttpRequest, number: str, body: Empty) -> dict[str, Any]:
    """Give a case back, so that somebody else can take it; 409 where nobody has it."""
    del body
    user = caller(request)
    case = access_case(user, number, Permission.CASES_CASE_TAKE)
    try:
        released = actions.do_release_case(case, acting_user=user)
    except actions.NotYoursError as error:
        raise _not_yours() from error
    if not released:
        raise ProblemError(409, "not_taken", _("Nobody has this case, or it is closed."))
    return _view(case)


@router.post("/cases/{number}/close", response=CaseAnswer, operation_id="closeCase")
def close_case(request: HttpRequest, number: str, body: FindingBody) -> dict[str, Any]:
    """Close a case with what was found; one that is closed stays as it is."""
    user = caller(request)
    case = access_case(user, number, Permission.CASES_CASE_TAKE)
    try:
        actions.do_close_case(case, finding=body.finding, acting_user=user)
    except actions.NotYoursError as error:
        raise _not_yours() from error
    return _view(access_case(user, number))


def _not_yours() -> ProblemError:
    title = _("Only who took this case, or a support manager, gives it back or closes it.")
    return ProblemError(403, "not_yours", title)


def _view(case: Case) -> dict[str, Any]:
    topic = HelpTopic(case.topic)
    return {
        "number": case.number,
        "device": case.device_id,
        "site": case.device.site_id,
        "topic": topic,
        "topic_words": help_name(topic, parse_language(get_language() or "en")),
        "asked_by": case.asked_by,
        "state": case.state,
        "opened_ms": case.opened_ms,
        "taken_by": case.taken_by.name if case.taken_by else None,
        "taken_ms": case.taken_ms,
        "finding": case.finding,
        "closed_ms": case.closed_ms,
    }
