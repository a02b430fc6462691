"""The order of a session: what a site approves, and what the device gets."""

from django.db import transaction

from bedside.audit.entry import Actor, Thing
from bedside.console.enrolment import actions as enrolment
from bedside.console.journal.actions import record
from bedside.console.journal.queries import newest_note
from bedside.console.relays.actions.tunnels import do_open_tunnel
from bedside.console.service_sessions.actions.life import step
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.telling import tell_asked
from bedside.console.sites.queries import policy_of
from bedside.pki.ssh_certificates import fingerprint
from bedside.protocol.codec import Fields
from bedside.protocol.orders import SessionOrder
from bedside.protocol.shapes import Person
from bedside.protocol.site import Approval
from bedside.protocol.tunnel import proof_digests
from bedside.vocabulary import (
    AccessKind,
    DeviceId,
    JournalAction,
    Level,
    Mode,
    SessionId,
    SessionState,
    SiteAction,
)

__all__ = ["do_order", "draft_of", "record_step", "words_of"]

# A device may still be connecting when the answer's time ends; the tunnel outlasts both by this.
_TUNNEL_MARGIN_MS = 60_000


def do_order(session: ServiceSession, *, actor: Actor, now: int) -> None:
    """Send the order to the device with every approval, and open its tunnel; saves the session.

    Whoever may be handed control is in already, by the tunnel of their join.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an order belongs into the transaction of what allowed it")
    order = draft_of(session, issued_ms=now)
    relay = enrolment.do_send_order(order, now=now) or ""
    if not session.hands_over:
        _open_tunnel(session, relay, now)
    session.relay = relay
    step(session, SessionState.ROUTED, at_ms=now)
    session.save()
    record_step(JournalAction.SESSION_REQUEST_ROUTED, session, actor, relay=relay)
    tell_asked(session)


def _open_tunnel(session: ServiceSession, relay: str, now: int) -> None:
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
        now=now,
    )


def draft_of(session: ServiceSession, *, issued_ms: int) -> SessionOrder:
    """Return the order as it would be sent: its subject is what an approver approves."""
    policy = policy_of(session.device.site_id)
    return SessionOrder(
        session=SessionId(session.pk),
        device=DeviceId(session.device_id),
        product=session.device.product_id,
        person=Person(
            id=session.person_id,
            name=session.person_name,
            employer=session.person_employer,
            level=Level(session.person_level) if session.person_level else None,
            country=session.person_country,
        ),
        access=AccessKind(session.access),
        mode=Mode(session.mode),
        reason=session.reason,
        case=session.case,
        ticket=session.ticket or None,
        issued_ms=issued_ms,
        answer_by_ms=session.answer_by_ms,
        duration_s=session.duration_s,
        idle_s=session.idle_s,
        specialist_key=fingerprint(session.public_key),
        proof_seed=bytes(session.device_proof_seed),
        max_bytes=session.max_bytes,
        checkpoint=newest_note(),
        actions=tuple(sorted(SiteAction(action) for action in session.actions)),
        site_policy=policy.serial if policy else 0,
        approvals=tuple(
            Approval.from_fields(Fields(row.assertion))
            for row in session.approvals.filter(approved=True)
        ),
        approved_until_ms=session.approved_until_ms,
        break_glass=session.break_glass,
        joins=SessionId(session.joins_id) if session.joins_id else None,
    )


def record_step(
    action: JournalAction, session: ServiceSession, actor: Actor, *, relay: str = ""
) -> None:
    """Write what became of a request, with all that it asked for."""
    record(
        action,
        actor=actor,
        thing=Thing("session", session.pk),
        device=session.device_id,
        session=session.pk,
        case=session.case or None,
        detail={**words_of(session), **({"relay": relay} if relay else {})},
    )


def words_of(session: ServiceSession) -> dict[str, str | int]:
    """Return what a session asks for, as a journal entry's detail."""
    return {
        "access": session.access,
        "mode": session.mode,
        "duration_s": session.duration_s,
        "reason": session.reason,
        "ticket": session.ticket,
        "level": session.person_level or 0,
        "country": session.person_country,
        **({"joins": session.joins_id} if session.joins_id else {}),
    }
