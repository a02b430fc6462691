"""Asks the running agent what it does, over the same socket as a panel."""

import socket
from pathlib import Path

from bedside.agent.words import say
from bedside.language import N_, Language, access_name, gate_sentence, mode_name
from bedside.protocol.errors import ProtocolError
from bedside.protocol.local import Hello, LineReader, Status, parse_from_agent, to_line
from bedside.protocol.support import SupportContact
from bedside.site.hours import hours_words
from bedside.vocabulary import Activity, Mode

__all__ = ["ask_status", "status_lines"]

_LIMIT_S = 5.0
_ACTIVITIES = {
    Activity.IDLE: N_("Nobody is connected."),
    Activity.ASKED: N_("Somebody asks to come in."),
    Activity.CONNECTING: N_("Somebody was let in and connects."),
    Activity.VIEWING: N_("Somebody looks."),
    Activity.CONTROLLING: N_("Somebody controls this device."),
}


def ask_status(path: Path, language: Language) -> Status | None:
    """Return the agent's status, or None when it does not answer."""
    reader = LineReader()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(_LIMIT_S)
            sock.connect(str(path))
            sock.sendall(to_line(Hello(0, language)))
            while (line := reader.next()) is None:
                data = sock.recv(65536)
                if not data:
                    return None
                reader.receive(data)
            answer = parse_from_agent(line)
    except (OSError, ProtocolError):
        return None
    return answer if isinstance(answer, Status) else None


def status_lines(status: Status, language: Language) -> list[str]:
    """Return what a person reads about `status`."""
    lines = [
        f"{status.device.id} · {status.device.name} · {status.site.name}",
        say(language, _ACTIVITIES[status.activity]),
    ]
    if status.session is not None:
        one = status.session
        kind = f"{access_name(one.access, language)}, {mode_name(one.mode, language)}"
        lines.append(f"{one.person.name} ({one.person.employer}) · {kind}")
        lines += [
            f"+ {joined.person.name} ({joined.person.employer}) · {mode_name(Mode.VIEW, language)}"
            for joined in (one.joined, one.watching)
            if joined is not None
        ]
    relay = status.connection.relay
    if relay is None:
        lines.append(say(language, N_("No relay answers.")))
    else:
        lines.append(say(language, N_("Relay “{relay}” answers."), relay=relay))
    lines.append(_policy(status.site.policy, language))
    lines += [_support(contact, language) for contact in status.contacts]
    if status.verification is not None:
        lines.append(say(language, N_("Service was performed. Verify before clinical use.")))
    if status.fault is not None:
        lines.append(gate_sentence(status.fault, language))
    return lines


def _support(contact: SupportContact, language: Language) -> str:
    known = [contact.name, contact.telephone, contact.email or ""]
    known.append(hours_words(contact.hours or "", language))
    return say(language, N_("Support: {contact}"), contact=" · ".join(filter(None, known)))


def _policy(number: int | None, language: Language) -> str:
    if number is None:
        return say(
            language, N_("The site has put no key of its own here: everything is asked here.")
        )
    if number == 0:
        return say(language, N_("The site's key is here, but no policy yet: nobody comes in."))
    return say(language, N_("The site's policy no. {number} applies."), number=number)
