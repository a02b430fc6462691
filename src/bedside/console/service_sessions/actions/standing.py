"""A session does not outlive what it was granted by.

1. When what a person may do has changed, each of their open sessions is judged anew by the policy,
   with the facts as they are now, in the transaction of that change.
2. Only the gates about the person end it. Case, reason, ticket and duration were the request's own;
   contract, windows, locks and the device have endings of their own.
3. It ends as `revoked`, by whoever made the change, at the first of those gates; the device is told
   as of any other ending.
"""

from typing import Any

from django.db import transaction
from django.db.models import Q

from bedside.console.access.queries import gather_facts
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import Acting, actor_of
from bedside.console.accounts.standing import standing_changed
from bedside.console.journal.actions import now_ms
from bedside.console.service_sessions.actions.life import end, lock_sessions
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.queries import facts_of
from bedside.policy.decide import decide
from bedside.vocabulary import Ending, Gate

__all__ = ["connect", "do_end_unfounded_sessions"]

_GATES = frozenset(
    {
        Gate.ACCOUNT,
        Gate.ROLE,
        Gate.PRODUCT_RIGHT,
        Gate.LEVEL,
        Gate.COUNTRY,
        Gate.PATIENT_DATA,
    }
)


def connect() -> None:
    """Listen for changes of standing; called once, when the app is ready."""
    standing_changed.connect(_changed, dispatch_uid="bedside")


def do_end_unfounded_sessions(person: User | None, *, acting_user: Acting) -> int:
    """End what `person` (None: anybody) has open and might not ask for now; return how many."""
    mine = Q() if person is None else Q(person=person)
    with transaction.atomic():
        return sum(_end_if_unfounded(session, acting_user) for session in lock_sessions(mine))


def _end_if_unfounded(session: ServiceSession, acting_user: Acting) -> bool:
    moment = now_ms()
    facts = gather_facts(session.person, session.device, facts_of(session), seen=True, at_ms=moment)
    lost = [each.gate for each in decide(facts, moment).refusals if each.gate in _GATES]
    if not lost:
        return False
    actor = actor_of(acting_user)
    return end(session, Ending.REVOKED, at_ms=moment, actor=actor, gate=lost[0])


def _changed(*, person: User | None, acting_user: Acting, **_: Any) -> None:
    do_end_unfounded_sessions(person, acting_user=acting_user)
