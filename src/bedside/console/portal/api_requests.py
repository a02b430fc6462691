"""REST: what waits for a site: requests to approve or refuse, and broken glass to review."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema, Status

from bedside.console.accounts.bearer import caller
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission
from bedside.console.devices.queries import access_device
from bedside.console.rest.bodies import Body, Empty, PageQuery, Plain
from bedside.console.rest.cursors import page_after
from bedside.console.rest.problems import ProblemError
from bedside.console.service_sessions import actions
from bedside.console.service_sessions.api import SessionAnswer, SessionsPage
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.queries import access_session, view_of, visible_sessions
from bedside.console.sites.actions import do_review_glass
from bedside.console.sites.models import BreakGlass
from bedside.console.sites.queries import access_glass, access_site, visible_glass
from bedside.language import parse_language
from bedside.pki.webauthn import to_base64url
from bedside.protocol.codec import Fields
from bedside.protocol.errors import ProtocolError
from bedside.protocol.site import Approval
from bedside.vocabulary import Permission, SessionState

router = Router(tags=["site requests"])

_APPROVE = Permission.SITES_REQUEST_APPROVE
_REVIEW = Permission.CASES_REVIEW_CLOSE
_START = Permission.SITES_BREAK_GLASS_START


class WebAuthnOptions(Schema):
    """What `navigator.credentials.get` is asked with; the challenge is the digest, base64url."""

    challenge: str
    rp_id: str
    allow_credentials: list[str]
    user_verification: str


class QuestionAnswer(Schema):
    """What the site is asked: `subject` is exactly what a device will read; its digest is signed."""

    session: SessionAnswer
    subject: dict[str, Any]
    digest: str
    given: int
    needed: int
    answered: bool
    approver: str
    webauthn: WebAuthnOptions


class AssertionBody(Body):
    """A passkey's assertion over the digest; the bytes are base64."""

    approver: str = Field(max_length=64, description="the id of whoever approves")
    credential: str = Field(max_length=512, description="the credential's id, base64url")
    authenticator_data: str = Field(max_length=1400)
    client_data: str = Field(max_length=2800)
    signature: str = Field(max_length=120)


class RefusalBody(Body):
    """Why a request is refused: the specialist reads it. No patient data."""

    reason: Plain = Field(min_length=1, max_length=200)


class GlassBody(Body):
    """Why the site opens its device itself, and for how many minutes."""

    reason: Plain = Field(min_length=1, max_length=500)
    minutes: int = Field(ge=1, le=60)


class GlassFinding(Body):
    """What the review found."""

    finding: Plain = Field(min_length=1, max_length=1000)


class GlassQuery(PageQuery):
    """Of which site; only what nobody has reviewed."""

    site: str = Field("", max_length=64)
    unreviewed: bool = False


class GlassRow(Schema):
    """Broken glass: who opened what and why, and what its review found."""

    id: str
    device: str
    site: str
    reason: str
    started_by: str
    start_ms: int
    end_ms: int
    ended_ms: int | None
    review: str
    reviewed_by: str | None
    reviewed_ms: int | None


class GlassAnswer(GlassRow):
    """Broken glass, and the sessions that it let in."""

    sessions: list[str]


class GlassPage(Schema):
    """Some broken glass, newest first; `next` is null at the end."""

    items: list[GlassRow]
    next: str | None


