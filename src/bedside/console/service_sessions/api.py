"""REST: asking for a session, watching it, connecting and ending; closing a device or opening it."""

import base64
from typing import Any, Literal

from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema, Status

from bedside.console.access.actions import LockTarget
from bedside.console.accounts.bearer import caller
from bedside.console.accounts.queries import check_permission
from bedside.console.devices.queries import access_device
from bedside.console.enrolment.queries import host_ca
from bedside.console.rest.bodies import Body, Empty
from bedside.console.rest.cursors import MAX_LIMIT, page_after
from bedside.console.rest.problems import ProblemError, invalid
from bedside.console.service_sessions import actions
from bedside.console.service_sessions.queries import (
    access_session,
    asking_right,
    find_sessions,
    refusals,
    view_of,
)
from bedside.console.service_sessions.requests import RequestError, SessionRequest
from bedside.language import Language, parse_language
from bedside.policy.facts import LockScope
from bedside.vocabulary import (
    AccessKind,
    Ending,
    Gate,
    Mode,
    Permission,
    SessionState,
    SiteAction,
)

router = Router(tags=["sessions"])


class Site(Schema):
    """Where the device stands."""

    id: str
    name: str


class SessionDevice(Schema):
    """The device of a session."""

    id: str
    display_name: str
    product: str
    site: Site


class SessionPerson(Schema):
    """Who asked, as they were then."""

    id: str
    name: str
    employer: str
    level: int | None
    country: str


class Step(Schema):
    """A state that was reached."""

    at_ms: int
    state: SessionState
    words: str


class SiteSaid(Schema):
    """What one of the site's approvers said; `verified_ms` is when the device verified a yes."""

    name: str
    approved: bool
    reason: str
    at_ms: int
    verified_ms: int | None


class SessionAnswer(Schema):
    """A session from request to end."""

    id: str
    device: SessionDevice
    person: SessionPerson
    access: AccessKind
    mode: Mode
    state: SessionState
    state_words: str
    ending: Ending | None
    ending_words: str | None
    device_ending: str | None
    gate: Gate | None
    gate_words: str | None
    site_words: str | None = Field(
        description="what the site's approver said with a no; null in lists, see `approvals`"
    )
    case: str
    reason: str
    ticket: str | None
    joins: str | None
    duration_s: int
    requested_ms: int
    answer_by_ms: int
    expires_ms: int | None
    ended_ms: int | None
    operator: str | None
    relay: str | None
    bytes_from_device: int
    bytes_from_specialist: int
    timeline: list[Step]
    approvals: list[SiteSaid]


class SessionsPage(Schema):
    """Some sessions, newest first, without time lines and approvals; `next` is null at the end."""

    items: list[SessionAnswer]
    next: str | None


class Reason(Schema):
    """A gate that refused, and what can be done about it."""

    gate: Gate
    sentence: str
    advice: str
    facts: dict[str, str | int]


class Refused(Schema):
    """The rules say no (problem+json, code `refused`)."""

    type: str
    title: str
    status: int
    code: str
    instance: str
    session: str
    reasons: list[Reason]


class SessionsQuery(Schema):
    """What is looked for."""

    state: SessionState | None = None
    device: str = Field("", max_length=30)
    mine: bool = False
    open: bool = False
    cursor: str | None = Field(None, max_length=200)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


class SessionBody(Body):
    """What is asked for, and why."""

    device: str = Field(max_length=30, examples=["CI-20417"])
    access: AccessKind = Field(strict=False)
    mode: Mode = Field(strict=False)
    duration_minutes: int = Field(ge=1, le=1440, examples=[30])
    case: str = Field(max_length=64, examples=["C-88213"])
    reason: str = Field(max_length=500, examples=["Pressure fault E12 after power cut"])
    public_key: str = Field(max_length=300, description="an OpenSSH ecdsa-sha2-nistp256 line")
    ticket: str | None = Field(None, max_length=64)
    files: list[Literal["files_in", "files_out"]] | None = Field(
        None,
        max_length=2,
        description="files to and from the device, where the site's approvers decide about them; "
        "without it, what the site leaves to the person at the device",
        examples=[["files_out"]],
    )
    joins: str | None = Field(
        None,
        max_length=26,
        description="a live session of somebody else on this device, to watch it: of the same "
        "access, and `mode` is `view`; or your own live join, to be handed control of that session: "
        "`mode` is `control`, and `public_key` is the key of the join",
        examples=[None],
    )


class EndBody(Body):
    """Why a session is ended: on its time line and in the journal; nobody has to say it."""

    reason: str | None = Field(None, max_length=200, examples=["An exam begins"])


class RelayAnswer(Schema):
    """Dial `host`, ask for and verify `server_name`."""

    name: str
    host: str
    server_name: str
    ports: list[int]


class ConnectionAnswer(Schema):
    """Everything for one session's connections."""

    relay: RelayAnswer
    ca: str
    client_certificate: str
    ssh_certificate: str
    ssh_host_certificate: str
    proof_seed: str
    expires_ms: int


class TrustAnswer(Schema):
    """What a specialist's computer remembers of this console."""

    ssh_host_ca: str


class LockBody(Body):
    """Why a device is locked: it is shown on the device and to whoever is refused."""

    reason: str = Field(min_length=1, max_length=200)


