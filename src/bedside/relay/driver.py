"""The listening side: accept, admit, handshake, hand over; one event loop, no transports.

Order of what is refused, cheapest first: a source with too many connections, a peer that has
already gone, what is not TLS, whoever finds the line before the handshakes full (they are told to
come later), a handshake that takes too long, a name that is not ours, a certificate that does not
hold.
"""

import asyncio
import contextlib
import select
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from OpenSSL import SSL

from bedside.pki.names import peer_name, peer_serial
from bedside.pki.validity import peer_ends_ms
from bedside.protocol.alpn import ALPN_TUNNEL
from bedside.protocol.client_hello import MAX_CLIENT_HELLO, ClientHello, parse_client_hello
from bedside.protocol.errors import ProtocolError
from bedside.relay.link import RECORD_BYTES, Link
from bedside.relay.read_watch import Reader, Reads, ReadWatch
from bedside.relay.roles import Peer, Timed, Tls
from bedside.relay.siblings import Siblings
from bedside.relay.sockets import READ, Sockets
from bedside.relay.tunnel_tls import TunnelTls
from bedside.relay.turns import Turns
from bedside.relay.wheel import Wheel

__all__ = ["Admission", "Door", "DoorLimits"]

_TICK_S = 0.02
# A tick that comes so late says that this process, or its machine, stood still: what came meanwhile is
# read for a while before anybody is called late. Not again at once, or overload would end no wait.
_STOOD_STILL_MS = 500
_CATCHES_UP_MS = 1_000
_NOT_AGAIN_MS = 10_000
_ACCEPTS_A_TURN = 32
# So many stand in a listener's queue before the kernel drops whoever comes.
_QUEUE = 1024
_HELLOS_A_TURN = 32
_HANDSHAKES_A_TURN = 4
# A fatal alert in clear, internal_error (RFC 8446, 6.2): nothing else can be said before TLS.
_BUSY = bytes.fromhex("15 0303 0002 02 50")
_SPARE_PLACES = 64
_POLL_BUFFER = 32 * 1024


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Who may come in, and how fast (`relay.config` says the defaults)."""

    handshake_ms: int = 5_000
    handshakes: int = 256
    waiting: int = 1_024
    connections: int = 18_000
    connections_per_source: int = 512
    handshakes_per_source: int = 64


@dataclass(frozen=True, slots=True)
class Admission:
    """One TLS name, and what answers to it and to no other.

    `tunnels` is for those who say in their ClientHello that they want to move bytes, and is asked
    for the very same certificate.
    """

    server_name: str
    context: ssl.SSLContext
    tunnels: SSL.Context | None = None

    def open(self, sock: socket.socket, hello: ClientHello) -> Tls:
        """Return the connection in which a client's handshake begins."""
        # Only the first knows how to tell a client that it asked for another name.
        named = hello.server_name == self.server_name
        if self.tunnels is not None and named and ALPN_TUNNEL in hello.protocols:
            return TunnelTls(sock, self.tunnels, server_name=self.server_name)
        # Reading stops at a byte for somebody, or when nothing is left: not too much may be there.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _POLL_BUFFER)
        return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


class _Newcomer:
    """A connection that has said nothing yet: no TLS state is spent on it."""

    __slots__ = ("address", "door", "handed", "hello", "seen", "sock")

    def __init__(self, sock: socket.socket, address: str, door: "Door", *, handed: bool) -> None:
        self.sock = sock
        self.address = address
        self.door = door
        self.handed = handed
        self.seen = 0
        self.hello: ClientHello | None = None

    def ready(self, events: int) -> None:
        """It said something, or left."""
        del events
        self.door.hello(self)

    def expired(self) -> None:
        """It never said anything, or stood in line for too long."""
        if self.hello is None:
            self.door.dismiss(self, "handshake_timeout")
        else:
            self.door.turn_away(self)


