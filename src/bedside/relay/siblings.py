"""Several relays on one host and one port: a connection goes to the one whose name it asks for.

Each process is a relay of its own, with its own name, certificate and feed; what they share is the
address that a hospital's firewall lets through. The kernel gives a newcomer to any of them
(SO_REUSEPORT). Whoever has it reads the name in its ClientHello, and hands the socket over where the
name is a sibling's, before anything was spent on TLS. So the address that a device polls, or that a
session's tunnel goes to, names the process, and both legs meet in one (docs/rfd, 27).

What arrives here is a socket and nothing else. Only the relays' user may enter the folder, and a
socket is no more than a connection that anybody could have opened.
"""

import array
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

from bedside.pki.contexts import enrolment_name
from bedside.relay.sockets import READ, Sockets, Watched

__all__ = ["Siblings", "strangers"]

_A_TURN = 16
_AT_MOST = 4096
"""More than a line holds."""
_MESSAGE = b"\0"


class Siblings:
    """The other relays of this host, by the names that clients ask for.

    Args:
        folder: where each relay has its Unix socket, `NAME.sock`; only the relays' user may enter it.
        names: the server names of the relays of this host; this one's may be among them.
        own: this relay's server name.
    """

    def __init__(self, folder: Path, names: tuple[str, ...], own: str) -> None:
        self._own = folder / f"{own}.sock"
        self._paths: dict[str, Path] = {}
        for name in names:
            if name != own:
                self._paths[name] = self._paths[enrolment_name(name)] = folder / f"{name}.sock"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lines: dict[Path, socket.socket] = {}
        self._givers: set[_Giver] = set()
        self._sockets: Sockets | None = None
        self._watching = False

    def __contains__(self, server_name: str | None) -> bool:
        return server_name in self._paths

    def open(self, sockets: Sockets, taken: Callable[[socket.socket], None]) -> None:
        """Have `taken` called with each connection that is handed over; raises OSError."""
        self._sockets, self.taken = sockets, taken
        self._own.unlink(missing_ok=True)
        self._listener.setblocking(False)
        self._listener.bind(str(self._own))
        self._own.chmod(0o600)
        self._listener.listen(16)

    def watch(self, wanted: bool) -> None:  # noqa: FBT001 - reads as a sentence
        """Take connections, or let them wait where they are."""
        if self._sockets is None or wanted is self._watching:
            return
        self._watching = wanted
        watched: list[tuple[socket.socket, Watched]] = [
            (self._listener, self),
            *((each.line, each) for each in self._givers),
        ]
        for line, owner in watched:
            if wanted:
                self._sockets.watch(line.fileno(), owner, READ)
            else:
                self._sockets.forget(line.fileno())

    @property
    def watching(self) -> bool:
        """Whether connections are taken now."""
        return self._watching

    def ready(self, events: int) -> None:
        """A sibling calls."""
        del events
        self._answer()

    def take_all(self) -> None:
        """Take whatever siblings have handed over by now, as far as there is room."""
        if not self._watching:
            return
        for _ in self._paths:  # none calls twice
            self._answer()
        for giver in list(self._givers):
            giver.take(_AT_MOST)

    def _answer(self) -> None:
        with contextlib.suppress(OSError):
            line, _ = self._listener.accept()
            line.setblocking(False)
            giver = _Giver(line, self)
            self._givers.add(giver)
            if self._watching and self._sockets is not None:
                self._sockets.watch(line.fileno(), giver, READ)

    def hang_up(self, giver: "_Giver") -> None:
        """A sibling has ended, or said what no sibling says."""
        self._givers.discard(giver)
        if self._sockets is not None:
            self._sockets.forget(giver.line.fileno())
        giver.line.close()

    def hand_over(self, sock: socket.socket, server_name: str) -> bool:
        """Give a connection to the relay that it asks for; False when that cannot take it now."""
        path = self._paths[server_name]
        known = path in self._lines
        try:
            self._send(sock, path)
        except BlockingIOError:
            return False
        except OSError:
            self._forget(path)
            if not known:
                return False
            # It was started again since.
            return self.hand_over(sock, server_name)
        return True

    def close(self) -> None:
        """Take nothing more, and give nothing."""
        self.watch(False)
        for giver in list(self._givers):
            self.hang_up(giver)
        for path in list(self._lines):
            self._forget(path)
        self._listener.close()
        if self._sockets is not None:
            self._own.unlink(missing_ok=True)

    def _send(self, sock: socket.socket, path: Path) -> None:
        line = self._lines.get(path)
        if line is None:
            line = self._lines[path] = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            line.setblocking(False)
            line.connect(str(path))
        rights = array.array("i", [sock.fileno()])
        line.sendmsg([_MESSAGE], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    def _forget(self, path: Path) -> None:
        line = self._lines.pop(path, None)
        if line is not None:
            line.close()


def strangers(folder: Path, names: tuple[str, ...]) -> list[str]:
    """Return the server names of relays that run over this folder and are not among `names`."""
    try:
        found = sorted(each.stem for each in folder.glob("*.sock"))
    except OSError:
        return []
    return [name for name in found if name not in names and _runs(folder / f"{name}.sock")]


def _runs(path: Path) -> bool:
    """Whether somebody listens there: one that was killed leaves its file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.setblocking(False)
        try:
            line.connect(str(path))
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


class _Giver:
    """A sibling that hands connections over."""

    __slots__ = ("_siblings", "line")

    def __init__(self, line: socket.socket, siblings: Siblings) -> None:
        self.line = line
        self._siblings = siblings

    def ready(self, events: int) -> None:
        """Take what it gives, some at a time: others are served too."""
        del events
        self.take(_A_TURN)

    def take(self, most: int) -> None:
        """Take so many of what it gives, while there is room."""
        for _ in range(most):
            if not self._siblings.watching:
                return
            try:
                said, descriptors, _, _ = socket.recv_fds(self.line, len(_MESSAGE), 1)
            except BlockingIOError:
                return
            except OSError:
                said, descriptors = b"", []
            for each in descriptors:
                self._give(each)
            if not said:
                self._siblings.hang_up(self)
                return

    def _give(self, descriptor: int) -> None:
        try:
            sock = socket.socket(fileno=descriptor)
        except OSError:
            os.close(descriptor)
            return
        if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM:
            self._siblings.taken(sock)
        else:
            sock.close()
