"""The worker's connections to relays: resolve, proxy, TLS, then a question or a tunnel's leg."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from bedside.agent.dead_peer import GONE_MS, ask_when_silent, is_gone, tcp_state
from bedside.agent.link import BUSY, CERTIFICATE, Target, reason_of
from bedside.agent.proxy import ProxyReply
from bedside.protocol.errors import ProtocolError
from bedside.protocol.http import HttpLimits, Response, ResponseReader, request
from bedside.protocol.poll import Refusal
from bedside.protocol.tunnel import parse_tunnel_response, tunnel_request
from bedside.vocabulary import SessionId

__all__ = [
    "DIAL_LIMIT_S",
    "DialError",
    "Line",
    "NoEntryError",
    "OpenLeg",
    "Question",
    "Watch",
    "open_connection",
    "open_line",
]

DIAL_LIMIT_S = 5.0
_ANSWER_LIMIT_S = 10.0
_PAIR_LIMIT_S = 45.0
_LIMITS = HttpLimits(body=64 * 1024)
_P = TypeVar("_P", bound=asyncio.BaseProtocol)


class DialError(OSError):
    """The relay cannot be reached, or what answers is not one; the message is one word."""


class NoEntryError(DialError):
    """A relay is there and lets nobody in.

    `reason` is one word: its certificate does not verify (`certificate`), or it has no turn for a
    newcomer (`busy`). The message is whatever TLS says of it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How often a connection is looked at (seconds), and how long its peer may give no sign."""

    look_s: float = 5.0
    gone_ms: int = GONE_MS

    def over(self, transport: asyncio.Transport, sock: socket.socket) -> None:
        """Abort `transport` once the peer of its `sock` is gone, for as long as it is open."""
        if is_gone(tcp_state(sock), gone_ms=self.gone_ms):
            transport.abort()
        if not transport.is_closing():
            loop = asyncio.get_running_loop()
            loop.call_later(self.look_s, self.over, transport, sock)


_WATCH = Watch()


async def open_connection(
    target: Target,
    context: ssl.SSLContext,
    factory: Callable[[], _P],
    *,
    watch: Watch = _WATCH,
) -> tuple[asyncio.Transport, _P]:
    """Return a TLS connection to `target` with its protocol, within five seconds.

    It is lost to its protocol when the peer vanishes without a word (`dead_peer`).
    Raises DialError (OSError) for everything that can go wrong, NoEntryError among it.
    """
    try:
        async with asyncio.timeout(DIAL_LIMIT_S):
            sock = await _connect(target)
            try:
                transport, protocol = await asyncio.get_running_loop().create_connection(
                    factory, sock=sock, ssl=context, server_hostname=target.server_name
                )
            except BaseException:
                sock.close()
                raise
    except TimeoutError as error:
        raise DialError("timeout") from error
    except (OSError, ValueError) as error:
        if (reason := reason_of(error)) in (BUSY, CERTIFICATE):
            raise NoEntryError(reason, str(error)) from error
        raise DialError(str(error)) from error
    watch.over(transport, sock)
    return transport, protocol


async def _connect(target: Target) -> socket.socket:
    loop = asyncio.get_running_loop()
    proxy = target.proxy
    host, port = (proxy.host, proxy.port) if proxy else (target.host, target.port)
    last: OSError = DialError("name_unknown")
    for family, kind, number, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind | socket.SOCK_CLOEXEC, number)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ask_when_silent(sock)
        try:
            await loop.sock_connect(sock, address)
            if proxy:
                await loop.sock_sendall(sock, proxy.request(target.host, target.port))
                reply = ProxyReply()
                while not reply.feed(await loop.sock_recv(sock, 1) or b"\n"):
                    pass
            return sock
        except OSError as error:
            sock.close()
            last = error
        except BaseException:
            sock.close()
            raise
    raise last


class Question(asyncio.Protocol):
    """A connection on which questions are asked one after another."""

    def __init__(self) -> None:
        self._reader = ResponseReader(_LIMITS)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports do what asyncio.Transport promises without being one.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Give an answer to whom it belongs; anything malformed costs the connection."""
        self._reader.receive(data)
        answer = self._reader.next()
        if self._reader.error is not None or (answer is not None and self._answer is None):
            self.close()
        elif answer is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self.closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(DialError("closed"))
        del exc

    def close(self) -> None:
        """Close the connection."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    async def ask(
        self, method: str, path: str, host: str, *, content_type: str, body: bytes | None
    ) -> Response:
        """Return the answer to one request; raise DialError when none comes in ten seconds."""
        if self.closed or self._transport is None:
            raise DialError("closed")
        self._answer = asyncio.get_running_loop().create_future()
        headers = {"content-type": content_type} if body is not None else {}
        self._transport.write(request(method, path, host, headers, body))
        try:
            async with asyncio.timeout(_ANSWER_LIMIT_S):
                return await self._answer
        except TimeoutError as error:
            self.close()
            raise DialError("timeout") from error
        finally:
            self._answer = None


@dataclass(frozen=True, slots=True)
class OpenLeg:
    """A leg whose partner is there: the stream, and what was already received on it."""

    transport: asyncio.Transport
    received: bytes


class Line(asyncio.Protocol):
    """A connection to a relay that may become a leg; nothing is said on it until `ask`."""

    def __init__(self, server_name: str) -> None:
        self._server_name = server_name
        self._reader = ResponseReader(_LIMITS)
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Response] = loop.create_future()
        self._asked = False
        self.closed: asyncio.Future[None] = loop.create_future()
        """Done when the connection is."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take the answer; a relay that speaks before it was asked is no relay."""
        if not self._asked:
            self.close()
            return
        self._reader.receive(data)
        if self._answer.done():
            return
        answer = self._reader.next()
        if self._reader.error is not None:
            self._answer.set_exception(DialError("malformed"))
        elif answer is not None:
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        del exc
        if not self.closed.done():
            self.closed.set_result(None)
        if self._asked and not self._answer.done():
            self._answer.set_exception(DialError("closed"))

    def close(self) -> None:
        """Close the connection now."""
        if self._transport is not None:
            self._transport.abort()
        if not self.closed.done():
            self.closed.set_result(None)

    async def ask(self, session: SessionId, index: int, proof: str) -> OpenLeg | Refusal:
        """Show a proof and wait for the partner.

        Returns the open leg, or the relay's refusal (504 when no partner came); raises DialError
        when the relay is lost.
        """
        if self._transport is None or self.closed.done():
            raise DialError("closed")
        self._asked = True
        self._transport.write(tunnel_request(self._server_name, session, index, proof))
        try:
            async with asyncio.timeout(_PAIR_LIMIT_S):
                answer = await self._answer
            refusal = parse_tunnel_response(answer)
        except TimeoutError as error:
            self.close()
            raise DialError("timeout") from error
        except ProtocolError as error:
            self.close()
            raise DialError("malformed") from error
        except BaseException:
            self.close()
            raise
        if refusal is not None:
            self.close()
            return refusal
        # What arrived behind the 101 belongs to SSH; from here on the caller sets the protocol.
        return OpenLeg(self._transport, self._reader.trailing)


async def open_line(target: Target, context: ssl.SSLContext, *, watch: Watch = _WATCH) -> Line:
    """Return a connection to `target` on which nothing was said; raises DialError."""
    _, line = await open_connection(target, context, lambda: Line(target.server_name), watch=watch)
    return line