class Door:
    """Listening sockets of one process, and every link that came through them."""

    def __init__(
        self,
        admissions: tuple[Admission, ...],
        limits: DoorLimits,
        *,
        welcome: Callable[[Link], None],
        gone: Callable[[Link], None],
        refusal: Callable[[str, OSError], None],
        abuse: Callable[[Link], None],
        siblings: Siblings | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.sockets, self.lines = Sockets(self.loop), Sockets(self.loop)
        self.arrivals = Sockets(self.loop, at_once=_HANDSHAKES_A_TURN)
        self._hellos = Sockets(self.loop, at_once=_HELLOS_A_TURN)
        self.timers: Wheel[Timed] = Wheel()
        self.record = memoryview(bytearray(RECORD_BYTES))
        self.counts: Counter[str] = Counter()
        self.links: set[Link] = set()
        self._admissions = admissions
        self._limits = limits
        self._siblings = siblings
        self._welcome, self._gone, self._refusal = welcome, gone, refusal
        self._abuse = abuse
        self.reads = Reads()
        self._watch = ReadWatch(self.reads, self._was_cut)
        self._newcomers: set[_Newcomer] = set()
        self._turns: Turns[_Newcomer] = Turns(
            limits.handshakes, limits.waiting, limits.handshakes_per_source
        )
        self._calling = False
        self._sources: Counter[str] = Counter()
        self._addresses: dict[str, str] = {}
        self._listeners: list[socket.socket] = []
        self._accepting = False
        self._ticking: asyncio.TimerHandle | None = None
        self._ticked_ms = self._awoke_ms = 0
        self._every_tick: list[Callable[[], None]] = []

    # ---- for whoever looks ----

    @property
    def listening(self) -> bool:
        """Whether anybody may come in."""
        return bool(self._listeners)

    @property
    def shaking(self) -> int:
        """Handshakes under way."""
        return self._turns.under_way

    @property
    def in_line(self) -> int:
        """Connections that wait for their turn to shake hands."""
        return self._turns.waiting

    @property
    def arriving(self) -> int:
        """Connections whose handshake has not ended, or not begun."""
        return len(self._newcomers) + self.shaking

    @property
    def open_count(self) -> int:
        """Connections that are open, newcomers among them."""
        return len(self.links) + len(self._newcomers)

    def catches_up(self) -> bool:
        """Return whether this process stood still a moment ago: nobody is late before that was read."""
        now = self.now_ms()
        still = now - self._ticked_ms > _STOOD_STILL_MS
        if still and now - self._awoke_ms > _NOT_AGAIN_MS:
            self._awoke_ms = now
            self.counts["stood_still"] += 1
        return now - self._awoke_ms < _CATCHES_UP_MS

    # ---- life ----

    def listen(self, host: str, port: int) -> tuple[str, int]:
        """Bind one address and return it as bound (port 0 takes a free one). Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self._siblings is not None:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((host, port))
            listener.listen(_QUEUE)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self._listeners.append(listener)
        bound: tuple[str, int] = listener.getsockname()[:2]
        return bound

    def start(self, *every_tick: Callable[[], None]) -> None:
        """Accept, and turn the wheel; `every_tick` is called some fifty times a second.

        Raises OSError where siblings cannot reach this relay.
        """
        if self._siblings is not None:
            self._siblings.open(self.sockets, self._take)
        self._watch.start()
        self._every_tick = list(every_tick)
        self._accept_again()
        self._ticked_ms = self.now_ms()
        self._awoke_ms = self._ticked_ms - _NOT_AGAIN_MS
        self._tick()

    def empty_queues(self) -> None:
        """Let in, as far as there is room, whoever stands in the kernel's queues or a sibling's line.

        A listener that closes cuts them off.
        """
        for listener in self._listeners:
            if self._accepting:
                self._accept(listener, 2 * _QUEUE)  # some come meanwhile
        if self._siblings is not None:
            self._siblings.take_all()

    def close_listeners(self) -> None:
        """Accept nobody any more; what is open stays open."""
        self._stop_accepting()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        if self._siblings is not None:
            self._siblings.close()

    def close(self) -> None:
        """Close everything now."""
        self._watch.stop()
        self.close_listeners()
        if self._ticking:
            self._ticking.cancel()
        for newcomer in list(self._newcomers):
            self.dismiss(newcomer, "stopping")
        for link in list(self.links):
            link.abort()
        self.sockets.close()
        self.lines.close()
        self.arrivals.close()
        self._hellos.close()

    def now_ms(self) -> int:
        """Monotonic milliseconds, the timers' clock."""
        return time.monotonic_ns() // 1_000_000

    def _tick(self) -> None:
        self._ticking = self.loop.call_later(_TICK_S, self._tick)
        catches_up = self.catches_up()
        self._ticked_ms = now = self.now_ms()
        if catches_up:
            return
        for due in self.timers.due(now):
            due.expired()
        for call in self._every_tick:
            call()

    def admit_by(self, admissions: tuple[Admission, ...]) -> None:
        """Begin handshakes by these from now on; what is open or under way stays as it is."""
        self._admissions = admissions

    # ---- accepting ----

    def _accept_again(self) -> None:
        full = self.open_count >= self._limits.connections
        if full is self._accepting and self._listeners:
            self._watch_listeners(not full)

    def _stop_accepting(self) -> None:
        if self._accepting:
            self._watch_listeners(False)

    def _watch_listeners(self, wanted: bool) -> None:  # noqa: FBT001 - reads as a sentence
        self._accepting = wanted
        if self._siblings is not None:
            self._siblings.watch(wanted)
        for listener in self._listeners:
            if wanted:
                self.loop.add_reader(listener.fileno(), self._accept, listener)
            else:
                self.loop.remove_reader(listener.fileno())

    def _accept(self, listener: socket.socket, most: int = _ACCEPTS_A_TURN) -> None:
        for _ in range(most):
            try:
                sock, where = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # out of files, or the peer left the backlog
                self.counts["accept_failed"] += 1
                self._refusal("", error)
                self._stop_accepting()
                self.loop.call_later(_TICK_S, self._accept_again)
                return
            self._admit(sock, str(where[0]))
            if not self._accepting:
                return

    def _take(self, sock: socket.socket) -> None:
        """A sibling hands over a connection that asks for this relay."""
        self.counts["taken_over"] += 1
        try:
            address = str(sock.getpeername()[0])
        except OSError:
            self.counts["gone_at_accept"] += 1
            sock.close()
            return
        self._admit(sock, address, handed=True)

    def _admit(self, sock: socket.socket, address: str, *, handed: bool = False) -> None:
        if self._sources[address] >= self._limits.connections_per_source:
            self.counts["refused_source"] += 1
            sock.close()
            return
        if _has_gone(sock):
            self.counts["gone_at_accept"] += 1
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.counts["accepted"] += 1
        # Many come from one address, which is kept once.
        address = self._addresses.setdefault(address, address)
        self._sources[address] += 1
        newcomer = _Newcomer(sock, address, self, handed=handed)
        self._newcomers.add(newcomer)
        self.timers.set(newcomer, self.now_ms() + self._limits.handshake_ms)
        self._hellos.watch(sock.fileno(), newcomer, READ)
        self._accept_again()

    def hello(self, newcomer: _Newcomer) -> None:
        """Choose the context by the ClientHello: a hint, nothing rests on it."""
        try:
            data = newcomer.sock.recv(MAX_CLIENT_HELLO, socket.MSG_PEEK)
            hello = parse_client_hello(data)
        except BlockingIOError:
            return
        except ProtocolError:
            self.dismiss(newcomer, "not_tls")
            return
        except OSError:
            data, hello = b"", None
        if hello is not None:
            self._give_turn(newcomer, hello)
        elif not data or len(data) == newcomer.seen or len(data) == MAX_CLIENT_HELLO:
            self.dismiss(newcomer, "gone_before_hello")
        else:
            # Bytes that were only looked at would wake the loop for ever.
            newcomer.seen = len(data)
            newcomer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, newcomer.seen + 1)

    def _give_turn(self, newcomer: _Newcomer, hello: ClientHello) -> None:
        if newcomer.seen:
            newcomer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        if self._is_a_siblings(newcomer, hello.server_name):
            return
        newcomer.hello = hello
        self._hellos.forget(newcomer.sock.fileno())
        # The last places are kept for telling those who come that there is no place.
        kept = self._limits.connections // _SPARE_PLACES
        if kept and len(self.links) >= self._limits.connections - kept:
            self.turn_away(newcomer)
            return
        if not self._turns.arrive(newcomer, newcomer.address, leg=ALPN_TUNNEL in hello.protocols):
            self.turn_away(newcomer)
            return
        # Who stood in line for half of a handshake's time has too little patience left to begin.
        self.timers.set(newcomer, self.now_ms() + self._limits.handshake_ms // 2)
        self._call_soon()

    def _call_next(self) -> None:
        """Begin a few of those who stand in line, and let everybody else have their turn.

        What is under way goes first, or all would begin and none would end in time.
        """
        self._calling = False
        for _ in range(1 if self.arrivals.full else _HANDSHAKES_A_TURN):
            newcomer = self._turns.next()
            if newcomer is None:
                return
            if newcomer.hello is None or _has_gone(newcomer.sock):
                self._turns.over(newcomer.address)
                self.dismiss(newcomer, "gone_in_line")
            else:
                self._begin(newcomer, newcomer.hello)
        self._call_soon()

    def _call_soon(self) -> None:
        if self._turns.waiting and not self._calling:
            self._calling = True
            self.loop.call_soon(self._call_next)

    def turn_away(self, newcomer: _Newcomer) -> None:
        """Tell a newcomer to come later, before anything is spent on TLS."""
        with contextlib.suppress(OSError):
            # What was not read would make the kernel send a reset, which eats what was said.
            newcomer.sock.recv(MAX_CLIENT_HELLO)
            newcomer.sock.send(_BUSY)
        self.dismiss(newcomer, "told_to_come_later")

    def _begin(self, newcomer: _Newcomer, hello: ClientHello) -> None:
        asked = [each for each in self._admissions if each.server_name == hello.server_name]
        admission = (asked or self._admissions)[0]  # any context refuses a name not its own
        try:
            tls = admission.open(newcomer.sock, hello)
        except OSError:
            self._turns.over(newcomer.address)
            self.dismiss(newcomer, "gone_before_hello")
            return
        self._newcomers.discard(newcomer)
        self.timers.cancel(newcomer)
        link = Link(tls, newcomer.address, self)
        self.links.add(link)
        self.timers.set(link, self.now_ms() + self._limits.handshake_ms)
        link.start()

    def _is_a_siblings(self, newcomer: _Newcomer, server_name: str | None) -> bool:
        """Hand a connection over where it asks for a sibling; what was handed over stays."""
        if self._siblings is None or server_name not in self._siblings or newcomer.handed:
            return False
        given = self._siblings.hand_over(newcomer.sock, str(server_name))
        self.dismiss(newcomer, "handed_over" if given else "sibling_lost")
        return True

    def dismiss(self, newcomer: _Newcomer, why: str) -> None:
        """Close a connection that has not begun its handshake."""
        self.counts[why] += 1
        self._turns.leave(newcomer)
        self._newcomers.discard(newcomer)
        self.timers.cancel(newcomer)
        self._hellos.forget(newcomer.sock.fileno())
        newcomer.sock.close()
        self._left(newcomer.address)

    def _left(self, address: str) -> None:
        self._sources[address] -= 1
        if not self._sources[address]:
            del self._sources[address], self._addresses[address]
        self._accept_again()

    # ---- what links report ----

    def established(self, link: Link, tls: Tls) -> None:
        """Read the verified certificate; a shape that names nobody closes the link (S23)."""
        self._turns.over(link.address)
        self._call_soon()
        try:
            link.peer = _describe(tls.getpeercert() or {})
        except ValueError as error:
            self.counts["refused_name"] += 1
            self._refusal(link.address, OSError(str(error)))
            link.abort()
            return
        self.counts["established"] += 1
        self._welcome(link)
        self._accept_again()

    def refused(self, link: Link, error: OSError) -> None:
        """A handshake failed."""
        self._turns.over(link.address)
        self._call_soon()
        timed_out = isinstance(error, TimeoutError)
        self.counts["handshake_timeout" if timed_out else "handshake_failed"] += 1
        self._refusal(link.address, error)

    def endless(self, link: Link) -> None:
        """A peer sends on and on, and not a byte for anybody."""
        self.counts["new_keys"] += 1
        self._abuse(link)

    def _was_cut(self, link: Reader) -> None:
        assert isinstance(link, Link)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(self.endless, link)

    def closed(self, link: Link) -> None:
        """A link is gone."""
        self.links.discard(link)
        self._left(link.address)
        self._gone(link)


def _describe(certificate: Mapping[str, object]) -> Peer:
    if not certificate:
        return Peer(None, "", 0)
    return Peer(peer_name(certificate), peer_serial(certificate), peer_ends_ms(certificate))


def _has_gone(sock: socket.socket) -> bool:
    """Whether the peer gave up while it waited in the backlog: its handshake is not worth it."""
    poller = select.poll()
    with contextlib.suppress(OSError, ValueError):
        poller.register(sock, select.POLLRDHUP)
        return bool(poller.poll(0))
    return True
