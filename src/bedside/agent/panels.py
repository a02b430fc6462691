"""The Unix socket on which panels ask and are told: who may connect, and who is slow.

The peer is known by its credentials (SO_PEERCRED), never by what it says. A panel that does not
read is dropped: it can delay nobody. The agent has no other listening socket (S14).
"""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from bedside.agent.files import make_private_folder
from bedside.agent.reactor import READ, WRITE, Reactor
from bedside.language import Language
from bedside.protocol.errors import LimitError, ProtocolError
from bedside.protocol.local import (
    Failed,
    FromAgent,
    FromPanel,
    Hello,
    LineReader,
    PanelFault,
    number_of,
    parse_from_panel,
    to_line,
)

__all__ = ["MAX_PANELS", "PanelLink", "Panels", "SocketRights"]

MAX_PANELS = 8
_MAX_UNREAD = 512 * 1024
_CREDENTIALS_BYTES = 12


class SocketRights:
    """Who may use the panel socket.

    Args:
        users: user ids that may connect, besides root and the agent's own.
        groups: group ids that may connect; the first one owns the folder.
    """

    def __init__(self, users: tuple[int, ...] = (), groups: tuple[int, ...] = ()) -> None:
        # Not the user that the supervisor works as (`raised`): that is the worker's.
        self._users = frozenset(users) | {0, os.getuid()}
        self._groups = groups

    def allows(self, uid: int, gid: int) -> bool:
        """Whether a peer with these credentials may speak."""
        return uid in self._users or gid in self._groups

    def prepare(self, folder: Path) -> None:
        """Make the socket's folder: closed to everybody else."""
        make_private_folder(folder, mode=0o710 if self._groups else 0o700)
        if self._groups:
            os.chown(folder, -1, self._groups[0])

    def open_socket(self, path: Path) -> None:
        """Let the allowed groups write to the socket itself."""
        path.chmod(0o660 if self._groups else 0o600)
        if self._groups:
            os.chown(path, -1, self._groups[0])


class PanelLink:
    """One connected panel."""

    def __init__(self, panels: "Panels", sock: socket.socket) -> None:
        self._panels = panels
        self._socket = sock
        self._reader = LineReader()
        self._out = bytearray()
        self.language: Language | None = None
        sock.setblocking(False)
        panels.reactor.watch(sock, READ, self._ready)

    def send(self, message: FromAgent) -> None:
        """Send `message`, or drop a panel that does not read what it was sent."""
        self._out += to_line(message)
        if len(self._out) > _MAX_UNREAD:
            self.close()
        else:
            self._flush()

    def close(self) -> None:
        """Hang up."""
        self._panels.forget(self)
        self._panels.reactor.forget(self._socket)
        self._socket.close()

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & READ and self._socket.fileno() >= 0:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65536)
            if not data:
                self.close()
                return
            self._reader.receive(data)
            while self._socket.fileno() >= 0 and self._obey_next():
                pass
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def _obey_next(self) -> bool:
        """Obey the next whole line, if there is one; malformed input costs its connection."""
        line: bytes | None = None
        try:
            line = self._reader.next()
            if line is not None:
                self._obey(parse_from_panel(line))
        except ProtocolError as error:
            long = isinstance(error, LimitError)
            fault = PanelFault.TOO_LONG if long else PanelFault.MALFORMED
            self._dismiss(number_of(line or b""), fault)
        return line is not None

    def _obey(self, message: FromPanel) -> None:
        if isinstance(message, Hello):
            self.language = message.language
            self._panels.on_hello(self)
        elif self.language is None:
            self._dismiss(message.id, PanelFault.NO_HELLO)
        else:
            self._panels.on_message(self, message)

    def _dismiss(self, number: int, fault: PanelFault) -> None:
        """Say why, and hang up (5.11): what does not go out at once is not waited for."""
        from bedside.agent.words import refusal_sentence

        language = self.language or Language.ENGLISH
        self.send(Failed(number, fault, refusal_sentence(fault, language)))
        self.close()

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: self._socket.send(self._out)]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        self._panels.reactor.watch(self._socket, READ | WRITE if self._out else READ, self._ready)


class Panels:
    """The listening Unix socket and the panels on it.

    Args:
        reactor: the loop that drives it.
        path: the socket's path; its folder is made and closed to others.
        rights: who may connect.
        on_hello: called when a panel introduced itself: it is owed a status.
        on_message: called with each later message.
    """

    def __init__(
        self,
        reactor: Reactor,
        path: Path,
        *,
        rights: SocketRights,
        on_hello: Callable[[PanelLink], None],
        on_message: Callable[[PanelLink, FromPanel], None],
    ) -> None:
        self.reactor = reactor
        self.on_hello = on_hello
        self.on_message = on_message
        self._path = path
        self._rights = rights
        self._links: list[PanelLink] = []
        rights.prepare(path.parent)
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(str(path))
        rights.open_socket(path)
        self._listener.listen(MAX_PANELS)
        reactor.watch(self._listener, READ, self._accept)

    def tell(self, message: FromAgent) -> None:
        """Send `message` to every panel that has introduced itself."""
        for link in list(self._links):
            if link.language is not None:
                link.send(message)

    def forget(self, link: PanelLink) -> None:
        """A link is over."""
        if link in self._links:
            self._links.remove(link)

    def close(self) -> None:
        """Hang up on every panel and remove the socket."""
        for link in list(self._links):
            link.close()
        self.reactor.forget(self._listener)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self, _events: int) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        # struct ucred: pid, uid and gid, four bytes each, in the machine's own order.
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS_BYTES)
        pid, uid, gid = (int.from_bytes(raw[at : at + 4], sys.byteorder) for at in (0, 4, 8))
        full = len(self._links) >= MAX_PANELS
        if full or not self._rights.allows(uid, gid) or _is_below_us(pid):
            sock.close()
            return
        self._links.append(PanelLink(self, sock))


def _is_below_us(pid: int) -> bool:
    """Whether a session's command asks: it may run as our user, and is no panel; so is who left."""
    while pid > 1:
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return True
        pid = int(stat.rpartition(b")")[2].split()[1])
        if pid == os.getpid():
            return True
    return False
