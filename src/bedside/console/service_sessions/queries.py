"""Which sessions a person may see, and a session in the words of its reader."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import has_permission
from bedside.console.service_sessions.models import ServiceSession, TimelineRow
from bedside.language import (
    Language,
    ending_sentence,
    gate_advice,
    gate_sentence,
    parse_language,
    state_sentence,
)
from bedside.policy.facts import LockScope, RequestFacts
from bedside.protocol.states import OPEN
from bedside.vocabulary import AccessKind, Ending, Gate, Mode, Permission, SessionState, SiteAction

__all__ = [
    "Present",
    "access_session",
    "asking_right",
    "covered_by",
    "devices_in_session",
    "facts_of",
    "find_sessions",
    "open_under",
    "refusals",
    "session_view",
    "timeline_of",
    "view_of",
    "visible_sessions",
    "who_is_in",
    "with_its_joins",
]


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody in a session: by which session of theirs, and what of control is theirs (R10)."""

    session: ServiceSession
    controls: bool = False
    may_control: bool = False


def devices_in_session() -> frozenset[str]:
    """Return the devices on which a session is open."""
    open_ = ServiceSession.objects.exclude(state=SessionState.ENDED.value)
    return frozenset(open_.values_list("device_id", flat=True))


def visible_sessions(user: User) -> QuerySet[ServiceSession]:
    """Return the sessions that `user` may see: a site's own people see their site's only.

    With the device and its site. What a list does not say is read when it is asked for: why each
    was decided as it was, and whose account and which product it is today.
    """
    sessions = ServiceSession.objects.select_related("device__site")
    return _seen_by(user, sessions.defer("decision", "device__searched"))


def _sessions(user: User) -> QuerySet[ServiceSession]:
    sessions = ServiceSession.objects.select_related("device__site", "device__product", "person")
    return _seen_by(user, sessions.defer("device__product__profile", "device__searched"))


def _seen_by(user: User, sessions: QuerySet[ServiceSession]) -> QuerySet[ServiceSession]:
    if not has_permission(user, Permission.SESSIONS_SESSION_READ):
        return sessions.none()
    return sessions.filter(device__site_id=user.site) if user.site else sessions


def access_session(
    user: User, session_id: str, permission: Permission = Permission.SESSIONS_SESSION_READ
) -> ServiceSession:
    """Return a session on which `user` has `permission`.

    A specialist ends only sessions of their own.

    Raises:
        Http404: there is none, or `user` may not see it: the two are not told apart.
        PermissionDenied: `user` may see it, and not do this with it.
    """
    session = _sessions(user).filter(pk=session_id).first()
    if session is None:
        raise Http404
    if not has_permission(user, permission):
        raise PermissionDenied(permission)
    others = session.person_id != user.pk and has_permission(
        user, Permission.SESSIONS_SESSION_REQUEST
    )
    if others and permission is Permission.SESSIONS_SESSION_END:
        raise PermissionDenied(permission)
    return session


def asking_right(user: User) -> Permission:
    """Return what it takes to ask for a session: the site's own people ask to watch (R18)."""
    if user.site:
        return Permission.SESSIONS_SESSION_WATCH
    return Permission.SESSIONS_SESSION_REQUEST


def find_sessions(
    user: User,
    *,
    state: SessionState | None = None,
    device: str = "",
    mine: bool = False,
    open_only: bool = False,
) -> QuerySet[ServiceSession]:
    """Return the visible sessions in this state or on this device; a page orders newest first."""
    sessions = visible_sessions(user)
    if open_only:
        sessions = sessions.exclude(state=SessionState.ENDED)
    if state is not None:
        sessions = sessions.filter(state=state)
    if device:
        sessions = sessions.filter(device_id=device)
    return sessions.filter(person=user) if mine else sessions


def covered_by(scope: LockScope, target: str) -> Q:
    """Return which sessions a lock covers."""
    return {
        LockScope.DEVICE: Q(device_id=target),
        LockScope.EVERYTHING: Q(),
        LockScope.PERSON: Q(person_id=target),
        LockScope.PRODUCT: Q(device__product_id=target),
        LockScope.SITE: Q(device__site_id=target),
    }[scope]


def open_under(scope: LockScope, target: str) -> int:
    """Return how many open sessions a lock would end."""
    ongoing = [state.value for state in OPEN]
    return ServiceSession.objects.filter(covered_by(scope, target), state__in=ongoing).count()


def refusals(session: ServiceSession, language: Language) -> list[dict[str, Any]]:
    """Return why the console refused a request, gate by gate, in the reader's language."""
    return [
        {
            "gate": reason["gate"],
            "sentence": gate_sentence(Gate(reason["gate"]), language),
            "advice": gate_advice(Gate(reason["gate"]), language),
            "facts": reason["facts"],
        }
        for reason in session.decision.get("reasons", [])
        if not reason["passed"]
    ]


