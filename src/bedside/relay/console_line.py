"""One TLS connection that this relay opened to the console, read by the relay's own loop.

A question at a time. Its answer is given to whoever asked before anything else has its turn: an order
that came with the news is at its device before a task would have been woken (docs/rfd, 8).
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from bedside.protocol.feed import MAX_FEED
from bedside.protocol.http import HttpLimits, Response, ResponseReader, whole_response
from bedside.relay.link import Link
from bedside.relay.roles import Driver, Tls

__all__ = ["ConsoleError", "ConsoleLine", "ConsolePlace"]

_LIMITS = HttpLimits(body=MAX_FEED)


class ConsoleError(ConnectionError):
    """The console could not be asked, or its answer was not one."""


@dataclass(frozen=True, slots=True)
class ConsolePlace:
    """Where the console's live process is, and the name its certificate must carry."""

    host: str
    port: int
    server_name: str


class ConsoleLine:
    """The owner of one link, and its handler.

    Args:
        driver: whose loop, timers and room for a record it uses.
    """

    def __init__(self, driver: Driver) -> None:
        self.loop = driver.loop
        self.sockets = self.lines = driver.lines
        self.arrivals = driver.arrivals
        self.timers, self.record, self.now_ms = driver.timers, driver.record, driver.now_ms
        # A read that does not end is ended, whoever sends without end (`read_watch`).
        self.reads = driver.reads
        self.counts: Counter[str] = Counter()
        self.is_lost = False
        self._link: Link | None = None
        self._shaken: asyncio.Future[None] = self.loop.create_future()
        self._reader: ResponseReader | None = None
        self._heard: Callable[[Response | OSError], None] | None = None

    async def open(self, place: ConsolePlace, context: ssl.SSLContext) -> None:
        """Connect and shake hands. Raises OSError, ssl.SSLError among them."""
        sock = await _connect(self.loop, place)
        tls = context.wrap_socket(
            sock, server_hostname=place.server_name, do_handshake_on_connect=False
        )
        await self.begin(tls, place.host)

    async def begin(self, tls: Tls, address: str) -> Link:
        """Shake hands on a connection that is there. Raises OSError, ssl.SSLError among them."""
        link = self._link = Link(tls, address, self)
        link.handler = self
        link.start()
        await self._shaken
        return link

    def ask(
        self, question: bytes, heard: Callable[[Response | OSError], None], *, timeout_s: float
    ) -> None:
        """Send a request; `heard` is called once, with the answer or with why there is none."""
        assert self._link is not None
        self._heard = heard
        if self.is_lost:  # it may have been, before whoever opened it had their turn
            self._fail(ConsoleError("the console closed the connection"))
            return
        self.timers.set(self._link, self.now_ms() + int(timeout_s * 1000))
        self._link.write(question)

    def close(self) -> None:
        """Close now; nothing is owed on this connection, and nobody hears of it any more."""
        self.is_lost, self._heard = True, None
        self._shaken.cancel()
        if self._link is not None:
            self._link.abort()

    # ---- from the link, as its handler ----

    def received(self, data: memoryview) -> None:
        """An answer, or a piece of one."""
        piece = bytes(data)
        answer = None if self._reader is not None else whole_response(piece, _LIMITS)
        if answer is None:
            reader = self._reader = self._reader or ResponseReader(_LIMITS)
            reader.receive(piece)
            answer = reader.next()
            if reader.error is not None or (answer is not None and not reader.idle):
                self._fail(ConsoleError(str(reader.error or "more than one answer")))
                return
            if answer is None:
                return
            self._reader = None
        if not answer.keep_alive:
            self.is_lost = True
        self._tell(answer)

    def pours(self) -> None:
        """Every byte passes here."""

    def poured(self, count: int) -> None:
        """Nothing bypasses this handler."""

    def drained(self) -> None:
        """What waits to be sent is one question."""

    def ended(self) -> None:
        """The console is gone."""
        self._fail(ConsoleError("the console closed the connection"))

    def expired(self) -> None:
        """No answer came in time."""
        self._fail(TimeoutError("no answer"))

    # ---- from the link, as its owner ----

    def established(self, link: Link, tls: Tls) -> None:
        """The certificate was verified, and the name in it, by the context."""
        del link, tls
        if not self._shaken.done():
            self._shaken.set_result(None)

    def refused(self, link: Link, error: OSError) -> None:
        """The handshake failed."""
        del link
        if not self._shaken.done():
            self._shaken.set_exception(error)

    def endless(self, link: Link) -> None:
        """It sends on and on, and not a byte of an answer."""
        del link
        self._fail(ConsoleError("the console sends no answer, and does not end"))

    def closed(self, link: Link) -> None:
        """The socket is closed."""
        del link
        self.is_lost = True

    # ---- inside ----

    def _tell(self, answer: Response | OSError) -> None:
        heard, self._heard = self._heard, None
        if heard is None:  # nobody asked: whatever it means, it is not meant well
            self.close()
            return
        try:
            heard(answer)
        finally:
            self._rest()

    def _rest(self) -> None:
        """Without a question there is no deadline; the next one has set its own."""
        if self._heard is None and self._link is not None:
            self.timers.cancel(self._link)

    def _fail(self, error: OSError) -> None:
        self.is_lost = True
        if self._link is not None:
            self._link.abort()
        if self._heard is not None:
            self._tell(error)


async def _connect(loop: asyncio.AbstractEventLoop, place: ConsolePlace) -> socket.socket:
    """Return a socket that is connected to one of the host's addresses. Raises OSError."""
    last: OSError = OSError("no address")
    for family, kind, number, _, address in await loop.getaddrinfo(
        place.host, place.port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, number)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            last = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise last
