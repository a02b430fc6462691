"""One outgoing TLS connection of the supervisor, driven by its reactor.

Stages: resolve, connect, proxy, handshake, open. Nothing blocks, a host name included: Stop must
work within a second while every server, the name server too, is dead (R13).
"""

import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from bedside.agent.dead_peer import ask_when_silent, limit_unacknowledged
from bedside.agent.proxy import Proxy, ProxyError, ProxyReply
from bedside.agent.reactor import READ, WRITE, Reactor, Timer

__all__ = ["BUSY", "CERTIFICATE", "Link", "Target", "reason_of"]

BUSY = "busy"
CERTIFICATE = "certificate"
"""Why a relay that is there lets nobody in, as `reason_of` says it."""

OPEN_LIMIT_MS = 8_000
_READ_BYTES = 64 * 1024
_READS_AT_ONCE = 16
_MAX_ADDRESSES = 4
_BUSY_ALERT = "TLSV1_ALERT_INTERNAL_ERROR"
"""What a relay says before TLS to whom it has no turn for (docs/protocol/certificates.md, 7.9)."""

Address = tuple[int, tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is dialled, what is verified, and through which proxy."""

    host: str
    port: int
    server_name: str
    proxy: Proxy | None = None


class Link:
    """A connection to `target`; exactly one of `on_closed` or our own `close` ends it.

    Args:
        reactor: the loop that drives it.
        target: where to.
        context: the TLS client context: pinned CA, device certificate.
        on_open: called once when TLS is up.
        on_data: called with each piece of decrypted bytes.
        on_closed: called once with a reason word when it failed or the relay closed it.
    """

    def __init__(
        self,
        reactor: Reactor,
        target: Target,
        context: ssl.SSLContext,
        *,
        on_open: Callable[[], None],
        on_data: Callable[[bytes], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._target = target
        self._context = context
        self._on_open, self._on_data, self._on_closed = on_open, on_data, on_closed
        self._socket: socket.socket | ssl.SSLSocket | None = None
        self._wake: socket.socket | None = None
        self._addresses: list[Address] = []
        self._out = bytearray()
        self._open = False
        self._reply: ProxyReply | None = None
        self._start: Timer | None = None
        self._again: Timer | None = None
        self._timer = reactor.later(OPEN_LIMIT_MS, lambda: self._fail("timeout"))
        self._resolve()

    @property
    def is_open(self) -> bool:
        """Whether TLS is up and nobody closed it."""
        return self._open

    def send(self, data: bytes) -> None:
        """Send `data` as soon as the relay takes it."""
        self._out += data
        if self._open:
            self._flush()

    def close(self) -> None:
        """Close it now; no callback follows."""
        self._timer.cancel()
        for timer in (self._start, self._again):
            if timer is not None:
                timer.cancel()
        self._open = False
        for sock in (self._socket, self._wake):
            if sock is not None:
                self._reactor.forget(sock)
                sock.close()
        self._socket = self._wake = None

    def _fail(self, reason: str) -> None:
        self.close()
        self._on_closed(reason)

    # ---- resolve ----

    def _resolve(self) -> None:
        proxy = self._target.proxy
        host, port = (proxy.host, proxy.port) if proxy else (self._target.host, self._target.port)
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                socket.inet_pton(family, host)
            except OSError:
                continue
            self._addresses = [(family, (host, port))]
            # Not in the constructor's own turn: a callback must not come before it returns.
            self._start = self._reactor.later(0, self._connect_next)
            return
        self._resolve_name(host, port)

    def _resolve_name(self, host: str, port: int) -> None:
        from threading import Thread

        mine, theirs = socket.socketpair()
        self._wake = mine
        found: list[Address] = []

        def look_up() -> None:
            with theirs:
                try:
                    for family, _, _, _, address in socket.getaddrinfo(
                        host, port, type=socket.SOCK_STREAM
                    ):
                        found.append((family, (str(address[0]), int(address[1]))))
                except OSError:
                    found.clear()

        def done(_events: int) -> None:
            self._reactor.forget(mine)
            mine.close()
            self._wake = None
            self._addresses = found[:_MAX_ADDRESSES]
            self._connect_next("name_unknown")

        self._reactor.watch(mine, READ, done)
        Thread(target=look_up, daemon=True).start()

    # ---- connect ----

    def _connect_next(self, last_reason: str = "connect") -> None:
        if not self._addresses:
            self._fail(last_reason)
            return
        family, address = self._addresses.pop(0)
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ask_when_silent(sock)
        limit_unacknowledged(sock)
        self._socket = sock
        code = sock.connect_ex(address)
        if code in (0, errno.EINPROGRESS):
            self._reactor.watch(sock, WRITE, self._connected)
        else:
            self._drop_and_go_on(_word(code))

    def _connected(self, _events: int) -> None:
        assert self._socket is not None
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._drop_and_go_on(_word(code))
        elif self._target.proxy:
            self._reply = ProxyReply()
            request = self._target.proxy.request(self._target.host, self._target.port)
            try:
                self._socket.send(request)
            except OSError as error:
                self._fail(reason_of(error))
                return
            self._reactor.watch(self._socket, READ, self._proxy_answered)
        else:
            self._start_tls()

    def _drop_and_go_on(self, reason: str) -> None:
        if self._socket is not None:
            self._reactor.forget(self._socket)
            self._socket.close()
            self._socket = None
        self._connect_next(reason)

    def _proxy_answered(self, _events: int) -> None:
        assert self._socket is not None
        assert self._reply is not None
        try:
            data = self._socket.recv(1)
            if not data:
                raise ProxyError(0)
            if self._reply.feed(data):
                self._start_tls()
        except BlockingIOError:
            return
        except ProxyError as error:
            self._fail(f"proxy_{error.status}")
        except OSError as error:
            self._fail(reason_of(error))

    # ---- TLS ----

    def _start_tls(self) -> None:
        assert self._socket is not None
        self._reactor.forget(self._socket)
        try:
            self._socket = self._context.wrap_socket(
                self._socket,
                server_hostname=self._target.server_name,
                do_handshake_on_connect=False,
            )
        except OSError as error:
            self._fail(reason_of(error))
            return
        self._shake_hands(READ)

    def _shake_hands(self, _events: int) -> None:
        assert isinstance(self._socket, ssl.SSLSocket)
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._reactor.watch(self._socket, READ, self._shake_hands)
        except ssl.SSLWantWriteError:
            self._reactor.watch(self._socket, WRITE, self._shake_hands)
        except (OSError, ValueError) as error:
            self._fail(reason_of(error))
        else:
            self._timer.cancel()
            self._open = True
            self._reactor.watch(self._socket, READ, self._ready)
            self._on_open()
            if self._open:
                self._flush()

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & READ and self._open:
            self._receive()

    def _receive(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
        for _ in range(_READS_AT_ONCE):
            if not self._open or self._socket is None:
                return
            try:
                data = self._socket.recv(_READ_BYTES)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except (OSError, ValueError) as error:
                self._fail(reason_of(error))
                return
            if not data:
                self._fail("closed")
                return
            self._on_data(data)
        # A relay that never stops talking delays nobody: the others have their turn first.
        self._again = self._reactor.later(0, self._receive)

    def _flush(self) -> None:
        assert self._socket is not None
        try:
            while self._out:
                del self._out[: self._socket.send(self._out)]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except (OSError, ValueError) as error:
            self._fail(reason_of(error))
            return
        self._reactor.watch(self._socket, READ | WRITE if self._out else READ, self._ready)


def reason_of(error: Exception) -> str:
    """Return one stable word for why a connection failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CERTIFICATE
    if isinstance(error, ssl.SSLError) and error.reason == _BUSY_ALERT:
        return BUSY
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, OSError) and error.errno:
        return _word(error.errno)
    return "closed"


def _word(code: int) -> str:
    words = {
        errno.ECONNREFUSED: "refused",
        errno.ECONNRESET: "reset",
        errno.EPIPE: "reset",
        errno.ETIMEDOUT: "timeout",
        errno.ENETUNREACH: "unreachable",
        errno.EHOSTUNREACH: "unreachable",
    }
    return words.get(code, "network")