@router.get("/approvals", response=SessionsPage, operation_id="listApprovals")
def list_approvals(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """Return the requests that wait for the caller's site, newest first."""
    user = caller(request)
    check_permission(user, _APPROVE)
    found = visible_sessions(user).filter(state=SessionState.AWAITING_SITE.value)
    page = page_after(found, query.cursor, limit=query.limit, newest_first=True)
    language = parse_language(get_language() or "en")
    rows = [view_of(session, language, timeline=False) for session in page.rows]
    return {"items": rows, "next": page.next}


@router.get("/sessions/{session_id}/approval", response=QuestionAnswer, operation_id="getApproval")
def get_approval(request: HttpRequest, session_id: str) -> dict[str, Any]:
    """Return what a person reads before they approve, and what their passkey signs."""
    user = caller(request)
    session = access_session(user, session_id, _APPROVE)
    try:
        question = actions.question_of(session, user)
    except actions.NotAskedError as error:
        raise _not_asked(error) from error
    return {
        "session": _view(user, session),
        "subject": question.subject,
        "digest": question.digest.hex(),
        "given": question.given,
        "needed": question.needed,
        "answered": session.approvals.filter(approver=user).exists(),
        "approver": user.pk,
        "webauthn": {
            "challenge": to_base64url(question.digest),
            "rp_id": question.passkeys[0].rp_id if question.passkeys else "",
            "allow_credentials": [passkey.credential for passkey in question.passkeys],
            "user_verification": "required",
        },
    }


@router.post(
    "/sessions/{session_id}/approve", response=SessionAnswer, operation_id="approveSession"
)
def approve(request: HttpRequest, body: AssertionBody, session_id: str) -> dict[str, Any]:
    """Take an approver's yes: a passkey's assertion over exactly this request."""
    user = caller(request)
    session = access_session(user, session_id, _APPROVE)
    try:
        actions.do_approve(session, _approval(body), acting_user=user)
    except actions.NotAskedError as error:
        raise _not_asked(error) from error
    return _view(user, session)


@router.post("/sessions/{session_id}/refuse", response=SessionAnswer, operation_id="refuseSession")
def refuse(request: HttpRequest, body: RefusalBody, session_id: str) -> dict[str, Any]:
    """Take an approver's no: the request ends as refused."""
    user = caller(request)
    session = access_session(user, session_id, _APPROVE)
    try:
        actions.do_refuse(session, reason=body.reason, acting_user=user)
    except actions.NotAskedError as error:
        raise _not_asked(error) from error
    return _view(user, session)


@router.post(
    "/devices/{device_id}/break-glass",
    response={201: GlassAnswer},
    operation_id="breakGlass",
)
def break_glass(request: HttpRequest, body: GlassBody, device_id: str) -> Status[dict[str, Any]]:
    """Open a device for the site itself, for an hour at most, and tell everybody of the site."""
    user = caller(request)
    device = access_device(user, device_id)
    access_site(user, device.site_id, _START)
    glass = actions.do_break_glass(
        device, reason=body.reason, minutes=body.minutes, acting_user=user
    )
    return Status(201, _glass(glass))


@router.get("/break-glass", response=GlassPage, operation_id="listBrokenGlass")
def list_glass(request: HttpRequest, query: Query[GlassQuery]) -> dict[str, Any]:
    """Return the broken glass whose reviews the caller may close, newest first."""
    user = caller(request)
    check_permission(user, _REVIEW)
    found = visible_glass(user)
    if query.site:
        found = found.filter(site_id=query.site)
    if query.unreviewed:
        found = found.filter(reviewed_ms=None)
    page = page_after(found, query.cursor, limit=query.limit, newest_first=True)
    return {"items": [_row(glass) for glass in page.rows], "next": page.next}


@router.get("/break-glass/{glass_id}", response=GlassAnswer, operation_id="getBrokenGlass")
def get_glass(request: HttpRequest, glass_id: str) -> dict[str, Any]:
    """Return broken glass, and the sessions that it let in."""
    return _glass(access_glass(caller(request), glass_id, _REVIEW))


@router.post("/break-glass/{glass_id}/end", response=GlassAnswer, operation_id="endBrokenGlass")
def end_glass(request: HttpRequest, body: Empty, glass_id: str) -> dict[str, Any]:
    """End broken glass, and every session that it opened; what is over stays so."""
    del body
    user = caller(request)
    glass = access_glass(user, glass_id, _START)
    actions.do_end_glass(glass, acting_user=user)
    glass.refresh_from_db()
    return _glass(glass)


@router.post(
    "/break-glass/{glass_id}/review", response=GlassAnswer, operation_id="reviewBrokenGlass"
)
def review_glass(request: HttpRequest, body: GlassFinding, glass_id: str) -> dict[str, Any]:
    """Close a review with what was found; one that somebody had closed stays as it is."""
    user = caller(request)
    glass = access_glass(user, glass_id, _REVIEW)
    do_review_glass(glass, finding=body.finding, acting_user=user)
    glass.refresh_from_db()
    return _glass(glass)


def _approval(body: AssertionBody) -> Approval:
    try:
        return Approval.from_fields(Fields(body.dict()))
    except ProtocolError as error:
        title = _("The passkey did not sign this request. Nothing was approved.")
        raise ProblemError(422, "invalid", title, fault=error.code) from error


def _not_asked(error: actions.NotAskedError) -> ProblemError:
    title = _("This request is not waiting for the site any more.")
    return ProblemError(409, "not_asked", title, state=error.state.value)


def _view(user: User, session: ServiceSession) -> dict[str, Any]:
    shown = access_session(user, session.pk)
    return view_of(shown, parse_language(get_language() or "en"), timeline=True)


def _glass(glass: BreakGlass) -> dict[str, Any]:
    opened = glass.device.sessions.filter(
        break_glass=True, requested_ms__gte=glass.start_ms, requested_ms__lt=glass.end_ms
    )
    return {**_row(glass), "sessions": list(opened.order_by("id").values_list("pk", flat=True))}


def _row(glass: BreakGlass) -> dict[str, Any]:
    names = ("reason", "start_ms", "end_ms", "ended_ms", "review", "reviewed_ms")
    return {
        "id": glass.pk,
        "device": glass.device_id,
        "site": glass.site_id,
        "started_by": glass.started_by.name,
        "reviewed_by": glass.reviewed_by.name if glass.reviewed_by else None,
        **{name: getattr(glass, name) for name in names},
    }
