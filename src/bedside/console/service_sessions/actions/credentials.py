"""What the specialist's computer needs to connect: certificates for the key of this one session."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db import transaction

from bedside.audit.entry import Thing
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import actor_of
from bedside.console.enrolment import actions as enrolment
from bedside.console.enrolment.facts import SessionCredentials
from bedside.console.journal.actions import now_ms, record
from bedside.console.relays.queries import relay as relay_address
from bedside.console.service_sessions.actions.life import lock_session
from bedside.console.service_sessions.models import ServiceSession
from bedside.protocol.shapes import Relay
from bedside.protocol.states import LIVE
from bedside.vocabulary import Gate, JournalAction, SessionState

__all__ = ["Connection", "NotConnectableError", "do_issue_connection"]

# The grant is the console's own key: it opens nothing before the operator's consent, and whoever
# has it early can wait at the relay, so that a consent is followed by a prompt at once.
_CONNECTABLE = frozenset(
    {
        SessionState.ROUTED,
        SessionState.AWAITING_OPERATOR,
        SessionState.CONNECTING,
        SessionState.AUTHENTICATING,
        *LIVE,
    }
)


class NotConnectableError(ValueError):
    """The session is not on its way to a device, or is over; `state` says which."""

    def __init__(self, state: SessionState) -> None:
        super().__init__(state)
        self.state = state


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything for one session's connections; nothing in it opens another."""

    relay: Relay
    credentials: SessionCredentials
    proof_seed: bytes
    expires_ms: int


def do_issue_connection(session: ServiceSession, *, acting_user: User) -> Connection:
    """Issue the certificates of a session that is on its way to the device, or live there.

    Raises:
        PermissionDenied: somebody else asked for this session.
        NotConnectableError: it has not been routed, has ended, or is for control of a session that
            the person is in already.
    """
    if session.person_id != acting_user.pk:
        raise PermissionDenied(Gate.ACCOUNT)
    moment = now_ms()
    with transaction.atomic():
        locked = lock_session(session.pk)
        state = SessionState(locked.state if locked else SessionState.ENDED)
        relay = relay_address(locked.relay) if locked else None
        if locked is None or state not in _CONNECTABLE or relay is None or locked.hands_over:
            raise NotConnectableError(state)
        expires_ms = locked.expires_ms or locked.answer_by_ms + locked.duration_s * 1000
        credentials = enrolment.do_issue_session_credentials(
            locked.pk,
            locked.public_key,
            locked.person_name,
            device=locked.device_id,
            not_before=moment,
            not_after=expires_ms,
        )
        record(
            JournalAction.SESSION_CREDENTIALS_ISSUED,
            actor=actor_of(acting_user),
            thing=Thing("session", locked.pk),
            device=locked.device_id,
            session=locked.pk,
            case=locked.case or None,
            detail={"relay": relay.name, "expires_ms": expires_ms},
        )
    return Connection(relay, credentials, bytes(locked.specialist_proof_seed), expires_ms)
