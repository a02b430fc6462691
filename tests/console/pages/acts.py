"""What happens elsewhere while somebody looks at a page: `python -m tests.console.pages.acts`."""

import json
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


def asking(device: str, case: str) -> str:
    """Print the body of a request that is granted to Marie."""
    from tests.console.world import asking

    return json.dumps(asking(device=device, case=case))


def token(name: str) -> str:
    """Print a token of this person, as `bedside login` would have got it."""
    from tests.console.world import token

    return token(name)


def lose_relay(device: str) -> None:
    """Let nothing have been heard for long of the relay that a device polls."""
    from bedside.console.relays.models import DevicePresence, Relay

    presence = DevicePresence.objects.get(pk=device)
    DevicePresence.objects.filter(pk=device).update(online=True)
    Relay.objects.filter(pk=presence.relay).update(seen_ms=1)


def count_sessions(case: str) -> str:
    """Print how many sessions name this case."""
    from bedside.console.service_sessions.models import ServiceSession

    return str(ServiceSession.objects.filter(case=case).count())


def files_asked(case: str) -> str:
    """Print which files the last session of this case was asked with."""
    from bedside.console.service_sessions.models import ServiceSession

    return " ".join(ServiceSession.objects.filter(case=case).latest("id").actions)


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


def go_abroad() -> str:
    """Sam is a level 3 in Canada now; print the session of Marie that is live."""
    from tests.console.service_sessions.news import go_abroad

    go_abroad()
    return live()


def live() -> str:
    """Print the session of Marie that is live."""
    from bedside.console.service_sessions.models import ServiceSession

    return ServiceSession.objects.get(state="live_control", person__name="Marie Tremblay").pk


def join(session: str) -> str:
    """Sam asks to join a session."""
    from bedside.console.service_sessions.actions import do_request_session
    from bedside.console.service_sessions.models import ServiceSession
    from bedside.console.service_sessions.requests import SessionRequest
    from bedside.vocabulary import AccessKind, Mode
    from tests.console.world import person, public_key

    host = ServiceSession.objects.get(pk=session)
    request = SessionRequest(
        access=AccessKind(host.access), mode=Mode.VIEW, duration_s=600, case="C-88213",
        reason="Second opinion", public_key=public_key(), joins=session,
    )  # fmt: skip
    return str(do_request_session(host.device, request, acting_user=person("Sam")).pk)


def command(session: str, words: str) -> str:
    """Marie runs a command in her session, and the device reports it."""
    from bedside.console.journal.actions import now_ms
    from bedside.console.service_sessions.models import ServiceSession
    from tests.console.pages.seed import Chain

    chain = Chain.resume(ServiceSession.objects.get(pk=session).device_id)
    marie = Actor(ActorKind.PERSON, "marie", "Marie Tremblay")
    opened = JournalAction.SESSION_CHANNEL_OPENED
    chain.write(opened, now_ms(), session, marie, channel="exec", command=words)
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


def allow(code: str, name: str) -> str:
    """Somebody lets the program in whose code this is."""
    from bedside.console.accounts.authorization import (
        do_answer_authorization,
        pending_authorization,
    )
    from tests.console.world import person

    waiting = pending_authorization(code)
    return str(do_answer_authorization(waiting, allow=True, acting_user=person(name)))


def invite(email: str) -> str:
    """Somebody is invited by a letter in French; print the link that it holds."""
    from datetime import date

    from bedside.console.accounts.actions import PersonDetails, do_invite
    from bedside.vocabulary import Role
    from tests.console.notices.letters import letters
    from tests.console.world import person

    details = PersonDetails(
        name="Léa Côté", organisation="bayard-imaging", role=Role.AUDITOR, country="CA",
        vetted_on=date(2026, 1, 15), language="fr",
    )  # fmt: skip
    do_invite(email, details, acting_user=person("Alex"))
    return next(line for line in letters()[-1].body.splitlines() if "#" in line)


def people() -> str:
    """Support contacts, and somebody not vetted; print people's ids by their first names."""
    from allauth.mfa.models import Authenticator

    from bedside.console.accounts.actions import ContactDetails, PersonDetails, do_invite
    from bedside.console.accounts.models import Organisation, User
    from bedside.console.people.actions import do_save_organisation
    from tests.console.passkeys import register_passkey
    from tests.console.world import person

    details = PersonDetails(
        name="Zoé Ménard", organisation="bayard-imaging", employer="Partenaires de terrain ltée"
    )
    register_passkey(do_invite("zoe@bayard.example", details, acting_user=person("Alex")))
    contacts = [
        ContactDetails(
            country=country, name=name, telephone="+1 514 555 0199",
            email="support@bayard.example", hours="24/7",
        )
        for country, name in (("CA", "Centre de soutien, Montréal"), ("US", "Support centre"))
    ]  # fmt: skip
    home = Organisation.objects.get(pk="bayard-imaging")
    do_save_organisation(home, contacts, acting_user=person("Alex"))
    register_passkey(person("Sam"))
    passkey = Authenticator.objects.get(user=person("Sam"), type=Authenticator.Type.WEBAUTHN)
    ids = {user.name.split()[0]: user.pk for user in User.objects.all()}
    return json.dumps({**ids, "passkey": passkey.pk})


ACTS = {
    "allow": allow,
    "answer": answer,
    "ask": ask,
    "asking": asking,
    "begin": begin,
    "command": command,
    "count-sessions": count_sessions,
    "files-asked": files_asked,
    "go-abroad": go_abroad,
    "invite": invite,
    "join": join,
    "lose-relay": lose_relay,
    "people": people,
    "leave": leave,
    "live": live,
    "token": token,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
