"""The word that goes round when what somebody may do has changed.

Whoever keeps something open under a right listens (`service_sessions.actions.standing`), so that no
page or command has to remember it. It is said in the transaction of the change, after it: a listener
that fails undoes the change.
"""

from django.dispatch import Signal

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import Acting

__all__ = ["standing_changed", "tell_standing_changed"]

standing_changed = Signal()
"""Sent with `person` (None: anybody's may have changed) and `acting_user`."""


def tell_standing_changed(person: User | None, *, acting_user: Acting) -> None:
    """Say that what `person` may do has changed; None where a rule about everybody has."""
    standing_changed.send(sender=User, person=person, acting_user=acting_user)
