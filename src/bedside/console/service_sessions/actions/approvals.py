"""The site's yes or no to one request: passkeys sign what the device will read (N3).

1. What is approved is fixed when the site is asked: an approver signs the digest of exactly that.
2. The console checks an assertion to tell a person at once; the device checks it again for itself.
3. One no ends the request; the last yes that is needed sends the order, if the rules still allow it.
4. No answer in time is a no (`closing.do_end_due_sessions`).
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.entry import Actor, Thing, short
from bedside.console.access.queries import gather_facts
from bedside.console.accounts.models import User
from bedside.console.accounts.passkeys import passkeys_of
from bedside.console.accounts.queries import Acting, actor_of
from bedside.console.journal.actions import now_ms, record
from bedside.console.relays.queries import presence
from bedside.console.service_sessions.actions.life import end, lock_session, step
from bedside.console.service_sessions.actions.orders import do_order, draft_of, record_step
from bedside.console.service_sessions.models import ServiceSession, SessionApproval
from bedside.console.service_sessions.queries import facts_of
from bedside.console.service_sessions.telling import tell_waiting
from bedside.console.sites.queries import policy_of
from bedside.pki.signing import SignatureError
from bedside.pki.webauthn import check_approval
from bedside.policy.decide import decide
from bedside.protocol.site import Approval, Approver
from bedside.vocabulary import (
    Ending,
    Gate,
    JournalAction,
    Outcome,
    SessionState,
)

__all__ = [
    "NotAskedError",
    "Question",
    "ask_site",
    "do_approve",
    "do_refuse",
    "do_void_approvals",
    "question_of",
]


class NotAskedError(ValueError):
    """The request is not waiting for the site any more; `state` says where it is."""

    def __init__(self, state: SessionState) -> None:
        super().__init__(state)
        self.state = state


@dataclass(frozen=True, slots=True)
class Question:
    """What an approver is asked: the words to read, their digest to sign, the passkeys that may."""

    subject: dict[str, Any]
    digest: bytes
    passkeys: tuple[Approver, ...]
    given: int
    needed: int


def ask_site(session: ServiceSession, *, needed: int, actor: Actor) -> None:
    """Put a request to the site's approvers; saves the session."""
    limits = settings.CONFIG.sessions
    asked_until = session.requested_ms + limits.site_answer_seconds * 1000
    session.approvals_needed = needed
    session.answer_by_ms = asked_until
    session.approved_until_ms = asked_until + limits.answer_seconds * 1000
    step(session, SessionState.AWAITING_SITE, at_ms=session.requested_ms)
    session.save()
    record_step(JournalAction.SESSION_APPROVAL_ASKED, session, actor)
    tell_waiting(session)


def question_of(session: ServiceSession, user: User) -> Question:
    """Return what `user` would approve; raises NotAskedError when nobody is asked any more."""
    if session.state != SessionState.AWAITING_SITE:
        raise NotAskedError(SessionState(session.state))
    draft = _draft(session)
    return Question(
        subject=draft.subject,
        digest=draft.approval_digest,
        passkeys=tuple(_enrolled(session, user)),
        given=session.approvals.filter(approved=True).count(),
        needed=session.approvals_needed,
    )


def do_approve(session: ServiceSession, approval: Approval, *, acting_user: User) -> bool:
    """Take an approver's yes; True once the order is on its way.

    Raises:
        NotAskedError: the request was answered, lapsed or ended meanwhile.
        ValidationError: not this person's enrolled passkey over this request, or said before.
    """
    moment = now_ms()
    with transaction.atomic():
        locked = _waiting(session)
        _check(locked, approval, acting_user)
        _say(locked, acting_user, approved=True, assertion=approval.to_dict(), moment=moment)
        given = locked.approvals.filter(approved=True).count()
        if given < locked.approvals_needed:
            return False
        return _grant(locked, acting_user, moment)


def do_refuse(session: ServiceSession, *, reason: str, acting_user: User) -> None:
    """Take an approver's no: the request ends as refused. Raises NotAskedError."""
    moment = now_ms()
    with transaction.atomic():
        locked = _waiting(session)
        _say(locked, acting_user, approved=False, reason=short(reason, 200), moment=moment)
        end(
            locked,
            Ending.REFUSED,
            at_ms=moment,
            actor=actor_of(acting_user),
            gate=Gate.SITE_APPROVAL,
            tell_device=False,
        )


