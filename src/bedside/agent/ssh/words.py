"""What the end point says to the specialist, in the site's language: prompts and refusals."""

import shlex

from bedside.agent.ssh.grant import SessionGrant
from bedside.agent.ssh.helm import Heir, Seat, Turn
from bedside.agent.ssh.plan import ControlVerb, ControlWish, Refusal
from bedside.agent.ssh.vault import FileRefusal
from bedside.language import N_, Language, translator

__all__ = [
    "certificate_sentence",
    "file_sentence",
    "keys_refused",
    "locked_sentence",
    "prompts",
    "sentence",
    "turn_line",
    "watch_began",
    "watch_ended",
    "watch_line",
    "wish_line",
]

_DOMAIN = "bedside-agent"

_REFUSALS = {
    Refusal.AGENT: N_(
        "refused by the device: agent forwarding is never granted. Connect without -A."
    ),
    Refusal.CERTIFICATE: N_(
        "refused by the device: the session's certificate does not allow this. Request a new session."
    ),
    Refusal.EXEC_IN_SERVICE: N_(
        "refused by the device: service access runs the service application and no command. "
        "Connect without a command, or request system access. "
        "To copy files, use scp or sftp in its present form (not scp -O)."
    ),
    Refusal.EXEC_IN_VIEW: N_(
        "refused by the device: in observation only the commands that the product calls read-only may run. "
        "Request control to run this one."
    ),
    Refusal.FILES_NOT_ORDERED: N_(
        "refused by the device: files are not part of this session: the site's policy denies them, "
        "or its approvers were not asked. Request a session with --files in or --files out."
    ),
    Refusal.FORWARD: N_(
        "refused by the device: a forward reaches only what the product names on the device itself ({endpoints}). "
        "No other machine can be reached."
    ),
    Refusal.FORWARD_IN_VIEW: N_(
        "refused by the device: this endpoint could be changed through, and the session is for observation. "
        "Request control."
    ),
    Refusal.NOBODY_ALLOWED: N_(
        "refused by the device: nobody of this name has joined and may be handed control. "
        "They ask for it first: bedside control ask DEVICE."
    ),
    Refusal.NOT_IN_CONTROL: N_(
        "refused by the device: you do not control this session now. "
        "Whoever started it takes control back: bedside control take DEVICE."
    ),
    Refusal.NOT_OFFERED: N_(
        "refused by the device: control has not been handed to you. "
        "Ask for it first (bedside control ask DEVICE), then the person who controls hands it over."
    ),
    Refusal.NOT_WATCHING: N_(
        "refused by the device: control is taken where you see the terminal. Connect first: bedside ssh DEVICE."
    ),
    Refusal.NO_FILES: N_("refused by the device: this product names no files to send or receive."),
    Refusal.NO_SERVICE: N_(
        "refused by the device: this product has no service application. Request system access."
    ),
    Refusal.NO_SERVICE_VIEW: N_(
        "refused by the device: the service application of this product has no observation mode. "
        "Request control."
    ),
    Refusal.NO_SYSTEM: N_(
        "refused by the device: this product grants no system access. Request service access."
    ),
    Refusal.OTHER: N_(
        "refused by the device: this kind of channel is never granted. Use a shell, scp, sftp or ssh -L."
    ),
    Refusal.REVERSE: N_(
        "refused by the device: reverse forwards are never granted. Connect without -R."
    ),
    Refusal.SHELL_IN_VIEW: N_(
        "refused by the device: the session is for observation, and a shell could change something. "
        "Request control, or read the data items with sftp."
    ),
    Refusal.SOCKET: N_(
        "refused by the device: forwards to sockets are never granted. Only the named ports: {endpoints}."
    ),
    Refusal.SUBSYSTEM: N_("refused by the device: sftp is the only subsystem."),
    Refusal.SITE_WATCHES: N_(
        "refused by the device: you watch for your site. Control is never handed to you. "
        "To end the session: Stop on the device's screen, or End in the portal."
    ),
    Refusal.WATCHER: N_(
        "refused by the device: you joined this session to watch it. Connect without a command, "
        "or ask the person who controls it."
    ),
    Refusal.X11: N_("refused by the device: X11 forwarding is never granted. Connect without -X."),
}

_FILE_REFUSALS = {
    FileRefusal.ACT: N_(
        "refused by the device: files are only read from /items and put into /inbox, one by one. "
        "Nothing is renamed or removed, and no folder is made: pack a folder into one file."
    ),
    FileRefusal.FILES_IN: N_(
        "refused by the device: files to the device are not part of this session: the site's policy denies them, "
        "or its approvers were not asked. Request a session with --files in."
    ),
    FileRefusal.FILES_OUT: N_(
        "refused by the device: files from the device are not part of this session: the site's policy denies them, "
        "or its approvers were not asked. Request a session with --files out."
    ),
    FileRefusal.INBOX_IN_VIEW: N_(
        "refused by the device: in observation the inbox is closed. Request control to send a file."
    ),
    FileRefusal.INBOX_NAME: N_(
        "refused by the device: the inbox takes plain file names only: /inbox/NAME."
    ),
    FileRefusal.INBOX_SIZE: N_("refused by the device: the file is larger than the inbox allows."),
    FileRefusal.ITEM: N_(
        "refused by the device: only the named data items leave it, from /items. List them with sftp."
    ),
    FileRefusal.ITEM_SIZE: N_(
        "refused by the device: the data item is larger than its limit. Ask the site."
    ),
    FileRefusal.NOWHERE: N_(
        "refused by the device: only /items (named data items, to read) and /inbox (files to send) can be seen."
    ),
    FileRefusal.NO_INBOX: N_("refused by the device: this product takes no files."),
    FileRefusal.READ_ONLY: N_(
        "refused by the device: data items cannot be changed. Files are received in /inbox only."
    ),
}


