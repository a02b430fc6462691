"""Asking for a session: decided from facts, ordered at the device, or refused with every reason."""

import secrets
from typing import Any

from django.conf import settings
from django.db import transaction

from bedside.audit.entry import Thing
from bedside.console.access.queries import gather_facts
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import actor_of, employer
from bedside.console.devices.models import Device
from bedside.console.enrolment import actions as enrolment
from bedside.console.identifiers import new_ulid
from bedside.console.journal.actions import now_ms, record
from bedside.console.journal.queries import log_status
from bedside.console.relays.actions.tunnels import do_open_tunnel
from bedside.console.relays.queries import presence
from bedside.console.service_sessions.actions.life import step
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.requests import SessionRequest
from bedside.pki.ssh_certificates import fingerprint, load_ssh_key, ssh_key_line
from bedside.policy.decide import Decision, decide
from bedside.protocol.orders import SessionOrder
from bedside.protocol.shapes import Person
from bedside.protocol.tunnel import proof_digests
from bedside.vocabulary import (
    AccessKind,
    DeviceId,
    Ending,
    JournalAction,
    Level,
    Mode,
    Outcome,
    SessionId,
    SessionState,
    SiteAction,
)

__all__ = ["do_request_session"]

# A device may still be connecting when the answer's time ends; the tunnel outlasts both by this.
_TUNNEL_MARGIN_MS = 60_000


def do_request_session(
    device: Device, request: SessionRequest, *, acting_user: User
) -> ServiceSession:
    """Ask for a session on `device`, and return it: routed to the device, or ended as refused.

    Either way the decision is kept with every reason, and journalled.
    """
    moment = now_ms()
    with transaction.atomic():
        seen = presence(device.pk) is not None
        facts = gather_facts(acting_user, device, request.facts, seen=seen)
        decision = decide(facts, moment)
        session = _new_session(device, request, acting_user, moment)
        session.decision = _as_json(decision)
        session.save()
        step(session, SessionState.REQUESTED, at_ms=moment)
        if decision.allowed:
            _order(session, acting_user)
        else:
            _refuse(session, decision, acting_user)
    return session


def _new_session(
    device: Device, request: SessionRequest, person: User, moment: int
) -> ServiceSession:
    limits = settings.CONFIG.sessions
    return ServiceSession(
        id=new_ulid(moment),
        device=device,
        person=person,
        person_name=person.name,
        person_employer=employer(person),
        person_level=person.level,
        person_country=person.country,
        access=request.access.value,
        mode=request.mode.value,
        duration_s=request.duration_s,
        idle_s=min(limits.idle_seconds, request.duration_s),
        max_bytes=limits.max_bytes,
        case=request.case,
        reason=request.reason,
        ticket=request.ticket,
        public_key=ssh_key_line(load_ssh_key(request.public_key)),
        requested_ms=moment,
        answer_by_ms=moment + limits.answer_seconds * 1000,
        device_proof_seed=secrets.token_bytes(32),
        specialist_proof_seed=secrets.token_bytes(32),
    )


def _order(session: ServiceSession, person: User) -> None:
    moment = session.requested_ms
    _record(JournalAction.SESSION_REQUEST_ALLOWED, session, person)
    relay = enrolment.do_send_order(_document(session), now=moment) or ""
    last_ms = session.answer_by_ms + session.duration_s * 1000 + _TUNNEL_MARGIN_MS
    do_open_tunnel(
        session.pk,
        session.device_id,
        relay=relay,
        device_proofs=proof_digests(bytes(session.device_proof_seed), "device"),
        specialist_proofs=proof_digests(bytes(session.specialist_proof_seed), "specialist"),
        not_after_ms=last_ms,
        idle_s=session.idle_s,
        max_bytes=session.max_bytes,
        now=moment,
    )
    session.relay = relay
    step(session, SessionState.ROUTED, at_ms=moment)
    session.save()
    _record(JournalAction.SESSION_REQUEST_ROUTED, session, person, relay=relay)


def _refuse(session: ServiceSession, decision: Decision, person: User) -> None:
    gate = decision.refusals[0].gate
    session.ending = Ending.REFUSED.value
    session.gate = gate.value
    session.ended_ms = session.requested_ms
    session.device_proof_seed = session.specialist_proof_seed = b""
    step(session, SessionState.ENDED, at_ms=session.requested_ms)
    session.save()
    record(
        JournalAction.SESSION_REQUEST_REFUSED,
        actor=actor_of(person),
        thing=Thing("session", session.pk),
        outcome=Outcome.REFUSED,
        device=session.device_id,
        session=session.pk,
        case=session.case or None,
        gate=gate,
        detail={
            **_words(session),
            "reason_code": " ".join(reason.gate for reason in decision.refusals),
        },
    )


def _document(session: ServiceSession) -> SessionOrder:
    return SessionOrder(
        session=SessionId(session.pk),
        device=DeviceId(session.device_id),
        product=session.device.product_id,
        person=Person(
            id=session.person_id,
            name=session.person_name,
            employer=session.person_employer,
            level=Level(session.person_level or 0),
            country=session.person_country,
        ),
        access=AccessKind(session.access),
        mode=Mode(session.mode),
        reason=session.reason,
        case=session.case,
        ticket=session.ticket or None,
        issued_ms=session.requested_ms,
        answer_by_ms=session.answer_by_ms,
        duration_s=session.duration_s,
        idle_s=session.idle_s,
        specialist_key=fingerprint(session.public_key),
        proof_seed=bytes(session.device_proof_seed),
        max_bytes=session.max_bytes,
        checkpoint=log_status().note,
        actions=(SiteAction.FILES_IN, SiteAction.FILES_OUT),
    )


def _record(
    action: JournalAction, session: ServiceSession, person: User, *, relay: str = ""
) -> None:
    record(
        action,
        actor=actor_of(person),
        thing=Thing("session", session.pk),
        device=session.device_id,
        session=session.pk,
        case=session.case or None,
        detail={**_words(session), **({"relay": relay} if relay else {})},
    )


def _words(session: ServiceSession) -> dict[str, str | int]:
    return {
        "access": session.access,
        "mode": session.mode,
        "duration_s": session.duration_s,
        "reason": session.reason,
        "ticket": session.ticket,
        "level": session.person_level or 0,
        "country": session.person_country,
    }


def _as_json(decision: Decision) -> dict[str, Any]:
    return {
        "allowed": decision.allowed,
        "obligations": [str(obligation) for obligation in decision.obligations],
        "reasons": [
            {"gate": str(reason.gate), "passed": reason.passed, "facts": reason.fields}
            for reason in decision.reasons
        ],
    }