def do_void_approvals(person: User, *, acting_user: Acting) -> int:
    """Take back what a person approved and no order was sent for yet; return how many.

    For an account that closes: the site is asked again for as many as it needs.
    """
    with transaction.atomic():
        said = SessionApproval.objects.filter(
            approver=person, approved=True, session__state=SessionState.AWAITING_SITE.value
        )
        for approval in (voided := list(said.select_related("session"))):
            session = approval.session
            approval.delete()
            record(
                JournalAction.SESSION_APPROVAL_VOIDED,
                actor=actor_of(acting_user),
                thing=Thing("session", session.pk),
                device=session.device_id,
                session=session.pk,
                case=session.case or None,
                detail={"approver": approval.approver_name},
            )
    return len(voided)


def _waiting(session: ServiceSession) -> ServiceSession:
    locked = lock_session(session.pk)
    if locked is None or locked.state != SessionState.AWAITING_SITE:
        raise NotAskedError(SessionState(locked.state if locked else SessionState.ENDED))
    if locked.answer_by_ms <= now_ms():
        raise NotAskedError(SessionState.ENDED)  # rule 4: the worker writes it down in a moment
    return locked


def _draft(session: ServiceSession) -> Any:
    # Only the subject counts here, and it holds no time of issue.
    return draft_of(session, issued_ms=session.requested_ms)


def _enrolled(session: ServiceSession, user: User) -> list[Approver]:
    """Return the person's passkeys that the site enrolled; without a policy, all of them."""
    policy = policy_of(session.device.site_id)
    mine = [passkey for _name, passkey in passkeys_of(user)]
    if policy is None:
        return mine
    known = {(each.id, each.credential) for each in policy.approvers}
    return [passkey for passkey in mine if (passkey.id, passkey.credential) in known]


def _check(session: ServiceSession, approval: Approval, user: User) -> None:
    mine = {passkey.credential: passkey for passkey in _enrolled(session, user)}
    passkey = mine.get(approval.credential)
    if passkey is None or approval.approver != user.pk:
        raise ValidationError(
            _("This passkey is not one that your site enrolled for approvals."), code="passkey"
        )
    if session.approvals.filter(approver=user).exists():
        raise ValidationError(_("You have answered already."), code="answered")
    try:
        check_approval(approval, passkey, _draft(session).approval_digest)
    except SignatureError as error:
        raise ValidationError(
            _("The passkey did not sign this request. Nothing was approved."), code=error.code
        ) from error


def _say(
    session: ServiceSession,
    user: User,
    *,
    approved: bool,
    moment: int,
    reason: str = "",
    assertion: dict[str, Any] | None = None,
) -> None:
    SessionApproval.objects.create(
        session=session,
        approver=user,
        approver_name=user.name,
        approved=approved,
        reason=reason,
        assertion=assertion or {},
        at_ms=moment,
    )
    record(
        JournalAction.SESSION_APPROVAL_GIVEN
        if approved
        else JournalAction.SESSION_APPROVAL_REFUSED,
        actor=actor_of(user),
        thing=Thing("session", session.pk),
        outcome=Outcome.SUCCESS if approved else Outcome.REFUSED,
        device=session.device_id,
        session=session.pk,
        case=session.case or None,
        gate=None if approved else Gate.SITE_APPROVAL,
        detail={"approver": user.name, **({"reason": reason} if reason else {})},
    )


def _grant(session: ServiceSession, user: User, moment: int) -> bool:
    """Send the order if what allowed the request still does; end it as refused where not."""
    facts = gather_facts(
        session.person,
        session.device,
        facts_of(session),
        seen=presence(session.device_id) is not None,
        at_ms=moment,
    )
    decision = decide(facts, moment)
    if not decision.allowed:
        gate = decision.refusals[0].gate
        actor = actor_of(user)
        end(session, Ending.REFUSED, at_ms=moment, actor=actor, gate=gate, tell_device=False)
        return False
    answer_ms = moment + settings.CONFIG.sessions.answer_seconds * 1000
    session.answer_by_ms = min(answer_ms, session.approved_until_ms or answer_ms)
    do_order(session, actor=actor_of(user), now=moment)
    return True