def sentence(refusal: Refusal, grant: SessionGrant) -> str:
    """Return the line for a refused channel: which gate, and what to do next."""
    names = ", ".join(f"{end.name}:{end.port}" for end in grant.profile.endpoints)
    say = translator(grant.language, _DOMAIN)
    return "Bedside: " + say(_REFUSALS[refusal]).format(endpoints=names or say(N_("none")))


def file_sentence(refusal: FileRefusal, grant: SessionGrant) -> str:
    """Return the line for a refused file."""
    return "Bedside: " + translator(grant.language, _DOMAIN)(_FILE_REFUSALS[refusal])


def prompts(language: Language, *, of_site: bool = False) -> tuple[str, str]:
    """Return the questions of the second authentication: the credential, or the site's; the code."""
    say = translator(language, _DOMAIN)
    credential = N_("Site credential: ") if of_site else N_("Support credential: ")
    return say(credential), say(N_("Presence code: "))


def certificate_sentence(language: Language) -> str:
    """Return the line for a certificate that does not open this session."""
    return "Bedside: " + translator(language, _DOMAIN)(
        N_(
            "refused by the device: this certificate does not open this session. Connect with bedside ssh."
        )
    )


def locked_sentence(language: Language) -> str:
    """Return the line for a session whose wrong answers are used up."""
    return "Bedside: " + translator(language, _DOMAIN)(
        N_(
            "refused by the device: the second authentication was wrong too often, and the session is over. "
            "Request a new one."
        )
    )


def watch_began(grant: SessionGrant) -> str:
    """Return the line for whoever controls: who watches from now on."""
    return _line(N_("{person} watches this terminal."), grant)


def watch_ended(grant: SessionGrant) -> str:
    """Return the line for whoever controls: who does not watch any more."""
    return _line(N_("{person} does not watch this terminal any more."), grant)


def watch_line(size: tuple[int, int] | None, grant: SessionGrant) -> str:
    """Return the line for whoever watches: which terminal is seen, by its columns and rows."""
    if size is None:
        return _line(N_("no terminal is open in this session. You see it when one is."), grant)
    return _line(
        N_("you watch a terminal of {columns} x {rows}. Ctrl-D leaves; other keys reach nothing."),
        grant,
        columns=size[0],
        rows=size[1],
    )


def keys_refused(grant: SessionGrant) -> str:
    """Return the line for whoever does not control and presses a key."""
    if not grant.watcher:
        return _line(
            N_("you do not control: your keys do not reach the device. Ctrl-T takes control back."),
            grant,
        )
    return _line(N_("you are watching: your keys do not reach the device. Ctrl-D leaves."), grant)


_TURNS = {
    Seat.STARTED: {
        Turn.ASKED: N_("{person} asks for control. The operator at the device is asked."),
        Turn.ALLOWED: N_(
            "{person} may be handed control. To do it: bedside control hand {device} {quoted}"
        ),
        Turn.OFFERED: N_("control waits for {person}. It is yours until it is taken."),
        Turn.PASSED: N_(
            "{person} controls now: your keys do not reach the device. Ctrl-T takes control back."
        ),
        Turn.OVER: N_("{person} does not control any more. Nobody does: Ctrl-T takes control."),
        Turn.LAPSED: N_("{person} cannot be handed control any more."),
        Turn.TAKEN: N_("you control again."),
    },
    Seat.JOINED: {
        Turn.ASKED: N_("control was asked for. The operator at the device is asked."),
        Turn.ALLOWED: N_(
            "the operator allows you control. It is yours once it is handed to you and you take it."
        ),
        Turn.OFFERED: N_("control is handed to you. Ctrl-T takes it; until then you watch."),
        Turn.PASSED: N_(
            "you control this session now. To give control back: bedside control give {device}"
        ),
        Turn.OVER: N_("you do not control any more: you watch."),
        Turn.LAPSED: N_("control cannot be handed to you any more."),
        Turn.TAKEN: N_("whoever started the session controls again."),
    },
    Seat.SITE: {
        Turn.ASKED: N_("{person} asks for control. The operator at the device is asked."),
        Turn.ALLOWED: N_("{person} may be handed control."),
        Turn.OFFERED: N_("control waits for {person}."),
        Turn.PASSED: N_("{person} controls now."),
        Turn.OVER: N_("{person} does not control any more. Nobody does."),
        Turn.LAPSED: N_("{person} cannot be handed control any more."),
        Turn.TAKEN: N_("whoever started the session controls again."),
    },
}


def turn_line(turn: Turn, seat: Seat, heir: Heir) -> str:
    """Return what `seat` reads when control is asked for, handed over or taken back."""
    words = translator(heir.language, _DOMAIN)(_TURNS[seat][turn]).format(
        person=heir.name, quoted=shlex.quote(heir.name), device=heir.device
    )
    return f"\r\nBedside: {words}\r\n"


_WISHES = {
    ControlVerb.HAND: N_("control waits for {person}, who takes it or not."),
    ControlVerb.TAKE: N_("you control this session."),
    ControlVerb.GIVE: N_("you gave control back, and watch."),
}


def wish_line(wish: ControlWish, grant: SessionGrant) -> str:
    """Return the answer to a wish about control that was granted."""
    words = translator(grant.language, _DOMAIN)(_WISHES[wish.verb]).format(person=wish.person)
    return f"Bedside: {words}\r\n"


def _line(text: str, grant: SessionGrant, **fields: int) -> str:
    words = translator(grant.language, _DOMAIN)(text).format(person=grant.watcher, **fields)
    return f"\r\nBedside: {words}\r\n"
