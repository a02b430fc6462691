"""May this channel be opened in this session? One pure answer per request; no rule means no.

1. Every request on every channel is asked here by itself; what is not named here is refused.
2. `service` reaches the product's service application and nothing else of the system (S58).
3. `view` lets nothing be written: no shell, no inbox, only commands the profile calls read-only (R11).
4. A forward reaches the device itself, at an endpoint that the profile names; names are never
   resolved, so no name can lead to another machine (S33).
5. Files go in or out only where the order covers it; covering neither, there is no sftp (R2).
6. Agent, X11, reverse and socket forwards are never granted.
7. Whoever joined to watch gets the session's own terminal to look at, and nothing else (S37); while
   they control (R10), also files and forwards as in any session. They never run a command of theirs:
   whoever started the session would not see it.
8. Whoever is in may ask who controls to change: what comes of it is decided there (`helm`).
"""

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum

from bedside.agent.ssh.grant import SessionGrant
from bedside.protocol.profile import Endpoint
from bedside.vocabulary import AccessKind, Gate, Mode, SiteAction

__all__ = [
    "ChannelDecision",
    "ChannelKind",
    "ChannelRequest",
    "ControlVerb",
    "ControlWish",
    "Refusal",
    "check_channel",
    "may_change",
    "parse_wish",
]

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})
_WISH = re.compile(r"control (?:(hand) ([^\x00-\x1f\x7f]{1,120})|(take|give))\Z")
_ENVIRONMENT_NAME = re.compile(r"(LANG|LC_[A-Z]{1,20})\Z")
_ENVIRONMENT_VALUE = re.compile(r"[A-Za-z0-9_.@-]{0,64}\Z")


class ChannelKind(StrEnum):
    """What a client can ask of an SSH server."""

    AGENT = "agent"
    DIRECT_STREAMLOCAL = "direct-streamlocal"
    DIRECT_TCPIP = "direct-tcpip"
    ENVIRONMENT = "env"
    EXEC = "exec"
    OTHER = "other"
    REMOTE_FORWARD = "tcpip-forward"
    REMOTE_STREAMLOCAL = "streamlocal-forward"
    SHELL = "shell"
    SUBSYSTEM = "subsystem"
    TERMINAL = "pty-req"
    TUNNEL_INTERFACE = "tun"
    X11 = "x11"


class Refusal(StrEnum):
    """Why a channel is refused; each has its sentence in both languages (`words`)."""

    AGENT = "agent"
    CERTIFICATE = "certificate"
    EXEC_IN_SERVICE = "exec_in_service"
    EXEC_IN_VIEW = "exec_in_view"
    FILES_NOT_ORDERED = "files_not_ordered"
    FORWARD = "forward"
    FORWARD_IN_VIEW = "forward_in_view"
    NOBODY_ALLOWED = "nobody_allowed"
    NOT_IN_CONTROL = "not_in_control"
    NOT_OFFERED = "not_offered"
    NOT_WATCHING = "not_watching"
    NO_FILES = "no_files"
    NO_SERVICE = "no_service"
    NO_SERVICE_VIEW = "no_service_view"
    NO_SYSTEM = "no_system"
    OTHER = "other"
    REVERSE = "reverse"
    SHELL_IN_VIEW = "shell_in_view"
    SOCKET = "socket"
    SUBSYSTEM = "subsystem"
    SITE_WATCHES = "site_watches"
    WATCHER = "watcher"
    X11 = "x11"

    @property
    def gate(self) -> Gate:
        """The gate that the journal names."""
        return _GATES.get(self, Gate.CHANNEL)


_GATES = {
    Refusal.CERTIFICATE: Gate.USER_CERTIFICATE,
    Refusal.EXEC_IN_VIEW: Gate.VIEW_ONLY,
    Refusal.FILES_NOT_ORDERED: Gate.SITE_POLICY,
    Refusal.FORWARD: Gate.FORWARD,
    Refusal.FORWARD_IN_VIEW: Gate.VIEW_ONLY,
    Refusal.NOBODY_ALLOWED: Gate.CONSENT,
    Refusal.NOT_IN_CONTROL: Gate.VIEW_ONLY,
    Refusal.NOT_OFFERED: Gate.VIEW_ONLY,
    Refusal.NOT_WATCHING: Gate.VIEW_ONLY,
    Refusal.NO_SERVICE_VIEW: Gate.VIEW_ONLY,
    Refusal.REVERSE: Gate.FORWARD,
    Refusal.SHELL_IN_VIEW: Gate.VIEW_ONLY,
    Refusal.SOCKET: Gate.FORWARD,
    Refusal.WATCHER: Gate.VIEW_ONLY,
}


class ControlVerb(StrEnum):
    """What somebody who is in can ask about control (R10)."""

    GIVE = "give"
    HAND = "hand"
    TAKE = "take"


@dataclass(frozen=True)
class ControlWish:
    """One wish about control; `person` is whom it is to be handed to."""

    verb: ControlVerb
    person: str = ""


def parse_wish(subsystem: str) -> ControlWish | None:
    """Return what a subsystem's name says about control: `control hand NAME`, `take` or `give`."""
    found = _WISH.match(subsystem)
    if found is None:
        return None
    verb, person, other = found.groups()
    return ControlWish(ControlVerb(verb or other), person or "")


@dataclass(frozen=True)
class ChannelRequest:
    """One request, as the client spelled it."""

    kind: ChannelKind
    name: str = ""
    """The command line, subsystem, host, socket path or variable."""
    port: int = 0
    value: str = ""


