"""Asking for a session: decided from facts, then ordered, put to the site, or refused with reasons."""

import secrets
from typing import Any

from django.conf import settings
from django.db import transaction

from bedside.audit.entry import Thing
from bedside.console.access.queries import gather_facts
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import actor_of, employer
from bedside.console.devices.models import Device
from bedside.console.identifiers import new_ulid
from bedside.console.journal.actions import now_ms, record
from bedside.console.relays.queries import presence
from bedside.console.service_sessions.actions.approvals import ask_site
from bedside.console.service_sessions.actions.joins import find_host, with_join
from bedside.console.service_sessions.actions.life import step
from bedside.console.service_sessions.actions.orders import do_order, record_step, words_of
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.requests import SessionRequest
from bedside.pki.ssh_certificates import load_ssh_key, ssh_key_line
from bedside.policy.decide import Decision, Obligation, decide
from bedside.policy.facts import Facts
from bedside.vocabulary import (
    Ending,
    JournalAction,
    Outcome,
    SessionState,
)

__all__ = ["do_request_session"]


def do_request_session(
    device: Device, request: SessionRequest, *, acting_user: User
) -> ServiceSession:
    """Ask for a session on `device`, and return it: routed, put to the site, or ended as refused.

    Either way the decision is kept with every reason, and journalled.
    """
    moment = now_ms()
    with transaction.atomic():
        seen = presence(device.pk) is not None
        facts = gather_facts(acting_user, device, request.facts, seen=seen, at_ms=moment)
        facts = facts.asking_files(request.files)
        host = find_host(device, request, acting_user) if request.joins else None
        decision = with_join(decide(facts, moment), request, host)
        session = _new_session(device, request, acting_user, moment)
        session.joins = host
        _take(session, facts, decision)
        session.save()
        step(session, SessionState.REQUESTED, at_ms=moment)
        if not decision.allowed:
            _refuse(session, decision, acting_user)
            return session
        record_step(JournalAction.SESSION_REQUEST_ALLOWED, session, actor_of(acting_user))
        if decision.approvals_needed:
            ask_site(session, needed=decision.approvals_needed, actor=actor_of(acting_user))
        else:
            do_order(session, actor=actor_of(acting_user), now=moment)
    return session


def _take(session: ServiceSession, facts: Facts, decision: Decision) -> None:
    """Take what the facts and the decision say into the session: ticket, files, its latest end."""
    session.ticket = facts.request.ticket
    session.actions = sorted(facts.request.files)
    session.break_glass = Obligation.BREAK_GLASS_REVIEW in decision.obligations
    session.decision = _as_json(decision)
    session.closes_ms = decision.end_by_ms
    if decision.end_by_ms is not None:
        left_s = (decision.end_by_ms - session.requested_ms) // 1000
        session.duration_s = min(session.duration_s, left_s)
        session.idle_s = min(session.idle_s, session.duration_s)


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
        # Support levels are the manufacturer's: an order without one only ever watches.
        person_level=None if person.site else person.level,
        person_country=person.country or person.organisation.country,
        access=request.access.value,
        mode=request.mode.value,
        duration_s=request.duration_s,
        idle_s=min(limits.idle_seconds, request.duration_s),
        max_bytes=limits.max_bytes,
        case=request.case,
        reason=request.reason,
        public_key=ssh_key_line(load_ssh_key(request.public_key)),
        requested_ms=moment,
        answer_by_ms=moment + limits.answer_seconds * 1000,
        device_proof_seed=secrets.token_bytes(32),
        specialist_proof_seed=secrets.token_bytes(32),
    )


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
            **words_of(session),
            "reason_code": " ".join(reason.gate for reason in decision.refusals),
        },
    )


def _as_json(decision: Decision) -> dict[str, Any]:
    return {
        "allowed": decision.allowed,
        "obligations": [str(obligation) for obligation in decision.obligations],
        "reasons": [
            {"gate": str(reason.gate), "passed": reason.passed, "facts": reason.fields}
            for reason in decision.reasons
        ],
    }
