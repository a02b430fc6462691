"""What happens elsewhere while somebody looks at a page: `python -m tests.console.pages.acts`."""

import sys

import django

from bedside.audit.entry import Actor, ActorKind
from bedside.vocabulary import JournalAction


def main(act: str, *words: str) -> None:
    django.setup()
    print(ACTS[act](*words))


def ask(name: str, device: str) -> str:
    """A specialist asks by the command line; print the session's id."""
    from tests.console.pages.reader import ask

    return str(ask(name, device).pk)


def answer(session: str) -> str:
    """The operator allows it, and the device reports so."""
    from bedside.console.journal.actions import now_ms
    from bedside.console.service_sessions.models import ServiceSession
    from tests.console.pages.seed import Chain

    device = ServiceSession.objects.get(pk=session).device_id
    chain = Chain.resume(device)
    operator = Actor(ActorKind.OPERATOR, "panel", "Nadia Roy")
    chain.write(JournalAction.SESSION_CONSENT_ASKED, now_ms(), session)
    chain.write(JournalAction.SESSION_CONSENT_GIVEN, now_ms(), session, operator)
    chain.report(now_ms())
    return ""


def leave(device: str) -> str:
    """A device polls no relay any more."""
    from bedside.console.journal.actions import now_ms
    from tests.console.pages.seed import leave

    leave(device, now_ms())
    return ""


def begin(client: str) -> str:
    """A program asks to be signed in; print the code that its person types."""
    from bedside.console.accounts.authorization import do_start_authorization

    return do_start_authorization(client, address="192.0.2.20").user_code


ACTS = {"answer": answer, "ask": ask, "begin": begin, "leave": leave}

if __name__ == "__main__":
    main(*sys.argv[1:])