def facts_of(session: ServiceSession) -> RequestFacts:
    """Return what a session asked for, as the policy looks at it: to be judged anew."""
    return RequestFacts(
        access=AccessKind(session.access),
        mode=Mode(session.mode),
        duration_s=session.duration_s,
        case=session.case,
        reason=session.reason,
        ticket=session.ticket,
        joins=session.joins_id is not None,
        files=frozenset(SiteAction(action) for action in session.actions),
    )


def who_is_in(session: ServiceSession) -> list[Present]:
    """Return whoever started `session`, then whoever asks to join it or has joined it.

    At most one of them controls: the states are the device's own word.
    """
    present = [Present(session, controls=session.state == SessionState.LIVE_CONTROL)]
    if session.joins_id is not None:
        return present
    found = list(_beside(session).exclude(state=SessionState.ENDED))
    controls = {each.joins_id: each.state for each in found if each.hands_over}
    for join in found:
        if not join.hands_over:
            state = controls.get(join.pk, "")
            allowed = state in (SessionState.CONNECTING, SessionState.LIVE_CONTROL)
            present.append(
                Present(join, controls=state == SessionState.LIVE_CONTROL, may_control=allowed)
            )
    return present


def with_its_joins(session: ServiceSession) -> list[str]:
    """Return the session's id, and those of all that ever joined it or were handed control of it."""
    return [session.pk, *_beside(session).values_list("pk", flat=True)]


def _beside(session: ServiceSession) -> QuerySet[ServiceSession]:
    """Whatever joined a session, and whatever was handed control of it: by the index, step by step."""
    joined = ServiceSession.objects.filter(joins=session).values_list("pk", flat=True)
    return ServiceSession.objects.filter(joins__in=[session.pk, *joined])


def timeline_of(session: ServiceSession) -> list[TimelineRow]:
    """Return the states that a session reached; whoever is handed control authenticates no more."""
    rows = list(session.timeline.all())
    if session.hands_over:
        rows = [row for row in rows if row.state != SessionState.AUTHENTICATING]
    return rows


def session_view(session_id: str, language: str = "en") -> dict[str, Any]:
    """Return a session as the REST API shows it; LookupError where there is none."""
    session = (
        ServiceSession.objects.select_related("device__site", "device__product", "person")
        .prefetch_related("timeline", "approvals")
        .filter(pk=session_id)
        .first()
    )
    if session is None:
        raise LookupError(session_id)
    return view_of(session, parse_language(language), timeline=True)


def view_of(session: ServiceSession, language: Language, *, timeline: bool) -> dict[str, Any]:
    """Return a session that was read with its device and site; `timeline`, with who approved, costs two more queries."""
    device = session.device
    rows = timeline_of(session) if timeline else []
    said = list(session.approvals.all()) if timeline else []
    return {
        "id": session.pk,
        "device": {
            "id": device.pk,
            "display_name": device.display_name,
            "product": device.product_id,
            "site": {"id": device.site_id, "name": device.site.name},
        },
        "person": {
            "id": session.person_id,
            "name": session.person_name,
            "employer": session.person_employer,
            "level": session.person_level,
            "country": session.person_country,
        },
        "access": session.access,
        "mode": session.mode,
        "state": session.state,
        "state_words": state_sentence(SessionState(session.state), language),
        "ending": session.ending or None,
        "ending_words": ending_sentence(Ending(session.ending), language)
        if session.ending
        else None,
        "device_ending": session.device_ending or None,
        "gate": session.gate or None,
        "gate_words": gate_sentence(Gate(session.gate), language) if session.gate else None,
        "site_words": next((row.reason for row in said if not row.approved), None),
        "case": session.case,
        "reason": session.reason,
        "ticket": session.ticket or None,
        "joins": session.joins_id,
        "duration_s": session.duration_s,
        "requested_ms": session.requested_ms,
        "answer_by_ms": session.answer_by_ms,
        "expires_ms": session.expires_ms,
        "ended_ms": session.ended_ms,
        "operator": session.operator or None,
        "relay": session.relay or None,
        "bytes_from_device": session.bytes_from_device,
        "bytes_from_specialist": session.bytes_from_specialist,
        "timeline": [
            {
                "at_ms": row.at_ms,
                "state": row.state,
                "words": state_sentence(SessionState(row.state), language),
            }
            for row in rows
        ],
        "approvals": [
            {
                "name": row.approver_name,
                "approved": row.approved,
                "reason": row.reason,
                "at_ms": row.at_ms,
                "verified_ms": row.verified_ms,
            }
            for row in said
        ],
    }