@dataclass(frozen=True)
class ChannelDecision:
    """Allowed with what to do, or refused with why; never both."""

    refusal: Refusal | None = None
    command: tuple[str, ...] = ()
    """The argument list to run."""
    endpoint: Endpoint | None = None
    """The endpoint to dial on the device's own loopback."""

    @property
    def allowed(self) -> bool:
        """Whether the request is granted."""
        return self.refusal is None


_ALLOWED = ChannelDecision()
_STARTS = frozenset(
    {ChannelKind.SHELL, ChannelKind.EXEC, ChannelKind.SUBSYSTEM, ChannelKind.DIRECT_TCPIP}
)


def check_channel(request: ChannelRequest, grant: SessionGrant) -> ChannelDecision:
    """Return what `grant` says to `request`; clause 1: what has no rule is refused."""
    if request.kind is ChannelKind.SUBSYSTEM and parse_wish(request.name):  # clause 8
        return _ALLOWED
    if grant.watcher and request.kind in _STARTS:  # clause 7
        if request.kind is ChannelKind.SHELL:
            return _ALLOWED
        if grant.mode is Mode.VIEW or request.kind is ChannelKind.EXEC:
            return ChannelDecision(Refusal.WATCHER)
    match request.kind:
        case ChannelKind.SHELL:
            return _shell(grant)
        case ChannelKind.EXEC:
            return _exec(request.name, grant)
        case ChannelKind.SUBSYSTEM:
            return _subsystem(request.name, grant)
        case ChannelKind.TERMINAL:
            return _ALLOWED  # a terminal without a shell does nothing: the shell is asked by itself
        case ChannelKind.ENVIRONMENT:
            return _environment(request)
        case ChannelKind.DIRECT_TCPIP:
            return _forward(request, grant)
    return ChannelDecision(_NEVER.get(request.kind, Refusal.OTHER))


def may_change(request: ChannelRequest, grant: SessionGrant) -> bool:
    """Return whether what a session channel starts may change the device (R11).

    A subsystem opens files, each of which is noted by itself; who watches reaches nothing.
    """
    runs = request.kind in (ChannelKind.SHELL, ChannelKind.EXEC)
    return runs and grant.mode is Mode.CONTROL and not grant.watcher


_NEVER = {  # clause 6
    ChannelKind.AGENT: Refusal.AGENT,
    ChannelKind.DIRECT_STREAMLOCAL: Refusal.SOCKET,
    ChannelKind.REMOTE_FORWARD: Refusal.REVERSE,
    ChannelKind.REMOTE_STREAMLOCAL: Refusal.REVERSE,
    ChannelKind.X11: Refusal.X11,
}


def _shell(grant: SessionGrant) -> ChannelDecision:
    if grant.access is AccessKind.SERVICE:  # clause 2
        service = grant.profile.service
        if service is None:
            return ChannelDecision(Refusal.NO_SERVICE)
        command = service.command_in(grant.mode)
        if command is None:
            return ChannelDecision(Refusal.NO_SERVICE_VIEW)
        return ChannelDecision(command=command)
    system = grant.profile.system
    if system is None:
        return ChannelDecision(Refusal.NO_SYSTEM)
    if grant.mode is not Mode.CONTROL:  # clause 3
        return ChannelDecision(Refusal.SHELL_IN_VIEW)
    return ChannelDecision(command=system.shell)


def _exec(command_line: str, grant: SessionGrant) -> ChannelDecision:
    if grant.access is not AccessKind.SYSTEM:  # clause 2
        return ChannelDecision(Refusal.EXEC_IN_SERVICE)
    system = grant.profile.system
    if system is None:
        return ChannelDecision(Refusal.NO_SYSTEM)
    if grant.mode is Mode.CONTROL:
        return ChannelDecision(command=(system.shell[0], "-c", command_line))
    try:
        words = tuple(shlex.split(command_line))
    except ValueError:
        words = ()
    if words in system.read_only_commands:  # clause 3: word for word, and no shell reads it
        return ChannelDecision(command=words)
    return ChannelDecision(Refusal.EXEC_IN_VIEW)


def _subsystem(name: str, grant: SessionGrant) -> ChannelDecision:
    if name != "sftp":
        return ChannelDecision(Refusal.SUBSYSTEM)
    if not grant.profile.data_items and grant.profile.inbox is None:
        return ChannelDecision(Refusal.NO_FILES)
    if not grant.actions & {SiteAction.FILES_IN, SiteAction.FILES_OUT}:  # clause 5
        return ChannelDecision(Refusal.FILES_NOT_ORDERED)
    return _ALLOWED


def _environment(request: ChannelRequest) -> ChannelDecision:
    if _ENVIRONMENT_NAME.match(request.name) and _ENVIRONMENT_VALUE.match(request.value):
        return _ALLOWED
    return ChannelDecision(Refusal.OTHER)


def _forward(request: ChannelRequest, grant: SessionGrant) -> ChannelDecision:
    for endpoint in grant.profile.endpoints:  # clause 4
        if request.port != endpoint.port:
            continue
        if request.name != endpoint.name and request.name not in _LOOPBACK_NAMES:
            continue
        if grant.mode is Mode.VIEW and not endpoint.view_safe:
            return ChannelDecision(Refusal.FORWARD_IN_VIEW)
        return ChannelDecision(endpoint=endpoint)
    return ChannelDecision(Refusal.FORWARD)