@router.post(
    "/sessions", response={201: SessionAnswer, 403: Refused}, operation_id="requestSession"
)
def request_session(request: HttpRequest, body: SessionBody) -> Status[dict[str, Any]]:
    """Ask for a session: 201 and it is on its way to the device, or 403 with every reason."""
    user = caller(request)
    if user.narrowed_to is not None:
        # The policy judges the person; what a token is narrowed to is asked here.
        check_permission(user, asking_right(user))
        check_permission(user, Permission.SESSIONS_SESSION_READ)
    device = access_device(user, body.device)
    try:
        asked = SessionRequest(
            access=body.access,
            mode=body.mode,
            duration_s=body.duration_minutes * 60,
            case=body.case.strip(),
            reason=body.reason.strip(),
            ticket=(body.ticket or "").strip(),
            files=None if body.files is None else frozenset(map(SiteAction, body.files)),
            public_key=body.public_key.strip(),
            joins=body.joins,
        )
    except RequestError as error:
        raise invalid(error.field, error.code, limit=error.limit) from error
    session = actions.do_request_session(device, asked, acting_user=user)
    if session.ending:
        title = _("The request is refused.")
        reasons = refusals(session, _language())
        raise ProblemError(403, "refused", title, session=session.pk, reasons=reasons)
    return Status(201, view_of(access_session(user, session.pk), _language(), timeline=True))


@router.get("/sessions", response=SessionsPage, operation_id="listSessions")
def list_sessions(request: HttpRequest, query: Query[SessionsQuery]) -> dict[str, Any]:
    """Return the sessions that the caller may see, newest first."""
    user = caller(request)
    check_permission(user, Permission.SESSIONS_SESSION_READ)
    found = find_sessions(
        user, state=query.state, device=query.device, mine=query.mine, open_only=query.open
    )
    page = page_after(found, query.cursor, limit=query.limit, newest_first=True)
    rows = [view_of(session, _language(), timeline=False) for session in page.rows]
    return {"items": rows, "next": page.next}


@router.get("/sessions/{session_id}", response=SessionAnswer, operation_id="getSession")
def get_session(request: HttpRequest, session_id: str) -> dict[str, Any]:
    """Return one session with its time line."""
    session = access_session(caller(request), session_id)
    return view_of(session, _language(), timeline=True)


@router.get("/trust", response=TrustAnswer, operation_id="getTrust")
def get_trust(request: HttpRequest) -> dict[str, str]:
    """Return the SSH host CA, which the caller's computer compares with the one that it knows."""
    caller(request)
    return {"ssh_host_ca": host_ca()}


@router.post(
    "/sessions/{session_id}/connection",
    response=ConnectionAnswer,
    operation_id="connectSession",
)
def connect_session(request: HttpRequest, session_id: str, body: Empty) -> dict[str, Any]:
    """Return what is needed to connect, once the operator has consented; only to whoever asked."""
    del body
    user = caller(request)
    session = access_session(user, session_id, asking_right(user))
    try:
        connection = actions.do_issue_connection(session, acting_user=user)
    except actions.NotConnectableError as error:
        title = _("This session cannot be connected to now.")
        raise ProblemError(409, "not_connectable", title, state=error.state.value) from error
    credentials = connection.credentials
    return {
        "relay": connection.relay.to_dict(),
        "ca": credentials.ca,
        "client_certificate": credentials.client_certificate,
        "ssh_certificate": credentials.ssh_certificate,
        "ssh_host_certificate": credentials.ssh_host_certificate,
        "proof_seed": base64.b64encode(connection.proof_seed).decode("ascii"),
        "expires_ms": connection.expires_ms,
    }


@router.post("/sessions/{session_id}/end", response=SessionAnswer, operation_id="endSession")
def end_session(request: HttpRequest, session_id: str, body: EndBody) -> dict[str, Any]:
    """End a session, whatever its state; one that has ended stays as it is."""
    user = caller(request)
    session = access_session(user, session_id, Permission.SESSIONS_SESSION_END)
    actions.do_end_session(session, acting_user=user, reason=(body.reason or "").strip())
    return view_of(access_session(user, session_id), _language(), timeline=True)


@router.post("/devices/{device_id}/lock", response={204: None}, operation_id="lockDevice")
def lock_device(request: HttpRequest, device_id: str, body: LockBody) -> Status[None]:
    """Lock a device: what is open on it ends, and nothing opens until it is unlocked."""
    user = caller(request)
    device = access_device(user, device_id, Permission.DEVICES_DEVICE_LOCK)
    lock = LockTarget(LockScope.DEVICE, device.pk)
    actions.do_set_lock(lock, reason=body.reason, acting_user=user)
    return Status(204, None)


@router.post("/devices/{device_id}/unlock", response={204: None}, operation_id="unlockDevice")
def unlock_device(request: HttpRequest, device_id: str, body: Empty) -> Status[None]:
    """Clear a device's own lock."""
    del body
    user = caller(request)
    device = access_device(user, device_id, Permission.DEVICES_DEVICE_LOCK)
    actions.do_clear_lock(LockTarget(LockScope.DEVICE, device.pk), acting_user=user)
    return Status(204, None)


@router.post("/devices/{device_id}/revoke", response={204: None}, operation_id="revokeDevice")
def revoke_device(request: HttpRequest, device_id: str, body: Empty) -> Status[None]:
    """Take a device's certificates away; only a new enrolment brings it back."""
    del body
    user = caller(request)
    device = access_device(user, device_id, Permission.DEVICES_DEVICE_REVOKE)
    actions.do_revoke_device(device, acting_user=user)
    return Status(204, None)


def _language() -> Language:
    return parse_language(get_language() or "en")
